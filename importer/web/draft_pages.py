"""The pages of a draft: the sheet as it was read, its mapping, and the plan."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from aiohttp import web

from importer.errors import MappingError, RosterError, UnreadableFileError, WhichSheetError
from importer.mapper.load import examine
from importer.mapper.placeholders import heading_key
from importer.mapper.secret_columns import secret_columns, without_secrets
from importer.model.files import write_atomically
from importer.model.roster import Layout, Roster
from importer.pipeline.inputs import RosterRequest, read_inputs
from importer.report.wording import sentence
from importer.suggest.columns import Beside
from importer.suggest.confirmed import confirmed
from importer.suggest.first_mapping import suggest
from importer.web.drafts import Draft, StaleError, mapping_text
from importer.web.site import PAGE, Visit, see
from importer.web.tasks import RUN
from importer.web.workspace import Workspace


def sheet(visit: Visit) -> web.Response:
    """Show the sheet as it was read, and how."""
    draft, at = visit.draft, visit.page_number
    document = examine(visit.chosen)[0] if visit.chosen else None
    problem = ""
    roster: Roster | None = None
    try:
        roster = draft.read(document.layout() if document else Layout())
    except RosterError as error:
        problem = f"{error}{error.cells}"
    part = None
    if roster is not None:
        secret = secret_columns(roster.places, document, ())
        part = without_secrets(roster, roster.frame.iloc[(at - 1) * PAGE : at * PAGE], secret)
    return visit.step_page(
        "sheet.html.j2",
        "Sheet",
        draft,
        roster=roster,
        problem=problem,
        notices=[sentence(one, show_values=True) for one in roster.notices] if roster else (),
        table=[] if part is None else part.itertuples(name=None),
        at=at,
        pages=-(-len(roster.frame) // PAGE) if roster else 0,
    )


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mapping fits a roster.

    `found` of its headings are there, which are `used` per cent of the roster's columns. `before`:
    it was chosen for the last file of this name. `absent`: the user groups in which it changes
    people who are missing from the roster. `wrong`: not usable.
    """

    file: str
    title: str = ""
    found: int = 0
    of: int = 0
    used: int = 0
    before: bool = False
    absent: tuple[str, ...] = ()
    wrong: str = ""

    @property
    def proposed(self) -> bool:
        """Whether it may be chosen beforehand: it fits, and changes nobody without a row."""
        return 0 < self.of <= 2 * self.found and not self.absent


def mapping(visit: Visit) -> web.Response:
    """Show the mappings that can be chosen, and the chosen one's text and findings."""
    draft, chosen = visit.draft, visit.chosen
    fits = _fits(visit.space, draft)
    text: str | None = None
    with suppress(UnreadableFileError):
        text = mapping_text(chosen) if chosen else None
    findings, sample = _try(visit.space, draft, chosen) if chosen else ((), None)
    return visit.step_page(
        "mapping.html.j2",
        "Mapping",
        draft,
        fits=fits,
        proposed=fits[0].file if fits and fits[0].proposed else "",
        absent=next((fit.absent for fit in fits if chosen and fit.file == chosen.name), ()),
        sheets=_sheets(draft),
        chosen=chosen,
        text=text,
        digest=_digest(text or ""),
        findings=findings,
        sample=sample,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fits(space: Workspace, draft: Draft) -> list[Fit]:
    """Return the mappings: the one that a file of this name had, then those that use most of it."""
    fits, before = [], _mapping_before(space, draft)
    for path in space.mappings():
        document, findings = examine(path)
        if document is None:
            wrong = findings[0] if findings else "it cannot be read"
            fits.append(Fit(path.name, wrong=wrong))
            continue
        there, columns = set(), 0
        for layout in (Layout(), document.layout()):  # the second may name a sheet
            with suppress(RosterError):
                places = draft.read(layout).places
                there, columns = {heading_key(place.heading) for place in places}, len(places)
                break
        absent = document.file.match.absent
        found = sum(heading_key(heading) in there for heading in document.headings)
        fits.append(
            Fit(
                path.name,
                document.title,
                found,
                len(document.headings),
                round(100 * found / columns) if columns else 0,
                path.name == before,
                absent.among.user_group if absent else (),
            )
        )
    return sorted(fits, key=lambda f: (not f.before, -f.found, f.of, bool(f.absent), f.file))


def _mapping_before(space: Workspace, draft: Draft) -> str:
    """Return the mapping of the newest other draft of a file with the same name, "" if none."""
    others = (one.facts for one in space.drafts() if one.name != draft.name)
    names = (one.mapping for one in others if one.file == draft.facts.file and one.mapping)
    return next(names, "")


def _sheets(draft: Draft) -> tuple[str, ...]:
    """Return the sheets of which one must be named, none if it is found without that."""
    try:
        draft.read(Layout())
    except WhichSheetError as error:
        return error.sheets
    except RosterError:
        pass
    return ()


def _try(
    space: Workspace, draft: Draft, path: Path
) -> tuple[tuple[str, ...], tuple[int, dict[str, str]] | None]:
    """Return what is wrong in a mapping for this roster, and one record as it would be made."""
    try:
        mapped = read_inputs(
            RosterRequest(draft.roster, path), space.codes(), draft.facts.created.date()
        )
    except MappingError as error:
        return error.findings, None
    except RosterError as error:
        return (str(error),), None
    return (), mapped.sample()


def choose_mapping(visit: Visit) -> web.Response:
    """Choose a mapping, start one from the roster, or save its text."""
    draft, do, wanted = visit.draft, visit.text("do"), visit.text("mapping")
    if do == "choose" and visit.space.mapping(wanted):
        draft.choose(wanted)
    elif do == "new":
        layout = Layout(sheet=visit.text("sheet"))
        draft.choose(_suggest(visit, layout).name)
        return see("match")
    elif do == "save":
        if _digest(mapping_text(visit.mapping)) != visit.text("digest"):
            msg = f"The mapping {visit.mapping.name} was changed in another program."
            raise StaleError(msg)
        text = visit.text("text").replace("\r\n", "\n")
        draft.edit(visit.mapping, text)
    elif do == "undo":
        draft.undo_edit(visit.mapping)
    return see("mapping")


def _suggest(visit: Visit, layout: Layout) -> Path:
    """Write a first mapping for the roster, named after it. Raises RosterError."""
    space, draft = visit.space, visit.draft
    folder, stem = space.folder / "mappings", draft.roster.stem
    names = chain((f"{stem}.yaml",), (f"{stem}-{number}.yaml" for number in count(2)))
    path = next(folder / name for name in names if not (folder / name).exists())
    beside = Beside(visit.now.date(), space.codes(), confirmed(folder))
    text = suggest(draft.read(layout), beside, layout)
    folder.mkdir(exist_ok=True)
    write_atomically(path, text.encode())
    return path


_SIS_LOADS = {
    "sis": ("--to", "sis-xml", "--fill", "--keep-edits"),
    "sis-bare": ("--to", "sis-xml"),
}
"""The flags of a plan for the SIS load, by the choice on the page."""


def plan(visit: Visit) -> web.Response:
    """Start `plan` with the roster, its corrections and the mapping."""
    draft, typed = visit.draft, visit.space.typed
    corrections = ("--corrections", typed(draft.corrections)) if draft.corrections else ()
    load = _SIS_LOADS.get(visit.text("load"), ())
    return visit.start(
        "plan", typed(draft.roster), "-m", typed(visit.mapping), *corrections, *load,
        "--json",
        title="Comparing with Alma",
        then=f"{visit.base}/runs/{RUN}",
        back=f"{visit.base}/drafts/{draft.name}/grid",
        run_of=draft.roster.stem,
    )  # fmt: skip
