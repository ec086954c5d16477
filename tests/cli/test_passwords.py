"""Passwords go from the roster to Alma and are kept nowhere between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.alma.connection import Connection, Request
from importer.alma.responses import CallResult
from importer.model.roster import NOT_KEPT
from tests.cli.canaries import CANARIES, LISTED, MAPPED, NAMES, kept_in
from tests.cli.conftest import Sandbox
from tests.command_line import typed

MAPPING = f"{NAMES}  password: <Password>\n"

ROSTER = """\
Barcode,First,Last,Password
2000112345001,Ana,Ibarra,Canary-word-one
2000112345002,,Lindqvist,Canary-word-two
2000112345003,Owen,Park,"Canary-\u200bword-three"
"""


@pytest.fixture
def written() -> None:
    """A mapping and a roster with passwords; the second row lacks a first name."""
    Path("patrons.yaml").write_text(MAPPING, "utf-8")
    Path("patrons.csv").write_text(ROSTER, "utf-8")


def test_a_password_reaches_alma_and_no_file(
    written: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply sends it with the new user, and no file of the run holds it."""
    sent = list[str]()
    send = Connection.send

    async def heard(connection: Connection, request: Request) -> CallResult:
        sent.append(request.body or "")
        return await send(connection, request)

    monkeypatch.setattr(Connection, "send", heard)
    typed("plan", "patrons.csv", "-m", "patrons.yaml", "-o", "run", "--show-values")
    applied = typed("apply", "run", "--show-values", "--json")
    assert applied.summary["created"] == 2
    typed("convert", "patrons.csv", "-m", "patrons.yaml", "--to", "jsonl", "-o", "run/out.jsonl")
    assert kept_in(Path("run")) == {}
    (ana,) = (body for body in sent if "2000112345001" in body)
    assert json.loads(ana)["password"] == "Canary-word-one"


@pytest.mark.parametrize("mapped", MAPPED)
def test_no_file_and_no_screen_has_a_password(sandbox: Sandbox, mapped: str) -> None:
    """However the mapping uses its column, a password is in the roster only, and goes to Alma."""
    Path("m.yaml").write_text(MAPPED[mapped], "utf-8")
    Path("listed.csv").write_text(LISTED, "utf-8")
    said = []
    for line in (
        ("mapping", "new", "listed.csv", "-o", "out/new.yaml"),
        ("mapping", "check", "m.yaml", "listed.csv", "--show-values"),
        ("check", "listed.csv", "-m", "m.yaml", "-o", "out/checked", "--show-values"),
        ("check", "out/checked/rejects.csv", "-m", "m.yaml", "-o", "out/again", "--show-values"),
        ("plan", "listed.csv", "-m", "m.yaml", "-o", "out/run", "--show-values"),
        ("apply", "out/run", "--show-values"),
        ("resolve", "out/run", "--from", "out/run/rejects.xlsx"),
        ("report", "out/run", "--show-values"),
        *(("show", "out/run", row, "--show-values") for row in range(2, 8)),
        ("undo", "out/run", "-o", "out/back", "--delete-created"),
        ("convert", "listed.csv", "-m", "m.yaml", "--to", "sis-xml", "-o", "out/load.zip"),
    ):
        Path("out").mkdir(exist_ok=True)
        got = typed(*line)
        said.append(got.out + got.err)
    assert kept_in(Path("out")) == {}
    assert [one for one in said if any(canary in one for canary in CANARIES)] == []
    assert NOT_KEPT in Path("out/run/rejects.csv").read_text("utf-8")
    assert NOT_KEPT in Path("out/run/report.html").read_text("utf-8")


def test_a_password_of_one_mapping_is_one_in_every_roster_of_the_plan(sandbox: Sandbox) -> None:
    """The heading says nothing, and only one of two mappings takes the column as a password."""
    for name, rows in (("one", (1, 2)), ("two", (3, 4))):
        lines = [f"200011234500{row},,Last{row},Canary-{row},Hof" for row in rows]
        text = "\n".join(("Barcode,First,Last,Keyword,Ort", *lines))
        Path(f"{name}.csv").write_text(f"{text}\n", "utf-8")
    Path("one.yaml").write_text(f"{NAMES}  password: <Keyword>\n", "utf-8")
    Path("two.yaml").write_text(NAMES, "utf-8")
    typed("plan", "one.csv", "-m", "one.yaml", "two.csv", "-m", "two.yaml", "-o", "run")
    assert kept_in(Path("run")) == {}
    assert "Hof" in Path("run/report.html").read_text("utf-8")


@pytest.mark.parametrize(
    "rule", ["<Password>", "{from: <Password>, clean: [upper]}", "<Password>!", "<$pw>"]
)
def test_the_text_not_kept_becomes_nobodys_password(sandbox: Sandbox, rule: str) -> None:
    """Sent back as it is, the row is rejected however often; with another password it is loaded."""
    values = "values: {pw: <Password>}\n" if "$" in rule else ""
    Path("m.yaml").write_text(
        f"{NAMES}  password: {json.dumps(rule) if rule[0] == '<' else rule}\n{values}", "utf-8"
    )
    roster = "Barcode,First,Last,Password\n2000112345001,,Ibarra,Canary-one-1\n"
    Path("r.csv").write_text(roster, "utf-8")
    typed("plan", "r.csv", "-m", "m.yaml", "-o", "run0")
    text = ""
    for number in (1, 2):
        path = Path(f"run{number - 1}", "rejects.csv")
        text = path.read_text("utf-8-sig").replace(",,Ibarra", ",Ana,Ibarra")
        Path("sent.csv").write_text(text, "utf-8")
        again = typed("plan", "sent.csv", "-m", "m.yaml", "-o", f"run{number}", "--json").summary
        assert (again["create"], again["rejected"]) == (0, 1)
        assert again["problems"]["bad-password"] == 1
    Path("sent.csv").write_text(text.replace(NOT_KEPT, "Canary-two-2"), "utf-8")
    assert typed("plan", "sent.csv", "-m", "m.yaml", "-o", "run", "--json").summary["create"] == 1
