"""What a person decides about a load that is held, or about a file that is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from importer.errors import Cause, Exit, ImporterError, UsageError
from importer.jobs.commands import OF_FILES, TO_CORRECT
from importer.jobs.feed import Feed, FileState, WrongFileError
from importer.jobs.schema import Job
from importer.jobs.state import Decision, Load, Step, Store
from importer.ledger.ledger import Ledger
from importer.model.problem import CATALOGUE, Code
from importer.model.run import Summary
from importer.model.text import command_line, counted, word_list
from importer.report.wording import SET, headline

_SAME_NAME = " under the same name"
"""How a file is replaced where a job loads every file, the oldest first."""

REASON = "your reason"
"""What stands for the reason in a command; a person replaces it."""


def allowing(job: Path, load: Load) -> str:
    """Return the command that lets a held load pass, and no other."""
    checks = dict.fromkeys(guard.name for guard in load.held)
    return command_line("job", "allow", str(job), *checks, "--why", REASON, "--run", load.run)


def running(job: Path) -> str:
    """Return the command that runs a job once."""
    return command_line("job", "run", str(job))


def skipping(job: Path, held: Load | None) -> str:
    """Return the command that skips the files of a held load, or else those that are refused."""
    run = ("--run", held.run) if held is not None else ()
    return command_line("job", "skip", str(job), "--why", REASON, *run)


def reasons(plan: Summary) -> Iterator[str]:
    """Yield what is wrong with rows that a person has to see, by kind of problem; never a value."""
    kinds = ((CATALOGUE[Code(code)], count) for code, count in plan.problems.items())
    if wrong := [f"{kind.title} ({count:,})" for kind, count in kinds if kind.severity.holds]:
        yield f"Problems: {'; '.join(wrong)}"


def to_retire(load: Load) -> Iterator[str]:
    """Yield what to do with the users whom a plan lists for Alma's own jobs, if there are any."""
    path = Path(load.run) / SET
    users = len(path.read_text("utf-8").splitlines()) - 1 if path.is_file() else 0
    if users:
        yield f"{counted(users, 'user')} to retire in Alma."
        yield f"In Alma, create an itemized set of users from {path}"
        yield "(Admin > Manage Jobs and Sets). Then run Purge User Records on the set."


def why_held(job: Job, load: Load) -> Iterator[str]:
    """Yield why a load is held, and what a person can do."""
    delivers = f"puts the file for Alma's SIS load into {job.file.deliver_to}"
    then = {"plan": "reports the plan, and writes nothing to Alma", "apply": "loads it"}
    names = word_list(list(dict.fromkeys(guard.name for guard in load.held)))
    yield f"The load is held ({names}): nothing was written."
    yield from load.lines
    yield from (guard.sentence for guard in load.held)
    yield f"The plan: {headline(load.planned)}"
    yield from reasons(load.planned)
    yield f"Look at {load.run}/report.html. If it is right, run:"
    yield f"  {allowing(job.path, load)}"
    yield f"The next run of the job then {then.get(job.file.do, delivers)}."
    yield f"If the mapping is wrong, correct it, then run:\n  {running(job.path)}"
    named = _SAME_NAME if job.file.every == "file" and load.corrects is None else ""
    if {guard.name for guard in load.held} != {"mapping"}:
        yield f"If the file is wrong, ask the office for another one{named}, which is then taken."
    if named:
        yield "Later files wait until this one is allowed, replaced or skipped."
    yield f"To continue without it, run:\n  {skipping(job.path, load)}"


def what_next(job: Job, error: ImporterError, load: Load | None) -> Iterator[str]:
    """Yield what a person, or the next run of a job, does about an error that stopped a run.

    `load`: the one that it stopped. Its error names the commands where a guard holds it.
    """
    named = _SAME_NAME if job.file.every == "file" else ""
    again = f"the office to send the file again{named}."
    skip = f"To continue without it, run:\n  {skipping(job.path, None)}"
    of_file = load is not None and load.corrects is None and error.cause in OF_FILES
    of_both = of_file and error.cause is Cause.EITHER
    if isinstance(error, WrongFileError):
        yield skip
    elif of_both or error.exit in {Exit.USAGE, Exit.ACCESS} or error.cause is Cause.MAPPING:
        yield f"When this is corrected, run:\n  {running(job.path)}"
        if of_both:
            yield f"If the mapping is right, ask {again} {skip}"
    elif of_file:
        yield from (f"Ask {again}", skip)
    elif load is not None and error.exit is Exit.ROSTER:
        yield f"Ask the office to save the workbook in {job.file.rejects_to} again."
    elif error.exit is Exit.BUG:
        file = command_line("doctor", "--bundle", "bundle.json")
        yield from ("To report it, also send the file that this command writes:", f"  {file}")
    if error.exit not in {Exit.SAFETY_CHECK, Exit.ACCESS, *TO_CORRECT}:
        then = "continues" if load is not None else "tries again"
        yield f"The next run of the job {then}. To run it earlier, type:\n  {running(job.path)}"


def _check_meant(job: Job, held: Load | None, run: str) -> None:
    """Raise UsageError where a person decides about another load than the one that is held."""
    if run and held is None:
        msg = f"{run} is not held any more. See: {command_line('job', 'list')}"
        raise UsageError(msg)
    if held is not None and run and Path(run).name != Path(held.run).name:
        msg = "\n".join((f"{run} is not held any more. Now held:", *why_held(job, held)))
        raise UsageError(msg)


def _reason(why: str) -> str:
    """Return a reason in one line. Raises UsageError where it is blank."""
    if not (text := " ".join(why.split())):
        msg = "--why is blank. Type the reason, for the history of the job."
        raise UsageError(msg)
    return text


def allow(job: Job, checks: Sequence[str], run: str, who: str, why: str, now: datetime) -> Decision:
    """Let the load that is held pass in the next run of the job; return the decision.

    `checks` are the guards to allow; without any, all that hold the load. `run`: the run that a
    person looked at, "" for whichever is held. Rows that are resolved later are not allowed: the
    job then plans again. Raises UsageError where nothing is held, or another run, or not by these
    guards; LedgerError where the job is running.
    """
    store = Store(job.name)
    with store.locked():
        store.state = store.read()
        load = store.state.open
        if load is None or load.step is not Step.HELD:
            msg = f"No load of the job {job.name} is held by a guard."
            raise UsageError(msg)
        _check_meant(job, load, run)
        held = tuple(dict.fromkeys(guard.name for guard in load.held))
        if unknown := [name for name in checks if name not in held]:
            msg = f"{unknown[0]} does not hold the load. It is held by: {word_list(held)}."
            raise UsageError(msg)
        names = tuple(checks) or held
        files = tuple(map(str, load.files))
        decision = Decision(
            at=now, who=who, why=_reason(why), checks=names, files=files, run=load.run
        )
        allowed = tuple(sorted({*load.allowed, *names}))
        seal = ""
        with suppress(UsageError), Ledger.open(Path(load.run)) as ledger:
            seal = ledger.value("seal") or ""  # else it was purged, and is planned again
        passing = load.model_copy(update={"step": Step.PLANNED, "allowed": allowed, "seal": seal})
        store.state = store.state.with_decision(decision, open=passing)
        store.save()
    return decision


def skip(job: Job, run: str, who: str, why: str, now: datetime) -> Decision:
    """Skip the files that are held or refused, for ever; return the decision.

    The next run of the job puts them aside. `run`: of the held load whose files are meant, "" for
    the files that are refused: nobody skips a load without having seen its run. Raises UsageError
    where there is none, or another run is held, LedgerError where the job is running.
    """
    store = Store(job.name)
    with store.locked():
        store.state = store.read()
        load, feeds, skipped = store.state.open, dict[str, Feed](), list[str]()
        held = load if load is not None and load.step is Step.HELD else None
        _check_meant(job, held, run)
        meant = held if run else None
        of_load = [file.found for file in meant.files] if meant is not None else []
        state = FileState.REFUSED if meant is None else FileState.HELD
        for address, feed in store.state.feeds.items():
            files = [
                file
                for file in feed.files
                if file.state is state and (meant is None or file.found in of_load)
            ]
            feeds[address] = feed.marked(files, FileState.SKIPPED, now)
            skipped += [str(file.found) for file in files]
        if meant is not None and meant.corrects is not None:
            skipped += map(str, meant.files)
        if not skipped:
            msg = f"No file of the job {job.name} is held or refused."
            if held is not None:
                msg = "\n".join(("--run is missing. Now held:", *why_held(job, held)))
            raise UsageError(msg)
        of_run = meant.run if meant is not None else ""
        decision = Decision(at=now, who=who, why=_reason(why), files=tuple(skipped), run=of_run)
        changes = {"feeds": feeds, "open": None if meant is not None else load}
        store.state = store.state.with_decision(decision, **changes)
        store.save()
        store.remove_copies(meant.files if meant is not None else ())
    return decision
