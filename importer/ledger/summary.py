"""The counts of a run, from its ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer.errors import Exit
from importer.model.catalogue import Severity
from importer.model.plan import Act, Fate, Result
from importer.model.run import Calls, Summary

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger


def summarize(ledger: Ledger, stopped: frozenset[Exit] = frozenset()) -> Summary:
    """Count a run by fate, act, result and problem code.

    `stopped` are the exit codes for which an `apply` ended early; the worst of all is the run's.
    """
    facts = ledger.facts
    undoes = facts.command == "undo"
    fates = ledger.count("rows", "fate")
    severities = ledger.count("problems", "severity")
    counts: dict[str, int] = {fate.value: fates.get(fate, 0) for fate in Fate}
    codes = set(stopped)
    if counts[Fate.REJECTED] or counts[Fate.REVIEW]:
        codes.add(Exit.ROWS_HELD)
    calls = None
    if facts.command != "check":
        acts = ledger.count("steps", "act")
        counts |= {act.value: acts.get(act, 0) for act in Act if undoes or act is not Act.DELETE}
        # an update or a delete reads the user again before it writes
        sent = counts[Act.CREATE] + 2 * (counts[Act.UPDATE] + acts.get(Act.DELETE, 0))
        calls = Calls(
            count=sent,
            seconds=round(sent / facts.rate) if facts.rate else 0,
            left=None if ledger.was_applied else facts.calls_left,
        )
    if ledger.was_applied:
        results = ledger.results()
        counts |= {
            result.value: results.get(result, 0)
            for result in Result
            if undoes or result not in {Result.DELETED, Result.WAS_GONE}
        }
        # the published totals count what is in Alma now, whoever wrote it
        counts[Result.UPDATED] += counts[Result.WAS_SO]
        if undoes:
            counts[Result.DELETED] += counts[Result.WAS_GONE]
        if results.get(Result.REFUSED):
            codes.add(Exit.REFUSED)
        if results.get(Result.HELD):
            codes.add(Exit.ROWS_HELD)
        if results.get(Result.UNKNOWN) and Exit.INTERRUPTED not in stopped:
            codes.add(Exit.STOPPED)
    return Summary(
        rows=sum(fates.values()),
        warnings=severities.get(Severity.WARNING, 0),
        repaired=severities.get(Severity.REPAIRED, 0),
        problems=ledger.count("problems", "code"),
        calls=calls,
        dismissed=ledger.dismissed() or None,
        failed_checks=None
        if facts.command == "check"
        else tuple(failed.check for failed in facts.failed_checks),
        run=str(ledger.folder),
        exit=Exit.worst(codes),
        **counts,
    )
