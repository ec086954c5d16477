"""`lookup`: from the roster's words to codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.mapper.lookups import (
    NO_CODE,
    OTHERWISE,
    LookupFile,
    LookupKey,
    LookupName,
    OwnTable,
    Tables,
)
from importer.mapper.lookups import Lookup as Table
from importer.mapper.placeholders import heading_key
from importer.mapper.steps.clean import Clean
from importer.mapper.steps.step import Needs, RulePart, Step
from importer.model.text import counted

if TYPE_CHECKING:
    from importer.mapper.steps.step import Codes, Named
    from importer.mapper.values import RuleWork, Values
    from importer.mapper.yaml_source import Steps


class Lookup(Step[LookupKey]):
    """A table under `lookups:` or in place, or a CSV file beside the mapping, with Alma's codes."""

    key = "lookup"
    form = LookupName
    position = 50
    leaves_blank = True

    @property
    def needs(self) -> Needs:
        return Needs(lookups=((("lookup",), self.value),))

    def describe(self, said: str, part: RulePart) -> str:
        """`, looked up in `groups` (2 values, otherwise COMM)`."""
        return f"{said}, looked up in {about(self.value, part.mapping.tables)}"

    def codes(self, given: Codes, steps: Steps, tables: Tables, named: Named) -> Codes:
        """Return its codes, each at its key, or where its file is named, and what it passes."""
        table = tables.get(self.value)
        if table is None:
            yield from given
            return
        if table.passes:
            yield from (one for one in given if heading_key(one[0] or "") not in table.codes)
        keys = {table.written[key]: code for key, code in table.codes.items()}
        if table.otherwise is not None and not table.passes:
            keys[OTHERWISE] = table.otherwise
        for key, code in keys.items():
            if isinstance(self.value, str):
                yield code, ("lookups", self.value, key)
            else:
                yield code, (*steps, "lookup", key)

    def run(self, values: Values, work: RuleWork) -> Values:
        """Look the texts up. One whose code is blank is blank on purpose."""
        whole = work.rule.is_lone(work.one.rule.values) and work.rule.get(Clean) is None
        table = work.evaluation.table(self.value, work.one.column.id_rule if whole else None)
        values.step(table.find, writes=True)
        values.content[values.unexplained(values.applies)] = False
        return values

    def emptied(self, text: str) -> tuple[str, str]:
        """A text may have a blank code."""
        return NO_CODE


def about(lookup: LookupKey, tables: Tables) -> str:
    """Return a lookup in words: its name or file, and its size, 0 if it cannot be used."""
    table = tables.get(lookup, Table({}, {}))
    parts = [counted(len(table.codes), "value")]
    if table.passes:
        parts.append("otherwise the cell's own text")
    elif table.otherwise is not None:
        parts.append(f"otherwise {table.otherwise}")
    if isinstance(lookup, LookupFile):
        return f"`{lookup.file}` ({lookup.key} to {lookup.value}, {', '.join(parts)})"
    if isinstance(lookup, OwnTable):
        return f"its own table ({', '.join(parts)})"
    return f"`{lookup}` ({', '.join(parts)})"
