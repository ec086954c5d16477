"""The form in which parts of two records are compared: what counts, as text by field.

Left out is what Alma writes by itself: descriptions of codes, who created what and when, counts,
start dates (contract 3.1), and in the user the roles and proxies, which no load writes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from importer.model.fields import LISTS, text
from importer.model.user import Coded, Facts, Part, Reach, User

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_OURS = frozenset({"start_date", "user_role", "proxy_for_user", "password", "contact_info"})


@cache
def compared(kind: type[Part]) -> tuple[str, ...]:
    """The names of the fields of a part that are compared, its lists of parts not among them."""
    return tuple(
        name
        for name, info in kind.model_fields.items()
        if name not in _NOT_OURS
        and not (kind is User and name in LISTS)
        and not any(
            isinstance(facts, Facts) and facts.reach is Reach.OUTPUT for facts in info.metadata
        )
    )


def form(part: Part, *, fold_codes: bool = False) -> Mapping[str, str]:
    """The fields of a part that are not blank, as text; a flag that is not set is blank.

    `fold_codes`: codes are written without case, as Alma may answer them (contract 1.1).
    """
    held = {}
    for name in compared(type(part)):
        value = getattr(part, name)
        shown = text(value)
        if fold_codes and isinstance(value, Coded | tuple):
            shown = shown.casefold()
        if shown and value is not False:
            held[name] = shown
    for name, value in (part.model_extra or {}).items():
        if value:
            held[name] = repr(value)
    return held
