"""Mistakes are planted between two stages, one at a time, and a test of the suite finds each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.seams import SEAMS

ROOT = Path(__file__).parents[2]

ROWS = "pipeline/test_row_plan.py::test_resolve_plans_what_a_plan_with_the_answer_does"

FINDERS: Mapping[str, str] = {
    "unchecked_rows": ROWS,
    "resolving_without_memory": ROWS,
    "resolving_without_leavers": ROWS,
    "resolving_without_facts": ROWS,
    "answers_that_no_check_counts": (
        "cli/test_safety_checks.py::test_a_resolved_row_counts_for_the_safety_checks"
    ),
    "answers_about_whoever_has_the_id": (
        "cli/test_resolve.py::test_an_answer_does_not_count_for_the_next_person_with_the_id"
    ),
    "sources_not_compared": "cli/test_mistakes.py::test_a_stale_plan[roster]",
    "checks_that_stop_nothing": (
        "cli/test_safety_checks.py::test_a_resolved_row_counts_for_the_safety_checks"
    ),
    "allowed_for_good": (
        "cli/test_safety_checks.py::"
        "test_a_check_that_was_allowed_does_not_cover_rows_resolved_later"
    ),
    "ids_of_before_that_come_back": (
        "cli/test_resolve.py::"
        "test_an_id_that_the_user_had_before_comes_back_only_by_an_answer[staff]"
    ),
    "leavers_under_their_old_id_alone": (
        "cli/test_absent.py::"
        "test_who_left_is_known_under_the_primary_id_that_staff_gave_since[another ID]"
    ),
    "rows_left_out_although_they_were_sent": (
        "cli/test_two_cards.py::test_rows_of_one_person_are_settled_no_more_once_one_was_sent"
    ),
    "users_of_two_rows": "cli/test_resolve.py::test_one_user_is_written_by_one_row_of_a_run",
    "answers_with_other_people_s_ids": (
        "cli/test_absent.py::test_who_is_back_by_an_answer_is_updated_without_another_person_s_id"
    ),
    "alma_s_id_that_does_not_last": (
        "cli/test_resolve.py::"
        "test_alma_s_id_that_a_person_chose_stays_when_another_id_finds_the_user"
    ),
    "loads_that_nobody_remembers": (
        "cli/test_staff_edits.py::"
        "test_an_edit_by_staff_stays_and_is_reported_once[no cache-INTERNAL]"
    ),
    "sent_is_answered": (
        "cli/test_staff_edits.py::test_an_answer_that_alma_kept_its_value_is_remembered[no cache]"
    ),
    "memory_lost_with_the_id": (
        "cli/test_absent.py::test_a_row_counts_by_names_birth_date_and_former_ids"
    ),
    "undo_of_the_whole_record": "cli/test_undo.py::test_what_staff_changed_since_is_theirs",
    "undo_that_leaves_the_memory": (
        "cli/test_staff_edits.py::test_undo_puts_back_what_is_remembered[False]"
    ),
    "present_by_id_alone": "cli/test_absent.py::test_nobody_is_missing_because_of_a_mistake",
    "nobody_comes_back": "cli/test_absent.py::test_leaving_is_undone",
    "leavers_that_nobody_remembers": "cli/test_absent.py::test_leaving_is_undone",
    "a_file_without_its_last_record": (
        "cli/test_sis_plan.py::test_what_became_of_each_row_is_reported"
    ),
    "a_report_that_believes": "cli/test_sis_plan.py::test_what_became_of_each_row_is_reported",
    "loans_of_yesterday": "cli/test_retire.py::test_a_loan_since_the_plan_keeps_a_membership",
    "a_job_that_asks_no_guard": "jobs/test_run.py::test_a_guard_holds_a_load[absent]",
}
"""The test that finds each mistake, below tests/; without the mistake it runs in its own place."""


def test_every_mistake_has_its_finder() -> None:
    """None is planted that is not looked for."""
    assert FINDERS.keys() == SEAMS.keys()
    assert len(SEAMS) >= 20


@pytest.mark.faults
@pytest.mark.parametrize("name", SEAMS)
def test_a_mistake_between_two_stages_is_found(name: str) -> None:
    """With the mistake, a test of what people get fails; a minute of work for all of them."""
    command = (sys.executable, "-m", "pytest", "-q", "-n0", "-p", "tests.faults.planted")
    environ = os.environ | {"PLANTED": name}
    ran = subprocess.run(
        (*command, f"tests/{FINDERS[name]}"), cwd=ROOT, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
