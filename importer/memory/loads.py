"""What loads wrote and what Alma answered, as hashes.

If the roster still has the same value and Alma has another one, someone edited it there, and the
edit stays. Of each person and mapping the newest load is kept, so that the file grows with people
and values, not with loads.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from importer.errors import LedgerError
from importer.files import write_new
from importer.ledger.ledger import IMPRINTS
from importer.memory.memory import LOST, Before, Entry, Memory, add_before, read_before, utc
from importer.model.plan import Imprint, Imprints, UserMemory
from importer.model.run import RunFacts

_KEY = 32
"""The bytes of a key."""

_IN_USE = "DELETE FROM former WHERE institution = ? AND former = ?"
"""SQL for an ID that a load gave to a user: it is not what another user had before any more."""

_WRITTEN_LATER = (
    "SELECT folder FROM loaded JOIN runs ON runs.institution = ?1 AND runs.run = writer"
    " WHERE loaded.institution = ?1 AND primary_id = ?2 AND writer <> ?3"
    " AND wrote > coalesce((SELECT max(iif(writer = ?3, wrote, time)) FROM loaded"
    " WHERE institution = ?1 AND primary_id = ?2 AND ?3 IN (run, writer)), ?4)"
    " ORDER BY wrote DESC LIMIT 1"
)
"""SQL for the last run that wrote user ?2 after run ?3 did; if that left nothing, after ?4."""

_SAVE = "INSERT OR REPLACE INTO loaded VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _undated(values: Imprints) -> dict[str, Imprint]:
    """Return values without what is another one on another day."""
    return {name: it._replace(made="", since="") for name, it in values.items()}


def _mark_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a run leaves of one user.

    `primary_id`: as it is now; `before`: as it was. `mapping`: the name of the roster's mapping.
    `values`: what was written, or seen. `new`: the run created the user, so nothing older counts.
    `seen`: of a user who was not written, when; a later load counts more.
    """

    primary_id: str
    before: str
    mapping: str
    values: Imprints
    new: bool = False
    seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastLoad:
    """What loads with one mapping left, by primary ID without case, and who was in the last one.

    `day`: of the last load. `values`: as JSON; `imprints` reads those of one user.
    """

    day: date
    values: Mapping[str, str]
    there: frozenset[str]

    def imprints(self, primary_id: str) -> Imprints:
        """Return the values of a user."""
        return IMPRINTS.validate_json(self.values[primary_id])


class EditMemory(Memory):
    """The values that loads left of one institution's users, by primary ID without case.

    Hashes are made with a key that is kept elsewhere; what was made with another key is not read.
    """

    key_path = Path("users", "edits.key")

    @cached_property
    def key(self) -> bytes:
        """The secret of the hashes; it is made, for its owner only, where nothing was hashed yet.

        Raises LedgerError if it cannot be made, is lost, or is not the one that the values were
        hashed with.
        """
        hashed = next(self.read("SELECT 1 FROM loaded LIMIT 1"), None) is not None
        try:
            if not hashed:
                self.key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    write_new(self.key_path, secrets.token_hex(_KEY).encode())
            key = bytes.fromhex(self.key_path.read_text("ascii"))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and not hashed:
                msg = f"{self.key_path} cannot be made ({error.strerror}). Check its folder."
                raise LedgerError(msg) from error
            key = b""
        own = "SELECT 1 FROM loaded WHERE substr(key, 1, 16) = ? LIMIT 1"
        if len(key) < _KEY or (hashed and not [*self.read(own, (_mark_of(key),))]):
            msg = (
                f"{self.key_path} cannot be read, or is not the key that {self.path} was made "
                "with, so edits that staff made since the last loads cannot be seen. Restore it "
                "from a backup, or copy it from the computer that made the loads. If it is lost, "
                f"move it and {self.path} away: {LOST}"
            )
            raise LedgerError(msg)
        return key

    @cached_property
    def _mark(self) -> str:
        """What shows that hashes were made with the present key."""
        return _mark_of(self.key)

    def of(self, mapping: str, primary_ids: Iterable[str]) -> UserMemory:
        """Return what is remembered of a user under the first of these IDs that is known."""
        for primary_id in primary_ids:
            if values := self._values(primary_id.casefold()):
                own = values.pop(mapping, None)
                return UserMemory(own, tuple(values.values()))
        return UserMemory(None, ())

    def _values(self, key: str) -> dict[str, dict[str, Imprint]]:
        """Return the values that count of a user, by mapping, the newest load first."""
        query = (
            "SELECT mapping, imprints FROM loaded WHERE institution = ? AND primary_id = ?"
            " AND key = ? AND imprints <> '{}' ORDER BY time DESC"
        )
        return dict(
            self.parsed(
                lambda mapping, text: (mapping, IMPRINTS.validate_json(text)),
                query,
                (self.institution, key, self._mark),
            )
        )

    def _entries(self, key: str) -> list[Entry]:
        """Return what is kept of a user, also what was hashed with another key."""
        names = ", ".join(Entry._fields)
        query = f"SELECT {names} FROM loaded WHERE institution = ? AND primary_id = ?"  # noqa: S608
        return [*self.parsed(Entry, query, (self.institution, key))]

    def last_load(self, mapping: str) -> LastLoad | None:
        """Return what loads with a mapping left; None if none is remembered.

        The last load is that of the last whole roster, with what its rejects files added.
        """
        if not self.exists or not self.key_path.is_file():
            return None
        mine = (self.institution, mapping)
        query = "SELECT max(time) FROM loads WHERE institution = ? AND mapping = ?"
        since = next(self.read(query, mine), (None,))[0] or ""
        query = (
            "SELECT primary_id, imprints, time FROM loaded"
            " WHERE institution = ? AND mapping = ? AND key = ? AND imprints <> '{}'"
        )
        loaded = {user: (text, time) for user, text, time in self.read(query, (*mine, self._mark))}
        if not loaded:
            return None
        last = since or max(time for _, time in loaded.values())
        return LastLoad(
            datetime.fromisoformat(last).date(),
            {user: text for user, (text, _) in loaded.items()},
            frozenset(user for user, (_, time) in loaded.items() if time >= since),
        )

    def loaded_since(self, facts: RunFacts, row: int, user: str) -> date | None:
        """Return when another run with the mapping of a row loaded this user after that plan."""
        query = (
            "SELECT time FROM loaded WHERE institution = ?1 AND primary_id = ?2"
            " AND mapping = ?3 AND key = ?4 AND run <> ?5 AND julianday(time) > julianday(?6)"
            " AND julianday(time) <= julianday('now')"  # a clock was ahead once
        )
        of_plan = (facts.of(row)[1].name, self._mark, facts.run_name, utc(facts.started))
        (last,) = next(self.read(query, (self.institution, user.casefold(), *of_plan)), (None,))
        return None if last is None else datetime.fromisoformat(last).date()

    def written_later(self, user: str, run: str, since: datetime) -> str:
        """Return the folder of the last run that wrote a user after `run` did; "" if none did.

        `user`: the primary ID that `run` left. Where `run` is not remembered: after `since`.
        """
        key, mine = user.casefold(), self.institution
        now = "SELECT primary_id FROM former WHERE institution = ? AND former = ?"
        (key,) = next(self.read(now, (mine, key)), (key,))
        values = (mine, key, run, utc(since))
        return next((str(folder) for (folder,) in self.read(_WRITTEN_LATER, values)), "")

    def former(self) -> Mapping[str, str]:
        """Return the primary IDs of users by those that loads took from them, without case."""
        query = "SELECT former, primary_id FROM former WHERE institution = ?"
        return dict(self.read(query, (self.institution,)))

    def entry(self, run: str) -> int | None:
        """Return the last entry of a run's history that is remembered; None for an unknown run."""
        query = "SELECT entry FROM runs WHERE institution = ? AND run = ?"
        return next((int(entry) for (entry,) in self.read(query, (self.institution, run))), None)

    def done(self, run: str, entry: int, folder: Path) -> None:
        """Save up to which entry of its history a run is remembered, and its folder."""
        with self.transaction() as connection:
            values = (self.institution, run, entry, str(folder))
            connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", values)

    def remember(
        self,
        run: str,
        users: Collection[Remembered],
        time: datetime,
        mappings: Collection[str],
        folder: Path,
    ) -> None:
        """Save what a run left of users.

        `mappings`: those of its whole rosters. `folder`: of the run, where what was remembered
        before is saved first.
        """
        pairs = {
            user.before.casefold(): user.primary_id.casefold() for user in users if not user.new
        }
        before: dict[str, list[Entry]] = {}
        with self.transaction():
            self._rename({old: new for old, new in pairs.items() if old != new})
            self.write((_IN_USE, ((user.primary_id.casefold(),) for user in users if user.new)))
            for user in users:
                before |= self._remember(run, user, utc(time))
            add = "INSERT OR IGNORE INTO loads VALUES (?, ?, ?, ?)"
            self.write((add, ((mapping, run, utc(time)) for mapping in mappings)))
            if before:
                add_before(folder, Before(loaded=before))

    def _remember(self, run: str, loaded: Remembered, time: str) -> dict[str, list[Entry]]:
        """Save what a run left of a user; return what it replaced, nothing if that stays."""
        execute, key = self.connection.execute, loaded.primary_id.casefold()
        user = "institution = ? AND primary_id = ?"
        if loaded.new:  # a run that is remembered late leaves what followed it
            older = f"DELETE FROM loaded WHERE {user} AND time < ?"  # noqa: S608
            execute(older, (self.institution, key, time))
        if loaded.seen is not None:
            now = utc(datetime.now(UTC))  # a time to come is that of a wrong clock
            later = (
                f"SELECT 1 FROM loaded WHERE {user} AND key = ? AND julianday(time)"  # noqa: S608
                " > julianday(?) AND julianday(time) <= julianday(?)"
            )
            seen = loaded.seen.isoformat()
            if execute(later, (self.institution, key, self._mark, seen, now)).fetchone():
                return {}
        entries = self._entries(key)
        own = next((entry for entry in entries if entry.mapping == loaded.mapping), None)
        before = self._values(key).get(loaded.mapping, {})
        values = {name: it for name, it in {**before, **loaded.values}.items() if it.made}
        text = IMPRINTS.dump_json(values).decode()
        left = Entry(loaded.mapping, run, text, time, self._mark, run, time)
        if loaded.seen is not None:
            left = left._replace(writer=own.writer if own else "", wrote=own.wrote if own else "")
        elif own is not None and own.time > time:  # a later load is remembered, and counts more
            left = own._replace(writer=run, wrote=time) if own.wrote < time else own
        execute(_SAVE, (self.institution, key, *left))
        same = loaded.seen is not None and own is not None and _undated(before) == _undated(values)
        return {} if same else {key: entries}

    def _rename(self, renamed: Mapping[str, str]) -> None:
        """Move what is known of users to their new primary IDs, without case.

        All at once: the former ID of one may be the new ID of another.
        """
        mine, own = self.institution, "WHERE institution = ? AND primary_id = ?"
        with self.transaction() as connection:
            for table in ("loaded", "former", "seen"):
                move = f"UPDATE OR REPLACE {table} SET primary_id = ? {own}"  # noqa: S608
                away = [(f"{new}\n", mine, old) for old, new in renamed.items()]  # no ID ends so
                connection.executemany(move, away)
                connection.executemany(move, [(new[:-1], mine, new) for new, _, _ in away])
            add = "INSERT OR REPLACE INTO former VALUES (?, ?, ?)"
            self.write((add, renamed.items()), (_IN_USE, ((new,) for new in renamed.values())))

    def restore(
        self, undone: str, now: Mapping[str, str], done: Collection[str], folder: Path
    ) -> None:
        """Remember of users what was remembered before a run that was undone.

        Whatever later runs saw of them; users whom a later run wrote stay as they are. All are
        primary IDs as the undone run left them, without case. `now`: those that are others now, ""
        if the user was deleted. `done`: users who are as they were before that run; those whom it
        only saw are so, too. `folder`: of the undo, with what was remembered before.
        """
        deleted = "DELETE FROM loaded WHERE institution = ? AND primary_id = ?"
        loaded = (
            "SELECT primary_id, max(writer = ?2) FROM loaded"
            " WHERE institution = ?1 AND ?2 IN (run, writer) GROUP BY primary_id"
        )
        before = read_before(folder).loaded
        load = "DELETE FROM loads WHERE institution = ? AND run = ?"
        renamed = {user: key for user, key in now.items() if key not in {"", user}}
        former = self.former()
        with self.transaction():
            back = {
                user: before[user]
                for user, wrote in self.read(loaded, (self.institution, undone))
                if user in before
                and (user in done or not wrote)
                and not self.written_later(user, undone, datetime.min.replace(tzinfo=UTC))
            }
            self.write(
                (deleted, ((user,) for user in back)),
                (_SAVE, ((user, *entry) for user, entries in back.items() for entry in entries)),
                (deleted, ((user,) for user, key in now.items() if not key)),
                (load, [(undone,)]),
            )
            self._rename(renamed)
            taken = (user for user, key in renamed.items() if former.get(key) == user)
            self.write((_IN_USE, ((user,) for user in taken)))


def institutions(mapping: str, code: str) -> Iterator[str]:
    """Yield the keys of institutions that have loads with a mapping, the last load first.

    `code`: of the institution, or its key, if it is known. Raises LedgerError.
    """
    query = "SELECT institution FROM loaded WHERE mapping = ? GROUP BY 1 ORDER BY max(time) DESC"
    for (key,) in Memory("").read(query, (mapping,)):
        if not code or f"{key} ".startswith(f"{code} "):
            yield key
