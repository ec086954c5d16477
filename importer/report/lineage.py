"""How runs follow from one another: which run undoes another, or loads its corrected rejects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from importer.errors import ImporterError
from importer.ledger.journal import history
from importer.ledger.ledger import Ledger
from importer.ledger.states import FILE
from importer.model.plan import ALREADY, Fate, Result
from importer.report.wording import REJECTS, WORKBOOK, kind_of


@dataclass(slots=True)
class Lineage:
    """The runs that a run is related to, by their folders.

    `undoes`, `corrects`: the earlier run whose writes it undoes, or whose corrected rejects it
    loads. `undone_by`, `corrected_by`: the later ones that took effect. `sittings`: how often its
    apply was started.
    """

    undoes: Path | None = None
    corrects: Path | None = None
    undone_by: list[Path] = field(default_factory=list)
    corrected_by: list[Path] = field(default_factory=list)
    sittings: int = 0

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each relation."""
        if self.undoes:
            yield f"This run undoes {shortest(self.undoes)}."
        if self.corrects:
            yield f"This run loads the corrected rejects of {shortest(self.corrects)}."
        for folder in self.undone_by:
            yield f"This run was undone by {shortest(folder)}."
        for folder in self.corrected_by:
            yield f"Its rejects were corrected and loaded by {shortest(folder)}."
        if self.sittings > 1:
            yield f"The apply was resumed: it was started {self.sittings} times."

    def as_json(self) -> dict[str, object]:
        """Return the relations as JSON values."""
        return {
            "undoes": shortest(self.undoes),
            "corrects": shortest(self.corrects),
            "undone_by": list(map(shortest, self.undone_by)),
            "corrected_by": list(map(shortest, self.corrected_by)),
            "sittings": self.sittings,
        }


def shortest(folder: Path | None) -> str:
    """Return a folder as people type it: relative to the current folder if it is in it."""
    if folder is None:
        return ""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def lineages(folders: Iterable[Path]) -> dict[Path, Lineage]:
    """Return the lineage of runs by resolved folder, as far as these runs know it."""
    found: dict[Path, Lineage] = {}
    for folder in folders:
        try:
            with Ledger.open(folder) as ledger:
                _add(found, ledger)
        except ImporterError:  # damaged; `runs` reports it
            continue
    return found


def lineage(ledger: Ledger) -> Lineage:
    """Return the lineage of a run, from the runs in folders beside its own that came later."""
    folder = ledger.folder.resolve()
    started = ledger.facts.started.timestamp()
    later = (
        path.parent
        for path in sorted(folder.parent.glob(f"*/{FILE}"))
        if path.stat().st_mtime >= started and path.parent != folder
    )
    found = lineages(later)
    _add(found, ledger)
    return found[folder]


_DONE = {*ALREADY, Result.CREATED, Result.UPDATED, Result.DELETED}


def _took_effect(ledger: Ledger) -> bool:
    """Return whether an apply did something, or found that nothing was to be done."""
    results = ledger.results().keys()
    waits = results or ledger.count("rows", "fate").get(Fate.REVIEW)
    return ledger.was_applied and (not waits or not _DONE.isdisjoint(results))


def _add(found: dict[Path, Lineage], ledger: Ledger) -> None:
    folder, facts, applied = ledger.folder.resolve(), ledger.facts, _took_effect(ledger)
    own = found.setdefault(folder, Lineage())
    own.sittings = sum(entry.event == "apply" for entry in history(ledger, 0))
    rosters = (Path(roster.path) for roster, _ in facts.rosters)
    rejects = (path for path in rosters if kind_of(path.name) in {WORKBOOK, REJECTS})
    # a copy that was saved elsewhere does not show which run it is of
    corrected = next((path.parent for path in rejects if (path.parent / FILE).is_file()), None)
    if facts.undoes:
        own.undoes = Path(facts.undoes)
        if applied:
            found.setdefault(own.undoes, Lineage()).undone_by.append(folder)
    elif corrected:
        own.corrects = corrected
        if applied:
            found.setdefault(own.corrects, Lineage()).corrected_by.append(folder)
