"""What a person decides about a load that is held, or about a file that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from importer.errors import UsageError
from importer.jobs.feed import Feed, FileState
from importer.jobs.schema import Job
from importer.jobs.state import Decision, Load, Step, Store
from importer.model.text import command_line, word_list

REASON = "your reason"
"""What stands for the reason in a command; a person replaces it."""


def allowing(job: Path, load: Load) -> str:
    """Return the command that lets a held load pass."""
    checks = dict.fromkeys(guard.name for guard in load.held)
    return command_line("job", "allow", str(job), *checks, "--why", REASON)


def skipping(job: Path) -> str:
    """Return the command that skips the files that are held or refused."""
    return command_line("job", "skip", str(job), "--why", REASON)


def _reason(why: str) -> str:
    """Return a reason in one line. Raises UsageError where it is blank."""
    if not (text := " ".join(why.split())):
        msg = "--why is blank. Type the reason, for the history of the job."
        raise UsageError(msg)
    return text


def allow(job: Job, checks: Sequence[str], who: str, why: str, now: datetime) -> Decision:
    """Let the load that is held pass in the next run of the job; return the decision.

    `checks` are the guards to allow; without any, all that hold the load. Raises UsageError where
    nothing is held, or not by these guards; LedgerError where the job is running.
    """
    store = Store(job.name)
    with store.locked():
        store.state = store.read()
        load = store.state.open
        if load is None or load.step is not Step.HELD:
            msg = f"No load of the job {job.name} is held by a guard."
            raise UsageError(msg)
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
        passing = load.model_copy(update={"step": Step.PLANNED, "allowed": allowed})
        store.state = store.state.with_decision(decision, open=passing)
        store.save()
    return decision


def skip(job: Job, who: str, why: str, now: datetime) -> Decision:
    """Skip the files that are held or refused, for ever; return the decision.

    The next run of the job puts them aside. Raises UsageError where there is none, LedgerError
    where the job is running.
    """
    store = Store(job.name)
    with store.locked():
        store.state = store.read()
        load, feeds, skipped = store.state.open, dict[str, Feed](), list[str]()
        held = load if load is not None and load.step is Step.HELD else None
        for address, feed in store.state.feeds.items():
            files = [f for f in feed.files if f.state in {FileState.HELD, FileState.REFUSED}]
            feeds[address] = feed.marked(files, FileState.SKIPPED, now)
            skipped += [str(file.found) for file in files]
        if held is not None and held.corrects is not None:
            skipped += map(str, held.files)
        if not skipped:
            msg = f"No file of the job {job.name} is held or refused."
            raise UsageError(msg)
        run = held.run if held is not None else ""
        files_skipped = tuple(skipped)
        decision = Decision(at=now, who=who, why=_reason(why), files=files_skipped, run=run)
        changes = {"feeds": feeds, "open": None if held is not None else load}
        store.state = store.state.with_decision(decision, **changes)
        store.save()
        store.remove_copies(held.files if held is not None else ())
    return decision
