"""The tree of a mapping file against the grammar, with findings that name their place."""

from __future__ import annotations

from importer.mapper.checks import Found
from importer.mapper.clauses import is_form
from importer.mapper.grammar import MappingFile
from importer.mapper.tree import Block, Plain, locate, plain
from importer.mapper.wording import WORDS, known_keys, sentence
from importer.model.policy import AccountType

_MISSING = WORDS["missing"]({})
_PRUNINGS = 5
"""What is left of a part that was wrong may be wrong again, so often at most."""


def place(tree: Block, steps: tuple[str | int, ...]) -> str:
    """The file, line and key that the steps lead to, as far as they lead."""
    mark, walked = locate(tree, steps)
    key = ""
    for step in walked or steps[:1]:
        key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    return f"{mark}: {key}"


def in_order(tree: Block, findings: list[Found]) -> tuple[str, ...]:
    """The findings with their places, by file and line."""
    marked = {}
    for found in findings:
        mark, _ = locate(tree, found.steps)
        marked[f"{place(tree, found.steps)}: {found.wrong}"] = (mark.file, mark.line)
    return tuple(sorted(marked, key=lambda text: marked[text]))


def checked(tree: Block) -> tuple[MappingFile | None, list[Found]]:
    """The tree by the grammar, and what the grammar has against it.

    The file is what is left without the parts that are wrong, so that those can be checked that
    are right; None where too little is left.
    """
    whole = plain(tree)
    file, wrong = _validated(whole)
    found = _lacking(tree, wrong)
    for _ in range(_PRUNINGS):
        if file is not None:
            break
        whole = _pruned(whole, [finding.steps for finding in wrong])
        file, wrong = _validated(whole)
    return file, found


def _validated(tree: Plain) -> tuple[MappingFile | None, list[Found]]:
    from pydantic import ValidationError

    try:
        return MappingFile.model_validate(tree), []
    except ValidationError as error:
        return None, [
            Found(steps, sentence(detail, known_keys(steps)))
            for detail in error.errors()
            if not (detail["type"] == "too_short" and detail["input"])  # its parts are at fault
            for steps in [tuple(step for step in detail["loc"] if not is_form(step))]
        ]


def _pruned(tree: Plain, wrong: list[tuple[str | int, ...]]) -> Plain:
    """The tree without the keys that are wrong, so that the others can be checked as well.

    What every mapping needs is put in their stead.
    """
    for holder, key in [_holder(tree, steps) for steps in wrong]:
        holder.pop(key, None)
    if isinstance(tree, dict):
        owned = "owning_system" in tree
        usual: dict[str, Plain] = {
            "version": "1",
            "account_type": AccountType.EXTERNAL if owned else AccountType.INTERNAL,
            "record": {},
        }
        return {**usual, **tree}
    return tree


def _holder(tree: Plain, steps: tuple[str | int, ...]) -> tuple[dict[str, Plain], str]:
    """The last key that the steps lead to, and what holds it."""
    node: Plain = tree
    found: tuple[dict[str, Plain], str] = ({}, "")
    for step in steps:
        if isinstance(node, dict) and isinstance(step, str) and step in node:
            found = (node, step)
            node = node[step]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            break
    return found


def _lacking(tree: Block, findings: list[Found]) -> list[Found]:
    """The findings; a missing key is named at the part that lacks it.

    Beside an unknown key it is not named: the two are most likely one slip.
    """
    told = []
    beside = {found.steps[:-1] for found in findings if found.wrong != _MISSING}
    for found in findings:
        if found.wrong != _MISSING or len(found.steps) == 1:
            told.append(found)
        elif found.steps[:-1] not in beside:
            _, walked = locate(tree, found.steps)
            told.append(Found(walked, f"`{found.steps[-1]}` {_MISSING}"))
    return told
