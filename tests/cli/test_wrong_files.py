"""A roster that does not fit its mapping: the message names the cause before the headings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Type
from tests.pipeline.runs import MAPPINGS, SAMPLES

PATRONS, STUDENTS = "community-patrons.xlsx", "students-and-staff.xlsx"


@pytest.fixture
def office(folder: Path) -> Path:
    """A folder with both ready mappings and their samples."""
    for path in (*MAPPINGS.glob("*.yaml"), SAMPLES / PATRONS, SAMPLES / STUDENTS):
        shutil.copy(path, folder)
    return folder


def test_the_mapping_that_has_the_headings_is_named(office: Path, typed: Type) -> None:
    """The roster of students with the mapping of community patrons; its advice works."""
    got = typed("check", STUDENTS, "-m", "community.yaml")
    assert got.exit == Exit.USAGE
    assert "match the mapping `students-and-staff.yaml`" in got.err.splitlines()[0]
    assert typed("check", office / STUDENTS, "-m", "students-and-staff.yaml").exit == Exit.REJECTS


@pytest.mark.parametrize("name", ["rejects.xlsx", "rejects.csv"])
def test_rejects_belong_to_the_mapping_of_their_run(office: Path, typed: Type, name: str) -> None:
    """Another mapping is refused, and the right one is named; the right one is taken."""
    assert typed("check", PATRONS, "-m", "community.yaml", "-o", "run").exit == Exit.REJECTS
    got = typed("check", office / "run" / name, "-m", "students-and-staff.yaml")
    assert got.exit == Exit.USAGE
    assert "a run with `community.yaml`" in got.err.splitlines()[0]
    assert typed("check", office / "run" / name, "-m", "community.yaml").exit == Exit.REJECTS


@pytest.mark.usefixtures("office")
def test_a_first_row_that_is_a_person_is_not_quoted(folder: Path, typed: Type) -> None:
    """Words of the row that are usual headings make no difference."""
    (folder / "bare.csv").write_text(
        "7001,Mary,Student,Main,03/14/1990,mary@example.org,Group,Campus\n" * 2, "utf-8"
    )
    got = typed("check", "bare.csv", "-m", "community.yaml")
    assert got.exit == Exit.USAGE
    assert "`header: none`" in got.err
    assert "Mary" not in got.err
    assert "mary@" not in got.err
