"""Translate a profile of Ex Libris' CSV User Loader (a Cloud App) into a mapping.

A profile names fields by the 48 strings of the app's menu, such as `user_group.value`,
`contact_info.email[].email_address` and `contact_info.email[].email_type.0.value`. The app gives
the n-th column of a field to the n-th entry of its list, and a blank cell moves the columns behind
it; here each column keeps its entry. On update the app replaces whole lists; here only what is
mapped changes. The app reads dates as year-month-day only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from importer.errors import MappingError, UnreadableFileError
from importer.files import parse_json, read_text_bounded
from importer.mapper.placeholders import TO_CHOOSE, nearest
from importer.mapper.yaml_source import cell, comment, constant, scalar
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, LISTS, Shape
from importer.model.user import Reach
from importer.suggest.writing import Node, comments, names_for, rule, written

SIZE_LIMIT = 1024 * 1024
"""Bytes of an exported profile."""


class ProfileField(BaseModel):
    """One line of a profile: a column, the value for blank cells, and the field.

    `swap` is what LIBIS' version of the app does with the field of a known user.
    """

    model_config = ConfigDict(str_strip_whitespace=True, frozen=True)
    header: str | None = None
    default: str | None = None
    name: str = Field(alias="fieldName")
    swap: Literal["KEEP", "REPLACE", "ENRICH", None] = None

    @property
    def path(self) -> str:
        """The field's path as our catalog has it; the app's own name if it is not there."""
        path = self.name.replace("[]", "").replace(".0.value", "")
        short = path.removesuffix(".value")
        return short if path not in FIELDS and (short in FIELDS or short in _REASONS) else path


class Profile(BaseModel):
    """A profile as the app exports it."""

    name: str
    account_type: Literal["INTERNAL", "EXTERNAL"] = Field(alias="accountType")
    kind: Literal["ADD", "UPDATE", "ENRICH", "DELETE", "SYNC"] = Field(alias="profileType")
    fields: tuple[ProfileField, ...]


def read_profile(path: Path, chosen: str = "") -> Profile:
    """Return the profile in a file, or the one named `chosen`.

    Raises MappingError if the file is not an export of the app, if it has several profiles and
    none is chosen, and for profiles that delete users.
    """
    try:
        whole = parse_json(path, read_text_bounded(path, SIZE_LIMIT))
        many = whole if isinstance(whole, list) else [whole]
        profiles = TypeAdapter(tuple[Profile, ...]).validate_python(many)
    except UnreadableFileError as error:
        raise MappingError((str(error),)) from None
    except ValidationError:
        msg = (
            f"{path.name} is not a profile of the CSV User Loader. Export the profile in the app, "
            "and name the exported file."
        )
        raise MappingError((msg,)) from None
    names = [profile.name for profile in profiles]
    chosen_ones = [
        profile
        for profile in profiles
        if profile.name == chosen or (not chosen and len(names) == 1)
    ]
    if not chosen_ones:
        there = ", ".join(f"`{other}`" for other in names) or "none"
        guess = nearest(chosen, names) or "."
        wrong = f"there is no profile `{chosen}`{guess}" if chosen else "which profile?"
        raise MappingError((f"{wrong} The file has {there}; name one with --profile",))
    if chosen_ones[0].kind in _REFUSED:
        raise MappingError(
            (f"The profile `{chosen_ones[0].name}` {_REFUSED[chosen_ones[0].kind]}",)
        )
    return chosen_ones[0]


_REFUSED = {
    "DELETE": (
        "deletes users. The importer never deletes users, because Alma cannot undo a deletion. Set "
        "an expiry date and a purge date instead, and let Alma's own purge job delete them."
    ),
    "SYNC": "is of the type SYNC, which the app does not carry out. Change its type to UPDATE.",
}
"""Types of profiles that no mapping can replace."""


# --- the profile as a mapping ---

_ON_UPDATE = {"KEEP": "never", "ENRICH": "add"}
"""What LIBIS' `swap` is in a mapping; REPLACE is what a mapping does anyway."""

_TOP = frozenset({"account_type", "record_type", "external_id"})
_REASONS = {
    "account_type": "the profile's own account type counts",
    "user_statistic.category_type": "Alma derives it from the statistical category",
}
"""Fields of the app that the importer does not write."""
_TO_DO = f"{cell(TO_CHOOSE)}  # to do"


def to_mapping(profile: Profile) -> str:
    """Return the text of a mapping that does what the profile does."""
    given = {item.path: item for item in profile.fields}
    names = names_for(item.header for item in profile.fields if item.header)
    left = {item: reason for item in profile.fields if (reason := _left_out(item, profile))}
    taken = [item for item in profile.fields if item.path not in _TOP and item not in left]
    # it finds users by their ID, but lacks what Alma needs to create one
    known = "primary_id" in given and profile.kind != "ADD"
    partial = known and not given.keys() >= {*ALWAYS_REQUIRED}
    whole: dict[str, Node] = {
        **comments(
            f"From the CSV User Loader's profile {scalar(profile.name)} ({profile.kind}).",
            *(f"Not taken over: {comment(item.name)}: {why}" for item, why in left.items()),
        ),
        **comments(*(() if "primary_id" in given else _NO_ID), *(_PARTIAL if partial else ())),
        "version": "1",
        **({"title": scalar(profile.name)} if profile.name.strip() else {}),
        "account_type": profile.account_type,
    }
    owner, record_type = given.get("external_id"), given.get("record_type")
    owned = owner is not None and bool(owner.header or owner.default)
    if profile.account_type == "EXTERNAL" and (owned or not partial):
        whole["owning_system"] = _value(owner, names) if owner and owned else _TO_DO
    roster = {"dates": "ymd"}
    if record_type is not None:
        usual = (record_type.default or "PUBLIC").upper()
        whole["record_type"] = scalar(usual)
        if record_type.header:
            others = ", ".join(kind for kind in ("PUBLIC", "STAFF", "CONTACT") if kind != usual)
            column = scalar(names.get(record_type.header, record_type.header))
            roster["skip"] = f"[{{when: {{{column}: [{others}]}}, reason: another record type}}]"
    new = "reject" if partial else "create"
    matched = "reject" if profile.kind == "ADD" else "update"
    whole |= {"roster": roster, "match": f"{{new: {new}, known: {matched}}}"}
    if names:
        whole["headings"] = {scalar(name): f"[{scalar(old)}]" for old, name in names.items()}
    whole["record"] = _record(profile, taken, names, needed=() if partial else ALWAYS_REQUIRED)
    return "\n".join((*written(whole), ""))


_NO_ID = (
    "The app lets Alma make the primary IDs. Here each new user needs one.",
    "Add a column of IDs, such as barcodes, to the roster, and write its heading.",
)
_PARTIAL = ("Without a name or a user group it can only change users whom Alma already has.",)


def _left_out(item: ProfileField, profile: Profile) -> str:
    """Why a line of the profile is not taken over; blank if it is."""
    external, known = profile.account_type == "EXTERNAL", FIELDS.get(item.path)
    if item.path in _REASONS:
        return _REASONS[item.path]
    if item.path == "external_id" and not external:
        return "Internal users have no external system"
    if item.path == "record_type" and item.header:
        return "rows of another type are skipped; use one mapping for each type"
    if known is None:
        return "the importer does not know this field"
    if known.facts.reach is Reach.INTERNAL_ONLY and external:
        return "Alma keeps passwords of Internal users only"
    return "" if item.header or item.default else "it has neither a column nor a value"


def _record(
    profile: Profile, taken: list[ProfileField], names: Mapping[str, str], needed: Iterable[str]
) -> dict[str, Node]:
    """Return its record: the n-th line of a field in a list belongs to the n-th entry."""
    record: dict[str, Node] = dict.fromkeys(needed, _TO_DO)
    lists: dict[str, list[dict[str, str]]] = {}
    for item in taken:
        known = FIELDS[item.path]
        if known.parent:
            entries = lists.setdefault(known.parent, [])
            entry = next((entry for entry in entries if known.name not in entry), None)
            if entry is None:
                entries.append(entry := {})
            entry[known.name] = _value(item, names)
        else:
            record[item.path] = _value(item, names)
    swaps = {FIELDS[item.path].parent: _ON_UPDATE.get(item.swap or "") for item in taken}
    contact: dict[str, Node] = {}
    for parent in LISTS:
        required = [
            field for field in FIELDS.values() if field.parent == parent and field.facts.required
        ]
        policy = "add" if profile.kind == "ENRICH" else swaps.get(parent)
        for number, entry in enumerate(lists.get(parent, ())):
            for known in required:
                entry.setdefault(known.name, _TO_DO)
            if parent == "contact_info.phone" and number == 0:
                entry["preferred_sms"] = "true"
            if policy:
                entry["on_update"] = policy
        if parent in lists:
            inside = contact if parent.startswith("contact_info.") else record
            inside[parent.rpartition(".")[2]] = lists[parent]
    return record | ({"contact_info": contact} if contact else {})


def _value(item: ProfileField, names: Mapping[str, str]) -> str:
    """Return the value of a line: a placeholder, a constant, or a rule with both."""
    flag = FIELDS[item.path].shape is Shape.FLAG
    default = (item.default or "").lower() if flag else item.default or ""
    if not item.header:
        return constant(default)
    keep = item.swap == "KEEP" and not FIELDS[item.path].parent
    return rule(
        cell(names.get(item.header, item.header)),
        default=constant(default) if default else "",
        on_update="never" if keep else "",
    )
