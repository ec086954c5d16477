"""`convert`: the records of ready rows in a file, and what an SIS load would do with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

from importer.errors import UsageError
from importer.ledger.edit_memory import EditMemory, institutions
from importer.model.files import new_file
from importer.model.problem import VALUE
from importer.model.text import word_list
from importer.model.user import AccountType, User
from importer.pipeline.inputs import CheckedRosters, Rosters
from importer.planner.drafts import DraftUser
from importer.planner.imprints import keyed
from importer.planner.merge import new_user
from importer.planner.sis_load import unmatched
from importer.planner.staff_edits import nothing_earlier, undone_edits
from importer.users.cache import UserCache
from importer.users.query import find_read
from importer.writer.sis_xml import cleared_fields, write_sis_zip

Format = Literal["jsonl", "sis-xml"]


def convert(
    rosters: CheckedRosters, ready: Collection[int], to: Format, out: Path
) -> tuple[Path, ...]:
    """Write the records of ready rows; return the files. Raises UsageError if one cannot be."""
    users = map(new_user, rosters.drafts(ready, {}, ""))
    match to:
        case "jsonl":
            with new_file(
                out, private=True, option="-o"
            ) as file:  # each line as `apply` would send it
                file.writelines(user.to_json().encode() + b"\n" for user in users)
            return (out,)
        case "sis-xml":
            return write_sis_zip(users, out)


def check_external(rosters: Rosters) -> None:
    """Raise UsageError for rosters that one SIS load cannot load.

    It never touches Internal users, and retires nobody. Its profile in Alma has one ID by which it
    finds users, and one record type.
    """
    matched = {one.match.by[0] for one in rosters}
    types = {one.candidates.layout.record_type for one in rosters}
    _check_one("kinds of IDs by which users are found", matched)
    _check_one("record types", types)
    for mapped in rosters:
        if mapped.match.retire is not None:
            msg = f"{mapped.mapping.path.name} retires users, which an SIS load cannot do."
            raise UsageError(msg)
        if mapped.mapping.file.account_type is AccountType.INTERNAL:
            msg = (
                f"{mapped.mapping.path.name} makes Internal records, and an SIS load never "
                "touches Internal users. Use `plan` and `apply` for them."
            )
            raise UsageError(msg)


def check_one_system(loaded: Iterable[DraftUser]) -> None:
    """Raise UsageError for rows of several external systems; a profile in Alma has one."""
    systems = (text for draft in loaded if (text := draft.values.get("external_id")))
    _check_one("external systems", {text.casefold(): text for text in systems}.values())


def _check_one(words: str, found: Collection[str]) -> None:
    if len(found) > 1:
        msg = (
            f"The rows have several {words}: {word_list(sorted(found))}. An SIS load has one, "
            "by its profile in Alma. Make a file for each."
        )
        raise UsageError(msg)


def sis_clears(rosters: Rosters) -> tuple[str, ...]:
    """Return what an SIS load of these records clears in Alma because the mapping lacks it."""
    cleared = (cleared_fields(mapped.compiled.layout.targets) for mapped in rosters)
    return tuple(dict.fromkeys(chain.from_iterable(cleared)))


def blank_cells(rosters: CheckedRosters, ready: Collection[int]) -> Iterator[tuple[int, str]]:
    """Yield the ready rows without a value in a mapped field outside lists, and the field."""
    for draft in rosters.drafts(ready, {}, ""):
        for target in draft.layout.scalars:
            if target.field.facts.sis and not draft.values.get(target.label):
                yield draft.row, target.field.path


def sis_undoes(
    rosters: CheckedRosters, ready: Collection[int], cache: UserCache | None, institution: str
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the ready rows whose record would undo edits by staff, with the fields and lists.

    An SIS load replaces what the record has, also a protected field that has the value from before
    the edit (contract section 5). `institution`: its code, if it is known. Raises LedgerError.
    """
    for mapped in rosters:
        name = mapped.mapping.name
        if cache is not None:
            key = cache.state.key
        elif (key := next(institutions(name, institution), "")) == "":
            continue
        with EditMemory(key) as memory:
            if not memory.exists:
                return
            earlier = replace(nothing_earlier(mapped.today), hashed=keyed(memory.key))
            for draft in rosters.drafts(mapped.rows().keys() & ready, {}, ""):
                left = memory.of(name, (value for _, value in draft.every_identifier))
                live = None if left.is_blank or cache is None else _user(cache, draft)
                if fields := undone_edits(draft, live, left, earlier):
                    yield draft.row, tuple(sorted(fields))


def _user(cache: UserCache, draft: DraftUser) -> User | None:
    """Return the one user with the IDs of a row whose record is known."""
    users = find_read(cache, draft.every_identifier)
    return users[0].user if len(users) == 1 else None


def sis_unmatched(
    rosters: CheckedRosters, ready: Collection[int], cache: UserCache | None
) -> Iterator[tuple[int, str]]:
    """Yield the ready rows that an SIS load would not match to their user, each with the reason.

    Users are those of the cache; without one, only rows that lack the ID by which the load finds
    users are found.
    """
    for draft in rosters.drafts(ready, {}, ""):
        found = find_read(cache, draft.every_identifier) if cache is not None else ()
        record, key = new_user(draft), rosters.match(draft.row).by[0]
        for live in [one.user for one in found] or (None,):
            if why := unmatched(record, live, key):
                yield draft.row, why.replace(f" {VALUE}", "")
