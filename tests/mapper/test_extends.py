"""A mapping that extends another."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import MappingError
from tests.mapper.bench import BASE, findings, loaded

BELOW = BASE + (
    "  middle_name: <Middle>\n  campus_code: {from: <Campus>, lookup: campuses}\n"
    "ids: {ID: {digits: 7, pad: true}}\nlookups: {campuses: {Main: MAIN, North: NORTH}}\n"
    "match: {new: skip, known: update}\n"
)


def test_parts_are_overridden_and_the_rest_stays(tmp_path: Path) -> None:
    """Lookups and settings key by key, rules whole; nothing behind a key takes it away."""
    loaded(tmp_path, BELOW, "base.yaml")
    mapping = loaded(
        tmp_path,
        "extends: base.yaml\nname: north\nrecord:\n  middle_name:\n  campus_code: <Campus>\n"
        "  last_name: {from: <Last>, clean: [name]}\nids: {ID: {pattern: x}}\n"
        "lookups: {campuses: {South: SOUTH}}\nmatch: {known: skip}\n",
    )
    rules = {rule.field.path: rule for rule in mapping.scalars}
    assert "middle_name" not in rules
    assert rules["campus_code"].lookup is None
    assert [step.key for step in rules["last_name"].rule.steps] == ["from", "clean"]
    assert rules["first_name"].rule.templates[0].text == "<First>"
    assert set(mapping.tables["campuses"].codes) == {"main", "north", "south"}
    assert (mapping.file.match.new, mapping.file.match.known) == ("skip", "skip")
    assert mapping.file.ids["ID"].pad is False
    assert mapping.name == "north"


def test_keys_that_are_headings_or_words_are_found_without_case(tmp_path: Path) -> None:
    """The top's rule of a column, its spellings and its codes come in place of the base's."""
    text = BELOW.replace("ids: {ID:", "headings: {ID: [Number]}\nids: {ID:")
    loaded(tmp_path, text, "base.yaml")
    top = "extends: base.yaml\nids: {Id: {digits: 8}}\nheadings: {id: [No]}\n"
    mapping = loaded(tmp_path, top + "lookups: {campuses: {main: CENTER, NORTH: }}\n")
    rule = mapping.file.id_rule("ID")
    assert rule is not None
    assert (rule.digits, rule.pad) == (8, False)
    assert [*mapping.file.headings.values()] == [("No",)]
    assert mapping.tables["campuses"].codes == {"main": "CENTER"}


def test_a_lookup_in_a_file_and_a_table_replace_one_another(tmp_path: Path) -> None:
    """The keys of a file are no words; those of one file are laid over those of another."""
    (tmp_path / "a.csv").write_text("Name,Code\nmain,A\n", "utf-8")
    loaded(tmp_path, BELOW, "base.yaml")
    text = "extends: base.yaml\nlookups: {campuses: {file: a.csv, key: Name, value: Code}}\n"
    assert loaded(tmp_path, text, "mid.yaml").tables["campuses"].codes == {"main": "A"}
    for over, code in (("value: Name", "main"), ("Main: MAIN", "MAIN")):
        top = loaded(tmp_path, f"extends: mid.yaml\nlookups: {{campuses: {{{over}}}}}\n")
        assert top.tables["campuses"].codes == {"main": code}


def test_words_that_differ_in_case_alone_are_found(tmp_path: Path) -> None:
    """Two of the top for one of the base, of which the last may be removed."""
    loaded(tmp_path, BELOW, "base.yaml")
    top = "extends: base.yaml\nlookups: {campuses: {"
    assert findings(tmp_path, f"{top}Main: A, MAIN: B}}}}\n")
    mapping = loaded(tmp_path, f"{top}Main: A, main: }}}}\n")
    assert mapping.tables["campuses"].codes["main"] == "A"


def test_the_base_is_part_of_the_mapping(tmp_path: Path) -> None:
    """A change of it is a change of the mapping; a finding in it names its file and line.

    A lookup's file is beside the mapping that is loaded, wherever the base is.
    """
    loaded(tmp_path, BELOW, "base.yaml")
    before = loaded(tmp_path, "extends: base.yaml\n").sha256
    loaded(tmp_path, BELOW.replace("NORTH", "UP"), "base.yaml")
    assert loaded(tmp_path, "extends: base.yaml\n").sha256 != before
    file = BELOW.replace("lookup: campuses", "lookup: {file: a.csv, key: A, value: B}")
    for text, words in (
        (BELOW.replace("campuses}", "campus}"), "`campus`"),
        (file, "beside m.yaml"),
    ):
        (tmp_path / "base.yaml").write_text(text, "utf-8")
        (found,) = findings(tmp_path, "extends: base.yaml\n")
        assert found.startswith("base.yaml:9: record.campus_code.lookup: ")
        assert words in found


def test_a_circle_is_refused(tmp_path: Path) -> None:
    """Two mappings that extend one another."""
    (tmp_path / "a.yaml").write_text("extends: m.yaml\n", "utf-8")
    with pytest.raises(MappingError, match="in turn"):
        loaded(tmp_path, "extends: a.yaml\n")
