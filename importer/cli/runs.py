"""The commands `report`, `runs`, `show`, `absent` and `purge`."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.console import USERS, Json, Row, Run, ShowValues, conclude, operator, saved_codes
from importer.cli.output import now, say, write, write_json
from importer.errors import Exit, ImporterError, LedgerError, UsageError
from importer.ledger.integrity import fault, first_broken
from importer.ledger.ledger import Ledger, summarize
from importer.ledger.memory import AbsentMemory, DecisionMemory, StickyMemory
from importer.ledger.run_lock import run_lock
from importer.model.text import counted, escape, row_label
from importer.pipeline.absent import ABSENT_COLUMNS, list_missing
from importer.pipeline.runs import SavedRun, cannot_borrow, find_folder, list_runs
from importer.report.lineage import Lineage, lineages
from importer.report.masking import shown
from importer.report.terminal import as_lines, row_history
from importer.report.wording import headline

app = typer.Typer(rich_markup_mode=None)


@app.command()
def report(run: Run, show_values: ShowValues = False, as_json: Json = False) -> int:
    """Write the reports of a run again, from its ledger."""
    with _opened(run) as ledger:
        return conclude(ledger, as_json=as_json, show_values=show_values)


@contextmanager
def _opened(run: str) -> Iterator[Ledger]:
    """Open the ledger of a run, with a warning where it is not as it was written."""
    with Ledger.open(find_folder(run)) as ledger:
        if sentence := fault(ledger):
            say(sentence)
        yield ledger


@app.command()
def runs(as_json: Json = False) -> None:
    """List the runs under runs/, oldest first: operator, roster, time and result."""
    saved = list_runs()
    related = lineages(one.folder for one in saved if not one.fault)
    listed = [_listed(one, related.get(one.folder.resolve(), Lineage())) for one in saved]
    if as_json:
        write_json([one for one, _ in listed])
        return
    if not listed:
        say("There are no runs under runs/ yet.")
    for one, outcome in listed:
        line = str(one["run"])
        if "fault" not in one:
            state = "applied" if one["applied"] else str(one["command"])
            broken = "" if one["history_intact"] else "  HISTORY CHANGED BY HAND"
            line += (
                f"  {state}  {one['started']}  {one['operator']}  "
                f"{one['roster']} with {one['mapping']}{broken}"
            )
        write(line, f"  {outcome}")


def _listed(saved: SavedRun, related: Lineage) -> tuple[dict[str, object], str]:
    """Return a run as JSON values, and its result in words, or why it cannot be read."""
    wrong = saved.fault
    if not wrong:
        try:
            with Ledger.open(saved.folder) as ledger:
                facts, summary = ledger.facts, summarize(ledger)
                values = {
                    "run": str(ledger.folder),
                    "command": facts.command,
                    "applied": ledger.was_applied,
                    "started": facts.started.isoformat(timespec="seconds"),
                    "operator": facts.operator,
                    "roster": ", ".join(Path(roster.path).name for roster, _ in facts.rosters),
                    "sha256": ", ".join(roster.sha256 for roster, _ in facts.rosters),
                    "mapping": ", ".join(dict.fromkeys(its.name for _, its in facts.rosters)),
                    "institution": facts.alma.institution if facts.alma else "",
                    "summary": summary.model_dump(mode="json", exclude_none=True),
                    "history_intact": first_broken(ledger) is None,
                    **related.as_json(),
                }
                return values, " ".join((headline(summary), *related.sentences()))
        except ImporterError as error:  # damage may show only further down in the file
            wrong = str(error)
    return {"run": str(saved.folder), "fault": wrong}, wrong


@app.command()
def show(
    run: Run,
    row: Row,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> None:
    """Show the history of one row: problems, plan, what was sent, and the result."""
    with _opened(run) as ledger:
        life = row_history(ledger, row, show_values=show_values)
        if life is None:
            rows = [one.row for one in ledger.every_row()]
            there = f" Its rows are {row_label(rows[0])} to {row_label(rows[-1])}." if rows else ""
            msg = f"The roster of this run has no row {row_label(row)}.{there}"
            raise UsageError(msg)
    if as_json:
        write_json({"run": run} | life)
    else:
        write(*as_lines(life))


@app.command("borrow-check")
def borrow_check(run: Run, show_values: ShowValues = False, as_json: Json = False) -> None:
    """List who of a plan will not be able to borrow, and why, from what the run has read."""
    with _opened(run) as ledger:
        if ledger.facts.command == "check":
            msg = f"{ledger.folder} is a check, without data from Alma. Make a plan first."
            raise UsageError(msg)
        blocked = list(cannot_borrow(ledger))
        returning = sum(1 for _ in ledger.returning())
    if as_json:
        rows = [
            {"row": one.row, "reasons": one.reasons}
            | ({"primary_id": one.primary_id} if show_values else {})
            for one in blocked
        ]
        write_json({"run": str(ledger.folder), "rows": rows, "not_loaded": returning})
        return
    for one in blocked:
        named = f" ({one.primary_id})" if show_values else ""
        write(f"Row {one.row}{named}: {'; '.join(one.reasons)}.")
    say(f"{counted(len(blocked), 'user')} cannot borrow or gets no notices.")
    if returning:
        say(f"{counted(returning, 'row')} to correct or resolve are not listed.")


@app.command()
def absent(
    run: Run,
    group: Annotated[
        list[str], typer.Option(help="User group to look in, by Alma's code.", metavar="CODE")
    ] = [],  # noqa: B006
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the list to this CSV file.")
    ] = None,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> None:
    """List people in Alma who are missing from the roster of a plan, from the user cache.

    Of the groups in `match.absent`; if the mapping has none, of those in the roster. Nobody is
    changed.
    """
    with _opened(run) as ledger:
        codes = saved_codes(Path(ledger.facts.codes) if ledger.facts.codes else None)
        missing = list_missing(ledger, codes, USERS, group)
    lines = [dict(zip(ABSENT_COLUMNS, one.texts, strict=True)) for one in missing]
    if output is not None:
        _write_csv(output, lines)
    masked = [
        {
            path: text if path == "rosters" else shown(path, text, show_values=show_values)
            for path, text in line.items()
        }
        for line in lines
    ]
    if as_json:
        write_json({"run": run, "missing": len(masked), "people": masked})
        return
    for line in masked:
        write("  ".join(text for text in line.values() if text))
    groups = Counter(line["user_group"] for line in lines)
    by_group = ", ".join(f"{code} {count:,}" for code, count in sorted(groups.items()))
    say(f"{counted(len(lines), 'user')} missing from the roster{f': {by_group}' if groups else ''}")
    if output is not None:
        say(f"{output}  (personal data)")


def _write_csv(path: Path, lines: list[dict[str, str]]) -> None:
    """Write the list for its owner only. Raises UsageError if the file cannot be written."""
    try:
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file, lineterminator="\r\n")
            table.writerow(ABSENT_COLUMNS)
            table.writerows([escape(text) for text in line.values()] for line in lines)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}). Name another file with -o."
        raise UsageError(msg) from error


@app.command()
def purge(
    older_than: Annotated[str, typer.Option(help="Age in days, such as 30d.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete them; otherwise only list them.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Delete old runs and resolutions, which contain personal data; without --yes, list them."""
    found = re.fullmatch(r"([0-9]{1,5})d?", older_than.strip())
    if found is None:
        msg = f"{older_than} is not an age in days. Write it like 30d."
        raise UsageError(msg)
    limit = now() - timedelta(days=int(found[1]))
    kept_runs, decisions = list_runs(), DecisionMemory().count(limit)
    old: list[Path] = []
    stay = {kept.folder: kept.fault for kept in kept_runs if kept.since is None}
    for kept in kept_runs:
        if kept.since is None or kept.since >= limit:
            continue
        if kept.folder.is_symlink():
            stay[kept.folder] = "it is a link to another folder. Delete the link by hand."
            continue
        if yes and (why := _not_removed(kept.folder)):
            stay[kept.folder] = why
            continue
        old.append(kept.folder)
        if not as_json:
            write(str(kept.folder))
        if kept.fault:
            say(f"{kept.fault} Its age is that of its newest file.")
    if yes:
        for memory in (DecisionMemory(), StickyMemory(), AbsentMemory()):
            memory.forget(limit)
    if as_json:
        told = [{"run": str(folder), "fault": why} for folder, why in stay.items()]
        write_json(
            {"runs": list(map(str, old)), "stay": told, "decisions": decisions, "removed": yes}
        )
    what = "deleted" if yes else "would be deleted; run again with --yes to delete them"
    said = f" and {counted(decisions, 'decision')} about patrons" if decisions else ""
    say(f"{counted(len(old), 'run')}{said} {what}.")
    for folder, why in stay.items():
        say(f"{folder} was not deleted: {why}")
    return Exit.STOPPED if stay else Exit.DONE


def _not_removed(folder: Path) -> str:
    """Delete a run; return why it cannot be, or blank."""
    try:
        with run_lock(folder, operator(), now()):
            shutil.rmtree(folder)
    except LedgerError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or folder} cannot be deleted ({error.strerror or error})."
    return ""
