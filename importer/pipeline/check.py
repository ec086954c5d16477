"""`check` and `convert`: load, map and validate, without asking Alma anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.mapper.checks import MappingFinding, in_order
from importer.mapper.explain import mapped_codes
from importer.mapper.mapping import Mapping
from importer.model.catalogue import Code
from importer.model.fields import CodeTables
from importer.model.plan import RETURNING, Fate
from importer.model.problem import Problem
from importer.model.text import spans
from importer.model.user import AccountType
from importer.pipeline.fates import decide_fates
from importer.pipeline.inputs import SILENT, Inputs, Progress, RunRequest, open_inputs
from importer.pipeline.runs import headings_changed, new_run, run_facts, write_run
from importer.planner.decide import unidentified
from importer.planner.drafts import drafts
from importer.planner.merge import new_user
from importer.validator import validate
from importer.validator.code_checks import state_of_tables, wrong_in_mapping
from importer.writer.json_lines import write_json_lines
from importer.writer.sis_xml import cleared_fields, write_sis_zip

_SPELLED_OUT = 50  # stretches of blank rows


def check(request: RunRequest, progress: Progress = SILENT) -> Ledger:
    """Check a roster offline and save the run.

    Raises RosterError, MappingError, UsageError, LedgerError.
    """
    return check_inputs(open_inputs(request), request, progress)


def check_inputs(inputs: Inputs, request: RunRequest, progress: Progress = SILENT) -> Ledger:
    """Check rows that are mapped already and save the run. Raises UsageError, LedgerError."""
    with new_run(request.roster.stem, request.now, request.folder) as folder:
        problems = [*headings_changed(folder, inputs), *find_problems(inputs)]
        decided = decide_fates(inputs.rows(), problems)
        progress.rows(len(decided.fates), 0)
        cells = inputs.cells(decided.rows(*RETURNING))
        facts = run_facts("check", inputs, request)
        return write_run(folder, facts, inputs.columns(), decided, cells)


def find_problems(inputs: Inputs) -> Iterator[Problem]:
    """Yield all problems of a roster that can be found without Alma, in the order of reports."""
    origin = inputs.roster.source.origin()
    yield from inputs.compiled.notices
    yield from inputs.roster_problems()
    yield from inputs.candidates.problems
    yield from validate(inputs.candidates, inputs.codes, inputs.mapping.duplicates, inputs.today)
    if not (match := inputs.mapping.file.match).creates:
        for draft in drafts(inputs.candidates, inputs.candidates.rows):
            if problem := unidentified(draft, match):
                yield problem
    yield from inputs.roster.notices
    yield from state_of_tables(inputs.codes, origin, inputs.today)
    if blank := inputs.roster.blank:
        count = "1 row is" if len(blank) == 1 else f"{len(blank):,} rows are"
        message = f"{count} blank: {spans(blank, _SPELLED_OUT)}"
        yield Problem.of(Code.BLANK_ROWS, origin, message)


Format = Literal["jsonl", "sis-xml"]


def sis_clears(inputs: Inputs) -> tuple[str, ...]:
    """Return what an SIS load of these records would clear in Alma.

    Raises UsageError for an Internal mapping: such a load never touches Internal users.
    """
    if inputs.mapping.file.account_type is AccountType.INTERNAL:
        msg = (
            f"{inputs.mapping.path.name} makes Internal records, and an SIS load never "
            "touches Internal users. Use `plan` and `apply` for them."
        )
        raise UsageError(msg)
    return cleared_fields(inputs.compiled.layout.targets)


def convert(inputs: Inputs, fates: dict[int, Fate], to: Format, out: Path) -> tuple[Path, ...]:
    """Write the records of ready rows; return the files. Raises UsageError if one cannot be."""
    ready = frozenset(row for row, fate in fates.items() if fate is Fate.READY)
    users = map(new_user, drafts(inputs.candidates, ready))
    match to:
        case "jsonl":
            write_json_lines(users, out)
            return (out,)
        case "sis-xml":
            return write_sis_zip(users, out)[1]


def wrong_codes(mapping: Mapping, codes: CodeTables) -> tuple[str, ...]:
    """Return the codes that a mapping itself writes and Alma does not take, by line."""
    found = [
        MappingFinding(steps, wrong)
        for rule in mapping.rules
        for code, steps in mapped_codes(rule, mapping.tables).items()
        if (wrong := wrong_in_mapping(code, rule.field, codes))
    ]
    return in_order(mapping.source, found)
