"""Users of a campus who are to be retired: how each kind is made, and what must become of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.pipeline.runs import ROOT
from tests.practice import call
from tests.sheets import write_csv

Call = Callable[[str, str, object], object]
"""A call to the practice Alma: the method, the path, and a body."""


def caller(host: str) -> Call:
    """Return a function that calls the practice Alma at this address."""
    return partial(call, host)


PAGE = (ROOT / "docs" / "howto" / "retire.md").read_text("utf-8")
LEAVERS, JOB, RETIRE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
"""The mappings and the job of the how-to."""

MAPPING = """version: 1
name: retire
account_type: INTERNAL
roster: {{dates: ymd}}
match:
  new: reject
  retire:
    among: {{user_group: [COMM]}}
    if_open: {if_open}
    do: {do}
    set:
      expiry_date: <@today>
      status: INACTIVE
      user_note:
        - note_type: LIBRARY
          note_text: Retired on <@today>
    patron_role: {{expiry: <@today>}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  birth_date: <Born>
"""

STAFF = {
    "status": {"value": "ACTIVE"},
    "scope": {"value": "01SANDBOX_INST"},
    "role_type": {"value": "221"},
}
PATRON = {**STAFF, "role_type": {"value": "200"}}


@dataclass(frozen=True)
class Kind:
    """A kind of user: what is made before the plan, what staff do after it, and what becomes of it.

    `reason`: a word of the message of a row that is held by the plan. `result`: where the user is
    deleted, "" if the plan holds the row.
    """

    result: str
    reason: str = ""
    before: Callable[[Call, str], object] = lambda call, user: None  # noqa: ARG005
    after: Callable[[Call, str], object] = lambda call, user: None  # noqa: ARG005


def _loans(call: Call, user: str) -> object:
    return call("POST", f"/_sandbox/users/{user}/loans", {"loans": 1})


def _requests(call: Call, user: str) -> object:
    return call("POST", f"/_sandbox/users/{user}/loans", {"requests": 2})


def _fees(call: Call, user: str) -> object:
    fee = {"type": {"value": "OVERDUEFINE"}, "original_amount": 5}
    return call("POST", f"/almaws/v1/users/{user}/fees", fee)


def _staff(call: Call, user: str) -> object:
    return call("PATCH", f"/_sandbox/users/{user}", {"user_role": [PATRON, STAFF]})


def _proxy(call: Call, user: str) -> object:
    return call("PATCH", f"/_sandbox/users/{user}", {"proxy_for_user": [{"primary_id": "SPONSOR"}]})


def _changed(**fields: object) -> Callable[[Call, str], object]:
    return lambda call, user: call("PATCH", f"/_sandbox/users/{user}", fields)


NOTE = {"note_type": {"value": "LIBRARY"}, "note_text": "Seen at the desk"}

_STRANGER = _changed(first_name="Zed", last_name="Quux", birth_date="1931-12-24Z")


def _deleted(call: Call, user: str) -> object:
    return call("DELETE", f"/almaws/v1/users/{user}", None)


KINDS: dict[str, Kind] = {
    "free": Kind("deleted"),
    "noted": Kind("deleted", before=_changed(user_note=[NOTE])),
    "loans": Kind("", "1 loan", _loans),
    "requests": Kind("", "2 requests", _requests),
    "fees": Kind("", "fees", _fees),
    "staff": Kind("", "staff roles", _staff),
    "proxy": Kind("", "proxy", _proxy),
    "current": Kind("", "not expired", _changed(expiry_date="2099-01-31Z")),
    "group": Kind("", "FRIEND", _changed(user_group={"value": "FRIEND"})),
    "linked": Kind("", "another institution"),
    "namesake": Kind("", "neither name agrees", _STRANGER),
    "unknown": Kind("", "not in Alma"),
    "lends": Kind("held", after=_loans),
    "pays": Kind("held", after=_fees),
    "hired": Kind("held", after=_staff),
    "edited": Kind("held", after=_changed(user_note=[NOTE])),
    "renewed": Kind("held", after=_changed(expiry_date="2099-01-31Z")),
    "gone": Kind("was_gone", after=_deleted),
}  # fmt: skip


def record(user: str, number: int) -> dict[str, Any]:
    """A patron whose membership ended."""
    return {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": user,
        "first_name": f"Given{number}",
        "last_name": f"Quill{number}",
        "birth_date": f"19{50 + number % 50}-03-{1 + number % 28:02}Z",
        "expiry_date": "2020-01-31Z",
        "user_group": {"value": "COMM"},
        "contact_info": {
            "email": [
                {
                    "email_address": f"{user.lower()}@example.org",
                    "email_type": [{"value": "personal"}],
                    "preferred": True,
                }
            ]
        },
    }


def people(count: int) -> Iterator[tuple[str, int, str]]:
    """So many users in turn of each kind: the primary ID, a number, and the kind."""
    kinds = [*KINDS, *["free"] * 6]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield f"{kind.upper()}{number}", number, kind


def fill(call: Call, everybody: list[tuple[str, int, str]]) -> None:
    """Make them in Alma, as they are when the plan is made."""
    call("POST", "/almaws/v1/users", record("SPONSOR", 7) | {"last_name": "Sponsor"})
    for user, number, kind in everybody:
        if kind != "unknown":
            source = "?source_institution_code=01OTHER&source_user_id=" + user
            call(
                "POST",
                f"/almaws/v1/users{source if kind == 'linked' else ''}",
                record(user, number),
            )
            KINDS[kind].before(call, user)


def write(
    folder: Path, everybody: list[tuple[str, int, str]], do: str, if_open: str = "hold"
) -> Path:
    """The roster of all of them, and the mapping and codes beside it."""
    (folder / "retire.yaml").write_text(MAPPING.format(do=do, if_open=if_open), "utf-8")
    tables = {"tables": {"UserGroups": {"COMM": "Community", "FRIEND": "Friend"}}}
    (folder / "codes.json").write_text(json.dumps(tables), "utf-8")
    rows = [("Id", "First", "Last", "Born")]
    for user, number, _ in everybody:
        one = record(user, number)
        rows.append((user, one["first_name"], one["last_name"], one["birth_date"][:-1]))
    return write_csv(folder / "retire.csv", rows)
