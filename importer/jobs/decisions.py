"""What a person decides about a load that is held, or about a file that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from importer.errors import UsageError
from importer.jobs.feed import Feed, FileState
from importer.jobs.schema import Job
from importer.jobs.state import Decision, Load, State, Step, Store
from importer.jobs.words import why_held
from importer.ledger.ledger import Ledger
from importer.model.text import command_line, word_list


def _check_meant(job: Job, held: Load | None, run: str, state: State) -> None:
    """Raise UsageError where a person decides about another load than the one that is held."""
    if run and held is None:
        msg = f"{run} is not held any more. See: {command_line('job', 'list')}"
        raise UsageError(msg)
    if held is not None and run and Path(run).name != Path(held.run).name:
        msg = "\n".join((f"{run} is not held any more. Now held:", *why_held(job, held, state)))
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
        _check_meant(job, load, run, store.state)
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
        _check_meant(job, held, run, store.state)
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
        returned = dict(store.state.returned)
        if meant is not None:
            skipped = [*map(str, of_load)]  # also what is not remembered, such as corrections
            for file in meant.files if meant.corrects is not None else ():
                if one := returned.get(file.name):
                    returned[file.name] = one.model_copy(update={"skipped": file.sha256})
        if not skipped:
            msg = f"No file of the job {job.name} is held or refused."
            if held is not None:
                now_held = why_held(job, held, store.state)
                msg = "\n".join(("--run is missing. Now held:", *now_held))
            raise UsageError(msg)
        of_run = meant.run if meant is not None else ""
        decision = Decision(at=now, who=who, why=_reason(why), files=tuple(skipped), run=of_run)
        open_now = None if meant is not None else load
        changes = {"feeds": feeds, "open": open_now, "returned": returned}
        store.state = store.state.with_decision(decision, **changes)
        store.save()
        store.remove_copies(meant.files if meant is not None else ())
    return decision
