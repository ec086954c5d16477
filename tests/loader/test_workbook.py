"""A workbook, whoever read it, becomes a roster: its sheet, its rows, and what is hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from importer.errors import RosterError
from importer.loader import read as reading
from importer.loader.number_formats import show
from importer.loader.read import read_workbook
from importer.loader.table import Located, MergedRange, Sheet
from importer.model.problem import Code
from importer.model.roster import ADDED, REJECTS_SHEETS, Layout, Roster, Source

EXPECTED = frozenset({"ID", "Name"})
SOURCE = Source(Path("a.xlsx"), "0", "xlsx")
PEOPLE = "ID|Name", "1|A", "2|B"


def sheet_of(*rows: str, **about: object) -> Sheet:
    """A sheet of these rows, their cells divided by bars."""
    return Sheet([text.split("|") for text in rows], **about)  # type: ignore[arg-type]


@dataclass
class FakeBook:
    """A workbook in memory; names that end in `*` are hidden."""

    contents: dict[str, Sheet]
    starts_1904: bool = False
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Add the names, and who is seen."""
        self.sheets = [(name, not name.endswith("*")) for name in self.contents]

    def read(self, name: str, until: int = 0) -> Sheet:
        """All of it, even where less would do."""
        self.asked.append((name, until))
        return self.contents[name]


def read(book: FakeBook | Sheet, layout: Layout | None = None) -> Roster:
    """The roster of a workbook, or of one sheet."""
    book = book if isinstance(book, FakeBook) else FakeBook({"Sheet": book})
    return read_workbook(book, SOURCE, layout or Layout(expected=EXPECTED))


def codes(roster: Roster) -> list[Code]:
    """Of its notices."""
    return [notice.code for notice in roster.notices]


@pytest.mark.parametrize(
    ("sheets", "wanted", "chosen"),
    [
        (["Only"], "", "Only"),
        (["One", "Two*"], "", "One"),
        (["One", "Two"], "two", "Two"),
        (["One", "Two*"], " TWO* ", "Two*"),
    ],
)
def test_the_sheet_is_the_one_that_is_named_or_visible(
    sheets: list[str], wanted: str, chosen: str
) -> None:
    """A hidden sheet is only read if the mapping names it, with a notice."""
    book = FakeBook({name: sheet_of(*PEOPLE) for name in sheets})
    roster = read(book, Layout(sheet=wanted, expected=EXPECTED))
    assert roster.source.sheet == chosen
    noticed = bool(wanted and chosen.endswith("*")) or sheets == ["One", "Two*"]
    assert codes(roster) == [Code.READ_WITH_NOTICE] * noticed


def test_a_rejects_workbook_needs_no_sheet_of_the_mapping() -> None:
    """The mapping names a sheet of the first roster; another mapping's headings are not there."""
    rejects = sheet_of("|".join((*ADDED, "ID", "Name")), "5|review|do not load|w|d|1|A")
    book = FakeBook({"Rejected rows": rejects, "Problems": sheet_of("x")})
    for layout in (Layout(sheet="Patrons"), Layout(expected=frozenset({"Other"}))):
        roster = read(book, layout)
        assert roster.frame.index.tolist() == [5]
        assert roster.decisions == {5: ("do not load", "w")}


@pytest.mark.parametrize(
    ("others", "cells"),
    [
        ((), ["+1 701 555 0123", "-old card", "'t Hooft"]),
        (REJECTS_SHEETS, ["+1 701 555 0123", "'-old card", "'t Hooft"]),
        (("Problems (2)",), ["+1 701 555 0123", "'-old card", "'t Hooft"]),
    ],
)
def test_rejects_that_were_saved_from_csv_lose_their_marks(
    others: tuple[str, ...], cells: list[str]
) -> None:
    """A spreadsheet program keeps the apostrophe of rejects.csv; other workbooks have none."""
    line = "5|rejected||w|d|'+1 701 555 0123|'-old card|'t Hooft"
    rejects = sheet_of("|".join((*ADDED, "ID", "'=Note", "Name")), line)
    roster = read(FakeBook({"rejects": rejects, **{name: sheet_of("x") for name in others}}))
    assert roster.frame.to_numpy().tolist() == [cells]
    assert roster.places[1].heading == ("'=Note" if others else "=Note")
    assert read(sheet_of("ID|Name", "1|'+A")).frame[1].tolist() == ["'+A"]


def test_of_other_sheets_only_the_top_is_read() -> None:
    """Which sheet is meant shows in its first rows."""
    book = FakeBook({"One": sheet_of(*PEOPLE), "Notes": sheet_of("Read me")})
    assert read(book).source.sheet == "One"
    assert [name for name, until in book.asked if not until] == ["One"]


def test_other_spellings_are_no_more_headings() -> None:
    """Two of four headings in one of their spellings show the sheet, and that its row is one."""
    expected = frozenset({"ID", "Name", "Born", "Group", "Card", "Nr", "Barcode", "DOB", "Type"})
    people = sheet_of("ID|Name|Born|Group", "1|Ann|2001-01-01|A", merged=[MergedRange(1, 1, 0, 1)])
    book = FakeBook({"Codes": sheet_of("Code|Meaning", "A|B"), "One": people})
    assert read(book, Layout(expected=expected, more=5)).source.sheet == "One"


def test_a_sheet_of_notes_is_no_roster() -> None:
    """Before there is a mapping: a roster has two columns; the notes are named as not read."""
    book = FakeBook({"Notes": sheet_of("Read me", "", "of 2026"), "One": sheet_of(*PEOPLE)})
    roster = read(book, Layout())
    assert roster.source.sheet == "One"
    assert codes(roster) == [Code.READ_WITH_NOTICE]


@pytest.mark.parametrize(
    ("book", "wanted", "words"),
    [
        ({"One": sheet_of(*PEOPLE), "Two": sheet_of(*PEOPLE)}, "", 'More than one.*: "One", "Two"'),
        ({"One": sheet_of(*PEOPLE)}, "Ones", 'no sheet "Ones".*did you mean "One"'),
        ({"One*": sheet_of(*PEOPLE)}, "", "no visible sheet"),
        ({"One": sheet_of(), "Two": sheet_of()}, "", "No visible sheet has text"),
        ({"One": sheet_of()}, "", "is empty"),
    ],
)
def test_where_no_sheet_can_be_meant_it_is_refused(
    book: dict[str, Sheet], wanted: str, words: str
) -> None:
    """The sentence names the sheets that there are."""
    with pytest.raises(RosterError, match=words):
        read(FakeBook(book), Layout(sheet=wanted, expected=EXPECTED))


def test_findings_are_problems_of_their_cells() -> None:
    """Those above the headings and behind the last row are no problem."""
    _, finding = show(1e15)
    assert finding is not None
    findings = [Located(row, 0, finding) for row in (1, 2, 3, 9)]
    roster = read(sheet_of(*PEOPLE, findings=findings))
    assert [(problem.origin.row, problem.code) for problem in roster.problems] == [
        (2, Code.ID_LOST_DIGITS),
        (3, Code.ID_LOST_DIGITS),
    ]


@pytest.mark.parametrize(
    ("area", "told"),
    [
        (MergedRange(3, 5, 1, 1), True),
        (MergedRange(3, 99, 0, 1), True),
        (MergedRange(3, 3, 0, 1), False),  # across
        (MergedRange(1, 1, 0, 1), False),  # above the headings
        (MergedRange(6, 8, 0, 0), False),  # below the last person
        (MergedRange(3, 4, 3, 4), False),  # without text
        (MergedRange(900, 910, 0, 0), False),
    ],
)
def test_cells_that_are_merged_over_several_people_are_told(
    area: MergedRange, *, told: bool
) -> None:
    """The rows behind the first are blank there, and might silently take a default."""
    people = sheet_of("Patrons", "ID|Name", "1|Ann", "2|", "3|", "7654321|Signed", "", "")
    people.merged.append(area)
    notices = read(people).notices
    assert sum("merged" in notice.message for notice in notices) == told


def test_more_columns_than_a_roster_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """So are more cells, the empty ones between counted."""
    monkeypatch.setattr(reading, "WIDEST", 1)
    with pytest.raises(RosterError, match="which no roster has"):
        read(sheet_of(*PEOPLE))
    monkeypatch.setattr(reading, "WIDEST", 2)
    monkeypatch.setattr(reading, "CELLS", 1)
    with pytest.raises(RosterError, match="which no roster has"):
        read(sheet_of(*PEOPLE))


def test_hidden_rows_are_named_by_spans() -> None:
    """Thousands of them are not listed one by one."""
    rows = [f"{at}|N" for at in range(2, 3_002)]
    hidden = {*range(2, 1_002), 1_500, *range(2_000, 2_040, 2)}
    [notice] = read(sheet_of("ID|Name", *rows, hidden_rows=hidden)).notices
    assert "1,021 rows hidden, and included" in notice.message
    assert "2–1001, 1500, 2000, 2002" in notice.message
    assert notice.message.endswith(" and 12 more")
