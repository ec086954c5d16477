"""The records that a plan would create, read back from its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from importer.model.plan import Act
from importer.model.user import User

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger


def to_create(ledger: Ledger, row: int | None = None, most: int = -1) -> Iterator[tuple[int, User]]:
    """Rows and the records that they are planned to become, in row order, without passwords.

    Of all such rows or of one; at most so many.
    """
    query = (
        "SELECT row, after FROM steps WHERE act = ?1 AND (?2 IS NULL OR row = ?2)"
        " ORDER BY row LIMIT ?3"
    )
    for number, after in ledger.read(query, (Act.CREATE, row, most)):
        yield number, User.from_json(after)
