"""Ways to reach a person that several persons share: a family's, an office's, or a slip of hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.validator.groups import others, sharing

if TYPE_CHECKING:
    from importer.validator.exact import Standing


def shared_contacts(standing: Standing) -> Iterator[Problem]:
    """A notice for the roster's e-mail addresses, and one for its telephone numbers.

    However many rows share them, it is one sentence: in the rosters of some offices everybody
    has the office's number. Rows of one name are not meant; other checks look at these.
    """
    keys = standing.keys
    for columns, path, one, several in (
        (keys.emails, "contact_info.email.email_address", "e-mail address", "e-mail addresses"),
        (keys.phones, "contact_info.phone.phone_number", "telephone number", "telephone numbers"),
    ):
        groups = [[row for row, _ in places] for places in sharing(columns)]
        groups = [group for group in groups if len({int(keys.name[row]) for row in group}) > 1]
        if not groups:
            continue
        labels = standing.labels_of(path)
        rows = sorted({standing.row(row) for group in groups for row in group})
        which = f"{len(groups):,} {several} stand" if len(groups) > 1 else f"one {one} stands"
        yield Problem.of(
            Code.SHARED_CONTACT,
            standing.candidates.source.origin(),
            f"{which} in rows of different persons ({others(rows, len(rows))})",
            *standing.places(*labels),
            field=labels[0],
        )
