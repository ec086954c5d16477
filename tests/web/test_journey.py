"""From the sample to its load and back, by the keyboard alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.looks import RUN, settled, users


def press(tab: Page, role: str, name: str, key: str = "Enter") -> None:
    """Reach a control by the Tab key alone, and press a key."""
    wanted = tab.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]  # a role
    expect(wanted).to_be_visible()
    for _ in range(200):
        if wanted.evaluate("node => node === document.activeElement"):
            tab.keyboard.press(key)
            return
        tab.keyboard.press("Tab")
    pytest.fail(f"{name} cannot be reached by the keyboard")


def test_the_sample_by_keyboard_alone(tab: Page, tmp_path: Path) -> None:
    """Sample, plan, approval, load, result and undo; Alma then has what the demo writes."""
    alma = tmp_path / "practice" / "alma.sqlite"
    heading = tab.get_by_role("heading", level=1)
    press(tab, "button", "Take the sample roster")
    tab.wait_for_url("**/sheet")
    press(tab, "link", "Check the rows")
    tab.wait_for_url("**/problems")
    press(tab, "button", "Leave this row out")
    expect(tab.get_by_role("status")).to_contain_text("skipped", timeout=60_000)
    press(tab, "button", "Undo the last correction")
    expect(tab.get_by_role("status")).not_to_be_attached(timeout=60_000)
    press(tab, "button", "Compare with Alma (plan)")
    tab.wait_for_url(RUN)
    press(tab, "link", "Approve and load")
    tab.wait_for_url("**/approve")
    press(tab, "button", "Write to Alma")
    tab.wait_for_url(RUN)
    expect(heading).to_contain_text("28 created")

    subprocess.run([sys.executable, "-m", "importer", "demo"], cwd=tmp_path, check=True,
                   capture_output=True)  # fmt: skip
    (demo,) = (tmp_path / "runs").glob("demo-*.sqlite")
    assert settled(alma, users(demo))

    delete = "Also delete the 28 users that this load created. Alma cannot undo that."
    press(tab, "checkbox", delete, "Space")
    press(tab, "button", "Plan the undo")
    tab.wait_for_url(re.compile(r".*undo.*"))
    expect(heading).to_contain_text("28 to delete")
    press(tab, "link", "Approve and load")
    tab.wait_for_url("**/approve")
    press(tab, "button", "Write to Alma")
    tab.wait_for_url(RUN)
    expect(heading).to_contain_text("28 deleted")
    assert settled(alma, {})
