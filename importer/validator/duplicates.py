"""Checks across rows: the same ID twice, the same person twice, contacts that people share.

Every row of a group is reported and names the others. Rows that are rejected for other reasons
count as well: which of two duplicates is right is a person's decision.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal

import pandas as pd

from importer.model.candidates import Candidates
from importer.model.catalogue import Code, Severity
from importer.model.plan import Duplicates
from importer.model.problem import Problem
from importer.model.text import folded, name_key
from importer.validator.identifiers import is_no_id

PRIMARY, IDENTIFIER = "primary_id", "user_identifier.value"
EMAIL, PHONE = "contact_info.email.email_address", "contact_info.phone.phone_number"
STREET = "contact_info.address.line1"

Keys = list[str]
"""One key per row, by position; "" is a blank."""

_NAMED = 5
_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_SHORTEST_PHONE = 7
_UNLISTED = float("-inf")
"""The weight of a user group that the policy does not list: less than any other."""

_BY_POLICY = {"review": Severity.REVIEW, "reject": Severity.REJECT, "warn": Severity.WARNING}


class MatchKeys:
    """What rows are compared by: IDs without case, folded names, contacts, birth dates.

    `ids`, `emails`, `phones` and `addresses` have one list per column, `ids` the primary IDs
    first. A name is the same whichever part stands first.
    """

    def __init__(self, candidates: Candidates) -> None:
        """Fold every value that rows are compared by."""
        layout, texts = candidates.layout, candidates.texts
        self.candidates, self.rows = candidates, candidates.rows
        self.id_labels = (PRIMARY, *layout.labels(IDENTIFIER))
        self.ids = _known_ids([_lower(texts(label)) for label in self.id_labels])
        self.first, self.last = (
            [folded(text) for text in texts(label)] for label in ("first_name", "last_name")
        )
        self.name = [
            " ".join(name_key(*parts)).strip() for parts in zip(self.first, self.last, strict=True)
        ]
        self.birth = texts("birth_date")
        self.emails = [_lower(texts(label)) for label in layout.labels(EMAIL)]
        self.phones = [list(map(_phone_key, texts(label))) for label in layout.labels(PHONE)]
        self.addresses = [_addresses(candidates, label) for label in layout.labels(STREET)]

    def person(self, position: int) -> str | int:
        """The primary ID; rows without one are different people."""
        return self.ids[0][position] or position

    def named(self, positions: Collection[int], own: int) -> str:
        """Name the other rows of a group, for a message to one of them."""
        return row_list(self.rows[other] for other in positions if other != own)

    def problem(
        self,
        code: Code,
        position: int,
        message: str,
        *labels: str,
        value: str = "",
        advice: str = "",
        severity: Severity | None = None,
    ) -> Problem:
        """Return a problem of one row, about the field of the first label."""
        return Problem.of(
            code,
            self.candidates.origin(self.rows[position]),
            message,
            *self.candidates.layout.places(*labels),
            field=labels[0],
            value=value,
            advice=advice,
            severity=severity,
        )


def _lower(texts: list[str]) -> Keys:
    return [text.casefold() for text in texts]


def _known_ids(columns: list[Keys]) -> list[Keys]:
    """Blank the IDs that identify nobody, such as rounded ones, where rows share them."""
    unknown = {text for text in _repeated(columns).unique() if is_no_id(text)}
    return [without(column, unknown) for column in columns]


def _phone_key(text: str) -> str:
    """The last ten digits, so that the prefix of the United States makes no difference."""
    digits = _NOT_A_DIGIT.sub("", text)
    return digits[-10:] if len(digits) >= _SHORTEST_PHONE else ""


def _addresses(candidates: Candidates, label: str) -> Keys:
    """Street and five-digit ZIP code; "" without a street."""
    codes = candidates.texts(label.rpartition(".")[0] + ".postal_code")
    pairs = zip(map(folded, candidates.texts(label)), codes, strict=True)
    return [f"{street} {code[:5]}" if street else "" for street, code in pairs]


def without(keys: Keys, unwanted: Collection[str]) -> Keys:
    """Return the keys with some of them blanked."""
    return ["" if key in unwanted else key for key in keys] if unwanted else keys


def _without_rows(keys: Keys, positions: Collection[int]) -> Keys:
    """Return the keys, blank for some rows."""
    if not positions:
        return keys
    return ["" if position in positions else key for position, key in enumerate(keys)]


def _repeated(columns: Sequence[Keys]) -> pd.Series[str]:
    """Return the keys that are more than once in the columns, one column after the other."""
    every = pd.Series(list(chain.from_iterable(columns)), dtype=object)
    return every[every.duplicated(keep=False) & (every != "")]


def _sharing(columns: Sequence[Keys]) -> list[list[tuple[int, int]]]:
    """Find the places that share a key that is not blank, as (position, column), two or more.

    Places are in order, and so are groups, by their first place.
    """
    groups: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, key in _repeated(columns).items():
        column, position = divmod(int(str(place)), len(columns[0]))
        groups[key].append((position, column))
    return sorted(map(sorted, groups.values()))


def row_list(rows: Iterable[int]) -> str:
    """Return `row 5`, `rows 5 and 9` or `rows 5, 9, 12, 15, 20 and 3 more`."""
    every = list(rows)
    named = [str(row) for row in every[:_NAMED]]
    if len(every) > _NAMED:
        named.append(f"{len(every) - _NAMED:,} more")
    return f"{'row' if len(named) == 1 else 'rows'} {word_list(named)}"


def word_list(words: Sequence[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`; there is at least one word."""
    *front, last = words
    return f"{', '.join(front)} and {last}" if front else last


# --- the same ID ---


def duplicate_ids(keys: MatchKeys, policy: Duplicates) -> tuple[list[Problem], frozenset[int]]:
    """Find rows with the same primary ID; also return the positions that are skipped for it.

    By policy one row of a group may be kept; the others are then skipped, and are not compared
    with other rows. If the policy cannot choose, all rows of the group need review.
    """
    texts = keys.candidates.texts(PRIMARY)
    groups = [[position for position, _ in places] for places in _sharing(keys.ids[:1])]
    contents = _contents(keys, sorted(chain.from_iterable(groups)))
    skipped: set[int] = set()
    problems: list[Problem] = []
    for group in groups:
        keeper, advice, severity = None, "", Severity.REJECT
        if policy.same_id != "reject":
            keeper, advice = _keeper(keys, policy, group, contents)
            severity = Severity.REVIEW
        for position in group:
            if position == keeper:
                continue
            same = "{value} is also the primary ID of"
            if keeper is None:
                code, sentence = Code.DUPLICATE_ID, f"{same} {keys.named(group, position)}"
            else:
                skipped.add(position)
                kept = keys.rows[keeper]
                sentence = f"{same} row {kept}, which the `duplicates` rule keeps"
                code, severity = Code.SKIPPED_DUPLICATE, Severity.WARNING
            problems.append(
                keys.problem(
                    code,
                    position,
                    sentence,
                    PRIMARY,
                    value=texts[position],
                    advice=advice,
                    severity=severity,
                )
            )
    return sorted(problems, key=lambda problem: problem.origin.row), frozenset(skipped)


def _contents(keys: MatchKeys, positions: list[int]) -> dict[int, tuple[str, ...]]:
    """Return what rows contain besides the primary ID and what the run writes into them."""
    compared = [
        column.label
        for column in keys.candidates.layout.targets.values()
        if column.label != PRIMARY
        and not column.run_dependent
        and column.label in keys.candidates.frame
    ]
    cells = keys.candidates.frame[compared].iloc[positions].to_numpy().tolist()
    return dict(zip(positions, map(tuple, cells), strict=True))


def _keeper(
    keys: MatchKeys, policy: Duplicates, group: list[int], contents: dict[int, tuple[str, ...]]
) -> tuple[int | None, str]:
    """Return the position to keep; or None, and what a person has to do.

    That is the first row of the group, or of its heaviest, if the rows between which the policy
    does not choose are equal and the whole group is of one person: one last name and no two birth
    dates. To weigh rows, all of them need a user group.
    """
    births = {keys.birth[position] for position in group} - {""}
    if len({keys.last[position] for position in group}) > 1 or len(births) > 1:
        return None, "The rows name different people. Find out whose ID it is."
    equal = group
    if policy.same_id == "keep heaviest":
        user_groups = keys.candidates.texts("user_group")
        if not all(user_groups[position] for position in group):
            return None, "A row has no known user group. Correct it, or delete the others."
        weights = [policy.weights.get(user_groups[position], _UNLISTED) for position in group]
        pairs = zip(group, weights, strict=True)
        equal = [position for position, weight in pairs if weight == max(weights)]
    if len({contents[position] for position in equal}) > 1:
        return None, "The rows differ. Find out which one is right, and delete the others."
    return equal[0], ""


def duplicate_identifiers(keys: MatchKeys, skipped: frozenset[int]) -> Iterator[Problem]:
    """Find IDs that are in two rows or in two columns (contract 3.2: all IDs share one space).

    Rows with the same primary ID are another problem, and so is everything else that they share;
    but not a value that is the primary ID in one place and an additional ID in another.
    """
    found: list[tuple[int, int, Problem]] = []
    for places in _sharing([_without_rows(column, skipped) for column in keys.ids]):
        columns: defaultdict[int, list[int]] = defaultdict(list)
        for position, column in places:
            columns[position].append(column)
        one_column = len({column for _, column in places}) == 1
        if one_column and len(columns) > 1 and len(set(map(keys.person, columns))) == 1:
            continue
        for position, own in columns.items():
            labels = [keys.id_labels[column] for column in own]
            parts = []
            if len(own) > 1:
                headings = keys.candidates.layout.places(*labels)
                listed = ", ".join(map(str, headings)) or ", ".join(labels)
                parts.append(f"is more than once in this row ({listed})")
            if len(columns) > 1:
                parts.append(f"is also an ID in {keys.named(columns, position)}")
            problem = keys.problem(
                Code.DUPLICATE_IDENTIFIER,
                position,
                f"{{value}} {' and '.join(parts)}",
                *labels,
                value=str(keys.candidates.frame[labels[0]].iloc[position]),
            )
            found.append((position, own[0], problem))
    yield from (problem for _, _, problem in sorted(found, key=lambda entry: entry[:2]))


# --- the same person ---


def duplicate_people(
    keys: MatchKeys, skipped: frozenset[int], policy: Literal["review", "reject", "warn"]
) -> Iterator[Problem]:
    """Find rows with one name and one birth date or email, but different primary IDs."""
    names = _without_rows(keys.name, skipped)
    groups: list[list[int]] = []
    labels: defaultdict[int, list[str]] = defaultdict(list)
    for path, columns in (("birth_date", [keys.birth]), (EMAIL, keys.emails)):
        paired = [
            [
                f"{name}\n{key}" if name and key else ""
                for name, key in zip(names, column, strict=True)
            ]
            for column in columns
        ]
        found = [sorted({position for position, _ in places}) for places in _sharing(paired)]
        groups += (group for group in found if len(group) > 1)
        for position in {position for group in found for position in group if len(group) > 1}:
            labels[position] += keys.candidates.layout.labels(path)
    problems: list[tuple[int, Problem]] = []
    for members in _connected(groups):
        by_id: defaultdict[str | int, list[int]] = defaultdict(list)
        for position in members:
            by_id[keys.person(position)].append(position)
        if len(by_id) == 1:
            continue
        for same in by_id.values():
            named = row_list(keys.rows[other] for other in members if other not in set(same))
            problems += (
                (
                    position,
                    keys.problem(
                        Code.DUPLICATE_PERSON,
                        position,
                        f"{_in_common(labels[position])} as in {named}, with another ID",
                        "last_name",
                        "first_name",
                        *labels[position],
                        severity=_BY_POLICY[policy],
                    ),
                )
                for position in same
            )
    yield from (problem for _, problem in sorted(problems, key=lambda entry: entry[0]))


def _in_common(labels: Sequence[str]) -> str:
    """Return what a row has in common with its duplicates, for a message."""
    birth = "birth_date" in labels
    if birth and len(labels) > 1:
        return "the same name, birth date and email"
    return f"the same name and {'birth date' if birth else 'email'}"


def _connected(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return the positions that are connected through groups, each set in order."""
    sets: dict[int, set[int]] = {}
    for group in groups:
        joined = max((sets[at] for at in group if at in sets), key=len, default=set[int]())
        for position in group:
            if (other := sets.get(position, {position})) is not joined:
                joined |= other
                sets.update(dict.fromkeys(other, joined))
    return sorted(sorted(members) for members in {id(one): one for one in sets.values()}.values())


# --- contacts ---


def shared_contacts(keys: MatchKeys) -> Iterator[Problem]:
    """Yield one notice about the roster's emails and one about its phone numbers.

    It is one sentence however many rows share them: in some rosters everybody has the office's
    number. Rows of one name do not count; other checks cover them.
    """
    for columns, path, what in (
        (keys.emails, EMAIL, "email address"),
        (keys.phones, PHONE, "phone number"),
    ):
        groups = [[position for position, _ in places] for places in _sharing(columns)]
        groups = [group for group in groups if len({keys.name[at] for at in group}) > 1]
        if not groups:
            continue
        labels = keys.candidates.layout.labels(path)
        rows = sorted({keys.rows[position] for group in groups for position in group})
        plural = "es" if path == EMAIL else "s"
        which = f"{len(groups):,} {what}{plural} are" if len(groups) > 1 else f"1 {what} is"
        yield Problem.of(
            Code.SHARED_CONTACT,
            keys.candidates.source.origin(),
            f"{which} shared by different people ({row_list(rows)})",
            *keys.candidates.layout.places(*labels),
            field=labels[0],
        )
