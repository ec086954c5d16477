"""What a mapping wants of a roster."""

from __future__ import annotations

from pathlib import Path

from importer.model.fields import CodeTables
from importer.report.needed_columns import needed_columns
from tests.mapper.bench import loaded, mapping_text


def test_the_columns_that_a_mapping_needs(tmp_path: Path) -> None:
    """Each column once: its kind, whether it may be blank, and the words that it may contain."""
    record = (
        "birth_date: {from: <B>, required: true}\ncampus_code: {from: <C>, clean: [upper]}\n"
        "user_title: {from: <$who.title>, lookup: {Dr.: DR, '*': same}}\n"
        "job_category: {from: <J>, lookup: j}\nmiddle_name: {from: [<M>, <First>]}\n"
        "contact_info: {email: [{email_address: <Email>, email_type: work}]}"
    )
    top = "lookups: {j: {Clerk: C, Cook: K}}\nids: {ID: {digits: 5}}\n"
    top += "values: {who: {from: <Whole name>, read: name}}\n"
    top += "roster: {only: {S: [New], L: {blank: true}, N: {not: [x]}, D: {after: 2026-01-01}}}"
    found = {
        item.heading: item
        for item in needed_columns(loaded(tmp_path, mapping_text(record, top)), CodeTables({}))
    }
    assert (found["ID"].is_id, found["ID"].required) == (True, True)
    assert found["ID"].id_rule is not None
    assert (found["B"].date_format, found["B"].required) == ("yyyy-mm-dd", True)
    assert (found["C"].table, found["C"].is_id) == ("Campuses", False)
    assert (found["Whole name"].table, found["Whole name"].choices) == ("", ()), "any name"
    assert [row.code for row in found["J"].choices] == ["Clerk", "Cook"]
    assert [row.code for row in found["S"].choices] == ["New"]
    assert [found[name].required for name in "SLND"] == [True, False, False, True]
    assert found["First"].fields == ("first_name", "middle_name")
    assert (found["M"].required, found["Email"].date_format) == (False, "")
