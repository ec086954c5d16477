"""Problems: what is wrong, or worth knowing, about a row."""

from __future__ import annotations

from dataclasses import dataclass

from importer.model.catalogue import CATALOGUE, Code, Mends, Severity

VALUE = "{value}"
"""Stands in a message where the cell's own text goes, so that it can be masked."""

KNOWN = "{known}"
"""The same where that text is a known word, however typed: nobody's name, so it is not masked."""

_SHOWN = 100  # characters of a heading in a message


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row stands, as the spreadsheet program shows it. Row 0 is the whole roster."""

    file: str
    sheet: str
    row: int

    def __str__(self) -> str:
        """For a message: `autumn.xlsx[Staff]:4`."""
        sheet = f"[{self.sheet}]" if self.sheet else ""
        return f"{self.file}{sheet}:{self.row}"


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the roster: its letter and its heading, as the spreadsheet program shows them."""

    letter: str
    heading: str

    def __str__(self) -> str:
        """For a message: `C "EMPL ID"`; of a very long heading only the beginning."""
        cut = "…" if len(self.heading) > _SHOWN else ""
        return f'{self.letter} "{self.heading[:_SHOWN]}{cut}"'


@dataclass(frozen=True, slots=True)
class CellFinding:
    """What is wrong with a value, before it is known which rows have the value.

    `advice` and `severity` are the catalogue's if not given; `mends` goes with the given advice.
    """

    code: Code
    message: str
    advice: str = ""
    severity: Severity | None = None
    mends: Mends = Mends.ROW


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about one row.

    `message` says what is wrong and may hold `{value}` or `{known}`, where `value` goes: the cell's
    text, or the primary identifier of the user in question. No other private text may stand in it.
    `advice` says what to do, `mends` what that mends if it is done in the mapping.
    Problems with equal code, severity, place, field and advice have one cause. `places` are the
    columns concerned, possibly none.
    """

    code: Code
    origin: Origin
    severity: Severity
    message: str
    advice: str
    field: str = ""
    places: tuple[Place, ...] = ()
    value: str = ""
    mends: Mends = Mends.ROW

    def sentence(self, shown: str | None = None, *, begin: bool = False) -> str:
        """What is wrong, with the cell's text, or `shown` in its stead.

        `begin`: with a capital, as a sentence begins; a cell's text stays as it came.
        """
        message = self.message
        if begin:
            message = message[:1].upper() + message[1:]
        if KNOWN in message:
            return message.replace(KNOWN, self.value)
        return message.replace(VALUE, self.value if shown is None else shown)

    @classmethod
    def of(
        cls,
        code: Code,
        origin: Origin,
        message: str,
        *places: Place,
        field: str = "",
        value: str = "",
        advice: str = "",
        severity: Severity | None = None,
        mends: Mends = Mends.ROW,
    ) -> Problem:
        """A problem with the catalogue's severity and advice, where none are given.

        `mends` is that of the advice that is given; the catalogue's advice has its own.
        """
        kind = CATALOGUE[code]
        return cls(
            code,
            origin,
            severity or kind.severity,
            message,
            advice or kind.advice,
            field,
            places,
            value,
            mends if advice else kind.mends,
        )

    @property
    def title(self) -> str:
        """The catalogue's few words for it."""
        return CATALOGUE[self.code].title
