"""The institution: its users, code tables and switches, and every change to them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from importer.sandbox import identifiers, rules
from importer.sandbox.codes import INSTITUTION, CodeTables
from importer.sandbox.merge import Stamp, created, sticky_changes, updated
from importer.sandbox.record import INTERNAL, Record, text, timestamp
from importer.sandbox.refusals import Refusal
from importer.sandbox.store import Store, Stored
from importer.sandbox.switches import Switches

_FIRST_GENERATED = 1_000_001


@dataclass(slots=True)
class Institution:
    """What all routes work on. `now` gives the time in UTC."""

    store: Store
    switches: Switches
    now: Callable[[], datetime]
    tables: CodeTables = field(default_factory=CodeTables)

    def __post_init__(self) -> None:
        """Load the code rows that were added before a restart."""
        for table, code, words in self.store.added_codes():
            self.tables.add(table, {code: words})

    def find(self, value: str, kind: str = identifiers.ALL_UNIQUE) -> Stored:
        """Return the user with this identifier."""
        return identifiers.resolve(value, kind, self.store, self.switches)

    def create(self, body: Record, source: Record) -> Stored:
        """Create a user (POST). `source` has the fulfillment network's fields, if any."""
        if not text(body, "primary_id") and self.switches.generate_primary_id == "on":
            body = {**body, "primary_id": self._generated_id()}
        rules.check(body, self.tables, self.switches)
        rules.check_whole(body, self.tables, self.switches)
        rules.check_password(body)
        record = created(body, INSTITUTION[0], Stamp(self.now())) | source
        return self.add(Stored(0, record, timestamp(self.now()), secret=_secret(body, "")))

    def add(self, user: Stored) -> Stored:
        """Store a complete new user, if nobody has its identifiers."""
        claims = identifiers.claims(user.record, self.switches)
        identifiers.refuse_taken(claims, self.store, 0)
        return self.store.add(user, claims)

    def update(self, old: Stored, body: Record, override: frozenset[str]) -> Stored:
        """Replace a user's record (PUT), except for what Alma keeps."""
        rules.check(body, self.tables, self.switches)
        record, edited = updated(old, body, override, self.switches, Stamp(self.now()))
        rules.check_whole(record, self.tables, self.switches)
        rules.check_password(body)
        return self.replace(
            replace(old, record=record, edited=edited, secret=_secret(body, old.secret))
        )

    def edit(self, old: Stored, body: Record) -> Stored:
        """Change a user as staff do in Alma; changed sticky fields become edited."""
        when = Stamp(self.now(), "staff")
        record, _ = updated(
            replace(old, record={**old.record, "account_type": INTERNAL}),
            body,
            frozenset(),
            self.switches,
            when,
        )
        edited = old.edited | sticky_changes(old.record, record)
        return self.replace(
            replace(old, record=record, edited=edited, secret=_secret(body, old.secret))
        )

    def replace(self, user: Stored) -> Stored:
        """Store a complete changed user, if nobody else has its identifiers."""
        claims = identifiers.claims(user.record, self.switches)
        identifiers.refuse_taken(claims, self.store, user.number)
        changed = replace(user, modified=timestamp(self.now()))
        self.store.replace(changed, claims)
        return changed

    def delete(self, user: Stored, asked: str, kind: str) -> None:
        """Delete a user, unless there are loans (401850)."""
        if user.loans:
            raise Refusal.UNDELETABLE.error(value=asked, kind=kind)
        self.store.remove(user.number)

    def authenticate(self, user: Stored, password: str) -> None:
        """Refuse a wrong password (401866)."""
        salt, _, digest = user.secret.partition("$")
        if not digest or not hmac.compare_digest(_digest(password, salt), digest):
            raise Refusal.UNAUTHENTICATED.error()

    def add_codes(self, table: str, rows: dict[str, str]) -> bool:
        """Add rows to a code table; return False if there is no such table."""
        if not self.tables.add(table, rows):
            return False
        for code, words in rows.items():
            self.store.add_code(table, code, words)
        return True

    def _generated_id(self) -> str:
        number = _FIRST_GENERATED + self.store.count()
        while self.store.find(str(number)):
            number += 1
        return str(number)


def _secret(body: Record, kept: str) -> str:
    """Return salt and digest of a new password, or the kept ones if none was sent."""
    password = text(body, "password")
    if not password or text(body, "account_type") != INTERNAL:
        return kept
    salt = secrets.token_hex(8)
    return f"{salt}${_digest(password, salt)}"


def _digest(password: str, salt: str) -> str:
    """Return a digest that is weak on purpose: it must be fast, and this is for practice only."""
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=256, r=8, p=1).hex()
