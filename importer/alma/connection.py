"""One call over HTTP: its address, and its result as a value.

Nothing is raised for what a network does, so no exception contains a request, its key or its path.
Environment variables and `.netrc` are ignored, redirects are not followed, certificates are always
checked, cookies are not kept, and the size of a body is limited as sent and as unpacked. A success
that repeats the API key is not Alma's; in errors it is hidden after they are decoded.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import ipaddress
import logging
import ssl
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import truststore
from pydantic import SecretStr

from importer.advice import REGIONS, Do
from importer.alma.responses import CallResult, NotSent, Reply, ReplyLost
from importer.errors import AccessError, RefusedError, UnreadableFileError, UsageError
from importer.files import add_secret, hide, read_bounded, repeats
from importer.model.fields import FIELDS
from importer.model.text import steering

API_PATH = "/almaws/v1"

HOSTS = {
    code: f"api-{code}.hosted.exlibrisgroup.com{'.cn' if code == 'cn' else ''}" for code in REGIONS
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
        msg = "No region is set for Alma yet."
        raise UsageError(msg).advising(Do.SET_ADDRESS).advising(Do.SET_KEY)
    host = HOSTS.get(region.strip().lower())
    if host is None:
        msg = f"Alma's region is not one of {', '.join(REGIONS)}."
        raise UsageError(msg).advising(Do.SET_ADDRESS)
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
        parts, port = urlsplit(text), urlsplit(text).port
    except ValueError:
        parts, port = urlsplit(""), None
    host, path = parts.hostname or "", parts.path.rstrip("/").removesuffix(API_PATH)
    leads_away = {".", ".."} & set(path.split("/")) or "//" in path or "/almaws" in path
    flaws = {
        "contains a character that no address of Alma has": any(
            not "!" <= letter <= "~" or letter == "\\" for letter in text
        ),
        "is not written like https://host": parts.scheme not in {"https", "http"} or not host,
        "spells a host in a way that could hide another one": (
            host.endswith(".") or "%" in host or any(p.startswith("xn--") for p in host.split("."))
        ),
        "names a host that is not one of Alma's API, so the key is not sent there": host
        not in {*HOSTS.values(), gateway}
        and not is_loopback(host),
        "would send the key unencrypted; use https://": (
            parts.scheme == "http" and not is_loopback(host)
        ),
        "names a port that Ex Libris' hosts do not use": (
            host in HOSTS.values() and port not in {None, 443}
        ),
        "has more than a scheme and a host; give these only": (
            any(sign in f"{parts.netloc}{path}" for sign in "@%")
            or any(sign in text for sign in "?#")
            or leads_away
        ),
    }
    for flaw in (words for words, holds in flaws.items() if holds):
        # The address itself is not repeated: it may hold a password.
        msg = f"Alma's address {flaw}."
        raise UsageError(msg).advising(Do.SET_ADDRESS)
    return f"{parts.scheme}://{parts.netloc.lower()}{path}{API_PATH}"


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
    if len(text) > FIELDS["primary_id"].facts.length:
        msg = "The ID is longer than Alma's 255 characters. Nothing was sent."
        raise RefusedError(msg)
    return quote(text, safe="")


# Both write addresses to their logs, and with them a patron's identifier.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

ONE_RECORD, MANY_RECORDS = 5_000_000, 64_000_000
"""The largest bodies that are read, in bytes. 100 whole users are a few megabytes at most."""

CA_BUNDLE = 5_000_000  # the largest file of certificates that is read, in bytes

_DAMAGED = ReplyLost("the reply was damaged on its way")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of the answer, to send, and for the whole call."""

    connect: float = 5
    read: float = 60
    write: float = 30
    total: float = 120


@dataclass(frozen=True, slots=True)
class Request:
    """A call: method, quoted path under the API's address, query and body.

    `harmless` marks a POST that changes nothing; `success` is the only status that counts as
    success, if there is only one. `leaving` is called just before it is sent, each time, and may
    raise to stop it. What may name a person is kept out of the repr.
    """

    method: str
    path: str = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    body: str | None = field(default=None, repr=False)
    largest: int = ONE_RECORD
    harmless: bool = False
    success: int | None = None
    leaving: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    @property
    def writes(self) -> bool:
        """Whether it may change something in Alma."""
        return self.method != "GET" and not self.harmless


class Connection:
    """A connection to one address, with the key in its header and nowhere else."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_bundle: Path | None = None,
        proxy: str = "",
        timeouts: Timeouts | None = None,
    ) -> None:
        """Check the key's form, so that no library ever complains of it in clear.

        `proxy` is the address of a proxy; this computer is reached without it.
        """
        secret = key.get_secret_value()
        if not secret:
            msg = "No API key is set."
            raise AccessError(msg).advising(Do.SET_KEY)
        if any(not "!" <= letter <= "~" for letter in secret):
            msg = "The API key has a space or a character that no key has. Copy the key again."
            raise AccessError(msg).advising(Do.SET_KEY)
        self._base_url = base_url.rstrip("/")
        self._key = secret
        self._settings = f"the region or address{', and the proxy' if proxy else ''}"
        add_secret(secret)
        self._timeouts = timeouts or Timeouts()
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=trusted(ca_bundle),
            proxy=None if is_loopback(httpx.URL(base_url).host) else _proxy(proxy),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(
                connect=self._timeouts.connect,
                read=self._timeouts.read,
                write=self._timeouts.write,
                pool=None,  # the limiter says how many calls there are
            ),
            limits=httpx.Limits(max_connections=None, keepalive_expiry=4),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "Authorization": f"apikey {secret}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "alma-roster-importer",
            },
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, request: Request) -> CallResult:
        """Send one request, once. Raises RefusedError if the path is not what was meant."""
        built = self._client.build_request(
            request.method,
            f"{self._base_url}{request.path}",
            params=dict(request.params) or None,
            content=request.body,
            headers={"Content-Type": "application/json"} if request.body is not None else None,
        )
        meant = httpx.URL(self._base_url).raw_path + request.path.encode("ascii")
        if built.url.raw_path.partition(b"?")[0] != meant:
            msg = "This ID would lead to another place in Alma than its record. Nothing was sent."
            raise RefusedError(msg)
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._exchange(built, request.largest)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            address = httpx.URL(self._base_url).netloc.decode()
            return NotSent(f"{address}: {_why(error, self._settings)}")
        except (TimeoutError, httpx.TimeoutException):
            return ReplyLost("Alma took too long to reply")
        except (httpx.RequestError, OSError):
            return ReplyLost("the connection broke before the reply arrived")

    async def _exchange(self, request: httpx.Request, largest: int) -> CallResult:
        response = await self._client.send(request, stream=True)
        header = response.headers
        try:
            body = await _read_body(response, largest)
        finally:
            await response.aclose()
        if isinstance(body, ReplyLost):
            return body
        if response.is_success and repeats(body, self._key):
            return ReplyLost("the reply repeats the API key, so it is not Alma's")

        def shown(name: str) -> str:
            return hide(header.get(name, ""))

        return Reply(
            status=response.status_code,
            body=body,
            content_type=shown("Content-Type"),
            retry_after=shown("Retry-After"),
            date=shown("Date"),
            location=shown("Location"),
            remaining=shown("X-Exl-Api-Remaining"),
        )


async def _read_body(response: httpx.Response, largest: int) -> bytes | ReplyLost:
    """Return the body, of at most `largest` bytes, unpacked here: httpx would unpack any size."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        return ReplyLost("the reply is packed in a way that was not asked for")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if "gzip" in coding else None  # gzip only
    body, received = bytearray(), 0
    async for piece in response.aiter_raw():
        received += len(piece)
        if unpacker is None:
            body += piece
        else:
            try:
                body += unpacker.decompress(piece, largest + 1 - len(body))
            except zlib.error:
                return _DAMAGED
        if max(received, len(body)) > largest:
            return ReplyLost("the reply is far larger than any of Alma's")
    if unpacker is not None and received and not unpacker.eof:
        return _DAMAGED
    return bytes(body).removeprefix(codecs.BOM_UTF8)


_NO_BUNDLE = "No certificates (PEM) can be read from the file that the setting names."
"""Without the value: people have pasted their key there."""


def trusted(ca_bundle: Path | None) -> ssl.SSLContext:
    """Return the certificates to trust: those of this computer, or of a file instead.

    One that only issues others is enough. The strict rules of `ssl.create_default_context` from
    Python 3.13 on would refuse what many a campus makes. Raises UsageError where the file has none.
    """
    if ca_bundle is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        certificates = read_bounded(ca_bundle, CA_BUNDLE).decode("ascii", "ignore")
    except UnreadableFileError:
        raise UsageError(_NO_BUNDLE).advising(Do.SET_CERTIFICATES) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=certificates or "empty")
    except ssl.SSLError:
        raise UsageError(_NO_BUNDLE).advising(Do.SET_CERTIFICATES) from None
    return context


def _proxy(address: str) -> httpx.Proxy | None:
    """Return the proxy of an address; None without one. Raises UsageError for another address."""
    if not address:
        return None
    with contextlib.suppress(httpx.InvalidURL):
        url = httpx.URL(address)
        if url.scheme in {"http", "https"} and url.host and url.path in {"", "/"}:
            return httpx.Proxy(url)
    msg = "The address of the proxy is not one."
    raise UsageError(msg).advising(Do.SET_PROXY)


def _why(error: httpx.TransportError, settings: str) -> str:
    """The cause for a librarian, without the library's own text; `settings` have the address."""
    text = str(error).lower()
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection within the time limit; check the network"
    if "certificate" in text or "ssl" in text or "tls" in text:
        return "its certificate cannot be trusted; ask your network's administrators"
    if "name" in text or "nodename" in text or "getaddrinfo" in text:
        return f"its host name is not known; check {settings}, and the network"
    return (
        f"no connection; check the network and {settings}, and whether the practice "
        "Alma runs if you use it"
    )
