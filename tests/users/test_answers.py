"""Answers about single rows are kept for a plan that continues, and only for a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from importer.model.people import person_keys
from importer.model.user import User
from importer.users.matching import (
    VALID,
    KeptAnswers,
    MatchedUser,
    MatchResult,
    PersonQuery,
    forget_answers,
)

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


ALMA = "01INST sandbox"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_answer_is_kept_as_it_was() -> None:
    """Users with every field, possible matches and namesakes; the last answer counts."""
    for found in FOUND:
        KeptAnswers(ALMA, NOW).keep(ASKED, found)
        got = KeptAnswers(ALMA, NOW + VALID / 2).get(ASKED)
        assert got == found
        assert [user.to_json() for user in got.every_user] == [
            user.to_json() for user in found.every_user
        ]


def test_what_does_not_count() -> None:
    """Another query, no clear answer, an old answer, one from the future, and another Alma's."""
    other = PersonQuery((("primary_id", "2001"),))
    KeptAnswers(ALMA, NOW).keep(ASKED, FOUND[1])
    KeptAnswers(ALMA, NOW).keep(other, MatchResult(failed="no answer"))
    assert KeptAnswers(ALMA, NOW).get(other) is None
    for time in (NOW + VALID, NOW - timedelta(seconds=1)):
        assert KeptAnswers(ALMA, time).get(ASKED) is None
    assert KeptAnswers("01INST production", NOW).get(ASKED) is None


def test_a_damaged_file_of_answers_stops_nothing(tmp_path: Path) -> None:
    """Alma is asked again."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "memory.sqlite").write_bytes(b"no database" * 100)
    kept = KeptAnswers(ALMA, NOW)
    kept.keep(ASKED, FOUND[1])
    assert kept.get(ASKED) is None
    kept.forget([ASKED])


def test_a_saved_plan_forgets_its_own_answers() -> None:
    """Those of another plan stay for a day."""
    other = PersonQuery((("primary_id", "2001"),))
    with KeptAnswers(ALMA, NOW) as kept:
        kept.keep(ASKED, FOUND[1])
        kept.keep(other, FOUND[1])
        kept.forget([ASKED])
    assert KeptAnswers(ALMA, NOW).get(ASKED) is None
    assert KeptAnswers(ALMA, NOW).get(other) == FOUND[1]
    KeptAnswers(ALMA, NOW + VALID).forget([])
    assert forget_answers() == 0


def test_after_an_apply_no_answer_counts() -> None:
    """Those of one institution, or of all."""
    for alma in (ALMA, "01OTHER sandbox"):
        KeptAnswers(alma, NOW).keep(ASKED, FOUND[1])
    assert forget_answers(ALMA) == 1
    assert KeptAnswers(ALMA, NOW).get(ASKED) is None
    assert KeptAnswers("01OTHER sandbox", NOW).get(ASKED) == FOUND[1]
    assert forget_answers() == 1
