"""Every road asks the same: command, library, job, page, and a plan for the SIS load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import importer
from importer.errors import Exit, UsageError
from importer.ledger.ledger import Ledger
from importer.model.plan import Fate, Result
from importer.model.problem import Code
from importer.model.text import RowId
from tests.web.conftest import (
    CODE,
    KEY,
    Library,
    approve,
    drafted,
    followed,
    planned,
    run_command,
    with_mapping,
)

MAPPING = """version: 1
account_type: EXTERNAL
owning_system: SIS
roster: {dates: ymd}
match: {possible_match: warn}
record:
  primary_id: <Id>
  first_name: <First>
  middle_name: <Middle>
  last_name: <Last>
  birth_date: <Born>
  user_group: COMM
  expiry_date: 2027-06-30
  contact_info: {email: [{email_type: personal, email_address: <Email>}]}
"""
JOB = """version: 1
rosters:
  - {from: "incoming/*.csv", mapping: mappings/people.yaml, unchanged_for: 0s}
do: plan
guards: {creates: off, review: off, absent: off}
"""
HEAD = "Id,First,Middle,Last,Born,Email\n"
MIA = "800,Mia,,Lund,1992-05-06,mia@example.org\n"
ROSTER = (
    f"{HEAD}21234,Jane,,Miller,1984-02-03,jane@example.org\n"
    "700,Karl,,Berg,1990-01-01,berg@example.org\n"
    "800,Mia,Eva,Lund,1992-05-06,mia@example.org\n"
)
ASKED = {(2, Code.ANOTHER_PERSON), (3, Code.ANOTHER_PERSON), (4, Code.REPLACES_EDIT)}
"""Of the roster above. Row 2: its ID is Zoltan's, and Alma has Jane as 9. Row 3: father and son.
Row 4: staff filled in what was blank at the last load."""

Office = tuple[Library, httpx.Client]
_PLAN = ("plan", "people.csv", "-m", "mappings/people.yaml", "-o")


def _external(library: Library, primary_id: str, first: str, last: str, born: str) -> None:
    email = {"email_address": f"{first.lower()}@example.org", "email_type": [{"value": "personal"}]}
    if last == "Berg":
        email["email_address"] = "berg@example.org"
    library.add(
        primary_id, first, last, birth_date=f"{born}Z", account_type={"value": "EXTERNAL"},
        external_id="SIS", contact_info={"email": [email]},
    )  # fmt: skip


def _patch(library: Library, primary_id: str, **fields: str) -> None:
    access = {"Authorization": f"apikey {KEY}"}
    address = f"{library.alma}/_sandbox/users/{primary_id}"
    assert httpx.patch(address, json=fields, headers=access).is_success


def _load(library: Library, roster: str) -> None:
    (library.folder / "people.csv").write_text(roster, "utf-8")
    name = f"first-{len(list((library.folder / 'runs').glob('first-*')))}"
    assert run_command(library.folder, *_PLAN, f"runs/{name}") == Exit.DONE
    words = ("apply", f"runs/{name}", "--yes")
    assert run_command(library.folder, *words) == Exit.DONE


def prepare(library: Library) -> None:
    """Load Mia, let staff work, and add the others."""
    with_mapping(library.folder, "people.yaml", MAPPING)
    (library.folder / "job.yaml").write_text(JOB, "utf-8")
    (library.folder / "incoming").mkdir()
    assert run_command(library.folder, "codes", "fetch") == Exit.DONE
    _load(library, HEAD + MIA)
    _patch(library, "800", middle_name="Ada")
    _external(library, "21234", "Zoltan", "Kiss", "1979-09-09")
    _external(library, "9", "Jane", "Miller", "1984-02-03")
    _external(library, "700", "Karl", "Berg", "1960-01-01")
    assert run_command(library.folder, "users", "refresh") == Exit.DONE


def _by_command(office: Office, *words: str) -> Path:
    library, _ = office
    run_command(library.folder, *_PLAN, "runs/command", *words)
    return library.folder / "runs" / "command"


def _for_sis(office: Office) -> Path:
    library, _ = office
    run_command(library.folder, *_PLAN, "runs/sis", "--to", "sis-xml")
    return library.folder / "runs" / "sis"


def _by_library(_: Office) -> Path:
    return importer.plan("people.csv", "mappings/people.yaml", folder="runs/library").folder


def _by_job(office: Office) -> Path:
    library, _ = office
    before = set((library.folder / "runs").iterdir())
    (library.folder / "incoming" / "people.csv").write_text(ROSTER, "utf-8")
    run_command(library.folder, "job", "run", "job.yaml")
    (run,) = (run for run in set((library.folder / "runs").iterdir()) - before if run.is_dir())
    return run


def _by_page(office: Office) -> Path:
    library, client = office
    run = planned(client, drafted(client, "alma", ROSTER, "people.yaml"))
    return library.folder / "runs" / run.rpartition("/")[2]


@pytest.mark.parametrize("road", [_by_command, _for_sis, _by_library, _by_job, _by_page])
def test_every_road_asks_the_same(
    road: Callable[[Office], Path], office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose ID it is, father or son, and what staff filled in while the cell was blank."""
    library, _ = office
    monkeypatch.chdir(library.folder)
    Path("people.csv").write_text(ROSTER, "utf-8")
    with Ledger.open(road(office)) as ledger:
        asked = {(RowId.of(at.origin.row).number, at.code) for at in ledger.problems()}
        fates = dict(ledger.fates())
    assert asked >= ASKED
    assert fates == {2: Fate.REVIEW, 3: Fate.REVIEW, 4: Fate.READY}


def test_the_library_and_the_page_take_no_answer_that_names_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two users are in question; command and workbook are in tests/cli/test_resolve.py."""
    library, client = office
    monkeypatch.chdir(library.folder)
    run = planned(client, drafted(client, "alma", ROSTER, "people.yaml"))
    nobody = client.post(f"{run}/decisions", data={"row": "2", "decision": "same person, update"})
    assert nobody.status_code == 422
    with pytest.raises(UsageError, match="users are in question"):
        importer.resolve(importer.open_run(Path("runs", Path(run).name)), 2, "update")
    for primary_id in ("9", "21234"):
        assert f'value="same person, update: {primary_id}"' in client.get(f"{run}/decisions").text


def _apply(office: Office, road: str, run: str) -> None:
    library, client = office
    if road == "page":
        followed(client, approve(client, f"/alma/runs/{run}"))
    elif road == "library":
        importer.apply(importer.open_run(f"runs/{run}"), allow_production=CODE)
    else:
        run_command(library.folder, "apply", f"runs/{run}", "--yes")


def _undo(office: Office, road: str, run: str) -> str:
    library, client = office
    if road == "page":
        page = followed(client, client.post(f"/alma/runs/{run}/undo"))
        return page.rpartition("/")[2]
    if road == "library":
        return importer.undo(importer.open_run(f"runs/{run}")).folder.name
    run_command(library.folder, "undo", f"runs/{run}", "-o", f"runs/{run}-undo")
    return f"{run}-undo"


def _held(library: Library, run: str) -> bool:
    with Ledger.open(library.folder / "runs" / run) as ledger:
        return dict(ledger.results()) == {Result.HELD: 1}


def _planned_update(library: Library, road: str, to: tuple[str, ...]) -> tuple[str, str]:
    """Plan to add a middle name to a new Kari Olsen; return her ID and the run's name."""
    number = str(7000 + len(list(Path("runs").iterdir())))
    _external(library, number, "Kari", "Olsen", "1980-01-01")
    roster = f"{HEAD}{number},Kari,Bea,Olsen,1980-01-01,kari@example.org\n"
    Path("people.csv").write_text(roster, "utf-8")
    run = f"{road}-{number}"
    assert run_command(library.folder, *_PLAN, f"runs/{run}", *to) == Exit.DONE
    return number, run


@pytest.mark.parametrize("to", [(), ("--to", "sis-xml")])
@pytest.mark.parametrize("road", ["command", "library", "page"])
def test_every_road_leaves_whom_the_plan_would_ask_about(
    road: str, to: tuple[str, ...], office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ID passed to somebody else of the same last name: before an apply, and before an undo."""
    library, _ = office
    monkeypatch.chdir(library.folder)
    number, run = _planned_update(library, road, to)
    written = library.written()
    _patch(library, number, first_name="John", birth_date="1999-09-09Z")
    _apply(office, road, run)
    assert _held(library, run)
    assert library.written() == written


@pytest.mark.parametrize("road", ["command", "library", "page"])
def test_every_road_puts_nothing_back_of_another_person(
    road: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ID passed to somebody else of the same last name since the load."""
    library, _ = office
    monkeypatch.chdir(library.folder)
    number, run = _planned_update(library, f"undo-{road}", ())
    _apply(office, "command", run)
    written = library.written()
    _patch(library, number, first_name="John", birth_date="1999-09-09Z")
    undo = _undo(office, road, run)
    with Ledger.open(library.folder / "runs" / undo) as ledger:
        assert dict(ledger.fates()) == {2: Fate.REVIEW}
    _apply(office, "command", undo)
    assert library.written() == written
