"""The encoding of a CSV file: 51 pairs of an encoding and a language, in 8 sizes each."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from unicodedata import normalize

import pytest

from importer.errors import RosterError
from importer.loader.read import read
from importer.model.problem import Code
from importer.model.roster import Layout
from tests.loader.letters import FEW, PAIRS, SIZES, Pair, roster

HEADINGS = frozenset({"Barcode", "First Name", "Last Name"})
LAYOUT = Layout(expected=HEADINGS)
NAMED = re.compile(r"(?:be| or) (\S+) \(|`encoding: (utf-\S+)`")


@cache
def outcome(pair: Pair, rows: int, few: int, path: Path) -> str:
    """Return what became of a roster: right, named, misnamed, unnamed or wrong."""
    text, content = roster(pair, rows, few=few)
    path.write_bytes(content)
    people = [line.split(",") for line in text.splitlines()[1:]]
    try:
        frame = read(path, LAYOUT).frame
    except RosterError as error:
        names = [one or other for one, other in NAMED.findall(str(error))]
        read_as = (normalize("NFC", content.decode(name, "replace")) for name in names)
        right = text in read_as
        return "named" if right else "misnamed" if names else "unnamed"
    return "right" if frame.to_numpy().tolist() == people else "wrong"


def outcomes(path: Path) -> Counter[tuple[bool, str]]:
    """Return how many rosters became what, by whether they have to be read without asking."""
    files = [(pair, rows, 0) for pair in PAIRS for rows in SIZES]
    files += [(pair, 200, few) for pair in PAIRS for few in FEW]
    return Counter((pair.auto, outcome(*one, path)) for one in files for pair in one[:1])


def test_no_letter_is_silently_wrong(tmp_path: Path) -> None:
    """A roster is read right or refused; Western ones are read, the others get the right name."""
    found = outcomes(tmp_path / "a.csv")
    assert not found[True, "wrong"] + found[False, "wrong"]
    western = sum(count for (auto, _), count in found.items() if auto)
    assert found[True, "right"] >= western - 1  # one name of one letter: Þorsteinn or Şorsteinn
    others = sum(count for (auto, _), count in found.items() if not auto)
    assert found[False, "right"] + found[False, "named"] >= 0.97 * others


@pytest.mark.parametrize("pair", PAIRS)
def test_the_right_encoding_can_be_declared(pair: Pair, tmp_path: Path) -> None:
    """A mapping that names the encoding is followed, however few letters depend on it."""
    path = tmp_path / "a.csv"
    for rows, few in ((30, 0), (200, 1)):
        text, content = roster(pair, rows, few=few)
        path.write_bytes(content)
        frame = read(path, Layout(encoding=pair.encoding, expected=HEADINGS)).frame
        assert frame[2].tolist() == [line.split(",")[2] for line in text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("pair", "declared", "few"),
    [
        (Pair("iso8859-2", "pl"), "windows-1250", 0),
        (Pair("cp1257", "lv"), "windows-1252", 0),
        (Pair("cp1254", "tr"), "windows-1252", 0),
        (Pair("cp1252", "fr"), "windows-1250", 0),
        (Pair("utf-8", "fr"), "windows-1252", 0),
        (Pair("utf-8", "es"), "mac-roman", 1),
        (Pair("cp1251", "ru"), "koi8-r", 0),
    ],
)
def test_a_wrong_declared_encoding_is_refused(
    pair: Pair, declared: str, few: int, tmp_path: Path
) -> None:
    """What the mapping declares passes the same test, and the message names what to write.

    A single accented letter in UTF-8 is none of another encoding.
    """
    path = tmp_path / "a.csv"
    text, content = roster(pair, 100, few=few)
    path.write_bytes(content)
    with pytest.raises(RosterError, match="encoding: ") as refused:
        read(path, Layout(encoding=declared, expected=HEADINGS))
    [wanted] = re.findall(r"`encoding: (\S+)`", str(refused.value))
    frame = read(path, Layout(encoding=wanted, expected=HEADINGS)).frame
    assert frame[1].tolist() == [line.split(",")[1] for line in text.splitlines()[1:]]


def test_a_refusal_shows_cells_as_each_encoding_reads_them(tmp_path: Path) -> None:
    """The person at the screen sees up to three words; the message itself has none of them."""
    path = tmp_path / "a.csv"
    path.write_bytes("ID,Name\n1,Jiří\n2,Dvořák\n3,Novák\n4,Růžička\n".encode("cp1250"))
    with pytest.raises(RosterError) as refused:
        read(path, Layout(expected=frozenset({"ID", "Name"})))
    names = refused.value.encodings
    assert "ř" in names["windows-1250"]
    assert all(words.count(",") == 2 for words in names.values())
    assert "ř" not in str(refused.value)


@pytest.mark.parametrize("name", ["Peña", "Nuño", "Gómez", "Iñaki", "García", "Díaz", "Sofía"])
def test_one_letter_of_another_encoding_is_asked_for(name: str, tmp_path: Path) -> None:
    """A sign before a small letter, as in `Pe–a`, may be a letter of an old Macintosh program."""
    path = tmp_path / "a.csv"
    path.write_bytes(f"ID,Name\n1,Ann Lee\n2,{name}\n3,Bo Kim\n".encode("mac_roman"))
    with pytest.raises(RosterError) as refused:
        read(path, Layout(expected=frozenset({"ID", "Name"})))
    assert name in [*refused.value.encodings.values()][:2]


SIGNS = (
    *("O’Brien", "O‘Brien", "D’Angélo", "“Bob”", "„Bob“", "«Bob»", "Nº 5", "1ª", "5 €", "€5"),
    *("12½", "5°", "§ 3", "5 m²", "x – y", "Smith—Lee", "Apt 3 ‘B’", "Renée", "Muñoz", "Zoë"),
    *("Marcel·lí", "O´Neil"),
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((text, "cp1252") for text in SIGNS),
        *((text, "utf-8") for text in (*SIGNS, "😀", "Ana 😀", "🎓", "L’Hôpital", "Peña–Ruiz")),
        ("\u202a+17015550123\u202c", "utf-8"),  # a number that was copied from a list of contacts
    ],
)
def test_usual_signs_are_western_or_utf_8_and_pictures_are_utf_8(
    text: str, encoding: str, tmp_path: Path
) -> None:
    """Where nothing else is beyond ASCII; a picture's four bytes are no Chinese name."""
    path = tmp_path / "a.csv"
    path.write_bytes(f"ID,Name\n1,{text}\n2,Smith\n".encode(encoding))
    assert read(path, Layout()).frame[1].tolist() == [text.strip("\u202a\u202c"), "Smith"]


def test_lines_of_utf_8_among_others_are_told_by_row(tmp_path: Path) -> None:
    """Lines of two encodings in one file get a warning in the rows that are in the other one."""
    path = tmp_path / "a.csv"
    lines = [f"{at},Müller".encode("cp1252") for at in range(1, 5)]
    path.write_bytes(b"\n".join([b"ID,Name", *lines, "5,José".encode()]))
    [problem] = read(path, Layout()).problems
    assert (problem.code, problem.origin.row) == (Code.MOJIBAKE, 6)
