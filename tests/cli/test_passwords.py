"""Passwords go from the roster to Alma and are kept nowhere between."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from importer.model.roster import NOT_KEPT
from tests.cli.conftest import Sandbox, Type

MAPPING = """\
version: 1
account_type: INTERNAL
record:
  primary_id: <Barcode>
  first_name: <First>
  last_name: <Last>
  user_group: COMM
  password: <Password>
"""

ROSTER = """\
Barcode,First,Last,Password
2000112345001,Ana,Ibarra,Canary-word-one
2000112345002,,Lindqvist,Canary-word-two
2000112345003,Owen,Park,"Canary-\u200bword-three"
"""


@pytest.fixture
def written(folder: Path) -> Path:
    """A mapping and a roster with passwords; the second row lacks a first name."""
    (folder / "patrons.yaml").write_text(MAPPING, "utf-8")
    (folder / "patrons.csv").write_text(ROSTER, "utf-8")
    return folder


def held(folder: Path) -> list[str]:
    """The files below a folder that hold a password, or a part of one."""
    return [
        path.name for path in folder.rglob("*") if path.is_file() and b"Canary" in path.read_bytes()
    ]


def test_a_password_reaches_alma_and_no_file(written: Path, typed: Type, sandbox: Sandbox) -> None:
    """After plan and apply the user can log in, and no file of the run holds the password."""
    typed("plan", "patrons.csv", "-m", "patrons.yaml", "-o", "run", "--show-values")
    applied = typed("apply", "run", "--show-values", "--json")
    assert applied.summary["created"] == 2
    typed("convert", "patrons.csv", "-m", "patrons.yaml", "--to", "jsonl", "-o", "run/out.jsonl")
    assert held(written / "run") == []
    login = Request(
        f"{sandbox.host}/almaws/v1/users/2000112345001?op=auth&password=Canary-word-one",
        method="POST",
        headers={"Authorization": "apikey sandbox"},
    )
    with urlopen(login) as answer:
        assert answer.status == 204


def test_a_rejected_row_asks_for_its_password_again(written: Path, typed: Type) -> None:
    """The rejects show that there was one; sent back without it, the row stays rejected."""
    typed("check", "patrons.csv", "-m", "patrons.yaml", "-o", "run")
    assert held(written / "run") == []
    with (written / "run" / "rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["Password"] for line in lines] == [NOT_KEPT]
    lines[0]["First"] = "Freya"
    with (written / "mended.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    again = typed("check", "mended.csv", "-m", "patrons.yaml", "--json")
    assert again.summary["problems"] == {"bad-password": 1, "codes-not-checked": 1}
    assert json.loads(again.out)["rejected"] == 1
