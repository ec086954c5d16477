"""What a specimen of the zoo is: a hostile or awkward file, and what reading it must give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from importer.model.roster import Layout


@dataclass(frozen=True)
class Specimen:
    """A file, built by code, and what must come of it.

    Either `refusal`, words of the one sentence; or rows by number, problems as (row, column letter,
    code), the codes of notices in order, and the rows that are blank or left out.
    """

    name: str  # of the file
    hazard: str
    build: Callable[[Path], None]
    layout: Layout = field(default_factory=Layout)
    refusal: str = ""
    rows: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    problems: Collection[tuple[int, str, str]] = ()
    notices: tuple[str, ...] = ()
    blank: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()

    def __str__(self) -> str:
        """For the test's name."""
        return self.hazard.replace(" ", "-")
