"""Lists of people as CSV: for letters, for a set of Alma, and for a person to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from importer.ledger.journal import images
from importer.ledger.ledger import Ledger
from importer.model.fields import text
from importer.model.files import new_file
from importer.model.plan import Act
from importer.model.text import escape, is_absent
from importer.model.user import AccountType, ContactInfo, User
from importer.report.wording import SET

List = Literal["mail-merge", "set"]

_LETTER = (
    "First name", "Last name", "Card", "User group", "Expires", "Email", "Language", "Primary ID",
)  # fmt: skip

_SET = ("USERNAME",)
"""The heading by which Alma finds the users of a set by their primary ID (contract 3.3)."""


def write_list(path: Path, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a new file for its owner only. Raises UsageError if it cannot be written."""
    content = _csv(heads, rows)
    with new_file(path, private=True, option="-o") as file:
        file.write(content)


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([escape(cell) for cell in row] for row in rows)
    return table.getvalue().encode("utf-8-sig")


@dataclass(frozen=True, slots=True)
class People:
    """The content of a list of users, and how many there are."""

    content: bytes
    count: int


def people_lists(ledger: Ledger, kind: List, *, pins: bool) -> dict[str, People]:
    """Return lists of the users of a run, by the names of their files.

    For letters those who were created and those who were renewed, whose expiry date became later,
    with the PINs that were sent if `pins`. For a set all who were created or changed or, where the
    plan lists users to retire, these as well.
    """
    lists: dict[str, list[tuple[str, ...]]]
    if kind == "set":
        heads, lists = _SET, {SET: _members(ledger)}
    else:
        heads, lists = (*_LETTER, *(("PIN",) if pins else ())), _letters(ledger, pins=pins)
    return {name: People(_csv(heads, rows), len(rows)) for name, rows in lists.items()}


def _members(ledger: Ledger) -> list[tuple[str, ...]]:
    facts = ledger.facts
    users = {image.row: image.new_id for image in images(ledger) if image.act is not Act.DELETE}
    for one in ledger.planned() if facts.lists else ():
        if one.act is Act.UNCHANGED and facts.retires(one.row) == "list":
            users[one.row] = one.primary_id
    return [(user,) for _, user in sorted(users.items())]


def _letters(ledger: Ledger, *, pins: bool) -> dict[str, list[tuple[str, ...]]]:
    created: list[tuple[str, ...]] = []
    renewed: list[tuple[str, ...]] = []
    for image in images(ledger):
        after, before = image.answered or image.sent, image.before
        pin = (text(image.sent.pin_number),) if pins else ()
        if image.act is Act.CREATE:
            created.append((*_letter(after), *pin))
        elif (
            image.act is Act.UPDATE
            and before is not None
            and not is_absent(image.row)
            and text(after.expiry_date) > text(before.expiry_date)
        ):
            renewed.append((*_letter(after), *pin))
    return {"mail-merge-created.csv": created, "mail-merge-renewed.csv": renewed}


def _letter(user: User) -> tuple[str, ...]:
    emails = (user.contact_info or ContactInfo()).email or ()
    email = next((one for one in emails if one.preferred), next(iter(emails), None))
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
