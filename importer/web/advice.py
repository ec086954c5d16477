"""The link of an action on the page, for who visits it and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol, assert_never

from aiohttp import web

from importer.advice import (
    Action,
    Apply,
    ByHand,
    CheckFiles,
    Decide,
    Do,
    ListCodes,
    Measure,
    NameUser,
    ResolveFrom,
    ShowRow,
    SisReport,
    Undo,
    Wait,
    Where,
    WriteReports,
    as_text,
)
from importer.web.tasks import PRACTICE


class VisitPlace(Protocol):
    """Where a visitor is: the place, its addresses, and the request whose address names things."""

    @property
    def request(self) -> web.Request:
        """The request; its address may name a draft or a run."""

    @property
    def place(self) -> str:
        """The place, such as PRACTICE."""

    @property
    def base(self) -> str:
        """The address below which all pages of the place are."""

    @property
    def run_address(self) -> str:
        """The address of the run that the request names."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link: its words, which are a sentence without its period, and its address."""

    words: str
    address: str


def as_control(  # noqa: PLR0911, PLR0912
    action: Action, visit: VisitPlace, draft: str = ""
) -> Link | None:
    """Return the link of an action; None where the page has none, or has it already.

    `draft`: the name of the draft that it is about, where the address names none.
    """
    settings, words = f"{visit.base}/settings", as_text(action).removesuffix(".")
    names = visit.request.match_info
    draft = draft or names.get("draft", "")
    match action:
        case ByHand(where=Where.MAPPING) if draft:
            return Link(words, f"{visit.base}/drafts/{draft}/mapping")
        case Decide() if "run" in names:
            return Link(words, f"{visit.run_address}/decisions")
        case NameUser(run, row) | ShowRow(run, row):
            return Link(words, f"{_run(visit, run)}/rows/{row}")
        case Apply(run) | SisReport(run) | Undo(run):
            return Link(words, _run(visit, run))
        case Do.FETCH_CODES:
            return Link("Get the code tables in Settings", f"{settings}#codes")
        case Do.REFRESH_USERS | Do.READ_ALL_USERS:
            return Link("Read the users of Alma in Settings", f"{settings}#codes")
        case Do.TEST_SETUP:
            return Link("Check the setup in Settings", f"{settings}#doctor")
        case Do.SET_KEY if visit.place != PRACTICE:
            return Link("Change the key in Settings", f"{settings}#alma")
        case Do.SET_ADDRESS if visit.place != PRACTICE:
            return Link("Change the region in Settings", f"{settings}#alma")
        case Do.CHOOSE_RUN:
            return Link("Choose another load", f"{visit.base}/")
        case ByHand() | Decide() | CheckFiles() | ResolveFrom() | WriteReports() | ListCodes():
            return None
        case Measure() | Wait() | Do():
            return None
        case _:
            assert_never(action)


def _run(visit: VisitPlace, run: str) -> str:
    return f"{visit.base}/runs/{PurePath(run).name}"
