"""A roster whose headings are others than at the last run of the same mapping."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.cli.conftest import Type
from tests.cli.small import ANA, HEAD, write


def notices(folder: Path, run: str) -> list[str]:
    """What is said of changed headings in a run."""
    with (folder / run / "problems.csv").open(encoding="utf-8", newline="") as file:
        return [line["message"] for line in csv.DictReader(file) if line["code"] == CODE]


CODE = "headings-changed"


def check(typed: Type, roster: Path, run: str) -> None:
    """Check a roster with the small mapping."""
    typed("check", roster, "-m", "small.yaml", "-o", run)


def test_gone_and_new_headings_are_named(folder: Path, typed: Type) -> None:
    """A column that was renamed, or came in addition, is told of once, by its heading."""
    roster = write(folder, ANA)
    check(typed, roster, "first")
    check(typed, roster, "second")
    assert notices(folder, "first") == notices(folder, "second") == []
    text = roster.read_text("utf-8")
    roster.write_text(text.replace(",Note", ",Note,Extra").replace("Email", "E-mail"), "utf-8")
    mapping = folder / "small.yaml"
    mapping.write_text(mapping.read_text("utf-8").replace("<Email>", "<E-mail>"), "utf-8")
    check(typed, roster, "third")
    (told,) = notices(folder, "third")
    assert 'gone: "Email"; new: "E-mail", "Extra"' in told
    assert "(second)" in told
    check(typed, roster, "fourth")
    assert notices(folder, "fourth") == []


def test_order_and_other_mappings_do_not_matter(folder: Path, typed: Type) -> None:
    """Columns are found by their headings, and another mapping is for another roster."""
    roster = write(folder, ANA)
    check(typed, roster, "first")
    rows = [",".join(reversed(row)) for row in (HEAD, ANA)]
    roster.write_text("\n".join(rows) + "\n", "utf-8")
    check(typed, roster, "second")
    assert notices(folder, "second") == []
    mapping = folder / "small.yaml"
    mapping.write_text(mapping.read_text("utf-8").replace("name: small", "name: other"), "utf-8")
    roster.write_text(roster.read_text("utf-8").replace("Note", "Note,Extra"), "utf-8")
    check(typed, roster, "third")
    assert notices(folder, "third") == []


def test_columns_of_no_use_do_not_matter(folder: Path, typed: Type) -> None:
    """What stands under `unused` may come and go: a mapping's own template does not have it."""
    roster, mapping = write(folder, ANA), folder / "small.yaml"
    text = roster.read_text("utf-8")
    unused = mapping.read_text("utf-8").replace("{dates: ymd}", "{dates: ymd, unused: [remarks]}")
    mapping.write_text(unused, "utf-8")
    roster.write_text(text.replace(",Note", ",Note,Remarks"), "utf-8")
    check(typed, roster, "first")
    roster.write_text(text, "utf-8")
    check(typed, roster, "second")
    roster.write_text(text.replace(",Note", ",Note,REMARKS,Extra"), "utf-8")
    check(typed, roster, "third")
    assert notices(folder, "second") == []
    (told,) = notices(folder, "third")
    assert "REMARKS" not in told
