"""A first mapping for a roster, and the heading row that is tried."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import MappingError
from importer.mapper.compile import compile_mapping
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.model.fields import CodeTables
from importer.model.roster import NO_HEADINGS, Layout
from importer.model.user import AccountType
from importer.report.needed_columns import needed_columns
from importer.suggest.columns import guesses
from importer.suggest.first_mapping import columns_taken, suggest
from importer.suggest.reading import best_reading
from importer.web.columns import columns
from tests.mapper.bench import RUN, lint, loaded, roster
from tests.suggest.headings import BESIDE

STUDENTS = ("EMPL ID", "First Name", "LAST_NAME", "Role", "Contact", "Barcode", "DOB", "Fines: due")
ROWS = [
    ("1234567", "Ann", "Lee", "Student", "a@example.org", "20001234567890", "5/13/2000", "1"),
    ("2345678", "Bo", "Ray", "Staff: part", "b@example.org", "20001234567891", "1/2/2001", ""),
    ("45678", "Cy", "Ito", "Student", "", "", "", ""),
]


def started(
    folder: Path, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> MappingDocument:
    """What `mapping new` makes of a roster, read back."""
    return loaded(folder, suggest(roster(headings, rows), BESIDE))


def test_lines_behind_a_sign_are_taken_as_their_comment_advises(tmp_path: Path) -> None:
    """Without the `#` and one blank, `unused` and `expiry_date` are lines like others.

    Without the `#` alone they have a blank more than their neighbors, which YAML refuses.
    """
    shown = ("EMPL ID", "First Name", "Last Name", "Role", "Fines", "Remark")
    rows = [
        ("1234567", "Ann", "Lee", "Student", "1", "x"),
        ("2345678", "Bo", "Ray", "Staff", "", "y"),
    ]
    text = suggest(roster(shown, rows), BESIDE)
    lines = re.compile(r"^( *)# ((?:unused|expiry_date):.*)$", re.MULTILINE)
    taken, count = lines.subn(r"\1\2", text)
    assert count == text.casefold().count("remove the `#` and one blank") == 2
    assert loaded(tmp_path, taken).file.roster.unused


def test_known_headings_make_a_mapping_that_runs(tmp_path: Path) -> None:
    """Only the groups' codes are left to a person; what was guessed is marked as a guess."""
    text = suggest(roster(STUDENTS, ROWS), BESIDE, schema="m.json")
    assert text.startswith("# yaml-language-server: $schema=m.json\n")
    guessed = ("account_type", "dates", "primary_id", "first_name", "birth_date", "email_address")
    for line in text.splitlines():
        assert "# guess" in line or not line.strip("- ").startswith(guessed), line
    mapping = loaded(tmp_path, text)
    assert mapping.file.account_type is AccountType.EXTERNAL
    assert [finding.split(":")[2].strip() for finding in lint(mapping)] == [
        "lookups.groups.Staff",
        "lookups.groups.Student",
    ]
    compiled = compile_mapping(mapping, roster(STUDENTS, ROWS).places, RUN)
    used = {use.place.heading: use.labels for use in compiled.uses}
    assert used == {
        "EMPL ID": ("primary_id",),
        "First Name": ("first_name",),
        "LAST_NAME": ("last_name",),
        "Role": ("user_group",),
        "Contact": ("contact_info.email[0].email_address",),
        "Barcode": ("user_identifier[0].value",),
        "DOB": ("birth_date",),
    }
    assert mapping.file.roster.dates.order == "mdy"
    assert "EMPL ID" not in mapping.file.ids  # one of three has another form


def test_an_id_has_a_rule_where_nearly_all_cells_have_one_form(tmp_path: Path) -> None:
    """Nine of ten."""
    for short, digits in ((1, 7), (2, None)):
        rows = [(f"{1234567 + n}"[: 5 if n < short else 7], "A", "L", "X") for n in range(10)]
        mapping = started(tmp_path, ("EMPL ID", "First", "Last", "Group"), rows)
        rule = mapping.file.ids.get("EMPL ID")
        assert (rule.digits if rule else None) == digits


def test_a_column_of_two_kinds_of_people_divides_the_roster() -> None:
    """Students have an EMPL ID, guests have none; each kind has a mapping with its own `only`."""
    kinds = ("Guest", "Student")
    rows = [(f"123456{n}" if n % 2 else "", "A", "L", kinds[n % 2]) for n in range(8)]
    text = suggest(roster(("EMPL ID", "First", "Last", "Kind"), rows), BESIDE)
    assert "divides this roster" in text
    assert [line for line in text.splitlines() if "# only:" in line] == [
        "  # only: {Kind: [Student]}",
        "  # only: {Kind: [Guest]}",
    ]


def test_rows_of_people_who_left_can_be_left_out(tmp_path: Path) -> None:
    """A column with words for it is proposed for `only`, with its other words."""
    rows = [("71", "A", "L", "X", "Active"), ("82", "B", "M", "X", "Inactive")] * 3
    text = suggest(roster(("Barcode", "First", "Last", "Group", "State of account"), rows), BESIDE)
    mapping = loaded(tmp_path, text.replace("  # only:", "  only:"))
    assert [key for key, _, _ in mapping.file.roster.only.tests] == ["State of account"]


@pytest.mark.parametrize(
    ("headings", "rows"),
    [
        (STUDENTS, ROWS),
        (("E-mail", "Card", "E-mail"), [("a@example.org", "71", "b@example.org")] * 2),
    ],
)
def test_the_columns_that_are_promised_are_those_that_are_taken(
    tmp_path: Path, headings: tuple[str, ...], rows: list[tuple[str, ...]]
) -> None:
    """The page names the number before the mapping is made, and counts the same columns in it."""
    promised = columns_taken(roster(headings, rows), BESIDE)
    mapping = started(tmp_path, headings, rows)
    shown = columns(roster(headings, rows), mapping, guesses(roster(headings, rows), BESIDE))
    assert promised == sum(column.target != "" for column in shown) > 1


def test_five_hundred_columns_take_no_minute() -> None:
    """As in the answers of a survey; the columns with passwords are looked for once."""
    headings = ("EMPL ID", "First Name", *(f"Question {n} answer" for n in range(500)))
    began = time.process_time()
    assert "<First Name>" in suggest(roster(headings, [headings] * 9), BESIDE)
    assert time.process_time() - began < 5


def test_an_identity_column_is_never_guessed(tmp_path: Path) -> None:
    """Candidates are in a comment; the mapping loads, lists what is to do, and does not run."""
    headings = ("Number", "Email ID", "First", "Last", "Group")
    rows = [
        ("10001", "a1@example.org", "A", "L", "UGRD"),
        ("10002", "b2@example.org", "B", "M", ""),
    ]
    text = suggest(roster(headings, rows), BESIDE)
    assert "#   A (Number), digits: 5" in text
    assert '"Email ID"' not in text.replace("<Email ID>", "")
    mapping = loaded(tmp_path, text)
    (to_do,) = lint(mapping)
    assert "record.primary_id: to do" in to_do
    with pytest.raises(MappingError, match="with the heading of the column"):
        compile_mapping(mapping, roster(headings, rows).places, RUN)


def test_a_code_to_choose_is_no_code(tmp_path: Path) -> None:
    """A constant that is still `?` is to do; no row is rejected for it, as nothing runs."""
    rows = [("1", "A", "L", "UGRD", "1 Main", "Quito")]
    headings = ("Barcode", "First", "Last", "Group", "Street", "City")
    mapping = started(tmp_path, headings, rows)
    (to_do,) = lint(mapping)
    assert "country: to do: write Alma's code" in to_do
    with pytest.raises(MappingError, match="codes show CountryCodes"):
        compile_mapping(mapping, roster(headings, rows).places, RUN)


def test_headings_that_end_in_a_star_are_columns_like_others(tmp_path: Path) -> None:
    """Forms mark in this way what is required."""
    plain = ("Barcode", "First Name", "Last Name", "Group", "Street", "City", "State", "ZIP")
    starred = tuple(f"{name}*" for name in (*plain, "Deceased"))
    rows = [("2000", "A", "L", "COMM", "1 Elm St", "Lincoln", "NE", "68502", "Yes")]
    mapping = started(tmp_path, starred, rows)
    assert lint(mapping) == ()
    assert [column.heading for column in needed_columns(mapping, CodeTables({}))] == [*starred]


def test_what_only_internal_users_have_is_not_taken_for_external_ones(tmp_path: Path) -> None:
    """A mapping with it would not load."""
    headings = ("EMPL ID", "First", "Last", "Group", "Password", "Verify Password",
                "Force Password Change", "PIN")  # fmt: skip
    rows = [("1234567", "A", "L", "COMM", "Secret99!", "Secret99!", "TRUE", "1234")]
    mapping = started(tmp_path, headings, rows)
    assert not {"password", "force_password_change"} & {one.field.path for one in mapping.fields}


@pytest.mark.parametrize(("heading", "ruled"), [("Barcode", False), ("EMPL ID", True)])
def test_internal_ids_that_may_be_empl_ids_are_asked_about(
    tmp_path: Path, heading: str, *, ruled: bool
) -> None:
    """A rule about their digits would keep the check from saying that they look like EMPL IDs."""
    mapping = started(tmp_path, (heading, "First", "Last", "Group"), [("1234567", "A", "L", "X")])
    assert bool(mapping.file.ids) == ruled


# fmt: off
names = st.sampled_from([
    "Barcode", "EMPL ID", "Email", "Email *", "Name, full", "Group", "a: b", "x #1", "<odd>",
    "'q'", "ZIP", "DOB", "", "Ü", "- list", "{brace}", "@Email", "$Group", "null", "Phone",
])
# fmt: on
texts = st.text(max_size=8).map(lambda text: " ".join(text.split()))


@given(st.lists(names, min_size=1, max_size=8, unique=True), st.data())
def test_what_is_started_can_always_be_read(headings: list[str], data: st.DataObject) -> None:
    """Whatever the headings and cells, the text is a mapping that loads."""
    rows = data.draw(st.lists(st.tuples(*[texts] * len(headings)), min_size=1, max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_text(suggest(roster(headings, rows), BESIDE), "utf-8")
        assert load(path).name == "m"


@pytest.mark.parametrize(
    ("cells", "lookups"),
    [(("UGRD", "STAFF"), {}), (("Full time", "*", "Full time"), {"groups": {"Full time": "?"}})],
)
def test_words_need_a_lookup(
    tmp_path: Path, cells: tuple[str, ...], lookups: dict[str, dict[str, str]]
) -> None:
    """Codes do not. A star is no word of one: there it would be every other word."""
    rows = [(str(at), "A", "L", cell) for at, cell in enumerate(cells)]
    mapping = started(tmp_path, ("Barcode", "First", "Last", "Group"), rows)
    assert mapping.file.lookups == lookups
    assert bool(lint(mapping)) == bool(lookups)


CARDS = ["20001123460011", "20001123460029", "2000112346003"]


@pytest.mark.parametrize(
    ("cards", "known"), [(CARDS, True), (["17", "18", "19"], False), ([CARDS[0], "1", "2"], False)]
)
def test_a_card_number_is_the_barcode_if_it_looks_like_one(
    tmp_path: Path, cards: list[str], *, known: bool
) -> None:
    """Where most have fourteen digits the column identifies, marked as a guess by its values."""
    headings = ("Card Number", "First", "Last", "Type", "Born")
    rows = [(card, "Ann", "Lee", "Friend", "03/14/1988") for card in cards]
    text = suggest(roster(headings, rows), BESIDE)
    assert ("primary_id: <Card Number>   # guess, by its values" in text) is known
    mapping = loaded(tmp_path, text)
    assert mapping.file.roster.dates.order == "mdy"
    assert ("record.primary_id: to do" in " ".join(lint(mapping))) is not known


def test_the_card_of_external_users_is_another_id_whatever_its_form(tmp_path: Path) -> None:
    """Their primary ID is the EMPL ID; of Internal users, a card of another form is asked about."""
    headings = ("EMPL ID", "First", "Last", "Group", "Card")
    rows = [(f"123456{n}", "A", "L", "UGRD", f"700001{n}") for n in range(3)]
    mapping = started(tmp_path, headings, rows)
    (entry,) = (one for one in mapping.entries if one.parent == "user_identifier")
    assert [name for rule in entry.fields for name in rule.cells] == ["Card"]


def test_a_remark_in_brackets_is_the_type(tmp_path: Path) -> None:
    """`E-Mail (Hochschule)` is one of the school, and `Tel. (dienstlich)` one of the office."""
    headings = ("E-Mail (Hochschule)", "Tel. (dienstlich)")
    mapping = started(tmp_path, headings, [("a@example.org", "0351 5550100")])
    types = [rule.rule.constant for rule in mapping.fields if rule.field.name.endswith("_type")]
    assert types == ["school", "office"]


def test_rows_of_the_deceased_are_skipped(tmp_path: Path) -> None:
    """A column about it becomes a rule, as a guess; a column that never says yes is unused."""
    rows = [("Lee", "Y", "N"), ("Ito", "N", "N")]
    mapping = started(tmp_path, ("Surname", "Deceased?", "Verstorben"), rows)
    (skip,) = mapping.file.roster.skip
    assert [(key, test.words) for key, _, test in skip.when.tests] == [("Deceased?", ("Y",))]


CONTACTS = """\
Name,Given Name,Family Name,Phone 1 - Value,E-mail 1 - Value,Address 1 - Street,Custom 1
Ann Lee,Ann,Lee,(212) 555-0101,ann@example.org,1 Elm St,blue
Bo Ray,Bo,Ray,(212) 555-0102,bo@example.org,2 Elm St,green
"""


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        (CONTACTS, (1,), 2),
        (f"Members of the club,,\nPrinted,May,\n{CONTACTS}", (3,), 2),
        ("First;Last;Card\nAnn;Lee;77001\n", (1,), 1),
        ("20001,Ann,Lee,ann@example.org\n20002,Bo,Ray,bo@example.org\n", NO_HEADINGS, 2),
    ],
)
def test_the_row_whose_columns_are_known_best_has_the_headings(
    text: str, header: tuple[int, ...], rows: int, tmp_path: Path
) -> None:
    """Also if its headings have digits, or text is above it; people are no headings."""
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    reading = best_reading(path, Layout(), BESIDE)
    assert (reading.roster.source.header, len(reading.roster.frame)) == (header, rows)
