"""Run a job: finish the open load first, then pick up the newest file and load it.

Each step is saved before the next one starts, and can be taken again: a plan only reads, `apply`
continues its run, a file is delivered under the same name. So a job that is killed anywhere loads
each file once.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from importer.errors import (
    FINE,
    Cause,
    Exit,
    ImporterError,
    PlaceError,
    RosterError,
    StalePlanError,
    UsageError,
    understood,
)
from importer.files import RUNS, unused
from importer.jobs.commands import OF_FILES, HeldError, MisfitError, StepError, Tools, counts_of
from importer.jobs.feed import FileState, opened
from importer.jobs.guards import cut_off, failed_guards, mappings_of
from importer.jobs.intake import Intake, load_mapping, meanings_of
from importer.jobs.notify import Concern, Message, Reporter, incident
from importer.jobs.schema import Job
from importer.jobs.state import (
    COMPARED,
    DoneLoad,
    JobMemory,
    Load,
    LoadStep,
    Ran,
    Reported,
    RunningError,
    Store,
    of_run,
)
from importer.jobs.words import (
    Paragraph,
    delivered_as,
    to_retire,
    waits,
    was_applied,
    what_next,
    what_was_done,
    why_held,
    workbooks,
)
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.ledger import State as RowState
from importer.model.run import Summary
from importer.model.text import command_line, counted, word_list
from importer.pipeline.runs import list_runs
from importer.pipeline.still_good import check_sources
from importer.report import wording

_DELIVERED = 10
"""Of how many deliveries the job finds out what Alma did with them."""

_PURGED = 100
"""How many runs one command purges: a command line of Windows has a limit."""


def _is_unseen(run: str) -> bool:
    """Whether Alma does not show every row yet that a run delivered; no where it was purged."""
    return of_run(run, lambda ledger: RowState.DELIVERED in ledger.progress(), otherwise=False)


class JobRun:
    """One run of a job; `messages`: what it reported, one for each load, or for trouble."""

    def __init__(self, job: Job, tools: Tools) -> None:
        """Prepare it."""
        self._job = job
        self._tools = tools
        self._store = Store(job.name)
        self._intake = Intake(job, tools, self._store)
        self._loaded = False
        self._told = list[Reported]()  # by this run of the job
        self._delivered: tuple[str, ...] = ()  # before this run of the job
        self._reporter = Reporter(job.name, job.file.notify, tools.say)
        self.messages = self._reporter.messages

    @property
    def _memory(self) -> JobMemory:
        return self._store.state

    def look(self) -> None:
        """Remember which files are there now, so that a run need not wait until they are whole.

        Raises LedgerError where another run of it is active, or the state is damaged.
        """
        with self._store.locked():
            self._store.open(self._job.path)
            self._intake.look()

    def run(self) -> Exit:
        """Run the job once, and report everything that happened.

        Raises RunningError where another run of it is active.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self._store.locked())
                self._store.open(self._job.path)
                self._delivered = self._memory.delivered
            except RunningError:
                raise
            except ImporterError as error:
                self._reporter.unopened(error, self._store, self._tools.now(), ())
                raise
            self._reporter.ping("start")
            try:
                code = Exit.worst({*self._loads(), *self._purge()})
                deciding = (message for message in self.messages if message.exit is code)
                headline = next(
                    (message.headline for message in (*deciding, *self.messages[-1:])), ""
                )
                if code in FINE:
                    self._store.end_incidents()
                self._memory.ran = Ran(
                    at=self._tools.now(),
                    exit=code,
                    headline=headline,
                    file=self._job.sha256,
                    gap=self._job.longest_gap,
                    notify=self._job.file.notify,
                )
                self._store.save()
            except Exception as error:
                shown = understood(error)  # as of a full disk
                told = incident(shown, self._told, self._tools.now())
                if told not in self._told:
                    with suppress(Exception):  # the error itself is what is reported
                        self._report_trouble(shown, self._memory.active, ())
                self._reporter.ping("fail")
                raise
            self._reporter.ping("end" if code in FINE else "fail")
            return code

    def _loads(self) -> Iterator[Exit]:
        """Finish the open load, then load new files; yield each exit code."""
        if (load := self._memory.active) is not None:
            reported_late = load.step is LoadStep.PUT_AWAY
            code = self._load(load, last_attempt=reported_late)
            yield code
            if not (code in FINE or reported_late):
                return
        if self._memory.superseded:  # of a run that could not report them
            yield self._report_late()
        while True:
            try:
                new = self._intake.pick_up(went_on=self._loaded)
            except ImporterError as error:
                yield self._report_trouble(error, None, self._not_loaded(None))
                return
            if new is None:
                break
            self._memory.open = new
            self._store.save()
            code = self._load(new)
            yield code
            if code not in FINE or self._job.file.every == "newest":
                return
        if self._memory.superseded:
            yield self._report_late()
        elif not self._loaded:
            headline, same = "There is nothing new to load.", self._intake.unchanged
            if same:
                names = word_list([file.name for file in same])
                headline = (
                    f"{names}: the same content as in the last load. Nothing needs to be done."
                )
            told = Paragraph(headline, tuple(f"File: {file}" for file in same))
            self._reporter.send(self._reporter.message(Concern.NOTHING, Exit.DONE, told))
            yield Exit.DONE

    def _load(self, load: Load, *, last_attempt: bool = False) -> Exit:
        """Take the steps that are left, report the result, now or next time; close the load."""
        steps = {
            LoadStep.PICKED_UP: self._plan,
            LoadStep.PLANNED: self._act,
            LoadStep.HELD: self._look_again,
            LoadStep.DONE: self._finish,
        }
        try:
            self._check_plan(load)
            while load.step is not LoadStep.PUT_AWAY:
                steps[load.step](load)
                self._store.save()
        except ImporterError as stopped:
            error = self._blamed(stopped, load)
            if load.step is LoadStep.PICKED_UP:  # nothing was done, and the next file may be right
                self._store.remove_copies(load.files)
                if error.cause in OF_FILES:
                    self._intake.mark(load, FileState.REFUSED)
            if load.step is LoadStep.PICKED_UP or error.exit is Exit.STALE:
                self._memory.open = None
                self._store.save()
            return self._report_trouble(error, load, self._not_loaded(load))
        message = self._result(load)
        notified, all_have = self._reporter.send(message, load.notified)
        if not (all_have or last_attempt):
            load.notified = notified
            self._store.save()
            return Exit.worst({message.exit, Exit.STOPPED})
        self._memory.open, self._memory.superseded = None, ()
        self._store.save()
        self._store.end_incidents()
        self._loaded = True
        return message.exit if all_have else Exit.worst({message.exit, Exit.STOPPED})

    def _blamed(self, error: ImporterError, load: Load) -> ImporterError:
        """Return an error; of a file and a mapping that do not fit, the file has it if it is new.

        The mapping fitted the last load then, and did not change.
        """
        last = self._memory.last
        if error.cause is not Cause.EITHER or last is None:
            return error
        same = last.meanings == meanings_of(self._job)
        return MisfitError([file.name for file in load.files], error) if same else error

    def _not_loaded(self, load: Load | None) -> tuple[str, ...]:
        """Return that nothing was loaded, where this is so. `load`: the one that was stopped."""
        if load is not None and (load.step is not LoadStep.PICKED_UP or load.planned_again):
            return ()
        if load is not None and self._loaded:
            return ("It was not loaded.",)
        return () if self._loaded else ("Nothing was loaded.",)

    def _check_plan(self, load: Load) -> None:
        """Let a load be planned again where its plan is gone or of another mapping.

        Its counts are those after what people resolved in its run since. What is delivered in part
        is continued; for one that is applied in part, `apply` decides.
        """
        if load.step not in {LoadStep.PLANNED, LoadStep.HELD} or load.delivered:
            return
        try:
            with Ledger.open(Path(load.run)) as ledger:
                if not ledger.was_applied:
                    check_sources(ledger.facts)
                facts, load.summary = ledger.facts, summarize(ledger)
        except (UsageError, StalePlanError) as error:
            self._tools.say(f"{error} The roster is planned again.")
            load.plan_again()
            return
        made = ([Path(mapping.typed) for _, mapping in facts.rosters], facts.sis is not None)
        if made != (self._mappings, self._sis):
            load.plan_again()

    @staticmethod
    def _look_again(held: Load) -> None:
        """Let the guards look at a held load again."""
        held.step = LoadStep.PLANNED

    @property
    def _sis(self) -> bool:
        """Whether the job plans for the SIS load."""
        return self._job.file.do == "sis-load"

    def _sis_flags(self) -> list[str]:
        """Return the flags of a plan for the SIS load, after learning what earlier loads did."""
        if not self._sis:
            return []
        waiting = [*filter(_is_unseen, self._memory.delivered)]
        for run in waiting:
            self._tools.command("sis-report", run, "--json")
        self._memory.delivered = tuple(filter(_is_unseen, waiting))
        self._store.save()
        return [*wording.TO_SIS]

    def _plan(self, load: Load) -> None:
        """Plan the rosters."""
        mappings = self._mappings
        if len(load.files) != len(mappings):
            msg = "The job has other rosters than when it picked up its files."
            raise StepError(Exit.STOPPED, msg, Cause.OTHER)
        words: list[str] = []
        for file, mapping in zip(load.files, mappings, strict=True):
            _ = load_mapping(mapping)
            words += (file.copied_to, "-m", str(mapping))
        folder = unused(RUNS / f"{load.stamp[:15]}-{self._job.name}")
        words += (*self._sis_flags(), "-o", str(folder), "--json")
        summary = counts_of(self._tools.command("plan", *words))
        self._check_complete(load, summary)
        left = frozenset(self._memory.delivered)
        load.unseen = tuple(run for run in self._delivered if run in left)
        load.step, load.run, load.summary = LoadStep.PLANNED, summary.run, summary

    @property
    def _mappings(self) -> list[Path]:
        return [part.mapping for part in self._job.file.rosters]

    def _check_complete(self, load: Load, plan: Summary) -> None:
        """Raise RosterError where a file has no people, or ends in the middle of a row."""
        if not plan.patrons:
            msg = f"The file {load.files[0].name} has no people."
            raise RosterError(msg)
        if cut := cut_off(load.files, plan, self._memory.last):
            msg = f"The file {cut} is cut off. It ends in the middle of a row."
            raise RosterError(msg)

    def _act(self, load: Load) -> None:
        """Do what the job does with a plan, unless a guard holds it."""
        plan, memory = load.planned, self._memory
        failed = failed_guards(self._job, load, memory)
        if held := tuple(guard for guard in failed if guard.name not in load.allowed):
            load.step, load.held = LoadStep.HELD, held
            self._intake.mark(load, FileState.HELD)
            why = "\n".join(why_held(self._job, load, memory))
            by_hand = ("applied",) if was_applied(load) else ()
            raise HeldError(why, (load.run, *(guard.name for guard in held), *by_hand))
        do = self._job.file.do
        lists = of_run(load.run, lambda ledger: ledger.facts.lists, otherwise=False)
        if do in {"apply", "sis-load"} and (plan.create or plan.update or lists):
            self._apply(load)
        if load.step is LoadStep.PICKED_UP:  # to be planned again
            return
        if do == "sis-load":
            self._deliver(load)
        load.step = LoadStep.DONE
        done = DoneLoad(
            finished=self._tools.now(),
            hashes=load.hashes,
            complete=tuple(file.complete for file in load.files),
            rows=load.planned.patrons,
            run=load.run,
            files=tuple(map(str, load.files)),
            meanings=tuple(meaning for _, meaning in mappings_of(load.run)),
            allowed=load.allowed,
        )
        memory.loads = (*memory.loads, done)[-COMPARED:]
        if load.delivered:
            memory.delivered = (*memory.delivered, load.run)[-_DELIVERED:]
        self._intake.mark(load, FileState.LOADED)

    def _apply(self, load: Load) -> None:
        """Apply the plan, or continue with it; plan again where it is stale."""
        seen = ("--seal", load.seal) if load.seal else ()
        ended = self._tools.command(*load.to_apply, "--yes", "--json", *seen)
        if ended.exit is Exit.STALE and not load.planned_again:
            self._tools.say(f"{ended.error} The roster is planned again.")
            load.planned_again = True
            load.plan_again()
            return
        load.summary = counts_of(ended)

    def _deliver(self, load: Load) -> None:
        """Put the zip of the SIS load where Alma reads it."""
        location = self._job.file.deliver_to
        assert location is not None  # noqa: S101  the schema requires it
        # no other load has it, even of the same second
        prefix = f"{Path(load.run).name[len('2026-01-31T0315-') :]}-{load.stamp}"
        try:
            with opened(self._job, location) as place:
                for path in sorted(Path(load.run).glob(wording.SIS_FILES)):
                    name = f"{prefix}-{path.name}"
                    if name in load.delivered:
                        continue
                    there = {file.name: file.size for file in place.files()}
                    if there.get(name) != path.stat().st_size:
                        place.put(path, name)
                    load.delivered += (name,)
                    self._store.save()
        except PlaceError as error:
            msg = (
                f"The file for Alma's SIS load ({counted(load.planned.ready, 'row')}) was not "
                f"delivered. {error} If this does not pass by itself, restore the folder, or "
                f"correct `deliver_to` in {self._job.path}. The next run then delivers the file."
            )
            raise PlaceError(msg) from error

    def _finish(self, load: Load) -> None:
        """Put the files of a load away, and its rows to correct into `rejects_to`."""
        load.trouble = self._intake.put_away(load)
        try:
            load.handed_over = self._hand_over(load)
        except ImporterError as error:
            by_hand = f"The rows to correct are only in {load.run}. Copy them there by hand."
            load.trouble += (f"{error} {by_hand}",)
        load.step = LoadStep.PUT_AWAY

    def _hand_over(self, load: Load) -> tuple[str, ...]:
        """Put the workbooks of rejects into `rejects_to`; return their names there.

        What is there stays: the job was killed behind it, and somebody may have edited it since.
        Raises PlaceError, AccessError, UsageError.
        """
        where = self._job.file.rejects_to
        books = {delivered_as(book): book for book in workbooks(load.run).values()}
        if where is None or not books:
            return ()
        with opened(self._job, where) as place:
            for name in books.keys() - {file.name for file in place.files()}:
                place.put(books[name], name)
        return tuple(books)

    def _result(self, load: Load) -> Message:
        state, codes = self._memory, {load.planned.exit}
        if load.trouble or load.unseen:
            codes.add(Exit.STOPPED)
        if state.superseded and self._job.file.every == "file":  # changes that no later file has
            codes.add(Exit.REJECTS)
        code = Exit.worst(codes)
        level = Concern.CHANGES if load.planned.written or load.delivered else Concern.NOTHING
        if code is not Exit.DONE or waits(self._job, load) or to_retire(load).headline:
            level = Concern.TROUBLE
        done, known = what_was_done(self._job, load, state), self._store.reported
        over = (f"The trouble of {known[0].at:%Y-%m-%d %H:%M} is over.",) if known else ()
        return self._reporter.message(level, code, replace(done, lines=(*over, *done.lines)), load)

    def _report_late(self) -> Exit:
        """Report files that came too late: their rows need a person, as rejected ones do."""
        late = Paragraph(self._memory.superseded[0], self._memory.superseded[1:])
        message = self._reporter.message(Concern.TROUBLE, Exit.REJECTS, late)
        if not self._reporter.send(message)[1]:
            return Exit.STOPPED
        self._memory.superseded = ()
        self._store.save()
        return Exit.REJECTS

    def _report_trouble(
        self, error: ImporterError, load: Load | None, done: tuple[str, ...]
    ) -> Exit:
        """Report why a run stopped, with the load that it stopped, and superseded files.

        `done`: what is known of what was loaded.
        """
        state, known = self._memory, self._store.reported
        late, told = state.superseded, incident(error, known, self._tools.now())
        self._told.append(told)
        all_have = self._reporter.trouble(
            error,
            load,
            (*done, *what_next(self._job, error, load, state, passes=told.passes), *late),
            known=told in known and not late,
            passes=told.passes and not late,
        )
        if all_have:
            self._store.add_reported(told)
            state.superseded = ()
        self._store.save()
        return error.exit

    def _purge(self) -> Iterator[Exit]:
        """Delete runs and picked-up files whose time is over, after a load; report what stays."""
        keep = self._job.file.keep
        if keep is None or not self._loaded:
            return
        limit = self._tools.now() - keep
        for folder in self._store.folder.iterdir():
            with suppress(OSError):
                if folder.is_dir() and folder.stat().st_mtime < limit.timestamp():
                    shutil.rmtree(folder)
        old = [str(run.folder) for run in list_runs() if (run.since or limit) < limit]
        for at in range(0, len(old), _PURGED):
            # by name, so that what people answered and who was missing is not forgotten
            self._tools.command("purge", *old[at : at + _PURGED], "--yes")
        if left := [folder for folder in old if Path(folder).exists()]:
            told = Paragraph(
                f"{counted(len(left), 'run')} could not be deleted, although `keep` of the job has "
                "passed.",
                ("To see why, run:", f"  {command_line('purge', *left, '--yes')}"),
            )
            self._reporter.send(self._reporter.message(Concern.TROUBLE, Exit.STOPPED, told))
            yield Exit.STOPPED
