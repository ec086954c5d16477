"""CPU time of a mapping with ten conditions and five named values, beside the same one without.

`python -m benchmarks.conditions` maps 100,000 rows with both in turn, in one process, prints the
ratio of the medians, and ends with 1 if it is above the limit. Reading the roster is not measured.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median
from time import process_time

from benchmarks.check import MAPPING
from benchmarks.rosters import write_csv
from importer.loader.read import read
from importer.mapper.compile import CompiledMapping, RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.load import load
from importer.model.roster import Roster

ROWS, ROUNDS, LIMIT = 100_000, 5, 1.3

WITH = """\
version: 1
extends: community.yaml
roster:
  only: {Patron Type: {not: [Nobody]}}
  skip:
    - {when: {Last Name: {blank: true}}, reason: no name}
    - {when: {Last Name: {matches: "Test.*"}}, reason: test accounts}
values:
  role: {from: <Patron Type>, clean: [upper]}
  kind: {from: <$role>, lookup: kinds}
  place: "<City>, <State>"
  area: {from: <ZIP>, clean: [{first: 2}]}
  unit: {from: <Apt>, clean: [{extract: "[0-9]+"}]}
record:
  job_category:
    cases:
      - {when: {<$kind>: [OLD], <$area>: ["57"]}, from: EMERITUS}
      - {when: {<@birth_date>: {younger_than: 18 years}}, from: YOUTH}
      - {when: {any: [{<$place>: {matches: "K.*"}}, {<$unit>: ["1"]}]}, from: NEAR}
      - {when: {State: SD}, from: LOCAL}
  job_description: {when: {Apt: {blank: false}}, from: <Apt>}
  web_site_url: {when: {Patron Type: Special}, from: <Alternate Email>}
lookups:
  kinds: {EMERITUS: OLD, "*": OTHER}
"""
"""Ten conditions and five values on top of the ready mapping."""

WITHOUT = """\
version: 1
extends: community.yaml
record:
  job_category: LOCAL
  job_description: <Apt>
  web_site_url: <Alternate Email>
"""
"""The same fields without conditions and values."""


def compiled(mapping: Path, roster: Roster) -> CompiledMapping:
    """Compile a mapping for the roster."""
    run = RunVariables(date(2026, 8, 20), roster.source.path.name)
    return compile_mapping(load(mapping), roster.places, run)


def seconds(mapping: CompiledMapping, roster: Roster) -> float:
    """Return the CPU seconds of one evaluation."""
    start = process_time()
    evaluate(mapping, roster)
    return process_time() - start


def main() -> int:
    """Measure, print, and compare with the limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roster.csv")
        write_csv(path, ROWS)
        Path(folder, MAPPING.name).write_bytes(MAPPING.read_bytes())
        roster = read(path, load(MAPPING).layout())
        mappings = []
        for name, text in (("without.yaml", WITHOUT), ("with.yaml", WITH)):
            Path(folder, name).write_text(text, "utf-8")
            mappings.append(compiled(Path(folder, name), roster))
        plain, more = mappings
        rounds = [(seconds(plain, roster), seconds(more, roster)) for _ in range(ROUNDS)]
    without, with_them = (median(times) for times in zip(*rounds, strict=True))
    ratio = median(one / other for other, one in rounds)
    print(
        f"{ROWS:,} rows: {without:.2f} s without, {with_them:.2f} s with ten conditions and five "
        f"values: {ratio:.2f} times as long, at most {LIMIT}"
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
