"""`read: name`: a whole name in one cell becomes parts, for a rule under `values:`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from importer.mapper.findings import MappingFinding
from importer.mapper.person_names import PARTS, Order, read_name
from importer.mapper.placeholders import VALUE
from importer.mapper.steps.step import RulePart, Step, Widget
from importer.mapper.transforms import Reading
from importer.mapper.values import ONE_PART
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code

if TYPE_CHECKING:
    from importer.mapper.steps.work import RuleWork
    from importer.mapper.values import Values


class ReadPart(MappingPart):
    """What a cell contains, and in which order."""

    name: Order = "auto"


@dataclass(frozen=True)
class Read(Step[ReadPart]):
    """A whole name, of which each part is used as `<$name.first>`, `.middle` or `.last`."""

    part: str = ""
    """The part that is taken."""

    key = "read"
    in_words = "divided as a name (order: {0.name})"
    form = Annotated[
        ReadPart,
        BeforeValidator(
            lambda value: {"name": "auto"} if value == "name" else value,
            json_schema_input_type=Literal["name"] | ReadPart,
        ),
    ]
    widget = Widget.CHOICE
    position = 45
    parts = PARTS

    def taking(self, part: str) -> Read:
        """Return the step that takes one of the parts."""
        return replace(self, part=part)

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """It is for values, whose parts several fields take."""
        if part.of.field.parent != VALUE:
            wrong = "is for a rule under `values:`, whose parts are written `<$name.first>`"
            yield part.finding(self.key, wrong)

    def run(self, values: Values, work: RuleWork) -> Values:
        """Take the part of each name. One that has several readings needs review."""
        message = "{value} cannot be divided into first and last name for certain"
        finding = CellFinding(Code.UNCLEAR_NAME, message)

        def read(text: str, _beside: str) -> Reading:
            name = read_name(text, self.value.name)
            return getattr(name, self.part, text), None if name.certain else finding

        values.step(read)
        values.content = values.content & values.filled
        return values

    @property
    def emptied(self) -> tuple[str, str]:
        """Some people have one name."""
        return ONE_PART
