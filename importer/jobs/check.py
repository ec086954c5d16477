"""Check a job before it runs: its keys, mappings, places and settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from importer.errors import Exit, ImporterError
from importer.jobs.feed import Feed, matching, opened, position
from importer.jobs.intake import load_mapping
from importer.jobs.notify import url_of
from importer.jobs.schema import Job, JobRoster, Location
from importer.jobs.state import Store
from importer.model.finding import Finding, FindingState
from importer.model.text import word_list
from importer.settings import mail_settings


def check_job(job: Job) -> Iterator[Finding]:
    """Yield what is right and wrong with a job. Places are read, and nothing is written."""
    for name, examine in _checks(job):
        try:
            finding = examine()
        except ImporterError as error:
            finding = Finding.of(name, error)
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
