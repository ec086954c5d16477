"""The commands `mapping new`, with what it asks on a terminal, and `mapping ready`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from importer.cli.check import book_and_sheet
from importer.cli.console import saved_codes
from importer.cli.options import Codes, NewFile, VisibleOnly, shipped
from importer.cli.output import now, say, write, write_new
from importer.errors import RosterError, UsageError, WhichSheetError
from importer.loader.headings import SEARCHED
from importer.loader.read import preview
from importer.mapper.dates import Order
from importer.mapper.load import load
from importer.mapper.placeholders import heading_key, nearest
from importer.model.files import new_file
from importer.model.roster import NO_HEADINGS, Layout
from importer.model.text import command_line, counted, word_list
from importer.model.user import AccountType
from importer.suggest.column_guesses import Reading, best_reading
from importer.suggest.columns import Beside, Guess, confirmed, is_whole_name
from importer.suggest.draft import EXPIRY, GROUP, NAME, Choices, Draft
from importer.suggest.first_mapping import suggest, to_do

SCHEMA = "mapping.schema.json"
"""The usual name of the output of `mapping schema`, beside the mappings."""


def new(
    roster: Annotated[Path, typer.Argument(help="A roster to start from.", metavar="ROSTER")],
    output: NewFile = None,
    header: Annotated[
        str, typer.Option(help="The heading row or rows, as in 3 or 3,4; or none.")
    ] = "",
    sheet: Annotated[str, typer.Option(help="The sheet of a workbook.")] = "",
    encoding: Annotated[str, typer.Option(help="The encoding of a CSV file.")] = "auto",
    visible_only: VisibleOnly = False,
    account_type: Annotated[
        AccountType | None, typer.Option(help="The kind of the users in Alma.")
    ] = None,
    primary_id: Annotated[
        str, typer.Option("--id", help="The heading of the column that identifies a patron.")
    ] = "",
    dates: Annotated[Order | None, typer.Option(help="How dates are typed.")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="Alma's code for a word of the group column: Faculty=FAC. Repeatable.",
            metavar="WORD=CODE",
        ),
    ] = None,
    codes: Codes = None,
    no_questions: Annotated[
        bool, typer.Option("--no-questions", help="Don't ask; leave a ? instead.")
    ] = False,
) -> None:
    """Write a first mapping for a roster.

    Guesses are marked, and you replace each `?`. With -o in a terminal, it asks you for
    anything it can't guess.
    """
    roster, named = book_and_sheet(str(roster))
    layout = Layout(
        sheet=sheet or named,
        encoding=encoding,
        header=_heading_rows(header),
        visible_only=visible_only,
    )
    ask = output is not None and not no_questions and sys.stdin.isatty() and sys.stderr.isatty()
    beside = Beside(now().date(), saved_codes(codes), confirmed((output or Path()).parent))
    try:
        reading = _read(roster, layout, beside, ask=ask)
    except RosterError as error:
        if header or sheet:
            raise
        msg = (
            f"{error} (`mapping new` takes --sheet, --header, as in --header 3,4, and --encoding.)"
        )
        raise RosterError(msg if "`" in str(error) else str(error), error.cells) from error
    opened, layout = reading.roster, reading.layout
    headings = [place.heading for place in opened.places]
    if primary_id and primary_id not in headings:
        msg = f"The roster has no column {primary_id}{nearest(primary_id, headings) or '.'}"
        raise UsageError(msg)
    groups = dict(_word_and_code(text) for text in group or ())
    choices = Choices(account_type, {"primary_id": primary_id}, dates, groups)
    draft = Draft(opened, beside, choices)
    group_column = draft.first("user_group")
    words = {heading_key(word): word for word in (group_column.counts if group_column else ())}
    if unknown := [word for word in groups if heading_key(word) not in words]:
        if group_column is None:
            msg = "--group: no heading of the roster names a column of user groups."
        else:
            near = nearest(unknown[0], words.values()) or "."
            msg = f"--group: column {group_column.place} has no cell {unknown[0]}{near}"
        raise UsageError(msg)
    if ask:
        choices = _ask(draft)
    schema = SCHEMA if ((output or Path()).parent / SCHEMA).is_file() else ""
    text = suggest(opened, beside, layout, schema, choices)
    if output is None:
        sys.stdout.write(text)
        return
    write_new(output, text, "-o")
    say(f"The first mapping is in {output}. Check each line that ends in `guess`.")
    if left := to_do(text):
        say(f"{counted(left, 'line')} marked `to do`: replace the `?` there.")
    say("Then run:")
    say(f"  {command_line('mapping', 'check', str(output), str(roster))}")


def _read(path: Path, layout: Layout, beside: Beside, *, ask: bool) -> Reading:
    """Read a roster. Encoding and heading row are asked for if several are as good, and `ask`."""
    try:
        reading = best_reading(path, layout, beside)
    except WhichSheetError as error:
        if not ask:
            raise
        shown = {one: _top(path, replace(layout, sheet=one)) for one in error.sheets}
        sheet = _prompt("Which sheet has the people?", shown, "")
        if not sheet:
            raise
        return _read(path, replace(layout, sheet=sheet), beside, ask=ask)
    except RosterError as error:
        if not (ask and error.encodings):
            raise
        question = "Which encoding is the file in? Some of its words would be:"
        layout = replace(layout, encoding=_prompt(question, error.encodings, "") or "auto")
        reading = best_reading(path, layout, beside)
    if not (ask and reading.tied):
        return reading
    shown = {str(row): cells for row, cells in reading.tied.items()}
    usual = str(reading.roster.source.header[-1])
    row = _prompt("Which row has the headings?", shown, usual)
    return best_reading(path, replace(layout, header=_heading_rows(row)), beside)


def _top(path: Path, layout: Layout) -> str:
    """Return three cells of the widest row at the top of a sheet."""
    rows = [[*filter(None, row)] for row in preview(path, layout, SEARCHED).rows]
    return ", ".join(max(rows, key=len, default=[])[:3])


_SAMPLE = re.compile("^# Sample roster: (.+)$", re.MULTILINE)
"""The line of a ready mapping that names its sample roster."""


def ready(
    name: Annotated[
        str, typer.Argument(help="A ready mapping; default: list them.", metavar="NAME")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The new file; default: NAME.yaml.")
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Copy a sample roster for it into this folder too.")
    ] = False,
) -> None:
    """List the ready mappings, or copy one to start from."""
    folder = shipped("mappings")
    every = (*folder.glob("*.yaml"), *folder.glob("from-alma/*.yaml"))
    files = {path.stem: path for path in every}
    if not name:
        width = max(map(len, files))
        write(*(f"{one:{width}}  {load(path).title}" for one, path in sorted(files.items())))
        return
    if name not in files:
        msg = f"There is no ready mapping {name}; there are {word_list(sorted(files))}."
        raise UsageError(msg)
    target = output or Path(f"{name}.yaml")
    text = files[name].read_text("utf-8")
    write_new(target, text, "-o")
    say(f"The mapping is in {target}. Change its headings and codes to yours, then run:")
    say(f"  {command_line('mapping', 'check', str(target))}")
    if sample and (named := _SAMPLE.search(text)):
        roster = Path(named[1])
        with new_file(roster, private=False) as file:
            file.write(shipped(f"samples/{roster}").read_bytes())
        say(f"A sample roster is in {roster}.")


def _word_and_code(text: str) -> tuple[str, str]:
    """Return the parts of `Faculty=FAC`. Raises UsageError."""
    word, sign, code = text.rpartition("=")
    if not (sign and word.strip() and code.strip()):
        msg = f"--group takes a word of the roster and a code, as in Faculty=FAC, not {text}."
        raise UsageError(msg)
    return word.strip(), code.strip()


_QUESTIONS = {
    NAME: "Which column has the name, or the last name?",
    GROUP: "Which column has the user group?",
    EXPIRY: "When does a card expire? These columns have dates ahead:",
}


def _with_cells(draft: Draft, found: Iterable[Guess]) -> dict[str, str]:
    """Return the headings of columns, each with three of its cells."""
    return {guess.place.heading: draft.samples(guess) for guess in found}


def _ask(draft: Draft) -> Choices:
    """Ask for what decides most about a mapping and is not chosen yet; Enter leaves it as it is."""
    choices = draft.choices
    if not choices.account_type:
        question = "Are these users Internal (your own patrons) or External (from a SIS)?"
        kind = _prompt(question, [kind.value for kind in AccountType], draft.account_type.value)
        choices = replace(choices, account_type=AccountType(kind))
    columns = dict(choices.columns)
    if not choices.primary_id and (possible := draft.possible_ids):
        question = "Which column identifies a patron? Nearly every value is different in:"
        columns["primary_id"] = _prompt(question, _with_cells(draft, possible), draft.known_id)
    for wanted in draft.open:
        taken = heading_key(columns.get("primary_id", ""))
        possible = [g for g in draft.possible(wanted) if heading_key(g.place.heading) != taken]
        if possible:
            answer = _prompt(_QUESTIONS[wanted], _with_cells(draft, possible), "")
            columns |= _first_and_last(draft, answer) if wanted == NAME else {wanted: answer}
    choices = replace(choices, columns=columns)
    draft = Draft(draft.roster, draft.beside, choices)
    if draft.in_doubt and not draft.dates:
        order = _prompt("How are dates typed?", [*get_args(Order)], "")
        choices = replace(choices, dates=cast("Order | None", order or None))
    groups = dict(choices.groups)
    known = {row.code: row.description for row in draft.beside.codes.enabled("UserGroups")}
    listed = False
    for word, count in draft.group_words():
        code, near = draft.code("user_group", word)
        if not code:
            question = f"Alma's user group for {word} ({counted(count, 'row')}){near or '?'}"
            groups[word] = _prompt(question, known, "", listed=not listed)
            listed = True
    return replace(choices, groups={word: code for word, code in groups.items() if code})


def _first_and_last(draft: Draft, answer: str) -> dict[str, str]:
    """Return the column of the name, or those of its two parts if it has one word in each cell."""
    chosen = next((one for one in draft.guesses if one.place.heading == answer), None)
    parts = {one for one in ("first_name", "last_name") if draft.first(one)}
    if chosen is None or parts or chosen.share(is_whole_name) > 1 / 2:
        return {NAME: answer}
    others = [one for one in draft.possible(NAME) if one is not chosen]
    first = _prompt("Which column has the first name?", _with_cells(draft, others), "")
    return {"last_name": answer, "first_name": first}


def _prompt(
    question: str, choices: Iterable[str] | Mapping[str, str], usual: str, *, listed: bool = True
) -> str:
    """Ask until the answer is one of the choices, or its number; without any, take the text.

    `choices` may have descriptions, which are shown beside them; they are listed if `listed`.
    """
    known = [*choices]
    say(question)
    for number, text in enumerate(known if listed else (), start=1):
        about = choices[text] if isinstance(choices, Mapping) else ""
        say(f"  {number}  {text}{f'  {about}' if about and about != text else ''}")
    say("  Enter = leave open" if not usual else f"  Enter = {usual}")
    while True:
        answer = typer.prompt("", default=usual, prompt_suffix="> ", err=True).strip()
        if answer.isdecimal() and answer not in known and 0 < int(answer) <= len(known):
            answer = known[int(answer) - 1]
        if not answer or not known or answer in known:
            return str(answer)
        say(f"{answer} is not one of these; type one of them, its number, or only Enter.")


def _heading_rows(text: str) -> tuple[int, ...]:
    """Return the rows of `3`, `3,4` or `none`. Raises UsageError."""
    if text == "none":
        return NO_HEADINGS
    parts = [part.strip() for part in text.split(",")] if text else []
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        msg = f"--header takes one row or up to three, as in 3 or 3,4, not {text}."
        raise UsageError(msg)
    return tuple(sorted(map(int, parts)))
