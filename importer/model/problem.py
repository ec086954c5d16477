"""Problems: what is wrong, or worth knowing, about a row."""

from __future__ import annotations

from dataclasses import dataclass

from importer.model.catalogue import CATALOGUE, Code, Repairs, Severity
from importer.model.text import ROSTER_ROWS, is_whole_roster

VALUE = "{value}"
"""The place of the cell's own text in a message, where it can be masked."""

KNOWN = "{known}"
"""The same for a text that is a known word, however typed: not a name, so never masked."""

_SHOWN = 100  # characters of a heading in a message


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a row. `row` is its number in the run; see `ROSTER_ROWS`."""

    file: str
    sheet: str
    row: int

    def __str__(self) -> str:
        """Return `autumn.xlsx[Staff]:4`."""
        return f"{self.roster}:{self.row % ROSTER_ROWS}"

    @property
    def roster(self) -> str:
        """The roster: `autumn.xlsx[Staff]`."""
        return f"{self.file}[{self.sheet}]" if self.sheet else self.file

    @property
    def whole(self) -> bool:
        """Whether it is a whole roster."""
        return is_whole_roster(self.row)


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the roster: its letter and its heading, as the spreadsheet program shows them."""

    letter: str
    heading: str

    def __str__(self) -> str:
        """Return `C "EMPL ID"`; a very long heading is cut."""
        cut = "…" if len(self.heading) > _SHOWN else ""
        return f'{self.letter} "{self.heading[:_SHOWN]}{cut}"'


@dataclass(frozen=True, slots=True)
class CellFinding:
    """What is wrong with a value, before it is known which rows have the value.

    `advice` and `severity` are the catalogue's if not given; `repairs` goes with the given advice.
    `value`: the text that `{value}` in the message stands for, if the finding itself knows it.
    """

    code: Code
    message: str
    advice: str = ""
    severity: Severity | None = None
    repairs: Repairs = Repairs.ROW
    value: str = ""

    def problem(
        self, origin: Origin, *places: Place, field: str = "", value: str | None = None
    ) -> Problem:
        """Return the problem of a row, with this value instead of the finding's own, if given."""
        return Problem.of(
            self.code,
            origin,
            self.message,
            *places,
            field=field,
            value=self.value if value is None else value,
            advice=self.advice,
            severity=self.severity,
            repairs=self.repairs,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about one row.

    `message` says what is wrong; `{value}` or `{known}` in it stand for `value`: the cell's text,
    or the primary ID of the user in question. It contains no other private text. `advice` says
    what to do, `repairs` what that fixes if it is done in the mapping. Problems with equal code,
    severity, places, field and advice have one cause. `places` are the columns, possibly none.
    """

    code: Code
    origin: Origin
    severity: Severity
    message: str
    advice: str
    field: str = ""
    places: tuple[Place, ...] = ()
    value: str = ""
    repairs: Repairs = Repairs.ROW

    def sentence(self, shown: str | None = None, *, begin: bool = False) -> str:
        """Return what is wrong, with the cell's text, or `shown` instead of it.

        `begin`: with a capital, as a sentence begins; a cell's text is not changed.
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
        repairs: Repairs = Repairs.ROW,
    ) -> Problem:
        """Return a problem with the catalogue's severity and advice, if none are given.

        `repairs` goes with the given advice; the catalogue's advice has its own.
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
            repairs if advice else kind.repairs,
        )

    @property
    def title(self) -> str:
        """The catalogue's title of its code."""
        return CATALOGUE[self.code].title
