"""What the headings of a roster name. The words are data, by language and system: `headings/`.

A heading is put together from one phrase that names a field and words around it, in any order:
whose it is (`home`, `work`), a number (`Phone 2`), and what adds nothing.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

BARCODE = "barcode"


_FILES = [
    tomllib.loads(file.read_text("utf-8"))
    for file in sorted((files(__package__) / "headings").iterdir(), key=lambda file: file.name)
    if file.name.endswith(".toml")
]
"""The words of each language; `kinds`: whose an address is; `type_words`: cells of types."""


def _all(name: str) -> frozenset[str]:
    return frozenset[str]().union(*(one.get(name, ()) for one in _FILES))


def _by_key(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in _FILES:
        for key, texts in one.get(name, {}).items():
            found.setdefault(key, []).extend(texts)
    return found


SOMEBODY_ELSE, RELATIONSHIP, NEVER = map(_all, ("somebody_else", "relationship", "never"))
ID_WORDS, NO_IDS, US_STATES = map(_all, ("id_words", "no_ids", "us_states"))
UNTIL, SINCE, OF_NAMES, DEAD, YES = map(_all, ("until", "since", "names", "dead", "yes"))
STATES = _all("states")  # words that say whether somebody is active, or yes or no
_SMALL = _all("small")
_KINDS = {key: frozenset(words) for key, words in _by_key("kinds").items()}
TYPE_WORDS = {word: key for key, words in _by_key("type_words").items() for word in words}
_AROUND = _all("passing") | _all("closing") | _SMALL | frozenset().union(*_KINDS.values())
"""Words beside a phrase that do not change what it names."""
_CODED = frozenset({"user_group", "gender", "country", "user_title"})
"""Fields of codes: `Gender ID` names one."""

_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_BRACKETS = re.compile(r"[\[(][^\[\]()]*+[\])]")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z])")


def _keys(words: Sequence[str]) -> tuple[str, ...]:
    """Return what a phrase is known by: joined, without small words between, and in any order."""
    last = len(words) - 1
    kept = [word for at, word in enumerate(words) if at in {0, last} or word not in _SMALL]
    joined = "".join(words), "".join(kept)
    return (*joined, " ".join(sorted(kept))) if len(kept) > 1 else joined


def _joined(texts: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the key of each text, by the text without blanks, and by its words in any order."""
    found: dict[str, str] = {}
    for key, several in texts.items():
        for text in several:
            for name in _keys(text.split()):
                found.setdefault(name, key)
    return found


IDENTITIES = _joined(_by_key("identity"))
CARDS = _joined({BARCODE: _all("card")})
_ALONE = _joined(_by_key("alone"))
_BY_NAME = _joined(_by_key("fields"))


def _chinese_pieces() -> re.Pattern[str]:
    known = {text for name in ("passing", "closing", "somebody_else", "relationship", "never",
                               "id_words", "no_ids", "card") for text in _all(name)}  # fmt: skip
    known |= {text for words in _KINDS.values() for text in words} | _BY_NAME.keys() | _ALONE.keys()
    pieces = sorted(filter(_CHINESE.fullmatch, known), key=lambda text: (-len(text), text))
    return re.compile(f"({'|'.join(pieces)})")


_PIECES = _chinese_pieces()
_KNOWN_WORDS = (
    _AROUND | SOMEBODY_ELSE | RELATIONSHIP | NEVER | ID_WORDS | NO_IDS
    | _BY_NAME.keys() | _ALONE.keys() | IDENTITIES.keys() | CARDS.keys()
)  # fmt: skip


_LONGEST = max(map(len, _AROUND)) + max(map(len, _BY_NAME))
"""Letters of a word that is put together of two."""

_MOST_WORDS = 30
"""Words of a heading; a notice above the headings has more, and to look into it takes long."""

_STROKES = str.maketrans("łøđı", "lodi")
"""Letters that Unicode does not take apart into a plain one and an accent."""


@lru_cache(maxsize=4096)
def words_of(heading: str) -> tuple[str, ...]:
    """A heading's words and numbers, without case, accents, punctuation and bracketed remarks."""
    bare = _BRACKETS.sub(" ", heading)
    apart = _CAMEL.sub(" ", bare if _WORD.search(bare) else heading)
    folded = unicodedata.normalize("NFKD", apart).casefold().translate(_STROKES)
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return tuple(part for word in _WORD.findall(plain) for part in _divided(word))


def _divided(word: str) -> Iterator[str]:
    """Yield the parts of a word that is put together: 家庭电话, `telefonprivat`, `homephone`."""
    if _CHINESE.fullmatch(word):
        yield from filter(None, _PIECES.split(word)) if word not in _KNOWN_WORDS else (word,)
        return
    if word not in _KNOWN_WORDS and 7 <= len(word) <= _LONGEST:
        for at in range(3, len(word) - 2):
            parts = word[:at], word[at:]
            if any(one in _AROUND and other in _BY_NAME for one, other in (parts, parts[::-1])):
                yield from parts
                return
    yield word


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a heading names.

    `field`: a field's last name or a key of the vocabulary, "" if it is not known. `kind`: whose
    address, email or phone it is, "" if it says nothing. `number`: of `Phone 2`, 0 without one.
    `inner`: the number is before the name of the field, as in `Address 2 - City`. `vague`: the
    heading is a word such as `Type`, which is used for many things.
    """

    field: str = ""
    kind: str = ""
    number: int = 0
    inner: bool = False
    vague: bool = False


@lru_cache(maxsize=4096)
def meaning(heading: str, passing: frozenset[str] = frozenset()) -> Meaning:
    """Return what a heading names; `passing` are further words that add nothing in this roster."""
    words = [word for word in words_of(heading) if word not in passing]
    numbers = [
        (at, int(word)) for at, word in enumerate(words) if word.isdecimal() and len(word) < 3
    ]
    plain = [word for word in words if not word.isdecimal()]
    field, end = _phrase(plain, _BY_NAME)
    vague = not field
    if vague:
        field, end = _whole(plain), len(plain)
    if not field:
        return Meaning(kind=_kind(words))
    at, number = numbers[-1] if numbers else (0, 0)
    return Meaning(field, _kind(words), number, bool(numbers) and at < end, vague)


def _whole(words: Sequence[str]) -> str:
    """Return the field of a heading that names one only if no other words are around it.

    `Work Address` and `Other Tel` are as good as `Address` and `Tel`.
    """
    kept = [word for word in words if word not in {"required", "optional", "code", "cd"}]
    bare = [word for word in kept if not any(word in hints for hints in _KINDS.values())]
    found = next(filter(None, map(_ALONE.get, _keys(kept))), "") if kept else ""
    other = next(filter(None, map(_ALONE.get, _keys(bare))), "") if bare else ""
    return found or (other if other in {"line1", "phone", "city", "postal_code"} else "")


def _phrase(words: Sequence[str], known: Mapping[str, str]) -> tuple[str, int]:
    """Return what the longest known phrase names, and where it ends; the rest adds nothing."""
    count = len(words)
    for length in range(count if count <= _MOST_WORDS else 0, 0, -1):
        for start in range(count - length + 1):
            part = words[start : start + length]
            field = next(filter(None, map(known.get, _keys(part))), "")
            rest = {*words[:start], *words[start + length :]} - _AROUND
            if field and (not rest or (rest <= {"id", "ids"} and field in _CODED)):
                return field, start + length
    return "", 0


def _kind(words: Iterable[str]) -> str:
    found = set(words)
    return next((kind for kind, hints in _KINDS.items() if found & hints), "")


def named_by(heading: str, known: Mapping[str, str]) -> str:
    """Return what is known by a heading, with or without the words around it, else ""."""
    return _phrase(words_of(heading), known)[0]


_SECRETS = _by_key("secrets")
_SECRET_PARTS, _SECRET_WORDS = (
    {"".join(words_of(text)) for text in _SECRETS[of]} for of in ("parts", "words")
)
_PINS = frozenset(_SECRETS["pins"])
_NO_BRACKETS = str.maketrans("()[]", "    ")
_POSTAL, _OF_ADDRESS = "postal_code", frozenset({"line1", "city", "state_province", "country"})


def _says_password(heading: str) -> bool:
    words = words_of(heading.translate(_NO_BRACKETS))
    joined = "".join(words)
    return not _SECRET_WORDS.isdisjoint(words) or any(part in joined for part in _SECRET_PARTS)


def _says_pin(heading: str) -> bool:
    words = words_of(heading.translate(_NO_BRACKETS))
    others = " ".join(word for word in words if word not in _PINS)
    return not _PINS.isdisjoint(words) and field_of(others) != _POSTAL


def say_secret(headings: Iterable[str]) -> frozenset[str]:
    """Return which of a roster's headings say that their column has passwords or PINs.

    `PIN code` names a postal code where the others have an address without one.
    """
    fields = {heading: field_of(heading) for heading in headings}
    postal = {heading for heading, field in fields.items() if field == _POSTAL}
    pins = {heading for heading in fields if _says_pin(heading)}
    if not postal - pins and not _OF_ADDRESS.isdisjoint(fields.values()):
        pins -= postal
    return frozenset(pins).union(filter(_says_password, fields))


def is_left_out(heading: str) -> bool:
    """Return whether a column with this heading is never sent."""
    return not NEVER.isdisjoint(words_of(heading)) or _says_password(heading)


def field_of(heading: str) -> str:
    """Return the field that a heading names, "" if it names none that is known here."""
    return own_meaning(heading).field


def own_meaning(
    heading: str, others: frozenset[str] = frozenset(), passing: frozenset[str] = frozenset()
) -> Meaning:
    """Return what a heading names of the row's own person; `others`: words for another person."""
    found = meaning(heading, passing)
    words = words_of(heading)
    whole = _BY_NAME.get("".join(word for word in words if not word.isdecimal()))
    somebody_else = others if whole else SOMEBODY_ELSE | others
    if is_left_out(heading) or not somebody_else.isdisjoint(words):
        return Meaning()
    about_a_contact = {"contact", "contacto"} & {*words} and found.field not in {"email", "phone"}
    return Meaning() if about_a_contact or found.field == "nothing" else found


_TYPES: dict[str, dict[str, str]] = next(one["types"] for one in _FILES if "types" in one)
_USUAL = {"email": "personal", "phone": "mobile", "address": "home"}


def type_of(of: str, heading: str) -> str:
    """Return Alma's type of an email address, phone number or address, as its heading suggests."""
    words = set(words_of(heading.translate(_NO_BRACKETS)))
    for kind, name in _TYPES[of].items():
        if words & _KINDS.get(kind, frozenset()):
            return name
    return "alternative" if of == "email" and "2" in words else _USUAL[of]


def type_by_word(of: str, word: str) -> str:
    """Return Alma's type for a word in a column of types, "" if the word is not known."""
    kind = TYPE_WORDS.get(" ".join(words_of(word)), "")
    if kind == "home" and of == "email":
        return "personal"
    return kind if kind == "home" and of == "address" else _TYPES[of].get(kind, "")


def is_known(heading: str) -> bool:
    """Return whether a heading names a field, an ID or something that is known not to be one."""
    return bool(named_by(heading, IDENTITIES) or meaning(heading).field)


def meaning_of(heading: str) -> str:
    """Return the ID or field that a heading names, "" if it names none that is known here."""
    return named_by(heading, IDENTITIES) or named_by(heading, CARDS) or field_of(heading)
