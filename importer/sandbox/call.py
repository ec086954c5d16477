"""One call as it came in, with the two formats that it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from importer.sandbox.envelope import Format

ROOT = "/almaws/v1"


@dataclass(frozen=True, slots=True)
class Call:
    """A call. `segments` is the decoded path, below /almaws/v1 if it is there."""

    method: str
    target: str
    path: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def for_alma(self) -> bool:
        """Whether it is for Alma's API, not for the back door."""
        return self.target.startswith(f"{ROOT}/")

    @property
    def sent(self) -> Format:
        """The format of the body."""
        return Format.JSON if "json" in self.headers.get("Content-Type", "") else Format.XML

    def wanted(self, default: str) -> Format:
        """The format of the answer: `format`, then Accept, then the default."""
        asked = self.query.get("format") or self.headers.get("Accept", "")
        if "json" in asked:
            return Format.JSON
        if "xml" in asked:
            return Format.XML
        return Format.JSON if default == "json" else Format.XML


def read_call(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Take a request line apart: each path segment is decoded by itself, so ids may hold %2F."""
    clean = target.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    path, _, query = clean.partition("?")
    below = path.removeprefix(ROOT)
    segments = tuple(unquote(segment) for segment in below.strip("/").split("/"))
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return Call(method, clean, below, segments, pairs, headers, body)
