"""Different readers of one workbook: where two of them answer, they answer the same."""

from __future__ import annotations

import io
import random
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.loader.archive import Archive
from importer.loader.content import Content, unescaped
from importer.loader.fastsheet import FastRows
from importer.loader.formats import Styles
from importer.loader.parsing import SheetError
from importer.loader.sheet import read_whole
from importer.loader.sheetxml import read_sheet
from importer.loader.workbook import Workbook
from tests.zoo.books import BOOKS
from tests.zoo.strangers import STRANGERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.zoo.specimen import Specimen

Value = bool | int | float | date | str | None
Grid = list[list[Value]]

WORKBOOKS = [
    specimen
    for specimen in [*BOOKS, *STRANGERS]
    if specimen.name.endswith(("xlsx", "xlsm"))
    and not specimen.refusal
    and "last cell" not in specimen.hazard
]
# openpyxl takes half a minute over a cell in column XFD, makes #VALUE! of dates out of range
# and fails on those that are none
NOT_THEIRS = {
    "formatted ghosts",
    "serial numbers at the edges",
    "escapes of escapes, and of what is no text",
}
DAMAGED = [
    specimen
    for specimen in STRANGERS
    if any(words in specimen.hazard for words in ("out of order", "is not there", "beyond"))
]
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**16), 10**16),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20),
    st.dates(date(1900, 3, 1), date(9999, 12, 31)),
    st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  cells have no zone
    st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")),
    st.sampled_from(["0012345", "a & b", "<v>1</v>", "=1+1", "_x000D_", " x ", "NA", "]]>"]),
)
GRIDS = st.lists(st.lists(CELLS, max_size=5), min_size=1, max_size=6)
FORMATS = st.sampled_from(["General", "0", "00000000", "000-00-0000", "@", "0.00", "#,##0"])


def _fast(whole: bytes, strings: list[str], styles: Styles) -> Content | None:
    """What the fast reader says to all rows of a sheet, as one piece."""
    _, found, behind = whole.partition(b"<sheetData>")
    rows = behind.rpartition(b"</sheetData>")[0].strip(b" \r\n\t")
    if found and not rows:
        return Content()
    try:
        return FastRows(strings, styles).read(rows, 0)
    except SheetError:
        return None


def _both(whole: bytes, strings: list[str], styles: Styles) -> tuple[Content | None, Content]:
    """What the fast reader says, and what the faithful one does, as the whole road does too."""
    faithful = read_sheet([whole], strings, styles)
    chosen = read_whole(whole, strings, styles)
    _same(chosen, faithful)
    assert (chosen.hidden_columns, chosen.merged) == (faithful.hidden_columns, faithful.merged)
    assert chosen.filtered == faithful.filtered
    return _fast(whole, strings, styles), faithful


def _same(one: Content, other: Content) -> None:
    """The rows hold the same."""
    assert one.rows.tolist() == other.rows.tolist()
    assert one.columns.tolist() == other.columns.tolist()
    assert one.texts.tolist() == other.texts.tolist()
    assert one.oddities == other.oddities
    assert one.last_row == other.last_row
    assert (one.hidden_rows, one.formulas) == (other.hidden_rows, other.formulas)


def _parts(path: Path) -> list[tuple[bytes, list[str], Styles]]:
    """The sheets of a workbook with what their cells refer to."""
    book = Workbook(Archive(path))
    return [(book.xml(name), book.strings(), book.styles()) for name, _ in book.sheets]


@pytest.mark.parametrize("specimen", WORKBOOKS, ids=str)
def test_fast_reader_agrees_on_the_zoo(specimen: Specimen, tmp_path: Path) -> None:
    """Where the fast reader answers, the faithful one gives the same content."""
    path = tmp_path / specimen.name
    specimen.build(path)
    for whole, strings, styles in _parts(path):
        fast, faithful = _both(whole, strings, styles)
        if fast is not None:
            _same(fast, faithful)


@pytest.mark.parametrize("specimen", DAMAGED, ids=str)
def test_fast_reader_leaves_damage_to_the_other(specimen: Specimen, tmp_path: Path) -> None:
    """Where a sheet is damaged the fast reader gives no answer, and the faithful one says so."""
    path = tmp_path / specimen.name
    specimen.build(path)
    [(whole, strings, styles)] = _parts(path)
    assert _fast(whole, strings, styles) is None
    with pytest.raises(SheetError):
        read_sheet([whole], strings, styles)


@pytest.mark.filterwarnings("ignore:Workbook contains no:UserWarning")
@pytest.mark.filterwarnings("ignore:Cell .* is marked as a date:UserWarning")
@pytest.mark.parametrize(
    "specimen", [one for one in WORKBOOKS if one.hazard not in NOT_THEIRS], ids=str
)
def test_openpyxl_agrees_on_the_zoo(specimen: Specimen, tmp_path: Path) -> None:
    """The library openpyxl finds text in the same cells, and the same text in text cells."""
    path = tmp_path / "a.xlsx"
    specimen.build(path)
    theirs = openpyxl.load_workbook(path, data_only=True)
    book = Workbook(Archive(path))
    for name, _ in book.sheets:
        content = book.read(name)
        ours = dict(
            zip(
                zip(content.rows.tolist(), content.columns.tolist(), strict=True),
                content.texts.tolist(),
                strict=True,
            )
        )
        cells = {
            (cell.row, cell.column - 1): cell.value
            for row in theirs[name].iter_rows()
            for cell in row
            if cell.value not in {None, ""}
        }
        assert set(ours) == set(cells)
        for at, value in cells.items():
            if isinstance(value, str):
                assert ours[at] == unescaped(value)


def _openpyxl(grid: Grid, code: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row, values in enumerate(grid, start=1):
        for column, value in enumerate(values, start=1):
            if isinstance(value, str) and value.startswith("="):
                continue  # would be a formula
            cell = sheet.cell(row, column, value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                cell.number_format = code
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _xlsxwriter(grid: Grid, code: str, *, inline: bool) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"constant_memory": inline, "strings_to_formulas": False, "in_memory": True}
    )
    sheet = book.add_worksheet()
    numbers = book.add_format({"num_format": code})
    dates = book.add_format({"num_format": "mm/dd/yyyy"})
    for row, values in enumerate(grid):
        for column, value in enumerate(values):
            match value:
                case None:
                    continue
                case bool():
                    sheet.write_boolean(row, column, value)
                case int() | float():
                    sheet.write_number(row, column, value, numbers)
                case str():
                    sheet.write_string(row, column, value)
                case date():
                    sheet.write_datetime(row, column, value, dates)
    book.close()
    return buffer.getvalue()


WRITERS: list[Callable[[Grid, str], bytes]] = [
    _openpyxl,
    lambda grid, code: _xlsxwriter(grid, code, inline=False),
    lambda grid, code: _xlsxwriter(grid, code, inline=True),
]


def _meant(value: Value) -> str | None:
    """What a person sees of a value in a cell without a number format; None for floats."""
    match value:
        case bool():
            return str(value).upper()
        case int() if abs(value) < 10**15:
            return str(value)
        case datetime():
            rounded = (value + timedelta(milliseconds=500)).replace(microsecond=0)
            return rounded.isoformat(" ").removesuffix(" 00:00:00")
        case date():
            return value.isoformat()
        case str():
            return value
        case _:
            return None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(GRIDS, FORMATS, st.sampled_from(range(len(WRITERS))))
def test_readers_agree_on_what_programs_write(
    tmp_path_factory: pytest.TempPathFactory, grid: Grid, code: str, writer: int
) -> None:
    """Any values, written by two libraries in three ways, are read alike by both readers."""
    path = tmp_path_factory.mktemp("made") / "a.xlsx"
    path.write_bytes(WRITERS[writer](grid, code))
    for whole, strings, styles in _parts(path):
        fast, faithful = _both(whole, strings, styles)
        if fast is not None:
            _same(fast, faithful)
        if any(value not in {None, ""} for values in grid for value in values):
            assert fast is not None
        seen = dict(
            zip(
                zip(faithful.rows.tolist(), faithful.columns.tolist(), strict=True),
                faithful.texts.tolist(),
                strict=True,
            )
        )
        for row, values in enumerate(grid, start=1):
            for column, value in enumerate(values):
                meant = _meant(value)
                if meant is None or (isinstance(value, int) and code not in {"General", "0", "@"}):
                    continue
                if isinstance(value, str) and (not writer and value.startswith("=")):
                    continue
                assert seen.get((row, column), "") == (meant if writer else unescaped(meant))


def _shaken(whole: bytes, chance: random.Random) -> bytes:
    """The XML with one tag, attribute or character of it changed, and still near to plain."""
    swaps = (
        *(
            (b"<v>", b"<v >"),
            (b"</v>", b"</v><v>1</v>"),
            (b't="s"', b't="n"'),
            (b's="1"', b's="9"'),
        ),
        *((b"<c ", b"<d "), (b"</row>", b"</row> "), (b'r="B', b'r="A'), (b"<is>", b"<is><r/>")),
        *((b"<t>", b"<t><!-- -->"), (b"&amp;", b"&amp"), (b' t="', b" t='"), (b"</is>", b"")),
        *((b"<v>", b"<f>1</f><v>"), (b"<v>", b"<v>0"), (b"<v>", b"<v>-"), (b"</v>", b".50</v>")),
        *(
            (b"<v>", b"<v> "),
            (b"</v>", b"e2</v>"),
            (b'<c r="', b'<c r="0'),
            (b'<row r="', b'<row r="9'),
        ),
    )
    old, new = chance.choice(swaps)
    places = [at for at in range(len(whole)) if whole.startswith(old, at)]
    if not places:
        return whole
    at = chance.choice(places)
    return whole[:at] + new + whole[at + len(old) :]


def test_fast_reader_never_guesses(tmp_path: Path) -> None:
    """On XML that is nearly plain the fast reader agrees with the other, or gives no answer."""
    chance = random.Random(5)  # noqa: S311  no secret
    path = tmp_path / "a.xlsx"
    answers = 0
    for inline in (True, False):
        grid: Grid = [["ID", "Name", "a & b"], ["1", 7, 0.5], [True, None, date(2027, 5, 15)]]
        path.write_bytes(_xlsxwriter(grid, "00000000", inline=inline))
        [(whole, strings, styles)] = _parts(path)
        for _ in range(400):
            xml = _shaken(_shaken(whole, chance), chance)
            fast = _fast(xml, strings, styles)
            if fast is not None:
                answers += 1
                _same(fast, _both(xml, strings, styles)[1])
    assert answers
