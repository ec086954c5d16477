"""The commands `mapping new`, `ready`, `check`, `show`, `template`, `schema` and `import`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from importer.cli.connection import only_user_cache
from importer.cli.console import saved_codes
from importer.cli.new_mapping import new, ready
from importer.cli.options import Codes, Commands, Json, NewFile, ShowValues
from importer.cli.output import emit, now, say, write_new
from importer.errors import Exit, UsageError
from importer.mapper.checks import findings as checked
from importer.mapper.explain import about, explain
from importer.mapper.findings import Level
from importer.mapper.json_schema import schema_text
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.model.fields import NO_CODES
from importer.model.problem import Code, Place
from importer.model.text import command_line, counted
from importer.pipeline.check import validate, wrong_codes
from importer.pipeline.inputs import MappedRoster, RosterRequest, read_inputs
from importer.pipeline.mapping_tests import failing_tests
from importer.pipeline.prove import ProvedRow, Texts, prove
from importer.report.masking import shown as masked
from importer.report.roster_template import version_of, write_blank
from importer.report.wording import sentence
from importer.suggest.user_loader_profile import read_profile, to_mapping

app = Commands()
mapping = Commands(help="Start, check and explain a mapping.")
app.add_typer(mapping, name="mapping")

MappingFile = Annotated[Path, typer.Argument(help="The mapping (YAML).", metavar="MAPPING")]


mapping.command()(new)
mapping.command()(ready)


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
    document, tables = load(file), saved_codes(codes)
    preview: dict[str, Any] = {}
    if roster is not None:  # first: a mapping that lacks headings of the roster is not valid
        mapped = read_inputs(RosterRequest(roster, file), tables, now().date())
        preview = _preview(mapped, show_values=show_values)
    found = {
        "to_do": checked(document, Level.TO_DO),
        "codes": wrong_codes(document, tables),
        "remarks": checked(document, Level.HINT),
        "tests": failing_tests(document),
    }
    lines = [*_findings(document, found)]
    if not tables.tables:
        lines.append("Its codes were not checked; `importer codes fetch` gets Alma's code tables.")
    if preview:
        lines += _preview_lines(preview)
    if preview and preview["sample"] and not show_values:
        lines += ("", "Values are masked; --show-values shows them.")
    done = Exit.USAGE if found["tests"] else Exit.DONE
    values = {"mapping": document.name, **found, **preview, "exit": int(done)}
    emit(values, lines, as_json=as_json)
    if roster is not None and not (found["to_do"] or found["tests"]):
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
    listed = [{"heading": one.heading, "required": one.required} for one in columns]
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
    roster: Annotated[
        Path | None,
        typer.Option(
            "--prove", help="Compare the app with the mapping, row by row, for this roster."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-m", "--mapping", help="With --prove: a finished mapping to compare with."),
    ] = None,
    output: NewFile = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> None:
    """Print a profile of Ex Libris' CSV User Loader as a mapping."""
    if roster is None and (file is not None or as_json):
        msg = f"{'--json' if file is None else '-m'} is for --prove ROSTER: add it."
        raise UsageError(msg)
    profile = read_profile(exported, name)
    if output is not None:
        write_new(output, to_mapping(profile), "-o")
        say(f"The mapping is in {output}. To check it, run:")
        say(f"  {command_line('mapping', 'check', str(output))}")
    if roster is None:
        if output is None:
            sys.stdout.write(to_mapping(profile))
        return
    with TemporaryDirectory() as folder, only_user_cache() as cache:
        if file is None:
            file = Path(folder, "imported.yaml")
            file.write_text(to_mapping(profile), "utf-8")
        mapped = read_inputs(RosterRequest(roster, file), NO_CODES, now().date())
        rows = list(prove(profile, mapped, cache))
    totals: dict[str, int] = {"rows": len(rows), **Counter(row.result for row in rows)}
    deleted = {
        "app": sum(row.app.deleted.total() for row in rows),
        "importer": sum(row.ours.deleted.total() for row in rows),
    }
    listed = [_proved(row, show_values=show_values) for row in rows]
    found = {"profile": profile.name, "users_from": str(cache.path) if cache else ""}
    values = {**found, "rows": listed, "totals": totals, "deleted": deleted}
    parts = ", ".join(f"{text}: {count}" for text, count in totals.items())
    last = (
        f"Entries of known users that would be deleted: {deleted['app']} by the app, "
        f"{deleted['importer']} by the importer."
        if cache
        else "Without one user cache here, no user was taken as known to Alma."
    )
    lines = (*(line for one in listed for line in _proved_lines(one)), "", f"{parts}.", last)
    emit(values, lines, as_json=as_json)


def _proved(row: ProvedRow, *, show_values: bool) -> dict[str, Any]:
    """Return what the app and the importer do with a row, as JSON values."""

    def texts(path: str, side: tuple[Texts, ...]) -> str:
        return " | ".join(
            ", ".join(
                masked(name if name == path else f"{path}.{name}", text, show_values=show_values)
                for name, text in texts
            )
            for texts in side
        )

    return {
        "row": row.row,
        "user": masked("primary_id", row.user, show_values=show_values),
        "result": row.result,
        "app": {"failure": row.app.failure, "deleted": dict(row.app.deleted)},
        "importer": {"failure": row.ours.failure, "deleted": dict(row.ours.deleted)},
        "differences": [
            {
                "field": one.path,
                "app": texts(one.path, one.app),
                "importer": texts(one.path, one.ours),
            }
            for one in row.differences
        ],
    }


def _proved_lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield what the app and the importer do with a row."""
    user = f", {row['user']}" if row["user"] else ""
    yield f"Row {row['row']}{user}: {row['result']}"
    for who in ("app", "importer"):
        if row[who]["failure"]:
            yield f"  {who}: {row[who]['failure']}"
        yield from (f"  {who}: deletes {n} of {path}" for path, n in row[who]["deleted"].items())
    for one in row["differences"]:
        yield f"  {one['field']}: app {one['app'] or '–'}; importer {one['importer'] or '–'}"


def _findings(document: MappingDocument, found: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the findings, then the state of the mapping in one sentence."""
    titles = ("To do", "Codes that Alma does not have", "Please check", "Its own tests fail")
    for title, part in zip(titles, found.values(), strict=True):
        if part:
            yield from (f"{title}:", *(f"  {finding}" for finding in part), "")
    counts = (
        ("code", len(found["codes"]), "unknown"),
        ("point", len(found["to_do"]), "to do"),
        ("test", len(found["tests"]), "not passed"),
    )
    parts = [
        f"{counted(count, noun)} {'is' if count == 1 else 'are'} {state}"
        for noun, count, state in counts
        if count
    ]
    but = f", but {' and '.join(parts)}" if parts else ""
    yield f"{document.path.name} is valid{but}."


def _preview(mapped: MappedRoster, *, show_values: bool) -> dict[str, Any]:
    """Return what each column becomes, and one record, as JSON values."""
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
        "failing": [f"{sentence(one, show_values=show_values)}\n{one.advice}" for one in failing],
        "constants": [f"{notice.sentence()}. {notice.advice}" for notice in constants],
        "unused": [place.heading for place in mapped.unused()],
        "sample": {"row": row, "fields": texts} if row else None,
    }


def _preview_lines(preview: dict[str, Any]) -> Iterator[str]:
    """Yield what each column becomes, and one record."""
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
