"""The commands `job check` and `job run`."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from importer.cli.options import Commands, JobFile, Json
from importer.cli.output import emit, now, output, say, write_findings
from importer.errors import Exit, ImporterError, MappingError, UsageError, defect
from importer.jobs.check import check_job
from importer.jobs.commands import Tools, run_command
from importer.jobs.notify import Level, Message, channels, report_wrong_job, send
from importer.jobs.overview import job_files
from importer.jobs.run import JobRun
from importer.jobs.schema import load_job

app = Commands()


@app.command()
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
        message = Message(checked.name, Level.TROUBLE, Exit.DONE, text)
        for channel in channels(checked.file.notify, Level.TROUBLE):
            send(channel, checked.file.notify, message)
            say(f"A test message was sent by {channel}.")
    return code


@app.command()
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
        msg = f"There is no job file in {file}. `importer job new` writes one."
        raise UsageError(msg)
    for path in paths:  # so that none of them has to wait until its file is whole
        with suppress(ImporterError):
            JobRun(load_job(path), _tools()).look()
    for path in paths:
        say(f"{path.stem}:")
        try:
            code, result = _run(path)
        except Exception as error:  # noqa: BLE001  no job stops those after it
            known = isinstance(error, ImporterError)
            say(str(error) if known else defect(error))
            code = error.exit if isinstance(error, ImporterError) else Exit.BUG
            result = {"job": path.stem, "results": [], "exit": int(code)}
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
    messages = [message.as_json() for message in load.messages]
    result = {"job": loaded.name, "results": messages, "exit": int(code)}
    output.note("job", **result)
    return code, result
