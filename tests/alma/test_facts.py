"""Facts count for the institution where they were measured, or that a person named."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from importer.alma.facts import Facts, facts_for, load_facts, save_facts
from importer.errors import UsageError

_NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
_SANDBOX = Facts(
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
    for word in ("facts.json", "01SBX", "01LIVE", "--use-facts", "2026-11-01"):
        assert word in sentence


def test_facts_count_where_a_person_named_the_institution(tmp_path: Path) -> None:
    """Who decided it and when are kept in the file and are reported."""
    path = tmp_path / "facts.json"
    save_facts(path, _SANDBOX.use_for("01LIVE", "ana@desk", _NOW))
    saved = load_facts(path)
    known = facts_for({path: saved}, "01LIVE")
    assert known.followed() == {"get-pin": "hide", "put-roles": "ignore"}
    assert all(word in known.used[0] for word in ("ana@desk", "2026-11-28", "get-pin is hide"))
    again = saved.use_for("01LIVE", "bo@desk", _NOW)
    assert [one.by for one in again.used_for] == ["bo@desk"]


def test_what_was_read_of_an_alma_comes_before_the_facts_of_another() -> None:
    """Of two values for one fact, that of the first contact counts."""
    files = dict(_FILES)
    files[Path("facts.json")] = _SANDBOX.use_for("01LIVE", "ana@desk", _NOW)
    known = facts_for(files, "01LIVE")
    assert known.values == {"get-pin": "show", "put-roles": "ignore"}
    assert not known.hides_pins


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"institution": "01X"}'])
def test_another_file_is_no_file_of_facts(tmp_path: Path, text: str) -> None:
    """The error names the file and the command that writes one."""
    path = tmp_path / "facts.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"facts\.json.*--probe"):
        load_facts(path)
