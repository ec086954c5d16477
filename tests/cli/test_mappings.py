"""The commands about mappings, as they are typed: what they give, their exit codes, own tests."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from importer.errors import Exit
from importer.report.workbook import VERSION
from tests.command_line import typed
from tests.mapper.bench import BASE
from tests.pipeline.runs import MAPPING_OF_SAMPLE, MAPPINGS, SAMPLES
from tests.sheets import read_rows

COMMUNITY = MAPPINGS / "community.yaml"
PATRONS = SAMPLES / "community-patrons.csv"

MAPPING = """\
version: 1
account_type: EXTERNAL
owning_system: SIS
roster: {dates: "%d %b %Y", header: 3, sheet: Autumn, only: {Status: [Active, New]}}
ids:
  EMPL ID: {digits: 7}
record:
  primary_id: <EMPL ID>
  first_name: <First>
  last_name: <Last>
  user_group: <Group>
  campus_code: {from: <campus>, lookup: campuses}
  birth_date: {from: <DOB>, dates: mdy}
  expiry_date: <Until>
  contact_info:
    email:
      - email_address: <Email>
        email_type: personal
lookups:
  campuses: {Main campus: MAIN, "North, far": NORTH}
"""
CODES = {
    "tables": {
        "UserGroups": {"COMM": "Community", "OLD": {"description": "Old", "enabled": False}},
        "Campuses": {"MAIN": "Main", "NORTH": "North"},
    }
}


def written(folder: Path, text: str = MAPPING, name: str = "m.yaml") -> Path:
    """A mapping file."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_check_with_a_roster_shows_one_masked_record() -> None:
    """Columns with what they become, and a record without a value that names somebody."""
    told = typed("mapping", "check", COMMUNITY, PATRONS, "--json").summary
    sample = told["sample"]
    assert sample["fields"]["user_group"]
    assert sample["fields"]["primary_id"].startswith("…")
    plain = typed("mapping", "check", COMMUNITY, PATRONS)
    shown = typed("mapping", "check", COMMUNITY, PATRONS, "--show-values")
    whole = {line.split()[-1] for line in shown.out.splitlines() if "email_address " in line}
    assert whole
    assert not any(address in plain.out for address in whole)
    assert "A (Barcode) → primary_id" in plain.out


def test_to_dos_are_listed_and_do_not_fail(folder: Path) -> None:
    """What is still `?` is listed apart from hints: exit 0. Only a template needs every column."""
    text = MAPPING.replace("NORTH}", '"?"}').replace("<Group>", "<?>") + "  spare: {a: B}\n"
    got = typed("mapping", "check", written(folder, text), "--json")
    told = got.summary
    assert got.exit == Exit.DONE
    assert len(told["to_do"]) == 2
    assert "spare" in str(told["remarks"])
    assert "codes fetch" in typed("mapping", "check", "m.yaml").out
    assert typed("mapping", "template", "m.yaml", "-o", "t.xlsx").exit == Exit.USAGE
    assert not Path("t.xlsx").exists()


def test_show_says_what_every_field_gets(folder: Path) -> None:
    """A line for each field, in words; the same for machines."""
    got = typed("mapping", "show", written(folder))
    assert got.exit == Exit.DONE
    assert "campus_code" in got.out
    assert "Status is Active or New" in got.out
    told = typed("mapping", "show", "m.yaml", "--json").summary
    fields = told["fields"]
    assert [one["field"] for one in fields][:2] == ["primary_id", "first_name"]


@pytest.mark.parametrize("name", MAPPING_OF_SAMPLE)
def test_new_gives_what_check_takes(name: str) -> None:
    """To a new file, never over one that is there; with nothing but to-dos and remarks."""
    got = typed("mapping", "new", SAMPLES / name, "-o", "first.yaml")
    assert got.exit == Exit.DONE
    assert got.out == ""
    before = Path("first.yaml").read_bytes()
    assert typed("mapping", "new", SAMPLES / name, "-o", "first.yaml").exit == Exit.USAGE
    assert Path("first.yaml").read_bytes() == before
    assert typed("mapping", "check", "first.yaml", SAMPLES / name).exit == Exit.DONE
    assert typed("mapping", "new", SAMPLES / name).out == before.decode()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("new", "nowhere.csv"), Exit.ROSTER),
        (("new", PATRONS, "--header", "x"), Exit.USAGE),
        (("new", PATRONS, "--header", "0"), Exit.USAGE),
        (("new", PATRONS, "-o", "no/such/folder.yaml"), Exit.USAGE),
        (("check", "nowhere.yaml"), Exit.USAGE),
        (("show", "nowhere.yaml"), Exit.USAGE),
        (("template", "nowhere.yaml", "-o", "t.xlsx"), Exit.USAGE),
        (("template", COMMUNITY, "-o", "t.csv"), Exit.USAGE),
        (("template", COMMUNITY, "-o", "no/such/t.xlsx"), Exit.USAGE),
        (("template", COMMUNITY, "-o", "t.xlsx", "--codes", "nowhere.json"), Exit.USAGE),
        (("import", "nowhere.json"), Exit.USAGE),
        (("import", COMMUNITY), Exit.USAGE),
    ],
)
def test_what_is_wrong_is_one_sentence(
    folder: Path, arguments: tuple[str | Path, ...], code: Exit
) -> None:
    """With its exit code; nothing is left and nothing is on stdout."""
    got = typed("mapping", *arguments)
    assert got.exit == code
    told = [line for line in got.err.strip().splitlines() if not line.startswith("  importer ")]
    assert len(told) == 1
    assert got.out == ""
    assert list(folder.iterdir()) == []


def test_headings_in_two_rows_are_asked_for() -> None:
    """The message names the option of this command; with it, the mapping says the rows."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Number", "Group", "Campus", "Contact", None])
    sheet.append([None, None, None, "E-mail", "Phone"])
    sheet.append(["1001", "UGRD", "MAIN", "ann@example.org", "605-555-0101"])
    for cells in ("A1:A2", "B1:B2", "C1:C2", "D1:E1"):
        sheet.merge_cells(cells)
    book.save(Path("two.xlsx"))
    got = typed("mapping", "new", "two.xlsx")
    assert got.exit == Exit.ROSTER
    assert "--header" in got.err
    got = typed("mapping", "new", "two.xlsx", "--header", "1,2")
    assert "header: [1, 2]" in got.out
    assert "email_address: {from: <Contact E-mail>" in got.out


def test_a_profile_is_printed_as_a_mapping(folder: Path) -> None:
    """On stdout, or in a new file; with several in the file, one is to be named."""
    fields = [{"header": "ID", "fieldName": "primary_id"}]
    profiles = [
        {"name": name, "accountType": "INTERNAL", "profileType": "ADD", "fields": fields}
        for name in ("one", "two")
    ]
    Path("p.json").write_text(json.dumps(profiles), "utf-8")
    got = typed("mapping", "import", "p.json")
    assert (got.exit, got.out) == (Exit.USAGE, "")
    got = typed("mapping", "import", "p.json", "--profile", "two")
    assert "title: two" in got.out
    assert typed("mapping", "check", written(folder, got.out)).exit == Exit.DONE
    saved = typed("mapping", "import", "p.json", "--profile", "two", "-o", "two.yaml")
    assert (saved.out, Path("two.yaml").read_text("utf-8")) == ("", got.out)
    again = typed("mapping", "import", "p.json", "--profile", "two", "-o", "two.yaml")
    assert again.exit == Exit.USAGE


def test_a_template_offers_what_there_is(folder: Path) -> None:
    """Text for identifiers, dates in the declared form, lists with enabled codes, an example.

    Filled in below the example, with dates as dates or as text, it has no error of form.
    """
    Path("codes.json").write_text(json.dumps(CODES), "utf-8")
    typed("mapping", "template", written(folder), "-o", "t.xlsx")
    again = typed("mapping", "template", "m.yaml", "-o", "again.xlsx", "--codes", "codes.json")
    assert again.exit == Exit.DONE
    assert Path("t.xlsx").read_bytes() == Path("again.xlsx").read_bytes()
    book = openpyxl.load_workbook(Path("t.xlsx"))
    assert [sheet.sheet_state for sheet in book.worksheets] == ["visible", "visible", "veryHidden"]
    with ZipFile(Path("t.xlsx")) as whole:
        assert VERSION in whole.read("docProps/custom.xml").decode()
    sheet, lists = book.worksheets[0], book.worksheets[2]
    assert sheet.title == "Autumn"
    headings = [cell.value for cell in sheet[3]]
    assert headings == ["EMPL ID", "First", "Last", "Group", "campus", "DOB", "Until", "Email",
                        "Status"]  # fmt: skip
    assert all(cell.comment is not None for cell in sheet[3])
    bold = {cell.value for cell in sheet[3] if cell.font.bold}
    assert bold == {"EMPL ID", "First", "Last", "Group", "Status"}
    assert str(sheet["A4"].value).startswith("Example:")
    assert sheet.column_dimensions["A"].width > 8
    formats = [sheet[f"{column}4"].number_format.replace("\\", "") for column in "BFG"]
    assert formats == ["@", "mm/dd/yyyy", "yyyy-mm-dd"]
    kinds = {str(rule.sqref)[0]: rule.type for rule in sheet.data_validations.dataValidation}
    assert {kinds[column] for column in "DEI"} == {"list"}
    assert {kinds[column] for column in "FG"} == {"date"}
    assert {kinds[column] for column in "AH"} == {"textLength"}
    rules = {str(rule.sqref)[0]: rule for rule in sheet.data_validations.dataValidation}
    assert (rules["A"].operator, rules["A"].formula1) == ("equal", "7")
    offered = [[cell.value for cell in column if cell.value] for column in lists.iter_cols()]
    assert offered[:2] == [["COMM"], ["Main campus", "North, far"]]
    day, until = date(2001, 4, 30), date(2035, 8, 31)
    rows: list[list[str | date]] = [
        ["0012345", "Ann", "Lee", "COMM", "Main campus", day, until, "a@example.org", "Active"],
        ["0012346", "Bo", "Ray", "COMM", "North, far", "04/30/2001", "31 Aug 2035", "", "New"],
    ]
    for line, row in enumerate(rows, start=5):
        for column, value in enumerate(row, start=1):
            sheet.cell(line, column).value = value
    book.save(Path("t.xlsx"))
    got = typed("check", "t.xlsx", "-m", "m.yaml", "--json")
    counts = [got.summary[count] for count in ("ready", "skipped", "rejected")]
    assert (got.exit, counts) == (Exit.DONE, [2, 1, 0])
    assert got.summary["problems"] == {"row-left-out": 1}


OF_SANDBOX = {
    "institution": "01SANDBOX_INST",
    "tables": {
        "UserGroups": {
            "COMM": "Community",
            "FRIEND": "Friends",
            "OLD": {"description": "Old", "enabled": False},
        },
        "Campuses": {"MAIN": "Main", "SOUTH": "South"},
        "UserIdentifierTypes": {"BARCODE": "Barcode"},
    },
}
GROUP, MATCH = "<Group>", "lookups:"
"""What a case replaces: the rule of the group, or what stands before the lookups."""
ABSENT = "match: {absent: {among: {user_group: [%s]}, set: {expiry_date: <@today>}}}\nlookups:"
KEPT = "match: {keep_old_id: {type: %s}}\nlookups:"


@pytest.mark.parametrize(
    ("place", "written_there", "wrong"),
    [
        (GROUP, "FREND", ["record.user_group"]),
        (GROUP, "friend", []),
        (GROUP, "{from: <Group>, default: OTHER}", ["record.user_group.default"]),
        (GROUP, "<Group>", []),
        (MATCH, ABSENT % "comm, FREND", ["match.absent.among.user_group"]),
        (MATCH, ABSENT % "OLD", []),
        (MATCH, KEPT % "OLDBAR", ["match.keep_old_id.type"]),
        (MATCH, KEPT % "BARCODE", []),
    ],
)
def test_codes_of_the_mapping_are_held_against_the_tables(
    folder: Path, place: str, written_there: str, wrong: list[str]
) -> None:
    """Constants, codes of lookups and of `match`, each with its line; the mapping stays right.

    Of a mistyped group nobody would ever be missing. Users may still have one that is disabled.
    """
    Path("codes.json").write_text(json.dumps(OF_SANDBOX), "utf-8")
    mapping = written(folder, MAPPING.replace(place, written_there))
    got = typed("mapping", "check", mapping, "--json")
    found = got.summary["codes"]
    assert got.exit == Exit.DONE
    assert {line.split(": ")[1] for line in found} == {*wrong, "lookups.campuses.North, far"}
    assert all(line.startswith("m.yaml:") for line in found)


def test_a_wrong_code_of_the_mapping_is_corrected_there(folder: Path) -> None:
    """The advice names its line, where there is no cell to be corrected."""
    Path("codes.json").write_text(json.dumps(OF_SANDBOX), "utf-8")
    text = MAPPING.replace("<Group>", "FREND").replace("header: 3, sheet: Autumn, ", "")
    roster = Path("r.csv")
    roster.write_text(
        "EMPL ID,First,Last,campus,DOB,Until,Email,Status\n"
        "1000001,Ann,Lee,Main campus,01/02/1990,01 May 2035,,Active\n"
        '1000002,Bo,Ray,"North, far",01/02/1991,01 May 2035,,Active\n',
        "utf-8",
    )
    got = typed("check", roster, "-m", written(folder, text), "-o", "run")
    assert got.exit == Exit.REJECTS
    lines = read_rows(Path("run/problems.csv"))
    told = [line for line in lines if line["code"] == "unknown-code"]
    assert [(line["row"], line["field"]) for line in told] == [
        ("2", "user_group"), ("3", "user_group"), ("3", "campus_code"),
    ]  # fmt: skip
    assert ["in the mapping, m.yaml:" in line["message"] for line in told] == [True] * 3
    assert "FREND is not in Alma's table" in got.err


def test_a_mapping_that_lacks_a_heading_of_the_roster_is_not_called_valid() -> None:
    """The missing heading comes first, then other mappings that fit, in one line."""
    text = COMMUNITY.read_text("utf-8")
    for name in ("one.yaml", "two.yaml"):
        written(Path(), text, name)
    written(Path(), text.replace("<Last Name>", "<Last Nme>"))
    got = typed("mapping", "check", "m.yaml", PATRONS)
    assert (got.exit, got.out) == (Exit.USAGE, "")
    written(Path(), text.replace("<Last Name>", "<Last Nme>") + "recrod: {}\n", "both.yaml")
    both = typed("mapping", "check", "both.yaml", PATRONS).err
    assert all(word in both for word in ("recrod", "`Last Nme`"))
    lines = got.err.splitlines()
    assert "`Last Nme`" in lines[0]
    assert ["`one.yaml`, `two.yaml`" in line for line in lines] == [False] * (len(lines) - 1) + [
        True
    ]


TESTED = (
    BASE.replace("COMM", "{from: <Type>, lookup: groups}")
    + """\
  expiry_date: {from: <@today>, plus: 1 year}
lookups: {groups: {Guest: GUEST}}
tests:
  today: 2026-08-20
  rows:
    - cells: {id: 2000, First: Ann, Last: Lee, Type: guest}
      record: {user_group: GUEST, expiry_date: 2027-08-20}
    - cells: {ID: 2001, First: Bo, Last: Kim, Type: Pirate}
      problems: [unknown-code]
"""
)


def _tested(text: str) -> tuple[int, list[str]]:
    Path("m.yaml").write_text(text, "utf-8")
    done = typed("mapping", "check", "m.yaml", "--json")
    found: list[str] = json.loads(done.out)["tests"]
    return done.exit, found


def test_a_mapping_that_does_what_its_tests_say_is_right() -> None:
    """Values, and every problem; the day is the one in the mapping."""
    assert _tested(TESTED) == (Exit.DONE, [])


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("Guest: GUEST", "Guest: VISIT", "m.yaml:14: tests.rows[0].record.user_group: is `VISIT`"),
        (
            "2027-08-20",
            "2027-08-21",
            "m.yaml:14: tests.rows[0].record.expiry_date: is `2027-08-20`",
        ),
        ("Last: Lee", "Lost: Lee", "m.yaml:13: tests.rows[0].cells.Lost: no rule uses this column"),
        ("{user_group", "{user_grup", "m.yaml:14: tests.rows[0].record.user_grup: no such field"),
        ("[unknown-code]", "[]", "m.yaml:16: tests.rows[1].problems: `unknown-code` was not"),
        ("Pirate", "Guest", "m.yaml:16: tests.rows[1].problems: `unknown-code` was expected"),
        (
            "[unknown-code]",
            "[unknown-code, two-people, retires, malformed-id, missing-value, unparsable-date]",
            "m.yaml:16: tests.rows[1].problems: `two-people` was expected",
        ),
        ("First: Ann, ", "", "m.yaml:13: tests.rows[0]: `missing-value` was not expected"),
    ],
)
def test_the_first_difference_is_named(right: str, wrong: str, line: str) -> None:
    """By its line, and the command ends with the exit code of a wrong mapping."""
    exit_code, found = _tested(TESTED.replace(right, wrong, 1))
    assert exit_code == Exit.USAGE
    assert [one[: len(line)] for one in found] == [line]
