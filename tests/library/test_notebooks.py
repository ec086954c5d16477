"""The notebooks beside the samples run as scripts, and where an event loop runs already."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import importer
from tests.pipeline.runs import SAMPLES

SCRIPTS = sorted((SAMPLES / "notebooks").glob("*.py"))
PRINTED = {
    "own_report": ("1 of 4 people can be loaded.", "unknown-code"),
    "review_in_code": ("23 of 23", "28 deleted"),
    "nightly_source": ("4 created, 0 updated", "0 created, 0 updated"),
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_runs(folder: Path, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a script, and again in a running event loop, as in Jupyter; each prints its results."""
    code = compile(script.read_text("utf-8"), script.name, "exec")
    exec(code, {"__name__": script.stem})  # noqa: S102  a sample of ours
    once = capsys.readouterr().out
    assert all(words in once for words in PRINTED[script.stem]), once

    async def in_a_loop() -> None:
        exec(code, {"__name__": script.stem})  # noqa: S102  a sample of ours

    asyncio.run(in_a_loop())
    assert capsys.readouterr().out
    runs = [one for one in (folder / "runs").iterdir() if one.is_dir()]
    assert all(importer.open_run(one).summary.adds_up() for one in runs)
