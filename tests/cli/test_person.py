"""What is stored about somebody, shown and erased, and runs that are purged by name."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from unittest.mock import Mock

import pytest

from importer.errors import Exit
from importer.jobs.state import JobMemory, Load, LoadStep, Store
from importer.ledger.database import as_json
from importer.ledger.journal import RunContent, write_run
from importer.ledger.ledger import RunValue
from importer.memory.last_seen import LastSeen
from importer.memory.loads import EditMemory, Remembered
from importer.memory.memory import PATH
from importer.model.run import AlmaKey
from importer.model.user import User
from importer.users.cache import UserCache
from importer.web.workspace import DRAFTS
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BO, MAPPING, load, write
from tests.command_line import typed
from tests.report.building import FACTS

WITH_CARD = MAPPING.replace(
    "  birth_date", "  user_identifier: [{id_type: BARCODE, value: '77<Id>'}]\n  birth_date"
)

WEEK_AGO = (datetime.now(UTC) - timedelta(days=7)).timestamp()


def traces(*words: str) -> list[tuple[str, str]]:
    """Kind and path of every trace of a person."""
    found = typed("person", *words, "--json")
    assert found.exit in {Exit.DONE, Exit.REJECTS}, found.err
    return [(one["kind"], one["path"]) for one in found.summary["found"]]


def test_what_is_stored_about_a_person(
    folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By any of the IDs: runs, cache, memory, drafts and jobs; erased in all of them but runs.

    A run in which the person is missing names them, too.
    """
    roster = write(ANA, BO)
    mapping = Path("small.yaml")
    mapping.write_text(WITH_CARD, "utf-8")
    load(roster, "runs/first")
    load(write(BO, name="bo.csv"), "runs/second", "small.yaml")
    mapping.write_text(WITH_CARD, "utf-8")
    assert typed("users", "refresh").exit == Exit.DONE
    dropped = Path(DRAFTS, "a-draft")
    dropped.mkdir(parents=True)
    (dropped / "roster.csv").write_bytes(roster.read_bytes())
    copy = Path("jobs/nightly/1/roster.csv")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(roster.read_bytes())

    (cache,) = Path("users").glob("*.sqlite")
    everywhere = [
        ("run", "runs/first"),
        ("run", "runs/second"),
        ("user cache", str(cache)),
        ("memory", "runs/memory.sqlite"),
        ("draft", "drafts/a-draft"),
        ("job", "jobs/nightly/1/roster.csv"),
    ]
    assert traces("2001") == traces("772001") == everywhere
    assert traces("nobody") == []
    assert typed("person", " ", "--erase", "--yes").exit == Exit.USAGE  # not every blank cell
    refused = typed("person", "2001", "--erase")
    assert refused.exit == Exit.USAGE  # nobody is there to type the ID
    assert traces("2001") == everywhere

    store = Store("nightly")
    store.state = JobMemory(open=Load(stamp="1", files=()))
    store.save()
    erased = typed("person", "2001", "--erase", "--yes")
    assert erased.exit == Exit.REJECTS
    assert "purge runs/first runs/second --yes" in erased.err
    assert traces("2001") == [*everywhere[:2], everywhere[-1]]
    assert "run the job first" in erased.err
    store.state = JobMemory(open=Load(stamp="1", files=(), step=LoadStep.HELD))
    store.save()
    assert "allow or skip it first" in typed("person", "2001", "--erase", "--yes").err
    Path("jobs/nightly.json").write_text("{", "utf-8")
    assert "nightly.json is damaged" in typed("person", "2001", "--erase", "--yes").err
    store.state = JobMemory()
    store.save()
    with monkeypatch.context() as windows:  # where the file is open in Excel
        windows.setattr(Path, "unlink", Mock(side_effect=PermissionError(13, "in use")))
        assert "cannot be deleted" in typed("person", "2001", "--erase", "--yes").err
    typed("person", "772001", "--erase", "--yes")
    typed("person", "2001", "--erase", "--yes")
    assert traces("2001") == everywhere[:2]
    assert not dropped.exists()
    for path in (cache, Path("runs/memory.sqlite")):
        assert b"2001" not in Path(path).read_bytes()
    assert ("memory", "runs/memory.sqlite") in traces("2002")


@pytest.mark.parametrize(
    ("job", "stays"), [("nightly.yaml", False), (f"{'long' * 99}/nightly.yaml", os.name != "nt")]
)
def test_files_of_a_job_whose_file_is_gone_are_erased(job: str, *, stays: bool) -> None:
    """It was renamed: nobody can allow or skip what it holds.

    One that cannot be looked at, as in another user's folder, may still run.
    """
    (copy := Path("jobs/nightly/1/roster.csv")).parent.mkdir(parents=True)
    copy.write_bytes(write(ANA).read_bytes())
    store = Store("nightly")
    store.state = JobMemory(job=job, open=Load(stamp="1", files=(), step=LoadStep.HELD))
    store.save()
    erased = typed("person", "2001", "--erase", "--yes")
    assert (erased.exit, copy.exists()) == (Exit.REJECTS if stays else Exit.DONE, stays)


def test_an_id_that_the_roster_writes_in_another_way(sandbox: Sandbox) -> None:
    """A run of the same file knows the row, so the copy of a job and the draft are found."""
    roster = write(ANA, BO)
    padded = "ids: {Id: {digits: 7, pad: true}}\nrecord:"
    Path("small.yaml").write_text(MAPPING.replace("record:", padded, 1), "utf-8")
    load(roster, "runs/first", "small.yaml")
    copies = [Path("jobs/nightly/1/roster.csv"), Path(DRAFTS, "a-draft/roster.csv")]
    for copy in copies:
        copy.parent.mkdir(parents=True)
        copy.write_bytes(roster.read_bytes())
    assert {kind for kind, _ in traces("0002001")} == {"run", "memory", "draft", "job"}
    typed("person", "0002001", "--erase", "--yes")
    assert not any(copy.exists() for copy in copies)


@pytest.mark.parametrize(
    "way",
    [
        [("apply", "runs/first", "--yes")],
        [
            ("undo", "runs/first", "--delete-created", "-o", "runs/back"),
            ("apply", "runs/back", "--delete", "1", "--yes"),
        ],
        [("purge", "runs/first", "--yes")],
    ],
    ids=["finished", "undone", "deleted"],
)
@pytest.mark.parametrize("place", ["drafts/a-draft", "jobs/nightly/1"])
def test_the_roster_of_an_unfinished_load_stays(
    place: str, way: list[tuple[str, ...]], sandbox: Sandbox
) -> None:
    """Without it, the load could not be continued; afterwards it is erased.

    So is the copy of a job that only plans, whose plan a person began to apply.
    """
    Path(place).mkdir(parents=True)
    roster = write(ANA, BO).rename(Path(place, "roster.csv"))
    assert typed("plan", roster, "-m", "small.yaml", "-o", "runs/first").exit == Exit.DONE
    assert typed("apply", "runs/first", "--limit", "1", "--yes").exit == Exit.DONE
    kept = typed("person", "2002", "--erase", "--yes")
    assert (kept.exit, "is not finished" in kept.err, roster.exists()) == (Exit.REJECTS, True, True)
    assert "importer purge runs/first --yes" in kept.err
    for words in way:
        done = typed(*words)
        assert done.exit == Exit.DONE, done.err
    typed("person", "2002", "--erase", "--yes")
    assert not roster.exists()


def test_a_text_that_writes_the_id_in_other_case_is_found() -> None:
    """Letters beyond A to Z too; such a text is no roster."""
    Path(DRAFTS, "a-draft").mkdir(parents=True)
    Path(DRAFTS, "a-draft", "draft.json").write_text('{"user": "MÜLLER1",\n "rows": 1}\n', "utf-8")
    assert traces("Müller1") == [("draft", "drafts/a-draft")]


@pytest.mark.parametrize("left", ["roster.csv", "roster-2.csv", ".roster.csv.x1", "mapping.yaml"])
def test_what_a_killed_plan_kept_is_listed_and_purged(left: str) -> None:
    """A folder with the rows of a plan that never got its ledger is no unknown folder."""
    killed = Path("runs/killed")
    killed.mkdir(parents=True)
    (killed / "unfinished").touch()
    (killed / left).write_text("Id\n2001\n", "utf-8")
    (listed,) = json.loads(typed("runs", "--json").out)
    assert "not finished" in listed["fault"]
    assert traces("2001") == [("run", "runs/killed")]
    assert typed("purge", "killed", "--yes").exit == Exit.DONE
    assert not killed.exists()


def test_purge_leaves_primary_ids_and_no_values(folder: Path, sandbox: Sandbox) -> None:
    """The memory that keeps edits by staff has the ID, which `person` erases."""
    ana = ("20009990001", "Canaria", "Vexworthy", "COMM", "1957-03-29", "ana@example.org", "")
    roster, values = write(ana), (*ana[:3], *ana[4:6])
    assert sandbox.log() == []
    load(roster, "runs/first")
    typed("users", "refresh")
    roster.unlink()
    typed("purge", "--older-than", "0d", "--yes")
    typed("users", "delete", "--yes")

    def left() -> dict[str, list[str]]:
        files = (path for path in folder.rglob("*") if path.is_file())
        texts = {path.name: path.read_bytes() for path in files}
        found = {
            name: [one for one in values if one.encode() in text] for name, text in texts.items()
        }
        return {name: has for name, has in found.items() if has}

    assert left() == {"memory.sqlite": [ana[0]]}
    typed("person", ana[0], "--erase", "--yes")
    assert left() == {}


def test_nothing_of_an_erased_person_is_left_elsewhere() -> None:
    """Neither under an ID that a load replaced, nor beside others: in proxies, lists and names."""
    found = datetime.now(UTC)
    Path("practice").mkdir()
    Path("alma.sqlite").write_bytes(b"SQLite format 3\0 7000007")
    alma = AlmaKey(institution="INST", environment="sandbox")
    path = alma.cache(Path("users"))
    borrower = {"primary_id": "B1", "proxy_for_user": [{"primary_id": "P5", "full_name": "Quux"}]}
    person = {"last_name": "Quux", "user_identifier": [{"value": "7000007"}]}
    with UserCache.make(path, alma) as cache, cache.transaction() as connection:
        cache.put([User(primary_id="7000007", last_name="Quux")], found)  # then it was changed
        cache.put(
            [User.model_validate(one) for one in (borrower, {"primary_id": "P5", **person})], found
        )
        connection.execute("INSERT INTO pages VALUES (0, 'b1\np5', 0)")
    edits, folder = EditMemory(alma.key), Path("folder of the runs")
    folder.mkdir()
    edits.remember("one", [Remembered("F5", "F5", "small", {})], found, ["small"], folder)
    Path("runs/one").mkdir()
    with write_run(Path("runs/one"), FACTS, {}, RunContent()) as run:
        run.keep_seen({("small", "f5"): True})
        LastSeen(alma.key).see(run, found)
    Path("runs/two").mkdir()
    with write_run(Path("runs/two"), FACTS, {}, RunContent()) as run, run.transaction():
        run.keep(RunValue.MISSING, as_json([("F5", "Ida Quux")]))
    assert traces("F5")[:2] == [("run", "runs/one"), ("run", "runs/two")]
    rmtree("runs/one")
    rmtree("runs/two")
    edits.remember("two", [Remembered("P5", "F5", "small", {})], found, ["small"], folder)
    places = [("user cache", str(path)), ("memory", str(PATH)), ("draft", "alma.sqlite")]
    assert traces("p5") == traces("F5") == traces("7000007") == places
    Path("alma.sqlite-wal").touch()
    assert "Stop the page first" in typed("person", "P5", "--erase", "--yes").err
    Path("alma.sqlite-wal").unlink()
    erased = typed("person", "7000007", "--erase", "--yes")
    assert (erased.exit, "-C practice person 7000007" in erased.err) == (Exit.DONE, True)
    assert traces("F5") == []
    left = (path.read_bytes() + PATH.read_bytes()).lower()
    assert [one for one in (b"f5", b"p5", b"7000007", b"quux") if one in left] == []
    with UserCache.open(path) as cache:
        assert cache.stale() == ("B1",)
    new = Remembered("F5", "F5", "small", {}, new=True)
    edits.remember("three", [new], found, ["small"], folder)
    assert edits.former() == {}


def test_what_a_killed_page_left_beside_its_alma_is_found(folder: Path) -> None:
    """SQLite keeps the last users in a journal; the age of the practice Alma is that of these."""
    users, killed = Path("alma.sqlite"), Path("killed.sqlite")
    journal = Path("alma.sqlite-wal")
    with closing(sqlite3.connect(users)) as page:
        page.execute("PRAGMA journal_mode = WAL")
        page.execute("CREATE TABLE users AS SELECT '7000007' AS id")
        page.commit()
        assert b"7000007" not in users.read_bytes()
        assert "Stop the page first" in typed("person", "7000007", "--erase", "--yes").err
        typed("purge", "--older-than", "0d", "--yes")
        assert users.exists()
        killed.write_bytes(users.read_bytes())
        content = journal.read_bytes()
    killed.rename(users)
    journal.write_bytes(content)
    os.utime(users, (0, 0))
    os.utime(journal, (WEEK_AGO, WEEK_AGO))
    for days, listed in (("9d", []), ("5d", ["alma.sqlite"])):
        assert typed("purge", "--older-than", days, "--json").summary["page"] == listed
    assert traces("7000007") == [("draft", "alma.sqlite")]
    assert typed("person", "7000007", "--erase", "--yes").exit == Exit.DONE
    assert [*folder.glob("alma.sqlite*")] == []


@pytest.mark.parametrize("held", ["rejects.xlsx", "report.html"])
def test_a_run_of_which_a_file_is_open_is_purged_later(
    held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does not delete it: the run stays one, in whatever order the disk lists its files."""
    write(ANA, ("", *BO[1:]))
    typed("check", "people.csv", "-m", "small.yaml", "-o", "runs/one")
    unlink, iterdir = Path.unlink, Path.iterdir

    def in_use(path: Path, *, missing_ok: bool = False) -> None:
        if path.name == held:
            raise PermissionError(13, "in use", str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as windows:
        windows.setattr(Path, "unlink", in_use)
        windows.setattr(Path, "iterdir", lambda path: iter(sorted(iterdir(path))))
        assert typed("purge", "one", "--yes").exit == Exit.STOPPED
    assert typed("purge", "one", "runs/one", "--yes").err.startswith("1 run deleted")
    assert not Path("runs/one").exists()
