"""The advice of each problem of a roster, followed as it is written: in the cell or the mapping."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from importer.model.roster import ROW
from tests.advice.desk import (
    Desk,
    Outcome,
    Row,
    follows,
    is_better,
    pasted,
    person,
    sent_back,
    student,
)
from tests.sheets import correct

PURGE = "purge_date: {from: <@expiry_date>, plus: 2 years, on_update: later}"
EXPIRY = (
    "expiry_date:\n    from: <Expires>\n    default: {from: <@today>, plus: end of term}\n"
    "    on_update: later\n"
)
RECENT = f"{datetime.now().astimezone() - timedelta(200):%m/%d/%Y}"
LONG = "x" * 140_000


@dataclass(frozen=True)
class Case:
    """One kind of problem, in row 2 of a roster or in the mapping, and what its advice says.

    `says`: the words of the advice that are followed. `wrong`, `right`: cells of row 2. `slip`:
    how the ready mapping is changed so that the problem comes about; `edit`: how the advice
    changes it. Neither `right` nor `edit`: nothing is to be done, as the row is sent.
    """

    code: str
    says: str
    wrong: Row
    right: Row | None = None
    slip: tuple[tuple[str, str], ...] = ()
    edit: tuple[tuple[str, str], ...] = ()
    of: str = "community"
    others: tuple[Row, ...] = ()

    def __str__(self) -> str:
        """Return the name of its test."""
        return f"{self.code}: {self.says[:30]}"


NOTHING = "No action needed"
LAST = "last_name: <Last Name>"
PURGED = ((PURGE, "purge_date: <Purge>"),)
EMAIL = (
    "      - email_address: {from: <Email>, clean: [lower]}\n        email_type: personal\n"
    "        preferred: true\n"
)
PARTS = [
    f'      - {{email_address: {{from: <Email>, clean: [{{split: {{on: ",", take: {number}}}}}]}}, '
    "email_type: personal}\n"
    for number in (1, 2, 3)
]
TWO_PARTS = "".join(PARTS[:2])

PATTERN = '  Barcode: {pattern: "2[0-9]{13}", strip: "-"}'
CASES = (
    # the mapping
    Case("unused-column", "list its heading under `roster: unused` in the mapping",
         {"Fines": "3"}, edit=(("[Comments]", "[Comments, Fines]"),)),
    Case("unused-column", "Map the column", {"Job": "Baker"},
         edit=((LAST, f"{LAST}\n  job_description: <Job>"),)),
    Case("constant-is-heading", "in angle brackets, as in `<Last Name>`", {},
         slip=(("middle_name: <Middle>", "middle_name: Middle"),),
         edit=(("middle_name: Middle", "middle_name: <Middle>"),)),
    Case("no-end-date", "Map `expiry_date` under `record:` in the mapping",
         {"Expires": "08/31/2035"}, slip=((EXPIRY, ""), (PURGE, "")),
         edit=((LAST, f"{LAST}\n  expiry_date: <Expires>\n  {PURGE}"),)),
    Case("rows-skipped", "Check that the rows are the right ones", {"Comments": "gone"},
         slip=(("roster:\n", "roster:\n  skip: [{when: {Comments: gone}, reason: they left}]\n"),)),
    Case("ambiguous-date", "Set `dates: mdy`", {"DOB": "03/04/1990"},
         slip=(("  dates: mdy  ", "  #"),), edit=(("roster:\n", "roster:\n  dates: mdy\n"),)),
    Case("too-many-parts", "Add an entry for the part in the mapping",
         {"Email": "a@example.org,b@example.org,c@example.org"}, slip=((EMAIL, TWO_PARTS),),
         edit=((TWO_PARTS, "".join(PARTS)),)),
    Case("too-many-parts", "or remove it from the cell",
         {"Email": "a@example.org,b@example.org,c@example.org"}, slip=((EMAIL, TWO_PARTS),),
         right={"Email": "a@example.org,b@example.org"}),
    Case("unknown-code", "give the word a code in the mapping", {"Patron Type": "Comunity"},
         edit=(("    Community: COMM\n", "    Community: COMM\n    Comunity: COMM\n"),)),
    Case("unparsable-date", 'in a lookup of the mapping, with `"*": same` for all other cells',
         {"Expires": "permanent"},
         edit=(("from: <Expires>", "from: <Expires>\n    lookup: ends"),
               ("lookups:\n", 'lookups:\n  ends: {permanent: 2055-12-31, "*": same}\n'))),
    Case("comma-in-name", '`clean: [{split: {on: ",", take: 1}}]`', {"Last Name": "Kim, Olivia"},
         edit=((LAST, 'last_name: {from: <Last Name>, clean: [{split: {on: ",", take: 1}}]}'),)),
    # the cells
    Case("column-without-heading", "or clear it", {"": "stray"}, {"": ""}),
    Case("control-character", "Type the value again", {"First Name": "A\x07na"},
         {"First Name": "Ana"}),
    Case("mojibake", "Correct the name", {"Last Name": "MuÃ±oz"}, {"Last Name": "Muñoz"}),
    Case("symbol-in-name", "Delete the symbol", {"First Name": "Ana 😀"}, {"First Name": "Ana"}),
    Case("comma-in-name", "Correct the name", {"Last Name": "Kim, Olivia"}, {"Last Name": "Kim"}),
    Case("unclear-name", "Write it as `Last name, First name`",
         {"Last Name": "Ana Maria Kim Roe"}, {"Last Name": "Roe, Ana Maria Kim"},
         slip=((LAST, "last_name: <$whole.last>\n  pref_middle_name: <$whole.middle>"),
               ("lookups:\n", "values: {whole: {from: <Last Name>, read: name}}\nlookups:\n"))),
    Case("odd-value", "Correct the cell", {"First Name": "TBD"}, {"First Name": "Ana"}),
    Case("title-in-name", "Delete the title or suffix", {"First Name": "Dr. Ana"},
         {"First Name": "Ana"}),
    Case("formula-error", "Replace the formula with its value", {"Street": "#REF!"},
         {"Street": "1 Elm St"}),
    Case("cell-too-long", "shorten the text", {"Street": LONG}, {"Street": "1 Elm St", ROW: "2"}),
    Case("too-long", "Shorten the value", {"Middle": "x" * 300}, {"Middle": "x"}),
    Case("missing-value", "Fill in the cell", {"Last Name": ""}, {"Last Name": "Ray"}),
    Case("missing-empl-id", "Ask the Registrar for the EMPL ID", {"EMPL ID": ""},
         {"EMPL ID": "0990001"}, of="students-and-staff"),
    Case("malformed-id", "Correct the ID", {"Barcode": "12345"},
         {"Barcode": "20001123499999"}),
    Case("id-lost-digits", "export it again", {"Barcode": "2.00012E+13"},
         {"Barcode": "20001123499999"}),
    Case("unknown-code", "Correct the cell", {"Patron Type": "Comunity"},
         {"Patron Type": "Community"}),
    Case("unparsable-date", "Type the date again, for example as 2027-05-15", {"DOB": "soon"},
         {"DOB": "1970-05-15"}),
    Case("date-out-of-range", "Correct the date", {"DOB": "01/02/1801"}, {"DOB": "01/02/1981"}),
    Case("expiry-past", "Correct the date, unless it is right", {"Expires": RECENT},
         {"Expires": "08/31/2035"}),
    Case("purge-before-expiry", "Correct one of the two dates", {"Purge": "08/31/2034"},
         {"Purge": "08/31/2037"}, slip=PURGED),
    Case("purge-past", "Correct the date", {"Purge": "01/02/2020", "Expires": "08/31/2035"},
         {"Purge": "08/31/2037"}, slip=PURGED),
    Case("purge-past", "delete the row if the person has left", {"Purge": "01/02/2020"},
         {}, slip=PURGED,
         others=(person(8, Purge="08/31/2037"),)),
    Case("bad-email", "Correct the address", {"Email": "nobody"}, {"Email": "a@example.org"}),
    Case("bad-email", "clear the cell", {"Email": "unlisted"}, {"Email": ""}),
    Case("bad-phone", "Correct the number", {"Phone": "12"}, {"Phone": "605-555-0199"}),
    Case("bad-phone", "clear the cell", {"Phone": "12"}, {"Phone": ""}),
    Case("bad-postal-code", "Correct the ZIP code", {"ZIP": "12345678901"}, {"ZIP": "57001"}),
    Case("bad-pin", "clear the cell", {"Phone": "12"}, {"Phone": ""}),
    Case("bad-pin", "Enter a PIN of four digits", {"PIN": "12"}, {"PIN": "1284"},
         slip=(("{from: <Phone>, clean: [digits, {last: 4}]}", "<PIN>"),)),
    Case("bad-password", "Choose another password", {"Password": "short"},
         {"Password": "quiet-Heron-41"}, slip=((LAST, f"{LAST}\n  password: <Password>"),)),
    Case("bad-password", "clear the cell", {"Password": "short"}, {"Password": ""},
         slip=((LAST, f"{LAST}\n  password: <Password>"),)),
    # several rows
    Case("duplicate-id", "delete or correct the others", person(9), {"Barcode": "20001123499999"},
         others=(person(9, First_Name="Other", DOB="05/06/1977"),)),
    Case("duplicate-id", "Find out which row is right, and delete", person(9), {},
         others=(person(9, First_Name="Other", DOB="05/06/1977"),)),
    Case("duplicate-identifier", "Correct or clear one of them", {"Card Barcode": "20001987600009"},
         {"Card Barcode": ""}, of="students-and-staff", others=(student(9),)),
    # nothing to do: the row is sent
    Case("whitespace-removed", NOTHING, {"Barcode": "2000 1123 400 001"}),
    Case("digits-normalized", NOTHING, {"Barcode": "２０００１１２３４００００１"}),
    Case("text-mark-removed", NOTHING, {"Barcode": '="20001123400001"'}),
    Case("zeros-restored", NOTHING, {"EMPL ID": "99001"}, of="students-and-staff"),
    Case("wrong-case-code", NOTHING, {"Campus": "main"}, of="students-and-staff",
         slip=(("{from: <Campus>, lookup: campuses}", "<Campus>"),)),
    Case("blank-rows", NOTHING, {}, others=({"Barcode": ""}, person(8))),
    Case("skipped-duplicate", NOTHING, {}, of="students-and-staff",
         others=(student(7), student(7, Role="Staff"))),
    Case("similar-person", "Both rows are sent", {},
         others=(person(7, First_Name="Katherine"),
                 person(8, First_Name="Catherine", Last_Name="Quillh", DOB="03/07/1970"))),
    Case("shared-contact", "The rows are sent", {},
         others=(person(7), person(8, Email="v7@example.org"))),
    Case("looks-like-empl-id", "Check whether the person is in the SIS load",
         {"Barcode": "1000002"}, slip=((PATTERN, "  {}"),)),
)  # fmt: skip


@pytest.fixture
def desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in a folder with a blank in its name."""
    (place := folder / "spring load (2)").mkdir()
    monkeypatch.chdir(place)
    return Desk(place)


@follows(*(case.code for case in CASES))
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_advice_of_a_check_is_followed(case: Case, desk: Desk) -> None:
    """Done as it says, in rejects.xlsx, the roster or the mapping, the problem is gone."""
    usual = student if case.of == "students-and-staff" else person
    rows = [usual(1) | case.wrong, *case.others, usual(2)]
    desk.take(case.of, *case.slip)
    desk.write(rows)
    before = desk.check()
    before.advice(case.code, case.says)
    if case.right is None and not case.edit:
        counts = before.counts
        held = counts["rejected"] + counts["review"]
        assert (held, counts["ready"] >= 1) == (0, True), before.problems
        return
    desk.edit(*case.edit)
    if case.right and (before.counts["rejected"] or before.counts["review"]):
        correct(before.run / "rejects.xlsx", {2: case.right})
        after = desk.paste(sent_back(before.run))
    else:
        if case.right is not None:
            corrected = [rows[0] | case.right] if case.right else []
            desk.write([*corrected, *rows[1:]])
        after = desk.check()
    is_better(before, after, case.code)


@follows("row-too-long", "row-too-short", "cell-too-long")
def test_rows_that_are_uneven_are_completed(desk: Desk) -> None:
    """A comma in a value is quoted, a missing separator added: each row is ready."""
    desk.take("community")
    rows = [[*person(1)], *([*person(n, Street="1 Elm St", Apt="").values()] for n in (1, 2))]
    plain = "\n".join(map(",".join, rows)) + "\n"
    roster = desk.folder / desk.roster
    for code, says, wrong, right in (
        (
            "row-too-long",
            "put that value in quotes",
            "1 Elm St, Apt 2,Rear",
            '"1 Elm St, Apt 2",Rear',
        ),
        ("row-too-short", "a missing separator", "1 Elm St", "1 Elm St,"),
        ("cell-too-long", "closing quotation mark", f'"1 Elm St,{LONG}",', '"1 Elm St",'),
    ):
        roster.write_text(plain.replace("1 Elm St,", wrong, 1), "utf-8")
        before = desk.check()
        before.advice(code, says)
        roster.write_text(plain.replace("1 Elm St,", right, 1), "utf-8")
        after = desk.check()
        assert (after.codes & {code}, after.counts["ready"]) == (set(), 2)


@follows("row-left-out")
def test_a_row_that_was_left_out_is_a_person_once_it_is_filled_in(desk: Desk) -> None:
    """The last row has a name and no more; with its cells it is ready."""
    desk.take("community")
    rows = [person(1), person(2), {"Last Name": "Quilld"}]
    desk.write(rows)
    before = desk.check()
    before.advice("row-left-out", "If it is a person, fill in its cells")
    desk.write([*rows[:2], person(3)])
    after = desk.check()
    is_better(before, after, "row-left-out")
    assert (before.counts["ready"], after.counts["ready"]) == (2, 3)


@follows("hidden-rows")
def test_hidden_rows_are_skipped_with_the_flag_or_deleted(desk: Desk) -> None:
    """`--visible-only`, added to the command, or the rows deleted in the workbook."""
    desk.take("community")
    desk.roster = "my roster (2).xlsx"
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in ([*person(1)], *([*person(number).values()] for number in (1, 2, 3))):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    book.save(desk.folder / desk.roster)
    before = desk.check()
    before.advice("hidden-rows", "read only the rows that the sheet shows", "Or delete them")
    after = desk.check("--visible-only")
    assert (before.counts["ready"], after.counts["ready"]) == (3, 2)
    sheet.delete_rows(3)
    sheet.row_dimensions[3].hidden = False
    book.save(desk.folder / desk.roster)
    is_better(before, desk.check(), "hidden-rows")


@follows("read-with-notice")
def test_a_way_of_reading_is_set_in_the_mapping(desk: Desk) -> None:
    """The encoding and the sheet that were found, or others, under `roster:`."""
    desk.take("community")
    desk.write([person(1, Last_Name="Núñez"), person(2, Last_Name="Müller")], "cp1252")
    before = desk.check()
    before.advice("read-with-notice", "set it under `roster:` in the mapping")
    desk.edit(("roster:\n", "roster:\n  encoding: windows-1252\n"))
    is_better(before, desk.check(), "read-with-notice")


@follows("headings-changed")
def test_headings_that_changed_are_reported_once(desk: Desk) -> None:
    """Looked at once: the next check compares with the headings as they are now."""
    desk.take("community")
    desk.write([person(1), person(2)])
    desk.check()
    fresh = [
        {heading.replace("Comments", "Remarks"): cell for heading, cell in row.items()}
        for row in (person(1, Comments="a"), person(2, Comments="b"))
    ]
    desk.write(fresh)
    before = desk.check()
    before.advice("headings-changed", "Check that each column still contains what the mapping")
    is_better(before, desk.check(), "headings-changed")


@follows("two-people")
def test_two_people_get_a_row_and_an_id_each(desk: Desk) -> None:
    """Then both rows are ready."""
    desk.take("community")
    desk.write([person(1, First_Name="Ana & Bo")])
    before = desk.check()
    before.advice("two-people", "Give each person a row and an ID of their own")
    desk.write([person(1, First_Name="Ana"), person(2, First_Name="Bo", DOB="05/06/1977")])
    after = desk.check()
    is_better(before, after, "two-people")
    assert after.counts["ready"] == 2


@follows("missing-empl-id")
def test_someone_without_an_empl_id_is_loaded_as_internal(desk: Desk) -> None:
    """With a barcode, by the ready mapping of Internal patrons."""
    desk.take("students-and-staff")
    desk.write([student(1, EMPL_ID=""), student(2)])
    before = desk.check()
    before.advice("missing-empl-id", "or load the person as Internal, with a barcode")
    desk.take("community")
    desk.write([person(1)])
    is_better(before, desk.check(), "missing-empl-id")


def _column(desk: Desk, heading: str, text: str) -> Outcome:
    """A roster of seven people with this cell; most of a column fails."""
    desk.write([person(n) | {heading: text.format(n)} for n in range(1, 8)])
    return desk.check()


@follows("most-of-column")
def test_most_of_a_column_is_corrected_in_the_mapping(desk: Desk) -> None:
    """The order of dates, for the rule that is named."""
    desk.take("community", (EXPIRY, ""), (PURGE, ""))
    before = _column(desk, "DOB", "2{}/05/1970")
    before.advice("most-of-column", ": record.birth_date")
    desk.edit(("dates: mdy", "dates: dmy"))
    is_better(before, desk.paste(before.command("check")), "most-of-column", {"no-end-date"})


@follows("most-of-column")
def test_the_lines_of_a_lookup_are_copied_into_the_mapping(desk: Desk) -> None:
    """As they are printed, at the place that is named, with a code in place of each `?`."""
    desk.take("community")
    before = _column(desk, "Patron Type", "Borrower")
    first, *lines = before.advice("most-of-column", "dd these lines under `").split("\n")
    place = re.search("lines under `([^`]+)`", first)
    assert place
    added = "\n".join(lines).replace("?", "FRIEND")
    desk.edit((f"  {place[1]}\n", f"  {place[1]}\n{added}\n"))
    shown = re.search("`(importer codes show [^`]+)`", first)
    assert shown
    assert "FRIEND" in pasted(shown[1]).out
    is_better(before, desk.paste(before.command("check")), "most-of-column", before.codes)
