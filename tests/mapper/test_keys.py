"""A key of a rule is in one list, which mypy and these tests hold against what is done with keys.

`reverse` is made up. It is what the page for contributors adds step by step.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from importer.mapper.clean import STEPS, CleanStep
from importer.mapper.conditions import EVERY_ROW
from importer.mapper.dates import Dates
from importer.mapper.keys import POLICIES, Key, Rule, keys_of
from importer.mapper.placeholders import parse
from importer.mapper.schema import EntryPart
from importer.mapper.whole_names import ReadPart
from tests.docs.pages import DOCS, blocks
from tests.mapper.bench import Bench

PAGE = DOCS / "reference" / "a-key-of-the-mapping.md"
REFERENCE = DOCS / "reference" / "mapping.md"

CONSTANT = Rule(**{"from": (parse("x"),)})
VALUES: dict[str, Any] = {
    "when": EVERY_ROW, "templates": (parse("<A>"),), "agrees_with": parse("<B>"),
    "cases": (CONSTANT,), "clean": (CleanStep("strip", "-"),), "read": ReadPart(),
    "lookup": "groups", "dates": Dates(),
    "plus": "1 year", "minus": "1 year", "default": CONSTANT,
}  # fmt: skip
"""A value of every key that makes the value of a rule, in the order in which they apply."""

SCRIPT = """
import json, sys
from pathlib import Path
from importer.mapper.clean import STEPS, StepKind, _text
STEPS |= {
%s
}
from tests.mapper.bench import Bench, findings
from importer.mapper.explain import explain
from importer.mapper.json_schema import schema_text

folder = Path(sys.argv[1])
bench = Bench(folder, "job_description: {from: <Job>, clean: [reverse]}", "", "Job")
text = bench.mapping.path.read_text()
print(json.dumps({
    "values": bench.values("job_description", "Clerk of Court", ""),
    "shown": explain(bench.mapping)["job_description"],
    "in schema": '"reverse"' in schema_text(),
    "near": findings(folder, text.replace("reverse", "revers")),
}))
"""


def keys() -> list[str]:
    """The keys of a rule as a mapping writes them, in the order of their fields."""
    return [field.alias or name for name, field in Rule.model_fields.items()]


def test_keys_of_a_rule_yields_every_field_that_makes_its_value() -> None:
    """Each one by a type of its own, in the order in which the keys apply."""
    assert [*VALUES, *POLICIES] == [*Rule.model_fields]
    yielded = [*keys_of(Rule.model_construct(**VALUES))]
    assert [type(key) for key in yielded] == [*get_args(Key)]
    assert len(yielded) == len(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_a_key_alone_is_yielded_alone(name: str) -> None:
    """What is not written is not there."""
    assert len([*keys_of(Rule.model_construct(**{name: VALUES[name]}))]) == 1


@pytest.mark.parametrize("name", VALUES)
def test_a_key_changes_a_text_unless_it_is_known_to_leave_it(name: str) -> None:
    """So a constant with any other key is none; keys of dates and parts of a text are known."""
    rule = Rule.model_construct(**{name: VALUES[name]})
    assert rule.changes == (name not in {"when", "templates", "agrees_with", "cases", "default"})
    assert rule.of_dates == (name in {"dates", "plus", "minus"})
    assert rule.picks == (name in {"clean", "read"})


def test_a_made_up_step_of_clean_is_one_line(tmp_path: Path) -> None:
    """The line on the page is evaluated, explained, in the schema, and suggested."""
    (block,) = [block for block in blocks(PAGE) if block.language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT % block.text, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["values"] == ["Court of Clerk", ""]
    assert found["shown"] == "<Job>, in reverse order of its words."
    assert found["in schema"]
    assert ["did you mean `reverse`?" in line for line in found["near"]] == [True]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_reads_a_text_by_its_country_says_so(name: str, tmp_path: Path) -> None:
    """Then the country's column counts as one behind the value."""
    kind = STEPS[name]
    if kind.form is None or kind.alone is not None:
        step = CleanStep(name, kind.alone)
        read = {
            (step.read("7030", code), step.read("069 1234567", code)) for code in ("", "USA", "DEU")
        }
        assert (len(read) > 1) == kind.by_country
        fields = (
            f"line1: <A>, address_type: home, country: <C>, city: {{from: <B>, clean: [{name}]}}"
        )
        bench = Bench(tmp_path, f"contact_info: {{address: [{{{fields}}}]}}", "", "A|B|C")
        column = bench.compiled.layout.targets["contact_info.address[0].city"]
        assert column.reads == ((4, 5) if kind.by_country else (4,))


def test_every_key_of_a_rule_has_a_section_in_the_reference() -> None:
    """In the order in which the keys apply, each under its name."""
    lines = REFERENCE.read_text("utf-8").splitlines()
    sections = [line.strip("# `") for line in lines if line.startswith("### `")]
    assert [name for name in sections if name in keys()] == keys()


def test_every_key_has_a_sentence() -> None:
    """Editors show it beside the key."""
    for field in (*Rule.model_fields.values(), *EntryPart.model_fields.values()):
        assert (field.description or "").endswith(".")
