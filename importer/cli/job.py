"""The commands `job new`, `list`, `allow` and `skip`."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from typer.main import get_group

from importer.cli.options import Commands, JobFile, Json, operator
from importer.cli.output import emit, now, say, write_new
from importer.jobs import decisions
from importer.jobs.overview import in_lines, jobs_in
from importer.jobs.schema import check_name, load_job
from importer.jobs.state import Decision
from importer.mapper.yaml_source import scalar
from importer.model.text import command_line

app = Commands()


class _JobCommands(typer.core.TyperGroup):
    """The commands of jobs. What runs a job is imported when it is called: a list is quick."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return ["new", "check", "run", *super().list_commands(ctx)[1:]]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, or None."""
        if cmd_name in {"check", "run"}:
            group = get_group(import_module("importer.cli.job_run").app)
            return group.get_command(ctx, cmd_name)
        return super().get_command(ctx, cmd_name)


job = Commands(help="Unattended loads.")
app.add_typer(job, name="job", cls=_JobCommands)


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
    emit({"jobs": [one.as_json() for one in jobs]}, in_lines(jobs), as_json=as_json)
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
        help="The run that you looked at; if another one is held by now, nothing is decided.",
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
            metavar="[CHECK]...",
        ),
    ] = None,
    *,
    why: Why,
    held_run: HeldRun = "",
    as_json: Json = False,
) -> None:
    """Let the load that a guard holds pass. The next run of the job loads it."""
    decided = decisions.allow(load_job(file), checks or (), held_run, operator(), why, now())
    _decided(file, decided, as_json)


@job.command()
def skip(
    file: JobFile,
    *,
    why: Why,
    held_run: Annotated[
        str,
        typer.Option(
            "--run",
            help="The run of the held load to skip. Without it, the files that are refused.",
            metavar="RUN",
            show_default=False,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Skip the file that is held or cannot be read. The next run of the job puts it aside."""
    decided = decisions.skip(load_job(file), held_run, operator(), why, now())
    _decided(file, decided, as_json)


def _decided(file: Path, decision: Decision, as_json: bool) -> None:  # noqa: FBT001
    """Show a decision, and the command that carries it out at once."""
    run = f"To run the job now, type: {command_line('job', 'run', str(file))}"
    lines = (f"{decision}", *(f"File: {one}" for one in decision.files), run)
    emit(decision.model_dump(mode="json"), lines, as_json=as_json)
