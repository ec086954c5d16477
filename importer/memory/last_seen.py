"""When each person was last in the rosters of a mapping, and what was changed of those who left.

One date a person and mapping: the last load whose rosters had them; of somebody whom no load had,
the moment before the first one that lacked them. A person is missing since that mapping's first
load after it. A plan is a load once it is applied or has nothing to send.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from importer.ledger.ledger import Ledger
from importer.memory.memory import Before, Memory, add_before, read_before, utc
from importer.model.plan import Image
from importer.model.user import User

COUNTS = timedelta(days=400)
"""How long the last load of a mapping that is not loaded any more shows who is there.

More than a year: some rosters come once a year. A mapping may have another name now.
"""

_BEFORE = timedelta(microseconds=1)
"""From the moment that counts for somebody whom no load had to the first load."""


class LastSeen(Memory):
    """The people in one institution's rosters, by primary ID without case."""

    def missing_since(self, mapping: str) -> Mapping[str, datetime]:
        """Return the first load of a mapping after each person was last in one."""
        query = (
            "SELECT primary_id, (SELECT min(rosters.time) FROM rosters WHERE"
            " rosters.institution = seen.institution AND rosters.mapping = seen.mapping"
            " AND rosters.time > seen.time) AS since"
            " FROM seen WHERE institution = ? AND mapping = ? AND since IS NOT NULL"
        )
        rows = self.parsed(
            lambda key, since: (key, datetime.fromisoformat(since)),
            query,
            (self.institution, mapping),
        )
        return dict(rows)

    def in_other_rosters(self, own: Collection[str], now: datetime) -> Mapping[str, str]:
        """Return the mapping of whoever is in the last load of one that is none of `own`."""
        query = (
            "SELECT primary_id, mapping FROM seen WHERE institution = ? AND time > ?"
            " AND time >= (SELECT max(rosters.time) FROM rosters WHERE"
            " rosters.institution = seen.institution AND rosters.mapping = seen.mapping)"
        )
        rows = self.read(query, (self.institution, utc(now - COUNTS)))
        return {key: mapping for key, mapping in rows if mapping not in own}

    def see(self, ledger: Ledger, now: datetime) -> None:
        """Save, once, who was in the rosters of a run, and who was missing for the first time."""
        run, time = ledger.facts.run_name, self.next_time("rosters", now)
        every = ledger.seen().items()
        if not (new := {name: seen for name, seen in every if not self._load(name, run)}):
            return
        before: dict[str, dict[str, str]] = {}
        with self.transaction():
            for mapping, people in new.items():
                dates = self._dates(mapping)
                seen = {
                    key: utc(time - _BEFORE if missing else time)
                    for key, missing in people.items()
                    if not missing or key not in dates
                }
                before[mapping] = {key: dates.get(key, "") for key in seen}
                self.write(
                    ("INSERT INTO rosters VALUES (?, ?, ?, ?)", [(mapping, run, utc(time))]),
                    (_SEE, ((mapping, key, date) for key, date in seen.items())),
                )
            add_before(ledger.folder, Before(seen=before))

    def unsee(self, run: str, folder: Path) -> None:
        """Save the dates from before a run that is undone, of whom no later load had.

        `folder`: of the undo, with what was remembered before.
        """
        for mapping, before in read_before(folder).seen.items():
            if not (load := self._load(mapping, run)):
                continue
            of_run = {load, utc(datetime.fromisoformat(load) - _BEFORE)}
            now = self._dates(mapping)
            back = {key: date for key, date in before.items() if now.get(key) in of_run}
            self.write(
                ("DELETE FROM rosters WHERE institution = ? AND mapping = ? AND run = ?",
                 [(mapping, run)]),
                ("DELETE FROM seen WHERE institution = ? AND mapping = ? AND primary_id = ?",
                 ((mapping, key) for key in back)),
                (_SEE, ((mapping, key, date) for key, date in back.items() if date)),
            )  # fmt: skip

    def _load(self, mapping: str, run: str) -> str:
        """Return when a run was a load of a mapping; "" if it was none."""
        query = "SELECT time FROM rosters WHERE institution = ? AND mapping = ? AND run = ?"
        return next((time for (time,) in self.read(query, (self.institution, mapping, run))), "")

    def _dates(self, mapping: str) -> dict[str, str]:
        query = "SELECT primary_id, time FROM seen WHERE institution = ? AND mapping = ?"
        return dict(self.read(query, (self.institution, mapping)))

    def leavers(self, *, before: datetime | None = None) -> Mapping[str, Image]:
        """Return what was changed of users who were missing and are not back yet.

        `before`: of those who left before this time.
        """
        until = "9" if before is None else utc(before)
        return self._leavers("back = '' AND time < ?", until)

    def leavers_of(self, run: str) -> Mapping[str, Image]:
        """Return what was changed of users who left, or were back, by a run."""
        return self._leavers("?2 IN (run, back)", run)

    def _leavers(self, which: str, value: str) -> Mapping[str, Image]:
        query = (
            "SELECT primary_id, before, sent, answered FROM leavers"  # noqa: S608
            f" WHERE institution = ?1 AND {which} ORDER BY time"
        )
        return dict(self.parsed(_leaver, query, (self.institution, value)))

    def leave(
        self, gone: Mapping[str, Image], back: Collection[str], run: str, time: datetime
    ) -> None:
        """Save who left by a run, and who of those who left was back by it."""
        records = {
            key.casefold(): [user.to_json() for user in (image.was, image.sent, image.after)]
            for key, image in gone.items()
        }
        left = "INSERT OR REPLACE INTO leavers VALUES (?, ?, ?, ?, ?, ?, '', ?)"
        returned = (
            "UPDATE leavers SET back = ?2 WHERE institution = ?1 AND primary_id = ?3 AND back = ''"
        )
        self.write(
            (left, ((key, run, *texts, utc(time)) for key, texts in records.items())),
            (returned, ((run, key) for key in back)),
        )

    def undo_leaving(self, run: str, undone: Collection[str]) -> None:
        """Save of users that they did not leave, or were not back, by a run that was undone."""
        users = [(run, key) for key in undone]
        mine = "WHERE institution = ?1 AND primary_id = ?3"
        self.write(
            (f"DELETE FROM leavers {mine} AND run = ?2", users),  # noqa: S608
            (f"UPDATE leavers SET back = '' {mine} AND back = ?2", users),  # noqa: S608
        )


_SEE = "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)"


def _leaver(primary_id: str, *records: str) -> tuple[str, Image]:
    before, sent, answered = map(User.from_json, records)
    return primary_id, Image(before, sent, answered)
