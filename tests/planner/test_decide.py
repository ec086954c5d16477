"""What is done about a row, by whom it matches in Alma."""

from __future__ import annotations

from dataclasses import replace

import pytest

from importer.model.answers import choices
from importer.model.fields import OnUpdate
from importer.model.plan import Create, Held, LeftAlone, Match, Planned, Unchanged, Update
from importer.model.problem import Code, Problem
from importer.model.question import DECISIONS, Answer
from importer.model.user import AccountType, User
from importer.planner.decide import decide
from importer.planner.drafts import DraftUser
from importer.planner.entries import current
from importer.users.matching import MatchedUser, MatchResult
from tests.planner.people import case, draft, identifier, scheme, user

ROW = {
    "primary_id": "21234",
    "last_name": "Doe",
    "birth_date": "1990-03-01",
    "user_identifier[0].id_type": "BARCODE",
    "user_identifier[0].value": "31",
}
BY_BOTH = Match(by=("primary_id", "BARCODE"))


def known(live: User, *by: str) -> MatchResult:
    """One user, matched by some keys."""
    return MatchResult((MatchedUser(live, by or ("primary_id",)),))


BARCODE = {"user_identifier": [identifier("BARCODE", "31")]}
EXTERNAL = {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"}


def planned(
    found: MatchResult, match: Match | None = None, one: DraftUser | None = None
) -> Planned:
    """What is done about a row of whom this was found."""
    return decide(case(one or draft(ROW), found=found, match=match))


def codes(held: Planned) -> list[Code]:
    """The problems of a row that is held."""
    assert isinstance(held.step, Held)
    return [problem.code for problem in held.step.problems]


def test_a_new_row_is_created() -> None:
    """Whom Alma does not have is created, with the whole body."""
    step = planned(MatchResult()).step
    assert isinstance(step, Create)
    assert (step.row, step.user.primary_id) == (2, "21234")


def test_a_known_row_is_updated_or_left_as_it_is() -> None:
    """The step holds Alma's record, ours, and the difference; IDs are compared without case."""
    live = user(last_name="Roe", birth_date="1990-03-01Z", **BARCODE)
    step = planned(known(live)).step
    assert isinstance(step, Update)
    assert step.before is live
    assert (step.primary_id, [change.path for change in step.changes]) == ("21234", ["last_name"])
    assert planned(known(step.after)).step == Unchanged(2, "21234")
    lower = known(user(primary_id="ab1"))
    assert planned(lower, one=draft({"primary_id": "AB1"})).step == Unchanged(2, "ab1")


@pytest.mark.parametrize(
    ("row", "alma", "warned"),
    [
        ({"purge_date": "2029-09-30"}, "2030-01-01Z", True),
        ({"purge_date": "2031-09-30"}, "2030-01-01Z", False),
        ({"purge_date": "2029-09-30", "expiry_date": "2030-01-01"}, None, False),  # as in the row
    ],
)
def test_an_early_purge_of_a_known_user_is_reported(
    row: dict[str, str],
    alma: str | None,
    warned: bool,  # noqa: FBT001
) -> None:
    """Alma keeps an expiry date, and the purge date of the row would be before it."""
    step = planned(known(user(expiry_date=alma)), one=draft({**ROW, **row}))
    assert (Code.PURGE_BEFORE_EXPIRY in {one.code for one in step.warnings}) == warned


@pytest.mark.parametrize(
    ("found", "match", "expected"),
    [
        (MatchResult(failed="no answer"), BY_BOTH, [Code.NOT_LOOKED_UP]),
        (known(user(primary_id="9"), "BARCODE"), BY_BOTH, [Code.PRIMARY_ID_DIFFERS]),
        (known(user(**EXTERNAL)), BY_BOTH, [Code.ACCOUNT_TYPE_STAYS]),
        (
            known(user(primary_id="9", **EXTERNAL), "BARCODE"),
            BY_BOTH,
            [Code.PRIMARY_ID_DIFFERS, Code.ACCOUNT_TYPE_STAYS],  # all at once
        ),
        (known(user()), Match(known="reject"), [Code.EXISTS_IN_ALMA]),
        (MatchResult(), Match(new="reject"), [Code.NOT_IN_ALMA]),
        (MatchResult(), Match(by=("UNIV_ID",), new="reject"), [Code.MISSING_VALUE]),
    ],
)
def test_a_row_that_is_held(found: MatchResult, match: Match, expected: list[Code]) -> None:
    """Nothing is sent of a row whose user is not certain, or that the mapping rejects."""
    assert codes(planned(found, match)) == expected


def test_who_must_stay_is_not_advised_to_get_another_id() -> None:
    """What can be done about an External user of an Internal row is said with every question."""
    step = planned(known(user(primary_id="9", **EXTERNAL), "BARCODE"), Match()).step
    assert isinstance(step, Held)
    by_id, stays = step.problems
    assert (by_id.code, stays.code) == (Code.KNOWN_BY_ANOTHER_ID, Code.ACCOUNT_TYPE_STAYS)
    assert by_id.to_do == stays.to_do
    assert choices(step.problems) == (DECISIONS[Answer.REJECT],)


@pytest.mark.parametrize(
    ("found", "match"),
    [(known(user(**EXTERNAL)), Match(known="skip")), (MatchResult(), Match(new="skip"))],
)
def test_a_row_that_is_skipped(found: MatchResult, match: Match) -> None:
    """`known: skip` and `new: skip` leave rows out, whatever differs."""
    assert planned(found, match).step == LeftAlone(2, "21234")


def test_users_of_any_account_type_keep_theirs() -> None:
    """Where the mapping says so, and creates nobody, a student's record is renewed as well."""
    live = user(**EXTERNAL)
    step = planned(known(live), Match(new="reject", account_type="any")).step
    assert isinstance(step, Update)
    assert step.after.account_type == live.account_type
    assert step.after.external_id == live.external_id


def test_each_identifier_names_the_user_to_whom_it_leads() -> None:
    """Whoever decides between two users needs to know which of them they are."""
    matched = MatchedUser(user(), ("primary_id",)), MatchedUser(user(primary_id="9"), ("BARCODE",))
    step = planned(MatchResult(matched), BY_BOTH).step
    assert isinstance(step, Held)
    assert [(one.code, one.field, one.value) for one in step.problems] == [
        (Code.MATCHES_TWO_USERS, "primary_id", "21234"),
        (Code.MATCHES_TWO_USERS, "user_identifier[0].value", "9"),
    ]


@pytest.mark.parametrize(
    ("owner", "expected"), [("OTHER", [Code.OWNING_SYSTEM_DIFFERS]), ("SIS", None)]
)
def test_a_user_of_another_system_is_for_a_person(owner: str, expected: list[Code] | None) -> None:
    """An External user that another system owns is not taken over."""
    one = draft({"primary_id": "21234", "external_id": "SIS"}, AccountType.EXTERNAL)
    found = planned(known(user(**EXTERNAL | {"external_id": owner})), one=one)
    assert isinstance(found.step, Unchanged) if expected is None else codes(found) == expected


def test_a_possible_match_of_a_known_user_does_not_matter() -> None:
    """Who is found by identifier is that person, whoever else has the name."""
    found = MatchResult((MatchedUser(user(), ("primary_id",)),), (user(primary_id="999"),))
    assert isinstance(planned(found).step, Update)


def test_of_a_blank_cell_that_erases_it_is_said_that_it_does() -> None:
    """Only a new user needs a group; a known one loses it, which no warning calls kept."""
    for rule, kept in ((OnUpdate.ERASE, ""), (OnUpdate.REPLACE, "COMM")):
        row = {**ROW, "user_group": ""}
        one = draft(row, plan=scheme(list(row), policies={"user_group": rule}))
        blank = Problem.of(Code.MISSING_VALUE, one.origin, "is blank", field="user_group")
        live = user(user_group={"value": "COMM"}, birth_date="1990-03-01Z", **BARCODE)
        made = planned(known(live), one=replace(one, lacks=(blank,)))
        assert made.user is not None
        assert current(made.user, "user_group") == kept
        (warning,) = (p for p in made.warnings if p.code is Code.MISSING_VALUE)
        assert ("keeps" in warning.message) == bool(kept)
