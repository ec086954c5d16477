"""What an earlier run of the same mapping tells of a roster: whether its headings have changed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from importer.errors import ImporterError
from importer.ledger.ledger import Ledger
from importer.ledger.schema import FILE
from importer.mapper.template import heading_key
from importer.model.catalogue import Code
from importer.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from importer.pipeline.front import Material

LOOKED_AT = 50
"""So many runs are opened, the newest first; an older one says little about this roster."""

_LISTED = 10
_SHOWN = 100  # characters of a heading


def headings_changed(folder: Path, material: Material) -> Iterator[Problem]:
    """A notice where headings are gone or new since the last run of this mapping beside `folder`.

    Their order does not matter, since columns are found by their headings. Nor do the columns that
    are of no use to the mapping, whether the roster has them or, as its own template, does not.
    """
    last = _last(folder, material.mapping.name)
    if last is None:
        return
    run, before = last
    now = {place.heading: None for place in material.roster.places if place.heading}
    unused = {heading_key(heading) for heading in material.mapping.file.roster.unused}
    gone, new = (
        [name for name in these if name not in others and heading_key(name) not in unused]
        for these, others in ((before, now), (now, before))
    )
    told = [
        f"{words}: {_listed(headings)}"
        for words, headings in (("gone", gone), ("new", new))
        if headings
    ]
    if told:
        message = f"headings differ from the last run with this mapping ({run}): {'; '.join(told)}"
        yield Problem.of(Code.HEADINGS_CHANGED, material.roster.source.origin(), message)


def _last(folder: Path, mapping: str) -> tuple[str, dict[str, None]] | None:
    """The name of the last run of a mapping, and the headings that its roster had."""
    found: list[tuple[float, Path]] = []
    for path in folder.parent.glob(f"*/{FILE}"):
        with suppress(OSError):  # it may be removed, or not ours to look at
            if path.parent != folder:
                found.append((path.stat().st_mtime, path.parent))
    for _, earlier in sorted(found, reverse=True)[:LOOKED_AT]:
        try:
            with Ledger.open(earlier) as ledger:
                facts = ledger.facts
                if facts.mapping.name == mapping and not facts.undoes:
                    headings = (use.heading for use in ledger.columns() if use.heading)
                    return earlier.name, dict.fromkeys(headings)
        except ImporterError:  # not finished, or of another version
            continue
    return None


def _listed(headings: list[str]) -> str:
    shown = ", ".join(
        f'"{heading[:_SHOWN]}{"…" if len(heading) > _SHOWN else ""}"'
        for heading in headings[:_LISTED]
    )
    left = len(headings) - _LISTED
    return f"{shown} and {left:,} more" if left > 0 else shown
