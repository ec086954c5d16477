"""The link of an action on the page, for who visits it and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import assert_never

from importer import advice as actions
from importer.advice import Action, Do, Where, as_text
from importer.web.workspace import PRACTICE


@dataclass(frozen=True, slots=True)
class Link:
    """A link: its words, which are a sentence without its period, and its address."""

    words: str
    address: str


def as_control(  # noqa: PLR0911, PLR0912
    action: Action, place: str, base: str, *, run: str, draft: str
) -> Link | None:
    """Return the link of an action; None where the page has none, or has it already.

    `base`: the address below which all pages of the place are. `run` and `draft`: what the page is
    about, "" for none.
    """
    settings, runs, words = f"{base}/settings", f"{base}/runs", as_text(action).removesuffix(".")
    match action:
        case actions.ByHand(where=Where.MAPPING) if draft:
            return Link(words, f"{base}/drafts/{draft}/mapping")
        case actions.Decide() if run:
            return Link(words, f"{runs}/{run}/decisions")
        case actions.NameUser(folder, row) | actions.ShowRow(folder, row):
            return Link(words, f"{runs}/{PurePath(folder).name}/rows/{row}")
        case actions.Apply(folder) | actions.SisReport(folder) | actions.Undo(folder):
            return Link(words, f"{runs}/{PurePath(folder).name}")
        case Do.FETCH_CODES:
            return Link("Get the code tables in Settings", f"{settings}#codes")
        case Do.REFRESH_USERS | Do.READ_ALL_USERS:
            return Link("Read the users of Alma in Settings", f"{settings}#codes")
        case Do.TEST_SETUP:
            return Link("Check the setup in Settings", f"{settings}#doctor")
        case Do.SET_KEY if place != PRACTICE:
            return Link("Change the key in Settings", f"{settings}#alma")
        case Do.SET_ADDRESS if place != PRACTICE:
            return Link("Change the region in Settings", f"{settings}#alma")
        case actions.AllowLoad() | actions.SkipFiles() | Do.LIST_JOBS if place != PRACTICE:
            return Link("Decide about the load in Settings", f"{settings}#jobs")
        case Do.CHOOSE_RUN:
            return Link("Choose another load", f"{base}/")
        case actions.ByHand() | actions.Decide() | actions.CheckFiles() | actions.ResolveFrom():
            return None
        case actions.WriteReports() | actions.ListCodes() | actions.Measure() | actions.Wait():
            return None
        case actions.CheckJob() | actions.RunJob() | actions.AllowLoad() | actions.SkipFiles():
            return None
        case Do():
            return None
        case _:
            assert_never(action)
