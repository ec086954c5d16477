"""`check` and `convert`: load, map and validate, without asking Alma anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from importer.errors import UsageError
from importer.ledger.ledger import Ledger, add_problems, add_rows, finish
from importer.model.plan import RETURNING, Fate
from importer.model.policy import AccountType
from importer.model.user import User
from importer.pipeline.inputs import Inputs, RunRequest, examine, keep_cells, open_inputs, quiet
from importer.pipeline.runs import headings_changed, new_run, run_facts
from importer.planner.create import new_user
from importer.planner.drafts import drafts
from importer.writer.jsonl import write_jsonl
from importer.writer.sis import cleared_fields, write_sis


def check(request: RunRequest, tell: Callable[[int], None] = quiet) -> Ledger:
    """The ledger of a dry run; `tell` hears how many rows are done.

    Raises RosterError, MappingError, UsageError, LedgerError.
    """
    inputs = open_inputs(request)
    with new_run(request) as ledger:
        add_problems(ledger, headings_changed(ledger.folder, inputs))
        check_into(ledger, inputs, request, tell)
    return ledger


def check_into(
    ledger: Ledger, inputs: Inputs, request: RunRequest, tell: Callable[[int], None] = quiet
) -> dict[int, Fate]:
    """Check every row and write the whole run down; each row's fate, in row order."""
    fates = examine(inputs, ledger, tell)
    add_rows(ledger, fates.items())
    back = {row for row, fate in fates.items() if fate in RETURNING}
    keep_cells(inputs, ledger, back)
    finish(ledger, run_facts("check", inputs, request))
    return fates


Format = Literal["jsonl", "sis-xml"]


def sis_clears(inputs: Inputs) -> tuple[str, ...]:
    """What a student system's load of these records would clear in Alma.

    Raises UsageError for an Internal mapping: such a load never touches Internal users.
    """
    if inputs.mapping.account_type is AccountType.INTERNAL:
        msg = (
            f"{inputs.mapping.path.name} makes Internal records, and the student system's load "
            "never touches Internal users. Use `plan` and `apply` for them."
        )
        raise UsageError(msg)
    return cleared_fields(inputs.compiled.layout.targets)


def convert(inputs: Inputs, fates: dict[int, Fate], to: Format, out: Path) -> tuple[Path, ...]:
    """Write the ready rows' records; the files. Raises UsageError where one cannot be written."""
    ready = frozenset(row for row, fate in fates.items() if fate is Fate.READY)
    match to:
        case "jsonl":
            write_jsonl(_users(inputs, ready), out)
            return (out,)
        case "sis-xml":
            return write_sis(_users(inputs, ready), out)[1]


def _users(inputs: Inputs, ready: frozenset[int]) -> Iterator[User]:
    for draft in drafts(inputs.candidates(), ready):
        yield new_user(draft)
