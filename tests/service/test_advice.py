"""Every action on every surface: a sentence everywhere, a command or a link where there is one."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from importer.advice import Action, Choice, Do, packed, text_of, unpacked
from importer.errors import Exit, ImporterError, UsageError
from importer.model.problem import CATALOGUE, RESOLVED_ADVICE, Code
from importer.model.question import DECISIONS
from importer.report.commands import as_command, to_paste, with_command
from importer.service.outcome import Ending, failed
from importer.web.advice import as_control
from tests.actions import EVERY

COMMAND = re.compile(r"importer [a-z]|--[a-z]")


def test_every_kind_of_action_is_tested() -> None:
    """The list of the tests has each member of the union."""
    kinds = {kind for kind in get_args(Action) if kind is not Do}
    assert kinds == {type(action) for action in EVERY} - {Do}
    assert {action for action in EVERY if isinstance(action, Do)} == set(Do)


@pytest.mark.parametrize("action", EVERY, ids=str)
def test_an_action_is_a_sentence_without_a_command(action: Action) -> None:
    """Also behind when it applies; what is kept or written as JSON is the same action again."""
    choice = Choice(action, "If it is right")
    text = text_of((Choice(action),))
    assert text[:1].isupper()
    assert text.endswith(".")
    assert choice.text.startswith("If it is right, ")
    assert not COMMAND.search(text)
    assert unpacked(packed((choice,))) == (choice,)


@pytest.mark.parametrize("action", EVERY, ids=str)
def test_the_terminal_shows_the_command_of_an_action(action: Action) -> None:
    """In the sentence of a problem, and on a line to paste behind an error."""
    command = as_command(action)
    assert bool(command) == (f"`{command}`" in with_command(Choice(action)))
    assert bool(command) == to_paste("It is wrong.", (Choice(action),)).endswith(f"\n  {command}")


@pytest.mark.parametrize("action", EVERY, ids=str)
def test_the_page_shows_a_link_or_the_sentence(action: Action) -> None:
    """A link leads into the same place, and names no command."""
    control = as_control(action, "alma", "/secret/alma", run="2026-08-20T0930", draft="fall")
    if control is not None:
        assert control.address.startswith("/secret/alma/")
        assert not COMMAND.search(control.words)
        assert control.words[:1].isupper()


@pytest.mark.parametrize("action", EVERY, ids=str)
def test_an_outcome_carries_the_actions_of_an_error(action: Action) -> None:
    """As JSON, which jobs and the page read; scripts get the sentence with the error."""
    error = UsageError("It is wrong.").advising(action, "If so")
    outcome = failed(error)
    assert Ending.model_validate_json(outcome.model_dump_json()) == outcome
    assert (outcome.error, outcome.advice) == ("It is wrong.", (Choice(action, "If so"),))
    assert str(error) == f"It is wrong. {text_of(error.advice)}"
    assert isinstance(error, ImporterError)


def test_the_catalog_names_actions_that_there_are() -> None:
    """Each has advice, a decision of it is one of the Decision column, and exit codes have some."""
    for kind in CATALOGUE.values():
        assert kind.advice
        for choice in kind.advice:
            decision = getattr(choice.do, "decision", "")
            assert not decision or decision in DECISIONS.values()
    assert all(code.advice for code in Exit)
    assert all(code in CATALOGUE for code in Code)
    assert text_of(RESOLVED_ADVICE)
