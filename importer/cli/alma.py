"""The commands `codes` and `doctor`."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from importer.alma.client import Alma
from importer.alma.doctor import consequences
from importer.alma.doctor import examine as examine_alma
from importer.alma.doctor import first_contact as read_first_contact
from importer.alma.facts import MeasuredFacts, save, save_facts
from importer.alma.probe import probe as measure
from importer.cli.connection import user_caches
from importer.cli.console import Screen, progress
from importer.cli.options import Commands, Json
from importer.cli.output import emit, say, write_findings
from importer.errors import Exit, ImporterError, StoppedError, UsageError
from importer.files import RUNS
from importer.model.fields import NO_CODES
from importer.model.finding import Finding, FindingState
from importer.model.text import counted, similar, word_list
from importer.report.commands import with_commands
from importer.service.connection import with_alma
from importer.service.office import office, saved_codes
from importer.service.place import CODES, FACTS, FIRST_CONTACT, REPLIES, USERS, now
from importer.service.tables import codes as fetch_codes
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
    fetch_codes(office(), Screen(), file or CODES)


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
        near = similar(table, tables.tables)
        hint = f"Did you mean {near[0]}? " if near else ""
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
    external_id: Annotated[
        str, typer.Option(help="With --probe: the code of your SIS profile.")
    ] = "SIS",
    also_for: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="CODE",
            help="With --probe: the code of another institution for which the facts count, too.",
        ),
    ] = "",
    as_json: Json = False,
) -> int:
    """Check the key, its rights, the institution, clock, folder and code tables."""
    if probe and first_contact:
        msg = "--probe and --first-contact do different things. Run the command once with each."
        raise UsageError(msg)
    for name, given, needed, there in (
        ("--for", also_for, "--probe", probe),
        ("--pin-user", pin_user, "--first-contact", first_contact),
    ):
        if given and not there:
            msg = f"{name} is for {needed}: add it."
            raise UsageError(msg)
    if probe:
        return _probe(external_id, also_for, as_json=as_json)
    if first_contact:
        return _first_contact(pin_user, as_json=as_json)
    return write_findings(_findings(), as_json=as_json)


def _findings() -> list[Finding]:
    """Return what is right and wrong here, and what Alma shows."""
    findings, today = [*_here()], now().date()
    tables, saved = NO_CODES, dict[Path, MeasuredFacts]()
    try:
        tables = saved_codes(None)
    except UsageError as error:
        findings.append(Finding.of("code tables", error))
    try:
        saved = dict(office().occasion().measured)
    except UsageError as error:
        findings.append(Finding.of("facts", error))
    try:
        settings = Settings.read()
        if settings.alma_proxy:
            host = urlsplit(settings.alma_proxy).hostname
            findings.append(Finding("proxy", FindingState.OK, f"Calls to Alma go through {host}."))
        of_alma = with_alma(office(), lambda alma: examine_alma(alma, tables, saved, today))
        known = {finding.name for finding in findings}  # a damaged file is not one that is missing
        findings += [finding for finding in of_alma if finding.name not in known]
    except ImporterError as error:
        findings.append(Finding.of("Alma", error))
    return findings


def _first_contact(pin_user: str, *, as_json: bool) -> int:
    today = now().date()
    first = with_alma(office(), lambda alma: read_first_contact(alma, pin_user, today))
    known = first.facts.model_dump(mode="json")
    code = write_findings(first.findings, as_json=as_json, known=known)
    say("Nothing was written to Alma.")
    if first.facts.facts:
        save_facts(FIRST_CONTACT, first.facts)
        say(f"{FIRST_CONTACT} says whether Alma shows PINs.")
    return code


def _probe(external_id: str, also_for: str, *, as_json: bool) -> int:
    """Measure a sandbox environment; save what was found, and Alma's replies in any case."""
    calls: list[str] = []

    async def use(alma: Alma) -> MeasuredFacts:
        with progress("Measuring", lambda: alma.limiter.notice) as advance:
            return await measure(alma, external_id, also_for, calls, advance)

    try:
        measured = with_alma(office(), use)
    except KeyboardInterrupt:
        msg = "Stopped. No facts were saved. The next probe deletes what this one left in Alma."
        raise StoppedError(msg) from None
    finally:
        if calls:
            save(REPLIES, "".join(calls))
    save_facts(FACTS, measured)
    lines = (
        *(f"{name} is {value}." for name, value in measured.facts.items()),
        *(f"{name} could not be measured: {why}." for name, why in measured.unclear.items()),
        *(
            f"{consequence.sentence} {with_commands(consequence.choices)}".rstrip()
            for consequence in consequences(measured.facts)
        ),
    )
    emit({**measured.model_dump(mode="json"), "exit": 0}, lines, as_json=as_json)
    say(
        f"{counted(len(measured.facts), 'fact')} of {measured.institution}: {FACTS}. "
        f"Alma's {len(calls)} replies, without patron data: {REPLIES}. The users of the probe were "
        "deleted."
    )
    return Exit.DONE


def _here() -> Iterator[Finding]:
    """Yield the findings about this folder and this computer."""
    here, env = Path(), Path(".env")
    ours = (path for path in (here, RUNS, USERS) if os.path.isdir(path))  # noqa: PTH112  which raises nothing
    if closed := [str(path.absolute()) for path in ours if not os.access(path, os.W_OK)]:
        advice = "Make yourself its owner, or work in a folder of your own."
        sentence = f"Nothing can be written in {word_list(closed)}."
        yield Finding("folder", FindingState.BAD, sentence, advice, Exit.USAGE)
    else:
        yield Finding("folder", FindingState.OK, "Runs can be written here.")
    free = shutil.disk_usage(here).free // 2**20
    if free < 200:
        advice = "Free some space before a large load."
        yield Finding("disk", FindingState.WARN, f"Only {free:,} MB are free.", advice)
    else:
        size = f"{free >> 10:,} GB" if free >= 10_240 else f"{free:,} MB"
        yield Finding("disk", FindingState.OK, f"{size} are free.")
    for path in user_caches():
        try:
            with suppress(NoCacheError), UserCache.open(path) as cache:
                _ = cache.state
                if [*cache.read("PRAGMA quick_check(1)")] != [("ok",)]:
                    raise cache.damaged
        except ImporterError as error:
            yield Finding.of("user cache", error)
    mode = env.stat().st_mode if os.name == "posix" and env.is_file() else 0
    if mode & stat.S_IRGRP and not mode & stat.S_IROTH:  # settings refuse what everybody can read
        wrong = "Others of your group can read .env, which contains the key."
        yield Finding("key file", FindingState.WARN, wrong, "Type: chmod 600 .env")
