"""Checks of dates, which are ISO and so sort as text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from importer.model.candidates import ENDS, NEVER, ROLE_END, is_long_past, wrong_end, years_from
from importer.model.fields import Shape
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.validator.columns import Column, Table, odd

_FIRST, _FAR = "1900-01-01", "2200-12-31"
_OLDEST, _YOUNGEST = 110, 3  # years; a patron is hardly ever older or younger
_MAY_STAY = "If the card never expires, leave it. Otherwise, correct the date."
_TOO_FAR = (
    "Correct the date. If it stands for a card that never expires, write 9999-12-31, which is "
    "loaded with a warning."
)


def out_of_range(table: Table) -> Iterator[Problem]:
    """Find unusual years, and birth dates in the future, just passed or more than 110 years ago.

    An expiration or purge date before 1990 or more than 100 years ahead rejects its row, wherever
    it comes from; 9999-12-31, which means "never", only gets a warning, as other dates do.
    """
    today = table.today.isoformat()
    oldest, recent = (years_from(table.today, -years) for years in (_OLDEST, _YOUNGEST))

    def birth(text: str) -> CellFinding | None:
        if oldest <= text <= today:
            return odd(f"is less than {_YOUNGEST} years ago") if text > recent else None
        long_ago = "before 1900" if text < _FIRST else f"more than {_OLDEST} years ago"
        sentence = f"the birth date {{value}} is {'in the future' if text > today else long_ago}"
        return CellFinding(Code.DATE_OUT_OF_RANGE, sentence)

    def other(text: str) -> CellFinding | None:
        sentence = f"the date {{value}} is {'before 1900' if text < _FIRST else 'after 2200'}"
        finding = CellFinding(Code.DATE_OUT_OF_RANGE, sentence, severity=Severity.WARNING)
        return None if _FIRST <= text <= _FAR else finding

    for column in table.columns:
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
        severity, advice = (Severity.WARNING, _MAY_STAY) if end == NEVER else (None, _TOO_FAR)
        advice = "" if is_long_past(end) else advice
        sentence = f"the date {{value}} is {why}"
        return CellFinding(Code.DATE_OUT_OF_RANGE, sentence, advice, severity) if why else None

    role = column.target.label == ROLE_END
    known = table.candidates.texts("expiry_date") if role else repeat("")
    findings = {end: finding for end in column.distinct if (finding := judge(end))}
    ends = zip(column.texts, known, strict=False)
    yield from column.flag(findings, (end != other for end, other in ends))


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
        findings = {text: finding for text in column.distinct if text < today}
        ends = table.candidates.texts("expiry_date")
        other = (not (rejects and is_long_past(end)) for end in ends)
        yield from column.flag(findings, other)


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
