"""The institution that the sandbox plays: users, tables, switches, and every change to them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from importer.sandbox import identifiers, rules, search
from importer.sandbox.codes import INSTITUTION, CodeTables
from importer.sandbox.merge import Stamp, created, sticky_changes, updated
from importer.sandbox.record import INTERNAL, Record, text
from importer.sandbox.refusal import Said
from importer.sandbox.store import Store, Stored
from importer.sandbox.switches import Switches
from importer.sandbox.values import stamp

_FIRST_GENERATED = 1_000_001


@dataclass(slots=True)
class Institution:
    """What the routes work on. `now` is the clock."""

    store: Store
    switches: Switches
    now: Callable[[], datetime]
    tables: CodeTables = field(default_factory=CodeTables)

    def __post_init__(self) -> None:
        """Bring back the code rows that were added in an earlier life."""
        for table, code, words in self.store.added_codes():
            self.tables.add(table, {code: words})

    def find(self, value: str, kind: str = identifiers.ALL_UNIQUE) -> Stored:
        """The user with this identifier."""
        return identifiers.resolve(value, kind, self.store, self.switches)

    def create(self, body: Record, source: Record) -> Stored:
        """POST: a new user. `source` holds the fulfilment network's fields, if any."""
        if not text(body, "primary_id") and self.switches["generate-primary-id"] == "on":
            body = {**body, "primary_id": self._generated_id()}
        rules.check(body, self.tables, self.switches)
        rules.check_whole(body, self.tables, self.switches)
        rules.check_password(body)
        record = created(body, INSTITUTION[0], Stamp(self.now())) | source
        return self.add(Stored(0, record, stamp(self.now()), secret=_secret(body, "")))

    def add(self, user: Stored) -> Stored:
        """Keep a new user whose record is settled, if its identifiers are free."""
        claims = identifiers.claims(user.record, self.switches)
        identifiers.refuse_taken(claims, self.store, 0)
        return self.store.add(user, claims, search.words(user.record))

    def update(self, old: Stored, body: Record, override: frozenset[str]) -> Stored:
        """PUT: swap all, with what Alma keeps."""
        rules.check(body, self.tables, self.switches)
        record, edited = updated(old, body, override, self.switches, Stamp(self.now()))
        rules.check_whole(record, self.tables, self.switches)
        rules.check_password(body)
        return self.replace(
            replace(old, record=record, edited=edited, secret=_secret(body, old.secret))
        )

    def edit(self, old: Stored, body: Record) -> Stored:
        """A change by staff in Alma itself: nothing is kept, sticky fields become edited."""
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
        """Keep a changed user whose record is settled, if its identifiers are free."""
        claims = identifiers.claims(user.record, self.switches)
        identifiers.refuse_taken(claims, self.store, user.number)
        changed = replace(user, modified=stamp(self.now()))
        self.store.replace(changed, claims, search.words(changed.record))
        return changed

    def delete(self, user: Stored, asked: str, kind: str) -> None:
        """DELETE: not while there are loans (401850)."""
        if user.loans:
            raise Said.UNDELETABLE.refuse(value=asked, kind=kind)
        self.store.remove(user.number)

    def authenticate(self, user: Stored, password: str) -> None:
        """Refuse a wrong password (401866)."""
        salt, _, digest = user.secret.partition("$")
        if not digest or not hmac.compare_digest(_digest(password, salt), digest):
            raise Said.UNAUTHENTICATED.refuse()

    def add_codes(self, table: str, rows: dict[str, str]) -> bool:
        """Add the institution's own rows to a code table; False if there is no such table."""
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
    """Salt and digest of a new password; the kept ones if none was sent."""
    password = text(body, "password")
    if not password or text(body, "account_type") != INTERNAL:
        return kept
    salt = secrets.token_hex(8)
    return f"{salt}${_digest(password, salt)}"


def _digest(password: str, salt: str) -> str:
    """Weak on purpose: a practice ground must stay fast, and its people are invented."""
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=256, r=8, p=1).hex()
