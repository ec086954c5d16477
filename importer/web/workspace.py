"""A folder that the page works in: runs, drafts, tasks and mappings, and what works on a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from importer.alma.code_tables import read_file
from importer.errors import UsageError
from importer.files import RUNS, exists
from importer.ledger.database import journal_of, merge_journal
from importer.ledger.journal import made_by_people
from importer.ledger.ledger import FILE, JournalEvent, Ledger
from importer.ledger.run_lock import LOCK, held_since
from importer.model.fields import NO_CODES, CodeTables
from importer.service.place import CODES
from importer.web.drafts import Draft
from importer.web.tasks import PAUSED, TASK_LOCK, Task, Tasks, is_locked

DRAFTS, TASKS = "drafts", "tasks"

PRACTICE, ALMA = "practice", "alma"
"""The two places, as they are named in addresses."""

PRACTICE_ALMA = "alma.sqlite"
"""The users of the practice Alma, of rosters that people loaded there."""

PUT_ASIDE = "alma-put-aside-"
"""The beginning of the name of a practice Alma that this version cannot open."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `runs/`, `drafts/`, `tasks/`, `mappings/`, `users/` and `codes.json`.

    `place`: PRACTICE or ALMA. `shipped`: the folder with the ready mappings and samples.
    """

    place: str
    folder: Path
    tasks: Tasks
    shipped: Path
    operator: str

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.folder / RUNS

    def run(self, name: str) -> Path | None:
        """Return the folder of a run by its name, None if there is none."""
        folder = self.runs / name
        return folder if Path(name).name == name and exists(folder / FILE) else None

    def is_busy(self, run: Path) -> bool:
        """Return whether a command is working on a run, or was just started for it."""
        return self._applying(run) is not None or is_locked(run / LOCK)

    def at_work(self, run: Path, sittings: Sittings) -> AtWork:
        """Return what works on a run, and how its last load ended.

        Other commands than loads, such as `resolve`, work on a run as well.
        """
        tasks, began = self.tasks, self._applying(run)
        locked = is_locked(run / LOCK)
        since = held_since(run) if locked else ""
        task = began or tasks.last("apply", f"runs/{run.name}")
        later = [time for time in sittings.began if task and time > task.started]
        if task and (len(later) > 1 or (later and tasks.ended_before(task, later[0]))):
            task = None
        ended = tasks.exit(task) if task else None
        loads = since and any(began >= datetime.fromisoformat(since) for began in sittings.began)
        return AtWork(
            task,
            ended,
            busy=bool(began) or locked,
            loads=bool(began or loads),
            failed=ended not in PAUSED if task else sittings.cut,
            worker=began.id if began else since,
        )

    def _applying(self, run: Path) -> Task | None:
        return self.tasks.doing(("apply", f"runs/{run.name}"))

    def typed(self, path: Path) -> str:
        """Return a path as a command is given it, from this folder if it is inside."""
        return str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)

    def typed_roster(self, draft: Draft) -> str:
        """Return the roster of a draft as a command is given it, with its sheet if one is named."""
        sheet = draft.facts.sheet
        return self.typed(draft.roster) + (f"[{sheet}]" if sheet else "")

    def drafts(self, *, trashed: bool = False) -> Iterator[Draft]:
        """Yield the drafts, newest first; `trashed`: with those in the trash."""
        folder = self.folder / DRAFTS
        for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
            with suppress(UsageError):  # of another version: see `not_opened`
                if (draft := Draft.open(path)) is not None and (trashed or not draft.facts.trashed):
                    yield draft

    def not_opened(self) -> Iterator[str]:
        """Yield a sentence for each draft and practice Alma of another version of the importer."""
        folder = self.folder / DRAFTS
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            try:
                Draft.open(path)
            except UsageError as error:
                yield str(error)
        for path in sorted(self.folder.glob(f"{PUT_ASIDE}*.sqlite")):
            yield (
                "The practice Alma of another version cannot be opened, so there is a new one. "
                f"What was loaded is kept in {path.name}; delete that file when you like."
            )

    def draft(self, name: str, *, trashed: bool = False) -> Draft | None:
        """Return a draft by its name, None if there is none; one in the trash if asked for."""
        draft = Draft.open(self.folder / DRAFTS / name) if Path(name).name == name else None
        return draft if draft and (trashed or not draft.facts.trashed) else None

    def codes(self) -> CodeTables:
        """Return the saved code tables, or none. Raises UsageError where the file is wrong."""
        path = self.folder / CODES
        return read_file(path) if path.is_file() else NO_CODES

    def codes_age(self, today: date) -> int | None:
        """Return how many days ago the code tables were read, None if there are none."""
        try:
            fetched = self.codes().fetched
        except UsageError:
            return None
        return (today - fetched).days if fetched else None

    def mappings(self) -> list[Path]:
        """Return the mappings of this folder, then the ready ones that are not copied yet."""
        every = sorted((self.folder / "mappings").glob("*.yaml"))
        own = [path for path in every if not path.name.startswith(".")]  # editors leave such
        names = {path.name for path in own}
        ready = sorted((self.shipped / "mappings").glob("*.yaml"))
        return [*own, *(path for path in ready if path.name not in names)]

    def mapping(self, name: str) -> Path | None:
        """Return a mapping by its file name; a ready one is copied into this folder first."""
        mapping = next((path for path in self.mappings() if path.name == name), None)
        if mapping is None or mapping.parent == self.folder / "mappings":
            return mapping
        own = self.folder / "mappings" / name
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mapping, own)
        return own


@dataclass(frozen=True, slots=True)
class AtWork:
    """What works on a run: whether a command does, and whether it `loads` the run.

    `task`: of the last load, None if another command continued it; `exit`: its exit code, None
    while it runs. `failed`: the last load did not end well. `worker`: what a request to stop calls
    the command that works, "" if none does; one that was started here has a name before it begins.
    """

    task: Task | None = None
    exit: int | None = None
    busy: bool = False
    loads: bool = False
    failed: bool = False
    worker: str = ""


IDLE = AtWork()


@dataclass(frozen=True, slots=True)
class Sittings:
    """The loads of a run: when each began, of how many rows the last is, and whether it was cut.

    `first`: 0 for all rows. `cut`: it noted no end, as where it was killed.
    """

    began: tuple[datetime, ...] = ()
    first: int = 0
    cut: bool = False

    @classmethod
    def of(cls, ledger: Ledger) -> Sittings:
        """Read them from the history of a run."""
        noted = [entry for entry in made_by_people(ledger) if entry.event in _LOADS]
        began = [entry for entry in noted if entry.event == JournalEvent.APPLY]
        first = began[-1].limit if began else None
        cut = bool(began) and noted[-1].event not in _ENDS
        return cls(tuple(entry.time for entry in began), first or 0, cut)


_ENDS = (JournalEvent.PAUSED, JournalEvent.FINISHED)
_LOADS = (JournalEvent.APPLY, *_ENDS)


def unused_since(folder: Path, limit: datetime) -> list[Path]:
    """Return the drafts and the tasks of a workspace that nothing changed since, in order.

    A task that still runs is not among them. In the workspace for practice, its Alma is.
    """
    return [
        path
        for path in kept_in(folder)
        if max(file.lstat().st_mtime for file in (path, *path.rglob("*"))) < limit.timestamp()
        and not is_in_use(path)
    ]


def kept_in(folder: Path) -> list[Path]:
    """Return what a workspace keeps of rosters beside its runs: drafts, tasks, a practice Alma.

    What a killed page left in the journal of its Alma is in the Alma afterwards, with its age.
    """
    merge_journal(folder / PRACTICE_ALMA)
    return [path for what in _KEPT for path in sorted(folder.glob(what))]


_KEPT = (f"{DRAFTS}/*/", f"{TASKS}/*/", PRACTICE_ALMA, f"{PUT_ASIDE}*.sqlite")


def is_in_use(path: Path) -> bool:
    """Return whether a command runs in what `kept_in` found, or the page has it open."""
    return is_locked(path / TASK_LOCK) or journal_of(path).exists()
