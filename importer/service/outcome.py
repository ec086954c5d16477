"""How what was done with a run ended."""

from __future__ import annotations

from importer.errors import Cause, ImporterError
from importer.ledger.ledger import Ledger, summarize
from importer.model.run import Summary


def outcome_of(run: Ledger, stopped: ImporterError | None = None) -> Summary:
    """Return the counts of a run, with the exit code of what was done with it.

    `stopped`: why an apply ended early. Raises AssertionError, which is a defect, where the rows do
    not add up.
    """
    summary = summarize(run, frozenset({stopped.exit} if stopped else ()))
    if not summary.adds_up():
        msg = "the rows of this run do not add up"
        raise AssertionError(msg)
    if stopped is None:
        return summary
    passes = stopped.cause is Cause.PASSES
    return summary.model_copy(update={"stopped": str(stopped), "passes": passes})
