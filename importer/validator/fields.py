"""Checks within a row: IDs, names, dates, contacts, PIN and password, codes and flags.

Codes are compared with Alma's tables, the institution's own and the few that Alma fixes.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from importlib.resources import files
from itertools import combinations, repeat

from rapidfuzz import fuzz

from importer.model.candidates import (
    ENDS,
    ID_FIELDS,
    NAMES,
    NEVER,
    ROLE_END,
    Candidates,
    FieldColumn,
    is_long_past,
    wrong_end,
    years_from,
)
from importer.model.fields import COUNTRIES, SECRETS, CodeRow, CodeTables, Field, Shape, country_of
from importer.model.people import (
    COMMA,
    MAY_BE_TWO,
    TWO_FIRST_NAMES,
    TWO_PEOPLE,
    is_email,
    is_suffix,
    is_title,
    read_phone,
)
from importer.model.problem import (
    KNOWN,
    VALUE,
    CellFinding,
    Code,
    Origin,
    Problem,
    Repairs,
    Severity,
)
from importer.model.question import OF_NAME
from importer.model.text import (
    DOTS,
    STEERING,
    folded,
    is_several_words,
    means_one_of,
    steering,
    word_list,
)
from importer.model.user import AccountType

_FILE = tomllib.loads(files("importer.validator").joinpath("words.toml").read_text("utf-8"))
STATES: dict[str, str] = _FILE.pop("states")
WORDS: dict[str, list[str]] = _FILE
"""Words that the checks know: placeholders, common passwords, titles, suffixes and degrees."""

Judge = Callable[[str], CellFinding | None]
"""Returns what is wrong with one value that is not blank, or None."""


@dataclass(frozen=True)
class Column:
    """One column of the candidates."""

    candidates: Candidates
    target: FieldColumn

    @cached_property
    def texts(self) -> list[str]:
        """Every row's value, in order."""
        return self.candidates.texts(self.target.label)

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """Each value that is not blank once, in order of its first row."""
        return tuple(filter(None, dict.fromkeys(self.texts)))

    @cached_property
    def counts(self) -> Counter[str]:
        """In how many rows each value that is not blank is."""
        return Counter(filter(None, self.texts))

    @cached_property
    def _whole(self) -> str:
        return "\n".join(self.distinct)  # they are in one line

    def having(self, *patterns: re.Pattern[str]) -> set[str]:
        """Return the distinct values with one of the patterns; first all are searched as one."""
        found = (one for one in patterns if one.search(self._whole))
        return {text for one in found for text in filter(one.search, self.distinct)}

    def among(self, words: frozenset[str]) -> set[str]:
        """Return the distinct values that are one of some words, which are without case."""
        whole = f"\n{self._whole.casefold()}\n"
        if not any(f"\n{word}\n" in whole for word in words):
            return set()
        return {text for text in self.distinct if text.casefold() in words}

    def with_word(self, test: Callable[[str], bool]) -> set[str]:
        """Return the distinct values with a word that passes a test, which each word takes once."""
        words = {*filter(test, {*self._whole.split()})}
        return {text for text in self.distinct if words and not words.isdisjoint(text.split())}

    def judge(self, judge: Judge, texts: Iterable[str] | None = None) -> Iterator[Problem]:
        """Ask the judge once per distinct value, or only about `texts`; yield a problem per row."""
        asked = self.distinct if texts is None else texts
        return self.flag({text: bad for text in asked if (bad := judge(text))})

    def flag(
        self, findings: Mapping[str, CellFinding], rows: Iterable[bool] | None = None
    ) -> Iterator[Problem]:
        """Yield a problem for every row that has one of these values; `rows` may leave out some."""
        counting = repeat(object=True) if rows is None else rows
        if findings:
            for row, text, counts in zip(self.candidates.rows, self.texts, counting, strict=False):
                if counts and text in findings:
                    yield self.problem(row, text, findings[text])

    def problem(self, row: int, text: str, finding: CellFinding, *beside: Column) -> Problem:
        """Return the problem of one row; `beside` are other columns that it concerns."""
        places = [place for column in (self, *beside) for place in column.target.places]
        return finding.problem(
            self.candidates.origin(row),
            *dict.fromkeys(places),
            field=self.target.label,
            value="" if self.target.field.path in SECRETS else text,
        )


class Table:
    """The candidates with what they are checked against, and the day that is today.

    `creates`: whether the mapping creates users.
    """

    def __init__(
        self, candidates: Candidates, codes: CodeTables, today: date, *, creates: bool
    ) -> None:
        """Take the columns that are mapped, in the mapping's order."""
        self.candidates, self.codes, self.today = candidates, codes, today
        self.creates = creates
        self.columns = {
            label: Column(candidates, target)
            for label, target in candidates.layout.targets.items()
            if label in candidates.frame
        }

    def of(self, *paths: str) -> Iterator[Column]:
        """The columns of some fields: one outside lists, in a list one per entry."""
        for path in paths:
            for column in self.columns.values():
                if column.target.field.path == path:
                    yield column

    def judge(self, judge: Judge, *paths: str) -> Iterator[Problem]:
        """Yield a problem per row with a bad value of some fields."""
        for column in self.of(*paths):
            yield from column.judge(judge)

    def countries(self, column: Column) -> list[str]:
        """The country of the same address in each row; "" where it is not known."""
        label = f"{column.target.label.rpartition('.')[0]}.country"
        return self.candidates.texts(label)


def odd(sentence: str) -> CellFinding:
    """Return the finding of a value that a careful reader would ask about."""
    return CellFinding(Code.ODD_VALUE, f"{{value}} {sentence}")


TYPOGRAPHIC = frozenset("‘’“”‚„‹›«»′″‐‑‒–—―−")
"""Quotation marks and dashes of word processors; no ID or email address has them."""
_TYPOGRAPHIC = "a typographic dash or quotation mark"

_PLACEHOLDERS = frozenset(WORDS["placeholders"])
NO_LETTER = r"[\W_]+"
"""A text that has neither letters nor digits, such as a line of dashes."""
_FILLING = re.compile(f"0+|9{{5,}}|{NO_LETTER}")
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}|[0-9][.,][0-9]+[Ee][0-9]{1,3}")
_ZEROS = re.compile(r"[1-9][0-9]{4,}0{4,}")
_PEOPLE = 3
"""People who have the same long ID because it was rounded, and not by a mistake in one row."""

_DECIMAL = re.compile(r"[0-9]+\.00?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_EMPL_ID = re.compile(r"[0-9]{7,9}")
_STRANGE = re.compile(r"[^\n!-&(-DF-df-~]")
"""Blanks, characters that no ID has, apostrophes, and the E of a rounded number."""

_NO_DIGIT = re.compile(r"^[^\d\n]+$", re.MULTILINE)
_FEW = 0.05
"""The share of IDs without a digit up to which they are unlike the other IDs of their column."""

_PROXY = "proxy_for_user.primary_id"


def rounded_ids(columns: Sequence[Sequence[str]], names: Sequence[int]) -> frozenset[str]:
    """Return the long IDs that end in zeros and that rows of three or more names share.

    Excel shows 20001123450011 as `2.00011E+13`; saved so and opened again, it is 20001100000000.
    `names`: by row, a number, as the texts of each column of IDs.
    """
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for texts in columns:
        long = {*filter(_ZEROS.fullmatch, texts)}
        for text, name in zip(texts, names, strict=True):
            if text in long:
                holders[text].add(name)
    return frozenset(text for text, people in holders.items() if len(people) >= _PEOPLE)


def identifiers(table: Table) -> Iterator[Problem]:
    """Find IDs that are rounded, made up, not as their column's rule asks, or not found again."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    for column in table.of(*ID_FIELDS, _PROXY):
        judge: Judge = _of_a_number
        if (rule := column.target.id_rule) and rule.has_form:
            judge = rule.wrong
        elif internal and column.target.field.path == "primary_id":
            judge = _internal_id
        strange = column.having(_STRANGE, STEERING) | column.among(_PLACEHOLDERS | DOTS)
        strange.update(*(filter(one, column.distinct) for one in (_FILLING.fullmatch, judge)))
        words = column.having(_NO_DIGIT)
        words = words if len(words) <= _FEW * len(column.distinct) else set()
        yield from column.judge(partial(_worst, judge, words), strange | words)


def _worst(rule: Judge, words: Collection[str], text: str) -> CellFinding | None:
    """Return the gravest finding about an ID; `rule` judges for its column.

    `words`: the few IDs without a digit in a column of IDs with digits.
    """
    wrong = rule(text)
    wrong = wrong and (_of_a_number(text) or wrong)
    sure = no_id(text) or _characters(text) or wrong or _not_found_again(text)
    return sure or (
        odd("has no digit, as nearly all IDs of its column have") if text in words else None
    )


def no_id(text: str) -> CellFinding | None:
    """Return a finding for a text that stands for a missing or a rounded ID: it is nobody's."""
    if _ROUNDED.fullmatch(text):
        sentence = "Excel shortened this number to {value}; the last digits are lost"
        return CellFinding(Code.ID_LOST_DIGITS, sentence)
    why = ""
    if _FILLING.fullmatch(text) or text.casefold() in _PLACEHOLDERS:
        why = "stands for a missing ID"
    elif is_several_words(text):
        why = "is several words, and no ID"
    advice = "Enter the person's own ID, or clear the cell."
    return CellFinding(Code.MALFORMED_ID, f"{{value}} {why}", advice) if why else None


def _characters(text: str) -> CellFinding | None:
    """Return a finding for characters that no ID has, whatever the rule of its column."""
    if text != text.strip():
        return CellFinding(
            Code.MALFORMED_ID, "{value} begins or ends with a blank or an invisible character"
        )
    if text.startswith("'"):
        advice = "Delete the apostrophe, which only keeps a cell as text."
        return CellFinding(Code.MALFORMED_ID, "{value} begins with an apostrophe", advice)
    if text.isascii() and text.isprintable():
        return None
    for mark in text:
        what = advice = ""
        if unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            what = "an invisible character"
        elif not mark.isascii() and mark.isnumeric():
            what, advice = "digits other than 0 to 9", "Type the ID again with the digits 0 to 9."
        elif mark in TYPOGRAPHIC:
            what = _TYPOGRAPHIC
            advice = "Type the ID again, with the plain characters of the keyboard."
        if what:
            return CellFinding(Code.MALFORMED_ID, f"{{value}} contains {what}", advice)
    return None


def _not_found_again(text: str) -> CellFinding | None:
    if sign := steering(text):
        return CellFinding(
            Code.MALFORMED_ID,
            f"{{value}} contains {sign}, with which Alma would not find the record again",
            "Ask whoever assigns the ID for one without this character, or strip it in the "
            "mapping under `ids`.",
        )
    return None


def _of_a_number(text: str) -> CellFinding | None:
    commas = _THOUSANDS.fullmatch(text)
    if commas or _DECIMAL.fullmatch(text):
        what = "commas" if commas else "decimals"
        return CellFinding(
            Code.MALFORMED_ID,
            f"{{value}} has {what}, so a program took the ID for a number",
            f"Export the column as text again, or delete the {what}. Compare one ID with the "
            "person's card: zeros in front may be missing, too.",
        )
    return None


def _internal_id(text: str) -> CellFinding | None:
    """Return a finding about the primary ID of an Internal user whose column has no rule."""
    if _EMPL_ID.fullmatch(text):
        return CellFinding(
            Code.LOOKS_LIKE_EMPL_ID, "{value} looks like an EMPL ID, and the record is Internal"
        )
    return _of_a_number(text)


def own_proxies(table: Table) -> Iterator[Problem]:
    """Find patrons who would be their own proxy."""
    finding = CellFinding(
        Code.MALFORMED_ID,
        "{value} is an ID of this row too, and nobody borrows for themselves as a proxy",
        "Enter the primary ID of the person for whom the patron may borrow, or clear the cell.",
    )
    own = [column.texts for column in table.of(*ID_FIELDS)]
    for column in table.of(_PROXY):
        for row, text, *ids in zip(table.candidates.rows, column.texts, *own, strict=True):
            if text and text.casefold() in map(str.casefold, ids):
                yield column.problem(row, text, finding)


def swapped_identifiers(table: Table) -> Iterator[Problem]:
    """Warn about the whole roster if most values of two ID columns fit each other's rule.

    The rows are rejected one by one for their malformed IDs; this names the cause.
    """
    ruled = ((column, column.target.id_rule) for column in table.of(*ID_FIELDS))
    formed = [(column, rule.wrong) for column, rule in ruled if rule and rule.has_form]
    for (left, of_left), (right, of_right) in combinations(formed, 2):
        if left.target.places == right.target.places:
            continue
        if _most_fit(left, of_left, of_right) and _most_fit(right, of_right, of_left):
            places = (*left.target.places, *right.target.places)
            yield Problem.of(
                Code.MALFORMED_ID,
                table.candidates.source.origin(),
                f"most IDs of {' and '.join(map(str, places))} have the form that the rule of the "
                "other column asks for",
                *places,
                field=left.target.label,
                advice="The two columns may be swapped. Put each under its own heading.",
                severity=Severity.WARNING,
            )


def _most_fit(column: Column, own: Judge, other: Judge) -> bool:
    """Return whether over half of a column's values break its own rule and fit the other one."""
    strays = sum(own(text) is not None and other(text) is None for text in column.distinct)
    return strays > 0 and 2 * strays > len(column.distinct)


# --- text ---


def too_long(table: Table) -> Iterator[Problem]:
    """Find values with more characters than Alma's field takes (contract 1.2 and 1.3)."""
    sentence = "has {:,} characters, and Alma takes {:,}"
    for column in table.columns.values():
        limit = column.target.field.facts.length
        if limit and max(map(len, column.distinct), default=0) > limit:
            long = (text for text in column.distinct if len(text) > limit)
            yield from column.flag(
                {t: CellFinding(Code.TOO_LONG, sentence.format(len(t), limit)) for t in long}
            )


# --- names: pictures, two people in one cell, commas, titles and suffixes ---

_SYMBOLS = frozenset({"So", "Co"})
"""Unicode categories of pictures, emoji among them, and of characters of a single font."""


def symbols_in_names(table: Table) -> Iterator[Problem]:
    """Find names with an emoji or another picture. Letters of every script are fine."""
    finding = CellFinding(Code.SYMBOL_IN_NAME, "{value} contains a picture, such as an emoji")

    def judge(text: str) -> CellFinding | None:
        pictures = not text.isascii() and not _SYMBOLS.isdisjoint(map(unicodedata.category, text))
        return finding if pictures else None

    return table.judge(judge, *NAMES)


def two_people(table: Table) -> Iterator[Problem]:
    """Find cells that may name two people, also if the mapping takes only a part of the cell.

    A cell is reported once, for the first of the fields that it feeds.
    """
    reported: set[tuple[int, str]] = set()
    for column in table.of(*NAMES):
        whole = table.candidates.behind.get(column.target.label, column.texts)
        last = column.target.field.path.endswith("last_name")
        two = column.having(TWO_PEOPLE if last else TWO_FIRST_NAMES)
        if whole != column.texts:
            two |= {*filter(TWO_PEOPLE.search, {*whole})}
        if not two:
            continue
        for row, text, cell in zip(table.candidates.rows, column.texts, whole, strict=True):
            found = cell if cell in two else text
            if text and found in two and (row, found) not in reported:
                reported.add((row, found))
                yield column.problem(row, found, MAY_BE_TWO)


def commas_and_titles(table: Table) -> Iterator[Problem]:
    """Find commas in a part of a name, titles in front of it, and suffixes behind it.

    A part that is nothing but a title or a suffix was divided at the wrong place.
    """
    for column in table.of(*NAMES):
        whole = table.candidates.behind.get(column.target.label, column.texts)
        if whole == column.texts:
            titled = column.with_word(
                lambda word: is_suffix(word, after_comma=False) or is_title(word, before=True)
            )
            distinct = {(text, text) for text in column.having(COMMA) | titled}
        else:
            distinct = {*zip(column.texts, whole, strict=True)}
        # a blank part is no name
        found = {pair: bad for pair in distinct if pair[0] and (bad := _unusual(*pair))}
        parts = {text for text, _ in found}
        rows = zip(table.candidates.rows, column.texts, whole, strict=True) if parts else ()
        for row, text, cell in rows:
            if text in parts and (bad := found.get((text, cell))):
                yield column.problem(row, text, bad)


def _unusual(text: str, cell: str) -> CellFinding | None:
    """Return what is unusual about a part of a name, which may be from a longer cell."""
    words, suffixes = _without_suffixes(text)
    if COMMA.search(words):
        return CellFinding(Code.COMMA_IN_NAME, "{value} contains a comma", question=OF_NAME)
    first, _, rest = words.partition(" ")
    divided = cell != text
    title = is_title(first, before=rest != "" or (divided and cell.startswith(f"{first} ")))
    if not words or (title and not rest):
        if words or divided:
            sentence = "{value} is a title or a suffix, and not a part of a name"
            return CellFinding(
                Code.TITLE_IN_NAME, sentence, severity=Severity.REVIEW, question=OF_NAME
            )
        return None
    if title or suffixes:
        what = "a title" if title else "a suffix"
        return CellFinding(Code.TITLE_IN_NAME, f"{{value}} contains {what}")
    return None


def _without_suffixes(text: str) -> tuple[str, bool]:
    """Return a part of a name without the suffixes behind it, and whether it has any."""
    parts = [part.strip() for part in COMMA.split(text)]
    kept = len(parts)
    while kept > 1 and is_suffix(parts[kept - 1], after_comma=True):
        kept -= 1
    found, words = kept < len(parts), parts[kept - 1].split()
    while words and is_suffix(words[-1], after_comma=False):
        found = True
        words.pop()
    return ", ".join([*parts[: kept - 1], " ".join(words)]), found


# --- dates; ISO dates sort as text ---

_FIRST, _FAR = "1900-01-01", "2200-12-31"
_OLDEST, _YOUNGEST = 110, 3  # years; a patron is hardly ever older or younger


def out_of_range(table: Table) -> Iterator[Problem]:
    """Find unusual years, and birth dates in the future, just passed or more than 110 years ago.

    An expiration or purge date before 1990 or more than 100 years ahead rejects its row, wherever
    it comes from; 9999-12-31, which means "never", only gets a warning, as other dates do.
    """
    today = table.today.isoformat()
    oldest, recent = (years_from(table.today, -years) for years in (_OLDEST, _YOUNGEST))
    young = odd(f"is less than {_YOUNGEST} years ago")

    def judge(text: str, what: str, first: str, last: str, late: str) -> CellFinding | None:
        if first <= text <= last:
            return young if what == "birth date" and text > recent else None
        long_ago = "before 1900" if text < _FIRST else f"more than {_OLDEST} years ago"
        sentence = f"the {what} {{value}} is {late if text > last else long_ago}"
        severity = Severity.WARNING if what == "date" else None
        return CellFinding(Code.DATE_OUT_OF_RANGE, sentence, severity=severity)

    birth = partial(judge, what="birth date", first=oldest, last=today, late="in the future")
    other = partial(judge, what="date", first=_FIRST, last=_FAR, late="after 2200")
    for column in table.columns.values():
        if column.target.field.path in {*ENDS, ROLE_END}:
            yield from _impossible_ends(table, column)
        elif column.target.field.shape is Shape.DATE:
            yield from column.judge(birth if column.target.field.path == "birth_date" else other)


def _impossible_ends(table: Table, column: Column) -> Iterator[Problem]:
    """Find expiration or purge dates out of range, of which only 9999-12-31 is a warning.

    The role's end is not reported again where it is the expiration date.
    """

    def judge(end: str) -> CellFinding | None:
        why = wrong_end(end, table.today)
        advice = "" if is_long_past(end) else _NO_END[end != NEVER]
        severity = Severity.WARNING if end == NEVER else None
        sentence = f"the date {{value}} is {why}"
        return CellFinding(Code.DATE_OUT_OF_RANGE, sentence, advice, severity) if why else None

    role = column.target.label == ROLE_END
    known = table.candidates.texts("expiry_date") if role else repeat("")
    found = {end: finding for end in column.distinct if (finding := judge(end))}
    ends = zip(column.texts, known, strict=False)
    yield from column.flag(found, (end != other for end, other in ends))


_NO_END = {
    True: "Correct the date. If it stands for a card that never expires, write 9999-12-31, which "
    "is loaded with a warning.",
    False: "If the card never expires, leave it. Otherwise, correct the date.",
}
"""The advice about a date that is far ahead, by whether it rejects its row."""


def purge_passed(table: Table) -> Iterator[Problem]:
    """Find purge dates in the past: Alma may delete the user at its next purge job.

    If the mapping creates no users, it is a warning. Where the expiration date is impossible and
    rejects its row, the purge date only follows from it.
    """
    today = table.today.isoformat()
    finding = CellFinding(
        Code.PURGE_PAST,
        "the purge date {value} has passed",
        severity=None if table.creates else Severity.WARNING,
    )
    target = table.candidates.layout.targets.get("expiry_date")
    rejects = target is not None and not target.drop_bad
    for column in table.of("purge_date"):
        found = {text: finding for text in column.distinct if text < today}
        ends = table.candidates.texts("expiry_date")
        other = (not (rejects and is_long_past(end)) for end in ends)
        yield from column.flag(found, other)


def expired(table: Table) -> Iterator[Problem]:
    """Find expiration dates in the past; a patron who expires today may still borrow today."""
    today = table.today.isoformat()
    finding = CellFinding(Code.EXPIRY_PAST, "the expiration date {value} has passed")
    return table.judge(
        lambda t: finding if t < today and not is_long_past(t) else None, "expiry_date"
    )


def purged_before_expiry(table: Table) -> Iterator[Problem]:
    """Find records that Alma may purge before they expire (contract 4.2)."""
    finding = CellFinding(
        Code.PURGE_BEFORE_EXPIRY, "the purge date {value} is before the expiry date of this row"
    )
    for purge, expiry in zip(table.of("purge_date"), table.of("expiry_date"), strict=False):
        rows = zip(table.candidates.rows, purge.texts, expiry.texts, strict=True)
        for row, purged, expires in rows:
            if "" < purged < expires:
                yield purge.problem(row, purged, finding, expiry)


# --- contacts ---

_NO_ZIP = frozenset({"00000", "99999", "11111"})
_DOMAIN_SLIPS, _NO_MAILBOXES = (frozenset(WORDS[k]) for k in ("domain_slips", "no_mailboxes"))
_ENDING_SLIPS = tuple(WORDS["ending_slips"])
_ZIP = re.compile(r"[0-9]{5}(?:-?[0-9]{4})?")
_ZIP_WITHOUT_ZERO = re.compile(r"[0-9]{4}(?:-?[0-9]{4})?")


def emails(table: Table) -> Iterator[Problem]:
    """Find values that are not an email address, or not a person's; nobody is asked about them."""
    return table.judge(_bad_email, "contact_info.email.email_address")


def _bad_email(text: str) -> CellFinding | None:
    """Return the most obvious reason why a text is not an email address, or an odd one."""
    if not text.isascii() and not TYPOGRAPHIC.isdisjoint(text):
        advice = "Type the address again, with the plain characters of the keyboard."
        return CellFinding(Code.BAD_EMAIL, f"{{value}} contains {_TYPOGRAPHIC}", advice)
    if is_email(text) and text[0] != "'":
        mailbox, _, domain = text.casefold().rpartition("@")
        if domain in _DOMAIN_SLIPS or domain.endswith(_ENDING_SLIPS):
            return odd("has a domain that looks mistyped")
        return odd("is probably no address of a person") if mailbox in _NO_MAILBOXES else None
    reasons = {
        "contains more than one address": text.count("@") > 1,
        "is not an email address: it has no @": "@" not in text,
        "begins with an apostrophe": text[0] == "'",
        "is not an email address: it contains a blank": any(map(str.isspace, text)),
        "is not an email address: it contains a comma": "," in text,
        "is not an email address: the part after the @ has no dot": "."
        not in text.partition("@")[2],
        "is not an email address": True,
    }
    why = next(sentence for sentence, holds in reasons.items() if holds)
    return CellFinding(Code.BAD_EMAIL, f"{{value}} {why}")


def phones(table: Table) -> Iterator[Problem]:
    """Find numbers that cannot be called; one without a country prefix is taken as a US number."""
    finding = CellFinding(Code.BAD_PHONE, "{value} cannot be called")
    return table.judge(
        lambda text: None if read_phone(text).whole else finding,
        "contact_info.phone.phone_number",
    )


def zip_codes(table: Table) -> Iterator[Problem]:
    """Find ZIP codes of the United States that are not five or nine digits, or that are none."""
    for column in table.of("contact_info.address.postal_code"):
        found = {text: odd("is no ZIP code that exists") for text in _NO_ZIP & {*column.distinct}}
        found |= {text: _not_a_zip(text) for text in column.distinct if not _ZIP.fullmatch(text)}
        yield from column.flag(found, [country == "USA" for country in table.countries(column)])


def _not_a_zip(text: str) -> CellFinding:
    advice = (
        "Put back the leading zero that the spreadsheet program removed, or set `clean: [zip]` for "
        "this field in the mapping."
    )
    return CellFinding(
        Code.BAD_POSTAL_CODE,
        "{value} is not a ZIP code of five or nine digits",
        advice if _ZIP_WITHOUT_ZERO.fullmatch(text) else "",
    )


# --- PIN and password (contract 4.1 and 4.2); their values appear in no problem ---

_PIN = re.compile(r"[0-9]{4}")
_SHORTEST = 8
_LONG_ENOUGH = 4
"""Shorter parts of a name occur in too many words to be recognized in a password."""

_COMMON = frozenset(WORDS["passwords"])


def pins(table: Table) -> Iterator[Problem]:
    """Find PINs that a self-check machine does not take."""
    finding = CellFinding(Code.BAD_PIN, "the PIN is not four digits")
    return table.judge(lambda text: None if _PIN.fullmatch(text) else finding, "pin_number")


def passwords(table: Table) -> Iterator[Problem]:
    """Find passwords that Alma refuses by its own rules, before it is asked."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    parts = (table.candidates.texts(label) for label in ("primary_id", "first_name", "last_name"))
    for column in table.of("password"):
        for row, text, *person in zip(table.candidates.rows, column.texts, *parts, strict=True):
            if text and (reason := _unfit(text, person, internal=internal)):
                yield column.problem(row, text, CellFinding(Code.BAD_PASSWORD, reason))


def _unfit(password: str, person: list[str], *, internal: bool) -> str:
    """Return why Alma refuses the password; `person` is the ID and the names."""
    if not internal:
        return "an External patron has no password in Alma"
    if len(password) < _SHORTEST:
        return f"the password has fewer than {_SHORTEST} characters"
    if password.casefold() in _COMMON:
        return "the password is one of the most common ones"
    words = {folded(word) for part in person for word in (part, *part.replace("-", " ").split())}
    if any(len(word) >= _LONG_ENOUGH and word in folded(password) for word in words):
        return "the password contains the person's ID or name"
    return ""


def forced_changes(table: Table) -> Iterator[Problem]:
    """Check that `force_password_change` is TRUE or blank, for Internal patrons only."""
    internal = table.candidates.layout.account_type is AccountType.INTERNAL
    external = CellFinding(Code.BAD_PASSWORD, "an External patron has no password to be changed")
    not_true = CellFinding(
        Code.UNKNOWN_CODE, "{value} is not TRUE", "Write TRUE, or clear the cell for no."
    )

    def judge(text: str) -> CellFinding | None:
        if not internal:
            return external
        return None if text.upper() == "TRUE" else not_true

    return table.judge(judge, "force_password_change")


# --- codes, flags and states ---

_SUGGESTIONS = 3
_NEAR = 60.0
"""Of 100; below it a suggestion misleads more often than it helps."""
_A_WRONG_COLUMN = 200
"""With more unknown values than this the column is wrong, and no similar code would help."""


_ACTIVITY = ("ACTIVE", "INACTIVE")
_FIXED: dict[str, Mapping[str, CodeRow]] = {
    key: {code: CodeRow(code, name) for code, name in codes.items()}
    for key, codes in {
        "AddNewUserOptions": dict.fromkeys(("PUBLIC", "STAFF", "CONTACT"), ""),
        "UserUserType": dict.fromkeys(("INTERNAL", "EXTERNAL"), ""),
        "ContentStructureStatus": dict.fromkeys(_ACTIVITY, ""),
        "CountryCodes": COUNTRIES,
        "status": dict.fromkeys(_ACTIVITY, ""),
        "block_status": dict.fromkeys(_ACTIVITY, ""),
        "segment_type": dict.fromkeys(("Internal", "External"), ""),
    }.items()
}
"""Codes that are the same in every institution (contract 1.2 and 1.3): those of tables, used if
the table is not saved, and those of fields without a table, by the field's name."""


def _rows(field: Field, codes: CodeTables) -> Mapping[str, CodeRow] | None:
    """Return the codes that a field takes, or None if they are not known."""
    table = field.facts.table
    saved = codes.known(table) if table else None
    return saved if saved is not None else _FIXED.get(table or field.name)


def state_of_tables(codes: CodeTables, origin: Origin, today: date) -> Iterator[Problem]:
    """Yield why code checks cannot be trusted; `origin` is that of the whole roster."""
    if not codes.tables:
        sentence = "the codes were not checked, because no code tables are saved here"
        yield Problem.of(Code.CODES_NOT_CHECKED, origin, sentence)
    elif codes.old(today):
        age = f"{codes.age(today):,} days old (of {codes.fetched})"
        yield Problem.of(Code.OLD_CODE_TABLES, origin, f"the saved code tables are {age}")


def codes_in_table(table: Table) -> Iterator[Problem]:
    """Find codes that are not in Alma's table, or are disabled there."""
    for column in table.columns.values():
        field, given = column.target.field, column.target.mapped_codes
        rows = _rows(field, table.codes)
        if rows is None:
            continue
        unknown = {
            text: code
            for text in column.distinct
            for code in field.codes(text)
            if not (code in rows and rows[code].enabled)
        }
        suggest = len(unknown) <= _A_WRONG_COLUMN
        in_cell = f"Correct the cell{', or add the value to the lookup' if given else ''}."
        found: dict[str, CellFinding] = {}
        for text, code in unknown.items():
            likely = _likely(code, field, table.codes) if suggest else ""
            place = given.get(code, "")
            # what the mapping writes and what is a word of the table is not private
            known = place or code in rows or (suggest and _is_of(code, field, rows))
            shown = KNOWN if known else VALUE
            todo = f"Correct it in the mapping, {place}." if place else in_cell
            found[text] = CellFinding(
                Code.UNKNOWN_CODE,
                f"{shown} {_wrong(code, field, rows)}",
                f"Did you mean {likely}? {todo}" if likely else todo,
                repairs=Repairs.COLUMN if place else Repairs.VALUE,
            )
        yield from column.flag(found)


def wrong_in_mapping(code: str, field: Field, codes: CodeTables) -> str:
    """Return what is wrong with a code that a mapping writes; "" if Alma takes it.

    Case does not matter, because codes are written as Alma has them.
    """
    rows = _rows(field, codes)
    enabled = {row.code.casefold() for row in (rows or {}).values() if row.enabled}
    if rows is None or code.casefold() in enabled:
        return ""
    likely = _likely(code, field, codes)
    meant = f"; did you mean {likely}?" if likely else ""
    return f"`{code}` {_wrong(code, field, rows)}{meant}"


def _wrong(text: str, field: Field, rows: Mapping[str, CodeRow]) -> str:
    """Return what is wrong with a text, as the rest of a sentence about it."""
    if text in rows:
        return f"is in Alma's table {field.facts.table}, but it is disabled there"
    table = field.facts.table
    return f"is not in Alma's table {table}" if table else "is not a value that Alma takes here"


def _likely(text: str, field: Field, codes: CodeTables) -> str:
    """Return the codes that may be meant, with their descriptions; "" if none is similar."""
    near = near_codes(text, field, codes)
    names = [f"{row.code} ({row.description})" if row.description else row.code for row in near]
    return word_list(names, "or") if names else ""


def _is_of(text: str, field: Field, rows: Mapping[str, CodeRow]) -> bool:
    """Return whether the text is a code or description of the table, except for its typing."""
    if field.facts.table == "CountryCodes" and country_of(text):
        return True
    return means_one_of(
        text, (word for row in rows.values() for word in (row.code, row.description))
    )


def near_codes(text: str, field: Field, codes: CodeTables) -> tuple[CodeRow, ...]:
    """Return up to three enabled codes similar to a value, by code or description, best first."""
    rows = _rows(field, codes) or {}
    if field.facts.table == "CountryCodes":
        country = rows.get(country_of(text))
        if country is not None and country.enabled:
            return (country,)
    written = text.casefold()

    def nearness(row: CodeRow) -> float:
        described = fuzz.WRatio(written, row.description.casefold()) if row.description else 0.0
        return max(fuzz.ratio(written, row.code.casefold()), described)

    scored = sorted((-nearness(row), row.code) for row in rows.values() if row.enabled)
    return tuple(rows[code] for score, code in scored[:_SUGGESTIONS] if -score >= _NEAR)


def flags(table: Table) -> Iterator[Problem]:
    """Find flags that are neither `true` nor `false`."""
    finding = CellFinding(
        Code.UNKNOWN_CODE, "{value} is neither true nor false", "Write true or false."
    )
    for column in table.columns.values():
        if column.target.field.shape is Shape.FLAG:
            yield from column.judge(lambda text: None if text in {"true", "false"} else finding)


_STATE_OF = {word.casefold(): code for code, name in STATES.items() for word in (code, name)}


def states(table: Table) -> Iterator[Problem]:
    """Find states of the United States that are not written with their two letters.

    Without a country, only the name of a state is recognized as one.
    """
    for column in table.of("contact_info.address.state_province"):
        found = {text: _not_a_state(text) for text in column.distinct if text not in STATES}
        pairs = zip(table.countries(column), column.texts, strict=True)
        in_usa = (at == "USA" or bool(not at and text and _state_of(text)) for at, text in pairs)
        yield from column.flag(found, in_usa)


def _not_a_state(text: str) -> CellFinding:
    code = _state_of(text)
    return CellFinding(
        Code.UNKNOWN_CODE,
        "{value} is not the two-letter code of a state",
        f"Write {code}." if code else "Write the state with its two letters, as in NE.",
        severity=Severity.WARNING,
    )


def _state_of(text: str) -> str:
    """Return the code of a state written with its name or in lower case; "" if it is not one."""
    return _STATE_OF.get(" ".join(text.replace(".", "").split()).casefold(), "")
