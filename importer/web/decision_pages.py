"""The queue of decisions: one row at a time beside the users in question, and what was answered.

Answers are kept beside the run until all are given; then one `resolve` carries them out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from os.path import commonprefix
from pathlib import Path
from typing import NamedTuple, assert_never
from urllib.parse import urlencode

from aiohttp import web

from importer.errors import ImporterError
from importer.ledger.ledger import Ledger, RunValue, summarize
from importer.model.answers import choices, possible_users
from importer.model.fields import FIELDS, fields_of
from importer.model.people import ADDRESS, BORN, EMAIL, PHONE
from importer.model.plan import KeepOldId
from importer.model.problem import CATALOGUE, Code, Problem
from importer.model.question import Answer, read_decision
from importer.model.roster import DECISION
from importer.model.text import RowId, counted, row_label
from importer.model.user import User
from importer.pipeline.check import validate
from importer.pipeline.decisions import open_rows
from importer.pipeline.still_good import reopen_inputs
from importer.planner.merge import new_user
from importer.report.files import place
from importer.report.masking import shown
from importer.report.rejects import returned, write_rejects
from importer.report.view import RunView, ShownNames, is_danger
from importer.report.wording import field_name, what
from importer.service.place import USERS
from importer.users.cache import NoCacheError, UserCache, find_users
from importer.users.matching import MatchResult, PersonQuery, user_keys
from importer.web.loads import given_answers, save_answers
from importer.web.run_pages import unused_answers
from importer.web.site import NotDoneError, Visit, as_shown, see
from importer.web.workspace import Workspace

SENT = "answers.csv"
"""In a run's folder: the answers of the last `resolve`."""

MOST_USERS = 3
"""Users in question that are shown beside a row."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The open rows of a run by kind, dangers first, and the answers that were given."""

    rows: Mapping[int, Sequence[Problem]]
    answers: Mapping[int, str]

    @classmethod
    def of(cls, ledger: Ledger) -> Queue:
        """Read the questions of a run, and the answers that still fit them."""
        rows = open_rows(ledger)
        asked = (row for row, problems in rows.items() if choices(problems))
        ordered = sorted(asked, key=lambda row: (_kind(rows[row]), row))
        given = given_answers(ledger.folder).items()
        valid = {row: text for row, text in given if text in choices(rows.get(row, ()))}
        return cls({row: rows[row] for row in ordered}, valid)

    def open(self, kind: str = "") -> list[int]:
        """Return the rows without an answer, of one kind or all, in order."""
        left = (row for row in self.rows if row not in self.answers)
        return [row for row in left if kind in {"", _kind(self.rows[row]).code}]

    def kinds(self) -> Counter[QuestionKind]:
        """Return each kind of question with how many are open."""
        return Counter(_kind(self.rows[row]) for row in self.open())


class QuestionKind(NamedTuple):
    """What is asked; dangers come first."""

    harmless: bool
    code: Code

    @property
    def title(self) -> str:
        """The catalog's title."""
        return CATALOGUE[self.code].title


def _kind(problems: Sequence[Problem]) -> QuestionKind:
    first = max(problems, key=lambda problem: is_danger(problem.code))
    return QuestionKind(not is_danger(first.code), first.code)


def decisions(visit: Visit) -> web.Response:
    """Show the question that the address names, or the next one; after the last, the answers."""
    with Ledger.open(visit.run) as ledger:
        queue = Queue.of(ledger)
        kind, wanted = visit.text("kind"), visit.number("row", -1)
        left = queue.open(kind) or queue.open()
        row = wanted if wanted in queue.rows else next(iter(left), None)
        question = None if row is None else Desk(visit.space, ledger, queue).question(row)
        read = ShownNames(ledger, show_values=True)
        names = {row: read.of(ledger.row(row)) for row in queue.answers}
        unused = unused_answers(visit, ledger)
    return visit.step_page(
        "decisions.html.j2", "Decisions",
        queue=queue, kind=kind if queue.open(kind) else "", question=question, names=names,
        order=list(queue.rows), unused=unused,
    )  # fmt: skip


def answer(visit: Visit) -> web.Response:
    """Keep the answer to a question, or to all that are alike, and show the next."""
    row, text, kind = visit.number("row", -1), visit.text("decision"), visit.text("kind")
    here = f"{visit.run_address}/decisions"
    with Ledger.open(visit.run) as ledger:
        queue = Queue.of(ledger)
        if text not in choices(queue.rows.get(row, ())):
            sentence = "Choose one of the decisions that the row's page lists. Nothing was changed."
            raise NotDoneError(422, "This row has no such decision", sentence, here)
        same = visit.text("same") == "yes"
        alike = [*Desk(visit.space, ledger, queue).alike(row)] if same else ()
    fitting = [row for row in alike if text in choices(queue.rows[row])]
    given = dict.fromkeys((row, *fitting), text)
    save_answers(visit.run, given_answers(visit.run) | given)
    return see(f"{here}?{urlencode({'kind': kind, 'done': row})}")


def take_back(visit: Visit) -> web.Response:
    """Take the answer to a question back, and show it again."""
    row = visit.number("row", -1)
    given = given_answers(visit.run)
    given.pop(row, None)
    save_answers(visit.run, given)
    return see(f"{visit.run_address}/decisions?row={row}")


def use(visit: Visit) -> web.Response:
    """Start `resolve` with the answers; of several rosters, with those of the first that has any.

    The file is one of rejects with its column Decision filled in.
    """
    with Ledger.open(visit.run) as ledger:
        queue = Queue.of(ledger)
        if not queue.answers:
            return see(f"{visit.run_address}/decisions")
        roster = RowId.of(min(queue.answers)).roster
        used = {row: text for row, text in queue.answers.items() if RowId.of(row).roster == roster}
        view = RunView(ledger, summarize(ledger))
        rows = [
            replace(row, added={**row.added, DECISION: used.get(row.of.row, "")})
            for row in returned(view, roster)
        ]
        file = place(visit.run / SENT, partial(write_rejects, view, roster, rows))
    words = ("resolve", f"runs/{visit.run.name}", "--from", visit.space.typed(file), "--json")
    title, back = f"Using {counted(len(used), 'answer')}", f"{visit.run_address}/decisions"
    return visit.start(*words, title=title, then=visit.run_address, back=back)


# --- one question ---

ComparedField = tuple[str, list[tuple[str, str, str]], str]
"""A field of a row beside those of users: its name, the parts of each text, and the verdict."""


@dataclass(frozen=True, slots=True)
class AskedRow:
    """The question about a row, and the users whom it may be about."""

    row: int
    kind: str
    name: str
    problems: Sequence[str]
    titles: Sequence[tuple[str, str]]  # of each column, with a note
    unseen: bool  # the user cache lacks one of the users
    fields: Sequence[ComparedField]
    more: Sequence[tuple[str, str]]  # what only the user in Alma has
    options: Sequence[tuple[str, str, bool]]
    alike: Sequence[int]


class Desk:
    """What is known of the people of a queue: the records of the rows, and users of Alma."""

    def __init__(self, space: Workspace, ledger: Ledger, queue: Queue) -> None:
        """Read the records and the users in question."""
        self.ledger, self.queue, self.names = ledger, queue, ShownNames(ledger, show_values=True)
        self.codes = space.codes()
        self.records: Mapping[int, User] = {}
        self.keep: Mapping[int, KeepOldId | None] = {}
        with suppress(ImporterError):  # the roster was changed
            self.records, self.keep = _records_of(
                space, ledger.folder, ledger.value(RunValue.SEAL) or ""
            )
        wanted = dict.fromkeys(
            user for problems in queue.rows.values() for user in possible_users(problems)
        )
        self.known = dict(_users(space, ledger, tuple(wanted)))

    def question(self, row: int) -> AskedRow:
        """Return the question about a row, and the users whom it may be about."""
        problems = self.queue.rows[row]
        users = possible_users(problems)[:MOST_USERS]
        facts, _ = self.ledger.facts.of(row)
        file = facts.origin(row).file + (f", sheet {facts.sheet}" if facts.sheet else "")
        own = f"Row {row_label(row)} of the roster", file
        people = [self.records.get(row), *(self._user(user, row) for user in users)]
        sides = [self._texts(user) for user in people]
        more = [text for text in sides[1].items() if text[0] not in sides[0]] if users else ()
        return AskedRow(
            row,
            _kind(problems).title,
            self.names.known(history) if (history := self.ledger.row(row)) else "",
            [what(problem, show_values=True, begin=True) for problem in problems],
            [own, *(self._title(user, row) for user in users)],
            any(user is None for user in people[1:]),
            [*_compare(sides)],
            more,
            [*self._options(row, problems)],
            [*self.alike(row)],
        )

    def _user(self, user: str, row: int) -> User | None:
        """Return a user of Alma, or the record of another row with this primary ID."""
        other = self._other(user, row)
        return self.known.get(user) or (None if other is None else self.records[other])

    def _other(self, user: str, row: int) -> int | None:
        """Return the other row that has a primary ID."""
        rows = (row for row, record in self.records.items() if record.primary_id == user)
        return next((other for other in rows if other != row), None)

    def _options(self, row: int, problems: Sequence[Problem]) -> Iterator[tuple[str, str, bool]]:
        """Yield the answers that the command line offers too: each, and what it does.

        And whether it changes the record of somebody who may be another person.
        """
        for text in choices(problems):
            answer, user = read_decision(text) or (Answer.REJECT, "")
            user = user or next(iter(possible_users(problems)), "")
            overwrites = answer.names_user and not _kind(problems).harmless
            yield text, self._does(answer, user, row), overwrites

    def _does(self, answer: Answer, user: str, row: int) -> str:
        """Return what an answer about a row does, in sentences. `user`: whom it is about."""
        new = (self.records[row].primary_id or "") if row in self.records else ""
        match answer:
            case Answer.UPDATE:
                unused = f"; {new} is not used" if new not in {"", user} else ""
                does = f"The primary ID stays {user}{unused}. The row's other values are written."
            case Answer.RENAME:
                keep = self.keep.get(row)
                old = (
                    f"stays as an {keep.status.lower()} ID ({keep.type})" if keep else "is not kept"
                )
                does = (
                    f"The primary ID becomes {new or 'that of the row'}. {user} {old}. Loans and "
                    "notes stay, and the row's other values are written."
                )
            case Answer.CREATE:
                does = "A new user is created with the values of this row. Nobody else changes."
            case Answer.ONLY:
                does = f"Row {row_label(row)} is loaded. The other rows of this person stay out."
            case Answer.SEPARATE:
                does = "They are different people: each row is loaded as a user of its own."
            case Answer.LOAD:
                does = (
                    "The row is loaded with this name: its user is updated, or created if Alma has "
                    "none."
                )
            case Answer.REJECT:
                does = f"Nothing is written. Row {row_label(row)} stays out of Alma."
            case _:
                assert_never(answer)
        return does

    def _title(self, user: str, row: int) -> tuple[str, str]:
        """Return the heading of a user's column, and whose user it is."""
        if record := self.known.get(user):
            fields = dict(fields_of(record))
            source = fields.get("source_institution_code", "")
            owner = fields.get("external_id", "") or "your library's own"
            kind = fields.get("account_type", "").capitalize()
            whose = f"linked from {source}" if source else owner
            return f"User {user} in Alma", ", ".join(filter(None, (kind, whose)))
        if (other := self._other(user, row)) is not None:
            return f"Row {row_label(other)} of the roster", "not in Alma"
        return f"User {user} in Alma", "not in the user cache"

    def alike(self, row: int) -> Iterator[int]:
        """Yield the other open rows with the same question and at least as much evidence.

        That is both names and one more value; for an ID of another person, the last name and an
        email or phone.
        """
        codes = {problem.code for problem in self.queue.rows[row]}
        needed, more, mine = {"first", "last"}, {BORN, EMAIL, PHONE}, self._agreed(row)
        if Code.ANOTHER_PERSON in codes:
            needed, more = {"last"}, {EMAIL, PHONE}
        if not needed <= mine or mine.isdisjoint(more):
            return
        for other in self.queue.open(_kind(self.queue.rows[row]).code):
            same = codes == {problem.code for problem in self.queue.rows[other]}
            if other != row and same and mine <= self._agreed(other):
                yield other

    def _agreed(self, row: int) -> frozenset[str]:
        """Return what says who somebody is and is equal in a row and the only user in question."""
        users = possible_users(self.queue.rows[row])
        record = self.records.get(row)
        user = self.known.get(users[0]) if len(users) == 1 else None
        if record is None or user is None:
            return frozenset()
        mine, theirs = user_keys(record), user_keys(user)
        names = {
            name for name in ("first", "last") if getattr(mine, name) == getattr(theirs, name) != ""
        }
        return frozenset({*names, *mine.shared(theirs)} - {ADDRESS})

    def _texts(self, user: User | None) -> dict[str, str]:
        """Return the fields of a record by name, several values of one name together."""
        named: dict[str, list[str]] = {}
        for path, value in fields_of(user) if user else ():
            name, text, code = field_name(path), shown(path, value, show_values=True), ""
            if path in FIELDS and text == value:
                text, code = as_shown(FIELDS[path], text, self.codes)
            if not path.rpartition(".")[2].startswith(_QUIET):
                named.setdefault(name, []).append(f"{text} {code}".strip())
        return {name: " · ".join(texts) for name, texts in named.items()}


_QUIET = ("pref", "segment_type", "account_type", "record_type", "user_viewable", "popup_note")
"""How the fields begin that say nothing about who somebody is."""


def _compare(sides: list[dict[str, str]]) -> Iterator[ComparedField]:
    """Yield the fields of the first record, each beside those of the others, and a verdict.

    Of each text: the equal beginning, what differs, and the equal end.
    """
    for name, text in sides[0].items():
        texts = [side.get(name, "") for side in sides[1:]]
        differ = [other for other in texts if other and other.casefold() != text.casefold()]
        alone = "only in the roster" if texts else ""
        verdict = "differs" if differ else "equal" if any(texts) else alone
        row = _split(text, differ[0]) if differ else (text, "", "")
        yield name, [row, *(_split(side, text) for side in texts)], verdict


def _split(text: str, other: str) -> tuple[str, str, str]:
    """Return the beginning of a text that another has too, what differs, and the equal end.

    Of a text of several words, whole words differ.
    """
    if not text or not other or text.casefold() == other.casefold():
        return text, "", ""
    start = len(commonprefix([text, other]))  # noqa: RUF071  of texts
    end = commonprefix([text[start:][::-1], other[start:][::-1]])  # noqa: RUF071  of texts
    stop = len(text) - len(end)
    if " " in text:
        start = text.rfind(" ", 0, start) + 1
        stop = stop + len(text[stop:].partition(" ")[0])
    return text[:start], text[start:stop], text[stop:]


def _users(space: Workspace, ledger: Ledger, wanted: tuple[str, ...]) -> Iterator[tuple[str, User]]:
    """Yield users of Alma by primary ID, as far as the user cache has them."""
    alma = ledger.facts.alma
    if not wanted or alma is None:
        return
    with suppress(NoCacheError), UserCache.open(alma.cache(space.folder / USERS)) as cache:
        for primary_id in wanted:
            match = find_users(cache, PersonQuery((("primary_id", primary_id),)))
            if isinstance(match, MatchResult):
                yield from ((primary_id, user) for user in match.every_user)


@lru_cache(maxsize=2)
def _records_of(
    space: Workspace, folder: Path, _seal: str
) -> tuple[Mapping[int, User], Mapping[int, KeepOldId | None]]:
    """Return the records that the open rows of a run would make, and how each keeps an old ID.

    Raises StalePlanError.
    """
    with Ledger.open(folder) as ledger:
        rosters = validate(reopen_inputs(ledger.facts, space.codes()))
        records = {draft.row: new_user(draft) for draft in rosters.drafts(open_rows(ledger), {})}
        return records, {row: rosters.match(row).keep_old_id for row in records}
