"""What pydantic finds in a mapping, in a librarian's words."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from importer.mapper.json_schema import known_keys
from importer.mapper.lookups import OTHERWISE
from importer.mapper.placeholders import nearest
from importer.mapper.yaml_source import Steps
from importer.model.fields import FIELDS, LISTS
from importer.model.user import User

_WORDS = {
    "missing": "is missing",
    "string_type": "must be a text, not a list or further keys",
    "string_too_short": "is blank",
    "too_short": "is blank",
    "too_long": "has more than {max_length} parts",
    "string_pattern_mismatch": "must be two capital letters, as in `US`",
    "tuple_type": "must be a list, each part after a `-`",
    "dict_type": "must have keys of its own, indented below it",
    "model_type": "must have keys of its own, indented below it",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be `true` or `false`",
    "bool_type": "must be `true` or `false`",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
}
"""What each type of finding means; types that need the key or the value are in `in_our_words`."""

MISSING = _WORDS["missing"]


def in_our_words(error: ErrorDetails, place: Steps) -> str:
    """Return what is wrong, without its place."""
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "value_error":
            return str(context["error"])
        case "dict_type" | "model_type" if isinstance(given, str) and given:
            return f"{_WORDS[kind]}; is a colon or a blank missing in `{given}`?"
        case "extra_forbidden":
            return _unknown(place, given)
        case "literal_error" | "enum":
            choices = str(context["expected"]).replace("'", "`")
            if not isinstance(given, str):
                return f"must be {choices}"
            names = [name.strip("`") for name in choices.replace(" or ", ", ").split(", ")]
            return f"must be {choices}, not `{given}`{nearest(given, names)}"
        case _:
            return _WORDS.get(kind, "cannot be read").format(**context)


_INSTEAD = {
    "look_alike": "is called `possible_match` now",
    "if": "is not a known key; write `when`, as in `when: {Type: Staff}`",
    "then": "is not a known key; write `when` for the condition, and `from` for the value",
    "else": "is not a known key; write `default`, or `cases` with a last case without `when`",
    OTHERWISE: "is for lookups in the mapping; in the file, add a row with `*` in the key column",
}
"""What is written in place of keys of other languages and of earlier versions."""

_NOT_IN_RECORD = {
    "account_type": "is set once at the top of the mapping, not in `record`",
    "record_type": "is set once at the top of the mapping, not in `record`",
    "external_id": "is not mapped here; set `owning_system` at the top of the mapping",
    "user_role": "cannot be mapped; `patron_role` extends or adds the Patron role",
    "user_roles": "cannot be mapped; `patron_role` extends or adds the Patron role",
    "full_name": "cannot be mapped: Alma makes it from the first, middle and last name",
}


def _unknown(place: Steps, given: object) -> str:
    key = str(place[-1])
    if key in _INSTEAD:
        return _INSTEAD[key]
    if key.startswith("<") or (given == "" and not key.replace("_", "").islower()):
        return (
            "looks like a heading, not a key; put the value into quotation marks, "
            'as in {from: "<City>, <State>"}'
        )
    in_record = place[0] == "record"
    if in_record and len(place) == 2 and key in _NOT_IN_RECORD:
        return _NOT_IN_RECORD[key]
    parent = ".".join(str(step) for step in place[1:-1] if isinstance(step, str))
    reported = parent in LISTS and key in LISTS[parent].model_fields
    if in_record and (key in User.model_fields or reported):
        return "cannot be mapped: Alma only reports it"
    paths = [path for path in FIELDS if path.rsplit(".", 1)[-1] == key and "." in path]
    if in_record and paths:
        return f"is not allowed here; it belongs to `{paths[0].rsplit('.', 1)[0]}`"
    hint = nearest(key, known_keys(place))
    if parent == "user_identifier" and key.isupper() and isinstance(given, str):
        hint = f"; write `id_type: {key}` and, below it, `value: {given}`"
    return f"is not a known key{hint}"
