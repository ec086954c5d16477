"""Lists: which rows have an entry, and what an entry must contain."""

from __future__ import annotations

from pathlib import Path

from importer.model.candidates import ListEntry
from importer.model.catalogue import Severity
from importer.model.fields import CodeRow, CodeTables, OnUpdate
from tests.mapper.bench import Bench, told

ADDRESS = """\
contact_info:
  address:
    - line1: <Street>
      city: <City>
      country: {from: <Country>, default: USA}
      address_type: home
      preferred: true"""


def test_an_entry_without_content_is_left_out_constants_and_all(tmp_path: Path) -> None:
    """A default is no content: nobody gets an address that is only a country."""
    frame = (
        Bench(tmp_path, ADDRESS, columns="Street|City|Country")
        .map(("1 Main", "Fargo", ""), ("", "", ""))
        .frame
    )
    address = frame.filter(like="contact_info").to_numpy().tolist()
    assert address == [["true", "1 Main", "Fargo", "USA", "home"], [""] * 5]


def test_an_entry_with_content_but_without_its_main_part_is_left_out(tmp_path: Path) -> None:
    """It is never dropped in silence; a type that is missing still rejects the row."""
    record = ADDRESS.replace("address_type: home", "address_type: <Kind>")
    bench = Bench(tmp_path, record, columns="Street|City|Country|Kind")
    candidates = bench.map(("", "Fargo", "", "home"), ("1 Elm Ct", "", "", ""))
    assert told(candidates.problems) == [
        (2, "missing-value", "contact_info.address[0].line1"),
        (3, "missing-value", "contact_info.address[0].address_type"),
    ]
    assert [one.severity for one in candidates.problems] == [Severity.WARNING, Severity.REJECT]
    assert not candidates.frame.filter(like="address").loc[2].any()


def test_an_entry_may_depend_on_a_condition(tmp_path: Path) -> None:
    """In other rows nothing of it is asked for, and the list stays as it is in Alma."""
    record = (
        "user_note:\n  - when: {Kind: A}\n    note_type: LIBRARY\n"
        "    note_text: {from: <Note>, required: true}\n    on_update: replace_all"
    )
    candidates = Bench(tmp_path, record, columns="Kind|Note").map(("A", "x"), ("B", ""), ("A", ""))
    assert list(candidates.frame["user_note[0].note_text"]) == ["x", "", ""]
    assert told(candidates.problems) == [(4, "missing-value", "user_note[0].note_text")]
    assert candidates.not_applicable["user_note[0].note_text"] == {3}


def test_an_entry_without_placeholders_is_for_every_row(tmp_path: Path) -> None:
    """A statistic for everyone, and a note that only the run fills in."""
    record = (
        "user_statistic: [{statistic_category: COMMUNITY}]\n"
        'user_note: [{note_type: LIBRARY, note_text: "Load <@today>, row <@row>"}]'
    )
    candidates = Bench(tmp_path, record).map((), ())
    assert list(candidates.frame["user_statistic[0].statistic_category"]) == ["COMMUNITY"] * 2
    assert list(candidates.frame["user_note[0].note_text"]) == [
        "Load 2026-08-20, row 2",
        "Load 2026-08-20, row 3",
    ]
    volatile = {t.label for t in candidates.layout.targets.values() if t.run_dependent}
    assert volatile == {"user_note[0].note_text"}


def test_an_entry_may_hold_for_some_rows_only(tmp_path: Path) -> None:
    """If the rule of its required part does not apply, there is no entry."""
    record = (
        "user_statistic:\n  - statistic_category: {from: STUDENT, when: {Role: Student}}\n"
        "    statistic_note: <Role>"
    )
    candidates = Bench(tmp_path, record, columns="Role").map(("Student",), ("Staff",))
    assert list(candidates.frame["user_statistic[0].statistic_category"]) == ["STUDENT", ""]
    assert list(candidates.frame["user_statistic[0].statistic_note"]) == ["Student", ""]
    assert candidates.problems == ()


def test_the_second_part_of_a_cell_that_has_one_is_no_gap(tmp_path: Path) -> None:
    """`split` may leave an entry out; `digits` of a cell without digits may not."""
    record = (
        "contact_info:\n"
        '  email: [{email_address: {from: <E>, clean: [{split: {on: ";", take: 2}}]}, '
        "email_type: work}]\n"
        "  phone: [{phone_number: {from: <P>, clean: [digits]}, phone_type: home}]"
    )
    candidates = Bench(tmp_path, record, columns="E|P").map(("a@x.org", ""), ("", "none"))
    assert list(candidates.frame["contact_info.email[0].email_type"]) == ["", ""]
    assert told(candidates.problems) == [(3, "missing-value", "contact_info.phone[0].phone_number")]


def test_two_entries_never_shift(tmp_path: Path) -> None:
    """A blank first email leaves the second with its own type."""
    record = (
        "contact_info:\n  email:\n"
        "    - {email_address: <A>, email_type: personal}\n"
        "    - {email_address: <B>, email_type: work}"
    )
    row = Bench(tmp_path, record, columns="A|B").map(("", "b@x.org")).frame.loc[2]
    assert row["contact_info.email[0].email_type"] == ""
    assert row["contact_info.email[1].email_address"] == "b@x.org"
    assert row["contact_info.email[1].email_type"] == "work"


def test_an_entry_repeats_over_headings(tmp_path: Path) -> None:
    """`<Email *>` makes one entry for each column of that name, in the roster's order."""
    record = (
        "contact_info:\n  email:\n    - {email_address: <Main>, email_type: work}\n"
        "    - {email_address: <Email *>, email_type: personal}"
    )
    candidates = Bench(tmp_path, record, columns="Email 2|Main|Email 1|Emailed").map(
        ("b@x.org", "", "a@x.org", "yes")
    )
    row = candidates.frame.loc[2]
    assert row["contact_info.email[1].email_address"] == "b@x.org"
    assert row["contact_info.email[2].email_address"] == "a@x.org"
    assert [entry.parent for entry in candidates.layout.entries] == ["contact_info.email"] * 3


def test_an_entry_knows_its_policy_and_its_constants(tmp_path: Path) -> None:
    """`on_update` and `segment_type` of an entry reach the planner."""
    record = (
        "user_identifier:\n"
        "  - {id_type: BARCODE, value: <B>, segment_type: Internal, on_update: add}"
    )
    scheme = Bench(tmp_path, record, columns="B").compiled.layout
    label = "user_identifier[0]"
    assert scheme.entries == (
        ListEntry(
            "user_identifier",
            (f"{label}.segment_type", f"{label}.id_type", f"{label}.value"),
            OnUpdate.ADD,
            constants={f"{label}.segment_type": "Internal", f"{label}.id_type": "BARCODE"},
        ),
    )


def test_a_required_part_that_is_asked_for_is_missed_also_without_the_entry(tmp_path: Path) -> None:
    """`required: true` on an email means that everybody needs one."""
    record = (
        "contact_info: {email: [{email_address: {from: <E>, required: true}, email_type: work}]}"
    )
    candidates = Bench(tmp_path, record, columns="E").map(("",))
    assert told(candidates.problems) == [
        (2, "missing-value", "contact_info.email[0].email_address")
    ]
    assert list(candidates.frame["contact_info.email[0].email_type"]) == [""]


def test_flags_and_dates_of_the_record_make_no_entry(tmp_path: Path) -> None:
    """An address does not exist because it ends with the account, nor a phone by a yes or no."""
    record = (
        "expiry_date: <X>\ncontact_info:\n"
        "  address: [{line1: <Street>, end_date: <@expiry_date>, address_type: home}]\n"
        "  phone: [{phone_number: <P>, preferred_sms: <Texts>, phone_type: home}]"
    )
    candidates = Bench(tmp_path, record, columns="X|Street|P|Texts").map(
        ("2027-05-15", "", "", "true"), ("2027-05-15", "1 Main", "701", "false")
    )
    frame = candidates.frame.filter(like="contact_info")
    assert frame.to_numpy().tolist() == [
        ["", "", "", "", "", ""],
        ["1 Main", "2027-05-15", "home", "false", "701", "home"],
    ]
    assert candidates.problems == ()


def test_a_flag_alone_may_be_what_an_entry_asks_for(tmp_path: Path) -> None:
    """A notice depends on its one column."""
    record = "library_notice: [{code: LOANS, value: <Mail>}]"
    frame = Bench(tmp_path, record, columns="Mail").map(("TRUE",), ("",)).frame
    assert frame.filter(like="library_notice").to_numpy().tolist() == [["LOANS", "true"], ["", ""]]


def test_nothing_is_told_about_an_entry_that_a_row_does_not_have(tmp_path: Path) -> None:
    """A constant's wrong case is repaired only where the entry is."""
    record = "contact_info: {email: [{email_address: <E>, email_type: Work}]}"
    codes = CodeTables({"UserEmailTypes": (CodeRow("work"),)})
    candidates = Bench(tmp_path, record, columns="E").map(("",), ("a@x.org",), codes=codes)
    label = "contact_info.email[0].email_type"
    assert list(candidates.frame[label]) == ["", "work"]
    assert told(candidates.problems) == [(3, "wrong-case-code", label)]


def test_each_part_of_a_cell_makes_an_entry(tmp_path: Path) -> None:
    """Blank parts do not count; parts beyond `most` are reported; other cells are the same."""
    record = (
        "user_note:\n  - each: {from: <Notes>, on: '|', most: 2}\n    when: {Kind: A}\n"
        "    note_type: LIBRARY\n    note_text: <Notes> (<Kind>)"
    )
    bench = Bench(tmp_path, record, columns="Notes|Kind")
    candidates = bench.map(("a || b", "A"), ("a|b|c", "A"), ("a", "B"), ("", "A"))
    texts = [list(candidates.frame[f"user_note[{n}].note_text"]) for n in range(2)]
    assert texts[0] == ["a (A)", "a (A)", "", ""]
    assert texts[1] == ["b (A)", "b (A)", "", ""]
    assert told(candidates.problems) == [(3, "too-many-parts", "")]


def test_a_condition_is_about_one_part_of_a_cell(tmp_path: Path) -> None:
    """In an entry with `each`, the heading is one part, for words and for dates, also in `when`."""
    record = (
        "contact_info:\n  email:\n    - each: {from: <E>, on: ';'}\n"
        "      when: {E: {matches: '.*@example.org'}}\n"
        "      email_address: <E>\n      email_type: work\n"
        "user_note:\n  - each: {from: <D>, on: ';'}\n    note_type: LIBRARY\n"
        "    note_text: {when: {D: {before: 2020-01-01}}, from: <D>}"
    )
    bench = Bench(tmp_path, record, "roster: {dates: ymd}", "E|D")
    mapped = bench.map(("a@example.org;b@example.com;c@example.org", "2019-05-01;2021-05-01"))
    emails = [mapped.texts(f"contact_info.email[{at}].email_address")[0] for at in range(4)]
    assert emails == ["a@example.org", "", "c@example.org", ""]
    notes = [mapped.texts(f"user_note[{at}].note_text")[0] for at in range(3)]
    assert notes == ["2019-05-01", "", ""]
