"""A roster on its way to a plan: the file as it came, its mapping, corrections and check."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from threading import BoundedSemaphore
from typing import Literal

from pydantic import BaseModel, ConfigDict

from importer.errors import RosterError, UsageError
from importer.files import RUNS, read_text_bounded, write_atomically
from importer.loader.corrections import Correction, correct, read_corrections, write_corrections
from importer.loader.read import preview, read
from importer.loader.table import fold
from importer.mapper.evaluate import evaluate
from importer.mapper.load import examine
from importer.mapper.mapping import MappingDocument
from importer.mapper.yaml_source import SIZE_LIMIT
from importer.model.fields import CodeTables
from importer.model.formats import DRAFT as DRAFT_FORMAT
from importer.model.plan import Fate
from importer.model.problem import Code, Problem
from importer.model.roster import Layout, Roster
from importer.pipeline.check import validate
from importer.pipeline.decisions import Fates, decide_fates
from importer.pipeline.inputs import MappedRoster, RosterRequest, read_inputs
from importer.pipeline.runs import make_numbered

SMALL = 2_000
"""Rows of a roster that is checked whole after each correction, within 0.1 s."""


class Checked:
    """The check of a roster.

    `partial`: the rows of a large roster that were checked again alone, so that what concerns
    several rows, such as duplicates, is as it was at the last whole check.
    """

    def __init__(self, mapped: MappedRoster) -> None:
        """Find all problems and decide the fate of each row."""
        self.decided: Fates = _decided(mapped)
        self.partial: set[int] = set()
        none = replace(mapped.roster, frame=mapped.roster.frame.iloc[:0], problems=())
        # the mapped rows are as large as the roster, and needed no more
        self.inputs = replace(_mapped(mapped, none), roster=mapped.roster)

    def correct(self, made: Collection[Correction]) -> None:
        """Make corrections, and check their rows again: alone in a large roster."""
        roster = self.inputs.roster
        whole = len(roster.frame) <= SMALL
        rows = {*roster.frame.index} if whole else {correction.row for correction in made}
        before = replace(
            roster,
            frame=roster.frame.loc[sorted(rows)],
            blank=roster.blank if whole else (),
            left_out=roster.left_out if whole else (),
            notices=roster.notices if whole else (),
            problems=tuple(
                problem for problem in roster.problems if whole or problem.origin.row in rows
            ),
        )
        after = correct(before, made, "The correction", self.inputs.secret)
        part = _mapped(self.inputs, after)
        checked = _decided(part)
        if whole:
            self.inputs, self.decided = part, checked
            return

        def others(problems: Iterable[Problem]) -> list[Problem]:
            return [problem for problem in problems if problem.origin.row not in rows]

        frame = roster.frame
        frame.loc[after.frame.index] = after.frame  # a copy of all rows would take longer
        if gone := rows - {*after.frame.index}:
            frame = frame.drop(index=[*gone])
        corrected = replace(
            roster,
            frame=frame,
            blank=(*roster.blank, *after.blank),
            left_out=(*roster.left_out, *after.left_out),
            problems=(*others(roster.problems), *after.problems),
        )
        self.inputs = replace(self.inputs, roster=corrected)
        problems = others(self.decided.problems)
        problems += (problem for problem in checked.problems if problem.origin.row in rows)
        self.decided = Fates(
            {**self.decided.fates, **checked.fates},
            tuple(sorted(problems, key=lambda problem: problem.origin.row)),
            {},
        )
        self.partial |= rows

    def rows(self, fate: Fate) -> list[int]:
        """Return the rows with a fate, in order."""
        return [row for row, its in self.decided.fates.items() if its is fate]


def _mapped(mapped: MappedRoster, roster: Roster) -> MappedRoster:
    candidates = evaluate(mapped.compiled, roster, mapped.codes, mapped.candidates.orders)
    return replace(mapped, roster=roster, candidates=candidates)


def _decided(mapped: MappedRoster) -> Fates:
    """Return what `check` finds in a roster; nothing where every row became blank.

    Rows that a person decided not to load are skipped: nothing is to be corrected in them.
    """
    empty = mapped.roster.frame.empty and not mapped.roster.left_out
    problems = () if empty else validate((mapped,)).problems
    out = {
        problem.origin.row: Fate.SKIPPED for problem in problems if problem.code is Code.RESOLVED
    }
    return decide_fates(mapped.rows() | out, problems, answers={}, only_new=())


DRAFT, CORRECTIONS, ROSTER = "draft.json", "corrections.csv", "roster"

COUNTS = "counts.json"
"""The counts of the last check of a draft."""

KEPT = 3
"""Checked rosters that are kept in memory, the last ones used."""

_CHECKING = BoundedSemaphore(2)
"""Held while a roster is checked, which takes memory; other pages need not wait for it."""

_EDIT = "mapping-before"  # suffix of earlier texts of the mapping: number, digest of the next text

_NAME = re.compile(r"[^\w .()-]+")


Asked = Literal["", "sheet", "names"]
"""What a person has to say of a roster: its sheet, or that its names are right."""


class DraftFacts(BaseModel):
    """What is saved of a draft. `version` grows with each change, so that an old page is seen.

    `file`: the roster's name. `by`: who dropped it. `load`: the name of its load, "" if that is
    named after the file. `after`: the draft of the last term. `run`: the run whose rejects it is,
    which stay in the run's folder, so that later runs are known to correct it; "" for a roster that
    was dropped. `sheet`, `header` and `encoding`: how a person wants the roster to be read; the
    last two are of a roster without a mapping, which has them otherwise. `ask`: what a person has
    to say before it can be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = DRAFT_FORMAT.number
    file: str
    created: datetime
    by: str = ""
    load: str = ""
    after: str = ""
    run: str = ""
    mapping: str = ""
    version: int = 0
    trashed: bool = False
    sheet: str = ""
    header: tuple[int, ...] = ()
    encoding: str = "auto"
    ask: Asked = ""


class DraftCounts(BaseModel):
    """How many rows a draft of this version has, and how many of them must be corrected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    rows: int
    wrong: int


def title(stem: str) -> str:
    """Return the name of a load that is named after a file: `community-patrons` in words."""
    words = " ".join(stem.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:]


def mapping_text(path: Path) -> str:
    """Return a mapping's text as a text box takes it. Raises UnreadableFileError."""
    return read_text_bounded(path, SIZE_LIMIT).replace("\r\n", "\n")


def text_digest(text: str) -> str:
    """Return what is another value after any change of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


class StaleError(UsageError):
    """The page was changed in another window since this one was shown."""


_READ = list[tuple[tuple[Path, int], Layout, Roster]]()
"""The roster that was read last, by any request: its file and its time, and how it was read."""

_CHECKED = dict[Path, tuple[tuple[object, ...], Checked]]()
"""The last checks by draft, each with all that it depends on."""


class Draft:
    """A draft in its folder; what was checked is kept in memory until something changes."""

    def __init__(self, folder: Path, facts: DraftFacts) -> None:
        """Use `create` or `open` instead."""
        self.folder = folder
        self.facts = facts

    @classmethod
    def create(cls, drafts: Path, facts: DraftFacts) -> Draft:
        """Make the folder of a new draft; the name of its file may be any.

        There is no such draft for `open` before that file is there.
        """
        name = Path(facts.file.replace("\\", "/")).name
        safe = _NAME.sub("_", name).lstrip(".")[-80:] or "roster"
        folder = make_numbered(drafts / f"{facts.created:%Y%m%dT%H%M%S}")
        (folder / ROSTER).mkdir(mode=0o700)
        draft = cls(folder, facts.model_copy(update={"file": safe}))
        draft._save()
        return draft

    @classmethod
    def open(cls, folder: Path) -> Draft | None:
        """Return the draft in a folder, None if there is none.

        Raises UsageError for one of another version of the importer.
        """
        try:
            values = json.loads((folder / DRAFT).read_text("utf-8"))
            DRAFT_FORMAT.check(folder, values.get("format", 0))
            facts = DraftFacts.model_validate(values)
        except (
            OSError,
            ValueError,
            TypeError,
            AttributeError,
        ):  # also of a name that no file can have
            return None
        draft = cls(folder, facts)
        return draft if draft.roster.is_file() else None

    @property
    def name(self) -> str:
        """Its name in addresses."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The name of its load: that of its file in words, such as `Community patrons`."""
        return self.facts.load or title(Path(self.facts.file).stem)

    @property
    def counts(self) -> DraftCounts | None:
        """The counts of its last check, None if it was changed since or never checked."""
        try:
            counts = DraftCounts.model_validate_json((self.folder / COUNTS).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return counts if counts.version == self.facts.version else None

    @property
    def roster(self) -> Path:
        """The roster's file, in a folder of its own, as it may have any name."""
        if self.facts.run:
            return self.folder.parents[1] / RUNS / self.facts.run / self.facts.file
        return self.folder / ROSTER / self.facts.file

    @property
    def corrections(self) -> Path | None:
        """The file of corrections, None if nothing was corrected."""
        path = self.folder / CORRECTIONS
        return path if path.is_file() else None

    def _save(self) -> None:
        write_atomically(self.folder / DRAFT, self.facts.model_dump_json().encode())

    def change(self, **facts: object) -> None:
        """Save other facts, or none, where something else was changed."""
        update = {**facts, "version": self.facts.version + 1}
        self.facts = self.facts.model_copy(update=update)
        self._save()

    def layout(self, document: MappingDocument | None) -> Layout:
        """Return how the roster is read: as a person wants it, else as its mapping has it."""
        facts, layout = self.facts, document.layout() if document else Layout()
        return replace(
            layout,
            sheet=facts.sheet or layout.sheet,
            header=facts.header or layout.header,
            encoding=layout.encoding if facts.encoding == "auto" else facts.encoding,
        )

    def read_as(self, wanted: Mapping[str, object]) -> None:
        """Save how a person wants the roster to be read: its sheet, header and encoding."""
        if any(getattr(self.facts, name) != value for name, value in wanted.items()):
            self.change(**wanted, ask="")

    def choose(self, mapping: str) -> None:
        """Choose the mapping by its file name; changes of another one can no longer be undone."""
        if mapping != self.facts.mapping:
            for path in self._edits():
                path.unlink()
        elif not self.facts.ask:
            return
        self.change(mapping=mapping, ask="")

    def follow(self, earlier: Draft, document: MappingDocument | None) -> None:
        """Take the name and the mapping of an earlier term's load, and its sheet if that is here.

        What they answer, a person need not say. `document`: the mapping. Raises RosterError.
        """
        facts = earlier.facts
        sheets = preview(self.roster, Layout(), 1).sheets if facts.sheet else ()
        sheet = facts.sheet if fold(facts.sheet) in {fold(name) for name, _ in sheets} else ""
        taken = {"load": earlier.title, "mapping": facts.mapping, "sheet": sheet}
        self.change(**taken, after=earlier.name, ask="" if sheet else self.facts.ask)
        if self.facts.ask and document:
            with suppress(RosterError):
                self.read(self.layout(document))
                self.change(ask="")

    def made(self) -> tuple[Correction, ...]:
        """Return the corrections, in order."""
        return read_corrections(self.corrections) if self.corrections else ()

    def add(self, corrections: Iterable[Correction]) -> None:
        """Add corrections."""
        self._keep_made((*self.made(), *corrections))

    def correct(self, checked: Checked, made: Collection[Correction]) -> None:
        """Make corrections in a check and save them, or neither. Raises RosterError, OSError."""
        key, known = _CHECKED.pop(self.folder, ((), None))  # until both are done
        checked.correct(made)
        self.add(made)
        if known is checked:
            self._keep((self.facts.version, *key[1:]), checked)

    def misfits(self, document: MappingDocument | None) -> bool:
        """Return whether the roster can be read with a mapping, but its corrections do not fit."""
        with suppress(RosterError):
            roster = self.read(self.layout(document))
            try:
                correct(roster, self.made(), CORRECTIONS, ())
            except RosterError:
                return True
        return False

    def _keep_made(self, made: Sequence[Correction]) -> None:
        """Save the corrections; without any there is no file, as before the first one."""
        if made:
            write_corrections(self.folder / CORRECTIONS, made)
        else:
            (self.folder / CORRECTIONS).unlink(missing_ok=True)
        self.change()

    def take_back(self, who: str) -> tuple[Correction, ...]:
        """Take back, and return, what a person corrected last, which were all at one time.

        Raises StaleError if somebody else corrected one of these cells since.
        """
        made = self.made()
        mine = [correction for correction in made if correction.who == who]
        last = tuple(correction for correction in mine if correction.when == mine[-1].when)
        if not last:
            return ()
        cells = {(correction.row, correction.column) for correction in last}
        rows = {row for row, _ in cells}
        for later in made[made.index(last[-1]) + 1 :]:
            if (later.row, later.column) in cells or (later.leaves_out and later.row in rows):
                msg = "Somebody else corrected one of these cells since."
                raise StaleError(msg)
        self._keep_made([correction for correction in made if correction not in last])
        return last

    def edit(self, mapping: Path, text: str) -> None:
        """Change the mapping's text, and keep the old one for `undo_edit`. Raises OSError."""
        old = mapping.read_bytes()
        if old != text.encode():
            name = f"{len(self._edits()) + 1:05}.{text_digest(text)}.{_EDIT}"
            write_atomically(self.folder / name, old)
            write_atomically(mapping, text.encode())
            self.change()

    def undo_edit(self, mapping: Path) -> None:
        """Bring back the mapping's text before the last change made here.

        Raises StaleError if it was changed elsewhere since, which would be lost.
        """
        if not (edits := self._edits()):
            return
        if not self.can_undo(mapping):
            msg = f"The mapping {mapping.name} was changed elsewhere since."
            raise StaleError(msg)
        write_atomically(mapping, edits[-1].read_bytes())
        edits[-1].unlink()
        self.change()

    def can_undo(self, mapping: Path) -> bool:
        """Return whether the mapping's text is as the last change made here has left it."""
        with suppress(OSError):
            now = hashlib.sha256(mapping.read_bytes()).hexdigest()
            return any(now in path.name for path in self._edits()[-1:])
        return False

    def _edits(self) -> list[Path]:
        return sorted(self.folder.glob(f"*.{_EDIT}"))

    def read(self, layout: Layout) -> Roster:
        """Read the roster as it came; the last one read is kept. Raises RosterError.

        Headings that it has found are no reason to read it again.
        """
        file = self.roster, self.roster.stat().st_mtime_ns
        for known, before, roster in _READ:
            there = {*before.expected, *(fold(place.heading) for place in roster.places)}
            same = replace(before, expected=layout.expected) == layout
            if known == file and same and {*map(fold, layout.expected)} <= {*map(fold, there)}:
                return roster
        _READ.clear()
        roster = read(self.roster, layout)
        _READ.append((file, layout, roster))
        return roster

    def checked(self, mapping: Path, codes: CodeTables, today: date) -> Checked:
        """Return the check of the whole roster, from memory if nothing changed."""
        document, version = examine(mapping)[0], self.facts.version
        digest, file = document.sha256 if document else "", self.roster.stat().st_mtime_ns
        key = version, mapping, digest, file, codes, today
        known, checked = _CHECKED.get(self.folder, ((), None))
        if checked is None or known != key:
            with _CHECKING:
                asked = RosterRequest(self.roster, mapping, self.facts.sheet, self.corrections)
                checked = Checked(read_inputs(asked, codes, today, reader=self._hand_over))
                self._keep(key, checked)
        return checked

    def _hand_over(self, _file: Path, layout: Layout) -> Roster:
        """Return what `read` does, and keep it no longer: it takes memory, and will be changed."""
        roster = self.read(layout)
        _READ.clear()
        return roster

    def _keep(self, key: tuple[object, ...], checked: Checked) -> None:
        _CHECKED.pop(self.folder, None)
        _CHECKED[self.folder] = (key, checked)
        fates = Counter(checked.decided.fates.values())
        counts = DraftCounts(
            version=self.facts.version, rows=fates.total(), wrong=fates[Fate.REJECTED]
        )
        write_atomically(self.folder / COUNTS, counts.model_dump_json().encode())
        for oldest in list(_CHECKED)[:-KEPT]:
            _CHECKED.pop(oldest, None)
