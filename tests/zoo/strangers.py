"""What is no roster, whatever its name says, and what was made to harm."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from importer.model.roster import Layout
from tests.zoo.books import EXPECTED, HEAD, NOTICE, TWO, book, one, sheets
from tests.zoo.other import ods, ole, record, xls
from tests.zoo.specimen import Specimen
from tests.zoo.texts import raw
from tests.zoo.xlsx import MAIN, rewrite, sheet_xml, write_xlsx


def zipped(**members: bytes) -> Callable[[Path], None]:
    """Build a zip archive of these members; `__` in a name is a slash."""

    def build(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)

    return build


def strict(path: Path) -> None:
    """Build a workbook as Excel saves a Strict Open XML Spreadsheet."""
    write_xlsx(path, {"Roster": sheet_xml(TWO)})
    rewrite(
        path,
        lambda part: part.replace(MAIN.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main"),
    )


def cut(share: float) -> Callable[[Path], None]:
    """Build a workbook of which only this share was copied."""

    def build(path: Path) -> None:
        write_xlsx(path, {"Roster": sheet_xml(TWO)})
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])

    return build


def encrypted(path: Path) -> None:
    """Build a workbook whose members are marked as encrypted."""
    write_xlsx(path, {"Roster": sheet_xml(TWO)})
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(content)


def doubled(path: Path) -> None:
    """Build a workbook with two members of one name, which readers choose between as they like."""
    buffer = io.BytesIO()
    write_xlsx(path, {"Roster": sheet_xml(TWO), "Rosters": sheet_xml(TWO)})
    buffer.write(path.read_bytes().replace(b"sheet2.xml", b"sheet1.xml"))
    path.write_bytes(buffer.getvalue())


def hiding(path: Path) -> None:
    """Build a workbook with a member of which the directory describes only the beginning."""
    write_xlsx(path, {"Roster": sheet_xml(TWO)})
    with zipfile.ZipFile(path) as archive:
        seen = archive.read("xl/workbook.xml")
    write_xlsx(path, {"Roster": sheet_xml(TWO)}, members={"xl/workbook.xml": seen + b" " * 99})
    content = bytearray(path.read_bytes())
    name = b"xl/workbook.xml"
    for header, at in ((content.find(name) - 30, 14), (content.rfind(name) - 46, 16)):
        struct.pack_into("<I", content, header + at, zlib.crc32(seen))
        struct.pack_into("<I", content, header + at + 8, len(seen))
    path.write_bytes(content)


def overlapping(path: Path) -> None:
    """Build a workbook whose directory gives two members the same bytes."""
    write_xlsx(path, {"Roster": sheet_xml(TWO)})
    content = bytearray(path.read_bytes())
    first = content.find(b"PK\x01\x02")
    at = content.rfind(b"PK\x01\x02", 0, content.rfind(b"xl/worksheets/sheet1.xml"))
    content[at + 42 : at + 46] = content[first + 42 : first + 46]
    path.write_bytes(content)


def theme() -> bytes:
    """The theme that Excel embeds in an .xls file: a zip file of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("theme/theme/theme1.xml", "<theme/>")
    return buffer.getvalue()


TWO_ROWS = [["ID", "Name"], ["1", "A"]]
TWO_RANGES = struct.pack("<HBBHHH4x", 0, 0, 3, 7, 0, 0) + b"\0Two\x26" + bytes(6)
FOUR = [["ID", "Name"], ["1", "A"], ["2", "B"], ["3", "C"]]


def claiming(inflated: int, packed: int) -> Callable[[Path], None]:
    """Build a workbook whose directory claims these megabytes for a bomb of a sheet."""

    def build(path: Path) -> None:
        write_xlsx(path, {"Roster": sheet_xml(TWO + " " * 30_000_000)})
        content = bytearray(path.read_bytes())
        at = content.rfind(b"PK\x01\x02", 0, content.rfind(b"xl/worksheets/sheet1.xml"))
        struct.pack_into("<II", content, at + 20, packed << 20, inflated << 20)
        path.write_bytes(content)

    return build


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
)
REACHES = '<!DOCTYPE x [<!ENTITY d SYSTEM "file:///etc/hostname">]>'
CALLS = '<!DOCTYPE x [<!ENTITY d SYSTEM "http://127.0.0.1:9/x">]>'
CALLS_FIRST = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'
BLOWS_UP = f'<!DOCTYPE x [<!ENTITY d "{"ha" * 5_000}">]>'
DOCTYPES = {
    "entity bomb": LAUGHS,
    "entity that grows with its uses": BLOWS_UP,
    "entity that reaches for a file": REACHES,
    "entity that calls a server": CALLS,
    "document type of a server": CALLS_FIRST,
}
DECLARES = "it declares a document type"
ENTITY_ROW = '<row r="2"><c r="A2" t="inlineStr"><is><t>&d;</t></is></c></row>'
DECLARING: tuple[tuple[str, str, Callable[[str], Callable[[Path], None]]], ...] = (
    ("a.xlsx", "the sheet", lambda d: sheets({"R": sheet_xml(HEAD + ENTITY_ROW, doctype=d)})),
    ("a.xlsx", "the strings", lambda d: one(TWO, strings=f'{d}<sst xmlns="{MAIN}"><si/></sst>')),
    ("a.ods", "OpenDocument", lambda d: ods([["&d;"]], doctype=d)),
    *(
        ("a.xlsx", part, lambda d, part=part: one(TWO, members={part: f"{d}<x/>".encode()}))
        for part in ("xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels")
    ),
)
"""Files with a part that declares a document type: the name, the part, how the file is built."""
WRONG_ROWS = {
    "string that is not there": '<row r="3"><c r="A3" t="s"><v>7</v></c></row>',
    "a row in two pieces": '<row r="2"><c r="C2"><v>3</v></c></row>',
    "a cell twice in its row": '<row r="3"><c r="A3"><v>1</v></c><c r="A3"><v>2</v></c></row>',
    "cell beyond the sheet": '<row r="3"><c r="XFE3"><v>1</v></c></row>',
    "text in a cell of another type": '<row r="3"><c r="A3" t=""><is><t>1</t></is></c></row>',
    "cell far below its row": '<row r="3"><c r="XFD1048576"><v>1</v></c></row>',
}
"""Rows that no program writes."""
DAMAGED = "is damaged or was not copied"
ENDLESS = "larger than a workbook may be"
LOCKED = "protected by a password"
UNSAFE = "is refused for safety"


def _refused(name: str, hazard: str, build: Callable[[Path], None], words: str) -> Specimen:
    return Specimen(name, hazard, build, EXPECTED, refusal=words)


STRANGERS = [
    _refused("a.csv", "empty file", raw(b""), "is empty"),
    _refused("a.xlsx", "only blanks", raw(b"\n  \r\n"), "is empty"),
    _refused("~$a.xlsx", "lock file", raw(b"\x05Office"), "load a.xlsx itself"),
    _refused("a.xlsx", "CSV named as a workbook", raw(b"ID,Name\n1,A\n"), "no workbook"),
    _refused("a.XLS", "noise named as a workbook", raw(bytes(range(9, 256)) * 9), "no workbook"),
    _refused("a.xlsx", "PDF", raw(b"%PDF-1.7\n"), "a PDF document"),
    _refused("a.csv", "PNG", raw(b"\x89PNG\r\n\x1a\n"), "an image"),
    _refused("a.csv", "JPEG", raw(b"\xff\xd8\xff\xe0\x00"), "an image"),
    _refused("a.csv", "gzip", raw(b"\x1f\x8b\x08\x00"), "a compressed file"),
    _refused("a.slk", "SYLK", raw(b"ID;PWXL;N;E\r\nC;Y1;X1\r\n"), "a SYLK file"),
    _refused("a.dif", "DIF", raw(b"TABLE\r\n0,1\r\n"), "a DIF file"),
    _refused("a.doc", "RTF", raw(b"{\\rtf1 x}"), "a Word document"),
    _refused("a.docx", "Word", zipped(word__document_xml=b"<x/>"), "a Word document"),
    _refused("a.doc", "old Word", ole("WordDocument", b"x"), "a Word document"),
    _refused("a.zip", "plain zip", zipped(roster_xml=b"<x/>"), "Unpack it"),
    _refused("a.numbers", "Numbers", zipped(**{"Index__Document.iwa": b"x"}), "Export To, Excel"),
    _refused("a.gsheet", "link to Google Sheets", raw(b'{"":"!","doc_id":"1a"}'), "Download"),
    _refused("a.xlsx", "half a workbook", zipped(xl__styles_xml=b"<x/>"), DAMAGED),
    _refused("a.xlsx", "Strict Open XML", strict, "is a Strict Open XML Spreadsheet"),
    _refused("a.xlsb", "binary workbook", zipped(**{"xl__workbook.bin": b"x"}), "binary Excel"),
    _refused("a.xls", "web page", raw(b"<html><table><tr><td>ID</td></tr></table>"), "a web page"),
    _refused(
        "a.xls", "web page with a mark", raw(b"\xef\xbb\xbf\r\n<TABLE><tr></tr>"), "a web page"
    ),
    _refused("a.xml", "XML", raw(b"<?xml version='1.0'?><users/>"), "an XML file"),
    _refused(
        "a.xls",
        "XML spreadsheet",
        raw(
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'
        ),
        "an XML export of an old Excel",
    ),
    _refused("a.xlsx", "password", ole("EncryptedPackage", b"x"), LOCKED),
    _refused("a.xls", "password of an old Excel", xls([["ID"]], locked=True), LOCKED),
    _refused("a.ods", "password of OpenDocument", ods([["ID"]], locked=True), LOCKED),
    _refused("a.xls", "Office file without workbook", ole("Contents", b"x"), "without a workbook"),
    _refused("a.xls", "damaged old workbook", ole("Workbook", b"\xff" * 5000), DAMAGED),
    *(_refused("a.xlsx", f"cut at {share}", cut(share), DAMAGED) for share in (0.1, 0.5, 0.99)),
    _refused("a.xlsx", "encrypted members", encrypted, UNSAFE),
    _refused("a.xlsx", "two members of one name", doubled, UNSAFE),
    _refused("a.xlsx", "directory that describes half a member", hiding, DAMAGED),
    _refused("a.xlsx", "archive in the archive", one(TWO, members={"xl/a.zip": b"PK"}), UNSAFE),
    _refused(
        "a.xlsx",
        "too many members",
        one(TWO, members={f"xl/media/{at}": b"" for at in range(2_001)}),
        UNSAFE,
    ),
    _refused("a.xlsx", "zip bomb in the sheet", one(TWO + " " * 50_000_000), UNSAFE),
    _refused(
        "a.xlsx", "zip bomb beside the sheets", one(TWO, members={"x": bytes(30_000_000)}), UNSAFE
    ),
    _refused("a.xlsx", "zip bomb in the strings", one(TWO, strings=" " * 50_000_000), UNSAFE),
    _refused("a.xlsx", "zip bomb in the styles", one(TWO, styles=" " * 50_000_000), UNSAFE),
    _refused("a.xlsx", "overlapping members", overlapping, DAMAGED),
    _refused("a.xlsx", "more than memory is for", claiming(300, 30), UNSAFE),
    _refused("a.xlsx", "bomb that claims to be small", claiming(1, 1), DAMAGED),
    *(
        _refused(name, f"{hazard} in {part}", build(doctype), DECLARES)
        for hazard, doctype in DOCTYPES.items()
        for name, part, build in DECLARING
    ),
    *(_refused("a.xlsx", hazard, one(TWO + row), DAMAGED) for hazard, row in WRONG_ROWS.items()),
    book(
        "rows out of order",
        one(
            HEAD
            + '<row r="3"><c r="A3"><v>2</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>'
            + '<row r="3"/>'
        ),
        rows={2: ("1", ""), 3: ("2", "")},
    ),
    book(
        "cells out of order",
        one(HEAD + '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>2</v></c></row>'),
        rows={2: ("2", "1")},
    ),
    _refused("a.xlsx", "cut XML", sheets({"R": sheet_xml(TWO)[:-30]}), DAMAGED),
    book(
        "members that climb out",
        one(TWO, members={"../../x": b"x", "/etc/x": b"x"}),
        rows={2: ("1", "A")},
    ),
    book(
        "links and connections that nobody follows",
        one(
            TWO,
            members={
                "xl/externalLinks/externalLink1.xml": b"<externalLink/>",
                "xl/externalLinks/_rels/externalLink1.xml.rels": (
                    b'<Relationships><Relationship Id="rId1" Type="externalLinkPath" '
                    b'Target="http://127.0.0.1:9/book.xlsx" TargetMode="External"/></Relationships>'
                ),
                "xl/connections.xml": b'<connections><connection id="1"/></connections>',
            },
        ),
        rows={2: ("1", "A")},
    ),
    book(
        "old Excel",
        xls([["ID", "Name"], ["0012345", "Müller"], [12345678, 0.5]]),
        name="a.xls",
        rows={2: ("0012345", "Müller"), 3: ("12345678", "0.5")},
    ),
    book(
        "zeros, dates and errors of an old Excel",
        xls(
            [["ID", "Name", "Born"], [1234567, "A", 36925.0], [12345678, b"\x2a", "#REF!"]],
            formats=["00000000", "General", "mm/dd/yyyy"],
        ),
        name="a.xls",
        rows={2: ("01234567", "A", "2001-02-03"), 3: ("12345678", "#N/A", "#REF!")},
        problems={(2, "A", "zeros-restored"), (3, "B", "formula-error"), (3, "C", "formula-error")},
    ),
    book(
        "days counted from 1904 in an old Excel",
        xls([["ID"], [36924.0]], formats=["mm/dd/yyyy"], starts_1904=True),
        Layout(expected=frozenset({"ID"})),
        name="a.xls",
        rows={2: ("2005-02-03",)},
        notices=(NOTICE,),
    ),
    *(
        book(f"old Excel with {what}", xls(TWO_ROWS, more=more), name="a.xls", rows={2: ("1", "A")})
        for what, more in (
            ("the theme of a newer one", record(0x896, bytes(16) + theme())),
            (
                "a Word document in it",
                record(0x896, bytes(16) + "WordDocument".encode("utf-16-le")),
            ),
            ("a name for two ranges, which xlrd does not know", record(0x18, TWO_RANGES)),
        )
    ),
    book(
        "OpenDocument",
        ods([["ID", "Name"], ["0012345", "NA"], [12345678, "B"], [1e15, "C"]]),
        name="a.ods",
        rows={2: ("0012345", "NA"), 3: ("12345678", "B"), 4: ("1000000000000000", "C")},
        problems={(4, "A", "id-lost-digits")},
    ),
    _refused("a.ods", "repeated cells", ods([["ID", "Name"]], repeat=(1_048_575, 16_384)), ENDLESS),
    _refused("a.ods", "repeated rows", ods([["ID", "Name"]], repeat=(1_048_575, 7)), ENDLESS),
    _refused(
        "a.ods",
        "blanks that only their number asks for",
        ods([["ID", '<text:s text:c="2000000000"/>x']]),
        ENDLESS,
    ),
    _refused(
        "a.ods",
        "a long text in repeated cells",
        ods([["ID"]], repeat=(1_000, 1), text="x" * 60_000),
        ENDLESS,
    ),
    _refused(
        "a.ods", "rows past the end in OpenDocument", ods([["ID"]], repeat=(1_048_577, 1)), DAMAGED
    ),
    *(
        Specimen(
            name,
            f"rows and columns that {name} hides{', left out' if visible_only else ''}",
            build,
            Layout(expected=EXPECTED.expected, visible_only=visible_only),
            rows={2: ("1", "A"), 4: ("3", "C")} | ({} if visible_only else {3: ("2", "B")}),
            notices=("hidden-rows", "hidden-rows"),
            left_out=(3,) if visible_only else (),
        )
        for name, build in (
            ("a.ods", ods(FOUR, unseen={2: "filter"}, hidden=1)),
            ("b.ods", ods(FOUR, unseen={2: "collapse"}, hidden=1)),
            ("a.xls", xls(FOUR, filtered=2, hidden=1)),
        )
        for visible_only in (False, True)
    ),
    book("headings but nothing else", one(HEAD), Layout()),
]
