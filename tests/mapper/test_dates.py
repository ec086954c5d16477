"""Dates typed as text, and dates some time later."""

from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.mapper.dates import Dates, Term, Unread, later, pattern_fault
from tests.mapper.bench import Bench, told

ORDERS = {"any": ("", "mdy", "dmy"), "every": ("", "mdy", "dmy", "ymd", "%d %b %Y"), "-": ("",)}
"""Words for several declared orders, and for none."""
READ = [
    (order, text, read)
    for line in (Path(__file__).parent / "dates.txt").read_text("utf-8").splitlines()[1:]
    for orders, text, read in [line.split(" | ")]
    for order in ORDERS.get(orders, (orders,))
]
"""The declared order, a text, and its day, or why it has none."""


@pytest.mark.parametrize(("order", "text", "read"), READ)
def test_a_date_is_read_as_declared_or_not_at_all(order: str, text: str, read: str) -> None:
    """Nothing is guessed: what can be read in two ways, or has no century, is a problem.

    In every column are read: ISO, without its time, also as eight digits, the names of months in
    nine languages, East Asian dates, and digits of other scripts. `jui` is June or July in French.
    """
    wanted = (
        date.fromisoformat(read) if read[0].isdecimal() else Unread[read.upper().replace(" ", "_")]
    )
    assert Dates(order=order).read(text) == wanted


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1/2/29", date(2029, 1, 2)),
        ("1/2/30", date(1930, 1, 2)),
        ("2-Jan-99", date(1999, 1, 2)),
        ("38415", date(2005, 3, 4)),
        ("1", date(1900, 1, 1)),
        ("60", Unread.UNKNOWN),
        ("80001", Unread.UNKNOWN),
    ],
)
def test_pivot_and_serials_are_consent(text: str, read: date | Unread) -> None:
    """Two-digit years below the pivot are 20xx; day numbers count from 1900."""
    assert Dates(order="mdy", pivot=30, serials=True).read(text) == read


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)), st.sampled_from(["mdy", "dmy", "ymd"]))
def test_a_date_written_in_an_order_is_read_back(day: date, order: str) -> None:
    """With and without leading zeros."""
    parts = {"m": str(day.month), "d": f"{day.day:02}", "y": str(day.year)}
    assert Dates(order=order).read("/".join(parts[letter] for letter in order)) == day


@given(
    st.dates(date(1900, 1, 1), date(2199, 12, 31)),
    st.times(),
    st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d %b %Y"]),
    st.sampled_from(["T%H:%M:%S.%f", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", ", %I:%M%p"]),
    st.sampled_from(["", "+05:00", "-0330", " +10"]),
)
def test_a_day_is_the_same_at_any_time(
    day: date, time: time, written: str, clock: str, zone: str
) -> None:
    """Nothing is converted: people see the day that is written, in the time zone of the roster."""
    text = f"{day.strftime(written)}{time.strftime(clock)}{zone}"
    assert Dates(order="mdy").read(text) == day


def test_a_moment_in_utc_may_be_of_another_day(tmp_path: Path) -> None:
    """A local midnight may have been converted, so it is a problem; its advice keeps the days."""
    cells = (("2001-04-02T22:00:00Z",), ("2001-04-02",))
    problems = Bench(tmp_path, "birth_date: {from: <B>}", columns="B").map(*cells).problems
    assert told(problems) == [(2, "unparsable-date", "birth_date")]
    (advised,) = re.findall("`(.*)`", problems[0].to_do)
    bench = Bench(tmp_path, f"birth_date: {{from: <B>, {advised}}}", columns="B")
    assert list(bench.map(*cells).frame["birth_date"]) == ["2001-04-02"] * 2


def test_a_row_that_only_shows_the_order_has_no_problem(tmp_path: Path) -> None:
    """A part that no entry takes is told about rows that have the entries."""
    entry = "{{when: {{T: a}}, line1: x, city: y, address_type: home, start_date: {}}}"
    dates = (f"{{from: <S>, clean: [{{split: {{on: ';', take: {take}}}}}]}}" for take in (1, 2))
    record = f"contact_info: {{address: [{', '.join(map(entry.format, dates))}]}}"
    cell = "2026-01-01;2026-02-01;2026-03-01"
    problems = Bench(tmp_path, record, columns="S|T").map((cell, "a"), (cell, "b")).problems
    assert [row for row, code, _ in told(problems) if code == "too-many-parts"] == [2]


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Every text is a date or a reason why not."""
    for style in (
        Dates(),
        Dates(order="dmy", pivot=30, serials=True),
        Dates(order="%d.%m.%y", pivot=30),
    ):
        assert isinstance(style.read(text), date | Unread)


def test_a_pattern_is_checked_before_it_is_used() -> None:
    """It needs day, month and year, each once, and nothing else."""
    assert not pattern_fault("%d %b %Y")
    assert all(
        pattern_fault(text) for text in ("%d %m", "%d/%d/%m/%Y", "%H %d %m %Y", "%d %m %Y %")
    )


@pytest.mark.parametrize(
    ("settings", "cells"),
    [
        ("pivot: 30", ("1/2/05", "1/13/05")),
        ("serials: true", ("38415", "1/2/2005")),
        ('order: "%d.%m.%Y"', ("38415", "1.2.2005")),
        ("order: dmy, serials: true", ("1/2/05", "38415")),
        ("order: mdy, serials: true", ("31/05/2027", "38415")),
    ],
)
def test_the_advised_setting_keeps_those_that_are_there(
    tmp_path: Path, settings: str, cells: tuple[str, ...]
) -> None:
    """Set as each advice shows it, one after the other, it is all that the column needs."""
    left = [f"{{{settings}}}"]
    for _ in range(3):
        bench = Bench(tmp_path, f"birth_date: {{from: <B>, dates: {left[0]}}}", columns="B")
        problems = bench.map(*((cell,) for cell in cells)).problems
        left = [re.findall("`dates: (.+?)`", problem.to_do)[0] for problem in problems]
        if not left:
            return
    pytest.fail(str(left))


@pytest.mark.parametrize(
    ("plus", "day", "then"),
    [
        ("1 year", date(2024, 2, 29), date(2025, 2, 28)),
        ("4 years", date(2024, 2, 29), date(2028, 2, 29)),
        ("6 months", date(2026, 8, 31), date(2027, 2, 28)),
        ("14 days", date(2026, 12, 20), date(2027, 1, 3)),
        ("2 weeks", date(2026, 12, 20), date(2027, 1, 3)),
        ("end of month", date(2024, 2, 1), date(2024, 2, 29)),
        ("end of term", date(2026, 5, 15), date(2026, 6, 14)),
        ("end of term", date(2026, 5, 16), date(2026, 8, 24)),
        ("end of term", date(2026, 12, 21), date(2027, 6, 14)),
        ("9999 years", date(2026, 1, 1), date.max),
    ],
)
def test_plus_gives_a_later_date(plus: str, day: date, then: date) -> None:
    """A term's grace is added to its end; a day that does not exist becomes the last that does."""
    terms = (
        Term(ends="12-20", grace="45 days"),
        Term(ends="05-15", grace="30 days"),
        Term(ends="08-10", grace="14 days"),
    )
    assert later(day, plus, terms) == then


@given(st.dates(), st.integers(0, 9999), st.sampled_from(["days", "weeks", "months", "years"]))
def test_plus_never_goes_back(day: date, count: int, unit: str) -> None:
    """Whatever the span."""
    assert later(day, f"{count} {unit}") >= day
