"""What is uncertain about Alma: one switch for each fact, with the best guess as its default.

`importer sandbox --switch list` lists them; `--switch NAME=VALUE` sets one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from importer.errors import UsageError

OnOff: TypeAlias = Literal["on", "off"]
OffOn: TypeAlias = Literal["off", "on"]


class Switches(BaseModel):
    """The values of all switches. The first of each list of values is the default."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-")
    )

    record_type: Literal["optional", "required"] = Field(
        "optional", description="A user without record_type is PUBLIC; required: refused, 401664."
    )
    empty_user_group: Literal["accept", "refuse"] = Field(
        "accept",
        description="A user (not a contact) without user_group is accepted, or refused, 401852.",
    )
    generate_primary_id: OnOff = Field(
        "on", description="POST without primary_id gets a generated one; off: refused, 401664."
    )
    identifier_case: Literal["insensitive", "sensitive"] = Field(
        "insensitive",
        description="Whether additional IDs that differ in case only are the same (sensitive at "
        "institutions that began before June 2018).",
    )
    inactive_identifiers: Literal["resolve", "hide"] = Field(
        "resolve", description="Whether GET finds a user by an INACTIVE additional ID."
    )
    encoded_slash: Literal["refuse", "accept"] = Field(
        "refuse",
        description="An ID with %2F or %5C in the path is refused by the gateway, with a bare "
        "HTML page.",
    )
    unsent_segments: Literal["delete", "keep"] = Field(
        "delete",
        description="PUT of an External user: what happens to a list's Internal entries if only "
        "External ones are sent, and the reverse.",
    )
    unsent_lists: Literal["delete", "keep"] = Field(
        "delete", description="PUT: what happens to a list that the body does not contain."
    )
    internal_segments: Literal["keep", "internal"] = Field(
        "keep",
        description="Entries of an Internal user that are sent as External stay so, or become "
        "Internal.",
    )
    original_value: Literal["sis", "both", "off"] = Field(
        "sis",
        description="A sticky field edited by staff is overwritten after all when the value from "
        "before the edit comes: in a SIS load, in a SIS load and in PUT, or never.",
    )
    external_group: Literal["sticky", "kept"] = Field(
        "sticky",
        description="PUT of an External user replaces an unedited user_group, or never does "
        "without override.",
    )
    external_id_check: OffOn = Field(
        "off", description="Whether external_id must be the code of a known SIS profile (SIS)."
    )
    external_password: Literal["ignore", "refuse"] = Field(
        "ignore", description="A password for an External user is ignored, or refused, 401664."
    )
    several_preferred: Literal["first", "last", "refuse"] = Field(
        "first",
        description="Of several preferred addresses, emails or phones the first or the last one "
        "wins, or they are refused, 40166404.",
    )
    unlisted_codes: Literal["refuse", "accept"] = Field(
        "refuse",
        description="Codes that are in no table for gender, title, language, country, campus and "
        "the like are refused, 40166404. Types and user groups are always checked.",
    )
    mandatory_email: OffOn = Field(
        "off", description="The institution's mandatory fields include the email, 401664."
    )
    get_pin: Literal["show", "hide"] = Field(
        "show", description="Whether GET shows a PIN that is set."
    )
    bad_json: Literal["BAD_REQUEST", "401676"] = Field(
        "BAD_REQUEST", description="The error for JSON that is malformed or has a wrong type."
    )
    blank_date: Literal["refuse", "accept"] = Field(
        "refuse", description="A blank date in a JSON body is refused, or means no date."
    )
    zero_hits: Literal["absent", "null", "empty"] = Field(
        "absent", description="What a list without hits has under `user`."
    )
    modify_date_from: Literal["inclusive", "exclusive"] = Field(
        "inclusive", description="Whether users changed on the day itself are listed."
    )
    sis_empty_sticky: Literal["clear", "keep"] = Field(
        "clear",
        description="SIS load: an empty sticky field that nobody edited clears the old value, or "
        "keeps it.",
    )
    sis_unmatched: Literal["add", "skip"] = Field(
        "add", description="SIS synchronize: a record that matches nobody is added, or skipped."
    )
    error_shape: Literal["standard", "single", "wrapped", "text-flag", "older", "bare"] = Field(
        "standard", description="The variant of the JSON error envelope."
    )
    environment: Literal["sandbox", "production"] = Field(
        "sandbox", description="The environment type that /conf/general reports."
    )
    default_format: Literal["xml", "json"] = Field(
        "xml", description="The format of an answer when neither Accept nor the body names one."
    )


def set_switches(given: Mapping[str, str], before: Switches | None = None) -> Switches:
    """Return `before` (or the defaults) with the given values; UsageError names a wrong one."""
    kept = before.model_dump(by_alias=True) if before else {}
    try:
        return Switches.model_validate({**kept, **given})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        listed = {switch: values for switch, values, _ in list_switches()}
        if name in listed:
            msg = f"switch {name}: {given[name]!r} is not one of {', '.join(listed[name])}"
        else:
            msg = f"there is no switch {name!r}; the switches are {', '.join(sorted(listed))}"
        raise UsageError(msg) from error


def list_switches() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield the name, the values and the description of each switch."""
    for field in Switches.model_fields.values():
        yield str(field.alias), get_args(field.annotation), str(field.description)
