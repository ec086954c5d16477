"""`check`: load, map and validate, without Alma; and the columns that mostly fail in one way."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from importer.errors import LedgerError, RosterError
from importer.ledger.ledger import FILE, Ledger
from importer.ledger.memory import EditMemory, LastLoad, institutions
from importer.mapper.dates import END_OF_MONTH, ORDER_WORDS, Dates, Unread, later
from importer.mapper.evaluate import misplaced
from importer.mapper.lookups import LookupFile, OwnTable
from importer.mapper.mapping import FieldRule, MappingDocument
from importer.mapper.placeholders import TO_CHOOSE, Steps
from importer.mapper.steps.step import MappingFinding, in_order
from importer.mapper.yaml_source import scalar
from importer.model.candidates import Candidates, FieldColumn
from importer.model.fields import FIELDS, SECRETS, CodeTables, Field
from importer.model.plan import Answer, Fate, read_decision
from importer.model.problem import CATALOGUE, KNOWN, VALUE, Code, Place, Problem, Repairs, Severity
from importer.model.roster import ADDED, ROW, WHAT_TO_DO
from importer.model.run import SinceLoad
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
from importer.validator.duplicates import find_duplicates
from importer.validator.fields import near_codes, state_of_tables, wrong_in_mapping

FEWEST = 3
"""Rows with the same problem that show something about their column."""

_FITS = 0.95
"""Share of the dates of a column that another order must read."""

_TELLING = 4
"""Letters of a value that can be similar to a code by more than chance."""

_DIGIT = re.compile("[0-9]")

_NO_RECORD = 2100
"""Expiration dates of this year and later mean that a card never expires."""

_LISTED = 40
"""Values of a column that are listed; with more of them it does not contain codes."""


@dataclass(frozen=True, slots=True)
class FailingColumn:
    """A column of the roster with rows that have the same problem.

    `code`: of these problems. `texts`: its cells that are not blank. `values`: what the problems
    are about, with their rows. `advised`: of how many rows the own advice repairs the column.
    """

    mapped: MappedRoster
    place: Place
    target: FieldColumn
    code: Code
    texts: tuple[str, ...]
    values: Counter[str]
    advised: int

    @property
    def rows(self) -> int:
        """How many rows have the problem."""
        return self.values.total()

    @property
    def rule(self) -> FieldRule:
        """The mapping's rule of the field that the column feeds."""
        compiled = self.mapped.compiled
        fields = (*compiled.scalars, *(one for entry in compiled.entries for one in entry.fields))
        return next(one.rule for one in fields if one.column.label == self.target.label)

    @property
    def written(self) -> str:
        """The place of that rule in the mapping: `autumn.yaml:12: record.user_group`."""
        return self.mapped.mapping.source.place(self.rule.steps)

    def problem(self, message: str, advice: str, value: str = "") -> Problem:
        """Return the problem of the column, which is one of the whole roster."""
        problem = self.mapped.problem(Code.MOST_OF_COLUMN, message, advice)
        return replace(problem, places=(self.place,), field=self.target.label, value=value)


def column_causes(mapped: MappedRoster, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield a problem for each column of which most cells fail in the same way.

    Dates count as failing together if another order reads nearly all of them.
    """
    targets, wrong = mapped.candidates.layout.targets, misplaced(mapped.roster, mapped.secret)
    cells = mapped.roster.frame.drop(index=[*wrong]) if wrong else mapped.roster.frame
    found: defaultdict[tuple[Place, str, Code], Counter[str]] = defaultdict(Counter)
    advised: Counter[tuple[Place, str, Code]] = Counter()
    for problem in problems:
        target = targets.get(problem.field)
        if len(problem.places) != 1 or target is None or problem.origin.row in wrong:
            continue
        if problem.severity is Severity.REJECT or target.drop_bad:
            key = problem.places[0], problem.field, problem.code
            found[key][problem.value] += 1
            advised[key] += problem.repairs is Repairs.COLUMN
    for (place, label, code), values in found.items():
        if values.total() < FEWEST:
            continue
        texts = tuple(filter(None, cells[mapped.roster.places.index(place)].tolist()))
        target = targets[label]
        repaired = advised[place, label, code]
        column = FailingColumn(mapped, place, target, code, texts, values, repaired)
        if cause := _CAUSES.get(code, _other)(column):
            yield cause


def _most(column: FailingColumn) -> bool:
    return column.rows * 2 > len(column.texts)


def _other(column: FailingColumn) -> Problem | None:
    """Return that most cells are not right: the repeated ones as a lookup to complete.

    Cells that hardly repeat show that the column may be another field's.
    """
    if not _most(column) or not column.texts:
        return None
    what = CATALOGUE[column.code].title
    what = what if what[1:2].isupper() else what[:1].lower() + what[1:]
    message = f"{_of_column(column)} are not right ({what})"
    ordered = column.values.most_common()
    secret = column.target.label in SECRETS
    if len(ordered) * 2 > column.rows or len(ordered) > _LISTED or secret:
        return column.problem(message, f"Check which column belongs here: {column.written}.")
    lines = [f"{scalar(t)}: {scalar(TO_CHOOSE)}  # {counted(n, 'row')}" for t, n in ordered]
    what = 'the right text, or `""` for none,'
    advice = _as_lookup(column, what, [*lines, '"*": same'])
    return column.problem(f"{message}: {KNOWN}", advice, _listed(ordered))


def _dates(column: FailingColumn) -> Problem | None:
    """Return that the dates are written in another order than the mapping says."""
    file = column.mapped.mapping.file
    declared = file.dates(column.rule.dates)
    texts = column.texts

    def read_by(order: str) -> int:
        dates = declared.model_copy(update={"order": order})
        return sum(isinstance(dates.read(text), date) for text in texts)

    now = len(texts) - column.rows
    best = max(ORDER_WORDS, key=read_by)
    if best == declared.order or read_by(best) < max(_FITS * len(texts), now + FEWEST):
        return _date_words(column)
    asked = f" as {ORDER_WORDS[declared.order]}" if declared.order in ORDER_WORDS else ""
    message = (
        f"{column.rows:,} of {counted(len(texts), 'date')} cannot be read{asked}, and "
        f"{read_by(best):,} can as {ORDER_WORDS[best]}"
    )
    if now and declared.order:
        message += "; the others are probably read wrongly"
    return column.problem(message, _set_order(column, declared, best))


def _date_words(column: FailingColumn) -> Problem | None:
    """Return the texts that stand for dates, as a lookup to complete.

    A date with a short year is none: its own advice is right. Nothing if the rows' own advice
    repairs the column. Without any date or digit it is another
    field's column.
    """
    if not _most(column) or column.advised * 2 > column.rows:
        return None
    read = column.mapped.mapping.file.dates(column.rule.dates).read
    every = column.values.most_common()
    ordered = [(text, n) for text, n in every if read(text) is not Unread.SHORT_YEAR]
    repeated = 0 < len(ordered) * 2 <= column.rows and len(ordered) <= _LISTED
    if repeated and column.target.field.path != "birth_date":
        message = f"{_of_column(column)} cannot be read as dates: {KNOWN}"
        lines = [_date_line(text, count) for text, count in ordered]
        advice = _as_lookup(column, "a date such as 2027-05-15", [*lines, '"*": same'])
        return column.problem(message, advice, _listed(ordered))
    if column.rows == len(column.texts) and not any(map(_DIGIT.search, column.values)):
        return _other(column)
    message = f"{_of_column(column)} cannot be read as dates"
    return column.problem(message, CATALOGUE[Code.UNPARSABLE_DATE].advice)


def _date_line(text: str, count: int) -> str:
    """Return the line of a lookup for a text, with the last day of a month or year."""
    month = Dates().read(f"1 {text}")
    if isinstance(month, date):
        day = later(month, END_OF_MONTH).isoformat()
    else:
        day = f"{text}-12-31" if Dates().read(text) is Unread.YEAR else TO_CHOOSE
    guess = "" if day == TO_CHOOSE else ", guess"
    return f"{scalar(text)}: {scalar(day)}  # {counted(count, 'row')}{guess}"


def _ends(column: FailingColumn) -> Problem | None:
    """Return the cells of expiration or purge dates that probably mean that there is no end."""
    if not _most(column):
        return None
    dates = column.mapped.mapping.file.dates(column.rule.dates)
    read = {text: dates.read(text) for text in dict.fromkeys(column.texts)}
    never = {
        text: column.texts.count(text)
        for text, day in read.items()
        if isinstance(day, date) and day.isoformat() in column.values and day.year >= _NO_RECORD
    }
    if sum(never.values()) < column.rows or len(never) > _LISTED:
        return _other(column)
    message = f"{_of_column(column)} are more than 100 years ahead: {KNOWN}"
    lines = [f"{scalar(text)}: 9999-12-31  # {counted(n, 'row')}" for text, n in never.items()]
    advice = _as_lookup(column, "", [*lines, '"*": same'])
    advice = f"If they mean that the card never expires, {advice[:1].lower()}{advice[1:]}"
    return column.problem(message, advice, _listed(never.items()))


def _listed(values: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{text} ({count:,})" for text, count in values)


def _of_column(column: FailingColumn) -> str:
    return f"{column.rows:,} of {counted(len(column.texts), 'value')}"


def _as_lookup(column: FailingColumn, what: str, entries: Sequence[str]) -> str:
    """Return the advice to add entries to the field's lookup, or a lookup with these entries.

    `what` is to be written in place of each `?`; "" if there is none.
    """
    rule, file = column.rule, column.mapped.mapping.file
    name = rule.lookup if isinstance(rule.lookup, str) else _free_name(column)
    where, change, lines = f"under `{name}:` in the mapping", "", []
    if rule.lookup is None:
        where = "under `lookups:` in the mapping" if file.lookups else "at the end of the mapping"
        lines = [*([] if file.lookups else ["lookups:"]), f"  {name}:"]
        source = f"from: <{column.place.heading}>"
        change = f", and write `{{{source}, lookup: {name}}}` for the field"
        if len(rule.rule.steps) > 1:
            change = f", and add `lookup: {name}` behind `{source}`"
    else:
        if column.mapped.mapping.tables[rule.lookup].otherwise is not None:
            entries = [entry for entry in entries if not entry.startswith('"*"')]
        if isinstance(rule.lookup, LookupFile):
            where = f"as rows of `{rule.lookup.file}`"
        elif isinstance(rule.lookup, OwnTable):
            where = "in the field's own lookup"
    chosen = f", with {what} in place of each {TO_CHOOSE}" if what else ""
    advice = f"Add these lines {where}{chosen}{change} ({column.written})."
    return "\n".join((advice, *lines, *(f"    {entry}" for entry in entries)))


def _set_order(column: FailingColumn, declared: Dates, order: str) -> str:
    own = column.rule.dates
    parts = own or column.mapped.mapping.file.roster.dates
    kept = [f"pivot: {parts.pivot}"] if parts.pivot is not None else []
    kept += ["serials: true"] if parts.serials else []
    text = f"{{order: {order}, {', '.join(kept)}}}" if kept else order
    where = column.written if own else "under `roster:`"
    verb = "Replace the order of dates by" if declared.order else "Add"
    return f"{verb} `dates: {text}` in the mapping, {where}."


def _codes(column: FailingColumn) -> Problem | None:
    """Return the unknown values of a column, as a lookup to complete.

    A wrong code of the mapping itself has its own advice, with its line.
    """
    own = {v: n for v, n in column.values.items() if v not in column.target.mapped_codes}
    if not own:
        return None
    if not _most(column) or len(own) > _LISTED:
        return _other(column)
    rows, ordered = sum(own.values()), Counter(own).most_common()
    listed = _listed(ordered)
    rule, table = column.rule, column.target.field.facts.table
    which = f"codes of Alma's table {table}" if rule.lookup is None and table else "in the lookup"
    message = f"{rows:,} of {counted(len(column.texts), 'value')} are not {which}: "
    if len(ordered) * 2 > rows:  # hardly any is repeated: they may be names
        advice = "Write Alma's code for each value in a lookup of the mapping."
        return column.problem(message + VALUE, advice, listed)
    lines = [_line(column, text, count) for text, count in ordered]
    first, *more = _as_lookup(column, "Alma's code", lines).split("\n")
    advice = f"{first} `importer codes show {table}` lists the codes."
    return column.problem(message + KNOWN, "\n".join((advice, *more)), listed)


def _line(column: FailingColumn, text: str, count: int) -> str:
    """Return the line of a lookup for a value, with the code that is probably meant."""
    near = near_codes(text, column.target.field, column.mapped.codes)
    sure = len(near) == 1 and len(text) >= _TELLING
    code, guess = (near[0].code, ", guess") if sure else (TO_CHOOSE, "")
    return f"{scalar(text)}: {scalar(code)}  # {counted(count, 'row')}{guess}"


def _free_name(column: FailingColumn) -> str:
    name = re.sub(r"\W+", "_", column.place.heading.lower()).strip("_") or "codes"
    taken = column.mapped.mapping.file.lookups
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 2)))
    return next(one for one in names if one not in taken)


def _ids(column: FailingColumn) -> Problem | None:
    """Return that IDs have another number of digits than the mapping asks for."""
    rule = column.target.id_rule
    if rule is None or not rule.digits or not _most(column):
        return _other(column)
    length, count = Counter(len(value) for value in column.values.elements()).most_common(1)[0]
    if count < _FITS * column.rows or length == rule.digits:
        return _other(column)
    message = f"{count:,} of {counted(len(column.texts), 'ID')} have {length} digits, and the "
    message += f"mapping asks for {rule.digits}"
    advice = f"If {length} is right, set `digits: {length}` for this column under `ids:`."
    if length < rule.digits:
        pad = "If the spreadsheet program removed leading zeros, set `pad: true` for this column "
        advice = f"{pad}under `ids:` in the mapping. {advice}"
    return column.problem(message, advice)


_CAUSES: dict[Code, Callable[[FailingColumn], Problem | None]] = {
    Code.UNPARSABLE_DATE: _dates,
    Code.AMBIGUOUS_DATE: _dates,
    Code.UNKNOWN_CODE: _codes,
    Code.DATE_OUT_OF_RANGE: _ends,
    Code.MALFORMED_ID: _ids,
    Code.MISSING_VALUE: lambda _column: None,
    Code.DUPLICATE_ID: lambda _column: None,
    Code.ID_LOST_DIGITS: lambda _column: None,
}


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
        since: tuple[SinceLoad, ...] = ()
        with suppress(LedgerError):  # a check needs no memory; a plan names what is wrong with it
            since = tuple(_since_last_load(rosters, request.codes.institution))
        facts = run_facts("check", rosters, request)
        facts = facts.model_copy(update={"since_last_load": since})
        return save_run(folder, facts, rosters, decided)


def _since_last_load(rosters: CheckedRosters, institution: str) -> Iterator[SinceLoad]:
    """Yield how the rosters of each mapping differ from its last load, if one is remembered.

    `institution`: its code, if it is known; otherwise the one that was loaded last. A rejects file
    is not compared, because it has only some of the rows.
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
) -> SinceLoad:
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
    return SinceLoad(
        mapping=mapping,
        day=last.day,
        new=len(new),
        changed=sum(map(bool, changed.values())),
        fields=dict(fields.most_common()),
        missing=len(last.there - seen),
    )


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
