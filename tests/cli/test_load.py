"""The whole road over a real socket: check, plan, apply, apply again, correct, load the rest."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from subprocess import run as run_process
from sys import executable
from zipfile import ZipFile

import pytest
from lxml import etree
from typer.main import get_group

from importer.cli.app import COMMANDS, HIDDEN, app
from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.mapper.bench import BASE
from tests.pipeline.runs import MAPPING_OF_SAMPLE, ROOT, SAMPLES
from tests.practice import call

OF_SIS = BASE.replace("INTERNAL", "EXTERNAL\nowning_system: SIS\nrecord_type: PUBLIC")
SCHEMA = ROOT.parent / "shared" / "alma" / "xsd" / "rest_users.xsd"


def imported(*command: str) -> set[str]:
    """The modules that a command imports."""
    script = (
        "import sys; from importer.cli.app import run; code = run(sys.argv[1:]); "
        "sys.stderr.write('\\n'.join(sys.modules)); sys.exit(code)"
    )
    done = run_process(
        [executable, "-c", script, *command], capture_output=True, check=False, text=True
    )
    assert done.returncode in {Exit.DONE, Exit.REJECTS}
    return set(done.stderr.splitlines())


def test_help_is_quick() -> None:
    """The help of all commands imports nothing that only a command needs."""
    assert imported("--help").isdisjoint({"pandas", "pydantic", "httpx", "rich", "jinja2"})


def test_a_check_imports_nothing_of_the_connection() -> None:
    """It asks Alma nothing."""
    roster, mapping = next(iter(MAPPING_OF_SAMPLE.items()))
    rest = (str(SAMPLES / roster), "-m", str(mapping), "-o", str(Path("run")))
    assert imported("check", *rest).isdisjoint({"httpx", "asyncio", "lxml", "stamina"})


def test_the_help_lists_the_commands_in_words_of_their_own() -> None:
    """Each command of the list is there when it is called, and every command is in the list."""
    group = get_group(app)
    context = group.make_context("importer", [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
    listed = {(module, name) for name, (module, _) in COMMANDS.items()}
    listed |= {(module, name) for name, module in HIDDEN.items()}
    for module in {module for module, _ in listed}:
        there = get_group(import_module(f"importer.cli.{module}").app).commands
        assert {(module, name) for name in there} == {each for each in listed if each[0] == module}


@pytest.mark.parametrize("name", MAPPING_OF_SAMPLE)
def test_from_check_to_the_second_plan(name: str, sandbox: Sandbox) -> None:
    """Check and plan only read; apply writes each row once, also in two goes; then all is so."""
    roster, mapping = SAMPLES / name, MAPPING_OF_SAMPLE[name]
    ready = typed("check", roster, "-m", mapping, "-o", "checked", "--json").summary["ready"]
    assert sandbox.log() == []
    assert stat.S_IMODE(Path("checked").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path("checked").iterdir()} == {0o600}
    planned = typed("plan", roster, "-m", mapping, "-o", "run", "--json")
    assert {call["method"] for call in sandbox.log()} == {"GET"}
    assert planned.summary["create"] == ready
    first = typed("apply", "run", "--limit", "3", "--json").summary
    assert (first["created"], first["not_sent"]) == (3, int(str(ready)) - 3)
    applied = typed("apply", "run", "--json")
    assert (applied.exit, applied.summary["created"]) == (Exit.REJECTS, ready)
    assert len([call for call in sandbox.log() if call["method"] != "GET"]) == ready
    before = len(sandbox.log())
    again = typed("apply", "run", "--json")
    assert again.summary == applied.summary
    assert len(sandbox.log()) == before
    replanned = typed("plan", roster, "-m", mapping, "--json").summary
    counts = [replanned[count] for count in ("create", "update", "unchanged")]
    assert counts == [0, 0, ready]


@pytest.mark.parametrize("days", [-8, -6, 6, 8])
def test_a_plan_is_of_this_week(
    days: int, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock, which may have been wrong: a plan of next month may be a year old."""
    roster, mapping = next(iter(MAPPING_OF_SAMPLE.items()))
    typed("plan", SAMPLES / roster, "-m", mapping, "-o", "run")
    then = datetime.now(UTC) + timedelta(days=days)
    monkeypatch.setattr("importer.service.office.now", lambda: then)
    assert (typed("apply", "run").exit == Exit.STALE) == (abs(days) == 8)
    assert ("POST" in {call["method"] for call in sandbox.log()}) == (abs(days) == 6)


def test_records_as_files(sandbox: Sandbox) -> None:
    """`convert` gives a body a line, or a zip that is valid against Alma's own schema.

    An SIS load of it updates everybody: the ready mapping's Internal entries stay out of the zip,
    as External copies would be refused. Alma takes each identifier once, and the load leaves
    Internal entries as they are.
    """
    name = "students-and-staff.xlsx"
    roster, mapping = SAMPLES / name, MAPPING_OF_SAMPLE[name]
    convert = ("convert", roster, "-m", mapping, "--to")
    ready = typed(*convert, "jsonl", "-o", "out.jsonl", "--json").summary["ready"]
    bodies = [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    kinds = [body["account_type"]["value"] for body in bodies]
    assert kinds == ["EXTERNAL"] * int(str(ready))
    cleared = typed(*convert, "sis-xml", "-o", "load.zip").err
    assert "Gender" in cleared  # a field that the load would clear
    with ZipFile(Path("load.zip")) as archive:
        documents = [etree.fromstring(archive.read(member)) for member in archive.namelist()]
    assert sum(map(len, documents)) == ready
    if SCHEMA.exists():
        schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
        for document in documents:
            schema.assertValid(document)
    typed("plan", roster, "-m", mapping, "-o", "run")
    assert typed("apply", "run", "--json").summary["created"] == ready
    load = Path("load.zip").read_bytes()
    told = json.loads(call(sandbox.host, "POST", "/_sandbox/sis", load))
    assert (told["updated"], told["created"], told["rejected"]) == (ready, 0, [])


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"SIS": "HR"}, "external systems: HR and SIS"),
        ({"[primary_id]": "[UNIV_ID]"}, "found: UNIV_ID and primary_id"),
        ({"PUBLIC": "STAFF"}, "record types: PUBLIC and STAFF"),
    ],
)
def test_one_file_for_an_sis_load_fits_one_profile(other: dict[str, str], what: str) -> None:
    """A profile in Alma has one external system, one ID to find users by, and one record type."""
    mapping = f"{OF_SIS}  user_identifier: [{{id_type: UNIV_ID, value: <U>}}]\n"
    mapping += "match: {by: [primary_id]}\n"
    Path("one.yaml").write_text(mapping, "utf-8")
    for here, there in other.items():
        Path("other.yaml").write_text(mapping.replace(here, there), "utf-8")
    Path("a.csv").write_text("ID,First,Last,U\n0012345,Ana,Nunez,U1\n", "utf-8")
    Path("b.csv").write_text("ID,First,Last,U\n0012346,Bo,Doe,U2\n", "utf-8")
    load = ("a.csv", "b.csv", "-m", "one.yaml", "-m", "other.yaml", "--to", "sis-xml", "-o")
    refused = typed("convert", *load, "load.zip")
    assert (refused.exit, Path("load.zip").exists()) == (Exit.USAGE, False)
    assert what in refused.err


@pytest.mark.parametrize("command", ["convert", "plan"])
@pytest.mark.parametrize(("last", "system", "rejected"), [("Doe", "sis", 0), ("", "HR", 1)])
def test_a_row_that_is_not_loaded_stops_no_sis_load(
    sandbox: Sandbox, last: str, system: str, rejected: int, command: str
) -> None:
    """Only ready rows need one external system, and case makes no second one."""
    Path("one.yaml").write_text(OF_SIS.replace("SIS", "<System>"), "utf-8")
    rows = f"ID,First,Last,System\n0012345,Ana,Nunez,SIS\n0012346,Bo,{last},{system}\n"
    Path("r.csv").write_text(rows, "utf-8")
    tables = {"tables": {"UserGroups": {"COMM": "Community"}}}
    Path("codes.json").write_text(json.dumps(tables), "utf-8")
    typed("users", "refresh")
    out = "load.zip" if command == "convert" else "run"
    got = typed(command, "r.csv", "-m", "one.yaml", "--to", "sis-xml", "-o", out, "--json")
    assert got.exit == (Exit.REJECTS if rejected else Exit.DONE), got.err
    assert got.summary["rejected"] == rejected
