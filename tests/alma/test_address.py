"""Where the key may go, and where not; an identifier stays one segment of a path."""

from __future__ import annotations

import re
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.alma.connection import HOSTS, is_loopback, resolve, segment
from importer.errors import RefusedError, UsageError
from tests.zoo.specimen import banned


@pytest.mark.parametrize("region", sorted(HOSTS))
def test_a_region_is_its_documented_host(region: str) -> None:
    """Each region has an https address on a host of Ex Libris (contract 2.1)."""
    address = resolve(region.upper())
    assert address.startswith(f"https://api-{region}.hosted.exlibrisgroup.com")
    assert address.endswith("/almaws/v1")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://api-eu.hosted.exlibrisgroup.com", None),
        ("https://api-eu.hosted.exlibrisgroup.com/", None),
        ("https://API-EU.hosted.exlibrisgroup.com/almaws/v1", None),
        ("https://api-eu.hosted.exlibrisgroup.com:443/almaws/v1/", "https://api-eu.hosted.exlibrisgroup.com:443/almaws/v1"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080/almaws/v1"),
        ("http://127.9.9.9", "http://127.9.9.9/almaws/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/almaws/v1"),
        ("http://localhost:1234/almaws/v1", "http://localhost:1234/almaws/v1"),
    ],
)  # fmt: skip
def test_the_api_path_is_added_once(given: str, address: str | None) -> None:
    """A base URL is scheme and host; the API's path is added unless it is there."""
    expected = address or "https://api-eu.hosted.exlibrisgroup.com/almaws/v1"
    assert resolve("", given) == expected
    assert resolve("na", given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "api-na.hosted.exlibrisgroup.com",
        "ftp://api-na.hosted.exlibrisgroup.com",
        "https://",
        "http://api-na.hosted.exlibrisgroup.com",
        "http://gateway.example.org",
        "http://169.254.169.254",
        "https://169.254.169.254",
        "http://0.0.0.0:80",
        "http://127.0.0.1@gateway.example.org",
        "https://me:CANARY@api-na.hosted.exlibrisgroup.com",
        "https://api-na.hosted.exlibrisgroup.com@gateway.example.org",
        "https://api-na.hosted.exlibrisgroup.com:8443",
        "https://api-na.hosted.exlibrisgroup.com:99999",
        "https://api-nа.hosted.exlibrisgroup.com",  # a Cyrillic а
        "https://xn--api-n-8cd.hosted.example.org",
        "https://api-na.hosted.exlibrisgroup.com.gateway.example.org",
        "https://myinstitution.alma.exlibrisgroup.com",
        "https://api-na.hosted.exlibrisgroup.com.",
        "https://api-na.hosted.exlibrisgroup.com/..",
        "https://api-na.hosted.exlibrisgroup.com/%2e%2e/x",
        "https://api-na.hosted.exlibrisgroup.com//x",
        "https://api-na.hosted.exlibrisgroup.com?apikey=CANARY",
        "https://api-na.hosted.exlibrisgroup.com#x",
        "https://api-na.hosted.exlibrisgroup.com\\@gateway.example.org",
        "https://api-na.hosted.exlibrisgroup.com\nx",
        "https://api-na.hosted.exlibrisgroup.com/almaws/v1/users",
        "https://api-na.hosted.exlibrisgroup.com/almaws",
        "https://[::1",
        "https://127.0.0.1%00.example.org",
        "http://localhost.example.org",
        "https://localhost.example.org",
        "https://gateway.example.org",
        "https://api-xx.hosted.example.org",
        "https://10.0.0.1",
    ],
)
def test_an_address_that_could_mislead_the_key_is_refused(given: str) -> None:
    """Whatever is not plainly Alma, https or this computer is refused in one sentence."""
    with pytest.raises(UsageError) as caught:
        resolve("", given)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "CANARY" not in sentence
    assert banned(re.sub(r"\w+://\S+|\bhttps?\b", "", sentence)) == []


def test_another_host_is_named_twice() -> None:
    """The key goes to a host that is not Alma's only where it is named as the gateway, by https."""
    base_url = "https://gateway.example.org/alma"
    assert resolve("", base_url, "Gateway.example.org ") == f"{base_url}/almaws/v1"
    for gateway in ("", "example.org", "https://gateway.example.org"):
        with pytest.raises(UsageError, match="ALMA_GATEWAY"):
            resolve("", base_url, gateway)
    with pytest.raises(UsageError, match="unencrypted"):
        resolve("", "http://gateway.example.org", "gateway.example.org")


def test_a_region_that_does_not_exist_is_refused() -> None:
    """The sentence names the regions that there are."""
    with pytest.raises(UsageError, match="na, eu, ap, aps, ca, cn") as caught:
        resolve("us")
    assert banned(str(caught.value)) == []


@pytest.mark.parametrize("host", ["127.1", "10.0.0.1", "::2", "localhost.", "example.org"])
def test_other_hosts_are_not_loopback(host: str) -> None:
    """Only 127.0.0.0/8, ::1 and localhost are this computer."""
    assert not is_loopback(host)


# ---- identifiers ----


@given(st.text(max_size=300))
@example("../conf/general")
@example("%2e%2e")
@example("a/b?c#d;e\\f")
@example("a。b")
def test_a_segment_is_one_segment_and_says_the_same(user_id: str) -> None:
    """Either it is refused, or the address has one step more, which reads back the same."""
    try:
        quoted = segment(user_id)
    except RefusedError:
        return
    url = httpx.URL(f"https://alma.example.org/almaws/v1/users/{quoted}")
    assert url.host == "alma.example.org"
    assert url.raw_path.decode("ascii") == f"/almaws/v1/users/{quoted}"
    assert quoted.count("/") == 0
    assert unquote(quoted) == user_id


MISLEADING = [
    ".",
    "..",
    "../conf/general",
    "%2e%2e",
    *(f"a{sign}b" for sign in r"/\?#;%／％"),
    "．．",
]


@pytest.mark.parametrize("user_id", ["", " ", "a\0b", "a\nb", *MISLEADING])
def test_what_could_lead_elsewhere_is_not_sent(user_id: str) -> None:
    """An identifier that could be taken for more than one step of a path is refused."""
    with pytest.raises(RefusedError) as refusal:
        segment(user_id)
    assert len(user_id) < 3 or user_id not in str(refusal.value)


@pytest.mark.parametrize("user_id", ["ana.nunez@example.org", "N-17_b+c", "José", "O 17", "王17"])
def test_usual_identifiers_are_sent(user_id: str) -> None:
    """Letters of any script, blanks inside and the signs of names and addresses stay."""
    assert unquote(segment(user_id)) == user_id


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=255))
def test_letters_and_digits_are_never_refused(user_id: str) -> None:
    """Identifiers in any script go through."""
    assert unquote(segment(user_id)) == user_id
