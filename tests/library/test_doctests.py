"""The examples in the docstrings of the library, with a practice Alma."""

from __future__ import annotations

import doctest
from pathlib import Path

import importer
from tests.library.conftest import NAMES


def test_the_examples_of_every_name(folder: Path) -> None:
    """Every public name has an example, and each gives what is written below it."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for name in NAMES:
        if name.endswith("_async"):
            continue
        (found,) = finder.find(getattr(importer, name), name, globs={})
        assert found.examples, name
        runner.run(found)
    assert runner.summarize(verbose=False).failed == 0
