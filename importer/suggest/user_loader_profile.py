"""Translate a profile of Ex Libris' CSV User Loader (a Cloud App) into a mapping.

A profile names fields by the 48 strings of the app's menu, such as `user_group.value`,
`contact_info.email[].email_address` and `contact_info.email[].email_type.0.value`. The app gives
the n-th column of a field to the n-th entry of its list, and a blank cell moves the columns behind
it; here each column keeps its entry. On update the app replaces whole lists; here only what is
mapped changes. The app reads dates as year-month-day only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from importer.errors import MappingError, UnreadableFileError
from importer.files import parse_json, read_text_bounded
from importer.mapper.placeholders import TO_CHOOSE, nearest
from importer.mapper.yaml_source import cell, comment, constant, scalar
from importer.model.fields import ALWAYS_REQUIRED, FIELDS, LISTS, Shape
from importer.model.user import Reach
from importer.suggest.heading_names import names_for

SIZE_LIMIT = 1024 * 1024
"""Bytes of an exported profile."""


class ProfileField(BaseModel):
    """One line of a profile: a column, the value for blank cells, and the field.

    `swap` is what LIBIS' version of the app does with the field of a known user.
    """

    model_config = ConfigDict(str_strip_whitespace=True)
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
    found = [one for one in profiles if one.name == chosen or (not chosen and len(names) == 1)]
    if not found:
        there = ", ".join(f"`{other}`" for other in names) or "none"
        guess = nearest(chosen, names) or "."
        wrong = f"there is no profile `{chosen}`{guess}" if chosen else "which profile?"
        raise MappingError((f"{wrong} The file has {there}; name one with --profile",))
    if found[0].kind in _REFUSED:
        raise MappingError((f"The profile `{found[0].name}` {_REFUSED[found[0].kind]}",))
    return found[0]


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


def to_mapping(profile: Profile) -> str:
    """Return the text of a mapping that does what the profile does."""
    translation = _Translation(profile)
    return "\n".join((*translation.head(), *translation.record(), ""))


class _Translation:
    """One profile on its way to a mapping.

    `given`: its lines by path. `names`: by heading, the name that the mapping gives to a column
    whose heading cannot be written in angle brackets. `partial`: it finds users by their ID, but
    lacks what Alma needs to create one.
    """

    def __init__(self, profile: Profile) -> None:
        """Give names to the headings that need one."""
        self.profile = profile
        self.given = {item.path: item for item in profile.fields}
        known = "primary_id" in self.given and profile.kind != "ADD"
        self.partial = known and not self.given.keys() >= {*ALWAYS_REQUIRED}
        self.names = names_for(item.header for item in profile.fields if item.header)

    def head(self) -> Iterator[str]:
        """Yield the lines of the mapping above its record."""
        profile, given = self.profile, self.given
        yield f"# From the CSV User Loader's profile {scalar(profile.name)} ({profile.kind})."
        for item in profile.fields:
            if reason := self._left_out(item):
                yield f"# Not taken over: {comment(item.name)}: {reason}"
        if "primary_id" not in given:
            yield "# The app lets Alma make the primary IDs. Here each new user needs one."
            yield "# Add a column of IDs, such as barcodes, to the roster, and write its heading."
        yield "version: 1"
        if profile.name.strip():
            yield f"title: {scalar(profile.name)}"
        yield f"account_type: {profile.account_type}"
        if profile.account_type == "EXTERNAL":
            owner = given.get("external_id")
            to_do = f"{cell(TO_CHOOSE)}  # to do"
            known = owner is not None and bool(owner.header or owner.default)
            if known or not self.partial:
                yield f"owning_system: {self._value(owner) if owner and known else to_do}"
        record_type = given.get("record_type")
        if record_type is not None and record_type.default:
            yield f"record_type: {scalar(record_type.default.upper())}"
        yield "roster:"
        yield "  dates: ymd"
        if record_type is not None and record_type.header:
            usual = (record_type.default or "PUBLIC").upper()
            others = ", ".join(one for one in ("PUBLIC", "STAFF", "CONTACT") if one != usual)
            column = scalar(self.names.get(record_type.header, record_type.header))
            yield f"  skip: [{{when: {{{column}: [{others}]}}, reason: another record type}}]"
        if self.partial:
            yield "# Without a name or a user group it can only change users whom Alma already has."
            yield "match: {new: reject, known: update}"
        else:
            policy = "reject" if profile.kind == "ADD" else "update"
            yield f"match: {{new: create, known: {policy}}}"
        if self.names:
            yield "headings:"
        for heading, name in self.names.items():
            yield f"  {scalar(name)}: [{scalar(heading)}]"
        yield "record:"

    def _left_out(self, item: ProfileField) -> str:
        """Why a line of the profile is not taken over; blank if it is."""
        external, known = self.profile.account_type == "EXTERNAL", FIELDS.get(item.path)
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

    def record(self) -> Iterator[str]:
        """Yield the lines of its record."""
        taken = [
            item
            for item in self.profile.fields
            if item.path not in _TOP and not self._left_out(item)
        ]
        scalars = {item.path: item for item in taken if not FIELDS[item.path].parent}
        needed = () if self.partial else ALWAYS_REQUIRED
        for path in dict.fromkeys((*needed, *scalars)):
            item = scalars.get(path)
            yield f"  {path}: {self._value(item) if item else cell(TO_CHOOSE) + '  # to do'}"
        contact = [parent for parent in LISTS if parent.startswith("contact_info.")]
        inside = [line for parent in contact for line in self._list(parent, taken, "    ")]
        if inside:
            yield "  contact_info:"
            yield from inside
        for parent in LISTS:
            if parent not in contact:
                yield from self._list(parent, taken, "  ")

    def _list(self, parent: str, taken: list[ProfileField], indent: str) -> Iterator[str]:
        """The entries of a list: the n-th line of each field belongs to the n-th entry."""
        entries: list[dict[str, str]] = []
        seen: Counter[str] = Counter()
        swaps = {FIELDS[item.path].parent: _ON_UPDATE.get(item.swap or "") for item in taken}
        for item in taken:
            known = FIELDS[item.path]
            if known.parent == parent:
                if seen[known.name] == len(entries):
                    entries.append({})
                entries[seen[known.name]][known.name] = self._value(item)
                seen[known.name] += 1
        if entries:
            yield f"{indent}{parent.rpartition('.')[2]}:"
        for number, entry in enumerate(entries):
            for known in FIELDS.values():
                if known.parent == parent and known.facts.required and known.name not in entry:
                    entry[known.name] = f"{cell(TO_CHOOSE)}  # to do"
            if parent == "contact_info.phone" and number == 0:
                entry["preferred_sms"] = "true"
            policy = "add" if self.profile.kind == "ENRICH" else swaps.get(parent, "")
            if policy:
                entry["on_update"] = policy
            for at, (name, value) in enumerate(entry.items()):
                yield f"{indent}  {'- ' if at == 0 else '  '}{name}: {value}"

    def _value(self, item: ProfileField) -> str:
        """The value of a line: a placeholder, a constant, or a rule with both."""
        flag = FIELDS[item.path].shape is Shape.FLAG
        default = (item.default or "").lower() if flag else item.default or ""
        if not item.header:
            return constant(default)
        parts = {"from": cell(self.names.get(item.header, item.header))}
        if default:
            parts["default"] = constant(default)
        if item.swap == "KEEP" and not FIELDS[item.path].parent:
            parts["on_update"] = "never"
        inside = ", ".join(f"{key}: {text}" for key, text in parts.items())
        return parts["from"] if len(parts) == 1 else f"{{{inside}}}"
