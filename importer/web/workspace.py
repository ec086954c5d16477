"""The folders that the page works in: the library's own, and one for practice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from importer.alma.code_tables import read_file
from importer.errors import UsageError
from importer.ledger.run_lock import LOCK, held_since
from importer.ledger.states import FILE
from importer.model.fields import NO_CODES, CodeTables
from importer.model.files import exists
from importer.pipeline.runs import SavedRun, list_runs
from importer.web.drafts import Draft
from importer.web.tasks import LOCK as TASK_LOCK
from importer.web.tasks import Task, Tasks, is_locked

DRAFTS, TASKS = "drafts", "tasks"

PRACTICE, ALMA = "practice", "alma"
"""The two places, as they are named in addresses."""

CODES = "codes.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `runs/`, `drafts/`, `tasks/`, `mappings/` and `codes.json`.

    `place`: PRACTICE or ALMA. `shipped`: the folder with the ready mappings and samples.
    """

    place: str
    folder: Path
    tasks: Tasks
    shipped: Path
    operator: str

    @property
    def practice(self) -> bool:
        """Whether commands ask the practice Alma."""
        return self.place == PRACTICE

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.folder / "runs"

    @property
    def users(self) -> Path:
        """The folder of the user caches."""
        return self.folder / "users"

    def saved_runs(self) -> list[SavedRun]:
        """Return the runs, newest first, without those that a command is only making."""
        made = {Path(task.run).name for task in self.tasks.running()}
        return [one for one in list_runs(self.runs)[::-1] if one.folder.name not in made]

    def run(self, name: str) -> Path | None:
        """Return the folder of a run by its name, None if there is none."""
        folder = self.runs / name
        return folder if Path(name).name == name and exists(folder / FILE) else None

    def is_busy(self, run: Path) -> bool:
        """Return whether a command is working on a run, or was just started for it."""
        return self._applying(run) is not None or is_locked(run / LOCK)

    def worker(self, run: Path) -> str:
        """Return what a request to stop calls the command that works on a run, "" if none does.

        One that was started here has a name before it has begun.
        """
        if task := self._applying(run):
            return task.id
        return held_since(run) if is_locked(run / LOCK) else ""

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
            if (draft := Draft.open(path)) is not None and (trashed or not draft.facts.trashed):
                yield draft

    def draft(self, name: str, *, trashed: bool = False) -> Draft | None:
        """Return a draft by its name, None if there is none; one in the trash if asked for."""
        found = Draft.open(self.folder / DRAFTS / name) if Path(name).name == name else None
        return found if found and (trashed or not found.facts.trashed) else None

    def new_draft(self, file: str, now: datetime, by: str) -> Draft:
        """Return a new draft for a roster with this file name, which somebody dropped."""
        return Draft.create(self.folder / DRAFTS, file, now, by)

    def draft_of_rejects(self, run: str, file: str, now: datetime, by: str) -> Draft:
        """Return the draft that corrects the rejects of a run, a new one if there is none."""
        for draft in self.drafts():
            if (draft.facts.run, draft.facts.file) == (run, file):
                return draft
        os.utime(self.runs / run / file)  # one that was edited is kept when reports are written
        return Draft.create(self.folder / DRAFTS, file, now, by, run)

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
        """Return the mappings of this folder, then the ready ones that are not copied yet.

        The last ones have users of Alma as rows.
        """
        every = sorted((self.folder / "mappings").glob("*.yaml"))
        own = [path for path in every if not path.name.startswith(".")]  # editors leave such
        names = {path.name for path in own}
        folder = self.shipped / "mappings"
        ready = (*sorted(folder.glob("*.yaml")), *sorted(folder.glob("from-alma/*.yaml")))
        return [*own, *(path for path in ready if path.name not in names)]

    def mapping(self, name: str) -> Path | None:
        """Return a mapping by its file name; a ready one is copied into this folder first."""
        found = next((path for path in self.mappings() if path.name == name), None)
        if found is None or found.parent == self.folder / "mappings":
            return found
        own = self.folder / "mappings" / name
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, own)
        return own


def unused_since(folder: Path, limit: datetime) -> list[Path]:
    """Return the drafts and the tasks of a workspace that nothing changed since, in order.

    A task that still runs is not among them.
    """
    return [
        path
        for path in sorted((*(folder / DRAFTS).glob("*/"), *(folder / TASKS).glob("*/")))
        if max(file.lstat().st_mtime for file in (path, *path.rglob("*"))) < limit.timestamp()
        and not is_locked(path / TASK_LOCK)
    ]
