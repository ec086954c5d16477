"""What the checks before each write cost: `python -m benchmarks.gate [ROWS]`.

Each row is recorded as an apply records it, an intent and an outcome, on the disk of the current
folder, with the gate between them. Nothing is sent.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.throughput import moment, planned
from importer.ledger.journal import Journal
from importer.ledger.ledger import State
from importer.ledger.run_lock import WriteGate


def main(rows: int) -> None:
    """Record the rows, and print what was measured."""
    gates: list[float] = []
    records: list[float] = []
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        planned(Path(folder), rows) as ledger,
    ):
        journal = Journal(ledger, "benchmark", moment)
        gate = WriteGate(journal)
        journal.start(None)
        for row in journal.rows_in(State.PLANNED):
            step = journal.step(row)
            began = time.perf_counter()
            journal.record_intent(row, None, step.after)
            recorded = time.perf_counter()
            gate()
            gates.append(time.perf_counter() - recorded)
            again = time.perf_counter()
            journal.record_outcome(row, State.APPLIED, answered=step.after)
            records.append(recorded - began + time.perf_counter() - again)
    for what, taken in (("the gate", gates), ("recording a row", records)):
        slowest = sorted(taken)[int(0.99 * rows)]
        print(f"{what}: median {1e6 * median(taken):.0f} µs, 99 % under {1e6 * slowest:.0f} µs")
    print(f"the gate takes {sum(gates) / sum(records):.1%} of the time of recording {rows:,} rows")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
