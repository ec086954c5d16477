"""Merging a row into a record of Alma's, rule by rule."""

from __future__ import annotations

import re
from functools import partial

import pytest

from importer.model.fields import OnUpdate
from importer.model.plan import Change, ChangeKind, KeepOldId, Match
from importer.model.user import AccountType, User
from importer.planner.entries import current, entries
from importer.planner.merge import Merged, merge
from tests.planner.people import (
    address,
    case,
    draft,
    email,
    identifier,
    mails,
    scheme,
    updated,
    user,
)

E0 = "contact_info.email[0]"
A0 = "contact_info.address[0]"
I0 = "user_identifier[0]"
EXTERNAL = {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"}


def email_row(value: str, kind: str = "personal", **more: str) -> dict[str, str]:
    """A row with one e-mail."""
    held = {"email_address": value, "email_type": kind} | more
    return {f"{E0}.{name}": text for name, text in held.items()}


def home_row(line: str, **more: str) -> dict[str, str]:
    """A row with one postal address."""
    held = {"line1": line, "address_type": "home"} | more
    return {f"{A0}.{name}": text for name, text in held.items()}


def emails(*held: dict[str, object], **fields: object) -> User:
    """A user of Alma with some e-mails."""
    return user(contact_info={"email": list(held)}, **fields)


def merged(
    row: dict[str, str],
    live: User,
    *,
    policies: dict[str, OnUpdate] | None = None,
    lists: dict[str, OnUpdate] | None = None,
    volatile: frozenset[str] = frozenset(),
    override: frozenset[str] = frozenset(),
) -> Merged:
    """The row merged into the user, of the user's account type."""
    account = AccountType(current(live, "account_type"))
    plan = scheme(
        list(row), account, policies=policies, lists=lists, volatile=volatile, override=override
    )
    return updated(draft(row, plan=plan), live)


def shown(made: Merged) -> list[tuple[str, str, bool, str]]:
    """Types, address, whether preferred, and segment of every e-mail afterwards."""
    return [
        (
            current(part, "email_type"),
            current(part, "email_address"),
            current(part, "preferred") == "true",
            current(part, "segment_type"),
        )
        for part in entries(made.after, "contact_info.email")
    ]


def test_erased_fields_are_blank_as_alma_writes_blank() -> None:
    """A code is blank, a date absent (contract 1.1), and each is counted as a removal."""
    live = user(expiry_date="2027-05-15Z", user_group={"value": "COMM", "desc": "Community"})
    erase = dict.fromkeys(("expiry_date", "user_group"), OnUpdate.ERASE)
    made = merged({"expiry_date": "", "user_group": ""}, live, policies=erase)
    assert '"user_group":{"value":""}' in made.after.to_json()
    assert "expiry_date" not in made.after.to_json()
    assert {change.kind for change in made.changes} == {ChangeKind.REMOVE}


def test_what_the_row_does_not_speak_of_is_not_erased() -> None:
    """`erase` needs a blank cell; a rule whose `when` does not hold says nothing."""
    plan = scheme(["middle_name"], policies={"middle_name": OnUpdate.ERASE})
    one = draft({"middle_name": ""}, plan=plan, not_applicable=frozenset({"middle_name"}))
    live = user(middle_name="Q")
    assert updated(one, live).after is live


OLD_CARD = KeepOldId(type="OLD_BARCODE")


@pytest.mark.parametrize(
    ("has", "keep", "expected"),
    [
        ([], OLD_CARD, [("OLD_BARCODE", "21234", "INACTIVE")]),
        ([], None, []),
        ([("BARCODE", "999")], OLD_CARD, [("OLD_BARCODE", "21234", "INACTIVE")]),
        ([("BARCODE", "55")], None, [("BARCODE", "55", "")]),
    ],
)
def test_a_renamed_user_has_each_id_once(
    has: list[tuple[str, str]], keep: KeepOldId | None, expected: list[tuple[str, str, str]]
) -> None:
    """The old ID is kept if the mapping says so; the new one is no second identifier (3.2)."""
    live = user(user_identifier=[identifier(*pair) for pair in has])
    of_row = case(draft({"primary_id": "999"}), match=Match(keep_old_id=keep))
    renamed = partial(merge, of_row, rename=True, lines={})
    made = renamed(live)
    assert made.after.primary_id == "999"
    assert Change(ChangeKind.REPLACE, "primary_id", "21234", "999") in made.changes
    assert [
        (current(part, "id_type"), current(part, "value"), current(part, "status"))
        for part in entries(made.after, "user_identifier")
    ] == expected
    again = renamed(made.after)
    assert again.after is made.after


def test_a_community_patron_becomes_external() -> None:
    """The row's own entries become External, those that only the library has stay Internal."""
    live = emails(email("a@example.org", "personal"), email("b@example.org", "work"))
    row = {"primary_id": "0012345", "external_id": "SIS", **email_row("new@example.org")}
    one = draft(row, plan=scheme(list(row), AccountType.EXTERNAL))
    keep = KeepOldId(type="BARCODE")
    match = Match(account_type="convert", keep_old_id=keep)
    after = merge(case(one, match=match), live, rename=True, lines={}).after
    ids = [current(after, name) for name in ("primary_id", "account_type", "external_id")]
    assert ids == ["0012345", "EXTERNAL", "SIS"]
    names = ("email_address", "segment_type")
    assert [
        [current(part, name) for name in names] for part in entries(after, "contact_info.email")
    ] == [["new@example.org", "External"], ["b@example.org", "Internal"]]
    (old,) = entries(after, "user_identifier")
    assert (current(old, "value"), current(old, "segment_type")) == ("21234", "Internal")
    assert updated(one, after).after is after


def test_a_title_that_alma_answers_in_small_letters_is_no_difference() -> None:
    """Alma answers Mr for MR (contract 1.1); another code in another case is another code."""
    live = user(user_title={"value": "Mr"}, user_group={"value": "comm"})
    made = merged({"user_title": "MR", "user_group": "COMM"}, live)
    assert [change.path for change in made.changes] == ["user_group"]


LIB = email("lib@example.org", preferred=True)
OLD = email("old@example.org", preferred=True)

PLACES = {
    "an entry replaces the one of its type": (
        *("INTERNAL", "personal:old* work:w", "personal:new"),
        "personal:new* work:w",
    ),
    "of several of a type, the preferred one": (
        *("INTERNAL", "personal:a personal:b*", "personal:new"),
        "personal:a personal:new*",
    ),
    "an entry of the other segment is not ours": (
        *("EXTERNAL", "personal:lib*", "personal:sis"),
        "personal:lib* personal:sis~",
    ),
    "unless the mapping says that the entry is Internal": (
        *("EXTERNAL", "personal:lib*", "personal:new!"),
        "personal:new*",
    ),
    "preferred moves if the row says so": (
        *("EXTERNAL", "personal:old*~ work:lib", "school:sis*"),
        "personal:old~ work:lib school:sis*~",
    ),
    "an External entry takes no mark from an Internal one": (
        *("EXTERNAL", "personal:lib*", "personal:sis*"),
        "personal:lib* personal:sis~",
    ),
    "of several preferred ones, the librarian's stays": (
        *("EXTERNAL", "work:sis*~ personal:lib*", "work:sis"),
        "work:sis~ personal:lib*",
    ),
    "if none is preferred, the row's is": (
        *("INTERNAL", "work:a personal:b", "personal:b"),
        "work:a personal:b*",
    ),
    "an entry with several types gives up one": (
        *("INTERNAL", "home+work:a", "home:b"),
        "work:a home:b*",
    ),
    "or is replaced whole if another entry serves the other type": (
        *("INTERNAL", "home+work:a work:a", "home:b"),
        "home:b* work:a",
    ),
    "a type is given up once": (
        *("INTERNAL", "home+work:a", "work:b work:c"),
        "home:a work:b* work:c",
    ),
}
"""Account type, Alma's emails, the row's, and the result: `*` preferred, `~` External."""


@pytest.mark.parametrize(("account", "held", "row", "expected"), PLACES.values(), ids=PLACES)
def test_the_place_of_an_entry(account: str, held: str, row: str, expected: str) -> None:
    """An entry takes the place of Alma's entry of its type in our segment, and only that."""
    theirs = [
        email(
            value.strip("*~"),
            preferred="*" in value,
            segment_type="External" if "~" in value else "Internal",
            email_type=[{"value": kind} for kind in kinds.split("+")],
        )
        for kinds, _, value in (word.partition(":") for word in held.split())
    ]
    ours: dict[str, str] = {}
    for number, (kind, _, value) in enumerate(word.partition(":") for word in row.split()):
        flag, segment_type = "true" * ("*" in value), "Internal" * ("!" in value)
        one = email_row(value.strip("*!"), kind, preferred=flag, segment_type=segment_type)
        ours |= {label.replace("[0]", f"[{number}]"): text for label, text in one.items()}
    live = emails(*theirs, **(EXTERNAL if account == "EXTERNAL" else {}))
    assert expected == " ".join(
        f"{kinds}:{value}{'*' * preferred}{'~' * (segment == 'External')}"
        for kinds, value, preferred, segment in shown(merged(ours, live))
    )


def test_an_update_of_an_entry_is_one_change() -> None:
    """Its description, which the mapping does not name, survives."""
    made = merged(email_row("new@example.org"), emails(OLD | {"description": "mine"}))
    path, old, new = "contact_info.email[personal]", "old@example.org", "new@example.org"
    assert made.changes == (Change(ChangeKind.REPLACE, path, old, new),)
    assert current(entries(made.after, "contact_info.email")[0], "description") == "mine"


def test_an_address_is_one_thing() -> None:
    """Another street clears the blank apartment; what is not named stays, and start dates.

    Alma moves start dates by itself (contract 3.1): one is written only with another change.
    """
    held = {"line2": "Apt 4", "city": "Brookings", "address_note": "ring twice"}
    home = address("1 Main St", start_date="2017-04-01Z", preferred=True, **held)
    live = user(contact_info={"address": [home]})
    named = {"line2": "", "city": "Brookings"}
    made = merged(home_row("2 Oak Ave", **named), live)
    (part,) = entries(made.after, "contact_info.address")
    names = ("line1", "line2", "city", "address_note", "start_date")
    assert [current(part, name) for name in names] == [
        *("2 Oak Ave", "", "Brookings", "ring twice", "2017-04-01")
    ]
    assert [change.path for change in made.changes] == [
        "contact_info.address[home]",
        "contact_info.address[home].line2",
    ]
    day = {"start_date": "2026-08-20"}
    assert merged(home_row("1 Main St", **named, **day), live).after is live
    (part,) = entries(merged(home_row("2 Oak Ave", **day), live).after, "contact_info.address")
    assert current(part, "start_date") == "2026-08-20"


def test_an_identifier_replaces_the_only_one_of_its_type() -> None:
    """With several of the type it is added; its note survives; case makes no difference."""
    row = {f"{I0}.id_type": "BARCODE", f"{I0}.value": "333"}
    single = user(user_identifier=[identifier("BARCODE", "111", note="card")])
    made = merged(row, single)
    assert [(part.value, part.note) for part in made.after.user_identifier or ()] == [
        ("333", "card")
    ]
    two = user(user_identifier=[identifier("BARCODE", "111"), identifier("BARCODE", "222")])
    made = merged(row, two)
    assert [part.value for part in made.after.user_identifier or ()] == ["111", "222", "333"]
    lower = user(user_identifier=[identifier("BARCODE", "a3")])
    assert merged(row | {f"{I0}.value": "A3"}, lower).after is lower


@pytest.mark.parametrize("others", [[], [("222", "ACTIVE")]])
def test_a_card_out_of_use_is_not_given_a_new_number(others: list[tuple[str, str]]) -> None:
    """A lost card keeps its number, status and note; it is no reason to add to one in use."""
    held = [("111", "INACTIVE"), *others]
    live = user(
        user_identifier=[identifier("BARCODE", value, status=status) for value, status in held]
    )
    made = merged({f"{I0}.id_type": "BARCODE", f"{I0}.value": "333"}, live)
    ids = [(part.value, current(part, "status")) for part in made.after.user_identifier or ()]
    assert ids == [("111", "INACTIVE"), ("333", "ACTIVE" if others else "")]


@pytest.mark.parametrize(
    ("held", "row", "policy", "expected"),
    [
        ("UNIV_ID=1", "BARCODE=1", OnUpdate.REPLACE, "UNIV_ID=1"),
        ("UNIV_ID=1", "BARCODE=1 UNIV_ID=2", OnUpdate.REPLACE, "UNIV_ID=2 BARCODE=1"),
        ("UNIV_ID=1 BARCODE=2", "OTHER=2 BARCODE=1 UNIV_ID=3", OnUpdate.REPLACE,
         "UNIV_ID=3 BARCODE=1 OTHER=2"),
        ("UNIV_ID=1", "BARCODE=1", OnUpdate.REPLACE_ALL, "BARCODE=1"),
        ("UNIV_ID=1 BARCODE=2", "BARCODE=1", OnUpdate.REPLACE_ALL, "BARCODE=1"),
    ],
)  # fmt: skip
def test_an_id_under_another_type_is_never_lost(
    held: str, row: str, policy: OnUpdate, expected: str
) -> None:
    """It stays as Alma has it, or gets the row's type if that entry changes; planned once."""
    pairs = [one.split("=") for one in row.split()]
    cells = {
        f"user_identifier[{n}].{name}": text
        for n, pair in enumerate(pairs)
        for name, text in zip(("id_type", "value"), pair, strict=True)
    }
    lists = {f"user_identifier[{n}]": policy for n in range(len(pairs))}
    kinds = [one.split("=") for one in held.split()]
    made = merged(cells, user(user_identifier=[identifier(*one) for one in kinds]), lists=lists)
    parts = made.after.user_identifier or ()
    assert [f"{current(part, 'id_type')}={part.value}" for part in parts] == expected.split()
    assert merged(cells, made.after, lists=lists).after is made.after


@pytest.mark.parametrize(
    ("held", "rows"),
    [
        ([], ["home 2 Oak", "home 2 Oak !", "home+work 2 Oak"]),
        ([], ["home+work 2 Oak", "work 2 Oak !", "work 3 Elm"]),
        ([], ["home 2 Oak", "work 2 Oak !", "home 2 Oak !"]),
        (["Internal home 2 Oak"], ["home+work 2 Oak", "home 2 Oak !"]),
        (["External home 2 Oak"], ["home+work 2 Oak", "home 2 Oak !"]),
    ],
)
@pytest.mark.parametrize("account", AccountType)
def test_equal_entries_of_a_row_find_the_same_place_again(
    account: AccountType, held: list[str], rows: list[str]
) -> None:
    """Whichever is preferred (!), the next load of the same row changes nothing."""
    cells: dict[str, str] = {}
    for n, one in enumerate(rows):
        kinds, line, flag = re.fullmatch(r"(\S+) (.*?)( !)?", one).groups()  # type: ignore[union-attr]
        named = {"address_type": kinds, "line1": line, "preferred": "true" if flag else ""}
        cells |= {f"contact_info.address[{n}].{name}": text for name, text in named.items()}
    places = [one.split(maxsplit=2) for one in held]
    parts = [address(line, kind, segment_type=owner) for owner, kind, line in places]
    external = EXTERNAL if account is AccountType.EXTERNAL else {}
    made = merged(cells, user(contact_info={"address": parts}, **external))
    assert made.changes
    assert merged(cells, made.after).after is made.after


@pytest.mark.parametrize(
    ("parent", "held", "row"),
    [
        (
            "user_note",
            {"note_type": {"value": "LIBRARY"}, "note_text": "hello", "user_viewable": True},
            {"note_type": "LIBRARY", "note_text": "hello"},
        ),
        (
            "user_block",
            {"block_type": {"value": "GENERAL"}, "block_description": {"value": "02-GLOBAL"}},
            {"block_description": "02-GLOBAL"},
        ),
        (
            "user_statistic",
            {"statistic_category": {"value": "COMMUNITY"}, "statistic_note": "x"},
            {"statistic_category": "COMMUNITY"},
        ),
    ],
)
def test_notes_blocks_and_statistics_are_only_added(
    parent: str, held: dict[str, object], row: dict[str, str]
) -> None:
    """An equal one is not repeated, and another one takes nobody's place."""
    labels = {f"{parent}[0].{name}": value for name, value in row.items()}
    live = user(**{parent: [held]})
    assert merged(labels, live).after is live
    last = list(labels)[-1]
    made = merged(labels | {last: "OTHER"}, live)
    assert len(entries(made.after, parent)) == 2
    assert entries(made.after, parent)[0] == entries(live, parent)[0]
    assert [change.kind for change in made.changes] == [ChangeKind.ADD]


def test_coded_entries_are_found_by_code() -> None:
    """A resource-sharing library is added once; a notice changes its answer in place."""
    live = user(
        rs_library=[{"code": {"value": "MAIN"}}],
        library_notice=[{"code": {"value": "LoanLetter"}, "value": True}],
    )
    row = {
        "rs_library[0].code": "MAIN",
        "library_notice[0].code": "LoanLetter",
        "library_notice[0].value": "false",
    }
    made = merged(row, live)
    assert made.changes == (
        Change(ChangeKind.REPLACE, "library_notice[LoanLetter]", "true", "false"),
    )
    assert merged(row | {"rs_library[0].code": "LAW"}, live).after.rs_library is not None


def test_a_list_that_is_only_added_to() -> None:
    """`on_update: add` takes nobody's place and repeats nothing."""
    add = {E0: OnUpdate.ADD}
    made = merged(email_row("new@example.org"), emails(OLD), lists=add)
    assert [(value, preferred) for _, value, preferred, _ in shown(made)] == [
        ("old@example.org", True),
        ("new@example.org", False),
    ]
    live = emails(OLD)
    assert merged(email_row("OLD@example.org"), live, lists=add).after is live


def test_entries_and_fields_for_new_users_leave_a_known_user_as_is() -> None:
    """`on_update: never` of an entry, and of one field of an entry."""
    note = {"user_note[0].note_text": "Roster load", "user_note[0].note_type": "LIBRARY"}
    live = user(last_name="Doe")
    made = merged({"last_name": "Roe"} | note, live, lists={"user_note[0]": OnUpdate.NEVER})
    assert [change.path for change in made.changes] == ["last_name"]
    parent = "contact_info.phone"
    phone = {f"{parent}[0].phone_number": "701", f"{parent}[0].phone_type": "home"}
    before = merged(phone, live).after
    row = phone | {f"{parent}[0].phone_number": "702", f"{parent}[0].preferred_sms": "true"}
    policies = {f"{parent}[0].preferred_sms": OnUpdate.NEVER}
    made = merged(row, before, policies=policies)
    assert [change.path for change in made.changes] == [f"{parent}[home]"]


def test_replace_all_owns_our_segment_and_counts_removals_first() -> None:
    """Our segment's other entries go, the other segment's stay, and removals are said first."""
    sis = email("sis@example.org", "work", segment_type="External")
    row = {"last_name": "Roe"} | email_row("new@example.org")
    live = emails(LIB, sis, last_name="Doe", **EXTERNAL)
    made = merged(row, live, lists={E0: OnUpdate.REPLACE_ALL})
    assert [value for _, value, *_ in shown(made)] == ["lib@example.org", "new@example.org"]
    path = "contact_info.email[work]"
    assert made.changes[0] == Change(ChangeKind.REMOVE, path, "sis@example.org", "")


def test_replace_all_of_a_row_that_does_not_speak_removes_nothing() -> None:
    """A blank list is empty; a list of which the row does not speak is left alone."""
    live, row = emails(OLD), email_row("", "")
    plan = scheme(list(row), lists={E0: OnUpdate.REPLACE_ALL})
    assert entries(updated(draft(row, plan=plan), live).after, "contact_info.email") == ()
    silent = draft(row, plan=plan, not_applicable=frozenset({f"{E0}.email_address"}))
    assert updated(silent, live).after is live


def test_entries_of_the_run_never_make_a_difference() -> None:
    """A note with today's date is written with another change, not for itself."""
    row = {
        "last_name": "Doe",
        "user_note[0].note_type": "LIBRARY",
        "user_note[0].note_text": "Load of 2026-08-20",
    }
    volatile = frozenset({"user_note[0].note_text"})
    same = user(last_name="Doe")
    assert merged(row, same, volatile=volatile).after is same
    made = merged(row, user(last_name="Roe"), volatile=volatile)
    assert [change.path for change in made.changes] == ["last_name", "user_note[LIBRARY]"]


def test_what_a_row_gives_on_any_day_is_written_for_itself() -> None:
    """An entry is a reason for an update though the day makes another one of the same text."""
    note = {"note_type": "LIBRARY", "note_text": "Roster of 2026-08-20"}
    row = {f"user_note[{at}].{name}": text for at in (0, 1) for name, text in note.items()}
    made = merged(row, user(), volatile=frozenset({"user_note[1].note_text"}))
    assert [change.path for change in made.changes] == ["user_note[LIBRARY]"]


def test_a_column_beside_which_nothing_changes_is_not_written() -> None:
    """A value that is written only beside others is no reason, in a field or as a mark."""
    live = mails("old* new")
    row = draft({"last_name": "Doe", f"{E0}.email_type": "personal",
                 f"{E0}.email_address": "new@example.org", f"{E0}.preferred": "true"})  # fmt: skip
    beside = {"last_name", f"{E0}.preferred"}
    assert updated(row, live, beside=beside).after is live
    for label in beside:
        assert updated(row, live, beside=beside - {label}).changes


def test_an_address_is_compared_without_the_day_of_the_load() -> None:
    """Another street is a change, whatever else of the entry changes with the run."""
    volatile = frozenset({f"{A0}.line5", f"{A0}.start_date"})
    first, later = (
        {"line5": f"Loaded {day}", "start_date": day} for day in ("2026-08-20", "2027-01-10")
    )
    new = merged(home_row("1 Elm", **first), user(), volatile=volatile).after
    assert merged(home_row("1 Elm", **later), new, volatile=volatile).after is new
    moved = merged(home_row("2 Oak", **later), new, volatile=volatile)
    assert {(change.path, change.new) for change in moved.changes} == {
        ("contact_info.address[home]", "2 Oak"),
        ("contact_info.address[home].line5", "Loaded 2027-01-10"),
    }


def test_sticky_fields_are_overridden_only_where_the_mapping_says_so() -> None:
    """`override` names changed sticky fields of External users, lists by Alma's own word."""
    live = user(**EXTERNAL, user_group={"value": "UGRD"}, campus_code={"value": "MAIN"})
    row = {
        "user_group": "GRAD",
        "campus_code": "MAIN",
        "preferred_language": "en",
        "last_name": "Doe",
        "rs_library[0].code": "LAW",
    }
    override = frozenset({"user_group", "campus_code", "last_name", "rs_library[0].code"})
    assert merged(row, live, override=override).override == ("user_group", "rs_libraries")
    internal = user(user_group={"value": "UGRD"})
    assert merged(row, internal, override=override).override == ()
