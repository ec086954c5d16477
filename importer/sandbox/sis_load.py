"""The SIS load job: it creates, updates or rejects each record of a zip (contract 5)."""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Literal

from lxml import etree
from pydantic import BaseModel

from importer.errors import UsageError
from importer.sandbox import formats
from importer.sandbox.institution import Practice, Stamp, check, check_whole, created, loaded
from importer.sandbox.users import EXTERNAL, INTERNAL, Json, Record, Stored, entries, text

PRIMARY = "primary_id"
_MAX_FILES = 50
_MAX_BYTES = 1024**3
_RECORDS_AT_ONCE = 20
# The errors of zipfile for damaged, encrypted and unknown archives.
_NO_ZIP = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip
# The root element of the schema, and two others that Alma accepts.
_ROOTS = frozenset({"users", "Users", "userRecords"})


class IntegrationProfile(BaseModel, frozen=True, extra="ignore"):
    """The integration profile. `match` is `primary_id` or an identifier type."""

    mode: Literal["import", "synchronize"] = "synchronize"
    match: str = PRIMARY
    external_id: str = "SIS"
    record_type: str = "PUBLIC"


async def run_load(institution: Practice, body: bytes, profile: IntegrationProfile) -> Json:
    """Load a zip; return the numbers of created, updated and skipped records and the rejected ones.

    `failed` has the files that could not be parsed. Other calls are answered in between.
    """
    load = _Load(institution, profile)
    counts = {"created": 0, "updated": 0, "skipped": 0}
    rejected: list[Json] = []
    failed: list[Json] = []
    for number, element in enumerate(_users(body, failed)):
        if number % _RECORDS_AT_ONCE == 0:
            await asyncio.sleep(0)
        try:
            counts[load.add(element)] += 1
        except formats.RefusalError as refused:
            shown = element.findtext("primary_id") or ""
            rejected.append({"primary_id": shown, "reason": refused.message})
    return {**counts, "rejected": rejected, "failed": failed}


@dataclass(slots=True)
class _Load:
    """One run of the job. `claimed` are the keys of all identifiers of the feed so far."""

    institution: Practice
    profile: IntegrationProfile
    claimed: set[str] = field(default_factory=set)

    def add(self, element: etree._Element) -> str:
        """Create or update the user of one record, skip it, or refuse it; return which."""
        institution, switches = self.institution, self.institution.switches
        body: Record = {
            **formats.read_xml(element, lax=True),
            "record_type": self.profile.record_type,
            "account_type": EXTERNAL,
            "external_id": self.profile.external_id,
            "user_role": [],
            "password": "",
        }
        old = self._matched(body)
        if old is not None:
            if text(old.record, "account_type") == INTERNAL:
                formats.refuse("sis_internal")
            body["record_type"] = text(old.record, "record_type")
            body["external_id"] = text(old.record, "external_id")
            body.setdefault("primary_id", text(old.record, "primary_id"))
        elif not text(body, "primary_id"):
            # Alma's default: FirstLast, then FirstLast0, FirstLast1
            stem = text(body, "first_name") + text(body, "last_name")
            names = chain([stem], (f"{stem}{number}" for number in count()))
            taken = institution.store.find
            body["primary_id"] = next(name for name in names if not taken(name.casefold()))
        keys = self._claim(body, old)
        skips = self.profile.mode == "import"
        if old is None:
            skips = not skips and switches["sis-unmatched"] == "skip"
        if skips:
            return "skipped"
        check(body, institution.tables, switches)
        when = Stamp(institution.now(), "SIS")
        record, edited = loaded(old, body, switches, when)
        if old is None:
            record = created(record, institution.tables, switches, when)
        check_whole(record, institution.tables, switches)
        institution.save(replace(old or Stored(None, record), record=record, edited=edited))
        self.claimed |= keys
        return "updated" if old else "created"

    def _matched(self, body: Record) -> Stored | None:
        """Return the user with the record's match identifier; refuse a record that has none."""
        kind = "" if self.profile.match == PRIMARY else self.profile.match
        values = [
            text(entry, "value")
            for entry in entries(body, "user_identifier")
            if text(entry, "id_type") == kind
        ]
        if kind and not values:
            formats.refuse("sis_unmatchable", kind=kind)
        try:
            return self.institution.find(values[0] if kind else text(body, "primary_id"), kind)
        except formats.RefusalError:
            return None

    def _claim(self, body: Record, old: Stored | None) -> set[str]:
        """Return the keys of a record's IDs; refuse one that it, the load or a user has already."""
        keys: set[str] = set()
        for claim in self.institution.claims(body):
            words = {"kind": claim.type or "Primary id", "value": claim.value}
            if claim.key in self.claimed | keys:
                formats.refuse("sis_taken", **words)
            holder = self.institution.store.find(claim.key)
            if holder is not None and holder[1] != (old.number if old else None):
                formats.refuse("sis_taken_by_user", **words)
            keys.add(claim.key)
        return keys


def _users(body: bytes, failed: list[Json]) -> Iterator[etree._Element]:
    """Yield the records of all XML files; a file that is wrong goes into `failed`."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = [
                info
                for info in archive.infolist()
                if info.filename.lower().endswith(".xml")
                and not info.filename.startswith("__MACOSX/")
            ]
            size = sum(info.file_size for info in files)
            if not files or len(files) > _MAX_FILES or size > _MAX_BYTES:
                msg = "Could not parse file: a zip has 1 to 50 XML files of at most 1 GB in all"
                raise UsageError(msg)
            if archive.testzip() is not None:
                msg = "a file in the zip is damaged"
                raise zipfile.BadZipFile(msg)
            for info in files:
                try:
                    yield from _elements(archive.read(info))
                except UsageError as error:
                    failed.append({"file": info.filename, "reason": str(error)})
    except _NO_ZIP as error:
        msg = "Could not parse file: it is not a zip"
        raise UsageError(msg) from error


def _elements(document: bytes) -> list[etree._Element]:
    if document.startswith(b"\xef\xbb\xbf"):
        msg = "Could not parse file: content is not allowed in prolog"
        raise UsageError(msg)
    try:
        root = formats.parse_xml(document, huge=True)
    except formats.RefusalError as error:
        msg = "Could not parse file: it is not XML"
        raise UsageError(msg) from error
    if root.tag not in _ROOTS:
        msg = f"Could not parse file: its root element is {root.tag}, not users"
        raise UsageError(msg)
    return list(root)
