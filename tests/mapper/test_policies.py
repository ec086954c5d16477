"""What a mapping decides beyond values: policies, absent people, terms, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.model.candidates import Candidates, IdRule
from importer.model.fields import NO_CODES, CodeRow, CodeTables, OnUpdate
from importer.model.plan import SafetyLimit
from importer.model.problem import Code, Problem, Severity
from importer.pipeline.check import check_candidates
from importer.validator.duplicates import find_duplicates
from tests.mapper.bench import (
    RUN,
    TODAY,
    Bench,
    told,
    without_headings,
)


def test_what_an_update_does_is_said_by_field(tmp_path: Path) -> None:
    """Passwords and PINs are given when a user is created, unless the mapping says otherwise."""
    record = (
        "password: <P>\nforce_password_change: 'TRUE'\npin_number: {from: <P>, on_update: keep}\n"
        "expiry_date: {from: <E>, on_update: later}\ncampus_code: {from: MAIN, override: true}"
    )
    bench = Bench(tmp_path, record, columns="P|E")
    targets = bench.compiled.layout.targets
    assert {label: targets[label].on_update for label in targets if "name" not in label} == {
        "primary_id": OnUpdate.REPLACE,
        "pin_number": OnUpdate.KEEP,
        "user_group": OnUpdate.REPLACE,
        "campus_code": OnUpdate.REPLACE,
        "expiry_date": OnUpdate.LATER,
        "password": OnUpdate.NEVER,
        "force_password_change": OnUpdate.NEVER,
    }
    assert targets["campus_code"].override
    assert bench.mapping.maps_password


def test_a_password_never_stands_in_a_problem(tmp_path: Path) -> None:
    """Not even its text as a private value."""
    top = "lookups: {p: {a: b}}"
    candidates = Bench(tmp_path, "password: {from: <P>, lookup: p}", top, "P").map(("secret99",))
    assert "secret99" not in repr(candidates.problems)
    assert len(candidates.problems) == 1


def test_the_roster_is_read_as_the_mapping_says(tmp_path: Path) -> None:
    """Sheet, encoding and heading rows; the headings that are expected, in every spelling."""
    top = (
        "roster: {sheet: Patrons, encoding: cp1252, header: [3, 4], only: {Status: A}}\n"
        "headings: {ID: [Card, Card No]}"
    )
    bench = Bench(tmp_path, top=top, columns="Status")
    layout = bench.mapping.layout()
    assert (layout.sheet, layout.encoding, layout.header) == ("Patrons", "cp1252", (3, 4))
    assert layout.expected == {"ID", "First", "Last", "Status", "Card", "Card No"}


def test_match_and_brakes_are_taken_over(tmp_path: Path) -> None:
    """Brakes go by their own names."""
    top = (
        "match: {by: [primary_id, BARCODE], new: skip, known: reject, possible_match: warn}\n"
        "safety_checks: {many-changes: {percent: 10, count: 3}}"
    )
    mapping = Bench(tmp_path, top=top).mapping
    assert mapping.file.match.by == ("primary_id", "BARCODE")
    assert mapping.file.safety_checks.many_changes == SafetyLimit(percent=10, count=3)
    assert mapping.file.safety_checks.renames == SafetyLimit(percent=5, count=5)


def test_an_entry_knows_its_policy_and_its_constants(tmp_path: Path) -> None:
    """`on_update` and `segment_type` of an entry reach the planner."""
    record = (
        "user_identifier:\n"
        "  - {id_type: BARCODE, value: <B>, segment_type: Internal, on_update: add}"
    )
    scheme = Bench(tmp_path, record, columns="B").compiled.layout
    label = "user_identifier[0]"
    (entry,) = scheme.entries
    assert (entry.parent, entry.on_update) == ("user_identifier", OnUpdate.ADD)
    assert entry.labels == (f"{label}.segment_type", f"{label}.id_type", f"{label}.value")
    assert entry.constants == {
        f"{label}.segment_type": "Internal",
        f"{label}.id_type": "BARCODE",
    }


def test_nothing_is_told_about_an_entry_that_a_row_does_not_have(tmp_path: Path) -> None:
    """A constant's wrong case is repaired only where the entry is."""
    record = "contact_info: {email: [{email_address: <E>, email_type: Work}]}"
    codes = CodeTables({"UserEmailTypes": (CodeRow("work"),)})
    candidates = Bench(tmp_path, record, columns="E").map(("",), ("a@x.org",), codes=codes)
    label = "contact_info.email[0].email_type"
    assert list(candidates.frame[label]) == ["", "work"]
    assert told(candidates.problems) == [(3, "wrong-case-code", label)]


def test_what_is_known_about_a_field_reaches_the_planner(tmp_path: Path) -> None:
    """Whether the run fills it in, the form of its IDs, its codes and the columns behind it."""
    record = (
        "job_category: <$kind>\n"
        "user_identifier: [{id_type: <$kind>, value: <Card>}, {id_type: B, value: <$card>},\n"
        "  {id_type: C, value: <$full>}]\n"
        "user_note:\n"
        "  - {note_type: LIBRARY, note_text: Load <@today>}\n"
        "  - {note_type: LIBRARY, note_text: <$from>}"
    )
    top = (
        "ids: {card: {digits: 7, pad: true, strip: '-'}}\n"
        "values: {kind: {from: <K>, lookup: k}, from: <@file>, card: <Card>,\n"
        "  full: {from: <Card>, clean: [{last: 3}]}}\n"
        "lookups: {k: {a: CAT, b: DOG}}"
    )
    bench = Bench(tmp_path, record, top, "Card|K")
    targets = bench.compiled.layout.targets
    volatile = [label for label, target in targets.items() if target.run_dependent]
    assert volatile == ["user_note[0].note_text", "user_note[1].note_text"]
    assert [label for label in volatile if targets[label].by_row] == volatile[1:]
    cards = [targets[f"user_identifier[{at}].value"].id_rule for at in (0, 1, 2)]
    assert cards == [IdRule(digits=7, pad=True, strip="-")] * 2 + [None], "it is changed"
    assert set(targets["job_category"].mapped_codes) == {"CAT", "DOG"}
    assert [place.heading for place in targets["user_identifier[0].id_type"].places] == ["K"]
    assert [problem.value for problem in bench.map(("123", "a")).problems] == ["123"]


def test_what_absent_people_get_needs_no_roster(tmp_path: Path) -> None:
    """The rules under `match.absent.set` are a mapping of their own, with the values they need."""
    top = (
        "roster: {only: {S: x}, skip: [{when: {<@user_group>: Y}, reason: z}]}\n"
        "values: {end: {from: <$start>, plus: 10 days}, start: <@today>, campus: <S>}\n"
        "match:\n  absent:\n    among: {user_group: COMM}\n    set:\n      expiry_date: <$end>\n"
        "      user_note: [{note_type: LIBRARY, note_text: Missing on <@today>}]\n"
        "      user_block: [{remove: {block_type: GENERAL}}]"
    )
    record = "user_note: [{remove: {matches: Load.*}}]"
    absent = Bench(tmp_path, record, top, "S").mapping.leaving
    assert absent is not None
    compiled = compile_mapping(absent, (), RUN)
    assert [removal.parent for removal in compiled.layout.removals] == ["user_block"]
    candidates = evaluate(compiled, without_headings([(), ()]))
    assert candidates.problems == ()
    assert list(candidates.frame["expiry_date"]) == ["2026-08-30"] * 2
    assert candidates.frame["user_note[0].note_text"].loc[3] == "Missing on 2026-08-20"


@pytest.mark.parametrize("written", ["Nick", "<<Nick>>", "«Nick»", "“Nick”"])
def test_a_constant_that_is_a_heading_is_reported(tmp_path: Path, written: str) -> None:
    """As in `last_name: Last`; types of entries and other codes may be headings by chance.

    Also in the marks of a mail merge, and in quotation marks that are none of YAML.
    """
    record = f"middle_name: {written}\nuser_identifier: [{{id_type: Nick, value: <Nick>}}]"
    (notice,) = Bench(tmp_path, record, columns="Nick").compiled.notices
    assert (notice.code, notice.field) == ("constant-is-heading", "middle_name")
    assert notice.places[0].heading == "Nick"


def checked(mapped: Candidates) -> tuple[Candidates, Sequence[Problem]]:
    """Rows without what is left out of them, and their problems."""
    return check_candidates(mapped, NO_CODES, TODAY, creates=True)


ENDS = (
    "expiry_date: {from: <E>, bad: drop}\n"
    "purge_date: {from: [<P>, <@expiry_date>], plus: 2 years}\n"
    'job_description: "until <@expiry_date>"'
)
ROLE = "patron_role: {expiry: <@expiry_date>}"
FOLLOWERS = ["expiry_date", "purge_date", "patron_role.expiry", "job_description"]


@pytest.mark.parametrize("day", ["1985-01-01", "2150-01-01", "soon"])
def test_what_takes_a_left_out_value_is_left_out_with_it(day: str, tmp_path: Path) -> None:
    """In its row only. The one problem of the row is a warning that names what is left out."""
    bench = Bench(tmp_path, ENDS, ROLE, "E|P")
    mapped, problems = checked(bench.map((day, ""), ("2027-05-15", "")))
    assert {label: mapped.not_applicable[label] for label in FOLLOWERS} == {
        label: {2} for label in FOLLOWERS
    }
    assert mapped.texts("purge_date") == ["", "2029-05-15"]
    (problem,) = problems
    assert (problem.severity, problem.field) == (Severity.WARNING, "expiry_date")
    assert all(f"`{label}`" in problem.message for label in FOLLOWERS[1:])


def test_a_left_out_value_is_not_compared_between_rows(tmp_path: Path) -> None:
    """A birth date that is not loaded makes no other person of the same row."""
    top = "duplicates: {same_id: keep first}"
    bench = Bench(tmp_path, "birth_date: {from: <B>, bad: drop}", top, "B")
    rows = [("1", "Ann", "Lee", day) for day in ("1850-01-01", "3000-01-01")]
    mapped, _ = checked(evaluate(bench.compiled, without_headings(rows), NO_CODES))
    assert mapped.texts("birth_date") == ["", ""]
    found = find_duplicates([(mapped, bench.mapping.duplicates)])
    assert [problem.code for problem in found] == [Code.SKIPPED_DUPLICATE]
