"""What a run wrote, read back from its ledger: the ground for an undo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.ledger.ledger import TEXTS
from importer.ledger.states import SENT, State
from importer.model.plan import Act
from importer.model.user import User

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Image:
    """One write that is in Alma.

    `before` is Alma's record just before it, None for a create; `sent` is what was put or posted,
    for a delete the record that went; `answered` is Alma's answer, None where there was none.
    """

    row: int
    act: Act
    primary_id: str
    before: User | None
    sent: User
    answered: User | None
    override: tuple[str, ...]


def images(ledger: Ledger, row: int | None = None) -> Iterator[Image]:
    """The writes of a run that are in Alma, in row order; or that of one row.

    A row that Alma refused, that was held, or that was so already, was not written.
    """
    for number, act, primary_id, before, sent, answered, override in ledger.read(
        "SELECT steps.row, act, primary_id, images.before, sent, answered, override"  # noqa: S608
        f" FROM steps JOIN images USING (row) WHERE state = ?1 AND {SENT}"
        " AND (?2 IS NULL OR steps.row = ?2) ORDER BY steps.row",
        (State.APPLIED, row),
    ):
        yield Image(
            number,
            Act(act),
            primary_id,
            User.from_json(before) if before else None,
            User.from_json(sent),
            User.from_json(answered) if answered else None,
            TEXTS.validate_json(override),
        )
