"""Who may call what: keys and their areas (contract 2.1).

`--key K` makes four keys: K may do all, K-read-only may only read, K-users knows the users area
only, K-conf the configuration area only.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from importer.sandbox.call import Call
from importer.sandbox.refusal import Said


def refuse_stranger(call: Call, key: str) -> None:
    """Refuse a key that is missing or lacks a right (400) or is wrong (403)."""
    given = _key_of(call)
    areas = {
        key: {"users", "conf"},
        f"{key}-read-only": {"users", "conf"},
        f"{key}-users": {"users"},
        f"{key}-conf": {"conf"},
    }
    if given and given not in areas:
        raise Said.STRANGER.refuse()
    reads_only = given.endswith("-read-only") and given != key
    if (
        not given
        or call.segments[0] not in areas[given] | {""}
        or (reads_only and call.method != "GET")
    ):
        raise Said.NO_RIGHT.refuse()


def is_from_a_web_page(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site sent this call, by its Host, Origin or Sec-Fetch-Site.

    A page can make a browser call 127.0.0.1, or a name of its own that resolves to it.
    """
    names = [f"//{headers['Host']}"] if "Host" in headers else []
    if "Origin" in headers:
        names.append(headers["Origin"])
    return headers.get("Sec-Fetch-Site") == "cross-site" or not all(map(_is_loopback, names))


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        return False


def opens_back_door(headers: Mapping[str, str], key: str) -> bool:
    """Whether a call to the back door has the key that may do all, in the header."""
    return headers.get("Authorization", "").strip() == f"apikey {key}"


def _key_of(call: Call) -> str:
    scheme, _, given = call.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "apikey" and given.strip():
        return given.strip()
    return call.query.get("apikey", "")
