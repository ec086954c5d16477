"""What `mapping new` makes of five offices' rosters, compared with what people would say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from importer.cli.app import run
from importer.errors import Exit
from importer.loader.read import read
from importer.mapper.checks import findings
from importer.mapper.findings import Level
from importer.mapper.keys import Rule
from importer.mapper.load import load
from importer.model.roster import Layout
from tests.offices.offices import OFFICES, SAMPLES_OWED, Office
from tests.pipeline.runs import SAMPLES

of_each_office = pytest.mark.parametrize("office", OFFICES, ids=lambda office: office.name)


def first_mapping(roster: Path, folder: Path, header: tuple[int, ...] = ()) -> Path:
    """Write a first mapping for a roster, by the command."""
    path = folder / "first.yaml"
    more = ["--header", ",".join(map(str, header))] if header else []
    assert run(["mapping", "new", str(roster), "-o", str(path), *more]) == Exit.DONE
    return path


def share_right(path: Path, owed: Mapping[str, str]) -> float:
    """Return which part of the columns feeds the fields it is for. None may feed another."""
    got: dict[str, set[str]] = {}
    for rule in load(path).fields:
        for heading in set(rule.cells) - {"?"}:
            got.setdefault(heading, set()).add(rule.field.name)
    found = {heading: " ".join(sorted(names)) for heading, names in got.items()}
    assert set(found) <= set(owed)
    assert {name: fields for name, fields in found.items() if fields != owed[name]} == {}
    return sum(found.get(name, "") == fields for name, fields in owed.items()) / len(owed)


@of_each_office
def test_most_columns_are_right_and_none_is_wrong(office: Office, tmp_path: Path) -> None:
    """At least nine of ten columns; the ID is left as `?`, with its candidates in a comment.

    What is left is to do: nothing else is worth a second look.
    """
    path = first_mapping(office.write(tmp_path), tmp_path, office.header)
    assert share_right(path, office.owed) >= 0.9
    mapping = load(path)
    assert findings(mapping, Level.TO_DO, Level.HINT) == findings(mapping, Level.TO_DO) != ()
    (rule,) = (rule for rule in mapping.scalars if rule.field.path == "primary_id")
    assert rule.cells == ("?",)
    assert not [entry for entry in mapping.entries if entry.parent == "user_identifier"]
    comments = [line for line in path.read_text("utf-8").splitlines() if line.startswith("  #   ")]
    assert any(f"({office.identity})" in line for line in comments)


@pytest.mark.parametrize("name", SAMPLES_OWED)
def test_the_samples_are_right_throughout(name: str, tmp_path: Path) -> None:
    """Every column of the three samples, the IDs by their exact headings."""
    headings = [place.heading for place in read(SAMPLES / name, Layout()).places]
    owed = dict(zip(headings, SAMPLES_OWED[name].split(","), strict=True))
    assert share_right(first_mapping(SAMPLES / name, tmp_path), owed) == 1


def test_whole_names_are_split_and_capitals_are_changed(tmp_path: Path) -> None:
    """`van Dyck, Jane B.` gets a name of its own; NÚÑEZ is Núñez where the whole column shouts."""
    staff, banner = tmp_path / "staff", tmp_path / "banner"
    rules: dict[tuple[str, str], Rule] = {}
    for office, folder in ((OFFICES[1], staff), (OFFICES[0], banner)):
        folder.mkdir()
        mapping = load(first_mapping(office.write(folder), folder))
        for rule in (*mapping.scalars, *mapping.values):
            rules[office.name, rule.field.path] = rule.rule
    assert any(rule.read for (name, _), rule in rules.items() if name == "staff")
    assert rules["banner", "last_name"].clean
    assert not rules["banner", "middle_name"].clean
