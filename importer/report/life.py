"""The life of one row: its problems, what was planned, what was sent, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from importer.ledger.journal import history
from importer.ledger.ledger import to_create
from importer.ledger.schema import State
from importer.model.fields import fields_of
from importer.report.masking import shown
from importer.report.sentences import what

if TYPE_CHECKING:
    from importer.ledger.ledger import Ledger

_HASH, _DETAIL = 12, 80
"""So many characters of a hash, and of what else an entry of the history says, are told."""


def life_of(ledger: Ledger, row: int, *, show_values: bool) -> dict[str, Any] | None:
    """A row as data, masked unless values are asked for; None where there is no such row.

    `record` are the fields of a user who is to be created, `changes` those that differ of one who
    is to be updated.
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


def lines(life: dict[str, Any]) -> list[str]:
    """The same for people, line by line."""
    told = [f"Row {life['row']}: {life['fate']}"]
    if life["planned"]:
        told.append(f"Planned: {life['planned']}")
    told += [f"  {field['path']}: {field['value']}" for field in life["record"]]
    told += [
        f"  {change['path']}: {change['old'] or '(blank)'} -> {change['new'] or '(blank)'}"
        for change in life["changes"]
    ]
    if life["result"]:
        told.append(f"Result: {life['result']}")
    for problem in life["problems"]:
        said = (", ".join(problem["columns"]), problem["message"], problem["advice"])
        told.append(f"{problem['severity']}: {' '.join(filter(None, said))} [{problem['code']}]")
    for entry in life["history"]:
        detail = f"({entry['detail']})" if entry["event"] == State.INTENT else entry["detail"]
        told.append(f"{entry['time']}  {entry['operator']}  {entry['event']}  {detail}".rstrip())
    return told
