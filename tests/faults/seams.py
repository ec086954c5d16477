"""Mistakes between two stages, planted in the importer to see that the tests find them.

Each stage is right by itself; what one hands to the next is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from importer.alma.facts import KnownFacts
from importer.ledger.journal import Journal, JournalEntry, made_by_people
from importer.ledger.ledger import JournalEvent, Ledger
from importer.memory.loads import EditMemory
from importer.model.plan import Fate, Image, Imprint, Imprints, Planned, Result, Update
from importer.model.run import RowHistory
from importer.model.user import User
from importer.pipeline.inputs import CheckedRosters
from importer.pipeline.row_plan import PlanContext, plan_context
from importer.planner.case import Case
from importer.planner.drafts import DraftUser
from importer.planner.imprints import NO_MEMORY
from importer.planner.leavers import Leavers
from importer.planner.patch import differences
from importer.writer.outcomes import WriteFound
from importer.writer.sis_xml import write_sis_zip

Patch = pytest.MonkeyPatch

PIPELINE = "importer.pipeline"


def _nothing(*_: object, **__: object) -> None:
    """What a step that is left out returns."""


# plan and resolve


def unchecked_rows(patch: Patch) -> None:
    """A row is resolved with the values that the checks left out."""
    patch.setattr(f"{PIPELINE}.resolve.validate", lambda opened: CheckedRosters(opened, ()))


def _resolving_with(patch: Patch, made: Callable[[PlanContext], PlanContext]) -> None:
    @contextmanager
    def context(*arguments: Any) -> Iterator[PlanContext]:
        with plan_context(*arguments) as found:
            yield made(found)

    patch.setattr(f"{PIPELINE}.resolve.plan_context", context)


def resolving_without_memory(patch: Patch) -> None:
    """A row is resolved as if nothing had been loaded before."""
    _resolving_with(
        patch, lambda one: replace(one, earlier=replace(one.earlier, of=lambda *_: NO_MEMORY))
    )


def resolving_without_leavers(patch: Patch) -> None:
    """A row is resolved as if its person had never left."""
    _resolving_with(patch, lambda one: replace(one, leavers=Leavers({})))


def resolving_without_facts(patch: Patch) -> None:
    """A row is resolved as for an Alma that nobody measured."""
    _resolving_with(patch, lambda one: replace(one, known=KnownFacts({})))


def answers_that_no_check_counts(patch: Patch) -> None:
    """A resolved row changes any number of users unasked."""
    record = Journal.record_resolution

    def uncounted(
        journal: Journal, row: int, fate: Fate, planned: Planned | None, *rest: Any
    ) -> None:
        if planned is not None and isinstance(planned.step, Update):
            planned = replace(planned, step=replace(planned.step, checks=()))
        record(journal, row, fate, planned, *rest)

    patch.setattr(Journal, "record_resolution", uncounted)


def answers_about_whoever_has_the_id(patch: Patch) -> None:
    """A kept answer counts for the next person with the ID."""
    patch.setattr(f"{PIPELINE}.row_plan.is_about", lambda *_: True)


# plan and apply


def sources_not_compared(patch: Patch) -> None:
    """A plan is carried out although its roster was changed."""
    patch.setattr(f"{PIPELINE}.still_good.check_sources", _nothing)


def checks_that_stop_nothing(patch: Patch) -> None:
    """A failed safety check is shown, and the plan is carried out."""
    patch.setattr(f"{PIPELINE}.apply._check_safety", lambda *_: ())


def allowed_for_good(patch: Patch) -> None:
    """A check that was allowed once covers whatever is resolved later."""

    def passed(ledger: Ledger) -> dict[str, JournalEntry]:
        return {
            one.detail: one for one in made_by_people(ledger) if one.event == JournalEvent.ALLOWED
        }

    patch.setattr(f"{PIPELINE}.apply._let_pass", passed)


def ids_of_before_that_come_back(patch: Patch) -> None:
    """A primary ID that staff replaced is given back by the old roster."""
    patch.setattr(f"{PIPELINE}.loads_before.has_id_of", lambda *_: False)


def leavers_under_their_old_id_alone(patch: Patch) -> None:
    """Who left is not known under the primary ID that staff gave since."""

    def key_of(leavers: Leavers, user: User) -> str:
        key = (user.primary_id or "").casefold()
        return key if key in leavers.changed else ""

    patch.setattr(Leavers, "key_of", key_of)


def rows_left_out_although_they_were_sent(patch: Patch) -> None:
    """The answer to a row takes another one out of the run that was written already."""
    patch.setattr(f"{PIPELINE}.resolve._NOT_WRITTEN", frozenset({None, *Result}))


def users_of_two_rows(patch: Patch) -> None:
    """A user whom another row of the run renamed is known by the old ID alone."""

    def unchanged(row: RowHistory) -> frozenset[str]:
        return frozenset({row.primary_id.casefold()}) if row.act else frozenset()

    patch.setattr(f"{PIPELINE}.resolve._users_of", unchanged)


def answers_with_other_people_s_ids(patch: Patch) -> None:
    """What is done after an answer is made of the whole row, not of what was sent."""
    patch.setattr("importer.planner.update._without_taken", lambda case, _: case)


def alma_s_id_that_does_not_last(patch: Patch) -> None:
    """The next plan does not know that a person found Alma's primary ID right."""
    patch.setattr(f"{PIPELINE}.loads_before.leaves_id", lambda *_: False)


# apply, what is remembered, and the next plan


def loads_that_nobody_remembers(patch: Patch) -> None:
    """What was applied is not known to the next plan."""
    patch.setattr(f"{PIPELINE}.remember._remember_loaded", _nothing)


def sent_is_answered(patch: Patch) -> None:
    """What was sent counts as what Alma has."""

    def with_reply(imprints: Imprints, *_: object) -> dict[str, Imprint]:
        return {key: one._replace(reply=one.made) for key, one in imprints.items()}

    patch.setattr(f"{PIPELINE}.remember.with_reply", with_reply)
    patch.setattr("importer.planner.update.with_reply", with_reply)


def memory_lost_with_the_id(patch: Patch) -> None:
    """What is known of a user is lost when the primary ID changes."""
    patch.setattr(EditMemory, "_rename", _nothing)


# a run and its undo


def undo_of_the_whole_record(patch: Patch) -> None:
    """An undo restores the record, not what the run changed in it."""

    def undo(row: int, written: Image, live: User) -> tuple[Update, tuple[str, ...]]:
        before, primary_id = written.was, live.primary_id or ""
        return Update(row, primary_id, live, before, differences(live, before)), ()

    patch.setattr(f"{PIPELINE}.undo.undo_update", undo)


def undo_that_leaves_the_memory(patch: Patch) -> None:
    """What an undone run left is still compared with Alma."""
    patch.setattr(EditMemory, "restore", _nothing)


# who is missing


def present_by_id_alone(patch: Patch) -> None:
    """Whoever has a mistyped ID in the roster is missing from it."""

    def counts(draft: DraftUser, *_: object) -> frozenset[str]:
        return frozenset(value.casefold() for _, value in draft.every_identifier)

    patch.setattr(f"{PIPELINE}.missing.counts_for", counts)


def nobody_comes_back(patch: Patch) -> None:
    """Who is in the roster again stays as they were changed for leaving."""

    def same(_case: Case, planned: Planned, *_: object) -> Planned:
        return planned

    patch.setattr(f"{PIPELINE}.row_plan.come_back", same)


def leavers_that_nobody_remembers(patch: Patch) -> None:
    """Who was changed for leaving is not known to the next plan."""
    patch.setattr(f"{PIPELINE}.remember._remember_people", _nothing)


# a plan for the SIS load, its file and its report


def a_file_without_its_last_record(patch: Patch) -> None:
    """The file has less than the plan shows."""

    def write(users: Iterable[User], out: Path) -> tuple[Path, ...]:
        return write_sis_zip([*users][:-1], out)

    patch.setattr(f"{PIPELINE}.sis_load.write_sis_zip", write)


def a_report_that_believes(patch: Patch) -> None:
    """Whatever Alma shows, the load did what the file says."""
    patch.setattr(f"{PIPELINE}.sis_load.verify", lambda *_: WriteFound())


# users who are retired, and feeds


def loans_of_yesterday(patch: Patch) -> None:
    """What a user borrowed since the plan is not looked at."""
    patch.setattr("importer.writer.outcomes.obligations", lambda _user: "")


def a_job_that_asks_no_guard(patch: Patch) -> None:
    """A job applies whatever it planned."""
    patch.setattr("importer.jobs.run.failed_guards", lambda *_: iter(()))


SEAMS: Mapping[str, Callable[[Patch], None]] = {
    name: planted
    for name, planted in globals().items()
    if getattr(planted, "__module__", "") == __name__ and not name.startswith("_")
}
"""Every mistake by its name: the public functions of this module."""
