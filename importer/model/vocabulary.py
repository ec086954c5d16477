"""The fields that headings name: what offices call their columns (`heading_vocabulary.toml`)."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from pydantic import BaseModel

BARCODE = "barcode"


class _Secrets(BaseModel):
    parts: frozenset[str]
    words: frozenset[str]
    pins: frozenset[str]


class _Vocabulary(BaseModel):
    card: frozenset[str]
    passing: frozenset[str]
    small: frozenset[str]
    closing: frozenset[str]
    somebody_else: frozenset[str]
    relationship: frozenset[str]
    never: frozenset[str]
    id_words: frozenset[str]
    no_ids: frozenset[str]
    us_states: frozenset[str]
    secrets: _Secrets
    identity: dict[str, tuple[str, ...]]
    fields: dict[str, tuple[str, ...]]
    types: dict[str, dict[str, frozenset[str]]]


KNOWN = _Vocabulary.model_validate(
    tomllib.loads((files(__package__) / "heading_vocabulary.toml").read_text("utf-8"))
)


def _joins(words: Sequence[str]) -> tuple[str, str]:
    """Return words without blanks, and then also without the small ones."""
    return "".join(words), "".join(word for word in words if word not in KNOWN.small)


def _joined(texts: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the key of each text, by the text without blanks and small words."""
    return {
        join: key
        for key, several in texts.items()
        for text in several
        for join in _joins(text.split())
    }


IDENTITIES = _joined(KNOWN.identity)
_BY_NAME = _joined(KNOWN.fields)
CARDS = _joined({BARCODE: KNOWN.card})
_NOTHING = "nothing"
_USUAL = {"email": "personal", "phone": "mobile"}
_BRACKETS = re.compile(r"[\[(][^\[\]()]*+[\])]")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words_of(heading: str) -> tuple[str, ...]:
    """A heading's words and numbers, without case, accents, punctuation and bracketed remarks."""
    bare = _BRACKETS.sub(" ", heading)
    apart = _CAMEL.sub(" ", bare if _WORD.search(bare) else heading)
    folded = unicodedata.normalize("NFKD", apart).casefold()
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return tuple(_WORD.findall(plain))


def named_by(heading: str, known: Mapping[str, str]) -> str:
    """Return what is known by a heading, with or without the words around it, else ""."""
    words = words_of(heading)
    for start in range(len(words)):
        end = len(words)
        while end > start:
            for join in _joins(words[start:end]):
                if found := known.get(join):
                    return found
            if words[end - 1] not in KNOWN.closing:
                break
            end -= 1
        if words[start] not in KNOWN.passing:
            break
    return ""


_SECRET_PARTS = {"".join(words_of(text)) for text in KNOWN.secrets.parts}
_SECRET_WORDS = {"".join(words_of(text)) for text in KNOWN.secrets.words}
_NO_BRACKETS = str.maketrans("()[]", "    ")
_POSTAL, _OF_ADDRESS = "postal_code", frozenset({"line1", "city", "state_province", "country"})


def _says_password(heading: str) -> bool:
    words = words_of(heading.translate(_NO_BRACKETS))
    joined = "".join(words)
    return not _SECRET_WORDS.isdisjoint(words) or any(part in joined for part in _SECRET_PARTS)


def _says_pin(heading: str) -> bool:
    words, pins = words_of(heading.translate(_NO_BRACKETS)), KNOWN.secrets.pins
    others = " ".join(word for word in words if word not in pins)
    return not pins.isdisjoint(words) and field_of(others) != _POSTAL


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
    return not KNOWN.never.isdisjoint(words_of(heading)) or _says_password(heading)


def field_of(heading: str, others: frozenset[str] = frozenset()) -> str:
    """Return the field that a heading names, "" if it names none that is known here.

    `others`: further words that make a column about another person.
    """
    words = set(words_of(heading))
    if words & (KNOWN.somebody_else | others) or is_left_out(heading):
        return ""
    field = named_by(heading, _BY_NAME) or named_by(heading.rstrip("0123456789 _"), _BY_NAME)
    about_a_contact = words & {"contact", "contacto"} and field not in _USUAL
    return "" if about_a_contact or field == _NOTHING else field


def type_of(kind: str, heading: str) -> str:
    """Return Alma's type of an email address or phone number, as the heading suggests."""
    found = set(words_of(heading))
    hints = KNOWN.types[kind].items()
    return next((name for name, hint in hints if found & hint), _USUAL[kind])


def is_known(heading: str) -> bool:
    """Return whether a heading names a field, an ID or something that is known not to be one."""
    return bool(named_by(heading, IDENTITIES) or named_by(heading, _BY_NAME))


def meaning_of(heading: str) -> str:
    """Return the ID or field that a heading names, "" if it names none that is known here."""
    return named_by(heading, IDENTITIES) or named_by(heading, CARDS) or field_of(heading)
