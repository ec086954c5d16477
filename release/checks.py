"""Does everything say the same version? `make release-check TAG=v1.2.3`, `make release`."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]

PERMITTED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|LGPL|Lesser General Public"
    r"|0BSD|CC0|Zlib|CNRI-Python|Unlicense",
    re.IGNORECASE,
)
"""Licenses under which a library may be part of a release."""


def version() -> str:
    """Return the version of pyproject.toml, the one place where it is written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def findings(tag: str = "") -> Iterator[str]:
    """Yield a sentence for each place that says another version, or none."""
    wanted = version()
    if tag and tag != f"v{wanted}":
        yield f"The tag is {tag}, and pyproject.toml has version {wanted}."
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    if cited is None or cited[1] != wanted:
        yield f"CITATION.cff has no `version: {wanted}`."
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    newest = next((one for one in sections if one != "Unreleased"), "")
    dated = re.fullmatch(rf"{re.escape(wanted)} - (\d{{4}}-\d\d-\d\d)", newest)
    if dated is None:
        yield f"The newest section of CHANGELOG.md is not `## {wanted} - DATE`, but “{newest}”."
    elif date.fromisoformat(dated[1]).year < 2026:
        yield f"The date of section {wanted} in CHANGELOG.md is {dated[1]}."


def libraries() -> list[str]:
    """Return the names of the libraries that a release contains: those of the lock file."""
    lock = (ROOT / "requirements-run.lock").read_text("utf-8")
    return re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)


def license_of(library: str) -> str:
    """Return what an installed library says of its license, in any of the three fields.

    Raises PackageNotFoundError if it is not installed here.
    """
    facts = metadata(library)
    named = [facts.get("License-Expression") or "", (facts.get("License") or "")[:200]]
    named += [one for one in facts.get_all("Classifier") or [] if one.startswith("License ::")]
    return "; ".join(filter(None, named))


def main() -> None:
    """Print what disagrees; exit code 1 if anything does."""
    found = list(findings(*sys.argv[1:2]))
    sys.stdout.writelines(f"{one}\n" for one in found)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
