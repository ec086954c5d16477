"""A folder to work in, and a practice Alma."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import importer
from tests.pipeline.runs import MAPPINGS, SAMPLES
from tests.practice import reached

NAMES = [name for name in importer.__all__ if name != "__version__"]
"""The public functions and classes."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a roster and its mapping, and a practice Alma."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "community-patrons.xlsx", "patrons.xlsx")
    shutil.copy(MAPPINGS / "community.yaml", "community.yaml")
    with reached(monkeypatch):
        yield tmp_path
