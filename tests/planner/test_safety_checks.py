"""Safety checks, rows of one user, and what they count of who leaves and who is back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from importer.alma.facts import KnownFacts
from importer.ledger.journal import Journal, RunContent, write_run
from importer.model.fields import OnUpdate
from importer.model.plan import (
    Change,
    ChangeKind,
    Create,
    Fate,
    Held,
    Image,
    LeftAlone,
    Planned,
    SafetyCheck,
    SafetyLimit,
    SafetyLimits,
    Step,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Origin, Severity
from importer.model.user import User
from importer.planner.decide import decide
from importer.planner.leavers import Leavers, come_back, leave, what_left
from importer.planner.safety_checks import loses_pin
from importer.planner.who import review_collisions
from importer.users.matching import MatchedUser, MatchResult
from tests.planner.people import case, counted, draft, email, failing, identifier, scheme, user
from tests.report.building import FACTS

SAME = Unchanged(3, "9")
NEW = Create(4, user(user_group={"value": "COMM"}))
MANY, REMOVALS, RENAMES, FOREIGN = (
    *(SafetyCheck.MANY_CHANGES, SafetyCheck.REMOVALS),
    *(SafetyCheck.RENAMES, SafetyCheck.FOREIGN_GROUP),
)


def update(
    path: str, old: str = "old", new: str = "new", *, before: str = "COMM", after: str = "COMM"
) -> Update:
    """An update with one change, of a user who is and will be in a group."""
    kind = ChangeKind.REPLACE if old and new else ChangeKind.ADD if new else ChangeKind.REMOVE
    was, will = (user(user_group={"value": group}) for group in (before, after))
    return Update(2, "21234", was, will, (Change(kind, path, old, new),))


NAME, RENAMED = update("first_name"), update("last_name")
GONE = update("contact_info.email[work]", new="")
TO_COMM = update("user_group", before="STAFF")


@pytest.mark.parametrize(
    ("steps", "fired"),
    [
        ([], []),
        ([NEW] * 1000, []),
        # More than 50 % and more than 20 of the matched users would change.
        ([NAME] * 21 + [SAME] * 20 + [NEW, LeftAlone(5, "")] * 500, [(MANY, 21, 41)]),
        ([NAME] * 20, []),
        ([NAME] * 21 + [SAME] * 21, []),
        # A load that only extends everybody's dates is no unusual change; a wrong column is.
        ([update("expiry_date", "2027-05-31", "2028-05-31")] * 100, []),
        ([update("purge_date", "", "2030-05-31")] * 100, []),
        ([update("expiry_date", "2027-05-31", "1990-03-01")] * 100, [(MANY, 100, 100)]),
        ([update("expiry_date", "2027-05-31", "")] * 100, [(MANY, 100, 100)]),
        ([update("birth_date", "1990-03-01", "2028-05-31")] * 100, [(MANY, 100, 100)]),
        # One list entry that would go is enough; a field that is cleared is none.
        ([GONE, SAME], [(REMOVALS, 1, 2)]),
        ([update("expiry_date", new=""), update("contact_info.address[home].line2")], []),
        # An ID that becomes the primary one is not lost; an email of the same text is.
        ([update("user_identifier[BARCODE]", "21234", ""), SAME], []),
        ([update("contact_info.email[work]", "21234", ""), SAME], [(REMOVALS, 1, 2)]),
        # More than 5 % and more than 5 last names change: a column was sorted alone.
        ([RENAMED] * 6 + [update("last_name", "")] + [SAME] * 100, [(RENAMES, 6, 107)]),
        ([RENAMED] * 5, []),
        ([RENAMED] * 6 + [SAME] * 114, []),
        # A user leaves a group that the mapping does not give.
        ([TO_COMM, NAME], [(FOREIGN, 1, 2)]),
        ([update("user_group", before="LAW")], []),
        ([update("user_group", before="law")], []),
        ([update("x", before="STAFF", after="STAFF")], []),
        ([update("x", before="")], []),
    ],
)
def test_safety_checks(steps: Sequence[Step], fired: list[tuple[SafetyCheck, int, int]]) -> None:
    """Each check at its limit: how many users it concerns, of how many that are matched."""
    found = failing(steps, SafetyLimits(), {"COMM", "LAW"})
    assert [(one.check, one.concerned, one.matched) for one in found] == fired


@pytest.mark.parametrize(
    ("path", "old", "counts"),
    [
        ("primary_id", "old", True),
        ("user_identifier[BARCODE]", "old", True),
        ("user_identifier[BARCODE]", "", False),
        ("contact_info.email[work].preferred", "true", True),
        ("user_group", "old", True),
        ("rs_library[MAIN]", "old", True),
        ("rs_library[MAIN]", "", False),
        ("status", "old", False),
    ],
)
def test_what_staff_may_have_chosen_counts_at_the_first_contact(
    path: str, old: str, *, counts: bool
) -> None:
    """IDs, preferred marks and protected fields and lists that a user has, who was never loaded."""
    steps = [replace(update(path, old), first_load=True), update(path, old)] * 6
    found = failing(steps, SafetyLimits(), {"COMM"})
    expected = [(SafetyCheck.FIRST_CONTACT, 6)] if counts else []
    assert [(one.check, one.concerned) for one in found] == expected


def test_a_mapping_sets_the_limits() -> None:
    """A check that may concern everybody is not failed; the sentence has the figures."""
    off = SafetyLimits(removals=SafetyLimit(percent=100, count=0))
    assert failing([GONE], off, {"COMM"}) == ()
    (found,) = failing([GONE, SAME], SafetyLimits(), {"COMM"})
    assert found.sentence.startswith("1 of 2 ")


def test_an_undo_is_not_stopped_by_what_it_is_for(tmp_path: Path) -> None:
    """It changes everybody of the run back to their old groups; a last name is still counted."""
    concerns = (SafetyCheck.MANY_CHANGES, SafetyCheck.FOREIGN_GROUP, SafetyCheck.RENAMES)
    steps = [replace(NAME, row=row, checks=concerns) for row in range(2, 32)]
    facts = FACTS.model_copy(update={"command": "undo"})
    fates = {step.row: Fate.READY for step in steps}
    with write_run(tmp_path, facts, fates, RunContent(steps=steps)) as ledger:
        assert [one.check for one in ledger.failed_checks()] == [SafetyCheck.RENAMES]


def test_a_row_that_is_left_out_later_no_longer_counts(tmp_path: Path) -> None:
    """New card and old card: an answer for row 3 takes the place of the plan's step for row 2.

    It counts again if it is resolved to be loaded after all.
    """
    sixty = SafetyLimits(many_changes=SafetyLimit(percent=60, count=0))
    mapping = FACTS.mapping.model_copy(update={"safety_limits": sixty})
    facts = FACTS.model_copy(update={"command": "plan", "mapping": mapping})
    changed = counted(NAME, ("", "comm"))
    fates = {2: Fate.READY, 3: Fate.READY, 4: Fate.REVIEW}
    with write_run(tmp_path, facts, fates, RunContent(steps=[changed, SAME])) as ledger:
        journal = Journal(ledger, "jo", lambda: datetime(2026, 8, 20, tzinfo=UTC))
        journal.record_resolution(2, Fate.REJECTED, None, [], "")
        assert ledger.failed_checks() == ()
        new_card = Planned(replace(changed, row=4))
        journal.record_resolution(4, Fate.READY, new_card, [], "")
        assert ledger.failed_checks() == ()  # 1 of 2; with the old card it would be 2 of 3
        journal.record_resolution(2, Fate.READY, Planned(changed), [], "")
        assert [(one.concerned, one.matched) for one in ledger.failed_checks()] == [(2, 3)]


ONE = User(primary_id="P1")


def test_rows_of_one_user_are_all_held() -> None:
    """However the ID is written, each names the others; all other steps stay."""
    others: list[Step] = [
        Update(4, "P2", ONE, ONE, ()),
        NEW,
        Create(6, ONE),
        LeftAlone(7, ""),
        Unchanged(8, "P3"),
    ]
    together: list[Step] = [Update(2, "P1", ONE, ONE, ()), Unchanged(3, "p1")]
    got = review_collisions([*together, *others], lambda row: Origin("autumn.csv", "", row))
    assert got[2:] == others
    held = [step for step in got if isinstance(step, Held)]
    problems = [problem for step in held for problem in step.problems]
    assert [problem.origin.row for problem in problems] == [2, 3]
    assert {(one.code, one.severity, one.value.casefold()) for one in problems} == {
        (Code.DUPLICATE_PERSON, Severity.REVIEW, "p1")
    }
    assert "row 3" in problems[0].message


TODAY = date(2026, 8, 20)
WHO = {"primary_id": "21234", "first_name": "Jane", "last_name": "Doe"}
MAIL = "contact_info.email[0]"


def here() -> User:
    """Somebody with a barcode, and two emails of which the library added one."""
    mails = [email("jane@example.org", preferred=True), email("desk@example.org", "work")]
    return user(
        first_name="Jane",
        last_name="Doe",
        expiry_date="2027-05-15Z",
        contact_info={"email": mails},
        user_identifier=[identifier("BARCODE", "111")],
    )


def test_who_is_back_counts_for_the_checks_as_anybody_else() -> None:
    """What the leaving added goes without a count; what the row removes, or changes first, counts.

    The row sets the whole list of emails, so that the library's own one goes.
    """
    ended = leave(case(draft({"expiry_date": "2026-08-20"})), here()).step
    assert isinstance(ended, Update)
    leavers = Leavers({"21234": what_left(Image(here(), ended.after))})
    row = {**WHO, f"{MAIL}.email_address": "jane@example.org", f"{MAIL}.email_type": "personal"}
    for rule, removes in ((OnUpdate.REPLACE, False), (OnUpdate.REPLACE_ALL, True)):
        one = draft(row, plan=scheme(list(row), lists={MAIL: rule}))
        for live, known in ((here(), Leavers({})), (ended.after, leavers)):
            found = MatchResult((MatchedUser(live, ("primary_id",)),))
            of_row = case(one, found=found)
            step = come_back(of_row, decide(of_row), known).step
            assert isinstance(step, Update) or not removes
            if isinstance(step, Update):
                assert (SafetyCheck.REMOVALS in counted(step, ("",)).checks) == removes


def test_a_date_that_would_be_later_stays_also_where_blanks_erase() -> None:
    """Who leaves has an earlier end already: it is not moved, and not cleared."""
    plan = scheme(["expiry_date"], policies={"expiry_date": OnUpdate.ERASE})
    row = draft({"expiry_date": "2026-08-20"}, plan=plan)
    planned = leave(case(row), user(expiry_date="2026-08-01Z"))
    assert isinstance(planned.step, Unchanged)


@pytest.mark.parametrize("shown", ["hide", "show", ""])
@pytest.mark.parametrize("blank", ["clear", "keep", ""])
@pytest.mark.parametrize(("kind", "sis"), [("INTERNAL", False), ("EXTERNAL", False), ("", True)])
def test_a_write_without_a_pin_clears_one_that_alma_hides(
    kind: str, blank: str, shown: str, *, sis: bool
) -> None:
    """Unless the user is External and Alma is known to keep what is blank; never a mapped PIN."""
    fact = "sis-empty-sticky" if sis else "sticky-blank"
    known = KnownFacts({name: v for name, v in ((fact, blank), ("get-pin", shown)) if v})
    live = user(account_type={"value": kind or "EXTERNAL"})
    step = Update(2, "1", live, live, ())
    kept = shown == "show" or (blank == "keep" and kind != "INTERNAL")
    loses = False if kept else True if shown == "hide" else None
    assert loses_pin(step, known, sis=sis) is loses
    mapped = replace(step, after=live.model_copy(update={"pin_number": "1234"}))
    assert loses_pin(mapped, known, sis=sis) is False
