"""Which columns of a roster have passwords or PINs, and its cells without them.

Everything that is stored or shown of a roster's cells asks here: ledger, reports, rejects, the
local page, a first mapping. Only the roster itself and what is sent to Alma contain them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key
from importer.mapper.values import Rows, Texts, Values
from importer.model.fields import SECRETS
from importer.model.problem import CellFinding, Code, Place, Severity
from importer.model.roster import NOT_KEPT, Roster
from importer.model.vocabulary import say_secret

if TYPE_CHECKING:
    import pandas as pd

_BAD = {"password": Code.BAD_PASSWORD, "pin_number": Code.BAD_PIN}


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
    takes = _Takes(mapping) if mapping else None
    others_take = [_Takes(one) for one in others]
    for position, place in enumerate(places):
        own = takes.fields_of(place) if takes else set()
        elsewhere = any((fills := one.fields_of(place)) and fills <= SECRETS for one in others_take)
        if own <= SECRETS if own else elsewhere or place.heading in said:
            secret.add(position)
    return frozenset(secret)


class _Takes:
    """What the rules of a mapping take from columns; asked of the rules once, as it is slow."""

    def __init__(self, mapping: MappingDocument) -> None:
        self._spellings = [
            (heading_key(name), {*map(heading_key, more)})
            for name, more in mapping.file.headings.items()
        ]
        self._headings = [
            (rule.field.path, heading_key(heading.removesuffix("*")), heading.endswith("*"))
            for rule in mapping.rules
            for heading in (*rule.cells, *rule.compared)
        ]

    def fields_of(self, place: Place) -> set[str]:
        """Return the fields that the mapping takes from a column, by their paths."""
        if not (key := heading_key(place.heading)):
            return set()
        names = {key, *(name for name, more in self._spellings if key in more)}
        return {
            path
            for path, start, repeated in self._headings
            if start in names or (repeated and key.startswith(f"{start} "))
        }


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
    texts: Texts, rows: Rows, labels: Collection[str]
) -> tuple[Texts, list[tuple[int, CellFinding, str]]]:
    """Return the texts of a column that feeds these fields, blank where they are NOT_KEPT.

    Each of these is a finding that rejects its row, as it is nobody's password.
    """
    finding = CellFinding(
        _BAD.get(next(iter(labels), ""), Code.MISSING_VALUE),
        "was not kept with the rejected row",
        "Type it again, or clear the cell.",
        Severity.REJECT,
    )
    values = Values.of(texts, rows, rows)
    values.step(lambda text, _: ("", finding) if text == NOT_KEPT else (text, None))
    return values.texts, values.found
