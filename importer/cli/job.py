"""The commands `job`: write, check and run a job, list jobs, decide about a held load."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from importer.advice import CheckJob, Choice, RunJob
from importer.alma.doctor import Finding, FindingState
from importer.cli.options import Commands, JobFile, Json
from importer.cli.output import complain, emit, output, say, write_findings, write_new
from importer.errors import Exit, ImporterError, MappingError, UsageError
from importer.jobs import guards
from importer.jobs.commands import Tools, run_command
from importer.jobs.feed import Feed, matching, opened, position
from importer.jobs.intake import load_mapping
from importer.jobs.notify import Concern, Message, channels, report_wrong_job, send, url_of
from importer.jobs.run import JobRun
from importer.jobs.schema import ENDINGS, Job, JobRoster, Location, check_name, load_job
from importer.jobs.state import LoadDecision, Store
from importer.jobs.words import in_lines, job_files, jobs_in, pasted
from importer.mapper.yaml_source import scalar
from importer.model.text import command_line, word_list
from importer.report.commands import to_paste
from importer.service.outcome import failed
from importer.service.place import now, operator
from importer.settings import mail_settings

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


def check_job(job: Job) -> Iterator[Finding]:
    """Yield what is right and wrong with a job. Places are read, and nothing is written."""
    for name, examine in _checks(job):
        try:
            finding = examine()
        except ImporterError as error:
            finding = Finding(name, FindingState.BAD, error.prose, error.advice, error.exit)
        yield Finding(name, FindingState.OK, finding) if isinstance(finding, str) else finding


def _checks(job: Job) -> Iterator[tuple[str, Callable[[], Finding | str]]]:
    """Yield each check by its name; it returns what is right, or a finding."""
    yield "name", partial(_name, job)
    for part in job.file.rosters:
        yield "mapping", partial(_mapping, part.mapping)
        yield "pick-up", partial(_pick_up, job, part)
    for name, folder in (("delivery", job.file.deliver_to), ("rejects", job.file.rejects_to)):
        if folder is not None:
            yield name, partial(_delivery, name, job, folder)
    places = (*(part.source for part in job.file.rosters), job.file.deliver_to, job.file.rejects_to)
    if unused := job.file.sftp.keys() - {place.host for place in places if place is not None}:
        sentence = f"No folder of this job is on {word_list(sorted(unused))}."
        yield "sftp", lambda: Finding("sftp", FindingState.WARN, sentence, "Check the name.")
    notify = job.file.notify
    for name, address in (("chat", notify.chat), ("ping", notify.ping)):
        if address is not None and address.startswith("$"):
            yield name, partial(_secret, address)
    if notify.email:
        yield "email", lambda: f"Emails are sent through {mail_settings().alma_mail_host}."
    elif notify.chat is None:
        advice = "Set `email` or `chat` under `notify:`."
        yield "notify", lambda: Finding("notify", FindingState.WARN, "Nobody is notified.", advice)


def _name(job: Job) -> str:
    _ = Store(job.name).read(job.path, waiting_only=True)
    return f"No other job of this folder is named {job.name}."


def _mapping(path: Path) -> str:
    mapping = load_mapping(path)
    return f"{path} is valid ({mapping.title or mapping.name})."


def _pick_up(job: Job, part: JobRoster) -> Finding | str:
    with opened(job, part.source) as place:
        files = matching(place, part.source.pattern)
    if not files:
        sentence = f"There is no file {part.source.pattern} in {part.source} now."
        return Finding("pick-up", FindingState.WARN, sentence)
    newest = max(files, key=lambda file: position(file, part.order, "newest", Feed()))
    return f"The newest file in {part.source} is {newest.name}, of {newest.changed:%Y-%m-%d %H:%M}."


def _delivery(name: str, job: Job, location: Location) -> Finding | str:
    with opened(job, location) as place:
        count = len(place.files())
    if not location.host and not os.access(location.folder, os.W_OK):
        sentence = f"The folder {location} cannot be written."
        return Finding(name, FindingState.BAD, sentence, exit=Exit.STOPPED)
    return f"{location} can be read; it contains {count:,} files."


def _secret(address: str) -> str:
    url_of(address)
    return f"{address.removeprefix('$')} is set."


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
