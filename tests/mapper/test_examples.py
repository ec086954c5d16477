"""What a mapping makes of a roster's rows: each rule of the language in a small example.

`examples.txt` has them. A title states the rule, and what it means. Lines of the record follow,
indented, then lines of the top; both are added to the smallest mapping. `>>` begins the columns of
the roster and the labels to look at, each with their texts below: `-` is blank, and `~` a field
that is left unchanged. `!` is a problem: row, severity, code and field.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from importer.model.fields import NO_CODES
from importer.model.problem import Problem
from importer.pipeline.check import check_candidates
from tests.docs.pages import DOCS
from tests.mapper.bench import EXAMPLES, TODAY, Bench, by_title, findings, mapping_text

TEXT = (Path(__file__).parent / "examples.txt").read_text("utf-8")


LEFT_OUT = by_title((Path(__file__).parent / "left_out.txt").read_text("utf-8"), ". ")
"""What `bad: drop` leaves out of rows once they are checked."""


def cells(line: str) -> list[str]:
    """Return the texts of a row."""
    return ["" if text == "-" else text for text in line.strip().split(" | ")]


def is_mapped_as_shown(example: str, folder: Path, *, checked: bool = False) -> None:
    """Map the rows of an example, also with line breaks for blanks; check them, if wanted."""
    _, *lines = example.splitlines()
    (begin,) = (number for number, line in enumerate(lines) if line.startswith(">> "))
    columns, labels = map(cells, lines[begin].removeprefix(">> ").split(" => "))
    bench = Bench(folder, top="\n".join(lines[:begin]), columns="|".join(columns))
    rows = [line.split(" => ")[0] for line in lines[begin + 1 :] if not line.startswith("! ")]
    people = [cells(row) if any(columns) else [] for row in rows]
    mapped = bench.map(*people)
    if "newline" not in example:
        broken = bench.map(*([text.replace(" ", "⏎") for text in person] for person in people))
        assert broken.frame.equals(mapped.frame)
        assert broken.problems == mapped.problems
    known = [*map(len, mapped.behind.values())]
    assert known == [len(mapped.rows)] * len(known)
    problems: Sequence[Problem] = mapped.problems
    if checked:
        mapped, problems = check_candidates(mapped, NO_CODES, TODAY, creates=True)
    by_name = {label.removeprefix("contact_info."): label for label in mapped.layout.targets}
    found = []
    for number, row in enumerate(rows, 2):
        texts = []
        for label in map(by_name.__getitem__, labels if number not in mapped.skipped else ()):
            unchanged = number in mapped.not_applicable.get(label, ())
            taken = mapped.rows.index(number)
            texts.append("~" if unchanged else mapped.texts(label)[taken] or "-")
        found.append(f"{row} => {' | '.join(texts) or 'skipped'}")
    for one in problems:
        field = one.field.removeprefix("contact_info.")
        found.append(f"! {one.origin.row} {one.severity} {one.code} {field}".strip())
    assert found == lines[begin + 1 :]


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_is_mapped_as_it_shows(title: str, tmp_path: Path) -> None:
    """Every label, skipped row and problem, and no other."""
    is_mapped_as_shown(EXAMPLES[title], tmp_path)


@pytest.mark.parametrize("title", LEFT_OUT)
def test_what_is_left_out_of_a_row_takes_the_rest_along(title: str, tmp_path: Path) -> None:
    """`~` is what a known user keeps; each row has its problems after the checks."""
    is_mapped_as_shown(LEFT_OUT[title], tmp_path, checked=True)


def test_every_example_has_a_rule_of_its_own() -> None:
    """No title twice."""
    assert len(EXAMPLES) == TEXT.count("== ")


PAGE = (DOCS / "reference" / "mapping.md").read_text("utf-8")
TABLE = PAGE.partition("## From a need to a key")[2].partition("\n## ")[0]

BY_A_KEY = by_title((Path(__file__).parent / "needs.txt").read_text("utf-8"))
"""Each need and its key, as an example."""

REFUSED = {
    "dates of the Hijri calendar": ("birth_date: {from: <A>, dates: hijri}", "order of dates"),
    "roles other than Patron": ("user_role: [{role_type: 200}]", "`patron_role`"),
    "check digits but mod10": ("", "mod10"),
    "one row for several people": ("each: {from: <A>}", "not a known key"),
}
"""Record, and words of the finding."""


@pytest.mark.parametrize("need", BY_A_KEY)
def test_a_need_is_one_key(need: str, tmp_path: Path) -> None:
    """Each row of cells gives these texts, without a finding."""
    (tmp_path / "staff.csv").write_text('ID,Title\n7,Dean\n"*",\n', "utf-8")
    is_mapped_as_shown(BY_A_KEY[need], tmp_path)


@pytest.mark.parametrize("need", REFUSED)
def test_what_there_is_no_key_for_is_refused_by_name(need: str, tmp_path: Path) -> None:
    """The finding says what is known instead."""
    record, words = REFUSED[need]
    top = "" if record else "ids: {ID: {check_digit: mod11}}"
    assert any(words in one for one in findings(tmp_path, mapping_text(record, top)))


def test_the_reference_has_every_need() -> None:
    """With its key, or the reason why there is none."""
    rows = [line.split(" | ")[0].strip("| ") for line in TABLE.splitlines() if line[:2] == "| "]
    assert rows[1:] == [*BY_A_KEY, *REFUSED]
    assert len(rows) == 21
