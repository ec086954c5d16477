"""What people read about loads: what was done, why one is held, what is next.

No value of a roster is in these words: they leave the folder by email and chat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from importer.advice import Action, AllowLoad, CheckJob, Choice, Do, RunJob, SisReport, SkipFiles
from importer.errors import Cause, Exit, ImporterError
from importer.jobs.commands import OF_FILES, MisfitError, StepError
from importer.jobs.feed import FileState, WrongFileError
from importer.jobs.schema import GuardName, Job
from importer.jobs.state import COMPARED, JobMemory, Load, of_run
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.ledger import State as RowState
from importer.model.plan import Act
from importer.model.problem import Code, Problem, Severity
from importer.model.text import RowId, command_line, counted, word_list
from importer.report import wording
from importer.report.commands import as_command, to_paste
from importer.report.files import members, open_workbooks, present
from importer.report.masking import CUT
from importer.report.view import RunView, group_problems

_SAME_NAME = " under the same name"
"""How a file is replaced where a job loads every file, the oldest first."""


def pasted(do: Action, when: str = "") -> str:
    """Return what can be done in a sentence, with its command on a line of its own."""
    return to_paste("", (Choice(do, when),))


def allowing(job: Path, load: Load) -> AllowLoad:
    """Return the action that lets a held load pass, and no other."""
    return AllowLoad(str(job), load.run, tuple(dict.fromkeys(guard.name for guard in load.held)))


_NAMED = 3
"""The most reasons that a message names, and the most files that wait."""

_ORDER = {severity: at for at, severity in enumerate(Severity)}

_OF_THE_FILE = frozenset({GuardName.ROWS, GuardName.ABSENT, GuardName.EARLIER})
"""Guards that doubt the file, so that the office comes first, and not the mapping."""

_OF_ROWS = frozenset({GuardName.REJECTS, GuardName.REVIEW})
"""Guards of rows that no load has."""

_OF_THE_MAPPING = frozenset({GuardName.MAPPING, GuardName.REJECTS})
"""Guards that doubt the mapping, so that it comes first."""


def reasons(run: str, roster: int | None) -> Iterator[str]:
    """Yield why rows of a run need a person, the most frequent reasons first, without any value.

    `roster`, counted from 0, or None for all. Each row has one reason: the worst, or the first of
    these. Nothing where the run was purged.
    """
    worst: dict[int, Problem] = {}
    with suppress(ImporterError), Ledger.open(Path(run)) as ledger:
        decided = frozenset(ledger.rows_with(Code.RESOLVED))
        for problem in ledger.problems():
            row = problem.origin.row  # what is about a whole roster may list its values
            meant = not problem.origin.whole and roster in {None, RowId.of(row).roster}
            if problem.severity.holds and meant and row not in decided:
                both = (worst.get(row, problem), problem)
                worst[row] = min(both, key=lambda either: _ORDER[either.severity])
    groups = group_problems(replace(problem, value=CUT) for problem in worst.values())
    often = sorted(groups, key=lambda group: -group.count)
    for group in often[:_NAMED]:
        (why,), example = group.sentences(show_values=False), "" if group.alike else "For example: "
        advice = wording.plain(group.first.to_do)
        yield f"- {wording.rows(group.count)}: {example}{why} {advice}"
    if often[_NAMED:]:
        yield f"- {counted(len(often) - _NAMED, 'further reason')}: see the report."


def changed_fields(run: str) -> Iterator[str]:
    """Yield which fields a plan changes, and in how many rows; nothing where there are none."""
    with suppress(ImporterError), Ledger.open(Path(run)) as ledger:
        fields = Counter(
            name
            for row in ledger.planned() if row.act is Act.UPDATE
            for name in {wording.field_name(change.path) for change in row.changes}
        )  # fmt: skip
        if fields:
            listed = [f"{name} ({wording.rows(count)})" for name, count in fields.most_common()]
            yield f"Changed: {', '.join(listed[:5])}{', …' if listed[5:] else ''}"


def people_of(count: int) -> str:
    """Return a count of people: `1 person`, `12,345 people`."""
    return f"{count:,} {'person' if count == 1 else 'people'}"


def how_many_fewer(people: int, state: JobMemory) -> str:
    """Return that a file has fewer people than the largest of the last loads, without a period."""
    largest = f"the largest of the last {COMPARED} loads ({state.largest:,})"
    return f"The file has {people_of(people)}, {state.largest - people:,} fewer than {largest}"


def was_applied(load: Load) -> bool:
    """Whether rows of the plan of a load were sent, if only in part, or by hand."""
    return of_run(load.run, lambda ledger: ledger.was_applied, otherwise=False)


def why_held(job: Job, load: Load, state: JobMemory) -> Iterator[str]:
    """Yield why a load is held, and what a person can do: what fits the guards comes first."""
    names = {guard.name: None for guard in load.held}
    done = f"nothing{' of this plan' if load.planned_again else ''} was written"
    if was_applied(load):
        done = "but its plan was applied by hand"
    yield f"The load is held by {word_list([*names])}: {done}."
    yield from load.lines
    yield from (guard.sentence for guard in load.held)
    yield f"The plan: {wording.headline(load.planned)}"
    yield from changed_fields(load.run)
    yield from reasons(load.run, None)
    yield f"Look at {load.run}/report.html."
    office, mapping, allow = _office(job, load), _mapping(job, state), _allow(job, load)
    if names.keys() & _OF_THE_FILE:
        ways = (office, *(() if names.keys() <= _OF_THE_FILE else (mapping,)), allow)
    elif names.keys() & _OF_THE_MAPPING:
        ways = (mapping, *(() if names.keys() == {GuardName.MAPPING} else (office,)), allow)
    else:
        ways = (allow, mapping, office)
    yield from chain(*ways, _until_then(job, state))


def _office(job: Job, load: Load) -> Iterator[str]:
    named = _SAME_NAME if job.file.every == "file" else ""
    yield f"If the file is wrong, ask the office for another one{named}, which is then taken."
    yield pasted(SkipFiles(str(job.path), load.run), "To continue without it")


def _mapping(job: Job, state: JobMemory) -> Iterator[str]:
    yield f"If the mapping is wrong, correct it. {pasted(RunJob(str(job.path)), 'Then')}"
    yield from _changed(job, state)


def _changed(job: Job, state: JobMemory) -> Iterator[str]:
    """Yield what follows where a mapping is corrected."""
    if job.file.guards.mapping == "hold" and state.last is not None:
        yield "The load may be held once more then, by `mapping`, because the mapping changed."


def _allow(job: Job, load: Load) -> Iterator[str]:
    delivers = f"puts the file for Alma's SIS load into {job.file.deliver_to}"
    then = {"plan": "reports the plan, and writes nothing to Alma", "apply": "loads it"}
    yield pasted(allowing(job.path, load), "If the load is right")
    rest = ", without these rows" if _OF_ROWS & {guard.name for guard in load.held} else ""
    yield f"The next run of the job then {then.get(job.file.do, delivers)}{rest}."


def _until_then(job: Job, state: JobMemory) -> Iterator[str]:
    """Yield what waits behind a held file, or what replaces it."""
    if job.file.every == "newest":
        yield "If nothing is done, it stays held until a newer file comes, which is then taken."
        return
    if state.last is not None:
        yield f"Loaded before it: {', '.join(state.last.files)}"
    feeds = (state.feed(part.source.address) for part in job.file.rosters)
    behind = [
        str(file.found) for feed in feeds for file in feed.files if file.state is FileState.SEEN
    ]
    if behind:
        listed = ", ".join((*behind[:_NAMED], *(("…",) if behind[_NAMED:] else ())))
        yield f"{counted(len(behind), 'file')} waiting behind it: {listed}"
    yield "Later files are not loaded until this one is allowed, replaced or skipped."


def what_next(
    job: Job, error: ImporterError, load: Load | None, state: JobMemory, *, passes: bool
) -> Iterator[str]:
    """Yield what a person, or the next run of a job, does about an error that stopped a run.

    `load`: the one that it stopped. Its error names the commands where a guard holds it. `state`
    has the files that are refused, which are skipped together. `passes`: nobody has to act.
    """
    named = _SAME_NAME if job.file.every == "file" else ""
    again, skip = RunJob(str(job.path)), _to_skip(job, state)
    send = f"the office to send the file again{named}."
    of_file = load is not None and error.cause in OF_FILES
    office = (f"Ask {send} The next run of the job takes it.", skip)
    if isinstance(error, WrongFileError):
        yield skip
    elif isinstance(error, MisfitError):
        yield from (*office, *_mapping(job, state))
    elif of_file and error.cause is Cause.EITHER:
        yield from (*_mapping(job, state), f"If the mapping is right, ask {send} {skip}")
    elif of_file:
        yield from office
    elif error.exit in {Exit.USAGE, Exit.ACCESS} or error.cause is Cause.MAPPING:
        of_mapping = error.cause is Cause.MAPPING and load is not None
        if of_mapping:
            yield "The mapping is wrong, not the file: the office need not send it again."
        yield pasted(again, "When this is corrected")
        if of_mapping:
            yield from _changed(job, state)
        if error.exit is Exit.ACCESS:
            of_alma = isinstance(error, StepError)
            yield pasted(Do.TEST_SETUP if of_alma else CheckJob(str(job.path)), "Before that")
    elif error.exit is Exit.BUG:
        yield f"To report it, also send what this prints:\n  {command_line('doctor', '--json')}"
    if error.exit not in {Exit.SAFETY_CHECK, Exit.ACCESS, Exit.ROSTER, Exit.USAGE}:
        then = "continues" if load is not None else "tries again"
        if passes:
            yield "Nothing needs to be done, unless this is reported again."
        elif error.cause is Cause.PASSES:
            yield "This was expected to pass by itself, and has not."
        yield f"The next run of the job {then}. {pasted(again, 'If it is to be earlier')}"


def _to_skip(job: Job, state: JobMemory) -> str:
    """Return how to continue without the files that are refused."""
    feeds = state.feeds.values()
    names = (file.name for feed in feeds for file in feed.files if file.state is FileState.REFUSED)
    refused = [*dict.fromkeys(names)]  # a file that replaced another may be refused, too
    several = len(refused) > 1
    when = f"To continue without {word_list(refused) if several else 'it'}"
    only = "\nTo skip only one, also type its name behind that of the job." if several else ""
    return f"{pasted(SkipFiles(str(job.path)), when)}{only}"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What is reported about one thing: a sentence for the headline, and lines of the text."""

    headline: str = ""
    lines: tuple[str, ...] = ()


def to_retire(load: Load) -> Paragraph:
    """Return what to do with the users whom a plan lists for Alma's own jobs; blank without any."""
    users = of_run(load.run, lambda ledger: len(members(ledger)) if ledger.facts.lists else 0, 0)
    if not users:
        return Paragraph()
    lines = (
        f"They are listed in {Path(load.run) / wording.SET}",
        "In Alma, create an itemized set of users from it (Admin > Manage Jobs and Sets).",
        "Then run Purge User Records on the set.",
    )
    return Paragraph(f"{counted(users, 'user')} to retire with a job of Alma.", lines)


def workbooks(run: str) -> dict[int, Path]:
    """Return the workbook of each roster of a run with rows to correct or decide, by its position.

    None where the run was purged.
    """

    def of_rosters(ledger: Ledger) -> dict[int, Path]:
        view = RunView(ledger, summarize(ledger))
        names = open_workbooks(view, (path.name for path in present(ledger.folder)))
        return {roster: ledger.folder / name for roster, name in names.items()}

    return of_run(run, of_rosters, {})


def delivered_as(workbook: Path) -> str:
    """Return the name of a workbook of a run in `rejects_to`, which no other one has."""
    return f"{workbook.parent.name}-{workbook.name}"


def to_correct(job: Job, load: Load) -> Iterator[str]:
    """Yield where the rows of a load are that need a person, and what to do with them."""
    for roster, book in workbooks(load.run).items():
        yield f"To correct or decide: {book}"
        yield from reasons(load.run, roster)
        if (name := delivered_as(book)) in load.handed_over:
            yield f"The office has this workbook in {job.file.rejects_to}, as {name}."
        if load.planned.review or load.planned.held:
            yield "Where a row needs review, choose a Decision in the workbook."
        if load.planned.refused:
            yield "Where Alma refused a row, the workbook has Alma's reason."
        if load.planned.to_correct:
            yield "Ask the office to correct this in its next file, or correct it."
        with Ledger.open(book.parent) as ledger:
            action = wording.again("plan", ledger.facts, {roster: str(book)})
            yield f"Then run:\n  {as_command(action)}"
        yield "This writes nothing yet, and shows the command that applies the plan."


def not_loaded_by_alma(load: Load) -> Paragraph:
    """Return what is reported about rows that Alma's SIS load has left; blank without any."""
    counts = {
        run: of_run(run, lambda ledger: ledger.progress().get(RowState.DELIVERED, 0), 0)
        for run in load.unseen
    }
    if not any(counts.values()):
        return Paragraph()
    lines = (
        "See in Alma (Monitor Jobs, History) whether its SIS load ran. If it did, export the "
        "rejected users from its report, and name that file in place of REPORT:",
        *(
            f"  {command_line('sis-report', run, 'REPORT')}"
            for run, count in counts.items()
            if count
        ),
    )
    left = wording.rows(sum(counts.values()))
    return Paragraph(f"Alma does not show {left} that were delivered before.", lines)


def waits(job: Job, load: Load) -> bool:
    """Whether a person applies the plan of a load."""
    return job.file.do == "plan" and bool(load.planned.create or load.planned.update)


def what_was_done(job: Job, load: Load, state: JobMemory) -> Paragraph:
    """Return what is reported about a load that is done: what was done, then what is to do."""
    summary, retire, missed = load.planned, to_retire(load), not_loaded_by_alma(load)
    written, *others = wording.sentences_of(summary)
    rosters = of_run(load.run, lambda ledger: ledger.facts.rosters, ())
    if load.delivered:
        written = "A file for Alma's SIS load was delivered."
    elif summary.updated and {mapping.retires for _, mapping in rosters} == {"expire"}:
        written = f"{counted(summary.updated, 'membership')} ended."
    elif retire.headline and not (summary.create or summary.update):
        written = ""  # that nothing would be
    waiting = "A plan waits to be applied." if waits(job, load) else ""
    told = (missed.headline, retire.headline, waiting, written, *others)
    lines = [*load.lines, *state.superseded]
    lines += [str(did) for did in state.decisions if did.checks and did.run == load.run]
    lines += [wording.every_row(summary), *wording.about_people(summary)]
    if job.file.guards.rows.number is not None and summary.patrons < state.largest:
        lines.append(f"{how_many_fewer(summary.patrons, state)}.")
    if load.delivered:
        lines += [f"Delivered to {job.file.deliver_to}: {name}" for name in load.delivered]
        lines.append("Alma loads it when its SIS profile runs next.")
        if summary.exit == Exit.DONE and not missed.headline:
            lines[-1] += " Nothing needs to be done."
    lines += (*to_correct(job, load), *load.trouble, *missed.lines, *retire.lines)
    if load.delivered:
        lines.append(pasted(SisReport(load.run)))
    if waiting:
        lines += [f"Look at {load.run}/report.html. If it is right, run:"]
        lines += [f"  {command_line(*load.to_apply)}"]
    return Paragraph(" ".join(filter(None, told)), tuple(lines))
