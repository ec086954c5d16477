"""A slip in a mapping: its line and cause are named, wherever it is made in a ready mapping."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.load import examine
from importer.mapper.yaml_source import read
from tests.pipeline.runs import MAPPINGS

KEY = re.compile(r"( *(?:- )?)([\w .]+|\"\*\")(: +)([^#\s].*)")
LINE = re.compile(r" *(- |[\w .\"*]+:)")
"""A line with a key or a dash, not one that continues a list above."""

Slip = Callable[[str], str]
"""Makes a slip in a line; a line where it cannot be made stays as it is."""


def _shallower(blanks: int) -> Slip:
    return lambda line: line[blanks:] if line.startswith(" " * blanks) else line


def _without_last(sign: str) -> Slip:
    def slip(line: str) -> str:
        front, found, back = line.rpartition(sign)
        opened = {"}": "{", "]": "["}[sign]
        return front + back if found and '"' not in line and line.count(opened) == 1 else line

    return slip


def _before_value(text: str) -> Slip:
    def slip(line: str) -> str:
        found = KEY.fullmatch(line)
        if not found or found[4][0] in "\"'{[":
            return line
        return f"{found[1]}{found[2]}{found[3]}{text}{found[4]}"

    return slip


def _second_colon(line: str) -> str:
    found = KEY.fullmatch(re.sub(r"\s+#.*", "", line))
    return f"{line}: x" if found and found[4][0] not in "\"'{[" and "#" not in line else line


SLIPS: dict[str, tuple[Slip, str]] = {
    "deeper by one": (lambda line: f" {line}", "blank|dash"),
    "deeper by two": (lambda line: f"  {line}", "blank|twice|dash"),
    "shallower by one": (_shallower(1), "blank|dash"),
    "shallower by two": (_shallower(2), "blank|twice|dash"),
    "no colon": (lambda line: re.sub(r"^([^#:\"]*):(?=\s|$)", r"\1", line), "colon"),
    "no blank after a colon": (lambda line: KEY.sub(r"\1\2:\4", line), "blank|colon"),
    "a second colon": (_second_colon, "colon"),
    "a colon in a heading": (lambda line: re.sub("<([A-Z][^>]*)>", r"<\1: x>", line), "quotation"),
    "an open brace": (_without_last("}"), "brace `{`"),
    "an open bracket": (_without_last("]"), r"brace `\["),
    "an open quotation mark": (_before_value("'"), "quotation mark"),
    "an open double quotation mark": (_before_value('"'), "quotation mark"),
    "a tab": (lambda line: re.sub("^ +", "\t", line), "tab"),
    "no dash": (lambda line: re.sub(r"^( *)- (?=\w)", r"\1", line), "dash|blank"),
    "no blank after a dash": (lambda line: re.sub("^( *)- ", r"\1-", line), "dash"),
    "a special character": (_before_value("*"), "quotation marks"),
}
"""Each slip, and words of which one is in the cause."""


def _slipped(lines: list[str], slip: Slip) -> list[tuple[int, str]]:
    """Return the text with the slip, for each line where it can be made, by that line's number."""
    return [
        (at + 1, "\n".join([*lines[:at], changed, *lines[at + 1 :]]))
        for at, line in enumerate(lines)
        if LINE.match(line) and (changed := slip(line)) != line
    ]


def _beside(lines: list[str], line: int) -> list[int]:
    """Return the numbers of the lines above and below that are not blank."""
    filled = [at for at, text in enumerate(lines, 1) if text.strip() and text.strip()[0] != "#"]
    at = filled.index(line)
    return [*filled[max(0, at - 1) : at], *filled[at + 1 : at + 2]]


@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.faults)])
@pytest.mark.parametrize("mapping", [path.stem for path in sorted(MAPPINGS.glob("*.yaml"))])
@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named_with_its_line_and_its_cause(
    name: str, mapping: str, every: int, tmp_path: Path
) -> None:
    """Unless the file means the same with it, or YAML reads it and its key is reported.

    Where two lines disagree about their blanks, either may be the slip. `every`: of how many
    places one is tried.
    """
    slip, cause = SLIPS[name]
    path = tmp_path / f"{mapping}.yaml"
    text = (MAPPINGS / path.name).read_text("utf-8")
    meant = read(path, text.encode()).values
    for line, changed in _slipped(text.split("\n"), slip)[::every]:
        path.write_text(changed, "utf-8")
        try:
            if read(path, changed.encode()).values == meant:
                continue
        except MappingError as error:
            (found,) = error.findings
            at = int(found.split(":")[1])
            beside = (
                _beside(changed.split("\n"), line) if cause.startswith(("blank", "dash")) else ()
            )
            assert at in {line, *beside}, (line, found)
            assert re.search(cause, found), found
        else:
            _, findings = examine(path)
            named = [int(found.split(":")[1]) for found in findings]
            near = min((abs(line - one) for one in named), default=99) <= 1
            key = changed.split("\n")[line - 1].strip().split(":")[0]
            assert near or any(f"`{key}`" in found for found in findings), (line, findings)
