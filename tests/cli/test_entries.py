"""Entries of lists, loaded and updated over a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Sandbox
from tests.cli.small import state
from tests.command_line import typed
from tests.mapper.bench import BASE

ROSTER = "ID,First,Last,Text\n"


@pytest.fixture
def load(sandbox: Sandbox) -> Any:
    """Load rows with more lines in `record:`; return the users in Alma, and the counts."""
    runs = iter(range(9))

    def loaded(record: str, *rows: str) -> tuple[dict[str, Any], dict[str, Any]]:
        run = f"run{next(runs)}"
        Path("roster.csv").write_text(ROSTER + "\n".join(rows) + "\n", "utf-8")
        Path("mapping.yaml").write_text(BASE + record, "utf-8")
        typed("plan", "roster.csv", "-m", "mapping.yaml", "-o", run)
        return typed("apply", run, "--json").summary, state(sandbox)

    return loaded


TYPED = """  contact_info:
    address: [{line1: <Text>, address_type: [home, alternative]}]
"""


@pytest.mark.parametrize("before", ["home", "alternative", "[alternative, work]", "work"])
def test_an_address_may_have_several_types(before: str, load: Any) -> None:
    """It takes the place of an address of one of its types, which keeps its other uses."""
    load(TYPED.replace("[home, alternative]", before), "1,Ann,Lee,1 Elm Ct")
    _, users = load(TYPED, "1,Ann,Lee,2 Oak St", "2,Bo,Doe,3 Ash St")
    types = {
        user: {
            entry["line1"]: {code["value"] for code in entry["address_type"]}
            for entry in users[user]["contact_info"]["address"]
        }
        for user in ("1", "2")
    }
    kept = {"1 Elm Ct": {"work"}} if "work" in before else {}
    assert types["1"] == {**kept, "2 Oak St": {"home", "alternative"}}
    assert types["2"] == {"3 Ash St": {"home", "alternative"}}
    counts, _ = load(TYPED, "1,Ann,Lee,2 Oak St", "2,Bo,Doe,3 Ash St")
    assert counts["unchanged"] == 2


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
