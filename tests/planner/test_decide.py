"""What is done about a row, by whom it matches in Alma."""

from __future__ import annotations

import pytest

from importer.model.catalogue import Code, Severity
from importer.model.plan import Create, Held, LeftAlone, Match, Planned, Unchanged, Update
from importer.model.user import AccountType, User
from importer.planner.decide import decide
from importer.users.matching import MatchedUser, MatchResult
from tests.planner.people import draft, identifier, user

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


def codes(planned: Planned) -> list[tuple[Code, Severity]]:
    """Codes and severities of a row that is held."""
    assert isinstance(planned.step, Held)
    return [(problem.code, problem.severity) for problem in planned.step.problems]


def test_a_new_row_is_created() -> None:
    """Whom Alma does not have is created, with the whole body."""
    planned = decide(draft(ROW), MatchResult(), Match())
    assert isinstance(planned.step, Create)
    assert (planned.step.row, planned.step.user.primary_id) == (2, "21234")


def test_a_known_row_is_updated_or_left_as_it_is() -> None:
    """The step holds Alma's record, ours, and the difference; or says that there is none."""
    live = user(last_name="Roe", birth_date="1990-03-01Z")
    live = live.model_copy(
        update={
            "user_identifier": User.model_validate(
                {"user_identifier": [identifier("BARCODE", "31")]}
            ).user_identifier
        }
    )
    step = decide(draft(ROW), known(live), Match()).step
    assert isinstance(step, Update)
    assert step.before is live
    assert (step.primary_id, [change.path for change in step.changes]) == ("21234", ["last_name"])
    assert decide(draft(ROW), known(step.after), Match()).step == Unchanged(2, "21234")


@pytest.mark.parametrize(
    ("first", "last", "other"),
    [
        ("Jane", "Doe", False),
        ("Jane", "Lee", False),
        ("Doe", "Jane", False),
        ("JANET", "DOE-LEE", False),
        ("Zelda", "Quirk", True),
        ("", "Quirk", True),
    ],
)
def test_an_id_that_was_given_to_another_person_is_a_warning(
    first: str,
    last: str,
    other: bool,  # noqa: FBT001
) -> None:
    """If neither name is similar; a marriage or a nickname leaves one that is."""
    row = {"primary_id": "21234", "first_name": "Jane", "last_name": "Doe"}
    planned = decide(draft(row), known(user(first_name=first, last_name=last)), Match())
    assert [one.value for one in planned.warnings if one.code is Code.ANOTHER_NAME] == (
        [f"{first} {last}".strip()] if other else []
    )


def test_primary_identifiers_are_compared_without_case() -> None:
    """Alma tells no capitals from small letters in them (contract 3.2)."""
    one = draft({"primary_id": "AB1"})
    assert isinstance(decide(one, known(user(primary_id="ab1")), Match()).step, Unchanged)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (MatchResult(failed="no answer"), (Code.NOT_LOOKED_UP, Severity.REVIEW)),
        (known(user(primary_id="9"), "BARCODE"), (Code.PRIMARY_ID_DIFFERS, Severity.REVIEW)),
        (
            known(user(account_type={"value": "EXTERNAL"})),
            (Code.ACCOUNT_TYPE_DIFFERS, Severity.REVIEW),
        ),
    ],
)
def test_doubts_are_for_a_person(found: MatchResult, expected: tuple[Code, Severity]) -> None:
    """Nothing is sent of a row whose user is not certain."""
    assert codes(decide(draft(ROW), found, BY_BOTH)) == [expected]


def test_users_of_any_account_type_keep_theirs() -> None:
    """Where the mapping says so, and creates nobody, a student's record is renewed as well."""
    live = user(account_type={"value": "EXTERNAL"}, external_id="SIS")
    step = decide(draft(ROW), known(live), Match(new="reject", account_type="any")).step
    assert isinstance(step, Update)
    kept = [
        getattr(step.after, name) == getattr(live, name) for name in ("account_type", "external_id")
    ]
    assert all(kept)


def test_each_identifier_names_the_user_to_whom_it_leads() -> None:
    """Whoever decides between two users needs to know which of them they are."""
    matched = MatchedUser(user(), ("primary_id",)), MatchedUser(user(primary_id="9"), ("BARCODE",))
    planned = decide(draft(ROW), MatchResult(matched), BY_BOTH)
    assert codes(planned) == [(Code.MATCHES_TWO_USERS, Severity.REVIEW)] * 2
    assert isinstance(planned.step, Held)
    assert [(one.field, one.value) for one in planned.step.problems] == [
        ("primary_id", "21234"),
        ("user_identifier[0].value", "9"),
    ]


def test_all_doubts_are_said_at_once() -> None:
    """A person who corrects one thing does not learn of the next only then."""
    live = user(primary_id="9", account_type={"value": "EXTERNAL"})
    found = MatchResult((MatchedUser(live, ("BARCODE",)),))
    assert [code for code, _ in codes(decide(draft(ROW), found, BY_BOTH))] == [
        Code.PRIMARY_ID_DIFFERS,
        Code.ACCOUNT_TYPE_DIFFERS,
    ]


def test_a_user_of_another_system_is_for_a_person() -> None:
    """An External user that another system owns is not taken over."""
    one = draft({"primary_id": "21234", "external_id": "SIS"}, AccountType.EXTERNAL)
    live = user(account_type={"value": "EXTERNAL"}, external_id="OTHER")
    assert codes(decide(one, known(live), Match())) == [
        (Code.OWNING_SYSTEM_DIFFERS, Severity.REVIEW)
    ]
    own = user(account_type={"value": "EXTERNAL"}, external_id="SIS")
    assert isinstance(decide(one, known(own), Match()).step, Unchanged)


def test_an_identifier_of_somebody_else_rejects_the_row() -> None:
    """It names the other user by primary identifier and kind, and nothing else of him."""
    other = user(
        primary_id="77", last_name="Secret2", account_type={"value": "EXTERNAL", "desc": ""}
    )
    for found in (
        MatchResult((MatchedUser(other, ("BARCODE",)),)),
        MatchResult((MatchedUser(user(), ("primary_id",)), MatchedUser(other, ("BARCODE",)))),
    ):
        planned = decide(draft(ROW), found, Match())
        assert codes(planned) == [(Code.EXISTS_IN_ALMA, Severity.REJECT)]
        assert isinstance(planned.step, Held)
        problem = planned.step.problems[0]
        assert (problem.field, problem.value) == ("user_identifier[0].value", "77")
        assert problem.places == draft(ROW).layout.places("user_identifier[0].value")
        assert "External" in problem.message
        assert "SECRET" not in repr(problem).upper()


def test_known_users_may_be_passed_over_or_rejected() -> None:
    """`known: skip` leaves them alone, whatever differs; `known: reject` says that they exist."""
    live = user(primary_id="21234", account_type={"value": "EXTERNAL"})
    assert decide(draft(ROW), known(live), Match(known="skip")).step == LeftAlone(2)
    rejected = decide(draft(ROW), known(user()), Match(known="reject"))
    assert codes(rejected) == [(Code.EXISTS_IN_ALMA, Severity.REJECT)]


def test_new_users_may_be_passed_over_or_rejected() -> None:
    """`new: skip` leaves them out; `new: reject` says that they are not in Alma."""
    assert decide(draft(ROW), MatchResult(), Match(new="skip")).step == LeftAlone(2)
    rejected = decide(draft(ROW), MatchResult(), Match(new="reject"))
    assert codes(rejected) == [(Code.NOT_IN_ALMA, Severity.REJECT)]


def test_a_possible_match_holds_a_create() -> None:
    """By `possible_match`, such a new row needs review, gets a warning, or is sent."""
    twin = user(primary_id="999", last_name="Doe", birth_date="1990-03-01Z")
    found = MatchResult(possible_matches=(twin,))
    held = decide(draft(ROW), found, Match())
    assert codes(held) == [(Code.POSSIBLE_MATCH_IN_ALMA, Severity.REVIEW)]
    assert isinstance(held.step, Held)
    assert held.step.problems[0].sentence() == "Alma has a user with this name and birth date: 999"
    warned = decide(draft(ROW), found, Match(possible_match="warn"))
    assert isinstance(warned.step, Create)
    assert [(one.code, one.severity) for one in warned.warnings] == [
        (Code.POSSIBLE_MATCH_IN_ALMA, Severity.WARNING)
    ]
    sent = decide(draft(ROW), found, Match(possible_match="ignore"))
    assert isinstance(sent.step, Create)
    assert sent.warnings == ()


def test_a_possible_match_of_a_known_user_does_not_matter() -> None:
    """Who is found by identifier is that person, whoever else has the name."""
    found = MatchResult((MatchedUser(user(), ("primary_id",)),), (user(primary_id="999"),))
    assert isinstance(decide(draft(ROW), found, Match()).step, Update)
