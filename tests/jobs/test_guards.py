"""The guard for a mapping that means something else than at the last load."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.jobs.commands import Ended
from tests.cli.conftest import Sandbox
from tests.jobs.office import Office, in_process, people, rows_of


@pytest.mark.parametrize("means", ["the same", "another"])
def test_a_mapping_is_changed_where_it_means_something_else(
    means: str, office: Office, sandbox: Sandbox
) -> None:
    """A comment and another layout hold no load; a value does."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    assert office.takes(people(40), age=timedelta(hours=1)) == Exit.DONE
    mapping = office.folder / "small.yaml"
    text = f"# reviewed in fall\n{mapping.read_text('utf-8')}\n\n"
    mapping.write_text(text if means == "the same" else text.replace("<Last>", "New"), "utf-8")
    assert office.takes(people(41), "patrons-2.csv") == (
        Exit.DONE if means == "the same" else Exit.SAFETY_CHECK
    )


@pytest.mark.parametrize("then", ["changed", "gone"])
def test_a_mapping_that_is_changed_during_a_load_holds_the_next_one(
    then: str, office: Office, sandbox: Sandbox
) -> None:
    """What counts is the mapping that the load was planned with, whatever its file is by now."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    office.drop(rows_of(people(40)), age=timedelta(hours=1))
    mapping = office.folder / "small.yaml"
    changed = mapping.read_text("utf-8").replace("<Last>", "New")

    def and_change(*words: str) -> Ended:
        ended = in_process(*words)
        if words[0] == "apply" and then == "changed":
            mapping.write_text(changed, "utf-8")
        elif words[0] == "apply":
            mapping.unlink()
        return ended

    assert office.run(command=and_change) == Exit.DONE
    office.clear()
    mapping.write_text(changed, "utf-8")
    assert office.takes(people(41), "patrons-2.csv") == Exit.SAFETY_CHECK
    assert "The mapping small.yaml changed" in office.text


def test_a_memory_of_mapping_files_holds_no_load(office: Office, sandbox: Sandbox) -> None:
    """An earlier version kept the hash of the file; what that meant is unknown, then known."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    assert office.takes(people(40), age=timedelta(hours=1)) == Exit.DONE
    memory = json.loads(Path("jobs/nightly.json").read_text("utf-8"))
    (load,) = memory["loads"]
    load.pop("meanings", None)
    load["mappings"] = ["0" * 64]
    Path("jobs/nightly.json").write_text(json.dumps(memory), "utf-8")
    assert office.takes(people(41), "patrons-2.csv") == Exit.DONE
    mapping = office.folder / "small.yaml"
    mapping.write_text(mapping.read_text("utf-8").replace("<Last>", "New"), "utf-8")
    assert office.takes(people(42), "patrons-3.csv") == Exit.SAFETY_CHECK
