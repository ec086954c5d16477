"""What decides a value: the columns that it reads, and its rule as a text that compares."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from importer.mapper.compile import compile_mapping
from importer.model.candidates import FieldColumn
from tests.mapper.bench import HEADINGS, RUN, loaded, mapping_text, places

LOOKUP = "{from: <C>, lookup: {Staff: <now>, '*': OTHER}}"
VALUE = f"values: {{v: {LOOKUP}}}"
CASES = "values: {v: {cases: [{when: {C: Staff}, from: <now>}, {from: OTHER}]}}"
TITLE = f"user_title: {LOOKUP}\n"
NOTE = "user_note: [{when: {<by>: FAC}, note_type: LIBRARY, note_text: x}]"
IN_FILE = "{in: {file: staff.csv, key: ID}}"
TERM = "expiry_date: {from: <@today>, plus: end of term}"
SPAN = "expiry_date: {cases: [{when: {<by>: FAC}, from: <@today>, plus: 1 year}]}"


def column(folder: Path, label: str, record: str, top: str, word: str = "Staff") -> FieldColumn:
    """A column of the candidates, where a lookup or a case knows this word."""
    text = mapping_text(record, top).replace("user_group: COMM", f"user_group: {LOOKUP}")
    mapping = loaded(folder, text.replace("Staff", word).replace("<now>", "FAC"))
    return compile_mapping(mapping, places((*HEADINGS, "C")), RUN).layout.targets[label]


@pytest.mark.parametrize(
    ("label", "record", "top"),
    [
        ("campus_code", "campus_code: <$v>", CASES),
        ("campus_code", "campus_code: {cases: [{when: {<$v>: FAC}, from: A}, {from: B}]}", VALUE),
        ("campus_code", TITLE + "campus_code: {from: A, when: {<@user_title>: FAC}}", ""),
        ("expiry_date", TITLE + SPAN.replace("<by>", "<@user_title>"), ""),
        ("expiry_date", SPAN.replace("<by>", "<$v>"), VALUE),
        ("user_note[0].note_text", NOTE.replace("<by>", "<$v>"), VALUE),
        ("user_note[0].note_text", TITLE + NOTE.replace("<by>", "<@user_title>"), ""),
    ],
)
def test_what_decides_a_value_through_others_is_known(
    tmp_path: Path, label: str, record: str, top: str
) -> None:
    """By `<$value>` and `<@field>`, in a template or condition: cells and rules."""
    found = [column(tmp_path, label, record, top, word) for word in ("Staff", "Teacher")]
    assert [one.reads for one in found] == [(3,), (3,)]
    assert found[0].rule != found[1].rule


@pytest.mark.parametrize(
    ("label", "record", "top"),
    [
        ("campus_code", "campus_code: {when: {any: [{C: <in>}]}, from: A}", ""),
        ("campus_code", "campus_code: <$v>", "values: {v: {from: A, when: {C: {not: <in>}}}}"),
        ("user_note[0].note_text", NOTE.replace("{<by>: FAC}", "{C: <in>}"), ""),
        ("expiry_date", "expiry_date: {cases: [{when: {C: <in>}, from: <@today>}]}", ""),
    ],
)
def test_the_file_of_a_condition_is_part_of_a_rule(
    tmp_path: Path, label: str, record: str, top: str
) -> None:
    """Whom it comes to contain is loaded: that is no change by the day.

    Dates from the day of the load move with it: whenever the file changes, they would be written.
    """
    found = set()
    for rows in ("1\n", "1\n2\n"):
        (tmp_path / "staff.csv").write_text(f"ID\n{rows}", "utf-8")
        record, top = (one.replace("<in>", IN_FILE) for one in (record, top))
        found.add(column(tmp_path, label, record, top).rule)
    assert len(found) == 1 + (label != "expiry_date")


@pytest.mark.parametrize(
    ("record", "top", "other"),
    [
        (TERM, "terms: [{ends: 12-15}]", "terms: [{ends: 12-15, grace: 25 days}]"),
        ("expiry_date: {from: <C>, default: <@today>}", "", "roster: {blank: [TBD]}"),
    ],
)
def test_terms_and_words_for_a_blank_are_part_of_a_rule(
    tmp_path: Path, record: str, top: str, other: str
) -> None:
    """What they change is no change by the day."""
    assert len({column(tmp_path, "expiry_date", record, one).rule for one in (top, other)}) == 2


def test_the_country_by_which_a_number_is_read_is_part_of_its_rule(tmp_path: Path) -> None:
    """A ZIP code has that of its own address, a phone number those of all addresses."""
    zips, phone = "clean: [zip]", "phone_number: {from: <First>, clean: [phone]}, phone_type: home"
    address = f"line1: <Last>, postal_code: {{from: <First>, {zips}}}, address_type: home"
    other = "line1: x, country: <C>, address_type: work"
    found = {}
    for country in ("USA", "CAN", "<C>"):
        record = f"contact_info: {{address: [{{{address}, country: {country}}}, {{{other}}}]"
        record += f", phone: [{{{phone}}}]}}"
        for label in ("address[0].postal_code", "phone[0].phone_number", "address[1].line1"):
            found[country, label] = column(tmp_path, f"contact_info.{label}", record, "")
    assert found["USA", "address[0].postal_code"].reads == (1,)
    assert found["<C>", "address[0].postal_code"].reads == (1, 3)
    assert found["USA", "phone[0].phone_number"].reads == (1, 3)
    rules = {label: {v.rule for (_, k), v in found.items() if k == label} for _, label in found}
    assert [len(rules[label]) for label in rules] == [3, 3, 1]


def test_values_that_take_others_many_times_are_read_once(tmp_path: Path) -> None:
    """Else a mapping of a dozen lines would take years."""
    six = [", ".join([f"<$v{at}>"] * 6) for at in range(1, 8)]
    values = "".join(f"\n  v{at}: {{from: [{others}]}}" for at, others in enumerate(six))
    start = time.process_time()
    found = column(tmp_path, "campus_code", "campus_code: <$v0>", f"values:{values}\n  v7: <C>")
    assert time.process_time() - start < 1.5
    assert (found.reads, found.from_cells) == ((3,), True)
