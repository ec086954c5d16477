"""One zip for Windows without Python: python.org's embeddable Python, the libraries, the importer.

`make windows PYTHON_ZIP=python-3.13.1-embed-amd64.zip SHA256=…`
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from release.checks import ROOT

STARTERS = Path(__file__).with_name("windows")
"""What people double-click, copied into the zip."""

_DATE = (2020, 1, 1, 0, 0, 0)
"""Of every file in the zip, so that two builds are identical."""


class NotBuiltError(Exception):
    """The zip cannot be built; one sentence."""


def unpacked(python_zip: Path, sha256: str, folder: Path) -> str:
    """Unpack an embeddable Python; return its version, such as `3.13`.

    Raises NotBuiltError if the file is not the one with that hash, or no embeddable Python.
    """
    found = hashlib.sha256(python_zip.read_bytes()).hexdigest()
    if found != sha256.lower():
        msg = f"{python_zip.name} has SHA-256 {found}, not {sha256}. Download it again."
        raise NotBuiltError(msg)
    with zipfile.ZipFile(python_zip) as archive:
        archive.extractall(folder)
    for path in folder.glob("python3*._pth"):
        digits = path.stem.removeprefix("python3")
        lines = [line for line in path.read_text("utf-8").splitlines() if "site" not in line]
        path.write_text("\n".join((*lines, r"..\libraries", "")), "utf-8", newline="\r\n")
        return f"3.{digits}"
    msg = f"{python_zip.name} is no embeddable Python: it has no file python3…._pth."
    raise NotBuiltError(msg)


def collected(uv: str, python: str, wheel: Path, folder: Path) -> None:
    """Install the locked libraries for Windows and the importer's wheel into a folder.

    Raises CalledProcessError if a library has no wheel for Windows, or not the locked one.
    """
    common = (
        *(uv, "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", folder),
        *(f"--python-version={python}", "--python-platform=x86_64-pc-windows-msvc"),
    )
    locked = ("--require-hashes", "-r", ROOT / "requirements-run.lock")
    subprocess.run((*common, *locked), check=True)  # noqa: S603
    subprocess.run((*common, wheel), check=True)  # noqa: S603


def zipped(folder: Path, target: Path) -> None:
    """Write the zip, the same bytes for the same files."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = f"{target.stem}/{path.relative_to(folder).as_posix()}"
                archive.writestr(zipfile.ZipInfo(name, _DATE), path.read_bytes())


def main() -> None:
    """Build the zip from an embeddable Python, its hash, the importer's wheel and a uv."""
    python_zip, sha256, wheel, uv = sys.argv[1:5]
    folder = ROOT / "build" / "windows"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        python = unpacked(Path(python_zip), sha256, folder / "python")
    except NotBuiltError as error:
        sys.exit(str(error))
    collected(uv, python, Path(wheel), folder / "libraries")
    shutil.copytree(STARTERS, folder, dirs_exist_ok=True)
    target = ROOT / "dist" / f"alma-roster-importer-{Path(wheel).name.split('-')[1]}-windows.zip"
    zipped(folder, target)
    sys.stdout.write(f"{target} ({target.stat().st_size / 1e6:.0f} MB)\n")


if __name__ == "__main__":
    main()
