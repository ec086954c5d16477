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


def _zip(*documents: bytes, **others: bytes) -> bytes:
    files = {f"{number}.xml": document for number, document in enumerate(documents)} | others
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, document in files.items():
            archive.writestr(name, document)
    return buffer.getvalue()


def _load(alma: Alma, *users: str, query: str = "", root: str = "users") -> dict[str, Any]:
    content = _zip(f"<{root}>{''.join(users)}</{root}>".encode())
    answer = alma.load(content, query)
    assert answer.status_code == 200, answer.text
    return {name: found for name, found in answer.json().items() if found}


def _barcodes(*values: str) -> str:
    rows = "".join(
        "<user_identifier segment_type='Internal'><id_type>BARCODE</id_type>"
        f"<value>{value}</value></user_identifier>"
        for value in values
    )
    return f"<user_identifiers>{rows}</user_identifiers>"


_MAIL = (
    "<contact_info><emails><email{}><email_address>new@example.org</email_address><email_types>"
    "<email_type>work</email_type></email_types></email></emails></contact_info>"
)


@pytest.mark.parametrize("root", ["users", "Users", "userRecords"])
def test_new_users_are_external_patrons_of_the_profile(alma: Alma, root: str) -> None:
    """The profile gives account type and external_id; entries are External; roles are ignored.

    Nothing is preferred without a mark.
    """
    inside = (
        f"{_barcodes('B1')}<account_type>INTERNAL</account_type><external_id>X</external_id>"
        "<password>secret stuff</password><status_date/><is_researcher/>"
        "<user_notes><user_note><note_type>ERP</note_type><note_text>x</note_text>"
        "<note_owner>LAW</note_owner></user_note></user_notes>"
        f"<user_roles><user_role><role_type>26</role_type></user_role></user_roles>{_MAIL.format('')}"
    )
    assert _load(alma, _user("1", inside), query="?external_id=CAMPUS", root=root) == {"created": 1}
    user = alma.user("1")
    assert (user["account_type"]["value"], user["external_id"]) == ("EXTERNAL", "CAMPUS")
    assert user["record_type"]["value"] == "PUBLIC"
    assert user["user_identifier"][0]["segment_type"] == "External"
    assert user["user_note"][0]["note_owner"] == "LAW"
    assert [mail["preferred"] for mail in user["contact_info"]["email"]] == [False]
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
    mail = _MAIL.format(" preferred='true'")
    assert _load(alma, _user("1000001", mail + _barcodes("NEW"))) == {"updated": 1}
    user = alma.user("1000001")
    assert user["middle_name"] == ""
    assert user["user_role"] == before["user_role"]
    assert [entry["value"] for entry in user["user_identifier"]] == ["NEW"]
    shown = [(mail["email_address"], mail["preferred"]) for mail in user["contact_info"]["email"]]
    assert shown == [("desk@example.org", True), ("new@example.org", False)]


def test_who_left_and_comes_back(alma: Alma) -> None:
    """INACTIVE and expired people load; the missing stay; a purged one is created anew."""
    gone = "<expiry_date>2020-01-31</expiry_date><status>INACTIVE</status>"
    assert _load(alma, _user("1", gone), _user("2")) == {"created": 2}
    assert alma.user("1")["status"]["value"] == "INACTIVE"
    before = alma.user("2")
    assert _load(alma, _user("1", "<status>ACTIVE</status>")) == {"updated": 1}
    assert alma.user("1")["status"]["value"] == "ACTIVE"
    assert alma.user("2") == before
    alma.call("DELETE", "/users/2")
    assert _load(alma, _user("2")) == {"created": 1}


def test_matches_and_others_may_be_skipped(alma: Alma) -> None:
    """Import mode skips a match; a switch skips records that match nobody."""
    alma.create(**student())
    users = _user("1000001", "<middle_name>Z</middle_name>"), _user("2")
    assert _load(alma, *users, query="?mode=import") == {"created": 1, "skipped": 1}
    assert alma.user("1000001")["middle_name"] == ""
    alma.set(switches={"sis-unmatched": "skip"})
    assert _load(alma, _user("3")) == {"skipped": 1}


def test_rejections_have_reasons_and_do_not_stop_the_load(alma: Alma) -> None:
    """Each wrong record is rejected with a reason; the first of two with one identifier wins."""
    before = alma.create(user_identifier=[barcode("TAKEN")])
    users = (
        _user("1", _barcodes("B1")),
        _user("P1"),
        _user("2", _barcodes("B1")),
        _user("3", group="NO_SUCH"),
        _user("4", "<birth_date>05/15/2026</birth_date>"),
        _user("5", _barcodes("TAKEN")),
        _user("6", _barcodes("6")),
        _user("7"),
        _user("8", _barcodes("B9"), group="NO_SUCH"),
        _user("9", _barcodes("B9", "B10", "B10")),
        _user("10", _barcodes("B9")),
    )
    loaded = _load(alma, *users)
    assert (loaded["created"], loaded.get("updated")) == (3, None)
    reasons = {entry["primary_id"]: entry["reason"] for entry in loaded["rejected"]}
    assert list(reasons) == ["P1", *"2345689"]
    assert reasons["P1"] == "User is not external"
    taken = (
        "Identifier of type BARCODE and value {} is already taken AcrossInstitution in this feed"
    )
    assert [reasons[number] for number in "269"] == [
        taken.format(value) for value in ("B1", "6", "B10")
    ]
    assert alma.user("P1") == before
    assert alma.call("GET", "/users").json()["total_record_count"] == 4


def test_match_by_another_identifier(alma: Alma) -> None:
    """The match identifier may be a barcode; a record without one is rejected."""
    alma.create(**student(user_identifier=[barcode("B1")]))
    loaded = _load(alma, _user("77", _barcodes("b1")), _user("78"), query="?match=BARCODE")
    assert (loaded["updated"], len(loaded["rejected"])) == (1, 1)
    assert alma.user("B1")["primary_id"] == "77"


def test_a_primary_id_is_made_from_the_name(alma: Alma) -> None:
    """New users without a primary ID get first and last name, then a number from 0."""
    assert _load(alma, _user(""), _user(""), _user("")) == {"created": 3}
    for name in ("AdaAlmeida", "AdaAlmeida0", "AdaAlmeida1"):
        assert alma.user(name)["first_name"] == "Ada"


@pytest.mark.parametrize(("position", "pin"), [("clear", None), ("keep", "1234")])
def test_empty_sticky_fields_are_a_switch(alma: Alma, position: str, pin: str | None) -> None:
    """An empty sticky field clears the old value or keeps it; an edited one is kept in any case."""
    alma.set(switches={"sis-empty-sticky": position})
    alma.create(**student(pin_number="1234", user_title=coded("DR")))
    alma.admin("POST", "/users/1000001/edited", ["user_title", "user_group"])
    assert _load(alma, _user("1000001", group="GRAD")) == {"updated": 1}
    user = alma.user("1000001")
    assert user.get("pin_number") == pin
    assert (user["user_title"]["value"], user["user_group"]["value"]) == ("DR", "UGRD")


@pytest.mark.parametrize("position", ["sis", "both", "off"])
def test_the_original_value_undoes_an_edit(alma: Alma, position: str) -> None:
    """A load with the value from before the edit overwrites it and ends the protection."""
    alma.set(switches={"original-value": position})
    _load(alma, _user("1"))
    alma.admin("PATCH", "/users/1", {"user_group": coded("STAFF")})
    shown = []
    for group in ("GRAD", "UGRD", "GRAD"):
        _load(alma, _user("1", group=group))
        shown.append(alma.user("1")["user_group"]["value"])
    assert shown == (["STAFF"] * 3 if position == "off" else ["STAFF", "UGRD", "GRAD"])


def test_a_wrong_file_does_not_stop_the_others(alma: Alma) -> None:
    """The job counts what it loaded and names the wrong files; it skips what is not XML."""
    files = [_user("1"), "<users>", "<people/>", "\ufeff<users/>", _user("2")]
    good = [f"<users>{text}</users>" if "<user>" in text else text for text in files]
    others = {"README.txt": b"x", "__MACOSX/0.xml": b"x"}
    loaded = alma.load(_zip(*(text.encode() for text in good), **others)).json()
    assert (loaded["created"], loaded["rejected"]) == (2, [])
    assert [entry["file"] for entry in loaded["failed"]] == ["1.xml", "2.xml", "3.xml"]
    assert all(entry["reason"].startswith("Could not parse file") for entry in loaded["failed"])


@pytest.mark.parametrize(
    "content",
    [b"no zip", _zip(), _zip(README=b"x"), _zip(*[b"<users/>"] * 51), _zip(b"<users/>")[:-30]],
    # a zip holds the time at which it was made, and names must be the same wherever tests run
    ids=["text", "nothing", "no XML", "too many", "cut"],
)
def test_files_that_could_not_be_parsed(alma: Alma, content: bytes) -> None:
    """Anything but a zip of 1 to 50 XML files is refused as a whole."""
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
    counts = {"created", "updated", "skipped", "rejected", "failed"}
    assert set(answer.json()) in ({"error"}, counts)


def test_a_load_is_not_a_call_of_the_day(alma: Alma) -> None:
    """The load costs no API call and is not in the log."""
    _load(alma, *(_user(str(number)) for number in range(200)))
    assert alma.log() == []
    assert alma.call("POST", "/users", person()).headers["X-Exl-Api-Remaining"] == "99999"


@pytest.mark.parametrize(
    ("position", "after"), [("keep", ["Addy", "Addy"]), ("restore", ["Addy", "Ada"])]
)
def test_edited_preferred_names_are_a_switch(alma: Alma, position: str, after: list[str]) -> None:
    """An edited preferred name stays until it is restored, or until the value from before comes."""
    alma.set(switches={"sis-edited-names": position})
    _load(alma, _user("1", "<pref_first_name>Ada</pref_first_name>"))
    alma.admin("PATCH", "/users/1", {"pref_first_name": "Addy"})
    shown = []
    for name in ("", "Ada"):
        _load(alma, _user("1", f"<pref_first_name>{name}</pref_first_name>"))
        shown.append(alma.user("1")["pref_first_name"])
    assert shown == after


def test_a_group_must_fit_the_record_type(alma: Alma) -> None:
    """A group that is not set up for the record type of the profile, or of the user, is refused."""
    alma.create(**student(primary_id="4", record_type=coded("STAFF"), user_group=coded("GRAD")))
    reasons = [
        [entry["primary_id"] for entry in _load(alma, *users, query=query).get("rejected", ())]
        for query, users in (
            ("?record_type=STAFF", (_user("1"), _user("2", group="GRAD"))),
            ("?record_type=CONTACT", (_user("3"),)),
            ("", (_user("4"), _user("5"))),
        )
    ]
    assert reasons == [["1"], ["3"], ["4"]]


def test_what_is_no_part_of_a_load_stays(alma: Alma) -> None:
    """Proxies, roles, record type and external system are no part of a load."""
    alma.create(primary_id="P9")
    sponsor = {"primary_id": "P9"}
    alma.create(**student(record_type=coded("STAFF"), user_group=coded("GRAD"), external_id="HR",
                          proxy_for_user=[sponsor]))  # fmt: skip
    before = alma.user("1000001")
    assert _load(alma, _user("1000001", group="GRAD"), query="?external_id=SIS") == {"updated": 1}
    after = alma.user("1000001")
    kept = ("proxy_for_user", "user_role", "record_type", "external_id", "account_type")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert before["proxy_for_user"]


def test_the_case_of_an_id_does_not_matter(alma: Alma) -> None:
    """A record finds its user in another case; blanks around an ID make another person."""
    _load(alma, _user("Ada1"))
    assert _load(alma, _user("ADA1")) == {"updated": 1}
    assert _load(alma, _user(" ada1 ")) == {"created": 1}
