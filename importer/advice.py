"""What a person can do about a problem or an error, as values that each surface renders.

An action names no row and no cell, because the surface has them: advice of one cause is one value,
and may go into emails and masked files. `as_text` is its sentence, for every surface. The command
is `report.commands.as_command`, the link of the page `web.controls.as_control`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol, assert_never


class Do(StrEnum):
    """Actions without details; the value is the word in the catalog and in JSON."""

    NOTHING = "nothing"
    DECIDED = "decided"  # as another problem of the row says
    ANSWERED = "answered"  # as its message says
    FETCH_CODES = "fetch-codes"
    NAME_CODES = "name-codes"
    REFRESH_USERS = "refresh-users"
    READ_ALL_USERS = "read-all-users"
    DELETE_USERS = "delete-users"
    USE_CACHE = "use-cache"  # as it is
    TEST_SETUP = "test-setup"
    READ_PINS = "read-pins"
    PLAN_AGAIN = "plan-again"
    PLAN_FOR_API = "plan-for-api"
    SKIP_HIDDEN = "skip-hidden"
    READ_HIDDEN = "read-hidden"
    CHOOSE_RUN = "choose-run"
    SET_KEY = "set-key"
    SET_ADDRESS = "set-address"
    SET_PROXY = "set-proxy"
    SET_CERTIFICATES = "set-certificates"
    LOWER_RATE = "lower-rate"
    SAME_COMMAND = "same-command"


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
    """Carry out or continue a plan: allow safety checks, send `limit` rows, delete N users."""

    run: str
    allow: tuple[str, ...] = ()
    limit: int | None = None
    delete: int | None = None


@dataclass(frozen=True, slots=True)
class LookUpRows:
    """Look up the open rows of a load; nothing new is sent."""

    run: str


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


Action = (
    Do | ByHand | Decide | NameUser | CheckFiles | Apply | LookUpRows | SisReport | Undo
    | ResolveFrom | Wait | WriteReports | ShowRow | ListCodes | Measure
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
        case CheckFiles((verb, *_)):
            return f"{verb.capitalize()} the rows again."
        case CheckFiles():
            return "Check the rows again."
        case Apply(allow=allow, delete=delete):
            return "Allow them." if allow else "Delete them." if delete else "Continue the load."
        case LookUpRows():
            return "Look up its open rows first; nothing new is sent."
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
        case Do.NOTHING:
            return "No action needed."
        case Do.DECIDED | Do.ANSWERED:
            return "No action needed: a person decided."
        case Do.FETCH_CODES:
            return "Get the code tables from Alma."
        case Do.NAME_CODES:
            return "Name the file of this Alma's code tables."
        case Do.REFRESH_USERS:
            return "Refresh the user cache."
        case Do.READ_ALL_USERS:
            return "Read all users again."
        case Do.DELETE_USERS:
            return "Delete the user cache."
        case Do.USE_CACHE:
            return "Plan with the user cache as it is."
        case Do.TEST_SETUP:
            return "Check the setup."
        case Do.READ_PINS:
            return "Set a PIN for yourself in Alma, then look whether Alma shows it."
        case Do.PLAN_AGAIN:
            return "Plan again."
        case Do.PLAN_FOR_API:
            return "Plan the row for the API, without the SIS load."
        case Do.SKIP_HIDDEN:
            return "Read only the rows that the sheet shows."
        case Do.READ_HIDDEN:
            return "Read the hidden rows, too."
        case Do.CHOOSE_RUN:
            return "Choose another run."
        case Do.SAME_COMMAND:
            return "Do the same again to continue."
        case Do.SET_KEY:
            return (
                "Set `ALMA_API_KEY` to a key with the areas Users and Configuration, in the "
                "environment or in the file `.env` of this folder."
            )
        case Do.SET_ADDRESS:
            return (
                "Set `ALMA_REGION` to na for North America, eu for Europe, ap for Asia Pacific, "
                "aps for Singapore, ca for Canada or cn for China. For a gateway of your own, set "
                "`ALMA_BASE_URL` to its address and `ALMA_GATEWAY` to its host."
            )
        case Do.SET_PROXY:
            return "Set `ALMA_PROXY` to an address such as http://proxy.example.org:3128."
        case Do.SET_CERTIFICATES:
            return "Set `ALMA_CA_BUNDLE` to the path of a file with certificates (PEM)."
        case Do.LOWER_RATE:
            return "Lower `ALMA_RATE`, the calls a second."
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
    kind.__name__: kind
    for kind in (
        ByHand, Decide, NameUser, CheckFiles, Apply, LookUpRows, SisReport, Undo, ResolveFrom,
        Wait, WriteReports, ShowRow, ListCodes, Measure,
    )
}  # fmt: skip


def as_json(advice: Advice) -> list[dict[str, Any]]:
    """Return advice as JSON values: what is done with its details, when, and as a sentence."""
    return [
        {"do": one.do.value if isinstance(one.do, Do) else type(one.do).__name__}
        | ({} if isinstance(one.do, Do) else _details(one.do))
        | {"when": one.when, "text": one.text}
        for one in advice
    ]


def _details(action: Any) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(action).items()}


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
            return tuple(choice for one in entries for choice in written(one))
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
