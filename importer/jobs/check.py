"""Check a job before its first run: its mappings, places, settings and secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from importer.alma.doctor import Finding, State
from importer.errors import Exit, ImporterError
from importer.jobs.feed import Feed, in_order, opened
from importer.jobs.schema import Job, Location, RosterPart, required
from importer.mapper.load import load
from importer.settings import mail_settings, named_address


def check_job(job: Job) -> Iterator[Finding]:
    """Yield what is right and wrong with a job. Places are read, and nothing is written."""
    for name, check in _checks(job):
        try:
            yield check()
        except ImporterError as error:
            yield Finding(name, State.BAD, str(error), exit=error.exit)


def _checks(job: Job) -> Iterator[tuple[str, Callable[[], Finding]]]:
    """Yield what is checked, each with its name."""
    for part in job.file.rosters:
        yield "mapping", partial(_mapping, part.mapping)
        yield "pick-up", partial(_pick_up, job, part)
    for name, folder in (("delivery", job.file.deliver_to), ("rejects", job.file.rejects_to)):
        if folder is not None:
            yield name, partial(_delivery, name, job, folder)
    notify = job.file.notify
    for name, address in (("chat", notify.chat), ("ping", notify.ping)):
        if address is not None and address.startswith("$"):
            yield name, partial(_secret, name, address)
    if notify.email or notify.office:
        yield "email", _email
    elif notify.chat is None:
        yield "notify", _nobody


def _mapping(path: Path) -> Finding:
    mapping = load(path)
    return Finding("mapping", State.OK, f"{path} is valid ({mapping.title or mapping.name}).")


def _pick_up(job: Job, part: RosterPart) -> Finding:
    location = part.source
    with opened(job, location) as place:
        found = in_order(part, place, "newest", Feed())
    if not found:
        sentence = f"There is no file {location.pattern} in {location} now."
        return Finding("pick-up", State.WARN, sentence)
    newest = found[-1]
    sentence = (
        f"The newest file in {location} is {newest.name}, of {newest.changed:%Y-%m-%d %H:%M}."
    )
    return Finding("pick-up", State.OK, sentence)


def _delivery(name: str, job: Job, location: Location) -> Finding:
    with opened(job, location) as place:
        count = len(place.files())
    if not location.host and not os.access(location.folder, os.W_OK):
        sentence = f"The folder {location} cannot be written."
        return Finding(name, State.BAD, sentence, exit=Exit.STOPPED)
    return Finding(name, State.OK, f"{location} can be read; it contains {count:,} files.")


def _secret(name: str, address: str) -> Finding:
    required(address, named_address)
    return Finding(name, State.OK, f"{address.removeprefix('$')} is set.")


def _email() -> Finding:
    return Finding("email", State.OK, f"Emails are sent through {mail_settings().alma_mail_host}.")


def _nobody() -> Finding:
    advice = "Set `email` or `chat` under `notify:`."
    return Finding("notify", State.WARN, "Nobody is notified.", advice)
