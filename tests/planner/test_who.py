"""Whom a row is about: each line of the table, with the answers that it offers."""

from __future__ import annotations

import pytest

from importer.model.answers import choices
from importer.model.plan import Create, Held, LeftAlone, Match, Planned, Unchanged, Update
from importer.model.problem import Code, Origin, Severity
from importer.model.user import User
from importer.planner.decide import decide
from importer.planner.safety_checks import many_other_people
from importer.users.matching import MatchedUser, MatchResult
from tests.planner.people import case, draft, email, identifier, user

ROW = {
    "primary_id": "21234",
    "first_name": "Jane",
    "last_name": "Doe",
    "birth_date": "1990-03-01",
    "contact_info.email[0].email_address": "jane@example.org",
    "contact_info.email[0].email_type": "personal",
    "user_identifier[0].id_type": "UNIV_ID",
    "user_identifier[0].value": "U77",
}
RENAMES = Match(id_change="rename")
UPDATE, RENAME = "same person, update", "same person, new card"
CREATE, REJECT = "another person, create", "do not load"


def jane(primary_id: object = "21234", **more: object) -> User:
    """The row's person, as Alma has her."""
    named = {"first_name": "Jane", "last_name": "Doe", "birth_date": "1990-03-01Z"}
    return user(primary_id=primary_id, **named | more)


def zoltan(primary_id: object = "21234", **more: object) -> User:
    """Somebody else."""
    named = {"first_name": "Zoltan", "last_name": "Kovacs", "birth_date": "1975-11-23Z"}
    return user(primary_id=primary_id, **named | more)


def by_primary(live: User) -> MatchedUser:
    """A user whom the row's primary ID finds."""
    return MatchedUser(live, ("primary_id",))


def by_other(live: User) -> MatchedUser:
    """A user whom the row's other ID finds."""
    return MatchedUser(live, ("UNIV_ID",))


def by_barcode(live: User) -> MatchedUser:
    """A user whom the row's barcode finds, by which the mapping finds people."""
    return MatchedUser(live, ("BARCODE",))


def planned(
    *users: MatchedUser, alike: tuple[User, ...] = (), match: Match | None = None
) -> Planned:
    """Plan the row, given the users that Alma has."""
    return decide(case(draft(ROW), found=MatchResult(users, alike), match=match))


def asked(one: Planned) -> tuple[list[Code], tuple[str, ...]]:
    """The codes of the questions, and the answers that are offered."""
    assert isinstance(one.step, Held)
    return [problem.code for problem in one.step.problems], choices(one.step.problems)


PERSONS = {"jane": jane, "zoltan": zoltan}
HOLDS = {"P": by_primary, "Q": by_other, "card": by_barcode}


@pytest.mark.parametrize(
    ("holders", "alike", "codes", "answers"),
    [
        ("", "9", "possible-match-in-alma", [RENAME, UPDATE, CREATE]),
        ("Q=jane/9", "", "known-by-another-id", [RENAME, UPDATE]),
        ("Q=zoltan/9", "", "identifier-of-another-person", [CREATE]),
        ("Q=zoltan/9", "8", "identifier-of-another-person possible-match-in-alma",
         [RENAME, UPDATE, CREATE]),
        ("P=jane/21234 Q=zoltan/9", "", "identifier-taken", [UPDATE]),
        ("P=jane/21234 Q=jane/9", "", "two-users-one-person", [UPDATE]),
        ("P=zoltan/21234 Q=jane/9", "", "another-person known-by-another-id",
         [f"{UPDATE}: 21234", f"{UPDATE}: 9"]),
        ("P=zoltan/21234", "9", "another-person possible-match-in-alma",
         [f"{UPDATE}: 21234", f"{UPDATE}: 9"]),
        ("P=zoltan/21234", "", "another-person", [UPDATE]),
        ("P=zoltan/21234 Q=zoltan/9", "", "another-person", [UPDATE]),
        ("card=zoltan/9 P=zoltan/21234", "8", "another-person possible-match-in-alma",
         [f"{UPDATE}: 21234", f"{UPDATE}: 8"]),
    ],
)  # fmt: skip
def test_each_line_of_the_table_asks_and_offers_what_alma_takes(
    holders: str, alike: str, codes: str, answers: list[str]
) -> None:
    """P has the row's primary ID, Q its other ID, S is found by person; nothing else is sent."""
    users = []
    for key, _, who in (one.partition("=") for one in holders.split()):
        name, _, primary_id = who.partition("/")
        users.append(HOLDS[key](PERSONS[name](primary_id)))
    by = Match(by=("primary_id", "BARCODE"))
    one = planned(*users, alike=tuple(map(jane, alike.split())), match=by)
    assert asked(one) == (codes.split(), (*answers, REJECT))


@pytest.mark.parametrize("mode", ["review", "warn", "ignore"])
def test_possible_match_counts_only_where_the_row_would_be_created(mode: str) -> None:
    """Where somebody else has an ID of the row, whoever it may be is offered in any case."""
    match = Match.model_validate({"possible_match": mode})
    assert asked(planned(by_primary(zoltan()), alike=(jane("9"),), match=match)) == (
        [Code.ANOTHER_PERSON, Code.POSSIBLE_MATCH_IN_ALMA],
        (f"{UPDATE}: 21234", f"{UPDATE}: 9", REJECT),
    )
    assert asked(planned(by_other(zoltan("8")), alike=(jane("9"),), match=match)) == (
        [Code.IDENTIFIER_OF_ANOTHER_PERSON, Code.POSSIBLE_MATCH_IN_ALMA],
        (RENAME, UPDATE, CREATE, REJECT),
    )
    new = planned(alike=(jane("9"),), match=match)
    assert isinstance(new.step, Held if mode == "review" else Create)
    assert [one.severity for one in new.warnings] == [Severity.WARNING] * (mode == "warn")


WITH_EMAIL = {"contact_info": {"email": [email("jane@example.org")]}}


@pytest.mark.parametrize(
    ("live", "code"),
    [
        (jane(last_name="Lee"), Code.ANOTHER_NAME),  # the ordinary change of a name
        (jane(last_name="Doe Jr."), Code.ANOTHER_NAME),
        (jane(birth_date="1985-05-09Z", **WITH_EMAIL), Code.ANOTHER_BIRTH_DATE),
        (jane(birth_date="1960-05-09Z", **WITH_EMAIL), None),  # her father
        (jane(birth_date="1985-05-09Z"), None),
    ],
)
def test_what_differs_is_a_warning_or_another_person(live: User, code: Code | None) -> None:
    """Another birth date of the same name needs something else that agrees; it is said once."""
    one = planned(by_primary(live))
    assert isinstance(one.step, Update) if code else asked(one)[0] == [Code.ANOTHER_PERSON]
    assert [problem.code for problem in one.warnings] == ([code] if code else [])


@pytest.mark.parametrize("do", ["list", "expire"])
@pytest.mark.parametrize("born", ["1960-05-09Z", "1990-03-02Z"], ids=["another day", "a digit"])
def test_another_birth_date_is_never_final_by_a_second_id(born: str, do: str) -> None:
    """Another last name is explained by a second ID; a birth date that differs by nothing."""
    match = Match.model_validate({"retire": {"do": do}})
    both = {"user_identifier": [identifier("UNIV_ID", "U77")]}
    by = ("primary_id", "UNIV_ID")
    renamed = planned(MatchedUser(jane(last_name="Lee", birth_date=None, **both), by), match=match)
    assert isinstance(renamed.step, Unchanged)
    other = planned(MatchedUser(jane(birth_date=born, **both), by), match=match)
    if do == "expire":
        assert [one.code for one in other.warnings] == [Code.ANOTHER_BIRTH_DATE]
    else:
        assert asked(other)[0] == [Code.ANOTHER_PERSON]


def test_known_people_are_skipped_only_if_they_are_the_row_s_person() -> None:
    """`known: skip` and `reject` count after it is clear who the user is."""
    assert planned(by_primary(jane()), match=Match(known="skip")).step == LeftAlone(2, "21234")
    codes, answers = asked(planned(by_primary(zoltan()), match=Match(known="skip")))
    assert codes == [Code.ANOTHER_PERSON, Code.EXISTS_IN_ALMA]
    assert answers == ("do not load",)


def test_a_person_known_by_another_id_is_renamed_if_the_mapping_renames() -> None:
    """Only where both names and the birth date agree, and nobody on the staff."""
    one = planned(by_other(jane("9")), match=RENAMES)
    assert isinstance(one.step, Update)
    assert one.step.after.primary_id == "21234"
    no_date = planned(by_other(jane("9", birth_date=None)), match=RENAMES)
    assert asked(no_date)[0] == [Code.KNOWN_BY_ANOTHER_ID]
    roles = [{"role_type": {"value": "32"}, "scope": {"value": "MAIN"}}]
    staff = planned(by_other(jane("9", user_role=roles)), match=RENAMES)
    assert asked(staff)[0] == [Code.KNOWN_BY_ANOTHER_ID]


def test_several_users_with_ids_of_a_row_are_always_asked_about() -> None:
    """Also with `id_change: rename`, whose update would have another user's ID; all are named."""
    also = MatchedUser(zoltan("8"), ("BARCODE",))
    both = [Code.KNOWN_BY_ANOTHER_ID, Code.IDENTIFIER_OF_ANOTHER_PERSON]
    assert asked(planned(by_other(jane("9")), also, match=RENAMES)) == (
        both,
        (RENAME, UPDATE, REJECT),
    )
    twice = MatchedUser(jane("8"), ("BARCODE",))
    assert asked(planned(by_other(jane("9")), twice, match=RENAMES))[0] == [both[0]] * 2


def test_where_the_ids_of_the_mapping_find_nobody_the_row_s_primary_id_counts() -> None:
    """Its holder is the row's user, or has an ID that nobody else can get."""
    by_card = Match(by=("UNIV_ID",))
    assert isinstance(planned(by_primary(jane()), match=by_card).step, Update)
    assert asked(planned(by_primary(zoltan()), alike=(jane("9"),), match=by_card)) == (
        [Code.ANOTHER_PERSON, Code.POSSIBLE_MATCH_IN_ALMA],
        (f"{UPDATE}: 21234", f"{UPDATE}: 9", REJECT),
    )
    both = (by_other(jane("9")), by_primary(zoltan()))
    assert asked(planned(*both, match=by_card))[0] == [Code.IDENTIFIER_TAKEN]


def test_a_lost_card_renames_only_by_an_answer() -> None:
    """An ID that Alma has as inactive finds its user, and does not become the primary ID."""
    by = Match(by=("primary_id", "BARCODE"), id_change="rename")
    for status, code in (("INACTIVE", Code.PRIMARY_ID_DIFFERS), ("ACTIVE", None)):
        card = identifier("BARCODE", "21234", status=status)
        one = planned(MatchedUser(jane("9", user_identifier=[card]), ("BARCODE",)), match=by)
        assert isinstance(one.step, Update) if code is None else asked(one)[0] == [code]


@pytest.mark.parametrize(
    "how",
    [
        {"source_institution_code": "01OTHER_INST"},
        {"source_link_id": "123"},
        {"status": {"value": "DELETED"}},
        {"record_type": {"value": "CONTACT"}},
        {"account_type": {"value": "EXTERNAL"}, "external_id": "NZ"},
    ],
)
def test_users_who_are_managed_elsewhere_are_never_touched(how: dict[str, object]) -> None:
    """They are shown as what they are; as a namesake they do not count."""
    match = Match(managed_elsewhere=("nz",))
    assert asked(planned(by_primary(jane(**how)), match=match)) == (
        [Code.MANAGED_ELSEWHERE],
        (REJECT,),
    )
    assert isinstance(planned(alike=(jane("9", **how),), match=match).step, Create)


def test_a_mapping_may_update_whoever_has_the_id() -> None:
    """`another_person: update` leaves a warning."""
    one = planned(by_primary(zoltan()), match=Match(another_person="update"))
    assert isinstance(one.step, Update)
    assert Code.ANOTHER_NAME in [problem.code for problem in one.warnings]


def test_a_column_of_other_people_s_ids_is_reported_first() -> None:
    """More than 5 % and more than five of the known rows: one problem of the whole roster."""
    origin = Origin("people.csv", "", 0)
    others, same = [planned(by_primary(zoltan()))] * 6, [planned(by_primary(jane()))]
    assert [one.code for one in many_other_people([*others, *same], origin)] == [
        Code.MANY_OTHER_PEOPLE
    ]
    assert not [*many_other_people(others[:5], origin)]
    assert not [*many_other_people([*others, *same * 114], origin)]
