"""What `mapping new` makes of five offices' rosters, held against what people would say."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from importer.cli.app import run
from importer.errors import Exit
from importer.loader.read import read
from importer.mapper.checks import Level, findings
from importer.mapper.column_guesses import guesses
from importer.mapper.load import load
from importer.model.roster import Layout
from tests.offices.rosters import OFFICES, SAMPLES_OWED, Office
from tests.pipeline.runs import SAMPLES

ENOUGH = 0.8
"""This part of the columns must be right."""


def started(roster: Path, folder: Path, header: str = "") -> Path:
    """A first mapping for a roster, as it is typed."""
    path = folder / "first.yaml"
    more = ["--header", header] if header else []
    assert run(["mapping", "new", str(roster), "-o", str(path), *more]) == Exit.DONE
    return path


def fields_by_heading(path: Path) -> dict[str, str]:
    """By heading the fields that the mapping feeds from it, in alphabetical order."""
    mapping = load(path)
    rules = (*mapping.scalars, *(rule for entry in mapping.entries for rule in entry.fields))
    found: dict[str, set[str]] = {}
    for rule in rules:
        for heading in rule.cells:
            found.setdefault(heading, set()).add(rule.field.path)
    return {heading: " ".join(sorted(paths)) for heading, paths in found.items()}


def share_right(path: Path, owed: Mapping[str, str]) -> float:
    """Which part of the columns feeds what it is owed. None may feed anything else."""
    got = fields_by_heading(path)
    assert set(got) - {"?"} <= set(owed)
    wrong = {name: got[name] for name in got if name != "?" and got[name] != owed[name]}
    assert wrong == {}
    return sum(got.get(name, "") == fields for name, fields in owed.items()) / len(owed)


@pytest.mark.parametrize("name", OFFICES)
def test_most_columns_are_right_and_none_is_wrong(name: str, tmp_path: Path) -> None:
    """At least four of five columns; what is not known is left out, not put elsewhere."""
    office = OFFICES[name]
    path = started(office.write(tmp_path), tmp_path, office.header)
    assert share_right(path, office.owed) >= ENOUGH


@pytest.mark.parametrize("name", SAMPLES_OWED)
def test_the_samples_are_right_throughout(name: str, tmp_path: Path) -> None:
    """Every column of the three samples, the identifiers by their exact headings."""
    path = started(SAMPLES / name, tmp_path)
    assert share_right(path, SAMPLES_OWED[name]) == 1


@pytest.mark.parametrize("name", OFFICES)
def test_no_identity_is_guessed(name: str, tmp_path: Path) -> None:
    """The identifier is left as `?`, and the columns that could be it stand in a comment."""
    office = OFFICES[name]
    path = started(office.write(tmp_path), tmp_path, office.header)
    mapping = load(path)
    (rule,) = (rule for rule in mapping.scalars if rule.field.path == "primary_id")
    assert rule.cells == ("?",)
    assert not [e for e in mapping.entries if e.parent == "user_identifier"]
    comments = [line for line in path.read_text("utf-8").splitlines() if line.startswith("  #   ")]
    assert any(f'"{office.identity}"' in line for line in comments)


@pytest.mark.parametrize("name", OFFICES)
def test_sure_guesses_are_right(name: str, tmp_path: Path) -> None:
    """What a heading says is never another field than the one that is owed."""
    office = OFFICES[name]
    layout = Layout(header=tuple(map(int, office.header.split(","))) if office.header else ())
    for guess in guesses(read(office.write(tmp_path), layout)):
        if guess.sure and guess.field and "," not in guess.field and " " not in guess.field:
            owed = office.owed[guess.place.heading]
            assert owed.rpartition(".")[2].startswith(guess.field) or guess.field in owed


def finished(path: Path, office: Office) -> None:
    """Do what is to do about columns, as a person would; codes of lookups stay open."""
    text = path.read_text("utf-8")
    text = text.replace('primary_id: "<?>"', f'primary_id: "<{office.identity}>"')
    path.write_text(text.replace('user_group: "<?>"', "user_group: PUPIL"), "utf-8")


@pytest.mark.parametrize("name", OFFICES)
def test_a_finished_mapping_runs(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`mapping check` passes with to-dos alone; rows wait for codes, and are told what to do."""
    office = OFFICES[name]
    roster = office.write(tmp_path)
    path = started(roster, tmp_path, office.header)
    assert findings(load(path), Level.TO_DO, Level.HINT) == findings(load(path), Level.TO_DO) != ()
    finished(path, office)
    assert run(["mapping", "check", str(path), str(roster)]) == Exit.DONE
    open_lookups = {
        finding.split(":")[2].strip().split(".")[1] for finding in findings(load(path), Level.TO_DO)
    }
    folder = tmp_path / "run"
    code = run(["check", str(roster), "-m", str(path), "-o", str(folder)])
    assert "Traceback" not in capfd.readouterr().err
    with (folder / "problems.csv").open(encoding="utf-8-sig") as file:
        problems = list(csv.DictReader(file))
    held = {row["code"] for row in problems if row["severity"] == "reject"}
    assert held == ({"unknown-code"} if open_lookups else set())
    assert code == (Exit.ROWS_HELD if open_lookups else Exit.DONE)
    assert all("lookup" in row["message"] for row in problems if row["code"] == "unknown-code")


def test_names_with_a_comma_are_parted(tmp_path: Path) -> None:
    """`van Dyck, Jane B.` is Jane B. van Dyck."""
    path = started(OFFICES["staff"].write(tmp_path), tmp_path)
    rules = {rule.field.path: rule.rule for rule in load(path).scalars}
    taken = {
        name: [step.split.take for step in rules[name].clean if step.split]
        for name in ("first_name", "last_name")
    }
    assert taken == {"first_name": [2], "last_name": [1]}


def test_names_in_capitals_are_written_as_people_write_them(tmp_path: Path) -> None:
    """The step is proposed where the whole column shouts."""
    path = started(OFFICES["banner"].write(tmp_path), tmp_path)
    rules = {rule.field.path: rule.rule for rule in load(path).scalars}
    assert [step.word for step in rules["last_name"].clean] == ["name"]
    assert rules["middle_name"].clean == ()
