"""YAML as text: nothing is guessed, and nothing grows without bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import MappingError
from importer.mapper.load import examine
from importer.mapper.yaml_source import SIZE_LIMIT, read

FILE = Path("m.yaml")
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


def wrong(text: str | bytes) -> str:
    """What is found wrong with a text."""
    with pytest.raises(MappingError) as caught:
        read(FILE, text if isinstance(text, bytes) else text.encode())
    return str(caught.value)


def test_every_scalar_stays_text() -> None:
    """The traps of YAML: octal, no, sexagesimal, on, dates, null and floats."""
    tree = read(
        FILE, b"a: 07030\nb: NO\non: 12:30\nd: 2027-05-15\ne: null\nf: 1e3\ng: ~\nh: 0012345"
    )
    assert tree.values == {
        "a": "07030",
        "b": "NO",
        "on": "12:30",
        "d": "2027-05-15",
        "e": "null",
        "f": "1e3",
        "g": "~",
        "h": "0012345",
    }


def test_places_are_known() -> None:
    """Each key's line, as the editor counts; as deep as the steps lead."""
    tree = read(FILE, b"a:\n  b:\n    - c: 1\n    - c: 2\n")
    assert tree.locate(("a", "b", 1, "c"))[0] == 4
    assert tree.locate(("a", "x", "y"))[1] == ("a",)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "twice"),
        ("a:\n  b: !!python/object:os.system x\n", 2, "tag"),
        ("a: !local 3\n", 1, "tag"),
        ("a:\n\tb: 1\n", 2, "tab"),
        ("a: <Name: First>\n", 1, "quotation marks"),
        ("a: b\n  c: d\n", 2, "2 blanks"),
        ("a: %d %b\n", 1, "quotation marks"),
        ("a: @b\n", 1, "quotation marks"),
        ("a:\n  *: b\n", 2, "quotation marks"),
        ("a: 'b\nc: d\n", 1, "quotation mark"),
        ("a: {b: 1,\n  c: 2}\nd:3\ne: 4\n", 3, "blank"),
        ('a: "b\n  c: 2"\nd:3\ne: 4\n', 3, "blank"),
        ("a: {b: 1,\n  c: 2\nd: 3\n", 1, "brace"),
        ("a: b\n---\nc: d\n", 2, "document"),
        ("a: &x [*x]\n", 1, "itself"),
        ("b: *x\n", 1, "quotation marks"),
        ("a: " + "[" * 50 + "]" * 50, 1, "nested"),
        ("a: " + "[" * 800 + "]" * 800, 1, "nested"),
        ("? [a]\n: b\n", 1, "must be a text"),
        ("a: \x07\n", 1, "invisible"),
        ("- a\n", 1, "no keys"),
        (b"a: 1\nb: Mu\xf1oz\n", 2, "UTF-8"),
        (r"{\rtf1\ansi a: b}", 1, "Make Plain Text"),
        ("", 1, "no keys"),
    ],
)
def test_what_is_not_plain_yaml_is_told_with_its_line(
    text: str | bytes, line: int, word: str
) -> None:
    """In our words, never in the parser's."""
    message = wrong(text)
    assert message.startswith(f"m.yaml:{line}: ")
    assert word in message


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    """342 bytes that would become 9⁹ values."""
    start = time.process_time()
    assert "aliases multiply" in wrong(BOMB)
    assert time.process_time() - start < 5


def test_a_few_aliases_are_fine() -> None:
    """An anchor saves repetition."""
    assert read(FILE, b"a: &x {k: v}\nb: *x\n").values == {"a": {"k": "v"}, "b": {"k": "v"}}


def test_a_large_file_is_refused_unread() -> None:
    """A megabyte is no mapping."""
    assert "larger than" in wrong(b"a: " + b"x" * 1_000_000)
    assert read(FILE, b"a: " + b"x" * (SIZE_LIMIT - 10)).values


@given(
    st.binary(max_size=200)
    | st.text(alphabet="ab:-[]{}&*!<>#'\" \n\t", max_size=80).map(str.encode)
)
def test_no_bytes_break_the_reader(content: bytes) -> None:
    """Every file is a tree or a finding with a line."""
    findings: tuple[str, ...] = ()
    try:
        read(FILE, content)
    except MappingError as error:
        findings = error.findings
    assert all(finding.startswith("m.yaml:") for finding in findings)


def test_a_text_that_is_examined_is_named_as_its_mapping() -> None:
    """The page examines a changed text before its mapping has it."""
    _, findings = examine(Path("m.yaml"), "a: [")
    assert findings[0].startswith("m.yaml:1: ")
