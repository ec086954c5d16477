"""Is everything ready for a release? `make release-check TAG=v1.2.3`, `make release`."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

_PERMITTED = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|ISC|PSF|PSFL|Python Software Foundation|MPL|Mozilla|LGPL"
    r"|Lesser General Public|0BSD|CC0|Zlib|CNRI-Python|Unlicense)\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"\bA?GPL|(?<!Lesser )General Public|Proprietary|Commercial", re.IGNORECASE)

_ELSEWHERE = {"colorama": "License :: OSI Approved :: BSD License"}
"""What the libraries say of their license that only Windows needs."""

_VERSION = "release/version.py"
_WRITTEN = {
    _VERSION: r'^RELEASE = "(.*)"$',
    "CITATION.cff": r"^version: (.*)$",
    "docs/reference/accessibility.md": r"^Version (\S+),",
}
"""Where the version is, and how."""


def is_permitted(license_text: str) -> bool:
    """Return whether a library with this license, as in `license_of`, may be part of a release.

    Each part of an expression with AND must be.
    """
    parts = license_text.partition(";")[0].split(" AND ")
    others = parts[1:] and not all(map(_PERMITTED.search, parts))
    named = _PERMITTED.search(license_text) and not _REFUSED.search(license_text)
    return bool(named and not others)


def _project(root: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def version(root: Path = ROOT) -> str:
    """Return the version of the release that comes next, or was the last one."""
    return written(root)[_VERSION]


def written(root: Path = ROOT) -> dict[str, str]:
    """Return the version that each file has, or blank."""
    found = {
        file: re.findall(pattern, (root / file).read_text("utf-8"), re.MULTILINE)
        for file, pattern in _WRITTEN.items()
    }
    return {file: "".join(one[:1]) for file, one in found.items()}


def findings(root: Path, tag: str) -> Iterator[str]:
    """Yield a sentence for each place that keeps a checkout from being the release of a tag."""
    wanted = version(root)
    if not re.fullmatch(r"\d+\.\d+\.\d+", wanted):
        yield f"Version {wanted} in {_VERSION} is not one of a release."
    if tag != f"v{wanted}":
        yield f"The tag is {tag}, and {_VERSION} has version {wanted}."
    for file, one in written(root).items():
        if one != wanted:
            yield f"{file} has version {one}, and {_VERSION} {wanted}."
    sections = _sections(root)
    if sections.pop("Unreleased", "").strip():
        yield "CHANGELOG.md has changes under *Unreleased*."
    newest = next(iter(sections), "")
    if not re.fullmatch(rf"{re.escape(wanted)} - \d{{4}}-\d\d-\d\d", newest):
        yield f"The newest section of CHANGELOG.md is “{newest}”, not “{wanted} - DATE”."


def _sections(root: Path) -> dict[str, str]:
    """Return the changelog's sections by their headings, the newest first."""
    _, *sections = (root / "CHANGELOG.md").read_text("utf-8").split("\n## ")
    return {head: body for head, _, body in (one.partition("\n") for one in sections)}


def notes(root: Path) -> str:
    """Return the changelog's section of this version, for the page of the release."""
    sections = _sections(root)
    return next(sections[head] for head in sections if head.startswith(f"{version(root)} "))


def reminder(root: Path) -> str:
    """Return a sentence if nobody has written where the project is, or blank."""
    if "Repository" in _project(root).get("urls", {}):
        return ""
    return (
        "Reminder: pyproject.toml has no `Repository` under [project.urls]. People who install the"
        " wheel find no address to ask at, and its description has no links."
    )


def libraries() -> list[str]:
    """Return the names of the libraries that a release contains: those of the lock file."""
    lock = (ROOT / "requirements-run.lock").read_text("utf-8")
    return sorted(set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)))


def license_of(library: str) -> str:
    """Return what a library says of its license, in any of the three fields."""
    try:
        facts = metadata(library)
    except PackageNotFoundError:
        return _ELSEWHERE[library]
    named = [facts[name][:200] for name in ("License-Expression", "License") if name in facts]
    named += [one for one in facts.get_all("Classifier") or [] if one.startswith("License ::")]
    return "; ".join(named)


def main() -> None:
    """Print what disagrees, with exit code 1 if anything does; or, asked for them, the notes."""
    if sys.argv[1:] == ["notes"]:
        sys.stdout.write(notes(ROOT))
        return
    tag = "".join(sys.argv[1:]) or f"v{version()}"
    sentences = list(findings(ROOT, tag))
    sys.stdout.writelines(f"{sentence}\n" for sentence in (*sentences, reminder(ROOT)) if sentence)
    sys.exit(bool(sentences))


if __name__ == "__main__":
    main()
