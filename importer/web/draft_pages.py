"""The pages before a plan: start, the sheet as read, the mapping, and the problems to correct."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from importer.errors import MappingError, RosterError
from importer.loader.corrections import Correction
from importer.loader.detect import LARGEST
from importer.loader.read import read
from importer.mapper.load import examine
from importer.mapper.suggest import suggest
from importer.model.catalogue import Severity
from importer.model.files import write_atomically
from importer.model.plan import Fate
from importer.model.problem import Problem
from importer.model.roster import Layout, Roster
from importer.pipeline.inputs import RosterRequest, read_inputs
from importer.report.problem_groups import ProblemGroup, group_problems
from importer.report.wording import ENDS, sentence, what
from importer.web.drafts import Checked, Draft, cell_correction, leaving_out
from importer.web.site import (
    PAGE,
    draft_of,
    in_thread,
    number,
    operator_of,
    page,
    refusal,
    see,
    site_of,
    start_task,
    workspace_of,
)
from importer.web.workspace import Workspace

RUNS_SHOWN, DRAFTS_SHOWN = 5, 5

SAMPLE, SAMPLE_MAPPING = "samples/community-patrons.xlsx", "community.yaml"

_LONGEST_MAPPING = 1_000_000  # characters


async def start(request: web.Request) -> web.StreamResponse:
    """Show where to drop a roster, and what was begun."""
    space = workspace_of(request)
    drafts = list(space.drafts())[:DRAFTS_SHOWN]
    runs = [one for one in space.saved_runs() if not one.fault][:RUNS_SHOWN]
    return page(
        request,
        "start.html.j2",
        drafts=drafts,
        runs=runs,
        codes_age=space.codes_age(site_of(request).now().date()),
        largest=LARGEST // 1_000_000,
    )


async def take_sample(request: web.Request) -> web.StreamResponse:
    """Begin with the sample roster and its mapping."""
    space = workspace_of(request)
    source = space.shipped / SAMPLE
    draft = space.new_draft(source.name, site_of(request).now())
    shutil.copyfile(source, draft.roster)
    space.mapping(SAMPLE_MAPPING)
    draft.choose(SAMPLE_MAPPING)
    return see(_address(request, draft))


async def take_roster(request: web.Request) -> web.StreamResponse:
    """Save the dropped file, and show it as it was read."""
    space = workspace_of(request)
    part = await (await request.multipart()).next() if _is_form(request) else None
    if not isinstance(part, BodyPartReader) or part.name != "roster" or not part.filename:
        return refusal(
            request,
            422,
            "No file was chosen",
            "Choose a CSV, Excel or OpenDocument file.",
            _base(request),
        )
    draft = space.new_draft(part.filename, site_of(request).now())
    size, digest = 0, hashlib.sha256()
    with draft.roster.open("xb") as file:
        while chunk := await part.read_chunk(262_144):
            size += len(chunk)
            if size > LARGEST:
                break
            digest.update(chunk)
            file.write(chunk)
    if size > LARGEST:
        shutil.rmtree(draft.folder)
        sentence_ = f"A roster may have {LARGEST // 1_000_000} MB. Split the file."
        return refusal(request, 413, "This file is too large", sentence_, _base(request))
    try:
        await in_thread(read, draft.roster, Layout())
    except RosterError as error:
        if "`roster:`" not in str(error):  # the mapping can name a sheet or an encoding
            shutil.rmtree(draft.folder)
            return refusal(request, 422, "This file cannot be read", str(error), _base(request))
    return see(_address(request, draft))


def _is_form(request: web.Request) -> bool:
    return request.content_type == "multipart/form-data"


def _base(request: web.Request) -> str:
    return f"/{request.match_info['place']}/"


def _address(request: web.Request, draft: Draft, part: str = "sheet") -> str:
    return f"/{request.match_info['place']}/drafts/{draft.name}/{part}"


async def sheet(request: web.Request) -> web.StreamResponse:
    """Show the sheet as it was read, and how."""
    space, draft = workspace_of(request), draft_of(request)
    layout = Layout()
    if mapping := space.mapping(draft.facts.mapping):
        document, _ = examine(mapping)
        layout = document.layout() if document else layout
    problem = ""
    roster: Roster | None = None
    try:
        roster = await in_thread(read, draft.roster, layout)
    except RosterError as error:
        problem = str(error)
    at = number(request.query.get("page"), 1)
    return page(
        request,
        "sheet.html.j2",
        draft=draft,
        roster=roster,
        problem=problem,
        notices=[sentence(one, show_values=True) for one in roster.notices] if roster else (),
        table=_rows(roster, at) if roster else (),
        at=at,
        pages=-(-len(roster.frame) // PAGE) if roster else 0,
    )


def _rows(roster: Roster, at: int) -> list[tuple[int, tuple[str, ...]]]:
    part = roster.frame.iloc[(at - 1) * PAGE : at * PAGE]
    return [(row, tuple(cells)) for row, *cells in part.itertuples(name=None)]


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mapping fits a roster: how many of its headings are there. `wrong`: not usable."""

    file: str
    title: str
    found: int
    of: int
    wrong: str = ""


async def mapping(request: web.Request) -> web.StreamResponse:
    """Show the mappings that can be chosen, and the chosen one's text and findings."""
    return await _mapping_page(request, text=None, status=200)


async def _mapping_page(request: web.Request, text: str | None, status: int) -> web.Response:
    space, draft = workspace_of(request), draft_of(request)
    fits = await in_thread(_fits, space, draft)
    chosen = space.mapping(draft.facts.mapping)
    findings: tuple[str, ...] = ()
    sample: tuple[int, dict[str, str]] | None = None
    if chosen is not None:
        shown = chosen.read_text("utf-8") if text is None else text
        findings, sample = await in_thread(_try, space, draft, chosen)
    else:
        shown = ""
    return page(
        request,
        "mapping.html.j2",
        status=status,
        draft=draft,
        fits=fits,
        chosen=chosen,
        text=shown,
        findings=findings,
        sample=sample,
    )


def _fits(space: Workspace, draft: Draft) -> list[Fit]:
    """Return the mappings, those that fit best first."""
    fits = []
    for path in space.mappings():
        document, findings = examine(path)
        if document is None:
            fits.append(Fit(path.name, "", 0, 0, findings[0] if findings else "it cannot be read"))
            continue
        wanted = document.headings
        try:
            roster = read(draft.roster, document.layout())
            there = {" ".join(place.heading.split()).casefold() for place in roster.places}
        except RosterError:
            there = set()
        found = sum(" ".join(heading.split()).casefold() in there for heading in wanted)
        fits.append(Fit(path.name, document.title, found, len(wanted)))
    return sorted(fits, key=lambda fit: (-(fit.found / fit.of if fit.of else 0), fit.file))


def _try(
    space: Workspace, draft: Draft, path: Path
) -> tuple[tuple[str, ...], tuple[int, dict[str, str]] | None]:
    """Return what is wrong in a mapping for this roster, and one record as it would be made."""
    try:
        inputs = read_inputs(
            RosterRequest(draft.roster, path), space.codes(), draft.facts.created.date()
        )
    except MappingError as error:
        return error.findings, None
    except RosterError as error:
        return (str(error),), None
    return (), inputs.sample()


async def choose_mapping(request: web.Request) -> web.StreamResponse:
    """Choose a mapping, start one from the roster, or save its text."""
    space, draft = workspace_of(request), draft_of(request)
    form = await request.post()
    draft.require(number(str(form.get("version", ""))))
    do = form.get("do")
    if do == "choose" and space.mapping(str(form.get("mapping", ""))):
        draft.choose(str(form["mapping"]))
    elif do == "new":
        draft.choose((await in_thread(_suggest, space, draft)).name)
    elif do == "save" and (chosen := space.mapping(draft.facts.mapping)):
        text = str(form.get("text", ""))[:_LONGEST_MAPPING].replace("\r\n", "\n")
        draft.edit(chosen, text)
    elif do == "undo" and (chosen := space.mapping(draft.facts.mapping)):
        draft.undo_edit(chosen)
    return see(_address(request, draft, "mapping"))


def _suggest(space: Workspace, draft: Draft) -> Path:
    """Write a first mapping for the roster, named after it."""
    text = suggest(read(draft.roster, Layout()))
    folder = space.folder / "mappings"
    folder.mkdir(exist_ok=True)
    stem, again = draft.roster.stem, 1
    path = folder / f"{stem}.yaml"
    while path.exists():
        again += 1
        path = folder / f"{stem}-{again}.yaml"
    write_atomically(path, text.encode())
    return path


# the problems


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is shown: what is wrong with it, and whether it can be corrected."""

    letter: str
    heading: str
    text: str
    messages: tuple[str, ...]
    fixed: bool  # it cannot be changed: a password


@dataclass(frozen=True, slots=True)
class Line:
    """A row with problems: its cells, and what is wrong with the row as a whole."""

    row: int
    fate: str
    cells: tuple[Cell, ...]
    messages: tuple[str, ...]


async def problems(request: web.Request) -> web.StreamResponse:
    """Show the problems by cause, and the rows of one cause with cells to correct."""
    space, draft = workspace_of(request), draft_of(request)
    chosen = space.mapping(draft.facts.mapping)
    if chosen is None:
        return see(_address(request, draft, "mapping"))
    try:
        checked = await in_thread(
            draft.checked, chosen, space.codes(), site_of(request).now().date()
        )
    except (MappingError, RosterError):
        return see(_address(request, draft, "mapping"))
    causes = {
        _key(group): group
        for group in group_problems(checked.decided.problems)
        if group.severity is not Severity.REPAIRED or group.whole
    }
    cause, done = request.query.get("cause", ""), number(request.query.get("done"))
    at = max(1, number(request.query.get("page"), 1))
    shown = causes.get(cause)
    rows = shown.rows if shown and not shown.whole else ()
    fate = checked.decided.fates.get(done)
    counts = {fate: len(checked.decided.rows(fate)) for fate in Fate}
    return page(
        request,
        "problems.html.j2",
        draft=draft,
        causes=causes,
        cause=cause,
        shown=shown,
        lines=[_line(checked, row) for row in rows[(at - 1) * PAGE : at * PAGE]],
        at=at,
        pages=-(-len(rows) // PAGE),
        counts=[(count, ENDS[fate]) for fate, count in counts.items() if count],
        total=len(checked.decided.fates),
        to_correct=counts[Fate.REJECTED],
        partial=len(checked.partial),
        made=len(draft.made()),
        done=f"Row {done}: {ENDS[fate]}." if fate else "",
    )


def _key(group: ProblemGroup) -> str:
    """Return a name of a cause that stays when others are gone."""
    first = group.first
    text = "|".join(
        (first.code, first.severity, *map(str, first.places), first.field, first.advice)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _line(checked: Checked, row: int) -> Line:
    problems_ = checked.problems_of(row)
    roster, secret = checked.inputs.roster, checked.inputs.passwords()
    if row not in roster.frame.index:
        return Line(row, ENDS[checked.decided.fates[row]], (), ("This row is left out.",))
    texts = roster.frame.loc[[row]].to_numpy()[0].tolist()
    cells = []
    for at, (place, text) in enumerate(zip(roster.places, texts, strict=True)):
        wrong = tuple(_message(one) for one in problems_ if one.places == (place,))
        cells.append(
            Cell(place.letter, place.heading, "" if at in secret else text, wrong, at in secret)
        )
    whole = tuple(_message(one) for one in problems_ if len(one.places) != 1)
    return Line(row, ENDS[checked.decided.fates[row]], tuple(cells), whole)


def _message(problem: Problem) -> str:
    one = len(problem.places) == 1
    text = (
        what(problem, show_values=True, begin=True) if one else sentence(problem, show_values=True)
    )
    return f"{text} {problem.advice}" if problem.severity.holds else text


async def correct(request: web.Request) -> web.StreamResponse:
    """Correct the cells of a row, all equal cells of a column, or leave the row out."""
    space, draft = workspace_of(request), draft_of(request)
    form = await request.post()
    draft.require(number(str(form.get("version", ""))))
    chosen = space.mapping(draft.facts.mapping)
    if chosen is None:
        raise web.HTTPNotFound
    now, row, cause = (
        site_of(request).now(),
        number(str(form.get("row", ""))),
        form.get("cause", ""),
    )
    here = f"{_address(request, draft, 'problems')}?cause={quote(str(cause))}"
    do = form.get("do")
    if do == "undo":
        await in_thread(draft.take_back)
        return see(here)
    if do == "check":
        await in_thread(draft.add, ())
        return see(here)
    checked = await in_thread(draft.checked, chosen, space.codes(), now.date())
    who = operator_of(request)
    if do == "leave-out":
        made = [leaving_out(row, who, now)]
    else:
        made = [
            one
            for name, text in form.items()
            if name.startswith("cell-") and isinstance(text, str)
            for one in _wanted(checked, row, name[5:], text, who, now, alike=do == "alike")
        ]
    if made:
        await in_thread(draft.add, made)
        if len(made) == 1:
            await in_thread(checked.correct, made[0])
            draft.keep(checked, chosen, space.codes(), now.date())
    return see(f"{here}&done={row}")


def _wanted(
    checked: Checked, row: int, letter: str, text: str, who: str, now: datetime, *, alike: bool
) -> Iterator[Correction]:
    """Yield the correction of a cell and, if asked, of all equal cells of its column."""
    first = cell_correction(checked, row, letter, text, who, now)
    if first is None:
        return
    yield first
    if alike:
        frame = checked.inputs.roster.frame
        at = next(n for n, p in enumerate(checked.inputs.roster.places) if p.letter == letter)
        for other in frame.index[frame[at] == first.was].tolist():
            if other != row and (one := cell_correction(checked, other, letter, text, who, now)):
                yield one


async def plan(request: web.Request) -> web.StreamResponse:
    """Start `plan` with the roster, its corrections and the mapping."""
    space, draft = workspace_of(request), draft_of(request)
    form = await request.post()
    draft.require(number(str(form.get("version", ""))))
    chosen = space.mapping(draft.facts.mapping)
    if chosen is None:
        raise web.HTTPNotFound
    now = site_of(request).now()
    run = space.new_run(draft.roster.stem, now)
    corrections = (
        ("--corrections", _relative(space, draft.corrections)) if draft.corrections else ()
    )
    task = start_task(
        request,
        "plan", _relative(space, draft.roster), "-m", _relative(space, chosen), *corrections,
        "-o", str(run), "--json",
        title="Comparing with Alma",
        then=f"{_base(request)}runs/{run.name}",
    )  # fmt: skip
    return see(f"{_base(request)}tasks/{task.id}")


def _relative(space: Workspace, path: Path) -> str:
    return str(path.relative_to(space.folder) if path.is_relative_to(space.folder) else path)


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a draft; the runs made from it stay, but their plans become stale."""
    draft = draft_of(request)
    await in_thread(shutil.rmtree, draft.folder)
    return see(_base(request))
