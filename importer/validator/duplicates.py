"""Checks across rows: the same ID twice, the same or a similar person twice, shared contacts.

Every row of a group is reported and names the others. Rows that are rejected for other reasons
count as well: which of two duplicates is right is a person's decision.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, combinations

import pandas as pd

from importer.model.candidates import Candidates
from importer.model.people import BORN, COMMON, EMAIL, NICKNAMES, PHONE, in_words, may_be_same
from importer.model.plan import Duplicates
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.model.text import name_key
from importer.validator.row_keys import PRIMARY, RowKeys, connected, sharing

_UNLISTED = float("-inf")
"""The weight of a user group that the policy does not list: less than any other."""

_NAME = ("last_name", "first_name")
_BY_POLICY = {"review": Severity.REVIEW, "reject": Severity.REJECT, "warn": Severity.WARNING}


def find_duplicates(rosters: Sequence[tuple[Candidates, Duplicates]]) -> Iterator[Problem]:
    """Yield the problems across the rows of all rosters, each with the rules of its mapping.

    Kind by kind, each kind in the order of the rows.
    """
    keys = RowKeys(rosters)
    found, skipped = duplicate_ids(keys)
    yield from found
    yield from lost_digits(keys)
    yield from duplicate_identifiers(keys, skipped)
    yield from duplicate_people(keys, skipped | keys.off("same_person"))
    yield from similar_people(keys, skipped | keys.off("similar_person"))
    yield from shared_contacts(keys)


# --- the same ID ---


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
            value = keys.texts(label)[position]
            if keeper is None:
                sentence = f"{same} {keys.listed(group, position, [position])}"
                found = CellFinding(Code.DUPLICATE_ID, sentence, advice, severity, value=value)
            else:
                skipped.add(position)
                kept = keys.listed([keeper], position)
                sentence = f"{same} {kept}, which the `duplicates` rule keeps"
                found = CellFinding(Code.SKIPPED_DUPLICATE, sentence, value=value)
            problems.append(keys.problem(position, found, label))
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
        known = [keys.policy(position).weight(user_groups[position]) for position in group]
        weights = [_UNLISTED if weight is None else weight for weight in known]
        pairs = zip(group, weights, strict=True)
        equal = [position for position, weight in pairs if weight == max(weights)]
    if len({keys.content(position) for position in equal}) > 1:
        return None, "The rows differ. Find out which one is right, and delete the others."
    return equal[0], ""


def lost_digits(keys: RowKeys) -> Iterator[Problem]:
    """Find the IDs that are rounded, so that several people have the same."""
    message = "{value} ends in zeros in rows of several people, so the last digits are lost"
    places = sorted(
        (position, at)
        for at, label in enumerate(keys.id_labels)
        for position, text in enumerate(keys.texts(label))
        if text in keys.rounded
    )
    for position, at in places:
        label = keys.id_labels[at]
        finding = CellFinding(Code.ID_LOST_DIGITS, message, value=keys.texts(label)[position])
        yield keys.problem(position, finding, label)


def duplicate_identifiers(keys: RowKeys, skipped: frozenset[int]) -> Iterator[Problem]:
    """Find IDs that are in two rows or in two columns (contract 3.2: all IDs share one space).

    Rows with the same primary ID are another problem, and so is everything else that they share;
    but not a value that is the primary ID in one place and an additional ID in another.
    """
    found: list[tuple[int, int, Problem]] = []
    for places in sharing(keys.shared_ids, skipped):
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
            sentence, value = f"{{value}} {' and '.join(parts)}", keys.texts(labels[0])[position]
            finding = CellFinding(Code.DUPLICATE_IDENTIFIER, sentence, value=value)
            found.append((position, own[0], keys.problem(position, finding, *labels)))
    yield from (problem for _, _, problem in sorted(found, key=lambda entry: entry[:2]))


# --- the same person ---


def duplicate_people(keys: RowKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Find rows with one name and one birth date or email, but different primary IDs."""
    lines = keys.shared[keys.shared["kind"].isin([BORN, EMAIL])]
    lines = lines[~lines["position"].isin([*skipped]) & (lines["name"] >= 0)]
    alike = lines[lines.duplicated(["key", "name"], keep=False)]
    shared = alike.groupby("position")["kind"].agg(set).to_dict()
    groups = alike.groupby(["key", "name"])["position"].agg(list)
    problems: list[Problem] = []
    for members in connected(groups):
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
            for position in same:
                finding = CellFinding(
                    Code.DUPLICATE_PERSON,
                    f"the same {in_words(shared[position], 'name')} as in {named}",
                    severity=_BY_POLICY[keys.policy(position).same_person],
                    value=keys.id(other) if pair else "",
                )
                labels = keys.labels(shared[position])
                problems.append(keys.problem(position, finding, PRIMARY, *_NAME, *labels))
    yield from sorted(problems, key=lambda problem: problem.origin.row)


# --- similar people ---
#
# Only rows that share a birth date, an email, a phone number or an address, and beside it a name, a
# nickname of it or the initials, are compared. So that the work grows with the roster and not
# with its square, what more than 200 rows share does not count: as a contact it is an office's.


def similar_people(keys: RowKeys, skipped: Collection[int]) -> Iterator[Problem]:
    """Yield a warning for each row that has similar ones under other primary IDs.

    The same name with the same birth date or email is a duplicate person, another check's.
    """
    others: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, set[str]] = defaultdict(set)
    lines = keys.shared
    common = (lines.groupby("key")["key"].transform("size") > COMMON) & (lines["kind"] != BORN)
    contacts = frozenset(keys.trait[lines["key"][common].unique()])
    pairs = _pairs(keys, lines[~common & ~lines["position"].isin([*skipped])])
    rows = {at: keys.person_keys(at, contacts) for at in {*chain.from_iterable(pairs)}}
    for one, two in sorted(pairs):
        left, right = rows[one], rows[two]
        if not may_be_same(left, right):
            continue
        kinds = left.shared(right)
        if left.name != right.name or {BORN, EMAIL}.isdisjoint(kinds):
            for own, other in ((one, two), (two, one)):
                others[own].append(other)
                shared[own].update(kinds)
    for position in sorted(others):
        named = keys.listed(sorted(others[position]), position)
        what = f"with the same {in_words(shared[position])}"
        sentence = f"the name is similar to the one in {named}, {what}"
        finding = CellFinding(Code.SIMILAR_PERSON, sentence)
        yield keys.problem(position, finding, *_NAME, *keys.labels(shared[position]))


def _pairs(keys: RowKeys, lines: pd.DataFrame) -> set[tuple[int, int]]:
    """Find the pairs of positions that share something and whose names may be similar.

    These have a part of the name, one that a nickname stands for, or the initials in common.
    `lines`: as `keys.shared`.
    """
    has_name = lines["position"].map(keys.last.__getitem__) != ""
    named = lines.loc[has_name, ["position", "key"]]
    positions = named["position"].tolist()
    first, last = ([names[at] for at in positions] for names in (keys.first, keys.last))
    initials = [" ".join(name_key(one[:1], two[:1])) for one, two in zip(first, last, strict=True)]
    parts = pd.concat([named.assign(part=parts) for parts in (first, last)])
    long = parts.assign(part=parts["part"].map(NICKNAMES)).dropna().explode("part")
    every = pd.concat([parts, long, named.assign(part=initials)])
    alike = every[every.duplicated(["key", "part"], keep=False)]
    groups: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    for position, key, part in alike.itertuples(index=False, name=None):
        groups[key, part].add(position)
    pairs: set[tuple[int, int]] = set()
    for group in groups.values():
        if len(group) <= COMMON:
            pairs.update(combinations(sorted(group), 2))
    return {(a, b) for a, b in pairs if keys.person(a) != keys.person(b)}


# --- contacts ---


def shared_contacts(keys: RowKeys) -> Iterator[Problem]:
    """Yield one notice about the roster's emails and one about its phone numbers.

    It is one sentence however many rows share them: in some rosters everybody has the office's
    number. Rows of one name do not count; other checks cover them.
    """
    for kind, what in ((EMAIL, "email addresses"), (PHONE, "phone numbers")):
        lines = keys.shared[keys.shared["kind"] == kind]
        names = lines.drop_duplicates(["key", "name"])["key"]
        lines = lines[lines["key"].isin(names[names.duplicated()])]
        if lines.empty:
            continue
        count, positions = lines["key"].nunique(), sorted({*lines["position"].tolist()})
        labels = keys.labels([kind])
        first = positions[0]
        one = what.removesuffix("es" if kind == EMAIL else "s")
        which = f"{count:,} {what} are" if count > 1 else f"1 {one} is"
        yield Problem.of(
            Code.SHARED_CONTACT,
            keys.source(first).origin(),
            f"{which} shared by different people ({keys.listed(positions, first)})",
            *keys.places(first, *labels),
            field=labels[0],
        )
