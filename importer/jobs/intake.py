"""The pick-up of a job's rosters as one set, which is whole or waits; and what is put away."""

from __future__ import annotations

import shutil
from contextlib import suppress

from importer.errors import ImporterError, PlaceError, RosterError
from importer.jobs.commands import Tools
from importer.jobs.feed import (
    Feed,
    FeedFile,
    FileState,
    MissingFileError,
    PickedFile,
    WrongFileError,
    in_one_line,
    in_order,
    opened,
    pick_up,
    put_aside,
    put_away,
    superseded,
)
from importer.jobs.places import FoundFile, RosterFolder
from importer.jobs.schema import Job, RosterPart
from importer.jobs.state import Load, Store
from importer.model.files import unused


class Intake:
    """Where the rosters of a job come from."""

    def __init__(self, job: Job, tools: Tools, store: Store) -> None:
        """Use the state of the job, which is locked."""
        self._job = job
        self._tools = tools
        self._store = store
        self.unchanged = tuple[PickedFile, ...]()
        """The files that have the content of the last load."""

    def look(self) -> None:
        """Remember which files are there, so that a later pick-up need not wait for them."""
        for part in self._job.file.rosters:
            with suppress(ImporterError), opened(self._job, part.source) as place:
                self._look(part, place)

    def pick_up(self, *, went_on: bool) -> Load | None:
        """Return a new load, or the held one again; None where there is nothing new.

        `went_on`: whether a load was done a moment ago, after which no file is missing. Raises
        RosterError where a file is wrong, or a new one waits for that of another roster.
        """
        now, state = self._tools.now, self._store.state
        last, held = state.last, state.open
        stamp, files = f"{now():%Y-%m-%dT%H%M%S}", list[PickedFile]()
        missing, late = list[ImporterError](), list[ImporterError]()
        for number, part in enumerate(self._job.file.rosters, 1):
            folder = unused(self._store.folder / f"{stamp}-{number}")
            try:
                with opened(self._job, part.source) as place:
                    there = self._look(part, place)
                    old = self._supersede(part, place, there, stamp, replaced=False)
                    there = [file for file in there if file not in old]
                    feed, every = self._store.state.feed(part.source.address), self._job.file.every
                    clock = (now, self._tools.sleep)
                    files.append(pick_up(part, place, there, feed, every, folder, *clock))
            except ImporterError as error:
                if isinstance(error, WrongFileError):
                    self._refuse(part.source.address, error.file)
                if not isinstance(error, MissingFileError):
                    shutil.rmtree(folder, ignore_errors=True)
                    self._store.remove_copies(files)
                    raise
                recent = last and part.max_age and now() - last.finished < part.max_age
                missing.append(error)
                if not (went_on or recent):
                    late.append(error)
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
        if last is not None and load.hashes == last.hashes:
            self._store.remove_copies(load.files)
            before = self._store.state.feeds
            self.mark(load, FileState.LOADED)
            self.unchanged = load.files
            for sentence in self.put_away(load):
                self._tools.say(sentence)
            self._drop_replaced(held)
            more = self._job.file.every == "file" and self._are_new(load, before)
            return self.pick_up(went_on=True) if more else None
        if held is not None and held.hashes == load.hashes:
            self._store.remove_copies(load.files)
            return held
        return load

    def _drop_replaced(self, held: Load | None) -> None:
        """Forget a held load of which a file was replaced or is over; nobody can allow it then."""
        if held is None or held.corrects is not None:
            return
        feeds = (self._store.state.feed(part.source.address) for part in self._job.file.rosters)
        states = [feed.state(file.found) for feed, file in zip(feeds, held.files, strict=False)]
        if any(one is not FileState.HELD for one in states):
            self._store.remove_copies(held.files)
            self._store.save(open=None)

    def _are_new(self, load: Load, feeds: dict[str, Feed]) -> bool:
        """Whether files of a load waited, so that others may wait behind them."""
        return any(
            not feeds.get(part.source.address, Feed()).state(file.found).is_over
            for part, file in zip(self._job.file.rosters, load.files, strict=True)
        )

    def mark(self, load: Load, state: FileState, **changes: object) -> None:
        """Remember what became of the files of a load, with other changes of the state."""
        feeds = self._store.state.feeds
        if load.corrects is None:
            for part, file in zip(self._job.file.rosters, load.files, strict=False):
                address = part.source.address
                feed = self._store.state.feed(address)
                feeds = {**feeds, address: feed.marked((file,), state, self._tools.now())}
        self._store.save(feeds=feeds, **changes)

    def _refuse(self, address: str, file: FoundFile) -> None:
        """Remember that a file cannot be loaded, so that a person can skip it."""
        state, now = self._store.state, self._tools.now()
        feed = state.feed(address).marked((FeedFile.of(file),), FileState.REFUSED, now)
        self._store.save(feeds={**state.feeds, address: feed})

    def put_away(self, load: Load) -> tuple[str, ...]:
        """Rename or delete the picked-up files and older ones; return why this was not possible."""
        trouble = []
        for part, file in zip(self._job.file.rosters, load.files, strict=False):
            try:
                with opened(self._job, part.source) as place:
                    put_away(part, place, file, load.stamp)
                    every, feed = self._job.file.every, self._store.state.feed(part.source.address)
                    there, newest = in_order(part, place, every, feed), every == "newest"
                    self._supersede(part, place, there, load.stamp, replaced=newest)
            except ImporterError as error:
                trouble.append(str(error))
        return tuple(trouble)

    def _look(self, part: RosterPart, place: RosterFolder) -> list[FoundFile]:
        """Return the files of a roster that are there, and remember them."""
        address = part.source.address
        before = self._store.state.feed(address)
        there = in_order(part, place, self._job.file.every, before)
        feed = before.looked(there, self._tools.now())
        if feed != before:
            self._store.save(feeds={**self._store.state.feeds, address: feed})
        return there

    def _supersede(
        self,
        part: RosterPart,
        place: RosterFolder,
        there: list[FoundFile],
        stamp: str,
        *,
        replaced: bool,
    ) -> list[FoundFile]:
        """Put files aside that are over, and remember to report those that are superseded.

        Return those that are over and may still be there. `replaced`: by the file that was loaded
        only now.
        """
        store, address = self._store, part.source.address
        feed = store.state.feed(address)
        old, new = superseded(part, place, there, self._job.file.every, feed, store.folder)
        if new and feed.last is not None:
            feed = feed.marked(new, FileState.SUPERSEDED, self._tools.now())
            sentence = in_one_line(part, new, feed.last or new[-1], replaced=replaced)
            store.save(
                feeds={**store.state.feeds, address: feed},
                superseded=(*store.state.superseded, sentence),
            )
        try:
            put_aside(part, place, feed, old, stamp)
        except PlaceError as error:
            self._tools.say(str(error))
        return old
