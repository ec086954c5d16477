"""Guards: a mapping that changed since the last load, and what a plan does by now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from importer.errors import Exit
from importer.jobs.schema import GuardName, Guards
from importer.jobs.state import Store
from importer.service.outcome import Ending
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, state
from tests.jobs.office import Office, in_process, people, rows_of

NO_RENAMES = "renames: {percent: 0, count: 0}\n  many_changes: {percent: 100, count: 100}"


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

    def and_change(*words: str) -> Ending:
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


def test_a_safety_check_that_fails_only_after_the_plan_holds_the_load(
    office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """As by an answer that a person gave meanwhile; the load can be skipped, or is replaced."""
    office.edit("renames: {percent: 100, count: 100}", NO_RENAMES, "small.yaml")
    office.write_job("guards: {creates: off, absent: off, review: off, mapping: off}\n")
    assert office.takes([ANA, *people(20)], age=timedelta(hours=5)) == Exit.DONE
    other = ("2001", "Zoe", "Quux", "COMM", "1955-05-05", "zoe@example.org", "")
    office.drop(rows_of([other, *people(21)]), "patrons-2.csv", timedelta(hours=4))

    def down(*words: str) -> Ending:
        return (
            in_process(*words) if words[0] != "apply" else Ending(exit=Exit.STOPPED, error="Down.")
        )

    assert office.run(command=down) == Exit.STOPPED
    load = Store("nightly").read().active
    assert load is not None
    assert typed("resolve", load.run, "2", "--as", "update").exit == Exit.DONE
    office.clear()
    for _ in range(2):
        assert office.run() == Exit.SAFETY_CHECK
    assert "job allow" in office.text
    assert office.takes(people(22), "patrons-3.csv") == Exit.DONE


@pytest.mark.parametrize(("what", "guard"), [("undone", "earlier"), ("mapping", "mapping")])
def test_the_content_of_the_last_load_counts_again(
    what: str, guard: str, office: Office, sandbox: Sandbox, typed: Type
) -> None:
    """If the load was undone, or its mapping changed: a person decides, once it comes again."""
    office.write_job("guards: {creates: off}\n", max_age="26h", after="keep")
    assert office.takes(people(6), age=timedelta(hours=2)) == Exit.DONE
    last = Store("nightly").read().last
    assert last is not None
    if what == "undone":
        assert typed("undo", last.run, "--delete-created", "-o", "runs/back").exit == Exit.DONE
        assert typed("apply", "runs/back", "--delete", "6", "--yes").exit == Exit.DONE
    else:
        office.edit("<Last>", "New", "small.yaml")
    assert office.run() == Exit.DONE  # only the file of that load
    office.clear()
    assert office.takes(people(6), "patrons-2.csv", timedelta(hours=1)) == Exit.SAFETY_CHECK
    assert office.run(guard) == Exit.DONE
    assert len(state(sandbox)) == 6
    assert office.takes(people(6), "patrons-3.csv") == Exit.DONE
    assert "the same content" in office.said[-1]


def test_the_content_of_a_plan_that_nobody_applied_is_loaded_once_the_job_loads(
    office: Office, sandbox: Sandbox
) -> None:
    """A job that only planned loads now: what it planned is not in Alma."""
    for do, users in (("plan", 0), ("plan", 0), ("apply", 6), ("apply", 6)):
        office.write_job(f"do: {do}\nguards: {{creates: off}}\n", max_age="26h")
        assert office.takes(people(6)) == Exit.DONE
        assert len(state(sandbox)) == users
    assert "the same content" in office.said[-1]


@pytest.mark.parametrize(
    ("counts", "ends"),
    [((41, 39, 37, 35, 33, 31), Exit.SAFETY_CHECK), ((41, 36, 36, 36, 36, 36, 30), Exit.DONE)],
)
def test_rows_compares_with_the_largest_of_the_last_five_loads(
    counts: tuple[int, ...], ends: Exit, office: Office, sandbox: Sandbox
) -> None:
    """So a roster that loses a few people each night is held, though no single step is large.

    Each message says how many fewer there are. A person who lets it pass begins anew.
    """
    office.write_job("guards: {creates: off, absent: off, earlier: off}\n")

    def arrives(count: int, at: int) -> Exit:
        office.clear()
        rows = people(count, first=1 + at)
        return office.takes(rows, f"patrons-{at}.csv", timedelta(minutes=60 - at))

    codes = [arrives(count, at) for at, count in enumerate(counts)]
    assert codes == [*[Exit.DONE] * (len(counts) - 1), ends]
    before = max(counts[-6:-1]) if ends is Exit.SAFETY_CHECK else 36
    fewer = f"{before - counts[-1]} fewer than the largest of the last 5 loads ({before})"
    assert fewer in office.said[-1]
    if ends is Exit.SAFETY_CHECK:
        assert office.run("rows") == Exit.DONE
        assert arrives(counts[-1] - 4, 20) == Exit.DONE


def test_every_guard_of_a_job_file_has_its_name() -> None:
    """No guard that a file may set is without one, and no name is without a guard."""
    assert list(GuardName) == list(Guards.model_fields)


def test_people_whom_the_mapping_skips_are_in_the_file(office: Office, sandbox: Sandbox) -> None:
    """A job for new people only is not held because it leaves those whom Alma has as they are."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    office.edit("possible_match: review", "known: skip", "small.yaml")
    assert office.takes(people(40), age=timedelta(hours=2)) == Exit.DONE
    assert office.takes(people(41), "patrons-2.csv", timedelta(hours=1)) == Exit.DONE
    assert office.takes(people(42), "patrons-3.csv") == Exit.DONE
    assert len(state(sandbox)) == 42
    office.clear()
    assert office.takes(people(42, first=100), "patrons-4.csv") == Exit.SAFETY_CHECK
    assert "42 people of the last load are not in this file" in office.text


def test_people_with_new_cards_are_in_the_next_file(office: Office, sandbox: Sandbox) -> None:
    """A load that gives them another primary ID is compared by that one."""
    office.write_job("guards: {creates: off}\n", max_age="26h")
    office.edit("by: [primary_id]", "by: [BARCODE], id_change: rename", "small.yaml")
    office.edit("removals:", "many_changes: {percent: 100, count: 100}\n  removals:", "small.yaml")
    note = "user_note:\n    - note_type: LIBRARY\n      note_text: <Note>\n"
    office.edit(
        note, "user_identifier:\n    - id_type: BARCODE\n      value: <Note>\n", "small.yaml"
    )
    office.edit("      user_viewable: false\n      popup_note: false\n", "", "small.yaml")

    def cards(count: int, first: int) -> list[tuple[str, ...]]:
        rows = people(count, first=1)
        return [(str(first + n), *row[1:-1], f"B{row[0]}") for n, row in enumerate(rows)]

    assert office.takes(cards(40, 30001), age=timedelta(hours=2)) == Exit.DONE
    assert office.takes(cards(40, 40001), "patrons-2.csv", timedelta(hours=1)) == Exit.DONE
    assert office.takes(cards(41, 40001), "patrons-3.csv") == Exit.DONE
    assert len(state(sandbox)) == 41
