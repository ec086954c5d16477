"""The executor over real sockets: what each answer of Alma makes of a row.

And what became of a lost write, told from what Alma has now.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter
from importer.alma.responses import UnreadableUserError
from importer.errors import Cause, DailyLimitError, Exit, ImporterError, UsageError
from importer.ledger.journal import Journal, Pending, RunContent, images, write_run
from importer.ledger.ledger import FILE, Ledger, State
from importer.ledger.run_lock import WriteGate, open_alone
from importer.model.people import NOTHING_COMMON
from importer.model.plan import Act, Create, Delete, Fate, Image, Update
from importer.model.problem import Code, Problem
from importer.model.user import Coded, ContactInfo, Email, User, UserIdentifier
from importer.sandbox.server import Options, running
from importer.writer.executor import LONGEST_OUTAGE, ApplyEvent, Executor, Waiting
from importer.writer.outcomes import NoWrite, WriteFound, verify
from tests.ledger.plans import FACTS, NOW
from tests.practice import call
from tests.sandbox import alma

Step = Create | Update | Delete
BORN, ENDS = date(1950, 1, 1), date(2026, 12, 31)

T = TypeVar("T")


def person(number: int, **fields: object) -> User:
    """An Internal patron."""
    user = User.model_validate(
        alma.person(
            primary_id=f"2000123400{number:04}", first_name="Ana", last_name=f"Number{number}"
        )
    )
    return user.model_copy(update=fields)


def student(number: int, **fields: object) -> User:
    """An External one."""
    kind = {"account_type": Coded(value="EXTERNAL"), "external_id": "SIS"}
    return person(number, user_group=Coded(value="UGRD"), **kind, **fields)


@dataclass
class Desk:
    """A sandbox, and the run of a few steps that is applied to it; its clock moves by sleeping."""

    folder: Path
    url: str
    time: float = 1000.0
    now: datetime = NOW
    slept: list[float] = field(default_factory=list)
    news: list[ApplyEvent] = field(default_factory=list)
    stop_when: Callable[[], bool] = lambda: False
    in_a_pause: Callable[[], None] = lambda: None
    before_gate: Callable[[], object] = lambda: None
    transport: Callable[[], httpx.AsyncBaseTransport | None] = lambda: None

    def back(self, method: str, path: str, body: str) -> None:
        """A call to the sandbox's back door."""
        host = self.url.removesuffix("/almaws/v1")
        call(host, method, f"/_sandbox{path}", body)

    def faults(self, rule: str) -> None:
        """What goes wrong from now on, if anything."""
        self.back("POST", "/faults", f"rules: [{{{rule}}}]" if rule else "")

    def staff_rename(self, user: User, name: str) -> None:
        """Staff change the last name of a user."""
        self.back("PATCH", f"/users/{user.primary_id}", json.dumps({"last_name": name}))

    def attempted(self, user: User) -> None:
        """An earlier apply was stopped while it sent the user of row 2."""
        with Ledger.open(self.folder) as ledger:
            Journal(ledger, "jo", lambda: NOW).record_intent(2, None, user)

    def last_name(self, user: User) -> str | None:
        """The last name of a user in Alma now."""
        return self.there(user).last_name

    def put_in(self, *users: User) -> tuple[User, ...]:
        """Users who are in Alma already, as it holds them."""

        async def use(alma: Alma) -> tuple[User, ...]:
            return tuple([await alma.create_user(user) for user in users])

        return self._with(use)

    def user(self, primary_id: str | None) -> User | None:
        """A user as Alma has them now."""
        return self._with(lambda alma: alma.get_user(primary_id or ""))

    def there(self, user: User) -> User:
        """A user who is in Alma, as Alma has them now."""
        found = self.user(user.primary_id)
        assert found is not None
        return found

    def plan(self, *steps: Step) -> None:
        """The steps of the run."""
        fates = {step.row: Fate.READY for step in steps}
        write_run(self.folder, FACTS, fates, RunContent(steps=steps)).close()

    def apply(self, limit: int | None = None, settle: float = 90) -> ImporterError | None:
        """Carry the run out."""

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.time += seconds

        with open_alone(self.folder, "jo@desk", self.now) as ledger:
            journal = Journal(ledger, "jo@desk", lambda: self.now)
            gate = WriteGate(journal)

            def leaving() -> None:
                self.before_gate()
                gate()

            async def use(alma: Alma) -> ImporterError | None:
                executor = Executor(
                    alma=alma,
                    journal=journal,
                    gate=leaving,
                    verify_delay=settle,
                    sleep=sleep,
                    clock=lambda: self.time,
                    passwords={2: "Correct-Horse-7"},
                    stopping=self.stop_when,
                    report=self.news.append,
                )
                return await executor.run(limit)

            return self._with(use)

    def ended(self, limit: int | None = None, settle: float = 90) -> dict[int, State]:
        """Carry the run out to its end; how far each row has come then."""
        assert self.apply(limit, settle) is None
        return self.states()

    def stopped(self) -> ImporterError:
        """Carry the run out until it stops."""
        stop = self.apply()
        assert stop is not None
        return stop

    def states(self) -> dict[int, State]:
        """How far each row has come."""
        with Ledger.open(self.folder) as ledger:
            journal = Journal(ledger, "", lambda: NOW)
            return {row: journal.step(row).state for row in journal.rows_in(*State)}

    def images(self) -> list[int]:
        """The rows of which an undo knows."""
        with Ledger.open(self.folder) as ledger:
            return [image.row for image in images(ledger)]

    def codes(self) -> list[tuple[int, Code, str]]:
        """The problems: row, code and field."""
        return [(p.origin.row, p.code, p.field) for p in self.problems()]

    def problems(self) -> list[Problem]:
        """The problems, whole."""
        with Ledger.open(self.folder) as ledger:
            return list(ledger.problems())

    def _with(self, use: Callable[[Alma], Awaitable[T]]) -> T:
        async def sleep(_: float) -> None:
            await asyncio.to_thread(self.in_a_pause)
            self.time += 1

        async def main() -> T:
            limiter = RateLimiter(1000, clock=lambda: self.time, wall=lambda: 0, sleep=sleep)
            async with Alma(self.url, SecretStr("sandbox"), limiter, self.transport()) as alma:
                return await use(alma)

        return asyncio.run(main())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with an empty sandbox."""
    with running(Options(rate=0)) as url:
        yield Desk(tmp_path, f"{url}/almaws/v1")


def _updated(row: int, before: User, **fields: object) -> Update:
    after = before.model_copy(update=fields)
    return Update(row, before.primary_id or "", before, after, ())


def _renamed(row: int, before: User) -> Update:
    return _updated(row, before, last_name="Vega")


def _deletion(row: int, user: User) -> Delete:
    return Delete(row, user.primary_id or "", user)


def test_a_password_is_sent_and_not_kept(desk: Desk) -> None:
    """It is in no file of the run."""
    desk.plan(Create(2, person(1)))
    assert desk.ended() == {2: State.APPLIED}
    assert all(b"Correct-Horse" not in path.read_bytes() for path in desk.folder.iterdir())


@pytest.mark.parametrize("fault", ["", "on: PUT, do: drop_after"])
def test_what_alma_keeps_is_told(desk: Desk, fault: str) -> None:
    """Alma has another value of a sticky field: a warning, also if the answer was lost."""
    (before,) = desk.put_in(student(1))
    desk.back("POST", f"/users/{before.primary_id}/edited", '["user_group"]')
    desk.plan(_updated(2, before, last_name="Vega", user_group=Coded(value="GRAD")))
    desk.faults(fault)
    assert desk.ended() == {2: State.APPLIED}
    assert desk.codes() == [(2, Code.KEPT_BY_ALMA, "user_group")]


def test_another_ones_barcode_is_not_the_user(desk: Desk) -> None:
    """The user is gone, and their identifier has become another's barcode: nobody is written."""
    gone = person(1)
    (other,) = desk.put_in(_with_barcode(gone))
    desk.plan(_renamed(2, gone))
    assert desk.ended() == {2: State.HELD}
    assert desk.user(other.primary_id) == other


def _with_barcode(user: User) -> User:
    """Somebody else, with a user's primary ID as barcode."""
    barcode = UserIdentifier(id_type=Coded(value="BARCODE"), value=user.primary_id)
    return person(2, user_identifier=(barcode,))


def test_a_late_write_has_its_time(desk: Desk) -> None:
    """The wait counts from the lost answer, by a clock that nobody sets, and is told."""
    desk.plan(Create(2, person(1)))
    desk.faults("on: POST, nth: 1, do: drop_after")
    assert desk.apply(settle=90) is None
    assert sum(desk.slept) == pytest.approx(90)
    assert [news.seconds for news in desk.news if isinstance(news, Waiting)] == [90]


@pytest.mark.parametrize("jump", [-86_400, 0, 86_400])
def test_a_write_of_an_earlier_invocation_has_its_time(desk: Desk, jump: int) -> None:
    """Whatever the clock was set to in between: the whole wait, and not more."""
    desk.plan(Create(2, person(1)))
    desk.attempted(person(1))
    desk.time += jump
    assert desk.apply(settle=90) is None
    assert sum(desk.slept) == pytest.approx(90)
    assert desk.states() == {2: State.APPLIED}


def test_a_limit_counts_rows_whose_reply_was_lost(desk: Desk) -> None:
    """The rows that may be sent are those that a person counted: doubtful ones are among them."""
    (known,) = desk.put_in(person(2))
    desk.plan(Create(2, person(1)), _deletion(3, known))
    desk.attempted(person(1))
    desk.put_in(person(1))
    assert desk.ended(limit=1) == {2: State.APPLIED, 3: State.PLANNED}
    assert desk.user(known.primary_id) == known


@pytest.mark.parametrize("act", [Create, Update, Delete])
def test_no_act_leaves_without_its_ledger(desk: Desk, act: type[Step]) -> None:
    """A create, an update and a delete each pass the gate after their intent."""
    (known,) = desk.put_in(person(1))
    steps: dict[type[Step], Step] = {
        Create: Create(2, person(2)),
        Update: _renamed(2, known),
        Delete: _deletion(2, known),
    }
    desk.plan(steps[act])
    desk.before_gate = (desk.folder / FILE).unlink
    with pytest.raises(UsageError, match="moved, renamed or deleted"):
        desk.apply()
    assert desk.user(known.primary_id) == known
    assert desk.user(person(2).primary_id) is None


def test_stopped_before_anything(desk: Desk) -> None:
    """Nothing is sent, and everything can still be."""
    desk.plan(Create(2, person(1)))
    desk.stop_when = lambda: True
    assert desk.apply() is not None
    assert desk.states() == {2: State.PLANNED}
    assert desk.user(person(1).primary_id) is None


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize(("name", "state"), [("Vega", State.ALREADY), ("Other", State.HELD)])
def test_what_staff_changed_meanwhile_stays(
    desk: Desk, name: str, state: State, *, paused: bool
) -> None:
    """They did what the plan says, or changed the same field otherwise: nothing is sent.

    Also if they did it while the update waited because it was refused for speed.
    """
    (before,) = desk.put_in(person(1))
    desk.plan(_renamed(2, before))
    if paused:
        desk.in_a_pause = lambda: desk.staff_rename(before, name)
        desk.faults('on: PUT, nth: 1, do: "429"')
    else:
        desk.staff_rename(before, name)
    # an attempt was made before the pause
    assert desk.ended() == {2: State.APPLIED if paused and state is State.ALREADY else state}
    assert desk.last_name(before) == name
    held = state is State.HELD
    assert [code for _, code, _ in desk.codes()] == [Code.CHANGED_IN_ALMA] * held


def test_a_write_that_alma_took_before_the_day_s_calls_were_used_up_is_ours(desk: Desk) -> None:
    """It answered 429 and had done it; the repeat of the call found no calls left."""
    (before,) = desk.put_in(person(1))
    desk.plan(_renamed(2, before), Create(3, person(2)))
    desk.faults('on: POST, nth: 1, do: "429_after"}, {on: PUT, nth: 1, do: "429_after"')
    desk.in_a_pause = lambda: desk.faults('on: POST, do: "429_daily"}, {on: GET, do: "429_daily"')
    assert isinstance(desk.stopped(), DailyLimitError)
    desk.in_a_pause = lambda: None
    desk.faults("")
    assert desk.ended() == {2: State.APPLIED, 3: State.APPLIED}
    assert desk.images() == [2, 3]


def test_a_call_that_did_not_leave_is_no_attempt(desk: Desk) -> None:
    """The day's calls were used up. What staff did themselves until the next day is not ours."""
    (before,) = desk.put_in(person(1))
    desk.plan(_renamed(2, before))
    desk.faults("on: GET, do: 429_daily")
    assert isinstance(desk.stopped(), DailyLimitError)
    desk.faults("")
    desk.staff_rename(before, "Vega")
    assert desk.ended() == {2: State.ALREADY}
    assert desk.images() == []


class _OtherReplies(httpx.AsyncHTTPTransport):
    """Alma carries out each write, and something between sends another reply in its place."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self.reply = status, body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if request.method == "GET" or "operation/test" in request.url.path:
            return answer
        await answer.aread()
        return httpx.Response(self.reply[0], stream=httpx.ByteStream(self.reply[1]))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b""),
        (403, b"<h1>Forbidden</h1>"),
        (302, b""),
        (307, b""),
        (400, b"Invalid API Key"),
        (429, b"Daily API Request Threshold has been reached."),
    ],
)
def test_only_a_refusal_in_alma_s_own_words_is_a_refusal(
    desk: Desk, status: int, body: bytes
) -> None:
    """After every other reply Alma is asked, and what is there as it was sent is ours to undo."""
    (before,) = desk.put_in(person(1))
    desk.plan(_renamed(2, before), Create(3, person(2)))
    desk.transport = lambda: _OtherReplies(status, body)
    for _ in range(2):  # the day's calls, or the key, may stop the run after each row
        desk.apply()
    desk.transport = lambda: None
    assert desk.ended() == {2: State.APPLIED, 3: State.APPLIED}
    assert desk.images() == [2, 3]


def test_a_record_that_cannot_be_understood_holds_its_own_row(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a mistyped date; the others are written, and the next apply has nothing to do."""
    first, second = desk.put_in(person(1), person(2))
    desk.plan(_renamed(2, first), _renamed(3, second))
    whole = Alma.get_user

    async def get_user(alma: Alma, user_id: str, *words: Any, **more: Any) -> User | None:
        if user_id == first.primary_id:
            raise UnreadableUserError(user_id)
        return await whole(alma, user_id, *words, **more)

    monkeypatch.setattr(Alma, "get_user", get_user)
    assert desk.ended() == {2: State.HELD, 3: State.APPLIED}


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ({"first_name": "Bob", "last_name": "Jones", "birth_date": "2001-05-05Z"}, State.HELD),
        ({"first_name": "Bob", "birth_date": "2001-05-05Z"}, State.HELD),  # a family has one name
        ({"birth_date": "1950-02-03Z"}, State.HELD),
        ({"first_name": "Bob"}, State.APPLIED),  # the birth date agrees
        ({"last_name": "Jones"}, State.APPLIED),
    ],
)
def test_a_user_whom_the_plan_would_ask_about_is_not_changed(
    desk: Desk, now: dict[str, str], state: State
) -> None:
    """The card was given to somebody else after the plan: that user is left, and reported."""
    (before,) = desk.put_in(person(1, birth_date=BORN, expiry_date=ENDS))
    desk.plan(_updated(2, before, expiry_date=ENDS.replace(year=2027)))
    desk.back("PATCH", f"/users/{before.primary_id}", json.dumps(now))
    assert desk.ended() == {2: state}
    kept = desk.there(before).expiry_date == before.expiry_date
    assert kept == (state is State.HELD)


def test_a_write_that_is_looked_up_again_is_compared_as_it_was_sent(desk: Desk) -> None:
    """Another name and birth date, by an answer, were sent and not answered: it is our write."""
    (before,) = desk.put_in(person(1, birth_date=BORN, expiry_date=ENDS))
    new = {"first_name": "Bob", "last_name": "Jones", "birth_date": ENDS.replace(year=1950)}
    desk.plan(_updated(2, before, **new, expiry_date=ENDS.replace(year=2027)))
    desk.faults('on: PUT, nth: 1, do: "drop_after"')
    assert desk.ended() == {2: State.APPLIED}
    assert desk.there(before).last_name == "Jones"


@pytest.mark.parametrize("fault", ["429", "429_after"])
def test_what_staff_added_during_a_pause_is_kept(desk: Desk, fault: str) -> None:
    """After a refusal for speed the record is read again before it is replaced."""
    (before,) = desk.put_in(person(1))
    desk.plan(_renamed(2, before))
    notes = ['{"user_note": [{"note_type": {"value": "OTHER"}, "note_text": "Call back"}]}']

    def edit() -> None:
        if notes:
            desk.back("PATCH", f"/users/{before.primary_id}", notes.pop())

    desk.in_a_pause = edit
    desk.faults(f'on: PUT, nth: 1, do: "{fault}"')
    assert desk.apply() is None
    found = desk.there(before)
    assert found.last_name == "Vega"
    assert [note.note_text for note in found.user_note or ()] == ["Call back"]
    assert desk.states() == {2: State.APPLIED}


@pytest.mark.parametrize("fault", ["429_after", "500_after", "drop_after"])
def test_a_create_that_arrived_although_alma_said_no_is_ours(desk: Desk, fault: str) -> None:
    """The ID is taken by the very user that was sent before: undo knows of it."""
    desk.plan(Create(2, person(1)))
    desk.faults(f'on: POST, nth: 1, do: "{fault}"')
    assert desk.ended() == {2: State.APPLIED}
    assert desk.codes() == []
    assert desk.images() == [2]


def test_a_user_whom_somebody_else_created_is_not_ours(desk: Desk) -> None:
    """Alma refused the only call, as the same user is there: another run's, which no undo takes."""
    desk.put_in(person(1))
    desk.plan(Create(2, person(1)))
    assert desk.ended() == {2: State.ALREADY}
    assert desk.codes() == []
    assert desk.images() == []


def test_a_create_whose_record_staff_changed_before_the_resume_is_ours(desk: Desk) -> None:
    """The answer was lost: it is the person that was sent; what differs is named, and is theirs."""
    desk.plan(Create(2, person(1)))
    desk.put_in(person(1))
    desk.attempted(person(1))
    desk.staff_rename(person(1), "Vega")
    assert desk.ended() == {2: State.APPLIED}
    assert desk.codes() == [(2, Code.KEPT_BY_ALMA, "last_name")]
    assert desk.images() == [2]


@pytest.mark.parametrize("before", ["nothing", "an attempt", "a lost answer"])
@pytest.mark.parametrize(
    "holder", [person(1, first_name="Bo", last_name="Lee"), _with_barcode(person(1))]
)
def test_a_taken_id_ends_the_same_with_and_without_an_earlier_attempt(
    desk: Desk, holder: User, before: str
) -> None:
    """Somebody else has the ID of a new user: refused, as an undisturbed apply says."""
    desk.put_in(holder)
    desk.plan(Create(2, person(1)))
    if before == "an attempt":
        desk.attempted(person(1))
    desk.faults("on: POST, nth: 1, do: 500_before" if before == "a lost answer" else "")
    assert desk.ended() == {2: State.REFUSED}
    assert [code for _, code, _ in desk.codes()] == [Code.REFUSED_BY_ALMA]
    assert desk.images() == []


@pytest.mark.parametrize("fault", ["empty", "html", "429_after", "500_after", "drop_before"])
def test_a_delete_is_reported_only_when_the_user_is_gone(desk: Desk, fault: str) -> None:
    """Whatever the answer was: in the end the user is not in Alma, and is deleted once."""
    (user,) = desk.put_in(person(1))
    desk.plan(_deletion(2, user))
    desk.faults(f'on: DELETE, nth: 1, do: "{fault}"')
    assert desk.ended() == {2: State.APPLIED}
    assert desk.user(user.primary_id) is None


@pytest.mark.parametrize("fault", ["on: PUT, do: html", "on: GET, path: /users/*1, do: 503"])
def test_rows_at_which_alma_always_fails_keep_no_load_open(
    desk: Desk, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage passes, so the load is continued; half a day later they are refused, with why.

    So many in a row may be an outage, too, at first.
    """
    monkeypatch.setattr("importer.alma.client.BACKOFF", (0.0,))
    monkeypatch.setattr("importer.writer.outage.MOST_FAILURES", 5)
    known = desk.put_in(*(person(number) for number in range(1, 72, 10)))
    rows = range(2, 2 + len(known))
    desk.plan(*map(_renamed, rows, known), Create(rows.stop, person(2)))
    desk.faults(fault)
    assert desk.stopped().cause is Cause.PASSES
    for _ in range(2):
        assert desk.stopped().cause is Cause.PASSES
        assert desk.states() == {**dict.fromkeys(rows, State.PLANNED), rows.stop: State.APPLIED}
    desk.now += LONGEST_OUTAGE
    assert desk.apply() is None
    refused = [(row, Code.REFUSED_BY_ALMA) for row in rows]
    assert [(problem.origin.row, problem.code) for problem in desk.problems()] == refused
    desk.faults("")
    assert [desk.last_name(user) for user in known] == [user.last_name for user in known]


def test_many_rows_are_refused_only_if_alma_ended_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it fails at all of them for days, but not at a call about nobody, it is Alma."""
    monkeypatch.setattr("importer.alma.client.BACKOFF", ())
    monkeypatch.setattr("importer.writer.executor.MOST_FAILURES", 5)
    known = desk.put_in(*(person(number) for number in range(1, 52, 10)))
    desk.plan(*map(_renamed, range(2, 7), known))
    desk.faults("on: PUT, do: 503")
    for _ in range(3):
        assert desk.stopped().cause is Cause.PASSES
        desk.now += LONGEST_OUTAGE
    desk.faults("")
    assert desk.ended() == dict.fromkeys(range(2, 7), State.APPLIED)


class _Firewall(httpx.AsyncHTTPTransport):
    """It takes no call with a word that it does not like, in the address or in the body."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if b"Union" in request.content + request.url.raw_path:
            return httpx.Response(403, stream=httpx.ByteStream(b"<h1>Forbidden</h1>"))
        return await super().handle_async_request(request)


@pytest.mark.parametrize("state", [State.PLANNED, State.UNKNOWN])
def test_a_row_that_a_firewall_takes_for_an_attack_stops_no_load(desk: Desk, state: State) -> None:
    """The key is right, as another call shows, so the other rows are written.

    Also where it is not known whether an earlier call arrived.
    """
    desk.transport = _Firewall
    named = {"last_name": "Union"} if state is State.PLANNED else {"primary_id": "Union-1"}
    blocked = person(1).model_copy(update=named)
    desk.plan(Create(2, blocked), Create(3, person(2)))
    if state is State.UNKNOWN:
        desk.attempted(blocked)
    stopped = desk.stopped()
    assert (stopped.exit, stopped.cause) == (Exit.STOPPED, Cause.PASSES)
    assert desk.states() == {2: state, 3: State.APPLIED}
    desk.now += LONGEST_OUTAGE
    if state is State.PLANNED:
        assert desk.ended() == {2: State.REFUSED, 3: State.APPLIED}


@pytest.mark.parametrize("outage", ["no connection", "on: any, do: 503", "on: POST, do: html"])
def test_an_outage_refuses_no_row(desk: Desk, outage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is there again on another day, when the load of a single row is continued."""
    monkeypatch.setattr("importer.alma.client.BACKOFF", (0.0,) * 3)
    desk.plan(Create(2, person(1)))
    there = desk.url
    if outage == "no connection":
        desk.url = "http://127.0.0.1:9/almaws/v1"
    else:
        desk.faults(outage)
    for _ in range(3):
        assert desk.stopped().cause is Cause.PASSES
        desk.now += LONGEST_OUTAGE
    desk.url = there
    desk.faults("")
    assert desk.states() in ({2: State.PLANNED}, {2: State.UNKNOWN})
    assert desk.ended() == {2: State.APPLIED}


def test_a_delete_that_never_happens_is_not_reported(desk: Desk) -> None:
    """A gateway that always says that all is well: the row is open, and the user is there."""
    (user,) = desk.put_in(person(1))
    desk.plan(_deletion(2, user))
    desk.faults("on: DELETE, do: empty")
    assert desk.apply() is not None
    assert desk.states() == {2: State.PLANNED}
    assert desk.user(user.primary_id) is not None


_LINE = {"address_type": [{"value": "home"}], "city": "Riverton"}
_NOTE = {"note_type": {"value": "GONE"}, "note_text": "x"}


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ({"contact_info": {"address": [_LINE]}}, "401664"),
        ({"user_note": [_NOTE]}, "401864"),
        ({"user_group": {"value": "GONE"}}, "401852"),
        ({"gender": {"value": "GONE"}}, "40166404"),
    ],
)
def test_a_refusal_for_what_alma_has_is_not_the_roster_s(
    desk: Desk, edit: dict[str, object], code: str
) -> None:
    """If the refused part was in Alma before, the row's column is not blamed, but Alma's record."""
    (before,) = desk.put_in(person(1))
    desk.back("PATCH", f"/users/{before.primary_id}", json.dumps(edit))
    desk.plan(_renamed(2, desk.there(before)))
    desk.apply()
    assert desk.states() == {2: State.REFUSED}
    (problem,) = desk.problems()
    assert (problem.code, problem.field) == (Code.REFUSED_BY_ALMA, "")
    assert problem.value
    assert problem.to_do.startswith("Open the user in Alma")


def test_a_refusal_for_a_new_value_is_the_roster_s(desk: Desk) -> None:
    """If the update brings the refused value, its field is named."""
    (before,) = desk.put_in(person(1))
    desk.plan(_updated(2, before, user_group=Coded(value="GONE")))
    desk.apply()
    assert desk.codes() == [(2, Code.REFUSED_BY_ALMA, "user_group")]


WAS = User(
    primary_id="1000001",
    first_name="Ana",
    last_name="Núñez",
    user_group=Coded(value="UGRD"),
    pin_number="1111",
)


def _but(user: User, **fields: object) -> User:
    return user.model_copy(update=fields)


BODY = _but(WAS, last_name="Vega", user_group=Coded(value="GRAD"))


def _update(before: User, body: User) -> Pending:
    return Pending(
        2, Act.UPDATE, "1000001", before, body, (), State.UNKNOWN, 1, Image(before, body)
    )


DELETE = Pending(2, Act.DELETE, "1000001", WAS, WAS, (), State.UNKNOWN, 1, Image(WAS, WAS))


BARCODE = UserIdentifier(id_type=Coded(value="BARCODE"), value="21234")
EMAIL = ContactInfo(email=(Email(email_address="ana@example.org"),))
SENT = _but(BODY, account_type=Coded(value="INTERNAL"), user_identifier=(BARCODE,))
CREATE = Pending(2, Act.CREATE, "1000001", None, SENT, (), State.UNKNOWN, 1, Image(None, SENT))


@pytest.mark.parametrize(
    ("found", "first_time", "later"),
    [
        (SENT, WriteFound(), WriteFound()),
        (_but(SENT, contact_info=EMAIL), WriteFound(), WriteFound()),
        (None, NoWrite.MISSING, NoWrite.MISSING),
        (_but(SENT, primary_id="77"), NoWrite.MISSING, NoWrite.MISSING),  # another's barcode
        # Staff changed what was sent: that it is ours only an earlier attempt can tell.
        (_but(SENT, user_group=WAS.user_group), NoWrite.MISSING, WriteFound((), ("user_group",))),
        (_but(SENT, last_name="Cruz"), NoWrite.MISSING, WriteFound((), ("last_name",))),
        # Somebody else has our ID.
        (_but(SENT, first_name="Bo", last_name="Lee"), NoWrite.MISSING, NoWrite.MISSING),
        (_but(SENT, account_type=Coded(value="EXTERNAL")), NoWrite.MISSING, NoWrite.MISSING),
        (_but(SENT, user_group=None, user_identifier=()), NoWrite.MISSING, NoWrite.MISSING),
    ],
)
def test_a_create(
    found: User | None, first_time: WriteFound | NoWrite, later: WriteFound | NoWrite
) -> None:
    """It is there if all that was sent is there, or the same person with what staff changed since.

    That staff changed it is only believed where an earlier attempt may have created it.
    """
    assert verify(replace(CREATE, attempts=0), found, NOTHING_COMMON) == first_time
    assert verify(CREATE, found, NOTHING_COMMON) == later


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BODY, WriteFound()),
        (WAS, NoWrite.MISSING),
        (_but(WAS, first_name="Anna"), NoWrite.MISSING),  # staff changed what we do not
        (_but(BODY, first_name="Anna"), WriteFound()),
        (_but(BODY, user_group=WAS.user_group), WriteFound(("user_group",))),  # kept by Alma
        (_but(WAS, last_name="Other"), NoWrite.EDITED),
        (_but(BODY, last_name="Other"), NoWrite.EDITED),
        (None, NoWrite.USER_DELETED),
        (_but(BODY, primary_id="77"), NoWrite.USER_DELETED),
    ],
)
def test_an_update(found: User | None, expected: WriteFound | NoWrite) -> None:
    """It is there if what it changes is there; Alma takes a record whole or not at all."""
    assert verify(_update(WAS, BODY), found, NOTHING_COMMON) == expected


@pytest.mark.parametrize(
    ("staff", "expected"),
    [
        ({"last_name": "Cruz"}, WriteFound((), ("last_name",))),
        ({"last_name": "Cruz", "birth_date": date(1950, 2, 3)}, NoWrite.MISSING),
        ({"first_name": "Bo", "birth_date": None}, NoWrite.MISSING),  # a family has one last name
    ],
)
def test_whom_a_plan_would_take_for_another_person_was_not_created(
    staff: dict[str, object], expected: WriteFound | NoWrite
) -> None:
    """The user with our ID is judged as in a plan, though a create of ours may have arrived."""
    sent = _but(SENT, user_identifier=(), birth_date=date(2001, 5, 5))
    step = replace(CREATE, after=sent, sent=Image(None, sent))
    assert verify(step, _but(sent, **staff), NOTHING_COMMON) == expected


def test_what_alma_does_not_answer_proves_nothing() -> None:
    """An update of a PIN alone cannot be seen, so it is put once more."""
    step = _update(WAS, _but(WAS, pin_number="2222"))
    assert verify(step, WAS, NOTHING_COMMON) == NoWrite.MISSING


def test_what_staff_changed_before_the_write_is_not_ours() -> None:
    """Compared is with what was there just before the write, not with the plan's record."""
    planned = Pending(
        2, Act.UPDATE, "1000001", WAS, BODY, (), State.UNKNOWN, 1,
        Image(_but(WAS, first_name="Anna"), _but(BODY, first_name="Anna")),
    )  # fmt: skip
    assert verify(planned, _but(BODY, first_name="Hanna"), NOTHING_COMMON) == WriteFound()


@pytest.mark.parametrize(
    ("found", "expected"),
    [(None, WriteFound()), (WAS, NoWrite.MISSING), (_but(WAS, primary_id="77"), WriteFound())],
)
def test_a_delete(found: User | None, expected: WriteFound | NoWrite) -> None:
    """It is done if the user is gone."""
    assert verify(DELETE, found, NOTHING_COMMON) == expected
