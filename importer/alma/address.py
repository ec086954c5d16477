"""Alma's address: a region's documented host or a given one, and IDs as parts of a path."""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Iterator
from urllib.parse import SplitResult, quote, urlsplit

from importer.errors import RefusedError, UsageError
from importer.model.text import steering

API_PATH = "/almaws/v1"

LONGEST_ID = 255
"""Characters of the longest ID that Alma's schema allows."""

REGIONS = {
    "na": "api-na.hosted.exlibrisgroup.com",
    "eu": "api-eu.hosted.exlibrisgroup.com",
    "ap": "api-ap.hosted.exlibrisgroup.com",
    "aps": "api-aps.hosted.exlibrisgroup.com",
    "ca": "api-ca.hosted.exlibrisgroup.com",
    "cn": "api-cn.hosted.exlibrisgroup.com.cn",
}
"""Ex Libris' API hosts by region (contract 2.1)."""


def resolve(region: str = "", base_url: str = "", gateway: str = "") -> str:
    """Return the API's address, such as `https://api-na.hosted.exlibrisgroup.com/almaws/v1`.

    `base_url` (scheme and host) wins over `region`. Its host is one of Ex Libris' API hosts, this
    computer, or `gateway`: a host of the institution's own that may get the key.

    Raises UsageError, in one sentence, where neither is given or the key could go elsewhere.
    """
    if base_url:
        return _checked(base_url, gateway.strip().lower())
    if not region:
        msg = (
            "Alma's address is not set. Set ALMA_REGION to "
            f"{_list(REGIONS)}, or ALMA_BASE_URL to a scheme and host; and ALMA_API_KEY to the API "
            "key. They are read from the environment and from the file .env in this folder."
        )
        raise UsageError(msg)
    host = REGIONS.get(region.strip().lower())
    if host is None:
        msg = (
            f"ALMA_REGION is not one of {_list(REGIONS)}. It is na for North America, eu for "
            "Europe, ap for Asia Pacific, aps for Singapore, ca for Canada and cn for China."
        )
        raise UsageError(msg)
    return f"https://{host}{API_PATH}"


def is_loopback(host: str) -> bool:
    """Whether a host is this computer. Names other than `localhost` are not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(base_url: str, gateway: str) -> str:
    text = base_url.strip()
    try:
        parts = urlsplit(text)
        flaw = next(_flaws(text, parts, parts.port, gateway), "")
    except ValueError:
        parts, flaw = urlsplit(""), "is not a web address"
    if flaw:
        # The address itself is not repeated: it may hold a password.
        msg = f"ALMA_BASE_URL {flaw}."
        raise UsageError(msg)
    path = parts.path.rstrip("/").removesuffix(API_PATH)
    return f"{parts.scheme}://{parts.netloc.lower()}{path}{API_PATH}"


def _flaws(text: str, parts: SplitResult, port: int | None, gateway: str) -> Iterator[str]:
    """Yield what is wrong with an address: it is not one, or the key could go elsewhere."""
    host, only = parts.hostname or "", "; give the scheme and the host only"
    path = parts.path.rstrip("/").removesuffix(API_PATH)
    if any(not "!" <= letter <= "~" or letter == "\\" for letter in text):
        yield "contains a character that no address of Alma has"
    if parts.scheme not in {"https", "http"}:
        yield "does not start with https://"
    if "@" in parts.netloc:
        yield f"contains a user name{only}"
    if not host:
        yield "does not name a host; write it as https://host"
    if host.endswith(".") or "%" in host or any(p.startswith("xn--") for p in host.split(".")):
        yield "spells a host in a way that could hide another one"
    if host not in {*REGIONS.values(), gateway} and not is_loopback(host):
        if "exlibris" in host:
            yield "names a host of Ex Libris that is not an API host; set ALMA_REGION instead"
        yield (
            "names a host that is not Alma's, so the key is not sent there; set ALMA_REGION "
            "instead, or, if your library has a gateway of its own, set ALMA_GATEWAY to its host "
            "name"
        )
    if parts.scheme == "http" and not is_loopback(host):
        yield "would send the key unencrypted; use https://"
    if host in REGIONS.values() and port not in {None, 443}:
        yield "names a port that Ex Libris' hosts do not use"
    if "?" in text or "#" in text:
        yield f"has something after the host{only}"
    if "/almaws" in path:
        yield f"has something after {API_PATH}{only}"
    if "%" in path or "//" in path or {".", ".."} & set(path.split("/")):
        yield f"has a path that leads to another place{only}"


def _list(words: dict[str, str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} or {last}"


def segment(text: str) -> str:
    """Return an ID, quoted, so that it stays one segment of a path.

    Raises RefusedError where that is not certain on the whole way to Alma: blank, characters that
    change a path, control characters. The error does not repeat the ID.
    """
    if not text.strip():
        msg = "The primary ID is blank. Nothing was sent."
        raise RefusedError(msg)
    if steering(text) or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        msg = "The ID contains characters that cannot be sent to Alma safely. Nothing was sent."
        raise RefusedError(msg)
    if len(text) > LONGEST_ID:
        msg = f"The ID is longer than Alma's {LONGEST_ID} characters. Nothing was sent."
        raise RefusedError(msg)
    return quote(text, safe="")
