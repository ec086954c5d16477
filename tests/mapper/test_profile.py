"""Profiles of Ex Libris' CSV User Loader as mappings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.mapper.compile import compile_mapping
from importer.mapper.document import Mapping, load
from importer.mapper.lint import lint
from importer.mapper.profile import to_mapping
from importer.model.policy import OnUpdate
from tests.mapper.bench import RUN, places, without_headings

FIELDS = [
    {"header": "ID", "default": "", "fieldName": "primary_id"},
    {"header": "First, given", "default": None, "fieldName": "first_name"},
    {"header": "Last #", "fieldName": "last_name"},
    {"header": "Group", "default": "UGRD", "fieldName": "user_group"},
    {"header": "E1", "fieldName": "contact_info.email[].email_address"},
    {"default": "personal", "fieldName": "contact_info.email[].email_type"},
    {"header": "E2", "fieldName": "contact_info.email[].email_address"},
    {"default": "work", "fieldName": "contact_info.email[].email_type"},
    {"header": "Card", "fieldName": "user_identifier[].value"},
    {"default": "BARCODE", "fieldName": "user_identifier[].id_type"},
    {"default": "TRUE", "fieldName": "user_note[].popup_note"},
    {"header": "Note", "fieldName": "user_note[].note_text"},
    {"default": "OTHER", "fieldName": "user_note[].note_type"},
]
HEADINGS = ("ID", "First, given", "Last #", "Group", "E1", "E2", "Card", "Note")


def profile(kind: str, account_type: str = "INTERNAL", *more: dict[str, str]) -> bytes:
    """An exported profile."""
    whole = {"name": "My: profile", "accountType": account_type, "profileType": kind}
    return json.dumps([{**whole, "fields": [*FIELDS, *more]}]).encode()


def mapping_of(folder: Path, content: bytes) -> Mapping:
    """The mapping of a profile, as it is read back."""
    path = folder / "p.yaml"
    path.write_text(to_mapping(content), "utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("kind", "new", "known"),
    [
        ("ADD", "create", "skip"),
        ("UPDATE", "create", "update"),
        ("ENRICH", "reject", "update"),
    ],
)
def test_a_profile_becomes_a_mapping_that_loads(
    tmp_path: Path, kind: str, new: str, known: str
) -> None:
    """With nothing left to do, and the profile's kind as `match`."""
    mapping = mapping_of(tmp_path, profile(kind))
    assert lint(mapping) == ()
    assert (mapping.match.new, mapping.match.known) == (new, known)
    assert mapping.title == "My: profile"


def test_blank_columns_shift_nothing_and_a_bare_type_is_no_entry(tmp_path: Path) -> None:
    """What the loader gets wrong: the second e-mail keeps its own type."""
    compiled = compile_mapping(mapping_of(tmp_path, profile("ADD")), places(HEADINGS), RUN)
    rows = [("1", "Ann", "Lee", "", "", "b@example.org", "", "")]
    row = compiled.map(without_headings(rows)).frame.loc[2]
    assert {label: row[label] for label in row.index if row[label]} == {
        "primary_id": "1",
        "first_name": "Ann",
        "last_name": "Lee",
        "user_group": "UGRD",
        "contact_info.email[1].email_address": "b@example.org",
        "contact_info.email[1].email_type": "work",
    }


def test_enrich_adds_and_keeps(tmp_path: Path) -> None:
    """Entries are added, fields filled only where Alma's are blank."""
    mapping = mapping_of(tmp_path, profile("ENRICH"))
    assert {entry.on_update for entry in mapping.entries} == {OnUpdate.ADD}
    policies = {rule.field.path: rule.on_update for rule in mapping.scalars}
    assert policies["last_name"] is OnUpdate.KEEP


def test_the_owning_system_and_what_cannot_be_mapped(tmp_path: Path) -> None:
    """The first goes to the top; the rest is named in comments."""
    more = [
        {"default": "SIS", "fieldName": "external_id"},
        {"default": "PUBLIC", "fieldName": "record_type"},
        {"header": "R", "fieldName": "user_role[].role_type"},
        {"header": "P", "fieldName": "password"},
    ]
    content = profile("UPDATE", "EXTERNAL", *more)
    mapping = mapping_of(tmp_path, content)
    assert [rule.rule.constant for rule in mapping.scalars if rule.field.path == "external_id"] == [
        "SIS"
    ]
    left = [line for line in to_mapping(content).splitlines() if line.startswith("# Not taken")]
    assert [line.split(": ")[1] for line in left] == ["user_role[].role_type", "password"]


def test_what_a_profile_lacks_is_to_do(tmp_path: Path) -> None:
    """It loads all the same, and `mapping check` names what is missing."""
    content = json.dumps(
        {
            "name": "p",
            "accountType": "EXTERNAL",
            "profileType": "ADD",
            "fields": [{"header": "E", "fieldName": "contact_info.email[].email_address"}],
        }
    ).encode()
    found = lint(mapping_of(tmp_path, content))
    assert len(found) == 6
    assert all("to do" in finding for finding in found)


@pytest.mark.parametrize(
    ("content", "chosen", "word"),
    [
        (profile("DELETE"), "", "deletes"),
        (profile("ADD"), "My: profil", "`My: profile`"),
        (profile("ADD")[:-1] + b"," + profile("ADD")[1:], "", "--profile"),
        (b"{", "", "no profile"),
        (b"[]", "", "none"),
        (b'{"name": 1}', "", "no profile"),
        (b"\xff", "", "no profile"),
    ],
)
def test_what_is_no_profile_or_not_one_is_told(content: bytes, chosen: str, word: str) -> None:
    """Deleting is refused with its reason."""
    with pytest.raises(MappingError) as caught:
        to_mapping(content, chosen)
    assert word in str(caught.value)
