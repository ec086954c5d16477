"""What networks and computers do to us, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import base64
import codecs
import gzip
import html
import json
import logging
import shutil
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.connection import ONE_RECORD, Timeouts, trusted
from importer.alma.pacing import RateLimiter
from importer.errors import RefusedError, UnavailableError, UnknownOutcomeError, UsageError
from importer.model.user import User
from tests.alma.fakes import KEY, Conversation, client, everything_said, listening

pytestmark = pytest.mark.anyio

USER = b'{"primary_id": "CANARYid"}'
GZIP = "Content-Encoding: gzip"
QUICK = Timeouts(connect=0.3, read=0.3, write=1, total=1)


@pytest.fixture
def anyio_backend() -> str:
    """Over sockets time is real."""
    return "asyncio"


def says(*pieces: bytes, pause: float = 0, noted: list[bytes] | None = None) -> Conversation:
    """Send these pieces, with a pause between them, and close; note the head of the request."""

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        if noted is not None:
            noted.append(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return talk


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def _read(talk: Conversation, timeouts: Timeouts | None = None) -> User | None:
    async with listening(talk) as address, client(address, timeouts) as alma:
        return await alma.get_user("CANARYid")


async def _write(talk: Conversation, timeouts: Timeouts | None = None) -> User:
    async with listening(talk) as address, client(address, timeouts) as alma:
        return await alma.create_user(User(primary_id="CANARYid"))


BROKEN = {
    "closed at once": says(),
    "closed within the head": says(b"HTTP/1.1 200 OK\r\nContent-"),
    "closed within the body": says(reply(USER)[:-5]),
    "not HTTP": says(b"hello\r\n\r\n"),
    "not gzip": says(reply(b"\x00\x01", "200 OK", GZIP)),
    "silent": says(b"", pause=5),
    "a slow drip": says(b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 100, pause=0.05),
    "far too large": says(reply(b" " * (ONE_RECORD + 1))),
    "a packed bomb": says(reply(gzip.compress(b" " * (ONE_RECORD + 1)), "200 OK", GZIP)),
    "packed and cut off": says(reply(gzip.compress(USER)[:-15], "200 OK", GZIP)),
    "the key in a record": says(reply(USER[:-1] + f', "last_name": "{KEY}"}}'.encode())),
    "packed twice": says(reply(gzip.compress(gzip.compress(USER)), "200 OK", f"{GZIP}, gzip")),
    "packed otherwise": says(reply(zlib.compress(USER), "200 OK", "Content-Encoding: deflate")),
    "a bomb": says(reply(b"", "200 OK", "Content-Length: 99999999999")),
}


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_conversation_is_unknown_for_a_write(talk: Conversation) -> None:
    """It was sent and no whole answer came. No error holds the key or the identifier."""
    with pytest.raises(UnknownOutcomeError) as caught:
        await _write(talk, QUICK)
    for text in everything_said(caught.value):
        assert KEY not in text
        assert "CANARYid" not in text


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_conversation_is_unavailable_for_a_read(talk: Conversation) -> None:
    """After a few attempts the read gives up; never is it "no such user"."""
    with pytest.raises(UnavailableError):
        await _read(talk, Timeouts(connect=1, read=0.1, write=1, total=0.2))


async def test_a_refused_connection_is_unavailable() -> None:
    """Nothing listens: nothing was sent, so nothing happened."""
    async with listening(says()) as address:
        pass
    async with client(address) as alma:
        with pytest.raises(UnavailableError) as caught:
            await alma.create_user(User(primary_id="CANARYid"))
    assert all(KEY not in text for text in everything_said(caught.value))


async def test_an_unknown_name_says_what_to_check() -> None:
    """A name that does not resolve is a matter of settings or of the network."""
    async with client("https://api.invalid/almaws/v1") as alma:
        with pytest.raises(UnavailableError, match="network"):
            await alma.get_user("1")


async def test_a_server_without_tls_is_unavailable() -> None:
    """Https to a plain server fails before anything is sent."""
    async with (
        listening(says(reply(USER))) as address,
        client(address.replace("http://", "https://"), QUICK) as alma,
    ):
        with pytest.raises(UnavailableError):
            await alma.create_user(User(primary_id="CANARYid"))


def _certificate(
    folder: Path, name: str = "127.0.0.1", issuer: tuple[Path, Path] | None = None
) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, or is another's, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    signer = ("-CA", str(issuer[0]), "-CAkey", str(issuer[1])) if issuer else ()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", *signer),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
async def test_a_certificate_is_always_checked(tmp_path: Path) -> None:
    """One that signs itself is refused in plain words, and taken only from a named bundle."""
    certificate, key = _certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)

    async def work(bundle: Path | None) -> None:
        async with listening(says(reply(USER)), server) as address:
            limiter = RateLimiter(1000)
            async with Alma(address, SecretStr(KEY), limiter, ca_bundle=bundle) as alma:
                await alma.create_user(User(primary_id="CANARYid"))

    with pytest.raises(UnavailableError, match="certificate cannot be trusted"):
        await work(None)
    await work(certificate)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
async def test_a_campus_certificate_that_issues_others_is_enough(tmp_path: Path) -> None:
    """As a network that opens all connections has one; Python's strict rules are not asked."""
    issuing = _certificate(tmp_path, "issuing", _certificate(tmp_path, "root"))
    certificate, key = _certificate(tmp_path, issuer=issuing)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    limiter = RateLimiter(1000)
    async with (
        listening(says(reply(USER)), server) as address,
        Alma(address, SecretStr(KEY), limiter, ca_bundle=issuing[0]) as alma,
    ):
        await alma.create_user(User(primary_id="CANARYid"))
    context = trusted(issuing[0])
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_mark_in_front_of_a_reply_does_not_count() -> None:
    """A byte order mark, as some gateways write it, before a user and before an error."""
    assert await _read(says(reply(codecs.BOM_UTF8 + USER))) is not None
    error = b'{"errorList": {"error": [{"errorCode": "401861"}]}}'
    assert await _read(says(reply(codecs.BOM_UTF8 + error, "400 Bad Request"))) is None


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"])
async def test_a_redirect_is_never_followed(status: str) -> None:
    """The key goes to no other place, and a write never turns into a read."""
    followed: list[bytes] = []
    async with listening(says(reply(USER), noted=followed)) as other:
        answer = reply(b"", status, f"Location: {other}/users/CANARYid")
        with pytest.raises(UnknownOutcomeError, match=r"redirects the calls to 127\.0\.0\.1"):
            await _write(says(answer))
    assert not followed


async def test_environment_and_netrc_have_no_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy in the environment gets nothing, and .netrc does not replace the key."""
    heads: list[bytes] = []
    proxied: list[bytes] = []
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login CANARY password CANARY\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with listening(says(noted=proxied)) as other:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, other.removesuffix("/almaws/v1"))
        await _read(says(reply(USER), noted=heads))
    assert not proxied
    (head,) = heads
    assert f"Authorization: apikey {KEY}\r\n".encode() in head
    assert b"Basic" not in head


async def test_a_named_proxy_is_asked_for_a_tunnel() -> None:
    """It learns the host, and neither the key nor the path; without it nothing is sent."""
    heads: list[bytes] = []
    async with listening(says(reply(b"", "502 Bad Gateway"), noted=heads)) as address:
        proxy = address.removesuffix("/almaws/v1")
        base_url = "https://api-na.example.org/almaws/v1"
        async with Alma(base_url, SecretStr(KEY), RateLimiter(1000), proxy=proxy) as alma:
            with pytest.raises(UnavailableError, match="the proxy"):
                await alma.get_user("CANARYid")
    assert heads[0].startswith(b"CONNECT api-na.example.org:443 ")
    assert not any(word in head for head in heads for word in (KEY.encode(), b"CANARYid"))


@pytest.mark.parametrize("proxy", ["proxy.example.org:3128", "socks5://127.0.0.1:1", "http://"])
def test_an_address_that_is_no_proxy_is_a_wrong_setting(proxy: str) -> None:
    """Only HTTP proxies are known."""
    with pytest.raises(UsageError, match="the proxy"):
        Alma("https://x.example.org", SecretStr(KEY), RateLimiter(1), proxy=proxy)


async def test_nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger open, no record holds the key or an identifier."""
    caplog.set_level(logging.DEBUG)
    await _read(says(reply(USER)))
    assert KEY not in caplog.text
    assert "CANARYid" not in caplog.text


@pytest.mark.parametrize("content", ["nothing", None])
def test_a_bundle_that_is_none_is_a_wrong_setting(tmp_path: Path, content: str | None) -> None:
    """The setting is named, and not its value: people have pasted their key there."""
    bundle = tmp_path / KEY
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(UsageError, match="ALMA_CA_BUNDLE") as refused:
        Alma("https://x.example.org", SecretStr(KEY), RateLimiter(1), ca_bundle=bundle)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("size", [1, 100_000, ONE_RECORD - 100])
async def test_a_packed_answer_is_unpacked(size: int) -> None:
    """Gzip, once, up to the size that is read."""
    body = json.dumps({"primary_id": "CANARYid", "last_name": "x" * size}).encode()
    user = await _read(says(reply(gzip.compress(body), "200 OK", GZIP)))
    assert user is not None
    assert len(user.last_name or "") == size


async def test_cookies_are_neither_kept_nor_sent() -> None:
    """A gateway cannot mark our calls."""
    heads: list[bytes] = []
    marked = reply(USER, "200 OK", "Set-Cookie: mark=CANARY; Path=/", "Connection: close")
    async with listening(says(marked, noted=heads)) as address, client(address) as alma:
        await alma.get_user("CANARYid")
        await alma.get_user("CANARYid")
    assert len(heads) == 2
    assert not any(b"cookie:" in head.lower() for head in heads)


def _half(key: str) -> str:
    """The key, its second half escaped as JSON may do it."""
    return key[:9] + "".join(f"\\u{ord(letter):04X}" for letter in key[9:])


def _packed(before: str, after: str = "") -> Callable[[str], str]:
    return lambda key: base64.b64encode(f"{before}{key}{after}".encode()).decode()


ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "the whole header": lambda key: f"Authorization: apikey {key} was refused",
    "in other letters": str.upper,
    "quoted for an address": lambda key: quote(key, safe=""),
    "quoted with small hex": lambda key: quote(key, safe="").lower(),
    "escaped for JSON": lambda key: json.dumps(key)[1:-1],
    "escaped for HTML": html.escape,
}
CODED: dict[str, Callable[[str], str]] = {
    "one character escaped": lambda key: key.replace("9", "\\u0039"),
    "half escaped": _half,
    "escaped twice": lambda key: _half(key).replace("\\", "\\\\"),
    "HTML numbers": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "every character quoted": lambda key: "".join(f"%{ord(letter):02x}" for letter in key),
    "base64": _packed(""),
    "base64 of the header": _packed("apikey "),
    "base64 of headers": _packed("Authorization: apikey ", "\r\nAccept: */*"),
    "base64 at another place": _packed("1"),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(f"?{key}?".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "large hexadecimal": lambda key: key.encode().hex().upper(),
}


async def _refused(said: str, key: str = KEY) -> RefusedError:
    """What becomes of an error whose text, as JSON has it, repeats the key."""
    error = f'{{"errorCode": "401652", "errorMessage": "No: {said}", "trackingId": "{said}"}}'
    body = f'{{"errorsExist": true, "errorList": {{"error": [{error}]}}}}'.encode()
    async with (
        listening(says(reply(body, "400 Bad"))) as address,
        Alma(address, SecretStr(key), RateLimiter(1000)) as alma,
    ):
        with pytest.raises(RefusedError) as caught:
            await alma.create_user(User(primary_id="CANARYid"))
    assert caught.value.said.startswith("No: ")
    return caught.value


@pytest.mark.parametrize("key", [KEY, "l8xx&\"<CANARY>/+='0123456789abcdef"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
async def test_a_gateway_that_repeats_the_key_is_not_repeated(
    echo: Callable[[str], str], key: str
) -> None:
    """Whatever form it has, it is in nothing that comes out of the client."""
    said = echo(key)
    shown = "".join(everything_said(await _refused(json.dumps(said)[1:-1], key)))
    assert said.replace("Authorization: apikey ", "").replace(" was refused", "") not in shown


@pytest.mark.parametrize("echo", CODED.values(), ids=CODED.keys())
async def test_a_key_is_hidden_after_a_reply_is_decoded(echo: Callable[[str], str]) -> None:
    """However a gateway writes it, neither the key nor what it is decoded from is left."""
    said = echo(KEY)
    shown = (await _refused(said)).said
    decoded = html.unescape(unquote(shown.replace("\\\\", "\\")))
    assert KEY.lower() not in decoded.lower()
    longest = SequenceMatcher(None, shown, said, autojunk=False).find_longest_match()
    assert longest.size < len(said) * 0.7
    assert "[hidden]" in shown


@pytest.mark.parametrize("name", ["one character escaped", "half escaped", "base64", "hexadecimal"])
async def test_a_success_with_a_coded_key_is_not_taken(name: str) -> None:
    """A record with it would be stored."""
    body = f'{{"primary_id": "CANARYid", "last_name": "{CODED[name](KEY)}"}}'
    with pytest.raises(UnavailableError, match="repeats the API key"):
        await _read(says(reply(body.encode())))


@cache
def _zeros(codings: int) -> bytes:
    """300 MB of zeros, packed so many times."""
    if codings > 1:
        return gzip.compress(_zeros(codings - 1))
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(bytes(1_000_000)) for _ in range(300)]
    return b"".join((*pieces, packer.flush()))


@pytest.mark.parametrize("codings", [1, 2, 6])
async def test_a_reply_that_unpacks_to_much_takes_little_memory(codings: int) -> None:
    """Any number of codings: it is an outage, after a few megabytes."""
    many = f"Content-Encoding: {', '.join(['gzip'] * codings)}"
    bomb = reply(_zeros(codings), "200 OK", many)
    tracemalloc.start()
    try:
        with pytest.raises(UnavailableError):
            await _read(says(bomb))
        assert tracemalloc.get_traced_memory()[1] < 10 * ONE_RECORD
    finally:
        tracemalloc.stop()
