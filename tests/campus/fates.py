"""Two semesters of a made-up campus, and what is true of each row, decided before any plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import chain

from tests.campus.model import INTERNAL, Record, Row, compact, created, left, renamed, updated

CREATE, UPDATE, SAME = "ready create", "ready update", "ready unchanged"
REVIEW, REJECTED, SKIPPED = "review", "rejected", "skipped"

COMMUNITY, STUDENTS, STAFF = "community", "students", "staff"
SPRING, FALL = "2027-05-31", "2027-12-31"

Users = dict[str, Record]
Change = Callable[[Users], None]
"""Changes the users as the case expects it."""

Edit = Callable[[Record], Record]
"""The fields that a member of the staff changes, from the record as Alma shows it."""


@dataclass(frozen=True)
class Line:
    """A row of the second semester: its roster, its end in the plan, and the answer if it is open.

    `codes`: what holds it.
    """

    roster: str
    row: Row
    end: str
    codes: frozenset[str] = frozenset()
    answer: str = ""


@dataclass
class Case:
    """Some people, and what happens to them.

    `seeds`: users whom Alma has before, as bodies, with the query of the request. `first`: their
    rows in the first semester. `edits`, `deleted`: what staff do then. `change`: the expected
    effect of the second semester. `missing`: who is not there any more.
    """

    kind: str
    first: list[tuple[str, Row]] = field(default_factory=list)
    seeds: list[tuple[str, Record]] = field(default_factory=list)
    edits: list[tuple[str, Edit]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    loans: list[str] = field(default_factory=list)
    second: list[Line] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


_SYLLABLES = [f"{c}{v}" for c in "bdfgklmnprstvz" for v in "aeiou"]


@dataclass
class Campus:
    """A made-up campus: `copies` of each kind of case, the same for the same seed."""

    copies: int
    seed: int
    today: date
    cases: list[Case] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        """Make the cases."""
        self._dice = random.Random(self.seed)  # noqa: S311  reproducible on purpose
        for kind, make in KINDS.items():
            for _ in range(self.copies):
                case = Case(kind)
                make(self, case)
                self.cases.append(case)

    def first(self, roster: str) -> list[Row]:
        """The rows of a roster of the first semester."""
        return [row for case in self.cases for name, row in case.first if name == roster]

    def lines(self, roster: str) -> list[tuple[Case, Line]]:
        """The rows of a roster of the second semester, with their cases."""
        return [(c, line) for c in self.cases for line in c.second if line.roster == roster]

    def person(self, roster: str = COMMUNITY) -> Row:
        """Somebody new; no two have a name, a birth date, an email or an address in common."""
        self._number += 1
        number = self._number
        dice = self._dice
        first = "".join(dice.sample(_SYLLABLES, 3)).capitalize()
        last = "".join(dice.sample(_SYLLABLES, 4)).capitalize()
        id_ = f"2{number:013}" if roster == COMMUNITY else f"{1_000_000 + number}"
        group = {COMMUNITY: "COMM", STUDENTS: "UGRD", STAFF: "STAFF"}[roster]
        outer = roster != COMMUNITY
        return Row(
            id_,
            first,
            last,
            group=group,
            born=f"{date(1930, 1, 1) + timedelta(days=number * 5 % 25_000)}",
            expires=SPRING,
            street=f"{number} Maple St",
            email=f"{first}.{last}{number}@example.org".lower(),
            campus_email=f"u{number}@campus.example.org" if outer else "",
            phone=f"701555{number:04}",
            card=self.card() if outer else "",
            job=f"Job {number}" if roster == STAFF else "",
            pin="" if outer else f"{number:04}",
        )

    def card(self) -> str:
        """A card that nobody has."""
        self._number += 1
        return f"29{self._number:012}"


# what happens


def _create(roster: str, row: Row, *, card: bool = True) -> Change:
    def change(users: Users) -> None:
        users[row.id] = created(roster, row, card=card)

    return change


def _update(
    roster: str, old: Row | None, new: Row, user: str = "", *, edited: tuple[str, ...] = ()
) -> Change:
    """The user, by default the one with the row's ID, gets what differs from the last row."""

    def change(users: Users) -> None:
        key = user or new.id
        users[key] = updated(users[key], roster, old, new, edited=edited)

    return change


def _rename(roster: str, old: Row, new: Row) -> Change:
    def change(users: Users) -> None:
        user = renamed(users.pop(old.id), new.id, keeps=True)
        users[new.id] = updated(user, roster, old, new)

    return change


def _known(
    case: Case, roster: str, old: Row, end: str, edits: tuple[Edit, ...] = (), **news: str
) -> None:
    """Somebody who is in both semesters, with other cells in the second."""
    new = replace(old, **news)
    case.first.append((roster, old))
    case.edits += [(old.id, edit) for edit in edits]
    case.second.append(Line(roster, new, end))
    if end == UPDATE:
        case.changes.append(_update(roster, old, new))


def _leaves(case: Case, campus: Campus, roster: str, row: Row) -> None:
    case.first.append((roster, row))
    _goes(case, campus, row)


def _goes(case: Case, campus: Campus, row: Row) -> None:
    case.missing.append(row.id)

    def change(users: Users) -> None:
        users[row.id] = left(users[row.id], campus.today)

    case.changes.append(change)


def _open(roster: str, row: Row, answer: str, *codes: str, end: str = REVIEW) -> Line:
    return Line(roster, row, end, frozenset(codes), answer)


# edits by staff


def group(code: str) -> Edit:
    """Another user group."""
    return lambda _: {"user_group": {"value": code}}


def extended(_: Record) -> Record:
    """A later expiry date."""
    return {"expiry_date": "2029-01-31Z"}


def pin(_: Record) -> Record:
    """Another PIN."""
    return {"pin_number": "9876"}


def card_is(value: str) -> Edit:
    """A lost card is replaced at the desk."""

    def edit(user: Record) -> Record:
        cards = [
            {**one, "value": value} if one["id_type"]["value"] == "BARCODE" else one
            for one in user["user_identifier"]
        ]
        return {"user_identifier": cards}

    return edit


def cards_inactive(user: Record) -> Record:
    """The card is lost, and not replaced yet."""
    return {"user_identifier": [{**one, "status": "INACTIVE"} for one in user["user_identifier"]]}


def extra_id(value: str) -> Edit:
    """One more ID."""
    card = {"id_type": {"value": "OTHER_ID_1"}, "value": value, "segment_type": INTERNAL}
    return lambda user: {"user_identifier": [*user["user_identifier"], card]}


def note(user: Record) -> Record:
    """A note."""
    one = {"note_type": {"value": "CIRCULATION"}, "note_text": "Asked about a book"}
    return {"user_note": [*user["user_note"], {**one, "segment_type": INTERNAL}]}


def block(user: Record) -> Record:
    """A block."""
    description = {"value": "CONSORTIA", "desc": ""}
    one = {"block_type": {"value": "GENERAL"}, "block_description": description}
    return {"user_block": [{**one, "block_status": "ACTIVE", "segment_type": INTERNAL}]}


def _contact(name: str, entries: list[Record]) -> Edit:
    return lambda user: {"contact_info": {**user["contact_info"], name: entries}}


def moved(user: Record) -> Record:
    """Another street in the address."""
    (one,) = user["contact_info"]["address"]
    return _contact("address", [{**one, "line1": "5 Desk Rd"}])(user)


def second_address(user: Record) -> Record:
    """A second address."""
    (one,) = user["contact_info"]["address"]
    work = {**one, "line1": "1 Office Sq", "address_type": [{"value": "work"}], "preferred": False}
    return _contact("address", [one, {**work, "segment_type": INTERNAL}])(user)


def own_email(user: Record) -> Record:
    """The library's own email, which is preferred."""
    others = [{**one, "preferred": False} for one in user["contact_info"]["email"]]
    own = {
        "email_address": "own@example.org",
        "email_type": [{"value": "personal"}],
        "preferred": True,
        "segment_type": INTERNAL,
    }
    return _contact("email", [*others, own])(user)


def no_phone(user: Record) -> Record:
    """The phone is deleted."""
    return _contact("phone", [])(user)


def shortened(_: Record) -> Record:
    """An earlier expiry date."""
    return {"expiry_date": "2027-01-31Z"}


def corrected_name(user: Record) -> Record:
    """The last name with an accent."""
    return {"last_name": user["last_name"].replace("a", "á").replace("e", "é")}


def corrected_birth_date(user: Record) -> Record:
    """The birth date, a day later."""
    day = date.fromisoformat(user["birth_date"].removesuffix("Z")) + timedelta(days=1)
    return {"birth_date": f"{day}Z"}


def other_phone(user: Record) -> Record:
    """Another number in the same entry."""
    (one,) = user["contact_info"]["phone"]
    return _contact("phone", [{**one, "phone_number": "7015550199"}])(user)


def other_email(user: Record) -> Record:
    """Another personal email in the same entry."""
    emails = [
        {**one, "email_address": "typed.at.desk@example.net"}
        if one["email_type"][0]["value"] == "personal"
        else one
        for one in user["contact_info"]["email"]
    ]
    return _contact("email", emails)(user)


def personal_mark(user: Record) -> Record:
    """The personal email is preferred."""
    emails = [
        {**one, "preferred": one["email_type"][0]["value"] == "personal"}
        for one in user["contact_info"]["email"]
    ]
    return _contact("email", emails)(user)


def no_address(user: Record) -> Record:
    """The address is deleted."""
    return _contact("address", [])(user)


def inactive(_: Record) -> Record:
    """The user is inactive."""
    return {"status": {"value": "INACTIVE"}}


def job_title(_: Record) -> Record:
    """Another job."""
    return {"job_description": "At the desk"}


EDITS: tuple[Edit, ...] = (
    *(extended, shortened, corrected_name, corrected_birth_date, other_phone, other_email),
    *(personal_mark, no_address, no_phone, moved, second_address, own_email, note, block),
    *(inactive, job_title),
)


def role_expired(user: Record) -> Record:
    """The Patron role ended long ago."""
    return {"user_role": [{**one, "expiry_date": "2020-05-31Z"} for one in user["user_role"]]}


# the kinds of people

KINDS: dict[str, Callable[[Campus, Case], None]] = {}


def kind(make: Callable[[Campus, Case], None]) -> Callable[[Campus, Case], None]:
    """Add a kind of case, by its function's name."""
    KINDS[make.__name__.replace("_", " ")] = make
    return make


def _simple(name: str, roster: str, end: str, *edits: Edit, **news: str) -> None:
    """Add a kind of people who are in both semesters."""

    def make(campus: Campus, case: Case) -> None:
        _known(case, roster, campus.person(roster), end, edits, **news)

    KINDS[name] = make


for _roster in (COMMUNITY, STUDENTS, STAFF):
    _simple(f"{_roster}: nothing new", _roster, SAME)
    _simple(f"{_roster}: renewed", _roster, UPDATE, expires=FALL)
    _simple(f"{_roster}: a shorter date", _roster, SAME, expires="2027-01-31")
    _simple(f"{_roster}: moved", _roster, UPDATE, street="9 Elm St")
    _simple(f"{_roster}: a new last name", _roster, UPDATE, last="Newnamovic", expires=FALL)
    _simple(f"{_roster}: another email", _roster, UPDATE, email="other@example.org")
    _simple(f"{_roster}: the group is blank", _roster, UPDATE, group="", expires=FALL)
    _simple(f"{_roster}: the role has ended", _roster, UPDATE, role_expired, expires=FALL)
    for _edit in EDITS:
        _label = f"{_roster}: staff edit {_edit.__name__.replace('_', ' ')}"
        _simple(_label, _roster, SAME, _edit)
        _simple(f"{_label}, and a renewal", _roster, UPDATE, _edit, expires=FALL)
_simple("community: another group", COMMUNITY, UPDATE, group="FRIEND")
_simple("community: staff edit the group", COMMUNITY, SAME, group("FRIEND"))
_simple("community: staff edit the PIN", COMMUNITY, SAME, pin)
_simple("community: staff edit, and the row has news", COMMUNITY, UPDATE, moved, expires=FALL)
_simple("community: the row replaces an edit", COMMUNITY, UPDATE, moved, street="9 Elm St")
_simple("students: another group", STUDENTS, UPDATE, group="GRAD")
_simple("students: a preferred name", STUDENTS, UPDATE, preferred="Kim")
_simple("students: edits and news", STUDENTS, UPDATE, own_email, no_phone, note, street="9 Elm St")
_simple("staff: staff edit the group", STAFF, SAME, group("FACULTY"))


@kind
def overridden_group(campus: Campus, case: Case) -> None:
    """The mapping writes the students' group in any case."""
    row = campus.person(STUDENTS)
    _known(case, STUDENTS, row, UPDATE, (group("FACULTY"),))
    case.changes[:] = [_update(STUDENTS, replace(row, group=""), row)]


@kind
def group_that_alma_keeps(campus: Campus, case: Case) -> None:
    """Alma itself keeps an edited group of an External user although the roster has news."""
    row = campus.person(STAFF)
    _known(case, STAFF, row, UPDATE, (group("UGRD"),), group="FACULTY")
    case.changes[:] = []


@kind
def card_replaced_at_the_desk(campus: Campus, case: Case) -> None:
    """The roster still has the lost card, which stays lost."""
    row = campus.person(STUDENTS)
    _known(case, STUDENTS, row, SAME, (card_is(campus.card()),))


@kind
def card_inactive(campus: Campus, case: Case) -> None:
    """The lost card stays inactive beside the new one of the roster."""
    row = campus.person(STUDENTS)
    _known(case, STUDENTS, row, UPDATE, (cards_inactive,), card=campus.card())


@kind
def new_card(campus: Campus, case: Case) -> None:
    """A new card takes the place of the old one."""
    _known(case, STUDENTS, campus.person(STUDENTS), UPDATE, card=campus.card())


@kind
def two_new_cards(campus: Campus, case: Case) -> None:
    """The desk gave one card, and the roster has another: a person decides."""
    for answer in ("reject", "update"):
        row = campus.person(STUDENTS)
        new = replace(row, card=campus.card())
        case.first.append((STUDENTS, row))
        case.edits.append((row.id, card_is(campus.card())))
        user = f"{answer} {row.id}" if answer == "update" else answer
        case.second.append(_open(STUDENTS, new, user, "card-differs"))
        if answer == "update":
            case.changes.append(_update(STUDENTS, row, new))


@kind
def extra_id_of_staff(campus: Campus, case: Case) -> None:
    """An ID that staff added stays."""
    _known(case, STUDENTS, campus.person(STUDENTS), SAME, (extra_id(campus.card()),))


@kind
def new_patron(campus: Campus, case: Case) -> None:
    """Nobody in Alma is like this."""
    for roster in (COMMUNITY, STUDENTS, STAFF):
        row = campus.person(roster)
        case.second.append(Line(roster, row, CREATE))
        case.changes.append(_create(roster, row))


@kind
def leavers(campus: Campus, case: Case) -> None:
    """Who is in no roster any more leaves, also with loans."""
    for roster in (COMMUNITY, STUDENTS, STAFF):
        _leaves(case, campus, roster, campus.person(roster))
    case.loans.append(case.first[0][1].id)


@kind
def returner(campus: Campus, case: Case) -> None:
    """Somebody whom no load of ours wrote, expired long ago, gets all that the row has."""
    row = replace(campus.person(), expires=FALL)
    before = replace(campus.person(), id=row.id, first=row.first, last=row.last, born=row.born)
    body = {**created(COMMUNITY, before), "expiry_date": "2020-05-31Z"}
    case.seeds.append(("", body))
    case.second.append(Line(COMMUNITY, row, UPDATE))
    case.changes.append(_update(COMMUNITY, None, row))


@kind
def deleted_in_alma(campus: Campus, case: Case) -> None:
    """Who was deleted in Alma is new again."""
    row = campus.person()
    case.first.append((COMMUNITY, row))
    case.deleted.append(row.id)
    case.second.append(Line(COMMUNITY, row, CREATE))
    case.changes.append(_create(COMMUNITY, row))


@kind
def bad_row(campus: Campus, case: Case) -> None:
    """A wrong date and a rounded ID: nothing is sent, and both people are there."""
    for roster, wrong in ((COMMUNITY, {"born": "soon"}), (COMMUNITY, {"id": "2.00012E+13"})):
        row = campus.person(roster)
        case.first.append((roster, row))
        case.second.append(Line(roster, replace(row, **wrong), REJECTED))


@kind
def typed_twice(campus: Campus, case: Case) -> None:
    """The same row twice: the first counts. Two different rows: neither is sent."""
    row = campus.person()
    new = replace(row, expires=FALL)
    case.first.append((COMMUNITY, row))
    case.second += [Line(COMMUNITY, new, UPDATE), Line(COMMUNITY, new, SKIPPED)]
    case.changes.append(_update(COMMUNITY, row, new))
    other = campus.person()
    case.first.append((COMMUNITY, other))
    case.second += [
        Line(COMMUNITY, other, REVIEW, frozenset({"duplicate-id"})),
        Line(COMMUNITY, replace(other, street="1 New St"), REVIEW),
    ]


@kind
def new_barcode(campus: Campus, case: Case) -> None:
    """A patron with a new card is a possible match, and keeps the old one as inactive."""
    row = campus.person()
    new = replace(row, id=f"2{int(row.id) % 10**12 + 5 * 10**12:013}", expires=FALL)
    case.first.append((COMMUNITY, row))
    case.edits += [(row.id, edit) for edit in (other_phone, own_email, note)]
    case.second.append(_open(COMMUNITY, new, f"rename {row.id}", "possible-match-in-alma"))
    case.changes.append(_rename(COMMUNITY, row, new))


@kind
def new_id_and_card(campus: Campus, case: Case) -> None:
    """A student whose EMPL ID and card are both new is a possible match."""
    row = campus.person(STUDENTS)
    new = replace(row, id=campus.person(STUDENTS).id, card=campus.card())
    case.first.append((STUDENTS, row))
    case.edits.append((row.id, no_phone))
    case.second.append(_open(STUDENTS, new, f"rename {row.id}", "possible-match-in-alma"))
    case.changes.append(_rename(STUDENTS, row, new))


@kind
def new_barcode_at_the_desk(campus: Campus, case: Case) -> None:
    """Staff gave a new barcode as primary ID; the roster's old one is found, and stays inactive."""
    row, new = campus.person(), campus.person().id
    old = {"id_type": {"value": "BARCODE"}, "value": row.id, "status": "INACTIVE"}
    case.first.append((COMMUNITY, row))
    case.edits.append((row.id, lambda _: {"primary_id": new, "user_identifier": [old]}))
    renewed = replace(row, expires=FALL)
    case.second.append(_open(COMMUNITY, renewed, f"update {new}", "primary-id-differs"))
    case.changes.append(_update(COMMUNITY, row, renewed, new))


@kind
def another_identity(campus: Campus, case: Case) -> None:
    """Another name and birth date under an ID: a person says that it is the same user."""
    row, other = campus.person(), campus.person()
    new = replace(row, first=other.first, last=other.last, born=other.born)
    case.first.append((COMMUNITY, row))
    case.edits.append((row.id, moved))
    case.second.append(_open(COMMUNITY, new, f"update {row.id}", "another-person"))
    case.changes.append(_update(COMMUNITY, row, new))


@kind
def swapped_barcodes(campus: Campus, case: Case) -> None:
    """Two patrons with each other's barcode: each keeps the own one."""
    one, two = campus.person(), campus.person()
    for mine, wrong in ((one, two), (two, one)):
        new = replace(mine, id=wrong.id, expires=FALL)
        case.first.append((COMMUNITY, mine))
        case.edits.append((mine.id, other_phone))
        codes = ("another-person", "possible-match-in-alma")
        case.second.append(_open(COMMUNITY, new, f"update {mine.id}", *codes))
        case.changes.append(_update(COMMUNITY, mine, new, mine.id))


@kind
def student_becomes_staff(campus: Campus, case: Case) -> None:
    """Who changes from one roster to the other is not missing, and has the group of the other."""
    row = campus.person(STUDENTS)
    new = replace(row, group="STAFF", job="Clerk", expires=FALL)
    case.first.append((STUDENTS, row))
    case.second.append(Line(STAFF, new, UPDATE))
    case.changes.append(_update(STAFF, row, new))


@kind
def changed_empl_id(campus: Campus, case: Case) -> None:
    """The same person and card under another EMPL ID: a person says which of the two is right."""
    for answer in ("rename", "update"):
        row = campus.person(STUDENTS)
        new = replace(row, id=campus.person(STUDENTS).id, expires=FALL)
        case.first.append((STUDENTS, row))
        case.second.append(_open(STUDENTS, new, f"{answer} {row.id}", "known-by-another-id"))
        if answer == "rename":
            case.changes.append(_rename(STUDENTS, row, new))
        else:
            case.changes.append(_update(STUDENTS, row, new, row.id))


@kind
def swapped_empl_ids(campus: Campus, case: Case) -> None:
    """Two rows with each other's EMPL ID are two other people; each keeps the own ID."""
    one, two = campus.person(STUDENTS), campus.person(STUDENTS)
    for mine, wrong in ((one, two), (two, one)):
        new = replace(mine, id=wrong.id, expires=FALL)
        case.first.append((STUDENTS, mine))
        codes = ("another-person", "known-by-another-id")
        case.second.append(_open(STUDENTS, new, f"update {mine.id}", *codes))
        case.changes.append(_update(STUDENTS, mine, new, mine.id))


@kind
def no_empl_id(campus: Campus, case: Case) -> None:
    """A row without an EMPL ID is rejected, and its person is there."""
    row = campus.person(STUDENTS)
    case.first.append((STUDENTS, row))
    case.second.append(Line(STUDENTS, replace(row, id=""), REJECTED))


@kind
def barcode_of_another(campus: Campus, case: Case) -> None:
    """A mistyped barcode that hits somebody else, who is in no row: nobody leaves, nobody mixes."""
    one, two = campus.person(), campus.person()
    new = replace(one, id=two.id, expires=FALL)
    case.first += [(COMMUNITY, one), (COMMUNITY, two)]
    codes = ("another-person", "possible-match-in-alma")
    case.second.append(_open(COMMUNITY, new, f"update {one.id}", *codes))
    case.changes.append(_update(COMMUNITY, one, new, one.id))


@kind
def barcode_of_another_row(campus: Campus, case: Case) -> None:
    """A mistyped barcode that hits somebody who has a row, too: neither row is sent."""
    one, two = campus.person(), campus.person()
    case.first += [(COMMUNITY, one), (COMMUNITY, two)]
    for row in (replace(one, id=two.id), two):
        case.second.append(Line(COMMUNITY, row, REVIEW, frozenset({"duplicate-id"})))


def _card_case(campus: Campus, case: Case, owner: Row, row: Row, code: str, *, known: bool) -> None:
    """A student's row has the card of somebody else, who is there because of that."""
    mistyped = replace(row, card=owner.card)
    case.first.append((STUDENTS, owner))
    if known:
        case.first.append((STUDENTS, row))
        new = replace(mistyped, expires=FALL)
        case.second.append(_open(STUDENTS, new, f"update {row.id}", code))
        case.changes.append(_update(STUDENTS, row, replace(new, card=row.card)))
    else:
        case.second.append(_open(STUDENTS, mistyped, "create", code))
        case.changes.append(_create(STUDENTS, mistyped, card=False))


_TAKEN, _TWO, _NEW = "identifier-taken", "two-users-one-person", "identifier-of-another-person"


@kind
def card_of_another(campus: Campus, case: Case) -> None:
    """The card of a stranger."""
    for known, code in ((True, _TAKEN), (False, _NEW)):
        owner, row = campus.person(STUDENTS), campus.person(STUDENTS)
        _card_case(campus, case, owner, row, code, known=known)


@kind
def card_of_a_parent(campus: Campus, case: Case) -> None:
    """The card of a parent, who shares the last name, the address and the phone."""
    for known, code in ((True, _TAKEN), (False, _NEW)):
        owner, child = campus.person(STUDENTS), campus.person(STUDENTS)
        child = replace(child, last=owner.last, street=owner.street, phone=owner.phone)
        _card_case(campus, case, owner, child, code, known=known)


@kind
def card_of_a_father_of_one_name(campus: Campus, case: Case) -> None:
    """Father and child of one name and phone: only the birth date differs."""
    owner, child = campus.person(STUDENTS), campus.person(STUDENTS)
    child = replace(child, first=owner.first, last=owner.last, phone=owner.phone)
    _card_case(campus, case, owner, child, _TWO, known=True)


@kind
def card_of_a_namesake(campus: Campus, case: Case) -> None:
    """The card of a namesake, without birth dates to compare."""
    owner, row = campus.person(STUDENTS), campus.person(STUDENTS)
    owner = replace(owner, born="")
    row = replace(row, first=owner.first, last=owner.last, born="")
    _card_case(campus, case, owner, row, _TWO, known=True)


@kind
def card_of_another_row(campus: Campus, case: Case) -> None:
    """One card in two rows: neither is sent, and both people are there."""
    one, two = campus.person(STUDENTS), campus.person(STUDENTS)
    case.first += [(STUDENTS, one), (STUDENTS, two)]
    for row in (replace(one, card=two.card), two):
        case.second.append(Line(STUDENTS, row, REJECTED))


@kind
def recycled_card(campus: Campus, case: Case) -> None:
    """The card of somebody who left, given to a new student: the row counts for both."""
    owner, row = campus.person(STUDENTS), campus.person(STUDENTS)
    row = replace(row, card=owner.card)
    case.first.append((STUDENTS, owner))
    case.second.append(_open(STUDENTS, row, "create", _NEW))
    case.changes.append(_create(STUDENTS, row, card=False))


@kind
def child_of_one_name(campus: Campus, case: Case) -> None:
    """A new patron with the name and address of a parent is a possible match; another person."""
    parent = campus.person()
    child = replace(campus.person(), first=parent.first, last=parent.last, street=parent.street)
    _known(case, COMMUNITY, parent, SAME)
    case.second.append(_open(COMMUNITY, child, "create", "possible-match-in-alma"))
    case.changes.append(_create(COMMUNITY, child))


@kind
def twins_and_homonyms(campus: Campus, case: Case) -> None:
    """Twins, and a namesake born on another day, are created without a question."""
    twin, known = campus.person(), campus.person()
    other = replace(campus.person(), last=twin.last, born=twin.born, street=twin.street)
    namesake = replace(campus.person(), first=known.first, last=known.last)
    _known(case, COMMUNITY, known, SAME)
    for row in (twin, other, namesake):
        case.second.append(Line(COMMUNITY, row, CREATE))
        case.changes.append(_create(COMMUNITY, row))


@kind
def namesake_left(campus: Campus, case: Case) -> None:
    """A namesake with the own birth date does not keep somebody who left."""
    for at_home in (False, True):
        leaver = campus.person()
        namesake = replace(campus.person(), first=leaver.first, last=leaver.last)
        if at_home:
            namesake = replace(namesake, street=leaver.street, phone=leaver.phone)
        _known(case, COMMUNITY, namesake, SAME)
        _leaves(case, campus, COMMUNITY, leaver)


@kind
def both_student_and_staff(campus: Campus, case: Case) -> None:
    """Somebody in two rosters: the row whose group weighs more counts."""
    row = campus.person(STUDENTS)
    new = replace(row, group="STAFF", expires=FALL)
    case.first.append((STUDENTS, row))
    case.second += [Line(STUDENTS, row, SKIPPED), Line(STAFF, new, UPDATE)]
    case.changes.append(_update(STAFF, row, new))


@kind
def community_becomes_student(campus: Campus, case: Case) -> None:
    """A patron enrolls: renamed and External, with the old barcode inactive."""
    row = campus.person()
    new = replace(row, id=campus.person(STUDENTS).id, group="UGRD", expires=FALL, pin="")
    new = replace(new, campus_email=f"n{new.id}@campus.example.org", card=campus.card())
    case.first.append((COMMUNITY, row))
    case.second.append(_open(STUDENTS, new, f"rename {row.id}", "possible-match-in-alma"))

    def change(users: Users) -> None:
        user = users.pop(row.id)
        old = {"id_type": "BARCODE", "status": "INACTIVE", "value": row.id}
        fresh = created(STUDENTS, new)
        ids = [*fresh["user_identifier"], {**old, "segment_type": INTERNAL}]
        keeps = {"user_note": user["user_note"], "pin_number": user["pin_number"]}
        users[new.id] = compact({**fresh, **keeps, "user_identifier": ids})

    case.changes.append(change)


@kind
def managed_elsewhere(campus: Campus, case: Case) -> None:
    """Copies, contacts, deleted users and those of another system: shown, and never touched.

    They are neither missing nor a possible match.
    """
    kinds: list[tuple[str, Record]] = [
        ("source_institution_code=01OTHER_INST&source_user_id=7", {}),
        ("", {"status": "DELETED"}),
        ("", {"account_type": "EXTERNAL", "external_id": "NZ"}),
    ]
    for query, how in kinds:
        absent, row, namesake = campus.person(), campus.person(), campus.person()
        for one in (absent, row):
            body = {**created(COMMUNITY, one), **how}
            case.seeds.append((query.replace("id=7", f"id={one.id}"), body))
        case.second.append(_open(COMMUNITY, row, "reject", "managed-elsewhere"))
        new = replace(namesake, first=absent.first, last=absent.last, born=absent.born)
        case.second.append(Line(COMMUNITY, new, CREATE))
        case.changes.append(_create(COMMUNITY, new))


def expected(campus: Campus, users: Users) -> Users:
    """The users after the second semester."""
    after = dict(users)
    for change in chain.from_iterable(case.changes for case in campus.cases):
        change(after)
    return after


def open_lines(campus: Campus, roster: str) -> Iterator[tuple[int, Line]]:
    """The place among the rows, and the line, of each row that a person answers."""
    for place, (_, line) in enumerate(campus.lines(roster)):
        if line.answer:
            yield place, line
