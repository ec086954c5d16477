"""Patrons' data and the key stay where they belong: canaries in every input."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from importer.errors import Exit
from importer.sandbox.server import Options
from tests.cli.conftest import Sandbox
from tests.command_line import typed
from tests.pipeline.runs import MAPPINGS
from tests.practice import reached
from tests.sheets import write_rows

COMMUNITY = MAPPINGS / "community.yaml"

KEY = "canary-key-8c1f"

SOUND = {
    "Barcode": "29990001112223",
    "First Name": "Quillonia",
    "Middle": "Zebulonia",
    "Last Name": "Vexworthy",
    "Patron Type": "Community",
    "Email": "quillonia.vexworthy@example.org",
    "Alternate Email": "zebuloniaother@mail.example.org",
    "Phone": "605-555-0173",
    "Street": "4711 Canaryfeather Lane",
    "Apt": "Apt 99817",
    "City": "Featherbury",
    "State": "SD",
    "ZIP": "57893-4466",
    "DOB": "03/29/1957",
    "Expires": "08/31/2035",
    "Comments": "Privatissimum",
}

SPOILED: tuple[dict[str, str], ...] = (
    {"Barcode": "2999000111"},
    {"Barcode": "2.99900E+13"},
    {"Email": "quillonia.vexworthy at example.org"},
    {"DOB": "31/31/1957"},
    {"DOB": "03/29/2957"},
    {"Phone": "Vexworthyphone"},
    {"Last Name": "VexworthyÃ±"},
    {"First Name": "Quillonia\x07"},
    {"Last Name": "Vexworthy" * 40},
    {"ZIP": "Featherbury"},
    {"State": "Featherbury"},
    {"Patron Type": ""},
    {},
    {},
)

CANARIES = (
    KEY, "Quillonia", "Zebulonia", "Vexworthy", "quillonia", "zebulonia", "vexworthy", "555-0173",
    "5550173", "Canaryfeather", "Apt 99817", "Featherbury", "57893-4466", "03/29", "1957-03-29",
    "29990001112223", "2999000111", "Privatissimum",
)  # fmt: skip


def roster(path: Path) -> None:
    """One sound row, and one for every way in which a row can be wrong; the last two are twins."""
    rows = []
    for number, changes in enumerate(({}, *SPOILED)):
        other = {"Barcode": f"{29990001112223 + number}"} if number < len(SPOILED) else {}
        rows.append({**SOUND, **other, **changes})
    write_rows(path, rows)


FAULTS = """
rules:
  - {on: GET, nth: 9, do: html}
  - {on: POST, nth: 1, do: drop_after}
  - {on: POST, nth: 2, do: unauthorized}
"""


@pytest.mark.parametrize("faults", ["", FAULTS])
def test_no_canary_leaves_but_in_the_files_for_values(
    faults: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Terminal, logs, page, summary and messages of errors hold no value and no key.

    The rejects hold what has to be corrected, and the team's page shows values.
    """
    roster(Path("patrons.csv"))
    Path("faults.yaml").write_text(faults or "rules: []\n", "utf-8")
    options = Options(key=KEY, rate=0, faults=Path("faults.yaml"))
    said: list[str] = []
    with reached(monkeypatch, options), caplog.at_level(logging.DEBUG):
        for line in (
            ("check", "patrons.csv", "-m", COMMUNITY, "-o", "checked"),
            ("plan", "patrons.csv", "-m", COMMUNITY, "-o", "run"),
            ("apply", "run"),
            ("apply", "run"),
            ("report", "run"),
            ("show", "run", "2"),
            ("show", "run", "3"),
            ("plan", "patrons.csv", "-m", COMMUNITY, "-o", "again"),
            ("runs",),
            ("doctor",),
            ("apply", "run", "--limit", "many"),
        ):
            got = typed(*line)
            said += [got.out, got.err]
    said += [record.getMessage() for record in caplog.records]
    for run in ("checked", "run", "again"):
        said += [
            Path(run, name).read_text("utf-8") for name in ("report-masked.html", "summary.json")
        ]
    text = "\n".join(said)
    assert [canary for canary in CANARIES if canary in text] == []
    assert "Quillonia" in Path("run/rejects.csv").read_text("utf-8-sig")
    assert "2999000111" in Path("run/report.html").read_text("utf-8")
    everything = b"".join(path.read_bytes() for path in Path("run").iterdir())
    assert KEY.encode() not in everything


def test_commands_connect_to_alma_and_to_nothing_else(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name is looked up and no connection made but to the address of the settings."""
    asked: set[tuple[object, object]] = set()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: tuple[object, ...]) -> None:
        asked.add((address[0], address[1]))
        connect(self, address)

    def looking_up(*words: Any, **options: Any) -> list[Any]:
        asked.add((words[0], words[1]))
        return look_up(*words, **options)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    roster(Path("patrons.csv"))
    for line in (
        ("codes", "fetch"),
        ("doctor",),
        ("mapping", "new", "patrons.csv", "-o", "mine.yaml"),
        ("check", "patrons.csv", "-m", COMMUNITY, "-o", "checked"),
        ("users", "refresh"),
        ("plan", "patrons.csv", "-m", COMMUNITY, "-o", "run"),
        ("apply", "run"),
        ("report", "run"),
        ("undo", "run", "--delete-created", "-o", "back"),
        ("runs",),
        ("person", SOUND["Barcode"]),
    ):
        assert typed(*line).exit in {Exit.DONE, Exit.REJECTS}, line
    alma = urlsplit(sandbox.host)
    assert asked == {(alma.hostname, alma.port)}
