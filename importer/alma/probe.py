"""Measure what a plan depends on and nobody knows, with throw-away users of a sandbox environment.

Each experiment finds the value of one fact. The users have fixed IDs, so that the next run deletes
what an interrupted one left.

Alma's replies are kept: one JSON object a line, in the order of the calls: `method`, `path`,
`sent`, `status`, `content_type`, `reply`. A reply is kept only if it cannot name a patron: it is
configuration, a refusal, or a user of the probe.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from importer.advice import Do
from importer.alma.client import Alma
from importer.alma.connection import Request
from importer.alma.facts import MeasuredFacts
from importer.alma.responses import NOT_FOUND_CODES, Reply, judge
from importer.errors import RefusedError, UsageError
from importer.files import hide


def saved_call(request: Request, reply: Reply) -> str:
    """Return a call and what may be kept of its reply, as a line of the file."""
    call = {
        "method": request.method,
        "path": request.path,
        "sent": request.body or "",
        "status": reply.status,
        "content_type": reply.content_type,
        "reply": hide(_without_patrons(request, reply)),
    }
    return f"{json.dumps(call, ensure_ascii=False)}\n"


def _without_patrons(request: Request, reply: Reply) -> str:
    """Return a reply's body; blank if it shows a user that the probe did not make."""
    body = reply.body.decode("utf-8", "replace")
    if request.path.startswith("/conf/") or reply.status >= 300:
        return body
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    ours = isinstance(document, dict) and document.get("last_name") == LAST_NAME
    return body if ours else ""


LAST_NAME, PRIMARY_ID = "Importerprobe", "importer-probe-{}"

USERS = 2  # at most N throw-away users exist at once; their IDs are numbered from 1

Body: TypeAlias = "dict[str, Any]"  # JSON as Alma has it


class UnclearError(Exception):
    """An experiment had another result than any that it knows."""


@dataclass
class _Lab:
    """The throw-away users of one run, and the codes that they have.

    `groups` and `email_type` are codes of the institution; `external_id` is the code of its SIS
    profile.
    """

    alma: Alma
    groups: tuple[str, ...]
    email_type: str
    external_id: str
    made: int = field(default=0, init=False)
    alive: set[str] = field(default_factory=set, init=False)

    def body(self, **changes: Any) -> Body:
        """Return a new Internal user that any Alma should accept."""
        self.made = self.made % USERS + 1
        email: Body = {
            "email_address": "importer-probe@example.org",
            "email_type": [{"value": self.email_type}],
            "preferred": True,
        }
        return {
            "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"},
            "primary_id": PRIMARY_ID.format(self.made),
            "first_name": "Delete",
            "last_name": LAST_NAME,
            "user_group": {"value": self.groups[0]},
            "contact_info": {"email": [email]},
            **changes,
        }

    def external(self, **changes: Any) -> Body:
        """Return a new External user."""
        kind = {"account_type": {"value": "EXTERNAL"}, "external_id": self.external_id}
        return self.body(**kind, **changes)

    async def get(self, body: Body) -> Reply:
        """Ask for a user; the reply may be a refusal."""
        return await self.alma.call_once("GET", f"/users/{body['primary_id']}")

    async def post(self, body: Body) -> Reply:
        """Create a user, who is deleted at the end of the experiment."""
        self.alive.add(body["primary_id"])
        return await self.alma.call_once("POST", "/users", json.dumps(body))

    async def create(self, body: Body) -> Body:
        """Create a user that must be accepted; return it as Alma stored it."""
        return _user(await self.post(body))

    async def put(self, user_id: str, body: Body) -> Reply:
        """Replace a user, who may get another primary ID."""
        self.alive.add(body["primary_id"])
        return await self.alma.call_once("PUT", f"/users/{user_id}", json.dumps(body))

    async def changed(self, body: Body, **changes: Any) -> Body:
        """Create a user, replace it with these changes, and return it as it is then."""
        await self.create(body)
        return _user(await self.put(body["primary_id"], {**body, **changes}))

    async def delete(self, *user_ids: str) -> None:
        """Delete users that may be there."""
        for user_id in user_ids:
            await self.alma.call_once("DELETE", f"/users/{user_id}")
        self.alive.clear()


def _code_in(reply: Reply) -> str:
    """Return Alma's error code, "" if all was done. Raises UnclearError if neither is certain."""
    error = judge(reply, writes=False)
    if error is None or isinstance(error, RefusedError):
        return error.code if error else ""
    msg = f"Alma gave no clear reply (status {reply.status})"
    raise UnclearError(msg)


def _user(reply: Reply) -> Body:
    """Return the user in a reply. Raises UnclearError if there is none."""
    _taken(reply, "", "", "")
    try:
        document = json.loads(reply.body)
    except ValueError as error:
        msg = f"Alma replied status {reply.status} without JSON"
        raise UnclearError(msg) from error
    return document if isinstance(document, dict) else {}


def _taken(reply: Reply, yes: str, no: str, *codes: str) -> str:
    """Return `yes` if the call was carried out, `no` if it was refused with one of the codes.

    Without codes any refusal counts. Raises UnclearError for another one.
    """
    code = _code_in(reply)
    if code and codes and code not in codes:
        msg = f"Alma replied {code}"
        raise UnclearError(msg)
    return no if code else yes


async def _delete_policy(lab: _Lab) -> str:
    user = await lab.create(lab.body())
    await lab.delete(user["primary_id"])
    return _taken(await lab.get(user), "keep", "remove", *NOT_FOUND_CODES)


async def _external_group(lab: _Lab) -> str:
    if len(lab.groups) < 2:
        msg = "the institution has only one user group that the probe may use"
        raise UnclearError(msg)
    after = await lab.changed(lab.external(), user_group={"value": lab.groups[1]})
    return "sticky" if after["user_group"]["value"] == lab.groups[1] else "kept"


async def _get_pin(lab: _Lab) -> str:
    user = await lab.create(lab.body(pin_number="1234"))
    shown = _user(await lab.get(user))
    return "show" if shown.get("pin_number") == "1234" else "hide"


async def _mandatory_email(lab: _Lab) -> str:
    return _taken(await lab.post(lab.body(contact_info={})), "off", "on", "401664")


async def _put_roles(lab: _Lab) -> str:
    body = lab.body()
    user = await lab.create(body)
    roles = [{**role, "expiry_date": "2099-12-31Z"} for role in user["user_role"]]
    after = _user(await lab.put(body["primary_id"], {**body, "user_role": roles}))
    dates = {role.get("expiry_date", "")[:10] for role in after["user_role"]}
    return "replace" if dates == {"2099-12-31"} else "ignore"


async def _rename_by_put(lab: _Lab) -> str:
    old, new = lab.body(), lab.body()
    await lab.create(old)
    return _taken(await lab.put(old["primary_id"], new), "accept", "refuse")


async def _sticky_blank(lab: _Lab) -> str:
    after = await lab.changed(lab.external(pref_first_name="Probe"), pref_first_name="")
    return "keep" if after.get("pref_first_name") else "clear"


EXPERIMENTS: Mapping[str, Callable[[_Lab], Awaitable[str]]] = {
    "delete-policy": _delete_policy,
    "external-group": _external_group,
    "get-pin": _get_pin,
    "mandatory-email": _mandatory_email,
    "put-roles": _put_roles,
    "rename-by-put": _rename_by_put,
    "sticky-blank": _sticky_blank,
}
"""By fact: each returns its value."""


async def probe(
    alma: Alma,
    external_id: str,
    also_for: str,
    calls: list[str],
    report: Callable[[int, int], None],
) -> MeasuredFacts:
    """Measure the facts, which count for the institution `also_for`, too, unless it is blank.

    `calls` gets the lines of the file of calls, `report` the number of experiments that are done,
    and of all.

    Raises UsageError unless the key belongs to a sandbox environment, and AlmaError.
    """
    institution = await alma.general()
    if institution.environment != "sandbox":
        msg = (
            f"This key belongs to the {institution.environment or 'unknown'} environment of "
            f"{institution.code}. The probe makes and deletes users, so it runs on a sandbox "
            "environment only. Use a key of the sandbox."
        )
        raise UsageError(msg).advising(Do.SET_KEY)
    alma.heard = lambda request, reply: calls.append(saved_call(request, reply))
    lab = _Lab(
        alma,
        await _codes(alma, "UserGroups"),
        (await _codes(alma, "UserEmailTypes"))[0],
        external_id,
    )
    await lab.delete(*(PRIMARY_ID.format(number + 1) for number in range(USERS)))
    await _choose_groups(lab)
    facts: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for number, (name, experiment) in enumerate(EXPERIMENTS.items()):
        report(number, len(EXPERIMENTS))
        try:
            facts[name] = await experiment(lab)
        except (UnclearError, KeyError) as error:
            lacks = isinstance(error, KeyError)
            unclear[name] = f"Alma's reply has no {error}" if lacks else str(error)
        await lab.delete(*sorted(lab.alive))  # after Ctrl-C or an outage, the next probe does
    report(len(EXPERIMENTS), len(EXPERIMENTS))
    return MeasuredFacts(
        institution=institution.code,
        environment=institution.environment,
        measured=datetime.now(UTC).date(),
        facts=facts,
        unclear=unclear,
        also_for=also_for,
    )


async def _choose_groups(lab: _Lab) -> None:
    """Keep two groups that users of the probe may have. Raises UsageError if there is none."""
    usable, refused = list[str](), ""
    for code in lab.groups[:20]:
        lab.groups = (code,)
        reply = await lab.post(lab.body())
        await lab.delete(*lab.alive)
        try:
            why = _code_in(reply)
        except UnclearError as error:
            why = str(error)
        refused = why or refused
        usable += [] if why else [code]
        if len(usable) == 2:
            break
    lab.groups = tuple(usable)
    if not usable:
        msg = (
            f"Alma refuses the users of the probe ({refused}). Fields that your institution made "
            "mandatory are probably missing; make them optional in the sandbox environment."
        )
        raise UsageError(msg)


async def _codes(alma: Alma, table: str) -> tuple[str, ...]:
    """Return the codes of a table that are in use. Raises UsageError if there are none."""
    rows = tuple(row.code for row in await alma.code_table(table) or () if row.enabled)
    if not rows:
        msg = f"The code table {table} is empty, so no user can be made."
        raise UsageError(msg)
    return rows
