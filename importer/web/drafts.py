"""A roster on its way to a plan: the file as it came, its mapping, and its corrections."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore

from pydantic import BaseModel, ConfigDict

from importer.errors import UsageError
from importer.loader.corrections import Correction, correct, read_corrections, write_corrections
from importer.loader.read import read
from importer.mapper.evaluate import evaluate
from importer.mapper.load import examine
from importer.mapper.yaml_source import SIZE_LIMIT
from importer.model.fields import CodeTables
from importer.model.files import read_text_bounded, write_atomically
from importer.model.problem import Problem
from importer.model.roster import Layout, Roster
from importer.pipeline.check import validate
from importer.pipeline.fates import Decided, decide_fates
from importer.pipeline.inputs import MappedRoster, RosterRequest, read_inputs
from importer.pipeline.runs import make_numbered

DRAFT, CORRECTIONS, ROSTER = "draft.json", "corrections.csv", "roster"

KEPT = 3
"""Checked rosters that are kept in memory, the last ones used."""

_CHECKING = BoundedSemaphore(2)
"""Held while a roster is checked, which takes memory; other pages need not wait for it."""

_EDIT = "mapping-before"  # suffix of the earlier texts of the mapping, in order

_NAME = re.compile(r"[^\w .()-]+")


class DraftFacts(BaseModel):
    """What is saved of a draft. `version` grows with each change, so that an old page is seen.

    `file`: the roster's name. `run`: the run whose rejects it is, which stay in the run's folder,
    so that later runs are known to correct it; "" for a roster that was dropped. `edited`: the
    digests of the mapping after each change made here that can be undone, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    created: datetime
    run: str = ""
    mapping: str = ""
    version: int = 0
    edited: tuple[str, ...] = ()


def mapping_text(path: Path) -> str:
    """Return a mapping's text as a text box takes it. Raises UnreadableFileError."""
    return read_text_bounded(path, SIZE_LIMIT).replace("\r\n", "\n")


def _digest(mapping: Path) -> str:
    try:
        return hashlib.sha256(mapping.read_bytes()).hexdigest()
    except OSError:
        return ""


class StaleError(UsageError):
    """The page was changed in another window since this one was shown."""


class Draft:
    """A draft in its folder; what was checked is kept in memory until something changes."""

    _checked: dict[Path, tuple[tuple[object, ...], Checked]] = {}  # noqa: RUF012  shared on purpose

    def __init__(self, folder: Path, facts: DraftFacts) -> None:
        """Use `create` or `open` instead."""
        self.folder = folder
        self.facts = facts

    @classmethod
    def create(cls, drafts: Path, file: str, now: datetime, run: str = "") -> Draft:
        """Make the folder of a new draft; `file` is the name of the roster's file.

        There is no such draft for `open` before that file is there.
        """
        safe = _NAME.sub("_", Path(file.replace("\\", "/")).name).lstrip(".")[-80:] or "roster"
        folder = make_numbered(drafts / f"{now:%Y%m%dT%H%M%S}")
        (folder / ROSTER).mkdir(mode=0o700)
        draft = cls(folder, DraftFacts(file=safe, created=now, run=run))
        draft._save()
        return draft

    @classmethod
    def open(cls, folder: Path) -> Draft | None:
        """Return the draft in a folder, None if there is none."""
        try:
            facts = DraftFacts.model_validate_json((folder / DRAFT).read_text("utf-8"))
        except (OSError, ValueError):  # also of a name that no file can have
            return None
        draft = cls(folder, facts)
        return draft if draft.roster.is_file() else None

    @property
    def name(self) -> str:
        """Its name in addresses."""
        return self.folder.name

    @property
    def roster(self) -> Path:
        """The roster's file, in a folder of its own, as it may have any name."""
        if self.facts.run:
            return self.folder.parents[1] / "runs" / self.facts.run / self.facts.file
        return self.folder / ROSTER / self.facts.file

    @property
    def corrections(self) -> Path | None:
        """The file of corrections, None if nothing was corrected."""
        path = self.folder / CORRECTIONS
        return path if path.is_file() else None

    def _save(self) -> None:
        write_atomically(self.folder / DRAFT, self.facts.model_dump_json().encode())

    def _changed(self, **facts: object) -> None:
        update = {**facts, "version": self.facts.version + 1}
        self.facts = self.facts.model_copy(update=update)
        self._save()

    def require(self, version: int) -> None:
        """Raise StaleError if the draft was changed since the page with this version."""
        if version != self.facts.version:
            msg = "This roster was changed in another window."
            raise StaleError(msg)

    def choose(self, mapping: str) -> None:
        """Choose the mapping by its file name; changes of another one can no longer be undone."""
        if mapping == self.facts.mapping:
            return
        for path in self._edits():
            path.unlink()
        self._changed(mapping=mapping, edited=())

    def made(self) -> tuple[Correction, ...]:
        """Return the corrections, in order."""
        return read_corrections(self.corrections) if self.corrections else ()

    def add(self, corrections: Iterable[Correction]) -> None:
        """Add corrections."""
        write_corrections(self.folder / CORRECTIONS, (*self.made(), *corrections))
        self._changed()

    def take_back(self) -> None:
        """Take the last correction back."""
        if made := self.made():
            write_corrections(self.folder / CORRECTIONS, made[:-1])
            self._changed()

    def edit(self, mapping: Path, text: str) -> None:
        """Change the mapping's text, and keep the old one for `undo_edit`. Raises OSError."""
        old = mapping.read_bytes()
        if old == text.encode():
            return
        number = len(self._edits()) + 1
        write_atomically(self.folder / f"{number:05}.{_EDIT}", old)
        write_atomically(mapping, text.encode())
        self._changed(edited=(*self.facts.edited, _digest(mapping)))

    def undo_edit(self, mapping: Path) -> None:
        """Bring back the mapping's text before the last change made here.

        Raises StaleError if it was changed elsewhere since, which would be lost.
        """
        if not (edits := self._edits()):
            return
        if not self._is_last_edit(mapping):
            msg = f"The mapping {mapping.name} was changed elsewhere since."
            raise StaleError(msg)
        write_atomically(mapping, edits[-1].read_bytes())
        edits[-1].unlink()
        self._changed(edited=self.facts.edited[:-1])

    def text_before(self, mapping: Path) -> str | None:
        """Return the mapping's text before the last change, None if `undo_edit` cannot undo it."""
        edits = self._edits()
        return mapping_text(edits[-1]) if edits and self._is_last_edit(mapping) else None

    def _is_last_edit(self, mapping: Path) -> bool:
        return self.facts.edited[-1:] == (_digest(mapping),)

    def _edits(self) -> list[Path]:
        return sorted(self.folder.glob(f"*.{_EDIT}"))

    def read(self, layout: Layout) -> Roster:
        """Read the roster as it came; the last one read is kept. Raises RosterError."""
        return _read(self.roster, self.roster.stat().st_mtime_ns, layout)

    def checked(self, mapping: Path, codes: CodeTables, today: date) -> Checked:
        """Return the check of the whole roster, from memory if nothing changed."""
        key = self._key(mapping, codes, today)
        checked = self._kept(key)
        if checked is None:
            with _CHECKING:
                _read.cache_clear()
                asked = RosterRequest(self.roster, mapping, corrections=self.corrections)
                checked = Checked(read_inputs(asked, codes, today))
                self.keep(checked, mapping, codes, today)
        return checked

    def _kept(self, key: tuple[object, ...]) -> Checked | None:
        known = self._checked.get(self.folder)
        return known[1] if known is not None and known[0] == key else None

    def keep(self, checked: Checked, mapping: Path, codes: CodeTables, today: date) -> None:
        """Keep a check that is up to date with the last correction."""
        self._checked.pop(self.folder, None)
        self._checked[self.folder] = (self._key(mapping, codes, today), checked)
        for oldest in list(self._checked)[:-KEPT]:
            self._checked.pop(oldest, None)

    def _key(self, mapping: Path, codes: CodeTables, today: date) -> tuple[object, ...]:
        """Return what a check depends on."""
        document, _ = examine(mapping)
        digest = document.sha256 if document else ""
        return self.facts.version, mapping, digest, self.roster.stat().st_mtime_ns, codes, today


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int, layout: Layout) -> Roster:
    return read(path, layout)


class Checked:
    """The check of a roster, brought up to date row by row as cells are corrected.

    `partial`: the rows that were checked again alone, so that what concerns several rows, such as
    duplicates, is as it was at the last whole check.
    """

    def __init__(self, mapped: MappedRoster) -> None:
        """Find all problems and decide the fate of each row."""
        self.decided: Decided = _decided(mapped)
        self.partial: set[int] = set()
        none = replace(mapped.roster, frame=mapped.roster.frame.iloc[:0], problems=())
        # the mapped rows are as large as the roster, and needed no more
        self.inputs = replace(_mapped(mapped, none), roster=mapped.roster)

    def correct(self, made: Correction) -> None:
        """Make one correction and check its row again, alone."""
        row, roster = made.row, self.inputs.roster

        def others(problems: Iterable[Problem]) -> list[Problem]:
            return [one for one in problems if one.origin.row != row]

        before = replace(
            roster,
            frame=roster.frame.loc[[row]],
            blank=(),
            left_out=(),
            notices=(),
            problems=tuple(one for one in roster.problems if one.origin.row == row),
        )
        alone = correct(before, [made], "The correction")
        one_row = _mapped(self.inputs, alone)
        found = _decided(one_row)
        frame = roster.frame
        if alone.frame.empty:
            frame = frame.drop(index=row)
        else:  # in place: a copy of all rows would take longer than the check
            frame.loc[row] = alone.frame.loc[row]
        corrected = replace(
            roster,
            frame=frame,
            blank=(*roster.blank, *alone.blank),
            left_out=(*roster.left_out, *alone.left_out),
            problems=(*others(roster.problems), *alone.problems),
        )
        self.inputs = replace(self.inputs, roster=corrected)
        problems = others(self.decided.problems)
        problems += (one for one in found.problems if one.origin.row == row)
        self.decided = Decided(
            {**self.decided.fates, **found.fates},
            tuple(sorted(problems, key=lambda one: one.origin.row)),
            {},
        )
        self.partial.add(row)


def _mapped(mapped: MappedRoster, roster: Roster) -> MappedRoster:
    candidates = evaluate(mapped.compiled, roster, mapped.codes, mapped.candidates.orders)
    return replace(mapped, roster=roster, candidates=candidates)


def _decided(mapped: MappedRoster) -> Decided:
    """Return what `check` finds in a roster."""
    problems = validate((mapped,)).problems
    return decide_fates(mapped.rows(), problems, answers={}, only_new=())
