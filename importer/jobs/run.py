"""Run a job: finish the open load first, then pick up the newest file and load it.

Each step is saved before the next one starts, and can be taken again: a plan only reads, `apply`
continues its run, a file is delivered under the same name. So a job that is killed anywhere loads
each file once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from importer.errors import (
    FINE,
    Exit,
    ImporterError,
    LedgerError,
    PlaceError,
    RosterError,
    StalePlanError,
    UsageError,
)
from importer.jobs.commands import StepError, Tools
from importer.jobs.feed import (
    Feed,
    MissingFileError,
    in_one_line,
    opened,
    pick_up,
    put_aside,
    put_away,
    superseded,
)
from importer.jobs.guards import FailedGuard, cut_off, failed_guards
from importer.jobs.notify import Level, Message, Reporter
from importer.jobs.places import FoundFile, RosterFolder
from importer.jobs.schema import Guards, Job, RosterPart
from importer.jobs.state import LastLoad, Load, State, Step, Store
from importer.ledger.ledger import Ledger
from importer.model.files import unused
from importer.model.plan import SafetyCheck
from importer.model.run import Summary
from importer.model.text import command_line
from importer.pipeline.inputs import check_sources
from importer.report import wording

GUARDS = tuple(dict.fromkeys((*Guards.model_fields, *SafetyCheck)))
"""What `--allow` lets pass: guards of the job and safety checks of the mapping."""

DEFECT = "The importer has a defect. Its place is in the log of the job."


class JobRun:
    """One run of a job."""

    def __init__(self, job: Job, tools: Tools, allowed: frozenset[str] = frozenset()) -> None:
        """Prepare it; `allowed` are the guards and safety checks that may fail in a held load."""
        self._job = job
        self._tools = tools
        self._allowed = allowed
        self._store = Store(job.name)
        self._state = State()
        self._loaded = False
        self._reporter = Reporter(job.name, job.file.notify, tools.say)

    @property
    def messages(self) -> list[Message]:
        """What it reported: one message for each load, or for trouble."""
        return self._reporter.messages

    def run(self) -> Exit:
        """Run the job once, and report everything that happened.

        Raises LedgerError where another run of it is active, UsageError where nothing is held.
        """
        with self._store.locked():
            try:
                self._state = self._store.read()
            except LedgerError as error:
                self._reporter.trouble(error, None, self._tools.now())
                self._reporter.ping("fail")
                raise
            held = self._state.open is not None and self._state.open.step is Step.HELD
            if self._allowed and not held:
                msg = "Nothing is held by a guard. Run the job without --allow."
                raise UsageError(msg)
            self._reporter.ping("start")
            try:
                code = Exit.worst(set(self._loads(held=held)))
            except Exception:
                with suppress(Exception):  # the defect itself is what is reported
                    self._report_trouble(StepError(Exit.BUG, DEFECT))
                self._reporter.ping("fail")
                raise
            self._reporter.ping("end" if code in FINE else "fail")
            return code

    def _loads(self, *, held: bool) -> Iterator[Exit]:
        """Finish the open load, then load a new file; yield the exit code of each."""
        load = self._state.open
        if load is not None and (self._allowed or not held):
            reported_late = load.step is Step.PUT_AWAY
            code = self._load(load, last_attempt=reported_late)
            yield code
            if self._allowed or not (code in FINE or reported_late):
                return
        try:
            new = self._pick_up()
        except ImporterError as error:
            yield self._report_trouble(error)
            return
        if new is None:
            self._save(reported=None)
            yield self._report_nothing_new()
        else:
            self._save(open=new)
            yield self._load(new)

    # --- pick up ---

    def _pick_up(self) -> Load | None:
        """Return a new load, or the held one again; None where there is nothing new."""
        now, last, held = self._tools.now, self._state.last, self._state.open
        stamp, files = f"{now():%Y-%m-%dT%H%M%S}", []
        missing = []
        for number, part in enumerate(self._job.file.rosters, 1):
            folder = unused(self._store.folder / f"{stamp}-{number}")
            try:
                with opened(part.source, self._job.login(part.source)) as place:
                    old = self._supersede(part, place, stamp)
                    files.append(pick_up(part, place, old, folder, now, self._tools.sleep))
            except ImporterError as error:
                recent = last and part.max_age and now() - last.finished < part.max_age
                if not (isinstance(error, MissingFileError) and (self._loaded or recent)):
                    shutil.rmtree(folder, ignore_errors=True)
                    self._store.remove_copies(files)
                    raise
                missing.append(error)
        if missing:
            self._store.remove_copies(files)
            if new := [file for file in files if last is None or file.sha256 not in last.hashes]:
                msg = f"{new[0].name} waits, as the rosters of a job are loaded together."
                msg = f"{msg} {missing[0]}"
                raise RosterError(msg)
            return None
        load = Load(stamp=stamp, files=tuple(files))
        if last is not None and load.hashes == last.hashes:
            self._store.remove_copies(load.files)
            self._save(feeds=self._feeds_after(load))
            for sentence in self._put_away(load):
                self._tools.say(sentence)
            return None
        if held is not None and held.hashes == load.hashes:
            self._store.remove_copies(load.files)
            return held
        return load

    # --- one load, step by step ---

    def _load(self, load: Load, *, last_attempt: bool = False) -> Exit:
        """Take the steps that are left, report the result, and close the load.

        Where the result cannot be reported, the next run tries once more.
        """
        steps = {
            Step.PICKED_UP: self._plan,
            Step.PLANNED: self._act,
            Step.HELD: self._allow,
            Step.DONE: self._finish,
        }
        try:
            load = self._still_valid(load)
            while load.step is not Step.PUT_AWAY:
                load = steps[load.step](load)
                self._save(open=load)
        except ImporterError as error:
            if load.step is Step.PICKED_UP:  # nothing was done, and the next file may be right
                self._store.remove_copies(load.files)
            if load.step is Step.PICKED_UP or error.exit is Exit.STALE:
                self._save(open=None)
            return self._report_trouble(error)
        message = self._result(load)
        notified, all_have = self._reporter.send(message, load.notified)
        if not (all_have or last_attempt):
            self._save(open=load.model_copy(update={"notified": notified}))
            return Exit.worst({message.exit, Exit.STOPPED})
        self._save(open=None, reported=None, superseded=())
        self._loaded = True
        self._purge()
        return message.exit if all_have else Exit.worst({message.exit, Exit.STOPPED})

    def _still_valid(self, load: Load) -> Load:
        """Return the load, to be planned again where its plan is gone or of another mapping.

        What is delivered in part is continued; for one that is applied in part, `apply` decides.
        """
        if load.step not in {Step.PLANNED, Step.HELD} or load.delivered:
            return load
        try:
            with Ledger.open(Path(load.run)) as ledger:
                if not ledger.was_applied:
                    check_sources(ledger.facts)
                facts = ledger.facts
        except (UsageError, StalePlanError) as error:
            self._tools.say(f"{error} The roster is planned again.")
            return load.to_plan_again
        made = (facts.command, [Path(mapping.typed) for _, mapping in facts.rosters])
        wanted = (self._planning, [part.mapping for part in self._job.file.rosters])
        lacks_zip = self._planning == "check" and not all(map(os.path.isfile, load.zips or ("",)))
        return load.to_plan_again if made != wanted or lacks_zip else load

    @property
    def _planning(self) -> str:
        """The command that plans: the SIS load is only checked."""
        return "check" if self._job.file.do == "sis-zip" else "plan"

    def _plan(self, load: Load) -> Load:
        """Plan the rosters, or check them for the SIS load and write its zip."""
        if len(load.files) != len(self._job.file.rosters):
            msg = "The job has other rosters than when it picked up its files. The next run picks "
            msg += "them up again."
            raise StepError(Exit.STOPPED, msg)
        words: list[str] = []
        for file, part in zip(load.files, self._job.file.rosters, strict=True):
            words += (file.copied_to, "-m", str(part.mapping))
        folder = unused(Path("runs") / f"{load.stamp[:15]}-{self._job.name}")
        ended = self._tools.command(self._planning, *words, "-o", str(folder), "--json")
        summary = ended.result
        self._check_complete(load, summary)
        zips = self._write_zips(load) if self._planning == "check" else ()
        planned = {"step": Step.PLANNED, "run": summary.run, "summary": summary, "zips": zips}
        return load.model_copy(update=planned)

    def _write_zips(self, load: Load) -> tuple[str, ...]:
        """Write the zip of the SIS load at once, so that it contains what was checked."""
        folder = Path(tempfile.mkdtemp(prefix=f"{load.stamp}-zip-", dir=self._store.folder))
        out = folder / f"{self._job.name}-{load.stamp}.zip"
        mapping, file = self._job.file.rosters[0].mapping, load.files[0].copied_to
        words = ("convert", file, "-m", str(mapping), "--to", "sis-xml", "-o", str(out))
        _ = self._tools.command(*words, "--json").result
        return tuple(str(path) for path in sorted(folder.iterdir()))

    def _check_complete(self, load: Load, plan: Summary) -> None:
        """Raise RosterError where a file has no people, or ends in the middle of a row."""
        if not plan.patrons:
            msg = f"The file {load.files[0].name} has no people. Ask the office to send it again."
            raise RosterError(msg)
        if cut := cut_off(load.files, plan, self._state.last):
            msg = f"The file {cut} is cut off: it ends in the middle of a row. Ask the office "
            msg += "to send it again."
            raise RosterError(msg)

    def _act(self, load: Load) -> Load:
        """Do what the job does with a plan, unless a guard holds it."""
        plan = _required(load.summary)
        failed = [
            guard
            for guard in failed_guards(self._job.file.guards, plan, self._state.last)
            if guard.name not in load.allowed
        ]
        if failed:
            self._save(open=load.model_copy(update={"step": Step.HELD}))
            raise StepError(Exit.SAFETY_CHECK, self._held(failed, load))
        if self._job.file.do == "apply" and (plan.create or plan.update):
            load = self._apply(load)
        elif self._job.file.do == "sis-zip":
            load = self._deliver(load)
        if load.step is Step.PICKED_UP:  # planned again
            return load
        load = load.model_copy(update={"step": Step.DONE})
        last = LastLoad(
            finished=self._tools.now(),
            hashes=load.hashes,
            complete=tuple(file.complete for file in load.files),
            rows=_required(load.summary).patrons,
            run=load.run,
        )
        self._save(open=load, last=last, feeds=self._feeds_after(load))
        return load

    def _feeds_after(self, load: Load) -> dict[str, Feed]:
        """Return what is known of the rosters' files after a load."""
        addresses = (part.source.address for part in self._job.file.rosters)
        files = zip(addresses, load.files, strict=False)
        loaded = {address: self._state.feed(address).after_loading(file) for address, file in files}
        return self._state.feeds | loaded

    def _held(self, failed: list[FailedGuard], load: Load) -> str:
        allow = _allowing(dict.fromkeys(guard.name for guard in failed))
        return "\n".join(
            (
                "The load is held: nothing was written.",
                *_files(load),
                *(guard.sentence for guard in failed),
                f"Look at {load.run}/report.html. If it is right, run:",
                f"  {command_line('job', 'run', str(self._job.path), *allow)}",
            )
        )

    def _allow(self, load: Load) -> Load:
        """Let the guards pass that a person allowed."""
        names = tuple(sorted(self._allowed))
        return load.model_copy(update={"step": Step.PLANNED, "allowed": names})

    def _apply(self, load: Load) -> Load:
        """Apply the plan, or continue with it; plan again where it is stale."""
        checks = _allowing(check for check in SafetyCheck if check in load.allowed)
        ended = self._tools.command("apply", load.run, "--yes", "--json", *checks)
        if ended.exit is Exit.STALE and not load.planned_again:
            self._tools.say(f"{ended.error} The roster is planned again.")
            return load.to_plan_again.model_copy(update={"planned_again": True})
        return load.model_copy(update={"summary": ended.result})

    def _deliver(self, load: Load) -> Load:
        """Put the zip of the SIS load where Alma reads it."""
        location = self._job.file.deliver_to
        if location is None:  # pragma: no cover  the schema requires it
            raise AssertionError
        with opened(location, self._job.login(location)) as place:
            for path in map(Path, load.zips):
                if path.name in load.delivered:
                    continue
                there = {file.name: file.size for file in place.files()}
                if there.get(path.name) != path.stat().st_size:
                    place.put(path, path.name)
                load = load.model_copy(update={"delivered": (*load.delivered, path.name)})
                self._save(open=load)
        return load

    def _finish(self, load: Load) -> Load:
        return load.model_copy(update={"step": Step.PUT_AWAY, "trouble": self._put_away(load)})

    def _put_away(self, load: Load) -> tuple[str, ...]:
        """Rename or delete the picked-up files and older ones; return why this was not possible."""
        trouble = []
        for part, file in zip(self._job.file.rosters, load.files, strict=False):
            try:
                with opened(part.source, self._job.login(part.source)) as place:
                    put_away(part, place, file, load.stamp)
                    self._supersede(part, place, load.stamp)
            except ImporterError as error:
                trouble.append(str(error))
        return tuple(trouble)

    def _supersede(self, part: RosterPart, place: RosterFolder, stamp: str) -> list[FoundFile]:
        """Put files aside that are older than the last load, and remember to report new ones.

        Return those that are superseded and may still be there.
        """
        feed = self._state.feed(part.source.address)
        old, new = superseded(part, place, feed, self._store.folder)
        if new and feed.last is not None:
            feeds = {**self._state.feeds, part.source.address: feed.after_superseding(new)}
            sentence = in_one_line(new, feed.last)
            self._save(feeds=feeds, superseded=(*self._state.superseded, sentence))
        try:
            put_aside(part, place, old, stamp)
        except PlaceError as error:
            self._tools.say(str(error))
        return old

    # --- results ---

    def _result(self, load: Load) -> Message:
        """Return the message about a load that is done."""
        summary = _required(load.summary)
        code = Exit.worst({Exit(summary.exit), *((Exit.STOPPED,) if load.trouble else ())})
        written = summary.written if summary.created is not None else 0
        planned = self._job.file.do == "plan" and bool(summary.create or summary.update)
        if code is not Exit.DONE:
            level = Level.TROUBLE
        else:
            level = Level.CHANGES if written or planned or load.delivered else Level.NOTHING
        lines = [*_files(load), *self._state.superseded, f"Run: {load.run}"]
        lines += [f"Delivered: {name}" for name in load.delivered]
        if planned:
            lines += ["To apply the plan, run:", f"  {command_line('apply', load.run)}"]
        elif summary.to_correct or summary.review or code is Exit.REFUSED:
            lines += [f"The rows that need a person are in {load.run}/rejects.xlsx."]
        lines += load.trouble
        return self._reporter.message(level, code, wording.headline(summary), lines, load)

    def _report_nothing_new(self) -> Exit:
        """Report a run without a load; a file that came too late needs a person."""
        late = self._state.superseded
        level = Level.TROUBLE if late else Level.NOTHING
        message = self._reporter.message(level, Exit.DONE, "There is nothing new to load.", late)
        _, all_have = self._reporter.send(message)
        if not late:
            return Exit.DONE
        if all_have:
            self._save(superseded=())
        return Exit.DONE if all_have else Exit.STOPPED

    def _report_trouble(self, error: ImporterError) -> Exit:
        """Report why a run stopped, and files that were superseded."""
        reported, all_have = self._reporter.trouble(
            error,
            self._state.reported,
            self._tools.now(),
            self._state.superseded,
            self._state.open,
        )
        late = () if all_have else self._state.superseded
        self._save(reported=reported, superseded=late)
        return error.exit

    # --- files ---

    def _save(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)
        self._store.write(self._state)

    def _purge(self) -> None:
        """Delete runs and picked-up files that are older than the job keeps them."""
        keep = self._job.file.keep
        if keep is None:
            return
        self._tools.command("purge", "--older-than", f"{keep.days}d", "--yes")
        self._store.remove_copies_before(self._tools.now() - keep)


def _allowing(names: Iterable[str]) -> list[str]:
    """Return the options that let these guards and safety checks pass."""
    return [word for name in names for word in ("--allow", name)]


def _files(load: Load) -> list[str]:
    return [f"File: {file}" for file in load.files]


def _required(summary: Summary | None) -> Summary:
    if summary is None:  # pragma: no cover  a planned load has one
        raise AssertionError
    return summary
