"""Checks across rows: the same ID twice, the same or a similar person twice, shared contacts.

Every row of a group is reported and names the others. Rows that are rejected for other reasons
count as well: which of two duplicates is right is a person's decision.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, combinations, pairwise, starmap
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from importer.model import people
from importer.model.candidates import Candidates
from importer.model.people import BORN, COMMON, EMAIL, NICKNAMES, PHONE, in_words, may_be_same
from importer.model.plan import Duplicates
from importer.model.problem import CellFinding, Code, Place, Problem, Severity
from importer.model.question import OF_ROWS, About
from importer.model.roster import Source
from importer.model.text import RowId, folded, row_list
from importer.validator.fields import no_id, rounded_ids

PRIMARY, IDENTIFIER = "primary_id", "user_identifier.value"
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
                found = keys.problem(position, finding, PRIMARY, *_NAME, *labels)
                problems.append(found.asking(About.ROWS, *OF_ROWS))
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
    often = lines[common].drop_duplicates("key")
    known = zip(often["kind"], keys.trait[often["key"]], strict=True)
    contacts = frozenset(map(" ".join, known))
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
    named = lines.loc[keys.parts[1][lines["position"]] >= 0, ["position", "key"]]
    both = keys.parts[:, named["position"]]
    number = {text: at for at, text in enumerate(keys.folded)}
    letters = np.array([ord(text[:1] or "\0") for text in number] + [0])  # a blank is -1
    low, high = np.sort(letters[both], axis=0)
    parts = pd.concat([named.assign(part=part) for part in both])
    long_forms = {
        number[short]: [number.setdefault(text, len(number)) for text in texts]
        for short, texts in NICKNAMES.items()
        if short in number
    }
    long = parts.assign(part=parts["part"].map(long_forms)).dropna().explode("part")
    long = long.astype({"part": np.intp})
    initials = named.assign(part=low * (sys.maxunicode + 1) + high)
    groups: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for every in (pd.concat([parts, long]), initials):
        alike = every[every.duplicated(["key", "part"], keep=False)]
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


# --- what rows are compared by: IDs, names, and what people share ---

PATHS = {
    BORN: "birth_date",
    EMAIL: "contact_info.email.email_address",
    PHONE: "contact_info.phone.phone_number",
    people.ADDRESS: "contact_info.address.line1",
}
"""The field of each kind of trait."""

Keys = list[str]
"""One key per row, by position; "" is a blank."""


class RowKeys:
    """What rows are compared by: IDs without case, names, and what people share.

    Positions count through the rows of all rosters. `ids` has one list per column, the primary IDs
    first; `shared_ids` are the places of those of two or more. `parts`: the first and the last
    names by their numbers in `folded`, -1 for a blank. `names`: a number of each row, the same for
    both orders of first and last, -1 where both are blank. `shared`: the traits of two or more
    rows, a line for each row: `position`, `kind`, `name`, and `key`, the number of the trait (see
    `trait`). `same_id`: the positions of rows that share an ID, in groups; see `_same_id`.
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
        self.first = _each_once(people.first_key, texts("first_name"))
        self.last = _each_once(folded, texts("last_name"))
        numbers, self.folded = _numbered(chain(self.first, self.last))
        self.parts = numbers.reshape(2, -1)
        low, high = np.sort(self.parts, axis=0)
        self.names = (low + 1) * (len(self.folded) + 1) + high
        every_id = [[*map(str.casefold, texts(at))] for at in self.id_labels]
        self.rounded = rounded_ids(every_id, self.names.tolist())
        self.ids, self.shared_ids = _known_ids(every_id, self.rounded)

        def keys(kind: str, at: str) -> Keys:
            labels = dict.fromkeys((at, at.replace("line1", "postal_code")))
            return [*map(people.KEYS[kind], *map(texts, labels))]

        self._traits = {
            kind: [keys(kind, at) for at in self._labels(path)] for kind, path in PATHS.items()
        }
        found = []
        self.trait = np.array([], dtype=object)
        for kind, columns in self._traits.items():
            places, distinct = _repeated(columns)
            found.append(places.assign(kind=kind, key=places["key"] + len(self.trait)))
            self.trait = np.concatenate([self.trait, distinct])
        self.shared = pd.concat(found, ignore_index=True).drop_duplicates(["position", "key"])
        self.shared["name"] = self.names[self.shared["position"]]
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
        by_row = {column.label for column in columns if column.by_row}
        labels = dict.fromkeys(column.label for column in columns if column.label != PRIMARY)
        return [self._cells(label) if label in by_row else self.texts(label) for label in labels]

    def _cells(self, label: str) -> list[str]:
        """Return the cells that decide a column, by position, without what the run writes."""
        found = []
        for one in self._candidates:
            target = one.layout.targets.get(label)
            cells = one.cells.loc[one.rows, [*target.reads] if target else []]
            found += ["\n".join(row) for row in cells.to_numpy().tolist()]
        return found

    def content(self, position: int) -> tuple[str, ...]:
        """Return what a row contains besides its primary ID and what the run writes into it."""
        return tuple(column[position] for column in self._contents)

    def person_keys(self, position: int, common: Collection[str]) -> people.PersonKeys:
        """Return what the person of a row is compared by; traits in `common` do not count."""
        traits = {
            f"{kind} {column[position]}"
            for kind, columns in self._traits.items()
            for column in columns
            if column[position]
        }
        own = frozenset(traits.difference(common))
        return people.PersonKeys(self.first[position], self.last[position], own)

    def roster(self, position: int) -> int:
        """Return which of the rosters has the row."""
        return RowId.of(self.rows[position]).roster

    def policy(self, position: int) -> Duplicates:
        """Return the rules of the row's mapping."""
        return self._policies[self.roster(position)]

    def off(self, rule: Literal["same_person", "similar_person"]) -> frozenset[int]:
        """Return the positions of rows whose mapping turns a rule off."""
        spans = zip(pairwise(self._starts), self._policies, strict=True)
        off = (range(*span) for span, policy in spans if getattr(policy, rule) == "off")
        return frozenset(chain.from_iterable(off))

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

    def source(self, position: int) -> Source:
        """Return the file of the row's roster."""
        return self._candidates[self.roster(position)].source

    def labels(self, kinds: Iterable[str]) -> list[str]:
        """The labels of some kinds of traits, in the order of their kinds."""
        known = set(kinds)
        paths = (path for kind, path in PATHS.items() if kind in known)
        return [label for path in paths for label in self._labels(path)]

    def problem(self, position: int, finding: CellFinding, *labels: str) -> Problem:
        """Return a problem of one row, about the field of the first label."""
        places = self.places(position, *labels)
        origin = self.source(position).origin(self.rows[position])
        return finding.problem(origin, *places, field=labels[0])


def _each_once(change: Callable[[str], str], texts: Sequence[str]) -> Keys:
    """Return the changed texts. Each distinct one is changed once."""
    changed = {text: change(text) for text in {*texts}}
    return [*map(changed.__getitem__, texts)]


def _known_ids(columns: list[Keys], rounded: Collection[str]) -> tuple[list[Keys], pd.DataFrame]:
    """Blank the IDs that identify nobody, such as rounded ones, where rows share them.

    Also return the places of the other IDs that are more than once, see `_repeated`.
    """
    places, texts = _repeated(columns)
    repeated = {number: texts[number] for number in places["key"].unique().tolist()}
    nobody = [at for at, text in repeated.items() if text in rounded or no_id(text)]
    for _, position, column in places[places["key"].isin(nobody)].iloc[:, :2].itertuples():
        columns[column][position] = ""
    return columns, places[~places["key"].isin(nobody)]


def _numbered(texts: Iterable[str]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Return a number for each text, equal ones for equal texts, -1 for blanks; and the texts."""
    numbers, distinct = pd.factorize(np.fromiter(texts, object))
    numbers[(distinct == "")[numbers]] = -1
    return numbers, distinct


def _repeated(columns: Sequence[Keys]) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Return each place of a key that is more than once in some columns, blanks left out.

    `position`, `column` and `key`, one column after the other; a key is a number, that of its text
    in the texts that are also returned.
    """
    numbers, texts = _numbered(chain.from_iterable(columns))
    often = np.bincount(numbers[numbers >= 0], minlength=len(texts)) > 1
    places = np.flatnonzero((numbers >= 0) & often[numbers])
    column, position = np.divmod(places, max(map(len, columns), default=0) or 1)
    found = {"position": position, "column": column, "key": numbers[places]}
    return pd.DataFrame(found), texts


def sharing(places: pd.DataFrame, skipped: Collection[int] = ()) -> list[list[tuple[int, int]]]:
    """Group places of IDs by their key, as (position, column), two or more; some are skipped.

    Places are in order, and so are groups, by their first place.
    """
    groups: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for position, column, key in zip(*(places[name].tolist() for name in places), strict=True):
        if position not in skipped:
            groups[key].append((position, column))
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _same_id(keys: RowKeys) -> list[list[int]]:
    """Return groups of positions: of one primary ID or, in different rosters, with any ID shared.

    A person's primary ID may be another one in each roster.
    """
    primary = keys.shared_ids[keys.shared_ids["column"] == 0]
    groups = [[position for position, _ in places] for places in sharing(primary)]
    if not keys.rows or keys.roster(0) == keys.roster(-1):
        return groups
    everywhere = ({position for position, _ in places} for places in sharing(keys.shared_ids))
    across = [sorted(one) for one in everywhere if len(set(map(keys.roster, one))) > 1]
    return connected([*groups, *across])


def connected(groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return the positions that are connected through groups, each set in order."""
    sets: dict[int, set[int]] = {}
    for group in groups:
        joined = max((sets[at] for at in group if at in sets), key=len, default=set[int]())
        for position in group:
            if (other := sets.get(position, {position})) is not joined:
                joined |= other
                sets.update(dict.fromkeys(other, joined))
    return sorted(sorted(members) for members in {id(one): one for one in sets.values()}.values())
