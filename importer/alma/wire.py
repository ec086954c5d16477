"""One call over HTTP: out goes a request, back comes what became of it, as a value.

Nothing is raised for what a network does, so no exception ever holds a request, its key or its
path. Environment variables and `.netrc` have no say, redirects are not followed, certificates
are always checked, and a body is counted while it comes.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from pydantic import SecretStr

from importer.alma.answers import Answer, Lost, NotSent, Outcome
from importer.errors import AccessError, RefusedError, UsageError
from importer.model.files import read_bounded

# Both write addresses to their logs, and with them a patron's identifier.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

MEGABYTE = 1_000_000
ONE_RECORD = 5 * MEGABYTE
MANY_RECORDS = 64 * MEGABYTE
"""The largest bodies that are read. 100 whole users are a few megabytes at most."""

CA_BUNDLE = 5 * MEGABYTE
"""The largest file of certificates that is read."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of the answer, to send, and for the whole call."""

    connect: float = 5
    read: float = 60
    write: float = 30
    total: float = 120


@dataclass(frozen=True, slots=True)
class Request:
    """A call: its method, its path under the API's address, already quoted, and what goes along.

    `harmless` marks a POST that changes nothing. What may name a person is kept out of the repr.
    """

    method: str
    path: str = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    body: str | None = field(default=None, repr=False)
    largest: int = ONE_RECORD
    harmless: bool = False

    @property
    def writes(self) -> bool:
        """May it change something in Alma?"""
        return self.method != "GET" and not self.harmless


class Wire:
    """A connection to one address, with the key in its header and nowhere else."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ca_bundle: Path | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Check the key's form, so that no library ever complains of it in clear."""
        secret = key.get_secret_value()
        if not secret:
            msg = "No API key is set; set ALMA_API_KEY to a key with the areas Users and Conf."
            raise AccessError(msg)
        if any(not "!" <= letter <= "~" for letter in secret):
            msg = "ALMA_API_KEY holds a blank or a sign that no key has; copy the key again."
            raise AccessError(msg)
        self._base_url = base_url.rstrip("/")
        self._timeouts = timeouts or Timeouts()
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=_trusted(ca_bundle),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(
                connect=self._timeouts.connect,
                read=self._timeouts.read,
                write=self._timeouts.write,
                pool=None,  # the governor says how many calls there are
            ),
            limits=httpx.Limits(max_connections=None, keepalive_expiry=4),
            headers={
                "Authorization": f"apikey {secret}",
                "Accept": "application/json",
                "User-Agent": "alma-roster-importer",
            },
        )

    def __repr__(self) -> str:
        """Name the address, never the key."""
        return f"Wire({self._base_url!r})"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, request: Request) -> Outcome:
        """Send one request, once, and give what became of it.

        Raises RefusedError where the path is not what was meant; nothing is sent then.
        """
        content = None if request.body is None else request.body.encode()
        built = self._client.build_request(
            request.method,
            f"{self._base_url}{request.path}",
            params=dict(request.params) or None,
            content=content,
            headers={} if content is None else {"Content-Type": "application/json"},
        )
        meant = httpx.URL(self._base_url).raw_path + request.path.encode("ascii")
        if built.url.raw_path.partition(b"?")[0] != meant:
            msg = "An identifier leads to another place in Alma than its record; nothing was sent."
            raise RefusedError(msg)
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._exchange(built, request.largest)
        except TimeoutError:
            return Lost("Alma took too long to answer")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return NotSent(_why(error))
        except httpx.TimeoutException:
            return Lost("Alma took too long to answer")
        except (httpx.TransportError, OSError):
            return Lost("the connection broke before the answer was here")
        except httpx.DecodingError:
            return Lost("the answer was damaged on its way")

    async def _exchange(self, request: httpx.Request, largest: int) -> Outcome:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > largest:
                    return Lost("the answer is far larger than any of Alma's")
        finally:
            await response.aclose()
        header = response.headers
        return Answer(
            status=response.status_code,
            body=bytes(body),
            content_type=header.get("Content-Type", ""),
            retry_after=header.get("Retry-After", ""),
            date=header.get("Date", ""),
            location=header.get("Location", ""),
            remaining=header.get("X-Exl-Api-Remaining", ""),
        )


def _trusted(ca_bundle: Path | None) -> ssl.SSLContext | bool:
    if ca_bundle is None:
        return True
    certificates = read_bounded(ca_bundle, CA_BUNDLE).decode("ascii", "ignore")
    try:
        return ssl.create_default_context(cadata=certificates or "empty")
    except ssl.SSLError:
        msg = f"{ca_bundle}: no certificates (PEM) can be read from this file."
        raise UsageError(msg) from None


def _why(error: httpx.TransportError) -> str:
    """The cause in a librarian's words; the library's own text is looked at, never shown."""
    text = str(error).lower()
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection within the time allowed; check the network"
    if "certificate" in text or "ssl" in text or "tls" in text:
        return "its certificate cannot be trusted; ask your network's administrators"
    if "name" in text or "nodename" in text or "getaddrinfo" in text:
        return "its name is not known here; check ALMA_REGION or ALMA_BASE_URL and the network"
    return "no connection; check the network"
