"""Answers about single rows are kept for a plan that continues, and only for a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from importer.model.people import person_keys
from importer.model.user import User
from importer.users.answers import VALID, KeptAnswers
from importer.users.matching import MatchedUser, MatchResult, PersonQuery

NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
ANA = User.from_json('{"primary_id": "2001", "last_name": "Ñ\\u2028", "strange": {"from": "Alma"}}')
ASKED = PersonQuery(
    (("primary_id", "2001"), ("BARCODE", "77")),
    "Ana",
    "Nunez",
    "ana@example.org",
    person_keys("Ana", "Nunez", born="1990-01-02", emails=["ana@example.org", "a@example.org"]),
    by_name=True,
)
FOUND = (
    MatchResult(),
    MatchResult((MatchedUser(ANA, ("primary_id",)),)),
    MatchResult((), (ANA,), ("2002",)),
)


def test_an_answer_is_kept_as_it_was(tmp_path: Path) -> None:
    """Users with every field, possible matches and namesakes; the last answer counts."""
    path = tmp_path / "users" / "a.answers"
    for found in FOUND:
        KeptAnswers(path, NOW).keep(ASKED, found)
        got = KeptAnswers(path, NOW + VALID / 2).get(ASKED)
        assert got == found
        assert [user.to_json() for user in got.every_user] == [
            user.to_json() for user in found.every_user
        ]


def test_what_does_not_count(tmp_path: Path) -> None:
    """Another query, no clear answer, an old answer, one from the future, and a line cut off."""
    path, other = tmp_path / "a.answers", PersonQuery((("primary_id", "2001"),))
    KeptAnswers(path, NOW).keep(ASKED, FOUND[1])
    KeptAnswers(path, NOW).keep(other, MatchResult(failed="no answer"))
    assert KeptAnswers(path, NOW).get(other) is None
    for time in (NOW + VALID, NOW - timedelta(seconds=1)):
        assert KeptAnswers(path, time).get(ASKED) is None
    path.write_bytes(path.read_bytes()[:-40])
    assert KeptAnswers(path, NOW).get(ASKED) is None


def test_a_saved_plan_forgets_its_own_answers(tmp_path: Path) -> None:
    """Those of another plan stay, and with the last of them the file goes."""
    path, other = tmp_path / "a.answers", PersonQuery((("primary_id", "2001"),))
    kept = KeptAnswers(path, NOW)
    kept.keep(ASKED, FOUND[1])
    kept.keep(other, FOUND[1])
    KeptAnswers(path, NOW).forget([ASKED])
    assert KeptAnswers(path, NOW).get(ASKED) is None
    assert KeptAnswers(path, NOW).get(other) == FOUND[1]
    KeptAnswers(path, NOW).forget([other])
    assert not path.exists()
