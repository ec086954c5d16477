"""Identifiers: primary and additional ones (barcodes, ...) share one space (contract 3.2)."""

from __future__ import annotations

from importer.sandbox.record import Record, entries, text
from importer.sandbox.refusals import Refusal, RefusalError
from importer.sandbox.store import Claim, Store, Stored
from importer.sandbox.switches import Switches

ALL_UNIQUE = "all_unique"


def claims(record: Record, switches: Switches) -> list[Claim]:
    """Return all identifiers of a user, the primary one first; refuse two equal ones (4018994)."""
    primary = text(record, "primary_id")
    found = [Claim(primary.casefold(), "", primary)]
    seen = {found[0].key: "primary_id"}
    for identifier in entries(record, "user_identifier"):
        value, kind = text(identifier, "value"), text(identifier, "id_type")
        key = _key(value, switches)
        same = seen.get(key) or (seen[found[0].key] if value.casefold() == found[0].key else None)
        if same:
            raise Refusal.SAME_IDENTIFIER.error(kind=same, other=kind, value=value)
        seen[key] = kind
        active = text(identifier, "status").upper() != "INACTIVE"
        found.append(Claim(key, kind, value, active))
    return found


def refuse_taken(wanted: list[Claim], store: Store, number: int) -> None:
    """Refuse an identifier of a user other than `number` (401851)."""
    for claim in wanted:
        for key in dict.fromkeys((claim.key, claim.value.casefold())):
            holder = store.find(key)
            if holder is None or holder[1] == number:
                continue
            if key == claim.key or not holder[0].type:
                raise Refusal.TAKEN.error(value=claim.value, kind=claim.type or "Primary id")


def resolve(value: str, kind: str, store: Store, switches: Switches) -> Stored:
    """Return the user with this identifier; `kind` is `all_unique`, an ID type or blank (primary).

    Raises RefusalError (401861, 401890, 4019998) if there is none.
    """
    for key in dict.fromkeys((value.casefold(), value)):
        holder = store.find(key)
        if holder is None:
            continue
        claim, number = holder
        if kind not in {ALL_UNIQUE, claim.type}:
            continue
        if claim.type and key != _key(value, switches):
            continue
        if not claim.active and switches.inactive_identifiers == "hide":
            continue
        return store.get(number)
    raise _not_found(value, kind)


def _not_found(value: str, kind: str) -> RefusalError:
    match kind:
        case "all_unique":
            return Refusal.NOT_FOUND.error(value=value)
        case "linking_id":
            return Refusal.NOT_FOUND_BY_LINK.error(value=value)
        case _:
            return Refusal.NOT_FOUND_BY_TYPE.error(value=value, kind=kind)


def _key(value: str, switches: Switches) -> str:
    return value if switches.identifier_case == "sensitive" else value.casefold()
