"""What `bad: drop` leaves out of a row: the value, and what takes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from importer.mapper.evaluate import evaluate
from importer.model.candidates import Candidates
from importer.model.fields import NO_CODES
from importer.model.problem import Code, Problem, Severity
from importer.pipeline.check import check_candidates
from importer.validator.duplicates import find_duplicates
from tests.mapper.bench import TODAY, Bench, without_headings


def checked(mapped: Candidates) -> tuple[Candidates, Sequence[Problem]]:
    """Rows without what is left out of them, and their problems."""
    return check_candidates(mapped, NO_CODES, TODAY, creates=True)


ENDS = (
    "expiry_date: {from: <E>, bad: drop}\n"
    "purge_date: {from: [<P>, <@expiry_date>], plus: 2 years}\n"
    'job_description: "until <@expiry_date>"'
)
ROLE = "patron_role: {expiry: <@expiry_date>}"
FOLLOWERS = ["expiry_date", "purge_date", "patron_role.expiry", "job_description"]


@pytest.mark.parametrize("day", ["1985-01-01", "2150-01-01", "soon"])
def test_what_takes_a_left_out_value_is_left_out_with_it(day: str, tmp_path: Path) -> None:
    """In its row only. The one problem of the row is a warning that names what is left out."""
    bench = Bench(tmp_path, ENDS, ROLE, "E|P")
    mapped, problems = checked(bench.map((day, ""), ("2027-05-15", "")))
    assert {label: mapped.not_applicable[label] for label in FOLLOWERS} == {
        label: {2} for label in FOLLOWERS
    }
    assert mapped.texts("purge_date") == ["", "2029-05-15"]
    (problem,) = problems
    assert (problem.severity, problem.field) == (Severity.WARNING, "expiry_date")
    assert all(f"`{label}`" in problem.message for label in FOLLOWERS[1:])


def test_what_took_nothing_of_an_unread_value_stays(tmp_path: Path) -> None:
    """A cell that cannot be read gives nothing, so that a date of another cell is sent."""
    mapped, _ = checked(Bench(tmp_path, ENDS, columns="E|P").map(("soon", "2025-05-15")))
    assert mapped.texts("purge_date") == ["2027-05-15"]
    assert "purge_date" not in mapped.not_applicable


def test_what_took_a_cell_in_place_of_a_left_out_value_stays(tmp_path: Path) -> None:
    """Also where every row needs it: the date of the other cell is sent, and the row is loaded."""
    for needed in ("", ", required: true"):
        record = ENDS.replace("plus: 2 years", f"plus: 2 years{needed}")
        bench = Bench(tmp_path, record, columns="E|P")
        mapped, problems = checked(bench.map(("1985-01-01", "2027-05-15")))
        assert mapped.texts("purge_date") == ["2029-05-15"]
        assert {one.severity for one in problems} == {Severity.WARNING}
        assert "expiry_date" in mapped.not_applicable


def test_a_value_that_every_row_needs_is_not_left_out_with_another(tmp_path: Path) -> None:
    """The row is rejected, as one of which that value is wrong."""
    needed = ENDS.replace("plus: 2 years", "plus: 2 years, required: true")
    mapped, problems = checked(Bench(tmp_path, needed, columns="E|P").map(("1985-01-01", "")))
    assert Severity.REJECT in {one.severity for one in problems if one.field == "expiry_date"}
    assert not mapped.not_applicable


def test_a_purge_date_in_the_past_is_found_beside_a_left_out_expiry_date(tmp_path: Path) -> None:
    """It does not follow from it."""
    own = "expiry_date: {from: <E>, bad: drop}\npurge_date: <P>"
    bench = Bench(tmp_path, own, columns="E|P")
    _, problems = checked(bench.map(("1985-01-01", "2020-01-01")))
    assert [one.field for one in problems if one.code is Code.PURGE_PAST] == ["purge_date"]


def test_a_purge_date_in_the_past_is_found_beside_an_end_that_the_mapping_writes(
    tmp_path: Path,
) -> None:
    """Only where the expiration date rejects its row does nothing else need to be said."""
    own = "expiry_date: 1985-01-01\npurge_date: {from: <@expiry_date>, plus: 2 years}"
    _, problems = checked(Bench(tmp_path, own).map(()))
    assert [one.field for one in problems if one.code is Code.PURGE_PAST] == ["purge_date"]


@pytest.mark.parametrize("rule", ["bad: drop", ""])
def test_what_alma_takes_is_loaded(rule: str, tmp_path: Path) -> None:
    """A number without its area code may be of use: it is loaded with a warning in any case."""
    phone = (
        f"contact_info: {{phone: [{{phone_number: {{from: <N>, {rule}}}, phone_type: mobile}}]}}"
    )
    mapped, problems = checked(Bench(tmp_path, phone, columns="N").map(("abc",)))
    assert [one.severity for one in problems if one.code is Code.BAD_PHONE] == [Severity.WARNING]
    assert mapped.texts("contact_info.phone[0].phone_number") == ["abc"]


def test_only_takes_no_row_by_a_date_that_is_left_out(tmp_path: Path) -> None:
    """What cannot be read is no date after today; no problem of its own would hold the row."""
    top = "roster: {only: {<@expiry_date>: {after: <@today>}}}"
    bench = Bench(tmp_path, "expiry_date: {from: <E>, bad: drop}", top, "E")
    mapped, _ = checked(bench.map(("left",), ("2027-05-15",)))
    assert (mapped.rows, mapped.skipped) == ([3], (2,))


def test_an_id_is_repaired_whole_where_another_rule_takes_its_parts(tmp_path: Path) -> None:
    """The primary ID of known people stays what it was."""
    campus = "campus_code: {from: <N>, clean: [{split: {on: '-', take: 1}}]}"
    record = f"{campus}\nuser_identifier: [{{id_type: BARCODE, value: <N>}}]"
    bench = Bench(tmp_path, record, "ids: {N: {strip: '-'}}", "N")
    assert bench.values("user_identifier[0].value", "B-100123") == ["B100123"]


def test_a_left_out_value_is_not_compared_between_rows(tmp_path: Path) -> None:
    """A birth date that is not loaded makes no other person of the same row."""
    top = "duplicates: {same_id: keep first}"
    bench = Bench(tmp_path, "birth_date: {from: <B>, bad: drop}", top, "B")
    rows = [("1", "Ann", "Lee", day) for day in ("1850-01-01", "3000-01-01")]
    mapped, _ = checked(evaluate(bench.compiled, without_headings(rows), NO_CODES))
    assert mapped.texts("birth_date") == ["", ""]
    found = find_duplicates([(mapped, bench.mapping.duplicates)])
    assert [problem.code for problem in found] == [Code.SKIPPED_DUPLICATE]


@pytest.mark.parametrize(("day", "severity"), [("1985-01-01", "reject"), ("9999-12-31", "warning")])
def test_an_impossible_end_of_the_role_is_found_once(
    day: str, severity: str, tmp_path: Path
) -> None:
    """From a cell of its own as an expiration date is; taken from that one, only there."""
    for rule, label in (("<E>", "patron_role.expiry"), ("<@expiry_date>", "expiry_date")):
        expiry = "<E>" if label == "expiry_date" else "2027-05-15"
        role = f"patron_role: {{expiry: {rule}}}"
        mapped = Bench(tmp_path, f"expiry_date: {expiry}", role, "E").map((day,))
        _, problems = checked(mapped)
        (problem,) = (one for one in problems if one.code is Code.DATE_OUT_OF_RANGE)
        assert (problem.field, problem.severity) == (label, severity)


NAMED = "values: {d: {from: <E>, dates: mdy}}"
TAKEN = "expiry_date: {from: <$d>, bad: drop}\n"


@pytest.mark.parametrize(
    ("record", "top", "severity"),
    [
        (TAKEN, NAMED, Severity.WARNING),
        ("expiry_date: <$d>", NAMED, Severity.REJECT),
        (f"{TAKEN}purge_date: {{from: <$d>, plus: 1 year}}", NAMED, Severity.REJECT),
        (TAKEN, f"{NAMED}\nroster: {{only: {{<$d>: {{blank: true}}}}}}", Severity.REJECT),
        (f"{TAKEN}birth_date: {{when: {{<$d>: {{blank: true}}}}, from: 1990-01-01}}", NAMED,
         Severity.REJECT),
    ],
)  # fmt: skip
def test_a_named_value_is_left_out_of_the_one_field_that_takes_it(
    record: str, top: str, severity: Severity, tmp_path: Path
) -> None:
    """Where another rule or a condition takes it as well, it rejects its row."""
    mapped, problems = checked(Bench(tmp_path, record, top, "E").map(("long ago",)))
    assert [(one.severity, one.code) for one in problems] == [(severity, Code.UNPARSABLE_DATE)]
    assert ("expiry_date" in mapped.not_applicable) == (severity is Severity.WARNING)
