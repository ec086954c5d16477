"""What every page shares: a visit with what its address and form name, answers, and words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, cached_property, partial
from pathlib import Path, PurePath
from typing import TypeVar
from weakref import WeakValueDictionary

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from jinja2 import Environment

from importer.advice import Action, Advice, from_json, text_of
from importer.errors import ImporterError, UsageError, defect
from importer.loader.detect import LARGEST, ROSTER_ENDINGS
from importer.mapper.dates import is_iso
from importer.model.fields import FIELDS, NO_CODES, CodeTables, Field, Shape
from importer.model.text import counted, moment, word_list
from importer.report.page import environment, fact_lines
from importer.report.wording import field_name, sentences_of, tallies
from importer.settings import place_of_key
from importer.web.advice import Link, as_control
from importer.web.drafts import Draft, StaleError
from importer.web.guard import Access, Handler, remote_user
from importer.web.loads import draft_of, known_run, name_of, seen_runs, steps
from importer.web.tasks import RUN, Task
from importer.web.workspace import PRACTICE, Workspace

T = TypeVar("T")

_DRAFTS_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Site:
    """The workspaces by place, the clock, and whose turn it is.

    `access`: who approves behind a reverse proxy, which names who asks in the header X-Remote-User;
    None on one's own computer. `threads`: those in which rosters are read and checked, which takes
    long; other pages have threads of their own.
    """

    workspaces: Mapping[str, Workspace]
    now: Callable[[], datetime]
    access: Access | None
    threads: Executor = field(default_factory=lambda: ThreadPoolExecutor(_DRAFTS_AT_ONCE))
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def turn(self, of: str) -> asyncio.Lock:
        """Return the lock of what one request at a time may use; who waits needs no thread."""
        return self._turns.setdefault(of, asyncio.Lock())


JSON = "application/json"

SITE = web.AppKey("site", Site)

ROOT = web.AppKey("root", str)
"""The path before all addresses: the guard's `root`."""


@dataclass(eq=False)
class NotDoneError(Exception):
    """What is asked is not done, as the answer says; without a link to the page that asked."""

    status: int
    heading: str
    sentence: str
    link: str = ""


UNREADABLE = (ValueError, LookupError, RuntimeError, web.RequestPayloadError, HttpProcessingError)
"""What aiohttp raises for a form that cannot be read."""


@dataclass(frozen=True)
class Visit:
    """A request: what its address and its fields name, and the answers to it.

    `fields`: those of the form or, where no form was sent, of the address. `body`: JSON that was
    sent. `files`: those of the form. What the address names and is not there raises HTTPNotFound.
    """

    request: web.Request
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    files: tuple[web.FileField, ...] = ()

    @classmethod
    async def of(cls, request: web.Request) -> Visit:
        """Read the form of a request. Raises HTTPBadRequest if it is none."""
        try:
            sent = request.query if request.method == "GET" else await request.post()
            body = await request.read() if request.content_type == JSON else b""
        except UNREADABLE as error:
            raise web.HTTPBadRequest from error
        fields = ((name, text) for name, text in sent.items() if isinstance(text, str))
        files = (file for file in sent.values() if isinstance(file, web.FileField))
        return cls(request, tuple(fields), body, tuple(files))

    def texts(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [text for known, text in self.fields if known == name]

    def text(self, name: str) -> str:
        """Return the value of a field, "" if it is missing."""
        return next(iter(self.texts(name)), "")

    def number(self, name: str, default: int = 0) -> int:
        """Return the whole number in a field, the default where there is none."""
        return number(self.text(name), default)

    @property
    def page_number(self) -> int:
        """The page of a table, counted from 1."""
        return max(1, self.number("page", 1))

    @property
    def site(self) -> Site:
        """The site."""
        return self.request.app[SITE]

    @property
    def now(self) -> datetime:
        """The time."""
        return self.site.now()

    @property
    def place(self) -> str:
        """The place that the address names, PRACTICE if it names none."""
        return self.request.match_info.get("place", PRACTICE)

    @property
    def root(self) -> str:
        """The path before all addresses, without a slash at the end."""
        return self.request.app[ROOT]

    @property
    def base(self) -> str:
        """The address of the place, without a slash at the end."""
        return f"{self.root}/{self.place}"

    @cached_property
    def space(self) -> Workspace:
        """The workspace."""
        return found(self.site.workspaces.get(self.place))

    @cached_property
    def draft(self) -> Draft:
        """The draft."""
        return found(self.space.draft(self.request.match_info["draft"]))

    @property
    def chosen(self) -> Path | None:
        """The mapping that is chosen for the draft."""
        return self.space.mapping(self.draft.facts.mapping)

    @property
    def mapping(self) -> Path:
        """The chosen mapping, which has how the roster is read.

        Raises HTTPSeeOther, to the page where both are chosen.
        """
        facts = self.draft.facts
        if (chosen := self.chosen) is None or facts.header or facts.encoding != "auto":
            raise web.HTTPSeeOther(location=f"{self.base}/drafts/{self.draft.name}/sheet")
        return chosen

    @cached_property
    def run(self) -> Path:
        """The folder of the run."""
        return found(self.space.run(self.request.match_info["run"]))

    @property
    def run_address(self) -> str:
        """The address of the run."""
        return f"{self.base}/runs/{self.run.name}"

    @property
    def operator(self) -> str:
        """Who works on the page: whom the reverse proxy names, or who started the server."""
        return self.person or self.space.operator

    @property
    def person(self) -> str:
        """Whom the reverse proxy names; "" on one's own computer."""
        return remote_user(self.request) if self.site.access else ""

    def hindrance(self, planned_by: str = "") -> str:
        """Return why whoever works on the page may not approve, "" if they may.

        `planned_by`: the operator of the run.
        """
        access = self.site.access
        return access.hindrance(self.request, planned_by) if access else ""

    def start(
        self, *words: str, title: str, back: str, then: str = "", run_of: str = ""
    ) -> web.Response:
        """Start a command for whoever works on the page, and lead to the page that shows it.

        One that does the same already is shown in its place. `back`: the page that starts it.
        `then`: the page to show when it is done; by default that of the run that it makes, which is
        named after `run_of`, or else `back`.
        """
        tasks, then = self.space.tasks, then or (f"{self.base}/runs/{RUN}" if run_of else back)
        task = Task(
            words=words, started=self.now, title=title,
            then=then.removeprefix(self.base), back=back.removeprefix(self.base), run_of=run_of,
        )  # fmt: skip
        task = tasks.doing(words) or tasks.start(task, self.person)
        shown_by = f"{back}/live?task=" if words[0] == "apply" else f"{self.base}/tasks/"
        return see(f"{shown_by}{task.id}")

    def step_page(
        self, template: str, step: str, *, status: int = 200, **values: object
    ) -> web.Response:
        """Return a page of a draft or a run, with the steps of its load in the header.

        Those of a draft are of its newest run.
        """
        folder: Path | None
        if "run" in self.request.match_info:
            folder, known = self.run, known_run(self.run)[0]
            draft = draft_of(self.space, known.facts) if known else None
        else:
            draft = self.draft
            newest = next((run for run in seen_runs(self.space) if run.is_from(draft)), None)
            folder = self.space.runs / newest.name if newest else None
            known = newest.known if newest else None
        named = draft.title if draft else name_of(known.facts) if known else ""
        return self.page(
            template, status=status, draft=draft, crumb=named, step=step,
            run=self.request.match_info.get("run", ""),
            steps=steps(self.base, draft, folder, known), **values,
        )  # fmt: skip

    def page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Return a page made by a template."""
        known: dict[str, object] = {
            "visit": self, "root": self.root, "base": self.base, "steps": (), "crumb": "",
        }  # fmt: skip
        known |= values | {"practice": self.place == PRACTICE}
        text = _environment().get_template(template).render(known)
        return web.Response(status=status, text=text, content_type="text/html")

    @cached_property
    def worded(self) -> Callable[[str, str], str]:
        """What shows a field's value in words, by the field's path; codes if they are known."""
        codes = NO_CODES
        with suppress(UsageError):
            codes = self.space.codes()
        return partial(worded, codes=codes)

    def control(self, action: Action, draft: str = "") -> Link | None:
        """Return the link of an action here, None where there is none; see `as_control`."""
        names = self.request.match_info
        run, draft = names.get("run", ""), draft or names.get("draft", "")
        return as_control(action, self.place, self.base, run=run, draft=draft)

    def refusal(
        self, status: int, heading: str, sentence: str, back: str, advice: Advice = ()
    ) -> web.Response:
        """Return a page with one message, and a link to continue from; as JSON if asked for."""
        if JSON in {self.request.headers.get("Accept"), self.request.content_type}:
            told = " ".join((sentence, *filter(None, [text_of(advice)])))
            return web.json_response({"sentence": told}, status=status)
        again = self.request.path_qs if status >= 500 and self.request.method == "GET" else ""
        return self.page(
            "message.html.j2", status=status, missing=status == 404,
            heading=heading, sentence=sentence, advice=advice, back=back, again=again,
        )  # fmt: skip


def day(text: str, month: str = "%b") -> str:
    """Return a date in words: `Nov 29, 2027` for 2027-11-29; any other text as it is."""
    if not is_iso(text):
        return text
    parsed = date.fromisoformat(text)
    return f"{parsed:{month}} {parsed.day}, {parsed.year}"


def as_shown(field: Field, text: str, codes: CodeTables) -> tuple[str, str]:
    """Return a value of a field as Alma shows it, with its code if that is another text."""
    if field.shape is Shape.DATE:
        return day(text, "%B"), ""
    known = codes.known(field.facts.table) if field.facts.table else None
    if known and text in known and known[text].description:
        return known[text].description, text
    return text, ""


def worded(path: str, text: str, codes: CodeTables) -> str:
    """Return a value of a record in words: Alma's name of a code, a date with its month."""
    field = FIELDS.get(path)
    return as_shown(field, text, codes)[0] if field and field.facts.table else day(text)


def found(thing: T | None) -> T:
    """Return what the address names. Raises HTTPNotFound where it is not there."""
    if thing is None:
        raise web.HTTPNotFound
    return thing


def number(text: str, default: int = 0) -> int:
    """Return the whole number in a text, the default where it is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def see(address: str) -> web.Response:
    """Return the answer to a form that was carried out: the browser shows this page next."""
    return web.Response(status=303, headers={"Location": address})


_EXPLAINED = {
    400: ("This form cannot be read", "Nothing was done. Go back, and send it again."),
    404: ("There is no such page", "If it was a load, it may be in the trash."),
    405: ("This is the address of a form", "Nothing was done."),
    413: ("This is too large", f"A roster may have {LARGEST >> 20} MB. Split the file."),
}
"""The heading and the sentence of an answer that is not a page, by its status."""


def _came_from(request: web.Request) -> str:
    """Return the page that sent a form; the start page for what is no form."""
    sent = request.headers.get("Referer", "").partition(f"//{request.host}")[2]
    return sent if sent and request.method != "GET" else f"{Visit(request).base}/"


@web.middleware
async def explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into a page with their sentence; none ends in a traceback."""
    visit, back = Visit(request), _came_from(request)
    try:
        return await handler(request)
    except NotDoneError as error:
        return visit.refusal(error.status, error.heading, error.sentence, error.link or back)
    except web.HTTPException as error:
        if error.status not in _EXPLAINED:
            raise
        return visit.refusal(error.status, *_EXPLAINED[error.status], back)
    except Exception as error:  # noqa: BLE001  its text may contain patron data
        advice = error.advice if isinstance(error, ImporterError) else ()
        return visit.refusal(*_explained(error), back, advice)


def _explained(error: Exception) -> tuple[int, str, str]:
    """Return the status, the heading and the sentence of an error."""
    match error:
        case StaleError():
            sentence = f"{error.prose} What you entered now was not saved."
            return 409, "This page is out of date", sentence
        case ImporterError():
            return 422, "This cannot be done", error.prose
        case web.RequestPayloadError() | HttpProcessingError():
            return 400, *_EXPLAINED[400]
        case OSError():
            sentence = (
                f"A file cannot be read or written ({error.strerror}). Check that the disk has "
                "space, and that the importer's folder is yours. Then try again."
            )
            return 503, "This cannot be done now", sentence
        case _:
            return 500, "Something is wrong in the importer", defect(error)


@cache
def _environment() -> Environment:
    """Return the report's environment, for the pages' own templates."""
    pages = environment("importer.web")
    pages.globals |= {"fact_lines": fact_lines, "sentences_of": sentences_of, "tallies": tallies}
    pages.globals["place_of_key"] = place_of_key
    pages.globals["endings"] = ",".join(ROSTER_ENDINGS)
    pages.globals["from_json"] = from_json
    pages.filters |= {
        "day": day,
        "moment": lambda time: moment(datetime.fromisoformat(str(time))),
        "code_pair": lambda row: (row.code, f"{row.code}: {row.description or row.code}"),
        "counted": counted,
        "either": partial(word_list, link="or"),
        "panel_title": lambda name: field_name(name) if name.islower() else name,
        "file_name": lambda p: PurePath(p).name,
    }
    pages.tests["contains"] = lambda many, value: value in many
    return pages
