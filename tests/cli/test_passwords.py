"""Passwords go from the roster to Alma and are kept nowhere between."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

import pytest

from importer.alma.connection import Connection, Request
from importer.alma.responses import CallResult
from importer.model.roster import NOT_KEPT
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.mapper.bench import BASE

NAMES = BASE.replace("<ID>", "<Barcode>")
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


CANARIES = ("Canary", "CANARY", "7315846", "2584613")
"""Of the passwords and the PINs, in any part of a run."""

LISTED = """\
Barcode,First,Last,Password,Verify password,Code PIN,Ort
2000112345001,Ana,Ibarra,Canary-one-1,Canary-one-1,7315846,Hof
2000112345002,,Lindqvist,"Canary-\u200btwo",Canary-two-2,7315846,Hof
2000112345003,Owen,Park,Canary-three-3,Canary-three-3,7315846,Hof,Canary-beyond
2000112345004,Uma,Canary-shifted,7315846,Hof
2000112345005,Ida,"Berg
2000112345006,Eva,Bell,Canary-swallowed,Canary-swallowed,7315846,Hof
2000112345007,Eva,Bell,Canary-swallowed,Canary-swallowed,7315846,Hof",Canary-six,Canary-six,2584613,Hof
2000112345008,Lea,Sand,Canary-eight,Canary-eight,2584613,Hof
Canary-nine,Canary-nine,7315846,Hof
Canary-nine,Canary-nine,7315846,Hof
"""
"""A row lacks its first name; one has a cell too many, some too few; one has swallowed two."""

MAPPED = {
    "nowhere": NAMES,
    "listed as unused": NAMES.replace("record:", "roster: {unused: [Password, Code PIN]}\nrecord:"),
    "as password and PIN": f"{NAMES}  password: <Password>\n  pin_number: <Code PIN>\n",
    "in two steps": f"{NAMES}  password: <$pw>\n"
    "values: {pw: {from: <Password>, clean: [upper]}}\n",
}


KEPT_TEXTS = """SELECT value FROM run UNION ALL SELECT cells FROM cells
    UNION ALL SELECT value || message || advice FROM problems
    UNION ALL SELECT detail FROM entries"""


def kept_in(folder: Path) -> dict[str, str]:
    """The files below a folder, also the parts of workbooks, in which there is a canary."""
    found = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        parts = [path.read_bytes()]
        if path.suffix == ".xlsx":
            with ZipFile(path) as book:
                parts = [book.read(name) for name in book.namelist()]
        for canary in CANARIES:
            if path.name == "ledger.sqlite" and canary.isdigit():  # a planned record has its PIN
                with closing(sqlite3.connect(path)) as ledger:
                    parts = [repr(ledger.execute(KEPT_TEXTS).fetchall()).encode()]
            if any(canary.encode() in part for part in parts):
                found[path.name] = canary
    return found


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
