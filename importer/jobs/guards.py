"""Guards: what an unattended load may do, and what a person decides about one that is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from importer.advice import Do, SkipFiles
from importer.errors import UsageError
from importer.jobs.feed import Feed, FileState, PickedFile
from importer.jobs.schema import GuardName, Guards, Job, Limit
from importer.jobs.state import (
    DoneLoad,
    FailedGuard,
    JobMemory,
    Load,
    LoadDecision,
    LoadStep,
    Store,
    of_run,
)
from importer.jobs.words import allowing, how_many_fewer, people_of
from importer.ledger.ledger import Ledger, RunValue
from importer.model.problem import Code
from importer.model.run import Summary
from importer.model.text import RowId, counted, is_absent, word_list

FEW = 5
"""A percentage never allows fewer than this number of people."""


def failed_guards(job: Job, load: Load, state: JobMemory) -> Iterator[FailedGuard]:
    """Yield the guards that the plan of a load fails, and the safety checks of its mapping.

    Before the first load there is nothing to compare it with.
    """
    guards = job.file.guards
    plan, last = load.planned, state.last
    yield from _few(guards, plan.patrons, state)
    yield from _many(guards, plan)
    yield from _absent(plan, last, guards.absent) if last is not None else ()
    yield from _changed_mapping(load, last) if guards.mapping == "hold" and last is not None else ()
    yield from _earlier(job, load, state) if guards.earlier == "hold" else ()
    with Ledger.open(Path(load.run)) as ledger:
        failed = ledger.failed_checks()
    for guard in failed:
        sentence = f"{guard.sentence} (safety check `{guard.check}` of the mapping)."
        yield FailedGuard(name=guard.check, sentence=sentence)


def _few(guards: Guards, people: int, state: JobMemory) -> Iterator[FailedGuard]:
    """Compare the people of a file with the largest of the last loads."""
    fewest = guards.rows.of(state.largest)
    if state.loads and fewest is not None and people < fewest:
        sentence = f"{how_many_fewer(people, state)}; at least {fewest:,} are expected. It may be "
        sentence += "cut off, or each file may have lost a few people."
        yield FailedGuard(name=GuardName.ROWS, sentence=sentence)


def _many(guards: Guards, plan: Summary) -> Iterator[FailedGuard]:
    """Compare what would happen to the rows with how many there are."""
    whole = plan.patrons
    of_rows = f" of {counted(whole, 'row')}"
    known, name = "may be known in Alma under other IDs.", GuardName
    review, creates = f" Their people {known}", f" They {known}"
    for guard, limit, count, noun, would, why in (
        (name.CREATES, guards.creates, plan.create or 0, " users", "be created", creates),
        (name.REJECTS, guards.rejects, plan.to_correct, of_rows, "be rejected", ""),
        (name.REVIEW, guards.review, plan.review, of_rows, "need review", review),
    ):
        most = _most(limit, whole)
        nobody = (
            count == whole > 0 and guard is not GuardName.CREATES
        )  # however small the roster is
        if most is not None and (count > most or nobody):
            most = min(most, count - 1)
            sentence = f"{count:,}{noun} would {would}; at most {most:,} are expected.{why}"
            yield FailedGuard(name=guard, sentence=sentence)


def _changed_mapping(load: Load, last: DoneLoad) -> Iterator[FailedGuard]:
    """Compare the mappings of the plan with those of the last load, where these are known."""
    before = dict(enumerate(last.meanings))
    now = enumerate(mappings_of(load.run) if before else ())
    if changed := [name for at, (name, meaning) in now if before.get(at) != meaning]:
        sentence = f"The mapping {word_list(changed)} changed since the last load, "
        sentence += f"{last.finished:%Y-%m-%d %H:%M}. See what the new one changes."
        yield FailedGuard(name=GuardName.MAPPING, sentence=sentence)


def mappings_of(run: str) -> list[tuple[str, str]]:
    """Return the name of each mapping of a run, and what it meant when the run was made.

    None where the run cannot be read.
    """
    rosters = of_run(run, lambda ledger: ledger.facts.rosters, ())
    return [(roster.shown, roster.meaning) for _, roster in rosters]


def is_undone(run: str) -> bool:
    """Whether a run was undone, at least in part."""
    return of_run(run, lambda ledger: ledger.undone, ("", False))[0] != ""


def _earlier(job: Job, load: Load, state: JobMemory) -> Iterator[FailedGuard]:
    """Find a file with the content of an earlier one than the last, or of one that was undone.

    Where `from` is written otherwise since, the files of the one before count.
    """
    last, sources = state.last, [part.source.address for part in job.file.rosters]
    if last is not None and last.hashes == load.hashes and is_undone(last.run):
        sentence = f"{load.files[0].name} has the content of the last load, which was undone."
        yield FailedGuard(name=GuardName.EARLIER, sentence=sentence)
    old = [feed for address, feed in state.feeds.items() if address not in sources]
    for source, file in zip(sources, load.files, strict=False):
        if last is not None and file.sha256 in last.hashes:
            continue  # the content of the last load is nothing new
        feeds = [feed for feed in (state.feed(source), *old) if feed.last is not None]
        if before := next(filter(None, (feed.repeats(file) for feed in feeds)), None):
            then = before.found
            sentence = f"{file.name} has the same content as {then}, which was {before.state}. "
            sentence += "Newer files were loaded since, so older values would replace newer ones."
            yield FailedGuard(name=GuardName.EARLIER, sentence=sentence)


def cut_off(files: tuple[PickedFile, ...], plan: Summary, last: DoneLoad | None) -> str:
    """Return the name of a file that ends in the middle of a row; "" where none does."""
    before = last.complete if last is not None else ()
    before = before if len(before) == len(files) else (False,) * len(files)
    cut = (
        file.name
        for number, (file, was_complete) in enumerate(zip(files, before, strict=True))
        if not file.complete and (was_complete or _last_row_is_short(plan, number))
    )
    return next(cut, "")


def _last_row_is_short(plan: Summary, roster: int) -> bool:
    """Whether the last row of a roster, counted from 0, has fewer cells than its headings."""
    if not plan.problems.get(Code.ROW_TOO_SHORT):
        return False
    with Ledger.open(Path(plan.run)) as ledger:
        rows = (
            row
            for row, _ in ledger.fates()
            if RowId.of(row).roster == roster and not is_absent(row)
        )
        return max(rows, default=0) in ledger.rows_with(Code.ROW_TOO_SHORT)


def _most(limit: Limit, whole: int) -> int | None:
    number = limit.of(whole)
    return max(number, FEW) if number is not None and limit.percent else number


def _absent(plan: Summary, last: DoneLoad, limit: Limit) -> Iterator[FailedGuard]:
    """Compare the people of a plan with those of the last load; a check has none.

    People whose row is rejected or needs review are in the file, but not in the plan.
    """
    most, before, now = _most(limit, last.rows), _people(last.run), _people(plan.run)
    if most is None or now is None or (before is None and not now):
        return
    if before is None:
        sentence = (
            f"The run of the last load, {last.run}, was purged or cannot be read, so it is not "
            f"known who of its {people_of(last.rows)} is not in this file, which has "
            f"{people_of(plan.patrons)}."
        )
        yield FailedGuard(name=GuardName.ABSENT, sentence=sentence)
        return
    there = {an_id for ids in now for an_id in ids}
    absent = sum(new not in there for _, new in before) - plan.rejected - plan.review
    if absent > most:
        then = "The load would leave their users in Alma as they are."
        if changed := plan.of_these.absent:
            then = f"The load would change {counted(changed, 'user')} who are not in it (`absent`)."
        sentence = (
            f"{people_of(absent)} of the last load are not in this file; at most {most:,} are "
        )
        yield FailedGuard(name=GuardName.ABSENT, sentence=f"{sentence}expected. {then}")


def _people(run: str) -> set[tuple[str, str]] | None:
    """Return the primary IDs of a plan's people, before and after it; None where it is unknown.

    That is where it was purged or cannot be read.
    """

    def of_people(ledger: Ledger) -> set[tuple[str, str]] | None:
        rows = (row for row in ledger.planned() if row.primary_id and not is_absent(row.row))
        return {(row.primary_id, row.new_id) for row in rows}

    return of_run(run, of_people, None)


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a person says about a load: who, why, when, and with which `run` it is held.

    `run`: the one that the person looked at, "" for whichever is held.
    """

    run: str
    who: str
    why: str
    at: datetime

    def decision(
        self, files: Iterable[str], run: str, checks: tuple[str, ...] = ()
    ) -> LoadDecision:
        """Return the decision, with the reason in one line. Raises UsageError if it is blank."""
        if not (why := " ".join(self.why.split())):
            msg = "--why is blank. Type the reason, for the history of the job."
            raise UsageError(msg)
        return LoadDecision(
            at=self.at, who=self.who, why=why, checks=checks, files=tuple(files), run=run
        )


def _meant(job: Job, run: str, state: JobMemory) -> Load:
    """Return the held load. Raises UsageError if it is not that of the run that a person names."""
    if state.held is not None and Path(run or state.held.run).name == Path(state.held.run).name:
        return state.held
    raise _not_meant(job, run, state)


def _not_meant(job: Job, run: str, state: JobMemory) -> UsageError:
    """Return the error that the load that is held was not named, with what is held."""
    msg = f"{run} is not held any more." if run else "--run is missing."
    if state.held is None:
        return UsageError(msg).advising(Do.LIST_JOBS)
    held = state.held
    why = (f"{msg} Now held:", *held.lines, *(guard.sentence for guard in held.held))
    error = UsageError("\n".join(why)).advising(allowing(job.path, held), "If the load is right")
    return error.advising(SkipFiles(str(job.path), held.run), "If the file is wrong")


def allow(job: Job, checks: Sequence[str], said: Instruction) -> LoadDecision:
    """Let the load that is held pass in the next run of the job; return the decision.

    `checks` are the guards to allow; without any, all that hold the load. Rows that are resolved
    later are not allowed: the job then plans again. Raises UsageError where nothing is held, or
    another run, or not by these guards; LedgerError where the job is running.
    """
    store = Store(job.name)
    with store.locked():
        store.open(job.path)
        if store.state.held is None:
            msg = f"No load of the job {job.name} is held by a guard."
            raise UsageError(msg)
        load = _meant(job, said.run, store.state)
        held = tuple(dict.fromkeys(guard.name for guard in load.held))
        if unknown := [name for name in checks if name not in held]:
            msg = f"{unknown[0]} does not hold the load. It is held by: {word_list(held)}."
            raise UsageError(msg)
        names = tuple(checks) or held
        decision = said.decision(map(str, load.files), load.run, names)
        load.step, load.allowed = LoadStep.PLANNED, tuple(sorted({*load.allowed, *names}))
        # without one, the run was purged, and is planned again
        load.seal = of_run(load.run, lambda ledger: ledger.value(RunValue.SEAL), None) or ""
        store.decide(decision)
    return decision


def skip(job: Job, names: Sequence[str], said: Instruction) -> LoadDecision:
    """Skip the files that are held or refused, for ever; return the decision.

    The next run of the job puts them aside. Without the run of a held load, the files that are
    refused are meant, all of them unless `names` has some: nobody skips a load without having seen
    its run. Raises UsageError where there is none, or another run is held, LedgerError
    where the job is running.
    """
    store = Store(job.name)
    with store.locked():
        store.open(job.path)
        feeds, skipped = dict[str, Feed](), dict[str, str]()
        held = _meant(job, said.run, store.state) if said.run else None
        state = FileState.REFUSED if held is None else FileState.HELD
        of_load = [file.found for file in held.files] if held is not None else []
        for address, feed in store.state.feeds.items():
            files = [
                file
                for file in feed.files
                if file.state is state and (held is None or file.found in of_load)
                and (not names or file.name in names)
            ]  # fmt: skip
            feeds[address] = feed.marked(files, FileState.SKIPPED, said.at)
            skipped |= {str(file.found): file.name for file in files}
        if held is not None:  # a load is skipped whole
            skipped = dict.fromkeys(map(str, of_load), "")
        if unknown := {*names} - {*skipped.values()}:
            msg = f"{word_list(sorted(unknown))} is not refused. Nothing was skipped."
            raise UsageError(msg)
        if not skipped and store.state.held is not None:
            raise _not_meant(job, "", store.state)
        if not skipped:
            msg = f"No file of the job {job.name} is held or refused."
            raise UsageError(msg)
        decision = said.decision(skipped, held.run if held is not None else "")
        store.state.feeds = feeds
        if held is not None:
            store.state.open = None
        store.decide(decision)
        store.remove_copies(held.files if held is not None else ())
    return decision
