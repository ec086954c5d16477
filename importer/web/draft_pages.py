"""The pages before a plan: start, the sheet as read, the mapping, and the problems to correct."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import BodyPartReader, web

from importer.errors import MappingError, RosterError
from importer.loader.detect import LARGEST
from importer.mapper.load import examine
from importer.mapper.placeholders import heading_key
from importer.mapper.suggest import suggest
from importer.model.files import write_atomically
from importer.model.roster import Layout, Roster
from importer.pipeline.inputs import RosterRequest, read_inputs
from importer.report.wording import sentence
from importer.web.drafts import Draft, StaleError
from importer.web.run_pages import listed
from importer.web.site import (
    PAGE,
    Posted,
    address_of,
    base_of,
    changes_draft,
    draft_of,
    in_thread,
    number,
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

ARRIVING = "arriving"
"""The name of a roster in its draft's folder until all of it is there."""

_CHUNK = 262_144  # bytes


async def start(request: web.Request) -> web.StreamResponse:
    """Show where to drop a roster, and what was begun."""
    space = workspace_of(request)
    drafts = list(space.drafts())[:DRAFTS_SHOWN]
    return page(
        request,
        "start.html.j2",
        drafts=drafts,
        runs=await in_thread(listed, space, RUNS_SHOWN),
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
    return see(address_of(request, draft))


async def take_roster(request: web.Request) -> web.StreamResponse:
    """Save the dropped file, and show it as it was read."""
    space = workspace_of(request)
    part = None
    if request.content_type == "multipart/form-data":
        with suppress(ValueError):  # it has no parts
            part = await (await request.multipart()).next()
    if not isinstance(part, BodyPartReader) or part.name != "roster" or not part.filename:
        sentence_ = "Choose a CSV, Excel or OpenDocument file."
        return refusal(request, 422, "No file was chosen", sentence_, base_of(request))
    draft = space.new_draft(part.filename, site_of(request).now())
    try:
        await _save(part, draft)
        await in_thread(draft.read, Layout())
    except RosterError as error:
        if "`roster:`" not in str(error):  # the mapping can name a sheet or an encoding
            shutil.rmtree(draft.folder)
            return refusal(request, 422, "This file cannot be read", str(error), base_of(request))
    except BaseException:
        shutil.rmtree(draft.folder)
        raise
    return see(address_of(request, draft))


async def _save(part: BodyPartReader, draft: Draft) -> None:
    """Save a file as it arrives; one that did not arrive whole never becomes the roster.

    Raises HTTPRequestEntityTooLarge.
    """
    arriving, size = draft.folder / ARRIVING, 0
    with arriving.open("xb") as file:
        while chunk := await part.read_chunk(_CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise web.HTTPRequestEntityTooLarge(LARGEST, size)
            file.write(chunk)
    arriving.rename(draft.roster)


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
        roster = await in_thread(draft.read, layout)
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
    space, draft = workspace_of(request), draft_of(request)
    chosen = space.mapping(draft.facts.mapping)
    text, findings = "", tuple[str, ...]()
    sample: tuple[int, dict[str, str]] | None = None
    if chosen is not None:
        text = chosen.read_text("utf-8")
        findings, sample = await in_thread(_try, space, draft, chosen)
    return page(
        request,
        "mapping.html.j2",
        draft=draft,
        fits=await in_thread(_fits, space, draft),
        chosen=chosen,
        text=text,
        digest=_digest(text),
        findings=findings,
        sample=sample,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fits(space: Workspace, draft: Draft) -> list[Fit]:
    """Return the mappings, those that fit best first."""
    fits = []
    for path in space.mappings():
        document, findings = examine(path)
        if document is None:
            fits.append(Fit(path.name, "", 0, 0, findings[0] if findings else "it cannot be read"))
            continue
        there = set()
        for layout in (Layout(), document.layout()):  # the second may name a sheet
            with suppress(RosterError):
                there = {heading_key(place.heading) for place in draft.read(layout).places}
                break
        found = sum(heading_key(heading) in there for heading in document.headings)
        fits.append(Fit(path.name, document.title, found, len(document.headings)))
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


@changes_draft
async def choose_mapping(form: Posted) -> web.Response:
    """Choose a mapping, start one from the roster, or save its text."""
    space, draft, do = form.space, form.draft, form.text("do")
    if do == "choose" and space.mapping(form.text("mapping")):
        draft.choose(form.text("mapping"))
    elif do == "new":
        draft.choose((await in_thread(_suggest, space, draft)).name)
        return see(address_of(form.request, draft, "match"))
    elif do == "save":
        if _digest(form.mapping.read_text("utf-8")) != form.text("digest"):
            msg = f"The mapping {form.mapping.name} was changed in another program."
            raise StaleError(msg)
        text = form.text("text")[:_LONGEST_MAPPING].replace("\r\n", "\n")
        draft.edit(form.mapping, text)
    elif do == "undo":
        draft.undo_edit(form.mapping)
    return see(address_of(form.request, draft, "mapping"))


def _suggest(space: Workspace, draft: Draft) -> Path:
    """Write a first mapping for the roster, named after it."""
    text = suggest(draft.read(Layout()))
    folder = space.folder / "mappings"
    folder.mkdir(exist_ok=True)
    stem, again = draft.roster.stem, 1
    path = folder / f"{stem}.yaml"
    while path.exists():
        again += 1
        path = folder / f"{stem}-{again}.yaml"
    write_atomically(path, text.encode())
    return path


@changes_draft
async def plan(form: Posted) -> web.Response:
    """Start `plan` with the roster, its corrections and the mapping."""
    space, draft, chosen = form.space, form.draft, form.mapping
    now = site_of(form.request).now()
    run = space.new_run(draft.roster.stem, now)
    corrections = (
        ("--corrections", _relative(space, draft.corrections)) if draft.corrections else ()
    )
    task = start_task(
        form.request,
        "plan", _relative(space, draft.roster), "-m", _relative(space, chosen), *corrections,
        "-o", str(run), "--json",
        title="Comparing with Alma",
        then=f"{base_of(form.request)}runs/{run.name}",
    )  # fmt: skip
    return see(f"{base_of(form.request)}tasks/{task.id}")


def _relative(space: Workspace, path: Path) -> str:
    return str(path.relative_to(space.folder) if path.is_relative_to(space.folder) else path)


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a draft; the runs made from it stay, but their plans become stale."""
    draft = draft_of(request)
    await in_thread(shutil.rmtree, draft.folder)
    return see(base_of(request))
