"""The commands on saved runs: `report`, `runs`, `show`, `undo`, `resolve`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from importer.cli import options
from importer.cli.connection import open_alone
from importer.cli.console import Screen, conclude, conclude_resolved
from importer.cli.output import emit, say
from importer.errors import Exit, ImporterError, UsageError
from importer.ledger.integrity import check_whole, fault, first_broken
from importer.ledger.ledger import Ledger, summarize
from importer.model.question import Answer
from importer.model.run import UnusedAnswers
from importer.model.text import counted, read_row_label, row_label
from importer.pipeline.decisions import Decision, decisions_in_file, rows_with
from importer.pipeline.inputs import AskedUndo
from importer.pipeline.runs import SavedRun, find_folder, list_runs
from importer.report.files import List, write_people
from importer.report.lineage import lineage
from importer.report.terminal import as_lines, row_history
from importer.report.wording import headline
from importer.service import answers, loads
from importer.service.office import Stop, office
from importer.service.outcome import ending_of

app = options.Commands()


@app.command()
def report(
    run: options.Run,
    kind: Annotated[
        List | None,
        typer.Option(
            "--as", help="Write a list of the users instead: for letters, or for a set in Alma."
        ),
    ] = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Write the reports of a run again, from its ledger.

    mail-merge: who was created, and who was renewed, as two CSV files. set: the primary IDs, as
    Alma takes them to create a set from a file.
    """
    with _opened(run) as ledger:
        if kind is None:
            return conclude(ledger, as_json=as_json, show_values=show_values)
        if not ledger.was_applied and not (ledger.facts.lists and kind == "set"):
            msg = f"{ledger.folder} was not applied, so it created and changed nobody."
            raise UsageError(msg)
        written = write_people(ledger, kind)
    lines = (f"{path}  {counted(count, 'user')} (personal data)" for path, count in written.items())
    files = {str(path): count for path, count in written.items()}
    emit({"run": run, "files": files, "exit": int(Exit.DONE)}, lines, as_json=as_json)
    return Exit.DONE


@contextmanager
def _opened(run: str) -> Iterator[Ledger]:
    """Open a run, with a warning where it was changed by hand. Raises UsageError if damaged."""
    with Ledger.open(find_folder(run)) as ledger:
        check_whole(ledger)
        if sentence := fault(ledger):
            say(sentence)
        yield ledger


@app.command()
def runs(as_json: options.Json = False) -> None:
    """List the runs under runs/, oldest first: operator, roster, time and result."""
    listed = [*map(_listed, list_runs())]
    lines = (line for _, run, result in listed for line in (run, f"  {result}"))
    emit([values for values, *_ in listed], lines, as_json=as_json)
    if not listed:
        say("There are no runs under runs/ yet.")


def _listed(saved: SavedRun) -> tuple[dict[str, object], str, str]:
    """Return a run as JSON values, in a line, and its result in words, or why it cannot be read."""
    why = saved.fault
    if not why:
        try:
            with Ledger.open(saved.folder) as ledger:
                check_whole(ledger)
                return _of(ledger)
        except ImporterError as error:  # damage may show only further down in the file
            why = str(error)
    return {"run": str(saved.folder), "fault": why}, str(saved.folder), why


def _of(ledger: Ledger) -> tuple[dict[str, object], str, str]:
    """Return the same of a run that can be read; the line has the time zone of this computer."""
    facts, summary, related = ledger.facts, summarize(ledger), lineage(ledger)
    roster = ", ".join(Path(roster.path).name for roster, _ in facts.rosters)
    mapping = ", ".join(dict.fromkeys(its.name for _, its in facts.rosters))
    intact, applied = first_broken(ledger) is None, ledger.was_applied
    values = {
        "run": str(ledger.folder),
        "command": facts.command,
        "applied": applied,
        "started": facts.started.isoformat(timespec="seconds"),
        "operator": facts.operator,
        "roster": roster,
        "sha256": ", ".join(roster.sha256 for roster, _ in facts.rosters),
        "mapping": mapping,
        "institution": facts.alma.institution if facts.alma else "",
        "summary": summary.model_dump(mode="json", exclude_none=True),
        "history_intact": intact,
        **related.as_json(),
    }
    line = (
        f"{ledger.folder}  {'applied' if applied else facts.command}  "
        f"{facts.started.astimezone():%Y-%m-%d %H:%M}  {facts.operator}  {roster} with {mapping}"
        f"{'' if intact else '  HISTORY CHANGED BY HAND'}"
    )
    return values, line, " ".join((headline(summary), *related.sentences()))


@app.command()
def show(
    run: options.Run,
    row: options.Row,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> None:
    """Show the history of one row: problems, plan, what was sent, and the result."""
    with _opened(run) as ledger:
        history = row_history(ledger, row, show_values=show_values)
        if history is None:
            rows = [row.row for row in ledger.every_row()]
            there = f" Its rows are {row_label(rows[0])} to {row_label(rows[-1])}." if rows else ""
            msg = f"The roster of this run has no row {row_label(row)}.{there}"
            raise UsageError(msg)
    emit({"run": run} | history, as_lines(history), as_json=as_json)


@app.command()
def undo(
    run: options.Run,
    delete_created: Annotated[
        bool,
        typer.Option(
            "--delete-created",
            help="Also delete the users that the run created; Alma cannot undo that.",
        ),
    ] = False,
    output: options.Folder = None,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Plan how to undo a run, from the records saved before each write. `apply` carries it out."""
    asked = AskedUndo(output, delete_created)
    with open_alone(run) as done, loads.undo(office(), done, Screen(), Stop(), asked) as ledger:
        return conclude(ledger, as_json=as_json, show_values=show_values)


@app.command()
def resolve(
    run: options.Run,
    row: Annotated[
        int | None, typer.Argument(metavar="ROW", help=options.ROW_HELP, parser=read_row_label)
    ] = None,
    user: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="With update or rename: the user's ID in Alma, if several users are in question.",
        ),
    ] = "",
    how: Annotated[
        Answer | None,
        typer.Option("--as", help="How to resolve the row, or all these rows."),
    ] = None,
    code: Annotated[
        str, typer.Option("--all", metavar="CODE", help="All rows that need review for this only.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--from", help="As written in the Decision column of this rejects file."),
    ] = None,
    codes: options.Codes = None,
    as_json: options.Json = False,
) -> int:
    """Resolve rows that need review. `apply` carries it out; later plans remember it.

    update: the same person. rename: the same person, who gets the row's primary ID (a new card).
    create: another person. only, of rows of one person: load this one, leave the others out.
    separate: they are different people. load: as it is, where only the name is in question.
    reject: do not load the row, or rows of one person.
    """
    with open_alone(run) as ledger:
        unused = list[UnusedAnswers]()
        match row, how, code, file:
            case int(), Answer(), "", None:
                decisions = [Decision(row, how, user)]
            case None, Answer(), str(), None if code:
                decisions = [Decision(row, how) for row in rows_with(ledger, code)]
            case None, None, "", Path():
                decisions, unused = decisions_in_file(ledger, file)
            case _:
                msg = (
                    "Resolve one row (importer resolve RUN ROW --as HOW), all rows with one "
                    "problem (importer resolve RUN --all CODE --as HOW), or as decided in a "
                    "rejects file (importer resolve RUN --from rejects.xlsx)."
                )
                raise UsageError(msg)
        resolved = answers.resolve(office(), ledger, decisions, Screen(), codes=codes)
        unused += resolved.unused
        if unused and row is not None:
            raise UsageError(unused[0].sentence)
        for those in unused:
            say(those.sentence)
        if as_json:
            ending = ending_of(ledger).model_copy(update={"unused_answers": tuple(unused)})
            return conclude(ledger, ending, as_json=True, show_values=False, reports="wanted")
        return conclude_resolved(ledger, resolved.changed)
