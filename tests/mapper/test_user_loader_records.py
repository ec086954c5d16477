"""Profiles of the CSV User Loader make the records that the app would make, without its defects.

What is expected is written down by hand from the app's rules: the n-th column of a field belongs
to the n-th entry of its list; a blank cell takes the profile's default, or leaves the field out;
`true` and `false` become flags; the first phone gets the text messages. Its defects are not copied:
it fails without a phone, gives an email the type of a blank one before it, and leaves entries that
are nothing but a type. What Alma takes for granted where
nothing is sent (segments, the first entry preferred, notes that do not pop up) is sent.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.cli.app import run
from importer.errors import Exit

ADD = {
    "name": "New borrowers",
    "accountType": "INTERNAL",
    "profileType": "ADD",
    "fields": [
        {"header": "Barcode", "default": "", "fieldName": "primary_id"},
        {"header": "First", "default": "", "fieldName": "first_name"},
        {"header": "Last", "default": "", "fieldName": "last_name"},
        {"header": "Type", "default": "COMM", "fieldName": "user_group.value"},
        {"header": "Home mail", "default": "", "fieldName": "contact_info.email[].email_address"},
        {
            "header": "",
            "default": "personal",
            "fieldName": "contact_info.email[].email_type.0.value",
        },
        {"header": "Work mail", "default": "", "fieldName": "contact_info.email[].email_address"},
        {"header": "", "default": "work", "fieldName": "contact_info.email[].email_type.0.value"},
        {"header": "Card", "default": "", "fieldName": "user_identifier[].value"},
        {"header": "", "default": "OTHER_ID", "fieldName": "user_identifier[].id_type.value"},
    ],
}
ADDED = [
    {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": "2001",
        "first_name": "Ana",
        "last_name": "Nunez",
        "user_group": {"value": "FRIEND"},
        "contact_info": {
            "email": [
                {
                    "email_address": "ana@example.org",
                    "email_type": [{"value": "personal"}],
                    "preferred": True,
                    "segment_type": "Internal",
                },
                {
                    "email_address": "ana@work.example.org",
                    "email_type": [{"value": "work"}],
                    "preferred": False,
                    "segment_type": "Internal",
                },
            ]
        },
        "user_identifier": [
            {"value": "C-1", "id_type": {"value": "OTHER_ID"}, "segment_type": "Internal"}
        ],
    },
    {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": "2002",
        "first_name": "Bo",
        "last_name": "Doe",
        "user_group": {"value": "COMM"},
        "contact_info": {
            "email": [
                {
                    "email_address": "bo@work.example.org",
                    "email_type": [{"value": "work"}],
                    "preferred": True,
                    "segment_type": "Internal",
                }
            ]
        },
    },
]

UPDATE = {
    "name": "Students",
    "accountType": "EXTERNAL",
    "profileType": "UPDATE",
    "fields": [
        {"header": "ID", "default": "", "fieldName": "primary_id"},
        {"header": "First", "default": "", "fieldName": "first_name"},
        {"header": "Last", "default": "", "fieldName": "last_name"},
        {"header": "", "default": "UGRD", "fieldName": "user_group.value"},
        {"header": "", "default": "SIS", "fieldName": "external_id"},
        {"header": "Ends", "default": "2035-08-31", "fieldName": "expiry_date"},
        {"header": "Street", "default": "", "fieldName": "contact_info.address[].line1"},
        {"header": "City", "default": "", "fieldName": "contact_info.address[].city"},
        {
            "header": "",
            "default": "home",
            "fieldName": "contact_info.address[].address_type.0.value",
        },
        {"header": "Mobile", "default": "", "fieldName": "contact_info.phone[].phone_number"},
        {"header": "", "default": "mobile", "fieldName": "contact_info.phone[].phone_type.0.value"},
    ],
}
UPDATED = [
    {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "EXTERNAL"},
        "external_id": "SIS",
        "primary_id": "0041200",
        "first_name": "Ana",
        "last_name": "Nunez",
        "user_group": {"value": "UGRD"},
        "expiry_date": "2030-05-31Z",
        "contact_info": {
            "address": [
                {
                    "line1": "1 Elm St",
                    "city": "Northfield",
                    "address_type": [{"value": "home"}],
                    "preferred": True,
                    "segment_type": "External",
                }
            ],
            "phone": [
                {
                    "phone_number": "605-555-0101",
                    "phone_type": [{"value": "mobile"}],
                    "preferred_sms": True,
                    "preferred": True,
                    "segment_type": "External",
                }
            ],
        },
    },
    {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "EXTERNAL"},
        "external_id": "SIS",
        "primary_id": "0041237",
        "first_name": "Bo",
        "last_name": "Doe",
        "user_group": {"value": "UGRD"},
        "expiry_date": "2035-08-31Z",
    },
]

ENRICH = {
    "name": "Notes",
    "accountType": "INTERNAL",
    "profileType": "ENRICH",
    "fields": [
        {"header": "Barcode", "default": "", "fieldName": "primary_id"},
        {"header": "First", "default": "", "fieldName": "first_name"},
        {"header": "Last", "default": "", "fieldName": "last_name"},
        {"header": "Type", "default": "", "fieldName": "user_group.value"},
        {"header": "Note", "default": "", "fieldName": "user_note[].note_text"},
        {"header": "", "default": "LIBRARY", "fieldName": "user_note[].note_type.value"},
        {"header": "", "default": "FALSE", "fieldName": "user_note[].user_viewable"},
        {
            "header": "Category",
            "default": "",
            "fieldName": "user_statistic[].statistic_category.value",
        },
    ],
}
ENRICHED = [
    {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": "2001",
        "first_name": "Ana",
        "last_name": "Nunez",
        "user_group": {"value": "COMM"},
        "user_note": [
            {
                "note_text": "moved",
                "note_type": {"value": "LIBRARY"},
                "user_viewable": False,
                "popup_note": False,
                "segment_type": "Internal",
            }
        ],
    },
    {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": "2002",
        "first_name": "Bo",
        "last_name": "Doe",
        "user_group": {"value": "COMM"},
        "user_statistic": [{"statistic_category": {"value": "NORTH"}, "segment_type": "Internal"}],
    },
]

CASES = {
    "ADD": (
        ADD,
        "Barcode,First,Last,Type,Home mail,Work mail,Card\n"
        "2001,Ana,Nunez,FRIEND,ana@example.org,ana@work.example.org,C-1\n"
        "2002,Bo,Doe,,,bo@work.example.org,\n",
        ADDED,
    ),
    "UPDATE": (
        UPDATE,
        "ID,First,Last,Ends,Street,City,Mobile\n"
        "0041200,Ana,Nunez,2030-05-31,1 Elm St,Northfield,605-555-0101\n"
        "0041237,Bo,Doe,,,,\n",
        UPDATED,
    ),
    "ENRICH": (
        ENRICH,
        "Barcode,First,Last,Type,Note,Category\n"
        "2001,Ana,Nunez,COMM,moved,\n"
        "2002,Bo,Doe,COMM,,NORTH\n",
        ENRICHED,
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_records_are_those_of_the_app(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left to do, nothing is rejected, and each record is as written by hand."""
    profile, roster, expected = CASES[kind]
    (tmp_path / "p.json").write_text(json.dumps([profile]), "utf-8")
    (tmp_path / "r.csv").write_text(roster, "utf-8")
    assert run(["mapping", "import", str(tmp_path / "p.json")]) == Exit.DONE
    (tmp_path / "m.yaml").write_text(capfd.readouterr().out, "utf-8")
    assert run(["mapping", "check", str(tmp_path / "m.yaml"), "--json"]) == Exit.DONE
    assert json.loads(capfd.readouterr().out)["to_do"] == []
    files = [str(tmp_path / name) for name in ("r.csv", "m.yaml", "out.jsonl")]
    code = run(["convert", files[0], "-m", files[1], "--to", "jsonl", "-o", files[2]])
    assert code == Exit.DONE
    got = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert got == expected
