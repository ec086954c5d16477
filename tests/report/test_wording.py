"""The words in which a run is told."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.ledger.ledger import State, summarize
from importer.model.fields import FIELDS
from importer.model.plan import Act, Fate, Result
from importer.model.problem import Code, Place, Problem
from importer.model.run import Calls, OfThese, Summary
from importer.report.lineage import Lineage, next_step
from importer.report.masking import CUT
from importer.report.wording import (
    DISMISSED,
    ENDS,
    WORKBOOK,
    effort,
    field_name,
    headline,
    part_name,
    row_numbers,
    sentence,
    tallies,
    what,
)
from tests.report import building
from tests.report.building import BARCODE, TYPE, at
from tests.report.conftest import Keep


def summary(**counts: int | OfThese) -> Summary:
    """A check's summary; what is not given is 0."""
    names = ("rows", "ready", "rejected", "review", "blank", "skipped", "warnings", "repaired")
    return Summary.model_validate({**dict.fromkeys(names, 0), "run": "runs/x", "exit": 0, **counts})


@pytest.mark.parametrize(
    ("counts", "numbers"),
    [
        ({"rows": 120, "ready": 97, "rejected": 15, "review": 5, "blank": 3}, "97 120 15 5 3"),
        ({"rows": 3, "rejected": 3, "of_these": OfThese(dismissed=1)}, "3 2 1"),
        ({"rows": 2, "blank": 1, "skipped": 1}, "1 1"),
        ({"rows": 3, "ready": 3, "create": 2, "update": 0, "unchanged": 1}, "2 3 2 1"),
        ({"rows": 5, "ready": 5, "created": 1, "updated": 1, "deleted": 1, "was_so": 2},
         "3 5 1 1 1 2"),
        ({}, ""),
    ],
)  # fmt: skip
def test_a_headline_begins_with_its_share(counts: dict[str, int], numbers: str) -> None:
    """What is ready, would be written or was, of how many rows; then what is not."""
    assert " ".join(re.findall("[0-9]+", headline(summary(**counts)))) == numbers


def test_where_nothing_had_to_be_sent_there_is_nothing_to_undo(keep: Keep) -> None:
    """What was so already is not called written, and no way back is offered."""
    run = building.planned()
    run.steps = run.steps[4:]
    run.states = dict.fromkeys((6, 7, 8, 9), State.ALREADY)
    run.problems, run.cells = [], {}
    run.fates = dict.fromkeys(range(6, 12), Fate.READY)
    ledger = keep(run)
    counted = summarize(ledger)
    assert headline(counted) == "Nothing was written to Alma. 4 already so in Alma."
    assert next_step(counted, ledger.facts, Lineage(), {0: WORKBOOK}).command == ""


@pytest.mark.parametrize("run", [building.checked, building.planned, building.applied])
def test_every_row_is_in_one_tally(keep: Keep, run: Callable[[], building.Run]) -> None:
    """The tallies of a check, of a plan and of an apply each add up to the rows."""
    counted = summarize(keep(run()))
    assert sum(tally.count for tally in tallies(counted)) == counted.rows


def test_every_end_has_its_words() -> None:
    """Each fate, act and result has words of its own."""
    assert set(ENDS) == {*Fate, *Act, *Result, DISMISSED}
    assert len(set(ENDS.values())) == len(ENDS)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((22,), "22"),
        ((0,), "the whole roster"),
        ((22, 31, 32, 33, 34, 35), "22, 31–35"),
        ((1, 3, 5, 7, 8, 9, 20), "1, 3 and 5 more"),
    ],
)
def test_row_numbers_are_told_as_ranges(rows: tuple[int, ...], told: str) -> None:
    """Neighbours are joined, and a long list is cut with what is left."""
    assert row_numbers(rows, most=2) == told


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 8))
def test_no_row_is_left_out_of_the_numbers(rows: set[int], most: int) -> None:
    """What is spelled out and what is left add up to all rows."""
    told = row_numbers(sorted(rows), most)
    listed, _, left = told.partition(" and ")
    spelled: set[int] = set()
    for span in listed.split(", "):
        first, _, last = span.partition("–")
        spelled.update(range(int(first), int(last or first) + 1))
    assert spelled <= rows
    assert len(spelled) + int(left.removesuffix(" more") or 0) == len(rows)


@pytest.mark.parametrize(
    ("count", "left", "suffice"), [(25, None, True), (25, 26, True), (25, 25, False)]
)
def test_the_effort_says_whether_the_days_calls_suffice(
    count: int,
    left: int | None,
    suffice: bool,  # noqa: FBT001
) -> None:
    """One call more asks whose key it is; where Alma has not told what is left, nothing is said."""
    calls = Calls(count=count, seconds=3, left=left)
    told = effort(summary().model_copy(update={"calls": calls}))
    assert told.startswith(f"Applying takes {count} API calls, about 3 seconds.")
    assert ("of today's calls" in told) is (left is not None)
    assert ("That is not enough" in told) is not suffice


def test_what_sends_nothing_takes_no_effort() -> None:
    """A check has no calls, a plan may need none, and what was applied is past."""
    for calls, counts in ((None, {}), (0, {}), (9, {"created": 1})):
        run = summary(**counts)
        if calls is not None:
            run = run.model_copy(update={"calls": Calls(count=calls, seconds=3)})
        assert effort(run) == ""


APPLIED = {"ready": 1, "create": 1, "created": 1}
MAPPING = "-m mappings/community.yaml"
_NAMED = "--codes 'our codes.json'"
_DECIDED = "resolve runs/x --from runs/x/rejects.xlsx"
_EDITS = "--overwrite-edits last_name"


@pytest.mark.parametrize(
    ("command", "counts", "why", "typed"),
    [
        ("check", {"ready": 2}, "Compare with Alma",
         f"plan rosters/community.xlsx {MAPPING} {_NAMED} --visible-only"),
        ("check", {"rejected": 2}, "marked cells", f"check runs/x/rejects.xlsx {MAPPING} {_NAMED}"),
        ("check", {"ready": 2, "rejected": 2}, "the ready rows",
         f"plan rosters/community.xlsx {MAPPING} {_NAMED} --visible-only"),
        ("check", {"skipped": 1}, "Fill in the roster",
         f"check rosters/community.xlsx {MAPPING} {_NAMED} --visible-only"),
        ("plan", {"ready": 1, "create": 1}, "Review the plan", "apply runs/x"),
        ("plan", {"rejected": 1, "of_these": OfThese(dismissed=1), "create": 0},
         "nothing to send", ""),
        ("plan", {"review": 1, "create": 0}, "Choose a Decision", _DECIDED),
        ("plan", APPLIED, "If it was wrong", "undo runs/x"),
        ("plan", {**APPLIED, "created": 0, "not_sent": 1}, "not done yet", "apply runs/x"),
        ("plan", {**APPLIED, "created": 0, "held": 1}, "need no correction",
         f"plan runs/x/rejects.xlsx {MAPPING} {_NAMED}"),
        ("plan", {**APPLIED, "rejected": 1}, "marked cells",
         f"plan runs/x/rejects.xlsx {MAPPING} {_NAMED}"),
        ("plan", {**APPLIED, "created": 0, "refused": 1}, "Follow the advice",
         f"plan runs/x/rejects.xlsx {MAPPING} {_NAMED}"),
        ("plan", {**APPLIED, "created": 0, "delivered": 1}, "SIS load", "sis-report runs/x"),
        ("undo", {"ready": 1, "delete": 1, "created": 0, "held": 1}, "undo again",
         "undo runs/first --delete-created"),
        ("undo", {"review": 1, "create": 0}, "undo again", "undo runs/first"),
        ("undo", {"ready": 1, "update": 1, "created": 0, "updated": 1}, "delete the 2 users",
         "undo runs/first --delete-created"),
    ],
)  # fmt: skip
def test_the_next_command_continues_the_run(
    command: Literal["check", "plan", "undo"], counts: dict[str, int], why: str, typed: str
) -> None:
    """It uses the run's own mapping, code tables and rows, and nothing that needs no correction.

    What a person has allowed to be overwritten is overwritten by the next plan, too.
    """
    rows = sum(counts.get(name, 0) for name in ("ready", "rejected", "review", "skipped"))
    roster = building.FACTS.roster.model_copy(update={"visible_only": True})
    facts = building.FACTS.model_copy(
        update={"command": command, "codes": "our codes.json", "roster": roster}
        | {"overwrite_edits": ("last_name",)}
        | ({"undoes": "runs/first", "users_stay": 2} if command == "undo" else {})
    )
    step = next_step(summary(rows=rows, **counts), facts, Lineage(), {0: WORKBOOK})
    assert why in step.why
    assert step.command.startswith(f"importer {typed}" if typed else "")
    assert bool(step.command) is bool(typed)
    assert step.command.endswith(_EDITS) is step.command.startswith("importer plan")
    if "held" in counts and command == "plan":  # nobody of a roster: they are in no workbook
        absent = next_step(summary(rows=rows, **counts), facts, Lineage(), {})
        assert absent.command.startswith(f"importer plan {roster.path} {MAPPING}")


def test_a_failed_safety_check_has_to_be_named(keep: Keep) -> None:
    """The command to apply allows it by name."""
    ledger = keep(building.planned())
    command = next_step(summarize(ledger), ledger.facts, Lineage(), {0: WORKBOOK}).command
    assert shlex.split(command) == ["importer", "apply", str(ledger.folder), "--allow", "removals"]


def test_a_conversion_has_no_rejects_to_correct() -> None:
    """It leaves no run; a check of the same roster does."""
    converted = summary(rows=2, ready=1, rejected=1).model_copy(update={"run": ""})
    step = next_step(converted, building.FACTS, Lineage(), {0: WORKBOOK})
    assert step.command == f"importer check rosters/community.xlsx {MAPPING}"


@pytest.mark.parametrize(
    ("path", "name", "part"),
    [
        ("last_name", "Last name", "Last name"),
        ("expiry_date", "Expiration date", "Expiration date"),
        ("contact_info.address[home].line1", "Home address, line 1", "Address"),
        ("contact_info.address[home+work]", "Home and work address", "Address"),
        ("contact_info.address[0].postal_code", "Address, postal code", "Address"),
        ("contact_info.email[1].email_address", "Email 2", "Email"),
        ("contact_info.email[work]", "Work email", "Email"),
        ("user_identifier[BARCODE].value", "ID (BARCODE)", "ID"),
        ("user_note[LIBRARY].popup_note", "Note (LIBRARY), popup note", "Note"),
    ],
)
def test_fields_have_plain_names(path: str, name: str, part: str) -> None:
    """A reader never needs Alma's own name of a field."""
    assert field_name(path) == name
    assert part_name(path) == part


@given(st.sampled_from(sorted(FIELDS)), st.sampled_from(["", "[0]", "[home]"]))
def test_every_field_has_a_name_in_words(path: str, at: str) -> None:
    """No field is shown with the signs of Alma's names."""
    parent, _, name = path.rpartition(".")
    name = field_name(f"{parent}{at}.{name}" if parent and at else path)
    assert name[:1].isupper()
    assert not set(name) & set("_.[]")


def problem(message: str, value: str = "quillfeather", field: str = "user_group") -> Problem:
    """A problem of a value that came without a capital."""
    return Problem.of(Code.UNKNOWN_CODE, at(2), message, field=field, value=value)


def test_a_value_stays_as_it_came() -> None:
    """A sentence begins with a capital, a value never gets one."""
    assert sentence(problem("is blank"), show_values=True) == "Is blank."
    told = "quillfeather is not there."
    assert sentence(problem("{value} is not there"), show_values=True) == told
    assert sentence(problem("{known} is not there"), show_values=False) == told
    assert what(problem("{value} is not there"), show_values=True, begin=True) == told


@pytest.mark.parametrize("field", ["user_group", "gender", "job_description"])
def test_a_word_that_a_lookup_lacks_is_shown(field: str) -> None:
    """A person has to add it to the lookup; what cannot be a code stays masked."""
    for word in ("Alumni", "Friends of the Library", "SAU2"):
        told = what(problem("{value} is not there", word, field), show_values=False)
        assert told in {f"{word} is not there.", f"“{word}” is not there."}
        assert (" " in word) == told.startswith("“"), "several words are one value"
        quoted = what(problem("the word “{value}” is odd", word, field), show_values=False)
        assert quoted == f"the word “{word}” is odd."
    for other in ("jane@example.org", "20001234567890", "1957-03-29"):
        told = what(problem("{value} is not there", other, field), show_values=False)
        assert told == f"{CUT} is not there."


def test_the_user_of_another_system_is_masked_as_a_user() -> None:
    """The field of that problem takes a code, but what it names is a primary identifier."""
    message = "the user {value} belongs to CAMPUS in Alma"
    differs = Problem.of(
        Code.OWNING_SYSTEM_DIFFERS, at(2), message, field="external_id", value="quill4567"
    )
    assert "user …4567 belongs" in what(differs, show_values=False)
    assert "quill4567" in what(differs, show_values=True)


@pytest.mark.parametrize(
    ("message", "places", "told"),
    [
        ("is blank", (TYPE,), "Column D (Patron Type) is blank."),
        ("is blank", (TYPE, BARCODE), "Columns D (Patron Type) and A (Barcode) are blank."),
        ("are not used", (TYPE, BARCODE), "Columns D (Patron Type) and A (Barcode) are not used."),
    ],
)
def test_the_column_stands_in_front(message: str, places: tuple[Place, ...], told: str) -> None:
    """With a column the sentence goes on after it, in small letters; several of them are many."""
    placed = Problem.of(Code.MISSING_VALUE, at(2), message, *places)
    assert sentence(placed, show_values=False) == told
