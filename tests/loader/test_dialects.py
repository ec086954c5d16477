"""What the programs that write workbooks make of a row: all of it takes the fast road."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.loader.fastsheet import FastRows
from importer.loader.formats import Styles, read_styles
from importer.loader.parsing import SheetError
from importer.loader.sheetxml import read_sheet
from importer.model.catalogue import Code

if TYPE_CHECKING:
    from importer.loader.content import Content

STRINGS = ["ID", "0012345", "Müller & Søn"]
STYLES = read_styles([0, 14, 164], {164: "00000000"}, starts_1904=False)

# The rows as the program itself writes them: the cells "0012345", 46266 as a date, and a formula.
DIALECTS = {
    "Excel": (
        '<row r="2" spans="1:3" x14ac:dyDescent="0.25"><c r="A2" t="s"><v>1</v></c>'
        '<c r="B2" s="1"><v>46266</v></c>'
        '<c r="C2" t="str"><f>VLOOKUP(A2,Groups!$A$2:$B$9,2,FALSE)</f><v>Staff</v></c></row>'
    ),
    "Excel, hidden by a filter, and of a shared formula": (
        '<row r="2" spans="1:3" hidden="1" ht="15" customHeight="1" x14ac:dyDescent="0.25">'
        '<c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>46266</v></c>'
        '<c r="C2" t="str"><f t="shared" ref="C2:C9" si="0">A2&amp;"x"</f>'
        '<v xml:space="preserve">Staff</v></c></row><row r="3" spans="1:3"><c r="A3"/><c r="B3"/>'
        '<c r="C3"><f t="shared" si="0"/><v>7</v></c></row>'
    ),
    "Excel, of a dynamic array": (
        '<row r="2" spans="1:3"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>46266</v></c>'
        '<c r="C2" t="str" cm="1"><f t="array" aca="1" ref="C2" ca="1">_xlfn.XLOOKUP(A2,G:G,H:H)'
        "</f><v>Staff</v></c></row>"
    ),
    "LibreOffice": (
        '<row r="2" customFormat="false" ht="12.8" hidden="false" customHeight="false" '
        'outlineLevel="0" collapsed="false"><c r="A2" s="0" t="s"><v>1</v></c>'
        '<c r="B2" s="1" t="n"><v>46266</v></c><c r="C2" s="0" t="str">'
        '<f aca="false">VLOOKUP(A2,Groups!$A$2:$B$9,2,0)</f><v>Staff</v></c></row>'
    ),
    "Google Sheets": (
        '<row r="2"><c r="A2" s="0" t="s"><v>1</v></c><c r="B2" s="1"><v>46266.0</v></c>'
        '<c r="C2" s="0" t="str"><f t="shared" ref="C2:C3" si="1">VLOOKUP(A2,Groups!A:B,2,FALSE)'
        "</f><v>Staff</v></c></row>"
    ),
    "openpyxl, which calculates nothing": (
        '<row r="2"><c r="A2" t="inlineStr"><is><t>0012345</t></is></c>'
        '<c r="B2" s="1" t="n"><v>46266</v></c><c r="C2"><f>VLOOKUP(A2,G!A:B,2,FALSE)</f><v/></c>'
        '</row><row r="3"><c r="C3"><f>1+1</f><v></v></c></row>'
        '<row r="4"><c r="C4"><f>1</f></c></row>'
    ),
    "XlsxWriter": (
        '<row r="2" spans="1:3"><c r="A2" t="inlineStr"><is><t xml:space="preserve">0012345</t>'
        '</is></c><c r="B2" s="1"><v>46266</v></c><c r="C2"><f>A2</f><v>0</v></c></row>'
    ),
    "Apache POI": (
        '<row r="2"><c r="A2" t="s" s="0"><v>1</v></c><c r="B2" t="n" s="1"><v>46266.0</v></c>'
        '<c r="C2" t="str" s="0"><f>VLOOKUP(A2,G!A:B,2,FALSE)</f><v>Staff</v></c></row>'
    ),
    "Apache POI, streaming": (
        '<row r="2">\n<c r="A2" t="inlineStr"><is><t>0012345</t></is></c><c r="B2" s="1" t="n">'
        '<v>46266.0</v></c><c r="C2" t="b"><v>1</v></c></row>\n<row r="3">\n</row>\n'
    ),
    "R writexl": (
        '<row r="2"><c r="A2" t="inlineStr"><is><t>0012345</t></is></c><c r="B2" s="1">'
        '<v>46266</v></c><c r="C2" t="b"><v>0</v></c></row>'
    ),
    "R openxlsx": (
        '<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1" t="n"><v>46266</v></c>'
        '<c r="C2" t="e"><v>#N/A</v></c></row>'
    ),
    "a report server, which indents": (
        '\n    <row r="2" spans="1:3">\n      <c r="A2" t="s">\n        <v>1</v>\n      </c>\n'
        '      <c r="B2" s="1" >\n        <v>46266</v>\n      </c>\n      <c r="C2" t="str">\n'
        "        <f>A2</f>\n        <v>Staff</v>\n      </c>\n    </row>\n  "
    ),
}


def _read(rows: str, strings: list[str], styles: Styles) -> tuple[Content | None, Content]:
    piece = rows.strip().encode()
    faithful = read_sheet([b"<sheetData>", piece, b"</sheetData>"], strings, styles)
    return FastRows(strings, styles).read(piece, 0), faithful


def _cells(content: Content) -> dict[tuple[int, int], str]:
    places = zip(content.rows.tolist(), content.columns.tolist(), strict=True)
    return dict(zip(places, content.texts.tolist(), strict=True))


def _same(one: Content, other: Content) -> None:
    assert list(_cells(one).items()) == list(_cells(other).items())
    assert (one.oddities, one.formulas) == (other.oddities, other.formulas)
    assert (one.hidden_rows, one.last_row) == (other.hidden_rows, other.last_row)


@pytest.mark.parametrize("program", DIALECTS)
def test_every_program_takes_the_fast_road(program: str) -> None:
    """The fast reader answers to what the program writes, and as the faithful one does."""
    fast, faithful = _read(DIALECTS[program], STRINGS, STYLES)
    assert fast is not None
    _same(fast, faithful)
    assert _cells(fast)[2, 0] == "0012345"
    assert _cells(fast)[2, 1] == "2026-09-01"


def test_a_formula_without_a_result_is_said() -> None:
    """What was never calculated has no value, and that is a problem of its cell."""
    fast, _ = _read(DIALECTS["openpyxl, which calculates nothing"], STRINGS, STYLES)
    assert fast is not None
    said = [(oddity.row, oddity.column, oddity.code, oddity.text) for oddity in fast.oddities]
    assert said == [(row, 2, Code.FORMULA_ERROR, "") for row in (2, 3, 4)]


@st.composite
def _cell(draw: st.DrawFn) -> tuple[str, str]:
    """The attributes of a cell behind its place, and what is in it."""
    white = draw(st.sampled_from(["", "\n  ", " "]))
    kind = draw(st.sampled_from(["", "n", "s", "b", "e", "d", "str", "inlineStr"]))
    given = [f't="{kind}"'] if kind else []
    given += draw(st.lists(st.sampled_from(['s="1"', 'cm="1"', 'x:ph="a > b"']), unique=True))
    text = escape(
        draw(
            st.one_of(
                st.sampled_from(["0", "1", "2", "46266", "0.50", "1e3", "7" * 17, " ", "TRUE"]),
                st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=4),
            )
        )
    )
    formula = draw(
        st.sampled_from(
            ["", "<f>A1</f>", '<f t="shared" si="0"/>', "<f>A1 &lt;&gt; &quot;&quot;</f>", "<f/>"]
        )
    )
    stored = draw(
        st.sampled_from(
            ["", "<v/>", f"<v>{text}</v>", f'<v xml:space="preserve">{text}</v>']
            if kind != "inlineStr"
            else ["", f"<is>{white}<t>{text}</t>{white}</is>", "<is><t/></is>", f"<v>{text}</v>"]
        )
    )
    attributes = "".join(f" {one}" for one in draw(st.permutations(given)))
    return attributes, white.join(["", formula, stored, ""])


@given(st.lists(st.lists(_cell(), max_size=4), min_size=1, max_size=4))
def test_cells_of_any_dialect_are_read_alike(grid: list[list[tuple[str, str]]]) -> None:
    """Where the fast reader answers, it gives what the faithful one gives, formulas among it."""
    rows = "\n".join(
        f'<row r="{row}" spans="1:4">'
        + "".join(
            f'<c r="{chr(65 + at)}{row}"{attributes}>{inside}</c>'
            for at, (attributes, inside) in enumerate(cells)
        )
        + "</row>"
        for row, cells in enumerate(grid, start=1)
    )
    try:
        fast, faithful = _read(rows, STRINGS, STYLES)
    except SheetError:
        return  # a number that is none, or a string that is not there
    if fast is not None:
        _same(fast, faithful)
