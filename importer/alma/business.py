"""What a user still has to do with the library: it keeps the user from being deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importer.model.user import Amount, User

EVERYTHING = "loans,requests,fees"
"""What to ask for with `expand` (contract 2.2) before a user is deleted."""


def unfinished(user: User) -> str:
    """What the user has, as `2 loans, fees`; blank where there is nothing.

    A count that Alma does not give may be anything, so it counts: deleting cannot be undone.
    """
    amounts = (("loans", user.loans), ("requests", user.requests), ("fees", user.fees))
    return ", ".join(told for name, amount in amounts if (told := _told(name, amount)))


def _told(name: str, amount: Amount | None) -> str:
    try:
        count = float(amount.value) if amount is not None and amount.value is not None else None
    except ValueError:
        count = None
    if count is None:
        return f"{name} that Alma does not count"
    if not count:
        return ""
    return (
        name if name == "fees" else f"{count:.0f} {name.removesuffix('s') if count == 1 else name}"
    )
