"""report.html: one page that needs nothing but itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from importer.report.story import tell
from importer.report.visible import visible

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger
    from importer.model.run import Summary


def render(
    ledger: Ledger, summary: Summary, files: tuple[str, ...], *, show_values: bool = False
) -> str:
    """The page. `files` are the names of the reports beside it; values are masked unless shown."""
    story = tell(ledger, summary, files, show_values=show_values)
    return _environment().get_template("report.html.j2").render(story=story)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("importer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _shown(value: object) -> object:
    """Every text on the page passes here, whether it came from a roster or from us."""
    return visible(value) if type(value) is str else value
