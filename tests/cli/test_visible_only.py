"""Rows that a sheet hides, from `plan` to Alma."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, HEAD, MAPPING, state
from tests.zoo.xlsx import sheet_xml, text_rows, write_xlsx


def test_hidden_rows_never_reach_alma(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """A plan of the visible rows is applied as one, and `apply` need not be told again."""
    (folder / "small.yaml").write_text(MAPPING, "utf-8")
    rows = text_rows(HEAD, ANA, BO).replace('<row r="3"', '<row r="3" hidden="1"')
    write_xlsx(folder / "people.xlsx", {"Staff": sheet_xml(rows)})
    planned = typed(
        "plan", "people.xlsx", "-m", "small.yaml", "-o", "run", "--visible-only", "--json"
    )
    assert (planned.summary["create"], planned.summary["skipped"]) == (1, 1)
    applied = typed("apply", "run", "--yes", "--json")
    assert applied.summary["created"] == 1
    assert set(state(sandbox)) == {ANA[0]}
