"""Home: the list of loads, where to drop a roster, and the trash; a roster's sheet and plan."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from aiohttp import BodyPartReader, web

from importer.errors import Cause, RosterError, UsageError, WhichSheetError
from importer.files import replace as move
from importer.files import write_atomically
from importer.loader.detect import LARGEST
from importer.loader.read import Preview, preview
from importer.mapper import editing
from importer.mapper.explain import MATCH, missing_people, retired_people
from importer.mapper.load import examine
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key
from importer.mapper.secret_cells import misplaced, secret_columns
from importer.mapper.yaml_source import scalar
from importer.model.problem import Place
from importer.model.roster import NO_HEADINGS, NOT_KEPT, Layout, Roster, letter
from importer.model.secret_headings import say_secret
from importer.report.wording import TO_SIS, sentence
from importer.suggest.columns import Beside
from importer.suggest.confirmed import confirmed
from importer.suggest.first_mapping import columns_taken, suggest
from importer.web.drafts import Draft, DraftFacts, mapping_text
from importer.web.loads import ListedLoad, Show, loads, open_loads
from importer.web.site import UNREADABLE, NotDoneError, Visit, found, number, see
from importer.web.workspace import DRAFTS, Workspace

SAMPLE, SAMPLE_MAPPING = "samples/community-patrons.xlsx", "community.yaml"

ARRIVING = "arriving"
"""The name of a roster in its draft's folder until all of it is there."""

_CHUNK = 262_144  # bytes

_PAGE = 25
"""Loads on one page."""


def home(visit: Visit) -> web.Response:
    """Show the loads, and where to drop a roster."""
    find, at = visit.text("find").strip().casefold(), visit.page_number
    show = next((choice for choice in Show if choice == visit.text("show")), Show.ALL)
    every = loads(visit.space)
    listed = (load for load in every if _is_in(load, show))
    shown = [load for load in listed if find in f"{load.name}\n{load.file}\n{load.who}".casefold()]
    return visit.page(
        "loads.html.j2",
        show=show,
        counts={choice: sum(_is_in(load, choice) for load in every) for choice in Show},
        shown=shown[(at - 1) * _PAGE : at * _PAGE],
        total=len(every),
        pages=-(-len(shown) // _PAGE),
        largest=LARGEST >> 20,
    )


def _is_in(load: ListedLoad, show: Show) -> bool:
    if load.trashed or show is Show.TRASH:
        return load.trashed and show is Show.TRASH
    return show in {Show.ALL, load.next.shows}


def take_sample(visit: Visit) -> web.Response:
    """Begin with the sample roster and its mapping."""
    source = visit.space.shipped / SAMPLE
    draft = _new(visit, source.name)
    shutil.copyfile(source, draft.roster)
    visit.space.mapping(SAMPLE_MAPPING)
    draft.choose(SAMPLE_MAPPING)
    return see(f"{visit.base}/drafts/{draft.name}/sheet")


def _new(visit: Visit, file: str) -> Draft:
    facts = DraftFacts(file=file, created=visit.now, by=visit.operator)
    return Draft.create(visit.space.folder / DRAFTS, facts)


async def take_roster(request: web.Request) -> web.StreamResponse:
    """Save the dropped file, and show it as it was read."""
    visit, part = Visit(request), None
    back = f"{visit.base}/"
    if request.content_type == "multipart/form-data":
        with suppress(*UNREADABLE):  # it has no parts
            part = await (await request.multipart()).next()
    if not isinstance(part, BodyPartReader) or part.name != "roster" or not part.filename:
        sentence = "Choose a CSV, Excel or OpenDocument file."
        raise NotDoneError(422, "No file was chosen", sentence, back)
    draft = _new(visit, part.filename)
    loop = asyncio.get_running_loop()
    try:
        await _save(part, draft)
        await loop.run_in_executor(visit.site.threads, draft.read, Layout())
    except RosterError as error:
        if error.cause is Cause.ROSTER and not error.encodings:  # else a person can choose
            shutil.rmtree(draft.folder)
            sentence = f"{error} Nothing was kept."
            raise NotDoneError(422, "This file cannot be read", sentence, back) from error
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
    move(arriving, draft.roster)


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
    _check_unused(visit, draft)
    shutil.rmtree(draft.folder)
    return see(f"{visit.base}/?show={Show.TRASH}")


def _thrown(visit: Visit) -> Draft:
    draft = found(visit.space.draft(visit.request.match_info["draft"], trashed=True))
    return found(draft if draft.facts.trashed else None)


def _check_unused(visit: Visit, draft: Draft) -> None:
    """Check that a draft is not being planned and that each of its loads is done.

    Raises NotDoneError.
    """
    space, heading = visit.space, "This roster is still needed"
    if space.tasks.doing(("plan", space.typed_roster(draft))):
        sentence = f"{draft.facts.file} is being compared with Alma. Wait until that is done."
        raise NotDoneError(409, heading, sentence, f"{visit.base}/")
    for run in open_loads(space, draft):
        sentence = (
            f"The load of {draft.facts.file} is not finished and needs the roster. Continue the "
            "load first; a roster whose load is complete can be deleted."
        )
        raise NotDoneError(409, heading, sentence, f"{visit.base}/runs/{run}")


NEW = "new"
"""What the form sends in place of a mapping's name for a new one."""

TOP = 20
"""Rows of the file that are shown, among which a person finds the headings."""


def sheet(visit: Visit) -> web.Response:
    """Show the top of the file, how it is read, and the mappings for it."""
    draft = visit.draft
    document = examine(visit.chosen)[0] if visit.chosen else None
    layout, problem, top = draft.layout(document), "", Preview(())
    roster: Roster | None = None
    try:
        roster = draft.read(layout)
        layout = replace(layout, sheet=roster.source.sheet)
    except RosterError as error:
        problem = str(error)
    with suppress(RosterError):
        top = preview(draft.roster, layout, TOP)
    fits = _fits(visit.space, draft, roster)
    proposed = (
        visit.chosen.name if visit.chosen else fits[0].file if fits and fits[0].proposed else ""
    )
    return visit.step_page(
        "sheet.html.j2",
        "Sheet",
        roster=roster,
        problem=problem,
        notices=[sentence(notice, show_values=True) for notice in roster.notices] if roster else (),
        top=top,
        most=TOP,
        lines=_without_secrets(top, roster, document),
        letters=[letter(at) for at in range(max(map(len, top.rows), default=0))],
        encoding=layout.encoding,
        fits=fits,
        proposed=proposed,
        guessed=columns_taken(roster, beside(visit)) if roster else 0,
    )


def _without_secrets(
    top: Preview, roster: Roster | None, document: MappingDocument | None
) -> list[list[str]]:
    """Return the rows as they came, without the cells of columns that have passwords or PINs."""
    places = roster.places if roster else ()
    positions = secret_columns(places, document, ())
    hidden, known = {places[at].letter for at in positions}, {place.letter for place in places}
    wrong = misplaced(roster, positions) if roster else frozenset()
    start = roster.source.header[-1] if roster else 0
    shown: list[list[str]] = []
    for row, cells in enumerate(top.rows, start=1):
        said = {
            at
            for at in range(max(map(len, top.rows)))
            if letter(at) not in known
            and say_secret(above[at] for above in top.rows[: row - 1] if at < len(above))
        }
        uneven = bool(said) and len(cells) != max(map(len, top.rows[: row - 1]))
        whole = row in wrong or uneven
        shown.append([
            NOT_KEPT
            if text and (whole or at in said or (letter(at) in hidden and row > start))
            else text
            for at, text in enumerate(cells)
        ])  # fmt: skip
    return shown


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mapping fits a roster.

    `present` of its headings are in the roster, of whose `columns` it uses `used` per cent; `out`:
    those that it does not use. `before`: it fits, and was chosen for the last file of this name.
    `does`: what happens to people; `leaving`: to those who leave. `wrong`: not usable.
    """

    file: str
    title: str = ""
    present: int = 0
    of: int = 0
    used: int = 0
    columns: int = 0
    out: tuple[str, ...] = ()
    before: bool = False
    does: str = ""
    leaving: str = ""
    wrong: str = ""

    @property
    def proposed(self) -> bool:
        """Whether it may be chosen beforehand: it fits, and changes nobody without a row."""
        return 0 < self.of <= 2 * self.present and not self.leaving


def _fits(space: Workspace, draft: Draft, roster: Roster | None) -> list[Fit]:
    """Return the mappings: the one that a file of this name had, then those that use most of it."""
    others = (known.facts for known in space.drafts() if known.name != draft.name)
    names = (facts.mapping for facts in others if facts.file == draft.facts.file and facts.mapping)
    fits, before = [], next(names, "")  # of the newest
    for path in space.mappings():
        document, findings = examine(path)
        if document is None:
            fits.append(Fit(path.name, wrong=findings[0] if findings else "it cannot be read"))
            continue
        if document.from_alma:
            continue
        places = roster.places if roster else _places(draft, document)
        named = {place: heading_key(document.name_of(place.heading)) for place in places}
        wanted = {heading_key(heading) for heading in document.headings}
        known = len(wanted & {*named.values()})
        out = (place.heading or place.letter for place in places if named[place] not in wanted)
        fits.append(
            Fit(
                path.name,
                document.title,
                known,
                len(wanted),
                round(100 * known / len(places)) if places else 0,
                len(places),
                tuple(out),
                path.name == before and 2 * known >= len(wanted),
                _about_people(document),
                _about_leaving(document),
            )
        )
    return sorted(fits, key=lambda f: (not f.before, -f.present, f.of, bool(f.leaving), f.file))


def _about_people(document: MappingDocument) -> str:
    """Return what happens to new and to known people, in a sentence."""
    match = document.file.match
    new, known = (MATCH[name][1][getattr(match, name)] for name in ("new", "known"))
    return f"Somebody new {new}; somebody known {known}."


def _about_leaving(document: MappingDocument) -> str:
    """Return what happens to people who leave, "" if the mapping is not about them."""
    if retired := retired_people(document):
        return f"Ends people of this roster. {retired}."
    if missing := missing_people(document, {}):
        return f"Changes people who are not in this roster. {missing} are changed."
    return ""


def _places(draft: Draft, document: MappingDocument) -> tuple[Place, ...]:
    """Return the columns as the mapping reads the roster, which may name a sheet, or none."""
    with suppress(RosterError):
        return draft.read(draft.layout(document)).places
    return ()


def save_sheet(visit: Visit) -> web.Response:
    """Read the roster as a person wants it, and choose its mapping, or start a new one."""
    draft, wanted = visit.draft, visit.text("mapping")
    _read_as(visit)
    if (do := visit.text("do")) not in {"next", "grid"}:
        return see("sheet")
    mapping = _suggest(visit) if wanted == NEW else found(visit.space.mapping(wanted))
    draft.choose(mapping.name)
    _keep_layout(visit, mapping)
    return see("grid" if do == "grid" else "mapping")


def _read_as(visit: Visit) -> None:
    """Save what was chosen of the sheet, the heading row and the encoding."""
    draft, facts, sent = visit.draft, visit.draft.facts, dict(visit.fields)
    sheet, header = sent.get("sheet", facts.sheet), facts.header
    other = sheet != (facts.sheet or visit.text("shown"))
    if "header" in sent and sent["header"] != visit.text("found"):
        at = number(sent["header"])
        header = (at,) if at else NO_HEADINGS
    wanted = {
        "sheet": sheet if other or facts.sheet else "",
        "header": () if other else header,  # that of another sheet is another one
        "encoding": sent.get("encoding", facts.encoding),
    }
    document = examine(visit.chosen)[0] if visit.chosen else None
    changed = Draft(draft.folder, facts.model_copy(update=wanted))
    if draft.corrections and (other or changed.misfits(document)):
        msg = "Corrected cells would be other ones. Undo the corrections, or drop the roster again."
        raise UsageError(msg)
    draft.read_as(wanted)


def _keep_layout(visit: Visit, mapping: Path) -> None:
    """Write into the mapping how the roster is read, where it would be read in another way."""
    draft = visit.draft
    document, facts = examine(mapping)[0], draft.facts
    if document is not None and (facts.header or facts.encoding != "auto"):
        text, now = mapping_text(mapping), draft.layout(document)
        as_it_is: Roster | None = None
        with suppress(RosterError):
            as_it_is = draft.read(replace(document.layout(), sheet=now.sheet))
        if facts.header and (as_it_is is None or as_it_is.source.header != facts.header):
            rows = "none" if facts.header == NO_HEADINGS else str(facts.header[0])
            text = editing.set_value(text, ("roster", "header"), rows)
        other = as_it_is is None or as_it_is.source.encoding != now.encoding
        if facts.encoding != "auto" and other:
            text = editing.set_value(text, ("roster", "encoding"), scalar(facts.encoding))
        draft.edit(mapping, text)
    draft.read_as({"header": (), "encoding": "auto"})


def beside(visit: Visit) -> Beside:
    """Return what is known beside the roster: the day, Alma's codes, and the office's mappings."""
    space = visit.space
    return Beside(visit.now.date(), space.codes(), confirmed(space.folder / "mappings"))


def _suggest(visit: Visit) -> Path:
    """Write a first mapping for the roster, named after it. Raises RosterError."""
    space, draft = visit.space, visit.draft
    folder, stem = space.folder / "mappings", draft.roster.stem
    names = chain((f"{stem}.yaml",), (f"{stem}-{number}.yaml" for number in count(2)))
    path = next(folder / name for name in names if not (folder / name).exists())
    layout = draft.layout(None)
    text = suggest(draft.read(layout), beside(visit), layout)
    folder.mkdir(exist_ok=True)
    write_atomically(path, text.encode())
    return path


def plan(visit: Visit) -> web.Response:
    """Start `plan` with the roster, its corrections and the mapping."""
    draft, typed = visit.draft, visit.space.typed
    corrections = ("--corrections", typed(draft.corrections)) if draft.corrections else ()
    load = TO_SIS if visit.text("load") == "sis" else ()
    return visit.start(
        "plan", visit.space.typed_roster(draft), "-m", typed(visit.mapping), *corrections, *load,
        "--json",
        title="Comparing with Alma",
        back=f"{visit.base}/drafts/{draft.name}/grid",
        run_of=draft.roster.stem,
    )  # fmt: skip
