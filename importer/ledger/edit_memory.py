"""The values that loads left in Alma, as keyed hashes: what each run left of each user.

The newest of a mapping counts. Older ones stay for the undo of a run, which takes its own away.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from importer.errors import LedgerError
from importer.ledger.ledger import IMPRINTS
from importer.ledger.memory import Memory, utc
from importer.model.files import write_new
from importer.model.plan import Imprint, Imprints, UserMemory

_KEY = 32
"""The bytes of a key."""

_HIDE_LOAD = (
    "UPDATE OR REPLACE loads SET mapping = mapping || char(10) || ?3"
    " WHERE institution = ?1 AND run = ?2 AND instr(mapping, char(10)) = 0"
)
_LOAD_AGAIN = (
    "UPDATE OR REPLACE loads SET mapping = substr(mapping, 1, instr(mapping, char(10)) - 1),"
    " run = ?3 WHERE institution = ?1 AND instr(mapping, char(10) || ?2)"
)
"""SQL for the undo of run ?2 by ?3: its loads count no more, and those that it took away again.

The name of a mapping that does not count is followed by the run that took it away.
"""


def _mark_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a run leaves of one user.

    `primary_id`: as it is now; `before`: as it was. `mapping`: the name of the roster's mapping.
    `values`: what was written. `new`: the run created the user, so nothing older counts.
    `forgets`: paths whose values of every roster are forgotten. `seen`: of a user who was not
    written, when; a later load counts more.
    """

    primary_id: str
    before: str
    mapping: str
    values: Imprints
    new: bool = False
    forgets: frozenset[str] = frozenset()
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

    Hashes are made with a key that is kept elsewhere; what was made with another key is not read,
    nor what was undone: its mark is followed by the run that undid it.
    """

    key_path = Path("users", "edits.key")

    @cached_property
    def key(self) -> bytes:
        """The secret of the hashes; it is made, for its owner only, where nothing was hashed yet.

        Raises LedgerError if it is lost, or is not the one that the values were hashed with.
        """
        hashed = next(self.read("SELECT 1 FROM loaded LIMIT 1"), None) is not None
        try:
            if not hashed:
                self.key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    write_new(self.key_path, secrets.token_hex(_KEY).encode())
            key = bytes.fromhex(self.key_path.read_text("ascii"))
        except (OSError, ValueError):
            key = b""
        own = "SELECT 1 FROM loaded WHERE substr(key, 1, 16) = ? LIMIT 1"
        if len(key) < _KEY or (hashed and not [*self.read(own, (_mark_of(key),))]):
            msg = (
                f"{self.key_path} cannot be read, or is not the key that {self.path} was made "
                "with, so edits that staff made since the last loads cannot be seen. Restore it "
                "from a backup, or copy it from the computer that made the loads. If it is lost, "
                f"delete it and {self.path}: you are then asked again about rows that were "
                "resolved, and missing people are counted from the start."
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
            if found := self._values(primary_id.casefold()):
                own = found.pop(mapping, None)
                return UserMemory(own, tuple(found.values()))
        return UserMemory(None, ())

    def _values(self, key: str) -> dict[str, dict[str, Imprint]]:
        """Return the values that count of a user, by mapping, the newest load first."""
        query = (
            "SELECT mapping, imprints, max(time) FROM loaded"
            " WHERE institution = ? AND primary_id = ? AND key = ? GROUP BY mapping ORDER BY 3 DESC"
        )
        return dict(
            self.parsed(
                lambda mapping, text, _: (mapping, IMPRINTS.validate_json(text)),
                query,
                (self.institution, key, self._mark),
            )
        )

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
            "SELECT primary_id, imprints, max(time) FROM loaded"
            " WHERE institution = ? AND mapping = ? AND key = ? GROUP BY primary_id"
        )
        found = {user: (text, time) for user, text, time in self.read(query, (*mine, self._mark))}
        if not found:
            return None
        last = since or max(time for _, time in found.values())
        return LastLoad(
            datetime.fromisoformat(last).date(),
            {user: text for user, (text, _) in found.items()},
            frozenset(user for user, (_, time) in found.items() if time >= since),
        )

    def former(self) -> Mapping[str, str]:
        """Return the primary IDs of users by those that loads took from them, without case."""
        query = "SELECT former, primary_id FROM former WHERE institution = ?"
        return dict(self.read(query, (self.institution,)))

    def entry(self, run: str) -> int | None:
        """Return the last entry of a run's history that is remembered; None for an unknown run."""
        query = "SELECT entry FROM runs WHERE institution = ? AND run = ?"
        return next((int(entry) for (entry,) in self.read(query, (self.institution, run))), None)

    def remember(
        self,
        run: str,
        entry: int,
        found: Collection[Remembered],
        time: datetime,
        mappings: Collection[str],
    ) -> None:
        """Save what a run left of users, up to an entry of its history.

        `mappings`: those of its whole rosters.
        """
        pairs = {one.before.casefold(): one.primary_id.casefold() for one in found if not one.new}
        with self.transaction():
            self._rename({old: new for old, new in pairs.items() if old != new})
            for one in found:
                self._remember(run, one, utc(time))
            add = "INSERT OR IGNORE INTO loads VALUES (?, ?, ?, ?)"
            self.write((add, ((mapping, run, utc(time)) for mapping in mappings)))
            self._done(run, entry)

    def _remember(self, run: str, one: Remembered, time: str) -> None:
        execute, key = self.connection.execute, one.primary_id.casefold()
        user = "institution = ? AND primary_id = ?"
        if one.new:  # a run that is remembered late leaves what followed it
            older = f"DELETE FROM loaded WHERE {user} AND time < ?"  # noqa: S608
            execute(older, (self.institution, key, time))
        if one.seen is not None:
            later = (
                f"SELECT 1 FROM loaded WHERE {user} AND key = ? AND julianday(time) > julianday(?)"  # noqa: S608
            )
            if execute(later, (self.institution, key, self._mark, one.seen.isoformat())).fetchone():
                return
        known = self._values(key)
        if one.values:
            values = {**known.get(one.mapping, {}), **one.values}
            known[one.mapping] = {key: it for key, it in values.items() if it.made}
        for mapping, left in known.items():
            kept = {name: it for name, it in left.items() if it.where.path not in one.forgets}
            if mapping == one.mapping or len(kept) < len(left):
                execute(
                    "INSERT OR REPLACE INTO loaded VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        self.institution, key, mapping, run, IMPRINTS.dump_json(kept).decode(),
                        time, self._mark,
                    ),
                )  # fmt: skip

    def _rename(self, renamed: Mapping[str, str]) -> None:
        """Move what is known of users to their new primary IDs, without case.

        All at once: the former ID of one may be the new ID of another.
        """
        mine, own = self.institution, "WHERE institution = ? AND primary_id = ?"
        with self.transaction() as connection:
            for table in ("loaded", "former"):
                move = f"UPDATE OR REPLACE {table} SET primary_id = ? {own}"  # noqa: S608
                away = [(f"{new}\n", mine, old) for old, new in renamed.items()]  # no ID ends so
                connection.executemany(move, away)
                connection.executemany(move, [(new[:-1], mine, new) for new, _, _ in away])
            add = "INSERT OR REPLACE INTO former VALUES (?, ?, ?)"
            in_use = "DELETE FROM former WHERE institution = ? AND former = ?"
            self.write((add, renamed.items()), (in_use, ((new,) for new in renamed.values())))

    def put_back(
        self, run: str, entry: int, undone: str, now: Mapping[str, str], kept: Collection[str]
    ) -> None:
        """Remember of users what was remembered before a run, which was undone by `run`.

        What later loads left otherwise stays; when the undo is undone, all counts as before it.
        All are primary IDs as the undone run left them, without case. `now`: those that are others
        now, "" if the user was deleted. `kept`: users who are still as that run left them.
        """
        query = (
            "SELECT DISTINCT primary_id FROM loaded WHERE institution = ?"
            " AND (run = ? OR key = ? || ' ' || ?)"
        )
        values = (self.institution, undone, self._mark, undone)
        users = {user for (user,) in self.read(query, values)}
        delete = "DELETE FROM loaded WHERE institution = ?1 AND primary_id = ?2"
        user = " WHERE institution = ?1 AND primary_id = ?2 AND key = "
        hide = (
            f"UPDATE loaded SET key = key || ' ' || ?4 {user} ?5 AND time >= (SELECT min(time)"  # noqa: S608
            " FROM loaded WHERE institution = ?1 AND primary_id = ?2 AND run = ?3)"
        )
        again = (
            "INSERT OR REPLACE INTO loaded SELECT institution, primary_id, mapping, ?4, imprints,"  # noqa: S608
            f" time, ?5 FROM loaded {user} ?5 || ' ' || ?3 ORDER BY time"
        )
        newest = self.former()
        now = {newest.get(user, user): key for user, key in now.items()}
        others = users.difference(newest.get(user, user) for user in kept)
        with self.transaction():
            self.write(
                (delete, ((user,) for user, key in now.items() if not key)),
                *(
                    (one, ((user, undone, run, self._mark) for user in others))
                    for one in (hide, again)
                ),
                (_HIDE_LOAD, [(undone, run)]),
                (_LOAD_AGAIN, [(undone, run)]),
            )
            self._remember_later(run, undone)
            renamed = {user: key for user, key in now.items() if key not in {"", user}}
            self._rename(renamed)
            undone_id = "DELETE FROM former WHERE institution = ? AND former = ?"
            taken = (user for user, key in renamed.items() if newest.get(key) == user)
            self.write((undone_id, ((user,) for user in taken)))
            self._done(run, entry)

    def _remember_later(self, run: str, undone: str) -> None:
        """Save again what loads after an undone run left, where it is not the same as that run's.

        All that these loads left was just hidden with it.
        """
        hidden = (self.institution, f"{self._mark} {run}")
        query = (
            "SELECT DISTINCT primary_id FROM loaded WHERE institution = ? AND key = ? AND run <> ?"
        )
        for (user,) in self.read(query, (*hidden, undone)):
            before = self._values(user)
            own: dict[str, dict[str, Imprint]] = {}
            now: dict[str, tuple[dict[str, Imprint], str]] = {}
            query = (
                "SELECT mapping, run, imprints, time FROM loaded"
                " WHERE institution = ? AND key = ? AND primary_id = ? ORDER BY time"
            )
            for mapping, by, text, time in self.read(query, (*hidden, user)):
                left = IMPRINTS.validate_json(text)
                if by == undone:
                    own[mapping] = left
                else:
                    now[mapping] = left, time
            for mapping, (left, time) in now.items():
                first = own.get(mapping, {})
                later = {
                    k: it for k, it in left.items() if k not in first or it.made != first[k].made
                }
                kept = {**before.get(mapping, {}), **later}
                text = IMPRINTS.dump_json(kept).decode()
                row = (self.institution, user, mapping, run, text, time, self._mark)
                self.connection.execute("INSERT INTO loaded VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _done(self, run: str, entry: int) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (self.institution, run, entry)
        )


def institutions(mapping: str, code: str) -> Iterator[str]:
    """Yield the keys of institutions that have loads with a mapping, the last load first.

    `code`: of the institution, if it is known. Raises LedgerError.
    """
    query = "SELECT institution FROM loaded WHERE mapping = ? GROUP BY 1 ORDER BY max(time) DESC"
    for (key,) in Memory("").read(query, (mapping,)):
        if not code or key.startswith(f"{code} "):
            yield key
