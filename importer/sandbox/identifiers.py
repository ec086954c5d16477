"""Whose identifier is it? Primary and additional ones share one space (contract 3.2)."""

from __future__ import annotations

from importer.sandbox.record import Record, entries, text
from importer.sandbox.refusal import RefusalError, Said
from importer.sandbox.store import Claim, Store, Stored
from importer.sandbox.switches import Switches

ALL_UNIQUE = "all_unique"


def claims(record: Record, switches: Switches) -> list[Claim]:
    """All identifiers of one user, the primary one first; refused if two are the same."""
    primary = text(record, "primary_id")
    found = [Claim(primary.casefold(), "", primary)]
    seen = {found[0].key: "primary_id"}
    for identifier in entries(record, "user_identifier"):
        value, kind = text(identifier, "value"), text(identifier, "id_type")
        key = _key(value, switches)
        twin = seen.get(key) or (seen[found[0].key] if value.casefold() == found[0].key else None)
        if twin:
            raise Said.TWINS.refuse(kind=twin, other=kind, value=value)
        seen[key] = kind
        active = text(identifier, "status").upper() != "INACTIVE"
        found.append(Claim(key, kind, value, active))
    return found


def refuse_taken(wanted: list[Claim], store: Store, number: int) -> None:
    """Refuse an identifier that a user other than `number` has (401851)."""
    for claim in wanted:
        for key in dict.fromkeys((claim.key, claim.value.casefold())):
            holder = store.find(key)
            if holder is None or holder[1] == number:
                continue
            if key == claim.key or not holder[0].type:
                raise Said.TAKEN.refuse(value=claim.value, kind=claim.type or "Primary id")


def resolve(value: str, kind: str, store: Store, switches: Switches) -> Stored:
    """The user with this identifier; `kind` is `all_unique` or an identifier type."""
    for key in dict.fromkeys((value.casefold(), value)):
        holder = store.find(key)
        if holder is None:
            continue
        claim, number = holder
        if kind not in {ALL_UNIQUE, claim.type}:
            continue
        if claim.type and key != _key(value, switches):
            continue
        if not claim.active and switches["inactive-identifiers"] == "hide":
            continue
        return store.get(number)
    raise _not_found(value, kind)


def _not_found(value: str, kind: str) -> RefusalError:
    match kind:
        case "all_unique":
            return Said.NOT_FOUND.refuse(value=value)
        case "linking_id":
            return Said.NOT_FOUND_BY_LINK.refuse(value=value)
        case _:
            return Said.NOT_FOUND_BY_TYPE.refuse(value=value, kind=kind)


def _key(value: str, switches: Switches) -> str:
    return value if switches["identifier-case"] == "sensitive" else value.casefold()
