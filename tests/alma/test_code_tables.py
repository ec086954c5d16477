"""The saved code tables: a file that people can read, edit and share."""

from __future__ import annotations

import json
import stat
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.advice import Choice, Do
from importer.alma.code_tables import CAMPUSES, LIBRARIES, TABLES, read_file, write_file
from importer.errors import UsageError
from importer.model.fields import FIELDS, CodeRow, CodeTables

TODAY = date(2026, 8, 20)
GROUPS = (CodeRow("01", "One"), CodeRow("COMM", "Community"), CodeRow("OLD", "Alt", enabled=False))
SAVED = CodeTables({"UserGroups": GROUPS}, "01EX_INST", TODAY)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
rows = st.lists(
    st.builds(CodeRow, names, names, st.booleans()), max_size=5, unique_by=lambda row: row.code
)


def test_the_tables_are_those_of_the_record() -> None:
    """Each table that a field refers to is fetched, campuses excepted, and the libraries."""
    named = {field.facts.table for field in FIELDS.values() if field.facts.table}
    assert set(TABLES) == (named - {CAMPUSES}) | {LIBRARIES}
    assert "UserGroups" in TABLES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, rows, max_size=4), names)
def test_what_is_written_is_read(
    tmp_path: Path, tables: dict[str, list[CodeRow]], institution: str
) -> None:
    """Every table comes back, its rows in the order of their codes."""
    path = tmp_path / "codes.json"
    path.unlink(missing_ok=True)
    written = {name: tuple(sorted(rows, key=lambda row: row.code)) for name, rows in tables.items()}
    write_file(path, CodeTables(written, institution, TODAY))
    assert read_file(path) == CodeTables(written, institution, TODAY)


def test_the_file_is_made_for_people(tmp_path: Path) -> None:
    """Indented, sorted, codes as text, a line per code, no value escaped; and private."""
    path = tmp_path / "new" / "codes.json"
    write_file(path, SAVED)
    lines = path.read_text("utf-8").splitlines()
    assert '      "01": "One",' in lines
    assert path.read_bytes().endswith(b"}\n")
    assert [entry.name for entry in path.parent.iterdir()] == ["codes.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_campuses_written_by_hand_are_kept(tmp_path: Path) -> None:
    """Nor does a fetch lose codes of a table that Alma does not give; another institution's go."""
    path = tmp_path / "codes.json"
    tables = {CAMPUSES: {"MAIN": "Main"}, "UserTitles": {"DR": "Dr."}, "Gone": {"A": "B"}}
    path.write_text(json.dumps({"tables": tables}))
    write_file(path, SAVED)
    kept = read_file(path)
    by_hand = {CAMPUSES: (CodeRow("MAIN", "Main"),), "UserTitles": (CodeRow("DR", "Dr."),)}
    assert kept.tables == {**by_hand, "UserGroups": GROUPS}
    write_file(path, CodeTables({CAMPUSES: ()}, "01EX_INST", TODAY))
    assert read_file(path).tables[CAMPUSES] == ()
    write_file(path, kept)
    write_file(path, CodeTables({}, "02OTHER", TODAY))
    assert CAMPUSES not in read_file(path).tables


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1"),
        ('{\n"tables": {\n"UserGroups": {"A": "B" "C": "D"}}}', "line 3"),
        ("[]", "tables"),
        ('{"tables": []}', "tables"),
        ('{"tables": {}, "table": {}}', "table"),
        ('{"tables": {"UserGroups": ["COMM"]}}', "UserGroups"),
        ('{"tables": {"UserGroups": {"COMM": 1}}}', "UserGroups: COMM"),
        ('{"tables": {"UserGroups": {"COMM": {"description": "x"}}}}', "UserGroups: COMM"),
        ('{"tables": {"UserGroups": {"COMM": "a", "COMM": "b"}}}', "COMM"),
        ('{"tables": {}, "institution": 1}', "institution"),
        ('{"tables": {}, "fetched": "20 August"}', "fetched"),
        ('{"tables": {}, "fetched": 20260820}', "fetched"),
    ],
)
def test_a_wrong_file_is_one_sentence_with_its_place(tmp_path: Path, text: str, where: str) -> None:
    """The file, the place in it, and what to do. It is not overwritten."""
    path = tmp_path / "codes.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert where in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="delete the file"):
        write_file(path, SAVED)
    assert path.read_text() == text


def test_no_file_and_no_text_are_said(tmp_path: Path) -> None:
    """A missing file says how to get one; a folder or a picture is not a file of text."""
    with pytest.raises(UsageError, match="no code tables") as caught:
        read_file(tmp_path / "none.json")
    assert caught.value.advice == (Choice(Do.FETCH_CODES),)
    with pytest.raises(UsageError):
        read_file(tmp_path)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\xff")
    with pytest.raises(UsageError):
        read_file(picture)
    with pytest.raises(UsageError):
        write_file(picture / "codes.json", SAVED)
