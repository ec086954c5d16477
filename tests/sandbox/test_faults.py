"""Faults on demand: what the caller sees, and whether the call was applied."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from importer.errors import UsageError
from importer.sandbox.gateway import read_faults
from importer.sandbox.server import Options, running
from tests.sandbox.alma import Alma, code_of, person, practice
from tests.sandbox.clock import ManualClock


def _break(alma: Alma, rule: str) -> None:
    answer = alma.admin("POST", "/faults", f"rules: [{rule}]")
    assert answer.status_code == 204, answer.text


def _stored(alma: Alma) -> list[str]:
    users: list[dict[str, Any]] = alma.admin("GET", "/state").json()["users"]
    return [str(user["primary_id"]) for user in users]


@pytest.mark.parametrize(
    ("kind", "status", "code", "applied"),
    [
        ("429", 429, "PER_SECOND_THRESHOLD", False),
        ("429_daily", 429, "DAILY_THRESHOLD", False),
        ("503", 503, "GENERAL_ERROR", False),
        ("500_before", 500, "GENERAL_ERROR", False),
        ("500_after", 500, "GENERAL_ERROR", True),
        ("unauthorized", 400, "UNAUTHORIZED", False),
        ("refuse, code: 401860", 400, "401860", False),
    ],
)
def test_faults_that_answer(
    alma: Alma, kind: str, status: int, code: str, *, applied: bool
) -> None:
    """The answer is an error; whether it was applied is in the log and in the state."""
    _break(alma, f"{{on: POST, do: {kind}}}")
    answer = alma.call("POST", "/users", person())
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert _stored(alma) == (["P1"] if applied else [])
    entry = alma.log()[0]
    assert (entry["status"], entry["applied"]) == (status, applied)


@pytest.mark.parametrize(
    ("kind", "applied"), [("drop_before", False), ("drop_after", True), ("truncated", True)]
)
def test_faults_that_lose_the_answer(alma: Alma, kind: str, *, applied: bool) -> None:
    """The connection is cut before a whole answer came; the next call works."""
    _break(alma, f"{{on: POST, do: {kind}}}")
    with pytest.raises(httpx.TransportError):
        alma.call("POST", "/users", person())
    assert _stored(alma) == (["P1"] if applied else [])
    entry = alma.log()[0]
    assert (entry["status"], entry["applied"]) == (0, applied)
    assert alma.call("GET", "/users").status_code == 200


def test_late_applies_after_the_answer_is_lost(alma: Alma, clock: ManualClock) -> None:
    """At first the user is not there; after the delay it is, and the log says so."""
    _break(alma, "{on: POST, do: late, delay: 30}")
    with pytest.raises(httpx.TransportError):
        alma.call("POST", "/users", person())
    clock.wait_for_sleeper()
    clock.advance(29)
    assert _stored(alma) == []
    assert alma.log()[0]["applied"] is False
    clock.advance(1)
    assert _stored(alma) == ["P1"]
    entry = alma.log()[0]
    assert (entry["status"], entry["applied"]) == (0, True)


def test_what_is_late_is_applied_when_the_sandbox_stops(tmp_path: Path) -> None:
    """A late change is applied before the practice Alma stops."""
    options = Options(db=tmp_path / "alma.db")
    with practice(options) as alma:
        _break(alma, "{on: POST, do: late, delay: 3000}")
        with pytest.raises(httpx.TransportError):
            alma.call("POST", "/users", person())
    with practice(options) as alma:
        assert _stored(alma) == ["P1"]


def test_slow_answers_after_the_delay(alma: Alma, clock: ManualClock) -> None:
    """The call is applied at once and answered late, even if the caller has hung up."""
    _break(alma, "{on: POST, do: slow, delay: 30}")
    with ThreadPoolExecutor(1) as background:
        patient = background.submit(alma.call, "POST", "/users", person())
        assert clock.wait_for_sleeper() == 30
        assert _stored(alma) == ["P1"]
        assert not patient.done()
        clock.advance(30)
        assert patient.result().status_code == 200
    with alma.unread("POST", "/users", person(primary_id="P2")):
        clock.wait_for_sleeper()
    assert _stored(alma) == ["P1", "P2"]


def test_html_is_a_maintenance_page_with_200(alma: Alma) -> None:
    """The status is 200, but the body is a page and nothing is applied."""
    _break(alma, "{do: html}")
    answer = alma.call("POST", "/users", person())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert _stored(alma) == []


def test_the_first_rule_that_fires_wins(alma: Alma) -> None:
    """Method, path and number select the rule; other calls work."""
    rules = "{on: POST, path: /users, nth: 2, do: '503'}, {on: GET, path: /users/*, do: '429'}"
    _break(alma, rules)
    posted = [
        alma.call("POST", "/users", person(primary_id=str(number))).status_code
        for number in range(4)
    ]
    assert posted == [200, 503, 200, 200]
    assert alma.call("GET", "/users/0").status_code == 429
    assert alma.call("GET", "/users").status_code == 200
    assert alma.admin("POST", "/faults").status_code == 204
    assert alma.call("GET", "/users/0").status_code == 200


def test_chances_are_the_same_for_the_same_seed() -> None:
    """A rate is a chance for each call; the seed makes it reproducible."""

    def struck(seed: int) -> list[bool]:
        faults = read_faults(f"seed: {seed}\nrules:\n  - {{rate: 0.3, do: 503}}\n", "f")
        return [faults.find("GET", "/users") is not None for _ in range(1000)]

    assert struck(7) == struck(7)
    assert struck(7) != struck(8)
    assert 230 < sum(struck(7)) < 370


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("rules:\n  - {do: explode}", "rule 1"),
        ("rules:\n  - {do: 503}\n  - {on: FETCH, do: 503}", "rule 2"),
        ("rules:\n  - do: 503\n    rat: 0.5", "rule 1"),
        ("rules:\n  - {do: 503, rate: 1.5}", "rule 1"),
        ("rules:\n  - {do: 503, rate: .nan}", "rule 1"),
        ("rules:\n  - {do: 503, nth: 0}", "rule 1"),
        ("rules:\n  - {do: 503, nth: 1, rate: 0.5}", "rule 1"),
        ("rules:\n  - {do: late, delay: -1}", "rule 1"),
        ("rules:\n  - {do: refuse}", "rule 1"),
        ("rules:\n  - {do: 503, code: 401860}", "rule 1"),
        ("rules:\n  - drop_after", "rule 1"),
        ("rules: {do: 503}", "'rules'"),
        ("seed: 7\nrulez: []", "'rulez'"),
        ("1: 2", "'1'"),
        ("seed: x", "'seed'"),
        ("- {do: 503}", "the file"),
        ("rules:\n  - {do: 503", "line 2"),
        ("seed: 1\nseed: 2", "line 2"),
        ("rules: []\n\tx: 1", "line 2"),
    ],
)
def test_a_wrong_faults_file_is_one_sentence_with_its_place(
    tmp_path: Path, source: str, place: str
) -> None:
    """The practice Alma does not start; the error has the file and the rule, key or line."""
    path = tmp_path / "faults.yaml"
    path.write_text(source, "utf-8")
    with pytest.raises(UsageError) as caught, running(Options(faults=path)):
        pass
    shown = str(caught.value)
    assert shown.startswith(f"{path}: {place}")
    assert "\n" not in shown


def test_what_is_no_faults_file_is_a_sentence(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe, a device and bytes that are not text are refused."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"rules: \xff")
    wrong = [tmp_path / "absent", tmp_path, tmp_path / "pipe", tmp_path / "bytes"]
    for path in (*wrong, Path("/dev/zero")):
        with pytest.raises(UsageError) as caught, running(Options(faults=path)):
            pass
        assert str(caught.value).startswith(f"{path}: the faults file ")


@pytest.mark.parametrize(
    "source",
    [
        "[" * 600,
        "{" * 600,
        "- " * 600,
        "? " * 600,
        "[{" * 8000,
        "rules: " + "[" * 50 + "]" * 50,
        "a: &a [x, x]\nb: &b [*a, *a]\nrules: [*b]",
        "x" * 9000,
        "seed: " + "9" * 5000,
        "rules: [{do: !!binary aaaa}]",
        "rules: [{? [a, b] : 1}]",
        "? {a: b}\n: c",
        "rules: [{do: 503, path: 'a\x00'}]",
    ],
)
def test_odd_rules_are_refused_at_once(alma: Alma, source: str) -> None:
    """Deep, long and odd YAML is refused before it is built, and the server goes on."""
    answer = alma.admin("POST", "/faults", source)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) < 250
    assert alma.call("GET", "/users").status_code == 200


def test_the_faults_file_is_used(tmp_path: Path) -> None:
    """An empty file has no rule; the rules of a file apply from the first call."""
    path = tmp_path / "faults.yaml"
    for source, status in (("", 200), ("rules: [{do: 503}]", 503)):
        path.write_text(source, "utf-8")
        with practice(Options(faults=path)) as alma:
            assert alma.call("GET", "/users").status_code == status
