"""Fields that a record must have, and columns that a roster may lack (`roster.optional`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.model.fields import OnUpdate
from importer.model.problem import KNOWN, VALUE, Place, Severity
from tests.mapper.bench import BASE, RUN, Bench, lint, loaded, places, told, without_headings

ROLES = ("Student", "Guest")

EXTERNAL = """\
version: 1
account_type: EXTERNAL
owning_system: {from: <System>, lookup: systems}
record: {primary_id: <EMPL ID>, first_name: <F>, last_name: <L>, user_group: <G>}
lookups:
  systems: {Students: SIS, People: HR}
"""


def test_every_record_needs_its_four_fields(tmp_path: Path) -> None:
    """Whether the mapping says `required` or not; the problem names the column."""
    rows = [("", "Ann", "Lee"), ("2", "", ""), ("3", "Bo", "Ray")]
    candidates = evaluate(Bench(tmp_path).compiled, without_headings(rows))
    assert told(candidates.problems) == [
        (2, "missing-value", "primary_id"),
        (3, "missing-value", "first_name"),
        (3, "missing-value", "last_name"),
    ]
    assert candidates.problems[0].places == (Place("A", "ID"),)


def test_a_person_may_have_one_name(tmp_path: Path) -> None:
    """If the mapping says so, for the first name only; the last name stays required."""
    mapping = loaded(
        tmp_path,
        "version: 1\naccount_type: INTERNAL\nrecord:\n  primary_id: <ID>\n  user_group: G\n"
        "  first_name: {from: <F>, required: warn}\n  last_name: {from: <L>, required: warn}\n",
    )
    compiled = compile_mapping(mapping, places(["ID", "F", "L"]), RUN)
    candidates = evaluate(compiled, without_headings([("1", "", "Sukarno"), ("2", "Ann", "")]))
    assert [(p.field, p.severity) for p in candidates.problems] == [
        ("first_name", Severity.WARNING),
        ("last_name", Severity.REJECT),
    ]


def test_an_external_user_needs_an_empl_id_and_an_owning_system(tmp_path: Path) -> None:
    """Else the student system's load never finds the record, and Alma refuses it.

    The advice about the system names the mapping's key; its default is what it suggests.
    """
    rows = [("Students", "", "Ann", "Lee", "UGRD"), ("people", "1", "Bo", "Ray", "STAFF")]
    rows.append(("", "2", "Cy", "Ito", "STAFF"))
    used = places(["System", "EMPL ID", "F", "L", "G"])
    for text, third in ((EXTERNAL, ""), (EXTERNAL.replace("s}\n", "s, default: SIS}\n", 1), "SIS")):
        compiled = compile_mapping(loaded(tmp_path, text), used, RUN)
        found = evaluate(compiled, without_headings(rows))
        assert list(found.frame["external_id"]) == ["SIS", "HR", third]
        first, *others = found.problems
        assert told([first]) == [(2, "missing-empl-id", "primary_id")]
        assert [(one.severity, one.places) for one in others] == [
            (Severity.REJECT, (Place("A", "System"),))
        ] * (not third)
        assert all("`owning_system`" in one.to_do for one in others)
    text = EXTERNAL.replace("<System>, lookup: systems", "SIS, when: {System: Students}")
    compiled = compile_mapping(loaded(tmp_path, text), used, RUN)
    unmet = evaluate(compiled, without_headings(rows)).problems[1:]
    assert ["rule for `owning_system`" in one.message for one in unmet] == [True, True]


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("primary_id", "{when: {Role: Student}, from: <ID>}"),
        ("last_name", "{when: {Role: Student}, from: <Last>}"),
        ("user_group", "{cases: [{when: {Role: Student}, from: UGRD}]}"),
    ],
)
def test_a_required_field_stays_required_under_when(field: str, rule: str, tmp_path: Path) -> None:
    """A row for which no value results is rejected, whatever the condition says.

    The message names the column of the condition, not one that is filled in, or none.
    """
    lines = dict(line.strip().split(": ") for line in BASE.splitlines()[3:])
    lines[field] = rule
    text = BASE[: BASE.index("  primary_id")] + "".join(f"  {k}: {v}\n" for k, v in lines.items())
    headings = ("ID", "First", "Last", "Role")
    used = [name for name in headings if f"<{name}>" in text or name == "Role"]
    rows = [[{"ID": "1", "Role": role}.get(name, "x") for name in used] for role in ROLES]
    compiled = compile_mapping(loaded(tmp_path, text), places(used), RUN)
    candidates = evaluate(compiled, without_headings(rows))
    assert told(candidates.problems) == [(3, "missing-value", field)]
    (problem,) = candidates.problems
    assert [place.heading for place in problem.places] == ["Role"]
    assert "`when`" in problem.message


ERASE = "required: true, on_update: erase"


@pytest.mark.parametrize(
    ("record", "cell", "words", "others"),
    [
        (f"expiry_date: {{from: <X>, {ERASE}}}", "-", "is blank", "`when`"),
        (
            f"expiry_date: {{when: {{X: {{not: x}}}}, from: <X>, {ERASE}}}",
            "-",
            "is blank",
            "`when`",
        ),
        ("pin_number: {from: <X>, clean: [digits], required: true}", "abc", "of the cell", VALUE),
        ("password: {from: <X>, lookup: {abc: '?'}}", "abc", "the cell has no code", KNOWN),
    ],
)
def test_the_reason_of_a_blank_is_its_own(
    record: str, cell: str, words: str, others: str, tmp_path: Path
) -> None:
    """A dash is no row that a rule leaves out, and a secret is not where its text would be."""
    (problem,) = Bench(tmp_path, record, "", "X").map((cell,)).problems
    assert (problem.value, [place.heading for place in problem.places]) == ("", ["X"])
    assert words in problem.message
    assert others not in problem.message


OPTIONAL = "roster: {optional: [Middle, Email]}"


def test_other_columns_are_still_missing(tmp_path: Path) -> None:
    """Only what is listed may be missing; a list of them that no rule uses is reported."""
    with pytest.raises(MappingError, match="column `Job` is missing") as raised:
        Bench(tmp_path, "job_description: <Job>", OPTIONAL)
    assert "`optional` under `roster:`" in raised.value.findings[-1]
    bench = Bench(tmp_path, "middle_name: <Middle>", OPTIONAL)
    assert lint(bench.mapping) == ("m.yaml:9: roster.optional[1]: no rule uses a column `Email`",)


EMAILS = "contact_info: {email: [%s{email_address: <%s>, email_type: work%s}]}"
ALL = ", on_update: replace_all"
JOB = f"{{email_address: <Job>, email_type: work{ALL}}}, "
NOTE = f"user_note: [{{note_type: LIBRARY, note_text: <Middle>{ALL}}}]"
FIELD = "middle_name: {from: <Middle>, on_update: erase}"


@pytest.mark.parametrize(
    ("record", "columns", "policies"),
    [
        (FIELD, "Middle", {OnUpdate.ERASE}),
        (FIELD, "", {OnUpdate.REPLACE}),
        (NOTE, "Middle", {OnUpdate.REPLACE_ALL}),
        (NOTE, "", {OnUpdate.REPLACE}),
        (EMAILS % (JOB, "Middle", ALL), "Job", {OnUpdate.REPLACE}),
        (EMAILS % (JOB, "Email", ALL), "Job|Email", {OnUpdate.REPLACE_ALL}),
    ],
)
def test_a_missing_column_clears_nothing(
    record: str, columns: str, policies: set[OnUpdate], tmp_path: Path
) -> None:
    """Neither a field with `erase`, nor a list with `replace_all`."""
    compiled = Bench(tmp_path, record, OPTIONAL, columns).compiled
    field = compiled.layout.targets.get("middle_name")
    found = {field.on_update} if field else {one.on_update for one in compiled.entries}
    assert found == policies
