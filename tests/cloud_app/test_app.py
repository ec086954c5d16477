"""The emulation of the Cloud App does what the app does.

`recorded.json` was recorded from the app itself (version of 2026-01): for each profile and row the
record that it sends, and for the users of `known.json` what it puts in their place.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.suggest.user_loader_profile import Profile
from tests.cloud_app.app import AppFailureError, app_record, app_update
from tests.sheets import read_rows

FOLDER = Path(__file__).parent
PROFILES = [
    Profile.model_validate(profile)
    for profile in json.loads((FOLDER / "profiles.json").read_text("utf-8"))
]
RECORDED = json.loads((FOLDER / "recorded.json").read_text("utf-8"))
KNOWN = {
    user["primary_id"]: user for user in json.loads((FOLDER / "known.json").read_text("utf-8"))
}
ROWS = read_rows(FOLDER / "roster.csv")


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_records_are_those_of_the_app(profile: Profile) -> None:
    """Row for row, also where a blank cell shifts types and where the app stops."""
    for row, recorded in zip(ROWS, RECORDED[profile.name], strict=True):
        if "fails" in recorded:
            with pytest.raises(AppFailureError):
                app_record(profile, row)
            continue
        sent = app_record(profile, row)
        assert sent == recorded["sent"]
        if "stored" in recorded:
            live = KNOWN[str(sent["primary_id"])]
            assert app_update(live, sent, profile.kind) == recorded["stored"]
