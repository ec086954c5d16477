"""The Cloud App's own defects are computed as the app has them.

`recorded.json` was recorded from the app itself (version of 2026-01): for each profile and row the
record that it sends, and for the users of `known.json` what it puts in their place.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.suggest.user_loader_profile import (
    AppFailureError,
    Profile,
    app_record,
    app_update,
)
from tests.sheets import read_rows

FOLDER = Path(__file__).parent
PROFILES = {
    one["name"].split()[0]: Profile.model_validate(one)
    for one in json.loads((FOLDER / "profiles.json").read_text("utf-8"))
}
RECORDED = json.loads((FOLDER / "recorded.json").read_text("utf-8"))
KNOWN = {one["primary_id"]: one for one in json.loads((FOLDER / "known.json").read_text("utf-8"))}
ROWS = read_rows(FOLDER / "roster.csv")


@pytest.mark.parametrize("name", PROFILES)
def test_the_records_are_those_of_the_app(name: str) -> None:
    """Row for row, also where a blank cell shifts types and where the app stops."""
    profile = PROFILES[name]
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
