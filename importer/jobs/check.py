"""Check a job before its first run: its mappings, places, settings and secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from importer.alma.doctor import Finding, State
from importer.errors import Exit, ImporterError
from importer.jobs.notify import mail_settings
from importer.jobs.places import matching, opened
from importer.jobs.schema import Job, Location, RosterPart, secret
from importer.mapper.load import load


def check_job(job: Job) -> Iterator[Finding]:
    """Yield what is right and wrong with a job. Places are read, and nothing is written."""
    for part in job.file.rosters:
        yield _mapping(part.mapping)
        yield _pick_up(job, part)
    if job.file.deliver_to is not None:
        yield _delivery(job, job.file.deliver_to)
    yield from _notify(job)


def _bad(name: str, error: ImporterError) -> Finding:
    return Finding(name, State.BAD, str(error), exit=error.exit)


def _mapping(path: Path) -> Finding:
    try:
        mapping = load(path)
    except ImporterError as error:
        return _bad("mapping", error)
    return Finding("mapping", State.OK, f"{path} is valid ({mapping.title or mapping.name}).")


def _pick_up(job: Job, part: RosterPart) -> Finding:
    location = part.source
    try:
        with opened(location, job.login(location)) as place:
            found = matching(place, location.pattern)
    except ImporterError as error:
        return _bad("pick-up", error)
    if not found:
        sentence = f"There is no file {location.pattern} in {location} now."
        return Finding("pick-up", State.WARN, sentence)
    newest = found[-1]
    changed = datetime.fromtimestamp(newest.modified).astimezone()
    sentence = f"The newest file in {location} is {newest.name}, of {changed:%Y-%m-%d %H:%M}."
    return Finding("pick-up", State.OK, sentence)


def _delivery(job: Job, location: Location) -> Finding:
    try:
        with opened(location, job.login(location)) as place:
            count = len(place.files())
    except ImporterError as error:
        return _bad("delivery", error)
    if not location.host and not os.access(location.folder, os.W_OK):
        sentence = f"The folder {location} cannot be written."
        return Finding("delivery", State.BAD, sentence, exit=Exit.STOPPED)
    return Finding("delivery", State.OK, f"{location} can be read; it contains {count:,} files.")


def _notify(job: Job) -> Iterator[Finding]:
    notify = job.file.notify
    for name, address in (("chat", notify.chat), ("ping", notify.ping)):
        if address is not None and address.startswith("$"):
            try:
                secret(address)
            except ImporterError as error:
                yield _bad(name, error)
            else:
                yield Finding(name, State.OK, f"{address.removeprefix('$')} is set.")
    if notify.email:
        yield _email()
    elif notify.chat is None:
        sentence = "Nobody is notified."
        yield Finding("notify", State.WARN, sentence, "Set `email` or `chat` under `notify:`.")


def _email() -> Finding:
    try:
        host = mail_settings().alma_mail_host
    except ImporterError as error:
        return _bad("email", error)
    return Finding("email", State.OK, f"Emails are sent through {host}.")
