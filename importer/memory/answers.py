"""What people answered about rows that need review, so that nobody is asked twice.

An answer belongs to a person and an institution, not to a roster: the next roster with the same
person finds it.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter

from importer.memory.memory import Memory
from importer.model.answers import Resolution

_JSON = TypeAdapter(Resolution)


class DecisionMemory(Memory):
    """The resolutions of one institution, by primary identifier."""

    def load(self) -> dict[str, Resolution]:
        """Return the resolutions by primary identifier."""
        query = "SELECT resolution FROM answers WHERE institution = ?"
        users = self.parsed(_JSON.validate_json, query, (self.institution,))
        return {user.primary_id: user for user in users}

    def of(self, primary_id: str) -> Resolution | None:
        """Return the resolution of a primary identifier without capitals, None if there is none."""
        query = "SELECT resolution FROM answers WHERE institution = ? AND primary_id = ?"
        users = self.parsed(_JSON.validate_json, query, (self.institution, primary_id))
        return next(iter(users), None)

    def keep(self, made: Resolution) -> None:
        """Save a resolution in place of an earlier one.

        Without anybody in question only a rejection is kept, and none that counts for other cells,
        too, is replaced by it; another answer then deletes a rejection.
        """
        known = self.of(made.primary_id)
        rejected, rejects = known is not None and not known.loads, not made.loads
        says_more = rejected and known is not None and known.against
        if made.primary_id and (made.against or (rejects and not says_more)):
            text = _JSON.dump_json(made).decode()
            query = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
            self.write((query, [(made.primary_id, text)]))
        elif rejected and not rejects:
            query = "DELETE FROM answers WHERE institution = ? AND primary_id = ?"
            self.write((query, [(made.primary_id,)]))


def count_decisions(limit: datetime) -> int:
    """Count the resolutions of all institutions before a time. Raises LedgerError."""
    query = (
        "SELECT count(*) FROM answers"
        " WHERE julianday(json_extract(resolution, '$.time')) < julianday(?)"
    )
    return sum(count for (count,) in Memory("").read(query, (limit.isoformat(),)))
