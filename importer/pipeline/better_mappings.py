"""Which mapping a roster belongs to, where the named one does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from importer.errors import ImporterError, MappingError
from importer.ledger.ledger import Ledger
from importer.ledger.states import FILE
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.load import MappingText
from importer.mapper.load import examine as read_mapping
from importer.model.roster import Roster

_TRIED = 20
"""Mappings in the same folder that are tried on a roster that the named one does not fit."""


def better_mappings(
    mapping: Path | MappingText, opened: Roster, run: RunVariables
) -> Iterator[str]:
    """Name the mapping that a roster belongs to: that of its run, or one that has its headings."""
    if isinstance(mapping, MappingText):
        return
    own, path = mapping.resolve(), opened.source.path
    name = path.name
    if name.startswith("rejects") and (path.parent / FILE).is_file():
        with suppress(ImporterError), Ledger.open(path.parent) as ledger:
            used = {Path(mapping.path).resolve() for _, mapping in ledger.facts.rosters}
            if own not in used:
                names = ", ".join(f"`{one.name}`" for one in sorted(used))
                yield f"{name}: these are the rejects of a run with {names}; use it with -m"
            return
    fitting = []
    for other in sorted(own.parent.glob("*.y*ml"))[:_TRIED]:
        document, wrong = read_mapping(other) if other.resolve() != own else (None, ())
        if document is not None and not wrong:
            with suppress(MappingError):
                compile_mapping(document, opened.places, run)
                fitting.append(f"`{other.name}`")
    if fitting:
        which = f"mapping {fitting[0]}; use it" if len(fitting) == 1 else ""
        which = which or f"mappings {', '.join(fitting)}; use one of them"
        yield f"{name}: its headings match the {which} with -m"
