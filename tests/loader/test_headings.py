"""Heading rows are found, whatever is above, beside and between them."""

from __future__ import annotations

import time

import pytest

from importer.errors import RosterError
from importer.loader import table
from importer.loader.table import SEARCHED, MergedRange
from importer.model.roster import ADDED, REJECTS_FORMATS, Layout

EXPECTED = Layout(expected=frozenset({"ID", "Last Name"}))


def rows(*texts: str) -> list[list[str]]:
    """Rows of cells that a bar divides."""
    return [text.split("|") for text in texts]


def found(
    top: list[list[str]], layout: Layout = EXPECTED, merged: tuple[MergedRange, ...] = ()
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The heading rows and their texts."""
    headings_found = table.find_headings(top, layout, merged)
    assert headings_found is not None
    return headings_found.rows, headings_found.texts


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 1) for name in ("ID", "id", " Id ", "I\u200bD", "\ufeffID", "\u00a0id\u00a0")),
        *((name, 1) for name in ("\u202dID\u202c", "\u202eID", "\u2066ID\u2069")),
        *((name, 1) for name in ("last  name", "Last\nName")),
        *((name, 0) for name in ("I D", "IDs", "ID:", "1D")),
    ],
)
def test_headings_are_compared_as_people_read_them(name: str, count: int) -> None:
    """Case, blanks, breaks and what nobody sees make no difference; what only looks alike does."""
    assert table.matches([name, "Other"], EXPECTED.expected) == count


@pytest.mark.parametrize("above", range(SEARCHED))
def test_the_row_with_the_expected_headings_is_found(above: int) -> None:
    """It may be anywhere in the first rows."""
    top = rows(*["Roster of autumn|x|y"] * above, "ID|Last Name", "1|Silva")
    assert found(top) == ((above + 1,), ("ID", "Last Name"))


def test_the_row_with_most_of_them_wins() -> None:
    """A legend above that names one heading is not the heading row."""
    top = rows("ID|means the EMPL ID", "ID|Last Name|Email", "1|Silva|x")
    assert found(top) == ((2,), ("ID", "Last Name", "Email"))


def test_without_expectations_words_make_a_heading_row() -> None:
    """Values contain digits and addresses; headings do not."""
    top = rows("Autumn 2026|", "Number|Name|Mail", "1|Silva|a@example.org")
    assert found(top, Layout()) == ((2,), ("Number", "Name", "Mail"))
    assert found(rows("1|2", "3|4"), Layout()) == ((1,), ("1", "2"))


CONTACTS = (
    "Name|Given Name|Family Name|E-mail 1 - Value|Phone 1 - Type|Phone 1 - Value|Address 1 - Street"
    "|Address 1 - City|Address 1 - Postal Code|Custom Field 1 - Value"
)
PERSON = "Ann Silva|Ann|Silva||Home|555-0101|Elm Street|Springfield|62701|Faculty"


@pytest.mark.parametrize(
    "heading_row",
    [
        CONTACTS,
        "Nom|Prénom|Adresse 1|Adresse 2|Téléphone 1|Ville|CP|Pays|Remarque|Divers",
        "Street 1|Street 2|City|Zip 1|Phone 1|Phone 2|First Name|Last Name|Custom 1|Custom 2",
        "Spalte1|Nachname|Vorname|Tel1|Tel2|PLZ|Ort|Feld 8|Feld 9|Feld 10",
    ],
)
@pytest.mark.parametrize("above", [(), ("Contacts of autumn|2026",)])
def test_headings_with_digits_are_found(heading_row: str, above: tuple[str, ...]) -> None:
    """A row of headings that offices use wins over people, whose cells have more words."""
    top = rows(*above, heading_row, *[PERSON] * 3)
    assert found(top, Layout()) == ((len(above) + 1,), tuple(heading_row.split("|")))


def test_of_rows_with_as_many_words_the_first_one_is_the_headings() -> None:
    """Unknown headings, some with digits, come before people."""
    top = rows("Foo 1|Bar 2|Baz|Qux", "Ann|Silva|Elm|Oak", "Bob|Webb|Ash|Fir")
    assert found(top, Layout())[0] == (1,)


def test_a_long_notice_above_the_headings_takes_no_time() -> None:
    """No heading has hundreds of words, as a notice about privacy may have."""
    began, notice = time.process_time(), "This report has confidential records of students. " * 200
    assert found(rows(notice, "First Name|Last Name|x"), Layout())[0] == (2,)
    assert time.process_time() - began < 1


def test_no_text_no_headings() -> None:
    """A sheet of blanks has none."""
    assert table.find_headings([], EXPECTED) is None
    assert table.find_headings(rows(" |\u00a0"), EXPECTED) is None


def test_a_declared_row_is_taken_unseen() -> None:
    """The mapping's row is taken as it is; if it is blank, it is refused."""
    top = rows("ID|Last Name", "Nr|Name")
    assert found(top, Layout(header=(2,), expected=EXPECTED.expected)) == ((2,), ("Nr", "Name"))
    with pytest.raises(RosterError, match="row 3"):
        table.find_headings(top, Layout(header=(3,)))


def test_two_declared_rows_are_joined() -> None:
    """A word over merged cells belongs to each of them; a word in both rows is used once."""
    top = rows("ID|Contact||Name", "ID|Email|Phone|")
    joined = found(top, Layout(header=(1, 2)), (MergedRange(1, 1, 1, 2),))
    assert joined == ((1, 2), ("ID", "Contact Email", "Contact Phone", "Name"))


@pytest.mark.parametrize(
    "merged",
    [MergedRange(1, 1, 1, 2), MergedRange(1, 2, 0, 0), MergedRange(1, 2, 0, 1)],
    ids=["across", "down", "both ways"],
)
def test_two_rows_that_nobody_declared_are_refused(merged: MergedRange) -> None:
    """Merged cells in the heading row mean a second one; the sentence says where, what to do."""
    top = rows("ID|Contact|", "|Email|Phone", "1|a@example.org|")
    over = "columns B to C" if merged.first_row == merged.last_row else "rows 1 to 2"
    with pytest.raises(RosterError, match=rf"over {over}\..*header: \[1, 2\]"):
        table.find_headings(top, Layout(), [merged])


@pytest.mark.parametrize(
    "merged",
    [MergedRange(1, 1, 0, 2), MergedRange(4, 5, 0, 0), MergedRange(2, 2, 1, 1)],
    ids=["title", "below", "one"],
)
def test_other_merged_cells_are_nothing_to_headings(merged: MergedRange) -> None:
    """A title over the whole width, or people who share a cell, make no second heading row."""
    top = rows("Autumn", "ID|Last Name|Email", "1|Silva|x")
    assert found(top, EXPECTED, (merged,)) == ((2,), ("ID", "Last Name", "Email"))


def test_merged_headings_are_fine_where_all_that_is_expected_is_there() -> None:
    """Then no column can be meant otherwise."""
    top = rows("ID|Last Name|", "1|Silva|")
    assert table.find_headings(top, EXPECTED, [MergedRange(1, 1, 1, 2)]) is not None


def test_text_above_the_headings_is_told_unless_they_were_declared() -> None:
    """Rows that are not read are reported, unless they are blank."""
    top = rows("Autumn", "ID|Last Name")
    for layout, titles, expected in (
        (EXPECTED, top, True),
        (Layout(header=(2,)), top, False),
        (EXPECTED, rows("", "ID|Last Name"), False),
    ):
        result = table.find_headings(titles, layout)
        assert result is not None
        assert ("row 2" in result.notice) is expected


@pytest.mark.parametrize("header", [(4,), (3, 4)])
def test_a_rejects_file_has_one_heading_row(header: tuple[int, ...]) -> None:
    """What the mapping says about the first roster's heading rows is not true of its rejects."""
    top = rows("|".join((*ADDED, "ID", "Contact Email")), "5|rejected||w|d|1|a@example.org", "2|b")
    assert found(top, Layout(header=header)) == ((1,), (*ADDED, "ID", "Contact Email"))


def test_a_rejects_file_of_an_earlier_format_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new column is a line of the table of formats; the files in offices count as before."""
    wider = (*ADDED, "Row in Alma")
    monkeypatch.setattr(table, "REJECTS_FORMATS", (*REJECTS_FORMATS, wider))
    for known in (ADDED, wider):
        found = table.added_columns(("Code", *known, "Name"))
        assert found == {heading: at for at, heading in enumerate(known, start=1)}
    assert table.added_columns((*ADDED[1:], "Name")) == {}
