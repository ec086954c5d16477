"""Each thing that can be wrong is one finding, with what to do; and which facts count where."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from importer.advice import Choice, Measure
from importer.alma.client import Alma
from importer.alma.doctor import examine
from importer.alma.facts import MeasuredFacts, facts_for, load_facts, save_facts
from importer.alma.pacing import RateLimiter
from importer.errors import Exit, UsageError
from importer.model.fields import NO_CODES, CodeRow, CodeTables
from importer.model.finding import Finding, FindingState
from tests.alma.fakes import BASE, KEY, Transport, xml_envelope

TODAY = date(2026, 8, 20)
NOW = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
TABLES = {"UserGroups": (CodeRow("COMM"),)}
FRESH = CodeTables(TABLES, "01EX_INST", TODAY)


def answers(
    *, read: int = 200, write: int = 200, general: int = 200, date: str = "09:30:30"
) -> Transport:
    """An Alma whose answers have these statuses and this time of day."""

    def handler(request: httpx.Request) -> httpx.Response:
        headers = {"Date": f"Thu, 20 Aug 2026 {date} GMT"} if date else {}
        if request.url.path.endswith("/general"):
            status = general
        else:
            status = write if request.method == "POST" else read
        if status != 200:
            code = {400: "UNAUTHORIZED", 429: "DAILY_THRESHOLD"}.get(status)
            body = xml_envelope(code) if code else b""
            return httpx.Response(status, content=body, headers=headers)
        body = b'{"institution": {"value": "01EX_INST"}, "environment_type": "SANDBOX"}'
        return httpx.Response(200, content=body, headers=headers)

    return Transport(handler)


def findings(transport: Transport, codes: CodeTables = FRESH) -> tuple[Finding, ...]:
    """Every finding; each says what to do where it is bad, and none tells the key."""
    alma = Alma(BASE, SecretStr(KEY), RateLimiter(1000), transport, now=lambda: NOW)
    found = asyncio.run(examine(alma, codes, {}, TODAY))
    for finding in found:
        assert finding.sentence.endswith(".")
        # what passes by itself is nobody's to correct, and no right of the key
        assert finding.state is not FindingState.BAD or (
            (finding.exit is Exit.STOPPED) != bool(finding.advice)
        )
        assert (finding.state is FindingState.BAD) == (finding.exit is not Exit.DONE)
        assert KEY not in repr(finding)
    return found


def states(transport: Transport, codes: CodeTables = FRESH) -> dict[str, FindingState]:
    """How each finding is."""
    return {finding.name: finding.state for finding in findings(transport, codes)}


def test_all_is_well() -> None:
    """A good key, its rights, its institution, the clock, fresh code tables."""
    found = states(answers())
    assert list(found) == [
        "key", "read users", "write users", "institution", "clock", "code tables",
    ]  # fmt: skip
    assert set(found.values()) == {FindingState.OK}


@pytest.mark.parametrize(
    ("transport", "bad"),
    [
        (answers(write=400), {"write users"}),
        (answers(read=403, write=403), {"read users", "write users"}),
        (answers(read=403, write=403, general=403), {"key"}),
        (answers(general=400), {"institution"}),
        (answers(read=503), {"read users"}),
        (answers(write=503), {"write users"}),
        (answers(write=429), {"write users"}),
        (answers(general=429), {"connection"}),
    ],
)
def test_what_is_missing_is_bad(transport: Transport, bad: set[str]) -> None:
    """Each right is found by itself; without any, the key is wrong. Nothing is an error."""
    found = states(transport)
    assert {name for name, state in found.items() if state is FindingState.BAD} == bad


@pytest.mark.parametrize(
    ("time", "state"),
    [
        ("09:34:59", FindingState.OK),
        ("09:25:01", FindingState.OK),
        ("09:35:01", FindingState.WARN),
        ("09:24:59", FindingState.WARN),
        ("", FindingState.WARN),
    ],
)
def test_the_clock_may_differ_by_five_minutes(time: str, state: FindingState) -> None:
    """More, or not knowing, is a warning."""
    assert states(answers(date=time))["clock"] is state


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        (NO_CODES, FindingState.WARN),
        (CodeTables(TABLES, "01EX_INST", date(2026, 2, 22)), FindingState.OK),
        (CodeTables(TABLES, "01EX_INST", date(2026, 2, 21)), FindingState.WARN),
        (CodeTables(TABLES, "02OTHER", TODAY), FindingState.BAD),
        (CodeTables(TABLES), FindingState.OK),
    ],
)
def test_code_tables_are_this_institutions_and_not_old(
    codes: CodeTables, state: FindingState
) -> None:
    """Missing and old is a warning, another institution's is bad."""
    assert states(answers(), codes)["code tables"] is state


def test_what_is_bad_tells_how_a_load_would_end() -> None:
    """A right that is missing is another thing than an Alma that is down, or wrong code tables."""
    other = CodeTables(TABLES, "02OTHER", TODAY)
    for transport, codes, exits in [
        (answers(write=403), FRESH, {Exit.ACCESS}),
        (answers(read=503), FRESH, {Exit.STOPPED}),
        (answers(), other, {Exit.USAGE}),
        (answers(), NO_CODES, set()),
    ]:
        assert {found.exit for found in findings(transport, codes)} - {Exit.DONE} == exits


_SANDBOX = MeasuredFacts(
    institution="01SBX",
    environment="sandbox",
    measured=date(2026, 11, 1),
    facts={"get-pin": "hide", "put-roles": "ignore"},
)
_READ = _SANDBOX.model_copy(
    update={"institution": "01LIVE", "environment": "production", "facts": {"get-pin": "show"}}
)
_FILES = {Path("facts.json"): _SANDBOX, Path("first-contact.json"): _READ}


def test_facts_of_another_institution_do_not_count() -> None:
    """They give no value, and one sentence names the file, both institutions and the command."""
    known = facts_for({Path("facts.json"): _SANDBOX}, "01LIVE")
    (sentence,) = known.unused
    assert (known.values, known.used) == ({}, ())
    for word in ("facts.json", "01SBX", "for 01LIVE, too", "2026-11-01"):
        assert word in sentence


def test_facts_count_for_the_institution_that_was_named_too(tmp_path: Path) -> None:
    """The file has its code, and the sentence about what is used names it; a third one is not."""
    path = tmp_path / "facts.json"
    save_facts(path, _SANDBOX.model_copy(update={"also_for": "01LIVE"}))
    saved = {path: load_facts(path)}
    known = facts_for(saved, "01LIVE")
    assert known.values == {"get-pin": "hide", "put-roles": "ignore"}
    assert all(word in known.used[0] for word in ("01SBX", "01LIVE", "get-pin is hide"))
    assert facts_for(saved, "01SBX").values == known.values
    assert facts_for(saved, "01THIRD").values == {}


def test_what_was_read_of_an_alma_comes_before_the_facts_of_another() -> None:
    """Of two values for one fact, that of the first contact counts."""
    files = dict(_FILES)
    files[Path("facts.json")] = _SANDBOX.model_copy(update={"also_for": "01LIVE"})
    known = facts_for(files, "01LIVE")
    assert known.values == {"get-pin": "show", "put-roles": "ignore"}
    assert known.loses_pins(internal=True, sis=False) is False


_WITH = '{"institution": "01X", "environment": "sandbox", "measured": "2026-11-01", "facts": %s}'


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"institution": "01X"}'),
        _WITH % '{"get-pins": "hide"}',
        _WITH % '{"get-pin": "hidden"}',
    ],
)
def test_another_file_is_no_file_of_facts(tmp_path: Path, text: str) -> None:
    """Nor one with another fact or value; the error names the file, and advises to make one."""
    path = tmp_path / "facts.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"facts\.json") as caught:
        load_facts(path)
    assert caught.value.advice == (Choice(Measure()),)
