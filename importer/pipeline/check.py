"""`check` and `convert`: load, map and validate, without asking Alma anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from importer.errors import UsageError
from importer.ledger.ledger import Ledger
from importer.mapper.explain import mapped_codes
from importer.mapper.mapping import Mapping as MappingDocument
from importer.mapper.messages import MappingFinding, in_order
from importer.model.catalogue import Code
from importer.model.fields import CodeTables
from importer.model.plan import Fate
from importer.model.problem import Problem
from importer.model.text import ROSTER_ROWS, spans
from importer.model.user import AccountType
from importer.pipeline.causes import column_causes
from importer.pipeline.fates import decide_fates
from importer.pipeline.inputs import SILENT, Inputs, Progress, Rosters, RunRequest, open_inputs
from importer.pipeline.runs import headings_changed, new_run, run_facts, save_run
from importer.planner.decide import unidentified
from importer.planner.drafts import DraftUser, drafts
from importer.planner.entries import current, same_id
from importer.planner.merge import new_user
from importer.users.cache import UnreadUsers
from importer.users.matching import MatchResult, PersonQuery
from importer.validator import check_rows, duplicates
from importer.validator.code_checks import state_of_tables, wrong_in_mapping
from importer.writer.json_lines import write_json_lines
from importer.writer.sis_xml import cleared_fields, write_sis_zip

_SPELLED_OUT = 50  # stretches of blank rows


def check(request: RunRequest, progress: Progress = SILENT) -> Ledger:
    """Check the rosters offline and save the run.

    Raises RosterError, MappingError, UsageError, LedgerError.
    """
    return check_inputs(open_inputs(request), request, progress)


def check_inputs(rosters: Rosters, request: RunRequest, progress: Progress = SILENT) -> Ledger:
    """Check rows that are mapped already and save the run. Raises UsageError, LedgerError."""
    with new_run(request.name, request.now, request.folder) as folder:
        problems = [*headings_changed(folder, rosters), *find_problems(rosters)]
        decided = decide_fates(rows_of(rosters), problems)
        progress.rows(len(decided.fates), 0)
        return save_run(folder, run_facts("check", rosters, request), rosters, decided)


def rows_of(rosters: Rosters) -> dict[int, Fate]:
    """Return every row of the rosters, in order: ready so far, blank, or skipped."""
    return {row: fate for inputs in rosters for row, fate in inputs.rows().items()}


def find_problems(rosters: Rosters) -> Iterator[Problem]:
    """Yield all problems that can be found without Alma, in the order of reports."""
    for inputs in rosters:
        yield from inputs.compiled.notices
        candidates = inputs.candidates
        cells = [*inputs.roster_problems(), *map(candidates.drop_bad, candidates.problems)]
        found = check_rows(candidates, inputs.codes, inputs.today)
        cells += map(candidates.drop_bad, found)
        yield from column_causes(inputs, cells)
        yield from cells
        if not (match := inputs.mapping.file.match).creates:
            for draft in drafts(inputs.candidates, inputs.candidates.rows):
                if problem := unidentified(draft, match):
                    yield problem
    yield from duplicates([(inputs.candidates, inputs.mapping.duplicates) for inputs in rosters])
    for inputs in rosters:
        yield from inputs.roster.notices
        yield from state_of_tables(inputs.codes, inputs.roster.source.origin(), inputs.today)
        yield from _blank_rows(inputs)


def _blank_rows(inputs: Inputs) -> Iterator[Problem]:
    if blank := inputs.roster.blank:
        count = "1 row is" if len(blank) == 1 else f"{len(blank):,} rows are"
        message = f"{count} blank: {spans(blank, _SPELLED_OUT)}"
        yield Problem.of(Code.BLANK_ROWS, inputs.roster.source.origin(), message)


Format = Literal["jsonl", "sis-xml"]

Finder = Callable[[PersonQuery], MatchResult | UnreadUsers]
"""Finds users in the user cache."""


def sis_clears(rosters: Rosters) -> tuple[str, ...]:
    """Return what an SIS load of these records would clear in Alma.

    Raises UsageError for an Internal mapping: such a load never touches Internal users.
    """
    for inputs in rosters:
        if inputs.mapping.file.account_type is AccountType.INTERNAL:
            msg = (
                f"{inputs.mapping.path.name} makes Internal records, and an SIS load never "
                "touches Internal users. Use `plan` and `apply` for them."
            )
            raise UsageError(msg)
    cleared = (cleared_fields(inputs.compiled.layout.targets) for inputs in rosters)
    return tuple(dict.fromkeys(chain.from_iterable(cleared)))


def sis_unmatched(
    rosters: Rosters, ready: Collection[int], find: Finder | None
) -> Iterator[tuple[int, str]]:
    """Yield the ready rows that an SIS load would not match to their user, each with the reason.

    A load finds users by one ID, which every record must have, and never touches Internal users
    (contract section 5). `find` looks users up in the user cache; without one, only rows that lack
    an ID of `match.by` are found.
    """
    matches = [inputs.mapping.file.match for inputs in rosters]
    for draft in drafts_of(rosters, ready):
        keys = {key for key, _ in draft.every_identifier}
        lacking = [key for key in matches[draft.row // ROSTER_ROWS].by if key not in keys]
        if lacking:
            yield draft.row, f"has no {' and no '.join(lacking)}"
        query = PersonQuery(draft.every_identifier)
        found = find(query) if find is not None else MatchResult()
        for matched in found.users if isinstance(found, MatchResult) else ():
            if current(matched.user, "account_type") == AccountType.INTERNAL:
                yield draft.row, f"has the {' and the '.join(matched.by)} of an Internal user"
            elif not same_id(matched.user.primary_id, draft.primary_id):
                yield draft.row, f"has the {' and the '.join(matched.by)} of another user"


def convert(rosters: Rosters, ready: Collection[int], to: Format, out: Path) -> tuple[Path, ...]:
    """Write the records of ready rows; return the files. Raises UsageError if one cannot be."""
    users = map(new_user, drafts_of(rosters, ready))
    match to:
        case "jsonl":
            write_json_lines(users, out)
            return (out,)
        case "sis-xml":
            return write_sis_zip(users, out)[1]


def drafts_of(
    rosters: Rosters,
    rows: Collection[int],
    missing: Mapping[int, tuple[Problem, ...]] = MappingProxyType({}),
    institution: str = "",
) -> Iterator[DraftUser]:
    """Yield the draft users of these rows, in order; `missing` by row."""
    return chain.from_iterable(
        drafts(inputs.candidates, rows, missing, institution=institution) for inputs in rosters
    )


def wrong_codes(mapping: MappingDocument, codes: CodeTables) -> tuple[str, ...]:
    """Return the codes that a mapping itself writes and Alma does not take, by line."""
    absent = mapping.absent
    found = [
        MappingFinding(steps, wrong)
        for rule in (*mapping.rules, *(absent.rules if absent else ()))
        for code, steps in mapped_codes(rule, mapping.tables).items()
        if (wrong := wrong_in_mapping(code, rule.field, codes))
    ]
    return in_order(mapping.source, found)
