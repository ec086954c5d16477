"""Ready mappings for users of Alma, the notebooks of the samples, and a loop that runs already."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import importer
from importer.errors import SafetyCheckError, StoppedError
from tests.cli.conftest import Sandbox
from tests.cli.small import edit, state
from tests.pipeline.runs import MAPPINGS, SAMPLES

Record = dict[str, Any]
TODAY = datetime.now(UTC).astimezone().date()
LATER, PAST = "2099-06-30", "2020-06-30"
RECIPES = {path.stem: path for path in sorted((MAPPINGS / "from-alma").glob("*.yaml"))}
MAPPING = {
    "version": 1,
    "name": "first-load",
    "account_type": "INTERNAL",
    "roster": {"dates": "ymd"},
    "match": {"possible_match": "ignore"},
    "record": {
        "primary_id": "<Id>",
        "first_name": "<First>",
        "last_name": "<Last>",
        "user_group": "<Group>",
        "expiry_date": "<Until>",
        "contact_info": {
            "email": [
                {"email_address": "<Mail>", "email_type": "work"},
                {"email_address": "<Own>", "email_type": "personal", "preferred": "true"},
            ]
        },
        "user_note": [
            {"note_type": "LIBRARY", "note_text": "<Note>"},
            {"note_type": "LIBRARY", "note_text": "Likes maps"},
        ],
        "user_block": [
            {"block_type": "GENERAL", "block_description": "02-GLOBAL", "block_status": "ACTIVE",
             "block_note": "<Block>"}
        ],
        "user_statistic": [{"statistic_category": "VISITOR"}, {"statistic_category": "ALUMNI"}],
    },
}  # fmt: skip
HEAD = ("Id", "First", "Last", "Group", "Until", "Mail", "Own", "Note", "Block")
OLD = "Roster load 2025-09-01"
PEOPLE = (
    ("7001", "An", "Lee", "COMM", "2027-06-30", "an@old.example.org", "a@example.org", OLD, "x"),
    ("7002", "Bo", "Doe", "COMM", "2027-06-30", "", "b@example.org", "", ""),
    ("7003", "Cy", "Roe", "FRIEND", LATER, "cy@OLD.example.org", "", "", ""),
    ("7004", "Dee", "Poe", "FRIEND", PAST, "", "", OLD, ""),
    ("7005", "Ed", "Moe", "STAFF", LATER, "ed@example.org", "", "", ""),
)
CHANGED = {
    "renew-group": {"7001", "7002"},
    "end-group": {"7003"},
    "clean-up": {"7001", "7002", "7003", "7004"},
    "patron-roles": {"7003"},
    "mail-domain": {"7001", "7003"},
    "purge-dates": {"7004"},
}
"""Whom each recipe changes."""


def practice() -> Sandbox:
    """The practice Alma of the folder."""
    return Sandbox(os.environ["ALMA_BASE_URL"])


def _update(values: Record, user: Record) -> None:
    user.update(values)


def users() -> Mapping[str, Record]:
    """Every user of the practice Alma."""
    return state(practice())


def entries(user: Record) -> list[str]:
    """The texts of the lists that the recipes change."""
    emails = [e["email_address"] for e in user["contact_info"]["email"]]
    notes = [note["note_text"] for note in user["user_note"]]
    blocks = [block["block_description"]["value"] for block in user["user_block"]]
    return emails + notes + blocks


EXPECTED: dict[str, Callable[[Record], bool]] = {
    "renew-group": lambda user: user["expiry_date"].startswith("2028-06-30"),
    "end-group": lambda user: all(
        one["expiry_date"].startswith(TODAY.isoformat()) for one in (user, *user["user_role"])
    ),
    "clean-up": lambda user: {OLD, "02-GLOBAL"}.isdisjoint(entries(user)),
    "patron-roles": lambda user: any(
        str(role.get("expiry_date")).startswith(LATER) for role in user["user_role"]
    ),
    "mail-domain": lambda user: not any("@old." in one.lower() for one in entries(user)),
    "purge-dates": lambda user: bool(user.get("purge_date")),
}


@pytest.fixture
def people(folder: Path) -> Path:
    """Five people who were loaded; the Patron role of one ends before the membership."""
    rows = [dict(zip(HEAD, one, strict=True)) for one in PEOPLE]
    loaded = importer.apply(importer.plan(rows, MAPPING)).summary
    assert loaded.created == len(PEOPLE)
    soon = (TODAY + timedelta(9)).isoformat()

    def shorter(user: Record) -> None:
        user["user_role"] = [role | {"expiry_date": f"{soon}Z"} for role in user["user_role"]]

    edit(practice(), "7003", shorter)
    return folder


def test_a_recipe_is_done_once_and_undone(people: Path) -> None:
    """It changes whom it should; a second plan is empty; undo restores all but staff's edits."""
    assert RECIPES.keys() == CHANGED.keys()
    for name, path in RECIPES.items():
        before = users()
        run = importer.plan(None, path)
        assert {*run.changes()["primary_id"]} == CHANGED[name], name
        checks = run.summary.failed_checks or ()
        importer.apply(run, allow=checks)
        after = users()
        assert {key for key in after if after[key] != before[key]} == CHANGED[name], name
        assert all(EXPECTED[name](after[key]) for key in CHANGED[name]), name
        assert not EXPECTED[name](before[min(CHANGED[name])]), name
        again = importer.plan(None, path)
        assert (again.summary.update, len(again.changes())) == (0, 0), name
        one = min(CHANGED[name])
        edited = {"job_description": f"seen by staff during {name}"}
        edit(practice(), one, partial(_update, edited))
        back = importer.undo(run)
        importer.apply(back, allow=back.summary.failed_checks or ())
        assert users() == {**before, one: before[one] | edited}, name


def test_edits_by_staff_stay(people: Path) -> None:
    """An address that staff typed since the load stays, and is named, unless it is asked for."""

    def typed(user: Record) -> None:
        for email in user["contact_info"]["email"]:
            if email["email_address"].startswith("cy@"):
                email["email_address"] = "cy.roe@old.example.org"

    edit(practice(), "7003", typed)
    run = importer.plan(None, RECIPES["mail-domain"])
    assert {*run.changes()["primary_id"]} == {"7001"}
    assert "edited-in-alma" in {*run.problems()["code"]}
    asked = importer.plan(None, RECIPES["mail-domain"], overwrite_edits=["contact_info.email"])
    assert {*asked.changes()["primary_id"]} == {"7001", "7003"}


SCRIPTS = sorted((SAMPLES / "notebooks").glob("*.py"))
PRINTED = {
    "own_report": ("1 of 4 people can be loaded.", "unknown-code"),
    "review_in_code": ("23 of 23", "28 deleted"),
    "nightly_source": ("4 created, 0 updated", "0 created, 0 updated"),
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_runs(folder: Path, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a script, and again in a running event loop, as in Jupyter; each prints its results."""
    code = compile(script.read_text("utf-8"), script.name, "exec")
    exec(code, {"__name__": script.stem})  # noqa: S102  a sample of ours
    once = capsys.readouterr().out
    assert all(words in once for words in PRINTED[script.stem]), once

    async def in_a_loop() -> None:
        exec(code, {"__name__": script.stem})  # noqa: S102  a sample of ours

    asyncio.run(in_a_loop())
    assert capsys.readouterr().out
    runs = [one for one in (folder / "runs").iterdir() if one.is_dir()]
    assert all(importer.open_run(one).summary.adds_up() for one in runs)


def test_the_library_works_where_an_event_loop_runs_already(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every function, as in a notebook; an apply that is stopped is continued by the same call."""
    monkeypatch.setenv("ALMA_RATE", "4")  # few rows at a time

    async def main() -> None:
        assert {"table", "code"} <= {*importer.read_codes().columns}
        assert importer.check("patrons.xlsx", "community.yaml").summary.ready > 0
        run = importer.plan("patrons.xlsx", "community.yaml")
        done = [0]
        progress = importer.Progress(
            rows=lambda rows, _of: done.append(rows), cancel=lambda: done[-1] > 0
        )
        with pytest.raises(StoppedError):
            importer.apply(run, progress=progress)
        assert 0 < (run.summary.created or 0) < (run.summary.create or 0)
        monkeypatch.setenv("ALMA_RATE", "50")
        importer.apply(run)
        assert run.summary.created == run.summary.create
        assert len(importer.read_users()) == run.summary.create
        importer.resolve(run, run.rows().query("fate == 'review'")["row"], "reject")
        back = importer.undo(run, delete_created=True)
        with pytest.raises(SafetyCheckError):  # nobody said how many
            importer.apply(back, allow=["removals"])
        importer.apply(back, allow=["removals"], delete=back.summary.delete)
        assert back.summary.deleted == run.summary.create

    asyncio.run(main())
