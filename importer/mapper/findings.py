"""What checks find in a mapping, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from importer.mapper.key_path import KeyPath
from importer.mapper.yaml_source import PlacedFinding, YamlSource


class Level(StrEnum):
    """What a finding means."""

    ERROR = "error"  # the mapping cannot be used
    TO_DO = "to do"  # a person still has to choose a column or a code
    HINT = "hint"  # worth a second look


@dataclass(frozen=True, slots=True)
class MappingFinding:
    """A finding about the key at this path; `lacking`: a part that perhaps was not read."""

    at: KeyPath
    wrong: str
    lacking: bool = False
    level: Level = Level.ERROR


def in_order(source: YamlSource, findings: list[MappingFinding]) -> tuple[PlacedFinding, ...]:
    """Return findings with their places, each once, by line."""
    lines = (source.finding(f.at, f.wrong, lacking=f.lacking) for f in findings)
    return tuple(sorted(dict.fromkeys(lines), key=lambda finding: finding.line))
