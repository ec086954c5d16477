"""The build hook that puts the commit into the wheel and the source archive."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILE = "importer/COMMIT"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """Write `importer/COMMIT`, which `importer --version` shows.

    A source archive has the file already, and keeps it; an editable install has none.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the file, made from the checkout."""
        root = Path(self.root)
        if version == "editable" or (root / FILE).exists() or not (root / ".git").exists():
            return
        asked = ("git", "rev-parse", "--short=12", "HEAD")
        commit = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
        if commit.returncode == 0:
            made = root / "build" / f"COMMIT.{os.getpid()}"  # two builds may run at once
            made.parent.mkdir(exist_ok=True)
            made.write_text(commit.stdout, "utf-8")
            build_data["force_include"][str(made)] = FILE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the file that the build took."""
        (Path(self.root) / "build" / f"COMMIT.{os.getpid()}").unlink(missing_ok=True)
