"""The steps of `clean`, the `ids:` rules, and the problems about repairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.whole_names import NameOf, capitalize
from importer.model.text import compile_pattern
from tests.mapper.bench import Bench, findings, mapping_text, told


@pytest.mark.parametrize(
    ("step", "cell", "value"),
    [
        ("upper", "nd", "ND"),
        ("lower", "Ann@X.Org", "ann@x.org"),
        ("name", "MCKAY", "McKay"),
        ("digits", "(701) 555-0123", "7015550123"),
        ("phone", "(701) 555-0123", "+17015550123"),
        ("phone", "call me", "call me"),
        ("phone", "416-555-0123", "+14165550123"),
        ("{phone: {region: GB}}", "020 7946 0123", "+442079460123"),
        ("email", "mailto:Ann@Example.ORG;", "Ann@example.org"),
        ("{pad: 7}", "123", "0000123"),
        ("{pad: 7}", "1.23457E+12", "1.23457E+12"),
        ("{first: 3}", "Freshman", "Fre"),
        ("{last: 4}", "5550123", "0123"),
        ('{split: {on: ",", take: 2}}', "Lee, Ann", "Ann"),
        ('{split: {on: ",", take: 2}}', "Lee", ""),
        ('{split: {on: " ", take: -1}}', "Ann B Lee", "Lee"),
        ('{split: {on: " ", take: -1}}', "Cher", ""),
        (r'{replace: {find: "(\\w+) (\\w+)", with: "\\2 \\1"}}', "Ann Lee", "Lee Ann"),
        ('{strip: "- "}', "12-34 5", "12345"),
        ('{strip: "-"}', "Lee - Kim", "Lee Kim"),
    ],
)
def test_a_step_makes_of_a_cell(tmp_path: Path, step: str, cell: str, value: str) -> None:
    """Each step of `clean`, on one cell; a blank stays blank in every step."""
    bench = Bench(tmp_path, f"job_description: {{from: <X>, clean: [{step}]}}", columns="X")
    assert bench.values("job_description", cell, "") == [value, ""]


def test_a_name_is_composed() -> None:
    """A letter and its mark become one character, as Turkish names have them."""
    assert capitalize("I\u0307BRAHI\u0307M", NameOf.OTHER) == "İbrahim"


def test_a_pattern_that_takes_too_long_stops_the_run(tmp_path: Path) -> None:
    """Catastrophic backtracking is a fault of the mapping, not of the row."""
    rule = 'job_description: {from: <X>, clean: [{replace: {find: "(a|aa)+$", with: ""}}]}'
    bench = Bench(tmp_path, rule, columns="X")
    with pytest.raises(MappingError, match="takes too long"):
        bench.map(("a" * 60 + "b",))


@pytest.mark.parametrize(
    "pattern",
    [
        "(((a{90}){90}){90}){90}",
        "(" * 3_000 + ")" * 3_000,
        "(" * 60 + ")" * 60,
        "(?R)",
        "(a(?1)?)",
        "(?P<n>a(?&n)?)",
        "a{99999999999999999999}",
        "(?:[ab]{99}){999}",
    ],
)
def test_a_pattern_that_is_too_large_is_a_finding(pattern: str, tmp_path: Path) -> None:
    """It is refused before it is compiled, which would take gigabytes."""
    for rule, top in (
        (
            f"job_description: {{from: <X>, clean: [{{replace: {{find: '{pattern}', with: x}}}}]}}",
            "",
        ),
        ("job_description: <X>", f"ids: {{X: {{pattern: '{pattern}'}}}}"),
    ):
        (found,) = findings(tmp_path, mapping_text(rule, top))
        assert "pattern" in found


@pytest.mark.parametrize("pattern", ["2[0-9]{13}", "(?:[A-Z]{2}[0-9]{6}){1,3}", "[]x]{5}", "a{"])
def test_an_ordinary_pattern_is_compiled(pattern: str) -> None:
    """Counted repetitions of an ordinary size, sets and single braces."""
    assert compile_pattern(pattern).pattern == pattern


def test_a_very_long_text_is_not_searched(tmp_path: Path) -> None:
    """It stays as it is, and the row is rejected."""
    rule = 'job_description: {from: <X>, clean: [{replace: {find: "a", with: ""}}]}'
    candidates = Bench(tmp_path, rule, columns="X").map(("a" * 5000,))
    assert told(candidates.problems) == [(2, "cell-too-long", "job_description")]
