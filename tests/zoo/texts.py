"""CSV files: encodings, delimiters, quotes, ragged rows, and what offices put around rows.

`texts.txt` has those that can be shown. A title states the hazard, and the name of a file that is
not a.csv. `|` begins a line of the file, whose columns a mapping names unless `any columns` stands
above. Then follows what reading gives: rows by number, with `-` for a blank cell; `!` problems by
row, column and code; `notice`; which rows are `blank` or `left` out; or why the file is `refused`.
"""

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


FILES = Path(__file__).with_suffix(".txt").read_text("utf-8")


def _typed(text: str) -> str:
    """Return the text with characters for its escapes, which are those of Python."""
    return text.encode("ascii", "backslashreplace").decode("unicode_escape")


def _read(specimen: str) -> Specimen:
    title, *lines = specimen.strip().splitlines()
    hazard, _, name = title.removesuffix(")").partition(" (")
    content: list[str] = []
    rows: dict[int, tuple[str, ...]] = {}
    problems: set[tuple[int, str, str]] = set()
    given: dict[str, str] = {}
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark == "|":
            content.append(_typed(rest) + "\n")
        elif mark == "!":
            row, column, code = rest.split()
            problems.add((int(row), column.strip("-"), code))
        elif mark.isdecimal():
            cells = (_typed(cell) for cell in rest.split(" | "))
            rows[int(mark)] = tuple("" if cell == "-" else cell for cell in cells)
        else:
            assert mark in {"any", "notice", "blank", "left", "refused"}, line
            given[mark] = _typed(rest)
    blank, left_out = (tuple(map(int, given.get(key, "").split())) for key in ("blank", "left"))
    return text(
        hazard, "".join(content), Layout() if "any" in given else EXPECTED, name=name or "a.csv",
        rows=rows, problems=problems, notices=tuple(given.get("notice", "").split()),
        blank=blank, left_out=left_out, refusal=given.get("refused", ""),
    )  # fmt: skip


TEXTS = [
    *map(_read, FILES.split("\n== ")[1:]),
    text("no line end", (HEAD + ANA).rstrip(), rows={2: ANA_CELLS}),
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
        "unclosed quote",
        HEAD + '1,"Silva,a\n' + ANA * 50,
        Layout(),
        refusal="quotation mark that is never closed",
    ),
    text(
        "cell beyond what is read at all",
        HEAD + f"1,{'x' * (16 * 1024 * 1024 + 1)},a\n" + ANA,
        Layout(),
        refusal="row 2, which begins in line 2 of the file, has more than 16,777,216",
    ),
    text(
        "halves of characters",
        HEAD.encode() + b"1,Si\xed\xa0\xbd\xed\xb8\x80lva,\xc3\xa9\n2,Be\xed\xa0\x80rg,b\n",
        rows={2: ("1", "Si\U0001f600lva", "é"), 3: ("2", "Be\ufffdrg", "b")},
        problems={(3, "B", "control-character")},
    ),
    text(
        "UTF-16 without a mark",
        HEAD + ANA,
        Layout(),
        encoding="utf-16-le",
        refusal="looks like utf-16-le",
    ),
    text(
        "cell beyond any length",
        HEAD + f"1,{'x' * 131_073},a\n" + ANA,
        rows={2: ("1", "x" * 131_073, "a"), 3: ANA_CELLS},
        problems={(2, "B", "cell-too-long")},
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
        "many rows with names only are people",
        HEAD + ANA + ",Silva,\n" * 11,
        rows={2: ANA_CELLS, **dict.fromkeys(range(3, 14), ("", "Silva", ""))},
    ),
]
