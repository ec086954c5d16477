"""Rows of one plan that lead to the same user of Alma: neither is sent before a person decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.model.catalogue import Code
from importer.model.plan import Held, Unchanged, Update
from importer.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from importer.model.plan import Step
    from importer.model.problem import Origin


def hold_collisions(steps: Sequence[Step], origin: Callable[[int], Origin]) -> list[Step]:
    """The steps, in their order; those that mean one user, by whatever identifier, are held.

    The second would undo what the first did, and which of them is right no rule can tell.
    """
    rows: dict[str, list[int]] = {}
    for step in steps:
        if isinstance(step, Update | Unchanged):
            rows.setdefault(step.primary_id.casefold(), []).append(step.row)
    twins = {row: together for together in rows.values() if len(together) > 1 for row in together}
    return [
        Held(step.row, (_same_user(origin, step.row, twins[step.row]),))
        if step.row in twins
        else step
        for step in steps
    ]


def _same_user(origin: Callable[[int], Origin], row: int, together: list[int]) -> Problem:
    others = ", ".join(str(other) for other in sorted(together) if other != row)
    return Problem.of(
        Code.DUPLICATE_PERSON,
        origin(row),
        f"leads to the same user of Alma as row {others}",
        field="primary_id",
        advice="Decide which of the rows is right; delete the others.",
    )
