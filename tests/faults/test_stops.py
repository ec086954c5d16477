"""Why an apply stops, what it says then, and that the same command goes on."""

from __future__ import annotations

import json
import re
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from importer.errors import Exit
from importer.ledger.ledger import State
from importer.ledger.run_lock import run_lock
from tests.faults.ground import ROWS, Ground, Trial, barcode
from tests.pipeline.runs import ROOT


def _told(trial: Trial) -> tuple[int, int, int]:
    """What the message says is done, not known, and left; its command is the one to type."""
    counts = re.search(r"Done: (\d+)\.(?: Result not known yet: (\d+).*)? Left: (\d+)\.", trial.err)
    assert counts is not None, trial.err
    assert f"\n  importer apply {trial.run}\n" in trial.err
    done, unknown, left = (int(count or 0) for count in counts.groups())
    assert done + unknown + left == ROWS
    return done, unknown, left


def _goes_on(ground: Ground, trial: Trial) -> None:
    trial.house.faults()
    trial.finish()
    assert ground.violations(trial) == []


@pytest.mark.faults
def test_the_days_calls_are_used_up(ground: Ground, tmp_path: Path) -> None:
    """Exit 8; the message says when it is midnight GMT here, and what is left."""
    with ground.trial(tmp_path) as trial:
        trial.environ["TZ"] = "America/Chicago"
        trial.house.call("POST", "/_sandbox/settings", {"remaining": 20})
        assert trial.apply("--json") == Exit.STOPPED
        assert re.search(r"1[89]:00 on \d+ \w+ local time", trial.err)
        done, _, left = _told(trial)
        assert done
        assert left
        summary = json.loads(trial.out)
        assert summary["exit"] == Exit.STOPPED
        assert summary["not_sent"] == left
        trial.house.call("POST", "/_sandbox/settings", {"remaining": 10_000})
        _goes_on(ground, trial)


@pytest.mark.faults
def test_the_reserve_is_left_to_others(ground: Ground, tmp_path: Path) -> None:
    """Of 30 calls that are left with a reserve of 15, no more than 15 are taken."""
    with ground.trial(tmp_path) as trial:
        trial.environ["ALMA_RESERVE"] = "15"
        trial.house.call("POST", "/_sandbox/settings", {"remaining": 30})
        assert trial.apply(in_flight=1) == Exit.STOPPED
        assert len(trial.house.log()) <= 15
        assert "reserve of 15" in trial.err
        trial.environ["ALMA_RESERVE"] = "0"
        trial.house.call("POST", "/_sandbox/settings", {"remaining": 10_000})
        _goes_on(ground, trial)


def test_the_key_is_revoked(ground: Ground, tmp_path: Path) -> None:
    """Exit 9 at once; with a key again the run goes on."""
    with ground.trial(tmp_path) as trial:
        trial.house.faults("rules:\n  - {on: POST, nth: 5, do: unauthorized}")
        assert trial.apply() == Exit.ACCESS
        assert "ALMA_API_KEY" in trial.err
        done, _, left = _told(trial)
        assert done
        assert left
        trial.environ["ALMA_API_KEY"] = "another"
        calls = len(trial.house.writes())
        assert trial.apply() == Exit.ACCESS
        assert len(trial.house.writes()) == calls
        trial.environ["ALMA_API_KEY"] = "sandbox"
        _goes_on(ground, trial)


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["503", "html", "drop_before"])
def test_alma_is_out_of_order(ground: Ground, tmp_path: Path, fault: str) -> None:
    """After five calls in a row without a clear answer nothing more is sent."""
    with ground.trial(tmp_path) as trial:
        trial.house.faults(f"rules:\n  - {{on: POST, do: {fault}}}\n  - {{on: PUT, do: {fault}}}")
        assert trial.apply(in_flight=1) == Exit.STOPPED
        assert "5 times in a row" in trial.err
        assert _told(trial)[1] == 5
        writes = [call for call in trial.house.log() if call["method"] != "GET"]
        assert len([call for call in writes if "/operation/" not in call["path"]]) == 5
        _goes_on(ground, trial)


@pytest.mark.faults
def test_a_doubtful_row_that_cannot_be_read_stays_doubtful(ground: Ground, tmp_path: Path) -> None:
    """Other rows are done all the same; the next apply asks again, before anything is sent."""
    with ground.trial(tmp_path) as trial:
        trial.house.faults(
            "rules:\n  - {on: POST, nth: 3, do: drop_after}\n"
            "  - {on: GET, path: '/users/20001123400017', do: 500_before}"
        )
        assert trial.apply(in_flight=1) == Exit.STOPPED
        assert _told(trial)[1:] == (1, 0)
        trial.house.forget_log()
        trial.house.faults()
        trial.apply()
        assert [call["method"] for call in trial.house.log()] == ["GET", "GET"]


@pytest.mark.faults
def test_a_user_who_goes_between_reading_and_writing_is_held(
    ground: Ground, tmp_path: Path
) -> None:
    """Alma's "no such user" to a PUT is a change since the plan, not a refusal."""
    with ground.trial(tmp_path) as trial:
        trial.house.faults('rules:\n  - {on: PUT, nth: 1, do: refuse, code: "401861"}')
        trial.apply(in_flight=1)
        assert trial.counts()["held"] == 3
        assert trial.counts()["refused"] == 1


@pytest.mark.parametrize(
    ("rules", "unknown", "left"),
    [
        pytest.param(
            "{on: POST, do: 429}\n  - {on: PUT, do: 429}", 0, None, id="refused for speed for long"
        ),
        pytest.param(
            f"{{on: GET, path: /users/{barcode(0)}, do: 500_before}}",
            *(0, 1),
            id="one row cannot be read",
            marks=pytest.mark.faults,
        ),
    ],
)
def test_what_is_not_sent_is_not_in_doubt(
    ground: Ground, tmp_path: Path, rules: str, unknown: int, left: int | None
) -> None:
    """Exit 8; all other rows are done, and the next apply does the rest."""
    with ground.trial(tmp_path) as trial:
        trial.house.faults(f"rules:\n  - {rules}")
        assert trial.apply(in_flight=1) == Exit.STOPPED
        told = _told(trial)
        assert (told[1], told[2]) == (unknown, told[2] if left is None else left)
        _goes_on(ground, trial)


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop(ground: Ground, tmp_path: Path, number: signal.Signals) -> None:
    """What is under way is finished; exit 130, nothing is in doubt."""
    with ground.trial(tmp_path, latency=(0.05, 0.05)) as trial:
        assert trial.apply(signals={60: number}) == Exit.INTERRUPTED
        done, unknown, left = _told(trial)
        assert done
        assert unknown == 0
        assert left
        _goes_on(ground, trial)


@pytest.mark.faults
def test_asked_to_stop_at_once(ground: Ground, tmp_path: Path) -> None:
    """The second Ctrl-C leaves writes in doubt, which the next start asks about."""
    with ground.trial(tmp_path, latency=(0.6, 0.6)) as trial:
        signals = dict.fromkeys((62, 63, 64), signal.SIGINT)
        assert trial.apply("--json", signals=signals) == Exit.INTERRUPTED
        assert "at once" in trial.err
        assert _told(trial)[1]
        assert json.loads(trial.out)["unknown"] == _told(trial)[1]
        _goes_on(ground, trial)


@pytest.mark.faults
def test_asked_to_stop_while_waiting(ground: Ground, tmp_path: Path) -> None:
    """The wait for a late write does not keep the operator."""
    with ground.trial(tmp_path) as trial:
        trial.environ["ALMA_VERIFY_DELAY"] = "3000"
        trial.house.faults("rules:\n  - {on: PUT, nth: 1, do: drop_after}")
        point = _place_of_last(ground, tmp_path / "points", "after POST")
        assert trial.apply(signals={point: signal.SIGINT}) == Exit.INTERRUPTED
        assert _told(trial)[1] == 1
        del trial.environ["ALMA_VERIFY_DELAY"]
        _goes_on(ground, trial)


def _place_of_last(ground: Ground, folder: Path, label: str) -> int:
    with ground.trial(folder) as trial:
        trial.apply()
        return len(trial.points) - trial.points[::-1].index(label)


def test_two_operators(ground: Ground, tmp_path: Path) -> None:
    """The second gets exit 8 and the first one's name, and sends nothing."""
    with ground.trial(tmp_path) as trial:
        with run_lock(trial.folder / "run", "jo@desk", datetime(2026, 8, 20, tzinfo=UTC)):
            assert trial.apply() == Exit.STOPPED
            assert "jo@desk (since" in trial.err
            assert trial.house.log() == []
        _goes_on(ground, trial)


def test_a_copy_of_the_run_on_another_computer(ground: Ground, tmp_path: Path) -> None:
    """It finds everything in Alma, changes nothing, and reports what is true."""
    with ground.trial(tmp_path) as trial:
        shutil.copytree(trial.folder / "run", trial.folder / "copy")
        trial.finish()
        writes = len(trial.house.writes())
        trial.run = "copy"
        trial.finish()
        assert len(trial.house.writes()) == writes
        ends = {"updated": "was_so", "created": "was_there"}
        expected = {row: ends.get(end, end) for row, end in ground.results.items()}
        assert trial.results() == expected


def test_slices(ground: Ground, tmp_path: Path) -> None:
    """`--limit 0` sends nothing; then twice, a row in doubt between them, and the rest once."""
    with ground.trial(tmp_path) as trial:
        trial.apply("--limit", "0")
        assert trial.house.writes() == []
        trial.house.faults("rules:\n  - {on: PUT, nth: 3, do: drop_after}")
        for _ in range(2):
            trial.apply("--limit", "10")
        assert sum(trial.progress().values()) - trial.progress()[State.PLANNED] == 20
        _goes_on(ground, trial)


@pytest.mark.faults
def test_production_is_asked_for(ground: Ground, tmp_path: Path) -> None:
    """Without a person at the keyboard `--yes` is needed before production is written to."""
    with ground.trial(tmp_path, switches={"environment": "production"}) as trial:
        assert trial.apply("--yes") == Exit.STALE  # the plan was made for a sandbox
        assert trial.house.writes() == []
        rows, mapping = str(ground.folder / "roster.csv"), str(ROOT / "mappings" / "community.yaml")
        trial.type("plan", rows, "-m", mapping, "-o", "real")
        trial.run = "real"
        assert trial.apply() == Exit.USAGE
        assert "--yes" in trial.err
        assert trial.apply("--limit", "0") != Exit.USAGE  # it only looks up what was written
        assert trial.house.writes() == []
        trial.apply("--yes")
        assert trial.counts()["created"]
