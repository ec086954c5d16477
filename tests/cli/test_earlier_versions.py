"""What version 1.4 left is named in one sentence, before anything is sent."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from importer.errors import Exit, UsageError
from importer.web.drafts import Draft
from importer.web.workspace import ALMA, Workspace
from tests.cli.conftest import Sandbox
from tests.command_line import typed

SPECIMEN = Path(__file__).parents[1] / "earlier" / "1.4.0"
MADE_BY = re.compile(
    r"was made by version (1\.4|2\.0) of the importer or an earlier one: finish or undo"
)
"""The version that wrote the format before the present one, or whatever came earlier."""


@pytest.fixture(autouse=True)
def folder_of_1_4(folder: Path, sandbox: Sandbox) -> Path:
    """A folder in which version 1.4.0 planned and applied, with a job and a draft."""
    shutil.copytree(SPECIMEN, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("apply", "planned", "--yes"),
        ("apply", "applied", "--yes"),
        ("undo", "applied"),
        ("report", "applied"),
        ("show", "applied", "2"),
        ("resolve", "planned", "2", "--as", "reject"),
        ("plan", "people.csv", "-m", "small.yaml"),  # its memory
        ("job", "run", "nightly.yaml"),
    ],
    ids=" ".join,
)
def test_what_version_1_4_left_is_named_and_nothing_is_sent(
    words: tuple[str, ...], sandbox: Sandbox
) -> None:
    """A run, the memory beside it, and the state of a job."""
    refused = typed(*words)
    assert refused.exit == Exit.USAGE
    assert MADE_BY.search(" ".join(refused.err.split()))
    assert {call["method"] for call in sandbox.log()} <= {"GET"}


def test_a_draft_of_version_1_4_is_named_on_the_page(folder_of_1_4: Path) -> None:
    """In the list of loads, and at its address."""
    space = Workspace(ALMA, folder_of_1_4, Mock(), folder_of_1_4, "ana")
    (sentence,) = space.not_opened()
    assert MADE_BY.search(sentence)
    assert not [*space.drafts(trashed=True)]
    with pytest.raises(UsageError, match=r"version 1\.4"):
        Draft.open(folder_of_1_4 / "drafts" / "20261130T090000")
