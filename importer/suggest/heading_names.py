"""Names for headings that a placeholder cannot name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, count

from importer.mapper.placeholders import TO_CHOOSE, heading_key, is_nameable


def names_for(headings: Iterable[str]) -> dict[str, str]:
    """Return a name under `headings:` for each heading that is not plainly itself in `<…>`."""
    names: dict[str, str] = {}
    headings = dict.fromkeys(headings)
    taken = {*map(heading_key, headings)}
    for heading in headings:
        if heading == TO_CHOOSE or not is_nameable(heading):
            base = " ".join(re.split("[<>@$? ]+", heading)).strip() or "Column"
            numbered = (f"{base} {number}" for number in count(2))
            names[heading] = next(
                free for free in chain([base], numbered) if heading_key(free) not in taken
            )
            taken.add(heading_key(names[heading]))
    return names
