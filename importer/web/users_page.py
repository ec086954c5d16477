"""Users of Alma as rows: choose the mapping that selects them, change its values, and plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from importer.mapper.controls import Control, alma_panels, plain_domain
from importer.mapper.explain import about_leaving, explain
from importer.mapper.load import examine
from importer.mapper.mapping import MappingDocument
from importer.model.files import write_atomically
from importer.report.wording import field_name
from importer.web.drafts import StaleError, mapping_text, text_digest
from importer.web.mapping_pages import cleared, with_values
from importer.web.site import Visit, found, see
from importer.web.tasks import RUN


def users(visit: Visit) -> web.Response:
    """Show the mappings that select users of Alma, and the values and the text of one."""
    known = {path.name: (path, document) for path, document in _mappings(visit)}
    name = visit.text("mapping") or next(iter(known), "")
    path, document = found(known.get(name))
    text, panels = mapping_text(path), alma_panels(document)
    return visit.page(
        "users.html.j2",
        crumb="Users of Alma",
        mappings={name: _title(one) for name, (_, one) in known.items()},
        chosen=path.name,
        title=_title(document),
        does={
            label: _in_words(_named(label, told, panels[1].controls, visit.worded))
            for label, told in explain(document.absent or document).items()
            if label != "primary_id"
        },
        leaving=next(about_leaving(document), ""),
        findings=examine(path)[1],
        panels=panels,
        whose=_whose(document, visit.worded),
        tables=visit.space.codes(),
        text=text,
        digest=text_digest(text),
    )


def _title(document: MappingDocument) -> str:
    """Return what a mapping does; that it is about users of Alma goes without saying here."""
    return document.title.removesuffix(" (users of Alma)")


def _whose(document: MappingDocument, worded: Callable[[str, str], str]) -> str:
    """Return which users the rows are, with the fields and their codes in words."""
    only = document.file.roster.only
    told = str(only)
    for path, _, test in only.tests:
        names = " or ".join(worded(path, word) for word in test.words)
        told = told.replace(f" {' or '.join(test.words)}", f" {names}") if names else told
    for heading in sorted({*only.headings}, key=len, reverse=True):
        told = re.sub(rf"(?<![\w.]){re.escape(heading)}", _inside(field_name(heading)), told)
    return _PATTERN.sub(lambda found: plain_domain(found[1]) or found[0], told)


_PATTERN = re.compile("`([^`]+)`")


def _inside(name: str) -> str:
    """Return the name of a field inside a sentence."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _named(
    label: str, told: str, controls: Iterable[Control], worded: Callable[[str, str], str]
) -> str:
    """Return what happens to a list, with the codes that can be chosen in words."""
    for one in controls:
        if one.table and one.field.partition(".")[0] == label.partition(".")[0]:
            told = told.replace(f"type {one.value}", f"type {worded(one.field, one.value)}")
    return told


def _in_words(told: str) -> str:
    """Return what a field becomes, with Alma's fields in words."""

    def named(cell: re.Match[str]) -> str:
        new, name = cell["new"], field_name(cell["name"]).replace("Primary ID", "primary ID")
        return "today" if cell["name"] == "today" else f"the {'new ' if new else ''}{_inside(name)}"

    told = _PATTERN.sub(lambda found: f"`{plain_domain(found[1]) or found[1]}`", told)
    told = told.replace(", read as the column itself shows", "")
    told = re.sub(r"<(?P<new>@?)(?P<name>[^<>]+)>", named, told)
    return told[:1].upper() + told[1:]


def _mappings(visit: Visit) -> Iterator[tuple[Path, MappingDocument]]:
    """Yield the mappings whose rows are users of Alma."""
    for path in visit.space.mappings():
        document, _ = examine(path)
        if document is not None and document.from_alma:
            yield path, document


def save(visit: Visit) -> web.Response:
    """Save the values and the text of a mapping and, if that is asked for, plan with it."""
    mapping = found(visit.space.mapping(visit.text("mapping")))
    here = f"{visit.base}/users?mapping={quote(mapping.name)}"
    if text_digest(mapping_text(mapping)) != visit.text("digest"):
        msg = f"The mapping {mapping.name} was changed elsewhere."
        raise StaleError(msg)
    sent, (before, _) = visit.text("text").replace("\r\n", "\n"), examine(mapping)
    text = cleared(*with_values(visit, sent, alma_panels(before) if before else ()))
    changes = text != mapping_text(mapping)
    words = ("plan", "-m", visit.space.typed(mapping))
    running = visit.space.tasks.doing(words)
    same = running is not None and running.words[: len(words)] == words
    if changes and same:
        sentence = f"The users whom {mapping.name} selects are being compared with Alma."
        sentence += " Wait until that is done. Nothing was saved."
        return visit.refusal(409, "One after the other", sentence, here)
    document, findings = examine(mapping, text)
    if document is None or not document.from_alma or (findings and text != sent):
        why = next(iter(findings), "It selects no users of Alma: `from: alma` is missing.")
        title = f"This {'text' if text == sent else 'value'} cannot be used"
        return visit.refusal(422, title, f"{why} Nothing was saved.", here)
    if changes:
        with visit.changing(mapping):
            write_atomically(mapping, text.encode())
    if visit.text("do") != "plan":
        return see(here)
    if running and not same:
        sentence = "Other users are being compared with Alma. Wait until that is done."
        return visit.refusal(409, "One after the other", f"{sentence} The text is saved.", here)
    return visit.start(
        *words, "--json",
        title="Comparing with Alma",
        then=f"{visit.base}/runs/{RUN}",
        back=here,
        run_of=mapping.stem,
    )  # fmt: skip
