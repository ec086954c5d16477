"""Mistakes are planted between two stages, one at a time, and a test of the suite finds each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature

import pytest

from tests.cli import (
    test_absent,
    test_mistakes,
    test_resolve,
    test_retire,
    test_safety_checks,
    test_sis_plan,
    test_staff_edits,
    test_two_cards,
    test_undo,
)
from tests.cli.conftest import folder, sandbox, typed  # noqa: F401  fixtures
from tests.cli.test_absent import known  # noqa: F401
from tests.cli.test_sis_plan import campus  # noqa: F401
from tests.cli.test_staff_edits import external  # noqa: F401
from tests.cli.test_two_cards import cards  # noqa: F401
from tests.faults.seams import SEAMS
from tests.jobs import test_run
from tests.jobs.conftest import office  # noqa: F401
from tests.pipeline.test_row_plan import Case, case, check_case

Finder = Callable[..., object]


def _resolved(one: Case) -> Finder:
    def find(folder: object, sandbox: object) -> None:  # noqa: F811
        assert folder != sandbox
        check_case(one)

    return find


def _with(test: Finder, **values: object) -> Finder:
    return partial(test, **values)


NAMED = ("update", "2001")

FINDERS: Mapping[str, Finder] = {
    "unchecked_rows": _resolved(case("twice", (), email="ada at broken")),
    "resolving_without_memory": _resolved(case("another name", NAMED, edited="user_group")),
    "resolving_without_leavers": _resolved(
        case("another name", NAMED, left=True, expires="2020-01-31")
    ),
    "resolving_without_facts": _resolved(
        case("another name", NAMED, kind="EXTERNAL", group="FRIEND", facts="kept")
    ),
    "answers_that_no_check_counts": (
        test_safety_checks.test_a_resolved_row_counts_for_the_safety_checks
    ),
    "answers_about_whoever_has_the_id": (
        test_resolve.test_an_answer_does_not_count_for_the_next_person_with_the_id
    ),
    "sources_not_compared": _with(test_mistakes.test_a_stale_plan, what="roster"),
    "checks_that_stop_nothing": (
        test_safety_checks.test_a_resolved_row_counts_for_the_safety_checks
    ),
    "allowed_for_good": (
        test_safety_checks.test_a_check_that_was_allowed_does_not_cover_rows_resolved_later
    ),
    "ids_of_before_that_come_back": _with(
        test_resolve.test_an_id_that_the_user_had_before_comes_back_only_by_an_answer, by="staff"
    ),
    "leavers_under_their_old_id_alone": _with(
        test_absent.test_who_left_is_known_under_the_primary_id_that_staff_gave_since,
        known_by="another ID",
    ),
    "rows_left_out_although_they_were_sent": (
        test_two_cards.test_rows_of_one_person_are_settled_no_more_once_one_was_sent
    ),
    "users_of_two_rows": test_resolve.test_one_user_is_written_by_one_row_of_a_run,
    "answers_with_other_people_s_ids": (
        test_absent.test_who_is_back_by_an_answer_is_updated_without_another_person_s_id
    ),
    "alma_s_id_that_does_not_last": (
        test_resolve.test_alma_s_id_that_a_person_chose_stays_when_another_id_finds_the_user
    ),
    "loads_that_nobody_remembers": _with(
        test_staff_edits.test_an_edit_by_staff_stays_and_is_reported_once,
        account="INTERNAL",
        cached=False,
    ),
    "sent_is_answered": _with(
        test_staff_edits.test_an_answer_that_alma_kept_its_value_is_remembered, cached=False
    ),
    "memory_lost_with_the_id": (test_absent.test_a_row_counts_by_names_birth_date_and_former_ids),
    "undo_of_the_whole_record": test_undo.test_what_staff_changed_since_is_theirs,
    "undo_that_leaves_the_memory": _with(
        test_staff_edits.test_undo_puts_back_what_is_remembered, purged=False
    ),
    "present_by_id_alone": test_absent.test_nobody_is_missing_because_of_a_mistake,
    "nobody_comes_back": test_absent.test_leaving_is_undone,
    "leavers_that_nobody_remembers": test_absent.test_leaving_is_undone,
    "a_file_without_its_last_record": test_sis_plan.test_what_became_of_each_row_is_reported,
    "a_report_that_believes": test_sis_plan.test_what_became_of_each_row_is_reported,
    "loans_of_yesterday": test_retire.test_a_loan_since_the_plan_keeps_a_membership,
    "a_job_that_asks_no_guard": _with(test_run.test_a_guard_holds_a_load, guard="absent"),
}
"""The test that finds each mistake; without the mistake it runs in its own place."""


def test_every_mistake_has_its_finder() -> None:
    """None is planted that is not looked for."""
    assert FINDERS.keys() == SEAMS.keys()
    assert len(SEAMS) >= 20


@pytest.mark.faults
@pytest.mark.parametrize("name", SEAMS)
def test_a_mistake_between_two_stages_is_found(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the mistake, a test of what people get fails; half a minute of work for all of them."""
    find = FINDERS[name]
    given = find.keywords if isinstance(find, partial) else {}
    wanted = [one for one in signature(find).parameters if one not in given]
    values = {one: request.getfixturevalue(one) for one in wanted}
    SEAMS[name](monkeypatch)
    with pytest.raises(AssertionError):
        find(**values)
