"""What people answered about rows that need review, kept beside the runs so nobody is asked twice.

A resolution belongs to the row's primary identifier and the institution, not to a roster: the next
roster with the same person finds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from importer.ledger.memory import Memory
from importer.model.catalogue import Code
from importer.model.decisions import DECISIONS, Answer


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's answer about a primary identifier: create, reject, update or rename `user`.

    `against` are the people it was compared with, duplicates in the roster among them; all are
    casefolded primary identifiers. `doubts` are the codes of other problems that were resolved
    with it.
    """

    primary_id: str
    answer: Answer
    user: str
    against: frozenset[str]
    doubts: frozenset[Code]
    operator: str
    time: datetime

    @property
    def sentence(self) -> str:
        """For a message: who answered what, and when."""
        return f"decided by {self.operator} on {self.time:%Y-%m-%d}: {DECISIONS[self.answer]}"


_JSON = TypeAdapter(Resolution)


class DecisionMemory(Memory):
    """The resolutions of one institution, by primary identifier."""

    tables = """
CREATE TABLE IF NOT EXISTS answers (
  institution TEXT NOT NULL, primary_id TEXT NOT NULL, resolution TEXT NOT NULL,
  PRIMARY KEY (institution, primary_id)
) STRICT
"""
    times = (("answers", "json_extract(resolution, '$.time')"),)
    damage = ("resolutions", "you are then asked about these rows again.")

    def load(self) -> dict[str, Resolution]:
        """Return the resolutions by primary identifier; none if there is no file yet."""
        query = "SELECT primary_id, resolution FROM answers WHERE institution = ?"
        try:
            return {key: _JSON.validate_json(text) for key, text in self.read(query)}
        except ValidationError as error:
            raise self.damaged from error

    def save(self, resolution: Resolution) -> None:
        """Save a resolution in place of an earlier one."""
        text = _JSON.dump_json(resolution).decode()
        query = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
        self.write((query, [(resolution.primary_id, text)]))

    def delete(self, primary_id: str) -> None:
        """Delete a person's resolution."""
        if self.path.is_file():
            query = "DELETE FROM answers WHERE institution = ? AND primary_id = ?"
            self.write((query, [(primary_id.casefold(),)]))
