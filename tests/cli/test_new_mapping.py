"""`mapping new`: what is chosen by options or answered, and rosters without headings."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import openpyxl
import pytest

from importer.cli.app import run
from importer.errors import Exit, RosterError
from importer.mapper.checks import findings
from importer.mapper.load import load
from importer.mapper.steps.step import Level
from importer.model.roster import Layout
from importer.suggest.columns import best_reading
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


def _typing(monkeypatch: pytest.MonkeyPatch, answers: str) -> None:
    """Somebody answers at a terminal."""
    keys = io.StringIO(answers)
    monkeypatch.setattr(keys, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", keys)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


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


def test_the_same_is_asked_on_a_terminal(
    clerk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer is the text or its number; another answer is asked for again."""
    assert typed("mapping", "new", "clerk.csv", "-o", "given.yaml", *OPTIONS).exit == Exit.DONE
    _typing(monkeypatch, "\nDeck\n1\nmdy\n1\n")
    assert run(["mapping", "new", "clerk.csv", "-o", "asked.yaml"]) == Exit.DONE
    assert "Deck is not one of these" in capsys.readouterr().err
    assert (clerk / "asked.yaml").read_bytes() == (clerk / "given.yaml").read_bytes()
    _typing(monkeypatch, "not read\n")  # nobody answers for nothing
    assert run(["mapping", "new", "clerk.csv", "-o", "asked.yaml"]) == Exit.USAGE
    assert sys.stdin.read() == "not read\n"


def test_a_code_is_only_taken_if_it_is_certain(clerk: Path) -> None:
    """Not for a word without letters, and not if two codes have the same description."""
    tables = {"UserGroups": {"A": "Guest", "B": "guest", "C": "", "STAFF": "Staff"}}
    (clerk / "codes.json").write_text(json.dumps({"tables": tables}), "utf-8")
    (clerk / "words.csv").write_text("ID,First,Last,Group\n7,A,L,Guest\n9,B,M,???\n8,C,N,Staf\n")
    text = typed("mapping", "new", "words.csv").out
    assert 'Guest: "?"   # to do; 1 row; did you mean A or B?' in text
    assert '"???": "?"   # to do; 1 row\n' in text
    assert 'Staf: "?"   # to do; 1 row; did you mean STAFF?' in text


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


def test_a_first_row_that_is_a_person_is_no_heading() -> None:
    """The mapping says `header: none`, and contains no text of that person."""
    Path("bare.csv").write_text(
        "812345678,Mary,Lee,mary@example.org\n812345679,Bo,Ray,bo@example.org\n", "utf-8"
    )
    text = typed("mapping", "new", "bare.csv").out
    assert "header: none" in text
    assert "email_address: {from: <D>" in text
    assert "Mary" not in text
    assert "header: none" not in typed("mapping", "new", "bare.csv", "--header", "1").out


def test_open_columns_are_asked_for_with_three_cells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One question each for name, group and expiry date; what another mapping confirms is not."""
    lines = [
        "K,Who,Sort,Upto",
        *(f"A700{n},Ann {'LRIPFK'[n]}ee,{'AB'[n % 2]}b,20{40 + n}-01-02" for n in range(6)),
    ]
    Path("club.csv").write_text("\n".join(lines), "utf-8")
    for answers, name in (("\n1\nWho\n1\n1\nCOMM\nCOMM\n", "one.yaml"), ("\nK\n\n\n", "two.yaml")):
        _typing(monkeypatch, answers)
        assert run(["mapping", "new", "club.csv", "-o", name]) == Exit.DONE
        asked = capsys.readouterr().err
        assert ("Sort  Ab, Bb" in asked) is (name == "one.yaml")
        text = Path(name).read_text("utf-8")
        mark = "" if name == "one.yaml" else "   # guess, from one.yaml"
        assert f"expiry_date: <Upto>{mark}\n" in text
        assert f"last_name: <$person.last>{mark}\n" in text
    assert findings(load(Path("one.yaml")), Level.TO_DO) == ()


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


def test_the_sheet_and_both_names_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where two sheets have rows, and the chosen column has one part of each name."""
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Members"
    for at, row in enumerate([("Nr", "Eins", "Zwei"), *PARTS], start=1):
        for column, text in enumerate(row, start=1):
            book.worksheets[0].cell(at, column, text)
    board = book.create_sheet("Board")
    board.append(["Office", "Who"])
    board.append(["President", "Ruth Lee"])
    book.save(Path("club.xlsx"))
    _typing(monkeypatch, "Members\n\n\nNr\nZwei\nEins\n\n")
    assert run(["mapping", "new", "club.xlsx", "-o", "m.yaml"]) == Exit.DONE
    assert "Board  Office, Who" in capsys.readouterr().err
    text = Path("m.yaml").read_text("utf-8")
    for line in ("sheet: Members", "first_name: <Eins>", "last_name: <Zwei>"):
        assert f"{line}\n" in text


PARTS = [("A7001", "Ana", "Abel"), ("A7002", "Ben", "Bauer"), ("A7003", "Cora", "Castro")]


def test_a_tie_is_a_question_with_cells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between heading rows that name as many columns."""
    tied = Path("tied.csv")
    tied.write_text("First,Card,Wert\nLast,Karte,Stufe\nAnn,77001,3\nBo,77002,4\n", "utf-8")
    assert set(best_reading(tied, Layout(), BESIDE).tied) >= {1, 2}
    _typing(monkeypatch, "2\n" + "\n" * 9)
    assert run(["mapping", "new", "tied.csv", "-o", "m.yaml"]) == Exit.DONE
    assert "2  Last, Karte, Stufe" in capsys.readouterr().err
    assert load(Path("m.yaml")).layout().header == (2,)


def test_an_encoding_that_is_not_certain_is_asked_for_with_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And written to the mapping."""
    pair = next(one for one in PAIRS if one.encoding == "cp1250" and one.language == "pl")
    Path("pl.csv").write_bytes(roster(pair, 100)[1])
    with pytest.raises(RosterError) as refused:
        best_reading(Path("pl.csv"), Layout(), BESIDE)
    words = refused.value.encodings["windows-1250"]
    _typing(monkeypatch, "windows-1250\n" + "\n" * 9)
    assert run(["mapping", "new", "pl.csv", "-o", "m.yaml"]) == Exit.DONE
    assert f"windows-1250  {words}" in capsys.readouterr().err
    assert load(Path("m.yaml")).layout().encoding == "windows-1250"
