"""The texts that a rule gives to rows, and what is known about each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from importer.mapper.transforms import Transform
from importer.model.problem import CellFinding, Place, Problem
from importer.model.roster import Source


def filled(texts: pd.Series[str]) -> pd.Series[bool]:
    """By row, whether the text is not blank."""
    return texts.astype(bool)


@dataclass(slots=True)
class Values:
    """What a rule gives to some rows: a text for each, and what is known about it.

    `source`: the texts as they came. `content`: whether the roster contributes anything.
    `applies`: whether a `when` holds. `found`: row, finding, and the text to show.
    """

    texts: pd.Series[str]
    source: pd.Series[str]
    content: pd.Series[bool]
    applies: pd.Series[bool]
    found: list[tuple[int, CellFinding, str]] = field(default_factory=list)

    @classmethod
    def of(cls, texts: pd.Series[str], content: pd.Series[bool]) -> Values:
        """Return the values of rows to which a rule applies."""
        return cls(texts, texts, content, pd.Series(data=True, index=texts.index))

    @classmethod
    def together(cls, parts: Sequence[Values], rows: pd.Index[int]) -> Values:
        """Return the values of all parts, of which none has a row of another, in these rows."""
        return cls(
            pd.concat([part.texts for part in parts]).reindex(rows, fill_value=""),
            pd.concat([part.source for part in parts]).reindex(rows, fill_value=""),
            pd.concat([part.content for part in parts]).reindex(rows, fill_value=False),
            pd.concat([part.applies for part in parts]).reindex(rows, fill_value=False),
            [item for part in parts for item in part.found],
        )

    def step(self, change: Transform, beside: pd.Series[str] | None = None) -> None:
        """Change the texts that are not blank, each distinct one (with what is beside it) once."""
        beside = None if beside is None else beside.loc[self.texts.index]
        groups = [("", self.texts)] if beside is None else self.texts.groupby(beside)
        for other, column in groups:
            texts = column.tolist()
            new: dict[str, str] = {}
            found: dict[str, CellFinding] = {}
            for text in set(texts) - {""}:
                becomes, finding = change(text, str(other))
                if becomes != text:
                    new[text] = becomes
                if finding is not None:
                    found[text] = finding
            if new:
                changed = pd.Series([new.get(t, t) for t in texts], column.index, dtype=object)
                self.texts = (
                    changed if beside is None else self.texts.where(beside != other, changed)
                )
            if found:
                hit = column[column.isin(list(found))]
                shown = self.source[hit.index].tolist()
                rows = hit.index.tolist()
                self.found += zip(rows, map(found.__getitem__, hit), shown, strict=True)

    def over(self, rows: pd.Index[int]) -> Values:
        """Return the values for more rows, blank for those that are new."""
        if len(rows) == len(self.texts):
            return self
        texts, source = (s.reindex(rows, fill_value="") for s in (self.texts, self.source))
        content, applies = (s.reindex(rows, fill_value=False) for s in (self.content, self.applies))
        return Values(texts, source, content, applies, self.found)

    def or_else(self, other: Values) -> Values:
        """Return these values, and the other ones where these are blank."""
        other = other.over(self.texts.index)
        there = filled(self.texts)
        return Values(
            self.texts.where(there, other.texts),
            self.source.where(there, other.source),
            self.content | other.content,
            self.applies | other.applies,
            [*self.found, *other.found],
        )

    def unexplained(self, of: pd.Series[bool] | None = None) -> list[int]:
        """Return the rows, of those that are true, that are blank without a finding about it."""
        texts = self.texts if of is None else self.texts[of]
        reported = {row for row, _, _ in self.found}
        return [row for row in texts.index[~filled(texts)].tolist() if row not in reported]

    def problems(self, source: Source, label: str, places: tuple[Place, ...]) -> Iterator[Problem]:
        """Yield what the steps found as problems of a field, without the text of a password."""
        for row, finding, text in self.found:
            yield Problem.of(
                finding.code,
                source.origin(row),
                finding.message,
                *places,
                field=label,
                value="" if label == "password" else text,
                advice=finding.advice,
                severity=finding.severity,
                repairs=finding.repairs,
            )
