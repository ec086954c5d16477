"""The commands `job new`, `check` and `run`: loads that run by themselves."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.console import Commands, Json, write_findings
from importer.cli.output import emit, now, say, write_new
from importer.errors import Exit, UsageError
from importer.jobs.check import check_job
from importer.jobs.commands import Tools, run_command
from importer.jobs.notify import Level, Message, channels, report_wrong_job, send
from importer.jobs.run import GUARDS, JobRun
from importer.jobs.schema import JobFileError, check_name, load_job
from importer.mapper.yaml_source import scalar
from importer.model.text import command_line

app = Commands()
job = Commands(help="Loads that run by themselves.")
app.add_typer(job, name="job")

JobFile = Annotated[Path, typer.Argument(help="The job (YAML).", metavar="JOB")]


@job.command()
def new(
    file: JobFile,
    mapping: Annotated[
        Path, typer.Option("-m", "--mapping", help="The mapping (YAML).", show_default=False)
    ],
    source: Annotated[
        str,
        typer.Option("--from", help="Folder and pattern, such as incoming/patrons-*.csv."),
    ] = "incoming/*.csv",
) -> None:
    """Write a first job, which only plans. Every key has a comment."""
    check_name(file)
    template = files("importer.jobs").joinpath("new_job.yaml").read_text("utf-8")
    for key, value in (
        ("check", command_line("job", "check", str(file))),
        ("source", scalar(source)),
        ("mapping", scalar(str(mapping))),
    ):
        template = template.replace(f"{{{key}}}", value)
    write_new(file, template)
    load_job(file)
    say(f"The job is in {file}. Review it, then run:")
    say(f"  {command_line('job', 'check', str(file))}")


@job.command()
def check(
    file: JobFile,
    send_test: Annotated[
        bool, typer.Option("--send", help="Send a test message to those who are notified.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check a job: its keys, mapping, folders, servers and settings. Nothing is loaded."""
    checked = load_job(file)
    code = write_findings(check_job(checked), as_json=as_json, job=checked.name)
    if send_test:
        text = "This is a test. Nothing was loaded."
        message = Message(checked.name, Level.TROUBLE, Exit.DONE, text)
        for channel in channels(checked.file.notify, Level.TROUBLE):
            send(channel, checked.file.notify, message)
            say(f"A test message was sent by {channel}.")
    return code


@job.command()
def run(
    file: JobFile,
    allow: Annotated[
        list[str],
        typer.Option(
            help="Let a guard or safety check pass for the load that is held: "
            f"{', '.join(GUARDS)}.",
            metavar="CHECK",
        ),
    ] = [],  # noqa: B006
    as_json: Json = False,
) -> int:
    """Run a job once: finish the open load, then load the newest file."""
    if unknown := set(allow).difference(GUARDS):
        msg = f"--allow {min(unknown)}: it must be one of {', '.join(GUARDS)}."
        raise UsageError(msg)
    try:
        loaded = load_job(file)
    except JobFileError as error:
        report_wrong_job(file, error, now())
        raise
    load = JobRun(loaded, Tools(run_command, now, time.sleep, say), frozenset(allow))
    code = load.run()
    results = [message.as_json() for message in load.messages]
    emit({"job": loaded.name, "results": results, "exit": int(code)}, (), as_json=as_json)
    return code
