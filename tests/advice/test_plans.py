"""The advice of each problem of a plan or a load, followed as it is written, beside Alma."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from importer.model.question import DECISIONS, Answer
from importer.model.text import command_line
from tests.advice.desk import (
    Desk,
    Row,
    decide,
    follows,
    is_better,
    pasted,
    person,
    sent_back,
    student,
)
from tests.cli.conftest import Sandbox
from tests.cli.small import STUDENTS, ask, state
from tests.command_line import typed as type_in
from tests.sheets import correct

LAST = "last_name: <Last Name>"


@dataclass
class AlmaDesk(Desk):
    """A desk beside a practice Alma."""

    alma: Sandbox | None = None

    def in_alma(self, method: str, path: str, body: object = None) -> None:
        """Do something in Alma, as staff."""
        assert self.alma is not None
        ask(self.alma, method, path, body)

    def users(self) -> dict[str, dict[str, object]]:
        """The users of Alma, by primary ID."""
        assert self.alma is not None
        return state(self.alma)

    def advised(self, advice: str) -> None:
        """Run each whole command that the advice names."""
        for command in re.findall("`(importer (?:codes|users) [a-z]+)`", advice):
            ran = pasted(command)
            assert ran.exit == 0, ran.err


@pytest.fixture
def desk(folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AlmaDesk:
    """A desk in a folder with a blank in its name."""
    (place := folder / "spring load (2)").mkdir()
    monkeypatch.chdir(place)
    return AlmaDesk(place, alma=sandbox)


@follows("codes-not-checked", "old-code-tables")
def test_code_tables_are_fetched_with_the_command(desk: AlmaDesk) -> None:
    """Missing ones and old ones; then the codes are checked."""
    desk.take("community")
    desk.write([person(1)])
    tables = desk.folder / "codes.json"
    old = json.loads(tables.read_text()) | {"fetched": "2020-01-02"}
    for code in ("codes-not-checked", "old-code-tables"):
        tables.unlink()
        if code == "old-code-tables":
            tables.write_text(json.dumps(old), "utf-8")
        before = desk.check()
        desk.advised(before.advice(code, "Get the code tables from Alma."))
        is_better(before, desk.check(), code)


@follows("not-in-alma")
def test_an_unknown_card_is_corrected_or_loaded_as_new(desk: AlmaDesk) -> None:
    """By renewals.yaml, which creates nobody, or by a mapping that does."""
    desk.begin([person(1), person(2)], "community")
    desk.take("renewals")
    dates = {"New Expiration": "05/31/2036"}
    one, two, no = ({"Barcode": f"200011234{n}"} | dates for n in ("00001", "00002", "00009"))
    desk.write([no, one])
    before = desk.plan()
    before.advice("not-in-alma", "Correct the ID")
    correct(before.run / "rejects.xlsx", {2: two})
    is_better(before, desk.paste(sent_back(before.run)), "not-in-alma")
    before.advice(
        "not-in-alma", "load the row with a mapping that has `new: create` under `match:`"
    )
    desk.take("community")
    desk.write([person(9)])
    after = desk.plan()
    is_better(before, after, "not-in-alma", {"names-not-compared"})
    assert after.counts["create"] == 1


@follows("names-not-compared")
def test_users_are_compared_after_the_user_cache_is_refreshed(desk: AlmaDesk) -> None:
    """For possible matches."""
    desk.take("community")
    desk.write([person(1), person(2)])
    before = desk.plan("--no-refresh")
    advice = before.advice("names-not-compared", "refresh the user cache. Plan again.")
    type_in("apply", before.run, "--yes")
    desk.advised(advice)
    is_better(before, desk.plan(), "names-not-compared", {"no-end-date"})


@follows("absent-not-compared", "missing-from-roster", "returned")
def test_who_is_missing_is_looked_for_after_a_refresh(desk: AlmaDesk) -> None:
    """Then those with loans are named, the others change, and are back as they were."""
    everybody = [person(1), person(2), person(3)]
    desk.begin(everybody, "community")
    desk.in_alma("POST", "users/20001123400003/loans", {"loans": 2})
    desk.take("community-leavers", ("after: 30 days ", "after: 0 days "))
    desk.write(everybody[:1])
    before = desk.plan("--no-refresh")
    desk.advised(before.advice("absent-not-compared", "Refresh the user cache."))
    before.advice("absent-not-compared", "Then plan again with the whole roster")
    after = desk.plan("--no-refresh")
    is_better(before, after, "absent-not-compared", {"missing-from-roster"})
    after.advice("missing-from-roster", "Look at the people with loans or fees")
    applied = desk.apply(after.run)
    assert applied.counts["updated"] == 2, applied
    desk.write(everybody)
    back = desk.plan()
    back.advice("returned", "No action needed.")
    assert (back.counts["update"], back.counts["rejected"], back.counts["review"]) == (2, 0, 0)


@dataclass(frozen=True)
class Asked:
    """Rows that need a person, beside the people whom Alma has, and what their advice says to do.

    `answers`: Decisions by row, and `loaded`: how many users are created and updated by them.
    `right`: the row as it is corrected where nothing is decided.
    """

    code: str
    says: str
    known: tuple[Row, ...]
    rows: tuple[Row, ...]
    answers: dict[int, Answer] = field(default_factory=dict)
    loaded: tuple[int, int] = (0, 1)
    right: Row | None = None

    def __str__(self) -> str:
        """Return the name of its test."""
        return f"{self.code} {[*self.answers.values()]}: {self.says[:24]}"


DOUBLE = (person(1), person(2, First_Name="Verab", Last_Name="Quillb", DOB="03/01/1970"))
NAMESAKE = DOUBLE[1] | {"DOB": "", "Email": "x@example.org", "Phone": "", "Street": ""}
NO_EMAIL = person(1, Email="", Alternate_Email="")
CARD = STUDENTS["Card Barcode"].format
BORIS = student(2, First_Name="Boris", Last_Name="Kowalczyk", Birth_Date="11/30/1944")
CHLOE = student(3, First_Name="Chloe", Last_Name="Zielinski", Birth_Date="07/19/1988")
TWO = (student(1), BORIS)
WRONG_CARD, WRONG_ID = CHLOE | {"Card Barcode": CARD(1)}, CHLOE | {"EMPL ID": "0000001"}
MOVED, SECOND_CARD = {"City": "Harlow"}, student(1, Card_Barcode=CARD(2))
ASKED = (
    Asked("two-people", "or an organization, choose the decision “load as it is”",
          (), (person(1, First_Name="Ana & Bo"),), {2: Answer.LOAD}, (1, 0)),
    Asked("comma-in-name", "If the name is right, choose the decision “load as it is”",
          (), (person(1, Last_Name="Kim, Olivia"),), {2: Answer.LOAD}, (1, 0)),
    Asked("duplicate-person", "Otherwise, choose the decision “two people”",
          (), DOUBLE, {2: Answer.SEPARATE}, (2, 0)),
    Asked("duplicate-person", "choose the decision “load this one, leave the other out”",
          (), DOUBLE, {2: Answer.ONLY}, (1, 0)),
    Asked("possible-match-in-alma", "Then, resolve the row",
          DOUBLE[:1], DOUBLE[1:], {2: Answer.CREATE}, (1, 0)),
    Asked("possible-match-in-alma", "Then, resolve the row",
          DOUBLE[:1], DOUBLE[1:], {2: Answer.RENAME}),
    Asked("known-by-another-id", "choose the decision “same person, new card”",
          TWO, (student(1, EMPL_ID="0000009"),), {2: Answer.RENAME}),
    Asked("known-by-another-id", "choose the decision “same person, update”",
          TWO, (student(1, EMPL_ID="0000009", City="Harlow"),), {2: Answer.UPDATE}),
    Asked("identifier-of-another-person",
          "choose the decision “another person, create”",
          TWO, (WRONG_CARD,), {2: Answer.CREATE}, (1, 0)),
    Asked("identifier-taken", "choose the decision “same person, update”",
          TWO, (SECOND_CARD | MOVED,), {2: Answer.UPDATE}),
    Asked("another-person", "choose the decision “same person, update”",
          TWO, (WRONG_ID,), {2: Answer.UPDATE}),
    Asked("another-birth-date", "If it is a typing error in the row, correct it.",
          TWO, (student(1, Birth_Date="11/30/1981"),), right=student(1)),
    Asked("identifier-of-another-person", "Correct the ID in the row.",
          TWO, (WRONG_CARD,), right=CHLOE),
    Asked("identifier-taken", "Correct the other ID in the row.",
          TWO, (SECOND_CARD,), right=student(1)),
    Asked("another-person", "If the ID is wrong, correct it in the row",
          TWO, (WRONG_ID,), right=CHLOE),
    Asked("same-name-in-alma", "If it is the same person, do not create another one",
          DOUBLE[:1], (NAMESAKE, person(3)), right=person(3)),
    Asked("no-preferred-email", "Add an email to the roster",
          (NO_EMAIL,), (NO_EMAIL | {"Street": "9 Elm St"},), right=person(1)),
)  # fmt: skip


@follows(*(case.code for case in ASKED), "resolved")
@pytest.mark.parametrize("case", ASKED, ids=str)
def test_a_row_is_resolved_in_the_decision_column_or_corrected(case: Asked, desk: AlmaDesk) -> None:
    """Or with the command; it can be resolved again until it is sent."""
    desk.take("students-and-staff" if "EMPL ID" in case.rows[0] else "community")
    if case.known:
        desk.write(case.known)
        desk.load()
    desk.write(case.rows)
    before = desk.plan()
    before.advice(case.code, case.says)
    if case.right:
        desk.write([case.right])
        is_better(before, desk.plan(), case.code, {"names-not-compared"})
        return
    decide(before.run, {row: DECISIONS[answer] for row, answer in case.answers.items()})
    printed = pasted(before.command("resolve"))
    after = desk.outcome(before.run, printed)
    assert after.counts["review"] == 0, (after, printed)
    after.advice("resolved", "resolve")
    applied = desk.apply(before.run)
    assert (applied.counts["created"], applied.counts["updated"]) == case.loaded, applied


@follows("account-type-differs", "account-type-stays")
def test_a_library_patron_in_the_sis_is_converted(desk: AlmaDesk) -> None:
    """`account_type: convert` in the mapping, planned again, and the row resolved as a new card."""
    desk.begin([person(1)], "community")
    desk.take("students-and-staff", ("by: [primary_id] ", "by: [primary_id, BARCODE] "))
    desk.write([student(1, Card_Barcode="20001123400001")])
    before = desk.plan()
    before.advice("account-type-stays", "set `account_type: convert` under `match:` in the mapping")
    desk.edit(("  new: create\n", "  new: create\n  account_type: convert\n"))
    again = desk.plan()
    again.advice(
        "account-type-differs",
        "choose the decision “same person, new card”",
        "Give the user's ID with it",
    )
    pasted(command_line("resolve", again.run.name, "2", "--as", "rename", "20001123400001"))
    after = desk.outcome(again.run, again.printed)
    assert (after.counts["review"], after.counts["update"]) == (0, 1)


@follows("owning-system-differs")
def test_the_owning_system_is_corrected_or_the_row_resolved(desk: AlmaDesk) -> None:
    """Whichever system owns the patron, the row can be loaded."""
    desk.begin([student(1)], "students-and-staff")
    desk.edit(("owning_system: SIS ", "owning_system: OTHER "))
    desk.write([student(1, Address="9 Elm St")])
    before = desk.plan()
    before.advice(
        "owning-system-differs",
        "correct `owning_system` there",
        "Otherwise, resolve the row",
    )
    decide(before.run, {2: DECISIONS[Answer.UPDATE]})
    pasted(before.command("resolve"))
    assert desk.outcome(before.run, before.printed).counts["update"] == 1
    desk.edit(("owning_system: OTHER ", "owning_system: SIS "))
    is_better(before, desk.plan(), "owning-system-differs")


@follows("patron-role-missing", "patron-role-expired")
@pytest.mark.parametrize("code", ["patron-role-missing", "patron-role-expired"])
def test_the_patron_role_is_set_in_the_mapping(code: str, desk: AlmaDesk) -> None:
    """In the line of the advice; then the load adds or extends it."""
    desk.begin([person(1)], "community")
    expired = {"role_type": {"value": "200"}, "expiry_date": "2020-05-31Z"}
    other = {"role_type": {"value": "32"}, "scope": {"value": "MAIN"}}
    role = expired if code == "patron-role-expired" else other
    desk.in_alma("PATCH", "users/20001123400001", {"user_role": [role]})
    before = desk.plan()
    advice = before.advice(code, "Set `patron_role: {expiry: <@expiry_date>}` in the mapping")
    desk.append(re.findall("`([^`]+)`", advice)[0])
    after = desk.plan()
    is_better(before, after, code, ["replaces-edit"] if role is expired else [])
    assert after.counts["update"] == 1


@follows("cannot-borrow")
def test_a_patron_who_cannot_borrow_gets_another_date(desk: AlmaDesk) -> None:
    """Corrected in the roster."""
    desk.begin([person(1)], "community", ("    on_update: later\n  purge", "  purge"))
    desk.write([person(1, Expires="01/02/2025")])
    before = desk.plan()
    before.advice("cannot-borrow", "or correct the roster")
    desk.write([person(1)])
    is_better(before, desk.plan(), "cannot-borrow")


@follows("not-looked-up")
def test_what_alma_did_not_answer_is_planned_again(desk: AlmaDesk) -> None:
    """By the command that is printed; other calls are answered, however many rows are not."""
    desk.take("community")
    desk.write([person(number) for number in range(1, 7)])
    desk.in_alma("POST", "faults", {"rules": [{"on": "GET", "path": "/users/2*", "do": "html"}]})
    before = desk.plan("--no-refresh")
    before.advice("not-looked-up", "Plan again.")
    desk.in_alma("POST", "faults", {"rules": []})
    is_better(before, desk.paste(sent_back(before.run)), "not-looked-up", {"names-not-compared"})


@follows("changed-in-alma")
def test_what_changed_since_the_plan_is_planned_again(desk: AlmaDesk) -> None:
    """By the command that is printed; the difference is an update."""
    desk.begin([person(1)], "community")
    desk.write([person(1, Last_Name="Novak")])
    run = desk.plan().run
    desk.in_alma("PATCH", "users/20001123400001", {"last_name": "Byhand"})
    before = desk.apply(run)
    before.advice(
        "changed-in-alma", "Plan the roster, or the undo, again and review the difference"
    )
    after = desk.paste(before.command("plan"))
    is_better(before, after, "changed-in-alma", {"replaces-edit"})
    assert after.counts["update"] == 1


@follows("retires")
def test_a_user_ends_once_a_person_has_looked(desk: AlmaDesk) -> None:
    """Who has a loan is kept; once it is closed, the user is listed with what Alma has."""
    desk.begin([person(1)], "community")
    desk.in_alma("PATCH", "users/20001123400001", {"expiry_date": "2020-01-31Z"})
    desk.in_alma("POST", "users/20001123400001/loans", {"loans": 1})
    text = "version: 1\naccount_type: INTERNAL\n"
    text += "match: {new: reject, retire: {among: {user_group: [COMM, FRIEND]}}}\n"
    text += "record: {primary_id: <Barcode>, last_name: <Last Name>}\n"
    (desk.folder / desk.mapping).write_text(text, "utf-8")
    before = desk.plan()
    before.advice("not-deleted", "Close what is open in Alma and plan again")
    desk.in_alma("POST", "users/20001123400001/loans", {"loans": 0})
    after = desk.plan()
    is_better(before, after, "not-deleted", {"retires"})
    after.advice("retires", "Look at the user before you apply the plan.")
    assert "expires 2020-01-31" in " ".join(one.message for one in after.problems)


@follows("not-undone", "not-deleted")
def test_an_undo_deletes_a_user_once_nothing_is_open(desk: AlmaDesk) -> None:
    """Without the flag the user stays; with it and a loan too; closed, it is deleted."""
    desk.take("community")
    desk.write([person(1)])
    first = desk.load().run
    before = desk.ran("undo", first.name)
    before.advice("not-undone", "If these users should go, plan the undo")
    assert "--delete-created" in before.printed.err
    before = desk.ran("undo", first.name, "--delete-created")
    assert "not-undone" not in before.codes
    desk.in_alma("POST", "users/20001123400001/loans", {"loans": 2})
    before = desk.ran("undo", first.name, "--delete-created")
    before.advice("not-deleted", "Close what is open in Alma and plan again")
    desk.in_alma("POST", "users/20001123400001/loans", {"loans": 0})
    after = desk.ran("undo", first.name, "--delete-created")
    assert "not-deleted" not in after.codes
    desk.apply(after.run, "--delete", "1")
    assert desk.users() == {}


@follows("edited-in-alma", "replaces-edit")
def test_the_right_value_of_an_edited_field_is_set_where_it_is_wrong(desk: AlmaDesk) -> None:
    """In Alma, or in the row."""
    desk.begin([person(1)], "community")
    street, user = "1 Maple St", "users/20001123400001"
    desk.in_alma("PATCH", user, {"last_name": "Byhand"})
    before = desk.plan()
    before.advice("edited-in-alma", "If the roster is right, change the value in Alma.")
    desk.in_alma("PATCH", user, {"last_name": "Quillb"})
    is_better(before, desk.plan(), "edited-in-alma")
    assert street in str(desk.users())
    desk.in_alma("PATCH", user, {"last_name": "Byhand"})
    desk.write([person(1, Last_Name="Novak")])
    before = desk.plan()
    before.advice("replaces-edit", "If Alma is, correct the row")
    desk.write([person(1, Last_Name="Byhand")])
    is_better(before, desk.plan(), "replaces-edit")


@follows("pin-cleared")
def test_a_pin_that_alma_hides_is_sent_with_each_update(desk: AlmaDesk) -> None:
    """`pin_number` with `on_update: replace` sends it, so the update clears none."""
    desk.begin([person(1)], "community")
    desk.in_alma("POST", "settings", {"switches": {"get-pin": "hide"}})
    measured = {"institution": "01SANDBOX_INST", "environment": "sandbox", "measured": "2026-11-28"}
    facts = json.dumps({**measured, "facts": {"get-pin": "hide"}})
    (desk.folder / "facts.json").write_text(facts, "utf-8")
    desk.write([person(1, First_Name="Verity")])
    before = desk.plan()
    before.advice("pin-cleared", "Map `pin_number` with `on_update: replace`")
    desk.edit(("clean: [digits, {last: 4}]}", "clean: [digits, {last: 4}], on_update: replace}"))
    is_better(before, desk.plan(), "pin-cleared")


@follows("kept-by-alma")
def test_a_protected_field_is_overridden(desk: AlmaDesk) -> None:
    """`override: true` for the field in the mapping sends the roster's value."""
    desk.begin([student(1)], "students-and-staff", (", override: true}", "}"))
    desk.in_alma("POST", "users/0000001/edited", ["user_group"])
    desk.write([student(1, Role="Staff")])
    before = desk.load()
    before.advice("kept-by-alma", "set `override: true` for the field in the mapping")
    desk.edit(("{from: <Role>, lookup: groups}", "{from: <Role>, lookup: groups, override: true}"))
    is_better(before, desk.load(), "kept-by-alma")
    assert "STAFF" in str(desk.users()["0000001"]["user_group"])


@follows("many-other-people")
def test_ids_that_were_sorted_alone_are_corrected(desk: AlmaDesk) -> None:
    """Before single rows are resolved."""
    people = [person(n, First_Name=name, Last_Name=f"{name}son") for n, name in enumerate(NAMES, 1)]
    desk.begin(people, "community")
    cards = [row["Barcode"] for row in people]
    shifted = zip(people, [*cards[1:], cards[0]], strict=True)
    desk.write([row | {"Barcode": card} for row, card in shifted])
    before = desk.plan()
    before.advice("many-other-people", "Correct the roster before you resolve single rows")
    desk.write(people)
    is_better(before, desk.plan(), "many-other-people")


NAMES = ("Ana", "Boris", "Chloe", "Dmitri", "Esther", "Farid", "Greta", "Hugo")


@follows("unclear-decision")
def test_a_decision_is_chosen_from_the_list(desk: AlmaDesk) -> None:
    """A text that is none of the choices is replaced by one."""
    desk.take("community")
    desk.write([person(1, First_Name="Ana & Bo")])
    run = desk.plan().run
    decide(run, {2: "perhaps"})
    before = desk.paste(sent_back(run))
    before.advice("unclear-decision", "Choose from the list in the cell", DECISIONS[Answer.REJECT])
    decide(run, {2: DECISIONS[Answer.CREATE]})
    is_better(before, desk.paste(sent_back(run)), "unclear-decision", {"resolved"})


@follows("refused-by-alma")
def test_what_alma_refuses_is_corrected(desk: AlmaDesk) -> None:
    """A group that Alma does not have; with another one the row is created."""
    desk.take("community", ("    Special: SPEC\n", "    Special: GUEST\n"))
    tables = json.loads((desk.folder / "codes.json").read_text())
    tables["tables"]["UserGroups"]["GUEST"] = "Guest"
    (desk.folder / "codes.json").write_text(json.dumps(tables), "utf-8")
    desk.write([person(1, Patron_Type="Special")])
    before = desk.load()
    before.advice("refused-by-alma", "Use a user group that Alma has")
    correct(before.run / "rejects.xlsx", {2: {"Patron Type": "Friend"}})
    after = desk.paste(before.command("plan"))
    is_better(before, after, "refused-by-alma")


CARDS = (("by: [primary_id] ", "by: [primary_id, BARCODE] "),)
ELSEWHERE = (("  new: create\n", "  managed_elsewhere: [SIS]\n  new: create\n"),)
CARD_OF_STAFF = {"user_identifier": [{"id_type": {"value": "BARCODE"}, "value": CARD(8)}]}
SECOND_RECORD = {"first_name": "Verab", "last_name": "Quillb", "birth_date": "1970-03-01"}
OF_THE_LIBRARY = {"account_type": {"value": "INTERNAL"}, "external_id": ""}


@dataclass(frozen=True)
class Alone:
    """A row after TWO were loaded, with the mapping and a record changed."""

    row: Row
    edits: tuple[tuple[str, str], ...] = ()
    staff: Mapping[str, object] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    user: str = "0000001"


ALONE = {
    "exists-in-alma": Alone(student(1), (("known: update", "known: reject"),)),
    "another-name": Alone(student(1, Last_Name="Novak")),
    "primary-id-differs": Alone(student(1, EMPL_ID="0000009"), CARDS),
    "matches-two-users": Alone(student(1, Card_Barcode=CARD(2)), CARDS),
    "two-users-one-person": Alone(
        student(1, EMPL_ID="0000002"), staff=SECOND_RECORD, user="0000002"
    ),
    "managed-elsewhere": Alone(student(1), ELSEWHERE),
    "card-differs": Alone(student(1, Card_Barcode=CARD(7)), staff=CARD_OF_STAFF),
    "not-in-sis-load": Alone(student(1), staff=OF_THE_LIBRARY, flags=("--to", "sis-xml")),
    "odd-column": Alone(student(1, Birth_Date="01/01/1990")),
}
"""By code: what only a person can do something about."""


@pytest.mark.parametrize("code", ALONE)
def test_what_only_a_person_can_settle_comes_about(code: str, desk: AlmaDesk) -> None:
    """So the message of every code is judged, whether or not a test follows its advice."""
    case = ALONE[code]
    desk.begin(TWO, "students-and-staff")
    desk.edit(*case.edits)
    if case.staff:
        desk.in_alma("PATCH", f"users/{case.user}", case.staff)
    born = {"Birth Date": case.row["Birth Date"]}
    more = [student(n) | born for n in range(3, 15)] if code == "odd-column" else []
    desk.write([case.row, *more])
    assert code in desk.plan(*case.flags).codes
