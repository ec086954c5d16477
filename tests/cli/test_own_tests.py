"""A mapping that tests itself, by `mapping check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Type

MAPPING = """\
version: 1
account_type: INTERNAL
record:
  primary_id: <ID>
  first_name: <First>
  last_name: <Last>
  user_group: {from: <Type>, lookup: groups}
  expiry_date: {from: <@today>, plus: 1 year}
lookups: {groups: {Guest: GUEST}}
tests:
  today: 2026-08-20
  rows:
    - cells: {id: 2000, First: Ann, Last: Lee, Type: guest}
      record: {user_group: GUEST, expiry_date: 2027-08-20}
    - cells: {ID: 2001, First: Bo, Last: Kim, Type: Pirate}
      problems: [unknown-code]
"""


def _check(folder: Path, typed: Type, text: str) -> tuple[int, list[str]]:
    (folder / "m.yaml").write_text(text, "utf-8")
    done = typed("mapping", "check", "m.yaml", "--json")
    found: list[str] = json.loads(done.out)["tests"]
    return done.exit, found


def test_a_mapping_that_does_what_its_tests_say_is_right(folder: Path, typed: Type) -> None:
    """Values, and every problem; the day is the one in the mapping."""
    assert _check(folder, typed, MAPPING) == (Exit.DONE, [])


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("Guest: GUEST", "Guest: VISIT", "m.yaml:14: tests.rows[0].record.user_group: is `VISIT`"),
        (
            "2027-08-20",
            "2027-08-21",
            "m.yaml:14: tests.rows[0].record.expiry_date: is `2027-08-20`",
        ),
        ("Last: Lee", "Lost: Lee", "m.yaml:13: tests.rows[0].cells.Lost: no rule uses this column"),
        ("{user_group", "{user_grup", "m.yaml:14: tests.rows[0].record.user_grup: no such field"),
        ("[unknown-code]", "[]", "m.yaml:16: tests.rows[1].problems: `unknown-code` was not"),
        ("Pirate", "Guest", "m.yaml:16: tests.rows[1].problems: `unknown-code` was expected"),
        ("First: Ann, ", "", "m.yaml:13: tests.rows[0]: `missing-value` was not expected"),
    ],
)
def test_the_first_difference_is_named(
    folder: Path, typed: Type, right: str, wrong: str, line: str
) -> None:
    """By its line, and the command ends with the exit code of a wrong mapping."""
    exit_code, found = _check(folder, typed, MAPPING.replace(right, wrong, 1))
    assert exit_code == Exit.USAGE
    assert [one[: len(line)] for one in found] == [line]
