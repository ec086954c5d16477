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


class Loopback(httpx.HTTPTransport):
    """Finds names under `localhost` by itself, as browsers do."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to this computer; its header Host stays."""
        url = request.url
        if url.host.endswith(".localhost"):
            url = url.copy_with(host="127.0.0.1")
        sent = httpx.Request(
            request.method,
            url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(sent)
