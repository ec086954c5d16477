"""What a run was made from, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.model.policy import AccountType

if TYPE_CHECKING:
    from datetime import datetime

    from importer.model.run import RunFacts

_HASH = 12
"""So many characters of a hash tell two files apart by eye."""


_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: what it is, and the text."""

    label: str
    text: str


def told_facts(facts: RunFacts) -> tuple[Fact, ...]:
    """The facts of a run in words; what is not known is left out."""
    roster, mapping, alma = facts.roster, facts.mapping, facts.alma
    kind = "Internal" if mapping.account_type is AccountType.INTERNAL else "External"
    told = [
        ("Roster", roster.shown),
        ("Sheet", roster.sheet),
        ("Encoding", roster.encoding),
        ("Separator", _SEPARATORS.get(roster.delimiter, roster.delimiter)),
        ("Heading row", " and ".join(map(str, roster.header))),
        ("Hidden rows", "skipped" if roster.visible_only else ""),
        ("Roster's SHA-256", f"{roster.sha256[:_HASH]}…"),
        ("Mapping", f"{mapping.title or mapping.name} ({mapping.path})"),
        ("Mapping's SHA-256", f"{mapping.sha256[:_HASH]}…"),
        ("Patrons", kind),
    ]
    if alma:
        told += [
            ("Institution", f"{alma.name} ({alma.institution})" if alma.name else alma.institution),
            ("Environment", alma.environment),
            ("Alma's address", alma.base_url),
        ]
    read = f"read on {facts.codes_fetched}" if facts.codes_fetched else ""
    told += [
        ("Code tables", ", ".join(filter(None, (facts.codes_institution, read)))),
        ("Undoes", facts.undoes),
        ("Operator", facts.operator),
        ("Started", moment(facts.started)),
        ("Version", f"alma-roster-importer {facts.version}"),
    ]
    return tuple(Fact(label, text) for label, text in told if text)


def moment(time: datetime) -> str:
    """`24 November 2026, 16:02:18 (UTC+01:00)`."""
    zone = f" ({time.tzname()})" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M:%S}{zone}"
