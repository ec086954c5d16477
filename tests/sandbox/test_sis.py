"""The SIS load: each record of a zip is created, updated or rejected (contract 5)."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.alma import Alma, barcode, coded, email, person, student


def _user(primary_id: str, inside: str = "", group: str = "UGRD") -> str:
    named = f"<primary_id>{primary_id}</primary_id>" if primary_id else ""
    return (
        f"<user>{named}<first_name>Ada</first_name><last_name>Almeida</last_name>"
        f"<user_group>{group}</user_group>{inside}</user>"
    )


def _zip(*documents: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, document in enumerate(documents):
            archive.writestr(f"{number}.xml", document)
    return buffer.getvalue()


def _load(alma: Alma, *users: str, query: str = "", root: str = "users") -> dict[str, Any]:
    content = _zip(f"<{root}>{''.join(users)}</{root}>".encode())
    answer = alma.load(content, query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _barcode(value: str) -> str:
    return (
        "<user_identifiers><user_identifier segment_type='Internal'><id_type>BARCODE</id_type>"
        f"<value>{value}</value></user_identifier></user_identifiers>"
    )


def _tally(created: int = 0, updated: int = 0, skipped: int = 0) -> dict[str, Any]:
    return {"created": created, "updated": updated, "skipped": skipped, "rejected": []}


@pytest.mark.parametrize("root", ["users", "Users", "userRecords"])
def test_new_users_are_external_patrons_of_the_profile(alma: Alma, root: str) -> None:
    """The profile gives account type and external_id; entries are External; roles are ignored."""
    inside = (
        f"{_barcode('B1')}<account_type>INTERNAL</account_type><external_id>X</external_id>"
        "<password>secret stuff</password><status_date/><is_researcher/>"
        "<user_roles><user_role><role_type>26</role_type></user_role></user_roles>"
    )
    loaded = _load(alma, _user("1", inside), query="?external_id=CAMPUS", root=root)
    assert loaded == _tally(created=1)
    user = alma.user("1")
    assert (user["account_type"]["value"], user["external_id"]) == ("EXTERNAL", "CAMPUS")
    assert user["record_type"]["value"] == "PUBLIC"
    assert user["user_identifier"][0]["segment_type"] == "External"
    assert [role["role_type"]["value"] for role in user["user_role"]] == ["200"]


def test_synchronise_replaces_what_is_external(alma: Alma) -> None:
    """External entries are replaced, Internal ones and roles stay, absent fields are cleared."""
    role = {"role_type": coded("204"), "scope": coded("MAIN_LIB")}
    alma.create(
        **student(
            middle_name="B",
            user_role=[role],
            user_identifier=[barcode("OLD")],
            contact_info={"email": [email("desk@example.org", "Internal", preferred=True)]},
        )
    )
    before = alma.user("1000001")
    address = (
        "<contact_info><emails><email preferred='true'><email_address>new@example.org"
        "</email_address><email_types><email_type>work</email_type></email_types></email></emails>"
        "</contact_info>"
    )
    assert _load(alma, _user("1000001", address + _barcode("NEW"))) == _tally(updated=1)
    user = alma.user("1000001")
    assert user["middle_name"] == ""
    assert user["user_role"] == before["user_role"]
    assert [entry["value"] for entry in user["user_identifier"]] == ["NEW"]
    shown = [(mail["email_address"], mail["preferred"]) for mail in user["contact_info"]["email"]]
    assert shown == [("desk@example.org", True), ("new@example.org", False)]


def test_import_takes_new_users_only(alma: Alma) -> None:
    """A match is skipped in import mode."""
    alma.create(**student())
    users = _user("1000001", "<middle_name>Z</middle_name>"), _user("2")
    assert _load(alma, *users, query="?mode=import") == _tally(created=1, skipped=1)
    assert alma.user("1000001")["middle_name"] == ""


def test_unmatched_records_may_be_left_out(alma: Alma) -> None:
    """A switch skips records that match nobody."""
    alma.set(switches={"sis-unmatched": "skip"})
    assert _load(alma, _user("2")) == _tally(skipped=1)


def test_internal_users_are_never_touched(alma: Alma) -> None:
    """A record that matches an Internal user is rejected."""
    before = alma.create()
    loaded = _load(alma, _user("P1"))
    assert [entry["primary_id"] for entry in loaded["rejected"]] == ["P1"]
    assert "internal" in loaded["rejected"][0]["reason"]
    assert alma.user("P1") == before


def test_rejections_have_reasons_and_do_not_stop_the_load(alma: Alma) -> None:
    """Each wrong record is rejected with a reason; the first of two with one identifier wins."""
    alma.create(user_identifier=[barcode("TAKEN")])
    users = (
        _user("1", _barcode("B1")),
        _user("2", _barcode("B1")),
        _user("3", group="NO_SUCH"),
        _user("4", "<birth_date>05/15/2026</birth_date>"),
        _user("5", _barcode("TAKEN")),
        _user("6", _barcode("6")),
        _user("7"),
        _user("8", _barcode("B9"), group="NO_SUCH"),
        _user("9", _barcode("B9")),
    )
    loaded = _load(alma, *users)
    assert (loaded["created"], loaded["updated"]) == (3, 0)
    assert [entry["primary_id"] for entry in loaded["rejected"]] == [*"234568"]
    assert loaded["rejected"][0]["reason"] == (
        "Identifier of type BARCODE and value B1 is already taken AcrossInstitution in this feed"
    )
    assert alma.call("GET", "/users").json()["total_record_count"] == 4


def test_match_by_another_identifier(alma: Alma) -> None:
    """The match identifier may be a barcode; a record without one is rejected."""
    alma.create(**student(user_identifier=[barcode("B1")]))
    loaded = _load(alma, _user("77", _barcode("b1")), _user("78"), query="?match=BARCODE")
    assert (loaded["updated"], len(loaded["rejected"])) == (1, 1)
    assert alma.user("B1")["primary_id"] == "77"


def test_a_primary_id_is_made_from_the_name(alma: Alma) -> None:
    """New users without a primary ID get a unique one from their names."""
    assert _load(alma, _user(""), _user("")) == _tally(created=2)
    assert alma.user("Ada.Almeida2")["first_name"] == "Ada"


@pytest.mark.parametrize(("position", "expected"), [("keep", "1234"), ("clear", "")])
def test_empty_sticky_fields_are_a_switch(alma: Alma, position: str, expected: str) -> None:
    """An empty sticky field keeps the old value or clears it; an edited one is kept in any case."""
    alma.set(switches={"sis-empty-sticky": position})
    alma.create(**student(pin_number="1234", user_title=coded("DR")))
    alma.admin("POST", "/users/1000001/edited", ["user_title", "user_group"])
    assert _load(alma, _user("1000001", group="GRAD")) == _tally(updated=1)
    user = alma.user("1000001")
    assert user["pin_number"] == expected
    assert (user["user_title"]["value"], user["user_group"]["value"]) == ("DR", "UGRD")


@pytest.mark.parametrize(
    "content",
    [
        b"no zip",
        _zip(),
        _zip(b"\xef\xbb\xbf<users/>"),
        _zip(b"<users>"),
        _zip(b"<people/>"),
        _zip(*(b"<users/>" for _ in range(51))),
        _zip(b"<users/>")[:-30],
    ],
    # a zip holds the time at which it was made, and names must be the same wherever tests run
    ids=["text", "nothing", "mark", "unclosed", "people", "too many", "cut"],
)
def test_files_that_could_not_be_parsed(alma: Alma, content: bytes) -> None:
    """Anything but a zip of 1 to 50 files of users is refused as a whole."""
    answer = alma.load(content)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Could not parse file")


@settings(deadline=None, max_examples=150, database=None)
@given(place=st.floats(0, 1), patch=st.binary(min_size=1, max_size=4), cut=st.integers(0, 9))
def test_a_damaged_zip_is_refused_whole(shared: Alma, place: float, patch: bytes, cut: int) -> None:
    """Changed and missing bytes anywhere in a zip give a sentence or the counts."""
    content = bytearray(_zip(f"<users>{_user('1')}</users>".encode()))
    at = int(place * (len(content) - 1))
    content[at : at + cut] = patch
    answer = shared.load(bytes(content))
    assert answer.status_code in {200, 400}
    assert set(answer.json()) in ({"error"}, {"created", "updated", "skipped", "rejected"})


def test_a_load_is_not_a_call_of_the_day(alma: Alma) -> None:
    """The load costs no API call and is not in the log."""
    _load(alma, *(_user(str(number)) for number in range(200)))
    assert alma.log() == []
    assert alma.call("POST", "/users", person()).headers["X-Exl-Api-Remaining"] == "99999"
