"""Alma's error codes (contract 2.4) and what each means for a row.

Every code is in exactly one of the tables. Alma's own words are kept in the error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from importer.errors import RefusedError
from importer.model.catalogue import Code, Repairs
from importer.model.fields import FIELDS


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Alma refuses a record: the problem that a row's report shows.

    `field` is the path of the field concerned, blank if it is not known.
    """

    problem: Code
    field: str
    sentence: str
    advice: str
    repairs: Repairs = Repairs.ROW


def _refusal(
    sentence: str,
    advice: str,
    field: str = "",
    problem: Code = Code.REFUSED_BY_ALMA,
    repairs: Repairs = Repairs.ROW,
) -> Refusal:
    return Refusal(problem, field, sentence, advice, repairs)


_SUPPORT = (
    "Try this row again later. If it fails again, send Alma's tracking ID to Ex Libris support."
)
_NETWORK = _refusal(
    "Alma could not link the user to the fulfillment network.",
    "Check the source institution and the user there.",
)
_GONE = _refusal(
    "Alma has no user with this ID.",
    "Plan again. The user may have been deleted or may have another ID now.",
    problem=Code.NOT_IN_ALMA,
)

NOT_FOUND_CODES: frozenset[str] = frozenset({"401861", "401890", "4019990", "4019998"})
"""The only codes that mean that there is no such user; no status means it (contract 2.4)."""

NO_SUCH_TABLE = "40166411"

REFUSALS: dict[str, Refusal] = {
    **dict.fromkeys(sorted(NOT_FOUND_CODES), _GONE),
    "401676": _refusal("Alma could not read the record.", _SUPPORT),
    "401664": _refusal(
        "A value is missing that Alma requires in every record.",
        "Fill in the cell, or set the value in the mapping.",
        problem=Code.MISSING_VALUE,
    ),
    "401851": _refusal(
        "Alma already has a user with one of these IDs.",
        "Look up the ID in Alma. Correct the roster, or change `match` in the mapping.",
        "primary_id",
        Code.EXISTS_IN_ALMA,
    ),
    "4018994": _refusal(
        "The record contains the same ID twice. Alma allows each value once.",
        "Correct or clear one of the two columns.",
        "user_identifier.value",
        Code.DUPLICATE_IDENTIFIER,
    ),
    "401852": _refusal(
        "Alma does not allow this user group, or not for this record type.",
        "Use a user group that Alma has for the record type of the mapping.",
        "user_group",
        Code.UNKNOWN_CODE,
    ),
    "401853": _refusal(
        "An Internal patron has no external system, but the record names one.",
        "Remove `owning_system` from the mapping, or load the patron as External.",
        "external_id",
        repairs=Repairs.COLUMN,
    ),
    "401854": _refusal(
        "An External patron needs an external system, but the record names none.",
        "Set `owning_system` in the mapping to the code of the SIS profile in Alma.",
        "external_id",
        Code.MISSING_VALUE,
        Repairs.COLUMN,
    ),
    "401855": _refusal(
        "Alma does not support this account type.",
        "Set `account_type` in the mapping to INTERNAL or EXTERNAL.",
        "account_type",
        Code.UNKNOWN_CODE,
        Repairs.COLUMN,
    ),
    "401857": _refusal(
        "The account type is neither Internal nor External.",
        "Set `account_type` in the mapping to INTERNAL or EXTERNAL.",
        "account_type",
        Code.UNKNOWN_CODE,
        Repairs.COLUMN,
    ),
    "401858": _refusal(
        "Alma's record belongs to another external system. That cannot be changed.",
        "Find out which system manages this patron.",
        "external_id",
        Code.OWNING_SYSTEM_DIFFERS,
    ),
    "401859": _refusal(
        "Alma does not allow this change. For example, an External patron cannot become Internal.",
        "Find out who manages this patron: the library or the SIS.",
        "account_type",
        Code.ACCOUNT_TYPE_DIFFERS,
    ),
    "401860": _refusal("Alma could not update the user.", _SUPPORT),
    "401658": _refusal("Alma could not create the user.", _SUPPORT),
    "401652": _refusal("Alma failed while it updated the user.", _SUPPORT),
    "401863": _refusal(
        "Alma has this code, but not for this record type.",
        "Use a code that Alma allows for the record type of the mapping.",
        problem=Code.UNKNOWN_CODE,
    ),
    "401864": _refusal(
        "Alma does not have this code.",
        "Use a code from Alma's table, or add the value to the lookup in the mapping.",
        problem=Code.UNKNOWN_CODE,
    ),
    "40166404": _refusal(
        "Alma does not accept the value of a field.",
        "Correct the value. Alma's message names the field.",
        problem=Code.UNKNOWN_CODE,
    ),
    NO_SUCH_TABLE: _refusal("Alma has no code table of this name.", "Check the table's name."),
    "500038": _refusal(
        "Alma does not accept the password: too short, too common, or it contains the user's name.",
        "Choose a password of at least 8 characters, or clear the cell.",
        "password",
        Code.BAD_PASSWORD,
    ),
    "401850": _refusal(
        "Alma could not delete the user, who may have loans, requests or fees.",
        "Clear them in Alma first.",
    ),
    "401866": _refusal("Alma does not accept the user's password.", "Set a new password."),
    "401651": _NETWORK,
    **{str(number): _NETWORK for number in range(60224, 60233)},
    "60105": _refusal("Alma does not offer this in the requested format.", _SUPPORT),
}
"""Alma understood the call and refused this one record."""

ACCESS_CODES: dict[str, str] = {
    "UNAUTHORIZED": "Alma does not know the API key, or the key lacks the right for this.",
    "INVALID_REQUEST": "Alma does not accept the API key.",
    "FORBIDDEN": "Alma does not accept calls from this computer's address with this API key.",
}
"""The gateway refused the key."""

DAILY_LIMIT_CODE = "DAILY_THRESHOLD"
PER_SECOND_CODE = "PER_SECOND_THRESHOLD"

OUTAGE_CODES: frozenset[str] = frozenset({"GENERAL_ERROR", "ROUTING_ERROR", "402119", "60101"})
"""Alma has a problem at the moment; the reply says nothing about the call."""

_LISTS = {
    "address": "contact_info.address.address_type",
    "email": "contact_info.email.email_type",
    "phone": "contact_info.phone.phone_type",
    "identifier": "user_identifier.id_type",
    "note": "user_note.note_type",
    "block": "user_block.block_type",
    "statistic": "user_statistic.statistic_category",
    "statistical": "user_statistic.statistic_category",
    "title": "user_title",
    "job": "job_category",
    "campus": "campus_code",
    "language": "preferred_language",
}
_NAMED = (
    re.compile(r"Mandatory field is missing:\s*(?P<field>[\w. ]+)"),
    re.compile(r"Given field\s+(?P<field>[\w. ]+?)\s+has invalid value"),
    re.compile(r"Given\s+(?P<field>[\w. ]+?)\s+type\s+\("),
    re.compile(r"Given\s+(?P<field>[\w. ]+?)\s+\("),
)


def explain_refusal(error: RefusedError) -> Refusal:
    """Return what a refusal means, with the field that Alma's text names, if it names one."""
    known = REFUSALS.get(error.code)
    if known is None:
        advice = "Read Alma's message and correct the row." if error.said else _SUPPORT
        return _refusal(str(error), advice)
    if error.code == "401851" and "of type" in error.said:
        mine = re.search(r"of type\s+primary.id\b", error.said, re.IGNORECASE)
        field = "primary_id" if mine else "user_identifier.value"
        return replace(known, field=field)
    if known.field:
        return known
    return replace(known, field=_named(error.said))


def _named(said: str) -> str:
    """Return the path of the field that Alma's text names, or blank."""
    for pattern in _NAMED:
        if match := pattern.search(said):
            name = "_".join(match["field"].strip().lower().split())
            endings = [path for path in FIELDS if path == name or path.endswith(f".{name}")]
            if len(endings) == 1 or name in endings:
                return name if name in endings else endings[0]
            return _LISTS.get(name.split("_")[0], "")
    return ""
