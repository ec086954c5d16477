"""The last touch to codes and flags, by Alma's own tables as far as they are known."""

from __future__ import annotations

from importer.mapper.links import tidy, without_invisible
from importer.mapper.reading import Convert, Finding, Reading, quietly
from importer.model.catalogue import Code
from importer.model.codes import CodeTables
from importer.model.fields import Field, Shape
from importer.model.problem import KNOWN


class Coder:
    """Writes codes as Alma has them. Whether a code exists at all, the validator says."""

    def __init__(self, codes: CodeTables) -> None:
        """Take the institution's tables, as far as they are known."""
        self._codes = codes

    def step(self, field: Field, *, from_cells: bool) -> Convert | None:
        """What is done to a field's values; nothing for texts and dates."""
        if field.shape is Shape.FLAG:
            return quietly(lambda text: text.lower() if text.lower() in _FLAGS else text)
        if field.path == "force_password_change":
            return quietly(lambda text: _FORCE.get(text.casefold(), text))
        if field.shape is not Shape.CODE:
            return None
        known = self._codes.known(field.facts.table)
        if known is None:
            return without_invisible if from_cells else None
        enabled: dict[str, list[str]] = {}
        for code, row in known.items():
            if row.enabled:
                enabled.setdefault(code.casefold(), []).append(code)

        def convert(text: str) -> Reading:
            if text in known:
                return text, None
            whole, finding = without_invisible(text) if from_cells else (text, None)
            if whole in known:
                return whole, finding
            joined, joined_finding = tidy(text) if from_cells else (text, None)
            if joined in known:
                return joined, joined_finding
            other = enabled.get(whole.casefold(), []) or enabled.get(joined.casefold(), [])
            if len(other) != 1:
                return whole, finding
            message = f"{KNOWN} was written as Alma has it: {other[0]}"
            return other[0], Finding(Code.WRONG_CASE_CODE, message)

        return convert


_FLAGS = frozenset({"true", "false"})
_FORCE = {"true": "TRUE", "yes": "TRUE", "false": "", "no": ""}
"""`force_password_change` is the text TRUE or nothing (contract 1.1)."""
