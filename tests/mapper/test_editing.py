"""Changes of a mapping's text, one small step at a time."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.mapper import editing
from importer.mapper.editing import NotEditableError
from importer.mapper.key_path import KeyPath
from importer.mapper.yaml_source import read

MAPPINGS = Path(__file__).parents[2] / "mappings"

TEXT = """\
# our patrons
version: 1
record:
  primary_id: <Barcode>   # the card
  last_name: {from: <Last>, clean: [name]}   # as typed
  user_group:
    from: <Type>
    lookup: groups
  contact_info:
    email:
      - email_address: <Email>
        email_type: work
      - {email_address: <Other>, email_type: personal}

# codes
lookups:
  groups:
    Staff: STAFF   # since 2020
"""


def check_differing(after: str, lines: str) -> None:
    """Compare a text, which must be YAML, with the first one: lines that went, lines that came."""
    old, new = TEXT.splitlines(), after.splitlines()
    gone = [f"-{line}" for line in old if line not in new]
    come = [f"+{line}" for line in new if line not in old]
    assert [*gone, *come] == lines.strip("\n").splitlines()
    read(Path("m.yaml"), after.encode())


def steps_of(path: str) -> KeyPath:
    """Return the steps of a path such as `record.contact_info.email.0`."""
    return tuple(int(one) if one.isdigit() else one for one in path.split("."))


CHANGES = {
    "set_column record.primary_id Card": """
-  primary_id: <Barcode>   # the card
+  primary_id: <Card>   # the card""",
    "set_column record.last_name 'Name, last'": """
-  last_name: {from: <Last>, clean: [name]}   # as typed
+  last_name: {from: "<Name, last>", clean: [name]}   # as typed""",
    "set_column record.user_group Group": """
-    from: <Type>
+    from: <Group>""",
    "set_column record.first_name First": """
+  first_name: <First>""",
    "clear_field record.user_group": """
-  user_group:
-    from: <Type>
-    lookup: groups""",
    "clear_field record.contact_info.email.0.email_address": """
-      - email_address: <Email>
-        email_type: work
+      - email_type: work""",
    "clear_field record.contact_info.email.1": """
-      - {email_address: <Other>, email_type: personal}""",
    "clear_field record.last_name.clean": """
-  last_name: {from: <Last>, clean: [name]}   # as typed
+  last_name: {from: <Last>}   # as typed""",
    "clear_field record.contact_info.email.1.email_address": """
-      - {email_address: <Other>, email_type: personal}
+      - {email_type: personal}""",
    "clear_field lookups.groups.Staff": """
-lookups:
-  groups:
-    Staff: STAFF   # since 2020""",
    "clear_field roster.unused": "",
    "set_code groups staff EMP": """
-    Staff: STAFF   # since 2020
+    Staff: EMP   # since 2020""",
    "set_code groups Guest G": """
+    Guest: G""",
    "set_code campuses North N": """
+  campuses:
+    North: N""",
    "set_key record.primary_id lookup cards": """
-  primary_id: <Barcode>   # the card
+  primary_id: {from: <Barcode>, lookup: cards}   # the card""",
}
"""KeyPath and the lines that differ after them."""


@pytest.mark.parametrize("step", CHANGES)
def test_only_the_lines_of_the_key_differ(step: str) -> None:
    """Each step changes its own lines; comments and all others stay."""
    name, *words = shlex.split(step)
    arguments = words if name == "set_code" else [steps_of(words[0]), *words[1:]]
    check_differing(getattr(editing, name)(TEXT, *arguments), CHANGES[step])


def test_columns_and_entries_are_added_in_lines_of_their_own() -> None:
    """Below what is there, or under a key that is made for them."""
    unused = editing.set_unused(TEXT, ["Notes", "A, B"])
    check_differing(unused, '+roster:\n+  unused: [Notes, "A, B"]')
    contact = ("record", "contact_info")
    phone = editing.add_entry(TEXT, (*contact, "phone"), [("phone_number", "<Cell>")])
    check_differing(phone, "+    phone:\n+      - {phone_number: <Cell>}")
    email = editing.add_entry(TEXT, (*contact, "email"), [("email_address", "<Third>")])
    check_differing(email, "+      - {email_address: <Third>}")


def test_a_code_that_is_chosen_is_no_longer_to_do() -> None:
    """The remark goes with the code that it is about."""
    text = TEXT.replace("since 2020", "to do; 7 rows")
    check_differing(
        editing.set_code(text, "groups", "staff", "EMP"),
        "-    Staff: STAFF   # since 2020\n+    Staff: EMP",
    )


@pytest.mark.parametrize(
    ("roster", "left"),
    [
        ("", ""),
        ("roster: {unused: [Notes]}\n", ""),
        ("roster:\n  unused: [Notes]\n", ""),
        ("roster:\n  unused: []\n", ""),
        ("roster: {header: 2}\n", "roster: {header: 2}\n"),
        ("roster: {header: 2, unused: [Notes]}\n", "roster: {header: 2}\n"),
        ("roster: {unused: [Notes], header: 2}\n", "roster: {header: 2}\n"),
        ("roster:\n  unused:\n  - Notes\n  header: 2\n", "roster:\n  header: 2\n"),
    ],
)
def test_a_list_of_unused_columns_is_never_blank(roster: str, left: str) -> None:
    """Without columns the key goes, and what contained nothing else."""
    assert editing.set_unused(TEXT + roster, []) == TEXT + left


NOTE = "record:\n  user_note:\n    - note_text: |\n        Hello\n\nterms: []\n"


@pytest.mark.parametrize(
    ("text", "steps", "after"),
    [
        ("record:\n  a: # choose\n  b: <B>\n", "a", "record:\n  a: C # choose\n  b: <B>\n"),
        ("record: {b: [x] # why\n  }\n", "a", "record: {b: [x], a: C # why\n  }\n"),
        ("record: {b: <B>,}\n", "a", "record: {b: <B>, a: C,}\n"),
        (NOTE, "a", NOTE.replace("\n\n", "\n  a: C\n\n")),
        (NOTE, "user_note.0.note_text", NOTE.replace("|\n        Hello", "C")),
    ],
)
def test_a_value_comes_where_it_belongs(text: str, steps: str, after: str) -> None:
    """Whatever is beside it: a comment, a comma without anything behind it, a block of text."""
    assert editing.set_value(text, ("record", *steps_of(steps)), "C") == after


@pytest.mark.parametrize(
    ("text", "steps", "left"),
    [
        ("record: {last_name: <Last>}\n", "last_name", "record: {}\n"),
        (NOTE, "user_note", "record:\n\nterms: []\n"),
        (
            "record:\n  email:\n    - a: <A>  # old\n      # its type\n      b: B\n",
            "email.0.a",
            "record:\n  email:\n    - # its type\n      b: B\n",
        ),
    ],
)
def test_what_is_cleared_leaves_what_is_around_it(text: str, steps: str, left: str) -> None:
    """The braces of a record, as every mapping has one, the blank line behind a block, a remark."""
    assert editing.clear_field(text, ("record", *steps_of(steps))) == left
    read(Path("m.yaml"), left.encode())


@pytest.mark.parametrize("value", ["[A, B]", "{A: B}", '"<City, State>"', "<City, State>", "A"])
def test_a_key_that_is_added_in_braces_has_the_value_that_it_has_elsewhere(value: str) -> None:
    """A list, a block, a heading with a comma: as on a line of its own."""
    written = editing.set_value("match: {new: create}\n", ("match", "by"), value)
    alone = read(Path("m.yaml"), f"by: {value}".encode()).values["by"]
    assert read(Path("m.yaml"), written.encode()).value(("match", "by")) == alone


EMAILS = ("record", "contact_info", "email")
IN_A_FILE = "lookups:\n  g: {file: g.csv, key: K, value: V}\n"
ALIASED = TEXT.replace(
    "- email_address: <Email>", "- &mail\n        email_address: <Email>"
).replace("- {email_address: <Other>, email_type: personal}", "- *mail")
LEFT_TO_PEOPLE = [
    # anchors, blocks of text, and what cannot be read
    *(
        (text, "set_column", (("record", "last_name"), "Last"), named)
        for text, named in (
            ("record:\n  last_name: {cases: [<A>]}\n", r"`record\.last_name`"),
            ("a: &x {b: 1}\nrecord:\n  last_name: *x\n", r"`record\.last_name`"),
            ("record:\n  last_name: |\n    <Last>\n", r"`record\.last_name`"),
            ("- list\n", "cannot be read"),
            ("a: [", "cannot be read"),
        )
    ),
    # a list below a comment, also if the comment has a colon
    (
        "match:\n  by:\n    # first:\n    - A\n",
        "set_value",
        (("match", "by"), "[B]"),
        r"`match\.by`",
    ),
    # codes in a file: the lookup names the file, which is not the mapping's text
    (IN_A_FILE, "set_code", ("g", "Guest", "G"), "file"),
    # a heading that would be another field, or a value; such a column gets another name
    *(
        (
            "record:\n  last_name: <L>\n",
            "set_column",
            (("record", "last_name"), heading),
            "headings:",
        )
        for heading in ("Size <cm>", "@ID", "$group")
    ),
    # a list that ends in an alias: the text of its last entry stands elsewhere
    (ALIASED, "add_entry", (EMAILS, [("email_address", "<Third>")]), r"`\*mail`"),
    (ALIASED, "add_entry", ((*EMAILS[:2], "phone"), [("phone_number", "<Cell>")]), r"`\*mail`"),
]


@pytest.mark.parametrize(("text", "step", "words", "named"), LEFT_TO_PEOPLE)
def test_what_is_written_in_another_way_is_left_to_people(
    text: str, step: str, words: tuple[object, ...], named: str
) -> None:
    """Nothing is touched, and the place is named."""
    with pytest.raises(NotEditableError, match=named):
        getattr(editing, step)(text, *words)


@pytest.mark.parametrize(
    "text", ["Room <A>, <B>", "Room <A>,\n    <B>", "'O''Hara, <A>'", "A <B>[C]"]
)
def test_a_text_becomes_part_of_a_rule_as_it_is(text: str) -> None:
    """Whatever characters mean something in braces."""
    written = f"record:\n  middle_name: {text}\n"
    edited = editing.set_key(written, ("record", "middle_name"), "on_update", "keep")
    before, after = (read(Path("m.yaml"), one.encode()).values for one in (written, edited))
    assert isinstance(before["record"], dict)
    rule = {"from": before["record"]["middle_name"], "on_update": "keep"}
    assert after == {"record": {"middle_name": rule}}


PATHS = (
    "primary_id last_name gender user_group contact_info.email.0.email_address "
    "contact_info.phone.0.phone_number"
)
FIELDS = st.sampled_from(PATHS.split()).map(lambda path: ("record", *steps_of(path)))
HEADINGS = st.sampled_from(
    ["Barcode", "Name, last", "E-mail #2", "Größe", "a: b", '"quoted"', "<x"]
)


@settings(max_examples=15)
@given(
    clicks=st.lists(
        st.one_of(
            st.tuples(st.just("set"), FIELDS, HEADINGS),
            st.tuples(st.just("clear"), FIELDS, HEADINGS),
            st.tuples(st.just("code"), st.sampled_from(["groups", "new table"]), HEADINGS),
            st.tuples(st.just("unused"), st.just(()), HEADINGS),
        ),
        max_size=4,
    ),
    name=st.sampled_from(["community.yaml", "students-and-staff.yaml"]),
)
def test_any_clicks_leave_a_mapping_that_can_be_read(
    clicks: list[tuple[str, tuple[str | int, ...] | str, str]], name: str
) -> None:
    """Whatever is clicked: the text stays YAML, the value is the one wanted, comments stay."""
    text = (MAPPINGS / name).read_text("utf-8")
    for click, where, heading in clicks:
        before = text
        try:
            match click, where:
                case "set", tuple(steps):
                    text = editing.set_column(text, steps, heading)
                case "clear", tuple(steps):
                    text = editing.clear_field(text, steps)
                case "code", str(table):
                    text = editing.set_code(text, table, heading, "CODE")
                case _:
                    text = editing.set_unused(text, [heading])
        except NotEditableError:
            assert text == before
            continue
        source = read(Path("m.yaml"), text.encode())
        if click == "code":
            assert source.value(("lookups", str(where), heading)) == "CODE"
        whole_lines = [line for line in before.splitlines() if line.lstrip().startswith("#")]
        if click != "clear":
            assert all(line in text.splitlines() for line in whole_lines)
