"""Requests of every shape: each gets an answer with a sentence, and none is a defect."""

from __future__ import annotations

import re
import socket

import httpx
import pytest

from importer.web.app import routes
from tests.web.conftest import SAMPLE, Server, drafted

NAMES = ["%00", "x" * 5000, "..", "%2e%2e", "%2F", "%F0%9F%98%80" * 80, "%ED%A0%80", "a%0Ab", "-1"]
BODIES = [
    ({"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"}, b"no gzip"),
    ({"Content-Encoding": "deflate", "Content-Type": "multipart/form-data; boundary=x"}, b"--x"),
    ({"Content-Type": "application/x-www-form-urlencoded; charset=nothing"}, b"a=1"),
    ({"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"}, b"a=\xd8"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, b"version=\xff\xfe%ff%00"),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nno header\r\n\r\n--x--"),
    ({"Content-Type": "multipart/form-data; boundary="}, b"--\r\n"),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nContent-Disposition: form-data; "
     b'name="version"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--\r\n'),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nContent-Disposition: form-data; "
     b'name="version"\r\nContent-Type: text/plain; charset=no\r\n\r\nx\r\n--x--\r\n'),
    ({"Content-Type": "application/json"}, b"{"),
    ({"Content-Type": "multipart/mixed; boundary=x"}, b"--x\r\nContent-Type: multipart/mixed; "
     b"boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--\r\n"),
]  # fmt: skip


def test_no_name_is_a_defect(opened: tuple[Server, httpx.Client]) -> None:
    """A name that no file can have, in each place of each address, is a page that is not there."""
    server, client = opened
    for route in routes(""):
        for field in re.findall(r"\{(\w+)\}", route.path):
            for name in NAMES:
                path = route.path.replace(f"{{{field}}}", name).replace("{place}", "practice")
                path = re.sub(r"\{\w+\}", "1", path)
                answer = _raw(server, client, route.method, path)
                assert answer in range(200, 500), (route.method, path[:80], answer)


def _raw(
    server: Server, client: httpx.Client, method: str, path: str, more: str = "", body: bytes = b""
) -> int:
    """The status of a request that is sent as it is."""
    host = server.origin.removeprefix("http://")
    name, cookie = next(iter(client.cookies.items()))
    head = (
        f"{method} {server.root}{path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {server.origin}\r\n"
        f"Cookie: {name}={cookie}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + body)
        return int(connection.recv(12).split()[1])


@pytest.mark.parametrize(("headers", "body"), BODIES)
def test_no_form_is_a_defect(
    opened: tuple[Server, httpx.Client], headers: dict[str, str], body: bytes
) -> None:
    """Whatever is sent in place of a form, to each address that takes one."""
    server, client = opened
    draft = drafted(client, "practice", SAMPLE, "community.yaml").rpartition("/")[2]
    more = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    for route in routes(""):
        if route.method == "POST":
            path = route.path.replace("{place}", "practice").replace("{draft}", draft)
            path = re.sub(r"\{\w+\}", "1", path)
            assert _raw(server, client, "POST", path, more, body) < 500, path


@pytest.mark.parametrize(
    "name", ["a\0b.csv", "😀" * 90 + ".csv", "ä" * 300 + ".xlsx", ".", " ", "\ud800"]
)
def test_no_file_name_is_a_defect(opened: tuple[Server, httpx.Client], name: str) -> None:
    """A roster with this name is read, or refused with a sentence."""
    _, client = opened
    part = name.encode("utf-8", "surrogatepass")
    body = b'--x\r\nContent-Disposition: form-data; name="roster"; filename="' + part
    body += b'"\r\n\r\nId\r\n1\r\n\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/practice/rosters", content=body, headers=headers)
    assert answer.status_code < 500
    if answer.status_code == 303:
        assert client.get(answer.headers["Location"]).status_code == 200


def test_the_address_of_a_form_is_a_page_with_a_sentence(
    opened: tuple[Server, httpx.Client],
) -> None:
    """Enter in the address bar after a refused form: never a bare 405."""
    _, client = opened
    for route in routes(""):
        path = re.sub(r"\{\w+\}", "1", route.path.replace("{place}", "practice"))
        if route.method == "POST" and not path.endswith(("/sheet", "/mapping", "/decisions")):
            answer = client.get(path)
            assert (answer.status_code, "<h1>" in answer.text) == (405, True), path
    answer = client.put("/practice/")
    assert (answer.status_code, "<h1>" in answer.text) == (405, True)
