"""A key of the language is one class: whatever walks the keys knows it then.

`reverse` is made up. It is what the page for contributors adds step by step.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from importer.mapper.steps.step import EntryKey, steps_in_order
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "reference" / "a-key-of-the-mapping.md"
REFERENCE = DOCS / "reference" / "mapping.md"

SCRIPT = """
import json, sys
from pathlib import Path
import importer.mapper.steps.reverse
from tests.mapper.bench import Bench, findings
from importer.mapper.explain import explain
from importer.mapper.json_schema import known_keys, schema_text

folder = Path(sys.argv[1])
bench = Bench(folder, "job_description: {from: <Job>, reverse: words}", "", "Job")
text = bench.mapping.path.read_text()
rule = json.loads(schema_text())["$defs"]["Rule"]["properties"]["reverse"]
print(json.dumps({
    "values": bench.values("job_description", "Clerk of Court", ""),
    "shown": explain(bench.mapping)["job_description"],
    "choices": rule["enum"], "description": rule["description"],
    "completed": "reverse" in known_keys(("record", "job_description", "from")),
    "unknown": findings(folder, text.replace("words", "lines")),
    "checked": findings(folder, text.replace("job_description", "birth_date")),
}))
"""


def test_a_made_up_key_is_one_class(tmp_path: Path) -> None:
    """The class on the page is evaluated, checked, explained, completed and in the schema."""
    (block,) = [block for block in blocks(PAGE) if block.language == "python"]
    package = tmp_path / "importer" / "mapper" / "steps"
    package.mkdir(parents=True)
    (package / "reverse.py").write_text(block.text, "utf-8")
    script = f"import importer.mapper.steps as s; s.__path__.append({str(package)!r})\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["values"] == ["Court of Clerk", ""]
    assert found["shown"] == "<Job>, in reverse order of its words."
    assert (found["choices"], found["completed"]) == (["words", "letters"], True)
    assert found["description"] == "The words or the letters in reverse order."
    assert ["must be `words` or `letters`" in line for line in found["unknown"]] == [True]
    assert ["is not for dates" in line for line in found["checked"]] == [True]


def test_every_key_of_a_rule_has_a_section_in_the_reference() -> None:
    """In the order in which the keys apply, each under its name."""
    lines = REFERENCE.read_text("utf-8").splitlines()
    sections = [line.strip("# `") for line in lines if line.startswith("### `")]
    assert [name for name in sections if name in steps_in_order()] == [*steps_in_order()]


def test_every_key_has_a_sentence() -> None:
    """Editors show it beside the key."""
    for kind in (*steps_in_order().values(), *EntryKey.every.values()):
        assert (kind.__doc__ or "").split("\n\n")[0].endswith(".")
