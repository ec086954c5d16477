"""Records of rows in a file; a plan for Alma's SIS load: write it, find out what the load did."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from importer.alma.client import Alma
from importer.errors import AlmaSaid, RefusedError, UnavailableError, UsageError
from importer.files import new_file
from importer.ledger.journal import Journal, Outcome, Pending, history
from importer.ledger.ledger import GONE, Ledger, State
from importer.loader.read import read
from importer.model.fields import FIELDS
from importer.model.plan import Image, SisRules
from importer.model.problem import Code, Origin, Problem
from importer.model.roster import NO_HEADINGS, Layout
from importer.model.run import RunFacts
from importer.model.text import counted, word_list
from importer.model.user import AccountType, User
from importer.pipeline.apply import ApplyOptions
from importer.pipeline.inputs import SILENT, CheckedRosters, Rosters
from importer.pipeline.lookup import Users
from importer.pipeline.still_good import check_same_institution
from importer.planner.drafts import DraftUser
from importer.planner.merge import new_user
from importer.planner.sis_load import in_file, repeated
from importer.users.cache import UserCache, find_read
from importer.users.matching import PersonQuery, identifiers
from importer.users.refresh import bring_up_to_date
from importer.writer.outcomes import (
    VANISHED,
    NoWrite,
    WriteFound,
    carried,
    has_id,
    held,
    refusal_problem,
    verify,
)
from importer.writer.sis_xml import write_sis_zip


async def write_file(
    ledger: Ledger, alma: Alma, journal: Journal, options: ApplyOptions, users_folder: Path
) -> tuple[Path, ...]:
    """Write the file of what is left of a plan for the SIS load; return its zips, if any.

    The user cache in `users_folder` is brought up to date first. Raises UsageError,
    StalePlanError, LedgerError, AlmaError.
    """
    facts, now = ledger.facts, options.now
    await check_same_institution(facts, alma)
    assert facts.sis is not None  # noqa: S101  such a plan has it
    with UserCache.open(facts.plan_alma.cache(users_folder)) as cache:
        await bring_up_to_date(cache, alma, now, SILENT.advance, options.note)
        journal.start(options.limit)
        users = Users(alma, now, cache)
        zips, repeats = await deliver(ledger, journal, users, facts.sis, options.limit)
    if zips:
        options.note(
            "The file has PINs, notes and blocks as plain text. Nobody else must be able to read "
            "it."
        )
    if repeats:
        options.note(
            f"Load it today. It repeats {counted(repeats, 'protected value')} of Alma, "
            "and what staff change of these until the load is lost."
        )
    return zips


async def deliver(
    ledger: Ledger, journal: Journal, users: Users, rules: SisRules, limit: int | None
) -> tuple[tuple[Path, ...], int]:
    """Write the file of what is left of the plan into the run's folder.

    Return its zips, and how many protected values of Alma it only repeats.

    `users`: those of a user cache that is up to date, so that no old value goes into the file. A
    row whose user changed since the plan is planned again, as through the API, or held.

    At most `limit` records; no file without any. The records that the load overwrites are kept in
    the ledger. A file that was not finished, because the command was killed, is written again; so
    is one that the ledger has lost, of rows in doubt that Alma does not show. Raises UsageError,
    LedgerError, AlmaError.
    """
    assert users.cache is not None  # noqa: S101  the caller opened it
    doubtful = tuple(journal.step(row) for row in journal.rows_in(State.UNKNOWN))
    journal.record_outcomes(compare(doubtful, users.cache, {}, ledger.facts))
    images = await _to_load(ledger, journal, users, limit)
    if not images:
        return (), 0
    number = sum(entry.event == State.DELIVERED for entry in history(ledger, 0)) + 1
    out = ledger.folder / f"sis-load-{number:02}.zip"
    for unfinished in ledger.folder.glob(f"{out.stem}*{out.suffix}"):
        unfinished.unlink()
    counts = list[int]()

    def records() -> Iterator[User]:
        for row, changed in images.items():
            step = journal.step(row)
            image = changed or Image(step.before, step.after)
            after = image.sent
            if image.before is not None:
                after = in_file(after, image.before, keeps_blank=rules.keeps_blank)
                counts.append(repeated(after, image.before))
            yield after

    zips = write_sis_zip(records(), out)
    hashes = (f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in zips)
    journal.record_delivery(images, ", ".join(hashes))
    return zips, sum(counts)


async def _to_load(
    ledger: Ledger, journal: Journal, users: Users, limit: int | None
) -> dict[int, Image | None]:
    """Return the rows whose records go into the file; with what to load where the user changed.

    The others are as planned already, or held. Raises AlmaError.
    """
    facts, images = ledger.facts, dict[int, Image | None]()
    for row in journal.rows_in(State.PLANNED, State.UNKNOWN)[:limit]:
        step = journal.step(row)
        ids = (step.primary_id,) if step.before is not None else identifiers(step.after)
        matched = await users.find(PersonQuery(tuple(("primary_id", value) for value in ids)))
        if matched.failed:
            raise UnavailableError(matched.failed)
        there = (user for user in matched.every_user if has_id(user, step.primary_id))
        live = next(there, None)
        if step.before is None and matched.users:
            journal.record_outcomes([held(step, EXISTS, facts)])
        elif step.before == live:
            images[row] = None
        else:
            match carried(step, live, facts):
                case Image() as image:
                    images[row] = image
                case Outcome() as outcome:
                    journal.record_outcomes([outcome])
                case None:
                    journal.record_outcomes([held(step, VANISHED, facts, GONE)])
    return images


EXISTS = "Since the plan was made, Alma got a user with an ID of this row."


def read_reasons(path: Path, steps: tuple[Pending, ...]) -> dict[int, str]:
    """Return what Alma's own report of the job says about the rows of these steps, by row.

    Any table will do in which a line has an ID of a user and a text; so does the list of rejected
    users that Alma exports. Raises RosterError if it cannot be read.
    """
    frame = read(path, Layout(header=NO_HEADINGS)).frame
    ids = {
        key: step.row
        for step in reversed(steps)
        for key in (*identifiers(step.after), step.new_id.casefold())
    }
    reasons: dict[int, str] = {}
    for cells in frame.itertuples(index=False, name=None):
        texts = [str(cell).strip() for cell in cells if str(cell).strip()]
        words = (word for text in texts for word in re.split(r"[\s,;:()\"']+", text))
        known = (ids[key] for word in (*texts, *words) if (key := word.casefold()) in ids)
        row = next(known, None)
        others = [text for text in texts if text.casefold() not in ids]
        if row is not None and others:
            reasons.setdefault(row, max(others, key=len))
    return reasons


def delivered(journal: Journal) -> tuple[Pending, ...]:
    """Return the steps that are in a file and of which nothing is known yet.

    Raises UsageError if there is none.
    """
    steps = tuple(journal.step(row) for row in journal.rows_in(State.DELIVERED))
    if not steps:
        folder = journal.ledger.folder
        msg = f"{folder} has no rows in a file for the SIS load of which nothing is known yet."
        raise UsageError(msg)
    return steps


def compare(
    steps: tuple[Pending, ...],
    cache: UserCache,
    reasons: Mapping[int, str],
    facts: RunFacts,
) -> Iterator[Outcome]:
    """Yield the results of the rows of a file, by the users that the cache has now.

    `reasons` are from Alma's report. Nothing is yielded of a row that Alma does not show and that
    the report does not name: it may not have been loaded yet.
    """
    for step in steps:
        users = (
            (key, matched.user)
            for key in dict.fromkeys((step.new_id, step.primary_id))  # the ID, or the one before
            for matched in find_read(cache, (("primary_id", key),))
        )
        user = next((user for key, user in users if has_id(user, key)), None)
        origin = facts.origin(step.row)
        match verify(replace(step, attempts=1), user, facts.common):
            case WriteFound(kept, edited):
                paths = (*kept, *edited)
                problems = tuple(_differs(origin, path) for path in paths)
                yield Outcome(step.row, State.APPLIED, ", ".join(paths), user, problems)
            case NoWrite() if reason := reasons.get(step.row):
                refused = RefusedError(
                    "Alma's SIS load rejected the record.", AlmaSaid(said=reason)
                )
                problem = refusal_problem(step, refused, origin)
                yield Outcome(step.row, State.REFUSED, "", None, (problem,))
            case NoWrite.EDITED:
                message = "Alma has neither what the file says nor what was there before."
                yield held(step, message, facts)
            case _:
                pass


def _differs(origin: Origin, path: str) -> Problem:
    message = f"Alma's {path} is not as in the file: the load left it, or it was edited since."
    return Problem.of(Code.KEPT_BY_ALMA, origin, message, field=path)


Format = Literal["jsonl", "sis-xml"]


def convert(
    rosters: CheckedRosters, ready: Collection[int], to: Format, out: Path
) -> tuple[Path, ...]:
    """Write the records of ready rows; return the files. Raises UsageError if one cannot be."""
    users = map(new_user, rosters.drafts(ready, {}))
    match to:
        case "jsonl":
            with new_file(
                out, private=True, option="-o"
            ) as file:  # each line as `apply` would send it
                file.writelines(user.to_json().encode() + b"\n" for user in users)
            return (out,)
        case "sis-xml":
            check_external(rosters)
            check_one_system(rosters.drafts(ready, {}))
            return write_sis_zip(users, out)


def check_external(rosters: Rosters) -> None:
    """Raise UsageError for rosters that one SIS load cannot load.

    It never touches Internal users, and retires nobody. Its profile in Alma has one ID by which it
    finds users, and one record type.
    """
    matched = {roster.match.by[0] for roster in rosters}
    types = {roster.candidates.layout.record_type for roster in rosters}
    _check_one("kinds of IDs by which users are found", matched)
    _check_one("record types", types)
    for mapped in rosters:
        if mapped.match.retire is not None:
            msg = f"{mapped.mapping.path.name} retires users, which an SIS load cannot do."
            raise UsageError(msg)
        if mapped.mapping.file.account_type is AccountType.INTERNAL:
            msg = (
                f"{mapped.mapping.path.name} makes Internal records, and an SIS load never "
                "touches Internal users. Use `plan` and `apply` for them."
            )
            raise UsageError(msg)


def check_one_system(loaded: Iterable[DraftUser]) -> None:
    """Raise UsageError for rows of several external systems; a profile in Alma has one."""
    systems = (text for draft in loaded if (text := draft.values.get("external_id")))
    _check_one("external systems", {text.casefold(): text for text in systems}.values())


def _check_one(words: str, values: Collection[str]) -> None:
    if len(values) > 1:
        msg = (
            f"The rows have several {words}: {word_list(sorted(values))}. An SIS load has one, "
            "by its profile in Alma. Make a file for each."
        )
        raise UsageError(msg)


def sis_clears(rosters: Rosters) -> tuple[str, ...]:
    """Return what an SIS load of these records clears in Alma because a mapping does not set it.

    Absent fields are cleared, sticky ones too unless staff edited them (contract section 5). Of a
    list that the mapping does not set at all, the External entries are removed.
    """
    own = [
        {label.partition("[")[0] for label in roster.compiled.layout.targets} for roster in rosters
    ]
    loaded = sorted((bool(f.parent), f.parent or f.path) for f in FIELDS.values() if f.facts.sis)
    paths = dict.fromkeys(path for _, path in loaded)
    return tuple(path for path in paths if any(path not in mapped for mapped in own))


def blank_cells(rosters: CheckedRosters, ready: Collection[int]) -> Iterator[tuple[int, str]]:
    """Yield the ready rows without a value in a mapped field outside lists, and the field."""
    for draft in rosters.drafts(ready, {}):
        for target in draft.layout.scalars:
            if target.field.facts.sis and not draft.values.get(target.label):
                yield draft.row, target.field.path
