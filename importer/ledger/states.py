"""How far a planned step has come, and what that means for people."""

from __future__ import annotations

from enum import StrEnum

from importer.model.plan import Act, Result


class State(StrEnum):
    """How far a planned create, update or delete has come.

    planned → intent → applied | refused | held | unknown; unknown → applied | planned | held;
    planned → already | held
    """

    PLANNED = "planned"
    INTENT = "intent"  # durable before a byte is sent
    APPLIED = "applied"
    ALREADY = "already"  # Alma had it so when its turn came; nothing was sent
    REFUSED = "refused"
    HELD = "held"
    UNKNOWN = "unknown"


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
    )
} | {
    (Act.UPDATE, State.ALREADY): Result.WAS_SO,
    (Act.DELETE, State.ALREADY): Result.WAS_GONE,
}

GONE = "is no longer in Alma"
"""The detail of a step that was held because its user had been deleted in Alma."""

SENT = "act IN ('create', 'update', 'delete')"
"""In SQL: the steps that are sent to Alma."""
