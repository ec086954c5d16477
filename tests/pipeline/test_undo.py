"""The way back over generated records and populations: after it, all is as before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from importer.cli.app import run
from importer.ledger.journal import RowImage, next_deletes
from importer.ledger.ledger import Ledger
from importer.model.people import NOTHING_COMMON
from importer.model.plan import (
    Act,
    ChangeKind,
    Held,
    Image,
    SafetyCheck,
    SafetyLimits,
    Unchanged,
    Update,
)
from importer.model.problem import Origin
from importer.model.user import User
from importer.pipeline.undo import undone
from importer.planner.drafts import DraftUser
from importer.planner.entries import entries
from importer.planner.patch import undo_update
from tests.planner import people
from tests.planner.people import mails
from tests.planner.strategies import pairs
from tests.practice import reached
from tests.sandbox.alma import Alma
from tests.sandbox.people import users
from tests.sheets import write_csv

HEAD = ("Id", "Last", "Group", "Title", "Expires", "Email", "Note")
MAPPING = """version: 1
name: generated
account_type: {kind}
record_type: PUBLIC
roster: {{dates: ymd}}
match: {{by: [primary_id], possible_match: ignore, another_person: update}}
duplicates: {{same_person: off, similar_person: off}}
record:
  primary_id: <Id>
  first_name: Ann
  last_name: <Last>
  user_group: {{from: <Group>, override: {override}}}
  user_title: {{from: <Title>, on_update: erase}}
  expiry_date: <Expires>
  contact_info:
    email:
      - email_address: <Email>
        email_type: personal
        preferred: true
        on_update: {policy}
  user_note:
    - note_type: OTHER
      note_text: <Note>
      user_viewable: false
      popup_note: false
"""
OWNER = {"INTERNAL": "", "EXTERNAL": "owning_system: SIS\n"}
ALLOW = ("many-changes", "removals", "renames", "foreign-group")
BY_ALMA = ("modified", "edited", "status_date")


@given(pairs())
def test_the_reverse_gives_the_record_before(pair: tuple[DraftUser, User]) -> None:
    """Whatever a row changed: its reverse gives every field and entry back, and once is enough."""
    draft, live = pair
    merged = people.updated(draft, live)
    assume(merged.changes)
    written = Image(live, merged.after, merged.after)
    assert isinstance(undo_update(draft.row, written, live)[0], Unchanged)
    back, theirs = undo_update(draft.row, written, merged.after)
    assume(not theirs)
    if isinstance(back, Update):
        assert people.shape(back.after) == people.shape(live)
        written = Image(merged.after, back.after, back.after)
        forth, _ = undo_update(draft.row, written, back.after)
        assert isinstance(forth, Update)
        assert people.shape(forth.after) == people.shape(merged.after)
    else:
        assert people.shape(merged.after) == people.shape(live)


@pytest.mark.parametrize(
    ("before", "sent", "answered", "now", "theirs", "after"),
    [
        # of a list only the entries that somebody changed are theirs
        ("a", "new w/work", "new w/work", "staff w/work", "[personal]", "staff"),
        # an entry that staff deleted does not come back, whichever way Alma orders its answer
        ("old*", "old new*", "old new*", "new*", "[personal]", ""),
        ("old*", "old new*", "new* old", "new*", "[personal]", ""),
        # one entry must be preferred: where the one that was is gone, the one that is stays so
        ("old* new/work", "old new*/work", "old new*/work", "new*/work", "[personal]", "new*/work"),
        # a mark that staff moved is a conflict of its own: the address that was written is undone
        ("old* new/work", "b new/work", "b new/work", "b new*/work", ".preferred", "old new*/work"),
    ],
)
def test_what_staff_did_to_a_list_since_is_theirs(
    before: str, sent: str, answered: str, now: str, theirs: str, after: str
) -> None:
    """The rest of the list is put back."""
    step, paths = undo_update(2, Image(mails(before), mails(sent), mails(answered)), mails(now))
    assert paths == (f"contact_info.email{theirs}",)
    user = step.after if isinstance(step, Update) else mails(now)
    assert people.shape(user) == people.shape(mails(after))


def test_an_id_that_is_put_back_as_primary_id_goes_where_it_was_kept() -> None:
    """Alma takes no value twice (contract 3.2), also where staff noted something beside it."""
    before = people.user(primary_id="old", last_name="Roe", user_identifier=[])
    kept = people.identifier("BARCODE", "old", status="INACTIVE")
    sent = people.user(primary_id="new", last_name="Doe", user_identifier=[kept])
    now = people.user(
        primary_id="new", last_name="Doe", user_identifier=[kept | {"note": "destroyed"}]
    )
    step, _ = undo_update(2, Image(before, sent, sent), now)
    assert isinstance(step, Update)
    assert (step.after.primary_id, step.after.last_name) == ("old", "Roe")
    assert entries(step.after, "user_identifier") == ()
    assert ChangeKind.REMOVE in {change.kind for change in step.changes}
    assert not step.takes_back


def test_nothing_is_put_back_of_another_person_with_the_id() -> None:
    """The card was given to somebody else after the load: that record needs a person's look."""
    who = {"first_name": "Ana", "last_name": "Smith", "birth_date": "1950-01-01Z"}
    before, sent = (people.user(**who, expiry_date=f"{year}-12-31Z") for year in (2026, 2027))
    other = {"first_name": "Bob", "last_name": "Jones", "birth_date": "2001-05-05Z"}
    family = {"first_name": "Zora", "last_name": "Smith", "birth_date": "2001-05-05Z"}
    image, origin = (
        RowImage(before, sent, sent, row=2, act=Act.UPDATE, primary_id="21234"),
        Origin("a.csv", "", 2),
    )
    for now, step in (({**who, "last_name": "Lee"}, Update), (other, Held), (family, Held)):
        live = people.user(**now, expiry_date="2027-12-31Z")
        assert isinstance(undone(image, live, origin, NOTHING_COMMON, answered=False).step, step)


def test_only_what_the_run_added_goes_without_a_safety_check() -> None:
    """A note of the run, beside one of somebody else, counts for nothing; as a load it would."""
    note = {"note_type": {"value": "OTHER"}, "note_text": "kept"}
    before, sent = people.user(user_note=[]), people.user(user_note=[note])
    live = people.user(user_note=[note, note | {"note_text": "theirs"}])
    step, _ = undo_update(2, Image(before, sent, sent), live)
    assert isinstance(step, Update)
    assert len(entries(step.after, "user_note")) == 1
    assert people.failing([step], SafetyLimits(), ()) == ()
    (failed,) = people.failing([replace(step, takes_back=False)], SafetyLimits(), ())
    assert failed.check is SafetyCheck.REMOVALS


@st.composite
def populations(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]], list[tuple[str, ...]]]:
    """An account type, users of it, and a roster that changes some and creates others."""
    kind = draw(st.sampled_from(["INTERNAL", "EXTERNAL"]))
    several = st.lists(
        users().filter(lambda body: body["account_type"]["value"] == kind), min_size=1, max_size=3
    )
    bodies = []
    for number, body in enumerate(draw(several)):
        own = [
            {**entry, "value": f"{number}-{place}"}
            for place, entry in enumerate(body["user_identifier"])
        ]
        named = {"primary_id": f"u{number}", "first_name": "Anne"}
        bodies.append(body | named | {"user_identifier": own})
    rows: list[tuple[str, ...]] = [
        (
            f"u{number}",
            draw(st.sampled_from(["Doe", "O'Neil"])),
            draw(st.sampled_from(["COMM", "STAFF"])),
            draw(st.sampled_from(["", "MR", "DR"])),
            draw(st.sampled_from(["", "2035-05-15"])),
            draw(st.sampled_from(["", "a@example.org"])),
            draw(st.sampled_from(["", "back"])),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    return kind, bodies, rows


def state(alma: Alma) -> list[dict[str, Any]]:
    """Every user, without what Alma writes by itself."""
    found = []
    for user in alma.admin("GET", "/state").json()["users"]:
        told = {name: value for name, value in user.items() if name not in BY_ALMA}
        for name in ("user_note", "user_block"):
            told[name] = [
                {key: value for key, value in entry.items() if key != "created_date"}
                for entry in told.get(name) or []
            ]
        found.append(told)
    return sorted(found, key=lambda user: str(user["primary_id"]))


@pytest.mark.faults
@pytest.mark.parametrize("override", ["true", "false"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    population=populations(),
    policy=st.sampled_from(["replace", "add", "replace_all"]),
    edited=st.sampled_from([[], ["user_group"], ["user_title"]]),
)
def test_applied_and_undone_all_is_as_before(
    override: str,
    population: tuple[str, list[dict[str, Any]], list[tuple[str, ...]]],
    policy: str,
    edited: list[str],
) -> None:
    """Every user, mapped fields or not, is as before, and the next plan is the one from before."""
    kind, bodies, rows = population
    with (
        pytest.MonkeyPatch.context() as patch,
        reached(patch) as host,
        TemporaryDirectory() as name,
        httpx.Client() as client,
    ):
        alma = Alma(client, host)
        patch.chdir(name)
        for body in bodies:
            assert alma.call("POST", "/users", body).status_code == 200
            alma.admin("POST", f"/users/{body['primary_id']}/edited", edited)
        mapping = MAPPING.format(kind=kind, policy=policy, override=override)
        text = mapping.replace("record:\n", OWNER[kind] + "record:\n")
        Path("m.yaml").write_text(text, "utf-8")
        write_csv(Path("r.csv"), (HEAD, *rows))
        before = state(alma)
        assert run(["plan", "r.csv", "-m", "m.yaml", "-o", "first"]) == 0
        allowed = [part for brake in ALLOW for part in ("--allow", brake)]
        assert run(["apply", "first", *allowed]) == 0
        after = state(alma)
        assert run(["undo", "first", "--delete-created", "-o", "back"]) == 0
        assert state(alma) == after
        with Ledger.open(Path("back")) as ledger:
            number = next_deletes(ledger, None)
        deletes = ["--delete", str(number)] if number else []
        assert run(["apply", "back", *allowed, *deletes]) == 0
        assert state(alma) == before
        assert run(["plan", "r.csv", "-m", "m.yaml", "-o", "again"]) == 0
        assert run(["apply", "again", *allowed]) == 0
        assert state(alma) == after
