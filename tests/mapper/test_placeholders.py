"""Placeholders, templates, constants and variables."""

from __future__ import annotations

import pytest

from importer.mapper.placeholders import Cell, Variable, parse


def test_a_template_is_read_in_parts() -> None:
    """Headings and variables are parts between the text around them; `<<` is a literal `<`."""
    assert parse("a <B c>, <@today> << 3").parts == (
        "a ",
        Cell("B c"),
        ", ",
        Variable("today"),
        " < 3",
    )
    assert parse("MAIN").constant == "MAIN"
    assert parse("<A>").constant is None


@pytest.mark.parametrize("text", ["<Barcode", "a < b", "<>", "<@>", "<A<B>"])
def test_a_bracket_that_is_not_closed_or_holds_nothing_is_refused(text: str) -> None:
    """No guess is made about what was meant."""
    with pytest.raises(ValueError, match="`<"):
        parse(text)
