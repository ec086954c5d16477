"""What Alma's SIS load makes of a user: the record that its file has, and the user afterwards.

The load replaces an External user's whole record, except for Internal entries, roles, proxies, and
protected fields that staff edited (contract section 5). So the file has the whole user as it is to
be, and what the row does not give as Alma has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from importer.model.answers import choices
from importer.model.fields import FIELDS, IDS, LISTS, STICKY
from importer.model.plan import (
    Create,
    Held,
    Imprint,
    Imprints,
    InRecord,
    LeftAlone,
    Match,
    Planned,
    SisRules,
    Update,
    UserMemory,
)
from importer.model.problem import Code
from importer.model.question import DECISIONS, Answer
from importer.model.user import AccountType, Coded, RecordPart, Segment, User
from importer.planner.case import Case
from importer.planner.entries import (
    FLAGS,
    current,
    entries,
    flagged,
    normal,
    same_entries,
    same_id,
    types,
    with_entries,
    with_value,
)
from importer.planner.imprints import (
    ImprintedUser,
    Keyed,
    edited_fields,
    imprint_of,
    texts,
    value_of,
)
from importer.planner.merge import Merged, unless_by_day
from importer.planner.patch import changed_fields, changed_lists, differences
from importer.planner.staff_edits import ComparedRow, StaffEdit
from importer.planner.written import SET_APART

_DEFAULTS = {"status": "ACTIVE", "preferred_language": "en", "cataloger_level": "00"}
"""What Alma sets where the file has nothing (contract 1.2)."""

_PART_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    IDS: {"status": "ACTIVE"},
    "user_block": {"block_type": Coded(value="GENERAL"), "block_status": "ACTIVE"},
}

_SCALARS = tuple(
    field
    for field in FIELDS.values()
    if not field.parent and field.facts.sis and field.name not in SET_APART
)
_LOADED = tuple(
    parent
    for parent in LISTS
    if any(field.facts.sis for field in FIELDS.values() if field.parent == parent)
)
"""The lists that a load takes."""


def external_part(user: User) -> User:
    """Return the user without the Internal entries, which no load takes."""
    lists = {
        name: tuple(filter(_is_external, parts)) for name in LISTS if (parts := entries(user, name))
    }
    return with_entries(user, lists)


def _is_external(part: RecordPart) -> bool:
    return getattr(part, "segment_type", None) != AccountType.INTERNAL.segment


def finish(
    case: Case, live: User, memory: UserMemory, compared: ComparedRow, merged: Merged
) -> tuple[Merged, ComparedRow]:
    """Return the user after a load of a row, and the row as the load leaves it.

    `merged`: what the API would make of the row. An edit of a protected field that stays, stays
    edited. Of protected fields that the row leaves blank, it is remembered what Alma has then, so
    that a later edit shows.
    """
    rules, hashed = case.earlier.sis, case.earlier.hashed
    assert rules is not None  # noqa: S101  the caller asked
    edited = edited_fields(STICKY, ImprintedUser(live, memory, hashed))
    if merged.changes:
        after = _loaded(merged.after, live, edited, rules, hashed)
        changes = differences(live, after)
        merged = Merged(after, changes) if changes else Merged(live)
        merged = unless_by_day(merged, compared.draft, compared.beside, live)
    after = merged.after
    imprints = {**compared.imprints}
    imprints |= not_given(case, imprints, after)
    kept = {*edited} - {*changed_fields(live, after), *changed_lists(live, after)}
    for key, imprint in imprints.items():
        if imprint.where.path in kept and imprint.made:
            last = edited[imprint.where.path]
            imprints[key] = imprint._replace(reply=last.reply, since=last.since)
    targets = compared.draft.layout.targets

    def as_left(edit: StaffEdit) -> StaffEdit:
        field = targets[edit.label].field
        stays = (field.parent or field.name) in kept
        return replace(edit, replaced=False, asked=False) if stays else edit

    edits = tuple(map(as_left, compared.edits))
    return merged, replace(compared, edits=edits, imprints=imprints)


def not_given(case: Case, imprints: Imprints, after: User) -> dict[str, Imprint]:
    """Return what to remember of protected fields that a row leaves blank."""
    blank, earlier = {}, case.earlier
    for target in case.draft.layout.scalars:
        name = target.field.name
        imprint = imprints.get(name)
        if name in STICKY and (imprint is None or not imprint.made):
            held = normal(name, current(after, name) or _DEFAULTS.get(name, ""))
            value = value_of(
                case.draft, earlier.hashed, name, InRecord(name), (target.label,), held
            )
            blank[name] = imprint_of(value, earlier.today, reply=value.made)
    return blank


def in_file(after: User, live: User, *, keeps_blank: bool) -> User:
    """Return the record that the file has for a user who is to be `after` once it is loaded.

    A protected field that does not change is left out where Alma keeps what the file lacks
    (`keeps_blank`), or sets the same by itself: a value in the file would undo an edit that staff
    make until the load. The user group, which every record needs, is never left out.
    """
    kept = {*STICKY} - {"user_group", *changed_fields(live, after), *changed_lists(live, after)}
    for name in kept:
        if not (keeps_blank or current(live, name) == _DEFAULTS.get(name)):
            continue
        if name in LISTS:
            after = with_entries(after, {name: ()})
        else:
            after = with_value(after, FIELDS[name], "")
    return after


def repeated(record: User, live: User) -> int:
    """Return how many protected values of a file's record only repeat what Alma has."""
    names = {*STICKY} - {*changed_fields(live, record), *changed_lists(live, record)}
    return sum(bool(entries(record, n) if n in LISTS else current(record, n)) for n in names)


def _loaded(
    record: User, live: User, edited: Mapping[str, Imprint], rules: SisRules, hashed: Keyed
) -> User:

    def stays(name: str, *, given: bool) -> bool:
        """Whether Alma keeps a protected field."""
        last = edited.get(name)
        if name not in STICKY or last is None:
            return name in STICKY and not given and rules.keeps_blank
        restored = (
            given and rules.undoes_edits and last.reply in map(hashed, texts(last.where, record))
        )
        return not restored or (rules.keeps_names and name.startswith("pref_"))

    after = live
    if not same_id(record.primary_id, live.primary_id):
        after = after.model_copy(update={"primary_id": record.primary_id})
    for field in _SCALARS:
        value = current(record, field.name)
        if not stays(field.name, given=bool(value)):
            value = value or _DEFAULTS.get(field.name, "")
            if value != current(live, field.name):
                after = with_value(after, field, value)
    lists: dict[str, tuple[RecordPart, ...]] = {}
    for parent in _LOADED:
        held, sent = entries(live, parent), entries(record, parent)
        if not issubclass(LISTS[parent], Segment):
            made = held if stays(parent, given=bool(sent)) else sent
        else:
            made = _segments(parent, after, held, sent)
        if not same_entries(held, made):
            lists[parent] = made
    return with_entries(after, lists)


def _segments(
    parent: str, user: User, held: tuple[RecordPart, ...], sent: tuple[RecordPart, ...]
) -> tuple[RecordPart, ...]:
    """Return a list of Internal entries that stay, and of what is sent, which becomes External.

    An ID that the user has is not sent again: Alma takes no value twice (contract 3.2).
    """
    internal = [part for part in held if not _is_external(part)]
    had = [current(part, "value") for part in internal] if parent == IDS else []
    made = [
        part.model_copy(
            update={"segment_type": AccountType.EXTERNAL.segment}
            | {
                name: value
                for name, value in _PART_DEFAULTS.get(parent, {}).items()
                if not current(part, name)
            }
        )
        for part in sent
        if _is_external(part)
        and not (
            parent == IDS
            and any(same_id(current(part, "value"), value) for value in (user.primary_id, *had))
        )
    ]
    for flag in FLAGS.get(parent, ()):
        marked = [at for at, part in enumerate((*internal, *made)) if getattr(part, flag)]
        first = len(internal)
        made = [
            flagged(part, flag, on=marked[:1] == [at]) for at, part in enumerate(made, start=first)
        ]
    return (*internal, *made)


def as_loaded(case: Case, planned: Planned, rules: SisRules) -> Planned:
    """Return the step of a row, or why Alma's load would not carry it out.

    A load finds users by one ID, the first of `match.by`, and rejects a record whose user is
    Internal, or whose group does not fit the record type.
    """
    step, draft, match = planned.step, case.draft, case.match
    if isinstance(step, Create) and not rules.creates:
        return replace(planned, step=LeftAlone(step.row, draft.primary_id))
    by = draft.label_of(match.by[0])
    if isinstance(step, Held):
        kept = choices(step.problems) == (DECISIONS[Answer.REJECT],)
        codes = {Code.ACCOUNT_TYPE_DIFFERS, *((Code.ACCOUNT_TYPE_STAYS,) if kept else ())}
        internal = [problem for problem in step.problems if problem.code in codes]
        why = [(by, _INTERNAL, problem.value) for problem in internal]
    elif isinstance(step, Create | Update):
        why = [*_obstacles(step, by, match, rules)]
    else:
        return planned
    if not why:
        return planned
    problems = tuple(
        draft.problem(Code.NOT_IN_SIS_LOAD, message, label, value) for label, message, value in why
    )
    return replace(planned, step=Held(step.row, problems), imprints={})


_INTERNAL = "the user {value} is Internal in Alma, and an SIS load changes only External users"


def _obstacles(
    step: Create | Update, by: str, match: Match, rules: SisRules
) -> Iterator[tuple[str, str, str]]:
    """Yield why a load would not make a step: the label, a message, and the value it names."""
    live = step.before if isinstance(step, Update) else None
    user = step.after if isinstance(step, Update) else step.user
    kind = current(live or user, "record_type")
    if message := _unmatched(user, live, match.by[0]):
        yield by, message, current(live, "primary_id") if live is not None else ""
    group = current(user, "user_group")
    fitting = rules.record_types.get(group.casefold(), ())
    if fitting and kind not in fitting:
        others = " and ".join(fitting)
        message = f"the user group {{value}} has only {others} users in Alma, and no {kind} user"
        yield "user_group", message, group


def _unmatched(record: User, live: User | None, key: str) -> str:
    """Return why a load would not find the user of a record by this kind of ID; "" if it would.

    `live`: that user, None if the record is to be a new one. `{value}` stands for its primary ID.
    """
    ids = _ids(key, external_part(record))
    if live is not None and current(live, "account_type") == AccountType.INTERNAL:
        return _INTERNAL
    if not ids and key != "primary_id":
        return f"the row has no {key}, by which the SIS load finds users"
    if live is not None and ids.isdisjoint(_ids(key, live)):
        return f"by its {key} the SIS load would not find the user {{value}}"
    return ""


def _ids(key: str, user: User) -> set[str]:
    """Return the IDs of a type without case; `key` is `primary_id`, or a type's code."""
    if key == "primary_id":
        return {current(user, key).casefold()} - {""}
    parts = entries(user, IDS)
    return {current(part, "value").casefold() for part in parts if key in types(IDS, part)}
