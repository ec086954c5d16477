"""The version of a build: hatchling asks for it, and a source archive keeps what it was told."""

from __future__ import annotations

import subprocess
from pathlib import Path

RELEASE = "2.0.0"
"""The release that comes next or, at its tag, is this one. Here, and nowhere else for builds."""


def of_build(root: Path = Path(__file__).parents[1], release: str = RELEASE) -> str:
    """Return the release's version if its tag is on exactly what is built, else an earlier one.

    That is `1.2.3.dev400+gHASH`, from the number of commits until then and the last one, so that
    nobody takes a build for the release and a newer one replaces it; without git, `1.2.3.dev0`.
    """
    tag = f"v{release}"
    if _git(root, "describe", "--tags", "--exact-match", "--dirty", "--match", tag) == tag:
        return release
    count, commit = _git(root, "rev-list", "--count", "HEAD"), _git(root, "rev-parse", "HEAD")
    return f"{release}.dev{count}+g{commit[:12]}" if commit else f"{release}.dev0"


def _git(root: Path, *words: str) -> str:
    """Return what git answers about a checkout; blank if it is none, or without git."""
    if not (root / ".git").exists():
        return ""
    try:
        asked = ("git", *words)
        done = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
