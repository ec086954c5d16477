"""Servers that tests bring along, in a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer
from threading import Thread

import httpx


@contextmanager
def serving(server: TCPServer) -> Iterator[str]:
    """Serve while the block lasts, then close the server; yield its host and port."""
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Below(httpx.HTTPTransport):
    """Sends requests below a secret path, and takes that out of the answers.

    So addresses are the same as behind a reverse proxy, where there is no such path.
    """

    def __init__(self, root: str) -> None:
        """Name the path, such as `/Zk3`."""
        super().__init__()
        self.root = root.encode()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; a redirect and a page come without the secret path."""
        path = request.url.raw_path
        if not path.startswith(self.root + b"/"):
            request.url = request.url.copy_with(raw_path=self.root + path)
        answer = super().handle_request(request)
        if "Location" in answer.headers:
            place = answer.headers["Location"].removeprefix(self.root.decode())
            answer.headers["Location"] = place
        if answer.headers.get("Content-Type", "").startswith(("text/html", "application/json")):
            content = answer.read().replace(self.root, b"")
            answer.headers["Content-Length"] = str(len(content))
            return httpx.Response(answer.status_code, headers=answer.headers, content=content)
        return answer
