"""Who may use the page: one browser with a one-time token; and who approves on a server.

Every request passes the same checks, in this order: the Host (against DNS rebinding), the secret
path, the cookie, and for a write where it comes from.

All pages of one's own computer are below a secret path, and so is the cookie: a browser sends the
cookies of 127.0.0.1 to every port, and another program may listen there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

from importer.model.text import word_list

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ENTER = "/enter"
"""The address that exchanges the token for the cookie."""

_ENTERED = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Opening the page</title>'
    '<meta http-equiv="refresh" content="0;url=./"><a href="./">Open the page</a>'
)
"""Leads to the start page.

A redirect in its place would still come from wherever the link was, such as the file that
`importer web` opens, and from another site a browser does not send a strict cookie.
"""

SESSION_SECONDS = 12 * 60 * 60

REMOTE_USER, REMOTE_GROUPS = "X-Remote-User", "X-Remote-Groups"
"""The headers in which a reverse proxy names who asks, and the groups of that person."""

_UNNAMED = (
    f"The web server before this page did not say who you are, in {REMOTE_USER}. The guide shows "
    "how to set it up."
)
_NOT_SERVED = (
    "This address is not served here, or not any more. `importer web` prints or opens the address "
    "of the page."
)
_NOT_ENTERED = (
    "This page is open in the browser that `importer web` started. To open it again, stop "
    "`importer web` and start it again."
)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends no Origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(slots=True)
class Guard:
    """The access of one browser.

    `host`: the value of Host that is answered, such as `127.0.0.1:8420`. `origin`: that of the
    pages that may send forms. `root`: the secret path before all addresses, such as `/Zk3…`; ""
    behind a reverse proxy, which has checked who asks, so that no cookie is needed. `token` is ""
    once it was exchanged.
    """

    host: str
    origin: str
    root: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _last: float = field(default_factory=time.monotonic)

    @property
    def seconds_idle(self) -> float:
        """How long ago the last request was that was let in."""
        return time.monotonic() - self._last

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what must not be answered; add the headers that every answer has."""
        refused = self._refusal(request)
        if refused is None:
            self._last = time.monotonic()
        try:
            response = refused or await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        below = request.path.startswith(f"{self.root}/")
        if request.host != self.host or not below:
            return _text(404 if request.host == self.host else 421, _NOT_SERVED)
        if "Content-Encoding" in request.headers:
            return _text(415, "Send forms as they are, without compression.")
        if self.root and request.path == self.root + ENTER:
            return self._enter(request)
        if not (self._has_cookie(request) if self.root else remote_user(request)):
            return _text(401, _NOT_ENTERED if self.root else _UNNAMED)
        if request.method not in {"GET", "HEAD"} and not self._is_own_form(request):
            return _text(403, "This form was sent from another page. Nothing was done.")
        return None

    @property
    def _cookie(self) -> str:
        """Its name, which the page of another port does not know, so that it cannot set one."""
        return self.root.strip("/")

    def _has_cookie(self, request: web.Request) -> bool:
        sent = request.cookies.get(self._cookie, "")
        return secrets.compare_digest(sent.encode(), self._session.encode())

    def _enter(self, request: web.Request) -> web.Response:
        given = request.query.get("token", "")
        if not self.token or not secrets.compare_digest(given.encode(), self.token.encode()):
            return _text(401, "This link was used already. Start `importer web` again.")
        self.token = ""
        response = web.Response(text=_ENTERED, content_type="text/html")
        response.set_cookie(
            self._cookie,
            self._session,
            max_age=SESSION_SECONDS,
            path=f"{self.root}/",
            httponly=True,
            samesite="Strict",
        )
        return response

    def _is_own_form(self, request: web.Request) -> bool:
        """Return whether a write comes from one of our own pages, judging by its headers."""
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None and site != "same-origin":
            return False
        return request.headers.get("Origin") == self.origin


def remote_user(request: web.Request) -> str:
    """Return whom a reverse proxy names, without what is in no user name; "" if nobody."""
    named = request.headers.get(REMOTE_USER, "")
    return "".join(char for char in named if char.isalnum() or char in "@._-")[:100]


def _text(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n", headers=_HEADERS)


@dataclass(frozen=True, slots=True)
class Access:
    """Who approves behind a reverse proxy: the people of these groups.

    `two_people`: somebody else than who planned the run.
    """

    approvers: frozenset[str]
    two_people: bool

    def hindrance(self, request: web.Request, planned_by: str) -> str:
        """Return why whoever asks may not approve, "" if they may.

        `planned_by`: the operator of the run, as `ana@desk`; "" where it is not about one.
        """
        if self.approvers.isdisjoint(split_groups(request.headers.getall(REMOTE_GROUPS, ()))):
            return f"This needs the group {word_list(sorted(self.approvers), link='or')}."
        person = planned_by.rpartition("@")[0].casefold()
        if self.two_people and person == remote_user(request).casefold():
            return "You planned this load, so somebody else approves it."
        return ""


def split_groups(headers: Iterable[str]) -> frozenset[str]:
    """Return the groups in the values of a header, which commas or semicolons separate."""
    names = (name.strip() for text in headers for name in text.replace(";", ",").split(","))
    return frozenset(filter(None, names))
