"""report.html: one page that needs nothing but itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from importer.model.plan import Result
from importer.report.files import kind_of
from importer.report.story import tell
from importer.report.visible import visible
from importer.report.wording import GROUPS, RESULTS, SEVERITIES, number, row_numbers, rows

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.run import Summary

_ABOUT = {
    "summary.json": "the counts, for scripts",
    "problems.csv": "every problem with its row and column; holds personal data",
    "rejects.xlsx": "the rows to correct, marked; holds personal data",
    "rejects.csv": "the same rows as plain text; holds personal data",
}
"""What each report is for."""

_WHYS = {
    Result.REFUSED: "Alma did not take the record.",
    Result.HELD: "The record was changed in Alma since the plan.",
    Result.UNKNOWN: "Alma's answer was lost. It is asked again when you run apply once more.",
    Result.NOT_SENT: "Not reached yet. Run apply once more to go on.",
}
"""What to say of a row where no problem says more."""


def render(
    ledger: Ledger, summary: Summary, files: tuple[str, ...], *, show_values: bool = False
) -> str:
    """The page. `files` are the names of the reports beside it; values are masked unless shown."""
    story = tell(ledger, summary, files, show_values=show_values)
    return _environment().get_template("report.html.j2").render(story=story)


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
        "kind": kind_of,
        "number": number,
        "row_numbers": row_numbers,
        "rows": rows,
    }
    environment.globals |= {
        "about": _ABOUT,
        "groups": GROUPS,
        "results": RESULTS,
        "severities": SEVERITIES,
        "whys": _WHYS,
    }
    return environment


def _shown(value: object) -> object:
    """Every text on the page passes here, whether it came from a roster or from us."""
    return value if hasattr(value, "__html__") else visible(str(value))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
