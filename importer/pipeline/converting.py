"""`convert`: the records of the ready rows, as a file. Nothing is asked of Alma."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from importer.errors import UsageError
from importer.model.plan import Fate
from importer.model.policy import AccountType
from importer.planner.create import new_user
from importer.planner.drafts import drafts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from importer.model.user import User
    from importer.pipeline.front import Material

Format = Literal["jsonl", "sis-xml"]


def sis_clears(material: Material) -> tuple[str, ...]:
    """What a student system's load of these records would clear in Alma.

    Raises UsageError for an Internal mapping: such a load never touches Internal users.
    """
    from importer.writer.sis import cleared_fields

    if material.mapping.account_type is AccountType.INTERNAL:
        msg = (
            f"{material.mapping.path.name} makes Internal records, and the student system's load "
            "never touches Internal users. Use `plan` and `apply` for them."
        )
        raise UsageError(msg)
    return cleared_fields(material.compiled.scheme.targets)


def convert(material: Material, fates: dict[int, Fate], to: Format, out: Path) -> tuple[Path, ...]:
    """Write the ready rows' records; the files. Raises UsageError where one cannot be written."""
    ready = frozenset(row for row, fate in fates.items() if fate is Fate.READY)
    match to:
        case "jsonl":
            from importer.writer.jsonl import write_jsonl

            write_jsonl(_users(material, ready), out)
            return (out,)
        case "sis-xml":
            from importer.writer.sis import write_sis

            return write_sis(_users(material, ready), out)[1]


def _users(material: Material, ready: frozenset[int]) -> Iterator[User]:
    for draft in drafts(material.candidates(), ready):
        yield new_user(draft)
