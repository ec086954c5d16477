"""Messages that lead on: a mistake is named where it is, with what to do."""

from __future__ import annotations

import json
import socket
import time
from datetime import datetime
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from importer.cli.mapping import _prompt
from importer.errors import Exit
from importer.ledger.ledger import Ledger
from importer.loader.read import read
from importer.model.plan import SafetyCheck
from importer.model.roster import ADDED, DECISION, Layout
from importer.suggest.first_mapping import Choices, Draft
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, codes, write
from tests.sheets import read_csv, read_rows, write_csv, write_rows
from tests.suggest.headings import BESIDE

CY = ("2003", "Cy", "Lee", "FRIEND", "1970-05-06", "cy@example.org", "")
TWIN = ("2009", *ANA[1:])
"""The same person as `ANA` under another ID: both rows need review."""

CHECK = ("check", "people.csv", "-m", "small.yaml", "-o", "run")


def decided(folder: Path, text: str) -> Path:
    """The rejects of a run, with this Decision in every row."""
    path = folder / "run" / "rejects.csv"
    return write_rows(path, [{**row, DECISION: text} for row in read_rows(path)])


def test_a_decision_that_is_no_choice_is_named_with_its_row(folder: Path, typed: Type) -> None:
    """`check` reports it for each row, with the word; one of the list is no problem."""
    write(folder, ANA, TWIN)
    typed(*CHECK)
    found = typed("check", decided(folder, "yes, same"), "-m", "small.yaml", "-o", "again")
    wrong = [row for row, code in codes(folder, "again") if code == "unclear-decision"]
    assert (found.exit, wrong) == (Exit.REJECTS, ["2", "3"])
    assert "yes, same" in found.err
    typed("check", decided(folder, "do not load"), "-m", "small.yaml", "-o", "third")
    assert "unclear-decision" not in {code for _, code in codes(folder, "third")}


def test_resolve_names_the_decision_that_is_no_choice(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """With the row and the word; what may be private in it is not shown."""
    write(folder, ANA, TWIN)
    typed("plan", *CHECK[1:])
    found = typed("resolve", "run", "--from", decided(folder, "yes, same"))
    assert "Row 2: its Decision “yes, same” is not one of the choices" in found.err
    found = typed("resolve", "run", "--from", decided(folder, "ana@example.org"))
    assert "ana@" not in found.err


@pytest.mark.parametrize("kept", [0, 1])
def test_deleted_columns_of_a_rejects_file_are_noticed(
    folder: Path, typed: Type, kept: int
) -> None:
    """Without them rows are numbered anew and Decisions are lost: the notice says both."""
    write(folder, BO, ANA, TWIN)
    typed(*CHECK)
    path = folder / "run" / "rejects.csv"
    rows = read_csv(path)
    at = rows[0].index(ADDED[0])
    write_csv(path, ([*row[: at + kept], *row[at + len(ADDED) :]] for row in rows))
    typed("check", path, "-m", "small.yaml", "-o", "again")
    assert ("0", "read-with-notice") in codes(folder, "again")


def test_without_a_mapping_the_message_names_how_to_get_one(folder: Path, typed: Type) -> None:
    """A ready one, or a first one for the roster."""
    write(folder, ANA)
    got = typed("check", "people.csv")
    assert got.exit == Exit.USAGE
    assert "`importer mapping ready`" in got.err
    assert "`importer mapping new " in got.err


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_file_with_headings_only_stops_with_one_sentence(
    folder: Path, typed: Type, sandbox: Sandbox, command: str
) -> None:
    """Exit code 4, and no run folder is left."""
    write(folder)
    got = typed(command, *CHECK[1:])
    assert (got.exit, got.err.count("headings but no rows")) == (Exit.ROSTER, 1)
    assert not (folder / "run").exists()


def test_rounded_numbers_of_several_people_are_lost_digits_and_no_duplicates(
    folder: Path, typed: Type
) -> None:
    """`2.00011E+13`, saved and opened again, is the same number for everybody."""
    rounded = [("20001100000000", *person[1:]) for person in (ANA, BO, CY)]
    write(folder, *rounded, ("20001123450011", "Di", "Kim", *BO[3:]))
    typed(*CHECK)
    found = codes(folder, "run")
    assert [one for one in found if one[0] in {"2", "3", "4"}] == [
        (row, "id-lost-digits") for row in ("2", "3", "4")
    ]


def test_one_person_twice_with_a_round_number_is_a_duplicate(folder: Path, typed: Type) -> None:
    """Nothing shows that the number was rounded."""
    write(folder, *[("20001100000000", *ANA[1:])] * 2)
    typed(*CHECK)
    found = {code for _, code in codes(folder, "run")}
    assert "id-lost-digits" not in found


def test_an_address_on_the_web_is_shown_as_it_was_typed(typed: Type) -> None:
    """A path would lose one of its slashes."""
    got = typed("check", "https://example.org/a.xlsx", "-m", "small.yaml")
    assert "https://example.org/a.xlsx" in typed("mapping", "new", "https://example.org/a.xlsx").err
    assert got.exit == Exit.USAGE


def test_unreachable_alma_is_named_with_its_port(
    folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is what differs between two practice Almas."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("ALMA_BASE_URL", f"http://{address}")
    monkeypatch.setenv("ALMA_API_KEY", "sandbox")
    write(folder, ANA)
    assert address in typed("plan", *CHECK[1:]).err


def test_runs_are_listed_with_the_time_of_this_computer(
    folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the time zone was in which the run was made."""
    write(folder, ANA)
    typed("check", "people.csv", "-m", "small.yaml")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (run,) = json.loads(typed("runs", "--json").out)
        local = datetime.fromisoformat(run["started"]).astimezone(ZoneInfo("Asia/Tokyo"))
        assert f"{local:%Y-%m-%d %H:%M}" in typed("runs").out
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_nothing_to_purge_asks_for_no_second_command(typed: Type) -> None:
    """`--yes` is advice only where something would be deleted."""
    assert "--yes" not in typed("purge", "--older-than", "30d").err


def test_unused_columns_are_one_finding_below_the_rejected_rows(folder: Path, typed: Type) -> None:
    """Eight columns take one line, and do not push what must be corrected off the screen."""
    path = write(folder, ANA, ("2002", "", *BO[2:]))
    lines = path.read_text("utf-8").splitlines()
    path.write_text("".join(f"{line},a,b,c\n" for line in lines).replace("a,b,c", "X,Y,Z", 1))
    got = typed(*CHECK)
    assert [code for _, code in codes(folder, "run")].count("unused-column") == 1
    assert got.err.index("Must be corrected") < got.err.index("Unused column")


def test_help_names_the_safety_checks_and_no_types(typed: Type) -> None:
    """`--allow CHECK` lists what CHECK may be; an option's value has a name of ours."""
    help_of_apply = " ".join(typed("apply", "--help").out.split())
    assert all(check in help_of_apply for check in SafetyCheck)
    commands = ("check", "plan", "apply", "convert", "mapping new", "sandbox", "web", "job run")
    for command in map(str.split, commands):
        options = typed(*command, "--help").out.partition("Options:")[2]
        assert "<list[" not in options
        assert "<int range>" not in options


def test_columns_that_a_rejects_file_adds_are_no_changed_headings(
    folder: Path, typed: Type
) -> None:
    """Also if the earlier run read a file in which some of them were left."""
    write(folder, ANA, TWIN)
    typed("check", "people.csv", "-m", "small.yaml", "-o", "runs/one")
    text = (folder / "runs" / "one" / "rejects.csv").read_text("utf-8-sig")
    (folder / "mine.csv").write_text(text.replace("Decision", "Choice", 1), "utf-8")
    typed("check", "mine.csv", "-m", "small.yaml", "-o", "runs/two")
    typed("check", "people.csv", "-m", "small.yaml", "-o", "runs/three")
    with Ledger.open(folder / "runs" / "three") as ledger:
        (changed,) = [one for one in ledger.problems(0) if one.code == "headings-changed"]
    assert not any(f"({heading})" in changed.message for heading in ADDED)


@pytest.mark.parametrize(
    ("born", "in_doubt"), [("12-MAR-1999", False), ("1999-03-12", False), ("03/04/1999", True)]
)
def test_the_order_of_dates_is_asked_only_where_a_date_reads_both_ways(
    folder: Path, born: str, *, in_doubt: bool
) -> None:
    """A month in words, or a year in front, leaves nothing to ask."""
    path = write(folder, (*ANA[:4], born, *ANA[5:]))
    path.write_text(path.read_text("utf-8").replace("Born", "Birth Date"), "utf-8")
    assert Draft(read(path, Layout()), BESIDE, Choices()).in_doubt == in_doubt


def test_a_question_shows_descriptions_once_and_what_enter_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is not repeated for each word of the roster."""
    monkeypatch.setattr("sys.stdin", StringIO("1\n\n"))
    codes_of_groups = {"COMM": "Community", "FAC": "Faculty"}
    assert _prompt("Group for a?", codes_of_groups, "") == "COMM"
    assert _prompt("Group for b?", codes_of_groups, "", listed=False) == ""
    shown = capsys.readouterr().err
    assert (shown.count("Community"), shown.count("leave open")) == (1, 2)


@pytest.mark.parametrize("group", ["job", "mapping", "codes", "users"])
def test_no_line_of_a_list_of_commands_is_cut(
    typed: Type, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    """Each first sentence fits beside its command's name at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    commands = typed(group, "--help").out.partition("Commands:")[2]
    assert commands.strip()
    assert "..." not in commands


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("plan", "[ROSTER]..."),
        ("resolve", "RUN [ROW] [ID]"),
        ("mapping check", "MAPPING [ROSTER]"),
        ("job run", "JOB"),
        ("codes show", "[TABLE]"),
    ],
)
def test_help_shows_arguments_by_their_names_alone(typed: Type, command: str, usage: str) -> None:
    """Neither a type nor braces stand at an argument, in the usage and in the list."""
    words = command.split()
    shown = typed(*words, "--help").out
    assert shown.splitlines()[0] == f"Usage: importer {command} [OPTIONS] {usage}"
    listed = shown.partition("Arguments:")[2].partition("Options:")[0]
    names = [line.split()[0] for line in listed.splitlines() if line[:3].strip()]
    assert names == usage.replace(".", "").replace("[", "").replace("]", "").split()
    assert "<str" not in shown
    assert "<path" not in shown


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_rejects_file_without_rows_leaves_nothing_to_do(
    folder: Path, typed: Type, sandbox: Sandbox, command: str
) -> None:
    """Rows that should not be loaded are deleted, as its notes say; all of them may be."""
    write(folder, ("2002", "", *BO[2:]))
    typed("check", "people.csv", "-m", "small.yaml", "-o", "run")
    rejects = folder / "run" / "rejects.csv"
    rejects.write_text(rejects.read_text("utf-8-sig").splitlines()[0] + "\n", "utf-8")
    got = typed(command, "run/rejects.csv", "-m", "small.yaml", "-o", "rest")
    assert got.exit == Exit.DONE
    assert got.err.rstrip().endswith("There is nothing to send.")


def test_a_checked_mapping_leads_to_the_check_of_the_whole_roster(
    folder: Path, typed: Type
) -> None:
    """The last line is the command, and it can be typed."""
    write(folder, ANA, BO)
    command = typed("mapping", "check", "small.yaml", "people.csv").err.splitlines()[-1].split()
    assert command == ["importer", "check", "people.csv", "-m", "small.yaml"]
    assert typed(*command[1:]).exit == Exit.DONE


def test_rejects_of_a_check_do_not_keep_the_ready_rows_back(folder: Path, typed: Type) -> None:
    """The next step is the plan of the whole roster, of which the ready rows are sent."""
    write(folder, ANA, ("2002", "", *BO[2:]))
    shown = typed("check", "people.csv", "-m", "small.yaml").err.splitlines()
    assert shown[-1].split() == ["importer", "plan", "people.csv", "-m", "small.yaml"]
