"""A job that plans Alma's SIS load, delivers its zip, and learns what the load did."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from importer.errors import Exit
from importer.jobs.overview import jobs_in
from importer.ledger.ledger import Ledger, summarize
from importer.service.place import now
from tests.cli.conftest import Sandbox
from tests.cli.small import ask
from tests.jobs.office import SIS, Office, people, rows_of
from tests.practice import call

HOUR = timedelta(hours=1)

_JOB = """every: file
do: sis-load
deliver_to: out
guards: {creates: off, rows: off, absent: off}
"""


def test_a_planned_load_is_delivered_and_the_next_run_learns_what_it_did(
    office: Office, sandbox: Sandbox
) -> None:
    """Each load is one zip; what staff edited after one stays in the next, however many waited.

    Rows that an earlier run of the job delivered and that Alma does not show at the next load are
    trouble.
    """
    (office.folder / "small.yaml").write_text(SIS, "utf-8")
    (office.folder / "out").mkdir()
    office.write_job(_JOB)
    rows = people(12)
    for number, some in enumerate((rows[:4], rows[4:8])):  # two deliveries of one run
        office.drop(rows_of(some), f"patrons-{number}.csv", HOUR * (3 - number))
    assert office.run() == Exit.DONE
    office.clear()
    assert office.takes(rows[8:], "patrons-2.csv", HOUR) == Exit.STOPPED  # before Alma loads them
    runs = sorted(Path("runs").glob("2*-nightly*"))
    assert all(f"sis-report {run} REPORT" in office.text for run in runs[:2])
    assert "8 rows" in office.text.partition("\n")[0]
    (listed,) = jobs_in(office.folder, now())
    assert (listed.state, "8 rows" in listed.headline) == ("trouble", True)
    _load(office, sandbox, 3)
    runs = sorted(Path("runs").glob("2*-nightly*"))
    assert [_counts(run) for run in runs] == [(4, 0)] * 3
    ask(sandbox, "PATCH", f"users/{rows[0][0]}", {"user_group": {"value": "SPEC"}})
    assert office.takes([*rows[:-1], (*rows[-1][:3], "FRIEND", *rows[-1][4:])]) == Exit.DONE
    assert [_counts(run) for run in runs] == [(0, 4)] * 3
    _load(office, sandbox, 1)
    names = {user["primary_id"]: user for user in ask(sandbox, "GET", "state")["users"]}
    assert names[rows[0][0]]["user_group"]["value"] == "SPEC"
    assert names[rows[-1][0]]["user_group"]["value"] == "FRIEND"


def _counts(run: Path) -> tuple[int | None, int | None]:
    """How many rows Alma does not show yet, and how many it created."""
    with Ledger.open(run) as ledger:
        summary = summarize(ledger)
    return summary.delivered, summary.created


def _load(office: Office, sandbox: Sandbox, count: int) -> None:
    """Let Alma load what is delivered, and take it away."""
    delivered = sorted((office.folder / "out").iterdir())
    assert len(delivered) == count
    for path in delivered:
        answer = call(sandbox.host, "POST", "/_sandbox/sis", path.read_bytes())
        assert json.loads(answer)["rejected"] == []
        path.unlink()
