"""`convert`: the records of ready rows in a file, and what an SIS load would do with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from importer.errors import UsageError
from importer.model.files import new_file
from importer.model.text import RowId
from importer.model.user import AccountType
from importer.pipeline.inputs import CheckedRosters, Rosters
from importer.planner.entries import current, same_id
from importer.planner.merge import new_user
from importer.users.matching import MatchResult, PersonQuery
from importer.users.query import UnreadUsers
from importer.writer.sis_xml import cleared_fields, write_sis_zip

Format = Literal["jsonl", "sis-xml"]

Finder = Callable[[PersonQuery], MatchResult | UnreadUsers]
"""Finds users in the user cache."""


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


def sis_clears(rosters: Rosters) -> tuple[str, ...]:
    """Return what an SIS load of these records would clear in Alma.

    Raises UsageError for an Internal mapping: such a load never touches Internal users.
    """
    for mapped in rosters:
        if mapped.mapping.file.account_type is AccountType.INTERNAL:
            msg = (
                f"{mapped.mapping.path.name} makes Internal records, and an SIS load never "
                "touches Internal users. Use `plan` and `apply` for them."
            )
            raise UsageError(msg)
    cleared = (cleared_fields(mapped.compiled.layout.targets) for mapped in rosters)
    return tuple(dict.fromkeys(chain.from_iterable(cleared)))


def sis_unmatched(
    rosters: CheckedRosters, ready: Collection[int], find: Finder | None
) -> Iterator[tuple[int, str]]:
    """Yield the ready rows that an SIS load would not match to their user, each with the reason.

    A load finds users by one ID, which every record must have, and never touches Internal users
    (contract section 5). `find` looks users up in the user cache; without one, only rows that lack
    an ID of `match.by` are found.
    """
    matches = [mapped.match for mapped in rosters]
    for draft in rosters.drafts(ready, {}, ""):
        keys = {key for key, _ in draft.every_identifier}
        lacking = [key for key in matches[RowId.of(draft.row).roster].by if key not in keys]
        if lacking:
            yield draft.row, f"has no {' and no '.join(lacking)}"
        query = PersonQuery(draft.every_identifier)
        found = find(query) if find is not None else MatchResult()
        for matched in found.users if isinstance(found, MatchResult) else ():
            if current(matched.user, "account_type") == AccountType.INTERNAL:
                yield draft.row, f"has the {' and the '.join(matched.by)} of an Internal user"
            elif not same_id(matched.user.primary_id, draft.primary_id):
                yield draft.row, f"has the {' and the '.join(matched.by)} of another user"
