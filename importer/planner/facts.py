"""Fit a plan to what `doctor --probe` measured of this Alma."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from importer.alma.facts import Facts
from importer.model.plan import Planned, Update
from importer.model.text import counted
from importer.model.user import AccountType
from importer.planner.entries import current, same_id


def follow_facts(
    planned: Sequence[Planned], facts: Facts | None, institution: str, note: Callable[[str], None]
) -> list[Planned]:
    """Return the steps as this Alma needs them; `note` gets what it will not do.

    Facts of another institution do not count.
    """
    if facts is None or facts.institution != institution:
        return list(planned)
    if facts.facts.get("external-group") == "kept":
        planned = [_with_group(one) for one in planned]
    for sentence in _warnings([one.step for one in planned if isinstance(one.step, Update)], facts):
        note(sentence)
    return list(planned)


def _with_group(planned: Planned) -> Planned:
    """Return an update of an External user that overrides the group, if it changes the group."""
    step = planned.step
    if not isinstance(step, Update) or not _is(step, AccountType.EXTERNAL):
        return planned
    if "user_group" in step.override or step.before.user_group == step.after.user_group:
        return planned
    return replace(planned, step=replace(step, override=(*step.override, "user_group")))


def _warnings(updates: Sequence[Update], facts: Facts) -> Iterator[str]:
    cleared = [u for u in updates if _is(u, AccountType.INTERNAL) and not u.after.pin_number]
    if cleared and facts.facts.get("get-pin") == "hide":
        yield (
            f"{counted(len(cleared), 'update')} of Internal users may clear their PINs, because "
            "this Alma does not show PINs. Check one of these users before you apply the rest."
        )
    renamed = [u for u in updates if not same_id(u.before.primary_id, u.after.primary_id)]
    if renamed and facts.facts.get("rename-by-put") == "refuse":
        yield (
            f"{counted(len(renamed), 'update')} would change a primary ID, which this Alma does "
            "not do through the API. Change the IDs in Alma by hand, then plan again."
        )
    roles = [u for u in updates if u.before.user_role != u.after.user_role]
    if roles and facts.facts.get("put-roles") == "ignore":
        yield (
            f"{counted(len(roles), 'update')} would change the patron role, which this Alma "
            "ignores. Change the roles in Alma by hand."
        )


def _is(step: Update, kind: AccountType) -> bool:
    return current(step.before, "account_type") == kind.value
