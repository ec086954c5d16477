"""Staff's edits over any history of rosters, mappings, days, edits and loads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from random import Random

import pytest

from importer.model.candidates import RecordLayout, Removal
from importer.model.fields import text
from importer.model.plan import Image, Imprint, UserMemory
from importer.model.problem import Origin
from importer.model.user import AccountType, ContactInfo, Email, User
from importer.planner.case import EarlierLoads, nothing_earlier
from importer.planner.drafts import DraftUser
from importer.planner.entries import current, entries
from importer.planner.imprints import NO_MEMORY, keyed, with_reply
from importer.planner.leavers import Leavers
from importer.planner.staff_edits import ComparedRow, compare_with_loads
from tests.planner.people import case, draft, email, identifier, scheme, updated, user

HASHED = keyed(b"a key of tests")
TODAY = date(2026, 8, 20)
EARLIER = replace(nothing_earlier(TODAY), hashed=HASHED)

GROUP, EXPIRY = "user_group", "expiry_date"
EMAIL, EMAIL_TYPE = "contact_info.email[0].email_address", "contact_info.email[0].email_type"
MARK = "contact_info.email[0].preferred"
EMAIL_2, EMAIL_2_TYPE = "contact_info.email[1].email_address", "contact_info.email[1].email_type"
CARD, CARD_TYPE = "user_identifier[0].value", "user_identifier[0].id_type"
LABELS = [GROUP, EXPIRY, EMAIL, EMAIL_TYPE, MARK, EMAIL_2, EMAIL_2_TYPE, CARD, CARD_TYPE]
CHOICES = {
    GROUP: ["COMM", "STAFF", "GRAD", ""],
    EXPIRY: ["2027-05-15", "2027-12-31", "2028-05-15", ""],
    EMAIL: ["a@example.org", "b@example.org", "c@example.org", ""],
    EMAIL_2: ["", "b@example.org", "e@example.org", "f@example.org"],
    CARD: ["2900001", "2900002", "2900003"],
}


@dataclass
class Roster:
    """One roster of a person: its cells, and its mapping's rule for the group and the expiry."""

    name: str
    cells: dict[str, str]
    rules: dict[str, str] = field(default_factory=dict)
    by_day: bool = False
    span: int = 365
    email_type: str = "personal"
    email_2_type: str = "personal"
    card_type: str = "BARCODE"

    @property
    def card(self) -> str:
        """The ID of its list: none is there under two types."""
        return f"{'' if self.card_type == 'BARCODE' else 'I'}{self.cells[CARD]}"

    def row(self, today: date) -> DraftUser:
        """The row as it is mapped on a day: a changed rule gives another group."""
        values = {
            **self.cells,
            EMAIL_TYPE: self.email_type,
            MARK: "true",
            EMAIL_2_TYPE: self.email_2_type,
            CARD: self.card,
            CARD_TYPE: self.card_type,
        }
        if rule := self.rules.get(GROUP):
            values[GROUP] = rule
        if self.by_day:
            values[EXPIRY] = (today + timedelta(days=self.span)).isoformat()
        plan = _plan(tuple(sorted(self.rules.items())), by_day=self.by_day)
        cells = tuple(values[label] for label in LABELS)
        return DraftUser(2, Origin("autumn.csv", "", 2), plan, values, cells, frozenset(), ())


@cache
def _plan(rules: tuple[tuple[str, str], ...], *, by_day: bool) -> RecordLayout:
    unread = frozenset({EXPIRY} if by_day else ())
    return scheme(LABELS, AccountType.INTERNAL, rules=dict(rules), unread=unread)


@dataclass
class Alma:
    """One user of Alma, whom loads and staff change, and what loads remember of it."""

    live: User
    memory: dict[str, dict[str, Imprint]] = field(default_factory=dict)
    """By roster, the newest load first."""
    overwrites: frozenset[str] = frozenset()

    def reviewed(self, roster: Roster, today: date) -> ComparedRow:
        """Compare a roster's row with what was left."""
        others = tuple(seen for name, seen in self.memory.items() if name != roster.name)
        known = UserMemory(self.memory.get(roster.name), others)
        earlier = EarlierLoads(
            lambda _draft, _live: known, HASHED, today, "", self.overwrites, None
        )
        return compare_with_loads(case(roster.row(today), earlier), self.live, known, rename=False)

    def after(self, reviewed: ComparedRow) -> User:
        """What the user would be after the load."""
        return updated(reviewed.draft, self.live, reviewed.lines, reviewed.beside).after

    def load(self, roster: Roster, today: date, *, answered_so: bool = False) -> ComparedRow:
        """Plan and apply a roster; a card that needs an answer is loaded with `answered_so`."""
        reviewed = self.reviewed(roster, today)
        if reviewed.asks and not answered_so:
            return reviewed
        before, self.live = self.live, self.after(reviewed)
        old = self.memory.pop(roster.name, {})
        new = with_reply(reviewed.imprints, before, self.live, HASHED)
        kept = {key: one for key, one in {**old, **new}.items() if one.made}
        self.memory = {roster.name: kept, **self.memory}
        return reviewed

    def edit(self, **fields: object) -> None:
        """Change fields as staff do."""
        self.live = User.model_validate(self.live.model_dump() | fields)


def person(**cells: str) -> Roster:
    """A roster of one person."""
    first = {label: known[0] for label, known in CHOICES.items()}
    return Roster("autumn", {**first, **{_LABEL[name]: text for name, text in cells.items()}})


_LABEL = {"group": GROUP, "expiry": EXPIRY, "email": EMAIL, "email_2": EMAIL_2, "card": CARD}


def emails(*parts: dict[str, object]) -> dict[str, object]:
    """Contact data with these emails only."""
    return {"email": list(parts)}


def loaded(roster: Roster) -> Alma:
    """A user of Alma after one load of a roster."""
    alma = Alma(user())
    alma.load(roster, TODAY)
    return alma


def _emails(live: User) -> tuple[Email, ...]:
    return (live.contact_info or ContactInfo()).email or ()


def preferred(alma: Alma) -> list[str]:
    """The preferred email addresses."""
    return [text(one.email_address) for one in _emails(alma.live) if one.preferred]


def addresses(live: User) -> list[str]:
    """All email addresses."""
    return [text(one.email_address) for one in _emails(live)]


def group_of(alma: Alma) -> str:
    """The user group that Alma has."""
    return current(alma.live, "user_group")


LATER = TODAY + timedelta(days=150)


def test_a_lost_card_does_not_come_back() -> None:
    """Staff replaced the card; the unchanged roster changes nothing and reports it once."""
    roster = person()
    alma = loaded(roster)
    alma.edit(user_identifier=[identifier("BARCODE", "2999999")])
    before = alma.live
    first, second = (alma.load(roster, LATER + timedelta(days=n)) for n in (0, 1))
    assert alma.live == before
    assert [(one.label, one.shown, one.again) for one in first.edits] == [(CARD, "2999999", False)]
    assert [one.again for one in second.edits] == [True]


def test_a_new_card_in_the_roster_beside_a_card_of_staff_is_a_question() -> None:
    """The roster has another card than last time, and so has Alma: a person decides."""
    alma = loaded(person())
    alma.edit(user_identifier=[identifier("BARCODE", "2999999")])
    reviewed = alma.load(person(card="2900002"), LATER)
    assert [one.label for one in reviewed.asks] == [CARD]
    alma.edit(user_identifier=[])  # a lost card is deleted: there is nothing to choose
    reviewed = alma.load(person(card="2900002"), LATER)
    assert [one.replaced for one in reviewed.edits] == [True]
    assert current(entries(alma.live, "user_identifier")[0], "value") == "2900002"


@pytest.mark.parametrize("blanks", [1, 3])
def test_what_alma_has_when_a_blank_cell_gets_a_value_is_an_edit(blanks: int) -> None:
    """A field is written and reported, an ID is asked about, an entry is added beside it."""
    alma = Alma(user())
    for day in range(blanks):
        alma.load(person(group="", email_2="", card=""), TODAY + timedelta(days=day))
    own = email("own@example.org", preferred=False)
    kept = [one.model_dump() for one in _emails(alma.live)]
    alma.edit(user_group={"value": "DESK"}, contact_info=emails(*kept, own))
    reviewed = alma.load(person(email_2="e@example.org", card=""), LATER)
    assert [(one.label, one.shown, one.replaced) for one in reviewed.edits] == [
        (GROUP, "DESK", True)
    ]
    assert group_of(alma) == "COMM"
    assert {*addresses(alma.live)} == {"a@example.org", "own@example.org", "e@example.org"}
    again = alma.live
    assert not alma.load(person(email_2="e@example.org", card=""), LATER).edits
    assert alma.live == again
    alma.edit(user_identifier=[identifier("BARCODE", "2999999")])
    reviewed = alma.load(person(email_2="e@example.org"), LATER)
    assert [one.label for one in reviewed.asks] == [CARD]


def test_ours_is_what_this_roster_wrote_last_however_many_blanks_ago() -> None:
    """A blank changes nothing in memory: a new value replaces it without a word."""
    alma = loaded(person())
    for day in range(3):
        alma.load(person(group="", expiry="", email_2=""), TODAY + timedelta(days=day))
    reviewed = alma.load(person(group="GRAD", expiry="2028-05-15"), LATER)
    assert (reviewed.edits, group_of(alma)) == ((), "GRAD")
    alma.load(person(group=""), LATER)
    alma.edit(user_group={"value": "DESK"})
    reviewed = alma.load(person(group="STAFF", expiry="2028-05-15"), LATER)
    assert [one.replaced for one in reviewed.edits] == [True]


def test_a_mark_of_staff_stays_when_a_blank_cell_gets_a_value() -> None:
    """The roster's address is added beside it; a mark at an entry of ours moves."""
    alma = Alma(user())
    alma.load(person(email=""), TODAY)
    alma.edit(contact_info=emails(email("own@example.org", preferred=True)))
    for _ in range(2):
        alma.load(person(), LATER)
        assert (preferred(alma), len(addresses(alma.live))) == (["own@example.org"], 2)


def test_an_sis_load_knows_no_value_that_a_leaving_changed() -> None:
    """It takes nothing back, so the roster's value is written; of others all is remembered."""
    before, sent = user(expiry_date="2027-05-15Z"), user(expiry_date="2026-08-20Z")
    leavers = Leavers({"21234": Image(before, sent, sent)})
    autumn = loaded(person()).memory["autumn"]
    known = UserMemory(autumn, (autumn,))
    now = leavers.forgotten(sent, known)
    assert [{*autumn} - {*left} for left in (now.own or {}, *now.others)] == [{EXPIRY}] * 2
    assert leavers.forgotten(user(primary_id="999"), known) == known


def test_an_id_of_another_roster_does_not_hide_that_staff_replaced_the_card() -> None:
    """The other roster's ID is of another type, and still there; also after a new mapping name."""
    card, other = identifier("BARCODE", "2999999"), identifier("INST_ID", "I77")
    for name in ("autumn", "spring"):
        alma = loaded(person())
        alma.load(Roster("staff", {**person().cells, CARD: "77"}, card_type="INST_ID"), TODAY)
        alma.edit(user_identifier=[card, other])
        reviewed = alma.load(replace(person(), name=name), LATER)
        assert alma.live.user_identifier == User(user_identifier=(card, other)).user_identifier
        assert [one.label for one in reviewed.edits] == [CARD]
        reviewed = alma.load(replace(person(card="2900002"), name=name), LATER)
        assert [one.label for one in reviewed.asks] == [CARD]


def test_a_load_that_kept_the_card_of_another_roster_remembers_its_own() -> None:
    """So the card with which staff replaced the other roster's is not taken for ours."""
    autumn, clubs = person(), replace(person(card="2900003"), name="clubs")
    alma = loaded(autumn)
    for roster in (replace(person(), name="clubs"), clubs, autumn):
        alma.load(roster, TODAY)
    alma.edit(user_identifier=[identifier("BARCODE", "2999999")])
    assert alma.load(person(card="2900002"), LATER).asks


def test_a_card_that_an_answer_wrote_is_ours() -> None:
    """After the answer that the roster's card is right, its next new card replaces it."""
    alma = loaded(person())
    alma.edit(user_identifier=[identifier("BARCODE", "2999999")])
    alma.load(person(card="2900002"), LATER, answered_so=True)
    assert not alma.load(person(card="2900003"), LATER + timedelta(days=1)).asks
    assert _cards(alma.live, "BARCODE") == {"2900003"}


def test_a_later_date_that_the_changed_rule_wrote_is_ours() -> None:
    """It replaced the shorter one of staff, so it moves with the day as any other date of ours."""
    roster = person()
    alma = loaded(roster)
    alma.edit(expiry_date="2026-10-01")
    roster.by_day, roster.rules[EXPIRY] = True, "a year from the day"
    alma.load(roster, TODAY)
    reviewed = alma.load(roster, TODAY + timedelta(days=60))
    assert alma.live.expiry_date == TODAY + timedelta(days=425)
    assert not reviewed.edits


def test_a_mark_that_staff_moved_stays_also_when_the_roster_has_news() -> None:
    """It is an edit at each later load, and the roster's new email does not take the mark."""
    alma = loaded(person())
    own = email("own@example.org", "work", preferred=True)
    alma.edit(contact_info=emails(email("a@example.org", preferred=False), own))
    for address, days in (("a@example.org", 0), ("b@example.org", 1), ("c@example.org", 2)):
        reviewed = alma.load(person(email=address), LATER + timedelta(days=days))
        assert MARK in {one.label for one in reviewed.edits}
        assert preferred(alma) == ["own@example.org"]
        assert address in {one.email_address for one in _emails(alma.live)}


def test_of_one_address_under_two_types_the_deleted_one_is_reported() -> None:
    """The load wrote it as personal and as work; staff deleted the latter."""
    personal, work = person(), replace(person(), name="work", email_type="work")
    alma = loaded(personal)
    alma.memory["autumn"] |= {
        key: one for key, one in loaded(work).memory["work"].items() if "[work]" in key
    }
    reviewed = alma.load(replace(work, name="autumn"), LATER)
    assert [one.label for one in reviewed.edits] == [EMAIL]


def test_an_address_under_one_type_more_is_written() -> None:
    """The mapping makes an entry of it beside the one that it made before."""
    alma, row = loaded(person()), person().row(LATER)
    more = {f"contact_info.email[1].{name}": text for name, text in
            (("email_address", "a@example.org"), ("email_type", "school"))}  # fmt: skip
    values = {**row.values, **more}
    plan = scheme([*values], AccountType.INTERNAL, rules={})
    row = replace(row, layout=plan, values=values, cells=tuple(values.values()))
    known = UserMemory(alma.memory["autumn"], ())
    earlier = EarlierLoads(lambda _row, _live: known, HASHED, LATER, "", frozenset(), None)
    reviewed = compare_with_loads(case(row, earlier), alma.live, known, rename=False)
    found = _emails(alma.after(reviewed))
    assert [text(one.email_type) for one in found] == ["personal", "school"]
    assert not reviewed.edits


A, B, NEW, STAFF, DESK = (f"{name}@example.org" for name in ("a", "b", "new", "staff", "desk"))


@pytest.mark.parametrize(
    ("edited", "row", "result", "edit"),
    [
        ([STAFF, B], (A, B), [STAFF, B], (EMAIL, STAFF, False)),
        ([STAFF, B], (A, NEW), [STAFF, NEW], (EMAIL, STAFF, False)),
        ([A, STAFF], (A, B), [A, STAFF], (EMAIL_2, STAFF, False)),
        ([A, STAFF], ("", B), [A, STAFF], (EMAIL_2, STAFF, False)),
        ([A, STAFF], ("", NEW), [A, NEW], (EMAIL_2, STAFF, True)),
        ([A, STAFF], (B, NEW), [NEW, STAFF], (EMAIL, STAFF, False)),
        ([A], (A, B), [A], (EMAIL_2, "", False)),
        ([A, B], ("", NEW), [A, NEW], None),
        ([A, B], (NEW, B), [NEW, B], None),
        ([A, B], (B, NEW), [NEW, B], None),
        ([A, B], (B, ""), [A, B], None),
    ],
)
def test_which_entry_belongs_to_which_line(
    edited: list[str],
    row: tuple[str, str],
    result: list[str],
    edit: tuple[str, str, bool] | None,
) -> None:
    """By value, for all lines first; else the line's own; else one of ours that no line claims."""
    alma = loaded(person(email_2=B))
    alma.edit(contact_info=emails(*(email(one, preferred=one == edited[0]) for one in edited)))
    reviewed = alma.load(person(email=row[0], email_2=row[1]), LATER)
    assert addresses(alma.live) == result
    shown = [(one.label, one.shown, one.replaced) for one in reviewed.edits if one.label != MARK]
    assert shown == ([edit] if edit else [])


@pytest.mark.parametrize(
    ("there", "row", "result"),
    [
        ([DESK], ("", NEW), [DESK, NEW]),  # the line never had a value
        ([A, DESK], (A, NEW), [A, DESK, NEW]),
        ([STAFF, DESK], (NEW, ""), [STAFF, DESK, NEW]),  # either may be what staff made of A
    ],
)
def test_what_is_not_ours_stays(there: list[str], row: tuple[str, str], result: list[str]) -> None:
    """An entry of the row that replaces none of ours is added."""
    alma = loaded(person())
    alma.edit(contact_info=emails(*(email(one, preferred=one == there[0]) for one in there)))
    alma.load(person(email=row[0], email_2=row[1]), LATER)
    assert addresses(alma.live) == result


def test_a_new_line_of_the_mapping_replaces_an_entry_of_ours_that_no_line_claims() -> None:
    """So the order of a mapping's lines may change, and a user has no email more than the row."""
    alma = loaded(person(email_2=B))
    alma.memory["autumn"] = {
        key.replace("]1", "]3"): one for key, one in alma.memory["autumn"].items()
    }
    alma.load(person(email=NEW, email_2=B), LATER)
    assert addresses(alma.live) == [NEW, B]


def test_a_user_has_no_more_emails_than_the_mapping_has_lines() -> None:
    """Whatever moves, is blank and comes back, as long as nobody but the loads writes one."""
    random = Random(3)  # noqa: S311  not a secret
    for _ in range(300):
        alma = Alma(user())
        for day in range(8):
            cells = random.sample([A, B, NEW, DESK, "", ""], 2)
            alma.load(person(email=cells[0], email_2=cells[1]), TODAY + timedelta(days=day))
            assert {*filter(None, cells)} <= {*addresses(alma.live)}
            assert len(addresses(alma.live)) <= 2


def test_an_email_that_staff_retyped_keeps_its_place() -> None:
    """A new email of the type that it has now is added beside it."""
    roster = replace(person(), email_2_type="work")
    alma = loaded(roster)
    alma.edit(contact_info=emails(email(A, "work", preferred=True)))
    roster.cells[EMAIL_2] = NEW
    alma.load(roster, LATER)
    assert addresses(alma.live) == [A, NEW]


@pytest.mark.parametrize("edit", ["", "school"])
def test_an_email_gets_the_new_type_that_its_row_has(edit: str) -> None:
    """The entry that the load left, and no second one; one that staff retyped stays."""
    alma = loaded(person())
    if edit:
        alma.edit(contact_info=emails(email(A, edit, preferred=True)))
    reviewed = alma.load(replace(person(), email_type="work"), LATER)
    types = [(text(one.email_address), text(one.email_type)) for one in _emails(alma.live)]
    assert types == [(A, edit)] * bool(edit) + [(A, "work")]
    assert [one.replaced for one in reviewed.edits if one.label == EMAIL] == [True] * bool(edit)


def test_an_entry_of_two_rosters_keeps_its_place() -> None:
    """A blank entry's of the one is replaced by no other; the edit that is named is its own."""
    autumn, clubs = person(), replace(person(), name="clubs", email_type="work")
    alma = loaded(replace(autumn, email_2_type="work"))
    alma.edit(contact_info=emails(email(A, "work", preferred=True)))
    alma.load(clubs, TODAY)
    alma.load(replace(person(email="", email_2=NEW), email_2_type="work"), LATER)
    assert addresses(alma.live) == [A, NEW]
    for other, kind in ((clubs, "work"), (replace(person(email_2=B), name="clubs"), "personal")):
        alma = loaded(autumn)
        alma.load(other, TODAY)
        theirs = email(addresses(alma.live)[-1], kind)
        alma.edit(contact_info=emails(email(STAFF, preferred=True), theirs))
        reviewed = alma.load(person(email=NEW), LATER)
        assert [
            (one.label, one.shown, one.replaced) for one in reviewed.edits if one.label != MARK
        ] == [(EMAIL, STAFF, True)]


def test_what_staff_wrote_under_another_type_before_the_roster_is_no_edit() -> None:
    """Staff added the new card and email beside the old ones, and the roster gives them now."""
    alma = loaded(person())
    card, early = alma.live.user_identifier or (), email("b@example.org", "work")
    alma.edit(
        user_identifier=[card[0].model_dump(), identifier("OTHER_ID_1", "2900002")],
        contact_info=emails(email(A, preferred=True), early),
    )
    reviewed = alma.load(person(email="b@example.org", card="2900002"), LATER)
    assert (reviewed.asks, reviewed.edits) == ((), ())
    assert "2900002" in {one.value for one in alma.live.user_identifier or ()}


def test_a_note_that_remove_takes_is_written_again() -> None:
    """The wording of staff goes by `remove` in any case; of what that does not name, it stays."""
    labels = [f"user_note[{n}].{name}" for n in (0, 1) for name in ("note_text", "note_type")]
    values = dict(zip(labels, ("Department: Law", "LIBRARY", "Desk 1", "LIBRARY"), strict=True))
    removals = (Removal("user_note", "LIBRARY"), Removal("user_note", "", "Department: .*"))
    for removal, expected in zip(
        removals, ({"Department: Law", "Desk 1"}, {"Department: Law", "Desk 2"}), strict=True
    ):
        layout = replace(scheme(labels), removals=(removal,))
        row = draft(values, plan=layout)
        live = updated(row, user()).after
        imprints = compare_with_loads(case(row, EARLIER), User(), NO_MEMORY, rename=False).imprints
        memory = UserMemory(with_reply(imprints, User(), live, HASHED), ())
        notes = [("Department: Law (asked)", "LIBRARY"), ("Desk 2", "LIBRARY")]
        parts = [{"note_text": one, "note_type": {"value": kind}} for one, kind in notes]
        live = live.model_validate(live.model_dump() | {"user_note": parts})
        reviewed = compare_with_loads(case(row, EARLIER), live, memory, rename=False)
        after = updated(reviewed.draft, live, reviewed.lines).after
        assert {text(one.note_text) for one in after.user_note or ()} == expected
        assert [edit.label for edit in reviewed.edits] == labels[2:3] * ("Desk 2" in expected)


def test_a_value_that_moved_is_not_remembered_in_its_old_place() -> None:
    """It comes back to it as a new value, after another one."""
    alma = loaded(person(email="", email_2=B))
    for cells in ((B, ""), (NEW, ""), (B, "")):
        alma.load(person(email=cells[0], email_2=cells[1]), LATER)
        assert addresses(alma.live) == [cells[0]]


def test_a_changed_rule_keeps_an_edit() -> None:
    """The mapping gives another group now; a user whose group staff chose keeps it."""
    roster = person()
    alma, untouched = loaded(roster), loaded(roster)
    alma.edit(user_group={"value": "GRAD"})
    roster.rules[GROUP] = "STAFF"
    for one in (alma, untouched):
        one.load(roster, LATER)
    assert [group_of(one) for one in (alma, untouched)] == ["GRAD", "STAFF"]


@pytest.mark.parametrize(
    ("staff", "result"),
    [("2031-01-01", "2031-01-01"), ("2026-10-01", "2028-05-15"), (None, "None")],
)
def test_of_two_ends_the_later_one_counts_if_the_rule_has_changed(
    staff: str | None, result: str
) -> None:
    """What staff chose is extended and never shortened, also if they chose no end; it is said."""
    roster = person()
    alma = loaded(roster)
    alma.edit(expiry_date=staff)
    roster.cells[EXPIRY] = "2028-05-15"
    roster.rules[EXPIRY] = "another"
    reviewed = alma.load(roster, LATER)
    assert str(alma.live.expiry_date) == result
    assert [one.replaced for one in reviewed.edits] == [result == "2028-05-15"]


def test_a_date_that_moves_with_the_day_alone_is_no_reason_for_an_update() -> None:
    """A year from today: nothing is sent the next day; a month later it is."""
    roster = person()
    roster.by_day = True
    alma = loaded(roster)
    before = alma.live
    alma.load(roster, TODAY + timedelta(days=5))
    assert alma.live == before
    alma.load(roster, TODAY + timedelta(days=35))
    assert alma.live.expiry_date == TODAY + timedelta(days=400)


def test_of_two_rosters_that_count_from_the_day_the_later_end_counts() -> None:
    """Neither shortens what the other wrote, night after night; it moves on once a month."""
    autumn, clubs = (replace(person(), name=f"{n}", by_day=True, span=n) for n in (365, 120))
    alma, ends = loaded(autumn), set[date | None]()
    for day in range(60):
        for roster in (clubs, autumn):
            alma.load(roster, TODAY + timedelta(days=day))
            ends.add(alma.live.expiry_date)
    assert [(end - TODAY).days for end in sorted(filter(None, ends))] == [120, 366, 394, 422]


def test_what_another_roster_of_ours_wrote_is_no_edit() -> None:
    """Two rosters give another group each: neither undoes the other without news."""
    autumn, clubs = person(), Roster("clubs", person(group="STAFF").cells)
    alma = loaded(autumn)
    alma.load(clubs, TODAY)
    assert group_of(alma) == "STAFF"
    reviewed = alma.load(autumn, LATER)
    assert not reviewed.edits
    assert group_of(alma) == "STAFF"


def _histories(count: int, seed: int) -> int:
    """Play random histories; return how many edits by staff an unchanged load had to keep."""
    random, kept = Random(seed), 0  # noqa: S311  not a secret
    for _ in range(count):
        rosters = [Roster(name, dict(person().cells)) for name in ("autumn", "clubs")]
        rosters[1].email_type = random.choice(["personal", "work"])
        rosters[0].email_2_type = random.choice(["personal", "work"])
        rosters[1].card_type = random.choice(["BARCODE", "INST_ID"])
        alma, today, desk = Alma(user()), TODAY, Desk()
        fresh: set[str] = set()  # rosters that were changed, or not loaded, since their last load
        for roster in rosters:
            roster.by_day = random.random() < 0.3
            roster.cells |= {
                GROUP: random.choice(["COMM", ""]),
                EXPIRY: random.choice(["2027-05-15", ""]),
            }
        fresh = {"autumn", "clubs"}
        for _ in range(random.randint(4, 14)):
            roster = random.choice(rosters)
            match random.choice(["cell", "rule", "day", "staff", "staff", "load", "load", "load"]):
                case "cell":
                    label = random.choice([*CHOICES])
                    roster.cells[label] = random.choice(CHOICES[label])
                    fresh.add(roster.name)
                case "rule":
                    roster.rules[GROUP] = random.choice(CHOICES[GROUP])
                    fresh.add(roster.name)
                case "day":
                    today += timedelta(days=random.choice([1, 20]))
                case "staff":
                    _edit(alma, random)
                case _:
                    before = alma.live
                    asked = desk.asks_about_card(roster, before)
                    reviewed = alma.load(roster, today)
                    assert bool(reviewed.asks) == asked, (roster, before, desk)
                    if reviewed.asks:
                        continue
                    desk.is_told(before, alma, reviewed)
                    desk.keeps_emails(roster, before, alma, reviewed)
                    desk.loaded(roster, before, alma)
                    if roster.name not in fresh and not roster.by_day:
                        assert alma.live == before, (roster, before, alma.live)
                        kept += len(reviewed.edits)
                    again = alma.reviewed(roster, today)
                    assert alma.after(again) == alma.live
                    fresh.discard(roster.name)
    return kept


@dataclass
class Desk:
    """What staff know of one user: which card and mark each roster left, and its last card."""

    cards: dict[str, tuple[str, str]] = field(default_factory=dict)
    marks: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    emails: dict[str, dict[str, str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def asks_about_card(self, roster: Roster, live: User) -> bool:
        """Whether roster and Alma both have another card of the type than the loads left there."""
        cell, there = roster.card, _cards(live, roster.card_type)
        known = {card for kind, card in self.cards.values() if kind == roster.card_type}
        changed = self.cells.get(roster.name, cell) != cell
        return changed and cell not in there and bool(there) and there.isdisjoint(known)

    def is_told(self, before: User, alma: Alma, reviewed: ComparedRow) -> None:
        """Check that no field of staff's is replaced without a word, except at the first load."""
        told = {edit.label for edit in reviewed.edits if edit.replaced}
        for label, of_staff in ((GROUP, "DESK"), (EXPIRY, "2030-01-01")):
            if self.cells and current(before, label) == of_staff != current(alma.live, label):
                assert label in told, (before, alma.live)

    def keeps_emails(self, roster: Roster, before: User, alma: Alma, reviewed: ComparedRow) -> None:
        """Check which emails a load replaced: none that a row has or had, and none of staff's.

        Except at the first load, or if the report names it.
        """
        left = self.emails.setdefault(roster.name, {})
        cells = {label: one for label in (EMAIL, EMAIL_2) if (one := roster.cells[label])}
        blank = {left[label] for label in {*left} - {*cells}}
        needed = {*cells.values(), *blank - {left[label] for label in {*left} & {*cells}}}
        gone = {*addresses(before)} - {*addresses(alma.live)}
        assert gone.isdisjoint(needed), (roster, before, alma.live)
        if self.cells:
            shown = {edit.shown for edit in reviewed.edits if edit.replaced}
            assert gone <= self.written | shown, (roster, before, alma.live)
        there, types = _entries(alma.live, marked=False), (roster.email_type, roster.email_2_type)
        kinds = dict(zip((EMAIL, EMAIL_2), types, strict=True))
        left.update({at: one for at, one in cells.items() if (one, kinds[at]) in there})
        self.written.update(cells.values())

    def loaded(self, roster: Roster, before: User, alma: Alma) -> None:
        """Note what a load left; a mark that staff moved is where they have put it."""
        name, cell = roster.name, roster.card
        if cell in _cards(alma.live, roster.card_type):
            self.cards[name] = roster.card_type, cell
        self.cells[name] = cell
        was, now = (_entries(one, marked=True) for one in (before, alma.live))
        moved = was and self.marks.get(name) and was not in self.marks.values()
        if moved and was <= _entries(alma.live, marked=False):
            assert now == was, (roster, before, alma.live)
        kept = moved or (name not in self.marks and now == was)  # a first load keeps what is there
        if not kept or now == {(roster.cells[EMAIL], roster.email_type)}:  # what it has is ours
            self.marks[name] = now


def _entries(live: User, *, marked: bool) -> set[tuple[str, str]]:
    """Emails with their types, all or those with the mark."""
    found = (one for one in _emails(live) if one.preferred or not marked)
    return {(text(one.email_address), text(one.email_type)) for one in found}


def _cards(live: User, kind: str) -> set[str]:
    return {text(one.value) for one in live.user_identifier or () if text(one.id_type) == kind}


def _edit(alma: Alma, random: Random) -> None:
    """One of the ordinary edits at the desk."""
    ids, known = alma.live.user_identifier or (), _emails(alma.live)
    match random.randrange(8):
        case 0:
            alma.edit(user_group={"value": random.choice(["DESK", *CHOICES[GROUP][:3]])})
        case 1:
            alma.edit(expiry_date=random.choice(["2030-01-01", *CHOICES[EXPIRY][:3]]))
        case 2:
            card = identifier("BARCODE", random.choice(["2999", "2900002"]))
            others = [one.model_dump() for one in ids if text(one.id_type) != "BARCODE"]
            alma.edit(user_identifier=[card, *others])
        case 3:
            alma.edit(user_identifier=[])
        case 4:
            alma.edit(contact_info=emails(email("own@example.org", "work", preferred=True)))
        case 5:
            others = [{**one.model_dump(), "preferred": False} for one in known]
            own = email("own@example.org", "school", preferred=True)
            alma.edit(contact_info=emails(*others, own))
        case 6 if known:
            parts = [one.model_dump() for one in known]
            other = {"email_type": [{"value": "work"}]}
            random.choice(parts).update(random.choice([{"email_address": "d@example.org"}, other]))
            before = alma.live
            alma.edit(contact_info=emails(*parts))
            if len(_entries(alma.live, marked=False)) < len(parts):
                alma.live = before  # no two entries that nothing tells apart
        case _:
            address = random.choice(["d@example.org", *filter(None, CHOICES[EMAIL])])
            alma.edit(contact_info=emails(email(address, preferred=True)))


def test_no_edit_is_undone_by_an_unchanged_roster_in_any_history() -> None:
    """What staff changed between two loads of the same row is there after the second.

    The same load a second time on the same day changes nothing, whatever happened before.
    """
    assert _histories(1_000, seed=1) > 100


@pytest.mark.hunt
def test_no_edit_is_undone_in_very_many_histories() -> None:
    """The same over 200,000 histories."""
    assert _histories(200_000, seed=2) > 10_000
