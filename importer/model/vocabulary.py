"""What the headings of a roster mean, by method: the data has words, and no whole headings.

A heading becomes words, words become concepts, and the head of the heading decides: the last
concept in English, German or Japanese, the first in French or Arabic. Unknown words cost nothing.
Short words count only in the two likeliest languages of the row. `headings.txt` has the words of
each language, `headings.toml` what their concepts mean, alone and together.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from itertools import chain, pairwise


class Part(StrEnum):
    """What a column can be without being a field."""

    BARCODE = "barcode"
    PRIMARY_ID = "primary id"
    EMPL_ID = "empl id"
    FULL_NAME = "full name"
    LAST_FIRST = "last first name"
    GIVEN = "name or given name"
    SECOND_LAST = "second last name"
    BEFORE_LAST = "surname prefix"
    FIRST_MIDDLE = "first and middle"
    OWNING_SYSTEM = "owning system"
    HOUSE = "house number"
    AREA = "area code"
    CITY_LINE = "city line"
    PASSWORD_AGAIN = "password again"  # noqa: S105  a column, no password


BIRTH_PARTS = ("birth year", "birth month", "birth day")
TYPES = {"email type": "email", "phone type": "phone", "address type": "address"}
"""Columns of a part of a birth date, and of types of emails, phones and addresses."""
OF_PASSWORDS = frozenset({"password", Part.PASSWORD_AGAIN, "force_password_change"})

DATA = tomllib.loads((files(__package__) / "headings.toml").read_text("utf-8"))
STATES = frozenset[str](DATA["states"])
"""Words that say whether somebody is active, or yes or no."""
_FIELDS: dict[str, str] = DATA["fields"]
_PAIRS = tuple((frozenset(pair.split()), field) for pair, field in DATA["pairs"].items())
_WEAK, _VETO, _IDENTITIES, _ENTERED, _NOUN = (
    frozenset[str](DATA["concepts"][of]) for of in ("weak", "veto", "identities", "entered", "noun")
)
_HEAD_FIRST, _COMPOUND, _INFLECTED = (
    frozenset[str](DATA["languages"][of]) for of in ("head_first", "compound", "inflected")
)
_AN_ID = "id"
_LAYERS = ("small", "dead", "left", "yes")

STRONG, VAGUE, BESIDE_HEAD = 4.0, 2.5, 1.5
"""What a heading adds to the score of a field: it names it, in a word of many uses, or beside."""
ENOUGH_SCORE = 2.0
"""The score from which a field is written; below it a column is only listed."""

_SIGNS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u3005\uff41-\uff5a"
_EAST_ASIAN = re.compile(f"[{_SIGNS}]+")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_APART = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z])"
    f"|(?<=[A-Za-z])(?=[{_SIGNS}])|(?<=[{_SIGNS}])(?=[A-Za-z])"
)
_E_MAIL = re.compile(r"(?i)\be-(?=mail|post)")
_BRACKETS = re.compile(r"[\[(（][^\[\]()（）]*+[\])）]")
_TWO_LETTERS = re.compile("([ao])[ae]|ue")  # `foedselsdato`
_HEBREW = ("ה", "ו", "ל", "ב")
_LETTERS: dict[str, str] = DATA["letters"]
_SIMPLIFIED = zip(_LETTERS.pop("traditional"), _LETTERS.pop("simplified"), strict=True)
_ALIKE = str.maketrans(_LETTERS | dict(_SIMPLIFIED))
_SHORT, _LONG = 3, 4
"""Letters of a word that counts in its language only, and of one that is known by its beginning."""
_MOST_WORDS, _PHRASE = 30, 6
"""Words of a heading (a notice above the headings has more), and of a phrase."""


def _plain(text: str) -> str:
    """Return a text in small letters without accents."""
    taken = unicodedata.normalize("NFKD", text).casefold().translate(_ALIKE)
    kept = "".join(char for char in taken if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", kept)


def _bare(word: str) -> str:
    """Return an Arabic word without its article."""
    return word.removeprefix("ال") if len(word) > _SHORT else word


class _Table:
    """The words of `headings.txt`.

    `concepts`: by word, or phrase without blanks, then by language, the concept, and whether the
    word is vague, which a `~` says. `kinds`: whose an email, phone or address is. `layers`: other
    lists of words. `words`: single words by language.
    """

    def __init__(self, text: str) -> None:
        """Read the sections of the languages."""
        self.concepts: dict[str, dict[str, tuple[str, bool]]] = {}
        self.kinds: dict[str, str] = {}
        self.layers: dict[str, set[str]] = {layer: set() for layer in _LAYERS}
        self.words: defaultdict[str, set[str]] = defaultdict(set)
        language = ""
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            if line.startswith("== "):
                language = line.split()[1]
            elif not line.startswith("#"):
                for word in rest.split():
                    self._add(language, name, word)
        self.longest = max(map(len, self.concepts))

    def _add(self, language: str, name: str, written: str) -> None:
        parts = [_bare(_plain(part)) for part in written.rstrip("~").split("_")]
        key = "".join(filter(str.isalpha, chain(*parts)))  # numbers are words of their own
        if name in self.layers:
            self.layers[name].add(key)
        elif name.startswith("~"):
            self.kinds.setdefault(key, name[1:])
        else:
            self.concepts.setdefault(key, {}).setdefault(language, (name, written.endswith("~")))
        if len(parts) == 1 and name not in _LAYERS[1:]:
            self.words[language].add(key)

    def knows(self, word: str) -> bool:
        """Return whether this is a word or phrase of any language."""
        return word in self.concepts or word in self.kinds or word in self.layers["small"]


_TABLE = _Table((files(__package__) / "headings.txt").read_text("utf-8"))
DEAD, LEFT, YES = (frozenset(_TABLE.layers[name]) for name in _LAYERS[1:])
LANGUAGES = tuple(_TABLE.words)


@lru_cache(maxsize=4096)
def words_of(heading: str) -> tuple[str, ...]:
    """A heading's words and numbers, without case, accents, punctuation and bracketed remarks."""
    bare = _BRACKETS.sub(" ", heading)
    return _tokens(bare if _WORD.search(bare) else heading)


def _tokens(text: str) -> tuple[str, ...]:
    apart = _APART.sub(" ", _E_MAIL.sub("e", text))
    return tuple(map(_bare, _WORD.findall(_plain(apart))))


# --- words that are put together ---


@lru_cache(maxsize=8192)
def _divided(word: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the known parts of a word: `Geburtsdatum`, `homephone`, 家庭电话; else the word."""
    if _TABLE.knows(word) or word.isdecimal():
        return (word,)
    if _EAST_ASIAN.fullmatch(word):
        return tuple(_longest_words(word))
    if word[0] in _HEBREW and _TABLE.knows(word[1:]):  # an article is written with its word
        return (word[1:],)
    whole = (
        _covered(word, language, 1) for language in languages or LANGUAGES if len(word) > _LONG
    )
    flat = _TWO_LETTERS.sub(lambda match: match[1] or "u", word)
    spelt = _divided(flat, languages) if flat != word else ()
    other = spelt if spelt != (flat,) or _TABLE.knows(flat) else ()
    some = (_part(word, language) for language in languages)
    return next(filter(None, chain(whole, (other,), some)), (word,))


def _longest_words(word: str) -> Iterator[str]:
    """Yield the longest known words from left to right, and what is unknown between them."""
    at = begin = 0
    while at < len(word):
        for end in range(min(len(word), at + _TABLE.longest), at, -1):
            part = word[at:end]
            if _TABLE.knows(part) and end - at > 1:
                yield from filter(None, (word[begin:at], part))
                at = begin = end
                break
        else:
            at += 1
    if begin < len(word):
        yield word[begin:]


@lru_cache(maxsize=8192)
def _covered(word: str, language: str, depth: int) -> tuple[str, ...]:
    """Return the words of one language of which a word is put together, longest first."""
    known, small = _TABLE.words[language], _TABLE.layers["small"]
    for end in range(len(word), 1, -1):
        part, rest = word[:end], word[end:]
        if part not in known or (end < _SHORT and (depth == 1 or (rest and part not in small))):
            continue
        if not rest:
            return (part,) if depth > 1 else ()
        for link in ("", "s", "n", "en", "e"):
            behind = rest.removeprefix(link) if rest.startswith(link) else ""
            if behind and (parts := _covered(behind, language, depth + 1)):
                return (part, *parts)
    return ()


def _part(word: str, language: str) -> tuple[str, ...]:
    """Return the known end or beginning of a word with what is unknown of it, or a longer word."""
    known = _TABLE.words[language]
    compound, inflected = language in _COMPOUND, language in _INFLECTED
    for at in range(2, len(word) - _SHORT) if compound else ():
        if word[at:] in known:
            return word[:at], word[at:]
    least = _LONG + 1 if compound else max(len(word) - (_SHORT if inflected else 1), _LONG)
    for end in range(len(word) - 1, least - 1, -1) if inflected or word.endswith("s") else ():
        if word[:end] in known:
            return (word[:end], word[end:])[: 1 if len(word) - end <= _SHORT else 2]
    longer = [key for key in known if key.startswith(word)] if len(word) > _LONG else []
    meant = {_TABLE.concepts.get(key, {}).get(language) for key in longer}
    return (min(longer, key=len),) if len(meant) == 1 and meant != {None} else ()


# --- the language of a row ---


@lru_cache(maxsize=256)
def languages_of(headings: tuple[str, ...]) -> tuple[str, ...]:
    """Return the two likeliest languages of a row of headings, the likelier first."""
    merits: defaultdict[str, float] = defaultdict(float)
    for words in map(words_of, headings[:200]):
        for key in {*words, *map("".join, pairwise(words))}:
            spoken = [language for language in _TABLE.concepts.get(key, ()) if language != "sys"]
            spoken = spoken or [
                language for language in LANGUAGES if len(key) > 7 and _covered(key, language, 1)
            ]
            for language in spoken:
                merits[language] += (1 if len(key) > _SHORT else 0.3) / len(spoken)
    return tuple(
        sorted(merits, key=lambda language: (-merits[language], LANGUAGES.index(language)))[:2]
    )


def region_of(languages: Sequence[str]) -> str:
    """Return the region of most people who speak the first language, by its two letters."""
    first = next(iter(languages), "en")
    return str(DATA["regions"].get(first, first.upper()))


# --- what a heading means ---


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a heading means.

    `field`: a field's last name or a `Part`, "" if it names none. `score`: how certainly;
    `others`: what it may be beside that. `vague`: the heading is a word of many uses, such as
    `Type`. `identity`: it names an ID or a card. `vetoed`: it is about somebody else, a start, a
    fax, or a secret number. `concepts`: all that were found, in order. `whose`: the words
    that say whose address, email or phone it is. `number`: of `Phone 2`, 0 without one. `inner`:
    the number is before the name of the field, as in `Address 2 - City`.
    """

    field: str = ""
    score: float = 0.0
    others: tuple[str, ...] = ()
    vague: bool = False
    identity: bool = False
    vetoed: bool = False
    concepts: tuple[str, ...] = ()
    whose: tuple[str, ...] = ()
    number: int = 0
    inner: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """A concept in a heading: whether its word is vague, and the place of its end."""

    concept: str
    vague: bool
    end: int


@lru_cache(maxsize=8192)
def meaning(heading: str, languages: tuple[str, ...] = ()) -> Meaning:
    """Return what a heading means in a row of these languages.

    What is in brackets is a remark, unless the rest says too little; what is said there of somebody
    else counts.
    """
    words = _words(_BRACKETS.sub(" ", heading), languages)
    remark = _words(" ".join(_BRACKETS.findall(heading)), languages)
    whose = tuple(word for word in (*words, *remark) if word in _TABLE.kinds)
    seen, unknown = _concepts(words, languages)
    if any(word.concept == "else" for word in _concepts(remark, languages)[0]):
        return Meaning(vetoed=True, concepts=("else",))
    if all(word.concept in _WEAK for word in seen):
        words += remark
        seen, _ = _concepts(words, languages)
    places = [at for at, word in enumerate(words) if word.isdecimal() and len(word) < _SHORT]
    end = max((word.end for word in seen), default=0)
    meant = _decided(seen, unknown, head_first=bool(languages) and languages[0] in _HEAD_FIRST)
    return replace(
        meant,
        concepts=tuple(word.concept for word in seen),
        whose=whose,
        number=int(words[places[-1]]) if places else 0,
        inner=bool(places) and places[-1] < end,
    )


def _words(text: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a text, divided where they are put together and part of no phrase."""
    tokens = _tokens(text)
    if len(tokens) > _MOST_WORDS:
        return ()
    phrases = [one + other in _TABLE.concepts for one, other in pairwise(tokens)]
    parts = (
        (token,) if before or behind else _divided(token, languages)
        for token, before, behind in zip(tokens, [False, *phrases], [*phrases, False], strict=False)
    )
    return tuple(chain.from_iterable(parts))


def _concepts(words: Sequence[str], languages: tuple[str, ...]) -> tuple[list[_Seen], int]:
    """Return the concepts of words, of phrases first, and how many words are unknown."""
    seen: list[_Seen] = []
    unknown = at = 0
    letters = [(place, word) for place, word in enumerate(words) if not word.isdecimal()]
    while at < len(letters):
        for end in range(min(len(letters), at + _PHRASE), at, -1):
            key = "".join(word for _, word in letters[at:end])
            if concept := _concept(key, languages):
                seen.append(_Seen(*concept, letters[end - 1][0] + 1))
                at = end
                break
        else:
            word = letters[at][1]
            unknown += not (_TABLE.knows(word) or len(word) == 1)
            at += 1
    return seen, unknown


def _concept(key: str, languages: tuple[str, ...]) -> tuple[str, bool] | None:
    """Return the concept of a word in a row of these languages, and whether it is vague."""
    entry = _TABLE.concepts.get(key, {})
    ours = next((entry[language] for language in (*languages, "sys") if language in entry), None)
    short = len(key) <= _SHORT and not _EAST_ASIAN.match(key)
    unsure = short or key in _TABLE.layers["small"] or key in _TABLE.kinds
    return ours or (None if languages and unsure else next(iter(entry.values()), None))


def _decided(seen: list[_Seen], unknown: int, *, head_first: bool) -> Meaning:
    """Return what some concepts mean together."""
    concepts = {word.concept for word in seen}
    if known := _together(seen, concepts):
        return known
    content = [word for word in seen if word.concept not in _WEAK]
    if not content:
        return _of_weak(seen, concepts, unknown)
    head = content[0] if head_first else content[-1]
    if "address" in concepts and (head.vague or head.concept in _NOUN):
        parts = [word.concept for word in seen if word.concept in {"address", head.concept}]
        if head.vague or parts[0 if head_first else -1] == "address":  # `Postal address`
            return Meaning("line1", STRONG)
    named = [field for word in content if (field := _FIELDS.get(word.concept, ""))]
    field, identity = _FIELDS.get(head.concept, ""), head.concept in _IDENTITIES
    if identity and named:
        field, identity = field or named[-1], bool(field)  # as in `Gender ID`
    others = tuple(name for name in named if name != field)
    if not field:
        return Meaning(others=others, identity=identity)
    other = len(named) < len(content)
    vague = head.vague and (unknown > 0 or len(concepts) == 1 or other)
    score = VAGUE - (BESIDE_HEAD if unknown or other else 0) if vague else STRONG
    return Meaning(field, score, others, vague, identity)


def _together(seen: list[_Seen], concepts: set[str]) -> Meaning | None:
    """Return what is known of several concepts together, None if the head decides."""
    if "password" in concepts:
        return Meaning(Part.PASSWORD_AGAIN if "again" in concepts else "password", STRONG)
    if concepts & _VETO or ("entry" in concepts and concepts.isdisjoint(_ENTERED)):
        return Meaning(vetoed=True)
    names = [word.concept for word in seen if word.concept in {"given", "family"}]
    listed = {"orderlast", "display"} & concepts and not {"email", "group", "unit"} & concepts
    if len({*names}) > 1 or listed:
        last_first = "orderlast" in concepts or names[:1] == ["family"]
        return Meaning(Part.LAST_FIRST if last_first else Part.FULL_NAME, STRONG)
    for pair, field in _PAIRS:
        if pair <= concepts:
            vague = any(word.vague for word in seen if word.concept in pair)
            score = (STRONG + VAGUE) / 2 if vague else STRONG
            return (
                Meaning(field, score)
                if field not in {"", _AN_ID}
                else Meaning(identity=bool(field))
            )
    return None


def _of_weak(seen: list[_Seen], concepts: set[str], unknown: int) -> Meaning:
    """Return what only weak concepts mean: a name, an address, a kind of person, an ID."""
    doubtful = VAGUE - (BESIDE_HEAD if unknown else 0)
    if "date" in concepts or not concepts:
        return Meaning()
    if "type" in concepts:
        return Meaning("user_group", doubtful, vague=True)
    if concepts & {"address", "line"}:
        return Meaning("line1", VAGUE, vague=True)
    if called := [word for word in seen if word.concept == "preferred"]:
        return Meaning("pref_first_name", doubtful if called[0].vague else STRONG)
    if concepts & {"nr", "code"}:
        return Meaning(identity=True)
    return Meaning(Part.GIVEN if "name" in concepts else Part.FULL_NAME, doubtful, vague=True)


def field_of(heading: str, languages: tuple[str, ...] = ()) -> str:
    """Return the field that a heading names, "" if it names none that is known here."""
    means = meaning(heading, languages)
    return means.field if means.score >= ENOUGH_SCORE and means.field not in OF_PASSWORDS else ""


def known_headings(row: Iterable[str]) -> int:
    """Return how many different headings of a row mean something that offices have."""
    headings = tuple(dict.fromkeys(filter(None, row)))
    spoken = languages_of(headings)
    means = (meaning(heading, spoken) for heading in headings)
    return sum(
        meaning.vetoed or meaning.identity or meaning.score >= ENOUGH_SCORE for meaning in means
    )


def meaning_of(heading: str) -> str:
    """Return the ID or field that a heading names, "" if it names none that is known here."""
    means = meaning(heading)
    card = means.identity and "card" in means.concepts
    return field_of(heading) or (Part.BARCODE if card else "")


# --- types of emails, phones and addresses ---

_TYPES: dict[str, dict[str, str]] = DATA["types"]
_USUAL = {"email": "personal", "phone": "mobile", "address": "home"}


def type_of(of: str, meant: Meaning) -> str:
    """Return Alma's type of an email address, phone number or address, as its heading suggests."""
    usual = "alternative" if of == "email" and meant.number == 2 else _USUAL[of]
    kinds = {_TABLE.kinds[word] for word in meant.whose}
    return next((name for kind, name in _TYPES[of].items() if kind in kinds), usual)


def type_by_word(of: str, word: str) -> str:
    """Return Alma's type for a word in a column of types, "" if the word is not known."""
    words = words_of(word)
    kinds = [kind for text in words if (kind := _TABLE.kinds.get(text, ""))]
    kind = kinds[0] if kinds and len(words) <= len(kinds) + 1 else ""
    if kind in {"home", "personal"}:
        return "personal" if of == "email" else "home"
    return _TYPES[of].get(kind, "")
