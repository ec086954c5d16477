"""Home: the list of loads, where to drop a roster, and the trash."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress

from aiohttp import BodyPartReader, web

from importer.errors import RosterError, WhichSheetError
from importer.loader.detect import LARGEST
from importer.mapper.load import examine
from importer.model.files import replace
from importer.model.roster import Layout
from importer.web.drafts import Draft
from importer.web.loads import Load, Show, loads, open_loads
from importer.web.site import UNREADABLE, RefusedError, Visit, found, see
from importer.web.tasks import DRAFTS

SAMPLE, SAMPLE_MAPPING = "samples/community-patrons.xlsx", "community.yaml"

ARRIVING = "arriving"
"""The name of a roster in its draft's folder until all of it is there."""

_CHUNK = 262_144  # bytes

_PAGE = 25
"""Loads on one page."""


def home(visit: Visit) -> web.Response:
    """Show the loads, and where to drop a roster."""
    find, at = visit.text("find").strip().casefold(), visit.page_number
    show = next((one for one in Show if one == visit.text("show")), Show.ALL)
    every = loads(visit.space)
    listed = (one for one in every if _is_in(one, show))
    shown = [one for one in listed if find in f"{one.name}\n{one.file}\n{one.who}".casefold()]
    return visit.page(
        "loads.html.j2",
        show=show,
        counts={one: sum(_is_in(load, one) for load in every) for one in Show},
        shown=shown[(at - 1) * _PAGE : at * _PAGE],
        total=len(every),
        pages=-(-len(shown) // _PAGE),
        largest=LARGEST >> 20,
    )


def _is_in(load: Load, show: Show) -> bool:
    if load.trashed or show is Show.TRASH:
        return load.trashed and show is Show.TRASH
    return show in {Show.ALL, load.next.shows}


def take_sample(visit: Visit) -> web.Response:
    """Begin with the sample roster and its mapping."""
    source = visit.space.shipped / SAMPLE
    draft = Draft.create(visit.space.folder / DRAFTS, source.name, visit.now, visit.operator)
    shutil.copyfile(source, draft.roster)
    visit.space.mapping(SAMPLE_MAPPING)
    draft.choose(SAMPLE_MAPPING)
    return see(f"{visit.base}/drafts/{draft.name}/sheet")


async def take_roster(request: web.Request) -> web.StreamResponse:
    """Save the dropped file, and show it as it was read."""
    visit, part = Visit(request), None
    back = f"{visit.base}/"
    if request.content_type == "multipart/form-data":
        with suppress(*UNREADABLE):  # it has no parts
            part = await (await request.multipart()).next()
    if not isinstance(part, BodyPartReader) or part.name != "roster" or not part.filename:
        sentence = "Choose a CSV, Excel or OpenDocument file."
        raise RefusedError(422, "No file was chosen", sentence, back)
    draft = Draft.create(visit.space.folder / DRAFTS, part.filename, visit.now, visit.operator)
    loop = asyncio.get_running_loop()
    try:
        await _save(part, draft)
        await loop.run_in_executor(visit.site.threads, draft.read, Layout())
    except RosterError as error:
        if "in the mapping" not in str(error):  # a person can choose the sheet and how it is read
            shutil.rmtree(draft.folder)
            sentence = f"{error} Nothing was kept."
            raise RefusedError(422, "This file cannot be read", sentence, back) from error
        ask = "sheet" if isinstance(error, WhichSheetError) else "names" if error.encodings else ""
        if ask:
            draft.change(ask=ask)
    except BaseException:
        shutil.rmtree(draft.folder)
        raise
    if earlier := visit.space.draft(request.query.get("after", "")):
        mapping = visit.space.mapping(earlier.facts.mapping)
        document = examine(mapping)[0] if mapping else None
        await loop.run_in_executor(visit.site.threads, draft.follow, earlier, document)
    return see(f"{visit.base}/drafts/{draft.name}/sheet")


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
    replace(arriving, draft.roster)


def trash(visit: Visit) -> web.Response:
    """Move a draft to the trash, with the runs made from it, unless a load of it is not done."""
    _check_unused(visit, visit.draft)
    visit.draft.change(trashed=True)
    return see(f"{visit.base}/?trashed={visit.draft.name}")


def restore(visit: Visit) -> web.Response:
    """Take a draft back from the trash."""
    _thrown(visit).change(trashed=False)
    return see(f"{visit.base}/")


def delete(visit: Visit) -> web.Response:
    """Delete a draft in the trash; the runs made from it stay, but their plans become stale."""
    draft = _thrown(visit)
    # with four eyes it must stay known who prepared a plan that can be approved
    _check_unused(visit, draft, with_plans=visit.site.access.four_eyes)
    shutil.rmtree(draft.folder)
    return see(f"{visit.base}/?show={Show.TRASH}")


def _thrown(visit: Visit) -> Draft:
    draft = found(visit.space.draft(visit.request.match_info["draft"], trashed=True))
    return found(draft if draft.facts.trashed else None)


def _check_unused(visit: Visit, draft: Draft, *, with_plans: bool = False) -> None:
    """Check that a draft is not being planned, and that no load of it is not done.

    `with_plans`: nor a load that was planned and not approved. Raises RefusedError.
    """
    space, heading = visit.space, "This roster is still needed"
    if space.tasks.doing(("plan", space.typed_roster(draft))):
        sentence = f"{draft.facts.file} is being compared with Alma. Wait until that is done."
        raise RefusedError(409, heading, sentence, f"{visit.base}/")
    for run in open_loads(space, draft, with_plans=with_plans):
        sentence = (
            f"The load of {draft.facts.file} is not finished and needs the roster. Continue the "
            "load first; a roster whose load is complete can be deleted."
        )
        raise RefusedError(409, heading, sentence, f"{visit.base}/runs/{run}")
