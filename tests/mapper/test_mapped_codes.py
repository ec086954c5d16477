"""The codes that a mapping writes by itself, and their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.model.candidates import FieldColumn
from tests.mapper.bench import Bench

LOOKUP = "lookups: {groups: {Friend: FRIEND, Other friend: FRIEND, None yet: '?', '*': COMM}}\n"


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
    ],
)
def test_constants_and_lookups_are_mapped_codes(
    tmp_path: Path,
    rule: str,
    given: set[str],
    free: bool,  # noqa: FBT001
) -> None:
    """Whether their `when` applies or not; a cell's own text and a `?` are not among them."""
    found = target(tmp_path, rule, LOOKUP)
    assert (set(found.mapped_codes), found.from_cells) == (given, free)


def test_a_code_has_its_place(tmp_path: Path) -> None:
    """The line of the constant, or of the first key of the lookup that has it; a text has none."""
    [place] = target(tmp_path, "MAIN").mapped_codes.values()
    assert place.endswith("record.campus_code")
    places = target(tmp_path, "{from: <C>, lookup: groups}", LOOKUP).mapped_codes
    assert places["FRIEND"].endswith("lookups.groups.Friend")
    assert target(tmp_path, "Librarian", label="job_description").mapped_codes == {}
