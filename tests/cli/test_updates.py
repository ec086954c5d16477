"""Updates over a real socket: rosters that find people by any ID, fields and entries of lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Sandbox
from tests.cli.small import codes, state
from tests.command_line import Typed, typed
from tests.mapper.bench import BASE

PEOPLE = """Id,First,Last,Group,Card
1001,Ana,Nunez,COMM,2900
1002,Bo,Doe,FRIEND,2901
1003,Cy,Ito,COMM,2902
"""
ALL_FIELDS = """version: 1
account_type: INTERNAL
match: {by: [primary_id, BARCODE]}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  user_identifier:
    - {id_type: BARCODE, value: <Card>}
"""
RENEWAL = """version: 1
account_type: INTERNAL
roster: {dates: ymd}
match: {by: [BARCODE], new: NEW}
record:
  expiry_date: <Until>
  user_identifier:
    - {id_type: BARCODE, value: <Scanned>}
"""
SCANNED = """Scanned,Until
2900,2028-05-31
1002,2028-05-31
2902,
9999,2028-05-31
,2028-05-31
"""


Plan = Callable[[str, str], Typed]


@pytest.fixture
def plan(sandbox: Sandbox) -> Plan:
    """Plan a roster with a mapping after the three people were loaded."""

    def planned(roster: str, mapping: str) -> Typed:
        Path("roster.csv").write_text(roster, "utf-8")
        Path("mapping.yaml").write_text(mapping, "utf-8")
        return typed("plan", "roster.csv", "-m", "mapping.yaml", "-o", "run", "--json")

    planned(PEOPLE, ALL_FIELDS)
    typed("apply", "run")
    Path("run").rename("loaded")
    return planned


@pytest.mark.parametrize(("new", "rejected", "left_alone"), [("reject", 2, 0), ("skip", 1, 1)])
def test_scanned_ids_renew_whom_alma_has(
    new: str, rejected: int, left_alone: int, plan: Plan, sandbox: Sandbox
) -> None:
    """Two columns: an ID, of whatever kind, and the expiry date. Nobody is created.

    An ID that the user has as another kind only finds the user. A blank date leaves Alma's.
    """
    planned = plan(SCANNED, RENEWAL.replace("NEW", new))
    counted = ("update", "unchanged", "rejected", "left_alone", "create")
    assert [planned.summary[name] for name in counted] == [2, 1, rejected, left_alone, 0]
    rejecting = {"not-in-alma", "missing-value"}
    found = {row: code for row, code in codes("run") if code in rejecting}
    unknown = {"5": "not-in-alma"} if new == "reject" else {}
    assert found == {**unknown, "6": "missing-value"}
    before = state(sandbox)
    assert typed("apply", "run", "--json").summary["updated"] == 2
    renewed = {"expiry_date": "2028-05-31Z"}
    for primary_id, user in state(sandbox).items():
        changed = {
            name: part for name, part in user.items() if part != before[primary_id].get(name)
        }
        assert changed == ({} if primary_id == "1003" else renewed)


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
