"""PUT replaces the whole record, except for what Alma keeps (contract 3.1)."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from importer.sandbox.users import STICKY
from tests.sandbox.alma import XML, Alma, barcode, code_of, coded, email, person, student
from tests.sandbox.clock import ManualClock
from tests.sandbox.people import as_xml

# Two values of each sticky field.
_VALUES: dict[str, tuple[Any, Any]] = {
    "user_group": (coded("GRAD"), coded("FACULTY")),
    "job_category": (coded("Librarian"), coded("Cataloger")),
    "pin_number": ("1234", "9999"),
    "preferred_language": (coded("fr"), coded("de")),
    "campus_code": (coded("MAIN"), coded("DOWNTOWN")),
    "rs_libraries": ([{"code": coded("RES_SHARE")}], [{"code": coded("LAW")}]),
    "user_title": (coded("DR"), coded("PROF")),
    "library_notices": (
        [{"code": coded("FulOverdueNotificationLetter"), "value": True}],
        [{"code": coded("FulUserBorrowingActivityLetter"), "value": True}],
    ),
    "pref_first_name": ("Adi", "Odi"),
    "pref_middle_name": ("M", "N"),
    "pref_last_name": ("Al", "Ol"),
    "cataloger_level": (coded("10"), coded("20")),
}
_OWNED = ("note", "block", "statistic")
_NO_CONTACTS: dict[str, list[object]] = {"address": [], "email": [], "phone": []}


def _plain(value: Any) -> Any:
    """Return a value without descriptions."""
    if isinstance(value, list):
        return [{key: _plain(inner) for key, inner in entry.items()} for entry in value]
    return value["value"] if isinstance(value, dict) else value


def test_a_field_that_is_not_sent_is_cleared(alma: Alma) -> None:
    """Fields and lists of an Internal user that are not sent are cleared."""
    alma.create(
        middle_name="B", birth_date="1990-03-01", pin_number="1234", user_identifier=[barcode("B1")]
    )
    after = alma.update("P1", person())
    assert (after["middle_name"], after["user_identifier"]) == ("", [])
    assert not {"birth_date", "pin_number"} & set(after)
    alma.create(primary_id="B1")


def test_the_primary_id_is_changed_by_put(alma: Alma) -> None:
    """With the new ID in the body and the old one in the path, the old one is free afterwards."""
    alma.create(user_identifier=[barcode("B1")])
    assert alma.update("B1", person(primary_id="P2"))["primary_id"] == "P2"
    assert code_of(alma.call("GET", "/users/P1")) == "401861"
    alma.create()


def test_roles_stay_when_none_are_sent(alma: Alma) -> None:
    """Without roles in the body the old ones stay; with roles they are replaced."""
    role = {"role_type": coded("204"), "scope": coded("MAIN_LIB"), "status": coded("nonsense")}
    user = alma.create(user_role=[role])
    assert user["user_role"][0]["status"]["value"] == "INACTIVE"
    assert alma.update("P1", person())["user_role"] == user["user_role"]
    fresh = {"role_type": coded("200"), "status": coded("")}
    after = alma.update("P1", person(user_role=[fresh]))
    shown = [(role["role_type"]["value"], role["status"]["value"]) for role in after["user_role"]]
    assert shown == [("200", "ACTIVE")]


def test_the_password_is_never_shown(alma: Alma) -> None:
    """Alma takes it, and nothing shows it; a change of it can be asked of the user."""
    made = alma.create(password="correct horse", force_password_change="TRUE")
    assert (made["password"], made["force_password_change"]) == ("", "TRUE")
    assert alma.user("P1")["force_password_change"] == "TRUE"
    assert "correct horse" not in alma.admin("GET", "/state").text


@pytest.mark.parametrize("name", sorted(STICKY))
def test_sticky_fields_of_external_users(alma: Alma, name: str) -> None:
    """Kept when edited in Alma or empty in the body, unless named in `override`."""
    field = STICKY[name]
    first, second = _VALUES[name]
    mine, other = {field: first}, {field: second}
    alma.create(**student(**mine))

    def shown() -> Any:
        return _plain(alma.user("1000001")[field])

    alma.update("1000001", student(**{field: None}))
    assert shown() == _plain(first), "empty in the body"
    alma.update("1000001", student(**other))
    assert shown() == _plain(second), "not edited"
    assert alma.admin("PATCH", "/users/1000001", mine).status_code == 200
    alma.update("1000001", student(**other))
    assert shown() == _plain(first), "edited in Alma"
    alma.update("1000001", student(**other), f"?override=pin_number,{name}")
    assert shown() == _plain(second), "edited, but overridden"


def test_sticky_fields_of_internal_users_are_not_sticky(alma: Alma) -> None:
    """Only External users have sticky fields."""
    alma.create()
    alma.admin("PATCH", "/users/P1", {"pin_number": "1234", "preferred_language": coded("fr")})
    after = alma.update("P1", person())
    assert ("pin_number" in after, after["preferred_language"]["value"]) == (False, "en")


def _emails(user: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (entry["email_address"], entry["segment_type"]) for entry in user["contact_info"]["email"]
    ]


def test_segments_by_account_type(alma: Alma) -> None:
    """Entries keep their class; one without is of its user's class. A switch makes all Internal."""
    sent = [email(f"{segment}@example.org", segment) for segment in ("External", "Internal", "x")]
    body = {"contact_info": {"email": sent}}

    def segments(user: dict[str, Any]) -> list[str]:
        return [segment for _, segment in _emails(user)]

    assert segments(alma.create(**student(**body))) == ["External", "Internal", "External"]
    assert segments(alma.create(**body)) == ["External", "Internal", "Internal"]
    alma.set(switches={"internal-segments": "internal"})
    assert segments(alma.update("P1", person(**body))) == ["Internal"] * 3


@pytest.mark.parametrize(("position", "kept"), [("delete", False), ("keep", True)])
def test_unsent_lists_are_a_switch(alma: Alma, position: str, *, kept: bool) -> None:
    """A list that a PUT does not contain is deleted, or kept; an empty one is deleted."""
    alma.set(switches={"unsent-lists": position})
    alma.create(user_identifier=[barcode("B1")], contact_info={"email": [email("a@example.org")]})
    after = alma.update("P1", etree.tostring(as_xml(person(contact_info=_NO_CONTACTS))))
    assert (bool(after["user_identifier"]), after["contact_info"]["email"]) == (kept, [])


@pytest.mark.parametrize(("position", "winner"), [("first", "a"), ("last", "b")])
def test_one_preferred_entry_wins(alma: Alma, position: str, winner: str) -> None:
    """Of several preferred entries one stays preferred: an Internal one, or by the switch."""
    alma.set(switches={"several-preferred": position})
    sent = [email(name, "External", preferred=True) for name in ("a", "b", "c")]
    for segment, expected in (("External", winner), ("Internal", "c")):
        body = student(contact_info={"email": [*sent[:2], {**sent[2], "segment_type": segment}]})
        del body["contact_info"]["email"][2 if segment == "External" else 1]
        alma.call("DELETE", "/users/1000001")
        shown = alma.create(**body)["contact_info"]["email"]
        assert [row["email_address"] for row in shown if row["preferred"]] == [expected]


@pytest.mark.parametrize(("position", "in_put"), [("sis", False), ("both", True), ("off", False)])
def test_the_original_value_undoes_an_edit(alma: Alma, position: str, *, in_put: bool) -> None:
    """A PUT with the value from before the edit is kept out, or overwrites and ends the edit."""
    alma.set(switches={"original-value": position})
    alma.create(**student())
    alma.admin("PATCH", "/users/1000001", {"user_group": coded("GRAD")})
    alma.admin("PATCH", "/users/1000001", {"user_group": coded("STAFF")})
    assert alma.update("1000001", student(user_group=coded("GRAD")))["user_group"] == {
        "value": "STAFF",
        "desc": "Staff",
    }
    after = alma.update("1000001", student())
    assert after["user_group"]["value"] == ("UGRD" if in_put else "STAFF")
    edited = alma.admin("GET", "/state").json()["users"][0]["edited"]
    assert edited == ([] if in_put else ["user_group"])


def test_owners_and_proxies_are_kept(alma: Alma) -> None:
    """The owner of a note, block and statistic, and proxies, come back in JSON and in XML."""
    alma.create(primary_id="BOSS")
    body = person(
        user_note=[{"note_type": coded("ERP"), "note_text": "x", "note_owner": "LAW"}],
        user_block=[{"block_description": coded("02-GLOBAL"), "block_owner": "LAW"}],
        user_statistic=[{"statistic_category": coded("STUDENT"), "statistic_owner": "LAW"}],
        proxy_for_user=[{"primary_id": "BOSS", "proxy_type": "RESEARCH"}, {"link": ""}],
    )
    user = alma.create(**body)
    assert [user[f"user_{name}"][0][f"{name}_owner"] for name in _OWNED] == ["LAW"] * 3
    proxy = {"primary_id": "BOSS", "full_name": "", "proxy_type": "RESEARCH", "link": None}
    assert user["proxy_for_user"] == [proxy]
    assert alma.update("P1", alma.call("GET", "/users/P1", accept=XML).content) == user
    bare = alma.create(primary_id="P2", user_note=[{"note_type": coded("ERP"), "note_text": "x"}])
    assert "note_owner" not in bare["user_note"][0]


def test_internal_may_become_external(alma: Alma) -> None:
    """PUT may turn an Internal user into an External one, with an owner."""
    alma.create()
    after = alma.update("P1", student(primary_id="P1", password="ignored"))
    assert (after["account_type"]["value"], after["external_id"]) == ("EXTERNAL", "SIS")


def test_status_date_follows_the_status(alma: Alma, clock: ManualClock) -> None:
    """The status date changes with the status only."""
    days = [alma.create(status_date="1999-01-01Z")["status_date"]]
    for status in ("ACTIVE", "INACTIVE", "INACTIVE"):
        clock.advance(24 * 3600)
        days.append(alma.update("P1", person(status=coded(status)))["status_date"])
    assert days == ["2026-08-20Z", "2026-08-20Z", "2026-08-22Z", "2026-08-22Z"]


def test_identifiers_resolve_in_any_case(alma: Alma) -> None:
    """Any identifier finds its user, whatever the case; an inactive one by switch."""
    alma.create(primary_id="Ada", user_identifier=[barcode("Xy7", status="INACTIVE")])
    assert [alma.user(name)["primary_id"] for name in ("ADA", "xY7")] == ["Ada", "Ada"]
    assert alma.user("xy7?user_id_type=BARCODE")["primary_id"] == "Ada"
    alma.set(switches={"inactive-identifiers": "hide"})
    assert code_of(alma.call("GET", "/users/xy7")) == "401861"


def test_identifiers_may_be_case_sensitive(alma: Alma) -> None:
    """With the switch, case distinguishes additional identifiers, never primary IDs."""
    alma.set(switches={"identifier-case": "sensitive"})
    alma.create(primary_id="Ada", user_identifier=[barcode("xy7")])
    alma.create(primary_id="Ben", user_identifier=[barcode("XY7")])
    assert alma.user("XY7")["primary_id"] == "Ben"
    assert alma.user("xy7")["primary_id"] == "Ada"
    assert alma.user("ADA")["primary_id"] == "Ada"
    assert code_of(alma.call("GET", "/users/Xy7")) == "401861"
    assert code_of(alma.call("POST", "/users", person(primary_id="XY7"))) == "401851"
    own = person(primary_id="P1", user_identifier=[barcode("p1")])
    assert code_of(alma.call("POST", "/users", own)) == "4018994"
    alma.create(primary_id="P1", user_identifier=[barcode("x"), barcode("X")])
