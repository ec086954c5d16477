"""Measure how this Alma behaves where nobody knows, with throw-away users on a sandbox environment.

Each experiment finds the value of one fact; the facts have the names of the practice Alma's
switches. The users have fixed IDs, so that the next run deletes what an interrupted one left.

One JSON object a line, in the order of the calls: `method`, `path` (without the query), `query`,
`sent`, `status`, `content_type`, `reply`. A reply is kept only if it cannot name a patron: it is
configuration, a refusal, or about users of the probe; other users are cut out of a list.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlencode

from importer.alma.client import Alma
from importer.alma.connection import Request
from importer.alma.doctor import READING, Body, UnclearError, code_in, json_in, why_unclear
from importer.alma.facts import Facts
from importer.alma.responses import Reply
from importer.errors import UsageError
from importer.model.files import hide


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


LAST_NAME, PRIMARY_ID = "Importerprobe", "importer-probe-{}"
NAMELESS = PRIMARY_ID.format("nameless")
"""The additional ID of the user whose primary ID Alma makes."""

USERS = 3  # at most N throw-away users exist at once; their IDs are numbered from 1

_LAG = 10  # seconds in which a new user should be in Alma's lists


@dataclass
class _Lab:
    """The throw-away users of one run, and the codes that they have.

    `groups`, `email_type` and `id_type` are codes of the institution; `external_id` is the code of
    its SIS profile.
    """

    alma: Alma
    groups: tuple[str, ...]
    email_type: str
    id_type: str
    external_id: str
    made: int = field(default=0, init=False)
    alive: set[str] = field(default_factory=set, init=False)

    def body(self, **changes: Any) -> Body:
        """Return a new Internal user that any Alma should accept; None leaves a field out."""
        self.made = self.made % USERS + 1
        whole: Body = {
            "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"},
            "primary_id": PRIMARY_ID.format(self.made),
            "first_name": "Delete",
            "last_name": LAST_NAME,
            "user_group": {"value": self.groups[0]},
            "contact_info": {"email": [self.email("a", preferred=True)]},
            **changes,
        }
        return {name: value for name, value in whole.items() if value is not None}

    def external(self, **changes: Any) -> Body:
        """Return a new External user."""
        kind = {"account_type": {"value": "EXTERNAL"}, "external_id": self.external_id}
        return self.body(**{**kind, **changes})

    def email(self, name: str, segment: str = "", *, preferred: bool = False) -> Body:
        """Return an email entry."""
        return {
            "email_address": f"importer-probe-{name}@example.org",
            "email_type": [{"value": self.email_type}],
            "preferred": preferred,
            **({"segment_type": segment} if segment else {}),
        }

    def identifier(self, value: str, **changes: str) -> Body:
        """Return an additional ID."""
        return {"id_type": {"value": self.id_type}, "value": f"importer-probe-{value}", **changes}

    async def call(self, method: str, path: str, body: str | None = None) -> Reply:
        """Make one call; the reply may be a refusal."""
        return await self.alma.call_once(method, path, body)

    async def post(self, body: Body) -> Reply:
        """Create a user, who is deleted at the end of the experiment."""
        self.alive.add(body.get("primary_id", NAMELESS))
        return await self.call("POST", "/users", json.dumps(body))

    async def create(self, body: Body) -> Body:
        """Create a user that must be accepted; return it as Alma stored it."""
        return _user(await self.post(body))

    async def put(self, user_id: str, body: Body) -> Reply:
        """Replace a user, who may get another primary ID."""
        self.alive.add(body["primary_id"])
        return await self.call("PUT", f"/users/{user_id}", json.dumps(body))

    async def changed(self, body: Body, **changes: Any) -> Body:
        """Create a user, replace it with these changes, and return it as it is then."""
        await self.create(body)
        whole = {name: one for name, one in {**body, **changes}.items() if one is not None}
        return _user(await self.put(body["primary_id"], whole))

    async def delete(self, *user_ids: str) -> None:
        """Delete users that may be there."""
        for user_id in user_ids:
            await self.call("DELETE", f"/users/{user_id}")
        self.alive.clear()


def _user(reply: Reply) -> Body:
    _taken(reply, "", "", "")
    return json_in(reply)


def _taken(reply: Reply, yes: str, no: str, *codes: str) -> str:
    """Return `yes` if the call was carried out, `no` if it was refused with one of the codes.

    Without codes any refusal counts. Raises UnclearError for another one.
    """
    code = code_in(reply)
    if code and codes and code not in codes:
        msg = f"Alma replied {code}"
        raise UnclearError(msg)
    return no if code else yes


def _values(user: Body, name: str, key: str) -> list[str]:
    rows = user.get(name) or user.get("contact_info", {}).get(name) or []
    return [str(row[key]) for row in rows]


Experiment: TypeAlias = Callable[[_Lab], Awaitable[str]]

_UNLIKELY: Mapping[str, tuple[Body, tuple[str, ...]]] = {
    "record-type": ({"record_type": None}, ("optional", "required", "401664")),
    "empty-user-group": ({"user_group": None}, ("accept", "refuse", "401852", "401664")),
    "external-id-check": (
        {"account_type": {"value": "EXTERNAL"}, "external_id": "IMPORTER-PROBE"},
        ("off", "on", "40166404", "401854"),
    ),
    "unlisted-codes": (
        {"gender": {"value": "IMPORTERPROBE"}}, ("accept", "refuse", "40166404", "401864"),
    ),
    "mandatory-email": ({"contact_info": None}, ("off", "on", "401664")),
    "force-false": ({"force_password_change": str(False).upper()}, ("accept", "refuse")),
    "blank-date": ({"birth_date": ""}, ("accept", "refuse")),
}  # fmt: skip
"""Facts that show when a user with these changes is created: what `_taken` returns."""


async def _unlikely(changes: Body, results: tuple[str, ...], lab: _Lab) -> str:
    return _taken(await lab.post(lab.body(**changes)), *results)


async def _generate_primary_id(lab: _Lab) -> str:
    body = lab.body(primary_id=None, user_identifier=[lab.identifier("nameless")])
    return _taken(await lab.post(body), "on", "off", "401664")


async def _identifier_case(lab: _Lab) -> str:
    both = [lab.identifier("case"), lab.identifier("CASE")]
    reply = await lab.post(lab.body(user_identifier=both))
    return _taken(reply, "sensitive", "insensitive", "4018994", "401851")


async def _inactive_identifiers(lab: _Lab) -> str:
    await lab.create(lab.body(user_identifier=[lab.identifier("old", status="INACTIVE")]))
    reply = await lab.call("GET", "/users/importer-probe-old")
    return _taken(reply, "resolve", "hide", "401861", "401890")


async def _unsent_segments(lab: _Lab) -> str:
    both = [lab.email("in", "Internal"), lab.email("ex", "External", preferred=True)]
    body = lab.external(contact_info={"email": both})
    after = await lab.changed(body, contact_info={"email": both[1:]})
    kept = "importer-probe-in@example.org" in _values(after, "email", "email_address")
    return "keep" if kept else "delete"


async def _unsent_lists(lab: _Lab) -> str:
    body = lab.body(user_identifier=[lab.identifier("list")])
    after = await lab.changed(body, user_identifier=None)
    return "keep" if _values(after, "user_identifier", "value") else "delete"


async def _internal_segments(lab: _Lab) -> str:
    entry = lab.identifier("segment", segment_type="External")
    user = await lab.create(lab.body(user_identifier=[entry]))
    kept = _values(user, "user_identifier", "segment_type") == ["External"]
    return "keep" if kept else "internal"


async def _sticky_blank(lab: _Lab) -> str:
    after = await lab.changed(lab.external(pref_first_name="Probe"), pref_first_name="")
    return "keep" if after.get("pref_first_name") else "clear"


async def _external_group(lab: _Lab) -> str:
    if len(lab.groups) < 2:
        msg = "the institution has only one user group that the probe may use"
        raise UnclearError(msg)
    after = await lab.changed(lab.external(), user_group={"value": lab.groups[1]})
    return "sticky" if after["user_group"]["value"] == lab.groups[1] else "kept"


async def _external_password(lab: _Lab) -> str:
    reply = await lab.post(lab.external(password=f"Probe {PRIMARY_ID}"))
    return _taken(reply, "ignore", "refuse")


async def _several_preferred(lab: _Lab) -> str:
    both = [lab.email("one", preferred=True), lab.email("two", preferred=True)]
    reply = await lab.post(lab.body(contact_info={"email": both}))
    if _taken(reply, "", "refuse", "40166404", "401664"):
        return "refuse"
    marks = _values(json_in(reply), "email", "preferred")
    if marks.count("True") != 1:
        msg = f"Alma replied {marks.count('True')} preferred emails"
        raise UnclearError(msg)
    return "first" if marks[0] == "True" else "last"


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


async def _get_pin(lab: _Lab) -> str:
    user = await lab.create(lab.body(pin_number="1234"))
    shown = _user(await lab.call("GET", f"/users/{user['primary_id']}"))
    return "show" if shown.get("pin_number") == "1234" else "hide"


async def _delete_policy(lab: _Lab) -> str:
    user = await lab.create(lab.body())
    await lab.delete(user["primary_id"])
    reply = await lab.call("GET", f"/users/{user['primary_id']}")
    return _taken(reply, "keep", "remove", "401861", "401890")


async def _bad_json(lab: _Lab) -> str:
    return code_in(await lab.post(lab.body(user_note={"note_text": "not a list"})))


async def _unknown_xml(lab: _Lab) -> str:
    fields = {**lab.body(contact_info=None), "importer_probe": "x"}
    lab.alive.add(fields["primary_id"])
    inside = "".join(
        f"<{name}>{value['value'] if isinstance(value, dict) else value}</{name}>"
        for name, value in fields.items()
    )
    reply = await lab.call("POST", "/users", f"<user>{inside}</user>")
    return "refuse" if code_in(reply) == "401676" else "ignore"


async def _modify_date_from(lab: _Lab) -> str:
    """Create a user, wait until Alma's list has it, and ask for users modified today.

    Alma's day is that of UTC or of the institution, taken to be this computer's: where they differ,
    nothing can be concluded. A list follows a write by some seconds.
    """
    today = datetime.now(UTC).date()
    if datetime.now().astimezone().date() != today:
        msg = "measure again when it is the same day here and in UTC"
        raise UnclearError(msg)

    user = await lab.create(lab.body())
    for _ in range(_LAG):
        found = json_in(await lab.call("GET", f"/users?q=primary_id~{user['primary_id']}"))
        same = (one for one in found.get("user") or () if one["primary_id"] == user["primary_id"])
        if any(one["status"]["value"] == user["status"]["value"] for one in same):
            today_only = f"/users?limit=1&modify_date_from={today}"
            listed = json_in(await lab.call("GET", today_only)).get("total_record_count")
            return "inclusive" if listed else "exclusive"
        await asyncio.sleep(1)
    msg = f"Alma's list did not have a new user after {_LAG} seconds"
    raise UnclearError(msg)


def _by_reading(read: Callable[[Alma], Awaitable[str]]) -> Experiment:
    return lambda lab: read(lab.alma)


EXPERIMENTS: Mapping[str, Experiment] = {
    **{name: partial(_unlikely, *one) for name, one in _UNLIKELY.items()},
    **{
        function.__name__.removeprefix("_").replace("_", "-"): function
        for function in (
            _generate_primary_id, _identifier_case, _inactive_identifiers, _unsent_segments,
            _unsent_lists, _internal_segments, _sticky_blank, _external_group, _external_password,
            _several_preferred, _put_roles, _rename_by_put, _get_pin, _delete_policy, _bad_json,
            _unknown_xml, _modify_date_from,
        )
    },
    **{name: _by_reading(read) for name, read in READING.items()},
}  # fmt: skip
"""By fact. A fact about staff's work or the SIS load cannot be measured through the API."""


async def probe(alma: Alma, external_id: str, report: Callable[[int, int], None]) -> Facts:
    """Measure the facts; `report` gets the number of experiments that are done, and of all.

    Raises UsageError unless the key belongs to a sandbox environment, and AlmaError.
    """
    institution = await alma.general()
    if institution.environment != "sandbox":
        msg = (
            f"This key belongs to the {institution.environment or 'unknown'} environment of "
            f"{institution.code}. The probe makes and deletes users, so it runs on a sandbox "
            "environment only. Set ALMA_API_KEY to a key of the sandbox."
        )
        raise UsageError(msg)
    lab = _Lab(
        alma,
        await _codes(alma, "UserGroups"),
        (await _codes(alma, "UserEmailTypes"))[0],
        (await _codes(alma, "UserIdentifierTypes"))[0],
        external_id,
    )
    await lab.delete(NAMELESS, *(PRIMARY_ID.format(number + 1) for number in range(USERS)))
    await _choose_groups(lab)
    facts: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for number, (name, experiment) in enumerate(EXPERIMENTS.items()):
        report(number, len(EXPERIMENTS))
        try:
            facts[name] = await experiment(lab)
        except (UnclearError, KeyError) as error:
            unclear[name] = why_unclear(error)
        finally:
            await lab.delete(*sorted(lab.alive))
    report(len(EXPERIMENTS), len(EXPERIMENTS))
    return Facts(
        institution=institution.code,
        environment=institution.environment,
        measured=datetime.now(UTC).date(),
        facts=facts,
        unclear=unclear,
    )


async def _choose_groups(lab: _Lab) -> None:
    """Keep two groups that users of the probe may have. Raises UsageError if there is none."""
    usable, refused = list[str](), ""
    for code in lab.groups[:20]:
        lab.groups = (code,)
        reply = await lab.post(lab.body())
        await lab.delete(*lab.alive)
        try:
            why = code_in(reply)
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
