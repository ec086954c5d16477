"""Check a job before its first run: its mappings, places, settings and secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from importer.alma.doctor import Finding, State
from importer.errors import Exit, ImporterError, UsageError
from importer.jobs.feed import Feed, Inbox, opened
from importer.jobs.notify import url_of
from importer.jobs.schema import Job, Location, RosterPart
from importer.jobs.state import Store
from importer.mapper.load import load
from importer.mapper.mapping import MappingDocument
from importer.model.text import word_list
from importer.settings import mail_settings


def check_job(job: Job) -> Iterator[Finding]:
    """Yield what is right and wrong with a job. Places are read, and nothing is written."""
    for name, check in _checks(job):
        try:
            yield check()
        except ImporterError as error:
            yield Finding(name, State.BAD, str(error), exit=error.exit)


def _checks(job: Job) -> Iterator[tuple[str, Callable[[], Finding]]]:
    yield "name", partial(_name, job)
    for part in job.file.rosters:
        yield "mapping", partial(_mapping, job, part.mapping)
        yield "pick-up", partial(_pick_up, job, part)
    for name, folder in (("delivery", job.file.deliver_to), ("rejects", job.file.rejects_to)):
        if folder is not None:
            yield name, partial(_delivery, name, job, folder)
    places = (*(part.source for part in job.file.rosters), job.file.deliver_to, job.file.rejects_to)
    if unused := job.file.sftp.keys() - {place.host for place in places if place is not None}:
        sentence = f"No folder of this job is on {word_list(sorted(unused))}."
        yield "sftp", lambda: Finding("sftp", State.WARN, sentence, "Check the name.")
    notify = job.file.notify
    for name, address in (("chat", notify.chat), ("ping", notify.ping)):
        if address is not None and address.startswith("$"):
            yield name, partial(_secret, name, address)
    if notify.email or notify.office:
        yield (
            "email",
            lambda: Finding(
                "email", State.OK, f"Emails are sent through {mail_settings().alma_mail_host}."
            ),
        )
    elif notify.chat is None:
        advice = "Set `email` or `chat` under `notify:`."
        yield "notify", lambda: Finding("notify", State.WARN, "Nobody is notified.", advice)


def _name(job: Job) -> Finding:
    _ = Store(job.name).read(job.path, waiting_only=True)
    return Finding("name", State.OK, f"No other job of this folder is named {job.name}.")


def load_mapping(job: Job, path: Path) -> MappingDocument:
    """Load a mapping of a job. Raises MappingError, and UsageError where the job cannot use it."""
    mapping = load(path)
    retire = mapping.file.match.retire
    if mapping.from_alma:
        msg = f"{path} loads users of Alma (`from: alma`), and a job loads files. Plan it by hand."
    elif job.file.do == "apply" and retire is not None and retire.do == "delete":
        msg = (
            f"{path} deletes users for good (`do: delete`), which a job may not do. Set `do: plan` "
            f"in {job.path}; a person then applies the plan."
        )
    else:
        return mapping
    raise UsageError(msg)


def _mapping(job: Job, path: Path) -> Finding:
    mapping = load_mapping(job, path)
    return Finding("mapping", State.OK, f"{path} is valid ({mapping.title or mapping.name}).")


def _pick_up(job: Job, part: RosterPart) -> Finding:
    location = part.source
    with opened(job, location) as place:
        found = Inbox(part, place, "newest", Feed(), Path()).files()
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
    url_of(address)
    return Finding(name, State.OK, f"{address.removeprefix('$')} is set.")
