"""Converters that libraries run as programs, as mappings: each gives the records that are expected.

`tests/converters` has a folder for each: the mapping, a roster of invented people and, where the
rules are few enough to be seen, the records as `row path = text`. The rules of the others are in
`programs_of_libraries`, which computes the records of that roster and of every combination of
cells. The programs' own defects are not repeated: dates of the row above, legal values of other
rows, an email `x`, countries in words.

Three of the folders have a profile of Ex Libris' CSV User Loader instead of a mapping, which is
imported. Its defects are not copied either: it fails without a phone, gives an email the type of a
blank one before it, and leaves entries that are nothing but a type.
"""

from __future__ import annotations

import csv
import re
import shutil
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from importer.mapper.checks import findings
from importer.mapper.findings import Level
from importer.model.fields import NO_CODES, fields_of
from importer.model.plan import Fate
from importer.pipeline.check import validate
from importer.pipeline.decisions import decide_fates
from importer.pipeline.inputs import MappedRoster, RosterRequest, read_inputs
from importer.planner.merge import new_user
from importer.suggest.user_loader_profile import read_profile, to_mapping
from tests.converters.programs_of_libraries import PROGRAMS, Program

FOLDER = Path(__file__).parents[1] / "converters"
FOLDERS = sorted(path.parent for path in FOLDER.glob("*/roster.csv"))
ADDED = re.compile(r"(record_type|account_type|external_id|.*\.(segment_type|preferred))")
"""What an importer adds to a record by itself."""


def _inputs(folder: Path) -> MappedRoster:
    """Return the mapped roster of a folder."""
    mapping = folder / "mapping.yaml"
    if (profile := folder / "profile.json").exists():
        mapping.write_text(to_mapping(read_profile(profile)), "utf-8")
    request = RosterRequest(folder / "roster.csv", mapping)
    return read_inputs(request, NO_CODES, date(2026, 8, 20))


def _result(mapped: MappedRoster) -> tuple[dict[int, Fate], dict[int, dict[str, str]]]:
    """Return the fate of each row, and the records of those that are ready."""
    checked = validate((mapped,))
    fates = decide_fates(mapped.rows(), checked.problems, answers={}, only_new=()).fates
    ready = [row for row, fate in fates.items() if fate is Fate.READY]
    records = {one.row: dict(fields_of(new_user(one))) for one in checked.drafts(ready, {})}
    return dict(fates), records


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_converter_is_a_mapping(folder: Path, tmp_path: Path) -> None:
    """Its mapping has no findings, and gives the records that were written down by hand."""
    mapped = _inputs(Path(shutil.copytree(folder, tmp_path / folder.name)))
    assert findings(mapped.mapping, Level.TO_DO, Level.HINT) == ()
    if folder.name not in PROGRAMS:
        fates, records = _result(mapped)
        lines = [f"{row} {fate}" for row, fate in fates.items() if fate is not Fate.READY]
        lines += [
            f"{n} {path} = {text}" for n, one in records.items() for path, text in one.items()
        ]
        expected = folder / "expected.txt"
        assert sorted(lines) == sorted(expected.read_text("utf-8").splitlines())


def _rows(program: Program, roster: Path) -> list[dict[str, str]]:
    """Return the rows of a roster, and one for every combination of the program's cells."""
    headings = [chr(65 + at) for at in range(8)]
    with roster.open(encoding="utf-8", newline="") as file:
        if "A" in program.each:
            rows = [*csv.DictReader(file, headings, delimiter="|")]
        else:
            rows = [*csv.DictReader(file)]
    headings = list(rows[0])
    for number, cells in enumerate(product(*program.choices.values()), 101):
        row = {**dict(zip(program.choices, cells, strict=True)), **program.each}
        name = "L" + "".join(chr(97 + int(digit)) for digit in str(number))
        rows.append({key: row.get(key, "").format(n=number, name=name) for key in headings})
    return rows


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_mapping_does_what_the_program_does(name: str, tmp_path: Path) -> None:
    """In every row: the program's record, field by field, or its fate."""
    shutil.copytree(FOLDER / name, tmp_path, dirs_exist_ok=True)
    program, roster = PROGRAMS[name], tmp_path / "roster.csv"
    rows, bare = _rows(program, roster), "A" in program.each
    with roster.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="|" if bare else ",")
        if not bare:
            writer.writeheader()
        writer.writerows(rows)
    fates, records = _result(_inputs(tmp_path))
    for number, row in enumerate(rows, 1 if bare else 2):
        found: object = str(fates[number])
        if number in records:
            shown = {
                re.sub(r"^(user_statistic\[.*\])\.segment_type$", r"\1", path): text
                for path, text in records[number].items()
            }
            found = {
                path: "" if path.endswith("]") else text
                for path, text in shown.items()
                if not ADDED.fullmatch(path)
            }
        assert found == program.rules(row), (number, row)


def test_most_of_the_converters_are_there() -> None:
    """Thirteen programs, and the Cloud App with a profile of each of its three types."""
    assert len(FOLDERS) == 16
