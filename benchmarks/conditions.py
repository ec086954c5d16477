"""CPU time of `check` with ten conditions and five named values, beside the same mapping without.

`python -m benchmarks.conditions` checks 100,000 rows with both mappings in turn, prints the median
ratios of the whole check and of the mapping alone, and ends with 1 if one is above the limit.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from statistics import median
from time import process_time

from benchmarks.check import MAPPING, measure
from benchmarks.rosters import write_csv
from importer.loader.read import read
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.load import load
from importer.model.roster import Roster

ROWS, ROUNDS, LIMIT = 100_000, 3, 1.3

FIELDS = """
  job_category: LOCAL
  job_description: <Apt>
  web_site_url: <Alternate Email>
"""
WITHOUT = {"record": FIELDS}
"""What the mapping has beside the ready one, by the key under which it is."""

WITH = {
    "roster": """
  only: {Patron Type: {not: [Nobody]}}
  skip:
    - {when: {Last Name: {blank: true}}, reason: no name}
    - {when: {Last Name: {matches: "Test.*"}}, reason: test accounts}
""",
    "record": """
  job_category:
    cases:
      - {when: {<$kind>: [OLD], <$area>: ["57"]}, from: EMERITUS}
      - {when: {<@birth_date>: {younger_than: 18 years}}, from: YOUTH}
      - {when: {any: [{<$place>: {matches: "K.*"}}, {<$unit>: ["1"]}]}, from: NEAR}
      - {when: {State: SD}, from: LOCAL}
  job_description: {when: {Apt: {blank: false}}, from: <Apt>}
  web_site_url: {when: {Patron Type: Special}, from: <Alternate Email>}
""",
    "lookups": """
  kinds: {EMERITUS: OLD, "*": OTHER}
""",
}
"""The same fields with ten conditions and five values."""

VALUES = """
values:
  role: {from: <Patron Type>, clean: [upper]}
  kind: {from: <$role>, lookup: kinds}
  place: "<City>, <State>"
  area: {from: <ZIP>, clean: [{first: 2}]}
  unit: {from: <Apt>, clean: [{extract: "[0-9]+"}]}
"""


def mapping_with(parts: Mapping[str, str]) -> str:
    """Return the ready mapping with more lines under its keys."""
    text = MAPPING.read_text("utf-8")
    for key, lines in parts.items():
        text = text.replace(f"\n{key}:\n", f"\n{key}:{lines}")
    return text


def check_seconds(mapping: Path, roster: Path) -> float:
    """Return the CPU seconds of a whole `check`."""
    command = [sys.executable, "-m", "importer", "check", str(roster), "-m", str(mapping)]
    return measure(command, roster.parent).seconds


def mapping_seconds(mapping: Path, roster: Roster) -> float:
    """Return the CPU seconds of mapping the rows, without reading them."""
    run = RunVariables(date(2026, 8, 20), roster.source.path.name)
    compiled = compile_mapping(load(mapping), roster.places, run)
    start = process_time()
    evaluate(compiled, roster)
    return process_time() - start


def main() -> int:
    """Measure, print, and compare with the limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roster.csv")
        write_csv(path, ROWS)
        plain, more = Path(folder, "without.yaml"), Path(folder, "with.yaml")
        plain.write_text(mapping_with(WITHOUT), "utf-8")
        more.write_text(mapping_with(WITH) + VALUES, "utf-8")
        roster = read(path, load(MAPPING).layout())
        alone = median(
            mapping_seconds(more, roster) / mapping_seconds(plain, roster) for _ in range(ROUNDS)
        )
        rounds = [(check_seconds(plain, path), check_seconds(more, path)) for _ in range(ROUNDS)]
    without, with_them = (median(times) for times in zip(*rounds, strict=True))
    ratio = median(one / other for other, one in rounds)
    print(
        f"check of {ROWS:,} rows: {without:.1f} s without, {with_them:.1f} s with ten conditions "
        f"and five values: {ratio:.2f} times as long. The mapping alone: "
        f"{alone:.2f} times as long. The limit is {LIMIT}."
    )
    return int(max(ratio, alone) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
