"""What a mapping decides beyond values."""

from __future__ import annotations

from pathlib import Path

from importer.model.fields import OnUpdate
from importer.model.plan import SafetyLimit
from tests.mapper.bench import Bench


def test_what_an_update_does_is_said_by_field(tmp_path: Path) -> None:
    """Passwords and PINs are given when a user is created, unless the mapping says otherwise."""
    record = (
        "password: <P>\nforce_password_change: 'TRUE'\npin_number: {from: <P>, on_update: keep}\n"
        "expiry_date: {from: <E>, on_update: later}\ncampus_code: {from: MAIN, override: true}"
    )
    bench = Bench(tmp_path, record, columns="P|E")
    targets = bench.compiled.layout.targets
    assert {label: targets[label].on_update for label in targets if "name" not in label} == {
        "primary_id": OnUpdate.REPLACE,
        "pin_number": OnUpdate.KEEP,
        "user_group": OnUpdate.REPLACE,
        "campus_code": OnUpdate.REPLACE,
        "expiry_date": OnUpdate.LATER,
        "password": OnUpdate.NEVER,
        "force_password_change": OnUpdate.NEVER,
    }
    assert targets["campus_code"].override
    assert bench.mapping.maps_password


def test_a_password_never_stands_in_a_problem(tmp_path: Path) -> None:
    """Not even its text as a private value."""
    top = "lookups: {p: {a: b}}"
    candidates = Bench(tmp_path, "password: {from: <P>, lookup: p}", top, "P").map(("secret99",))
    assert "secret99" not in repr(candidates.problems)
    assert len(candidates.problems) == 1


def test_the_roster_is_read_as_the_mapping_says(tmp_path: Path) -> None:
    """Sheet, encoding and heading rows; the headings that are expected, in every spelling."""
    top = (
        "roster: {sheet: Patrons, encoding: cp1252, header: [3, 4], only: {Status: A}}\n"
        "headings: {ID: [Card, Card No]}"
    )
    bench = Bench(
        tmp_path,
        "contact_info: {email: [{email_address: <E *>, email_type: work}]}",
        top,
        "Status|E 1",
    )
    layout = bench.mapping.layout()
    assert (layout.sheet, layout.encoding, layout.header) == ("Patrons", "cp1252", (3, 4))
    assert layout.expected == {"ID", "First", "Last", "Status", "Card", "Card No"}


def test_match_and_brakes_are_taken_over(tmp_path: Path) -> None:
    """Brakes go by their own names."""
    top = (
        "match: {by: [primary_id, BARCODE], new: skip, known: reject, possible_match: warn}\n"
        "safety_checks: {many-changes: {percent: 10, count: 3}}"
    )
    mapping = Bench(tmp_path, top=top).mapping
    assert mapping.file.match.by == ("primary_id", "BARCODE")
    assert mapping.file.safety_checks.many_changes == SafetyLimit(percent=10, count=3)
    assert mapping.file.safety_checks.renames == SafetyLimit(percent=5, count=5)
