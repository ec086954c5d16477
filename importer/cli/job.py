"""The commands `job`: write, check and run a job, list jobs, decide about a held load."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from importer.advice import CheckJob, Choice, RunJob
from importer.cli.options import Commands, JobFile, Json
from importer.cli.output import complain, emit, output, say, write_findings, write_new
from importer.errors import Exit, ImporterError, MappingError, UsageError
from importer.jobs import guards
from importer.jobs.check import check_job
from importer.jobs.commands import Tools, run_command
from importer.jobs.notify import Concern, Message, channels, report_wrong_job, send
from importer.jobs.overview import in_lines, job_files, jobs_in
from importer.jobs.run import JobRun
from importer.jobs.schema import ENDINGS, check_name, load_job
from importer.jobs.state import LoadDecision
from importer.jobs.words import pasted
from importer.mapper.yaml_source import scalar
from importer.model.text import command_line
from importer.report.commands import to_paste
from importer.service.outcome import failed
from importer.service.place import now, operator

app = Commands()
job = Commands(help="Unattended loads.")
app.add_typer(job, name="job")


@job.command()
def new(
    file: JobFile,
    mapping: Annotated[
        Path, typer.Option("-m", "--mapping", help="The mapping (YAML).", show_default=False)
    ],
    source: Annotated[
        str, typer.Option("--from", help="Folder and pattern, such as incoming/patrons-*.csv.")
    ] = "incoming/*.csv",
) -> None:
    """Write a first job, which only plans. Every key has a comment."""
    check_name(file)
    if file.suffix not in ENDINGS:
        msg = f"Name the file with the ending .yaml, as in {file}.yaml, so that it is found."
        raise UsageError(msg)
    template = files("importer.jobs").joinpath("new_job.yaml").read_text("utf-8")
    for key, value in (
        ("check", command_line("job", "check", str(file))),
        ("source", scalar(source)),
        ("mapping", scalar(str(mapping))),
    ):
        template = template.replace(f"{{{key}}}", value)
    write_new(file, template)
    try:
        load_job(file)
    except MappingError:
        file.unlink()
        raise
    say(to_paste(f"The job is in {file}. Review it.", (Choice(CheckJob(str(file)), "Then"),)))


@job.command()
def check(
    file: JobFile,
    send_test: Annotated[
        bool, typer.Option("--send", help="Send a test message to the people to notify.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check a job: its keys, mapping, folders, servers and settings. Nothing is loaded."""
    checked = load_job(file)
    code = write_findings(check_job(checked), as_json=as_json, job=checked.name)
    if send_test:
        text = "This is a test. Nothing was loaded."
        message = Message(checked.name, Concern.TROUBLE, Exit.DONE, text)
        for channel in channels(checked.file.notify, Concern.TROUBLE):
            refused = send(channel, checked.file.notify, message)
            say(" ".join(filter(None, (f"A test message was sent by {channel}.", refused))))
    return code


@job.command()
def run(
    file: Annotated[
        Path, typer.Argument(help="The job (YAML), or a folder of jobs.", metavar="JOB")
    ],
    as_json: Json = False,
) -> int:
    """Run a job once: finish the open load, then load what is new.

    For a folder, run each of its jobs.
    """
    if not file.is_dir():
        code, result = _run(file)
        emit(result, (), as_json=as_json)
        return code
    paths, results, codes = job_files(file), list[dict[str, object]](), set[Exit]()
    if not paths:
        msg = f"There is no job file in {file.absolute()}. `importer job new` writes one."
        raise UsageError(msg)
    for path in paths:  # so that none of them has to wait until its file is whole
        with suppress(ImporterError):
            JobRun(load_job(path), _tools()).look()
    for path in paths:
        say(f"{path.stem}:")
        try:
            code, result = _run(path)
        except Exception as error:  # noqa: BLE001  no job stops those after it
            outcome = failed(error)
            code = outcome.exit
            sentence = to_paste(outcome.error, outcome.advice)
            output.note("error", text=sentence)
            complain(sentence)
            result = {"job": path.stem, "results": [], **outcome.as_json()}
        results.append(result)
        codes.add(code)
        if code is Exit.INTERRUPTED:
            break
    code = Exit.worst(codes)
    emit({"jobs": results, "exit": int(code)}, (), as_json=as_json)
    return code


def _tools() -> Tools:
    return Tools(partial(run_command, options=output.options()), now, time.sleep, say)


def _run(file: Path) -> tuple[Exit, dict[str, object]]:
    """Run a job; return its exit code and its messages, which are also in the log."""
    try:
        loaded = load_job(file)
    except MappingError as error:
        report_wrong_job(file, error, now())
        raise
    load = JobRun(loaded, _tools())
    code = load.run()
    for message in load.messages if output.quiet else ():
        if message.exit:
            complain(f"{loaded.name}: {message.headline}")
    messages = [message.as_json() for message in load.messages]
    result = {"job": loaded.name, "results": messages, "exit": int(code)}
    output.note("job", **result)
    return code, result


@job.command("list")
def list_jobs(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the job files.", metavar="FOLDER")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """List the jobs of a folder: last load, state and what comes next.

    It also shows what a person can do.
    """
    jobs = list(jobs_in(folder, now()))
    emit({"jobs": [job.as_json() for job in jobs]}, in_lines(jobs), as_json=as_json)
    if not jobs:
        first = command_line("job", "new", str(folder / "nightly.yaml"), "-m", "MAPPING")
        say(f"There are no jobs in the folder {folder.absolute()}. To write one, type:\n  {first}")


Why = Annotated[
    str, typer.Option(help="The reason, for the history of the job.", show_default=False)
]
HeldRun = Annotated[
    str,
    typer.Option(
        "--run",
        help="The held run that you looked at, so that no other is decided.",
        metavar="RUN",
        show_default=False,
    ),
]


@job.command()
def allow(
    file: JobFile,
    checks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Guards or safety checks that may fail; without any, all that hold the load.",
            metavar="CHECK",
        ),
    ] = None,
    *,
    why: Why,
    held_run: HeldRun = "",
    as_json: Json = False,
) -> None:
    """Let the load that a guard holds pass. The next run of the job loads it."""
    said = guards.Instruction(held_run, operator(), why, now())
    _decided(file, guards.allow(load_job(file), checks or (), said), as_json)


@job.command()
def skip(
    file: JobFile,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of the files that cannot be read, only these.", metavar="FILE", show_default=False
        ),
    ] = None,
    *,
    why: Why,
    held_run: HeldRun = "",
    as_json: Json = False,
) -> None:
    """Skip the file that is held or, without --run, what cannot be read.

    The next run of the job puts them aside.
    """
    said = guards.Instruction(held_run, operator(), why, now())
    _decided(file, guards.skip(load_job(file), names or (), said), as_json)


def _decided(file: Path, decision: LoadDecision, as_json: bool) -> None:  # noqa: FBT001
    """Show a decision, and the command that carries it out at once."""
    run = pasted(RunJob(str(file)), "To continue now")
    lines = (f"{decision}", *(f"File: {name}" for name in decision.files), run)
    emit(decision.model_dump(mode="json"), lines, as_json=as_json)
