"""Row numbers of a rejects file that is fed back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.model.roster import read_row

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Numbering:
    """The row numbers of a rejects file: those of the first roster, where the row still has one.

    Rows that were added by hand, or copied, get numbers after the largest, which is `taken`.
    """

    taken: int
    seen: set[int] = field(default_factory=set)

    @classmethod
    def over(cls, texts: Sequence[str]) -> Numbering:
        """For a file whose column `Row` holds these texts."""
        return cls(max((read_row(text)[0] for text in texts), default=0))

    def apply(self, texts: Sequence[str]) -> list[int]:
        """A number for each row, none twice."""
        numbers = []
        for text in texts:
            number, _ = read_row(text)
            if number <= 1 or number in self.seen:
                self.taken += 1
                number = self.taken
            self.seen.add(number)
            numbers.append(number)
        return numbers
