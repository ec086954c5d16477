"""Columns that some rosters lack, by `roster.optional`."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.model.fields import OnUpdate
from tests.mapper.bench import Bench, lint

OPTIONAL = "roster: {optional: [Middle, 'Email *']}"


def test_a_column_that_a_roster_may_lack_is_blank_there(tmp_path: Path) -> None:
    """It is no error, whatever takes it; where it is there, its cells are taken."""
    record = (
        "middle_name: <Middle>\n"
        "job_description: {when: {Middle: {blank: true}}, from: none, default: <Middle>}"
    )
    lacking = Bench(tmp_path, record, OPTIONAL)
    assert lacking.compiled.missing == {"middle"}
    assert list(lacking.map(()).frame["middle_name"]) == [""]
    assert list(lacking.map(()).frame["job_description"]) == ["none"]
    assert Bench(tmp_path, record, OPTIONAL, "Middle").values("middle_name", "B.") == ["B."]


def test_other_columns_are_still_missing(tmp_path: Path) -> None:
    """Only what is listed may be missing; a list of them that no rule uses is reported."""
    with pytest.raises(MappingError, match="column `Job` is missing") as raised:
        Bench(tmp_path, "job_description: <Job>", OPTIONAL)
    assert "`optional` under `roster:`" in raised.value.findings[-1]
    bench = Bench(tmp_path, "middle_name: <Middle>", OPTIONAL)
    assert lint(bench.mapping) == ("m.yaml:9: roster.optional[1]: no rule uses a column `Email *`",)


def test_a_missing_column_makes_no_entry(tmp_path: Path) -> None:
    """`<Email *>` stands for no column at all then."""
    record = "contact_info: {email: [{email_address: <Email *>, email_type: work}]}"
    assert Bench(tmp_path, record, OPTIONAL).compiled.entries == ()


def test_a_missing_column_clears_nothing(tmp_path: Path) -> None:
    """Neither a field with `erase`, nor a list with `replace_all`."""
    record = (
        "middle_name: {from: <Middle>, on_update: erase}\n"
        "user_note: [{note_type: LIBRARY, note_text: <Middle>, on_update: replace_all}]"
    )

    def policies(columns: str) -> set[OnUpdate]:
        compiled = Bench(tmp_path, record, OPTIONAL, columns).compiled
        entries = {one.entry.on_update for one in compiled.entries}
        return entries | {compiled.layout.targets["middle_name"].on_update}

    assert policies("Middle") == {OnUpdate.ERASE, OnUpdate.REPLACE_ALL}
    assert policies("") == {OnUpdate.REPLACE}
