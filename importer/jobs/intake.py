"""The intake of a job: how the next files of its rosters are picked up, and put away once loaded.

A file that is older than the last load is superseded: it is put away and never loaded.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from importer.errors import ImporterError, PlaceError, RosterError, UsageError
from importer.files import unused
from importer.jobs.commands import Tools
from importer.jobs.feed import (
    Feed,
    FeedFile,
    FileState,
    MissingFileError,
    PickedFile,
    RosterFolder,
    WrongFileError,
    check_unchanged,
    copied,
    digest_of,
    matching,
    opened,
    position,
)
from importer.jobs.guards import is_undone
from importer.jobs.places import LOADED, SKIPPED, SUPERSEDED, FoundFile
from importer.jobs.schema import Job, JobRoster
from importer.jobs.state import DoneLoad, Load, Store, of_run
from importer.loader.detect import LARGEST
from importer.mapper.load import load as load_file
from importer.mapper.mapping import MappingDocument
from importer.model.text import counted
from importer.report.wording import duration

_AHEAD = timedelta(days=1)
"""How far in the future a file may be: clocks and time zones of servers are not always right."""

_NAMED = 5
"""The most superseded files that a message names."""


def load_mapping(path: Path) -> MappingDocument:
    """Load a mapping of a job. Raises MappingError, and UsageError where the job cannot use it."""
    mapping = load_file(path)
    if mapping.from_alma:
        msg = f"{path} loads users of Alma (`from: alma`), and a job loads files. Plan it by hand."
        raise UsageError(msg)
    return mapping


def meanings_of(job: Job) -> tuple[str, ...]:
    """Return what each mapping of a job means now. Raises as `load_mapping`."""
    return tuple(load_mapping(part.mapping).meaning for part in job.file.rosters)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The open place of a roster, and what its job remembers of the files."""

    job: Job
    part: JobRoster
    place: RosterFolder
    tools: Tools
    store: Store

    @property
    def feed(self) -> Feed:
        """What is remembered of the files."""
        return self.store.state.feed(self.part.source.address)

    def files(self) -> list[FoundFile]:
        """Return the files that are there, in the order of the feed. Raises PlaceError."""
        return sorted(matching(self.place, self.part.source.pattern), key=self._position)

    def look(self) -> list[FoundFile]:
        """Return the files that are there, and remember them. Raises PlaceError."""
        there = self.files()
        if (feed := self.feed.looked(there, self.tools.now())) != self.feed:
            self._keep(feed)
        return there

    def _keep(self, feed: Feed) -> None:
        """Remember the feed as it is now."""
        self.store.state.feeds[self.part.source.address] = feed
        self.store.save()

    def _position(self, file: FoundFile) -> tuple[object, ...]:
        return position(file, self.part.order, self.job.file.every, self.feed)

    def supersede(
        self, there: Iterable[FoundFile], stamp: str, *, replaced: bool
    ) -> list[FoundFile]:
        """Put files aside that are over, and remember to report those that are superseded.

        They are not deleted, as nobody has loaded them, and the job may keep files. Return those
        that are over and may still be there. `replaced`: by the file that was loaded only now.
        """
        old, new = self._superseded(there)
        if new and (last := self.feed.last) is not None:
            sentence = _in_one_line(self.part, new, last, replaced=replaced)
            self.store.state.superseded += (sentence,)
            self._keep(self.feed.marked(new, FileState.SUPERSEDED, self.tools.now()))
        try:
            for file in old if self.part.after != "keep" else ():
                skipped = self.feed.state(file) is FileState.SKIPPED
                mark = SKIPPED if skipped else SUPERSEDED
                self.place.rename(file.name, f"{file.name}{mark}{stamp}")
        except PlaceError as error:
            self.tools.say(str(error))
        return old

    def _superseded(self, there: Iterable[FoundFile]) -> tuple[list[FoundFile], list[FeedFile]]:
        """Return the files that are over, and those of them that are superseded only now.

        A file is superseded if it is older than the last load, or if its name and content are those
        of a file before it: then only its time is new, as after a copy of the whole folder. The
        last load itself is not over. Raises PlaceError.
        """
        feed, last = self.feed, self.feed.last
        if last is None:
            return [file for file in there if feed.state(file).is_over], []
        over = [file for file in feed.files if file.state.is_over and file.name != last.name]
        contents = {(file.name, file.sha256) for file in over}
        names = {file.name for file in over}
        old, new = [], []
        for file in there:
            known = feed.known(file)
            if known is not None and (known.name, known.sha256) == (last.name, last.sha256):
                continue  # also with a time that it had before
            if feed.state(file).is_over:
                old.append(file)
                continue
            older = self._position(file) < self._position(last.found)
            if not older and file.name not in names:
                continue
            digest = digest_of(self.place, file, self.store.folder)
            if (file.name, digest) == (last.name, last.sha256):  # only its time was changed
                continue
            if older or (digest and (file.name, digest) in contents):
                old.append(file)
                new.append(FeedFile.of(file, digest))
        return old, new

    def pick_up(self, stamp: str, folder: Path) -> PickedFile:
        """Copy the file that is to be loaded into `folder`, and return it.

        Of the files that are not over, the newest is taken, or the oldest one that waits if the
        job loads `every` file. Where none waits, it is the last one that was loaded, if it is still
        there. Raises RosterError where there is none, or it is empty, too old, of a future time, or
        still being written.
        """
        part, now, where = self.part, self.tools.now, self.part.source
        there = self.look()
        came = any(not self.feed.state(file).is_over for file in there)
        old = self.supersede(there, stamp, replaced=False)
        there, feed = [file for file in there if file not in old], self.feed
        if not there:
            raise self._missing(came=came)
        newest = there[-1]
        waiting = (file for file in there if not feed.state(file).is_over)
        chosen = next(waiting, newest) if self.job.file.every == "file" else newest
        if part.order == "time" and chosen.changed - now() > _AHEAD:
            msg = (
                f"The file {chosen} is from the future. So it is not known which file in {where} "
                "is the newest. Check the clock of the computer that writes the file, and that of "
                "this one. Then ask the office to send the file again."
            )
            raise self._wrong(chosen, msg)
        if part.max_age is not None and now() - newest.changed > part.max_age:
            was = "was" if feed.state(newest) is FileState.LOADED else "was not"
            within = duration(int(part.max_age.total_seconds()))
            msg = (
                f"There is no file of the last {within} (`max_age`) in {where}. "
                f"The newest one is {newest}, which {was} loaded. Ask the office that sends it."
            )
            raise RosterError(msg)
        seen = feed.known(chosen)
        seen_for = now() - (seen.at if seen is not None and seen.at is not None else now())
        wait = part.unchanged_for - max(seen_for, timedelta())  # a clock that was ahead is set back
        self.tools.sleep(max(wait, timedelta()).total_seconds())
        check_unchanged(self.place, chosen)
        if not chosen.size:
            msg = f"The file {chosen} is empty. Ask the office to send it to {where} again."
            raise self._wrong(chosen, msg)
        if chosen.size > LARGEST:
            msg = f"The file {chosen} is too large for a roster. Ask the office for another, in "
            msg += f"{where}."
            raise self._wrong(chosen, msg)
        return copied(self.place, chosen, folder)

    def _wrong(self, file: FoundFile, sentence: str) -> WrongFileError:
        """Remember that a file can never be loaded, to be skipped; return the error to raise."""
        refused = self.feed.marked((FeedFile.of(file),), FileState.REFUSED, self.tools.now())
        self._keep(refused)
        return WrongFileError(sentence)

    def _missing(self, *, came: bool) -> MissingFileError:
        """Return that there is nothing to load. `came`: a file did, but is an older one.

        That is by its time, which another clock may have written.
        """
        feed, where = self.feed, self.part.source
        if came and feed.last is not None:
            return MissingFileError(
                f"No file {where.pattern} in {where} is newer than the last load, "
                f"{feed.last.found}. Check the clock of the computer that writes the files, and "
                "ask the office that sends them."
            )
        new = "new " if feed.files else ""
        return MissingFileError(
            f"There is no {new}file {where.pattern} in {where}. {self._misnamed()}Ask the office "
            "that sends it."
        )

    def _misnamed(self) -> str:
        """Return a sentence about a new file whose name only begins as those of this roster."""
        pattern, last = self.part.source.pattern, self.feed.last
        begins, rosters = _letters(re.split(r"[*?\[]", pattern)[0]), self.job.file.rosters
        names = [
            file.name
            for file in matching(self.place, f"*{Path(pattern).suffix}")
            if begins and _letters(file.name).startswith(begins)
            and file.modified > (last.modified if last is not None else 0)
            and not any(fnmatchcase(file.name, roster.source.pattern) for roster in rosters)
        ]  # fmt: skip
        return f"A file under another name is there: {names[-1]}. " if names else ""

    def put_away(self, file: PickedFile, stamp: str) -> None:
        """Rename or delete a file that was loaded, unless it was replaced by another one since.

        Raises PlaceError where that is not possible.
        """
        if self.part.after == "keep" or file.found not in self.place.files():
            return
        try:
            if self.part.after == "rename":
                self.place.rename(file.name, f"{file.name}{LOADED}{stamp}")
            else:
                self.place.delete(file.name)
        except PlaceError as error:
            msg = f"{error} The file was loaded; move it away by hand."
            raise PlaceError(msg) from error


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name.casefold()))


def _in_one_line(part: JobRoster, files: list[FeedFile], last: FeedFile, *, replaced: bool) -> str:
    """Return what is reported about files that were superseded, and how to load one after all.

    `replaced`: the newer file was loaded only now, and has everybody; nobody has to act.
    """
    shown = [str(file.found) for file in files[-_NAMED:]]
    more = f", and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    subject, was = ("it", "was") if len(files) == 1 else ("one of them", "were")
    told = f"{counted(len(files), 'older file')} {was} not loaded: {', '.join(shown)}{more}. "
    told += f"Newer: {last.found}. "
    if replaced:
        which = subject.replace("one of ", "")
        return f"{told}Nothing needs to be done: the newer file replaces {which}."
    place = "with the time of now"
    if part.order == "name":  # one after all names would make each later file an older one
        place = f"comes after {last.name} and before the name of the next file"
    return (
        f"{told}If the newer file has everybody, nothing needs to be done. Else, to load {subject} "
        f"although its older values replace newer ones, copy it in {part.source} to a new name "
        f"that matches {part.source.pattern}, {place}, and run the job."
    )


@dataclass(slots=True)
class Intake:
    """Where the rosters of a job come from; its state is locked.

    `unchanged`: the files that have the content of the last load.
    """

    _job: Job
    _tools: Tools
    _store: Store
    unchanged: tuple[PickedFile, ...] = ()

    def look(self) -> None:
        """Remember which files are there, so that a later pick-up need not wait for them."""
        for part in self._job.file.rosters:
            with suppress(ImporterError), self._opened(part) as inbox:
                inbox.look()

    @contextmanager
    def _opened(self, part: JobRoster) -> Iterator[Inbox]:
        """Open the place of a roster. Raises PlaceError, AccessError, UsageError."""
        with opened(self._job, part.source) as place:
            yield Inbox(self._job, part, place, self._tools, self._store)

    def pick_up(self, *, went_on: bool) -> Load | None:
        """Return a new load, or the held one again; None where there is nothing new.

        `went_on`: whether a load was done a moment ago, after which no file is missing. Raises
        RosterError where a file is wrong, or a new one waits for that of another roster.
        """
        now, state = self._tools.now, self._store.state
        last, held = state.last, state.open
        stamp, files = f"{now():%Y-%m-%dT%H%M%S}", list[PickedFile]()
        missing, late = list[RosterError](), list[RosterError]()
        for number, part in enumerate(self._job.file.rosters, 1):
            folder = unused(self._store.folder / f"{stamp}-{number}")
            try:
                with self._opened(part) as inbox:
                    files.append(inbox.pick_up(stamp, folder))
            except MissingFileError as error:
                recent = last and part.max_age and abs(now() - last.finished) < part.max_age
                missing.append(error)
                if not (went_on or recent):
                    late.append(error)
            except ImporterError:
                shutil.rmtree(folder, ignore_errors=True)
                self._store.remove_copies(files)
                raise
        if missing:
            self._store.remove_copies(files)
            if new := [file for file in files if last is None or file.sha256 not in last.hashes]:
                msg = f"{missing[0]} {new[0]} came and waits: the rosters of a job are loaded "
                msg += "together."
                raise RosterError(msg)
            if late:
                raise late[0]
            return None
        load = Load(stamp=stamp, files=tuple(files))
        if last is not None and load.hashes == last.hashes and not self._counts_again(load, last):
            self._store.remove_copies(load.files)
            if came := self._are_new(load):
                last.finished = now()
            self.mark(load, FileState.LOADED)
            self.unchanged = load.files
            for sentence in self.put_away(load):
                self._tools.say(sentence)
            self._drop_replaced(held)
            more = self._job.file.every == "file" and came
            return self.pick_up(went_on=True) if more else None
        if held is not None and held.hashes == load.hashes:
            self._store.remove_copies(load.files)
            return held
        return load

    def _drop_replaced(self, held: Load | None) -> None:
        """Forget a held load of which a file was replaced or is over; nobody can allow it then."""
        if held is None:
            return
        feeds = (self._store.state.feed(part.source.address) for part in self._job.file.rosters)
        states = [feed.state(file.found) for feed, file in zip(feeds, held.files, strict=False)]
        if any(state is not FileState.HELD for state in states):
            self._store.remove_copies(held.files)
            self._store.state.open = None
            self._store.save()

    def _counts_again(self, load: Load, last: DoneLoad) -> bool:
        """Whether the content of the last load came again, and would be loaded in another way."""
        if not self._are_new(load):
            return False
        with suppress(ImporterError):  # else the plan reports it
            meanings = meanings_of(self._job)
            applies = self._job.file.do != "plan"
            left = applies and of_run(last.run, lambda ledger: ledger.left > 0, otherwise=False)
            return is_undone(last.run) or left or last.meanings not in {(), meanings}
        return True

    def _are_new(self, load: Load) -> bool:
        """Whether files of a load waited, so that others may wait behind them."""
        return any(
            not self._store.state.feed(part.source.address).state(file.found).is_over
            for part, file in zip(self._job.file.rosters, load.files, strict=True)
        )

    def mark(self, load: Load, state: FileState) -> None:
        """Remember what became of the files of a load."""
        memory, now = self._store.state, self._tools.now()
        for part, file in zip(self._job.file.rosters, load.files, strict=False):
            address = part.source.address
            memory.feeds[address] = memory.feed(address).marked((file,), state, now)
        self._store.save()

    def put_away(self, load: Load) -> tuple[str, ...]:
        """Rename or delete the picked-up files and older ones; return why this was not possible."""
        trouble = []
        for part, file in zip(self._job.file.rosters, load.files, strict=False):
            try:
                with self._opened(part) as inbox:
                    inbox.put_away(file, load.stamp)
                    newest = self._job.file.every == "newest"
                    inbox.supersede(inbox.files(), load.stamp, replaced=newest)
            except ImporterError as error:
                trouble.append(str(error))
        return tuple(trouble)
