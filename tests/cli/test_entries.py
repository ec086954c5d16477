"""Entries of lists, loaded and updated over a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Sandbox, Type
from tests.cli.small import state

MAPPING = """version: 1
account_type: INTERNAL
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
"""
ROSTER = "Id,First,Last,Text\n"


@pytest.fixture
def load(folder: Path, typed: Type, sandbox: Sandbox) -> Any:
    """Load rows with more lines in `record:`; return the users in Alma, and the counts."""
    runs = iter(range(9))

    def loaded(record: str, *rows: str) -> tuple[dict[str, Any], dict[str, Any]]:
        run = f"run{next(runs)}"
        (folder / "roster.csv").write_text(ROSTER + "\n".join(rows) + "\n", "utf-8")
        (folder / "mapping.yaml").write_text(MAPPING + record, "utf-8")
        typed("plan", "roster.csv", "-m", "mapping.yaml", "-o", run)
        return typed("apply", run, "--json").summary, state(sandbox)

    return loaded


def test_proxies_are_added_and_stay(load: Any) -> None:
    """A proxy is added once; those that Alma has stay, also if the roster names another."""
    record = "  proxy_for_user: [{primary_id: <Text>}]\n"
    load("", "1,Ann,Lee,", "2,Bo,Doe,")
    _, users = load(record, "3,Cy,Ito,1", "4,Di,Ray,")
    assert [part["primary_id"] for part in users["3"]["proxy_for_user"]] == ["1"]
    assert not users["4"].get("proxy_for_user")
    counts, _ = load(record, "3,Cy,Ito,1", "4,Di,Ray,")
    assert counts["unchanged"] == 2
    counts, users = load(record, "3,Cy,Ito,2", "4,Di,Ray,")
    assert [part["primary_id"] for part in users["3"]["proxy_for_user"]] == ["1", "2"]
    _, users = load("  middle_name: <Text>\n", "3,Cy,Ito,Q")
    assert [part["primary_id"] for part in users["3"]["proxy_for_user"]] == ["1", "2"]
