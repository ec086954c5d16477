"""What every page shares: the workspaces, the templates, and answers to forms."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path, PurePath
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment
from markupsafe import Markup, escape

from importer.errors import ImporterError, defect
from importer.loader.detect import LARGEST
from importer.model.text import counted
from importer.report.masking import printable
from importer.report.page import environment
from importer.web.drafts import Draft, StaleError
from importer.web.guard import Handler
from importer.web.tasks import Task
from importer.web.workspace import PRACTICE, Workspace

T = TypeVar("T")

PAGE = 50
"""Rows on one page of a table."""


@dataclass(frozen=True, slots=True)
class Site:
    """The workspaces by place, the clock, and the locks of drafts that are being changed.

    `proxied`: a reverse proxy names who asks, in the header X-Remote-User.
    """

    workspaces: Mapping[str, Workspace]
    now: Callable[[], datetime]
    proxied: bool = False
    locks: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    @property
    def is_busy(self) -> bool:
        """Whether a command that the page started is running."""
        return any(any(space.tasks.running()) for space in self.workspaces.values())


REMOTE_USER = "X-Remote-User"

SITE = web.AppKey("site", Site)


def site_of(request: web.Request) -> Site:
    """Return the site of a request."""
    return request.app[SITE]


def workspace_of(request: web.Request) -> Workspace:
    """Return the workspace that the address names. Raises HTTPNotFound."""
    found = site_of(request).workspaces.get(request.match_info["place"])
    if found is None:
        raise web.HTTPNotFound
    return found


def draft_of(request: web.Request) -> Draft:
    """Return the draft that the address names. Raises HTTPNotFound."""
    draft = workspace_of(request).draft(request.match_info["draft"])
    if draft is None:
        raise web.HTTPNotFound
    return draft


@dataclass(frozen=True, slots=True)
class Posted:
    """A form about a draft that is not out of date."""

    request: web.Request
    space: Workspace
    draft: Draft
    form: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a field of the form, "" if it is missing."""
        return str(self.form.get(name, ""))

    @property
    def mapping(self) -> Path:
        """The chosen mapping. Raises HTTPNotFound where none is chosen."""
        chosen = self.space.mapping(self.draft.facts.mapping)
        if chosen is None:
            raise web.HTTPNotFound
        return chosen


def changes_draft(
    handler: Callable[[Posted], Awaitable[web.Response]],
) -> Handler:
    """Make a handler of a form about a draft: they are carried out one after another.

    It raises StaleError where the draft was changed since the page of the form.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        sent = await request.post()
        async with site_of(request).locks[request.match_info["draft"]]:
            form = Posted(request, workspace_of(request), draft_of(request), sent)
            form.draft.require(number(form.text("version")))
            return await handler(form)

    return handle


def run_of(request: web.Request) -> Path:
    """Return the folder of the run that the address names. Raises HTTPNotFound."""
    folder = workspace_of(request).run(request.match_info["run"])
    if folder is None:
        raise web.HTTPNotFound
    return folder


def run_address(request: web.Request, part: str = "") -> str:
    """Return the address of a page of the run that the address names."""
    return f"{base_of(request)}runs/{request.match_info['run']}{part}"


def base_of(request: web.Request) -> str:
    """Return the address of the start page of a place."""
    return f"/{request.match_info['place']}/"


def address_of(request: web.Request, draft: Draft, part: str = "sheet") -> str:
    """Return the address of a page of a draft."""
    return f"{base_of(request)}drafts/{draft.name}/{part}"


def operator_of(request: web.Request) -> str:
    """Return who works on the page: whom the reverse proxy names, or who started the server."""
    return _remote_user(request) or workspace_of(request).operator


def _remote_user(request: web.Request) -> str:
    named = request.headers.get(REMOTE_USER, "") if site_of(request).proxied else ""
    return "".join(char for char in named if char.isalnum() or char in "@._-")[:100]


def start_task(request: web.Request, *words: str, title: str, then: str) -> Task:
    """Start a command for whoever works on the page; `then` is the page to show when it is done."""
    return workspace_of(request).tasks.start(
        *words, title=title, then=then, now=site_of(request).now(), operator=_remote_user(request)
    )


def page(
    request: web.Request, template: str, *, status: int = 200, **values: object
) -> web.Response:
    """Return a page made by a template."""
    place = request.match_info.get("place", PRACTICE)
    text = (
        _environment()
        .get_template(template)
        .render(
            place=place, base=f"/{place}", practice=place == PRACTICE, path=request.path, **values
        )
    )
    return web.Response(status=status, text=text, content_type="text/html")


def refusal(
    request: web.Request, status: int, heading: str, sentence: str, back: str
) -> web.Response:
    """Return a page with one message, and a link to continue from."""
    return page(
        request, "message.html.j2", status=status, heading=heading, sentence=sentence, back=back
    )


def see(address: str) -> web.Response:
    """Return the answer to a form that was carried out: the browser shows this page next."""
    return web.Response(status=303, headers={"Location": address})


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Return what the work returns, without holding up other requests."""
    return await asyncio.to_thread(work, *arguments)


def number(text: str | None, default: int = 0) -> int:
    """Return a whole number from an address or a form, the default where it is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default


_EXPLAINED = {
    404: ("There is no such page", "It may have been deleted meanwhile."),
    413: ("This is too large", f"A roster may have {LARGEST // 1_000_000} MB. Split the file."),
}
"""The heading and the sentence of an answer that is not a page, by its status."""


def _came_from(request: web.Request) -> str:
    """Return the page that sent a form; the start page for what is no form."""
    sent = urlsplit(request.headers.get("Referer", ""))
    if request.method == "GET" or sent.netloc != request.host:
        return f"/{request.match_info.get('place', PRACTICE)}/"
    return f"{sent.path}?{sent.query}" if sent.query else sent.path


@web.middleware
async def explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors of the importer into a page with their sentence; none ends in a traceback."""
    back = _came_from(request)
    try:
        return await handler(request)
    except StaleError as error:
        return refusal(
            request, 409, "This page is out of date",
            f"{error} What you entered now was not saved. Go back to see the newest.", back,
        )  # fmt: skip
    except ImporterError as error:
        return refusal(request, 422, "This cannot be done", str(error), back)
    except web.HTTPException as error:
        if error.status not in _EXPLAINED:
            raise
        return refusal(request, error.status, *_EXPLAINED[error.status], back)
    except Exception as error:  # noqa: BLE001  its text may contain patron data
        return refusal(request, 500, "Something is wrong in the importer", defect(error), back)


def _lines(text: str) -> Markup:
    """Return a text with its line breaks, for a text box."""
    return Markup("\n").join(escape(printable(line)) for line in text.split("\n"))


def _file_name(path: str) -> str:
    return PurePath(path).name


@cache
def _environment() -> Environment:
    """Return the report's environment, for the pages' own templates."""
    pages = environment("importer.web")
    pages.filters |= {"counted": counted, "file_name": _file_name, "lines": _lines}
    return pages
