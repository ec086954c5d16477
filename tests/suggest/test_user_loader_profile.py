"""Profiles of Ex Libris' CSV User Loader as mappings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.compile import compile_mapping
from importer.mapper.load import load
from importer.mapper.mapping import MappedEntry, MappingDocument
from importer.model.fields import OnUpdate
from importer.suggest.user_loader_profile import read_profile, to_mapping
from tests.mapper.bench import RUN, lint, places

FIELDS = [
    {"header": "ID", "default": "", "fieldName": "primary_id"},
    {"header": "First, given", "default": None, "fieldName": "first_name"},
    {"header": "Last #", "fieldName": "last_name"},
    {"header": "Group", "default": "UGRD", "fieldName": "user_group.value"},
    {"header": "E1", "fieldName": "contact_info.email[].email_address"},
    {"default": "personal", "fieldName": "contact_info.email[].email_type.0.value"},
    {"header": "E2", "fieldName": "contact_info.email[].email_address"},
    {"default": "work", "fieldName": "contact_info.email[].email_type.0.value"},
    {"header": "Card", "fieldName": "user_identifier[].value"},
    {"default": "BARCODE", "fieldName": "user_identifier[].id_type.value"},
    {"default": "TRUE", "fieldName": "user_note[].popup_note"},
    {"header": "Note", "fieldName": "user_note[].note_text"},
    {"default": "OTHER", "fieldName": "user_note[].note_type.value"},
]
HEADINGS = ("ID", "First, given", "Last #", "Group", "E1", "E2", "Card", "Note")


def profile(kind: str, account_type: str = "INTERNAL", *more: dict[str, str]) -> bytes:
    """An exported profile."""
    whole = {"name": "My: profile", "accountType": account_type, "profileType": kind}
    return json.dumps([{**whole, "fields": [*FIELDS, *more]}]).encode()


def mapping_of(folder: Path, content: bytes) -> MappingDocument:
    """The mapping of a profile, as it is read back."""
    path = folder / "p.yaml"
    path.write_text(text_of(folder, content), "utf-8")
    return load(path)


def text_of(folder: Path, content: bytes, chosen: str = "") -> str:
    """The text of the mapping for an exported file."""
    path = folder / "profile.json"
    path.write_bytes(content)
    return to_mapping(read_profile(path, chosen))


def _policy(entry: MappedEntry) -> OnUpdate:
    """What the entry does to the list of a known user."""
    return entry.part.on_update or OnUpdate.REPLACE


@pytest.mark.parametrize(
    ("kind", "new", "known", "lists"),
    [
        ("ADD", "create", "reject", OnUpdate.REPLACE),
        ("UPDATE", "create", "update", OnUpdate.REPLACE),
        ("ENRICH", "create", "update", OnUpdate.ADD),
    ],
)
def test_a_profile_becomes_a_mapping_that_loads(
    tmp_path: Path, kind: str, new: str, known: str, lists: OnUpdate
) -> None:
    """With nothing left to do, and the profile's kind as `match`; only lists are enriched.

    As in the app, the first phone gets the text messages.
    """
    phone = {"header": "P", "fieldName": "contact_info.phone[].phone_number"}
    kinds = {"default": "home", "fieldName": "contact_info.phone[].phone_type.0.value"}
    mapping = mapping_of(tmp_path, profile(kind, "INTERNAL", phone, kinds, phone, kinds))
    phones = [entry for entry in mapping.entries if entry.parent == "contact_info.phone"]
    flags = [[rule.field.name for rule in entry.fields] for entry in phones]
    assert ["preferred_sms" in names for names in flags] == [True, False]
    assert lint(mapping) == ()
    assert (mapping.file.match.new, mapping.file.match.known) == (new, known)
    assert mapping.title == "My: profile"
    assert mapping.file.roster.dates.order == "ymd"
    assert {_policy(entry) for entry in mapping.entries} == {lists}
    assert {rule.on_update for rule in mapping.scalars} == {OnUpdate.REPLACE}


def test_libis_choices_for_each_field_are_kept(tmp_path: Path) -> None:
    """KEEP is only for new users, ENRICH adds entries, REPLACE is what a mapping does."""
    whole = json.loads(profile("UPDATE"))
    swaps = {"last_name": "KEEP", "user_note": "ENRICH", "user_identifier": "KEEP"}
    for item in whole[0]["fields"]:
        item["swap"] = swaps.get(item["fieldName"].split("[")[0], "REPLACE")
    mapping = mapping_of(tmp_path, json.dumps(whole).encode())
    policies = {rule.field.path: rule.on_update for rule in mapping.scalars}
    assert (policies["last_name"], policies["first_name"]) == (OnUpdate.NEVER, OnUpdate.REPLACE)
    assert {entry.parent: _policy(entry) for entry in mapping.entries} == {
        "contact_info.email": OnUpdate.REPLACE,
        "user_identifier": OnUpdate.NEVER,
        "user_note": OnUpdate.ADD,
    }


def test_the_owning_system_and_what_cannot_be_mapped(tmp_path: Path) -> None:
    """The first goes to the top; the rest is named in comments."""
    more = [
        {"default": "SIS", "fieldName": "external_id"},
        {"default": "PUBLIC", "fieldName": "record_type.value"},
        {"header": "X", "fieldName": "proxy_for_user[].primary_id"},
        {"header": "C", "fieldName": "user_statistic[].category_type.value"},
        {"header": "P", "fieldName": "password"},
    ]
    content = profile("UPDATE", "EXTERNAL", *more)
    mapping = mapping_of(tmp_path, content)
    assert [rule.rule.constant for rule in mapping.scalars if rule.field.path == "external_id"] == [
        "SIS"
    ]
    lines = text_of(tmp_path, content).splitlines()
    left = [line for line in lines if line.startswith("# Not taken")]
    assert "proxy_for_user" in {entry.parent for entry in mapping.entries}
    assert [line.split(": ")[1] for line in left] == [
        "user_statistic[].category_type.value",
        "password",
    ]


def test_what_a_profile_lacks_is_to_do(tmp_path: Path) -> None:
    """It loads all the same, and `mapping check` names what is missing."""
    (whole,) = json.loads(profile("ADD", "EXTERNAL"))
    content = json.dumps(whole | {"fields": FIELDS[4:5]}).encode()
    assert "lets Alma make the primary IDs" in text_of(tmp_path, content)
    found = lint(mapping_of(tmp_path, content))
    assert len(found) == 6
    assert all("to do" in finding for finding in found)


@pytest.mark.parametrize(
    ("content", "chosen", "word"),
    [
        (profile("DELETE"), "", "deletes"),
        (profile("SYNC"), "", "UPDATE"),
        (profile("ADD"), "My: profil", "`My: profile`"),
        (profile("ADD")[:-1] + b"," + profile("ADD")[1:], "", "--profile"),
        (b"{", "", "JSON"),
        (b"[]", "", "none"),
        (b'{"name": 1}', "", "not a profile"),
        (b"\xff", "", "UTF-8"),
        (b"[" * 100_000, "", "nested"),
        (b"9" * 5_000, "", "digits"),
    ],
)
def test_what_is_no_profile_or_not_one_is_told(
    content: bytes, chosen: str, word: str, tmp_path: Path
) -> None:
    """Deleting is refused with its reason."""
    with pytest.raises(MappingError) as caught:
        text_of(tmp_path, content, chosen)
    assert word in str(caught.value)


# Every name that the app's menu offers, and so every name that an export can contain.
MENU_TEXT = """
primary_id first_name middle_name last_name pref_first_name pref_middle_name pref_last_name
user_group.value campus_code.value preferred_language.value gender.value user_title.value
birth_date expiry_date purge_date password force_password_change external_id record_type.value
job_category.value job_description pin_number status.value
contact_info.address[].line1 contact_info.address[].line2 contact_info.address[].line3
contact_info.address[].line4 contact_info.address[].line5 contact_info.address[].city
contact_info.address[].state_province contact_info.address[].postal_code
contact_info.address[].country.value contact_info.address[].address_type.0.value
contact_info.email[].email_address contact_info.email[].email_type.0.value
contact_info.phone[].phone_number contact_info.phone[].phone_type.0.value
user_identifier[].id_type.value user_identifier[].value user_identifier[].note
user_note[].note_type.value user_note[].note_text user_note[].user_viewable user_note[].popup_note
user_statistic[].category_type.value user_statistic[].statistic_category.value
proxy_for_user[].primary_id rs_library[].code.value
"""
MENU = MENU_TEXT.split()


@pytest.mark.parametrize(
    ("account_type", "left"),
    [
        ("INTERNAL", {"external_id", "record_type.value"}),
        ("EXTERNAL", {"password", "force_password_change", "record_type.value"}),
    ],
)
def test_every_name_of_the_menu_is_taken_over_or_named(
    account_type: str, left: set[str], tmp_path: Path
) -> None:
    """A column for each of the 48: the mapping loads, and what is left out has its true reason."""
    fields = [{"header": f"H{at}", "default": "", "fieldName": n} for at, n in enumerate(MENU)]
    whole = {"name": "all", "accountType": account_type, "profileType": "UPDATE", "fields": fields}
    content = json.dumps([whole]).encode()
    mapping = mapping_of(tmp_path, content)
    lines = text_of(tmp_path, content).splitlines()
    named = {line.split(": ")[1] for line in lines if line.startswith("# Not taken over")}
    assert named == {"user_statistic[].category_type.value"} | left
    skips = 1  # the column of the record type, by which rows are skipped
    assert len(mapping.headings) == len(MENU) - len(named) + skips
    assert len(MENU) == 48


@pytest.mark.parametrize("heading", ["Phone <home>", "<", "@today", "$role", "?", "A>B", "Email *"])
def test_a_heading_that_is_no_placeholder_gets_another_name(heading: str, tmp_path: Path) -> None:
    """`headings:` names it, so that the mapping reads the column."""
    more = {"header": heading, "fieldName": "job_description"}
    mapping = mapping_of(tmp_path, profile("UPDATE", "INTERNAL", more))
    compiled = compile_mapping(mapping, places([*HEADINGS, heading]), RUN)
    uses = {label: use.place.heading for use in compiled.uses for label in use.labels}
    assert uses["job_description"] == heading
