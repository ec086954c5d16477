"""`check`: load, map and validate, without Alma; and the columns that mostly fail in one way."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from importer.errors import LedgerError, RosterError
from importer.ledger.ledger import FILE, Ledger
from importer.ledger.loads import EditMemory, LastLoad, institutions
from importer.mapper.findings import MappingFinding, in_order
from importer.mapper.lookups import LookupFile, OwnTable
from importer.mapper.mapping import FieldRule, MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, Steps
from importer.mapper.secret_cells import misplaced
from importer.mapper.yaml_source import scalar
from importer.model.candidates import Candidates, FieldColumn
from importer.model.fields import FIELDS, SECRETS, CodeTables, Field
from importer.model.plan import Fate
from importer.model.problem import CATALOGUE, KNOWN, VALUE, Code, Place, Problem, Repairs, Severity
from importer.model.question import Answer, read_decision
from importer.model.roster import ADDED, ROW, WHAT_TO_DO
from importer.model.run import NotInRoster, SinceLoad
from importer.model.text import counted, spans, word_list
from importer.pipeline.decisions import NOT_A_CHOICE, decide_fates, dismissed
from importer.pipeline.inputs import (
    SILENT,
    CheckedRosters,
    MappedRoster,
    Progress,
    RunRequest,
    open_inputs,
    without_value,
)
from importer.pipeline.runs import headings_changed, new_run, run_facts, save_run
from importer.planner.decide import unidentified
from importer.planner.drafts import DraftUser, drafts
from importer.planner.staff_edits import changed_since, keyed
from importer.validator import check_rows
from importer.validator.codes import near_codes, state_of_tables, wrong_in_mapping
from importer.validator.duplicates import find_duplicates

FEWEST = 3
"""Rows with the same problem that show something about their column."""

_COMMONEST = 5
"""Values of a failing column that are shown."""

_TELLING = 4
"""Letters of a value that can be similar to a code by more than chance."""

_LISTED = 40
"""Values of a column that are listed as a lookup; with more of them it does not contain codes."""

_OF_ROWS = frozenset({Code.MISSING_VALUE, Code.DUPLICATE_ID, Code.ID_LOST_DIGITS})
"""Problems of which the rows' own advice is right, however many have them."""


@dataclass(frozen=True, slots=True)
class FailingColumn:
    """A column of the roster of which most cells have the same problem.

    `code`: of these problems. `filled`: how many of its cells are not blank. `values`: what the
    problems are about, with their rows.
    """

    mapped: MappedRoster
    place: Place
    target: FieldColumn
    code: Code
    filled: int
    values: Counter[str]

    @property
    def rule(self) -> FieldRule:
        """The mapping's rule of the field that the column feeds."""
        compiled = self.mapped.compiled
        entries = chain.from_iterable(entry.fields for entry in compiled.entries)
        return next(
            field.written
            for field in chain(compiled.scalars, entries)
            if field.label == self.target.label
        )

    def problem(self) -> Problem:
        """Return the problem of the column, which is one of the whole roster.

        It has the share of its cells that fail and the five commonest of them, and for codes a
        lookup to paste.
        """
        title = CATALOGUE[self.code].title
        title = title if title[1:2].isupper() else title[:1].lower() + title[1:]
        total = self.values.total()
        message = f"{total:,} of {counted(self.filled, 'value')} are not right ({title})"
        common = [f"{text} ({n:,})" for text, n in self.values.most_common(_COMMONEST)]
        value = "" if self.target.label in SECRETS else ", ".join(common)
        repeated = len(self.values) * 2 <= total  # else they may be people's
        if value:
            message += f": {KNOWN if repeated else VALUE}"
        written = self.mapped.mapping.source.place(self.rule.steps)
        advice = f"Check which column belongs here, and its rule in the mapping: {written}."
        if self.code is Code.UNKNOWN_CODE and repeated and len(self.values) <= _LISTED:
            advice = self._lookup(written)
        problem = self.mapped.problem(Code.MOST_OF_COLUMN, message, advice)
        return replace(problem, places=(self.place,), field=self.target.label, value=value)

    def _lookup(self, written: str) -> str:
        """Return the advice to add the values to the field's lookup, or a lookup with them."""
        rule, lookups = self.rule.rule, self.mapped.mapping.file.lookups
        entries = [f"    {self._line(text, n)}" for text, n in self.values.most_common()]
        if rule.lookup is None:
            name = re.sub(r"\W+", "_", self.place.heading.lower()).strip("_") or "codes"
            names = (name, *(f"{name}_{number}" for number in range(2, len(lookups) + 2)))
            name = next(name for name in names if name not in lookups)
            where = "under `lookups:` in the mapping" if lookups else "at the end of the mapping"
            added = f", and write `{{from: <{self.place.heading}>, lookup: {name}}}` for the field"
            entries = [*([] if lookups else ["lookups:"]), f"  {name}:", *entries]
        else:
            where, added = f"under `{rule.lookup}:` in the mapping", ""
            if isinstance(rule.lookup, LookupFile):
                where = f"as rows of `{rule.lookup.file}`"
            elif isinstance(rule.lookup, OwnTable):
                where = "in the field's own lookup"
        chosen = f"with Alma's code in place of each {TO_CHOOSE}"
        codes = f"`importer codes show {self.target.field.facts.table}` lists the codes."
        first = f"Add these lines {where}, {chosen}{added} ({written}). {codes}"
        return "\n".join((first, *entries))

    def _line(self, text: str, count: int) -> str:
        """Return the line of a lookup for a value, with the code that is probably meant."""
        near = near_codes(text, self.target.field, self.mapped.codes)
        sure = len(near) == 1 and len(text) >= _TELLING
        code, guess = (near[0].code, ", guess") if sure else (TO_CHOOSE, "")
        return f"{scalar(text)}: {scalar(code)}  # {counted(count, 'row')}{guess}"


def column_causes(mapped: MappedRoster, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield a problem for each column of which most cells fail in the same way."""
    targets, wrong = mapped.candidates.layout.targets, misplaced(mapped.roster, mapped.secret)
    cells = mapped.roster.frame.drop(index=[*wrong]) if wrong else mapped.roster.frame
    failing: defaultdict[tuple[Place, str, Code], Counter[str]] = defaultdict(Counter)
    for problem in problems:
        target = targets.get(problem.field)
        if len(problem.places) != 1 or target is None or problem.origin.row in wrong:
            continue
        of_mapping = problem.code is Code.UNKNOWN_CODE and problem.value in target.mapped_codes
        if problem.code in _OF_ROWS or problem.repairs is Repairs.COLUMN or of_mapping:
            continue  # its own advice is right
        if problem.severity is Severity.REJECT or target.drop_bad:
            failing[problem.places[0], problem.field, problem.code][problem.value] += 1
    for (place, label, code), values in failing.items():
        filled = sum(map(bool, cells[mapped.roster.places.index(place)].tolist()))
        if values.total() >= max(FEWEST, filled // 2 + 1) and filled:
            yield FailingColumn(mapped, place, targets[label], code, filled, values).problem()


_SPELLED_OUT = 50  # stretches of blank rows


def check(request: RunRequest, progress: Progress = SILENT) -> Ledger:
    """Check the rosters offline and save the run.

    Raises RosterError, MappingError, UsageError, LedgerError.
    """
    return save_check(validate(open_inputs(request)), request, progress)


def save_check(rosters: CheckedRosters, request: RunRequest, progress: Progress = SILENT) -> Ledger:
    """Save the run of rosters that were checked. Raises UsageError, LedgerError."""
    with new_run(request.name, request.now, request.folder) as folder:
        problems = [*headings_changed(folder, rosters), *rosters.problems]
        decided = decide_fates(rosters.rows(), problems, answers={}, only_new=())
        announced = no_end_dates(rosters, decided.rows(Fate.READY))
        decided = replace(decided, problems=(*decided.problems, *announced))
        progress.rows(len(decided.fates), 0)
        since: tuple[Compared, ...] = ()
        with suppress(LedgerError):  # a check needs no memory; a plan names what is wrong with it
            since = tuple(since_last_load(rosters, request.codes.institution))
        facts = run_facts("check", rosters, request)
        facts = facts.model_copy(update={"since_last_load": tuple(one for one, _ in since)})
        missing = [NotInRoster(key, "") for _, keys in since for key in keys]
        return save_run(folder, facts, rosters, decided, missing=missing)


Compared = tuple[SinceLoad, list[str]]
"""How a roster differs from the last load, and who of it is missing: primary IDs without case."""


def since_last_load(rosters: CheckedRosters, institution: str) -> Iterator[Compared]:
    """Yield how the rosters of each mapping differ from its last load, if one is remembered.

    A check and a plan of one roster find the same. `institution`: its code or key, if it is
    known; otherwise the one that was loaded last. A rejects file is not compared, because it has
    only some of the rows. Raises LedgerError.
    """
    for part in rosters.by_mapping():
        name = part[0].mapping.name
        key = next(institutions(name, institution), "")
        if not key or any(one.roster.rejects for one in part):
            continue
        with EditMemory(key) as memory:
            if (last := memory.last_load(name)) is not None:
                rows = {row for one in part for row in one.candidates.rows}
                yield _differences(rosters.drafts(rows, {}, ""), last, memory, name)


def _differences(
    drafts: Iterable[DraftUser], last: LastLoad, memory: EditMemory, mapping: str
) -> Compared:
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
        candidates, found = check_candidates(
            mapped.candidates, mapped.codes, mapped.today, creates=match.creates
        )
        used = {use.place for use in mapped.compiled.uses}
        # a column that no rule uses is not sent, so its problems reject nothing
        own = (p for p in roster.problems if not p.places or not used.isdisjoint(p.places))
        cells = [*mapped.without_secrets((*own, *found))]
        one = replace(mapped, candidates=candidates)
        checked.append(one)
        problems += (*one.compiled.notices, *column_causes(one, cells), *cells)
        if not match.creates:
            made = (
                unidentified(draft, match) for draft in drafts(candidates, candidates.rows, {}, "")
            )
            problems += filter(None, made)
    problems += _duplicates(checked)
    for one in checked:
        origin, blank = one.roster.source.origin(), one.roster.blank
        problems += (*one.roster.notices, *state_of_tables(one.codes, origin, one.today))
        if blank:
            count = "1 row is" if len(blank) == 1 else f"{len(blank):,} rows are"
            message = f"{count} blank: {spans(blank, _SPELLED_OUT)}"
            problems.append(one.problem(Code.BLANK_ROWS, message))
        problems += one.without_secrets(_of_rejects(one))
    return CheckedRosters(checked, problems)


def _duplicates(checked: Sequence[MappedRoster]) -> Iterator[Problem]:
    """Yield the problems across rows, without what may be a password under a wrong heading."""
    hidden: set[str] = set()
    for one in checked:
        rows = one.candidates.frame.index.isin([*misplaced(one.roster, one.secret)])
        hidden.update(one.candidates.frame[rows].to_numpy().ravel())
    for problem in find_duplicates([(one.candidates, one.mapping.duplicates) for one in checked]):
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

    Mappings that create no users do not count.
    """
    for mapped in rosters:
        candidates, counts = mapped.candidates, dict.fromkeys(_END_DATES, 0)
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
        origin, found = roster.source.origin(row), read_decision(cell.text)
        if found is None:
            yield Problem.of(Code.UNCLEAR_DECISION, origin, message, value=cell.text)
        elif found[0] is Answer.REJECT:
            out = dismissed(origin, f"its Decision is “{cell.text}”")
            yield replace(out, advice="No action needed. To load it, delete its Decision.")
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
    absent, match = mapping.absent, mapping.file.match
    group, kind = FIELDS["user_group"], FIELDS["user_identifier.id_type"]
    own: list[tuple[Steps, str, Field]] = [
        (steps, code, rule.field)
        for rule in (*mapping.rules, *(absent.rules if absent else ()))
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
    return in_order(mapping.source, [MappingFinding(*one) for one in wrong if one[1]])
