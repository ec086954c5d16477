"""Patrons like those of a user cache: their shape and proportions, and no value of theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from importer.alma.code_tables import write_file
from importer.model.fields import CodeRow, CodeTables
from importer.model.user import User
from importer.sandbox.server import Options
from importer.users.cache import UserCache
from tests.sandbox.alma import Alma, barcode, coded, email, practice, student

_CODES = {
    "UserGroups": ("U1", "U2"),
    "UserIdentifierTypes": ("01", "02"),
    "UserEmailTypes": ("work", "school"),
    "Libraries": ("EAST", "WEST"),
}
_TABLES = CodeTables(
    {name: tuple(CodeRow(code, code) for code in rows) for name, rows in _CODES.items()},
    "01OWN_INST",
    date(2026, 11, 28),
)


_LINKED = {"source_institution_code": "01HOME_INST", "source_link_id": "L900001"}


def _texts(value: Any) -> Iterator[str]:
    """Every text in a document but codes, what they mean and dates."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"value", "desc"} and {"value", "desc"} <= value.keys():
                continue
            if name not in {
                "source_institution_code",
                "segment_type",
                "external_id",
                "link",
                "status",
                "scope",
                "modified",
            }:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and value and not value.endswith("Z"):
        yield value.casefold()


def _real(number: int) -> dict[str, Any]:
    """A user of the cache; one of four is in another group, one of two has a note."""
    note = {
        "note_type": coded("OTHER"),
        "note_text": f"Asked for ILL {number}",
        "user_viewable": False,
        "popup_note": False,
    }
    return student(
        primary_id=f"kx{number:05}",
        first_name=f"Anneliese{'x' * (number % 3)}",
        last_name=f"O'Brien-Müller {number}",
        user_group=coded("U2" if number % 4 == 0 else "U1"),
        user_identifier=[barcode(f"2900{number:06}", id_type=coded("01"))],
        contact_info={
            "email": [
                email(f"anna{number}@real.example.org", preferred=True)
                | {"email_type": [coded("work")]}
            ]
        },
        birth_date="1990-05-01",
        user_note=[note] if number % 2 else [],
        **(_LINKED if number % 5 == 0 else {}),
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user cache of 120 users, in a folder with the code tables of their institution."""
    folder = tmp_path_factory.mktemp("own")
    write_file(folder / "codes.json", _TABLES)
    users = (User.model_validate(_real(number)) for number in range(120))
    with UserCache.make(folder / "users" / "own.sqlite", "01OWN_INST", "sandbox") as made:
        made.put(users, datetime(2026, 11, 28, tzinfo=UTC))
    return folder


@pytest.fixture(scope="module")
def like(cache: Path) -> Iterator[Alma]:
    """The command: a practice Alma with these codes, and 300 patrons like those of the cache."""
    words = ("--codes", "codes.json", "--like", "users", "--seed-users", "300", "--port", "0")
    command = [sys.executable, "-m", "importer", "sandbox", "--rate", "0", *words]
    with subprocess.Popen(command, cwd=cache, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "http://" in line, line
        url = f"http://{line.partition('http://')[2].partition(';')[0]}"
        with httpx.Client(timeout=60) as client:
            yield Alma(client, url)
        process.terminate()


def test_no_value_of_the_cache_is_repeated(like: Alma) -> None:
    """No name, ID, email or note of a user of the cache is in the practice Alma."""
    real = {text for number in range(120) for text in _texts(_real(number))}
    users = like.admin("GET", "/state").json()["users"]
    assert len(users) == 300
    texts = {text for user in users for text in _texts(user)}
    assert (len(texts) > 300, texts & real) == (True, set())
    assert not any("anneliese" in text or "real.example" in text for text in texts)


def test_the_shape_and_the_proportions_are_those_of_the_cache(like: Alma) -> None:
    """Groups, notes and types are as frequent; an ID has as many letters and digits."""
    users = like.admin("GET", "/state").json()["users"]
    groups = Counter(user["user_group"]["value"] for user in users)
    assert set(groups) == {"U1", "U2"}
    assert 0.15 < groups["U2"] / 300 < 0.35
    assert 0.1 < sum("source_link_id" in user for user in users) / 300 < 0.3
    assert 0.4 < sum(bool(user["user_note"]) for user in users) / 300 < 0.6
    for user in users:
        (card,) = user["user_identifier"]
        assert (card["id_type"]["value"], len(card["value"])) == ("01", 10)
        assert user["primary_id"][:2].isalpha()
        assert user["primary_id"][2:].isdigit()
        assert (user["account_type"]["value"], user["external_id"]) == ("EXTERNAL", "SIS")
    emails = {user["contact_info"]["email"][0]["email_address"] for user in users}
    assert len(emails) == 300
    assert {address.partition("@")[2] for address in emails} == {"example.org"}


def test_the_practice_alma_has_the_institutions_codes(like: Alma) -> None:
    """It reports the institution and its tables, takes its codes only, and its users again."""
    assert like.call("GET", "/conf/general").json()["institution"]["value"] == "01OWN_INST"
    rows = like.call("GET", "/conf/code-tables/UserGroups").json()["row"]
    assert [row["code"] for row in rows] == ["U1", "U2"]
    libraries = like.call("GET", "/conf/libraries").json()["library"]
    assert [one["code"] for one in libraries] == ["EAST", "WEST"]
    assert like.call("POST", "/users", student(user_group=coded("UGRD"))).status_code == 400
    like.set(switches={"external-id-check": "on"})
    # no fetch gives campuses, nor the profiles of the SIS load
    own = student(user_group=coded("U1"), campus_code=coded("NORTH"), external_id="HR")
    assert like.call("POST", "/users", own).status_code == 200
    assert like.call("DELETE", "/users/1000001").status_code == 204
    one = like.call("GET", "/users?limit=1&expand=full").json()["user"][0]
    assert one["user_role"][0]["scope"]["value"] == "01OWN_INST"
    like.update(one["primary_id"], one)


def test_copies_of_another_institutions_patrons_are_invented_like_others() -> None:
    """With models there are as many copies as without: the last ones, each with its source."""
    models = [json.loads(User.model_validate(_real(number)).to_json()) for number in range(1, 5)]
    tables = {name: {code: code for code in rows} for name, rows in _CODES.items()}
    options = Options(rate=0, codes=tables, like=models, seed_users=4, linked_users=3)
    with practice(options) as alma:
        users = alma.admin("GET", "/state").json()["users"]
    assert [user.get("source_link_id") for user in users] == [
        *[None] * 4, "00000004", "00000005", "00000006",
    ]  # fmt: skip


def test_invented_patrons_have_codes_of_the_institution() -> None:
    """Without a cache, seeded users have codes that the tables contain, so updates are taken."""
    tables = {name: {code: code for code in rows} for name, rows in _CODES.items()}
    with practice(Options(rate=0, codes=tables, seed_users=3)) as alma:
        for user in alma.call("GET", "/users?limit=3&expand=full").json()["user"]:
            assert user["user_group"]["value"] == "U1"
            alma.update(user["primary_id"], json.loads(json.dumps(user)))


def test_codes_of_the_institution_are_for_every_kind_of_user() -> None:
    """Its tables do not list which are not; a code of another table's name means something else."""
    tables = {"UserGroups": {"UGRD": "Own"}, "UserAddressTypes": {"office": "Office"}}
    address = {"line1": "1 Elm Street", "address_type": [coded("office")]}
    with practice(Options(rate=0, codes=tables)) as alma:
        alma.create(record_type=coded("STAFF"), user_group=coded("UGRD"))
        alma.create(primary_id="P2", user_group=coded("UGRD"), contact_info={"address": [address]})
