"""What 2.0.0 took away is gone everywhere: in the schemas, the commands and the guide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from importer.jobs.schema import JobFile
from importer.mapper.json_schema import schema_text
from importer.sandbox.configuration import SWITCHES
from release.size import commands_and_options, job_keys
from tests.docs.pages import PAGES, ROOT

COMMANDS = {"absent", "borrow-check", "all", "users import"}
OPTIONS = {
    "--prove", "--use-facts", "--bundle", "--record", "--facts", "--like", "--linked-users",
    "--fill", "--keep-edits", "--pin", "--corrections", "--no-questions",
}  # fmt: skip
MAPPING_KEYS = {"extends", "each", "most"}
JOB_KEYS = {"JobFile.fill", "JobFile.keep_edits", "Notify.office", "Guards.drift"}
VALUES = {"sis-zip", "viewer", "preparer"}
SETTINGS = {"ALMA_WEB_ROLES", "ALMA_WEB_FOUR_EYES"}
SWITCHES_GONE = {"bad-json", "blank-date", "unknown-xml"}


def _properties(schema: object) -> Iterator[tuple[str, object]]:
    """Yield each property anywhere in a JSON Schema, with its own schema."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from value.items()
            yield from _properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value)


def test_the_mapping_language_has_no_key_of_theirs() -> None:
    """Keys, dates by group, and a list that `retire` deletes from Alma."""
    properties = [*_properties(json.loads(schema_text()))]
    assert {name for name, _ in properties} & MAPPING_KEYS == set()
    plus = json.dumps([schema for name, schema in properties if name == "plus"])
    assert '"by"' not in plus
    ends = json.dumps([schema for name, schema in properties if name == "do"])
    assert '"delete"' not in ends


def test_a_job_has_no_key_of_theirs() -> None:
    """Nor a value, such as a kind of load."""
    assert job_keys() & JOB_KEYS == set()
    assert not any(f'"{value}"' in json.dumps(JobFile.model_json_schema()) for value in VALUES)


def test_no_command_and_no_option_is_theirs() -> None:
    """Hidden options are not looked for: they are no promise to anybody."""
    commands, options = commands_and_options()
    assert commands & COMMANDS == set()
    assert options & OPTIONS == set()


def test_the_practice_alma_has_no_switch_of_theirs() -> None:
    """A switch that nothing but an experiment of the probe needed."""
    assert SWITCHES.keys() & SWITCHES_GONE == set()


def _spans() -> Iterator[tuple[str, str]]:
    """Yield each code span and each line of a code block of the guide, with its page."""
    for page in PAGES:
        if page.name in {"CHANGELOG.md"} or "decisions" in page.parts:
            continue
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
        for words in (*blocks, *re.findall(r"`[^`\n]+`", text)):
            yield str(page.relative_to(ROOT)), words


def test_no_page_of_the_guide_names_them() -> None:
    """In a code span or block: commands, options, keys, values and settings."""
    commands = "|".join(f"importer {command}" for command in COMMANDS)
    options = "|".join(OPTIONS)
    keys = "|".join({"extends", "keep_edits", "drift", *VALUES, *SETTINGS})
    gone = re.compile(rf"(?<![\w-])(?:{commands}|{options}|(?:{keys})(?=:|`))(?![\w-])")
    assert [(page, words) for page, words in _spans() if gone.search(words)] == []
