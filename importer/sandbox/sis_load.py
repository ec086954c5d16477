"""The SIS load job: it creates, updates or rejects each record of a zip (contract 5)."""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from importer.errors import UsageError
from importer.sandbox import formats, rules
from importer.sandbox.answers import RefusalError, refuse
from importer.sandbox.codes import INSTITUTION
from importer.sandbox.institution import Institution
from importer.sandbox.merge import Stamp, created, loaded
from importer.sandbox.record import EXTERNAL, INTERNAL, Json, Record, entries, text
from importer.sandbox.store import Claim, Stored

PRIMARY = "primary_id"
_MAX_FILES = 50
_MAX_BYTES = 1024**3
_RECORDS_AT_ONCE = 20
# The errors of zipfile for damaged, encrypted and unknown archives.
_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
# The root element of the schema, and two others that Alma accepts.
_ROOTS = frozenset({"users", "Users", "userRecords"})


@dataclass(frozen=True, slots=True)
class Profile:
    """The integration profile. `match` is `primary_id` or an identifier type."""

    synchronize: bool = True
    match: str = PRIMARY
    external_id: str = "SIS"
    record_type: str = "PUBLIC"


@dataclass(slots=True)
class _Tally:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejected: list[Json] = field(default_factory=list)


def read_profile(query: Mapping[str, str]) -> Profile:
    """Return the profile in the query: mode, match, external_id, record_type."""
    mode = query.get("mode", "synchronize")
    if mode not in {"import", "synchronize"}:
        msg = f"mode: {mode!r} is neither import nor synchronize"
        raise UsageError(msg)
    return Profile(
        synchronize=mode == "synchronize",
        match=query.get("match", PRIMARY),
        external_id=query.get("external_id", "SIS"),
        record_type=query.get("record_type", "PUBLIC"),
    )


async def run_load(institution: Institution, body: bytes, profile: Profile) -> Json:
    """Load a zip; return the numbers of created, updated and skipped records and the rejected ones.

    Other calls are answered in between.
    """
    tally = _Tally()
    claimed: set[str] = set()
    for number, element in enumerate(_users(body)):
        if number % _RECORDS_AT_ONCE == 0:
            await asyncio.sleep(0)
        shown = element.findtext("primary_id") or ""
        try:
            _load_one(institution, element, profile, claimed, tally)
        except RefusalError as refused:
            tally.rejected.append({"primary_id": shown, "reason": refused.message})
    return {
        "created": tally.created,
        "updated": tally.updated,
        "skipped": tally.skipped,
        "rejected": tally.rejected,
    }


def _users(body: bytes) -> Iterator[etree._Element]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            size = sum(info.file_size for info in members)
            if not members or len(members) > _MAX_FILES or size > _MAX_BYTES:
                msg = "Could not parse file: a zip has 1 to 50 XML files of at most 1 GB in all"
                raise UsageError(msg)
            if archive.testzip() is not None:
                msg = "a file in the zip is damaged"
                raise zipfile.BadZipFile(msg)
            for info in members:
                yield from _elements(archive.read(info))
    except _NO_ZIP as error:
        msg = "Could not parse file: it is not a zip"
        raise UsageError(msg) from error


def _elements(document: bytes) -> list[etree._Element]:
    if document.startswith(b"\xef\xbb\xbf"):
        msg = "Could not parse file: content is not allowed in prolog"
        raise UsageError(msg)
    try:
        root = formats.parse_xml(document, huge=True)
    except RefusalError as error:
        msg = "Could not parse file: it is not XML"
        raise UsageError(msg) from error
    if root.tag not in _ROOTS:
        msg = f"Could not parse file: its root element is {root.tag}, not users"
        raise UsageError(msg)
    return list(root)


def _load_one(
    institution: Institution,
    element: etree._Element,
    profile: Profile,
    claimed: set[str],
    tally: _Tally,
) -> None:
    given = formats.read_user(formats.to_document(element, lax=True))
    body: Record = {
        **given,
        "record_type": profile.record_type,
        "account_type": EXTERNAL,
        "external_id": profile.external_id,
    }
    body.pop("password", None)
    body["user_role"] = []
    old = _matched(institution, body, profile)
    if old is not None:
        if text(old.record, "account_type") == INTERNAL:
            refuse("sis_internal")
        body["record_type"] = text(old.record, "record_type")
        body["external_id"] = text(old.record, "external_id")
        body.setdefault("primary_id", text(old.record, "primary_id"))
    elif not text(body, "primary_id"):
        body["primary_id"] = _generated_id(institution, body)
    claims = institution.claims(body)
    _refuse_claimed(claims, claimed)
    adds = not profile.synchronize or institution.switches.sis_unmatched == "add"
    if (old is not None and not profile.synchronize) or (old is None and not adds):
        tally.skipped += 1
        return
    rules.check(body, institution.tables, institution.switches)
    when = Stamp(institution.now(), "SIS")
    if old is None:
        record = loaded(None, body, {}, institution.switches, when)
        record = created(record, INSTITUTION[0], when)
        rules.check_whole(record, institution.tables, institution.switches)
        institution.save(Stored(None, record))
        tally.created += 1
    else:
        record = loaded(old.record, body, old.edited, institution.switches, when)
        rules.check_whole(record, institution.tables, institution.switches)
        institution.save(replace(old, record=record))
        tally.updated += 1
    claimed.update(claim.key for claim in claims)


def _matched(institution: Institution, body: Record, profile: Profile) -> Stored | None:
    """Return the user with the record's match identifier; refuse a record that has none."""
    if profile.match == PRIMARY:
        wanted = text(body, "primary_id")
        if not wanted:
            return None
    else:
        values = [
            text(entry, "value")
            for entry in entries(body, "user_identifier")
            if text(entry, "id_type") == profile.match
        ]
        if not values:
            refuse("sis_unmatchable", kind=profile.match)
        wanted = values[0]
    kind = "" if profile.match == PRIMARY else profile.match
    try:
        return institution.find(wanted, kind)
    except RefusalError:
        return None


def _refuse_claimed(claims: list[Claim], claimed: set[str]) -> None:
    """Refuse a record whose identifier an earlier record of the load has."""
    for claim in claims:
        if claim.key in claimed:
            refuse("sis_taken", kind=claim.type or "Primary id", value=claim.value)


def _generated_id(institution: Institution, body: Record) -> str:
    """Return Alma's default primary ID for a new user: first and last name."""
    names = [text(body, name) for name in ("first_name", "last_name")]
    stem = ".".join(name for name in names if name) or "user"
    number, candidate = 1, stem
    while institution.store.find(candidate.casefold()):
        number += 1
        candidate = f"{stem}{number}"
    return candidate
