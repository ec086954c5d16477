"""Ceilings only sink: what a number, a ceiling and a raise may be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from release import size
from release.size import FILE, Ceilings, findings, lowered, raises

ROOT = Path(__file__).parents[2]


def _sizes(**lines: int) -> dict[str, dict[str, int]]:
    return {"lines": lines, "lists": {"commands": 36}}


@pytest.mark.parametrize(
    ("number", "ceiling", "words"),
    [
        (100, 100, []),
        (100, 200, []),
        (101, 100, ["mapper", "release/sizes.toml", "replaces"]),
        (100, 201, ["mapper", "release/sizes.toml", "make size ARGS=--lower"]),
    ],
)
def test_a_number_is_at_its_ceiling_or_up_to_100_lines_below(
    number: int, ceiling: int, words: list[str]
) -> None:
    """Each message names the ceiling, the file and what to do."""
    told = [*findings(_sizes(mapper=number), _sizes(mapper=ceiling))]
    assert len(told) == bool(words)
    assert all(word in told[0] for word in words)


def test_a_list_is_exactly_at_its_ceiling() -> None:
    """One command more or fewer is a change of the file."""
    there = _sizes()
    for commands in (35, 37):
        assert [*findings(there, {"lines": {}, "lists": {"commands": commands}})]


def test_a_package_without_a_ceiling_and_a_ceiling_without_a_package_are_named() -> None:
    """A new package has a ceiling from its first commit on, and a removed one leaves none."""
    assert [
        re.search(r"(take out|add) `?(\w+)", told) is not None
        for told in findings(_sizes(new=7), _sizes(old=8))
    ] == [True, True]


def test_lowering_changes_only_what_is_above_its_number() -> None:
    """The comments, the other ceilings and what is at its number stay as they are."""
    text = "# why\n[lines]\nmapper = 500\nweb = 40\n[lists]\ncommands = 36\n[replaces]\n"
    ceilings = Ceilings.read(text).sizes
    assert lowered(text, _sizes(mapper=400, web=41), ceilings) == text.replace("500", "400")


def test_a_raise_says_what_it_replaces() -> None:
    """An earlier reason does not count again, and a new name needs one, too."""
    before = Ceilings(_sizes(mapper=10, web=5), {"web": "an old reason"})
    raised = _sizes(mapper=11, web=6, service=1)
    assert {*raises(before, Ceilings(raised, before.replaces))} == {"mapper", "web", "service"}
    why = {"mapper": "the steps", "web": "the forms", "service": "the conductors of cli"}
    assert not [*raises(before, Ceilings(raised, why))]


SAID_LATER = {"d4acf1eb", "8b17738b", "0a0cd650", "3d2f8f5e", "131cd537"}
"""Commits that raised a ceiling, for which a later one said what it replaces."""


def test_no_ceiling_was_ever_raised_without_what_it_replaces() -> None:
    """Each version of the file in the history is compared with the one before it.

    Each name has a reason now.
    """

    def git(*words: str) -> str:
        done = subprocess.run(
            ("git", *words), cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip("there is no history here")
        return done.stdout

    commits = git("log", "--reverse", "--format=%H", "--", FILE).split()
    versions = [Ceilings.read(git("show", f"{commit}:{FILE}")) for commit in commits]
    now = Ceilings.read((ROOT / FILE).read_text("utf-8"))
    steps = zip([*commits[1:], ""], versions, [*versions[1:], now], strict=True)
    assert [
        (commit, name)
        for commit, before, after in steps
        if commit[:8] not in SAID_LATER
        for name in raises(before, after)
    ] == []
    assert all(now.replaces.values())


def test_the_lists_are_those_of_the_product() -> None:
    """Commands, options, keys of a job and words of the mapping count; hidden options do not."""
    commands, options = size.commands_and_options()
    assert {"check", "mapping new"} <= commands
    assert "--mapping" in options
    assert "--seal" not in options
    assert {"JobFile.rosters", "JobRoster.from"} <= size.job_keys()
    words = size.mapping_words()
    assert {"lookup", "upper", "many_changes"} <= words
    assert "first_name" not in words
