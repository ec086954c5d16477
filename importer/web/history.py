"""What people did with a load, and who prepared it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from importer.ledger.journal import ALLOWED, made_by_people
from importer.ledger.ledger import Ledger
from importer.ledger.states import DECIDED
from importer.model.files import write_atomically
from importer.model.run import RunFacts
from importer.model.text import counted, word_list
from importer.web.drafts import Draft

ANSWERS = "answers.json"
"""In a run's folder: the answers that were given on the page."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person did with a load: when, who, the name of an icon, and what.

    `prepares`: whoever did it prepared the load.
    """

    time: datetime
    who: str
    icon: str
    text: str
    prepares: bool = True


def events_of(ledger: Ledger, draft: Draft | None) -> Iterator[Event]:
    """Yield what people did with a load, the oldest first."""
    facts = ledger.facts
    if draft:
        file, by = draft.facts.file, draft.facts.by or facts.operator
        yield Event(draft.facts.created.astimezone(), by, "file", f"dropped {file}")
        for who, made in groupby(draft.made(), key=lambda one: one.who):
            cells = list(made)
            text = f"corrected {counted(len(cells), 'cell')}"
            yield Event(datetime.fromisoformat(cells[-1].when), who, "pencil", text)
    what = "undo" if facts.command == "undo" else "load"
    planned = {"check": "checked the rows", "undo": "planned the undo"}
    yield Event(
        facts.started, facts.operator, "eye", planned.get(facts.command, "compared with Alma")
    )
    words = {
        "apply": ("play", f"approved the {what}{{}}"), "paused": ("pause", f"paused the {what}"),
        "finished": ("check", f"the {what} is finished"),
        DECIDED: ("people", "answered {}"), ALLOWED: ("alert", "allowed: {}"),
    }  # fmt: skip
    for (event, who), entries in groupby(made_by_people(ledger), lambda e: (e.event, e.operator)):
        each = list(entries)
        if found := words.get(event):
            detail = each[-1].detail
            if event == DECIDED:
                detail = counted(len(each), "row")
            elif event == ALLOWED:
                detail = word_list([one.detail.replace("-", " ") for one in each])
            detail = f", {detail}" if event == "apply" and detail else detail
            text, prepares = found[1].format(detail), event == DECIDED
            if event == "apply":
                words["apply"] = ("play", f"continued the {what}{{}}")
            yield Event(each[-1].time, who, found[0], text, prepares)


class Given(BaseModel):
    """The answer to a row, and who gave it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    by: str


def given_answers(folder: Path) -> dict[int, Given]:
    """Return the answers that were given on the page, also those that were carried out."""
    with suppress(OSError, ValueError):
        return _GIVEN.validate_json((folder / ANSWERS).read_bytes())
    return {}


TEXTS = "mapping-people.json"
"""In the folder of a place: who changed the text of each mapping that has no roster, since a
load with its text was approved."""

_TEXTS = TypeAdapter(dict[str, tuple[str, ...]])


def _texts(folder: Path) -> dict[str, tuple[str, ...]]:
    path = folder / TEXTS
    return _TEXTS.validate_json(path.read_bytes()) if path.exists() else {}


def note_text(folder: Path, mapping: str, who: str, *, approved: bool) -> None:
    """Remember who changes a mapping's text; `approved`: the text before was, for a load.

    Raises OSError, ValueError.
    """
    texts = _texts(folder)
    people = () if approved else texts.get(mapping, ())
    texts[mapping] = tuple(dict.fromkeys((*people, who)))
    write_atomically(folder / TEXTS, _TEXTS.dump_json(texts))


def text_people(folder: Path, facts: RunFacts) -> frozenset[str]:
    """Return who changed the text of the mapping that selected the rows of a plan.

    Raises OSError, ValueError.
    """
    plans = facts.command == "plan" and facts.roster.kept
    return frozenset(_texts(folder).get(Path(facts.mapping.path).name, ()) if plans else ())


_GIVEN = TypeAdapter(dict[int, Given])


def save_answers(folder: Path, answers: Mapping[int, Given]) -> None:
    """Save the answers in place of those that were there."""
    write_atomically(folder / ANSWERS, _GIVEN.dump_json(dict(answers)))


def prepared_by(events: Iterable[Event], folder: Path, draft: Draft | None) -> frozenset[str]:
    """Return who dropped, changed, planned or answered anything of a run, also in the trash."""
    people = [one.who for one in events if one.prepares]
    people += (one.by for one in given_answers(folder).values())
    return frozenset((*people, *(draft.facts.people if draft else ())))
