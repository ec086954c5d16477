"""Twenty needs of real rosters: each is a key, or the reference says why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.mapper.bench import findings, mapping_text
from tests.mapper.test_examples import by_title, is_mapped_as_shown

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
