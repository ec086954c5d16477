"""A job that plans Alma's SIS load, delivers its zip, and learns what the load did."""

from __future__ import annotations

import json
from pathlib import Path

from importer.errors import Exit
from importer.ledger.ledger import Ledger, summarize
from tests.cli.conftest import Sandbox
from tests.cli.small import MAPPING, ask
from tests.jobs.office import Office, people
from tests.practice import call

_JOB = "do: sis-load\ndeliver_to: out\nfill: true\nkeep_edits: true\nguards: {creates: off}\n"


def test_a_planned_load_is_delivered_and_the_next_run_learns_what_it_did(
    office: Office, sandbox: Sandbox
) -> None:
    """Each load is one zip; what staff edited after the first stays in the second."""
    text = MAPPING.replace("type: INTERNAL", "type: EXTERNAL\nowning_system: SIS")
    (office.folder / "small.yaml").write_text(text, "utf-8")
    (office.folder / "out").mkdir()
    office.write_job(_JOB)
    rows = people(12)
    assert office.takes(rows) == Exit.DONE
    _load(office, sandbox)
    first = next(Path("runs").glob("*-nightly"))
    with Ledger.open(first) as ledger:
        assert summarize(ledger).delivered == 12
    ask(sandbox, "PATCH", f"users/{rows[0][0]}", {"user_group": {"value": "SPEC"}})
    assert office.takes([*rows[:-1], (*rows[-1][:3], "FRIEND", *rows[-1][4:])]) == Exit.DONE
    with Ledger.open(first) as ledger:
        assert summarize(ledger).created == 12
    _load(office, sandbox)
    names = {user["primary_id"]: user for user in ask(sandbox, "GET", "state")["users"]}
    assert names[rows[0][0]]["user_group"]["value"] == "SPEC"
    assert names[rows[-1][0]]["user_group"]["value"] == "FRIEND"


def _load(office: Office, sandbox: Sandbox) -> None:
    """Let Alma load what is delivered, and take it away."""
    (delivered,) = (office.folder / "out").iterdir()
    told = call(sandbox.host, "POST", "/_sandbox/sis", delivered.read_bytes())
    assert json.loads(told)["rejected"] == []
    delivered.unlink()
