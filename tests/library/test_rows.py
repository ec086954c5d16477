"""Rosters and mappings without a file: kept by the run, and used from there."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pandas as pd
import pytest

import importer
from importer.errors import (
    Exit,
    MappingError,
    RosterError,
    StalePlanError,
    StoppedError,
    UsageError,
)
from importer.ledger.ledger import Ledger

MAPPING = {
    "version": 1,
    "name": "people",
    "account_type": "INTERNAL",
    "record": {
        "primary_id": "<Id>",
        "first_name": "<First>",
        "last_name": "<Last>",
        "user_group": "COMM",
        "birth_date": {"from": "<Born>", "dates": "ymd"},
    },
}
ANA = {"Id": 4001, "First": "Ana", "Last": "Nunez", "Born": "1990-01-02"}
BO = {"Id": 4002, "First": "Bo", "Last": "Doe", "Born": "1980-03-04"}
NAMESAKE = ANA | {"Id": 4003}


def test_what_the_run_keeps_is_used_from_then_on(folder: Path) -> None:
    """Privately: by apply, resolve and undo, also after the folder was moved; a change is seen."""
    importer.apply(importer.plan([ANA], MAPPING))
    run = importer.plan(pd.DataFrame([NAMESAKE, BO]), MAPPING, folder="runs/second")
    assert run.rows()["fate"].tolist() == ["review", "ready"]
    kept = [run.folder / name for name in ("roster.csv", "mapping.yaml")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600, 0o600]
    moved = importer.open_run(run.folder.rename(folder / "runs" / "moved"))
    importer.resolve(moved, "2", "create")
    importer.apply(moved)
    assert moved.rows()["result"].tolist() == ["created", "created"]
    assert importer.plan(pd.DataFrame([NAMESAKE, BO]), MAPPING).summary.unchanged == 2
    back = importer.undo(moved, delete_created=True)
    assert importer.apply(back, allow=["removals"], delete=2).summary.deleted == 2
    changed = importer.plan([BO], MAPPING)
    (changed.folder / "roster.csv").write_text("Id,First,Last,Born\n", "utf-8")
    with pytest.raises(StalePlanError):
        importer.apply(changed)


def test_what_read_roster_and_load_mapping_return_is_taken(folder: Path) -> None:
    """So is a mapping's text; all give the same counts. Files are not copied into the run."""
    roster, mapping = importer.read_roster("patrons.xlsx"), importer.load_mapping("community.yaml")
    text = Path("community.yaml").read_text("utf-8")
    headings = [place.heading for place in roster.places]
    frame = roster.frame.set_axis(headings, axis=1)
    rows = [dict(zip(headings, texts, strict=True)) for texts in roster.frame.to_numpy()]
    runs = [
        importer.check("patrons.xlsx", "community.yaml"),
        importer.check(roster, mapping),
        importer.check(roster, text),
        importer.check(frame, importer.load_mapping(text)),
        importer.check(rows, mapping),
    ]
    assert {one.summary.ready for one in runs} == {runs[0].summary.ready}
    kept = [{path.name for path in one.folder.glob("*.[cy]*")} for one in runs]
    assert kept == [set(), set(), {"mapping.yaml"}, {"mapping.yaml", "roster.csv"}, {"roster.csv"}]


@pytest.mark.parametrize(
    ("heading", "more"), [("Password", {}), ("Card", {"password": "<Card>"}), ("PIN", {})]
)
def test_passwords_are_refused(folder: Path, heading: str, more: dict[str, str]) -> None:
    """A column with passwords or PINs, or a mapped password: the run would keep it."""
    mapping = MAPPING | {"record": MAPPING["record"] | more}  # type: ignore[operator]
    with pytest.raises(UsageError, match="passwords or PINs"):
        importer.check([ANA | {heading: "s3cret-word"}], mapping)
    assert not any(path for path in folder.rglob("*") if path.suffix in {".csv", ".sqlite"})


def test_two_rosters_without_a_file(folder: Path) -> None:
    """Each has a file of its own in the run."""
    run = importer.check([ANA], MAPPING, others=[([BO], MAPPING | {"name": "more"})])
    names = sorted(path.name for path in run.folder.glob("*.[cy]*"))
    assert names == ["mapping-2.yaml", "mapping.yaml", "roster-2.csv", "roster.csv"]
    with Ledger.open(run.folder) as ledger:
        assert all(Path(one.path).is_file() for one, _ in ledger.facts.rosters)


def test_what_is_wrong_is_one_sentence(folder: Path) -> None:
    """A mapping without a name, a value without a text; nothing is left in the folder."""
    for nothing in (MAPPING | {"title": None}, MAPPING | {"roster": {"unused": ["A", None]}}):
        with pytest.raises(MappingError, match="None"):
            importer.load_mapping(nothing)
    nameless = {key: value for key, value in MAPPING.items() if key != "name"}
    with pytest.raises(UsageError, match="needs one"):
        importer.check([ANA], nameless)
    with pytest.raises(RosterError):
        importer.check([ANA | {"Born": object()}], MAPPING)
    with pytest.raises(UsageError, match="Name its file"):
        importer.plan(None, MAPPING)
    assert not any((folder / "runs").glob("*")) if (folder / "runs").is_dir() else True


def test_progress_and_cancel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A canceled plan leaves nothing; a canceled apply finishes its rows, and continues later."""
    monkeypatch.setenv("ALMA_RATE", "4")  # few rows at a time
    stop = threading.Event()

    def rows(done: int, _of: int) -> None:
        if done >= 3:
            stop.set()

    watched = importer.Progress(rows=rows, cancel=stop.is_set)
    with pytest.raises(StoppedError) as stopped:
        importer.plan("patrons.xlsx", "community.yaml", folder="runs/a", progress=watched)
    assert stopped.value.exit is Exit.INTERRUPTED
    assert not Path("runs/a").exists()
    run = importer.plan("patrons.xlsx", "community.yaml")
    stop.clear()
    with pytest.raises(StoppedError):
        importer.apply(run, progress=watched)
    done = run.summary
    assert done.created is not None
    assert done.create is not None
    assert 3 <= done.created < done.create
    assert importer.apply(run).summary.not_sent == 0


def test_production_needs_its_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to production without the institution's code."""
    run = importer.plan([ANA], MAPPING)
    monkeypatch.setattr("importer.model.run.AlmaFacts.is_production", True)
    with pytest.raises(UsageError, match="production"):
        importer.apply(run)
    with pytest.raises(UsageError, match="production") as error:
        importer.apply(run, allow_production="WRONG")
    right = str(error.value).split("'")[1]
    assert run.summary.created is None
    assert importer.apply(run, allow_production=right).summary.created == 1
