"""The mapping: columns, card and rules side by side, or its text. A change edits the text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from aiohttp import web

from importer.errors import MappingError, RosterError, UnreadableFileError, UsageError
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.controls import Panel, panels
from importer.mapper.load import examine
from importer.mapper.mapping import MappingDocument
from importer.model.files import write_atomically
from importer.model.roster import Roster
from importer.report.wording import field_name
from importer.suggest.column_guesses import guesses
from importer.web.card import card, lacking
from importer.web.columns import Ask, coded, columns, matched, moves, targets, words
from importer.web.draft_pages import beside
from importer.web.drafts import Draft, StaleError, mapping_text, text_digest, trial
from importer.web.site import Visit, see

TEXT = "text"


def mapping(visit: Visit) -> web.Response:
    """Show the mapping: what each column becomes, the card of a patron, and the rules."""
    return _page(visit, {}, ())


def _page(visit: Visit, wanted: Mapping[str, str], asked: Collection[Ask]) -> web.Response:
    """Return the page; `wanted`: targets that are not saved, as `asked` is still open."""
    draft, chosen = visit.draft, visit.mapping
    document, findings = examine(chosen)
    roster, problem = None, ""
    if document is not None:
        try:
            roster = draft.read(draft.layout(document))
        except RosterError as error:
            problem = str(error)
    if document is not None and roster is not None:
        findings = (*findings, *_against(document, roster, visit.now.date()))
    if document is None or roster is None or visit.text("view") == TEXT:
        return _text_page(visit, findings, problem)
    tables = visit.space.codes()
    found = columns(roster, document, guesses(roster, beside(visit)))
    return visit.step_page(
        "mapping.html.j2",
        "Mapping",
        draft,
        chosen=chosen,
        digest=text_digest(mapping_text(chosen)),
        findings=[*on_form(findings)],
        columns=found,
        wanted=wanted,
        asked={one.letter: one for one in asked},
        targets=targets(document),
        unused=sum(one.target == "" for one in found),
        card=card(roster, document, tables, visit.now.date(), visit.number("person", 1)),
        lacking=lacking(document),
        words=words(roster, document, tables),
        panels=panels(document, visit.now.date()),
        saved=visit.text("saved"),
        tables=tables,
    )


_TO_CHOOSE = re.compile(r"\S+ record\.(\S+): replace `\?` with the heading of the column")
_COLUMNS_LIST = re.compile(r"\S+: its columns are\n")


def on_form(findings: Iterable[str]) -> Iterator[str]:
    """Yield findings about a mapping in words of the form, which lists the columns by itself."""
    for one in findings:
        if found := _TO_CHOOSE.fullmatch(one):
            yield f"Under Columns, choose the one for “{field_name(found[1])}”."
        elif not _COLUMNS_LIST.match(one):
            yield one


def _against(document: MappingDocument, roster: Roster, today: date) -> tuple[str, ...]:
    """Return what is wrong with a mapping for a roster."""
    run = RunVariables(today, roster.source.path.name, roster.source.sheet)
    try:
        compile_mapping(document, roster.places, run)
    except MappingError as error:
        return error.findings
    return ()


def _text_page(visit: Visit, findings: tuple[str, ...], problem: str) -> web.Response:
    """Return the page with the mapping's text, and what is wrong with it."""
    chosen, text = visit.mapping, ""
    with suppress(UnreadableFileError):
        text = mapping_text(chosen)
    return visit.step_page(
        "mapping_text.html.j2",
        "Mapping",
        visit.draft,
        chosen=chosen,
        text=text,
        digest=text_digest(text),
        findings=(*findings, *filter(None, [problem])),
    )


def save(visit: Visit) -> web.Response:
    """Change columns, codes and rules together, save the text, or undo the last change.

    A field that would move to another column is asked about first; then nothing is saved. Another
    roster may use the mapping: StaleError is raised if it changed since the page was made.
    """
    draft, chosen, do = visit.draft, visit.mapping, visit.text("do")
    if do == "undo":
        draft.undo_edit(chosen)
        return see(_back(visit))
    if text_digest(mapping_text(chosen)) != visit.text("digest"):
        msg = f"The mapping {chosen.name} was changed elsewhere."
        raise StaleError(msg)
    if do == TEXT:
        draft.edit(chosen, visit.text("text").replace("\r\n", "\n"))
        return see(f"mapping?view={TEXT}")
    document = examine(chosen)[0]
    if document is None:
        return see("mapping")
    roster = draft.read(draft.layout(document))
    kept = {f"target-{letter}" for letter in visit.texts("keep")}
    wanted = {name.removeprefix("target-"): text for name, text in visit.fields
              if name.startswith("target-") and name not in kept}  # fmt: skip
    found = columns(roster, document, guesses(roster, beside(visit)))
    names = {key: label for _, group in targets(document) for key, label in group}
    if asked := moves(found, wanted, names, visit.texts("move")):
        return _page(visit, wanted, asked)
    shown = panels(document, visit.now.date())
    text = with_values(visit, mapping_text(document.path), shown)
    text = _with_codes(visit, document, roster, text)
    changed = {
        one.place.letter: target
        for one in found
        if (target := wanted.get(one.place.letter)) is not None
        and (one.doubt or target != one.target)
    }
    _edit(draft, roster, chosen, text, changed)
    return see("grid" if do == "next" else _back(visit))


def _back(visit: Visit) -> str:
    view, person = visit.text("view"), visit.number("person", 1)
    return f"mapping?view={view}" if view else f"mapping?person={person}&saved=1"


def with_values(visit: Visit, text: str, shown: Iterable[Panel]) -> str:
    """Return a mapping's text with the values of its controls as the form has them."""
    sent = dict(visit.fields)
    for panel in shown:
        for control in panel.controls:
            value = sent.get(f"set {control.key}")
            if value is not None and value.strip() != control.value:
                text = control.write(text, value.strip())
    return text


def _with_codes(visit: Visit, document: MappingDocument, roster: Roster, text: str) -> str:
    """Return the mapping's text with the codes of words as the form has them."""
    sent = dict(visit.fields)
    for field in words(roster, document, visit.space.codes()):
        start = f"code {field.key} "
        codes = {
            name.removeprefix(start): code for name, code in sent.items() if name.startswith(start)
        }
        other = sent.get(f"other {field.key}", field.other)
        text = coded(text, field, codes, other)
    return text


def _edit(
    draft: Draft, roster: Roster, chosen: Path, text: str, changed: Mapping[str, str]
) -> None:
    """Save a text in which columns go to other fields, as one change; all of it, or nothing.

    Columns that get a field come first, so that its rule stays. Raises UsageError.
    """
    places = {place.letter: place for place in roster.places}
    with trial(chosen, text) as path:
        for letter, target in sorted(changed.items(), key=lambda item: not item[1]):
            if (document := examine(path)[0]) is not None:
                write_atomically(path, matched(document, places[letter], target).encode())
        document, findings = examine(path)
        if document is None:
            raise UsageError(findings[0] if findings else "This is no mapping.")
        draft.edit(chosen, mapping_text(path))
