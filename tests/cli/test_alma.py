"""The commands about the institution's Alma: codes, doctor, sandbox."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, ANAS_CHANGE, write
from tests.cli.small import codes as problem_codes
from tests.pipeline.runs import MAPPINGS, SAMPLES

COMMUNITY = MAPPINGS / "community.yaml"


def test_codes_are_fetched_into_a_file_and_shown(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """`codes fetch` saves the tables that the record's fields refer to; `codes show` tells them."""
    assert typed("codes", "fetch").exit == Exit.DONE
    assert {call["method"] for call in sandbox.log()} == {"GET"}
    assert "UserGroups" in typed("codes", "show").out
    assert "COMM" in typed("codes", "show", "UserGroups").out
    assert typed("codes", "show", "NoSuchTable").exit == Exit.USAGE


def test_no_codes_yet(typed: Type) -> None:
    """Where no tables are saved, the sentence says how to get them: exit 2."""
    got = typed("codes", "show")
    assert got.exit == Exit.USAGE
    assert "codes fetch" in got.err


def test_check_uses_saved_codes_offline(
    folder: Path, typed: Type, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that Alma's saved table lacks is found without asking Alma."""
    typed("codes", "fetch")
    tables = json.loads((folder / "codes.json").read_text("utf-8"))
    del tables["tables"]["UserGroups"]["COMM"]
    (folder / "codes.json").write_text(json.dumps(tables), "utf-8")
    for name in ("ALMA_BASE_URL", "ALMA_API_KEY"):
        monkeypatch.delenv(name)
    got = typed("check", SAMPLES / "community-patrons.csv", "-m", COMMUNITY, "--json")
    problems = got.summary["problems"]
    assert isinstance(problems, dict)
    assert problems["unknown-code"] > 10


def test_plan_fetches_codes_once(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Where none are saved; a named file is never made, and `check` stays offline."""
    roster = write(folder, ANA, ANAS_CHANGE)
    (folder / "codes.json").unlink()
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


def test_a_wrong_codes_file(folder: Path, typed: Type) -> None:
    """A code-table file that cannot be read is told with its name: exit 2."""
    (folder / "codes.json").write_text("{", "utf-8")
    got = typed("check", SAMPLES / "community-patrons.csv", "-m", COMMUNITY)
    assert got.exit == Exit.USAGE
    assert "codes.json" in got.err


def test_the_doctor_finds_all_well(typed: Type, sandbox: Sandbox) -> None:
    """With a good key and fresh codes nothing is bad; only a code-table file may be missing."""
    typed("codes", "fetch")
    got = typed("doctor", "--json")
    assert got.exit == Exit.DONE
    findings = got.summary["findings"]
    assert isinstance(findings, list)
    assert {finding["state"] for finding in findings} == {"ok"}


def test_the_doctor_names_a_missing_right(
    typed: Type, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that may only read: exit 9, and the finding says what to do."""
    monkeypatch.setenv("ALMA_API_KEY", "sandbox-read-only")
    got = typed("doctor", "--json")
    assert got.exit == Exit.ACCESS
    findings = got.summary["findings"]
    assert isinstance(findings, list)
    bad = [finding for finding in findings if finding["state"] == "bad"]
    assert [finding["name"] for finding in bad] == ["write users"]
    assert bad[0]["advice"]


def test_the_doctor_without_settings(typed: Type) -> None:
    """Without any setting the doctor still says what is here and what is missing."""
    got = typed("doctor")
    assert got.exit in {Exit.ACCESS, Exit.USAGE}
    assert "ALMA_REGION" in got.out


def test_the_sandbox_by_itself(folder: Path) -> None:
    """`importer sandbox` answers on loopback, keeps its users in a file, and ends when told."""
    command = [sys.executable, "-m", "importer", "sandbox", "--port", "0", "--db", "alma.sqlite"]
    process = subprocess.Popen(
        [*command, "--key", "mine", "--seed-users", "5"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process:
        host = process.stderr.readline().split(" at ")[1].split(";")[0]
        asked = Request(
            f"{host}/almaws/v1/users?format=json", headers={"Authorization": "apikey mine"}
        )
        with urlopen(asked) as answer:
            assert json.loads(answer.read())["total_record_count"] == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == Exit.DONE
    assert (folder / "alma.sqlite").exists()


def test_the_sandbox_lists_what_is_uncertain(typed: Type) -> None:
    """Every uncertain fact about Alma is a switch that can be listed."""
    got = typed("sandbox", "--switch", "list")
    assert got.exit == Exit.DONE
    assert "unsent-segments=delete|keep" in got.err


@pytest.mark.parametrize(
    "arguments", [("--latency", "fast"), ("--switch", "what"), ("--switch", "a=b")]
)
def test_a_sandbox_that_cannot_be(typed: Type, arguments: tuple[str, str]) -> None:
    """Settings of the sandbox that make no sense: exit 2."""
    assert typed("sandbox", *arguments).exit == Exit.USAGE


def test_codes_for_machines(typed: Type, sandbox: Sandbox) -> None:
    """`codes show --json` gives the rows of one table, or of all."""
    typed("codes", "fetch")
    one = typed("codes", "show", "UserGroups", "--json").summary["tables"]
    everything = typed("codes", "show", "--json").summary["tables"]
    assert isinstance(one, dict)
    assert isinstance(everything, dict)
    assert list(one) == ["UserGroups"]
    assert one["UserGroups"] == everything["UserGroups"]
    assert {"code": "COMM", "description": "Community", "enabled": True} in one["UserGroups"]


@pytest.mark.parametrize(
    ("tables", "code"),
    [
        (None, "codes-not-checked"),
        ({"tables": {}}, "codes-not-checked"),
        ({"fetched": "2024-01-01", "tables": {"UserGroups": {"COMM": "x"}}}, "old-code-tables"),
        ({"tables": {"UserGroups": {"COMM": "Community"}}}, None),
    ],
)
@pytest.mark.parametrize("command", ["check", "plan"])
def test_what_codes_are_checked_by_is_said(
    folder: Path,
    typed: Type,
    sandbox: Sandbox,
    command: str,
    tables: dict[str, object] | None,
    code: str | None,
) -> None:
    """Once, about the whole roster, whether there are tables and how old they are: exit 0.

    `plan` fetches them where there is no file.
    """
    roster = write(folder, ANA)
    (folder / "codes.json").unlink()
    if tables is not None:
        (folder / "codes.json").write_text(json.dumps(tables), "utf-8")
    assert typed(command, roster, "-m", "small.yaml", "-o", "run").exit == Exit.DONE
    if command == "plan" and tables is None:
        code = None
    assert problem_codes(folder, "run") == ([("0", code)] if code else [])


def test_code_tables_of_another_institution(folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """`plan` refuses them before it makes a folder; `check` names their institution."""
    roster = write(folder, ANA)
    other = {"institution": "01OTHER_INST", "tables": {"UserGroups": {"COMM": "Community"}}}
    (folder / "codes.json").write_text(json.dumps(other), "utf-8")
    got = typed("plan", roster, "-m", "small.yaml")
    assert got.exit == Exit.USAGE
    assert "01OTHER_INST" in got.err
    assert not (folder / "runs").exists()
    assert typed("check", roster, "-m", "small.yaml", "-o", "run").exit == Exit.DONE
    assert "01OTHER_INST" in (folder / "run" / "report.html").read_text("utf-8")
