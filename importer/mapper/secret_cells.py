"""Which columns and rows of a roster may have passwords or PINs, and rows without them.

Everything that is stored or shown of a roster's cells asks here: ledger, reports, rejects, the
local page, a first mapping. Only the roster itself and what is sent to Alma contain them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import pandas as pd

from importer.mapper.mapping import TYPED_TWICE, MappingDocument
from importer.mapper.placeholders import heading_key
from importer.mapper.values import Mask, Texts, Values
from importer.model.fields import SECRETS
from importer.model.problem import CellFinding, Code, Place, Severity
from importer.model.roster import NOT_KEPT, Roster
from importer.model.secret_headings import say_secret


def secret_columns(
    places: Iterable[Place], mapping: MappingDocument | None, others: Iterable[MappingDocument]
) -> frozenset[int]:
    """Return the positions of a roster's columns with passwords or PINs.

    The mapping of the roster decides first: a column that it takes for other fields is none, as
    they contain its text anyway. `others`: the further mappings of the run, whose passwords may be
    in this roster too. Then the heading decides.
    """
    places = tuple(places)
    said = say_secret(place.heading for place in places)
    secret = set()
    ours = _taken(mapping) if mapping else None
    others_take = [*map(_taken, others)]
    for position, place in enumerate(places):
        own = ours(place) if ours else set()
        elsewhere = any(
            (fills := fields_of(place)) and fills <= SECRETS for fields_of in others_take
        )
        if own <= SECRETS if own else elsewhere or place.heading in said:
            secret.add(position)
    return frozenset(secret)


def _taken(mapping: MappingDocument) -> Callable[[Place], set[str]]:
    """Return what finds the fields that a mapping takes from a column; its rules are asked once."""
    headings = mapping.file.headings.items()
    spellings = [(heading_key(name), {*map(heading_key, more)}) for name, more in headings]
    taken = [
        (mapped.field.path, heading_key(heading))
        for mapped in mapping.fields
        for heading in (*mapped.cells, *mapped.compared)
    ]

    def fields_of(place: Place) -> set[str]:
        if not (key := heading_key(place.heading)):
            return set()
        names = {key, *(name for name, more in spellings if key in more)}
        return {path for path, heading in taken if heading in names}

    return fields_of


def misplaced(roster: Roster, secret: Collection[int]) -> frozenset[int]:
    """Return the rows of which any cell may be a password: cells are under wrong headings."""
    return roster.misplaced if secret else frozenset()


def without_secrets(roster: Roster, rows: pd.DataFrame, secret: Collection[int]) -> pd.DataFrame:
    """Return rows of the roster with NOT_KEPT in place of passwords and PINs."""
    hidden = rows.copy()
    for position in secret:
        hidden[position] = hidden[position].where(hidden[position] == "", NOT_KEPT)
    wrong = hidden.index.isin(list(misplaced(roster, secret)))
    if wrong.any():
        hidden.loc[wrong] = hidden[wrong].where(hidden[wrong] == "", NOT_KEPT)
    return hidden


def without_marks(
    texts: Texts, rows: Mask, labels: Collection[str]
) -> tuple[Texts, list[tuple[int, CellFinding, str]]]:
    """Return texts, blank where they are NOT_KEPT: nobody's password, which rejects the row."""
    finding = CellFinding(
        TYPED_TWICE.get(next(iter(labels), ""), Code.MISSING_VALUE),
        "was not kept with the rejected row",
        "Type it again, or clear the cell.",
        Severity.REJECT,
    )
    values = Values.of(texts, rows, rows)
    values.step(lambda text, _: ("", finding) if text == NOT_KEPT else (text, None))
    return values.texts, values.findings
