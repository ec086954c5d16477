"""The command `check`, and the rosters of commands that read some."""

from __future__ import annotations

from pathlib import Path

from importer.cli import options
from importer.cli.console import Screen, conclude
from importer.errors import UsageError
from importer.pipeline.inputs import AskedRun, RosterRequest
from importer.service.check import check as check_rosters
from importer.service.office import Stop, office

app = options.Commands()


@app.command()
def check(
    roster: options.Rosters,
    mapping: options.Mappings,
    output: options.Folder = None,
    codes: options.Codes = None,
    visible_only: options.VisibleOnly = False,
    show_values: options.ShowValues = False,
    as_json: options.Json = False,
) -> int:
    """Read, map and check every row offline; write a report and the rejects (dry run)."""
    rosters = paired(roster, mapping, visible_only=visible_only)
    request = AskedRun(rosters, codes, output)
    with check_rosters(office(), request, Screen(), Stop()) as ledger:
        return conclude(ledger, as_json=as_json, show_values=show_values)


def paired(
    rosters: list[str], mappings: list[Path], *, visible_only: bool
) -> tuple[RosterRequest, ...]:
    """Return each roster with its mapping, or mappings that take their rows from Alma.

    Raises UsageError if they do not match in number.
    """
    if not rosters:
        if visible_only:
            msg = "--visible-only is for files. Name the roster as well."
            raise UsageError(msg)
        return tuple(RosterRequest(None, mapping) for mapping in mappings)
    if len(mappings) == 1:
        mappings *= len(rosters)
    if len(mappings) != len(rosters):
        msg = (
            f"There are {len(rosters)} rosters and {len(mappings)} mappings. Give one mapping for "
            "all rosters, or one for each, in the order of the rosters."
        )
        raise UsageError(msg)
    pairs = tuple(
        RosterRequest(book, mapping, sheet, visible_only=visible_only)
        for (book, sheet), mapping in zip(map(book_and_sheet, rosters), mappings, strict=True)
    )
    if len(set(pairs)) < len(pairs):
        msg = "The same roster is given twice with the same mapping. Give it once."
        raise UsageError(msg)
    return pairs


def book_and_sheet(roster: str) -> tuple[Path, str]:
    """Return the parts of `BOOK` or of `BOOK[SHEET]`."""
    book, bracket, sheet = roster.removesuffix("]").partition("[")
    if bracket and roster.endswith("]") and not Path(roster).exists():
        return Path(book), sheet
    return Path(roster), ""
