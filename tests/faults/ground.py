"""A plan to break, the Alma that it is for, and what must be true whatever breaks."""

from __future__ import annotations

import asyncio
import json
import shutil
import socketserver
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from importer.errors import Exit, ImporterError
from importer.ledger.integrity import first_broken
from importer.ledger.journal import Journal, history, next_deletes
from importer.ledger.ledger import Ledger, State
from importer.model.plan import Result
from importer.sandbox.server import Options, running
from tests.faults.driver import Order
from tests.pipeline.runs import MAPPINGS, ROOT
from tests.practice import call, log_of, users_of
from tests.sandbox.clock import ManualClock
from tests.serving import serving

HEADINGS = "Barcode,First Name,Middle,Last Name,Patron Type,Email,Alternate Email,Phone,Street,Apt,"
HEADINGS += "City,State,ZIP,DOB,Expires,Comments"
FIRST = ("Ana", "Boris", "Chloe", "Dmitri", "Esther", "Farid", "Greta", "Hugo", "Ingrid", "Jamal",
         "Keiko", "Lars", "Mina", "Nadia", "Oskar", "Petra", "Quinn", "Rosa", "Silas", "Tuula",
         "Ugo", "Vera", "Wanda", "Xavier", "Yara", "Zoltan", "Amara", "Bruno", "Celia",
         "Dorian")  # fmt: skip
LAST = ("Abernathy", "Bystrom", "Castellanos", "Dufresne", "Eriksen", "Fontaine", "Guzman",
        "Hallberg", "Ishikawa", "Jankowski", "Kowalczyk", "Lindqvist", "Mbeki", "Novotny", "Okafor",
        "Petrov", "Quintero", "Rasmussen", "Saavedra", "Thorvald", "Ulrich", "Vasquez", "Whitfield",
        "Xiong", "Yamamoto", "Zielinski", "Achterberg", "Brandeis", "Crowfoot",
        "Delacroix")  # fmt: skip

ROWS = 30
"""Half of them are in Alma already when the roster is planned."""

VOLATILE = frozenset({"modified", "edited", "created_date", "created_by", "status_date", "link"})
"""What Alma writes by itself, by the clock."""

LATE = 60
"""Seconds until a late write, by the hourglass; an apply waits longer (`ALMA_VERIFY_DELAY`)."""

WEATHER = f"""
seed: %d
rules:
  - {{on: any, rate: 0.03, do: 429}}
  - {{on: any, rate: 0.02, do: 429_after}}
  - {{on: DELETE, rate: 0.05, do: empty}}
  - {{on: any, rate: 0.02, do: 500_before}}
  - {{on: any, rate: 0.03, do: 500_after}}
  - {{on: any, rate: 0.02, do: drop_before}}
  - {{on: any, rate: 0.03, do: drop_after}}
  - {{on: POST, rate: 0.04, do: late, delay: {LATE}}}
  - {{on: PUT, rate: 0.04, do: late, delay: {LATE}}}
  - {{on: any, rate: 0.02, do: truncated}}
  - {{on: any, rate: 0.01, do: html}}
"""
"""Eleven kinds of trouble, on about a fifth of the calls."""
FIRST_OR_DONE = frozenset({"intent", "applied"})
"""Of these entries of a written row, the first is the intent."""

AGAIN = frozenset({Exit.STOPPED, Exit.INTERRUPTED})
"""Exit codes after which the same command goes on."""

Record = dict[str, Any]


def barcode(number: int) -> str:
    """The primary identifier of one of the invented people."""
    return f"200011234{number:05}"


def line(number: int, mail: str = "mail.example.org", new_id: str = "") -> str:
    """A row of the roster about one of them; with another ID than in Alma, if one is given."""
    who = f"{new_id or barcode(number)},{FIRST[number % 30]},,{LAST[number % 30]}"
    return (
        f"{who},Community,patron{number}@{mail},,605-555-{100 + number:04},"
        f"{number} Maple St,,Northfield,SD,57001,0{number % 9 + 1}/1{number % 9}/19{50 + number},"
        "08/31/2035,"
    )


def roster(path: Path, lines: list[str]) -> Path:
    """A roster of these rows."""
    path.write_text("\n".join((HEADINGS, *lines)) + "\n", "utf-8")
    return path


def clean(value: object) -> object:
    """A record without what Alma writes by the clock."""
    if isinstance(value, Mapping):
        return {
            name: clean(part)
            for name, part in value.items()
            if name not in VOLATILE and part not in (None, [], "")
        }
    return [clean(part) for part in value] if isinstance(value, list) else value


class Hourglass(ManualClock):
    """The practice Alma's clock: what takes a second or more waits until a turn of the glass.

    The applying process turns it, over a socket, where it would wait for a late write. So the
    order of things is the same on every machine, however busy. Short waits are real.
    """

    def now(self) -> datetime:
        """The real time of day."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait a moment, or for a turn."""
        await (asyncio.sleep(seconds) if seconds < 1 else super().sleep(seconds))

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Let the glass be turned from another process, by so many seconds; gives the address."""
        clock = self

        class Turn(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                clock.advance(float(self.rfile.readline()))
                self.wfile.write(b"done\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Turn)
        server.daemon_threads = True
        with serving(server) as address:
            yield address


@dataclass(frozen=True)
class House:
    """A sandbox, by its back door, and its clock, which is turned at `turning`."""

    host: str
    clock: Hourglass
    turning: str

    def let_late_writes_come(self) -> None:
        """Whatever is on its way arrives."""
        self.clock.advance(1_000_000)

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """A call to the sandbox, to Alma's API with the key."""
        return call(self.host, method, path, body)

    def state(self) -> dict[str, Record]:
        """Every user, by primary identifier."""
        return users_of(self.host)

    def log(self) -> list[Record]:
        """The calls to Alma so far."""
        return log_of(self.host)

    def writes(self) -> list[Record]:
        """Those that changed something."""
        return [call for call in self.log() if call["applied"] and call["method"] != "GET"]

    def faults(self, rules: str = "") -> None:
        """What goes wrong from now on."""
        self.call("POST", "/_sandbox/faults", rules)

    def edit(self, primary_id: str, **fields: object) -> None:
        """Staff change fields of a user."""
        self.call("PATCH", f"/_sandbox/users/{primary_id}", fields)

    def forget_log(self) -> None:
        """Begin the log anew."""
        self.call("DELETE", "/_sandbox/log")


class Driver:
    """The process that carries orders out; see `driver`."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def carry_out(self, order: Order) -> int:
        """The exit code, or the signal as a negative number."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.model_dump_json() + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@dataclass
class Trial:
    """One life of the plan, in a folder and an Alma of its own."""

    folder: Path
    house: House
    driver: Driver
    run: str = "run"
    environ: dict[str, str] = field(default_factory=dict)
    exits: list[int] = field(default_factory=list)

    def type(self, *arguments: str, **faults: Any) -> int:
        """Type a command; the exit code, or the signal as a negative number."""
        order = Order(
            arguments=arguments,
            folder=self.folder,
            environ={
                "ALMA_BASE_URL": self.house.host,
                "ALMA_API_KEY": "sandbox",
                "HOURGLASS": self.house.turning,
                **self.environ,
            },
            **faults,
        )
        code = self.driver.carry_out(order)
        self.exits.append(code)
        assert code not in {Exit.BUG, 99}, self.err
        assert "Traceback" not in self.err
        return code

    def apply(self, *flags: str, **faults: Any) -> int:
        """Apply the run, with the number of users that it deletes."""
        return self.type("apply", self.run, *flags, *self._number(flags), **faults)

    def _number(self, flags: Sequence[str]) -> tuple[str, ...]:
        """Say how many users an apply with these flags deletes, as a person would."""
        limit = int(flags[flags.index("--limit") + 1]) if "--limit" in flags else None
        with suppress(ImporterError), Ledger.open(self.folder / self.run) as ledger:
            if "--delete" not in flags and (count := next_deletes(ledger, limit)):
                return ("--delete", str(count))
        return ()

    def finish(self, **faults: Any) -> int:
        """Apply the run until it is done."""
        for _ in range(30):
            code = self.apply(**faults)
            if code >= 0 and code not in AGAIN:
                return code
        raise AssertionError(self.err)

    @property
    def err(self) -> str:
        """What the last command said."""
        return (self.folder / "err.txt").read_text("utf-8")

    @property
    def out(self) -> str:
        """What the last command printed for machines."""
        return (self.folder / "out.txt").read_text("utf-8")

    @property
    def points(self) -> list[str]:
        """The points that the last command came to."""
        return (self.folder / "trail.txt").read_text("utf-8").splitlines()

    def results(self) -> dict[int, str]:
        """What became of each row, by the ledger."""
        with Ledger.open(self.folder / self.run) as ledger:
            return {one.row: str(one.result or "") for one in ledger.planned()}

    def counts(self) -> Counter[str]:
        """How often each."""
        return Counter(self.results().values())

    def progress(self) -> dict[State, int]:
        """How far the run's steps have come."""
        with Ledger.open(self.folder / self.run) as ledger:
            return ledger.progress()


@dataclass(frozen=True, eq=False)
class Ground:
    """The plan before anything of it is done, and how it ends where nothing goes wrong.

    `begun`: the writes of the plan that were made before the folder was laid.
    """

    folder: Path
    driver: Driver
    planned: frozenset[str]
    before: dict[str, Record]
    results: dict[int, str]
    after: dict[str, Record]
    begun: tuple[Record, ...] = ()

    @contextmanager
    def trial(self, folder: Path, **options: Any) -> Iterator[Trial]:
        """A new life of the plan."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        with laying(folder, **options) as house:
            yield Trial(folder, house, self.driver)

    def violations(self, trial: Trial) -> list[str]:
        """The invariants that a run which is done breaks, as sentences; none if all hold."""
        trial.house.let_late_writes_come()
        return [*self._accounts(trial), *self._alma(trial), *_images(self, trial), *_still(trial)]

    def _accounts(self, trial: Trial) -> Iterator[str]:
        results = trial.results()
        open_rows = [row for row, result in results.items() if result in {"unknown", "not_sent"}]
        if open_rows:
            yield f"I1: rows {open_rows} have no final state"
        for row, expected in self.results.items():
            if results.get(row) != expected:
                yield f"I2, I3, I7: row {row} is {results.get(row)}, uninterrupted {expected}"
        summary = json.loads((trial.folder / trial.run / "summary.json").read_text("utf-8"))
        if sum(summary.get(end, 0) for end in Result) != summary["create"] + summary["update"]:
            yield "I1: the counts do not add up"
        with Ledger.open(trial.folder / trial.run) as ledger:
            if first_broken(ledger) is not None:
                yield "the journal's chain is broken"

    def _alma(self, trial: Trial) -> Iterator[str]:
        state = trial.house.state()
        if state.keys() != self.after.keys():
            yield f"I2, I3, I6: other users in Alma: {sorted(state.keys() ^ self.after.keys())}"
        for primary_id, record in state.items():
            if clean(record) != clean(self.after.get(primary_id)):
                yield f"I2, I4, I7: {primary_id} is not as in an uninterrupted run"
        for primary_id, record in self.before.items():
            if primary_id not in self.planned and state.get(primary_id) != record:
                yield f"I6: {primary_id} is not in the plan and was written"
        writes = Counter(_target(call) for call in (*self.begun, *trial.house.writes()))
        expected = Counter(self.results.values())
        if writes.pop("POST", 0) != expected["created"]:
            yield "I4: other creates than those that are reported"
        if writes.total() != expected["updated"] or any(n > 1 for n in writes.values()):
            yield f"I4, I6: other updates than those that are reported: {writes}"


def _target(call: Record) -> str:
    path = call["path"].partition("?")[0]
    return "POST" if call["method"] == "POST" else unquote(path.rpartition("/")[2])


def _images(ground: Ground, trial: Trial) -> Iterator[str]:
    with Ledger.open(trial.folder / trial.run) as ledger:
        journal = Journal(ledger, "", lambda: ledger.facts.started)
        for row, result in ground.results.items():
            if result != "updated":
                continue
            step = journal.step(row)
            first = next((e.event for e in history(ledger, row) if e.event in FIRST_OR_DONE), "")
            image = step.sent.before if step.sent else None
            if image is None or first != "intent":
                yield f"I5: row {row} was written without a before-image"
            elif clean(json.loads(image.to_json())) != clean(ground.before[step.primary_id]):
                yield f"I5: the before-image of row {row} is not what was there"


def _still(trial: Trial) -> Iterator[str]:
    calls = len(trial.house.log())
    trial.apply()
    if len(trial.house.log()) != calls:
        yield "I8: applied again, something was sent"


@contextmanager
def laying(folder: Path, **options: Any) -> Iterator[House]:
    """A folder's Alma, running."""
    clock = Hourglass()
    chosen = Options(rate=0, db=folder / "alma.db", clock=clock, **options)
    with running(chosen) as base_url, clock.listening() as turning:
        yield House(base_url.removesuffix("/almaws/v1"), clock, turning)


def _mapping(path: Path) -> str:
    """The ready mapping, but that nothing stops the way back, which takes many entries away."""
    free = "{percent: 100, count: 0}"
    text = (MAPPINGS / "community.yaml").read_text("utf-8")
    path.write_text(f"{text}\nsafety_checks: {{removals: {free}, renames: {free}}}\n", "utf-8")
    return str(path)


def _laid(
    folder: Path, driver: Driver, plan: Callable[[Path, Trial], None], ids: list[str], taken: str
) -> Ground:
    """Return a plan for known people, who are in Alma as `ids`, and carry it out once.

    Of the updates one is held because staff changed the same field, one because the user is gone,
    and one goes around a note that staff have added. The ID `taken` has become another user's
    barcode, so that its row is refused.
    """
    template = folder / "template"
    template.mkdir()
    with laying(template) as house:
        for number in (500, 501):
            house.call("POST", "/almaws/v1/users", bystander(number))
        plan(template, Trial(template, house, driver))
        house.edit(barcode(1), contact_info=_other_mail(house, barcode(1)))
        house.call("DELETE", f"/almaws/v1/users/{barcode(2)}")
        note = {"note_type": {"value": "LIBRARY"}, "note_text": "Lent an umbrella"}
        house.edit(barcode(3), user_note=[*house.state()[barcode(3)]["user_note"], note])
        entry = {"id_type": {"value": "BARCODE"}, "value": taken}
        house.edit(barcode(500), user_identifier=[entry])
        house.forget_log()
        before = house.state()
    first = Ground(template, driver, frozenset(ids), before, {}, {})
    with first.trial(folder / "reference") as trial:
        trial.finish()
        return replace(first, results=trial.results(), after=trial.house.state())


def _load_known(template: Path, trial: Trial, count: int) -> str:
    """Load the first people; return the mapping."""
    mapping = _mapping(template / "community.yaml")
    known = roster(template / "known.csv", [line(n) for n in range(count)])
    assert trial.type("plan", str(known), "-m", mapping, "-o", "first") == 0, trial.err
    assert trial.type("apply", "first") == 0, trial.err
    return mapping


def lay(folder: Path, driver: Driver) -> Ground:
    """Plan a roster of which half the people are known; one of the new ones is refused."""
    half = ROWS // 2

    def plan(template: Path, trial: Trial) -> None:
        mapping = _load_known(template, trial, half)
        mails = ("example.org" if n < half else "mail.example.org" for n in range(ROWS))
        lines = [line(n, mail) for n, mail in enumerate(mails)]
        whole = roster(template / "roster.csv", lines)
        assert trial.type("plan", str(whole), "-m", mapping, "-o", "run") == 0, trial.err

    return _laid(folder, driver, plan, [barcode(n) for n in range(ROWS)], taken=barcode(half))


CARDS = 8
"""How many people get another ID in `lay_cards`."""


def lay_cards(folder: Path, driver: Driver, *, external: bool) -> Ground:
    """Plan a roster in which known people have new IDs, and resolve each as the same person.

    They get a new barcode or, if `external`, become External with an EMPL ID; the old ID stays as
    an inactive identifier. One is refused.
    """
    ids = [f"{1_000_000 + n}" if external else barcode(700 + n) for n in range(CARDS)]

    def plan(template: Path, trial: Trial) -> None:
        text = Path(_load_known(template, trial, CARDS)).read_text("utf-8")
        kept = "  account_type: convert\n  keep_old_id: {type: BARCODE}\n"
        text = text.replace("  new: create\n", f"  new: create\n{kept}")
        if external:
            owned = "account_type: EXTERNAL\nowning_system: SIS"
            text = text.replace("account_type: INTERNAL", owned).replace("2[0-9]{13}", "[0-9]+")
        mapping = template / "cards.yaml"
        mapping.write_text(text, "utf-8")
        lines = [line(n, "example.org", new_id) for n, new_id in enumerate(ids)]
        cards = roster(template / "cards.csv", lines)
        assert trial.type("plan", str(cards), "-m", str(mapping), "-o", "run") == Exit.REJECTS
        for n in range(CARDS):
            trial.type("resolve", "run", str(n + 2), "--as", "rename", barcode(n))

    return _laid(folder, driver, plan, [barcode(n) for n in range(CARDS)], taken=ids[4])


def bystander(number: int) -> Record:
    """Somebody in Alma whom the roster does not name."""
    return {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": barcode(number),
        "first_name": "Bystander",
        "last_name": f"Number{number}",
        "user_group": {"value": "COMM"},
    }


def _other_mail(house: House, primary_id: str) -> Record:
    contact: Record = house.state()[primary_id]["contact_info"]
    mail = {**contact["email"][0], "email_address": "changed.by.staff@example.org"}
    return {**contact, "email": [mail, *contact["email"][1:]]}


def tell(what: str, **figures: int) -> None:
    """Leave the figures of a long form where `docs/explanation/how-it-is-tested.md` says."""
    kept = ROOT / "build" / "hunt.jsonl"
    kept.parent.mkdir(exist_ok=True)
    with kept.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"hunt": what, **figures}) + "\n")
