"""A row that a person resolves is planned as a plan that knows the answer would plan it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from importer.ledger.ledger import Ledger
from importer.model.plan import Act, Fate, SafetyCheck
from importer.model.problem import Code
from tests.cli.conftest import Sandbox
from tests.cli.small import ask
from tests.command_line import typed as type_in
from tests.practice import reached
from tests.sheets import write_csv

HEAD = ("Id", "First", "Last", "Group", "Born", "Email", "Card", "Until")
MAPPING = """version: 1
name: rows
account_type: {kind}
record_type: PUBLIC
roster: {{dates: ymd}}
match:
  by: [primary_id{by}]
  id_change: {id_change}
  keep_old_id: {{type: BARCODE}}
  absent:
    among: {{user_group: [COMM, FRIEND, STAFF]}}
    set: {{status: INACTIVE, expiry_date: <@today>}}
safety_checks:
  removals: {{percent: 100, count: 100}}
  foreign_group: {{percent: 100, count: 100}}
  renames: {{percent: 100, count: 100}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  user_group: {{from: <Group>, override: {override}}}
  birth_date: <Born>
  expiry_date: {{from: <Until>, on_update: {until}}}
  contact_info:
    email:
      - email_address: {{from: <Email>, bad: {bad}}}
        email_type: personal
        on_update: {emails}
  user_identifier:
    - id_type: UNIV_ID
      value: <Card>
"""
ALLOW = ("many-changes", "removals", "renames", "foreign-group", "absent")
ADA = ("2001", "Ada", "Nunez", "COMM", "1990-01-02", "ada@example.org", "C1", "2030-01-31")
BO = ("2002", "Bo", "Doe", "FRIEND", "1980-03-04", "bo@example.org", "C2", "2030-01-31")


@dataclass(frozen=True)
class Case:
    """How a row that needs review came about, its answer, and what the mapping and Alma have."""

    mapping: str
    row: tuple[str, ...]
    twin: bool
    answer: tuple[str, ...]
    edited: str
    left: bool
    facts: str


def case(
    why: str,
    answer: tuple[str, ...],
    *,
    kind: str = "INTERNAL",
    id_change: str = "review",
    override: str = "false",
    until: str = "replace",
    emails: str = "replace",
    email: str = "new@example.org",
    group: str = "COMM",
    expires: str = "2030-01-31",
    card: str = "",
    edited: str = "",
    left: bool = False,
    facts: str = "",
) -> Case:
    """A row of Ada under another ID, under another name, or twice; with these options."""
    mapping = MAPPING.format(
        kind="EXTERNAL\nowning_system: SIS" if kind == "EXTERNAL" else kind,
        by=", UNIV_ID" if card else "",
        id_change=id_change,
        override=override,
        until=until,
        bad="drop",
        emails=emails,
    )
    named = ("Zoe", "Adler", group, "1999-09-09") if why == "another name" else (*ADA[1:3], group)
    row = ("2009" if why == "new ID" else "2001", *named, ADA[4])[:5]
    return Case(mapping, (*row, email, card, expires), why == "twice", answer, edited, left, facts)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A row that needs review, with any answer that it allows and any of the options."""
    why = draw(st.sampled_from(["new ID", "another name", "twice"]))
    id_change = draw(st.sampled_from(["review", "rename"]))
    asked = [("rename", "2001"), ("create",)] if why == "new ID" else [("reject",)]
    answers = [("update", "2001"), *asked]
    return case(
        why,
        draw(st.sampled_from(answers)),
        kind=draw(st.sampled_from(["INTERNAL", "EXTERNAL"])),
        id_change=id_change,
        override=draw(st.sampled_from(["true", "false"])),
        until=draw(st.sampled_from(["replace", "later", "never"])),
        emails=draw(st.sampled_from(["replace", "add", "replace_all"])),
        email=draw(st.sampled_from(["ada at broken", "new@example.org", ""])),
        group=draw(st.sampled_from(["COMM", "FRIEND"])),
        expires=draw(st.sampled_from(["2030-01-31", "2020-01-31", ""])),
        card=draw(st.sampled_from(["", "C1"])) if why == "another name" else "",
        edited=draw(st.sampled_from(["", "user_group"])),
        left=draw(st.booleans()),
        facts=draw(st.sampled_from(["", "kept"])),
    )


FACTS = """{"institution": "01SANDBOX_INST", "environment": "sandbox", "measured": "2026-08-01",
"facts": {"external-group": "kept"}}"""


def step_of(run: str) -> tuple[object, ...]:
    """What a run plans for row 2, and what it warns of; an edit by staff is reported once."""
    with Ledger.open(Path(run)) as ledger:
        query = "SELECT act, primary_id, before, after, changes, override FROM steps WHERE row = 2"
        history = ledger.row(2)
        assert history is not None
        codes = {one.code for one in ledger.problems(2)} - {Code.RESOLVED, Code.EDITED_IN_ALMA}
        return (history.fate, *ledger.read(query), frozenset(codes))


def counted(run: str) -> dict[int, list[SafetyCheck]]:
    """The safety checks that count each row of a run, with the rows that were resolved."""
    with Ledger.open(Path(run)) as ledger:
        known = {Act.UPDATE, Act.UNCHANGED}
        return {one.row: ledger.checks_of(one.row) for one in ledger.planned() if one.act in known}


def check_case(case: Case) -> None:
    """Plan, resolve row 2, and plan again with the answer known."""
    sandbox = Sandbox(os.environ["ALMA_BASE_URL"])
    Path("codes.json").write_text('{"tables": {}}', "utf-8")
    Path("rows.yaml").write_text(case.mapping, "utf-8")
    if case.facts:
        Path("facts.json").write_text(FACTS, "utf-8")
    allowed = [word for check in ALLOW for word in ("--allow", check)]

    def load(run: str, *rows: tuple[str, ...]) -> None:
        type_in("plan", write_csv(Path(f"{run}.csv"), (HEAD, *rows)), "-m", "rows.yaml", "-o", run)
        assert type_in("apply", run, "--yes", *allowed).exit == 0

    load("first", ADA, BO)
    assert type_in("users", "refresh").exit == 0
    if case.edited:
        ask(sandbox, "PATCH", "users/2001", {case.edited: {"value": "STAFF"}})
    if case.left:
        load("gone", BO)
    twins = [("2008", *case.row[1:6], "", case.row[7])] if case.twin else []
    roster = write_csv(Path("people.csv"), (HEAD, case.row, BO, *twins))
    plan = ("plan", roster, "-m", "rows.yaml", "-o")
    type_in(*plan, "run")
    with Ledger.open(Path("run")) as ledger:
        history = ledger.row(2)
        assert history is not None
        assert history.fate is Fate.REVIEW
    if case.twin:  # the other row is not loaded, so this one is compared with Alma
        resolved = type_in("resolve", "run", "2", "--as", "only")
    else:
        how, *user = case.answer
        resolved = type_in("resolve", "run", "2", *user, "--as", how)
    assert resolved.exit in {0, 3}, resolved.err
    type_in(*plan, "again")
    assert step_of("run") == step_of("again")
    assert counted("run") == counted("again")


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(case("twice", (), email="ada at broken"))
@example(case("new ID", ("create",), email="ada at broken"))
@example(case("another name", ("update", "2001"), edited="user_group"))
@example(case("another name", ("update", "2001"), left=True, expires="2020-01-31"))
@example(case("another name", ("update", "2001"), kind="EXTERNAL", group="FRIEND", facts="kept"))
@example(case("new ID", ("update", "2001"), id_change="rename"))
@given(cases())
def test_resolve_plans_what_a_plan_with_the_answer_does(case: Case) -> None:
    """For any row, options of the mapping and live user: the same step, warnings and checks."""
    with pytest.MonkeyPatch.context() as patch, reached(patch), TemporaryDirectory() as name:
        patch.chdir(name)
        check_case(case)
