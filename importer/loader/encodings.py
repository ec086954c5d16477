"""The encoding of a CSV file: by its byte-order mark, by the mapping, or UTF-8 or Windows-1252.

Every other encoding is asked for: Windows-1252 reads almost any bytes, and other letters than those
that were typed would become people's names.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

from importer.errors import RosterError
from importer.loader.detect import NotReadableError

WESTERN = "cp1252"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1024 * 1024
"""Bytes by which an encoding is recognized."""
_SUSPECT = 0.2
"""The share of the words with letters beyond ASCII that may look wrong."""

_WORD = re.compile(r"[^\s,;|\"]*[^\x00-\x7f\s,;|\"][^\s,;|\"]*")
# Not as names are written: a whole word, or three characters in a row, beyond ASCII; a sign inside
# a word, or one that no word ends in; a capital between or behind small letters. The acute accent,
# dots, dashes and closing quotation marks are typed as apostrophes and hyphens.
_CAPITAL = "À-ÖØ-ÞĀĂĄĆĈČĎĐĒĘĚĞĢĪİĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŹŻŽŸ"
_LETTER = r"[^\W\d_]"
_WRONG = re.compile(
    r"^[^\x00-\x7f]{2,}$|[^\x00-\x7f]{3}"
    rf"|{_LETTER}[\x80-\x9f€‚ƒ„…†‡ˆ‰‹•˜™›¡-©«¬®-³µ¶¸¹»-¿×÷║-╬░-▓∂-∞√≈≠≤≥]{_LETTER}"
    rf"|{_LETTER}[‚ƒ„ˆ‹¡¢¤¿]"
    rf"|[a-zß-öø-ÿ][{_CAPITAL}]|{_LETTER}[{_CAPITAL}][a-zß-öø-ÿ]"
)
_DAMAGED_UTF_8 = re.compile(r"[ÂÃ][€-™\xa0-\xbf]|â€")
"""UTF-8 that was read as Windows-1252 before the file came here; `clean` reports it."""


class _Candidate(NamedTuple):
    """An encoding with the languages it is used for, and what its letters are.

    `script`: the characters of its words. `leads`: the first bytes of its frequent characters, for
    encodings of several bytes. Without both, its words are Latin.
    """

    name: str
    languages: str
    script: str = ""
    leads: Sequence[int] = ()


_CANDIDATES = (
    _Candidate("shift_jis", "Japanese", leads=(0x82, 0x83, *range(0x88, 0x98))),
    _Candidate("euc_jp", "Japanese", leads=(0xA4, 0xA5, *range(0xB0, 0xD0))),
    _Candidate("gb18030", "Chinese, simplified", leads=range(0xB0, 0xD8)),
    _Candidate("big5", "Chinese, traditional", leads=range(0xA4, 0xC7)),
    _Candidate("cp949", "Korean", leads=range(0xB0, 0xC9)),
    _Candidate("windows-1255", "Hebrew", "א-ת"),
    _Candidate("windows-1256", "Arabic", "ء-ي"),
    _Candidate("windows-1251", "Cyrillic", "А-яЁёІіЇїЄєЎў"),
    _Candidate("koi8-r", "Cyrillic", "А-яЁё"),
    _Candidate("cp866", "Cyrillic, from DOS", "А-яЁё"),
    _Candidate("windows-1253", "Greek", "Ά-ώ"),
    _Candidate("windows-1250", "Central European"),
    _Candidate("mac_roman", "Western European, from an old Macintosh program"),
    _Candidate("cp850", "Western European, from DOS"),
)


def _keep_byte(error: UnicodeError) -> tuple[str, int]:
    """Decode the five bytes that Windows-1252 does not define as controls, which reject a row."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    raise error


_KEEP_BYTE = "importer-keep-byte"
codecs.register_error(_KEEP_BYTE, _keep_byte)


def decoded(content: bytes, encoding: str) -> io.TextIOWrapper:
    """Return the text of a file.

    Lone surrogates, as some databases write them, pass, so that `clean` can report them.
    """
    errors = _KEEP_BYTE if encoding == WESTERN else "surrogatepass"
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors=errors, newline="")


def find_encoding(content: bytes, wanted: str) -> str:
    """Return the encoding by the file's byte-order mark, else the wanted one.

    With `auto`, UTF-8 if every byte fits it, else Windows-1252 if its letters can be names. Raises
    NotReadableError if neither is so, and RosterError if the mapping names an encoding that does
    not exist.
    """
    mark = next((name for bom, name in _BOMS if content.startswith(bom)), "")
    if wanted != "auto":
        return mark or _known(wanted)
    if mark:
        return mark
    if content.count(0) * 100 > len(content):
        raise NotReadableError(_full_of_nuls(content))
    try:
        content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        _ask_if_not_western(content[:_SAMPLE])
        return WESTERN
    return "utf-8"


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
        raise RosterError(msg) from None
    return known.name


def _full_of_nuls(content: bytes) -> str:
    """Return the sentence about a file that is not text, or UTF-16 without its mark."""
    sample = content[: _SAMPLE & ~1]
    for encoding, nuls in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if nuls.count(0) * 2 > len(nuls) and sample.count(0) == nuls.count(0):
            return (
                f"has no byte-order mark, and its bytes look like {encoding}. If it is, set "
                f"`encoding: {encoding}` under `roster:` in the mapping."
            )
    return (
        "is not text: it is full of bytes that no text has. "
        "Save it again from the spreadsheet program, as .xlsx or as CSV UTF-8."
    )


def _ask_if_not_western(sample: bytes) -> None:
    """Raise NotReadableError, with other encodings, if many words of Windows-1252 look wrong."""
    words = _words(sample.decode(WESTERN, _KEEP_BYTE))
    wrong = sum(map(_looks_wrong, words))
    if wrong <= _SUSPECT * len(words):
        return
    shares = {one: _share(one, sample) for one in _CANDIDATES}
    least = max(1 - _SUSPECT, *shares.values()) - _SUSPECT / 2
    best = sorted((one for one in shares if shares[one] > least), key=lambda one: -shares[one])
    names = [f"{one.name} ({one.languages})" for one in best]
    maybe = f" It may be {' or '.join(names)}." if names else ""
    msg = (
        "is neither UTF-8 nor Windows-1252, so its names cannot be read for certain."
        f"{maybe} Save it as CSV UTF-8 or .xlsx from the program that made it, or name its "
        f"encoding in the mapping: `encoding: {best[0].name if best else 'NAME'}` under `roster:`. "
        "Then check the names in the report."
    )
    raise NotReadableError(msg)


def _words(text: str) -> set[str]:
    """Return the words with characters beyond ASCII."""
    return set(_WORD.findall(text))


def _looks_wrong(word: str) -> bool:
    return _WRONG.search(word) is not None and not _DAMAGED_UTF_8.search(word)


def _share(candidate: _Candidate, sample: bytes) -> float:
    """Return the share of the sample's words, or characters, that fit an encoding; 0 if none can.

    A sample may end inside a character.
    """
    try:
        text = codecs.getincrementaldecoder(candidate.name)().decode(sample)
    except UnicodeDecodeError:
        return 0
    if candidate.leads:
        beyond = [char for char in text if not char.isascii()]
        fits = [char.encode(candidate.name)[0] in candidate.leads for char in beyond]
    elif candidate.script:
        other = r"[!-@\[-`{-~]*"  # of ASCII, but letters
        form = re.compile(
            rf"{other}(?P<first>[{candidate.script}])(?:{other}[{candidate.script}])*{other}"
        )
        found = map(form.fullmatch, _words(text))
        fits = [match is not None and not match["first"].islower() for match in found]
    else:
        fits = [not _WRONG.search(word) for word in _words(text)]
    return sum(fits) / len(fits) if fits else 0
