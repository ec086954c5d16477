"""Problems and fields in sentences, with private values masked where others may read them."""

from __future__ import annotations

from collections.abc import Sequence

from importer.model.catalogue import Code
from importer.model.problem import Place, Problem
from importer.report.masking import CUT, said, shown, takes_code


def places(columns: Sequence[Place]) -> str:
    """`C "EMPL ID"`, or several: `C "EMPL ID" and D "Barcode"`."""
    return " and ".join(str(place) for place in columns)


def what(problem: Problem, *, show_values: bool, begin: bool = False) -> str:
    """What is wrong, as a sentence that begins with its subject, without the column.

    `begin`: it stands alone, and so begins with a capital, unless with a value.
    """
    value = _value(problem, show_values=show_values)
    text = problem.sentence(value, begin=begin).strip()
    return text + "." if text and text[-1] not in ".?!:…" else text


def _value(problem: Problem, *, show_values: bool) -> str:
    """The text that a problem is about, as it may be shown.

    What was found wrong where a code belongs may be anything, also the name from a cell beside it.
    """
    if problem.code is Code.REFUSED_BY_ALMA and not show_values:
        return said(problem.value)
    if problem.code is Code.OWNING_SYSTEM_DIFFERS:  # it is about the system, and names the user
        return shown("primary_id", problem.value, show_values=show_values)
    if not show_values and problem.value and takes_code(problem.field):
        return CUT
    return shown(problem.field, problem.value, show_values=show_values)


def sentence(problem: Problem, *, show_values: bool) -> str:
    """What is wrong, as a whole sentence, with its column in front."""
    if problem.places:
        return f"{places(problem.places)}: {what(problem, show_values=show_values)}"
    return what(problem, show_values=show_values, begin=True)


def part_name(path: str) -> str:
    """The part of a record in words: every field of `contact_info.email[work]` is of `Email`."""
    return _words(path.partition("[")[0].rpartition(".")[2])


def field_name(path: str) -> str:
    """A field in words: `user_group` is `User group`, `contact_info.email[work]` `Email (work)`."""
    head, _, rest = path.partition("[")
    kind, _, tail = rest.partition("]")
    name = _words(tail.lstrip(".") or head.rpartition(".")[2])
    return f"{name} ({kind})" if kind else name


def _words(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
