"""`mapping new`: what is chosen by options or answered, and rosters without headings."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from importer.errors import Exit, RosterError
from importer.mapper.checks import findings
from importer.mapper.findings import Level
from importer.mapper.load import load
from importer.model.roster import Layout
from importer.suggest.reading import best_reading
from tests.command_line import typed
from tests.loader.letters import PAIRS, roster
from tests.suggest.headings import BESIDE

ROSTER = """\
Card,Name,Born,Group,Vence
A0010020,"Field, Debbie",4/5/1980,Community,1/2/2030
A0010021,"Smith, William",2/11/1974,Comunity,1/2/2030
A0010022,"Park, Anna",3/4/1990,Friends of the Library,1/2/2030
"""
CODES = {"tables": {"UserGroups": {"COMM": "Community", "FRIEND": "Friends of the Library"}}}
OPTIONS = [
    "--account-type",
    "INTERNAL",
    "--id",
    "Card",
    "--dates",
    "mdy",
    "--group",
    "Comunity=COMM",
]


@pytest.fixture
def clerk(folder: Path) -> Path:
    """The folder with a roster and Alma's codes."""
    Path("codes.json").write_text(json.dumps(CODES), "utf-8")
    Path("clerk.csv").write_text(ROSTER, "utf-8")
    return folder


def test_options_choose_what_cannot_be_guessed(clerk: Path) -> None:
    """Nothing is left to do, codes come from the code tables, and choices are no guesses."""
    got = typed("mapping", "new", "clerk.csv", "-o", "m.yaml", *OPTIONS)
    assert got.exit == Exit.DONE
    mapping = load(clerk / "m.yaml")
    assert findings(mapping, Level.TO_DO) == ()
    assert mapping.file.lookups["groups"] == {
        "Community": "COMM",
        "Comunity": "COMM",
        "Friends of the Library": "FRIEND",
    }
    text = (clerk / "m.yaml").read_text("utf-8")
    assert "account_type: INTERNAL\n" in text
    assert "primary_id: <Card>\n" in text
    assert 'Card: {pattern: "A[0-9]{7}"}' in text
    assert "sheet" not in text


def test_codes_of_another_system_get_a_lookup(clerk: Path) -> None:
    """Banner's levels look like Alma's codes: an option or Alma's code table shows they are not."""
    (clerk / "banner.csv").write_text("ID,First,Last,Level\n7,A,L,UG\n9,B,M,ND\n8,C,N,UG\n")
    options = ("--group", "ug=COMM", "--id", "ID")
    text = typed("mapping", "new", "banner.csv", *options).out
    assert "user_group: {from: <Level>, lookup: groups}" in text
    assert "UG: COMM   # 2 rows" in text
    assert 'ND: "?"   # to do; 1 row' in text
    (clerk / "codes.json").write_text(json.dumps({"tables": {"UserGroups": {"UG": "", "ND": ""}}}))
    assert "lookup" not in typed("mapping", "new", "banner.csv").out


def test_the_scores_of_a_column_can_be_asked_for(clerk: Path) -> None:
    """With what the words of its heading mean; no mapping is written."""
    text = typed("mapping", "new", "clerk.csv", "--explain", "born").out
    assert text.splitlines()[0] == "C (Born): its words mean birth."
    assert "  birth_date\n" in text
    assert "record:" not in text
    assert typed("mapping", "new", "clerk.csv", "--explain", "Brn").exit == Exit.USAGE


def test_a_wrong_option_is_refused(clerk: Path) -> None:
    """With the exit code of wrong usage; no file is left."""
    for option, text in (
        ("--id", "Crad"),
        ("--group", "FAC"),
        ("--group", "Facutly=FAC"),
        ("--dates", "ydm"),
        ("--account-type", "X"),
    ):
        got = typed("mapping", "new", "clerk.csv", "-o", "m.yaml", option, text)
        assert got.exit == Exit.USAGE, option
    assert not (clerk / "m.yaml").exists()


def test_the_words_of_group_find_its_column(clerk: Path) -> None:
    """By all of them, whatever the heading; what several or no columns have is refused."""
    (clerk / "odd.csv").write_text(
        "ID,First,Last,Desk,Floor\n71,A,Lee,Law,Art\n72,B,Ray,Art,Art\n73,C,Ito,Law,Main\n"
    )
    text = typed("mapping", "new", "odd.csv", "--group", "law=COMM", "--group", "Art=FRIEND").out
    for line in ("user_group: {from: <Desk>, lookup: groups}", "  Law: COMM   # 2 rows"):
        assert f"  {line}\n" in text
    several = typed("mapping", "new", "odd.csv", "--group", "Art=COMM")
    assert (several.exit, "D (Desk) and E (Floor)" in several.err) == (Exit.USAGE, True)
    text = typed("mapping", "new", "odd.csv", "--id", "ID").out  # as the message advises
    (clerk / "m.yaml").write_text(text.replace('user_group: "<?>"', "user_group: <Floor>"))
    assert findings(load(clerk / "m.yaml"), Level.TO_DO) == ()
    assert typed("mapping", "new", "odd.csv", "--group", "Lwa=COMM").exit == Exit.USAGE
    wrong = typed("mapping", "new", "odd.csv", "--id", "Badge")
    assert (wrong.exit, "A (ID), B (First)" in wrong.err) == (Exit.USAGE, True)
    assert "primary_id: <ID>\n" in typed("mapping", "new", "odd.csv", "--id", "id").out


@pytest.mark.parametrize(
    ("cells", "key", "expires"),
    [
        (("12/2027", "06/2028"), "{month: end}", ["2027-12-31", "2028-06-30"]),
        (("12/27", "06/28"), "{month: end}", ["2027-12-31", "2028-06-30"]),
        (("2027", "2028"), "{year: end}", ["2027-12-31", "2028-12-31"]),
        (("Dec 2027", "2028"), "{month: end, year: end}", ["2027-12-31", "2028-12-31"]),
    ],
)
def test_an_expiry_date_without_a_day_is_the_last_day(
    cells: tuple[str, str], key: str, expires: list[str]
) -> None:
    """The column is found by its heading, and the key that its cells need is written."""
    rows = [f"A002001{n},Ann,Lee,{cell}" for n, cell in enumerate(cells)]
    Path("r.csv").write_text("\n".join(["Card,First,Last,Valid until", *rows, ""]), "utf-8")
    text = typed("mapping", "new", "r.csv", "--id", "Card").out
    assert f"expiry_date: {{from: <Valid until>, dates: {key}}}" in text
    Path("m.yaml").write_text(text.replace('"<?>"', "COMM"), "utf-8")
    assert typed("convert", "r.csv", "-m", "m.yaml", "--to", "jsonl", "-o", "r.jsonl").exit == 0
    records = map(json.loads, Path("r.jsonl").read_text("utf-8").splitlines())
    assert [record["expiry_date"].rstrip("Z") for record in records] == expires


def test_a_sheet_is_named_as_in_a_plan() -> None:
    """`BOOK[SHEET]` is the sheet of a workbook, as `--sheet` is; in place of the mapping's, too."""
    book = openpyxl.Workbook()
    for name in ("Old", "New"):
        book.create_sheet(name).append(["Card No", f"{name} Name"])
    book.save(Path("b.xlsx"))
    for words in (["b.xlsx[New]"], ["b.xlsx", "--sheet", "New"]):
        assert "sheet: New" in typed("mapping", "new", *words).out
    new = typed("mapping", "new", "b.xlsx[New]").out
    Path("m.yaml").write_text(new.replace("<?>", "<Old Name>"), "utf-8")
    checked = typed("mapping", "check", "m.yaml", "b.xlsx[Old]", "--json")
    assert [one["heading"] for one in checked.summary["columns"]] == ["Card No", "Old Name"]


def test_an_encoding_that_is_not_certain_is_refused_with_words(folder: Path) -> None:
    """The message has some words as each likely encoding reads them, and `--encoding` takes one."""
    pair = next(pair for pair in PAIRS if pair.encoding == "cp1250" and pair.language == "pl")
    Path("pl.csv").write_bytes(roster(pair, 100)[1])
    with pytest.raises(RosterError) as refused:
        best_reading(Path("pl.csv"), Layout(), BESIDE)
    got = typed("mapping", "new", "pl.csv", "-o", "m.yaml")
    assert got.exit == Exit.ROSTER
    assert refused.value.encodings["windows-1250"] in got.err
    assert typed("mapping", "new", "pl.csv", "--encoding", "windows-1250", "-o", "m.yaml").exit == 0
    assert load(folder / "m.yaml").layout().encoding == "windows-1250"
