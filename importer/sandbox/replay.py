"""Replay what another Alma replied to the probe: a file that `doctor --probe --record` wrote."""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from importer.errors import UsageError
from importer.sandbox.answers import error_answer, refusal
from importer.sandbox.gateway import ROOT, Handler

_LARGEST = 20_000_000  # bytes of a recording


class _Call(BaseModel):
    """What is replayed of a line; the query and what was sent are for people."""

    model_config = ConfigDict(frozen=True)

    method: str
    path: str
    status: int
    content_type: str
    reply: str


class Replay:
    """The recorded replies, by method and path, in the order of their calls."""

    def __init__(self, path: Path) -> None:
        """Read a recording. Raises UsageError if the file is none."""
        self._left: dict[tuple[str, str], deque[_Call]] = defaultdict(deque)
        try:
            with path.open("rb") as file:
                text = file.read(_LARGEST).decode("utf-8")
            for line in text.splitlines():
                call = _Call.model_validate_json(line)
                self._left[call.method, call.path].append(call)
        except (OSError, ValueError, ValidationError) as error:
            msg = f"{path}: this is not a recording; `importer doctor --probe --record` writes one"
            raise UsageError(msg) from error

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG002
        """Return the next recorded reply to such a call; 404 where none is left."""
        path, _, _ = request.raw_path.removeprefix(ROOT).partition("?")
        left = self._left[request.method, path]
        if not left:
            return error_answer(refusal("no_route"), xml=False)
        call = left.popleft()
        headers = {"Content-Type": call.content_type} if call.content_type else {}
        return web.Response(status=call.status, body=call.reply.encode(), headers=headers)
