"""report.html: one page that needs no other file."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from importer.ledger.ledger import Ledger
from importer.model.plan import Result
from importer.model.run import Summary
from importer.report.masking import printable
from importer.report.view import FileLink, build_view
from importer.report.wording import GROUPS, RESULTS, SEVERITIES, number, row_numbers, rows

_WHYS = {
    Result.REFUSED: "Alma did not take the record.",
    Result.HELD: "The record was changed in Alma since the plan.",
    Result.UNKNOWN: "Alma's answer was lost. Run apply again: it asks Alma first.",
    Result.NOT_SENT: "Not reached yet. Run apply again to continue.",
}
"""The reason shown for a row without a problem of its own."""


def render(
    ledger: Ledger, summary: Summary, files: tuple[FileLink, ...], *, show_values: bool = False
) -> str:
    """Return the page. `files` are the reports beside it; values masked unless `show_values`."""
    view = build_view(ledger, summary, files, show_values=show_values)
    return _environment().get_template("report.html.j2").render(view=view)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("importer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "capitalize_first": _capitalised,
        "number": number,
        "row_numbers": row_numbers,
        "rows": rows,
    }
    environment.globals |= {
        "groups": GROUPS,
        "results": RESULTS,
        "severities": SEVERITIES,
        "whys": _WHYS,
    }
    return environment


def _shown(value: object) -> object:
    """Make every text on the page printable, wherever it came from."""
    return value if hasattr(value, "__html__") else printable(str(value))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
