"""The report files of a run: written whole, private, never over edited ones; lists of people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Literal, assert_never

from importer.advice import WriteReports
from importer.errors import ImporterError, LedgerError
from importer.files import flush, new_file, replace, temporary_beside
from importer.ledger.journal import images
from importer.ledger.ledger import Ledger, RunValue, summarize
from importer.model.fields import text
from importer.model.plan import Act, Result
from importer.model.text import is_absent
from importer.model.user import AccountType, ContactInfo, User
from importer.report.page import render
from importer.report.rejects import as_csv, returned, write_problems, write_rejects, write_workbook
from importer.report.view import RunView
from importer.report.wording import (
    MASKED,
    PAGE,
    PROBLEMS,
    REJECTS,
    SET,
    SIS_FILES,
    SUMMARY,
    WORKBOOK,
    kind_of,
    number_of,
    rejects_name,
    workbooks,
)

List = Literal["mail-merge", "set"]

_LETTER = (
    "First name", "Last name", "Card", "User group", "Expires", "Email", "Language", "Primary ID",
)  # fmt: skip

_SET = ("USERNAME",)
"""The heading by which Alma finds the users of a set by their primary ID (contract 3.3)."""


def write_list(path: Path, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a new file for its owner only. Raises UsageError if it cannot be written."""
    content = as_csv(heads, rows)
    with new_file(path, private=True, option="-o") as file:
        file.write(content)


def members(ledger: Ledger) -> list[tuple[str, ...]]:
    """Return whom a run wrote; of a run that lists users for Alma's purge job, only those."""
    facts = ledger.facts
    if facts.lists:
        return [
            (row.primary_id,)
            for row in ledger.planned()
            if row.act is Act.UNCHANGED and facts.retires(row.row) == "list"
        ]
    users = {image.row: image.new_id for image in images(ledger) if image.act is not Act.DELETE}
    return [(user,) for _, user in sorted(users.items())]


def _letters(ledger: Ledger) -> dict[str, list[tuple[str, ...]]]:
    created: list[tuple[str, ...]] = []
    renewed: list[tuple[str, ...]] = []
    for image in images(ledger):
        after, before = image.after, image.before
        if image.act is Act.CREATE:
            created.append(_letter(after))
        elif (
            image.act is Act.UPDATE
            and before is not None
            and not is_absent(image.row)
            and text(after.expiry_date) > text(before.expiry_date)
        ):
            renewed.append(_letter(after))
    return {"mail-merge-created.csv": created, "mail-merge-renewed.csv": renewed}


def _letter(user: User) -> tuple[str, ...]:
    emails = (user.contact_info or ContactInfo()).email or ()
    email = next((entry for entry in emails if entry.preferred), next(iter(emails), None))
    group = user.user_group
    return (
        text(user.pref_first_name) or text(user.first_name),
        text(user.pref_last_name) or text(user.last_name),
        _card(user),
        (group.desc or text(group)) if group else "",
        text(user.expiry_date),
        (email.email_address or "") if email else "",
        text(user.preferred_language),
        text(user.primary_id),
    )


def _card(user: User) -> str:
    """Return the barcode of a user; of an Internal one without, the primary ID is on the card.

    Institutions have identifier types of their own, and most name the barcode so (contract 1.4).
    """
    for entry in user.user_identifier or ():
        kind = entry.id_type
        words = f"{kind.value} {kind.desc}".casefold() if kind else ""
        if "barcode" in words and entry.status != "INACTIVE":
            return entry.value or ""
    internal = text(user.account_type) == AccountType.INTERNAL
    return text(user.primary_id) if internal else ""


_ABOUT = {
    PAGE: "",
    MASKED: "this page with patrons' data masked, to share",
    WORKBOOK: "the rows to correct, marked; contains personal data",
    REJECTS: "the same rows as plain text; contains personal data",
    SET: "the IDs of the users, to create a set in Alma; contains personal data",
    PROBLEMS: "every problem with its row and column; contains personal data",
    SUMMARY: "the counts, for scripts",
}
"""What each report is for, in the order in which they are listed; blank for the page itself."""

PERSONAL = frozenset({PAGE, PROBLEMS, WORKBOOK, REJECTS, SET})
"""Reports with personal data."""


def write_all(run: RunView) -> tuple[Path, ...]:
    """Write every report of a run into its folder; return the files.

    `rejects.*` are written only where there are rows to correct or review; earlier ones are
    deleted unless somebody edited them. A file that is open in another program, or was edited,
    stays, and the new one gets a free name beside it. Once an undo is applied, the pages of the run
    that it undoes are written again, because they show that. Raises LedgerError where the folder
    cannot be written.
    """
    ledger, folder = run.ledger, run.ledger.folder
    counts = run.summary.model_dump_json(exclude_none=True, indent=2) + "\n"
    paths = [
        *_rejects(run),
        place(folder / PROBLEMS, partial(write_problems, run)),
        place(folder / SUMMARY, partial(_write, counts.encode())),
    ]
    if ledger.facts.lists:
        paths += write_people(ledger, "set")
    if run.applied and run.related.undoes:
        with suppress(ImporterError), Ledger.open(run.related.undoes) as first:
            _write_pages(RunView(first, summarize(first)))
    return (*_write_pages(run), *paths)


def write_people(ledger: Ledger, kind: List) -> dict[Path, int]:
    """Write lists of the users of a run into its folder; return the number in each file.

    For letters those who were created and those who were renewed, whose expiry date became later.
    For a set all who were created or changed or, where the plan lists users to retire, these as
    well. Raises LedgerError.
    """
    heads: tuple[str, ...]
    match kind:
        case "set":
            heads, lists = _SET, {SET: members(ledger)}
        case "mail-merge":
            heads, lists = _LETTER, _letters(ledger)
        case _:
            assert_never(kind)
    return {
        place(ledger.folder / name, partial(_write, as_csv(heads, rows))): len(rows)
        for name, rows in lists.items()
    }


def _write_pages(run: RunView) -> tuple[Path, ...]:
    """Write the page of a run with values and masked, beside its other reports."""
    folder = run.ledger.folder
    written = [path.name for path in present(folder)]
    beside = [(name, about) for name in written if (about := _ABOUT.get(kind_of(name)))]
    rejects = open_workbooks(run, written)
    masked, shown = (
        place(folder / name, partial(_write, page.encode()))
        for name, page in zip((MASKED, PAGE), render(run, beside, rejects), strict=True)
    )
    return shown, masked


def present(folder: Path) -> tuple[Path, ...]:
    """Return the reports in a run folder, then the files for the SIS load.

    Of those with one usual name the newest is last. Raises LedgerError where the folder is gone.
    """
    try:
        paths = [path for path in folder.iterdir() if kind_of(path.name) in _ABOUT]
    except OSError as error:
        raise _unwritable(folder / PAGE, error) from error

    def order(path: Path) -> tuple[int, int, int, str]:
        # of one roster, each free name is longer than the one before or comes after it
        kind = [*_ABOUT].index(kind_of(path.name))
        return kind, number_of(path.name), len(path.name), path.name

    files = sorted(filter(Path.is_file, paths), key=order)
    return (*files, *sorted(folder.glob(SIS_FILES)))


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _rejects(run: RunView) -> tuple[Path, ...]:
    """Write the rejects of each roster that has any; delete earlier ones that nobody edited.

    Corrections stay in the file in which they were made: an edited file has all rows to correct
    until Alma refuses one, and those that an apply held need no correction. Later a file stays,
    edited or not, while it would be written as it was.
    """
    ledger, facts, placed = run.ledger, run.facts, list[Path]()
    written = Written.of(ledger)
    stale = {
        path
        for path in present(ledger.folder)
        if kind_of(path.name) in {WORKBOOK, REJECTS} and not written.edited(path)
    }
    for roster in range(len(facts.rosters)):
        if rows := tuple(returned(run, roster)):
            refused = any(row.of.result is Result.REFUSED for row in rows)
            for name, write in ((WORKBOOK, write_workbook), (REJECTS, write_rejects)):
                path = ledger.folder / rejects_name(name, facts, roster)
                stays = not refused and written.corrected(path)
                placed.append(
                    path if stays else place(path, partial(write, run, roster, rows), written)
                )
    written.keep(ledger)
    for path in stale.difference(placed):
        if not _is_open(path):
            with suppress(PermissionError):
                path.unlink(missing_ok=True)
    return tuple(placed)


Write = Callable[[Path], None]
"""Writes the content of a file to a path."""


class Written(dict[str, str]):
    """The rejects files of a run as they were written: the SHA-256 of each by its name.

    It is blank for a file that the page corrects in place of a spreadsheet program.
    """

    @classmethod
    def of(cls, ledger: Ledger) -> Written:
        """Return what a run knows of its files."""
        return cls(json.loads(ledger.value(RunValue.WRITTEN_REJECTS) or "{}"))

    def keep(self, ledger: Ledger) -> None:
        """Save it in the run. Raises as `Ledger.keep`."""
        if self != Written.of(ledger):
            ledger.keep(RunValue.WRITTEN_REJECTS, json.dumps(self))

    def edited(self, path: Path) -> bool:
        """Return whether somebody changed a file since it was written, or corrects it now."""
        return self.get(path.name) != _hash(path)

    def corrected(self, path: Path) -> bool:
        """Return whether it is a file that was written, and somebody changed it or does so now."""
        return path.name in self and path.is_file() and self.edited(path)


def open_workbooks(run: RunView, files: Iterable[str]) -> dict[int, str]:
    """Return the newest workbook of each roster with rows to correct or review, by position.

    A workbook that somebody edited stays after its rows are resolved, and where it lacks the only
    rows that are left, which an apply held.
    """
    written = Written.of(run.ledger)

    def has_rows(roster: int, name: str) -> bool:
        lacks_held = written.corrected(run.ledger.folder / name)
        rows = (row.of.result for row in returned(run, roster))
        return any(not (lacks_held and result is Result.HELD) for result in rows)

    newest = workbooks(files, run.facts)
    return {roster: name for roster, name in newest.items() if has_rows(roster, name)}


def hold(ledger: Ledger, name: str) -> None:
    """Keep a rejects file of a run as it is, because the page corrects it."""
    Written({**Written.of(ledger), name: ""}).keep(ledger)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def place(wanted: Path, write: Write, written: Written | None = None) -> Path:
    """Write a file whole under its name, or under a free one beside it; return its path.

    A free name is taken where the file is open in another program. With `written`, an edited file
    is not replaced either; where it was written with the new content, it is the file. Raises
    LedgerError where the folder cannot be written.
    """
    try:
        with temporary_beside(wanted) as unfinished:
            write(unfinished)
            flush(unfinished)
            return _put(unfinished, wanted, written)
    except OSError as error:
        raise _unwritable(wanted, error) from error


def _unwritable(wanted: Path, error: OSError) -> LedgerError:
    """Return the error for a report that cannot be written, or whose folder is gone."""
    folder = wanted.parent
    if folder.is_dir():
        msg = (
            f"The report {wanted} cannot be written ({error.strerror or error}). The run itself is "
            "safe in its ledger. Free some space on the disk or check the folder."
        )
    else:
        msg = f"No reports were written: the run's folder {folder} was moved, renamed or deleted."
    return LedgerError(msg).advising(WriteReports(str(folder) if folder.is_dir() else ""))


def _put(unfinished: Path, wanted: Path, written: Written | None) -> Path:
    free = (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
    content = _hash(unfinished)
    for path in chain((wanted,), free):
        if written is not None and path.is_file():
            if written.get(path.name) == content:
                return path
            if written.edited(path):
                continue
        if path.exists() and _is_open(path):
            continue
        try:
            replace(unfinished, path)
        except (PermissionError, IsADirectoryError):
            if not path.exists():
                raise
        else:
            if written is not None:
                written[path.name] = content
            return path
    raise AssertionError  # pragma: no cover  the names never end


def _is_open(path: Path) -> bool:
    """Return whether LibreOffice or Excel has the file open: they leave such a file beside it."""
    return any(path.with_name(name).exists() for name in (f".~lock.{path.name}#", f"~${path.name}"))
