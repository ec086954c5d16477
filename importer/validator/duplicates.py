"""Checks across rows: the same ID twice, the same person twice, contacts that people share.

Every row of a group is reported and names the others. Rows that are rejected for other reasons
count as well: which of two duplicates is right is a person's decision.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import Literal

import pandas as pd

from importer.model import people
from importer.model.candidates import Candidates
from importer.model.plan import Duplicates
from importer.model.problem import Code, Origin, Place, Problem, Severity
from importer.model.text import RowId, folded, name_key, row_list
from importer.validator.identifiers import is_no_id, rounded_ids

PRIMARY, IDENTIFIER = "primary_id", "user_identifier.value"
PATHS = {
    people.BORN: "birth_date",
    people.EMAIL: "contact_info.email.email_address",
    people.PHONE: "contact_info.phone.phone_number",
    people.ADDRESS: "contact_info.address.line1",
}
"""The field of each kind of trait."""

Keys = list[str]
"""One key per row, by position; "" is a blank."""

_UNLISTED = float("-inf")
"""The weight of a user group that the policy does not list: less than any other."""

_BY_POLICY = {"review": Severity.REVIEW, "reject": Severity.REJECT, "warn": Severity.WARNING}


class RowKeys:
    """What rows are compared by: IDs without case, names, and what people share.

    Positions count through the rows of all rosters. `ids` has one list per column, the primary IDs
    first. `names`: of each row, folded, the same for both orders of first and last. `shared`: the
    traits of two or more rows, a line for each row: `position`, `kind`, `key` and its `name`.
    `same_id`: the positions of rows that share an ID, in groups; see `_same_id`.
    """

    def __init__(self, rosters: Sequence[tuple[Candidates, Duplicates]]) -> None:
        """Fold every value that rows are compared by."""
        self._candidates = [candidates for candidates, _ in rosters]
        self._policies = [policy for _, policy in rosters]
        self._texts: dict[str, list[str]] = {}
        self.rows = [row for candidates in self._candidates for row in candidates.rows]
        self._starts = [bisect_left(self.rows, RowId(n, 0).packed) for n in range(len(rosters) + 1)]
        texts = self.texts
        self.id_labels = (PRIMARY, *self._labels(IDENTIFIER))
        self.first = [*map(people.first_key, texts("first_name"))]
        self.last = [*map(folded, texts("last_name"))]
        names = map(name_key, self.first, self.last)
        self.names = [" ".join(name).strip() for name in names]
        every_id = [[text.casefold() for text in texts(at)] for at in self.id_labels]
        self.rounded = rounded_ids(every_id, self.names)
        self.ids = _known_ids(every_id, self.rounded)
        labels = {kind: self._labels(path) for kind, path in PATHS.items()}
        self._traits = {
            people.BORN: [[*map(people.born_trait, texts(at))] for at in labels[people.BORN]],
            people.EMAIL: [[*map(people.email_trait, texts(at))] for at in labels[people.EMAIL]],
            people.PHONE: [[*map(people.phone_trait, texts(at))] for at in labels[people.PHONE]],
            people.ADDRESS: [
                [*map(people.address_trait, texts(at), texts(_postal_code(at)))]
                for at in labels[people.ADDRESS]
            ],
        }
        shared = (_repeated(columns).assign(kind=kind) for kind, columns in self._traits.items())
        self.shared = pd.concat(shared).drop_duplicates(["position", "key"])
        self.shared["name"] = self.shared["position"].map(self.names.__getitem__)
        self.same_id = _same_id(self)
        self._persons = {at: group[0] for group in self.same_id for at in group}

    def _labels(self, path: str) -> tuple[str, ...]:
        """Return the labels of a field that any of the mappings sets."""
        every = (label for one in self._candidates for label in one.layout.labels(path))
        return tuple(dict.fromkeys(every))

    def texts(self, label: str) -> list[str]:
        """Return the values of a column by position; blanks where the field is not mapped."""
        if label not in self._texts:
            self._texts[label] = [t for one in self._candidates for t in one.texts(label)]
        return self._texts[label]

    @cached_property
    def _contents(self) -> list[list[str]]:
        columns = [c for one in self._candidates for c in one.layout.targets.values()]
        passing = {PRIMARY, *(column.label for column in columns if column.run_dependent)}
        labels = dict.fromkeys(column.label for column in columns)
        return [self.texts(label) for label in labels if label not in passing]

    def content(self, position: int) -> tuple[str, ...]:
        """Return what a row contains besides its primary ID and what the run writes into it."""
        return tuple(column[position] for column in self._contents)

    def person_keys(self, position: int, common: Collection[str]) -> people.PersonKeys:
        """Return what the person of a row is compared by; traits in `common` do not count."""
        traits = {column[position] for columns in self._traits.values() for column in columns}
        own = traits.difference(common, [""])
        return people.PersonKeys(self.first[position], self.last[position], frozenset(own))

    def roster(self, position: int) -> int:
        """Return which of the rosters has the row."""
        return RowId.of(self.rows[position]).roster

    def policy(self, position: int) -> Duplicates:
        """Return the rules of the row's mapping."""
        return self._policies[self.roster(position)]

    def off(self, rule: Literal["same_person", "similar_person"]) -> frozenset[int]:
        """Return the positions of rows whose mapping turns a rule off."""
        rosters = {at for at, one in enumerate(self._policies) if getattr(one, rule) == "off"}
        if not rosters:
            return frozenset()
        return frozenset(at for at in range(len(self.rows)) if self.roster(at) in rosters)

    def id(self, position: int) -> str:
        """Return the first ID of the row as it is there; blank if it has none."""
        return next(filter(None, (self.texts(label)[position] for label in self.id_labels)), "")

    def person(self, position: int) -> int:
        """Return the first position with an ID of the row."""
        return self._persons.get(position, position)

    def listed(self, positions: Sequence[int], own: int, without: Collection[int] = ()) -> str:
        """List rows, in order, for a message to one of them, without some of them.

        Those of other rosters have their file. Of many rows only the first are looked at, because
        each of them may get its own list.
        """
        parts = []
        for roster, (start, end) in enumerate(pairwise(self._starts)):
            first, last = bisect_left(positions, start), bisect_left(positions, end)
            count = last - first - sum(start <= position < end for position in without)
            if count:
                every = (positions[at] for at in range(first, last))
                rows = row_list((self.rows[at] for at in every if at not in without), count)
                file = self._candidates[roster].source.path.name
                parts.append(rows if roster == self.roster(own) else f"{rows} of {file}")
        return " and ".join(parts)

    def places(self, position: int, *labels: str) -> tuple[Place, ...]:
        """Return the columns of the row's roster behind some labels."""
        return self._candidates[self.roster(position)].layout.places(*labels)

    def origin(self, position: int, *, whole: bool = False) -> Origin:
        """Return the place of the row, or of its whole roster."""
        source = self._candidates[self.roster(position)].source
        return source.origin() if whole else source.origin(self.rows[position])

    def labels(self, kinds: Iterable[str]) -> list[str]:
        """The labels of some kinds of traits, in the order of their kinds."""
        known = set(kinds)
        paths = (path for kind, path in PATHS.items() if kind in known)
        return [label for path in paths for label in self._labels(path)]

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
            self.origin(position),
            message,
            *self.places(position, *labels),
            field=labels[0],
            value=value,
            advice=advice,
            severity=severity,
        )


def _postal_code(label: str) -> str:
    """Return the label of the ZIP code beside a street."""
    return f"{label.rpartition('.')[0]}.postal_code"


def _known_ids(columns: list[Keys], rounded: Collection[str]) -> list[Keys]:
    """Blank the IDs that identify nobody, such as rounded ones, where rows share them."""
    unknown = {*rounded} | {text for text in _repeated(columns)["key"].unique() if is_no_id(text)}
    return [["" if key in unknown else key for key in column] for column in columns]


def _repeated(columns: Sequence[Keys]) -> pd.DataFrame:
    """Return each place of a key that is more than once in some columns, blanks left out.

    `position`, `column` and `key`, one column after the other.
    """
    every = pd.Series([*chain.from_iterable(columns)], dtype=object)
    keys = every[every.duplicated(keep=False) & (every != "")]
    rows = max(map(len, columns), default=0) or 1
    return pd.DataFrame({"position": keys.index % rows, "column": keys.index // rows, "key": keys})


def _sharing(columns: Sequence[Keys], skipped: Collection[int] = ()) -> list[list[tuple[int, int]]]:
    """Find the places that share a key that is not blank, as (position, column), two or more.

    Places are in order, and so are groups, by their first place.
    """
    groups: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    places = _repeated(columns)
    for position, column, key in zip(*(places[name].tolist() for name in places), strict=True):
        if position not in skipped:
            groups[key].append((position, column))
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


# --- the same ID ---


def _same_id(keys: RowKeys) -> list[list[int]]:
    """Return groups of positions: of one primary ID or, in different rosters, with any ID shared.

    A person's primary ID may be another one in each roster.
    """
    groups = [[position for position, _ in places] for places in _sharing(keys.ids[:1])]
    if not keys.rows or keys.roster(0) == keys.roster(-1):
        return groups
    everywhere = ({position for position, _ in places} for places in _sharing(keys.ids))
    across = [sorted(one) for one in everywhere if len(set(map(keys.roster, one))) > 1]
    return _connected([*groups, *across])


def duplicate_ids(keys: RowKeys) -> tuple[list[Problem], frozenset[int]]:
    """Find rows with the same ID; also return the positions that are skipped for it.

    By policy one row of a group may be kept; the others are then skipped, and are not compared
    with other rows. If the policy cannot choose, all rows of the group need review.
    """
    skipped: set[int] = set()
    problems: list[Problem] = []
    for group in keys.same_id:
        rules = {keys.policy(position).same_id for position in group}
        keeper, advice, severity = None, "", Severity.REJECT
        if len(rules) > 1:
            advice = "The mappings differ in `duplicates: same_id`. Set the same rule in both."
        elif rules != {"reject"}:
            keeper, advice = _keeper(keys, group)
            severity = Severity.REVIEW
        holders = Counter(key for at in group for key in {column[at] for column in keys.ids})
        for position in group:
            if position == keeper:
                continue
            ids = zip(keys.id_labels, (column[position] for column in keys.ids), strict=True)
            label = next(label for label, key in ids if key and holders[key] > 1)
            same = f"{{value}} is also {'the primary ID' if label == PRIMARY else 'an ID'} of"
            if keeper is None:
                code, sentence = (
                    Code.DUPLICATE_ID,
                    f"{same} {keys.listed(group, position, [position])}",
                )
            else:
                skipped.add(position)
                kept = keys.listed([keeper], position)
                sentence = f"{same} {kept}, which the `duplicates` rule keeps"
                code, severity = Code.SKIPPED_DUPLICATE, Severity.WARNING
            problems.append(
                keys.problem(
                    code,
                    position,
                    sentence,
                    label,
                    value=keys.texts(label)[position],
                    advice=advice,
                    severity=severity,
                )
            )
    return sorted(problems, key=lambda problem: problem.origin.row), frozenset(skipped)


def _keeper(keys: RowKeys, group: list[int]) -> tuple[int | None, str]:
    """Return the position to keep; or None, and what a person has to do.

    That is the first row of the group, or of its heaviest, if the rows between which the policy
    does not choose are equal and the whole group is of one person: one last name and no two birth
    dates. To weigh rows, all of them need a user group. Each row weighs what its mapping says.
    """
    births = {keys.texts("birth_date")[position] for position in group} - {""}
    if len({keys.last[position] for position in group}) > 1 or len(births) > 1:
        return None, "The rows name different people. Find out whose ID it is."
    equal = group
    if keys.policy(group[0]).same_id == "keep heaviest":
        user_groups = keys.texts("user_group")
        if not all(user_groups[position] for position in group):
            return None, "A row has no known user group. Correct it, or delete the others."
        weights = [
            keys.policy(position).weights.get(user_groups[position], _UNLISTED)
            for position in group
        ]
        pairs = zip(group, weights, strict=True)
        equal = [position for position, weight in pairs if weight == max(weights)]
    if len({keys.content(position) for position in equal}) > 1:
        return None, "The rows differ. Find out which one is right, and delete the others."
    return equal[0], ""


def lost_digits(keys: RowKeys) -> Iterator[Problem]:
    """Find the IDs that are rounded, so that several people have the same."""
    message = "{value} ends in zeros in rows of several people, so the last digits are lost"
    for position in range(len(keys.rows) if keys.rounded else 0):
        for label in keys.id_labels:
            text = keys.texts(label)[position]
            if text in keys.rounded:
                yield keys.problem(Code.ID_LOST_DIGITS, position, message, label, value=text)


def duplicate_identifiers(keys: RowKeys, skipped: frozenset[int]) -> Iterator[Problem]:
    """Find IDs that are in two rows or in two columns (contract 3.2: all IDs share one space).

    Rows with the same primary ID are another problem, and so is everything else that they share;
    but not a value that is the primary ID in one place and an additional ID in another.
    """
    found: list[tuple[int, int, Problem]] = []
    for places in _sharing(keys.ids, skipped):
        columns: defaultdict[int, list[int]] = defaultdict(list)
        for position, column in places:
            columns[position].append(column)
        one_column = len({column for _, column in places}) == 1
        across = len(set(map(keys.roster, columns))) > 1
        alike = len(columns) > 1 and len(set(map(keys.person, columns))) == 1
        if alike and (one_column or across):
            continue
        rows = [*columns]
        for position, own in columns.items():
            labels = [keys.id_labels[column] for column in own]
            parts = []
            if len(own) > 1:
                headings = keys.places(position, *labels)
                listed = ", ".join(map(str, headings)) or ", ".join(labels)
                parts.append(f"is more than once in this row ({listed})")
            if len(columns) > 1:
                parts.append(f"is also an ID in {keys.listed(rows, position, [position])}")
            problem = keys.problem(
                Code.DUPLICATE_IDENTIFIER,
                position,
                f"{{value}} {' and '.join(parts)}",
                *labels,
                value=keys.texts(labels[0])[position],
            )
            found.append((position, own[0], problem))
    yield from (problem for _, _, problem in sorted(found, key=lambda entry: entry[:2]))


# --- the same person ---


def duplicate_people(keys: RowKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Find rows with one name and one birth date or email, but different primary IDs."""
    lines = keys.shared[keys.shared["kind"].isin([people.BORN, people.EMAIL])]
    lines = lines[~lines["position"].isin([*skipped]) & (lines["name"] != "")]
    alike = lines[lines.duplicated(["key", "name"], keep=False)]
    shared = alike.groupby("position")["kind"].agg(set).to_dict()
    groups = alike.groupby(["key", "name"])["position"].agg(list)
    problems: list[tuple[int, Problem]] = []
    for members in _connected(groups):
        by_id: defaultdict[int, list[int]] = defaultdict(list)
        for position in members:
            by_id[keys.person(position)].append(position)
        if len(by_id) == 1:
            continue
        pair = len(by_id) == 2
        which = "which has the ID {value}" if pair else "with other IDs"
        for same in by_id.values():
            own = {*same}
            other = next(position for position in members if position not in own)
            named = f"{keys.listed(members, same[0], own)}, {which}"
            problems += (
                (
                    position,
                    keys.problem(
                        Code.DUPLICATE_PERSON,
                        position,
                        f"the same {people.in_words(shared[position], 'name')} as in {named}",
                        PRIMARY,
                        "last_name",
                        "first_name",
                        *keys.labels(shared[position]),
                        value=keys.id(other) if pair else "",
                        severity=_BY_POLICY[keys.policy(position).same_person],
                    ),
                )
                for position in same
            )
    yield from (problem for _, problem in sorted(problems, key=lambda entry: entry[0]))


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


def shared_contacts(keys: RowKeys) -> Iterator[Problem]:
    """Yield one notice about the roster's emails and one about its phone numbers.

    It is one sentence however many rows share them: in some rosters everybody has the office's
    number. Rows of one name do not count; other checks cover them.
    """
    for kind, what in ((people.EMAIL, "email addresses"), (people.PHONE, "phone numbers")):
        lines = keys.shared[keys.shared["kind"] == kind]
        names = lines.drop_duplicates(["key", "name"])["key"]
        lines = lines[lines["key"].isin(names[names.duplicated()])]
        if lines.empty:
            continue
        count, positions = lines["key"].nunique(), sorted({*lines["position"].tolist()})
        labels = keys.labels([kind])
        first = positions[0]
        one = what.removesuffix("es" if kind == people.EMAIL else "s")
        which = f"{count:,} {what} are" if count > 1 else f"1 {one} is"
        yield Problem.of(
            Code.SHARED_CONTACT,
            keys.origin(first, whole=True),
            f"{which} shared by different people ({keys.listed(positions, first)})",
            *keys.places(first, *labels),
            field=labels[0],
        )
