"""A folder to work in, and a practice Alma."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import importer
from importer.sandbox.server import Options, running
from tests.pipeline.runs import MAPPINGS, SAMPLES

NAMES = [name for name in importer.__all__ if name != "__version__"]
"""The public functions and classes."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a roster and its mapping, and a practice Alma."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "community-patrons.xlsx", "patrons.xlsx")
    shutil.copy(MAPPINGS / "community.yaml", "community.yaml")
    with running(Options(rate=None)) as base_url:
        monkeypatch.setenv("ALMA_BASE_URL", base_url.removesuffix("/almaws/v1"))
        monkeypatch.setenv("ALMA_API_KEY", "sandbox")
        monkeypatch.setenv("ALMA_RATE", "50")
        monkeypatch.setenv("ALMA_VERIFY_DELAY", "0.2")
        yield tmp_path
