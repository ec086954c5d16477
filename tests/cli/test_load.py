"""The whole road over a real socket: check, plan, apply, apply again, correct, load the rest."""

from __future__ import annotations

import json
import stat
import time
from importlib import import_module
from pathlib import Path
from subprocess import run as run_process
from sys import executable
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest
from typer.main import get_group

from importer.cli.app import COMMANDS, HIDDEN, app, run
from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.pipeline.runs import MAPPING_OF_SAMPLE, MAPPINGS, ROOT, SAMPLES

SCHEMA = ROOT.parent / "shared" / "alma" / "xsd" / "rest_users.xsd"


def imported(*command: str) -> set[str]:
    """The modules that a command imports."""
    script = (
        "import sys; from importer.cli.app import run; code = run(sys.argv[1:]); "
        "sys.stderr.write('\\n'.join(sys.modules)); sys.exit(code)"
    )
    done = run_process(
        [executable, "-c", script, *command], capture_output=True, check=True, text=True
    )
    return set(done.stderr.splitlines())


def test_the_bare_command_helps(capsys: pytest.CaptureFixture[str]) -> None:
    """Typed alone it tells what there is; a group without its command is wrong usage."""
    assert run([]) == Exit.DONE
    assert "check" in capsys.readouterr().out
    assert run(["mapping"]) == Exit.USAGE
    assert capsys.readouterr().err


def test_help_is_quick() -> None:
    """The help of all commands imports nothing that only a command needs."""
    assert imported("--help").isdisjoint({"pandas", "pydantic", "httpx", "rich", "jinja2"})


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
def test_the_whole_road(name: str, folder: Path, typed: Type, sandbox: Sandbox) -> None:
    """Check and plan only read; apply writes each row once; applied again it sends nothing."""
    roster, mapping = SAMPLES / name, MAPPING_OF_SAMPLE[name]
    checked = typed("check", roster, "-m", mapping, "--json")
    assert sandbox.log() == []
    planned = typed("plan", roster, "-m", mapping, "-o", "run", "--json")
    assert {call["method"] for call in sandbox.log()} == {"GET"}
    ready = checked.summary["ready"]
    assert planned.summary["create"] == ready
    applied = typed("apply", "run", "--json")
    assert applied.summary["created"] == ready
    assert applied.exit == Exit.REJECTS
    writes = [call for call in sandbox.log() if call["method"] != "GET"]
    assert len(writes) == ready
    before = len(sandbox.log())
    again = typed("apply", "run", "--json")
    assert again.summary == applied.summary
    assert len(sandbox.log()) == before
    replanned = typed("plan", roster, "-m", mapping, "--json")
    assert replanned.summary["unchanged"] == ready


def test_a_run_is_for_its_owner_only(folder: Path, typed: Type) -> None:
    """The folder is 0700 and its files 0600: they hold personal data."""
    typed(
        "check", SAMPLES / "community-patrons.csv", "-m", MAPPINGS / "community.yaml", "-o", "run"
    )
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "run").iterdir()} == {0o600}


def test_limit_then_the_rest(typed: Type, sandbox: Sandbox) -> None:
    """`--limit` sends a first slice; applied again, the rest is sent, nothing twice."""
    roster, mapping = SAMPLES / "community-patrons.csv", MAPPINGS / "community.yaml"
    create = typed("plan", roster, "-m", mapping, "-o", "run", "--json").summary["create"]
    first = typed("apply", "run", "--limit", "3", "--json").summary
    assert first["created"] == 3
    assert first["not_sent"] == int(str(create)) - 3
    assert typed("apply", "run", "--json").summary["created"] == create
    assert len([call for call in sandbox.log() if call["method"] == "POST"]) == create


def test_records_as_lines(folder: Path, typed: Type) -> None:
    """`convert --to jsonl` gives a body a line, as many as rows are ready."""
    roster, mapping = SAMPLES / "community-patrons.csv", MAPPINGS / "community.yaml"
    got = typed("convert", roster, "-m", mapping, "--to", "jsonl", "-o", "out.jsonl", "--json")
    bodies = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    assert len(bodies) == got.summary["ready"]
    assert all(body["account_type"]["value"] == "INTERNAL" for body in bodies)


def test_a_load_for_the_student_system(folder: Path, typed: Type) -> None:
    """`convert --to sis-xml` gives a zip that is valid against Alma's own schema."""
    if not SCHEMA.exists():
        pytest.skip("Alma's schema is not here")
    from lxml import etree

    name = "students-and-staff.xlsx"
    roster, mapping = SAMPLES / name, MAPPING_OF_SAMPLE[name]
    got = typed("convert", roster, "-m", mapping, "--to", "sis-xml", "-o", "load.zip")
    assert "gender" in got.err  # a field that the load would clear
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    users = 0
    with ZipFile(folder / "load.zip") as archive:
        for member in archive.namelist():
            document = etree.fromstring(archive.read(member))
            schema.assertValid(document)
            users += len(document)
    ready = typed("check", roster, "-m", mapping, "--json").summary["ready"]
    assert users == ready


def test_rows_that_a_load_would_not_match_are_listed(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """A load never touches Internal users; the user cache shows whose ID a row has."""
    (folder / "community.yaml").write_text(
        "version: 1\naccount_type: INTERNAL\nrecord: {primary_id: <Id>, first_name: <F>,"
        " last_name: <L>, user_group: COMM}\n",
        "utf-8",
    )
    text = (folder / "community.yaml").read_text("utf-8")
    students = text.replace("INTERNAL", "EXTERNAL\nowning_system: SIS")
    (folder / "students.yaml").write_text(students, "utf-8")
    (folder / "r.csv").write_text("Id,F,L\n0012345,Ana,Nunez\n0012346,Bo,Doe\n", "utf-8")
    typed("plan", "r.csv", "-m", "community.yaml", "-o", "run")
    typed("apply", "run", "--limit", "1")
    typed("users", "refresh")
    got = typed("convert", "r.csv", "-m", "students.yaml", "--to", "sis-xml", "-o", "load.zip")
    assert "row 2: it has the primary_id of an Internal user" in got.err


def test_a_load_after_an_apply_updates_everybody(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """The ready mapping's Internal entries stay out of the zip; External copies would be refused.

    Alma takes each identifier once, and the load leaves Internal entries as they are.
    """
    name = "students-and-staff.xlsx"
    roster, mapping = SAMPLES / name, MAPPING_OF_SAMPLE[name]
    typed("plan", roster, "-m", mapping, "-o", "run")
    created = typed("apply", "run", "--json").summary["created"]
    assert typed("convert", roster, "-m", mapping, "--to", "sis-xml", "-o", "load.zip").err
    load = Request(f"{sandbox.host}/_sandbox/sis", (folder / "load.zip").read_bytes())
    load.add_header("Authorization", "apikey sandbox")
    with urlopen(load) as answer:
        told = json.load(answer)
    assert (told["updated"], told["created"], told["rejected"]) == (created, 0, [])


def test_the_row_numbers_survive_a_slow_clock(typed: Type) -> None:
    """Two runs within one minute get folders of their own."""
    roster, mapping = SAMPLES / "community-patrons.csv", MAPPINGS / "community.yaml"
    runs = {str(typed("check", roster, "-m", mapping, "--json").summary["run"]) for _ in range(2)}
    assert len(runs) == 2
    assert time.strftime("%Y-%m") in next(iter(runs))
