"""What a mapping removes, replaces and revises in notes, blocks and statistics of a known user."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.model.plan import Unchanged, Update
from importer.model.user import User
from importer.planner.drafts import drafts
from importer.planner.update import update
from tests.mapper.bench import Bench
from tests.planner.people import case

LIVE = User.model_validate(
    {
        "primary_id": "2000",
        "first_name": "Ann",
        "last_name": "Lee",
        "user_group": {"value": "COMM"},
        "account_type": {"value": "INTERNAL"},
        "user_note": [
            {"note_type": {"value": kind}, "note_text": text}
            for kind, text in (
                ("LIBRARY", "Roster load 2025"),
                ("LIBRARY", "Lost a key"),
                ("POPUP", "Roster load 2025"),
            )
        ],
        "user_statistic": [
            {"statistic_category": {"value": kind}, "segment_type": "Internal"}
            for kind in ("STUDENT", "CHOIR")
        ],
        "user_block": [
            {
                "block_type": {"value": "GENERAL"},
                "block_description": {"value": "CARD"},
                "block_status": "ACTIVE",
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        (
            'user_note: [{remove: {note_type: LIBRARY, matches: "Roster load .*"}}]',
            [("remove", "user_note[LIBRARY]", "Roster load 2025", "")],
        ),
        ("user_note: [{remove: {note_type: OTHER}}]", []),
        # the note of a load is replaced when something else changes, never by itself
        (
            'user_note: [{remove: {matches: "Roster load .*"}}, {note_type: LIBRARY, note_text: '
            "Roster load <@today>}]",
            [
                ("remove", "user_note[LIBRARY]", "Roster load 2025", ""),
                ("remove", "user_note[POPUP]", "Roster load 2025", ""),
                ("add", "user_note[LIBRARY]", "", "Roster load 2026-08-20"),
            ],
        ),
        (
            "user_note: [{remove: {note_type: LIBRARY}}, {note_type: LIBRARY, note_text: "
            "Roster load <@today>}]",
            [],
        ),
        (
            "user_statistic: [{statistic_category: ALUMNI, replaces: [STUDENT, RESIDENT]}]",
            [("replace", "user_statistic[STUDENT].statistic_category", "STUDENT", "ALUMNI")],
        ),
        ("user_statistic: [{statistic_category: STUDENT, replaces: [RESIDENT]}]", []),
        (
            "user_statistic: [{statistic_category: CHOIR, replaces: [STUDENT]}]",
            [("remove", "user_statistic[STUDENT]", "STUDENT", "")],
        ),
        (
            "user_statistic: [{statistic_category: CHOIR, replaces: [STUDENT]}, "
            "{statistic_category: ALUMNI, replaces: [STUDENT]}]",
            [("replace", "user_statistic[STUDENT].statistic_category", "STUDENT", "ALUMNI")],
        ),
        (
            "user_block: [{block_type: GENERAL, block_description: CARD, block_status: INACTIVE}]",
            [("replace", "user_block[GENERAL].block_status", "ACTIVE", "INACTIVE")],
        ),
        ("user_block: [{block_type: GENERAL, block_description: CARD}]", []),
    ],
)
def test_lists_that_are_only_added_to_can_be_changed_on_request(
    tmp_path: Path, record: str, changes: list[tuple[str, str, str, str]]
) -> None:
    """What goes, what is replaced in its place, and what is revised; nothing else is touched."""
    candidates = Bench(tmp_path, record).map(())
    (draft,) = drafts(candidates, candidates.rows, {})
    step = update(case(draft), LIVE, rename=False).step
    assert isinstance(step, Update | Unchanged)
    found = step.changes if isinstance(step, Update) else ()
    assert [(one.kind.value, one.path, one.old, one.new) for one in found] == changes
