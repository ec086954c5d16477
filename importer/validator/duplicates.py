"""Checks across rows: the same ID twice, the same person twice; similar people are in `similar`.

Every row of a group is reported and names the others. Rows that are rejected for other reasons
count as well: which of two duplicates is right is a person's decision.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, starmap

from importer.model import people
from importer.model.candidates import Candidates
from importer.model.people import BORN, EMAIL, in_words
from importer.model.plan import Duplicates
from importer.model.problem import CellFinding, Code, Problem, Severity
from importer.model.question import OF_ROWS, About
from importer.validator.row_keys import NAME, PRIMARY, RowKeys, connected, sharing
from importer.validator.similar import shared_contacts, similar_people

_BY_POLICY = {"review": Severity.REVIEW, "reject": Severity.REJECT, "warn": Severity.WARNING}


def find_duplicates(rosters: Sequence[tuple[Candidates, Duplicates]]) -> Iterator[Problem]:
    """Yield the problems across the rows of all rosters, each with the rules of its mapping.

    Kind by kind, each kind in the order of the rows.
    """
    keys = RowKeys(rosters)
    same_id, skipped = duplicate_ids(keys)
    yield from same_id
    yield from lost_digits(keys)
    yield from duplicate_identifiers(keys, skipped)
    if not keys.shared.empty:
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
                finding = CellFinding(Code.DUPLICATE_ID, sentence, advice, severity, value=value)
            else:
                skipped.add(position)
                kept = keys.listed([keeper], position)
                sentence = f"{same} {kept}, which the `duplicates` rule keeps"
                finding = CellFinding(Code.SKIPPED_DUPLICATE, sentence, value=value)
            problems.append(keys.problem(position, finding, label))
    return sorted(problems, key=lambda problem: problem.origin.row), frozenset(skipped)


def _keeper(keys: RowKeys, group: list[int]) -> tuple[int | None, str]:
    """Return the position to keep; or None, and what a person has to do.

    That is the first row of the group, or of its heaviest, if the rows between which the policy
    does not choose are equal and the whole group is of one person: one last name, no two birth
    dates and, where a birth date is missing, first names that are forms of one. To weigh rows,
    all of them need a user group. Each row weighs what its mapping says.
    """
    births = {keys.texts("birth_date")[position] for position in group}
    firsts = {keys.first[position] for position in group if "" in births} - {""}
    differ = not all(starmap(people.are_forms, combinations(firsts, 2)))
    if differ or len({keys.last[position] for position in group}) > 1 or len(births - {""}) > 1:
        return None, "The rows name different people. Find out whose ID it is."
    equal = group
    if keys.policy(group[0]).same_id == "keep heaviest":
        user_groups = keys.texts("user_group")
        if not all(user_groups[position] for position in group):
            return None, "A row has no known user group. Correct it, or delete the others."
        known = [keys.policy(position).weight(user_groups[position]) for position in group]
        weights = [float("-inf") if weight is None else weight for weight in known]
        pairs = zip(group, weights, strict=True)
        equal = [position for position, weight in pairs if weight == max(weights)]
    if len({keys.content(position) for position in equal}) > 1:
        return None, "The rows differ. Find out which one is right, and delete the others."
    return equal[0], ""


def lost_digits(keys: RowKeys) -> Iterator[Problem]:
    """Find the IDs that are rounded, so that several people have the same."""
    message = "{value} ends in zeros in rows of several people, so the last digits are lost"
    columns = [*map(keys.texts, keys.id_labels)]
    for position, texts in enumerate(zip(*columns, strict=True) if keys.rounded else ()):
        for label, text in zip(keys.id_labels, texts, strict=True):
            if text in keys.rounded:
                finding = CellFinding(Code.ID_LOST_DIGITS, message, value=text)
                yield keys.problem(position, finding, label)


def duplicate_identifiers(keys: RowKeys, skipped: frozenset[int]) -> Iterator[Problem]:
    """Find IDs that are in two rows or in two columns (contract 3.2: all IDs share one space).

    Rows with the same primary ID are another problem, and so is everything else that they share;
    but not a value that is the primary ID in one place and an additional ID in another.
    """
    problems: list[tuple[int, int, Problem]] = []
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
            problems.append((position, own[0], keys.problem(position, finding, *labels)))
    yield from (problem for _, _, problem in sorted(problems, key=lambda entry: entry[:2]))


# --- the same person ---


_ONE_PERSON = "If it is one person, delete the row that you don't want, and plan the roster again."


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
                severity = _BY_POLICY[keys.policy(position).same_person]
                finding = CellFinding(
                    Code.DUPLICATE_PERSON,
                    f"the same {in_words(shared[position], 'name')} as in {named}",
                    advice="" if severity is Severity.REVIEW else _ONE_PERSON,
                    severity=severity,
                    value=keys.id(other),
                )
                labels = keys.labels(shared[position])
                problem = keys.problem(position, finding, PRIMARY, *NAME, *labels)
                problems.append(problem.asking(About.ROWS, *OF_ROWS))
    yield from sorted(problems, key=lambda problem: problem.origin.row)
