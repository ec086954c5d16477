"""Who was missing from rosters, and what was changed for that; kept beside the runs.

A roster counts once, however often it is planned. Who is in a roster again counts from the start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from importer.ledger.memory import Memory
from importer.model.plan import Written
from importer.model.user import User

ABSENT = Path("runs", "absent.sqlite")


class AbsentMemory(Memory):
    """The missing people of one institution, by primary ID without case."""

    tables = """
CREATE TABLE IF NOT EXISTS missing (
  institution TEXT NOT NULL, mapping TEXT NOT NULL, primary_id TEXT NOT NULL, roster TEXT NOT NULL,
  time TEXT NOT NULL, PRIMARY KEY (institution, mapping, primary_id, roster)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leavers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, before TEXT NOT NULL, sent TEXT NOT NULL,
  answered TEXT NOT NULL, back TEXT NOT NULL, time TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT, WITHOUT ROWID;
"""
    times = (("missing", "time"), ("leavers", "time"))
    damage = (
        "people who left",
        "who is missing is then counted from the start, and who comes back is changed only by the "
        "roster.",
    )

    def counts(self, mapping: str) -> Mapping[str, int]:
        """Return from how many rosters of a mapping in a row people were missing."""
        query = (
            "SELECT primary_id, count(*) FROM missing WHERE institution = ? AND mapping = ?"
            " GROUP BY primary_id"
        )
        return dict(self.read(query, mapping))

    def see(
        self,
        mapping: str,
        roster: str,
        present: Collection[str],
        missing: Iterable[str],
        time: datetime,
    ) -> None:
        """Save who is in a roster, named by its hash, and who is missing from it."""
        seen = "DELETE FROM missing WHERE institution = ? AND mapping = ? AND primary_id = ?"
        not_seen = "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?)"
        self.write(
            (seen, [(mapping, key) for key in present]),
            (not_seen, [(mapping, key, roster, time.isoformat()) for key in missing]),
        )

    def leavers(self) -> Mapping[str, Written]:
        """Return what was changed of users who were missing and are not back yet."""
        query = (
            "SELECT primary_id, before, sent, answered FROM leavers"
            " WHERE institution = ? AND back = ''"
        )
        return {
            key: Written(User.from_json(before), User.from_json(sent), User.from_json(answered))
            for key, before, sent, answered in self.read(query)
        }

    def save_leavers(
        self, gone: Mapping[str, Written], back: Collection[str], run: str, time: datetime
    ) -> None:
        """Save who left, and of those who are back by which run."""
        records = {
            key.casefold(): [
                user.to_json() for user in (one.before, one.sent, one.answered or one.sent)
            ]
            for key, one in gone.items()
        }
        left = "INSERT OR REPLACE INTO leavers VALUES (?, ?, ?, ?, ?, '', ?)"
        returned = (
            "UPDATE leavers SET back = ?2 WHERE institution = ?1 AND primary_id = ?3 AND back = ''"
        )
        self.write(
            (left, [(key, *texts, time.isoformat()) for key, texts in records.items()]),
            (returned, [(run, key.casefold()) for key in back]),
        )

    def take_back(self, run: str, primary_ids: Collection[str]) -> set[str]:
        """Count people who were back by a run, which is undone, among the leavers again.

        Return those of these people, by primary ID without case.
        """
        query = "SELECT primary_id FROM leavers WHERE institution = ? AND back = ?"
        were_back = {key for (key,) in self.read(query, run)}
        again = were_back.intersection(map(str.casefold, primary_ids))
        gone = "UPDATE leavers SET back = '' WHERE institution = ? AND primary_id = ?"
        self.write((gone, [(key,) for key in again]))
        return again
