"""Messages that lead on: a mistake is named where it is, with what to do."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.model.roster import ADDED, DECISION
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, codes, write

CY = ("2003", "Cy", "Lee", "FRIEND", "1970-05-06", "cy@example.org", "")
TWIN = ("2009", *ANA[1:])
"""The same person as `ANA` under another ID: both rows need review."""

CHECK = ("check", "people.csv", "-m", "small.yaml", "-o", "run")


def decided(folder: Path, text: str) -> Path:
    """The rejects of a run, with this Decision in every row."""
    path = folder / "run" / "rejects.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    at = rows[0].index(DECISION)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [rows[0], *([*row[:at], text, *row[at + 1 :]] for row in rows[1:])]
        )
    return path


def test_a_decision_that_is_no_choice_is_named_with_its_row(folder: Path, typed: Type) -> None:
    """`check` reports it for each row, with the word; one of the list is no problem."""
    write(folder, ANA, TWIN)
    typed(*CHECK)
    found = typed("check", decided(folder, "yes, same"), "-m", "small.yaml", "-o", "again")
    wrong = [row for row, code in codes(folder, "again") if code == "unclear-decision"]
    assert (found.exit, wrong) == (Exit.REJECTS, ["2", "3"])
    assert "yes, same" in found.err
    typed("check", decided(folder, "do not load"), "-m", "small.yaml", "-o", "third")
    assert "unclear-decision" not in {code for _, code in codes(folder, "third")}


def test_resolve_names_the_decision_that_is_no_choice(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """With the row and the word; what may be private in it is not shown."""
    write(folder, ANA, TWIN)
    typed("plan", *CHECK[1:])
    found = typed("resolve", "run", "--from", decided(folder, "yes, same"))
    assert "Row 2: its Decision “yes, same” is not one of the choices" in found.err
    found = typed("resolve", "run", "--from", decided(folder, "ana@example.org"))
    assert "ana@" not in found.err


@pytest.mark.parametrize("kept", [0, 1])
def test_deleted_columns_of_a_rejects_file_are_noticed(
    folder: Path, typed: Type, kept: int
) -> None:
    """Without them rows are numbered anew and Decisions are lost: the notice says both."""
    write(folder, BO, ANA, TWIN)
    typed(*CHECK)
    path = folder / "run" / "rejects.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    at = rows[0].index(ADDED[0])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*row[: at + kept], *row[at + len(ADDED) :]] for row in rows)
    typed("check", path, "-m", "small.yaml", "-o", "again")
    assert ("0", "read-with-notice") in codes(folder, "again")


def test_without_a_mapping_the_message_names_how_to_get_one(folder: Path, typed: Type) -> None:
    """A ready one, or a first one for the roster."""
    write(folder, ANA)
    got = typed("check", "people.csv")
    assert got.exit == Exit.USAGE
    assert "`importer mapping ready`" in got.err
    assert "`importer mapping new " in got.err


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_file_with_headings_only_stops_with_one_sentence(
    folder: Path, typed: Type, sandbox: Sandbox, command: str
) -> None:
    """Exit code 4, and no run folder is left."""
    write(folder)
    got = typed(command, *CHECK[1:])
    assert (got.exit, got.err.count("headings but no rows")) == (Exit.ROSTER, 1)
    assert not (folder / "run").exists()


def test_rounded_numbers_of_several_people_are_lost_digits_and_no_duplicates(
    folder: Path, typed: Type
) -> None:
    """`2.00011E+13`, saved and opened again, is the same number for everybody."""
    rounded = [("20001100000000", *person[1:]) for person in (ANA, BO, CY)]
    write(folder, *rounded, ("20001123450011", "Di", "Kim", *BO[3:]))
    typed(*CHECK)
    found = codes(folder, "run")
    assert [one for one in found if one[0] in {"2", "3", "4"}] == [
        (row, "id-lost-digits") for row in ("2", "3", "4")
    ]


def test_one_person_twice_with_a_round_number_is_a_duplicate(folder: Path, typed: Type) -> None:
    """Nothing shows that the number was rounded."""
    write(folder, *[("20001100000000", *ANA[1:])] * 2)
    typed(*CHECK)
    found = {code for _, code in codes(folder, "run")}
    assert "id-lost-digits" not in found
