"""Errors that stop a run. Bad data is never an error: it is a `Problem`, collected to the last row.

ImporterError                    exit
├── UsageError                    2   wrong usage
│   ├── MappingError              2   the mapping is wrong; carries every finding
│   │   └── ColumnsError          2   it takes columns that the roster does not have
│   └── UnreadableFileError       2   a file that people write cannot be read
│       └── FileMissingError      2   there is no such file
├── StoppedError                130   the operator pressed Ctrl-C
├── RosterError                   4   the roster could not be read, or was refused whole
│   └── WhichSheetError           4   the sheet of a workbook must be named
├── StalePlanError                5   the plan was made for another roster, mapping or institution
├── SafetyCheckError              7   a safety check stopped `apply`
├── LedgerError                   8   the run folder cannot be written, or another operator holds it
├── PlaceError                    8   a folder or server of a job cannot be reached or written
└── AlmaError                         what Alma's reply means (contract section 2.4)
    ├── RefusedError              6   Alma refuses this one record; the run continues
    ├── ThrottledError            8   too many calls a second; not processed, can be sent again
    ├── UnavailableError          8   nothing was processed: no connection, maintenance
    ├── DailyLimitError           8   the daily API limit is reached, until midnight GMT
    ├── UnknownOutcomeError       8   a write that may or may not have happened
    └── AccessError               9   the key is missing, wrong or lacks a right
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from importer.advice import Action, Advice, Apply, ByHand, Choice, Do, text_of


class Exit(IntEnum):
    """The exit codes that scripts may rely on, with what each means and what to do."""

    meaning: str
    advice: Advice

    def __new__(cls, code: int, meaning: str = "", *todo: Action | Choice) -> Self:
        """Make a code with its texts."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.advice = tuple(do if isinstance(do, Choice) else Choice(do) for do in todo)
        return member

    DONE = 0, "done", Do.NOTHING
    BUG = 1, "a defect of the importer", ByHand("Report the line that it prints.")
    USAGE = (
        2,
        "the command line, a setting or the mapping is wrong, or a run is damaged or gone",
        ByHand("Read the message and correct it."),
    )
    REJECTS = (
        3,
        "some rows were rejected or need review; the others are fine",
        ByHand("See the rejects."),
    )
    ROSTER = 4, "the roster could not be read", ByHand("Read the message and check the file.")
    STALE = 5, "the roster, the mapping or the institution changed since the plan", Do.PLAN_AGAIN
    REFUSED = 6, "applied, but Alma refused some rows", ByHand("See the rejects.")
    SAFETY_CHECK = (
        7,
        "a safety check stopped `apply`",
        ByHand("Review the plan."),
        Choice(Apply("RUN", allow=("CHECK",)), "If its changes are right"),
    )
    STOPPED = (
        8,
        "stopped by the daily limit, an outage or a full disk, or someone else uses or changes "
        "the run",
        Do.SAME_COMMAND,
    )
    ACCESS = 9, "the key is missing, wrong, or lacks a right", Do.TEST_SETUP
    INTERRUPTED = 130, "stopped by you", Do.SAME_COMMAND

    @classmethod
    def worst(cls, codes: set[Exit]) -> Exit:
        """Return the exit code to use if several apply."""
        order = (cls.BUG, cls.USAGE, cls.ROSTER, cls.ACCESS, cls.STOPPED, cls.INTERRUPTED,
                 cls.SAFETY_CHECK, cls.STALE, cls.REFUSED, cls.REJECTS)  # fmt: skip
        return next((code for code in order if code in codes), cls.DONE)


FINE = frozenset({Exit.DONE, Exit.REJECTS, Exit.REFUSED})
"""Exit codes after which a command did its work; rows to correct are no failure of it."""


class Cause(StrEnum):
    """What has to be corrected after an error, for a job that asks the right person to do it."""

    ROSTER = "roster"
    MAPPING = "mapping"
    EITHER = "mapping or roster"  # they do not fit each other
    PASSES = "passes"  # nothing: it passes by itself
    OTHER = "other"


class ImporterError(Exception):
    """A broken run. Its text is one sentence for a librarian, or a few lines of them.

    `advice`: what can be done about it. As a text, an error has it in sentences behind its own;
    `prose` is its own sentence alone, for a surface that renders the advice.
    """

    exit: Exit = Exit.BUG
    cause: Cause = Cause.OTHER
    advice: Advice = ()

    def advising(self, do: Action, when: str = "") -> Self:
        """Return the error with one more thing to do."""
        self.advice = (*self.advice, Choice(do, when))
        return self

    @property
    def prose(self) -> str:
        """What is wrong, without the advice."""
        return super().__str__()

    def __str__(self) -> str:
        """Return what is wrong and what to do, without commands."""
        return " ".join(filter(None, (self.prose, text_of(self.advice))))


class UsageError(ImporterError):
    """A flag, a setting or an argument is wrong."""

    exit = Exit.USAGE


class MappingError(UsageError):
    """The mapping is wrong. `findings` are all the reasons, each with its place."""

    cause = Cause.MAPPING

    def __init__(self, findings: tuple[str, ...]) -> None:
        """Join the findings, a line each."""
        super().__init__("\n".join(findings))
        self.findings = findings


class ColumnsError(MappingError):
    """The mapping takes columns that the roster does not have."""

    cause = Cause.EITHER


class UnreadableFileError(UsageError):
    """A file that people write cannot be read, is too large, or is not an ordinary file."""


class FileMissingError(UnreadableFileError):
    """There is no file of this name."""


class StoppedError(ImporterError):
    """Ctrl-C was pressed."""

    exit = Exit.INTERRUPTED


class RosterError(ImporterError):
    """The roster cannot be read, or is refused whole.

    `encodings`: some names in each encoding that the file may be in, if that is asked. The person
    at the screen sees them; logs and mails never do.
    """

    exit = Exit.ROSTER

    def __init__(
        self, message: str, encodings: Mapping[str, str] | None = None, cause: Cause = Cause.ROSTER
    ) -> None:
        """Keep the names beside the message."""
        super().__init__(message)
        self.encodings, self.cause = encodings or {}, cause


class WhichSheetError(RosterError):
    """The sheet of a workbook must be named. `sheets`: the visible ones."""

    def __init__(self, message: str, sheets: tuple[str, ...]) -> None:
        """Keep the names of the sheets beside the message."""
        super().__init__(message, cause=Cause.EITHER)
        self.sheets = sheets


class StalePlanError(ImporterError):
    """The plan does not belong to what is there now."""

    exit = Exit.STALE


class SafetyCheckError(ImporterError):
    """The plan does more than a usual load would; a person must say that it is meant."""

    exit = Exit.SAFETY_CHECK


class LedgerError(ImporterError):
    """The run's ledger cannot be opened or written, or is not the one on the disk any more."""

    exit = Exit.STOPPED


class PlaceError(ImporterError):
    """A folder, SFTP server or mail server of a job cannot be reached, or refuses a file."""

    exit = Exit.STOPPED


class AlmaSaid(NamedTuple):
    """What Alma itself said of an error, blank where it said nothing.

    `said` can name a person, so it goes to the ledger, never to a log.
    """

    code: str = ""
    said: str = ""
    tracking_id: str = ""


NOTHING_SAID = AlmaSaid()


class AlmaError(ImporterError):
    """The meaning of Alma's reply, with what Alma said in it.

    `wait`: for how many seconds the server asked to wait, or 0. `repeatable`: whether the same
    call may be sent again and could then succeed. `of_write`: it is the reply to a write.
    """

    exit = Exit.STOPPED
    of_write = False

    def __init__(
        self,
        message: str,
        reply: AlmaSaid = NOTHING_SAID,
        *,
        repeatable: bool = False,
        wait: float = 0,
    ) -> None:
        """Keep beside the sentence what Alma said, and whether and when to try again."""
        super().__init__(message)
        self.reply = reply
        self.code, self.said, self.tracking_id = reply
        self.repeatable, self.wait = repeatable, wait


class RefusedError(AlmaError):
    """Alma refuses one record and did not store it. Caught in the executor, per row."""

    exit = Exit.REFUSED


class ThrottledError(AlmaError):
    """More calls a second than Alma takes; this one was not processed."""

    cause = Cause.PASSES


class UnavailableError(AlmaError):
    """Alma cannot be reached or is not serving; nothing was processed."""

    cause = Cause.PASSES


class DailyLimitError(AlmaError):
    """The institution's daily API calls are used up, or down to the reserve."""

    cause = Cause.PASSES


class UnknownOutcomeError(AlmaError):
    """A write was sent and its reply was lost or is not valid: ask Alma whether it was done."""

    cause = Cause.PASSES


class AccessError(AlmaError):
    """The key is missing, wrong, or may not do this."""

    exit = Exit.ACCESS


def missing_library(error: ModuleNotFoundError) -> str:
    """Return what to do where a library is not installed, as after an update of the code alone.

    "" where the module is our own, which is a defect.
    """
    library = (error.name or "").partition(".")[0]
    if library in {"", "importer"}:
        return ""
    return (
        f"The library {library} is not installed, and this version of the importer needs it. Run "
        "`make setup` in the importer's folder or, if you installed it in another way, install it "
        "again. Nothing was sent."
    )


def understood(error: Exception) -> ImporterError:
    """Return an error as people read it, with its exit code and what is to be corrected.

    That is also a file that may not be read or written, and a library that is not installed. What
    is left is a defect.
    """
    match error:
        case ImporterError():
            return error
        case PermissionError() if isinstance(error.filename, str):
            return LedgerError(
                f"{error.filename} may not be read or written. Check whose it is, and whether "
                "another program has it open. After a run with `sudo`, make yourself the owner of "
                "the folders runs, users and jobs (`chown -R`)."
            )
        case ModuleNotFoundError() if sentence := missing_library(error):
            return UsageError(sentence)
        case _:
            return ImporterError(defect(error))


def defect(error: Exception) -> str:
    """Return where a defect is, without the text of the exception: it may contain patron data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "importer" in Path(frame.filename).parts]
    place = (
        f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "an unknown place"
    )
    return (
        f"This is a defect of the importer ({type(error).__name__} in {place}); nothing is wrong "
        "with what you did. Please report this line; it contains no patron data."
    )
