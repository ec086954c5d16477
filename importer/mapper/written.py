"""How a mapping writes texts, and keys that may be missing."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import core_schema

Word = Annotated[str, StringConstraints(min_length=1)]


def one_or_more(value: object) -> object:
    """A single text is a list of one."""
    return [value] if isinstance(value, str) else value


Words = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=Word | list[Word]),
]


class _NeverNull:
    """Marks a key that may be missing, but has a value where it is written."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate the value itself."""
        schema: Any = handler(source)
        inner: core_schema.CoreSchema = schema["schema"]
        return inner


T = TypeVar("T")
Given = Annotated[T | None, _NeverNull()]
"""What a key says, None if the mapping does not write it."""


def key(sentence: str | None = None, alias: str | None = None, default: object = None) -> Any:
    """Return the field of a key that may be missing, with the sentence that editors show."""

    def without_default(schema: JsonDict) -> None:
        schema.pop("default", None)

    return Field(
        default=default, alias=alias, description=sentence, json_schema_extra=without_default
    )
