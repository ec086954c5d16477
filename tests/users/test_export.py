"""An export as the beginning of a cache."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from importer.errors import UsageError
from importer.model.people import person_keys
from importer.pipeline.lookup import Users
from importer.users.cache import UnreadUsers, UserCache, find_users
from importer.users.matching import MatchResult, PersonQuery
from importer.users.refresh import add_export, read_export
from tests.users.conftest import World, now

DAY = datetime(2026, 8, 20, tzinfo=UTC)
TEXT = """\
Primary Identifier,First Name,Last Name,Birth Date,Email,Barcode
1000001,Ada,Almeida,1990-03-01,ada@example.org,22222000000001
1000001,Ada,Almeida,1990-03-01,Other@example.org,EXTRA
1000002,Zoë,Ivanova,3/1/1990,zoe@example.org,
,No,Body,,,
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of two users in four rows."""
    path = tmp_path / "users.csv"
    path.write_text(TEXT, "utf-8")
    return path


def by(value: str, kind: str = "primary_id") -> PersonQuery:
    """A row with one identifier."""
    person = person_keys("Ada", "Almeida", born="1990-03-01")
    return PersonQuery(((kind, value),), person=person, by_name=True)


def test_users_of_an_export_are_known_by_their_marks(world: World, export: Path) -> None:
    """Identifiers and names lead to them, whatever row they stood in."""
    with world.cache() as cache:
        got = read_export(export)
        assert (len(got.users), got.nameless, got.dateless) == (2, 1, 1)
        assert add_export(cache, got, DAY) == 2
        assert cache.state.as_of == DAY
        for value in ("1000001", "22222000000001", "extra"):
            assert find_users(cache, by(value)) == UnreadUsers(("1000001",))
        assert find_users(cache, by("9")) == UnreadUsers(("1000001",))  # by name and birth date
        person = person_keys("Ivanova", "Zoe", emails=["ZOE@example.org"])
        mail = PersonQuery((), person=person, by_name=True)
        assert find_users(cache, mail) == UnreadUsers(("1000002",))


def test_a_match_costs_one_call_once(world: World, export: Path) -> None:
    """The record is read when a row first means the user, and kept."""
    with world.cache() as cache:
        add_export(cache, read_export(export), DAY)
        for calls in (1, 0):
            world.calls()
            found = world.asked(lambda alma: Users(alma, now, cache).find(by("1000001")))
            assert [matched.user.primary_id for matched in found.users] == ["1000001"]
            assert len(world.calls()) == calls
        assert cache.count("record = ''") == 1


def test_an_export_never_hides_a_record(world: World, export: Path) -> None:
    """Who was read stays read, and the cache's time stays."""
    with world.cache() as cache:
        world.refresh(cache)
        as_of = cache.state.as_of
        assert add_export(cache, read_export(export), DAY) == 0
        assert cache.count("record = ''") == 0
        assert cache.state.as_of == as_of
        assert isinstance(find_users(cache, by("1000001")), MatchResult)


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("utf-16", "\t")]
)
def test_exports_of_every_kind_are_read(
    tmp_path: Path, export: Path, encoding: str, delimiter: str
) -> None:
    """Commas, semicolons and tabs; UTF-8 with or without a mark, UTF-16; other headings."""
    text = TEXT.replace("Primary Identifier", "User Primary ID").replace("Last Name", "SURNAME")
    export.write_text(text.replace(",", delimiter), encoding)
    with UserCache.make(tmp_path / "m.sqlite", "I", "") as cache:
        assert add_export(cache, read_export(export), DAY) == 2
        assert find_users(cache, by("EXTRA")) == UnreadUsers(("1000001",))


@pytest.mark.parametrize(
    "content", [b"", b"Name,Barcode\n1,2\n", b"Primary Identifier\n1\n", b"\xff\xfea", b"\x80,a\n"]
)
def test_what_is_no_export_is_told(tmp_path: Path, export: Path, content: bytes) -> None:
    """Without the columns that are needed, not text, or not there: a sentence."""
    export.write_bytes(content)
    with pytest.raises(UsageError):
        read_export(export)
    with pytest.raises(UsageError):
        read_export(tmp_path / "absent.csv")
