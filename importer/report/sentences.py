"""Problems and fields in sentences, with private values masked where others may read them."""

from __future__ import annotations

from collections.abc import Sequence

from importer.model.problem import Place, Problem
from importer.report.masking import shown


def places(columns: Sequence[Place]) -> str:
    """`C "EMPL ID"`, or several: `C "EMPL ID" and D "Barcode"`."""
    return " and ".join(str(place) for place in columns)


def what(problem: Problem, *, show_values: bool) -> str:
    """What is wrong, as a sentence that begins with its subject, without the column."""
    value = shown(problem.field, problem.value, show_values=show_values)
    text = problem.sentence(value).strip()
    return text + "." if text and text[-1] not in ".?!:…" else text


def sentence(problem: Problem, *, show_values: bool) -> str:
    """What is wrong, as a whole sentence, with its column in front."""
    text = what(problem, show_values=show_values)
    if problem.places:
        return f"{places(problem.places)}: {text}"
    return text[:1].upper() + text[1:]


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
