"""No connection but loopback, in the server of a test and in the commands that it starts.

Python imports this module by itself where its folder is in PYTHONPATH. An attempt is written to
the file LOOPBACK_BROKEN and fails.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LOOPBACK = {None, "", "127.0.0.1", "::1", "localhost", b"127.0.0.1", b"localhost"}


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    match event, arguments:
        case "socket.connect" | "socket.sendto", (_, (host, *_)):
            pass
        case "socket.getaddrinfo" | "socket.gethostbyname", (host, *_):
            pass
        case _:
            return
    if host not in LOOPBACK:
        with Path(os.environ["LOOPBACK_BROKEN"]).open("a", encoding="utf-8") as file:
            file.write(f"{event} {host!r}\n")
        msg = f"only loopback: {host!r}"
        raise OSError(msg)


sys.addaudithook(_refuse)
