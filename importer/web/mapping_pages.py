"""The mapping of a roster: columns, card and rules side by side, or its text.

A change edits the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from aiohttp import web

from importer.errors import MappingError, RosterError, UnreadableFileError, UsageError
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.headings import RosterFinding
from importer.mapper.key_path import KeyPath
from importer.mapper.load import examine
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import TO_CHOOSE
from importer.mapper.yaml_source import PlacedFinding, key_text
from importer.model.text import word_list
from importer.report.wording import field_name
from importer.suggest.columns import guesses
from importer.web.card import card, lacking, marks
from importer.web.columns import (
    NEW,
    Clear,
    ColumnMove,
    cleared,
    columns,
    key_of,
    matched,
    moves,
    steps_of,
    targets,
)
from importer.web.controls import Control, panels
from importer.web.draft_pages import beside
from importer.web.drafts import StaleError, mapping_text, text_digest
from importer.web.site import Visit, see
from importer.web.words import words

TEXT = "text"


def mapping(visit: Visit) -> web.Response:
    """Show the mapping: what each column becomes, the card of a patron, and the rules."""
    return _page(visit, {}, {})


def _page(visit: Visit, wanted: Mapping[str, str], asked: Mapping[str, ColumnMove]) -> web.Response:
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
        run = RunVariables(visit.now.date(), roster.source.path.name, roster.source.sheet)
        try:
            compile_mapping(document, roster.places, run)
        except MappingError as error:
            findings = (*findings, *error.findings)
    if document is None or roster is None or visit.text("view") == TEXT:
        return _text_page(visit, findings, problem)
    tables, lacks = visit.space.codes(), [*map(_in_sentence, lacking(document))]
    return visit.step_page(
        "mapping.html.j2",
        "Mapping",
        chosen=chosen,
        digest=text_digest(mapping_text(chosen)),
        findings=[*_here(findings, document)],
        columns=columns(roster, document, guesses(roster, beside(visit))),
        wanted=wanted,
        asked=asked,
        targets=targets(document),
        card=card(roster, document, tables, visit.now.date(), visit.number("person", 1)),
        lacking=lacks and word_list(lacks, "or"),
        marks={} if findings else marks(roster, draft, chosen, tables, visit.now.date()),
        words=words(roster, document, tables),
        panels=panels(document, visit.now.date(), tables),
        tables=tables,
    )


def _in_sentence(path: str) -> str:
    """Return the name of a field inside a sentence: `primary ID`."""
    name = field_name(path)
    return name[:1].lower() + name[1:]


def _here(findings: Iterable[str], document: MappingDocument) -> Iterator[tuple[str, str]]:
    """Yield the findings, with what is still to choose in words of the form.

    Each with the key of the field whose column is to be chosen, or "".
    """
    words = dict[KeyPath, tuple[str, str]]()
    for mapped, at, rule in document.nested_rules:
        name = field_name(mapped.field.path)
        if any(cell.heading == TO_CHOOSE for template in rule.templates for cell in template.cells):
            words[at] = f"Under Columns, choose the column for “{name}”.", key_of(mapped.at)
        elif any(template.constant == TO_CHOOSE for template in rule.templates):
            words[at] = f"Under Rules, open “Same for everybody” and choose: {name.lower()}.", ""
    for finding in findings:
        at = finding.at if isinstance(finding, PlacedFinding) else ()
        if not isinstance(finding, RosterFinding):  # it lists the columns, which the form has
            yield words.get(at, (finding, ""))


def _text_page(visit: Visit, findings: tuple[str, ...], problem: str) -> web.Response:
    """Return the page with the mapping's text, and what is wrong with it."""
    chosen, text = visit.mapping, ""
    with suppress(UnreadableFileError):
        text = mapping_text(chosen)
    return visit.step_page(
        "mapping_text.html.j2",
        "Mapping",
        chosen=chosen,
        text=text,
        digest=text_digest(text),
        findings=[*map(_in_words, (*findings, *filter(None, [problem])))],
    )


def _in_words(finding: str) -> str:
    """Return a finding with its line and, of a field of the record, the name."""
    if not isinstance(finding, PlacedFinding):
        return finding
    of_field = finding.at[:-1] == ("record",)
    key = field_name(str(finding.at[-1])) if of_field else key_text(finding.at)
    return f"Line {finding.line}{key and f', {key}'}: {finding.wrong}"


def save(visit: Visit) -> web.Response:
    """Change columns, codes and rules together, save the text, or undo the last change.

    A field that would move to another column is asked about first; then nothing is saved. Another
    roster may use the mapping: StaleError is raised if it changed since the page was made, and
    UsageError where a finding would be added, but for a field that has no column yet.
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
    document, before = examine(chosen)
    if document is None:
        return see("mapping")
    roster = draft.read(draft.layout(document))
    kept = {f"target-{letter}" for letter in visit.texts("keep")}
    wanted = {name.removeprefix("target-"): text for name, text in visit.fields
              if name.startswith("target-") and name not in kept}  # fmt: skip
    guessed = columns(roster, document, guesses(roster, beside(visit)))
    names = {key: label for _, group in targets(document) for key, label in group}
    if asked := moves(guessed, wanted, names, visit.texts("move")):
        return _page(visit, wanted, asked)
    tables = visit.space.codes()
    coded = words(roster, document, tables)
    controls = [control for field in coded for control in field.controls]
    controls += (
        control
        for panel in panels(document, visit.now.date(), tables)
        for control in panel.controls
    )
    text, clears = _with_values(visit, mapping_text(document.path), controls)
    changed = [
        (column, target)
        for column in guessed
        if (target := wanted.get(column.place.letter)) is not None
        and (column.doubt or target != column.target)
    ]
    text, gone = matched(document, text, changed)
    taken = {steps_of(target) for _, target in changed if target and target not in NEW}
    clears = [clear for clear in clears if clear[0] not in taken]  # now from a column
    text = cleared(text, (*clears, *gone))
    after, findings = examine(chosen, text)
    known = {*map(_cause, before)}
    added = [
        finding for finding in findings if not (_cause(finding) in known or _is_lacking(finding))
    ]
    if after is None or added:
        raise UsageError((*added, "This is no mapping.")[0])
    draft.edit(chosen, text)
    return see("grid" if do == "next" else _back(visit))


def _back(visit: Visit) -> str:
    if visit.text("view") == TEXT:
        return f"mapping?view={TEXT}"
    return f"mapping?person={visit.number('person', 1)}&saved=1"


def _with_values(visit: Visit, text: str, controls: Iterable[Control]) -> tuple[str, list[Clear]]:
    """Return a mapping's text with the values of controls as the form has them, and what goes.

    Raises UsageError.
    """
    sent, clears = dict(visit.fields), list[Clear]()
    for control in controls:
        value = sent.get(f"set {control.key}", control.value).strip()
        if value and value != control.value:
            text = control.write(text, value)
        elif value != control.value:
            clears.append((control.steps, control.clear))
    return text, clears


def _cause(finding: str) -> object:
    """Return a finding without line and positions, which other changes move."""
    if not isinstance(finding, PlacedFinding):
        return finding
    return finding.wrong, *(step for step in finding.at if isinstance(step, str))


def _is_lacking(finding: str) -> bool:
    """Return whether the record has no field yet that every new user needs."""
    return isinstance(finding, PlacedFinding) and finding.lacking and finding.at == ("record",)
