"""The commands `mapping new`, `ready`, `check`, `show`, `template`, `schema` and `import`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from importer.cli.check import book_and_sheet
from importer.cli.options import Codes, Commands, Json, NewFile, ShowValues, VisibleOnly, shipped
from importer.cli.output import emit, say, write, write_new
from importer.errors import Cause, Exit, RosterError, UsageError
from importer.files import new_file, require_new
from importer.mapper.checks import findings as checked
from importer.mapper.dates import Order
from importer.mapper.explain import about, explain
from importer.mapper.findings import Level
from importer.mapper.json_schema import schema_text
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key, nearest
from importer.model.problem import Code, Place
from importer.model.roster import NO_HEADINGS, Layout, Roster
from importer.model.text import command_line, counted, word_list
from importer.model.user import AccountType
from importer.pipeline.check import validate, wrong_codes
from importer.pipeline.inputs import MappedRoster, RosterRequest, read_inputs
from importer.pipeline.mapping_tests import failing_tests
from importer.report.commands import with_commands
from importer.report.masking import shown as masked
from importer.report.wording import sentence
from importer.report.workbook import version_of, write_blank
from importer.service.office import saved_codes
from importer.service.place import now
from importer.suggest.columns import Beside
from importer.suggest.confirmed import confirmed
from importer.suggest.first_mapping import GROUP, Choices, MappingDraft, scores_of, suggest, to_do
from importer.suggest.reading import best_reading
from importer.suggest.user_loader_profile import read_profile, to_mapping

app = Commands()
mapping = Commands(help="Start, check and explain a mapping.")
app.add_typer(mapping, name="mapping")


SCHEMA = "mapping.schema.json"
"""The usual name of the output of `mapping schema`, beside the mappings."""


@mapping.command()
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
    explained: Annotated[
        str,
        typer.Option("--explain", help="Only print the scores of a column.", metavar="HEADING"),
    ] = "",
) -> None:
    """Write a first mapping for a roster.

    Guesses are marked, and you replace each `?`. Its line lists the candidates.
    """
    if output is not None:
        require_new(output, "Name a new file with -o.")
    roster, named = book_and_sheet(str(roster))
    layout = Layout(
        sheet=sheet or named,
        encoding=encoding,
        header=_heading_rows(header),
        visible_only=visible_only,
    )
    beside = Beside(now().date(), saved_codes(codes), confirmed((output or Path()).parent))
    with _offering_options(known=bool(header or sheet)):
        reading = best_reading(roster, layout, beside)
    opened, layout = reading.roster, reading.layout
    for option, heading in (("--id", primary_id), ("--explain", explained)):
        if heading:
            _require_column(opened, option, heading)
    groups = dict(_word_and_code(text) for text in group or ())
    choices = Choices(account_type, primary_id, dates, groups)
    if groups:
        column = _group_column(MappingDraft(opened, beside, choices), groups)
        choices = replace(choices, user_group=column)
    if explained:
        write(*scores_of(MappingDraft(opened, beside, choices), explained))
        return
    schema = SCHEMA if ((output or Path()).parent / SCHEMA).is_file() else ""
    text = suggest(opened, beside, layout, schema, choices)
    if output is None:
        sys.stdout.write(text)
        return
    write_new(output, text, "-o")
    say(f"The first mapping is in {output}. Check each line marked `guess`.")
    if left := to_do(text):
        say(f"{counted(left, 'line')} marked `to do`: replace the `?` there.")
    say("Then run:")
    say(f"  {command_line('mapping', 'check', str(output), str(roster))}")


@contextmanager
def _offering_options(*, known: bool) -> Iterator[None]:
    """Name the options that say how a roster is read, unless a person knows them."""
    try:
        yield
    except RosterError as error:
        if known or error.cause is Cause.ROSTER:  # it cannot be read in any way
            raise
        msg = (
            f"{error} (`mapping new` takes --sheet, --header, as in --header 3,4, and --encoding.)"
        )
        raise RosterError(msg, error.encodings) from error


def _require_column(roster: Roster, option: str, heading: str) -> None:
    """Raise UsageError unless a roster has the column that an option names."""
    headings = [place.heading for place in roster.places]
    if heading_key(heading) not in map(heading_key, headings):
        near = nearest(heading, headings) or "."
        listed = ", ".join(str(place) for place in roster.places if place.heading.strip())
        msg = f"{option}: the roster has no column {heading}{near} Its columns are {listed}."
        raise UsageError(msg)


_SAMPLE = re.compile("^# Sample roster: (.+)$", re.MULTILINE)
"""The line of a ready mapping that names its sample roster."""


@mapping.command()
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
        write(*(f"{name:{width}}  {load(path).title}" for name, path in sorted(files.items())))
        return
    if name not in files:
        msg = f"There is no ready mapping {name}; there are {word_list(sorted(files))}."
        raise UsageError(msg)
    target = output or Path(f"{name}.yaml")
    text = files[name].read_text("utf-8")
    named = _SAMPLE.search(text) if sample else None
    if named:
        require_new(Path(named[1]), "Move it away, or leave out --sample.")
    write_new(target, text, "-o")
    say(f"The mapping is in {target}. Change its headings and codes to yours, then run:")
    say(f"  {command_line('mapping', 'check', str(target))}")
    if named:
        with new_file(Path(named[1]), private=False) as file:
            file.write(shipped(f"samples/{named[1]}").read_bytes())
        say(f"A sample roster is in {named[1]}.")


def _word_and_code(text: str) -> tuple[str, str]:
    """Return the parts of `Faculty=FAC`. Raises UsageError."""
    word, sign, code = text.rpartition("=")
    if not (sign and word.strip() and code.strip()):
        msg = f"--group takes a word of the roster and a code, as in Faculty=FAC, not {text}."
        raise UsageError(msg)
    return word.strip(), code.strip()


def _group_column(draft: MappingDraft, words: Iterable[str]) -> str:
    """Return the heading of the column with all of these words, "" if it is guessed already.

    Raises UsageError.
    """
    wanted = {heading_key(word): word for word in words}
    having = [g for g in draft.guesses if g.few and wanted.keys() <= {*map(heading_key, g.counts)}]
    guessed = draft.first(GROUP)
    having = [guess for guess in having if guess is guessed] or having
    if len(having) == 1:
        return "" if having[0] is guessed else having[0].place.heading
    if having:
        places = word_list([str(guess.place) for guess in having])
        msg = (
            f"--group: columns {places} have these words. "
            "Leave out --group, and write one of these headings as `user_group` in the mapping."
        )
    else:
        cells = {heading_key(text): text for text in (guessed.counts if guessed else ())}
        unknown = next(word for key, word in wanted.items() if key not in cells)
        near = nearest(unknown, cells.values()) or ". Write each word as in the roster."
        msg = f"--group: no column has {word_list([*wanted.values()])} as cells{near}"
    raise UsageError(msg)


def _heading_rows(text: str) -> tuple[int, ...]:
    """Return the rows of `3`, `3,4` or `none`. Raises UsageError."""
    if text == "none":
        return NO_HEADINGS
    parts = [part.strip() for part in text.split(",")] if text else []
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        msg = f"--header takes one row or up to three, as in 3 or 3,4, not {text}."
        raise UsageError(msg)
    return tuple(sorted(map(int, parts)))


MappingFile = Annotated[Path, typer.Argument(help="The mapping (YAML).", metavar="MAPPING")]


@mapping.command()
def check(
    file: MappingFile,
    roster: Annotated[
        Path | None, typer.Argument(help="A roster to test the mapping with.", metavar="ROSTER")
    ] = None,
    codes: Codes = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> Exit:
    """Check a mapping: errors with their lines, and what to complete."""
    tables = saved_codes(codes)
    preview: dict[str, Any] = {}
    if roster is not None:  # first: the headings that the roster lacks are among the errors
        book, sheet = book_and_sheet(str(roster))
        mapped = read_inputs(RosterRequest(book, file, sheet), tables, now().date())
        preview = _preview(mapped, show_values=show_values)
    document = load(file)
    groups = {
        "to_do": checked(document, Level.TO_DO),
        "codes": wrong_codes(document, tables),
        "remarks": checked(document, Level.HINT),
        "tests": failing_tests(document),
    }
    lines = [*_findings(document, groups)]
    if not tables.tables:
        lines.append("Its codes were not checked; `importer codes fetch` gets Alma's code tables.")
    if preview:
        lines += _preview_lines(preview)
    if preview and preview["sample"] and not show_values:
        lines += ("", "Values are masked; --show-values shows them.")
    done = Exit.USAGE if groups["tests"] else Exit.DONE
    values = {"mapping": document.name, **groups, **preview, "exit": int(done)}
    emit(values, lines, as_json=as_json)
    if roster is not None and not (groups["to_do"] or groups["tests"]):
        say("To check every row of the roster, run:")
        say(f"  {command_line('check', str(roster), '-m', str(file))}")
    return done


@mapping.command()
def show(file: MappingFile, as_json: Json = False) -> None:
    """Explain in words the value of each field."""
    document = load(file)
    fields = explain(document)
    values = {
        "mapping": document.name,
        "title": document.title,
        **document.file.model_dump(include={"account_type", "record_type"}),
        "about": about(document),
        "fields": [{"field": name, "sentence": text} for name, text in fields.items()],
    }
    width = max(map(len, fields))
    lines = (f"{name:{width}}  {text}" for name, text in fields.items())
    emit(values, (document.title, *about(document), "", *lines), as_json=as_json)


@mapping.command()
def template(
    file: MappingFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The new workbook (.xlsx).", show_default=False)
    ],
    codes: Codes = None,
    as_json: Json = False,
) -> None:
    """Write a blank roster workbook to fill in.

    It has the columns that the mapping needs, with drop-down lists of codes.
    """
    if output.suffix.lower() != ".xlsx":
        msg = f"{output} is a workbook's name only with the ending .xlsx."
        raise UsageError(msg)
    chosen = load(file)
    columns = write_blank(chosen, saved_codes(codes), output)
    listed = [{"heading": column.heading, "required": column.required} for column in columns]
    values = {"file": str(output), "version": version_of(chosen), "columns": listed}
    sentence = f"The roster template with {len(columns)} columns is in {output}."
    emit(values, (sentence,), as_json=as_json)


@mapping.command()
def schema() -> None:
    """Print the JSON Schema of mappings, for editors."""
    sys.stdout.write(schema_text())


@mapping.command("import")
def import_profile(
    exported: Annotated[
        Path, typer.Argument(help="A file exported by the CSV User Loader.", metavar="FILE")
    ],
    name: Annotated[
        str, typer.Option("--profile", help="Name of the profile, if the file has several.")
    ] = "",
    output: NewFile = None,
) -> None:
    """Print a profile of Ex Libris' CSV User Loader as a mapping."""
    text = to_mapping(read_profile(exported, name))
    if output is None:
        sys.stdout.write(text)
        return
    write_new(output, text, "-o")
    say(f"The mapping is in {output}. To check it, run:")
    say(f"  {command_line('mapping', 'check', str(output))}")


def _findings(document: MappingDocument, groups: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the findings, then the state of the mapping in one sentence."""
    titles = ("To do", "Codes that Alma does not have", "Please check", "Its own tests fail")
    for title, part in zip(titles, groups.values(), strict=True):
        if part:
            yield from (f"{title}:", *(f"  {finding}" for finding in part), "")
    counts = (
        ("code", len(groups["codes"]), "unknown"),
        ("point", len(groups["to_do"]), "to do"),
        ("test", len(groups["tests"]), "not passed"),
    )
    parts = [
        f"{counted(count, noun)} {'is' if count == 1 else 'are'} {state}"
        for noun, count, state in counts
        if count
    ]
    but = f", but {' and '.join(parts)}" if parts else ""
    yield f"{document.path.name} is valid{but}."


def _preview(mapped: MappedRoster, *, show_values: bool) -> dict[str, Any]:
    checked = () if mapped.roster.frame.empty else validate([mapped]).problems
    failing = [problem for problem in checked if problem.code is Code.MOST_OF_COLUMN]
    constants = [n for n in mapped.compiled.notices if n.code is Code.CONSTANT_IS_HEADING]
    row, fields = mapped.sample() or (0, {})
    texts = {name: masked(name, text, show_values=show_values) for name, text in fields.items()}
    return {
        "columns": [
            {"letter": c.letter, "heading": c.heading, "fields": c.labels, "how": c.how}
            for c in mapped.columns()
        ],
        "failing": [
            f"{sentence(test, show_values=show_values)}\n{with_commands(test.advice)}"
            for test in failing
        ],
        "constants": [
            f"{notice.sentence()}. {with_commands(notice.advice)}" for notice in constants
        ],
        "unused": [place.heading for place in mapped.unused()],
        "sample": {"row": row, "fields": texts} if row else None,
    }


def _preview_lines(preview: dict[str, Any]) -> Iterator[str]:
    yield from ("", "Columns:")
    for column in preview["columns"]:
        heading, how = column["heading"], column["how"]
        use = ", ".join(column["fields"]) or "used in conditions"
        if not how and heading in preview["unused"]:
            use = "not used; map it, or name it under `unused`"
        elif not how:
            use = "not loaded" if heading.strip() else "has no heading"
        elif how != "exact":
            use += f" ({how})"
        yield f"  {Place(column['letter'], heading)} → {use}"
    if preview["constants"]:
        yield from ("", "Please check:", *(f"  {text}" for text in preview["constants"]))
    if preview["failing"]:
        yield from ("", "Columns of which most cells fail:")
        yield from (f"  {line}" for text in preview["failing"] for line in text.split("\n"))
    sample = preview["sample"]
    if not sample:
        yield from ("", "The roster has no row that the mapping takes.")
        return
    yield from ("", f"Row {sample['row']} becomes:")
    width = max(map(len, sample["fields"]), default=0)
    yield from (f"  {label:{width}}  {text}" for label, text in sample["fields"].items())
