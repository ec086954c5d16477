"""The advice about a mapping, followed as it is written; and every code has such a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from importer.model.problem import Code
from tests.advice.desk import MAPPING
from tests.command_line import typed as type_in
from tests.mapper.bench import mapping_text
from tests.zoo.specimen import banned


def _cases() -> list[list[str]]:
    """Words, the record before and after, the top before and after."""
    lines = (
        Path(__file__).with_name("findings.txt").read_text("utf-8").split("\n\n")[1].splitlines()
    )
    return [[*line.replace("\\n", "\n").split(" | "), "", ""][:5] for line in lines]


@pytest.mark.parametrize(("words", "wrong", "right", "before", "after"), _cases())
def test_the_advice_of_a_finding_is_followed(
    folder: Path, words: str, wrong: str, right: str, before: str, after: str
) -> None:
    """`mapping check` names it in a file with blanks in its name; followed, it finds nothing."""
    path = folder / MAPPING
    path.write_text(mapping_text(wrong, before), "utf-8")
    found = type_in("mapping", "check", MAPPING)
    assert found.exit == 2
    assert words in found.err
    assert found.err.startswith(f"importer: {MAPPING}:")
    assert banned(found.err) == []
    text = mapping_text(right, after)
    if "account_type: EXTERNAL" in after:
        text = text.replace("account_type: INTERNAL\n", "", 1)
    path.write_text(text, "utf-8")
    checked = type_in("mapping", "check", MAPPING)
    assert checked.exit == 0, checked.err


def _named() -> tuple[set[str], set[str]]:
    """The codes that tests of this folder follow, in `follows` and as cases; those in `ALONE`."""
    followed, alone = set[str](), set[str]()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name("follows"), args=texts):
                    followed |= {
                        str(text.value) for text in texts if isinstance(text, ast.Constant)
                    }
                case ast.Call(func=ast.Name("Case" | "Asked"), args=[ast.Constant(code), *_]):
                    followed.add(str(code))
                case ast.Assign(targets=[ast.Name("ALONE")], value=ast.Dict(keys=keys)):
                    alone |= {ast.literal_eval(key) for key in keys if key is not None}
                case _:
                    pass
    return followed, alone


def test_the_advice_of_every_code_is_followed() -> None:
    """Or only a person can do something about it; a new code comes about in one of the two."""
    followed, alone = _named()
    assert set(Code) == followed | alone
    assert not followed & alone
