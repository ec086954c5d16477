"""Ledgers to report on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from importer.ledger.ledger import Ledger
from tests.report.building import Run

Keep = Callable[[Run], "Ledger"]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """Writes a run's ledger into a folder of its own, closed after the test."""
    kept: list[Ledger] = []

    def write(run: Run) -> Ledger:
        ledger = run.ledger(tmp_path / f"run-{len(kept)}")
        kept.append(ledger)
        return ledger

    yield write
    for ledger in kept:
        ledger.close()
