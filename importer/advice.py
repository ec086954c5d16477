"""What a person can do about a problem or an error, as values that each surface renders.

An action names no row and no cell, because the surface has them: advice of one cause is one value,
and may go into emails and masked files. `as_text` is its sentence, for every surface. The command
is `report.commands.as_command`, the link of the page `web.advice.as_control`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol, Self, assert_never, get_args

REGIONS = {
    "na": "North America", "eu": "Europe", "ap": "Asia Pacific", "aps": "Asia Pacific South",
    "ca": "Canada", "cn": "China",
}  # fmt: skip
"""The names of Ex Libris' regions, by the codes in the hosts of their API (contract 2.1)."""


class Do(StrEnum):
    """Actions without details; the value is the word in the catalog and in JSON."""

    sentence: str

    def __new__(cls, word: str, sentence: str = "") -> Self:
        """Make an action with its sentence."""
        action = str.__new__(cls, word)
        action._value_ = word
        action.sentence = sentence
        return action

    NOTHING = "nothing", "No action needed."
    DECIDED = "decided", "No action needed: a person decided."
    ANSWERED = "answered", "No action needed: a person decided."
    FETCH_CODES = "fetch-codes", "Get the code tables from Alma."
    NAME_CODES = "name-codes", "Name the file of this Alma's code tables."
    REFRESH_USERS = "refresh-users", "Refresh the user cache."
    READ_ALL_USERS = "read-all-users", "Read all users again."
    DELETE_USERS = "delete-users", "Delete the user cache."
    USE_CACHE = "use-cache", "Plan with the user cache as it is."
    TEST_SETUP = "test-setup", "Check the setup."
    READ_PINS = "read-pins", "Set a PIN for yourself in Alma, then look whether Alma shows it."
    PLAN_AGAIN = "plan-again", "Plan again."
    PLAN_FOR_API = "plan-for-api", "Plan the row for the API, without the SIS load."
    SKIP_HIDDEN = "skip-hidden", "Read only the rows that the sheet shows."
    READ_HIDDEN = "read-hidden", "Read the hidden rows, too."
    CHOOSE_RUN = "choose-run", "Choose another run."
    LIST_JOBS = "list-jobs", "See what the jobs need."
    SET_KEY = (
        "set-key",
        "Set `ALMA_API_KEY` to a key with the areas Users and Configuration, in the "
        "environment or in the file `.env` of this folder.",
    )
    SET_ADDRESS = (
        "set-address",
        f"Set `ALMA_REGION`: {', '.join(f'{code} for {name}' for code, name in REGIONS.items())}. "
        "For a gateway of your own, set `ALMA_BASE_URL` to its address and `ALMA_GATEWAY` to its "
        "host.",
    )
    SET_PROXY = (
        "set-proxy",
        "Set `ALMA_PROXY` to an address such as http://proxy.example.org:3128.",
    )
    SET_CERTIFICATES = (
        "set-certificates",
        "Set `ALMA_CA_BUNDLE` to the path of a file with certificates (PEM).",
    )
    LOWER_RATE = "lower-rate", "Lower `ALMA_RATE`, the calls a second."
    SAME_COMMAND = "same-command", "Do the same again to continue."


class Where(StrEnum):
    """Where something is done by hand; the value is the key in the catalog."""

    ROSTER = "roster"
    MAPPING = "mapping"
    ALMA = "alma"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person does with an editor or asks of a colleague, in whole sentences."""

    how: str
    where: Where = Where.ROSTER


@dataclass(frozen=True, slots=True)
class Decide:
    """Resolve a row; `decision`: the words of the Decision column, "" for any."""

    decision: str = ""


@dataclass(frozen=True, slots=True)
class NameUser:
    """Name the user whom a decision about a row means; `answer`: as typed."""

    run: str
    row: str
    answer: str


@dataclass(frozen=True, slots=True)
class CheckFiles:
    """Check or plan rosters; `words`: the command with its rosters, mappings and options."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """Carry out or continue a plan: allow safety checks, send `limit` rows, delete N users.

    Without any row (0), the open ones are looked up.
    """

    run: str
    allow: tuple[str, ...] = ()
    limit: int | None = None
    delete: int | None = None


@dataclass(frozen=True, slots=True)
class SisReport:
    """Find out what Alma's SIS load did with the file of a run."""

    run: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Plan the undo of a run; `delete`: also delete the users whom it created."""

    run: str
    delete: bool = False


@dataclass(frozen=True, slots=True)
class ResolveFrom:
    """Resolve the rows that have a Decision in a file of rejects."""

    run: str
    file: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait; `until`: what, as the end of the sentence."""

    until: str


@dataclass(frozen=True, slots=True)
class WriteReports:
    """Write the reports of a run again; `run`: "" where its new name is not known."""

    run: str = ""


@dataclass(frozen=True, slots=True)
class ShowRow:
    """Show the history of a row, with the users in question."""

    run: str
    row: str


@dataclass(frozen=True, slots=True)
class ListCodes:
    """List the codes of one of Alma's tables."""

    table: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure how Alma behaves, on a sandbox environment; `institution`: also for this one."""

    institution: str = ""


@dataclass(frozen=True, slots=True)
class CheckJob:
    """Check a job, by its file."""

    job: str


@dataclass(frozen=True, slots=True)
class RunJob:
    """Run a job once."""

    job: str


@dataclass(frozen=True, slots=True)
class AllowLoad:
    """Let the held load of a job pass these guards; `run`: that of the load."""

    job: str
    run: str
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkipFiles:
    """Skip the files of the held load with this run or, if it is "", those that are refused."""

    job: str
    run: str = ""


Action = (
    Do | ByHand | Decide | NameUser | CheckFiles | Apply | SisReport | Undo | ResolveFrom | Wait
    | WriteReports | ShowRow | ListCodes | Measure | CheckJob | RunJob | AllowLoad | SkipFiles
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things to do; `when`: in which case, without a comma at its end, "" for always."""

    do: Action
    when: str = ""

    @property
    def text(self) -> str:
        """It in a sentence."""
        sentence = as_text(self.do)
        return f"{self.when}, {sentence[:1].lower()}{sentence[1:]}" if self.when else sentence


Advice = tuple[Choice, ...]


class Note(Protocol):
    """Takes a sentence for the operator, and what can be done about it."""

    def __call__(self, sentence: str, /, *do: Action) -> None:
        """Report it, while the work continues."""


def as_text(action: Action) -> str:  # noqa: PLR0911, PLR0912  one sentence each
    """Return an action in a sentence, without a command."""
    match action:
        case ByHand(how):
            return how
        case Decide(decision):
            return f"Choose the decision “{decision}”." if decision else "Resolve the row."
        case NameUser():
            return "Name one of them with the decision."
        case CheckFiles(words):
            return f"{words[0].capitalize()} the rows again."
        case Apply(limit=0):
            return "Look up its open rows first; nothing new is sent."
        case Apply(allow=allow, delete=delete):
            return "Allow them." if allow else "Delete them." if delete else "Continue the load."
        case SisReport():
            return "Find out what the SIS load did, once Alma has loaded the file."
        case Undo(delete=delete):
            return f"Plan the undo{', with the users to delete' if delete else ''}."
        case ResolveFrom():
            return "Resolve the rows."
        case WriteReports():
            return "Write the reports again."
        case Wait(until):
            return f"Wait until {until}."
        case ShowRow():
            return "See the row's history, which has them."
        case ListCodes(table):
            return f"List the codes of `{table}`."
        case Measure():
            return "Measure with the key of a sandbox environment how Alma behaves."
        case CheckJob():
            return "Check the job."
        case RunJob():
            return "Run the job."
        case AllowLoad():
            return "Let the load pass."
        case SkipFiles():
            return "Skip what is held or refused."
        case Do():
            return action.sentence
        case _:
            assert_never(action)


def text_of(advice: Advice) -> str:
    """Return advice in sentences, without commands."""
    return " ".join(choice.text for choice in advice)


@lru_cache(maxsize=4096)
def by_hand(how: str, where: Where = Where.ROSTER) -> Advice:
    """Return the advice to do this by hand; none for ""."""
    return (Choice(ByHand(how, where)),) if how else ()


_DETAILED: dict[str, type[Any]] = {
    kind.__name__: kind for kind in get_args(Action) if kind is not Do
}


def as_json(advice: Advice) -> list[dict[str, Any]]:
    """Return advice as JSON values: what is done with its details, when, and as a sentence."""
    return [
        _with_details(choice.do) | {"when": choice.when, "text": choice.text} for choice in advice
    ]


def _with_details(action: Action) -> dict[str, Any]:
    if isinstance(action, Do):
        return {"do": action.value}
    return {"do": type(action).__name__, **asdict(action)}


def from_json(choices: Iterable[Mapping[str, Any]]) -> Advice:
    """Return the advice of such JSON values. Raises KeyError, TypeError, ValueError."""
    return tuple(Choice(_action(dict(values)), values["when"]) for values in choices)


@lru_cache(maxsize=4096)
def packed(advice: Advice) -> str:
    """Return advice as a text that is kept."""
    return json.dumps(as_json(advice), ensure_ascii=False)


@lru_cache(maxsize=4096)
def unpacked(text: str) -> Advice:
    """Return the advice of such a text."""
    return from_json(json.loads(text))


def _action(values: dict[str, Any]) -> Action:
    word = values.pop("do")
    del values["when"], values["text"]
    if word not in _DETAILED:
        return Do(word)
    details = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    action: Action = _DETAILED[word](**details)
    return replace(action, where=Where(action.where)) if isinstance(action, ByHand) else action


def written(entry: object) -> Advice:
    """Return the advice of the catalog's words. Raises ValueError for what is none.

    A sentence is done by hand in the roster. A table has `when` and one more key: a place with a
    sentence, `do` with an action or `decide` with a decision.
    """
    match entry:
        case str(how):
            return by_hand(how)
        case list(entries):
            return tuple(choice for entry in entries for choice in written(entry))
        case {"when": str(when), **others}:
            return tuple(Choice(choice.do, when) for choice in written(others))
        case {"do": str(word), **others} if not others:
            return (Choice(Do(word)),)
        case {"decide": str(decision), **others} if not others:
            return (Choice(Decide(decision)),)
        case dict() if len(entry) == 1:
            return tuple(Choice(ByHand(str(how), Where(place))) for place, how in entry.items())
        case _:
            msg = f"{entry!r} is no advice"
            raise ValueError(msg)
