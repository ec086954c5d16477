"""The codes that a mapping writes by itself, and their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.model.candidates import FieldColumn
from tests.mapper.bench import Bench

LOOKUP = "lookups:\n  groups:\n    Friend: FRIEND\n    Other friend: FRIEND\n    None yet: '?'\n"


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
        ("{from: <C>, lookup: groups}", {"FRIEND"}, False),
        ("{from: <C>, lookup: groups, default: <C>}", {"FRIEND"}, True),
        ("{from: MAIN, when: {C: x}, default: NORTH}", {"MAIN", "NORTH"}, False),
    ],
)
def test_constants_and_lookups_are_given(
    tmp_path: Path,
    rule: str,
    given: set[str],
    free: bool,  # noqa: FBT001
) -> None:
    """Whether their `when` applies or not; a cell's own text is not among them."""
    found = target(tmp_path, rule, LOOKUP)
    assert (set(found.mapped_codes), found.from_cells) == (given, free)


def test_everything_else_is_given(tmp_path: Path) -> None:
    """The code behind `"*"` is one of the lookup's."""
    found = target(tmp_path, "{from: <C>, lookup: groups}", LOOKUP + '    "*": COMM\n')
    assert set(found.mapped_codes) == {"FRIEND", "COMM"}


def test_a_code_has_its_place(tmp_path: Path) -> None:
    """The line of the constant, or of the first key of the lookup that has it."""
    [place] = target(tmp_path, "MAIN").mapped_codes.values()
    assert place.endswith("record.campus_code")
    [place] = target(tmp_path, "{from: <C>, lookup: groups}", LOOKUP).mapped_codes.values()
    assert place.endswith("lookups.groups.Friend")


def test_only_codes_are_given(tmp_path: Path) -> None:
    """A constant that is a text is none."""
    assert target(tmp_path, "Librarian", label="job_description").mapped_codes == {}
