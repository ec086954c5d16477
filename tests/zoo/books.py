"""Workbooks: number formats, dates, formulas, sheets, merged and hidden cells, ghosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet

from importer.model.roster import Layout, letter
from tests.zoo.specimen import Specimen
from tests.zoo.xlsx import MAIN, sheet_xml, styles_xml, text_rows, write_xlsx

EXPECTED = Layout(expected=frozenset({"ID", "Name"}))
NOTICE = "read-with-notice"


def book(
    hazard: str,
    build: Callable[[Path], None],
    layout: Layout = EXPECTED,
    *,
    name: str = "a.xlsx",
    **gives: Any,
) -> Specimen:
    """A workbook, with the headings `ID` and `Name` unless the layout says else."""
    return Specimen(name, hazard, build, layout, **gives)


def sheets(xml: Mapping[str, str], **parts: object) -> Callable[[Path], None]:
    """Build a workbook of these worksheet parts."""
    return lambda path: write_xlsx(path, xml, **parts)  # type: ignore[arg-type]


def one(rows: str, *, before: str = "", after: str = "", **parts: object) -> Callable[[Path], None]:
    """Build a workbook of one sheet with these `<row>` elements."""
    return sheets({"Roster": sheet_xml(rows, before=before, after=after)}, **parts)


def made(fill: Callable[[Worksheet], None]) -> Callable[[Path], None]:
    """Build a workbook with openpyxl, of one sheet that `fill` fills."""

    def build(path: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        fill(sheet)
        book.save(path)

    return build


def appended(*rows: Sequence[object]) -> Callable[[Path], None]:
    """Build a workbook of one sheet with these values."""

    def fill(sheet: Worksheet) -> None:
        for row in rows:
            sheet.append(list(row))

    return made(fill)


def _number(reference: str, value: str, style: int = 0) -> str:
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def _formats(sheet: Worksheet) -> None:
    sheet.append(["ID", "Name", "SSN", "Prefixed", "Zero"])
    sheet.append([1234567, 7, 12345678, 42, 0])
    for column, code in zip(
        "ABCDE", ["00000000", "0000", "000-00-0000", '"B"00000', "000"], strict=True
    ):
        sheet[f"{column}2"].number_format = code


def _hidden(sheet: Worksheet) -> None:
    for row in (["ID", "Name"], ["1", "A"], ["2", "B"], ["3", "C"]):
        sheet.append(row)
    sheet.auto_filter.ref = "A1:B4"
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True


def _merged(sheet: Worksheet) -> None:
    for row in (
        ["ID", "Contact", None],
        [None, "Email", "Phone"],
        ["1", "a@example.org", "555-0100"],
    ):
        sheet.append(row)
    sheet.merge_cells("B1:C1")
    sheet.merge_cells("A1:A2")


def _gap(sheet: Worksheet) -> None:
    sheet.append(["ID", "Name"])
    sheet["A2"], sheet["B2"], sheet["A603"], sheet["B603"] = "1", "A", "2", "B"


def _tall(path: Path) -> None:
    """A heading row with a style and a height, and a last row that only has a height."""
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Roster")
    sheet.set_row(0, 30, book.add_format({"bold": True, "bottom": 1}))
    sheet.write_row(0, 0, ["ID", "Name"])
    sheet.write_row(1, 0, ["1", "A"])
    sheet.set_row(2, 15)
    book.close()


def _ghosts(sheet: Worksheet) -> None:
    sheet.append(["ID", "Name"])
    sheet.append(["1", "A"])
    for row in range(3, 378):
        sheet.cell(row, 1).number_format = "@"
    sheet.cell(2, 16_384).number_format = "@"


HEAD = text_rows(("ID", "Name"))
TWO = HEAD + text_rows(("1", "A"), first=2)
BOOKS = [
    book(
        "what a person sees",
        appended(
            ["ID", "Name", "Value"],
            ["07030", "NA", True],
            [12345678, "None", 0.25],
            [20001234567890, "nan", 1e-7],
            [123.0, "#N/A?", 123456789.125],
        ),
        rows={
            2: ("07030", "NA", "TRUE"),
            3: ("12345678", "None", "0.25"),
            4: ("20001234567890", "nan", "0.0000001"),
            5: ("123", "#N/A?", "123456789.125"),
        },
    ),
    book(
        "zeros and fixed characters of number formats",
        made(_formats),
        rows={2: ("01234567", "0007", "012-34-5678", "B00042", "000")},
        problems={(2, column, "zeros-restored") for column in "ABCDE"},
    ),
    book(
        "exponents and long numbers",
        one(
            HEAD
            + f'<row r="2">{_number("A2", "2.0001234567890E13")}{_number("B2", "1.2E2")}</row>'
            + f'<row r="3">{_number("A3", "9912140633506421")}'
            + f"{_number('B3', '0.1000000000000001')}</row>"
            + f'<row r="4">{_number("A4", "1E15")}{_number("B4", "999999999999999")}</row>'
        ),
        rows={
            2: ("20001234567890", "120"),
            3: ("9912140633506421", "0.1"),
            4: ("1000000000000000", "999999999999999"),
        },
        problems={(3, "A", "id-lost-digits"), (4, "A", "id-lost-digits")},
    ),
    book(
        "dates and times",
        appended(
            ["ID", "Name"],
            ["1", date(2001, 2, 3)],
            ["2", datetime(2001, 2, 3, 0, 0)],  # noqa: DTZ001  a cell has no zone
            ["3", datetime(2001, 2, 3, 8, 30)],  # noqa: DTZ001
            ["4", time(8, 30)],
        ),
        rows={
            2: ("1", "2001-02-03"),
            3: ("2", "2001-02-03"),
            4: ("3", "2001-02-03 08:30:00"),
            5: ("4", "08:30:00"),
        },
    ),
    book(
        "days counted from 1904",
        one(
            HEAD + f'<row r="2">{_number("A2", "0", 1)}{_number("B2", "36924", 1)}</row>',
            styles=styles_xml("yyyy\\-mm\\-dd"),
            starts_1904=True,
        ),
        rows={2: ("1904-01-01", "2005-02-03")},
        notices=(NOTICE,),
    ),
    book(
        "errors and formulas",
        one(
            HEAD
            + '<row r="2"><c r="A2" t="e"><v>#N/A</v></c><c r="B2"><f>1+1</f></c></row>'
            + '<row r="3"><c r="A3"><f>1+1</f><v>2</v></c>'
            + '<c r="B3" t="str"><f>"A"</f><v>A</v></c></row>'
            + '<row r="4"><c r="A4" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
            + '<c r="B4" t="str"><f>""</f><v></v></c></row>'
            + '<row r="5"><c r="A5"><f>B5</f><v></v></c></row>'
        ),
        rows={2: ("#N/A", ""), 3: ("2", "A"), 4: ("#DIV/0!", "")},
        problems={(2, "A", "formula-error"), (2, "B", "formula-error"), (4, "A", "formula-error")},
        notices=(NOTICE, NOTICE),
    ),
    book(
        "stored ISO dates and booleans",
        one(
            HEAD
            + '<row r="2"><c r="A2" t="d"><v>2001-02-03T00:00:00</v></c>'
            + '<c r="B2" t="b"><v>0</v></c></row>'
        ),
        rows={2: ("2001-02-03", "FALSE")},
    ),
    book(
        "rich text, phonetic hints and escapes",
        one(
            HEAD
            + '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c></row>'
            + '<row r="3"><c r="A3" t="s"><v>2</v></c><c r="B3" t="s"><v>3</v></c></row>',
            strings=(
                f'<sst xmlns="{MAIN}"><si><r><t>Ana </t></r><r><t>Silva</t></r></si>'
                "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
                "<si><t>a_x000D_b &amp; c</t></si><si><t/></si></sst>"
            ),
        ),
        rows={2: ("Ana Silva", "東京"), 3: ("a b & c", "")},
    ),
    book(
        "escapes of escapes",
        one(
            HEAD
            + '<row r="2"><c r="A2" t="str"><v>a_x005F_x0041_</v></c>'
            + '<c r="B2" t="inlineStr"><is><t>b_x005F_x0041_</t></is></c></row>'
            + '<row r="3"><c r="A3" t="s"><v>0</v></c><c r="B3" t="s"><v>1</v></c></row>',
            strings=(
                f'<sst xmlns="{MAIN}"><si><t>a_x005F_x0041_</t></si><si><t>b_x0041_</t></si></sst>'
            ),
        ),
        rows={2: ("a_x0041_", "b_x0041_"), 3: ("a_x0041_", "bA")},
    ),
    book(
        "halves of characters",
        one(
            text_rows(
                ("ID", "Name"),
                ("1", "Si_xD83D__xDE00_lva"),
                ("2", "Be_xD800_rg"),
                ("3", "a_x001F_"),
            )
        ),
        rows={2: ("1", "Si\U0001f600lva"), 3: ("2", "Be\ufffdrg"), 4: ("3", "a\x1f")},
        problems={(3, "B", "control-character"), (4, "B", "control-character")},
    ),
    *(
        book(
            f"wrong dimension {reference or 'missing'}",
            one(
                TWO + text_rows(("2", "B"), first=3),
                before=f'<dimension ref="{reference}"/>' if reference else "",
            ),
            rows={2: ("1", "A"), 3: ("2", "B")},
        )
        for reference in ("A1", "A1:B2", "A1:XFD1048576", "")
    ),
    book(
        "cells and rows without references",
        one(
            '<row><c t="inlineStr"><is><t>ID</t></is></c>'
            '<c t="inlineStr"><is><t>Name</t></is></c></row>'
            "<row><c><v>1</v></c></row>"
        ),
        rows={2: ("1", "")},
    ),
    book(
        "prefixes and single quotes",
        sheets(
            {
                "Roster": f"<x:worksheet xmlns:x='{MAIN}'><x:sheetData><x:row r='1'>"
                "<x:c r='A1' t='inlineStr'><x:is><x:t>ID</x:t></x:is></x:c></x:row>"
                "<x:row r='2'><x:c r='A2'><!-- a --><x:v>1<![CDATA[2]]></x:v></x:c></x:row>"
                "</x:sheetData></x:worksheet>"
            }
        ),
        Layout(),
        rows={2: ("12",)},
    ),
    book(
        "data behind a gap",
        made(_gap),
        rows={2: ("1", "A"), 603: ("2", "B")},
        blank=tuple(range(3, 603)),
    ),
    book(
        "a styled heading row with a height, and an empty row with a height",
        _tall,
        rows={2: ("1", "A")},
        notices=(NOTICE,),
    ),
    book(
        "a cell with two values",
        one(HEAD + '<row r="2"><c r="A2" t="inlineStr"><v>1.0</v><is><t>1.</t></is></c></row>'),
        rows={2: ("1.", "")},
    ),
    book("formatted ghosts", made(_ghosts), rows={2: ("1", "A")}, notices=(NOTICE,)),
    book(
        "a value in the very last cell",
        one(TWO + '<row r="1048576"><c r="XFD1048576"><v>5</v></c></row>'),
        rows={2: ("1", "A", "")},
        blank=tuple(range(3, 1_048_576)),
        left_out=(1_048_576,),
        problems={(1_048_576, "", "row-left-out")},
        notices=("column-without-heading",),
    ),
    book(
        "text in too many columns",
        one(
            HEAD
            + '<row r="2">'
            + "".join(f'<c r="{letter(column - 1)}2"><v>1</v></c>' for column in range(1, 1_200))
            + "</row>"
        ),
        refusal="which no roster has",
    ),
    book(
        "hidden rows and columns",
        made(_hidden),
        rows={2: ("1", "A"), 3: ("2", "B"), 4: ("3", "C")},
        notices=("hidden-rows", "hidden-rows"),
    ),
    book(
        "hidden rows left out",
        made(_hidden),
        Layout(expected=EXPECTED.expected, visible_only=True),
        rows={2: ("1", "A"), 4: ("3", "C")},
        left_out=(3,),
        notices=("hidden-rows", "hidden-rows"),
    ),
    book(
        "hidden rows that are blank, totals or headings",
        one(
            text_rows(("ID", "Name", "Email")).replace("<row ", '<row hidden="1" ')
            + text_rows(("1", "A", "a@example.org"), first=2)
            + text_rows(("\u200b",), ("2", "B", "b@example.org"), first=3).replace(
                "<row ", '<row hidden="1" '
            )
            + text_rows(("Total: 2",), first=5)
            + text_rows(("Signed",), first=6).replace("<row ", '<row hidden="1" ')
        ),
        Layout(expected=EXPECTED.expected, visible_only=True),
        rows={2: ("1", "A", "a@example.org")},
        blank=(3,),
        left_out=(4, 5, 6),
        problems={(5, "", "row-left-out")},
        notices=("hidden-rows",),
    ),
    book("two heading rows", made(_merged), refusal="`header: [1, 2]`"),
    book(
        "two declared heading rows",
        made(_merged),
        Layout(header=(1, 2), expected=frozenset({"ID", "Contact Email", "Contact Phone"})),
        rows={3: ("1", "a@example.org", "555-0100")},
    ),
    book(
        "the one sheet with the headings",
        sheets({"Notes": sheet_xml(text_rows(("Read me",))), "Roster": sheet_xml(TWO)}),
        rows={2: ("1", "A")},
        notices=(NOTICE,),
    ),
    book(
        "hidden sheets are not read",
        sheets(
            {"Old": sheet_xml(TWO), "Lists": sheet_xml(text_rows(("x",))), "New": sheet_xml(TWO)},
            states={"Old": "hidden", "Lists": "veryHidden"},
        ),
        rows={2: ("1", "A")},
        notices=(NOTICE,),
    ),
    book(
        "a sheet that may not be edited",
        one(TWO, after='<sheetProtection password="CC1A" sheet="1" objects="1"/>'),
        rows={2: ("1", "A")},
    ),
    book(
        "marks that keep IDs as text",
        appended(["ID", "Name"], ["'0012345", "'t Hooft"]),
        rows={2: ("0012345", "'t Hooft")},
        problems={(2, "A", "text-mark-removed")},
    ),
    book(
        "macros",
        one(TWO, members={"xl/vbaProject.bin": b"macro"}),
        name="a.xlsm",
        rows={2: ("1", "A")},
        notices=(NOTICE,),
    ),
    book("workbook named as CSV", one(TWO), name="a.csv", rows={2: ("1", "A")}, notices=(NOTICE,)),
    book(
        "a rejects workbook fed back",
        appended(
            ["Row in the original file", "Result", "Decision", "Why", "What to do", "ID", "Name"],
            [12, "rejected", None, "w", "d", "007", "A"],
            [None, None, None, None, None, "1", "B"],
        ),
        Layout(),
        name="rejects.xlsx",
        rows={12: ("007", "A"), 13: ("1", "B")},
    ),
]
