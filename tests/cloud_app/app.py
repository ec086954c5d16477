"""What Ex Libris' Cloud App, the CSV User Loader (version of January 2026), does with a row.

Its defects are included: the n-th filled cell of a field goes to the n-th entry of its list, and a
known user's lists are replaced as a whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from importer.suggest.user_loader_profile import Profile

Record = dict[str, Any]
"""A user record as JSON."""


class AppFailureError(Exception):
    """The app does not send a row; its text is the reason."""


_INDEX = re.compile(r"\[\d*\]")


def app_record(profile: Profile, row: Mapping[str, str]) -> Record:
    """Return the record that the app makes of a row, by heading, with the app's own defects.

    A heading feeds the first line of the profile that names it. The n-th filled cell of a field
    goes to the n-th entry, whichever column it is from; so do defaults, where nothing is there.
    Raises AppFailureError: the app of 2026 stops at an address or email without a phone.
    """
    flat: dict[str, object] = {}
    for heading, text in row.items():
        item = next((item for item in profile.fields if item.header == heading), None)
        if item is not None and text:
            filled = sum(_INDEX.sub("[]", path) == item.name for path in flat)
            flat[item.name.replace("[]", f"[{filled}]")] = {"true": True, "false": False}.get(
                text, text
            )
    seen: Counter[str] = Counter()
    for item in profile.fields:
        if item.default:
            path = item.name.replace("[]", f"[{seen[item.name]}]")
            seen[item.name] += 1
            flat[path] = flat.get(path) or item.default
    record = _nested(flat)
    contact: Record = record.get("contact_info", {})
    for name in ("address", "email", "phone"):
        for entry in contact.get(name, ())[:1]:
            entry["preferred"] = True
    if contact:
        if not contact.get("phone"):
            msg = "the app stops before the first row: this row has contact data but no phone"
            raise AppFailureError(msg)
        contact["phone"][0]["preferred_sms"] = True
    return {**record, "account_type": {"value": profile.account_type}}


def _nested(flat: Mapping[str, object]) -> Record:
    """The record of paths such as `email[0].email_type.0.value`."""
    root: Record = {}
    for path, value in flat.items():
        *way, last = re.findall(r"[^.\[\]]+", path)
        node = root
        for step in way:
            node = node.setdefault(step, {})
        node[last] = value
    return {key: _listed(value) for key, value in root.items()}


def _listed(node: object) -> Any:
    if not isinstance(node, dict):
        return node
    values = {key: _listed(value) for key, value in node.items()}
    return list(values.values()) if values and all(map(str.isdigit, values)) else values


def app_update(live: Record, sent: Record, kind: str) -> Record:
    """Return what the app puts in the place of a known user: each list that it sends is whole.

    ENRICH adds Alma's entries to the lists that are sent, and sends the lists of contact data.
    """
    sent, old = dict(sent), live.get("contact_info") or {}
    if kind == "ENRICH":
        for name in ("user_identifier", "user_note", "proxy_for_user", "user_statistic"):
            if name in live and name in sent:
                sent[name] = [*sent[name], *live[name]]
        contact = sent.get("contact_info") or {}
        lists = ("address", "email", "phone")
        merged = {name: [*contact.get(name, ()), *old.get(name, ())] for name in lists}
        sent["contact_info"] = {name: entries for name, entries in merged.items() if entries}
    return {name: value for name, value in live.items() if name != "user_role"} | sent
