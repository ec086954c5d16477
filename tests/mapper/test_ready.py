"""The ready mappings: right in themselves, and made for the columns that the samples have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.load import load
from importer.model.problem import Problem
from tests.mapper.bench import RUN, lint, places, told, without_headings

FOLDER = Path(__file__).parents[2] / "mappings"
STUDENTS = {
    "EMPL ID": "12345", "First Name": "ANN", "Middle Name": "", "Last Name": "MCKAY",
    "Preferred First Name": "Annie", "Role": "Undergraduate", "Email": "",
    "Campus Email": "ann@example.org", "Phone": "", "Address": "", "City": "", "State": "",
    "ZIP": "", "Birth Date": "2001-05-06", "Card Barcode": "20001234567890", "Campus": "Main",
    "Expiration Date": "",
}  # fmt: skip


def mapped(name: str, row: Mapping[str, str]) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """The values that are not blank, and the problems, of one row."""
    compiled = compile_mapping(load(FOLDER / name), places([*row]), RUN)
    assert compiled.notices == ()
    candidates = evaluate(compiled, without_headings([tuple(row.values())]))
    values = zip(candidates.frame.columns, candidates.frame.to_numpy().tolist()[0], strict=True)
    return {label: value for label, value in values if value}, candidates.problems


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.name)
def test_a_ready_mapping_leaves_nothing_to_do(path: Path) -> None:
    """It loads, has no hints, and names its schema for editors."""
    assert lint(load(path)) == ()
    schema = "../" * (len(path.relative_to(FOLDER).parts) - 1) + "mapping.schema.json"
    assert path.read_text("utf-8").startswith(f"# yaml-language-server: $schema={schema}\n")


@pytest.mark.parametrize(
    ("role", "group", "expiry"),
    [("Undergraduate", "UGRD", "2027-02-03"), ("staff", "STAFF", "2027-08-20")],
)
def test_a_student_and_a_member_of_staff(role: str, group: str, expiry: str) -> None:
    """Students expire with the term and its grace, everybody else in a year."""
    values, problems = mapped("students-and-staff.yaml", STUDENTS | {"Role": role})
    assert values["primary_id"] == "0012345"
    assert values["external_id"] == "SIS"
    assert (values["first_name"], values["last_name"]) == ("Ann", "McKay")
    assert (values["user_group"], values["expiry_date"]) == (group, expiry)
    assert values["user_identifier[0].id_type"] == "BARCODE"
    assert not any(label.startswith("contact_info.address") for label in values)
    assert told(problems) == [(2, "zeros-restored", "primary_id")]


def test_heavier_groups_win_over_lighter_ones() -> None:
    """Faculty before staff before students."""
    weights = load(FOLDER / "students-and-staff.yaml").duplicates.weights
    heaviest = sorted(weights, key=lambda group: -weights[group])
    assert heaviest == ["FACULTY", "STAFF", "GRAD", "UGRD"]
