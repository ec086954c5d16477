"""`check`: load, map and validate, without Alma."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

from importer.advice import by_hand
from importer.errors import LedgerError, RosterError
from importer.ledger.journal import RunContent
from importer.ledger.ledger import FILE, Ledger
from importer.mapper.findings import MappingFinding, in_order
from importer.mapper.key_path import KeyPath
from importer.mapper.mapping import MappingDocument
from importer.mapper.secret_cells import misplaced
from importer.memory.loads import EditMemory, LastLoad, institutions
from importer.model.candidates import Candidates
from importer.model.fields import FIELDS, CodeTables, Field
from importer.model.plan import Fate
from importer.model.problem import VALUE, Code, Problem
from importer.model.question import Answer, read_decision
from importer.model.roster import ADDED, ROW, WHAT_TO_DO
from importer.model.run import NotInRoster, SinceLoad
from importer.model.text import counted, spans, word_list
from importer.pipeline.columns import column_causes
from importer.pipeline.decisions import NOT_A_CHOICE, decide_fates, dismissed
from importer.pipeline.inputs import (
    SILENT,
    CheckedRosters,
    Listener,
    MappedRoster,
    RunRequest,
    open_inputs,
    without_value,
)
from importer.pipeline.runs import headings_changed, new_run, run_facts, save_run
from importer.planner.decide import unidentified
from importer.planner.drafts import DraftUser, drafts
from importer.planner.imprints import changed_since, keyed
from importer.validator import check_rows
from importer.validator.codes import state_of_tables, wrong_in_mapping
from importer.validator.duplicates import find_duplicates

_SPELLED_OUT = 50  # stretches of blank rows


def check(request: RunRequest, progress: Listener = SILENT) -> Ledger:
    """Check the rosters offline and save the run.

    Raises RosterError, MappingError, UsageError, LedgerError.
    """
    return save_check(validate(open_inputs(request)), request, progress)


def save_check(rosters: CheckedRosters, request: RunRequest, progress: Listener = SILENT) -> Ledger:
    """Save the run of rosters that were checked. Raises UsageError, LedgerError."""
    with new_run(request.asked.name, request.occasion.now, request.asked.folder) as folder:
        problems = [*headings_changed(folder, rosters), *rosters.problems]
        decided = decide_fates(rosters.rows(), problems, answers={}, only_new=())
        announced = no_end_dates(rosters, decided.rows(Fate.READY))
        decided = replace(decided, problems=(*decided.problems, *announced))
        progress.advance(len(decided.fates), 0)
        since: tuple[LastLoadDifference, ...] = ()
        with suppress(LedgerError):  # a check needs no memory; a plan names what is wrong with it
            since = tuple(since_last_load(rosters, request.codes.institution))
        facts = run_facts("check", rosters, request)
        facts = facts.model_copy(update={"since_last_load": tuple(roster for roster, _ in since)})
        missing = [NotInRoster(key, "") for _, keys in since for key in keys]
        return save_run(folder, facts, rosters, decided, RunContent(missing=missing))


LastLoadDifference = tuple[SinceLoad, list[str]]
"""How a roster differs from the last load, and who of it is missing: primary IDs without case."""


def since_last_load(rosters: CheckedRosters, institution: str) -> Iterator[LastLoadDifference]:
    """Yield how the rosters of each mapping differ from its last load, if one is remembered.

    A check and a plan of one roster find the same. `institution`: its code or key, if it is
    known; otherwise the one that was loaded last. A rejects file is not compared, because it has
    only some of the rows. Raises LedgerError.
    """
    for part in rosters.by_mapping():
        name = part[0].mapping.name
        key = next(institutions(name, institution), "")
        if not key or any(mapped.roster.rejects for mapped in part):
            continue
        with EditMemory(key) as memory:
            if (last := memory.last_load(name)) is not None:
                rows = {row for mapped in part for row in mapped.candidates.rows}
                yield _since(rosters.drafts(rows, {}), last, memory, name)


def _since(
    drafts: Iterable[DraftUser], last: LastLoad, memory: EditMemory, mapping: str
) -> LastLoadDifference:
    """Compare rows with the last load; several rows of one person count once."""
    former, hashed = memory.former(), keyed(memory.key)
    new: set[str] = set()
    changed: dict[str, set[str]] = {}
    seen: set[str] = set()
    for draft in drafts:
        ids = [value.casefold() for _, value in draft.every_identifier]
        ids += [former[value] for value in ids if value in former]
        seen.update(ids)
        known = next((value for value in ids if value in last.values), None)
        if known is not None:
            changed.setdefault(known, set()).update(
                changed_since(draft, last.imprints(known), hashed)
            )
        elif ids:
            new.add(ids[0])
    fields = Counter(path for paths in changed.values() for path in paths)
    missing = sorted(last.there - seen)
    since = SinceLoad(
        mapping=mapping,
        day=last.day,
        new=len(new),
        changed=sum(map(bool, changed.values())),
        fields=dict(fields.most_common()),
        missing=len(missing),
    )
    return since, missing


def validate(rosters: Iterable[MappedRoster]) -> CheckedRosters:
    """Return the rosters with all problems that can be found without Alma.

    Values that `bad: drop` leaves out are gone: whatever makes records begins here. Raises
    RosterError if a roster has no rows.
    """
    checked: list[MappedRoster] = []
    problems: list[Problem] = []
    for mapped in rosters:
        roster = mapped.roster
        # people delete the rows of a rejects file that should not be loaded, and a list of Alma's
        # users that are done is as short
        may_be_empty = roster.left_out or roster.rejects or mapped.mapping.from_alma
        if roster.frame.empty and not may_be_empty:
            msg = (
                f"{roster.source.path.name} has headings but no rows. Check that this is "
                "the right file and sheet."
            )
            raise RosterError(msg)
        match = mapped.match
        candidates, of_cells = check_candidates(
            mapped.candidates, mapped.codes, mapped.today, creates=match.creates
        )
        used = {use.place for use in mapped.compiled.uses}
        # a column that no rule uses is not sent, so its problems reject nothing
        own = (p for p in roster.problems if not p.places or not used.isdisjoint(p.places))
        cells = [*mapped.without_secrets((*own, *of_cells))]
        repaired = replace(mapped, candidates=candidates)
        checked.append(repaired)
        problems += (*repaired.compiled.notices, *column_causes(repaired, cells), *cells)
        if not match.creates:
            made = (unidentified(draft, match) for draft in drafts(candidates, candidates.rows, {}))
            problems += filter(None, made)
    problems += _duplicates(checked)
    for mapped in checked:
        origin, blank = mapped.roster.source.origin(), mapped.roster.blank
        problems += (
            *mapped.roster.notices,
            *state_of_tables(mapped.codes, origin, mapped.today),
        )
        if blank:
            count = "1 row is" if len(blank) == 1 else f"{len(blank):,} rows are"
            message = f"{count} blank: {spans(blank, _SPELLED_OUT)}"
            problems.append(mapped.problem(Code.BLANK_ROWS, message))
        problems += mapped.without_secrets(_of_rejects(mapped))
    return CheckedRosters(checked, problems)


def _duplicates(checked: Sequence[MappedRoster]) -> Iterator[Problem]:
    """Yield the problems across rows, without what may be a password under a wrong heading."""
    hidden: set[str] = set()
    for mapped in checked:
        rows = mapped.candidates.frame.index.isin([*misplaced(mapped.roster, mapped.secret)])
        hidden.update(mapped.candidates.frame[rows].to_numpy().ravel())
    for problem in find_duplicates(
        [(mapped.candidates, mapped.mapping.duplicates) for mapped in checked]
    ):
        yield without_value(problem) if problem.value in hidden else problem


def check_candidates(
    candidates: Candidates, codes: CodeTables, today: date, *, creates: bool
) -> tuple[Candidates, list[Problem]]:
    """Return mapped rows without the values that `bad: drop` leaves out, and their problems.

    `creates`: whether new users are created.
    """
    candidates, unreadable = candidates.without_bad(candidates.problems)
    candidates, bad = candidates.without_bad(check_rows(candidates, codes, today, creates=creates))
    return candidates, [*unreadable, *bad]


_END_DATES = {"expiry_date": "expiration date", "purge_date": "purge date"}


def no_end_dates(rosters: Sequence[MappedRoster], rows: Collection[int]) -> Iterator[Problem]:
    """Announce, for each roster, in how many of these rows a new patron gets no end date.

    Mappings that create no users do not count, nor does a purge date that it does not set: an
    office that never purges would read the same notice in each run.
    """
    for mapped in rosters:
        candidates = mapped.candidates
        names = [name for name in _END_DATES if name != "purge_date" or name in candidates.frame]
        counts = dict.fromkeys(names, 0)
        for name in counts if mapped.match.creates else ():
            dropped = candidates.not_applicable.get(name, frozenset())
            dates = zip(candidates.rows, candidates.texts(name), strict=True)
            counts[name] = sum(row in rows and (not day or row in dropped) for row, day in dates)
        lacking = [name for name, count in counts.items() if count]
        if lacking:
            each = [f"no {_END_DATES[name]} in {counted(counts[name], 'row')}" for name in lacking]
            absent = [f"`{name}`" for name in lacking if name not in candidates.frame]
            blank = [f"`{name}`" for name in lacking if name in candidates.frame]
            advice = (
                f"Map {word_list(absent)} under `record:` in the mapping." if absent else "",
                f"Fill in or correct the cells for {word_list(blank)}." if blank else "",
            )
            message = f"a new patron gets {word_list(each)}"
            yield mapped.problem(Code.NO_END_DATE, message, " ".join(filter(None, advice)))


def _of_rejects(mapped: MappedRoster) -> Iterator[Problem]:
    """Yield what a person lost or mistyped in our own columns of a rejects file."""
    roster, message = mapped.roster, NOT_A_CHOICE.format(VALUE)
    for row, cell in roster.decisions.items():
        origin, decision = roster.source.origin(row), read_decision(cell.text)
        if decision is None:
            yield Problem.of(Code.UNCLEAR_DECISION, origin, message, value=cell.text)
        elif decision[0] is Answer.REJECT:
            out = dismissed(origin, f"its Decision is “{cell.text}”")
            yield replace(out, advice=by_hand("No action needed. To load it, delete its Decision."))
    path = roster.source.path
    of_run = path.name.startswith("rejects") and (path.parent / FILE).is_file()
    if not roster.rejects and (of_run or ROW in {place.heading for place in roster.places}):
        yield mapped.problem(
            Code.READ_WITH_NOTICE,
            f"the columns {ROW} to {WHAT_TO_DO} of this rejects file were changed or deleted, so "
            "its rows have new numbers and the Decisions are lost",
            f"To keep them, restore these {len(ADDED)} columns as the importer wrote them.",
        )


def wrong_codes(mapping: MappingDocument, codes: CodeTables) -> tuple[str, ...]:
    """Return the codes that a mapping itself writes and Alma does not take, by line."""
    absent, match = mapping.leaving, mapping.file.match
    group, kind = FIELDS["user_group"], FIELDS["user_identifier.id_type"]
    own: list[tuple[KeyPath, str, Field]] = [
        (steps, code, rule.field)
        for rule in (*mapping.fields, *(absent.fields if absent else ()))
        for code, steps in rule.mapped_codes(mapping.tables).items()
    ]
    if match.leaving is not None:
        key, part = match.leaving
        steps = ("match", key, "among", "user_group")
        known = codes.known(group.facts.table) or {}  # users may have one that is disabled
        own += [(steps, code, group) for code in part.among.user_group if code not in known]
    if match.keep_old_id is not None:
        own.append((("match", "keep_old_id", "type"), match.keep_old_id.type, kind))
    wrong = ((steps, wrong_in_mapping(code, field, codes)) for steps, code, field in own)
    return in_order(mapping.source, [MappingFinding(*finding) for finding in wrong if finding[1]])
