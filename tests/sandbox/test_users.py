"""The routes of users: answers have Alma's shape, in JSON and in XML."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.sandbox.alma import XML, Alma, barcode, code_of, coded, email, person


def test_post_answers_200_with_the_whole_user(alma: Alma) -> None:
    """A created user comes back whole, with Alma's defaults, and a role as patron."""
    answer = alma.call("POST", "/users", person(birth_date="1990-03-01"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    user = answer.json()
    assert user["full_name"] == "Ada Almeida"
    assert user["birth_date"] == "1990-03-01Z"
    assert user["status"] == {"value": "ACTIVE", "desc": "Active"}
    assert user["user_group"] == {"value": "COMM", "desc": "Community"}
    assert [role["role_type"]["value"] for role in user["user_role"]] == ["200"]
    assert user == alma.user("P1")


def test_empty_values_have_the_shape_of_a_real_get(alma: Alma) -> None:
    """Dates are absent, codes blank, some fields null (contract 1.1)."""
    home = {"line1": "1 Elm Street", "address_type": [coded("home")]}
    user = alma.create(contact_info={"address": [home], "email": [email("ada@example.org")]})
    assert not {"birth_date", "expiry_date", "purge_date"} & set(user)
    assert user["gender"] == {"value": "", "desc": ""}
    assert user["campus_code"] == {"value": None, "desc": ""}
    assert [user[name] for name in ("researcher", "link", "loans", "requests", "fees")] == [
        None
    ] * 5
    address = user["contact_info"]["address"][0]
    assert address["line2"] is None
    assert address["country"] == {"value": None, "desc": None}
    assert address["segment_type"] == "Internal"
    assert user["contact_info"]["phone"] == []
    assert user["force_password_change"] == ""
    assert not {"pin_number", "rs_library", "library_notice"} & set(user)


def test_delete_answers_204_and_then_not_found_is_400(alma: Alma) -> None:
    """Not found is 400 with a code, never 404; afterwards the id is free again."""
    alma.create()
    gone = alma.call("DELETE", "/users/P1")
    assert (gone.status_code, gone.content) == (204, b"")
    absent = alma.call("GET", "/users/P1")
    assert (absent.status_code, code_of(absent)) == (400, "401861")
    alma.create()


def test_ids_are_one_path_segment(alma: Alma) -> None:
    """An ID with blanks, marks and letters of any script is found when encoded."""
    alma.create(primary_id="b ?#ñ")
    assert alma.user("b%20%3F%23%C3%B1")["primary_id"] == "b ?#ñ"


def test_list_gives_short_items_unless_expanded(alma: Alma) -> None:
    """A list item is short and has a link; `expand=full` gives whole users."""
    alma.create()
    item = alma.call("GET", "/users").json()["user"][0]
    assert set(item) == {
        *("primary_id", "first_name", "last_name", "gender", "status", "password"),
        *("requests", "loans", "fees", "link"),
    }
    assert item["link"] == f"{alma.url}/almaws/v1/users/P1"
    whole = alma.call("GET", "/users?expand=full").json()["user"][0]
    assert whole == alma.user("P1")
    listed = etree.fromstring(alma.call("GET", "/users", accept=XML).content)
    assert (listed.tag, listed.get("total_record_count")) == ("users", "1")
    assert listed.findtext("user/primary_id") == "P1"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("last_name", ["3", "1", "2"]),
        ("first_name", ["1", "3", "2"]),
        ("primary_id", ["1", "2", "3"]),
        ("", ["3", "1", "2"]),
    ],
)
def test_list_orders_and_pages(alma: Alma, order: str, expected: list[str]) -> None:
    """`order_by`, `limit` and `offset` go through the whole list once."""
    for number, first, last in (("1", "A", "B"), ("2", "Z", "C"), ("3", "M", "A")):
        alma.create(primary_id=number, first_name=first, last_name=last)
    seen = []
    for offset in range(4):
        answer = alma.call("GET", f"/users?limit=1&offset={offset}&order_by={order}").json()
        assert answer["total_record_count"] == 3
        seen += [user["primary_id"] for user in answer.get("user", [])]
    assert seen == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("last_name~Almeida", ["P1"]),
        ("last_name~almeida", ["P1"]),
        ("last_name~Alm", []),
        ("first_name~Ada AND last_name~Almeida", ["P1"]),
        ("first_name~Ada AND last_name~Boateng", []),
        ("email~ADA@example.org", ["P1"]),
        ("identifiers~B-17", ["P1"]),
        ("primary_id~P2", ["P2"]),
        ("ALL~Esi", ["P2"]),
        ("user_group~STAFF", ["P2"]),
        ("general_info~B-17", []),
    ],
)
def test_search_finds_words_of_a_field(alma: Alma, question: str, expected: list[str]) -> None:
    """`q` is a search of whole words, whatever their case."""
    contact = {"email": [email("ada@example.org")]}
    alma.create(contact_info=contact, user_identifier=[barcode("B-17")])
    alma.create(primary_id="P2", first_name="Esi", last_name="Boateng", user_group=coded("STAFF"))
    answer = alma.call("GET", f"/users?q={question}")
    assert [user["primary_id"] for user in answer.json().get("user", [])] == expected


@pytest.mark.parametrize(
    "query",
    [
        "limit=101",
        "limit=-1",
        "limit=x",
        "offset=x",
        "order_by=gender",
        "q=Almeida",
        "q=shoe_size~43",
        "q=last_name~",
        "q=last_name~A&modify_date_from=2026-01-01",
        "modify_date_from=01/02/2026",
    ],
)
def test_list_refuses_wrong_parameters(alma: Alma, query: str) -> None:
    """Wrong parameters of a list are a general error."""
    answer = alma.call("GET", f"/users?{query}")
    assert (answer.status_code, code_of(answer)) == (400, "402119")


def test_modify_date_from_gives_those_changed_since(alma: Alma) -> None:
    """Users changed on that day or later are listed."""
    alma.create()
    today = alma.admin("GET", "/state").json()["users"][0]["modified"][:10]
    assert alma.call("GET", f"/users?modify_date_from={today}").json()["total_record_count"] == 1
    later = alma.call("GET", "/users?modify_date_from=9999-01-01").json()
    assert later == {"total_record_count": 0}


def test_expanded_loans(alma: Alma) -> None:
    """`expand=loans` gives counts. Lists without entries are empty, in both formats."""
    alma.create()
    for name in ("requests", "fees", "loans"):
        assert alma.call("GET", f"/users/P1/{name}").json()["total_record_count"] == 0
        shown = etree.fromstring(alma.call("GET", f"/users/P1/{name}", accept=XML).content)
        assert (len(shown), shown.get("total_record_count")) == (0, "0")
    alma.admin("POST", "/users/P1/loans", {"loans": 2})
    expanded = alma.call("GET", "/users/P1?expand=loans,fees").json()
    assert (expanded["loans"]["value"], expanded["fees"]["value"]) == (2, 0)
    assert expanded["requests"] is None
    whole = alma.call("GET", "/users/P1?expand=loans", accept=XML)
    assert etree.fromstring(whole.content).findtext("loans") == "2"
    assert alma.call("GET", "/users/P1/loans").json()["total_record_count"] == 2


def test_fees_are_charged(alma: Alma) -> None:
    """Open fees keep a user, and requests do not."""
    alma.create()
    charged = alma.call("POST", "/users/P1/fees", {"type": coded("OTHER"), "original_amount": 20})
    assert charged.json()["balance"] == 20
    listed = alma.call("GET", "/users/P1/fees").json()
    assert (listed["total_record_count"], listed["total_sum"]) == (1, 20)
    assert code_of(alma.call("DELETE", "/users/P1")) == "401850"
    for amount in (float("nan"), float("inf"), -1, "5", None):
        answer = alma.call("POST", "/users/P1/fees", {"original_amount": amount})
        assert code_of(answer) == "401664"
    alma.create(primary_id="P2")
    alma.admin("POST", "/users/P2/loans", {"requests": 3})
    open_now = alma.call("GET", "/users/P2?expand=loans,requests,fees").json()
    assert [open_now[name]["value"] for name in ("loans", "requests", "fees")] == [0, 3, 0]
    assert alma.call("GET", "/users/P2/requests").json()["total_record_count"] == 3
    assert alma.call("DELETE", "/users/P2").status_code == 204


def test_a_body_names_the_format_when_accept_does_not(alma: Alma) -> None:
    """A JSON body without Accept is answered in JSON, a GET in XML; `format` beats Accept."""
    answer = alma.call("GET", "/users?format=json", accept=XML)
    assert answer.json() == {"total_record_count": 0}
    refused = alma.call("POST", "/users", person(last_name=""), accept="*/*")
    assert refused.json()["errorList"]["error"][0]["errorCode"] == "401664"
    assert etree.fromstring(alma.call("GET", "/users", accept="*/*").content).tag == "users"


def test_a_user_from_another_institution_is_found_by_source(alma: Alma) -> None:
    """source_institution_code and source_user_id are kept and searched."""
    source = "source_institution_code=01OTHER&source_user_id=77"
    assert alma.call("POST", f"/users?{source}", person()).status_code == 200
    assert alma.call("GET", f"/users?{source}").json()["user"][0]["primary_id"] == "P1"
    assert alma.user("P1")["source_link_id"] == "77"


def test_the_fields_that_alma_makes_are_read_over(alma: Alma) -> None:
    """A whole GET body can be sent back: output fields in it, and unknown ones, change nothing."""
    before = alma.create(contact_info={"email": [email("ada@example.org", preferred=True)]})
    noise = {"full_name": "X", "status_date": "1999-01-01Z", "loans": {"value": 9}, "shoe": 43}
    after = alma.update("P1", {**before, **noise, "link": "http://x"})
    assert after == before
