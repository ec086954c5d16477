"""The locked libraries on other systems: `make platforms` looks for their wheels."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker

from release.checks import ROOT

WINDOWS, MACOS = "win_amd64", "macosx_11_0_arm64"

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

_SYSTEMS = {
    WINDOWS: {
        "sys_platform": "win32", "os_name": "nt", "platform_system": "Windows",
        "platform_machine": "AMD64",
    },
    MACOS: {
        "sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin",
        "platform_machine": "arm64",
    },
}  # fmt: skip


def lock_for(lock: str, system: str, python: str) -> str:
    """Return a lock file without its markers, with the libraries of that system only.

    pip reads markers for the computer on which it runs, not for the one that it collects for.
    """
    there = {
        **_SYSTEMS[system],
        "platform_python_implementation": "CPython", "implementation_name": "cpython",
        "python_version": python, "python_full_version": f"{python}.0",
    }  # fmt: skip
    kept = []
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        head, end, hashes = entry.partition(" \\\n")
        library, _, marker = head.partition(" ; ")
        if not marker or Marker(marker).evaluate(there):
            kept.append(f"{library}{end}{hashes}")
    return "\n".join(kept) + "\n"


def main() -> None:
    """See that each library has a wheel, for each system and version of Python; load none."""
    text = (ROOT / "requirements-run.lock").read_text("utf-8")
    for system in _SYSTEMS:
        for python in PYTHONS:
            with tempfile.TemporaryDirectory() as folder:
                needed = lock_for(text, system, python)
                lock = Path(folder, "lock")
                lock.write_text(needed, "utf-8")
                asked = (
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"),
                    *("--only-binary=:all:", "--require-hashes", f"--platform={system}"),
                    *(f"--python-version={python}", f"--target={folder}", "-r", str(lock)),
                )
                subprocess.run(asked, check=True)  # noqa: S603
            count = len(re.findall("^[^ ]+==", needed, re.MULTILINE))
            sys.stdout.write(f"{system}, Python {python}: {count} wheels\n")


if __name__ == "__main__":
    main()
