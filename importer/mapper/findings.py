"""Findings about a mapping, with their places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importer.mapper.yaml_source import Source, Steps


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


@dataclass(frozen=True, slots=True)
class MappingFinding:
    """A finding about a mapping: the steps to the key, and what is wrong with it.

    `lacking`: a part is missing, possibly only because it could not be read.
    """

    steps: Steps
    wrong: str
    lacking: bool = False
    level: Level = Level.ERROR


def in_order(source: Source, found: list[MappingFinding]) -> tuple[str, ...]:
    """Return findings with their places, each once, by file and line."""
    marked = {}
    for one in found:
        mark, _ = source.locate(one.steps)
        marked[f"{source.place(one.steps)}: {one.wrong}"] = (mark.file, mark.line)
    return tuple(sorted(marked, key=lambda text: marked[text]))
