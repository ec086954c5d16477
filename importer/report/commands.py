"""The commands of actions, for the terminal, the report and the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from importer import advice as actions
from importer.advice import Action, Advice, Choice, Do
from importer.model.question import read_decision
from importer.model.text import command_line

WHY = ("--why", "your reason")
"""What stands for the reason of a decision; a person replaces it."""


@dataclass(frozen=True, slots=True)
class Here:
    """The run and the row that advice is about, as they are typed."""

    run: str = "RUN"
    row: str = "ROW"


def as_command(action: Action, here: Here = Here()) -> str:  # noqa: PLR0911, PLR0912
    """Return the command that carries out an action; "" where there is none."""
    match action:
        case actions.ByHand() | actions.Wait():
            return ""
        case actions.Decide(decision):
            answer, _ = read_decision(decision) or ("ANSWER", "")
            return command_line("resolve", here.run, here.row, "--as", answer)
        case actions.NameUser(run, row, answer):
            return command_line("resolve", run, row, "--as", answer, "ID")
        case actions.CheckFiles(words):
            return command_line(*words)
        case actions.Apply(run, allow, limit, delete):
            options = [word for check in allow for word in ("--allow", check)]
            options += [] if limit is None else ["--limit", str(limit)]
            options += [] if delete is None else ["--delete", str(delete)]
            return command_line("apply", run, *options)
        case actions.SisReport(run):
            return command_line("sis-report", run)
        case actions.Undo(run, delete):
            return command_line("undo", run, *(("--delete-created",) if delete else ()))
        case actions.ResolveFrom(run, file):
            return command_line("resolve", run, "--from", file)
        case actions.WriteReports(run):
            return command_line("report", run or here.run)
        case actions.ShowRow(run, row):
            return command_line("show", run, row, "--show-values")
        case actions.ListCodes(table):
            return command_line("codes", "show", table)
        case actions.Measure(institution):
            also = ("--for", institution) if institution else ()
            return command_line("doctor", "--probe", *also)
        case actions.CheckJob(job):
            return command_line("job", "check", job)
        case actions.RunJob(job):
            return command_line("job", "run", job)
        case actions.AllowLoad(job, run, guards):
            return command_line("job", "allow", job, *guards, *WHY, "--run", run)
        case actions.SkipFiles(job, run):
            return command_line("job", "skip", job, *WHY, *(("--run", run) if run else ()))
        case Do.LIST_JOBS:
            return command_line("job", "list")
        case Do.FETCH_CODES:
            return command_line("codes", "fetch")
        case Do.REFRESH_USERS:
            return command_line("users", "refresh")
        case Do.READ_ALL_USERS:
            return command_line("users", "refresh", "--full")
        case Do.DELETE_USERS:
            return command_line("users", "delete")
        case Do.TEST_SETUP:
            return command_line("doctor")
        case Do.READ_PINS:
            return command_line("doctor", "--first-contact", "--pin-user", "YOUR-ID")
        case Do.CHOOSE_RUN:
            return command_line("runs")
        case Do.NAME_CODES | Do.USE_CACHE | Do.PLAN_FOR_API | Do.SKIP_HIDDEN | Do.READ_HIDDEN:
            return ""
        case Do.SET_KEY | Do.SET_ADDRESS | Do.SET_PROXY | Do.SET_CERTIFICATES | Do.LOWER_RATE:
            return ""
        case Do.NOTHING | Do.DECIDED | Do.ANSWERED | Do.PLAN_AGAIN | Do.SAME_COMMAND:
            return ""
        case _:
            assert_never(action)


_OPTIONS: dict[Action, str] = {
    Do.NAME_CODES: "`--codes FILE`",
    Do.USE_CACHE: "`--no-refresh`",
    Do.PLAN_FOR_API: "without `--to sis-xml`",
    Do.SKIP_HIDDEN: "`--visible-only`",
    Do.READ_HIDDEN: "without `--visible-only`",
}
"""The option that is added to, or left out of, the command; most actions have none."""


def with_command(choice: Choice, here: Here = Here()) -> str:
    """Return a choice in a sentence with its command or option, if it has one."""
    command = as_command(choice.do, here)
    typed = f"`{command}`" if command else _OPTIONS.get(choice.do, "")
    return f"{choice.text.removesuffix('.')}: {typed}." if typed else choice.text


def with_commands(advice: Advice, here: Here = Here()) -> str:
    """Return advice in sentences with the commands, for one paragraph."""
    return " ".join(with_command(choice, here) for choice in advice)


def to_paste(sentence: str, advice: Advice) -> str:
    """Return a sentence and what to do, with each command on a line of its own."""
    for choice in advice:
        command, between = as_command(choice.do), "\n" if "\n  " in sentence else " "
        text = f"{choice.text.removesuffix('.')}:\n  {command}" if command else with_command(choice)
        sentence = f"{sentence}{between if sentence else ''}{text}"
    return sentence
