"""What an apply wrote, taken over into the mirror without a call."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from importer.directory.mirror import Mirror
from importer.directory.schema import mirror_path
from importer.ledger.states import GONE
from importer.model.user import User

if TYPE_CHECKING:
    from pathlib import Path

    from importer.ledger.ledger import Ledger


def take_over(ledger: Ledger, folder: Path) -> int:
    """Keep the records that Alma answered with; remove users that it no longer has.

    Return how many records were kept. Nothing is done where there is no mirror.

    Raises UsageError where the mirror cannot be used.
    """
    alma = ledger.facts.alma
    path = mirror_path(folder, alma.institution, alma.environment) if alma else None
    if path is None or not path.is_file():
        return 0
    taken = 0
    query = (
        "SELECT answered, (SELECT max(time) FROM entries"
        " WHERE entries.row = images.row AND event = 'applied')"
        " FROM images JOIN steps USING (row) WHERE state = 'applied' AND answered <> ''"
    )
    with Mirror.open(path) as mirror, mirror.writing():
        for answered, time in ledger.connection.execute(query):
            mirror.put_within([User.from_json(answered)], datetime.fromisoformat(time))
            taken += 1
    query = (
        "SELECT primary_id FROM steps WHERE act = 'delete' AND state IN ('applied', 'already')"
        " OR state = 'held' AND (SELECT detail FROM entries WHERE entries.row = steps.row"
        " ORDER BY id DESC LIMIT 1) = ?"
    )
    with Mirror.open(path) as mirror:
        for (primary_id,) in ledger.connection.execute(query, (GONE,)).fetchall():
            mirror.remove(primary_id)
    return taken
