"""CSV files: encodings, delimiters, quotes, ragged rows, and what offices put around rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from importer.model.roster import NO_HEADINGS, Layout
from tests.zoo.specimen import Specimen

EXPECTED = Layout(expected=frozenset({"EMPL ID", "Last Name", "Email"}))
HEAD = "EMPL ID,Last Name,Email\n"
ANA = "0012345,Silva,ana@example.org\n"
ANA_CELLS = ("0012345", "Silva", "ana@example.org")


def raw(content: bytes) -> Callable[[Path], None]:
    """Build a file of these bytes."""

    def build(path: Path) -> None:
        path.write_bytes(content)

    return build


def text(
    hazard: str, content: str | bytes, layout: Layout = EXPECTED, *, name: str = "a.csv",
    encoding: str = "utf-8", **gives: Any,
) -> Specimen:  # fmt: skip
    """A file of this text, line ends as they are."""
    content = content.encode(encoding) if isinstance(content, str) else content
    return Specimen(name, hazard, raw(content), layout, **gives)


TEXTS = [
    text("plain UTF-8", HEAD + ANA, rows={2: ANA_CELLS}),
    text("no line end", (HEAD + ANA).rstrip(), rows={2: ANA_CELLS}),
    text("BOM", HEAD + ANA, encoding="utf-8-sig", rows={2: ANA_CELLS}),
    text("UTF-16", HEAD + ANA, encoding="utf-16", rows={2: ANA_CELLS}),
    text(
        "Windows-1252",
        HEAD + "1,Muñoz,m@example.org\n2,O’Brien,o@example.org\n",
        encoding="cp1252",
        rows={2: ("1", "Muñoz", "m@example.org"), 3: ("2", "O’Brien", "o@example.org")},
        notices=("read-with-notice",),
    ),
    text(
        "Windows-1252 with an open byte",
        HEAD.encode() + b"1,Mu\xf1oz\x81,m\n",
        rows={2: ("1", "Muñoz\x81", "m")},
        problems={(2, "B", "control-character")},
        notices=("read-with-notice",),
    ),
    text(
        "forced encoding",
        HEAD + "1,Łoś,m\n",
        Layout(encoding="windows-1250"),
        encoding="cp1250",
        rows={2: ("1", "Łoś", "m")},
    ),
    text(
        "forced encoding that does not fit",
        HEAD + "1,Muñoz,m\n",
        Layout(encoding="utf-8"),
        encoding="cp1252",
        refusal="not written in utf-8",
    ),
    text(
        "encoding that does not exist",
        HEAD,
        Layout(encoding="utf-9"),
        refusal='"utf-9", which does not exist',
    ),
    *(
        text(f"delimiter {name}", (HEAD + ANA).replace(",", mark), layout, rows={2: ANA_CELLS})
        for name, mark in (("semicolon", ";"), ("tab", "\t"), ("pipe", "|"))
        for layout in (EXPECTED, Layout())
    ),
    text(
        "semicolons and decimal commas",
        "ID;Name;Fee\n1;Silva;1,50\n2;Berg;2,25\n3;Cole;10,00\n",
        Layout(),
        rows={2: ("1", "Silva", "1,50"), 3: ("2", "Berg", "2,25"), 4: ("3", "Cole", "10,00")},
    ),
    text(
        "sep line", "sep=;\nID;Name, given\n1;Silva, Ana\n", Layout(), rows={2: ("1", "Silva, Ana")}
    ),
    text("one column", "Email\na@example.org\n", Layout(), rows={2: ("a@example.org",)}),
    text(
        "unclosed quote",
        HEAD + '1,"Silva,a\n' + ANA * 50,
        Layout(),
        refusal="quotation mark that is never closed",
    ),
    text(
        "text behind a quote",
        HEAD + '1,"Silva"x,a\n' + ANA,
        Layout(),
        refusal="row 2, which begins in line 2 of the file, has text right behind a closing",
    ),
    text(
        "unclosed quote below cells of many lines",
        "sep=,\n" + HEAD + '1,"Sil\nva",a\n2,Berg,"b\n' + ANA,
        Layout(),
        refusal="row 3, which begins in line 5 of the file, has a quotation mark that is never",
    ),
    text(
        "cell beyond what is read at all",
        HEAD + f"1,{'x' * (16 * 1024 * 1024 + 1)},a\n" + ANA,
        Layout(),
        refusal="row 2, which begins in line 2 of the file, has more than 16,777,216",
    ),
    text(
        "one row with a delimiter too many before a blank last cell",
        HEAD + "1,,Silva,\n",
        rows={2: ("1", "", "Silva")},
        problems={(2, "", "row-too-long")},
    ),
    text(
        "text only behind the headings",
        HEAD + ANA + ",,,x\n,,,\n" + ANA,
        rows={2: ANA_CELLS, 3: ("", "", ""), 5: ANA_CELLS},
        blank=(4,),
        problems={(3, "", "row-too-long")},
    ),
    text(
        "halves of characters",
        HEAD.encode() + b"1,Si\xed\xa0\xbd\xed\xb8\x80lva,\xc3\xa9\n2,Be\xed\xa0\x80rg,b\n",
        rows={2: ("1", "Si\U0001f600lva", "é"), 3: ("2", "Be\ufffdrg", "b")},
        problems={(3, "B", "control-character")},
    ),
    text(
        "quote that swallows a row",
        HEAD + '1,"Silva,a@example.org\n2,",b@example.org\n' + ANA,
        rows={
            2: ("1", "Silva,a@example.org 2,", "b@example.org"),
            3: ANA_CELLS,
        },
        problems={(2, "B", "cell-too-long")},
    ),
    text(
        "cell of many lines",
        HEAD + '1,"a\nb\nc\nd\ne",x\n',
        Layout(),
        rows={2: ("1", "a b c d e", "x")},
        problems={(2, "B", "cell-too-long")},
    ),
    text(
        "line breaks inside cells count as one row",
        '"EMPL\nID",Last Name,Email\n1,"Sil\r\nva",a\n2,Berg,b\n',
        rows={2: ("1", "Sil va", "a"), 3: ("2", "Berg", "b")},
    ),
    text(
        "mixed line ends",
        HEAD + "1,A,a\r\n2,B,b\r3,C,c\n",
        rows={2: ("1", "A", "a"), 3: ("2", "B", "b"), 4: ("3", "C", "c")},
    ),
    text(
        "ragged rows",
        HEAD + "1,A\n2,B,b,extra\n3,C,c,\n" + ANA * 3,
        rows={
            2: ("1", "A", ""),
            3: ("2", "B", "b"),
            4: ("3", "C", "c"),
            **dict.fromkeys(range(5, 8), ANA_CELLS),
        },
        problems={(2, "", "row-too-short"), (3, "", "row-too-long"), (4, "", "row-too-long")},
    ),
    text(
        "every row one cell longer",
        HEAD + "1,A,a,x\n2,B,b,y\n",
        rows={2: ("1", "A", "a"), 3: ("2", "B", "b")},
        problems={(2, "", "row-too-long"), (3, "", "row-too-long")},
    ),
    text(
        "every row padded alike",
        HEAD + "1,A,a,,\n2,B,b,,\n3,C,c,\n",
        rows={2: ("1", "A", "a"), 3: ("2", "B", "b"), 4: ("3", "C", "c")},
    ),
    text(
        "a delimiter too many before a blank last cell",
        HEAD + "1,A,\n2,,B,\n3,C,\n",
        rows={2: ("1", "A", ""), 3: ("2", "", "B"), 4: ("3", "C", "")},
        problems={(3, "", "row-too-long")},
    ),
    text(
        "errors of formulas saved as text",
        HEAD + "#N/A,A, #REF!\n2,#1 Silva,#n/a\n",
        rows={2: ("#N/A", "A", "#REF!"), 3: ("2", "#1 Silva", "#n/a")},
        problems={(2, "A", "formula-error"), (2, "C", "formula-error")},
    ),
    text(
        "a blank between delimiter and quotation mark",
        '"EMPL ID", "Last Name", "Email"\n "1", "Silva, Ana",  "a"\n2, Berg, " b""c "\n',
        rows={2: ("1", "Silva, Ana", "a"), 3: ("2", "Berg", 'b"c')},
    ),
    text(
        "NUL bytes",
        HEAD + "1,Sil\0va,a\n" + ANA * 4,
        rows={2: ("1", "Sil\0va", "a"), **dict.fromkeys(range(3, 7), ANA_CELLS)},
        problems={(2, "B", "control-character")},
    ),
    text(
        "full of NUL bytes",
        HEAD + "\0" * 50 + ANA,
        Layout(),
        refusal="full of bytes that no text has",
    ),
    text(
        "UTF-16 without a mark",
        HEAD + ANA,
        Layout(),
        encoding="utf-16-le",
        refusal="look like utf-16-le",
    ),
    text(
        "cell beyond any length",
        HEAD + f"1,{'x' * 131_073},a\n" + ANA,
        rows={2: ("1", "x" * 131_073, "a"), 3: ANA_CELLS},
        problems={(2, "B", "cell-too-long")},
    ),
    text(
        "blank rows between and behind",
        HEAD + "1,A,a\n\n , ,\n2,B,b\n,,\n\n,,\n",
        rows={2: ("1", "A", "a"), 5: ("2", "B", "b")},
        blank=(3, 4),
        notices=("read-with-notice",),
    ),
    text(
        "title rows above",
        "Autumn roster,,\n,,\n" + HEAD + ANA,
        rows={4: ANA_CELLS},
        notices=("read-with-notice",),
    ),
    text("duplicate headings", "ID,Email,Email\n1,a,b\n", Layout(), rows={2: ("1", "a", "b")}),
    text(
        "blank heading over data and blank columns",
        "ID,,Name,,\n1,x,Silva,,\n2,,Berg,,\n",
        Layout(),
        rows={2: ("1", "x", "Silva"), 3: ("2", "", "Berg")},
        notices=("column-without-heading",),
    ),
    text(
        "totals and signatures at the end",
        HEAD + ANA + "Total: 57,,\n1,Berg,b@example.org\n,,\nTotal: 2,,\nSigned J.D.,,\n",
        rows={2: ANA_CELLS, 3: ("Total: 57", "", ""), 4: ("1", "Berg", "b@example.org")},
        blank=(5,),
        left_out=(6, 7),
        problems={(6, "", "row-left-out"), (7, "", "row-left-out")},
    ),
    text(
        "headings repeated by joined exports",
        HEAD + "1,Berg,b\n" + HEAD + "2,Last Name,Email\n\n empl id ,LAST NAME,Email\n",
        rows={2: ("1", "Berg", "b"), 4: ("2", "Last Name", "Email")},
        blank=(5,),
        left_out=(3, 6),
        problems={(3, "", "row-left-out"), (6, "", "row-left-out")},
    ),
    text(
        "two heading rows, both repeated",
        "Person,,Web\nID,Name,Email\n1,A,a\nPerson,,Web\nID,Name,Email\n2,B,b\n",
        Layout(header=(1, 2)),
        rows={3: ("1", "A", "a"), 6: ("2", "B", "b")},
        left_out=(4, 5),
        problems={(4, "", "row-left-out"), (5, "", "row-left-out")},
    ),
    text(
        "a person called as a column is, without headings",
        "A,B\nA,B\n1,C\n",
        Layout(header=NO_HEADINGS),
        rows={1: ("A", "B"), 2: ("A", "B"), 3: ("1", "C")},
    ),
    text(
        "a lone identifier at the end is a person",
        HEAD + ANA + "1234567,,\n",
        rows={2: ANA_CELLS, 3: ("1234567", "", "")},
    ),
    text(
        "many rows with names only are people",
        HEAD + ANA + ",Silva,\n" * 11,
        rows={2: ANA_CELLS, **dict.fromkeys(range(3, 14), ("", "Silva", ""))},
    ),
    text(
        "example row of the template",
        HEAD + "Example: 0012345,Doe,doe@example.org\n" + ANA,
        rows={3: ANA_CELLS},
        left_out=(2,),
        problems={(2, "", "row-left-out")},
    ),
    text(
        "marks that keep digits as text",
        HEAD + "=\"00123\",'t Hooft,a\n'00124,'Akamu,=1+1\n",
        rows={2: ("00123", "'t Hooft", "a"), 3: ("00124", "'Akamu", "=1+1")},
        problems={(2, "A", "text-mark-removed"), (3, "A", "text-mark-removed")},
    ),
    text(
        "a rejects file fed back",
        "Row in the original file,Result,Decision,Why,What to do,ID,Name\n"
        "17,rejected,,w,d,'+1,''=x\n4,rejected,,w,d,'007,'Akamu\n"
        ",,,,,3,C\n17,rejected,,w,d,4,D\n,,,,,,\n6.5,,,,,5,E\n",
        Layout(),
        name="rejects.csv",
        rows={
            17: ("+1", "'=x"),
            4: ("'007", "'Akamu"),
            18: ("3", "C"),
            19: ("4", "D"),
            21: ("5", "E"),
        },
        blank=(20,),
    ),
    text(
        "rejected rows with next to nothing in them, fed back",
        "Row in the original file,Result,Decision,Why,What to do,ID,Name,Email\n"
        "4,rejected,,w,d,1,A,a@example.org\n"
        "5 too long,rejected,,w,d,,,\n6,rejected,,w,d,,,\n"
        "7 too short,rejected,,w,d,Total: 2,,\n8,rejected,,w,d,Signed,,\n",
        Layout(),
        name="rejects.csv",
        rows={
            4: ("1", "A", "a@example.org"),
            5: ("", "", ""),
            7: ("Total: 2", "", ""),
            8: ("Signed", "", ""),
        },
        blank=(6,),
        problems={(5, "", "row-too-long"), (7, "", "row-too-short")},
    ),
    text(
        "words that are no missing values",
        "ID,Name\nNA,None\nnull,N/A\nTRUE,nan\n",
        Layout(),
        rows={2: ("NA", "None"), 3: ("null", "N/A"), 4: ("TRUE", "nan")},
    ),
    text(
        "invisible characters",
        HEAD + "0012\u200b345,\ufeffSilva,a\u00adb@example.org\n1,Silva\u202e,a\n",
        rows={2: ("0012345", "Silva", "ab@example.org"), 3: ("1", "Silva\u202e", "a")},
        problems={
            (2, "A", "whitespace-removed"),
            (2, "B", "whitespace-removed"),
            (2, "C", "whitespace-removed"),
            (3, "B", "control-character"),
        },
    ),
    text(
        "blanks, full-width digits and damaged letters",
        HEAD + "１２３,  van\u00a0 der  Berg ,a\n1,MuÃ±oz,b\n2,Mu\ufffdoz,c\n",
        rows={
            2: ("123", "van der Berg", "a"),
            3: ("1", "MuÃ±oz", "b"),
            4: ("2", "Mu\ufffdoz", "c"),
        },
        problems={(2, "A", "digits-normalized"), (3, "B", "mojibake"), (4, "B", "mojibake")},
    ),
    text("headings only", HEAD),
    text("another name for CSV", HEAD + ANA, name="a.txt", rows={2: ANA_CELLS}),
]
