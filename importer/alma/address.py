"""Where Alma's API is: a region's documented host, or an address given outright."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from importer.errors import UsageError

API_PATH = "/almaws/v1"

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
    """The API's address, such as `https://api-na.hosted.exlibrisgroup.com/almaws/v1`.

    `base_url` (scheme and host) wins over `region`. Its host is one of Ex Libris' API hosts, this
    computer, or `gateway`: a host of the institution's own that may get the key.

    Raises UsageError, in one sentence, where neither is given or the key could go elsewhere.
    """
    if base_url:
        return _checked(base_url, gateway.strip().lower())
    if not region:
        msg = (
            "Alma's address is not set; set ALMA_REGION to "
            f"{_list(REGIONS)}, or ALMA_BASE_URL to a scheme and host."
        )
        raise UsageError(msg)
    host = REGIONS.get(region.strip().lower())
    if host is None:
        msg = f"ALMA_REGION is not one of {_list(REGIONS)}."
        raise UsageError(msg)
    return f"https://{host}{API_PATH}"


def is_loopback(host: str) -> bool:
    """Is it this very computer? Names other than `localhost` are not looked up."""
    if host == "localhost":
        return True
    address = _number(host)
    return address is not None and address.is_loopback


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
    host = parts.hostname or ""
    if any(not "!" <= letter <= "~" or letter == "\\" for letter in text):
        yield "holds a letter or sign that no address of Alma has"
    if parts.scheme not in {"https", "http"}:
        yield "does not begin with https://"
    if "@" in parts.netloc:
        yield "holds a user name; give the scheme and the host only"
    yield from _flaws_of_host(host, gateway)
    if parts.scheme == "http" and not is_loopback(host):
        yield "would send the key unencrypted; use https://"
    if host in REGIONS.values() and port not in {None, 443}:
        yield "names a port that Ex Libris' hosts do not serve"
    if "?" in text or "#" in text:
        yield "goes on after the host; give the scheme and the host only"
    if "/almaws" in parts.path.rstrip("/").removesuffix(API_PATH):
        yield f"goes on after {API_PATH}; give the scheme and the host only"
    steps = parts.path.split("/")
    if "%" in parts.path or "//" in parts.path or "." in steps or ".." in steps:
        yield "has a path that leads elsewhere; give the scheme and the host only"


def _flaws_of_host(host: str, gateway: str) -> Iterator[str]:
    if not host:
        yield "does not name a host; write it as https://host"
    if host.endswith(".") or "%" in host or any(p.startswith("xn--") for p in host.split(".")):
        yield "names a host in a spelling that could hide another one"
    if host in {*REGIONS.values(), gateway} or is_loopback(host):
        return
    if "exlibris" in host:
        yield "names a host of Ex Libris that is not one of the API's; set ALMA_REGION instead"
    yield (
        "names a host that is not Alma's, and the key is not sent there; set ALMA_REGION instead, "
        "or, where a host of your own stands between, set ALMA_GATEWAY to its name"
    )


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _list(words: dict[str, str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} or {last}"
