"""What an Alma replied to the probe, in a file without patrons, which the practice Alma replays.

One JSON object a line, in the order of the calls: `method`, `path` (without the query), `query`,
`sent`, `status`, `content_type`, `reply`. A reply is kept only if it cannot name a patron: it is
configuration, a refusal, or about users of the probe; other users are cut out of a list.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from importer.alma.connection import Request
from importer.alma.probe import LAST_NAME
from importer.alma.responses import Reply
from importer.model.redaction import hide


class Recording:
    """The calls so far, as lines of the file."""

    def __init__(self) -> None:
        """Start without calls."""
        self.lines: list[str] = []

    def add(self, request: Request, reply: Reply) -> None:
        """Keep a call and what may be kept of its reply."""
        call = {
            "method": request.method,
            "path": request.path,
            "query": urlencode(request.params),
            "sent": request.body or "",
            "status": reply.status,
            "content_type": reply.content_type,
            "reply": hide(_without_patrons(request, reply)),
        }
        self.lines.append(json.dumps(call, ensure_ascii=False))

    def text(self) -> str:
        """Return the file."""
        return "".join(f"{line}\n" for line in self.lines)


def _without_patrons(request: Request, reply: Reply) -> str:
    """Return a reply's body, or what is left of it without users that the probe did not make."""
    body = reply.body.decode("utf-8", "replace")
    if request.path.startswith("/conf/") or reply.status >= 300:
        return body
    try:
        document = json.loads(body)
    except ValueError:
        return "<users/>" if body.lstrip().startswith("<") else ""
    if request.path != "/users" or request.method != "GET":
        return body if _is_ours(document) else ""
    if not isinstance(document, dict):
        return ""
    kept = {name: document[name] for name in ("user", "total_record_count") if name in document}
    listed = kept.get("user")
    if listed is not None and not _is_ours(listed):  # a single one may come without a list
        kept["user"] = [one for one in listed if _is_ours(one)] if isinstance(listed, list) else []
    return json.dumps(kept, ensure_ascii=False)


def _is_ours(document: Any) -> bool:
    return isinstance(document, dict) and document.get("last_name") == LAST_NAME
