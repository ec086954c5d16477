"""The functions for an event loop of the caller's."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

import importer
from importer.errors import SafetyCheckError


def test_all_of_a_load_in_a_loop_of_ones_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is canceled in the middle of an apply is continued by the same call."""
    monkeypatch.setenv("ALMA_RATE", "4")  # few rows at a time

    async def main() -> None:
        codes = await importer.read_codes_async()
        assert {"table", "code"} <= {*codes.columns}
        run = await importer.plan_async("patrons.xlsx", "community.yaml")
        started = asyncio.Event()
        progress = importer.Progress(rows=lambda done, _of: started.set() if done else None)
        task = asyncio.create_task(importer.apply_async(run, progress=progress))
        await started.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert 0 < (run.summary.created or 0) < (run.summary.create or 0)
        monkeypatch.setenv("ALMA_RATE", "50")
        await importer.apply_async(run)
        assert run.summary.created == run.summary.create
        assert len(await importer.read_users_async()) == run.summary.create
        waiting = run.rows().query("fate == 'review'")["row"]
        await importer.resolve_async(run, waiting, "reject")
        back = await importer.undo_async(run, delete_created=True)
        with pytest.raises(SafetyCheckError):  # nobody said how many
            await importer.apply_async(back, allow=["removals"])
        await importer.apply_async(back, allow=["removals"], delete=back.summary.delete)
        assert back.summary.deleted == run.summary.create

    asyncio.run(main())
