"""The rows to correct of a job: they go back to the office, and its corrections are picked up.

The workbooks lie in `rejects_to`. One that the office saved there with another content is loaded
as the next file. Once a newer load is done, a workbook of the load before it is void: it is deleted
if nobody edited it, and put aside otherwise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from importer.errors import Exit, ImporterError
from importer.jobs import feed
from importer.jobs.commands import Tools
from importer.jobs.notify import Level, Message, send_email
from importer.jobs.places import LOADED, OPEN_IN_EXCEL, SKIPPED, SUPERSEDED, FoundFile
from importer.jobs.schema import Job
from importer.jobs.state import GONE, Load, Returned, Store, of_run
from importer.jobs.words import reasons
from importer.ledger.ledger import Ledger
from importer.model.files import unused
from importer.model.text import command_line, counted
from importer.report.rejects import returned
from importer.report.wording import WORKBOOK, rejects_name, roster_of
from importer.settings import mail_settings

_REMEMBERED = 50
"""How many deleted workbooks are remembered: somebody may have one open, and save it again."""

_STEP = timedelta(seconds=2)
"""How coarse the times of SFTP servers and some drives are: a file may change within a step."""

_PUT_BY_JOBS = re.compile(r"\d{4}-\d\d-\d\dT\S+-rejects(-\d+-.+)?\.xlsx")
"""The names of workbooks that jobs put there, as `rejects_name` ends them."""


def _mapping_of(one: Returned, ledger: Ledger) -> Path:
    """Return the mapping of the rows of a workbook, as the job file named it."""
    at = roster_of(Path(one.path).name, ledger.facts)
    return Path(ledger.facts.rosters[at][1].typed)


class Returns:
    """What a job gives back to the office, and what it gets from there."""

    def __init__(self, job: Job, tools: Tools, store: Store) -> None:
        """Use the state of the job, which is locked."""
        self._job = job
        self._tools = tools
        self._store = store
        self._where = job.file.rejects_to

    def renumber(self) -> None:
        """Give what is kept by roster the numbers that the rosters have in the job file now.

        Where several rosters have the `from`, or it was not kept or is written otherwise now, it is
        a roster with the mapping of the load; in the last case one from which nothing was loaded
        yet. A lone roster needs no `from`.
        """
        rosters, state = self._job.file.rosters, self._store.state
        sources = [part.source.address for part in rosters]

        def number(one: Returned) -> int:
            same = [at for at, source in enumerate(sources) if one.source in {"", source}]
            if one.source and len(same) == 1:
                return same[0]
            mapping = of_run(str(Path(one.path).parent), partial(_mapping_of, one), None)
            if mapping is None and len(same) == 1:
                return same[0]
            fits = [
                at
                for at, part in enumerate(rosters)
                if part.mapping == mapping
                and (at in same if same else state.feed(sources[at]).last is None)
            ]
            return one.roster if one.roster in fits else next(iter(fits), GONE)

        returned = dict[str, Returned]()
        for name, book in state.returned.items():
            at = number(book)
            source = book.source if at == GONE else sources[at]
            returned[name] = book.model_copy(update={"roster": at, "source": source})
        corrections = tuple(
            load.model_copy(update={"corrects": one.roster})
            if (one := returned.get(load.files[0].name))
            else load
            for load in state.corrections
        )
        if (returned, corrections) != (state.returned, state.corrections):
            self._store.save(returned=returned, corrections=corrections)

    def after(self, load: Load) -> dict[str, Returned]:
        """Return what is or will be in the folder after a load that is done; nothing is saved."""
        if self._where is None:
            return {}
        loaded = {file.name: file.sha256 for file in load.files}
        kept = dict[str, Returned]()
        for name, one in self._store.state.returned.items():
            void = load.corrects in {None, one.roster}
            if name in loaded:  # and is loaded again where the office saves another content
                done = {"sha256": loaded[name], "modified": 0, "gone": True}
                kept[name] = one.model_copy(update=done)
            elif one.sha256 or not void:
                kept[name] = one.model_copy(update={"replaced": one.replaced or void})
        gone = [name for name, one in kept.items() if one.gone]
        for name in gone[:-_REMEMBERED]:
            del kept[name]
        return kept | dict(self._rejects(load))

    def refused(self, load: Load) -> dict[str, Returned]:
        """Return what is in the folder after corrections could not be read; nothing is saved."""
        returned = dict(self._store.state.returned)
        for file in load.files if load.corrects is not None else ():
            if one := returned.get(file.name):
                returned[file.name] = one.model_copy(update={"refused": file.sha256})
        return returned

    def _rejects(self, load: Load) -> Iterator[tuple[str, Returned]]:
        """Yield the workbooks of the run of a load, each with its name in the folder."""
        rosters = dict(enumerate(self._job.file.rosters))
        with Ledger.open(Path(load.run)) as ledger:
            for number, file in enumerate(load.files):
                rows = sum(1 for _ in returned(ledger, number))
                path = ledger.folder / rejects_name(WORKBOOK, ledger.facts, number)
                at = number if load.corrects is None else load.corrects
                if rows and path.is_file() and at in rosters:
                    source = rosters[at].source.address
                    name = f"{ledger.folder.name}-{path.name}"
                    kept = {"path": str(path), "roster": at, "source": source, "rows": rows}
                    yield name, Returned(**kept, of=str(file))

    def to_correct(self, load: Load, flags: Iterable[str]) -> tuple[str, ...]:
        """Return which rows of a load need a person, where they are, and what to do with them.

        `flags` are those of the job's plans. Nothing where the run was purged meanwhile.
        """
        lines = list[str]()
        with suppress(ImporterError):
            for name, one in self._rejects(load):
                lines.append(f"{counted(one.rows, 'row')} to correct or decide: {one.path}")
                lines += reasons(load.run, one.roster if load.corrects is None else None)
                put = self._store.state.returned.get(name)
                if put is not None and put.sha256:
                    lines.append(f"The office has this workbook in {self._where}, as {name}.")
                    lines.append("The next run of the job loads what the office saves there.")
                    continue
                if load.planned.review or load.planned.held:
                    lines.append("Where a row needs review, choose a Decision in the workbook.")
                if load.planned.refused:
                    lines.append("Where Alma refused a row, the workbook has Alma's reason.")
                if load.planned.to_correct:
                    lines.append("Ask the office to correct this in its next file, or correct it.")
                words = (one.path, "-m", str(self._job.file.rosters[one.roster].mapping))
                by_zip = self._job.file.do == "sis-zip"
                to = ("--to", "sis-xml", "-o", f"{self._job.name}-corrected.zip")
                load_it = ("convert", *words, *to) if by_zip else ("plan", *words, *flags)
                lines.append(f"Then run:\n  {command_line(*load_it)}")
                planned = "This writes nothing yet, and shows the command that applies the plan."
                zipped = f"Put the zip into {self._job.file.deliver_to}."
                lines.append(zipped if by_zip else planned)
        return tuple(lines)

    def hand_over(self) -> None:
        """Put workbooks that wait into the folder, delete void ones, and notify the office.

        Raises PlaceError, AccessError, UsageError; the next run tries again.
        """
        waiting = [one for one in self._store.state.returned.values() if not one.sha256]
        if self._where is not None and (waiting or self._void()):
            with feed.opened(self._job, self._where) as place:
                self._put(place)
        self._tell()

    def _void(self) -> dict[str, Returned]:
        returned = self._store.state.returned
        return {name: one for name, one in returned.items() if one.replaced and not one.gone}

    def _put(self, place: feed.RosterFolder) -> None:
        there = {file.name: file for file in place.files()}
        for name, one in self._store.state.returned.items():
            if one.sha256 or one.replaced:
                continue
            try:
                content = Path(one.path).read_bytes()
            except OSError:  # the run was purged
                self._change(name, None)
                continue
            if name not in there:  # else it was put there before the job was killed
                place.put(Path(one.path), name)
            digest = hashlib.sha256(content).hexdigest()
            self._change(name, one.model_copy(update={"sha256": digest}))
        for name, one in self._void().items():
            if name in there:
                if self._is_edited(place, there[name], one):
                    continue
                place.delete(name)
            self._change(name, one.model_copy(update={"gone": True}))

    def _is_edited(self, place: feed.RosterFolder, file: FoundFile, one: Returned) -> bool:
        """Whether a workbook has another content than the one that was put there."""
        if file.modified == one.modified:
            return False
        digest = feed.digest_of(place, file, self._store.folder)
        edited = digest not in {"", one.sha256}
        is_past = self._tools.now() - file.changed > _STEP
        if not edited and not one.replaced and is_past:
            self._change(file.name, one.model_copy(update={"modified": file.modified}))
        return edited

    def _change(self, name: str, one: Returned | None) -> None:
        rest = {key: value for key, value in self._store.state.returned.items() if key != name}
        self._store.save(returned=rest if one is None else {**rest, name: one})

    def _tell(self) -> None:
        """Send the email about new workbooks to the office: counts and the place, never a value."""
        to, state = self._job.file.notify.office, self._store.state
        new = {name: one for name, one in state.returned.items() if one.sha256 and not one.told}
        new = {name: one for name, one in new.items() if not one.replaced}
        if to and new:
            rows = sum(one.rows for one in new.values())
            lines = [f"{name}: {counted(one.rows, 'row')} of {one.of}" for name, one in new.items()]
            lines += [
                f"The workbook is in {self._where}. Correct the cells that are marked, and save it "
                "there under the same name. The next run of the job loads it.",
                "It contains personal data. Please do not send it by email.",
            ]
            headline = f"{counted(rows, 'row')} to correct."
            message = Message(self._job.name, Level.TROUBLE, Exit.REJECTS, headline, tuple(lines))
            send_email(mail_settings(), to, message)
        for name, one in new.items():
            self._change(name, one.model_copy(update={"told": True}))

    def corrections(self) -> Iterator[Load]:
        """Yield a load for each workbook that the office corrected.

        Corrections of an earlier load than the last are put aside, to be reported, and those that
        a person skipped without a word. Raises RosterError where one is still being written,
        PlaceError and others for the folder.
        """
        if self._where is None or not self._store.state.returned:
            return
        with feed.opened(self._job, self._where) as place:
            there = {file.name: file for file in place.files()}
            edited = [
                (name, one)
                for name, one in self._store.state.returned.items()
                if name in there and one.sha256 and f"{OPEN_IN_EXCEL}{name}" not in there
                and self._is_edited(place, there[name], one)
            ]  # fmt: skip
            self._name_strangers(there)
            loads = []
            for name, one in edited:
                file = there[name]
                if one.skipped and one.skipped == feed.digest_of(place, file, self._store.folder):
                    place.rename(name, f"{name}{SKIPPED}{self._stamp}")
                elif one.replaced or one.roster == GONE:
                    sentence = (
                        f"Corrections came too late: {name}. They were not loaded, because a newer "
                        f"file was loaded before{self._newest()}. If these rows are in the newest "
                        f"workbook in {self._where}, ask the office to correct them there. Else "
                        "nothing needs to be done: the newer file is right."
                    )
                    if one.roster == GONE:
                        sentence = (
                            f"The corrections in {name} were not loaded, because the job does not "
                            f"load {one.source or one.of} any more, or not with the same mapping. "
                            "Plan them by hand."
                        )
                    # first, so that it is reported although the job is killed in between
                    late = dict.fromkeys((*self._store.state.superseded, sentence))
                    self._store.save(superseded=tuple(late))
                    place.rename(name, f"{name}{SUPERSEDED}{self._stamp}")
                    self._change(name, None)
                else:
                    loads.append(self._picked(place, file, one))
        yield from loads

    def _newest(self) -> str:
        state = self._store.state
        loaded = f": {', '.join(state.last.files)}" if state.last is not None else ""
        books = self._waiting()
        return f"{loaded} (its workbook: {', '.join(books)})" if books else loaded

    def _waiting(self) -> list[str]:
        returned = self._store.state.returned.items()
        return [n for n, one in returned if one.sha256 and not (one.replaced or one.gone)]

    def _name_strangers(self, there: Collection[str]) -> None:
        """Report once each workbook that no job put there: it may have the office's corrections."""
        state = self._store.state
        waiting = self._waiting()
        copies = tuple(name.removesuffix(".xlsx") for name in state.returned)
        strangers = [
            name
            for name in there
            if name.endswith(".xlsx") and name.isprintable() and name not in state.returned
            and not name.startswith(OPEN_IN_EXCEL)
            and (name.startswith(copies) or not _PUT_BY_JOBS.fullmatch(name))
        ]  # fmt: skip
        new = [name for name in strangers if name not in state.strangers]
        if waiting and new:
            sentences = (
                f"{name} in {self._where} is not loaded, because the job did not put it there. If "
                f"it has corrections, save it as {' or '.join(waiting)}."
                for name in new
            )
            told = (*state.superseded, *sentences)
            self._store.save(strangers=tuple(strangers), superseded=told)

    @property
    def _stamp(self) -> str:
        return f"{self._tools.now():%Y-%m-%dT%H%M%S}"

    def _picked(self, place: feed.RosterFolder, file: FoundFile, one: Returned) -> Load:
        """Copy a corrected workbook, and return the load of it."""
        pause = self._job.file.rosters[one.roster].unchanged_for
        self._tools.sleep(pause.total_seconds())
        folder = unused(self._store.folder / f"{self._stamp}-c")
        picked = feed.copied(place, file, folder)
        for held in self._store.state.held:
            if held.corrects == one.roster:
                same = held.hashes == (picked.sha256,)
                self._store.remove_copies((picked,) if same else held.files)
                if same:
                    return held
        if one.refused:
            self._change(file.name, one.model_copy(update={"refused": ""}))
        return Load(stamp=self._stamp, files=(picked,), corrects=one.roster)

    def put_away(self, load: Load) -> tuple[str, ...]:
        """Rename a workbook of corrections that was loaded; return why this was not possible."""
        if self._where is None:
            return ()
        try:
            with feed.opened(self._job, self._where) as place:
                for file in load.files:
                    if file.found in place.files():
                        place.rename(file.name, f"{file.name}{LOADED}{load.stamp}")
        except ImporterError as error:
            return (f"{error} The corrections were loaded; move the file away by hand.",)
        return ()
