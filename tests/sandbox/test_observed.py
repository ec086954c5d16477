"""What other people's programs do with Alma, and Alma accepts; each with where it was seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.alma import JSON, Alma, coded, email, person, student

_BARE = {"first_name": "Ada", "last_name": "Almeida", "account_type": coded("INTERNAL")}
_PHONES = [
    {"phone_number": f"701-555-010{number}", "phone_type": [coded("home")], "preferred": True}
    for number in (1, 2)
]
_HOME = {"line1": "1 Elm Street", "address_type": [coded("home")]}
_NOTE = {"note_type": coded("OTHER"), "note_text": "x", "note_owner": "MAIN_LIB"}

BODIES: dict[str, dict[str, Any]] = {
    "almarestapi-lib, README": _BARE,
    "AlmaAPITK, live 2026-05": person(record_type=None, status=coded("ACTIVE")),
    "CSV User Loader, ENRICH mode": student(
        contact_info={
            "email": [
                email("new@example.org", preferred=True),
                email("old@example.org", preferred=True),
            ]
        }
    ),
    "CSV User Loader, FALSE": person(force_password_change="FALSE"),
    "BerkeleyLibrary, GET body": person(force_password_change="false"),
    "KTH, two preferred phones": person(contact_info={"phone": _PHONES}),
    "KTH, email as primary ID": person(primary_id="ada@example.org"),
    "KTH, note without its booleans": person(user_note=[{**_NOTE, "note_owner": None}]),
    "Vanderbilt, address without city": person(contact_info={"address": [_HOME]}),
    "OpenRS DCB, no contact_info and any external_id": student(external_id="ANY"),
    "almapiwrapper, password of an External user": student(password="123pw123"),
    "Developer Network, POST sample of 2024-05": person(
        user_note=[_NOTE],
        user_block=[{"block_description": coded("02-GLOBAL"), "block_owner": "MAIN_LIB"}],
        user_statistic=[
            {
                "statistic_category": coded("STUDENT"),
                "category_type": coded("DEPARTMENT"),
                "statistic_owner": "MAIN_LIB",
            }
        ],
        researcher={"researcher_title": "x"},
    ),
    "scriptotek, External identifier of an Internal user": person(
        user_identifier=[{"id_type": coded("BARCODE"), "value": "B1", "segment_type": "External"}]
    ),
    "Paderborn, proxies": person(proxy_for_user=[{"primary_id": "BOSS"}]),
    "alma_api, v1 field name": person(recordType="PUBLIC"),
}


@pytest.mark.parametrize("source", BODIES)
def test_alma_takes_what_others_send(alma: Alma, source: str) -> None:
    """The body is accepted by POST, and by PUT as GET shows it afterwards, unchanged."""
    answer = alma.call("POST", "/users", BODIES[source], accept="*/*")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith(JSON)
    user = answer.json()
    assert user["record_type"]["value"] == "PUBLIC"
    assert alma.update(user["primary_id"], user) == alma.user(user["primary_id"]) == user
