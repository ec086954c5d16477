"""CSV files: encodings, delimiters, quotes, ragged rows, and what offices put around rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.roster import NO_HEADINGS, Layout
from tests.zoo.specimen import Specimen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPECTED = Layout(expected=frozenset({"EMPL ID", "Last Name", "Email"}))
HEAD = "EMPL ID,Last Name,Email\n"
ANA = "0012345,Silva,ana@example.org\n"
ANA_CELLS = ("0012345", "Silva", "ana@example.org")


def raw(content: bytes) -> Callable[[Path], None]:
    """Build a file of these bytes."""

    def build(path: Path) -> None:
        path.write_bytes(content)

    return build


def csv(text: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    """Build a file of this text, line ends as they are."""
    return raw(text.encode(encoding))


def _problems(*found: tuple[int, str, str]) -> frozenset[tuple[int, str, str]]:
    return frozenset(found)


TEXTS = [
    Specimen("a.csv", "plain UTF-8", csv(HEAD + ANA), EXPECTED, rows={2: ANA_CELLS}),
    Specimen("a.csv", "no line end", csv((HEAD + ANA).rstrip()), EXPECTED, rows={2: ANA_CELLS}),
    Specimen("a.csv", "BOM", csv(HEAD + ANA, "utf-8-sig"), EXPECTED, rows={2: ANA_CELLS}),
    Specimen("a.csv", "UTF-16", csv(HEAD + ANA, "utf-16"), EXPECTED, rows={2: ANA_CELLS}),
    Specimen(
        "a.csv",
        "Windows-1252",
        csv(HEAD + "1,Muñoz,m@example.org\n2,O’Brien,o@example.org\n", "cp1252"),
        EXPECTED,
        rows={2: ("1", "Muñoz", "m@example.org"), 3: ("2", "O’Brien", "o@example.org")},
        notices=("read-with-notice",),
    ),
    Specimen(
        "a.csv",
        "Windows-1252 with an open byte",
        raw(HEAD.encode() + b"1,Mu\xf1oz\x81,m\n"),
        EXPECTED,
        rows={2: ("1", "Muñoz\x81", "m")},
        problems=_problems((2, "B", "control-character")),
        notices=("read-with-notice",),
    ),
    Specimen(
        "a.csv",
        "forced encoding",
        csv(HEAD + "1,Łoś,m\n", "cp1250"),
        Layout(encoding="windows-1250"),
        rows={2: ("1", "Łoś", "m")},
    ),
    Specimen(
        "a.csv",
        "forced encoding that does not fit",
        csv(HEAD + "1,Muñoz,m\n", "cp1252"),
        Layout(encoding="utf-8"),
        refusal="not written in utf-8",
    ),
    Specimen(
        "a.csv",
        "encoding that does not exist",
        csv(HEAD),
        Layout(encoding="utf-9"),
        refusal='"utf-9", which does not exist',
    ),
    *(
        Specimen(
            "a.csv",
            f"delimiter {name}",
            csv((HEAD + ANA).replace(",", mark)),
            layout,
            rows={2: ANA_CELLS},
        )
        for name, mark in (("semicolon", ";"), ("tab", "\t"), ("pipe", "|"))
        for layout in (EXPECTED, Layout())
    ),
    Specimen(
        "a.csv",
        "semicolons and decimal commas",
        csv("ID;Name;Fee\n1;Silva;1,50\n2;Berg;2,25\n3;Cole;10,00\n"),
        rows={2: ("1", "Silva", "1,50"), 3: ("2", "Berg", "2,25"), 4: ("3", "Cole", "10,00")},
    ),
    Specimen(
        "a.csv",
        "sep line",
        csv("sep=;\nID;Name, given\n1;Silva, Ana\n"),
        rows={2: ("1", "Silva, Ana")},
    ),
    Specimen("a.csv", "one column", csv("Email\na@example.org\n"), rows={2: ("a@example.org",)}),
    Specimen(
        "a.csv",
        "unclosed quote",
        csv(HEAD + '1,"Silva,a\n' + ANA * 50),
        refusal="quotation mark that is never closed",
    ),
    Specimen(
        "a.csv",
        "text behind a quote",
        csv(HEAD + '1,"Silva"x,a\n' + ANA),
        refusal="row 2, which begins in line 2 of the file, has text right behind a closing",
    ),
    Specimen(
        "a.csv",
        "unclosed quote below cells of many lines",
        csv("sep=,\n" + HEAD + '1,"Sil\nva",a\n2,Berg,"b\n' + ANA),
        refusal="row 3, which begins in line 5 of the file, has a quotation mark that is never",
    ),
    Specimen(
        "a.csv",
        "cell beyond what is read at all",
        csv(HEAD + f"1,{'x' * (16 * 1024 * 1024 + 1)},a\n" + ANA),
        refusal="row 2, which begins in line 2 of the file, has more than 16,777,216",
    ),
    Specimen(
        "a.csv",
        "one row with a delimiter too many before a blank last cell",
        csv(HEAD + "1,,Silva,\n"),
        EXPECTED,
        rows={2: ("1", "", "Silva")},
        problems=_problems((2, "", "row-too-long")),
    ),
    Specimen(
        "a.csv",
        "text only behind the headings",
        csv(HEAD + ANA + ",,,x\n,,,\n" + ANA),
        EXPECTED,
        rows={2: ANA_CELLS, 3: ("", "", ""), 5: ANA_CELLS},
        blank=(4,),
        problems=_problems((3, "", "row-too-long")),
    ),
    Specimen(
        "a.csv",
        "halves of characters",
        raw(HEAD.encode() + b"1,Si\xed\xa0\xbd\xed\xb8\x80lva,\xc3\xa9\n2,Be\xed\xa0\x80rg,b\n"),
        EXPECTED,
        rows={2: ("1", "Si\U0001f600lva", "é"), 3: ("2", "Be\ufffdrg", "b")},
        problems=_problems((3, "B", "control-character")),
    ),
    Specimen(
        "a.csv",
        "quote that swallows a row",
        csv(HEAD + '1,"Silva,a@example.org\n2,",b@example.org\n' + ANA),
        EXPECTED,
        rows={
            2: ("1", "Silva,a@example.org 2,", "b@example.org"),
            3: ANA_CELLS,
        },
        problems=_problems((2, "B", "cell-too-long")),
    ),
    Specimen(
        "a.csv",
        "cell of many lines",
        csv(HEAD + '1,"a\nb\nc\nd\ne",x\n'),
        rows={2: ("1", "a b c d e", "x")},
        problems=_problems((2, "B", "cell-too-long")),
    ),
    Specimen(
        "a.csv",
        "line breaks inside cells count as one row",
        csv('"EMPL\nID",Last Name,Email\n1,"Sil\r\nva",a\n2,Berg,b\n'),
        EXPECTED,
        rows={2: ("1", "Sil va", "a"), 3: ("2", "Berg", "b")},
    ),
    Specimen(
        "a.csv",
        "mixed line ends",
        csv(HEAD + "1,A,a\r\n2,B,b\r3,C,c\n"),
        EXPECTED,
        rows={2: ("1", "A", "a"), 3: ("2", "B", "b"), 4: ("3", "C", "c")},
    ),
    Specimen(
        "a.csv",
        "ragged rows",
        csv(HEAD + "1,A\n2,B,b,extra\n3,C,c,\n" + ANA * 3),
        EXPECTED,
        rows={
            2: ("1", "A", ""),
            3: ("2", "B", "b"),
            4: ("3", "C", "c"),
            **dict.fromkeys(range(5, 8), ANA_CELLS),
        },
        problems=_problems(
            (2, "", "row-too-short"), (3, "", "row-too-long"), (4, "", "row-too-long")
        ),
    ),
    Specimen(
        "a.csv",
        "every row one cell longer",
        csv(HEAD + "1,A,a,x\n2,B,b,y\n"),
        EXPECTED,
        rows={2: ("1", "A", "a"), 3: ("2", "B", "b")},
        problems=_problems((2, "", "row-too-long"), (3, "", "row-too-long")),
    ),
    Specimen(
        "a.csv",
        "every row padded alike",
        csv(HEAD + "1,A,a,,\n2,B,b,,\n3,C,c,\n"),
        EXPECTED,
        rows={2: ("1", "A", "a"), 3: ("2", "B", "b"), 4: ("3", "C", "c")},
    ),
    Specimen(
        "a.csv",
        "a delimiter too many before a blank last cell",
        csv(HEAD + "1,A,\n2,,B,\n3,C,\n"),
        EXPECTED,
        rows={2: ("1", "A", ""), 3: ("2", "", "B"), 4: ("3", "C", "")},
        problems=_problems((3, "", "row-too-long")),
    ),
    Specimen(
        "a.csv",
        "errors of formulas saved as text",
        csv(HEAD + "#N/A,A, #REF!\n2,#1 Silva,#n/a\n"),
        EXPECTED,
        rows={2: ("#N/A", "A", "#REF!"), 3: ("2", "#1 Silva", "#n/a")},
        problems=_problems((2, "A", "formula-error"), (2, "C", "formula-error")),
    ),
    Specimen(
        "a.csv",
        "a blank between delimiter and quotation mark",
        csv('"EMPL ID", "Last Name", "Email"\n "1", "Silva, Ana",  "a"\n2, Berg, " b""c "\n'),
        EXPECTED,
        rows={2: ("1", "Silva, Ana", "a"), 3: ("2", "Berg", 'b"c')},
    ),
    Specimen(
        "a.csv",
        "NUL bytes",
        csv(HEAD + "1,Sil\0va,a\n" + ANA * 4),
        EXPECTED,
        rows={2: ("1", "Sil\0va", "a"), **dict.fromkeys(range(3, 7), ANA_CELLS)},
        problems=_problems((2, "B", "control-character")),
    ),
    Specimen(
        "a.csv",
        "full of NUL bytes",
        csv(HEAD + "\0" * 50 + ANA),
        refusal="full of bytes that no text has",
    ),
    Specimen(
        "a.csv",
        "UTF-16 without a mark",
        csv(HEAD + ANA, "utf-16-le"),
        refusal="look like utf-16-le",
    ),
    Specimen(
        "a.csv",
        "cell beyond any length",
        csv(HEAD + f"1,{'x' * 131_073},a\n" + ANA),
        EXPECTED,
        rows={2: ("1", "x" * 131_073, "a"), 3: ANA_CELLS},
        problems=_problems((2, "B", "cell-too-long")),
    ),
    Specimen(
        "a.csv",
        "blank rows between and behind",
        csv(HEAD + "1,A,a\n\n , ,\n2,B,b\n,,\n\n,,\n"),
        EXPECTED,
        rows={2: ("1", "A", "a"), 5: ("2", "B", "b")},
        blank=(3, 4),
        notices=("read-with-notice",),
    ),
    Specimen(
        "a.csv",
        "title rows above",
        csv("Autumn roster,,\n,,\n" + HEAD + ANA),
        EXPECTED,
        rows={4: ANA_CELLS},
        notices=("read-with-notice",),
    ),
    Specimen(
        "a.csv",
        "duplicate headings",
        csv("ID,Email,Email\n1,a,b\n"),
        rows={2: ("1", "a", "b")},
    ),
    Specimen(
        "a.csv",
        "blank heading over data and blank columns",
        csv("ID,,Name,,\n1,x,Silva,,\n2,,Berg,,\n"),
        rows={2: ("1", "x", "Silva"), 3: ("2", "", "Berg")},
        notices=("column-without-heading",),
    ),
    Specimen(
        "a.csv",
        "totals and signatures at the end",
        csv(HEAD + ANA + "Total: 57,,\n1,Berg,b@example.org\n,,\nTotal: 2,,\nSigned J.D.,,\n"),
        EXPECTED,
        rows={2: ANA_CELLS, 3: ("Total: 57", "", ""), 4: ("1", "Berg", "b@example.org")},
        blank=(5,),
        left_out=(6, 7),
        problems=_problems((6, "", "row-left-out"), (7, "", "row-left-out")),
    ),
    Specimen(
        "a.csv",
        "headings repeated by joined exports",
        csv(HEAD + "1,Berg,b\n" + HEAD + "2,Last Name,Email\n\n empl id ,LAST NAME,Email\n"),
        EXPECTED,
        rows={2: ("1", "Berg", "b"), 4: ("2", "Last Name", "Email")},
        blank=(5,),
        left_out=(3, 6),
        problems=_problems((3, "", "row-left-out"), (6, "", "row-left-out")),
    ),
    Specimen(
        "a.csv",
        "two heading rows, both repeated",
        csv("Person,,Web\nID,Name,Email\n1,A,a\nPerson,,Web\nID,Name,Email\n2,B,b\n"),
        Layout(header=(1, 2)),
        rows={3: ("1", "A", "a"), 6: ("2", "B", "b")},
        left_out=(4, 5),
        problems=_problems((4, "", "row-left-out"), (5, "", "row-left-out")),
    ),
    Specimen(
        "a.csv",
        "a person called as a column is, without headings",
        csv("A,B\nA,B\n1,C\n"),
        Layout(header=NO_HEADINGS),
        rows={1: ("A", "B"), 2: ("A", "B"), 3: ("1", "C")},
    ),
    Specimen(
        "a.csv",
        "a lone identifier at the end is a person",
        csv(HEAD + ANA + "1234567,,\n"),
        EXPECTED,
        rows={2: ANA_CELLS, 3: ("1234567", "", "")},
    ),
    Specimen(
        "a.csv",
        "many rows with names only are people",
        csv(HEAD + ANA + ",Silva,\n" * 11),
        EXPECTED,
        rows={2: ANA_CELLS, **dict.fromkeys(range(3, 14), ("", "Silva", ""))},
    ),
    Specimen(
        "a.csv",
        "example row of the template",
        csv(HEAD + "Example: 0012345,Doe,doe@example.org\n" + ANA),
        EXPECTED,
        rows={3: ANA_CELLS},
        left_out=(2,),
        problems=_problems((2, "", "row-left-out")),
    ),
    Specimen(
        "a.csv",
        "marks that keep digits as text",
        csv(HEAD + "=\"00123\",'t Hooft,a\n'00124,'Akamu,=1+1\n"),
        EXPECTED,
        rows={2: ("00123", "'t Hooft", "a"), 3: ("00124", "'Akamu", "=1+1")},
        problems=_problems((2, "A", "text-mark-removed"), (3, "A", "text-mark-removed")),
    ),
    Specimen(
        "rejects.csv",
        "a rejects file fed back",
        csv(
            "Row in the original file,Result,Decision,Why,What to do,ID,Name\n"
            "17,rejected,,w,d,'+1,''=x\n4,rejected,,w,d,'007,'Akamu\n"
            ",,,,,3,C\n17,rejected,,w,d,4,D\n,,,,,,\n6.5,,,,,5,E\n"
        ),
        rows={
            17: ("+1", "'=x"),
            4: ("'007", "'Akamu"),
            18: ("3", "C"),
            19: ("4", "D"),
            21: ("5", "E"),
        },
        blank=(20,),
    ),
    Specimen(
        "rejects.csv",
        "rejected rows with next to nothing in them, fed back",
        csv(
            "Row in the original file,Result,Decision,Why,What to do,ID,Name,Email\n"
            "4,rejected,,w,d,1,A,a@example.org\n"
            "5 too long,rejected,,w,d,,,\n6,rejected,,w,d,,,\n"
            "7 too short,rejected,,w,d,Total: 2,,\n8,rejected,,w,d,Signed,,\n"
        ),
        rows={
            4: ("1", "A", "a@example.org"),
            5: ("", "", ""),
            7: ("Total: 2", "", ""),
            8: ("Signed", "", ""),
        },
        blank=(6,),
        problems=_problems((5, "", "row-too-long"), (7, "", "row-too-short")),
    ),
    Specimen(
        "a.csv",
        "words that are no missing values",
        csv("ID,Name\nNA,None\nnull,N/A\nTRUE,nan\n"),
        rows={2: ("NA", "None"), 3: ("null", "N/A"), 4: ("TRUE", "nan")},
    ),
    Specimen(
        "a.csv",
        "invisible characters",
        csv(HEAD + "0012\u200b345,\ufeffSilva,a\u00adb@example.org\n1,Silva\u202e,a\n"),
        EXPECTED,
        rows={2: ("0012345", "Silva", "ab@example.org"), 3: ("1", "Silva\u202e", "a")},
        problems=_problems(
            (2, "A", "whitespace-removed"),
            (2, "B", "whitespace-removed"),
            (2, "C", "whitespace-removed"),
            (3, "B", "control-character"),
        ),
    ),
    Specimen(
        "a.csv",
        "blanks, full-width digits and damaged letters",
        csv(HEAD + "１２３,  van\u00a0 der  Berg ,a\n1,MuÃ±oz,b\n2,Mu\ufffdoz,c\n"),
        EXPECTED,
        rows={
            2: ("123", "van der Berg", "a"),
            3: ("1", "MuÃ±oz", "b"),
            4: ("2", "Mu\ufffdoz", "c"),
        },
        problems=_problems(
            (2, "A", "digits-normalized"), (3, "B", "mojibake"), (4, "B", "mojibake")
        ),
    ),
    Specimen("a.csv", "headings only", csv(HEAD), EXPECTED),
    Specimen("a.txt", "another name for CSV", csv(HEAD + ANA), EXPECTED, rows={2: ANA_CELLS}),
]
