"""`mapping import --prove`: what the Cloud App does with a roster, and what the importer does.

`recorded.json` was recorded from the app itself (version of 2026-01): for each profile and row the
record that it sends, and for the users of `known.json` what it puts in their place.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from importer.cli.app import run
from importer.errors import Exit
from importer.model.user import User
from importer.suggest.user_loader_profile import AppFailureError, Profile, app_record, app_update
from importer.users.cache import UserCache, cache_path
from tests.sheets import read_rows

FOLDER = Path(__file__).parent
PROFILES = {
    one["name"].split()[0]: Profile.model_validate(one)
    for one in json.loads((FOLDER / "profiles.json").read_text("utf-8"))
}
RECORDED = json.loads((FOLDER / "recorded.json").read_text("utf-8"))
KNOWN = {one["primary_id"]: one for one in json.loads((FOLDER / "known.json").read_text("utf-8"))}
ROWS = read_rows(FOLDER / "roster.csv")

SAME, DIFFERENT, NEITHER = "the same", "different", "neither sends it"
OURS, THEIRS = "only the importer sends it", "only the app sends it"

EXPECTED: dict[str, tuple[dict[str, int], int, set[str]]] = {
    "P01": ({SAME: 1, NEITHER: 9}, 0, set()),
    "P02": ({DIFFERENT: 1, OURS: 6, NEITHER: 3}, 2, {"contact_info.address", "contact_info.email"}),
    "P03": (
        {SAME: 2, DIFFERENT: 1, OURS: 1, THEIRS: 2, NEITHER: 4},
        10,
        {"contact_info.address", "contact_info.email", "contact_info.phone"},
    ),
    "P04": ({SAME: 1, OURS: 3, NEITHER: 6}, 0, set()),
    "P04b": ({SAME: 1, OURS: 6, NEITHER: 3}, 0, set()),
    "P07": ({SAME: 3, THEIRS: 1, NEITHER: 6}, 0, set()),
    "P07b": ({SAME: 5, THEIRS: 2, NEITHER: 3}, 0, set()),
    "P08": ({OURS: 3, NEITHER: 7}, 0, set()),
    "P09": (
        {DIFFERENT: 2, OURS: 4, THEIRS: 1, NEITHER: 3},
        13,
        {
            "contact_info.address",
            "contact_info.email",
            "contact_info.phone",
            "first_name",
            "user_identifier",
            "user_note",
            "user_statistic",
        },
    ),
    "P10": ({SAME: 1, THEIRS: 1, NEITHER: 8}, 0, set()),
    "P10b": ({SAME: 3, OURS: 1, THEIRS: 2, NEITHER: 4}, 0, set()),
    "P11": ({SAME: 5, THEIRS: 4, NEITHER: 1}, 0, set()),
    "X12": ({OURS: 7, NEITHER: 3}, 0, set()),
}
"""By profile: rows with each result, entries that the app deletes, and the fields that differ.

The app is right in none of them. Rows of another record type than the mapping's are skipped, and
people whom Alma does not know are rejected where the profile has no name for them.
"""


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a user cache that has the known users."""
    monkeypatch.chdir(tmp_path)
    Path("users").mkdir()
    of = ("01SANDBOX_INST", "sandbox")
    with UserCache.make(cache_path(Path("users"), *of), *of) as cache:
        users = [User.from_json(json.dumps(user)) for user in KNOWN.values()]
        cache.put(users, datetime(2026, 8, 20, tzinfo=UTC))


def proved(name: str, capfd: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Return what the command prints as JSON."""
    exported, roster = str(FOLDER / "profiles.json"), str(FOLDER / "roster.csv")
    words = ["mapping", "import", exported, "--profile", PROFILES[name].name, "--prove", roster]
    assert run([*words, "--json", *more]) == Exit.DONE
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


@pytest.mark.usefixtures("_cache")
@pytest.mark.parametrize("name", EXPECTED)
def test_the_importer_keeps_what_the_app_deletes(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """For known users and new ones; the importer deletes no entry, and misses none that is sent."""
    results, deleted, fields = EXPECTED[name]
    found = proved(name, capfd)
    assert found["totals"] == {"rows": 10, **results}
    assert found["deleted"] == {"app": deleted, "importer": 0}
    assert {one["field"] for row in found["rows"] for one in row["differences"]} == fields


def test_without_a_cache_records_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The output shows masked values; a finished mapping can take the place of the imported one."""
    monkeypatch.chdir(tmp_path)
    assert proved("P11", capfd)["totals"] == {"rows": 10, SAME: 5, THEIRS: 5}
    exported, roster = str(FOLDER / "profiles.json"), str(FOLDER / "roster.csv")
    name = PROFILES["P11"].name
    assert run(["mapping", "import", exported, "--profile", name]) == Exit.DONE
    mapping = capfd.readouterr().out.replace("<First>", "{from: <First>, clean: [upper]}")
    Path("m.yaml").write_text(mapping, "utf-8")
    words = ["mapping", "import", exported, "--profile", name, "--prove", roster, "-m", "m.yaml"]
    assert run(words) == Exit.DONE
    plain = capfd.readouterr().out
    assert "first_name: app" in plain
    assert "Ana" not in plain
    assert run([*words, "--show-values"]) == Exit.DONE
    assert "first_name: app Ana; importer ANA" in capfd.readouterr().out


def test_a_profile_that_deletes_cannot_be_compared(capfd: pytest.CaptureFixture[str]) -> None:
    """There is no mapping for it: exit 2, with the reason."""
    exported, roster = str(FOLDER / "profiles.json"), str(FOLDER / "roster.csv")
    words = ["mapping", "import", exported, "--profile", PROFILES["P05"].name, "--prove", roster]
    assert run(words) == Exit.USAGE
    assert "purge" in capfd.readouterr().err


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
