"""Placeholders, templates, constants and variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.mapper.placeholders import Cell, Variable, parse
from tests.mapper.bench import Bench, told


def test_a_template_is_read_in_parts() -> None:
    """Headings and variables are parts between the text around them; `<<` is a literal `<`."""
    assert parse("a <B c>, <@today> << 3").parts == (
        "a ",
        Cell("B c"),
        ", ",
        Variable("today"),
        " < 3",
    )
    assert parse("MAIN").constant == "MAIN"
    assert parse("<A>").constant is None


@pytest.mark.parametrize("text", ["<Barcode", "a < b", "<>", "<@>", "<A<B>"])
def test_a_bracket_that_is_not_closed_or_holds_nothing_is_refused(text: str) -> None:
    """No guess is made about what was meant."""
    with pytest.raises(ValueError, match="`<"):
        parse(text)


def test_headings_are_compared_without_case_and_doubled_blanks(tmp_path: Path) -> None:
    """`<home  PHONE>` is the column `Home Phone`."""
    bench = Bench(tmp_path, "job_description: '<home  PHONE>'", columns=" Home Phone ")
    assert bench.values("job_description", "x") == ["x"]


def test_a_template_is_blank_where_all_its_cells_are(tmp_path: Path) -> None:
    """The text around blank cells is not sent by itself; one cell is enough to send it."""
    bench = Bench(tmp_path, 'job_description: "<A>, <B>"', columns="A|B")
    frame = bench.map(("", ""), ("x", ""), ("x", "y")).frame
    assert list(frame["job_description"]) == ["", "x,", "x, y"]


def test_the_run_fills_in_its_variables(tmp_path: Path) -> None:
    """`<@today>` is ISO, `<@row>` is the row as the spreadsheet program shows it."""
    bench = Bench(tmp_path, 'job_description: "<@today> <@file> <@sheet>|<@row>"')
    assert list(bench.map((), ()).frame["job_description"]) == [
        "2026-08-20 autumn.csv |2",
        "2026-08-20 autumn.csv |3",
    ]


def test_run_variables_do_not_fill_a_template_whose_cells_are_blank(tmp_path: Path) -> None:
    """`<Note> (<@today>)` without a note is blank."""
    bench = Bench(tmp_path, 'job_description: "<Note> (<@today>)"', columns="Note")
    assert bench.values("job_description", "", "x") == ["", "x (2026-08-20)"]


def test_a_field_may_be_taken_from_another_whatever_their_order(tmp_path: Path) -> None:
    """`<@purge_date>` may be above the field that it names."""
    bench = Bench(
        tmp_path,
        "birth_date: {from: <@purge_date>, plus: 1 day}\n"
        "purge_date: {from: <@expiry_date>, plus: 2 years}\nexpiry_date: <E>",
        columns="E",
    )
    frame = bench.map(("2027-01-01",), ("",)).frame
    assert list(frame["purge_date"]) == ["2029-01-01", ""]
    assert list(frame["birth_date"]) == ["2029-01-02", ""]


def test_constants_stay_as_typed(tmp_path: Path) -> None:
    """YAML's guessing is off: 07030, NO and 12:30 are text."""
    bench = Bench(tmp_path, "job_description: 07030\nweb_site_url: NO\npin_number: 12:30")
    row = bench.map(()).frame.loc[2]
    assert (row["job_description"], row["web_site_url"], row["pin_number"]) == (
        "07030",
        "NO",
        "12:30",
    )


def test_the_first_alternative_that_is_not_blank_is_taken(tmp_path: Path) -> None:
    """`from` with a list."""
    bench = Bench(tmp_path, "job_description: {from: [<A>, <B>, none]}", columns="A|B")
    frame = bench.map(("", ""), ("", "b"), ("a", "b")).frame
    assert list(frame["job_description"]) == ["none", "b", "a"]


def test_a_rule_holds_only_when_its_condition_does(tmp_path: Path) -> None:
    """Elsewhere the field is left unchanged, which differs from blank."""
    rule = "job_description: {when: {Role: [student, STAFF]}, from: <A>}"
    candidates = Bench(tmp_path, rule, columns="Role|A").map(
        ("Student", "a"), ("Guest", "b"), ("staff", "")
    )
    assert list(candidates.frame["job_description"]) == ["a", "", ""]
    assert candidates.not_applicable == {"job_description": frozenset({3})}
    assert candidates.problems == ()


def test_a_default_is_the_else_of_a_condition(tmp_path: Path) -> None:
    """It is used where `when` does not apply, and where the value is blank."""
    rule = "job_description: {when: {Role: Student}, from: <A>, default: guest}"
    candidates = Bench(tmp_path, rule, columns="Role|A").map(
        ("Student", "a"), ("Student", ""), ("Guest", "b")
    )
    assert list(candidates.frame["job_description"]) == ["a", "guest", "guest"]
    assert candidates.not_applicable == {}


def test_a_default_is_used_only_where_everything_before_is_blank(tmp_path: Path) -> None:
    """It may be a rule; its own `when` decides whether the default behind it is next."""
    rule = (
        "job_description: {from: <A>, default: "
        "{when: {Role: Student}, from: pupil, default: person}}"
    )
    frame = (
        Bench(tmp_path, rule, columns="Role|A")
        .map(("Student", ""), ("Guest", ""), ("Guest", "a"))
        .frame
    )
    assert list(frame["job_description"]) == ["pupil", "person", "a"]


def test_a_cell_that_could_not_be_read_is_not_a_blank(tmp_path: Path) -> None:
    """A wrong date is never replaced by the default."""
    rule = "expiry_date: {from: <E>, default: {from: <@today>, plus: 1 year}, required: true}"
    candidates = Bench(tmp_path, rule, columns="E").map(("soon",), ("",))
    assert list(candidates.frame["expiry_date"]) == ["", "2027-08-20"]
    assert told(candidates.problems) == [(2, "unparsable-date", "expiry_date")]


def test_only_takes_the_rows_that_are_wanted(tmp_path: Path) -> None:
    """The others are counted as skipped, and have no problems."""
    bench = Bench(
        tmp_path, "expiry_date: <E>", "roster: {only: {Status: [active, New]}}", "Status|E"
    )
    candidates = bench.map(("Active", ""), ("Old", "x"), (" new", ""), ("", "x"))
    assert list(candidates.frame.index) == [2, 4]
    assert candidates.skipped == (3, 5)
    assert candidates.problems == ()
