"""The states of a ledger's steps, and the words that its tables have; schema.sql has the tables."""

from __future__ import annotations

from enum import StrEnum

from importer.model.plan import Act, Result

FILE = "ledger.sqlite"


class State(StrEnum):
    """How far a planned create, update or delete has come.

    planned → intent → applied | already | refused | held | unknown; unknown → applied | planned |
    held; planned → already | held. In a plan for the SIS load: planned → delivered → applied |
    refused | held; unknown → delivered
    """

    PLANNED = "planned"
    INTENT = "intent"  # durable before a byte is sent; it may have arrived or not
    APPLIED = "applied"
    ALREADY = "already"  # Alma had it already; this run did not write it
    REFUSED = "refused"
    HELD = "held"  # needs review
    UNKNOWN = "unknown"
    DELIVERED = "delivered"  # in the file for the SIS load


RESULTS: dict[tuple[Act, State], Result] = {
    (act, state): result
    for act, applied in (
        (Act.CREATE, Result.CREATED),
        (Act.UPDATE, Result.UPDATED),
        (Act.DELETE, Result.DELETED),
    )
    for state, result in (
        (State.PLANNED, Result.NOT_SENT),
        (State.INTENT, Result.UNKNOWN),
        (State.APPLIED, applied),
        (State.REFUSED, Result.REFUSED),
        (State.HELD, Result.HELD),
        (State.UNKNOWN, Result.UNKNOWN),
        (State.DELIVERED, Result.DELIVERED),
    )
} | {
    (Act.CREATE, State.ALREADY): Result.WAS_THERE,
    (Act.UPDATE, State.ALREADY): Result.WAS_SO,
    (Act.DELETE, State.ALREADY): Result.WAS_GONE,
}

OPEN = (State.PLANNED, State.INTENT, State.UNKNOWN)
"""The states of steps that an apply still has to work on."""

DECIDED, DOUBT = "decided", "doubt"
"""Events of entries that plan a row's step again, and that doubt every step that is planned."""

GONE = "is no longer in Alma"
"""The detail of a step that needs review because its user was deleted in Alma."""

SENT = "act IN ('create', 'update', 'delete')"
"""SQL condition: the steps that are sent to Alma."""
