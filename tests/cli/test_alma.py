"""The commands about the institution's Alma: codes, doctor, sandbox."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from importer.alma.client import Alma
from importer.errors import Exit
from importer.model.fields import CodeTables
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, ANAS_CHANGE, write
from tests.command_line import typed


def test_codes_are_fetched_into_a_file_and_shown(sandbox: Sandbox) -> None:
    """`codes fetch` saves the tables that the record's fields refer to; `codes show` shows them."""
    missing = typed("codes", "show")
    assert (missing.exit, "codes fetch" in missing.err) == (Exit.USAGE, True)
    assert typed("codes", "fetch").exit == Exit.DONE
    assert {call["method"] for call in sandbox.log()} == {"GET"}
    assert "UserGroups" in typed("codes", "show").out
    assert "COMM" in typed("codes", "show", "UserGroups").out
    assert typed("codes", "show", "NoSuchTable").exit == Exit.USAGE
    one: dict[str, Any] = typed("codes", "show", "UserGroups", "--json").summary
    everything: dict[str, Any] = typed("codes", "show", "--json").summary
    assert one["tables"] == {"UserGroups": everything["tables"]["UserGroups"]}
    row = {"code": "COMM", "description": "Community", "enabled": True}
    assert row in one["tables"]["UserGroups"]


def test_codes_that_alma_does_not_give_are_kept(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says so, and which are nowhere."""
    typed("codes", "fetch")
    fetch = Alma.code_tables

    async def fewer(alma: Alma, today: date) -> CodeTables:
        found = await fetch(alma, today)
        some = {name: found.tables[name] for name in found.tables.keys() - {"UserGroups"}}
        return replace(found, tables=some)

    monkeypatch.setattr(Alma, "code_tables", fewer)
    for before, then in ((True, "those of the file before are kept"), (False, "add those by hand")):
        if not before:
            Path("codes.json").unlink()
        told = typed("codes", "fetch").err
        assert f"Alma gives none of UserGroups; {then}." in told
        assert (typed("codes", "show", "UserGroups").exit is Exit.DONE) is before


def test_plan_fetches_codes_once(folder: Path, sandbox: Sandbox) -> None:
    """Where none are saved; a named file is never made, and `check` stays offline."""
    roster = write(ANA, ANAS_CHANGE)
    Path("codes.json").unlink()
    arguments = (roster, "-m", "small.yaml")
    assert typed("check", *arguments).exit == Exit.REJECTS
    assert typed("plan", *arguments, "--codes", "other.json").exit == Exit.USAGE
    assert not list(folder.glob("*.json"))
    assert sandbox.log() == []
    told = typed("plan", *arguments).err
    assert "read from Alma first" in told
    assert "UserGroups" in typed("codes", "show").out
    calls = sum("code-tables" in str(call["path"]) for call in sandbox.log())
    assert calls > 0
    assert "read from Alma first" not in typed("plan", *arguments).err
    assert sum("code-tables" in str(call["path"]) for call in sandbox.log()) == calls


def test_the_doctor(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is well with a good key and codes; else the exit code is a load's, with advice."""

    def findings(code: Exit) -> list[dict[str, str]]:
        got = typed("doctor", "--json")
        assert got.exit == code
        found: list[dict[str, str]] = json.loads(got.out)["findings"]
        return found

    typed("codes", "fetch")
    assert {finding["state"] for finding in findings(Exit.DONE)} == {"ok"}
    monkeypatch.setenv("ALMA_API_KEY", "sandbox-read-only")
    (bad,) = (finding for finding in findings(Exit.ACCESS) if finding["state"] == "bad")
    assert bad["name"] == "write users"
    assert bad["advice"]
    monkeypatch.delenv("ALMA_API_KEY")
    monkeypatch.delenv("ALMA_BASE_URL")
    assert "ALMA_REGION" in str(findings(Exit.USAGE))


@pytest.mark.parametrize("name", [".", "runs", "users"])
def test_the_doctor_names_a_folder_of_another_user(
    name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a run with `sudo`: nothing could be written there."""
    Path(name).mkdir(exist_ok=True)
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != Path(name))
    got = typed("doctor", "--json")
    assert got.exit == Exit.USAGE
    (found,) = (one for one in json.loads(got.out)["findings"] if one["name"] == "folder")
    assert str(Path(name).absolute()) in found["sentence"]


def test_the_doctor_goes_on_after_damaged_files(sandbox: Sandbox) -> None:
    """Each is reported once, and none counts as one that is not there."""
    for name in ("codes.json", "facts.json"):
        Path(name).write_text("{", "utf-8")
    typed("users", "refresh")
    (cache,) = Path("users").glob("*.sqlite")
    cache.write_bytes(cache.read_bytes()[:-4096] + b"x" * 4096)  # of which the beginning is right
    Path("users/sandbox.sqlite-wal").mkdir()
    Path("users/sandbox.sqlite").touch()  # which SQLite cannot open, as on a full disk
    got = typed("doctor", "--json")
    assert got.exit == Exit.USAGE
    found = [(one["name"], one["state"]) for one in json.loads(got.out)["findings"]]
    damaged = [("user cache", "bad")] * 2 + [("code tables", "bad"), ("facts", "bad")]
    assert [one for one in found if one[1] != "ok"] == damaged
    assert ("institution", "ok") in found


def test_the_sandbox_by_itself(folder: Path) -> None:
    """`importer sandbox` answers on loopback, keeps its users in a file, and ends when told.

    Another start of it invents nobody beside the users of the file, and says so.
    """
    command = [sys.executable, "-m", "importer", "sandbox", "--port", "0", "--db", "alma.sqlite"]
    for seed, notice in (("5", False), ("7", True)):
        process = subprocess.Popen(
            [*command, "--key", "mine", "--seed-users", seed],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        with process:
            if notice:
                assert "alma.sqlite has 5 users" in process.stderr.readline()
            host = process.stderr.readline().split(" at ")[1].split(";")[0]
            asked = Request(
                f"{host}/almaws/v1/users?format=json", headers={"Authorization": "apikey mine"}
            )
            with urlopen(asked) as answer:
                assert json.loads(answer.read())["total_record_count"] == 5
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == Exit.DONE
    assert Path("alma.sqlite").exists()


def test_options_of_the_sandbox() -> None:
    """Every uncertain fact about Alma is a switch to list; what makes no sense is refused."""
    got = typed("sandbox", "--switch", "list")
    assert got.exit == Exit.DONE
    assert "unsent-segments=delete|keep" in got.err
    for words in (("--switch", "what"), ("--switch", "a=b")):
        assert typed("sandbox", *words).exit == Exit.USAGE


def test_code_tables_of_another_institution(sandbox: Sandbox) -> None:
    """`plan` refuses them before it makes a folder; `check` names their institution."""
    roster = write(ANA)
    other = {"institution": "01OTHER_INST", "tables": {"UserGroups": {"COMM": "Community"}}}
    Path("codes.json").write_text(json.dumps(other), "utf-8")
    got = typed("plan", roster, "-m", "small.yaml")
    assert got.exit == Exit.USAGE
    assert "01OTHER_INST" in got.err
    assert not Path("runs").exists()
    assert typed("check", roster, "-m", "small.yaml", "-o", "run").exit == Exit.DONE
    assert "01OTHER_INST" in Path("run/report.html").read_text("utf-8")
