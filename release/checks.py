"""Does everything say the same version? `make release-check TAG=v1.2.3`, `make release`."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]

_PERMITTED = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|PSFL|Python Software Foundation|MPL|Mozilla|LGPL"
    r"|Lesser General Public|0BSD|CC0|Zlib|CNRI-Python|Unlicense)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"\bA?GPL|(?<!Lesser )General Public|Proprietary|Commercial", re.IGNORECASE)


def is_permitted(license_text: str) -> bool:
    """Return whether a library with this license, as in `license_of`, may be part of a release.

    Each part of an expression with AND must be.
    """
    parts = license_text.partition(";")[0].split(" AND ")
    others = parts[1:] and not all(map(_PERMITTED.search, parts))
    named = _PERMITTED.search(license_text) and not _REFUSED.search(license_text)
    return bool(named and not others)


def version(root: Path = ROOT) -> str:
    """Return the version of pyproject.toml, the one place where it is written."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def cited(root: Path = ROOT) -> str:
    """Return the version of CITATION.cff, or blank."""
    found = re.search(r"^version: (.*)$", (root / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def findings(root: Path, tag: str) -> Iterator[str]:
    """Yield a sentence for each place that keeps a checkout from being the release of a tag."""
    wanted = version(root)
    if not re.fullmatch(r"\d+\.\d+\.\d+", wanted):
        yield f"Version {wanted} in pyproject.toml is not one of a release."
    if tag != f"v{wanted}":
        yield f"The tag is {tag}, and pyproject.toml has version {wanted}."
    if cited(root) != wanted:
        yield f"CITATION.cff has version {cited(root)}, and pyproject.toml {wanted}."
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (.*)\n([^#]*)", changelog, re.MULTILINE))
    if sections.pop("Unreleased", "").strip():
        yield "CHANGELOG.md has changes under *Unreleased*."
    newest = next(iter(sections), "")
    if not re.fullmatch(rf"{re.escape(wanted)} - \d{{4}}-\d\d-\d\d", newest):
        yield f"The newest section of CHANGELOG.md is “{newest}”, not “{wanted} - DATE”."


def libraries() -> list[str]:
    """Return the names of the libraries that a release contains: those of the lock file."""
    lock = (ROOT / "requirements-run.lock").read_text("utf-8")
    return re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)


def license_of(library: str) -> str:
    """Return what an installed library says of its license, in any of the three fields.

    Raises PackageNotFoundError if it is not installed here.
    """
    facts = metadata(library)
    named = [facts[name][:200] for name in ("License-Expression", "License") if name in facts]
    named += [one for one in facts.get_all("Classifier") or [] if one.startswith("License ::")]
    return "; ".join(named)


def main() -> None:
    """Print what disagrees; exit code 1 if anything does."""
    found = list(findings(ROOT, sys.argv[1] if len(sys.argv) > 1 else f"v{version()}"))
    sys.stdout.writelines(f"{one}\n" for one in found)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
