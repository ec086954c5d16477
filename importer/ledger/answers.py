"""What people answered about rows that need review, so that nobody is asked twice.

An answer belongs to a person and an institution, not to a roster: the next roster with the same
person finds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from importer.ledger.memory import Memory
from importer.model.plan import DECISIONS, Answer
from importer.model.problem import Code


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's answer about a primary identifier: create, reject, update or rename `user`.

    `against` are the people it was compared with, duplicates in the roster among them; all are
    casefolded primary identifiers. `doubts` are the codes of problems that were resolved with it:
    whether the user may be changed, and whose primary ID is right. `person`: a hash of the row's ID
    and person; `theirs`: one of that user's, as it was then; "" where no user is named. `cells`: of
    a rejection without other rows in question, a hash of the row's cells, for which it counts also
    where nobody is in question. `as_it_is`: the answer was `load`, and became this one.
    """

    primary_id: str
    answer: Answer
    user: str
    against: frozenset[str]
    doubts: frozenset[Code]
    operator: str
    time: datetime
    person: str = ""
    theirs: str = ""
    cells: str = ""
    as_it_is: bool = False

    @property
    def sentence(self) -> str:
        """For a message: who answered what, and when."""
        said = DECISIONS[Answer.LOAD if self.as_it_is else self.answer]
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {said}"


_JSON = TypeAdapter(Resolution)


class DecisionMemory(Memory):
    """The resolutions of one institution, by primary identifier."""

    def load(self) -> dict[str, Resolution]:
        """Return the resolutions by primary identifier."""
        query = "SELECT resolution FROM answers WHERE institution = ?"
        found = self.parsed(_JSON.validate_json, query, (self.institution,))
        return {one.primary_id: one for one in found}

    def of(self, primary_id: str) -> Resolution | None:
        """Return the resolution of a primary identifier without capitals, None if there is none."""
        query = "SELECT resolution FROM answers WHERE institution = ? AND primary_id = ?"
        found = self.parsed(_JSON.validate_json, query, (self.institution, primary_id))
        return next(iter(found), None)

    def save(self, resolution: Resolution) -> None:
        """Save a resolution in place of an earlier one."""
        text = _JSON.dump_json(resolution).decode()
        query = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
        self.write((query, [(resolution.primary_id, text)]))

    def delete(self, primary_id: str) -> None:
        """Delete a person's resolution."""
        query = "DELETE FROM answers WHERE institution = ? AND primary_id = ?"
        if self.exists:
            self.write((query, [(primary_id.casefold(),)]))


def count_decisions(limit: datetime) -> int:
    """Count the resolutions of all institutions before a time. Raises LedgerError."""
    query = (
        "SELECT count(*) FROM answers"
        " WHERE julianday(json_extract(resolution, '$.time')) < julianday(?)"
    )
    return sum(count for (count,) in Memory("").read(query, (limit.isoformat(),)))
