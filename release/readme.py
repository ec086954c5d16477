"""The metadata hook that makes the README readable where the repository is not around it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]\n]*)\]\(([^)\s]+)\)")


def described(readme: str, repository: str, version: str) -> str:
    """Return the README with the addresses of a build's tag or commit in its links and pictures.

    Without a repository, a picture is left out and a link is its words; the list of links is, too.
    """
    of_release = re.fullmatch(r"[\d.]+", version)
    tree = f"v{version}" if of_release else version.partition("+g")[2] or "HEAD"

    def placed(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        if "://" in target:
            return link[0]
        if repository:
            kind = "raw" if mark else "blob"
            return f"{mark}[{words}]({repository.rstrip('/')}/{kind}/{tree}/{target})"
        return "" if mark else words

    text = readme if repository else readme.partition("\n## Read on\n")[0] + "\n"
    return _LINK.sub(placed, text)


class ReadmeHook(MetadataHookInterface):
    """Set the description of the wheel and the source archive."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Read the README and, from `[project.urls]`, the address of the repository."""
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        address = metadata.get("urls", {}).get("Repository", "")
        text = described(readme, address, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
