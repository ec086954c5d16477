"""Findings about a mapping name the file, the line, the key, and the nearest known name."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.mapper.bench import BASE, findings, lint, loaded, mapping_text


def cases(section: str) -> list[list[str]]:
    """The cases of a section of `findings.txt`: place, words, lines of the record, of the top."""
    whole = (Path(__file__).parent / "findings.txt").read_text("utf-8")
    lines = whole.split(f"== {section}\n")[1].split("\n\n")[0].splitlines()
    assert lines
    return [[*line.replace("\\n", "\n").split(" | "), "", "", ""][:4] for line in lines]


@pytest.mark.parametrize(("place", "words", "record", "top"), cases("Errors"))
def test_a_finding_names_line_and_key(
    tmp_path: Path, record: str, top: str, place: str, words: str
) -> None:
    """Each kind of mistake, alone: one finding, at its place, with what helps."""
    (found,) = findings(tmp_path, mapping_text(record, top))
    assert found.startswith(f"m.yaml:{place}"), found
    assert all(word in found for word in words.split(" & ")), found


@pytest.mark.parametrize(
    ("place", "words", "record", "top"), cases("Hints, and what is still to do")
)
def test_what_has_no_effect_or_is_still_to_do_is_found(
    tmp_path: Path, record: str, top: str, place: str, words: str
) -> None:
    """Each alone, at its line, with what helps."""
    (found,) = lint(loaded(tmp_path, mapping_text(record, top)))
    assert found.startswith(f"m.yaml:{place}: "), found
    assert all(word in found for word in words.split(" & ")), found


@pytest.mark.parametrize(
    ("record", "top"), [case[2:] for case in cases("What has an effect, and no finding")]
)
def test_what_has_an_effect_is_not_found(tmp_path: Path, record: str, top: str) -> None:
    """A mapping that is right has no findings."""
    assert lint(loaded(tmp_path, mapping_text(record, top))) == ()


def test_a_lookup_in_a_file_has_its_star_in_the_file(tmp_path: Path) -> None:
    """In the mapping it is no key of such a lookup; as a row of the file it is for all others."""
    (tmp_path / "a.csv").write_text("A,B\nstaff,STAFF\n*,COMM\n", "utf-8")
    lookup = "middle_name: {from: <M>, lookup: {file: a.csv, key: A, value: B%s}}"
    (found,) = findings(tmp_path, mapping_text(lookup % ', "*": ""'))
    assert "a row with `*` in the key column" in found
    assert findings(tmp_path, mapping_text(lookup % "")) == ()


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        (BASE.replace("version: 1\n", ""), "1: version", "missing"),
        (BASE.replace("version: 1", "version: 2"), "1: version", "`1`"),
        (BASE.replace("INTERNAL", "INTERNL"), "2: account_type", "`INTERNAL`"),
        (BASE.replace("INTERNAL", "EXTERNAL"), "2: account_type", "owning_system"),
        (BASE.replace("  user_group: COMM\n", ""), "3: record", "`user_group`"),
    ],
)
def test_what_every_mapping_needs_is_missed(
    tmp_path: Path, text: str, place: str, word: str
) -> None:
    """Version, account type, owning system, and the four fields of every record."""
    (found,) = findings(tmp_path, text)
    assert found.startswith(f"m.yaml:{place}"), found
    assert word in found


def test_a_mapping_that_creates_nobody_needs_an_id_and_no_more(tmp_path: Path) -> None:
    """Any ID of `match.by`, also without a primary ID; with `new: create` the four fields."""
    text = (
        "version: 1\naccount_type: INTERNAL\nmatch: {by: [BARCODE], new: reject}\nrecord:\n"
        "  expiry_date: <Until>\n  user_identifier: [{id_type: BARCODE, value: <Card>}]\n"
    )
    assert loaded(tmp_path, text).headings == ("Until", "Card")
    assert len(findings(tmp_path, text.replace("BARCODE, value", "OTHER, value"))) == 1
    assert len(findings(tmp_path, text.replace("reject", "create"))) == 4
    (found,) = findings(tmp_path, text.rpartition("  user_identifier")[0])
    assert found.startswith("m.yaml:4: record: no ID")


def test_an_external_mapping_gives_no_passwords(tmp_path: Path) -> None:
    """Alma keeps passwords of Internal users only."""
    text = mapping_text("password: <P>", "owning_system: SIS").replace("INTERNAL", "EXTERNAL")
    (found,) = findings(tmp_path, text)
    assert found.startswith("m.yaml:8: record.password: ")


def test_all_findings_come_in_one_go(tmp_path: Path) -> None:
    """Those of the grammar and those between parts, in the order of their lines."""
    record = (
        "brith_date: <B>\nmiddle_name: {from: <M>, lookup: grups, reqired: true}\n"
        "user_title: {from: <T>, clean: [uper, {pad: x}]}"
    )
    found = findings(tmp_path, mapping_text(record, "lookups: {groups: {a: b}}"))
    lines = [int(finding.split(":")[1]) for finding in found]
    assert lines == [8, 9, 9, 10, 10]


def test_many_unknown_keys_are_found_at_once(tmp_path: Path) -> None:
    """A file of another program, as each change on the page reads it again."""
    record = "\n".join(f"first_nam{at}: <X>" for at in range(50))
    start = time.process_time()
    assert len(findings(tmp_path, mapping_text(record))) == 50
    assert time.process_time() - start < 1.5


PARTS = ("roster", "ids", "match", "safety_checks", "terms", "lookups", "headings")


@pytest.mark.parametrize("value", ["x", "[x]", "{x: y}", "''", "[[x]]"])
def test_findings_are_free_of_programmers_words(value: str, tmp_path: Path) -> None:
    """Whatever is in the wrong place, pydantic's own words do not appear."""
    texts = [f"{BASE}{key}: {value}\n" for key in PARTS]
    texts.append(BASE.replace("version: 1", f"version: {value}"))
    texts.append(f"{BASE[: BASE.index('record')]}record: {value}\n")
    for found in (one for text in texts for one in findings(tmp_path, text)):
        own = ("cannot be read", "Input", "dict", "tuple", "valid")
        assert not any(word in found for word in own), found


ABSENT = ", absent: {among: {user_group: [A]}, set: {expiry_date: <@today>}}"
FROM_ALMA = """version: 1
account_type: INTERNAL
match: {{new: {new}{more}}}
roster: {{from: alma{roster}}}
record: {{primary_id: <primary_id>, job_description: "<{heading}>"}}
"""


@pytest.mark.parametrize(
    ("place", "words", "changed"),
    [
        ("3: match.new", "creates nobody", {"new": "create"}),
        ("3: match.absent", "nobody is missing", {"more": ABSENT}),
        ("4: roster.sheet", "files only", {"roster": ", sheet: A"}),
        ("4: roster.only.usergroup", "`user_group`", {"roster": ", only: {usergroup: [A]}"}),
        ("5: record.job_description", "email[work]", {"heading": "email[work].email_address"}),
        ("5: record.job_description", "no field", {"heading": "pin_number"}),
        ("5: record.job_description", "no field", {"heading": "user_note[A].text"}),
    ],
)
def test_what_rows_from_alma_cannot_be(
    tmp_path: Path, place: str, words: str, changed: dict[str, str]
) -> None:
    """They create nobody, nobody is missing, and their headings are the fields of a user."""
    usual = {"new": "reject", "more": "", "roster": "", "heading": "user_note[A].note_text 2"}
    assert findings(tmp_path, FROM_ALMA.format_map(usual)) == ()
    found = findings(tmp_path, FROM_ALMA.format_map(usual | changed))
    assert len(found) == 1, found
    assert all(one.startswith(f"m.yaml:{place}") and words in one for one in found), found


RETIRE = """version: 1
account_type: INTERNAL
match: {{new: {new}, retire: {{among: {{user_group: [A]}}{how}}}{more}}}
record: {{primary_id: <Id>, last_name: <Last>, birth_date: <Born>{record}}}
"""


@pytest.mark.parametrize(
    ("place", "words", "changed"),
    [
        ("3: match.new", "creates nobody", {"new": "create"}),
        ("3: match.absent", "nothing else", {"more": ABSENT}),
        ("3: match.known", "nothing else", {"more": ", known: skip"}),
        ("3: match.another_person", "nothing else", {"more": ", another_person: update"}),
        ("3: match.retire", "needs `set:`", {"how": ", do: expire"}),
        ("3: match.retire", "needs `set:`", {"how": ", if_open: expire"}),
        ("3: match.retire.do", "`expire`", {"how": ", do: remove"}),
        ("4: record.user_group", "only IDs", {"record": ", user_group: B"}),
    ],
)
def test_a_mapping_that_retires_does_nothing_else(
    tmp_path: Path, place: str, words: str, changed: dict[str, str]
) -> None:
    """It recognizes users by IDs, names and birth date, and says what ends where that is set."""
    usual = {"new": "reject", "how": "", "more": "", "record": ""}
    ends = ", do: expire, set: {status: INACTIVE}, patron_role: {expiry: <@today>}"
    for one in ("", ends):
        assert findings(tmp_path, RETIRE.format_map(usual | {"how": one})) == ()
    found = findings(tmp_path, RETIRE.format_map(usual | changed))
    assert any(one.startswith(f"m.yaml:{place}") and words in one for one in found), found
