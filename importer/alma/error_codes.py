"""Alma's error codes and what each means for a row; `error_codes.toml` has the words."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from importer.errors import RefusedError
from importer.model.fields import FIELDS
from importer.model.problem import Repairs

_SUPPORT = (
    "Try this row again later. If it fails again, send Alma's tracking ID to Ex Libris support."
)


class Refusal(BaseModel):
    """Why Alma refuses a record. `field` is the path of the field, blank if it is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: tuple[str, ...] = ()
    sentence: str
    advice: str = _SUPPORT
    field: str = ""
    repairs: Repairs = Repairs.ROW


class _Codes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    outage: frozenset[str]
    access: dict[str, str]
    refusal: tuple[Refusal, ...]


_CODES = _Codes.model_validate(
    tomllib.loads(files("importer.alma").joinpath("error_codes.toml").read_text("utf-8"))
)

OUTAGE_CODES = _CODES.outage
ACCESS_CODES = _CODES.access
REFUSALS = {code: refusal for refusal in _CODES.refusal for code in refusal.codes}
NOT_FOUND_CODES = frozenset(REFUSALS["401861"].codes)
NO_SUCH_TABLE = "40166411"
DAILY_LIMIT_CODE = "DAILY_THRESHOLD"
PER_SECOND_CODE = "PER_SECOND_THRESHOLD"

_TYPES = {
    **{name: f"contact_info.{name}.{name}_type" for name in ("address", "email", "phone")},
    "identifier": "user_identifier.id_type",
    **{name: f"user_{name}.{name}_type" for name in ("note", "block")},
    **dict.fromkeys(("statistic", "statistical"), "user_statistic.statistic_category"),
    "title": "user_title",
    "job": "job_category",
    "campus": "campus_code",
    "language": "preferred_language",
}
"""The field that Alma's text means, by the first word of its name there."""

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
        return Refusal(sentence=str(error), advice=advice)
    field = known.field or _named(error.said)
    if error.code == "401851" and "of type" in error.said:
        mine = re.search(r"of type\s+primary.id\b", error.said, re.IGNORECASE)
        field = "primary_id" if mine else "user_identifier.value"
    return known.model_copy(update={"field": field})


def _named(said: str) -> str:
    """Return the path of the field that Alma's text names, or blank."""
    match = next(filter(None, (pattern.search(said) for pattern in _NAMED)), None)
    if match is None:
        return ""
    name = "_".join(match["field"].strip().lower().split())
    if name in _TYPES and f"{match['field']} type" in said:
        return _TYPES[name]
    parent, _, part = name.partition("_")
    inside = f"contact_info.{parent}.{part}"
    if inside in FIELDS:
        return inside
    endings = [path for path in FIELDS if path == name or path.endswith(f".{name}")]
    if len(endings) == 1 or name in endings:
        return name if name in endings else endings[0]
    return _TYPES.get(name.split("_")[0], "")
