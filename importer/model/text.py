"""Small helpers for text: names, row numbers, CSV cells, paths, limited regular expressions."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import regex
from pydantic import AfterValidator, StringConstraints
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from importer.errors import MappingError

# --- CSV cells ---

TRIGGERS = frozenset("=+-@\t\r\n\0")
"""First characters that make some spreadsheet programs run a cell as a formula."""

MARK = "'"
_SIGNS = TRIGGERS | {"\N{MINUS SIGN}"}
_DROPPED = frozenset('"\u200b\u200c\u200d\u200e\u200f\u2060\ufeff')
"""What a program may drop, as it does blanks, before it looks for a formula."""


def escape(text: str) -> str:
    """Return the text as our CSV files write it: marked if a spreadsheet program would run it.

    Text that looks marked already gets a mark as well, so that `unescape` is exact:
    `'Akamu` and `'t Hooft` stay as they are, and `'=x` becomes `''=x`.
    """
    return MARK + text if _may_run(text) or _marked(text) else text


def unescape(text: str) -> str:
    """Return the text that was passed to `escape`."""
    return text[1:] if _marked(text) else text


def _marked(text: str) -> bool:
    return text[:1] == MARK and (text[1:2] == MARK or _may_run(text[1:]))


def _may_run(text: str) -> bool:
    """Return whether some program may take the text for a formula: `=1`, `"=1"`, `＝1`."""
    if text[:1].isalnum():  # as nearly all is
        return False
    start = next((char for char in text if not char.isspace() and char not in _DROPPED), "")
    return text[:1] in TRIGGERS or unicodedata.normalize("NFKC", start)[:1] in _SIGNS


# --- counts and lists ---


def one_line(text: str) -> str:
    """Return a text without line breaks, outer blanks and doubled blanks."""
    return " ".join(text.split())


def moment(time: datetime) -> str:
    """Return a time of this year in words, as it is here: `Dec 3, 5:38 AM`."""
    here = time.astimezone()
    return f"{here:%b} {here.day}, {here.hour % 12 or 12}:{here:%M %p}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 row`, `12,345 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def word_list(words: Sequence[str], link: str = "and") -> str:
    """Return `a`, `a and b` or `a, b and c`; there is at least one word."""
    *front, last = words
    return f"{', '.join(front)} {link} {last}" if front else last


# --- commands to paste ---

_QUOTED_ON_WINDOWS = re.compile(r"[^\w.:\\/=+-]", re.ASCII)
_SPECIAL_IN_DOUBLE_QUOTES = re.compile(r"[$`\"“”„]")
_SINGLE_QUOTES = re.compile("['‘’‚‛]")


def command_line(*words: str) -> str:
    """Return a command of the importer as it is pasted into a shell.

    On Windows for PowerShell, whose double quotes cmd reads as well; elsewhere for POSIX shells.
    """
    first, *others = map(shell_word, (program(), *words))
    called = f"& {first}" if os.name == "nt" and first[0] in "\"'" else first  # else it is a text
    return " ".join((called, *others))


def program() -> str:
    """Return `importer`, or how it was started where no shell would find it, as in a checkout."""
    started = Path(sys.argv[0])
    named = started.stem == "importer" and started.suffix in {"", ".exe"}
    return str(started) if named and not shutil.which("importer") else "importer"


def shell_word(word: str) -> str:
    """Return a word of a command, quoted if the shell needs it."""
    if os.name != "nt":
        return shlex.quote(word)
    if word and not _QUOTED_ON_WINDOWS.search(word):
        return word
    if not _SPECIAL_IN_DOUBLE_QUOTES.search(word):
        return f'"{word}"'
    doubled = _SINGLE_QUOTES.sub(lambda quote: quote[0] * 2, word)
    return f"'{doubled}'"


# --- IDs, which are paths of Alma's API ---

STEERING = re.compile(r"[/\\%?#;]")
_DIGIT = re.compile(r"\d")
DOTS = frozenset({".", ".."})


def steering(text: str) -> str:
    """Return the part of an ID that a URL path would read as syntax; "" if there is none.

    This is a separator, or the whole text if it is one or two dots. Full-width and other
    compatibility forms count as the character itself, because a gateway may fold them.
    """
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if folded in DOTS:
        return folded
    steers = STEERING.search(folded)
    return steers[0] if steers else ""


def is_several_words(text: str) -> bool:
    """Return whether two or more words of a text have letters and no digit; that is no ID.

    A barcode may be typed in groups, and may begin and end with one letter: `A 2000 1234 B`.
    """
    letters = (
        len([*filter(str.isalpha, word)]) for word in text.split() if not _DIGIT.search(word)
    )
    return sum(count > 1 for count in letters) > 1


# --- known words ---

_SHORTEST = 5  # in shorter words one other letter makes another word: `Grad` and `Brad`


def is_slip(one: str, other: str) -> bool:
    """Return whether two words of five letters or more differ by at most one typing error.

    That is one letter missing, added or replaced, or two letters swapped.
    """
    long_enough = min(len(one), len(other)) >= _SHORTEST
    return long_enough and OSA.distance(one, other, score_cutoff=1) <= 1


def means_one_of(text: str, words: Iterable[str]) -> bool:
    """Return whether the text is one of the words, ignoring case, blanks and one typing error.

    A text that is only similar may be somebody's name: `Stafford` is not `Staff`.
    """
    typed = _plain(text)
    return any(typed == word or is_slip(typed, word) for word in map(_plain, words))


def similar(text: str, words: Iterable[str], count: int = 1, least: int = 60) -> list[str]:
    """Return the words most similar to a text, ignoring case: those of `least` percent or more."""
    known = list(dict.fromkeys(words))
    near = process.extract(
        text, known, scorer=fuzz.ratio, processor=str.casefold, limit=count, score_cutoff=least
    )
    return [word for word, *_ in near]


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


# --- names of people ---

_PLAIN = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h",
        "ı": "i", "ŋ": "n", "ŧ": "t", "ƒ": "f",
    }
)  # fmt: skip
"""Latin letters that Unicode does not decompose and that people type without their stroke."""


def _is_accent(mark: str) -> bool:
    """Return whether people leave the combining mark out when they type.

    Accents and pointing are left out; vowel signs and voicing marks are letters. The canonical
    combining class separates them: 1 overlays, 10 to 36 Hebrew and Arabic pointing, 200 and
    more marks above and below. Nukta, kana voicing, virama and the vowel signs of Indic and Thai
    script have other classes.
    """
    place = unicodedata.combining(mark)
    return place == 1 or 10 <= place <= 36 or place >= 200


_ASCII = {at: chr(at).lower() if chr(at).isalnum() else None for at in range(128)}


def folded(name: str) -> str:
    """Return the name without case, accents, punctuation and blanks, in any script."""
    if name.isascii():
        return name.lower() if name.isalpha() else name.translate(_ASCII)
    apart = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN)).casefold()
    kept = (
        letter
        for letter in apart
        if (letter.isalnum() or unicodedata.category(letter)[0] == "M") and not _is_accent(letter)
    )
    return unicodedata.normalize("NFC", "".join(kept))


# --- row numbers ---

ROSTER_ROWS = 10_000_000  # more rows than a roster has; see `RowId.packed`

ABSENT_ROWS = 5_000_000
"""From here on, the numbers of a roster's rows stand for people who are missing from it."""

_ABSENT, _ROSTER = "absent-", "roster "


class RowId(NamedTuple):
    """A row of a run: its roster, counted from 0, and its number there, as Excel shows it.

    Number 0 stands for the roster as a whole.
    """

    roster: int
    number: int

    @classmethod
    def of(cls, row: int) -> RowId:
        """Return the row that is packed as this number."""
        return cls(*divmod(row, ROSTER_ROWS))

    @property
    def packed(self) -> int:
        """The row as one number, which sorts as a run does; in the first roster it is Excel's."""
        return self.roster * ROSTER_ROWS + self.number


def is_whole_roster(row: int) -> bool:
    """Return whether the number stands for a whole roster."""
    return not row % ROSTER_ROWS


def is_absent(row: int) -> bool:
    """Return whether the number stands for somebody who is missing from the roster."""
    return row % ROSTER_ROWS > ABSENT_ROWS


def row_label(row: int) -> str:
    """Return a row as people see it: `14`, or `2:14` for row 14 of the run's second roster.

    Somebody who is missing from the roster is `absent-3`, or `2:absent-3`. A number that no roster
    of a run can have stays as it was typed.
    """
    roster, number = RowId.of(row)
    shown = f"{_ABSENT}{number - ABSENT_ROWS}" if is_absent(row) else str(number)
    if not 0 <= roster < 1_000:
        return str(row)
    return f"{roster + 1}:{shown}" if roster else shown


def row_cell(row: int) -> str:
    """Return a row for a cell: `14`, or `roster 2:14`, as Excel would read `2:14` as a time."""
    label = row_label(row)
    return f"{_ROSTER}{label}" if ":" in label else label


def read_row_label(text: str) -> int:
    """Return the row that `row_label` or `row_cell` shows so. Raises ValueError for others."""
    roster, colon, number = text.removeprefix(_ROSTER).rpartition(":")
    absent = ABSENT_ROWS if number.startswith(_ABSENT) else 0
    counted_from_0 = int(roster) - 1 if colon else 0
    return RowId(counted_from_0, absent + int(number.removeprefix(_ABSENT))).packed


def row_list(rows: Iterable[int], count: int) -> str:
    """Return `row 5`, `rows 5 and 9` or `rows 5, 9, 12, 15, 20 and 3 more`.

    `count`: how many rows there are; no more are looked at than are named.
    """
    named = [row_label(row) for row in islice(rows, 5)]
    if count > 5:
        named.append(f"{count - 5:,} more")
    return f"{'row' if len(named) == 1 else 'rows'} {word_list(named)}"


def spans(rows: Sequence[int], most: int) -> str:
    """Return row numbers as people write them: `22, 31–35 and 7 more`.

    `rows` are in order, without repeats, at least one. At most `most` stretches are spelled out.
    """
    ends = [at for at, (one, other) in enumerate(pairwise(rows)) if other != one + 1]
    shown = []
    for before, end in pairwise((-1, *ends[:most], len(rows) - 1)):
        first, last = rows[before + 1], rows[end]
        shown.append(row_label(first) if first == last else f"{row_label(first)}–{row_label(last)}")
    if len(ends) < most:
        return ", ".join(shown)
    return f"{', '.join(shown[:most])} and {len(rows) - 1 - ends[most - 1]:,} more"


_SECONDS = 0.5  # how long a pattern of the mapping may take on one text
_STRAIGHT = re.compile(r"(?:(?:[\w ]|\\d|\[[\w-]+\])(?:\{[0-9]+\})?)*+")
"""A pattern that fits a text in one way at most; to watch the clock would take most of the time."""
MOST_CHARACTERS = 4_000  # texts longer than this are not searched with a pattern
_LENGTH, _NESTING, _SIZE = 1_000, 50, 10_000
"""Of a pattern: characters, groups inside one another, and parts with repetitions written out."""

_TOKEN = re.compile(
    r"(?P<part>\\.|\[\^?\]?(?:\\.|[^\]\\])*+(?:\]|\Z))"
    r"|(?P<recursion>\(\?(?:R|[0-9]+|[+-][0-9]+|&[^)]*|P>[^)]*)\))"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|\{(?P<counts>[0-9]*,?[0-9]*)\}"
    r"|.",
    re.DOTALL,
)


@functools.cache
def compile_pattern(text: str) -> regex.Pattern[str]:
    """Compile a pattern of a mapping. Raises ValueError where it is wrong or too large.

    A short pattern can take gigabytes to compile (`(((a{90}){90}){90}){90}`), so it is measured
    first; and minutes to apply (`(a|aa)+$`), so that it is applied within `_SECONDS`.
    """
    wrong = _too_large(text)
    if not wrong:
        try:
            return regex.compile(text, regex.DOTALL)
        except (regex.error, OverflowError, RecursionError):
            wrong = f"`{text}` is not a valid pattern; check its brackets"
    raise ValueError(wrong)


def _too_large(text: str) -> str:
    """Count the parts of a pattern with its repetitions written out, without compiling it."""
    if len(text) > _LENGTH:
        return f"the pattern is longer than {_LENGTH:,} characters; use a shorter one"
    totals = [0]  # parts so far, per open group
    last = 0  # parts of what a repetition would repeat
    for token in _TOKEN.finditer(text):
        if token["recursion"]:
            return f"`{token[0]}` repeats the pattern inside itself, which is not allowed"
        counts = [int(number[:9]) for number in re.findall("[0-9]+", token["counts"] or "")]
        if token["open"]:
            totals.append(0)
            last = 0
            if len(totals) > _NESTING:
                return f"the pattern has more than {_NESTING} groups inside one another"
        elif token["close"] and len(totals) > 1:
            last = totals.pop() + 1
            totals[-1] += last
        elif counts:
            totals[-1] += last * max(max(counts) - 1, 0)
            last *= max(*counts, 1)
        else:
            last = 1
            totals[-1] += 1
        if sum(totals) > _SIZE:
            return "the pattern is too large; repeat fewer times, or not inside a repetition"
    return ""


@functools.cache
def _matcher(pattern: str) -> Callable[[str], regex.Match[str] | None]:
    """Return what matches a whole text with a pattern, within `_SECONDS` if it may take longer."""
    match = compile_pattern(pattern).fullmatch
    return match if _STRAIGHT.fullmatch(pattern) else functools.partial(match, timeout=_SECONDS)


def check_pattern(text: str) -> str:
    """Return the pattern if it can be used. Raises ValueError."""
    compile_pattern(text)
    return text


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(check_pattern)]
"""A regular expression of the mapping."""


def full_match(pattern: str, text: str) -> bool:
    """Return whether a pattern matches a whole text that is not too long. Raises MappingError."""
    if len(text) > MOST_CHARACTERS:
        return False
    try:
        return _matcher(pattern)(text) is not None
    except TimeoutError:
        raise _too_slow(pattern) from None


def replaced(find: str, replacement: str | None, text: str) -> str:
    """Return a text with what a pattern finds replaced; without a replacement, only what it finds.

    That is its first group, if it has one. Raises MappingError if the pattern takes too long.
    """
    pattern = compile_pattern(find)
    try:
        if replacement is not None:
            return str(pattern.sub(replacement, text, timeout=_SECONDS))
        match = pattern.search(text, timeout=_SECONDS)
    except TimeoutError:
        raise _too_slow(find) from None
    return str(match[1 if pattern.groups else 0] or "") if match else ""


def _too_slow(pattern: str) -> MappingError:
    msg = (
        f"The pattern `{pattern}` takes too long on a text. "
        "Write it without a repetition inside a repetition."
    )
    return MappingError((msg,))
