"""Generated live users and rows: small alphabets, so that they meet often."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hypothesis import strategies as st

from importer.model.candidates import RecordLayout
from importer.model.fields import FIELDS, JOINED, TYPE_FIELD, OnUpdate
from importer.model.problem import Origin
from importer.model.user import AccountType, User
from importer.planner.drafts import DraftUser
from tests.planner.people import scheme

SEGMENTS = st.sampled_from(["Internal", "External", None])
KINDS = {
    "contact_info.address": ["home", "work"],
    "contact_info.email": ["personal", "work"],
    "contact_info.phone": ["home", "mobile"],
    "user_identifier": ["BARCODE", "UNIV_ID"],
    "user_note": ["LIBRARY", "POPUP"],
    "user_block": ["GENERAL"],
    "user_statistic": ["COMMUNITY", "FRIEND"],
    "proxy_for_user": ["RESEARCH"],
    "rs_library": ["MAIN", "LAW"],
    "library_notice": ["LoanLetter", "DueLetter"],
}
VALUES: Mapping[str, Mapping[str, list[str]]] = {
    "contact_info.address": {
        "line1": ["1 Main St", "2 Oak Ave"],
        "line2": ["", "Apt 4"],
        "city": ["", "Brookings", "Sioux Falls"],
        "address_note": ["", "ring twice"],
        "preferred": ["", "true", "false"],
        "segment_type": ["", "Internal"],
    },
    "contact_info.email": {
        "email_address": ["a@example.org", "A@example.org", "b@example.org", "c@example.org"],
        "description": ["", "office"],
        "preferred": ["", "true"],
    },
    "contact_info.phone": {
        "phone_number": ["605-555-0101", "(605) 555-0101", "605-555-0102"],
        "preferred_sms": ["", "true"],
    },
    "user_identifier": {"value": ["111", "222", "A3", "a3"], "note": ["", "old card"]},
    "user_note": {"note_text": ["hello", "bye"], "popup_note": ["", "true"]},
    "user_block": {"block_description": ["02-GLOBAL", "06-LOCAL"], "block_note": ["", "why"]},
    "user_statistic": {"statistic_note": ["", "why"]},
    "proxy_for_user": {"primary_id": ["B7", "b7", "C8"]},
    "rs_library": {},
    "library_notice": {"value": ["true", "false"]},
}
SCALARS: Mapping[str, list[str]] = {
    "first_name": ["Ann", "Bo"],
    "last_name": ["Doe", "O'Neil"],
    "user_group": ["COMM", "STAFF"],
    "campus_code": ["MAIN", "EAST"],
    "pin_number": ["1234", "4321"],
    "birth_date": ["1990-03-01", "2001-12-31"],
    "expiry_date": ["2027-05-15", "2026-05-15"],
    "user_title": ["MR", "Mr", "MS"],
}
CODED = {"user_group", "campus_code", "user_title"}
DATES = {"birth_date", "expiry_date"}


def _coded(code: str) -> dict[str, str]:
    return {"value": code, "desc": f"the {code}"}


def _live_scalar(name: str) -> st.SearchStrategy[object]:
    if name in CODED:
        return st.sampled_from([_coded(value) for value in ("", *SCALARS[name])])
    if name in DATES:
        return st.sampled_from([f"{value}Z" for value in SCALARS[name]])
    return st.sampled_from(["", *SCALARS[name]])


@st.composite
def _live_entry(draw: st.DrawFn, parent: str) -> dict[str, object]:
    kind_field, kinds = TYPE_FIELD[parent], KINDS[parent]
    held: dict[str, object] = {}
    for name, values in VALUES[parent].items():
        value = draw(st.sampled_from(values))
        flag = {"true": True, "false": False}.get(value)
        coded = name == "block_description"
        held[name] = _coded(value) if coded else value if flag is None else flag
    if parent.startswith("contact_info."):
        chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True))
        held[kind_field] = [_coded(kind) for kind in chosen]
        held["preferred"] = draw(st.booleans())
        if parent == "contact_info.phone":
            held["preferred_sms"] = draw(st.booleans())
        if parent == "contact_info.address":
            held["start_date"] = "2017-04-01Z"
    else:
        kind = draw(st.sampled_from(kinds))
        held[kind_field] = kind if parent == "proxy_for_user" else _coded(kind)
    if parent.startswith("user_note"):
        held["popup_note"] = draw(st.booleans())
        held["created_by"] = "staff"
    if parent not in {"proxy_for_user", "rs_library", "library_notice"}:
        held["segment_type"] = draw(SEGMENTS)
    return held | draw(st.sampled_from([{}, {"unknown": "x"}]))


@st.composite
def live_users(
    draw: st.DrawFn, account: AccountType, parents: Collection[str] = tuple(KINDS)
) -> User:
    """A user as Alma answers it, with fields that we do not know among them."""
    held: dict[str, object] = {
        "primary_id": "21234",
        "record_type": _coded("PUBLIC"),
        "account_type": _coded(account.value),
        "full_name": "Ann Doe",
        "password": "",
        "status_date": "2020-01-01Z",
        "user_role": [{"role_type": _coded("200"), "scope": _coded("INST"), "parameter": []}],
        "researcher": {"orcid": "0"},
    }
    if account is AccountType.EXTERNAL:
        held["external_id"] = "SIS"
    for name in SCALARS:
        if draw(st.booleans()):
            held[name] = draw(_live_scalar(name))
    contact: dict[str, object] = {"later": 1}
    for parent in parents:
        if draw(st.integers(0, 3)):
            entries = draw(st.lists(_live_entry(parent), max_size=3))
            prefix, _, name = parent.rpartition(".")
            (contact if prefix else held)[name] = entries
    if draw(st.booleans()):
        held["contact_info"] = contact
    return User.model_validate(held)


LISTED = st.lists(st.sampled_from(list(KINDS)), max_size=3, unique=True)
LIST_POLICIES = (OnUpdate.REPLACE, OnUpdate.REPLACE, OnUpdate.ADD)
EVERY_LIST_POLICY = (*LIST_POLICIES, OnUpdate.REPLACE_ALL)


@st.composite
def drafts(
    draw: st.DrawFn,
    account: AccountType,
    parents: Collection[str] = tuple(KINDS),
    *,
    lists: tuple[OnUpdate, ...] = EVERY_LIST_POLICY,
    scalars: tuple[OnUpdate, ...] = (
        *(OnUpdate.REPLACE, OnUpdate.KEEP, OnUpdate.ERASE),
        *(OnUpdate.LATER, OnUpdate.NEVER),
    ),
    volatile: bool = True,
) -> DraftUser:
    """One row under a scheme with any policies; an entry that it lacks is blank throughout."""
    values = {"primary_id": "21234"}
    policies: dict[str, OnUpdate] = {}
    list_policies: dict[str, OnUpdate] = {}
    passing: set[str] = set()
    for name, known in SCALARS.items():
        if draw(st.booleans()):
            values[name] = draw(st.sampled_from(["", *known]))
            policies[name] = draw(st.sampled_from(scalars))
    for parent in parents:
        kinds = KINDS[parent]
        choice = (
            (OnUpdate.REPLACE_ALL,)
            if OnUpdate.REPLACE_ALL in lists and draw(st.integers(0, 3)) == 0
            else lists
        )
        for number in range(draw(st.integers(0, 3))):
            entry = f"{parent}[{number}]"
            there = draw(st.integers(0, 3)) > 0
            held = {name: draw(st.sampled_from(known)) for name, known in VALUES[parent].items()}
            if (kind := FIELDS.get(f"{parent}.{TYPE_FIELD[parent]}")) is not None:
                both = [JOINED.join(kinds)] if kind.several else []
                held[kind.name] = draw(st.sampled_from([*kinds, *both]))
            for name, value in held.items():
                values[f"{entry}.{name}"] = value if there else ""
            list_policies[entry] = draw(st.sampled_from(choice))
            if volatile and draw(st.integers(0, 5)) == 0:
                passing.add(f"{entry}.{draw(st.sampled_from(sorted(held)))}")
    silent = frozenset(
        label for label in values if label != "primary_id" and draw(st.integers(0, 9)) == 0
    )
    plan: RecordLayout = scheme(
        list(values), account, policies=policies, lists=list_policies, volatile=frozenset(passing)
    )
    spoken = {label: value for label, value in values.items() if label not in silent}
    cells = tuple(values.values())
    return DraftUser(2, Origin("autumn.csv", "", 2), plan, spoken, cells, silent, ())


@st.composite
def pairs(
    draw: st.DrawFn, *, lists: tuple[OnUpdate, ...] = EVERY_LIST_POLICY
) -> tuple[DraftUser, User]:
    """A row and the user that it matches, of the same account type."""
    account = draw(st.sampled_from(AccountType))
    parents = draw(LISTED)
    mapped = [parent for parent in parents if draw(st.integers(0, 3))]
    return draw(drafts(account, mapped, lists=lists)), draw(live_users(account, parents))
