"""`agrees_with`: a second column that must have the same text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from importer.mapper.findings import MappingFinding
from importer.mapper.placeholders import Template, written_template
from importer.mapper.steps.step import Needs, RulePart, Step
from importer.mapper.transforms import Word
from importer.model.problem import CellFinding, Code, Severity

if TYPE_CHECKING:
    from importer.mapper.values import RuleWork, Values

_CODES = {
    "password": Code.BAD_PASSWORD,
    "pin_number": Code.BAD_PIN,
    "contact_info.email.email_address": Code.BAD_EMAIL,
}
"""What it is for: values that people type twice."""


class AgreesWith(Step[Template]):
    """A second column that must have the same text, such as a password typed again."""

    key = "agrees_with"
    in_words = "the same as {0.text}"
    form = Annotated[Template, BeforeValidator(written_template, json_schema_input_type=Word)]
    position = 25
    changes = False

    @property
    def needs(self) -> Needs:
        """The other column."""
        return Needs(compared=self.value.cells)

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        """It is for what people type twice."""
        if part.of.field.path not in _CODES:
            wrong = "is for passwords, PINs and email addresses, which people type twice"
            yield part.finding(self.key, wrong)
        if not self.value.lone_cell or not part.rule.lone_cells:
            yield part.finding(self.key, "compares one column with another; write a heading each")

    def run(self, values: Values, work: RuleWork) -> Values:
        """Compare the cells as they came, before any other step."""
        other, _ = work.fill(self.value, lines=False)
        finding = CellFinding(
            _CODES[work.one.rule.field.path],
            f"is not the same as the cell under {self.value.text}",
            "Ask the person, and correct one of the two cells.",
            Severity.REJECT,
        )
        differs = (values.applies & (values.texts != other)).nonzero()[0]
        values.found += [(int(row), finding, "") for row in differs]
        return values
