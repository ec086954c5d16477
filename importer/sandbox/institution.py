"""The institution: its users, code tables and switches, and every change to them.

Primary identifiers and additional ones (barcodes, ...) share one space (contract 3.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from importer.sandbox.answers import refusal, refuse
from importer.sandbox.configuration import CodeTables, Switches
from importer.sandbox.rules import Stamp, check, check_whole, created, sticky_changes, updated
from importer.sandbox.users import INTERNAL, Claim, Record, Store, Stored, entries, text, timestamp

ALL_UNIQUE = "all_unique"
DELETED = "DELETED"
_FIRST_GENERATED = 1_000_001


@dataclass(slots=True)
class Institution:
    """What all routes work on. `now` gives the time in UTC."""

    store: Store
    switches: Switches
    now: Callable[[], datetime]
    tables: CodeTables

    def find(self, value: str, kind: str = ALL_UNIQUE) -> Stored:
        """Return the user with this identifier; `kind` is an ID type, `all_unique` or "" (primary).

        Raises RefusalError (401861, 401890, 4019998) if there is none.
        """
        for key in dict.fromkeys((value.casefold(), value)):
            holder = self.store.find(key)
            if holder is None:
                continue
            claim, number = holder
            hidden = not claim.active and self.switches["inactive-identifiers"] == "hide"
            if kind not in {ALL_UNIQUE, claim.type} or hidden:
                continue
            if not claim.type or key == self._key(value):
                return self.store.get(number)
        by_kind = {ALL_UNIQUE: "not_found", "linking_id": "not_found_by_link"}
        name = by_kind.get(kind, "not_found_by_type")
        raise refusal(name, value=value, kind=kind)

    def create(self, body: Record, source: Record) -> Stored:
        """Create a user (POST). `source` has the fulfillment network's fields, if any."""
        if not text(body, "primary_id") and self.switches["generate-primary-id"] == "on":
            number = _FIRST_GENERATED + self.store.count()
            while self.store.find(str(number)):
                number += 1
            body = {**body, "primary_id": str(number)}
        check(body, self.tables, self.switches)
        check_whole(body, self.tables, self.switches)
        record = created(body, self.tables, self.switches, Stamp(self.now())) | source
        return self.save(Stored(None, record, secret=_secret(body, "")))

    def update(self, old: Stored, body: Record, override: frozenset[str]) -> Stored:
        """Replace a user's record (PUT), except for what Alma keeps."""
        check(body, self.tables, self.switches)
        renamed = text(body, "primary_id") != text(old.record, "primary_id")
        if renamed and self.switches["rename-by-put"] == "refuse":
            refuse("not_updated")
        record, edited = updated(old, body, override, self.switches, Stamp(self.now()))
        check_whole(record, self.tables, self.switches)
        secret = _secret(body, old.secret)
        return self.save(replace(old, record=record, edited=edited, secret=secret))

    def edit(self, old: Stored, body: Record) -> Stored:
        """Change a user as staff do in Alma; changed sticky fields become edited."""
        internal = replace(old, record={**old.record, "account_type": INTERNAL})
        when = Stamp(self.now(), "staff")
        record, _ = updated(internal, body, frozenset(), self.switches, when)
        edited = sticky_changes(old.record, record) | old.edited
        secret = _secret(body, old.secret)
        return self.save(replace(old, record=record, edited=edited, secret=secret))

    def save(self, user: Stored) -> Stored:
        """Store a complete new or changed user, if its identifiers differ and nobody has them.

        Raises RefusalError: 4018994 for one that it has twice, 401851 for another user's.
        """
        claims = self.claims(user.record)
        seen: dict[str, str] = {}
        for claim in claims:
            kind = claim.type or "primary_id"
            same = seen.get(claim.key, "")
            if seen and claim.value.casefold() == claims[0].key:
                same = "primary_id"
            if same:
                refuse("same_identifier", kind=same, other=kind, value=claim.value)
            seen[claim.key] = kind
            for key in dict.fromkeys((claim.key, claim.value.casefold())):
                holder = self.store.find(key)
                if holder is None or holder[1] == user.number:
                    continue
                if text(self.store.get(holder[1]).record, "status") == DELETED:
                    self.store.remove(holder[1])
                elif key == claim.key or not holder[0].type:
                    refuse("taken", value=claim.value, kind=claim.type or "Primary id")
        return self.store.save(replace(user, modified=timestamp(self.now())), claims)

    def claims(self, record: Record) -> list[Claim]:
        """Return a user's identifiers, the primary one first."""
        primary = text(record, "primary_id")
        found = [Claim(primary.casefold(), "", primary)]
        for identifier in entries(record, "user_identifier"):
            value = text(identifier, "value")
            active = text(identifier, "status").upper() != "INACTIVE"
            found.append(Claim(self._key(value), text(identifier, "id_type"), value, active))
        return found

    def delete(self, user: Stored, asked: str, kind: str) -> None:
        """Delete a user, unless there are loans or fees (401850); requests are canceled."""
        if user.activity.loans or user.activity.owed:
            refuse("undeletable", value=asked, kind=kind)
        if self.switches["delete-policy"] == "keep":
            self.save(replace(user, record={**user.record, "status": DELETED}))
            return
        self.store.remove(user.number or 0)

    def authenticate(self, user: Stored, password: str) -> None:
        """Refuse a wrong password (401866)."""
        if not user.secret or _digest(password) != user.secret:
            refuse("unauthenticated")

    def _key(self, value: str) -> str:
        return value if self.switches["identifier-case"] == "sensitive" else value.casefold()


def _secret(body: Record, kept: str) -> str:
    """Return the digest of a new password, or the kept one if none was sent."""
    password = text(body, "password")
    return _digest(password) if password and text(body, "account_type") == INTERNAL else kept


def _digest(password: str) -> str:
    """Return a digest that is weak on purpose: it must be fast, and this is for practice only."""
    return hashlib.scrypt(password.encode(), salt=b"practice", n=256, r=8, p=1).hex()
