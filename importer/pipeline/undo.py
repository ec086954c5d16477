"""`undo`: plan to take a run's writes back. Only GET is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from importer.advice import (
    Advice,
    Apply,
    Choice,
    Decide,
    SisReport,
    Undo,
    Where,
    by_hand,
)
from importer.alma.client import Alma
from importer.alma.facts import KnownFacts, facts_for
from importer.alma.models import obligations
from importer.errors import RefusedError, UnavailableError, UsageError
from importer.ledger.integrity import end_is_lost
from importer.ledger.journal import RowImage, RunContent, history, images, write_run
from importer.ledger.ledger import DOUBTFUL, JournalEvent, Ledger, State
from importer.memory.loads import EditMemory
from importer.memory.memory import add_before, read_before
from importer.model.people import Common
from importer.model.plan import (
    Act,
    Delete,
    Fate,
    Held,
    LeftAlone,
    Planned,
    Result,
    Unchanged,
    Update,
)
from importer.model.problem import Code, Origin, Problem, changed_in_alma
from importer.model.run import RunFacts
from importer.model.text import counted, row_label
from importer.model.user import User
from importer.pipeline.decisions import decide_fates
from importer.pipeline.inputs import Advance, AskedUndo, Occasion
from importer.pipeline.lookup import named_user, plan_each
from importer.pipeline.remember import take_up
from importer.pipeline.row_plan import against_facts
from importer.pipeline.runs import new_run
from importer.pipeline.still_good import check_same_institution
from importer.planner.entries import same_id
from importer.planner.patch import (
    as_created,
    made_external,
    undo_update,
)
from importer.planner.person import is_still
from importer.planner.safety_checks import checked
from importer.report.wording import again

_OF_FIRST = {
    *("roster", "mapping", "others", "alma", "users_as_of"),
    *("codes", "codes_institution", "codes_fetched", "common"),
}
"""The facts of a run that its undo has, too."""


async def undo(
    first: Ledger, alma: Alma, occasion: Occasion, advance: Advance, asked: AskedUndo
) -> Ledger:
    """Save a plan that takes a run's writes back, with the rows of that run.

    Only rows that the run wrote to Alma are compared; rows that Alma refused, that need review or
    were not sent are skipped. Raises UsageError if there is nothing to undo, StalePlanError for
    another institution, LedgerError, AlmaError.
    """
    check_undoable(first)
    of_first = first.facts
    await check_same_institution(of_first, alma)
    name = f"undo-{Path(of_first.roster.path).stem}"
    with new_run(name, occasion.now, asked.folder) as made:
        known = facts_for(occasion.measured, of_first.plan_alma.institution)
        every = await _compare(first, alma, advance, delete_created=asked.delete_created)
        planned = [
            checked(row, of_first.origin(row.step.row), (), known, sis=False) for row in every
        ]
        add_before(made, read_before(first.folder))  # that run may be purged before the apply
        created = sum(image.act is Act.CREATE for image in images(first))
        facts = RunFacts(
            command="undo",
            version=occasion.version,
            started=occasion.now,
            today=occasion.now.date(),
            operator=occasion.operator,
            **{name: value for name, value in of_first if name in _OF_FIRST},
            rate=alma.limiter.full_rate,
            calls_left=alma.limiter.available,
            about_alma=tuple(against_facts([row.step for row in planned], known, sis=False)),
            undoes=str(first.folder.resolve()),
            undoes_run=of_first.run_name,
            users_stay=0 if asked.delete_created else created,
        )
        return _save(made, first, facts, planned)


def _save(folder: Path, first: Ledger, facts: RunFacts, planned: Sequence[Planned]) -> Ledger:
    """Save the plan that undoes a run: a row that it did not write is left as it is."""
    steps = {row.step.row: row.step for row in planned}
    problems = [
        *(problem for row in planned for problem in row.warnings),
        *(problem for row in planned for problem in row.held_by),
        *(
            Problem.of(Code.NOT_UNDONE, first.facts.origin(), sentence, advice=advice)
            for sentence, advice in _what_stays(first, facts.users_stay)
        ),
    ]
    rows = {
        row: fate if fate in {Fate.BLANK, Fate.SKIPPED} else Fate.READY
        for row, fate in first.fates()
    }
    fates = decide_fates(rows, problems, answers={}, only_new=())
    named = Update | Delete | Held | LeftAlone  # who stays is listed, too
    cells = (
        (history.row, history.cells)
        for history in first.planned()
        if isinstance(steps.get(history.row), named) and history.cells
    )
    content = RunContent(
        problems=fates.problems,
        steps=[steps.get(row, LeftAlone(row, "")) for row in sorted(fates.rows(Fate.READY))],
        columns=first.columns(),
        cells=cells,
    )
    return write_run(folder, facts, fates.fates, content)


def check_undoable(first: Ledger) -> None:
    """Raise UsageError for an undo, which cannot be undone, and for a run that wrote nothing.

    Also for one of which it is not known yet what it wrote.
    """
    if first.facts.command == "undo":
        msg = f"{first.folder} is an undo, which cannot be undone."
        raise UsageError(msg).advising(again("plan", first.facts))
    folder, progress = str(first.folder), first.progress()
    ask: tuple[Choice, ...] = (Choice(Apply(folder, limit=0)),)
    if first.facts.sis:
        write_again = "To write the rows that Alma does not show into a file again"
        ask = (Choice(Apply(folder), write_again), Choice(SisReport(folder)))
    if end_is_lost(first):
        msg = f"The last entries of {first.folder} are lost; an older copy may have been restored."
        raise _open(msg, ask)
    if doubtful := sum(progress.get(state, 0) for state in DOUBTFUL):
        rows = counted(doubtful, "row")
        msg = f"For {rows} of this run it is not known yet whether Alma has what was sent."
        raise _open(msg, ask)
    if not first.was_applied:
        msg = f"{first.folder} was not applied, so there is nothing to undo."
        raise UsageError(msg)
    if progress.get(State.DELIVERED) and not progress.get(State.APPLIED):
        msg = (
            "It is not known yet what Alma's SIS load did with the file of this run, so there is "
            "nothing to undo."
        )
        raise UsageError(msg).advising(SisReport(folder))


def _open(why: str, ask: Advice) -> UsageError:
    """Return the error that it is not known what a run wrote, and how to find out."""
    error = UsageError(why)
    error.advice = ask
    return error


async def _compare(
    first: Ledger, alma: Alma, advance: Advance, *, delete_created: bool
) -> list[Planned]:
    """Return the step of each row that the run wrote. Raises UnavailableError, AlmaError."""
    facts = first.facts
    take_up(facts.plan_alma.key)
    memory = EditMemory(facts.plan_alma.key)

    async def compare_row(image: RowImage) -> tuple[Planned, str]:
        if image.act is Act.CREATE and not delete_created:
            return Planned(LeftAlone(image.row, "")), ""
        origin = facts.origin(image.row)
        if load := memory.written_later(image.new_id, facts.run_name, facts.started):
            sentence = f"This user was changed by a later load, {load}."
            advice = "Undo that one first if you want this back, too."
            return _held_back(changed_in_alma(origin, sentence, advice)), ""
        try:
            live = await alma.user_with(image.new_id, counts=image.act is Act.CREATE)
        except (UnavailableError, RefusedError) as error:
            sentence = f"could not be looked up in Alma: {error}"
            lost = Problem.of(Code.NOT_LOOKED_UP, origin, sentence, advice="Undo again.")
            return _held_back(lost), str(error)
        return undone(image, live, origin, facts.common, answered=False), ""

    wrote = sum(1 for _ in images(first))
    with memory:
        return await plan_each(alma, images(first), wrote, compare_row, advance)


def _what_stays(first: Ledger, created: int) -> Iterator[tuple[str, str | Advice]]:
    """Yield what the undo plan does not undo, each with its advice; `created` users stay."""
    if created:
        yield (
            f"{_users_were(created)} created by this run; they stay.",
            (
                Choice(Undo(str(first.folder), delete=True), "If these users should go"),
                *by_hand("Alma cannot restore a deleted user.", Where.ALMA),
            ),
        )
    if there := first.results().get(Result.WAS_THERE, 0):
        yield (
            f"{_users_were(there)} in Alma already, with the same values, when this run was to "
            "create them; they stay.",
            "If another run created them, undo that one. Otherwise check them in Alma.",
        )
    if unseen := first.progress().get(State.DELIVERED, 0):
        yield (
            f"Of {counted(unseen, 'row')} it is not known whether Alma's SIS load wrote them; they "
            "stay as they are.",
            (Choice(SisReport(str(first.folder))), *by_hand("Then undo again.", Where.ELSEWHERE)),
        )
    if any(entry.event == JournalEvent.PASSWORDS for entry in history(first, 0)):
        yield "The run sent passwords. The passwords before the run are not known.", ""


def _users_were(count: int) -> str:
    return f"{counted(count, 'user')} {'was' if count == 1 else 'were'}"


def _held_back(problem: Problem) -> Planned:
    return Planned(Held(problem.origin.row, (problem,)))


def undone(
    image: RowImage, live: User | None, origin: Origin, common: Common, *, answered: bool
) -> Planned:
    """Return the step that undoes a write; `live` is the user now, None if it is not in Alma.

    A user that the run created was read with its loans, requests and fees.

    What somebody changed since an update stays: a warning names it, and the rest is restored. A
    user whom the run made External needs review, because Alma's API cannot make it Internal again,
    and so does one who seems to be another person, unless a person has `answered`.
    """
    before = image.before
    if before is None and live is None:
        return Planned(Unchanged(image.row, image.primary_id))
    if live is None or not same_id(live.primary_id, image.new_id):
        sentence = "This user was deleted in Alma since the run, or has another ID now."
        advice = "Look for the user in Alma; what the run changed can only be fixed there."
        return _held_back(changed_in_alma(origin, sentence, advice))
    if before is None:
        return _create_undone(image, live, origin)
    if not answered and not is_still((before, image.sent), live, common):
        sentence = "Another person seems to have this ID in Alma since the run."
        compare = (
            *by_hand("Compare the user with the run.", Where.ALMA),
            Choice(Decide("same person, update"), "If it is the same person"),
            Choice(Decide("do not load"), "Otherwise"),
        )
        return _held_back(changed_in_alma(origin, sentence, compare))
    if not answered and made_external(before, live):
        sentence = (
            "The run made this user External, and Alma's API cannot make an External user Internal."
        )
        internal = (
            *by_hand("Make the user Internal in Alma, then undo again.", Where.ALMA),
            Choice(Decide("same person, update"), "To restore the rest, and leave it External"),
        )
        problem = Problem.of(Code.ACCOUNT_TYPE_DIFFERS, origin, sentence, advice=internal)
        return _held_back(problem)
    step, theirs = undo_update(image.row, image, live)
    sentence = f"Someone changed in Alma since what the run wrote: {', '.join(theirs)}."
    return Planned(step, (Problem.of(Code.NOT_UNDONE, origin, sentence),) if theirs else ())


def _create_undone(image: RowImage, live: User, origin: Origin) -> Planned:
    if not as_created(image.sent, image.reply, live):
        sentence = "Someone changed this user in Alma since the run created it."
        advice = "Check the user in Alma, and delete it there if it should go."
        return _held_back(changed_in_alma(origin, sentence, advice))
    if has := obligations(live):
        return _held_back(Problem.of(Code.NOT_DELETED, origin, f"This user has {has}."))
    return Planned(Delete(image.row, image.primary_id, live))


async def answer_undo(
    facts: RunFacts, known: KnownFacts, row: int, user_id: str, alma: Alma
) -> Planned:
    """Return the step that undoes a row's update, except what somebody changed since.

    `known`: what is known of this Alma. `user_id`: the user that a person named, "" for the one
    whom the run updated. Raises UsageError if the row cannot be undone so.
    """
    with Ledger.open(Path(facts.undoes)) as first:
        image = next(images(first, row), None)
        of_first = first.facts
    if image is None or image.act is not Act.UPDATE:
        msg = (
            f"Row {row_label(row)} is not an update; it can only be rejected, which leaves the "
            "user unchanged."
        )
        raise UsageError(msg)
    memory = EditMemory(of_first.plan_alma.key)
    if load := memory.written_later(image.new_id, of_first.run_name, of_first.started):
        msg = f"Row {row_label(row)}: {load} changed this user later. Undo that run first."
        raise UsageError(msg)
    live = await named_user(user_id or image.new_id, alma, counts=False)
    planned = undone(image, live, facts.origin(row), facts.common, answered=True)
    if isinstance(planned.step, Held):
        msg = f"Row {row_label(row)}: {planned.step.problems[0].message}"
        raise UsageError(msg)
    return checked(planned, facts.origin(row), (), known, sis=False)
