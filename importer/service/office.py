"""What every operation needs: as whom it works and with what, and whom it asks and reports to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from importer.advice import Action
from importer.alma.code_tables import read_file
from importer.alma.facts import load_facts
from importer.errors import StoppedError
from importer.model.fields import NO_CODES, CodeTables
from importer.model.run import AlmaFacts
from importer.pipeline.inputs import Advance, AskedRun, Listener, Occasion, RunRequest
from importer.service.place import CODES, FACTS, FIRST_CONTACT, USERS, now, operator, version

if TYPE_CHECKING:
    from importer.alma.client import Alma  # loading it takes longer than a check of few rows
    from importer.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """As whom an operation works, and with what; its folder is the current one.

    `operator`: who asks, on which computer. `version` is the importer's. `now` returns the time
    with its zone. `settings` are read when Alma is needed.
    """

    operator: str
    version: str
    now: Callable[[], datetime]
    settings: Callable[[], Settings]

    def occasion(self) -> Occasion:
        """Return who makes a run, now. Raises UsageError if a file of saved facts is wrong."""
        measured = {path: load_facts(path) for path in (FACTS, FIRST_CONTACT) if path.is_file()}
        return Occasion(self.operator, self.now(), self.version, measured)

    def request(self, asked: AskedRun) -> RunRequest:
        """Return what is asked with what is saved in the folder. Raises UsageError."""
        return RunRequest(asked, self.occasion(), saved_codes(asked.codes), USERS)


def office() -> Office:
    """Return the office of this computer and folder."""
    return Office(operator(), version(), now, _settings)


def _settings() -> Settings:
    from importer.settings import Settings  # not read to check rosters

    return Settings.read()


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person is asked to agree to: `count` rows written to an Alma, or users deleted.

    `limit`: how many rows are sent at most, None for all.
    """

    count: int
    alma: AlmaFacts | None
    limit: int | None

    @property
    def production(self) -> str:
        """The code of the institution whose production Alma it is; "" if it is another Alma."""
        return self.alma.institution if self.alma and self.alma.is_production else ""


class Surface(Protocol):
    """What an operation reports to a person while it works, and asks."""

    def note(self, sentence: str, /, *do: Action) -> None:
        """Report one sentence."""

    def working(self, what: str, notice: Callable[[], str], /) -> AbstractContextManager[Advance]:
        """Show how far something is during the block; `notice` returns a wait to show, or ""."""

    def typed(self, asked: Consent, /) -> int | None:
        """Return how many users are deleted, as a person typed it; asked before any check."""

    def agree(self, asked: Consent, /) -> None:
        """Raise UsageError unless a person agrees to write; asked after all checks."""


class Stop:
    """Whether to begin nothing new; signals mean nothing to it, as in a program."""

    def __init__(self, asked: Callable[[], bool] = lambda: False) -> None:
        """Ask `asked` each time; by default, nothing ever stops."""
        self._asked = asked

    def __call__(self) -> bool:
        """Return whether to begin nothing new."""
        return self._asked()

    def listening(self) -> AbstractContextManager[None]:
        """Take signals as requests to stop while the block runs."""
        return nullcontext()

    async def run(self, work: Coroutine[object, object, T]) -> T:
        """Return what the work gives. Raises StoppedError where it was stopped at once."""
        return await work


NEVER = Stop()
"""For what does not stop between two rows, or stops by itself."""


@contextmanager
def working(
    surface: Surface, what: str, stop: Stop, alma: Alma | None = None
) -> Iterator[Listener]:
    """Show the progress of a block, and what it waits for if it uses Alma.

    It raises StoppedError between two rows, if it is to stop: it saves nothing before its end.
    """
    with surface.working(what, lambda: alma.limiter.notice if alma else "") as shown:

        def advance(done: int, of: int, counts: str = "") -> None:
            if stop():
                msg = "Stopped, as you asked. Nothing was saved."
                raise StoppedError(msg)
            shown(done, of, counts)

        yield Listener(advance, surface.note)


def saved_codes(path: Path | None) -> CodeTables:
    """Return the code tables of a file; without one, those of `codes.json`, or none.

    Raises UsageError where a named file is missing, or a file is wrong.
    """
    return NO_CODES if path is None and not CODES.is_file() else read_file(path or CODES)
