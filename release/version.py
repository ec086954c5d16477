"""The version of a build: hatchling asks for it, and a source archive keeps what it was told."""

from __future__ import annotations

import subprocess
from pathlib import Path

RELEASE = "2.0.0"
"""The release that comes next, or was the last one."""


def of_build(root: Path = Path(__file__).parents[1], release: str = RELEASE) -> str:
    """Return the release's version if its tag is on exactly what is built, else one beside it.

    Before the tag that is `1.2.3.dev400+gHASH`, and `1.2.3.post4+gHASH` behind it, with the number
    of commits and the last one: nobody takes such a build for the release, and a newer one replaces
    it. Without git it is `1.2.3.dev0`.
    """
    tag = f"v{release}"
    if _git(root, "describe", "--tags", "--exact-match", "--dirty", "--match", tag) == tag:
        return release
    if not (commit := _git(root, "rev-parse", "--short=12", "HEAD")):
        return f"{release}.dev0"
    if behind := _git(root, "rev-list", "--count", f"{tag}..HEAD"):
        return f"{release}.post{behind}+g{commit}"
    return f"{release}.dev{_git(root, 'rev-list', '--count', 'HEAD')}+g{commit}"


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
