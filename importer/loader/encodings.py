"""The encoding of a CSV file: by its byte-order mark, by the mapping, or UTF-8 or Windows-1252.

Every other encoding is asked for, and so is Windows-1252 where another one reads the letters about
as well: it reads almost any bytes, and other letters than those that were typed would become
people's names. `likelihood` judges what an encoding reads.

Encodings of one family differ in the letters beyond ASCII only. What these letters are beside, in
each language, is in `letters.toml`.
"""

from __future__ import annotations

import codecs
import io
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import log
from typing import NamedTuple

from importer.errors import Cause, RosterError
from importer.loader.detect import NotReadableError, WrongEncodingError
from importer.model.text import counted

_FIRST_OTHER = "\u0250"
"""Behind the letters of Latin that names have."""

# Probabilities, all of them guesses that a test has confirmed
_OTHER_NEIGHBOR = 0.08  # that a neighbor is not in the table, for all of them together
_UNKNOWN_LETTER, _SIGN = 3e-5, 1e-5
_USUAL_SIGN = 0.02  # where signs are usual
_SIGNS = frozenset("–—€£°§½¼¾©®™…•«»“”„º\u00aa²³")
_QUOTATION = 0.001  # an apostrophe at an end of a word
_OTHER_SCRIPT = 0.001  # beside a letter of ASCII, in a script that has none
_CAPITAL_INSIDE, _SMALL_BEFORE, _SMALL_FIRST, _SMALL_BEHIND = 0.01, 0.02, 0.05, 0.02
_FREQUENT, _RARE, _BESIDE_ASCII = 1 / 3000, 1 / 60_000, 0.02  # of languages without letters
_CHOICE = 0.5
# between letters
_APOSTROPHES = {"’": 0.01, "–": 0.01, "—": 0.01, "‘": 1.5e-4, "´": 1e-5, "·": 1e-5}
# how much rarer they are before a small letter, where they may be the í, ñ and ó of a Macintosh
_BEFORE_SMALL = {"’": 0.05, "–": 0.001, "—": 0.001}


_ELSE = log(_OTHER_NEIGHBOR / 30)

_Language = Mapping[str, tuple[float, Mapping[str, float], Mapping[str, float]]]
"""The logarithms of each letter's share, and of the shares of those before it and behind it."""


@cache
def _languages() -> Mapping[str, _Language]:
    file = tomllib.loads((files(__package__) / "letters.toml").read_text("utf-8"))
    return {
        language: {
            letter: (log(share / 1000), _neighbors(before), _neighbors(behind))
            for letter, (share, before, behind) in letters.items()
        }
        for language, letters in file.items()
    }


def _neighbors(ranked: str) -> Mapping[str, float]:
    """Return the logarithm of each neighbor's share, by its rank, as words in a text have it."""
    whole = sum(1 / rank for rank in range(1, len(ranked) + 1))
    return {
        char: log((1 - _OTHER_NEIGHBOR) / rank / whole + _OTHER_NEIGHBOR / 30)
        for rank, char in enumerate(ranked, start=1)
    }


def likelihood(words: Sequence[str], languages: Sequence[str]) -> float:
    """Return the logarithm of the likelihood of words, each in the language that fits it best.

    Of many languages one fits by chance, which a part of their number makes up for.
    """
    best = sum(max(_in_languages(word, languages)) for word in words)
    return best - _CHOICE * log(len(languages))


def ideographs(words: Sequence[str], encoding: str, leads: Collection[int]) -> float:
    """Return the logarithm of the likelihood of words in a script of thousands of characters.

    `leads`: the first bytes of the frequent ones.
    """
    total = 0.0
    for word in words:
        for before, char, behind in zip(" " + word, word, word[1:] + " ", strict=False):
            if not char.isascii():
                total += log(_FREQUENT if char.encode(encoding)[0] in leads else _RARE)
                total += log(_BESIDE_ASCII) * (_is_ascii_letter(before) or _is_ascii_letter(behind))
    return total


def _in_languages(word: str, languages: Sequence[str]) -> list[float]:
    """Return the logarithm of a word's likelihood in each language."""
    padded = f"^{''.join(map(_small, word))}$"
    known = _case(word)
    places = [at for at, char in enumerate(padded) if not char.isascii()]
    return [known + sum(_at(padded, at, _languages()[name]) for at in places) for name in languages]


def _small(char: str) -> str:
    """Return the small letter, if it is one character; the Turkish İ has none."""
    small = char.lower()
    return small if len(small) == 1 else char


def _at(word: str, at: int, language: _Language) -> float:
    """Return what the character at a place, between its neighbors, adds."""
    char, before, behind = word[at], word[at - 1], word[at + 1]
    if _is_usual_sign(word, at):
        return log(_USUAL_SIGN)
    if char in _APOSTROPHES:
        inside = before.isalpha() and behind.isalpha()
        return log(_APOSTROPHES[char] if inside else _QUOTATION if char in "’‘" else _SIGN)
    # what is between two letters beyond ASCII counts once
    first = before.isascii()
    if char not in language:
        return log(_UNKNOWN_LETTER if char.isalpha() else _SIGN) + log(1 / 30) * (1 + first)
    total, shares_before, shares_behind = language[char]
    total += shares_behind.get(_end(behind, "$"), _ELSE)
    if first:
        total += shares_before.get(_end(before, "^"), _ELSE)
    if char >= _FIRST_OTHER and (_is_ascii_letter(before) or _is_ascii_letter(behind)):
        total += log(_OTHER_SCRIPT)
    return total


def _is_usual_sign(word: str, at: int) -> bool:
    """Return whether this is a sign without letters beside it, a quotation, or as in Nº and m²."""
    char, before, behind = word[at], word[at - 1], word[at + 1]
    if char not in _SIGNS or not (before.isascii() and behind.isascii()):
        return False
    if char in "“„«" and not before.isalpha():
        return True
    if char in "”»“" and word[1] in "“„«":
        return True
    return not behind.isalpha() and (not before.isalpha() or char + before in {"ºn", "²m", "³m"})


def _end(char: str, mark: str) -> str:
    """Return the mark of a word's end for what is no letter, as a hyphen."""
    return char if char.isalpha() or unicodedata.combining(char) else mark


def _is_ascii_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _case(word: str) -> float:
    """Return what capital and small letters add that are not as names are written."""
    total = 0.0
    for at, char in enumerate(word):
        if char in _BEFORE_SMALL and word[:at].isalpha() and word[at + 1 : at + 2].islower():
            total += log(_BEFORE_SMALL[char])
        if char.isascii() or not char.isalpha() or char in _SIGNS:
            continue
        before = word[at - 1] if at else ""
        if char.isupper():
            total += log(_CAPITAL_INSIDE) * before.islower()
        elif char.islower():
            total += log(_SMALL_BEFORE) * (word[at + 1 : at + 2].isupper() > before.isupper())
            total += log(_SMALL_FIRST) * (not before.isalpha())
            total += log(_SMALL_BEHIND) * (at > 1 and word[at - 2 : at].isupper())
    return total


WESTERN = "cp1252"
LATIN_9 = "iso8859-15"
"""Windows-1252 and its sister for Unix, which are read without being asked for."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-16", "utf-32")
_SAMPLE = 1024 * 1024
"""Bytes by which UTF-16 is recognized."""
_WORDS = 1_000
"""Different words with letters beyond ASCII by which an encoding is recognized."""
_LONGEST = 100
"""Bytes of a word before its first letter beyond ASCII, and from there on."""
_NAMED = 6
"""Encodings that a message names."""
_CELLS = 3
"""Words that it shows as each of them would read."""

# Logarithms of likelihoods, all of them guesses that a test has confirmed
_CLOSE = 3.0  # another encoding so near to the best reads the words about as well
_POSSIBLE = 8.0  # one so near is named
_DOUBTFUL, _WRONG = 8.0, 30.0  # how much better another encoding than the mapping's reads them
_LATIN, _IDEOGRAPHS = "\u017f", "\u2e80"
"""The last usual letter of Latin, and the first character of East Asia."""
_NONE_FITS = -11.0  # for each letter: then it is no encoding of those below

_BEGINNINGS = re.compile(b"(?<![^\r\n])(?:\x0c|" + codecs.BOM_UTF8 + b")+")
_PADDED = re.compile(rb'" ++(?=[,;\t|\r\n]|\Z)')
_QUOTED = re.compile(rb'(?<![^,;\t|\r\n\xbf])( *+"[^"]*+(?:""[^"]*+)*+")(?: ++(?=[,;\t|\r\n]|\Z))?')
"""A quoted cell, and the blanks that some programs write behind it up to a width."""
_BEYOND = re.compile(rb"[\x80-\xff]+")
_PUNCTUATION = re.compile("[\u2000-\u20cf]+")  # and currency signs
_APART = re.compile(rb'[\s,;"]+')
_FEW = 3
"""Words by which UTF-8 is not certain: those of other encodings can be UTF-8 by chance."""


class _Candidate(NamedTuple):
    """An encoding, what it is called in a message, and its languages.

    `leads`: the first bytes of its frequent characters, for scripts of thousands of them.
    `rare`: what it loses in advance.
    """

    name: str
    used_for: str
    languages: tuple[str, ...]
    leads: frozenset[int]
    rare: float

    def __str__(self) -> str:
        """Return `windows-1250 (Central European)`."""
        return f"{self.name} ({self.used_for})"


def _candidates() -> Iterator[_Candidate]:
    file = tomllib.loads((files(__package__) / "encodings.toml").read_text("utf-8"))
    groups: dict[str, list[str]] = file["groups"]
    for name, row in file["encodings"].items():
        languages = (
            language for key in row.get("languages", ()) for language in groups.get(key, [key])
        )
        leads = (byte for first, last in row.get("leads", ()) for byte in range(first, last + 1))
        rare = row.get("rare", 0)
        yield _Candidate(name, row["used_for"], tuple(languages), frozenset(leads), rare)


_CANDIDATES = tuple(_candidates())


class _Reading(NamedTuple):
    """What an encoding makes of the words, and how likely that is."""

    merit: float
    candidate: _Candidate
    words: tuple[str, ...]


class WhichEncodingError(WrongEncodingError):
    """The encoding must be named.

    `readings`: words as several encodings read them: the encoding, what it is used for, the words.
    """

    def __init__(self, message: str, readings: Sequence[_Reading] = ()) -> None:
        """Keep some words that the encodings read in different ways beside the message."""
        super().__init__(message)
        columns = zip(*(reading.words for reading in readings), strict=True)
        differ = sorted(columns, key=lambda several: -len(set(several)))[:_CELLS]
        pairs = zip(
            (reading.candidate for reading in readings), zip(*differ, strict=True), strict=True
        )
        self.readings = tuple((reading.name, reading.used_for, words) for reading, words in pairs)
        self.encodings = {name: ", ".join(words) for name, _, words in self.readings}


def _keep_byte(error: UnicodeError) -> tuple[str, int]:
    """Decode the five bytes that Windows-1252 does not define as controls, which reject a row."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


_KEEP_BYTE = "importer-keep-byte"
codecs.register_error(_KEEP_BYTE, _keep_byte)


def decoded(content: bytes, encoding: str) -> io.TextIOWrapper:
    """Return the text of a file.

    Lone surrogates, as some databases write them, pass, so that `clean` can report them. Form feeds
    before pages of a report, the first one also, are removed, and inside joined files the marks of
    UTF-8, which would hide the quotation marks behind them, and blanks behind quoted cells.
    """
    if not encoding.startswith(_WIDE):
        if b"\x0c" in content or content.find(codecs.BOM_UTF8, 1) > 0:
            content = _BEGINNINGS.sub(b"", content)
        if _PADDED.search(content):
            content = _QUOTED.sub(rb"\1", content)
    return io.TextIOWrapper(io.BytesIO(content), encoding, _errors(encoding), newline="")


def _errors(encoding: str) -> str:
    return _KEEP_BYTE if encoding == WESTERN else "surrogatepass"


def find_encoding(content: bytes, wanted: str) -> tuple[str, str]:
    """Return the encoding by the file's byte-order mark, else the wanted one; and a doubt, or "".

    With `auto`, UTF-8 if every byte fits it, else Windows-1252 if no other encoding reads the words
    about as well. Raises NotReadableError if neither is so, or if another encoding than the wanted
    one is far more likely, and RosterError if the mapping names one that does not exist.
    """
    mark = next((name for bom, name in _BOMS if content.startswith(bom)), "")
    known = "" if wanted == "auto" else _known(wanted)
    if mark:
        return mark, ""
    if known:
        return known, _doubt(content, wanted, known)
    if content.count(0) * 100 > len(content):
        raise _full_of_nuls(content)
    if content.isascii():
        return "utf-8", ""
    if not _decode([content], "utf-8"):
        return _western(_words(content)), ""
    _ask_if_by_chance(_words(content))
    return "utf-8", ""


def _known(wanted: str) -> str:
    """Return Python's name of an encoding. Raises RosterError if there is none."""
    try:
        known = codecs.lookup(wanted)
        known.decode(b"")
    except (LookupError, TypeError, ValueError):
        known = None
    if known is None or not getattr(known, "_is_text_encoding", True):
        msg = (
            f'The mapping names the encoding "{wanted}", which does not exist. Usual ones are '
            "utf-8, windows-1252 and utf-16; `auto` finds it out."
        )
        raise RosterError(msg, cause=Cause.MAPPING) from None
    return known.name


def _full_of_nuls(content: bytes) -> NotReadableError:
    """Return the error of a file that is not text, or UTF-16 without its mark."""
    sample = content[: _SAMPLE & ~1]
    for encoding, nuls in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if nuls.count(0) * 2 > len(nuls) and sample.count(0) == nuls.count(0):
            return WrongEncodingError(
                f"has no byte-order mark, and looks like {encoding}. If it is, set "
                f"`encoding: {encoding}` under `roster:` in the mapping."
            )
    return NotReadableError(
        "is not text: it is full of characters that no text has. "
        "Save it again from the spreadsheet program, as .xlsx or as CSV UTF-8."
    )


def _western(words: Sequence[bytes]) -> str:
    """Return the Western encoding that reads the words best.

    Raises WhichEncodingError, with the likely ones, if another one may be meant.
    """
    readings = _readings(words)
    best = readings[0].merit
    close = {reading.words for reading in readings if reading.merit > best - _CLOSE}
    name = next(
        (reading.candidate.name for reading in readings
         if {reading.words} == close and reading.candidate.name in {WESTERN, LATIN_9}), ""
    )  # fmt: skip
    if name or not words:
        return name or WESTERN
    letters = sum(not char.isascii() for word in readings[0].words for char in word)
    possible = _POSSIBLE * (3 if readings[0].candidate.leads else 1)
    first = {
        reading.words: reading for reading in reversed(readings) if reading.merit > best - possible
    }
    likely = sorted(first.values(), key=lambda reading: -reading.merit)[:_NAMED]
    if best < _NONE_FITS * letters - _POSSIBLE:
        likely = []
    why = "is not UTF-8, and it is not certain which encoding its letters are in."
    raise _undecided(why, likely)


def _undecided(why: str, likely: Sequence[_Reading]) -> WhichEncodingError:
    maybe = (
        f" It may be {' or '.join(str(reading.candidate) for reading in likely)}." if likely else ""
    )
    name = likely[0].candidate.name if likely else "NAME"
    msg = (
        f"{why}{maybe} Save it as CSV UTF-8 or .xlsx from the program that made it, or name its "
        f"encoding in the mapping: `encoding: {name}` under `roster:`. Then check the names in the "
        "report."
    )
    return WhichEncodingError(msg, likely)


def _doubt(content: bytes, wanted: str, known: str) -> str:
    """Return a sentence if another encoding than the mapping's reads the words better, else "".

    Raises WhichEncodingError if it does so by far.
    """
    words = _words(content)
    if not words or known.startswith(_WIDE):
        return ""
    if known == "utf-8" or _decode([content], "utf-8"):
        if known == "utf-8" or (len(words) <= _FEW and not all(map(_is_damaged, words))):
            return ""
        msg = (
            f"is UTF-8, but the mapping names the encoding {wanted}. Set `encoding: auto` under "
            "`roster:` in the mapping, or remove the line."
        )
        raise WhichEncodingError(msg)
    readings = _readings(words)
    read = _decode([word for word in words if not _is_damaged(word)], known)
    if read is None or any(char > _IDEOGRAPHS for word in read for char in word):
        return ""  # `read_csv` reports bytes that are none of the encoding
    best = readings[0]
    same = [reading for reading in readings if reading.words == read]
    merit = (
        same[0].merit
        if same
        else max(_merit(read, candidate) for candidate in _CANDIDATES if candidate.languages)
    )
    if best.merit <= merit + (_WRONG if best.candidate.leads else _DOUBTFUL):
        return ""
    if same and not best.candidate.leads and best.merit > merit + _WRONG:
        msg = (
            f"does not look like {wanted}, the encoding that the mapping names, but like "
            f"{best.candidate}. Set `encoding: {best.candidate.name}` under `roster:` in the "
            "mapping, or save the file as CSV UTF-8. Then check the names in the report."
        )
        raise WhichEncodingError(msg, [*same[:1], best])
    return (
        f"the file was read as {wanted}, as the mapping sets it, but its letters look more "
        f"like {best.candidate}: check the names"
    )


def _words(content: bytes) -> list[bytes]:
    """Return different words with bytes beyond ASCII. Longer ones than names are not looked at."""
    words: dict[bytes, None] = {}
    end = 0
    for match in _BEYOND.finditer(content):
        at = match.start()
        if at < end:
            continue
        before = _APART.split(content[max(end, at - _LONGEST) : at])[-1]
        behind = _APART.split(content[at : at + _LONGEST], maxsplit=1)[0]
        end = at + len(behind)
        if len(behind) < _LONGEST:  # else it may be cut inside a character
            words[before + behind] = None
        if len(words) == _WORDS:
            break
    return [*words]


def _is_damaged(word: bytes) -> bool:
    """Return whether a word is a Latin one in UTF-8, which no other encoding makes by chance.

    In a file that is not UTF-8, `clean` reports it.
    """
    texts = _decode([word], "utf-8")
    return texts is not None and max(*texts) <= _LATIN and any(map(_is_ascii_letter, *texts))


def _readings(words: Sequence[bytes]) -> list[_Reading]:
    """Return what each encoding makes of the words, the most likely one first.

    Words that are UTF-8 in a file that is not do not count.
    """
    words = [word for word in words if not _is_damaged(word)]
    read = ((candidate, _decode(words, candidate.name)) for candidate in _CANDIDATES)
    readings = [
        _Reading(_merit(texts, candidate), candidate, texts)
        for candidate, texts in read
        if texts is not None
    ]
    return sorted(readings, key=lambda reading: -reading.merit)


def _merit(words: Sequence[str], candidate: _Candidate) -> float:
    if candidate.leads:
        return ideographs(words, candidate.name, candidate.leads) - candidate.rare
    return likelihood(words, candidate.languages) - candidate.rare


def _decode(words: Sequence[bytes], encoding: str) -> tuple[str, ...] | None:
    """Return the words as an encoding reads them, None if it cannot."""
    try:
        return tuple(word.decode(encoding, _errors(encoding)) for word in words)
    except UnicodeDecodeError:
        return None


def _ask_if_by_chance(words: Sequence[bytes]) -> None:
    """Raise WhichEncodingError if the few words beyond ASCII are UTF-8, but no words of a script.

    So may be a Chinese or Korean name of two characters in an older encoding.
    """
    texts = _decode(words, "utf-8") if len(words) <= _FEW else None
    if not texts or not all(map(_is_odd, texts)):
        return
    if likely := [reading for reading in _readings(words) if reading.candidate.leads][:_NAMED]:
        count = f"has only {counted(len(words), 'word')} with letters beyond ASCII"
        why = f"{count}, and none is a name in UTF-8."
        raise _undecided(why, likely)


def _is_odd(word: str) -> bool:
    """Return whether a word mixes scripts, or is a single letter of another one than Latin.

    A picture is no letter: its four bytes are frequent characters of no other encoding. Nor are
    those of dashes, quotation marks, a € and the marks around a copied number: they do not count.
    """
    word = _PUNCTUATION.sub("", word)
    beyond = [char for char in word if char > _LATIN]
    scripts = {unicodedata.name(char, "?").split()[0] for char in word if not char.isascii()}
    pictures = any(unicodedata.category(char) == "So" for char in beyond)
    return bool(beyond) and not pictures and (len(word) == 1 or len(scripts) > 1)
