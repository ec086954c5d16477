"""Lookups, codes as Alma has them and as a mapping writes them, and flags."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from importer.mapper.placeholders import TO_CHOOSE
from importer.model.candidates import FieldColumn
from importer.model.fields import CodeRow, CodeTables
from importer.model.problem import KNOWN, VALUE
from tests.mapper.bench import Bench, findings, mapping_text, told

GROUPS = "lookups:\n  groups: {Community: COMM, Friends of  the Library: FRIEND}"
RULE = "campus_code: {from: <T>, lookup: groups}"


def test_a_value_that_is_not_listed_rejects_the_row(tmp_path: Path) -> None:
    """The advice has the nearest keys with their codes, and is equal for equal causes."""
    candidates = Bench(tmp_path, RULE, GROUPS, "T").map(("Comunity",), ("Zebra",), ("comunity",))
    assert told(candidates.problems) == [(row, "unknown-code", "campus_code") for row in (2, 3, 4)]
    advices = [problem.to_do for problem in candidates.problems]
    assert advices[0] == advices[2] != advices[1]
    assert "Community (COMM)" in advices[0]
    assert "Community" not in advices[1]


def test_only_a_slip_of_a_key_is_shown(tmp_path: Path) -> None:
    """What merely resembles a key may be a surname from a cell beside it; it is still advised."""
    lookups = f"lookups:\n  groups: {{Staff: STAFF, Faculty: FAC, Chosen: '{TO_CHOOSE}'}}"
    texts = ("Staf", "staff s", "Facutly", "fac", "CHOSEN", "Stafford", "Facultyson", "Zebra")
    candidates = Bench(tmp_path, RULE, lookups, "T").map(*((text,) for text in texts))
    shown = [problem.value for problem in candidates.problems if KNOWN in problem.message]
    assert shown == ["staff s", "Facutly", "fac", "CHOSEN"]
    (stafford,) = (problem for problem in candidates.problems if problem.value == "Stafford")
    assert "Staff (STAFF)" in stafford.to_do


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("<T>, lookup: g", "a code"),
        ("<T>, lookup: g, default: <U>", "a code"),
        ("<T>, clean: [{unless: [Student]}]", "clean"),
        ("<T>, clean: [{extract: 'H.*'}], lookup: g", "clean"),
        ("<$v>", "clean"),
        ("<$v>, lookup: g", "clean"),
    ],
)
def test_a_value_that_a_rule_empties_is_not_called_blank(
    rule: str, key: str, tmp_path: Path
) -> None:
    """Where it is needed, it is shown, and the advice leads to what empties it."""
    needed = f"campus_code: {{from: {rule}, required: true}}"
    typed = "contact_info: {phone: [{phone_number: <P>, phone_type: {from: <T>, lookup: g}}]}"
    lookups = 'lookups: {g: {Home: home, Student: ""}}\nvalues: {v: {from: <T>, clean: [digits]}}'
    bench = Bench(tmp_path, f"{needed}\n{typed}", lookups, "T|U|P")
    problems = bench.map(("Student", "", "1"), ("", "", "")).problems
    assert told(problems) == [
        (2, "missing-value", "campus_code"),
        (2, "missing-value", "contact_info.phone[0].phone_type"),
        (3, "missing-value", "campus_code"),
    ]
    assert [(VALUE in p.message, p.value, key in p.to_do) for p in problems] == [
        (True, "Student", True),
        (True, "Student", key == "a code"),
        (False, "", False),
    ]


def test_a_lookup_may_be_a_file_beside_the_mapping(tmp_path: Path) -> None:
    """Its hash is part of the mapping's. What the file contains is in no message."""
    table = tmp_path / "groups.csv"
    table.write_text("\ufeffType,Code\nCommunity,COMM\n", "utf-8")
    rule = "campus_code: {from: <T>, lookup: {file: groups.csv, key: type, value: Code}}"
    bench = Bench(tmp_path, rule, columns="T")
    assert bench.values("campus_code", "community") == ["COMM"]
    table.write_text("Type,Code\nCommunity,OTHER\n", "utf-8")
    assert Bench(tmp_path, rule, columns="T").mapping.sha256 != bench.mapping.sha256
    table.write_text("Type,Kode\n", "utf-8")
    (wrong,) = findings(tmp_path, mapping_text(rule))
    assert wrong.startswith("m.yaml:8: record.campus_code.lookup: ")
    assert "`Code`" in wrong
    assert "kode" not in wrong.lower()
    table.write_text("Type;Code\nSecret;A\n", "utf-8")
    (wrong,) = findings(tmp_path, mapping_text(rule))
    assert "`;`" in wrong
    table.write_text("Type,Code\nSecret,A\nsecret,B\n", "utf-8")
    (wrong,) = findings(tmp_path, mapping_text(rule))
    assert "secret" not in wrong.lower()


def test_ids_in_a_file_are_repaired_as_those_of_the_column(tmp_path: Path) -> None:
    """A spreadsheet program takes the zeros of both; also where the column only decides.

    Words of a condition are compared with the cells as they are. Of two codes for one ID, that of
    the ID as it should be is taken; if neither is, the row is rejected.
    """
    rows = "No,Dept\n12-3,LAW\n4567,ART\n000009,BIO\n9,ART\n8,ART\n08,BIO\n*,OTHER\n"
    (tmp_path / "staff.csv").write_text(rows, "utf-8")
    file = "{file: staff.csv, key: No"
    record = (
        f"job_description: {{from: <Card>, lookup: {file}, value: Dept}}}}\n"
        f"job_category: {{from: <Card>, clean: [{{last: 4}}], lookup: {file}, value: Dept}}}}\n"
        f"campus_code: {{when: {{Clerk: {{not: {{in: {file}}}}}}}}}, from: OTHER}}\n"
        "gender: {from: <Card>, lookup: staff}\n"
        "web_site_url: {from: <$card>, lookup: staff}\n"
        "pin_number: {when: {Clerk: ['4568']}, from: OTHER}"
    )
    top = f"lookups: {{staff: {file}, value: Dept}}}}\nvalues: {{card: <Card>}}\n"
    ids = ", ".join(f"{one}: {{digits: 6, pad: true, strip: '-'}}" for one in ("Card", "Clerk"))
    bench = Bench(tmp_path, record, f"{top}ids: {{{ids}}}", "Card|Clerk")
    found = bench.map(("000123", "123"), ("994567", "4568"), ("9", "9"), ("000008", "8"))
    for label in ("job_description", "gender", "web_site_url"):
        assert list(found.frame[label]) == ["LAW", "OTHER", "BIO", ""]
        assert (5, "unknown-code", label) in told(found.problems)
    assert list(found.frame["job_category"]) == ["OTHER", "ART", "OTHER", "OTHER"]
    assert list(found.frame["campus_code"]) == ["", "OTHER", "", ""]
    assert list(found.frame["pin_number"]) == ["", "OTHER", "", ""]


@pytest.mark.parametrize(
    "name",
    ["../groups.csv", "/etc/passwd", ".env", "folder", "pipe", "link.csv", "a\0b", "x" * 300],
)
def test_a_lookup_is_an_ordinary_file_beside_the_mapping(name: str, tmp_path: Path) -> None:
    """No hidden file, no other folder, no pipe; the finding quotes nothing of what is there."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in (tmp_path / "groups.csv", folder / ".env"):
        path.write_text("Key,Code\nsecret,1\n", "utf-8")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "link.csv").symlink_to(tmp_path / "groups.csv")
    rule = (
        f"campus_code: {{from: <T>, lookup: {{file: {json.dumps(name)}, key: Key, value: Code}}}}"
    )
    (wrong,) = findings(folder, mapping_text(rule))
    assert wrong.startswith("m.yaml:8: record.campus_code.lookup: ")
    assert "secret" not in wrong


def test_a_code_in_the_wrong_case_is_written_as_alma_has_it(tmp_path: Path) -> None:
    """Only where one enabled code differs in nothing but case; one with a blank keeps it."""
    known = (CodeRow(code, enabled=code != "Old") for code in ("MAIN", "Old", "ab", "AB", "A B"))
    codes = CodeTables({"Campuses": (*known,)})
    cells = ("main", "MAIN", "OLD", "Ab", "ma in", "X", "A B")
    candidates = Bench(tmp_path, "campus_code: <C>", columns="C").map(
        *((cell,) for cell in cells), codes=codes
    )
    written = ["MAIN", "MAIN", "OLD", "Ab", "MAIN", "X", "A B"]
    assert list(candidates.frame["campus_code"]) == written
    assert told(candidates.problems) == [
        (2, "wrong-case-code", "campus_code"),
        (6, "wrong-case-code", "campus_code"),
    ]
    assert candidates.problems[0].value == "main"


@pytest.mark.parametrize(("rest", "weight"), [("", None), (', "*": 3', 3)])
def test_the_heaviest_row_is_known_by_the_weights_of_a_lookup(
    tmp_path: Path, rest: str, weight: int | None
) -> None:
    """`keep heaviest` resolves its lookup to numbers by group, and to one for all others."""
    top = "duplicates: {same_id: {keep heaviest: w}}\n"
    top += f"lookups: {{w: {{Staff: 2, UGRD: 1{rest}}}}}"
    duplicates = Bench(tmp_path, top=top).mapping.duplicates
    assert (duplicates.same_id, duplicates.other_weight) == ("keep heaviest", weight)
    assert [*map(duplicates.weight, ("staff", "STAFF", "UGRD", "FAC"))] == [2, 2, 1, weight]


LOOKUP = "lookups: {groups: {Friend: FRIEND, Other friend: FRIEND, None yet: '?', '*': COMM}}\n"
VALUES = (
    "values: {v: {from: <C>, default: Friend}, w: <$v>, looked_up: {from: <$w>, lookup: groups}}"
)


def target(folder: Path, rule: str, top: str = "", label: str = "campus_code") -> FieldColumn:
    """The target of a rule for the campus, where the roster has a column `C`."""
    return Bench(folder, f"{label}: {rule}", top, "C").compiled.layout.targets[label]


@pytest.mark.parametrize(
    ("rule", "given", "free"),
    [
        ("MAIN", {"MAIN"}, False),
        ("<C>", set(), True),
        ("{from: [<C>, MAIN]}", {"MAIN"}, True),
        ("{from: <C>, default: MAIN}", {"MAIN"}, True),
        ("{from: main, clean: [upper]}", {"MAIN"}, False),
        ("{from: <C>, lookup: groups}", {"FRIEND", "COMM"}, False),
        ("{from: <C>, lookup: groups, default: <C>}", {"FRIEND", "COMM"}, True),
        ("{from: MAIN, when: {C: x}, default: NORTH}", {"MAIN", "NORTH"}, False),
        ("<$v>", {"Friend"}, True),
        ("{from: <$v>, lookup: groups}", {"FRIEND", "COMM"}, False),
        ("{from: <$w>, lookup: groups}", {"FRIEND", "COMM"}, False),
        ("{from: <$looked_up>}", {"FRIEND", "COMM"}, False),
        ("{cases: [{when: {C: x}, from: Friend}, <C>], lookup: groups}", {"FRIEND", "COMM"}, False),
        ("{from: [<C>, NORTH], lookup: {Main: MAIN, '*': same}}", {"MAIN", "NORTH"}, True),
        ("{from: <C>, lookup: {None: ''}, default: MAIN}", {"MAIN"}, False),
    ],
)
def test_constants_and_lookups_are_mapped_codes(
    tmp_path: Path,
    rule: str,
    given: set[str],
    free: bool,  # noqa: FBT001
) -> None:
    """Whether their `when` applies or not; a cell's own text and a `?` are not among them.

    What a case or a named value gives counts as the lookup behind it leaves it: else a group that
    nobody gets would be expected, and none would be foreign.
    """
    found = target(tmp_path, rule, LOOKUP + VALUES)
    assert (set(found.mapped_codes), found.from_cells) == (given, free)


def test_a_code_has_its_place(tmp_path: Path) -> None:
    """The line of the constant, or of the first key of the lookup that has it; a text has none."""
    [place] = target(tmp_path, "MAIN").mapped_codes.values()
    assert place.endswith("record.campus_code")
    places = target(tmp_path, "{from: <C>, lookup: groups}", LOOKUP).mapped_codes
    assert places["FRIEND"].endswith("lookups.groups.Friend")
    assert target(tmp_path, "Librarian", label="job_description").mapped_codes == {}
