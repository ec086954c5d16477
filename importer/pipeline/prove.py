"""What tests a mapping: its own `tests:`, and the profile of the Cloud App that it replaces.

The record that the app makes of a row, and what it leaves of a known user, are computed as the app
computes them, defects included. Nothing is read from Alma: the user cache shows who is known;
without one, only the records of both are compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from importer.alma.facts import KnownFacts
from importer.errors import UsageError
from importer.loader.csv_file import Rows, read_rows
from importer.mapper.compile import RunVariables, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.mapping import MappingDocument
from importer.mapper.placeholders import heading_key, nearest
from importer.mapper.schema import OwnRow, OwnTests
from importer.mapper.steps.step import MappingFinding, in_order
from importer.model.candidates import Candidates
from importer.model.fields import FIELDS, JOINED, LISTS, NO_CODES, TYPE_FIELD, Shape
from importer.model.people import NOTHING_COMMON
from importer.model.plan import Create, Fate, Held, Unchanged, Update
from importer.model.problem import Severity
from importer.model.roster import Roster
from importer.model.user import User
from importer.pipeline.check import check_candidates, validate
from importer.pipeline.decisions import Resolutions, decide_fates
from importer.pipeline.inputs import MappedRoster
from importer.pipeline.row_plan import PlanContext
from importer.planner.drafts import DraftUser
from importer.planner.entries import ONLY_ADDED
from importer.planner.leavers import Leavers
from importer.planner.merge import new_user
from importer.planner.staff_edits import nothing_earlier
from importer.suggest.user_loader_profile import (
    AppFailureError,
    Profile,
    Record,
    app_record,
    app_update,
)
from importer.users.cache import UnreadUsers, UserCache, find_users
from importer.users.matching import MatchResult, PersonQuery

_FIRST_ROW = 2


def failing_tests(mapping: MappingDocument) -> tuple[str, ...]:
    """Return the first difference of each row that fails, with its line in the mapping."""
    if (tests := mapping.file.tests) is None:
        return ()
    today, match = date.fromisoformat(tests.today), mapping.file.match
    roster = _roster(mapping, tests)
    compiled = compile_mapping(mapping, roster.places, RunVariables(today, mapping.path.name))
    candidates, found = check_candidates(
        evaluate(compiled, roster), NO_CODES, today, creates=match.creates
    )
    targets = candidates.layout.targets
    used = {heading_key(use.place.heading) for use in compiled.uses}
    used |= {heading_key(name) for name in mapping.file.roster.unused}

    def differences(at: int, row: OwnRow) -> Iterator[MappingFinding]:
        number, steps = _FIRST_ROW + at, ("tests", "rows", at)
        for name in row.cells:
            if heading_key(name) not in used:
                wrong = f"no rule uses this column{nearest(name, mapping.headings)}"
                yield MappingFinding((*steps, "cells", name), wrong)
        for label, wanted in row.record.items():
            if label not in targets:
                wrong = f"no such field{nearest(label, targets)}"
                yield MappingFinding((*steps, "record", label), wrong)
            elif (got := _text(candidates, label, number)) != wanted:
                wrong = f"is `{got}`, not `{wanted}`" if got else f"is blank, not `{wanted}`"
                yield MappingFinding((*steps, "record", label), wrong)
        own = [p for p in found if p.origin.row == number and p.severity is not Severity.REPAIRED]
        for problem in own:
            if problem.code not in row.problems:
                wrong = f"`{problem.code}` was not expected: {problem.sentence()}"
                yield MappingFinding((*steps, "problems"), wrong)
        for code in row.problems:
            if code not in {problem.code for problem in own}:
                wrong = f"`{code}` was expected, and is not reported"
                yield MappingFinding((*steps, "problems"), wrong)

    first = (next(differences(at, row), None) for at, row in enumerate(tests.rows))
    return in_order(mapping.source, [*filter(None, first)])


def _roster(mapping: MappingDocument, tests: OwnTests) -> Roster:
    """Return the rows as a roster that has every column of the mapping."""
    written = [heading for row in tests.rows for heading in row.cells]
    single = (heading for heading in mapping.headings if not heading.endswith("*"))
    headings = {heading_key(heading): heading for heading in (*single, *written)}
    cells = [{heading_key(name): text for name, text in row.cells.items()} for row in tests.rows]
    rows = [[row.get(key, "") for key in headings] for row in cells]
    return read_rows(mapping.path, Rows.of_texts([*headings.values()], rows))


def _text(candidates: Candidates, label: str, row: int) -> str:
    """Return what a field of a row gets, "" also if the row is skipped or the value is dropped."""
    if row not in candidates.rows or row in candidates.not_applicable.get(label, ()):
        return ""
    return str(candidates.frame.loc[row, label])


Texts = tuple[tuple[str, str], ...]
"""The names and texts of one entry of a list, or of a single field."""

_ASSUMED = frozenset({"segment_type", "preferred", "preferred_sms", "password"})
"""Not compared: Alma fills it in, both set it alike, or it is secret."""
_DEFAULTS = frozenset({("record_type", "PUBLIC"), ("user_identifier.status", "ACTIVE")})


@dataclass(frozen=True, slots=True)
class Difference:
    """What only the app, and what only the importer, leaves in a field or a list."""

    path: str
    app: tuple[Texts, ...]
    ours: tuple[Texts, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one of the two does with a row: the record that it leaves, or why it sends nothing.

    `deleted`: by list, how many entries a known user loses without another in their place.
    """

    record: Record = field(default_factory=dict)
    failure: str = ""
    deleted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ProvedRow:
    """A row, the ID that the app takes from it, and what both do with it."""

    row: int
    user: str
    app: Outcome
    ours: Outcome
    differences: tuple[Difference, ...]

    @property
    def result(self) -> str:
        """The comparison in few words."""
        match bool(self.app.failure), bool(self.ours.failure):
            case True, True:
                return "neither sends it"
            case True, False:
                return "only the importer sends it"
            case False, True:
                return "only the app sends it"
            case _:
                lost = self.app.deleted or self.ours.deleted
                return "different" if self.differences or lost else "the same"


def prove(profile: Profile, mapped: MappedRoster, cache: UserCache | None) -> Iterator[ProvedRow]:
    """Yield the comparison of each row that is not blank, in row order.

    `cache`: where users are looked up; None if there is none. Raises UsageError if it is
    incomplete.
    """
    rosters = validate((mapped,))
    only_new = [mapped.mapping.needed_by_new_users if cache is not None else ()]
    decided = decide_fates(mapped.rows(), rosters.problems, answers={}, only_new=only_new)
    reasons: dict[int, str] = {}
    for problem in decided.problems:
        if problem.severity.holds:
            reasons.setdefault(problem.origin.row, str(problem.code))
    rows = decided.rows(Fate.READY)
    ready = {draft.row: draft for draft in rosters.drafts(rows, decided.missing, "")}
    nothing = nothing_earlier(mapped.today)
    known, nobody = KnownFacts({}), Leavers({})
    context = PlanContext(rosters, Resolutions({}), nobody, nothing, NOTHING_COMMON, known, (None,))
    headings = [place.heading for place in mapped.roster.places]
    for row, *cells in mapped.roster.frame.itertuples(name=None):
        app = _of_app(profile, dict(zip(headings, cells, strict=True)), cache)
        if row in ready:
            ours = _of_ours(context, ready[row], cache)
        else:
            ours = Outcome(failure=reasons.get(row, "skipped"))
        sent = not app.failure and not ours.failure
        differences = tuple(_differences(app.record, ours.record)) if sent else ()
        yield ProvedRow(row, str(app.record.get("primary_id", "")), app, ours, differences)


def _of_app(profile: Profile, cells: dict[str, str], cache: UserCache | None) -> Outcome:
    try:
        sent = app_record(profile, cells)
    except AppFailureError as error:
        return Outcome(failure=str(error))
    key = str(sent.get("primary_id", ""))
    users = _found(cache, (("primary_id", key),)).users if cache and key else ()
    if not users:
        creates = cache is not None or profile.kind == "ADD"
        return Outcome(sent, _refusal(sent, creates=creates))
    if profile.kind == "ADD":
        return Outcome(sent, "Alma refuses it: a user with this ID exists")
    live = _record(users[0].user)
    after = app_update(live, sent, profile.kind)
    refusal = _refusal(after, creates=True)
    return Outcome(after, refusal, Counter() if refusal else _deleted(live, after))


def _of_ours(context: PlanContext, draft: DraftUser, cache: UserCache | None) -> Outcome:
    if cache is None:
        return Outcome(_record(new_user(draft)))
    found = _found(cache, draft.every_identifier)
    match context.plan(draft, found).step:
        case Create(user=user):
            return Outcome(_record(user))
        case Update(before=before, after=after):
            record = _record(after)
            return Outcome(record, deleted=_deleted(_record(before), record))
        case Unchanged():
            return Outcome(_record(found.users[0].user))
        case Held(problems=problems):
            return Outcome(failure=", ".join(problem.code for problem in problems))
        case _:
            return Outcome(failure="skipped")


def _found(cache: UserCache, identifiers: tuple[tuple[str, str], ...]) -> MatchResult:
    found = find_users(cache, PersonQuery(identifiers))
    if isinstance(found, UnreadUsers):
        msg = "The user cache is incomplete. Run `importer users refresh`, then compare again."
        raise UsageError(msg)
    return found


def _record(user: User) -> Record:
    return user.model_dump(mode="json", exclude_unset=True)


# --- records as texts ---


def _texts(record: Record) -> defaultdict[str, Counter[Texts]]:
    """Return the record's fields and the entries of its lists by path, without what Alma assumes.

    An unset flag is false.
    """
    contact = record.get("contact_info") or {}
    values = {f"contact_info.{name}": value for name, value in contact.items()} | record
    found: defaultdict[str, Counter[Texts]] = defaultdict(Counter)
    for path, value in values.items():
        if path in LISTS:
            found[path] = Counter(filter(None, (_entry(path + ".", part) for part in value or ())))
        elif path in FIELDS and (texts := _entry("", {path: value})):
            found[path] = Counter([texts])
    return found


def _entry(prefix: str, part: Record) -> Texts:
    texts = []
    for name, value in part.items():
        codes = value if isinstance(value, list) else [value]
        bare = [code.get("value") if isinstance(code, dict) else code for code in codes]
        text = JOINED.join("true" if one is True else str(one or "") for one in bare)
        text = text.removesuffix("Z")
        assumed = name in _ASSUMED or (prefix + name, text) in _DEFAULTS
        if text and not assumed and prefix + name in FIELDS:
            texts.append((name, text))
    return tuple(sorted(texts))


def _differences(app: Record, ours: Record) -> Iterator[Difference]:
    one, other = _texts(app), _texts(ours)
    for path in dict.fromkeys((*one, *other)):
        only_theirs, only_mine = one[path] - other[path], other[path] - one[path]
        if only_theirs or only_mine:
            yield Difference(path, tuple(only_theirs.elements()), tuple(only_mine.elements()))


def _deleted(before: Record, after: Record) -> Counter[str]:
    """Entries that are gone; one of the same type in their place makes them replaced."""
    old, new = _texts(before), _texts(after)
    deleted: Counter[str] = Counter()
    for path in LISTS:
        gone, come = _types(path, old[path] - new[path]), _types(path, new[path] - old[path])
        if lost := gone if path in ONLY_ADDED else gone - come:
            deleted[path] = lost.total()
    return deleted


def _types(path: str, entries: Counter[Texts]) -> Counter[str]:
    return Counter(dict(texts).get(TYPE_FIELD[path], "") for texts in entries.elements())


def _refusal(record: Record, *, creates: bool) -> str:
    """Return why Alma refuses the record, as far as its form shows; "" if it does not."""
    for name in ("last_name", "user_group") if creates else ():
        if not record.get(name):
            return f"Alma refuses it: {name} is missing"
    for path, counted in _texts(record).items():
        needed = [f.name for f in FIELDS.values() if f.parent == path and f.facts.required]
        for texts in counted:
            missing = [name for name in needed if name not in dict(texts)]
            if path in LISTS and missing:
                return f"Alma refuses it: an entry of {path} has no {missing[0]}"
            for name, text in texts:
                known = FIELDS[f"{path}.{name}" if path in LISTS else path]
                if known.shape is Shape.DATE and not _is_iso(text):
                    return f"Alma refuses it: {name} is not a date in the form 2027-05-15"
    return ""


def _is_iso(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
