"""What to do next with a run, and the command to type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from importer.model.run import RunFacts, Summary
from importer.report.wording import again, command


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next: why, and the command to type; without one there is nothing to do."""

    why: str
    command: str = ""

    def __str__(self) -> str:
        """Both, on two lines."""
        return f"{self.why}\n{self.command}".rstrip()


def next_step(summary: Summary, facts: RunFacts, rejects: str = "rejects.xlsx") -> NextStep:
    """What to do now, with the exact command. `rejects` is the name of the rejects' workbook."""
    applied = summary.created is not None
    if summary.unknown or summary.not_sent:
        step = NextStep(
            "Some rows are not done yet. To continue, run:", command("apply", summary.run)
        )
    elif not applied and (summary.create or summary.update or summary.delete):
        step = _apply(summary)
    elif not facts.undoes and (back := _back(summary, facts, rejects)):
        step = back
    elif applied and summary.written:
        why = "Everything is done. If it was wrong, plan the undo:"
        step = NextStep(why, command("undo", summary.run))
    elif not summary.patrons:
        why = "There is nothing to load yet. Fill in the roster, then check it again:"
        step = NextStep(why, again("check", facts))
    elif facts.command == "check" and (summary.ready or summary.review):
        step = NextStep("Compare with Alma (read only):", again("plan", facts))
    else:
        step = NextStep("Everything is done." if applied else "There is nothing to send.")
    return step


def _apply(summary: Summary) -> NextStep:
    flags = [part for check in summary.failed_checks or () for part in ("--allow", check.value)]
    if flags:
        why = "A safety check failed. Review the changes, then run:"
        return NextStep(why, command("apply", summary.run, *flags))
    return NextStep("Review the plan. If it is right, carry it out:", command("apply", summary.run))


def _back(summary: Summary, facts: RunFacts, rejects: str) -> NextStep | None:
    """What to do about rows that come back: correct them, decide them, or plan them again."""
    run = summary.run
    file = str(PurePath(run, rejects))
    wrong = summary.to_correct + (summary.refused or 0)
    if not run and wrong + summary.review:
        why = "To get the rows that were left out, each with its problem:"
        return NextStep(why, again("check", facts))
    if wrong:
        verb = "check" if facts.command == "check" else "plan"
        # what Alma refuses is marked in no cell: its reason stands beside the row
        todo = "Correct the marked cells in" if summary.to_correct else "Follow the advice in"
        why = f"{todo} {rejects}, save it, and {verb} those rows again:"
        return NextStep(why, again(verb, facts, file))
    if summary.review and facts.command == "plan":
        codes = ("--codes", facts.codes) if facts.codes else ()
        why = "Resolve each row that needs review:"
        how = f"{command('resolve', run, *codes)} ROW --as create|reject, or --as update ID"
        return NextStep(why, how)
    if summary.held:
        why = f"The rows to review in {rejects} need no correction; compare them with Alma again:"
        return NextStep(why, again("plan", facts, file))
    return None
