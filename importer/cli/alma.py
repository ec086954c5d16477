"""The commands `codes` and `doctor`."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from importer.alma.client import Alma
from importer.alma.doctor import Finding, State, consequences
from importer.alma.doctor import examine as examine_alma
from importer.alma.doctor import first_contact as read_first_contact
from importer.alma.facts import Facts, load_facts, save_facts
from importer.alma.probe import Recording
from importer.alma.probe import probe as measure
from importer.cli.connection import fetch_codes, user_caches, with_alma
from importer.cli.console import progress, saved_codes, saved_facts
from importer.cli.options import CODES, FACTS, FIRST_CONTACT, USERS, Commands, Json, operator
from importer.cli.output import PACKAGE, commit, emit, now, program, say, write_findings, write_new
from importer.errors import Exit, ImporterError, StoppedError, UsageError
from importer.ledger.ledger import Ledger, summarize
from importer.model.fields import NO_CODES, CodeTables
from importer.model.text import command_line, word_list
from importer.pipeline.runs import RUNS, SavedRun, list_runs
from importer.sandbox.configuration import SWITCHES
from importer.settings import Settings
from importer.users.cache import NoCacheError, UserCache

app = Commands()
codes = Commands(help="The institution's code tables, saved for checking offline.")
app.add_typer(codes, name="codes")

File = Annotated[
    Path | None, typer.Option("-f", "--file", help="The file; default: codes.json in this folder.")
]


@codes.command()
def fetch(file: File = None) -> None:
    """Read the code tables from Alma into a file."""
    with_alma(Settings.read(), lambda alma: fetch_codes(alma, file or CODES))


@codes.command("show")
def show_codes(
    table: Annotated[
        str, typer.Argument(help="Name of a table; default: list all.", metavar="TABLE")
    ] = "",
    file: File = None,
    as_json: Json = False,
) -> None:
    """List the saved code tables, or show one of them."""
    tables = saved_codes(file)
    if not tables.tables:
        msg = "No code tables are saved here. `importer codes fetch` reads them from Alma."
        raise UsageError(msg)
    names = {name.casefold(): name for name in tables.tables}
    if table and table.casefold() not in names:
        near = get_close_matches(table.casefold(), names, n=1)
        hint = f"Did you mean {names[near[0]]}? " if near else ""
        msg = f"There is no table {table}. {hint}`importer codes show` lists the tables."
        raise UsageError(msg)
    table = names.get(table.casefold(), "")
    chosen = {table: tables.tables[table]} if table else tables.tables
    rows = {name: [asdict(row) for row in part] for name, part in chosen.items()}
    if table:
        lines = [
            f"{row.code}  {row.description}{'' if row.enabled else '  (disabled)'}"
            for row in tables.tables[table]
        ]
    else:
        day = f", read on {tables.fetched}" if tables.fetched else ""
        say(f"{tables.institution or 'Code tables'}{day}")
        lines = [f"{name}: {len(part)}" for name, part in tables.tables.items()]
    emit({"institution": tables.institution, "tables": rows}, lines, as_json=as_json)


@app.command()
def doctor(
    first_contact: Annotated[
        bool,
        typer.Option(
            "--first-contact", help="Read how Alma behaves, in production too. Nothing is written."
        ),
    ] = False,
    pin_user: Annotated[
        str, typer.Option(help="With --first-contact: your own ID, with a PIN set.")
    ] = "",
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Measure uncertain rules on a sandbox environment of Alma."),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="With --probe: also save Alma's replies, without patron data."),
    ] = None,
    facts: Annotated[
        Path, typer.Option(help="The file of facts that --probe writes and plans use.")
    ] = FACTS,
    external_id: Annotated[
        str, typer.Option(help="With --probe: the code of your SIS profile.")
    ] = "SIS",
    use_facts: Annotated[
        Path | None, typer.Option(help="Use the facts of this file for the institution of --for.")
    ] = None,
    for_: Annotated[
        str, typer.Option("--for", help="With --use-facts: code of another institution.")
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(help="Also write a file to send with a question: facts, without patron data."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Check the key, its rights, the institution, clock, folder and code tables."""
    if bool(use_facts) != bool(for_):
        msg = "--use-facts and --for go together: a file of facts, and an institution's code."
        raise UsageError(msg)
    together = {
        "--use-facts": use_facts is not None,
        "--probe": probe,
        "--first-contact": first_contact,
        "--bundle": bundle is not None,
    }
    if len(used := [name for name, given in together.items() if given]) > 1:
        msg = f"{used[0]} and {used[1]} do different things. Run the command once with each."
        raise UsageError(msg)
    for name, given, needed in (
        ("--record", record, "--probe"),
        ("--pin-user", pin_user, "--first-contact"),
    ):
        if given and not together[needed]:
            msg = f"{name} is for {needed}: add it."
            raise UsageError(msg)
    if use_facts:
        return _use_facts(use_facts, for_, facts)
    if probe:
        return _probe(facts, external_id, record, as_json=as_json)
    if first_contact:
        return _first_contact(pin_user, as_json=as_json)
    findings, tables, saved, today = list(_here()), NO_CODES, dict[Path, Facts](), now().date()
    try:
        tables = saved_codes(None)
    except UsageError as error:
        findings.append(Finding("code tables", State.BAD, str(error), exit=error.exit))
    try:
        saved = saved_facts(facts)
    except UsageError as error:
        findings.append(Finding("facts", State.BAD, str(error), exit=error.exit))
    try:
        settings = Settings.read()
        if settings.alma_proxy:
            host = urlsplit(settings.alma_proxy).hostname
            findings.append(Finding("proxy", State.OK, f"Calls to Alma go through {host}."))
        found = with_alma(settings, lambda alma: examine_alma(alma, tables, saved, today))
        known = {one.name for one in findings}  # a damaged file is not one that is missing
        findings += [one for one in found if one.name not in known]
    except ImporterError as error:
        findings.append(Finding("Alma", State.BAD, str(error), exit=error.exit))
    if bundle is not None:
        rows = [finding.as_json() for finding in findings]
        text = json.dumps({**_diagnostics(tables), "findings": rows}, indent=2, ensure_ascii=False)
        write_new(bundle, f"{text}\n", "--bundle")
        say(f"{bundle} contains no patron data and no key. Read it before you send it.")
    return write_findings(findings, as_json=as_json)


_SHOWN_SETTINGS = {
    f"ALMA_{name}" for name in ("REGION", "RATE", "RESERVE", "VERIFY_DELAY", "PLAN_DAYS")
}
"""Settings with harmless values; of the others the bundle says only that they are set."""

_RUNS = 20
"""The newest runs in a bundle."""


def _diagnostics(tables: CodeTables) -> dict[str, object]:
    """Return what helps to understand a fault, without names, IDs, paths and keys."""
    try:
        settings = Settings.read().model_dump(mode="json", exclude_defaults=True)
    except UsageError as error:
        settings = {"fault": str(error)}
    named = {name.upper(): value for name, value in settings.items()}
    libraries = sorted(re.split(r"[^\w.-]", need)[0] for need in requires(PACKAGE) or ())
    return {
        "importer": program(),
        "commit": commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "libraries": {name: _version(name) for name in libraries},
        "settings": {
            name: value if name in _SHOWN_SETTINGS else "set" for name, value in named.items()
        },
        "code tables": {name: len(rows) for name, rows in tables.tables.items()},
        "code tables of": str(tables.fetched or ""),
        "user caches": [path.stat().st_size for path in user_caches()],
        "runs": [_run_facts(saved) for saved in list_runs()[-_RUNS:]],
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def _run_facts(saved: SavedRun) -> dict[str, object]:
    """Return the counts of a run and how its rosters were read, without their names."""
    try:
        with Ledger.open(saved.folder) as ledger:
            facts, summary = ledger.facts, summarize(ledger)
    except ImporterError as error:
        return {"fault": type(error).__name__}
    counts = summary.model_dump(mode="json", exclude_none=True, exclude={"run", "rosters"})
    read = {"kind", "encoding", "delimiter", "header", "visible_only"}
    return {
        "command": facts.command,
        "started": facts.started.isoformat(timespec="seconds"),
        "importer": facts.version,
        "rosters": [roster.model_dump(mode="json", include=read) for roster, _ in facts.rosters],
        **counts,
    }


def _first_contact(pin_user: str, *, as_json: bool) -> int:
    today = now().date()
    found = with_alma(Settings.read(), lambda alma: read_first_contact(alma, pin_user, today))
    save_facts(FIRST_CONTACT, found.facts)
    known = found.facts.model_dump(mode="json")
    code = write_findings(found.findings, as_json=as_json, known=known)
    say(f"Nothing was written to Alma. {len(found.facts.facts)} facts are in {FIRST_CONTACT}.")
    return code


def _use_facts(file: Path, institution: str, target: Path) -> int:
    """Note who decided that facts count for another institution too."""
    measured = load_facts(file)
    if file.resolve() == FIRST_CONTACT.resolve():
        target = file
    if target.is_file() and target.resolve() != file.resolve():
        msg = f"{target} has other facts. Move it away first."
        raise UsageError(msg)
    save_facts(target, measured.use_for(institution, operator(), now()))
    say(
        f"The facts of {measured.institution} in {target} are used for {institution} too. This was "
        f"decided by {operator()}."
    )
    return Exit.DONE


def _probe(path: Path, external_id: str, record: Path | None, *, as_json: bool) -> int:
    """Measure the uncertain rules of a sandbox environment, and save what was found."""
    recording = Recording()

    async def use(alma: Alma) -> Facts:
        alma.heard = recording.add
        with progress("Measuring", lambda: alma.limiter.notice) as advance:
            return await measure(alma, external_id, advance)

    try:
        measured = with_alma(Settings.read(), use)
    except KeyboardInterrupt:
        msg = "Stopped. No facts were saved. The next probe deletes what this one left in Alma."
        raise StoppedError(msg) from None
    save_facts(path, measured)
    if record is not None:
        write_new(record, recording.text(), "--record")
        say(
            f"{record} has {len(recording.lines)} replies of Alma, without patron data. Read it "
            "before you send it."
        )
    usual = {name: switch.values[0] for name, switch in SWITCHES.items()}
    others = [name for name, value in measured.facts.items() if value != usual[name]]
    lines = (
        *(
            f"{one} is {measured.facts[one]}, not {usual[one]}: {SWITCHES[one].text}"
            for one in others
        ),
        *(f"{name} could not be measured: {why}." for name, why in measured.unclear.items()),
        *(f"{one.sentence} {one.advice}".rstrip() for one in consequences(measured.facts)),
    )
    values = {**measured.model_dump(mode="json"), "different": others, "exit": 0}
    emit(values, lines, as_json=as_json)
    say(
        f"{len(measured.facts)} facts of {measured.institution} are in {path}; {len(others)} are "
        "not as expected. All users of the probe were deleted. To practice with these facts:"
    )
    say(f"  {command_line('sandbox', '--facts', str(path))}")
    return Exit.DONE


def _here() -> Iterator[Finding]:
    """Yield the findings about this folder and this computer."""
    here, env = Path(), Path(".env")
    ours = (one for one in (here, RUNS, USERS) if os.path.isdir(one))  # noqa: PTH112  which raises nothing
    if closed := [str(one.absolute()) for one in ours if not os.access(one, os.W_OK)]:
        advice = "Make yourself its owner, or work in a folder of your own."
        sentence = f"Nothing can be written in {word_list(closed)}."
        yield Finding("folder", State.BAD, sentence, advice, Exit.USAGE)
    else:
        yield Finding("folder", State.OK, "Runs can be written here, under runs/.")
    free = shutil.disk_usage(here).free // 2**20
    if free < 200:
        advice = "Free some space before a large load."
        yield Finding("disk", State.WARN, f"Only {free:,} MB are free.", advice)
    else:
        size = f"{free >> 10:,} GB" if free >= 10_240 else f"{free:,} MB"
        yield Finding("disk", State.OK, f"{size} are free.")
    for path in user_caches():
        try:
            with suppress(NoCacheError), UserCache.open(path) as cache:
                _ = cache.state
                if [*cache.read("PRAGMA quick_check(1)")] != [("ok",)]:
                    raise cache.damaged
        except ImporterError as error:
            yield Finding("user cache", State.BAD, str(error), exit=error.exit)
    mode = env.stat().st_mode if os.name == "posix" and env.is_file() else 0
    if mode & stat.S_IRGRP and not mode & stat.S_IROTH:  # settings refuse what everybody can read
        wrong = "Others of your group can read .env, which contains the key."
        yield Finding("key file", State.WARN, wrong, "Type: chmod 600 .env")
