"""What is public is listed, typed and explained, does not change silently, and has examples."""

from __future__ import annotations

import doctest
import inspect
import json
import re
from pathlib import Path

import pytest

import importer
from tests.docs.pages import ROOT
from tests.library.conftest import NAMES

LISTED = Path(__file__).with_name("public.json")


def signature(name: str) -> str:
    """The arguments of a function; of a class also its public methods, a line each."""
    found = getattr(importer, name)
    members = (
        [one for one in vars(found) if not one.startswith("_")] if isinstance(found, type) else []
    )
    methods = (one for one in members if inspect.isfunction(getattr(found, one)))
    lines = [f"{one}{inspect.signature(getattr(found, one))}" for one in methods]
    return re.sub(" at 0x[0-9a-f]+", "", "\n".join([str(inspect.signature(found)), *lines]))


def announced(name: str) -> list[str]:
    """The lines of the changelog about a name."""
    lines = (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()
    return [line for line in lines if f"`importer.{name}" in line]


def test_a_signature_changes_only_with_a_line_in_the_changelog(
    request: pytest.FixtureRequest,
) -> None:
    """`--update-golden` accepts another signature only beside another line that names it."""
    listed = json.loads(LISTED.read_text("utf-8"))
    now = {name: {"signature": signature(name), "changelog": announced(name)} for name in NAMES}
    for name in {*listed, *now}:
        before = listed.get(name, {"signature": "", "changelog": []})
        after = now.get(name, {"signature": "", "changelog": announced(name)})
        if before["signature"] != after["signature"]:
            assert after["changelog"] != before["changelog"], (
                f"importer.{name} changed: add a line with `importer.{name}` to CHANGELOG.md"
            )
            assert request.config.getoption("--update-golden"), f"importer.{name} changed"
    if request.config.getoption("--update-golden"):
        LISTED.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", "utf-8")


def test_every_name_is_typed_and_explained() -> None:
    """Every argument and result has a type; every function that can fail names its errors."""
    for name in NAMES:
        found = getattr(importer, name)
        assert found.__doc__, name
        arguments = inspect.signature(found)
        assert all(one.annotation is not one.empty for one in arguments.parameters.values()), name
        if inspect.isfunction(found):
            assert "Raises" in found.__doc__, name
            assert arguments.return_annotation, name


def test_the_examples_of_every_name(folder: Path) -> None:
    """Every public name has an example, and each gives what is written below it."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for name in NAMES:
        (found,) = finder.find(getattr(importer, name), name, globs={})
        assert found.examples, name
        runner.run(found)
    assert runner.summarize(verbose=False).failed == 0
