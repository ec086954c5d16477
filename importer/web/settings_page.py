"""The settings page: key and region, code tables, users, setup check, jobs, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from importer.advice import REGIONS, from_json
from importer.alma.doctor import RIGHTS
from importer.errors import ImporterError
from importer.jobs.overview import JobOverview, jobs_in
from importer.ledger.ledger import Ledger
from importer.model.finding import Finding, FindingState
from importer.model.text import counted, moment
from importer.service.place import USERS, version
from importer.settings import ENV, KEY, REGION, Settings, place_of_key, write_env
from importer.users.cache import UserCache
from importer.web.site import NotDoneError, Visit, found
from importer.web.task_pages import start_again
from importer.web.tasks import TASK_ID
from importer.web.workspace import PRACTICE

NO_REGION = "not chosen yet"

_COMMANDS = {
    "doctor": ("Checking the setup", ("doctor", "--json")),
    "codes": ("Reading the code tables", ("codes", "fetch")),
    "users": ("Reading the users of Alma", ("users", "refresh")),
}


def settings(visit: Visit) -> web.Response:
    """Show what is set, and what can be checked and refreshed."""
    space, tasks = visit.space, visit.space.tasks
    checked = tasks.find(visit.text("task")) or tasks.last("doctor")
    env = space.folder / ENV
    key, known = ("", []) if visit.place == PRACTICE else (place_of_key(), _set())
    return visit.page(
        "settings.html.j2",
        tables=_tables(visit),
        caches=[*_caches(space.folder / USERS)],
        key=key,
        key_set=datetime.fromtimestamp(env.stat().st_mtime, UTC) if key == ENV else None,
        set=known,
        unset=("Region", NO_REGION) in known and not key,
        regions=REGIONS,
        checked=checked.started.astimezone() if checked else None,
        findings=_findings(tasks.result(checked)) if checked else (),
        rights=RIGHTS.values(),
        jobs=_jobs(visit),
        version=version(),
    )


def _findings(result: Mapping[str, Any]) -> list[Finding]:
    """Return what the doctor found."""
    with suppress(KeyError, TypeError, ValueError):  # of another version
        return [
            Finding(
                finding["name"], FindingState(finding["state"]), finding["sentence"],
                from_json(finding["advice"]),
            )
            for finding in result.get("findings", ())
        ]  # fmt: skip
    return []


def _tables(visit: Visit) -> str:
    """Return the code tables in words, "" where none are saved or their file is wrong."""
    try:
        tables = visit.space.codes().tables
    except ImporterError as error:
        return str(error)
    codes = sum(map(len, tables.values()))
    return f"{counted(len(tables), 'table')}, {counted(codes, 'code')}" if tables else ""


def _caches(folder: Path) -> Iterator[str]:
    """Yield each user cache in a sentence."""
    for path in sorted(folder.glob("*.sqlite")):
        try:
            with UserCache.open(path) as cache:
                state, users = cache.state, counted(cache.count(), "user")
        except ImporterError as error:
            yield str(error)
            continue
        day = moment(state.as_of) if state.as_of else "not read whole yet"
        yield f"{users} of {state.institution}, {day}"


def _set() -> list[tuple[str, str]]:
    """Return the settings of the library that are no secret, in words."""
    try:
        known = Settings.without_secrets()
    except ImporterError as error:
        return [("Settings", str(error))]
    region = REGIONS.get(known.alma_region, known.alma_region)
    reserve = f"; {known.alma_reserve:,} a day are not used" if known.alma_reserve else ""
    return [
        ("Region", region or known.alma_base_url or known.alma_gateway or NO_REGION),
        ("API calls", f"at most {known.alma_rate:g} a second{reserve}"),
    ]


def _jobs(visit: Visit) -> list[JobOverview]:
    """Return the jobs of the library's folder, which is the current one."""
    return [] if visit.place == PRACTICE else list(jobs_in(Path(), visit.now))


def decide_job(visit: Visit) -> web.Response:
    """Start `job allow` or `job skip` for a job of this page, with a reason."""
    file, do, why = visit.text("file"), visit.text("do"), visit.text("why").strip()
    job = found(next((known for known in _jobs(visit) if str(known.path) == file), None))
    here, run, load = f"{visit.base}/settings#jobs", visit.text("run"), job.memory.held
    if do not in {"allow", "skip"} or not why:
        sentence = "Type why, for the history of the job. Nothing was changed."
        raise NotDoneError(422, "A reason is missing", sentence, here)
    if do == "allow" and load is not None:
        run = run or load.run  # no other than the one that is looked at here
    if do == "allow" and (held := visit.space.run(Path(run).name)):
        with Ledger.open(held) as ledger:
            why_not = visit.hindrance(ledger.facts.operator)
        if why_not:
            sentence = f"{why_not} Nothing was changed."
            raise NotDoneError(403, "You may not allow this", sentence, here)
    title = "Allowing the held load" if do == "allow" else "Skipping the file"
    words = ("job", do, file, f"--why={why}", f"--run={run}", "--json")
    return visit.start(*words, title=title, back=here)


def run_command(visit: Visit) -> web.Response:
    """Start a command of this page, or of the decisions of a run that lack a user."""
    title, words = found(_COMMANDS.get(visit.request.match_info["command"]))
    here, run = f"{visit.base}/settings", visit.space.run(visit.text("run"))
    if run is not None:
        return visit.start(*words, title=title, back=f"{visit.base}/runs/{run.name}/decisions")
    return visit.start(*words, title=title, then=f"{here}?task={TASK_ID}", back=here)


def save_key(visit: Visit) -> web.Response:
    """Write the key and the region into `.env`, which only the owner can read.

    A region that is not chosen stays. The key is tried at once: by the command that failed without
    it, or by the doctor, who says what it may do.
    """
    key, region = visit.text("key").strip(), visit.text("region")
    file, back = visit.space.folder / ENV, f"{visit.base}/settings"
    if visit.place == PRACTICE:
        raise NotDoneError(409, "Nothing was saved", "The practice Alma needs no key.", back)
    if place_of_key() not in {ENV, ""}:
        sentence = "The key in the folder of secrets counts before one in .env. Change it there."
        raise NotDoneError(409, "Nothing was saved", sentence, back)
    if not (key.isascii() and key.isalnum()) or region not in {"", *REGIONS}:
        sentence = "A key has letters and digits only. Copy it from the developer network."
        raise NotDoneError(422, "This is not an API key", sentence, back)
    write_env(file, {KEY: key} | ({REGION: region} if region else {}))
    if failed := visit.space.tasks.find(visit.text("failed")):
        return start_again(visit, failed)
    title, words = _COMMANDS["doctor"]
    return visit.start(*words, title=title, then=f"{back}?saved=yes&task={TASK_ID}", back=back)
