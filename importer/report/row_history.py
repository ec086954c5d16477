"""The history of one row: problems, plan, what was sent, and the result."""

from __future__ import annotations

from typing import Any

from importer.ledger.journal import history
from importer.ledger.ledger import Ledger, to_create
from importer.ledger.schema import State
from importer.model.fields import fields_of
from importer.report.masking import shown
from importer.report.wording import what

_HASH, _DETAIL = 12, 80
"""Characters shown of a hash, and of another detail of the history."""


def row_history(ledger: Ledger, row: int, *, show_values: bool) -> dict[str, Any] | None:
    """Return the history of a row as JSON values, masked unless `show_values`; None if no such row.

    `record`: the fields of a user to be created. `changes`: the fields that change of one to be
    updated.
    """
    life = ledger.life(row)
    if life is None:
        return None

    def seen(path: str, text: str) -> str:
        return shown(path, text, show_values=show_values)

    user = next((user for _, user in to_create(ledger, row)), None)
    return {
        "row": row,
        "fate": life.fate.value,
        "planned": life.act.value if life.act else None,
        "record": [
            {"path": path, "value": seen(path, text)}
            for path, text in (fields_of(user) if user else ())
        ],
        "changes": [
            {
                "kind": change.kind.value,
                "path": change.path,
                "old": seen(change.path, change.old),
                "new": seen(change.path, change.new),
            }
            for change in life.changes
        ],
        "result": life.result.value if life.result else None,
        "problems": [
            {
                "code": problem.code.value,
                "severity": problem.severity.value,
                "field": problem.field,
                "columns": [str(place) for place in problem.places],
                "message": what(problem, show_values=show_values),
                "advice": problem.advice,
            }
            for problem in ledger.problems(row)
        ],
        "history": [
            {
                "time": entry.time.isoformat(timespec="seconds"),
                "operator": entry.operator,
                "event": entry.event,
                "detail": entry.detail[: _HASH if entry.event == State.INTENT else _DETAIL],
            }
            for entry in history(ledger, row)
        ],
    }


def as_lines(row: dict[str, Any]) -> list[str]:
    """Return the same for people, line by line."""
    lines = [f"Row {row['row']}: {row['fate']}"]
    if row["planned"]:
        lines.append(f"Planned: {row['planned']}")
    lines += [f"  {field['path']}: {field['value']}" for field in row["record"]]
    lines += [
        f"  {change['path']}: {change['old'] or '(blank)'} -> {change['new'] or '(blank)'}"
        for change in row["changes"]
    ]
    if row["result"]:
        lines.append(f"Result: {row['result']}")
    for problem in row["problems"]:
        parts = (", ".join(problem["columns"]), problem["message"], problem["advice"])
        lines.append(f"{problem['severity']}: {' '.join(filter(None, parts))} [{problem['code']}]")
    for entry in row["history"]:
        detail = f"({entry['detail']})" if entry["event"] == State.INTENT else entry["detail"]
        lines.append(f"{entry['time']}  {entry['operator']}  {entry['event']}  {detail}".rstrip())
    return lines
