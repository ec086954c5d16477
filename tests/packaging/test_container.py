"""A container contains the wheel, and nothing else of the folder in which it is built."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_only_the_wheel_is_sent_to_a_build() -> None:
    """Rosters, runs, user caches and keys stay out; what the Dockerfile copies gets in."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = re.findall(r"^COPY (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert rules == ["*", *(f"!{path}" for path in copied)]
