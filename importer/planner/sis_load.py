"""What Alma's SIS load makes of a user: the record that its file has, and the user afterwards.

The load replaces an External user's whole record, except for Internal entries, roles, proxies, and
protected fields that staff edited (contract section 5). A plan writes the user as it is to be into
the file, so a value that Alma keeps is in the file as Alma has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from importer.model.fields import FIELDS, LISTS
from importer.model.plan import (
    DECISIONS,
    Answer,
    ChangeKind,
    Create,
    Held,
    Imprint,
    Imprints,
    LeftAlone,
    Match,
    Planned,
    SisRules,
    Update,
    UserMemory,
    Where,
    choices,
)
from importer.model.problem import Code
from importer.model.user import AccountType, Coded, Part, Segment, User
from importer.planner.drafts import DraftUser
from importer.planner.entries import (
    FLAGS,
    STICKY,
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
from importer.planner.merge import IDS, SET_APART, Merged, new_user
from importer.planner.patch import changed_fields, changed_lists, differences
from importer.planner.staff_edits import Earlier, Edit, Keyed, Reviewed, texts, value_of

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
        name: tuple(filter(_is_external, there)) for name in LISTS if (there := entries(user, name))
    }
    return with_entries(user, lists)


def _is_external(part: Part) -> bool:
    return getattr(part, "segment_type", None) != AccountType.INTERNAL.segment


def sis_merge(
    draft: DraftUser,
    row: DraftUser,
    live: User,
    merged: Merged,
    edited: Mapping[str, Imprint],
    earlier: Earlier,
) -> Merged:
    """Return the user after a load of a row, and what that changes.

    `row` is the draft without the values that stay as Alma has them, and `merged` what the API
    would make of it. `edited`: the protected fields that staff edited, as the last load left them.
    Where the plan is sent through the API, that is `merged`.
    """
    rules = earlier.sis
    if rules is None:
        return merged
    record = merged.after if rules.fill else _bare(draft, row, merged.after)
    after = _loaded(record, live, edited, rules, earlier.hashed)
    changes = tuple(
        replace(change, kind=ChangeKind.REMOVE)
        if change.path in _DEFAULTS and change.old and not current(record, change.path)
        else change
        for change in differences(live, after)
    )
    found = tuple(sorted(changes, key=lambda change: change.kind is not ChangeKind.REMOVE))
    return Merged(after, found) if found else Merged(live)


def _bare(draft: DraftUser, row: DraftUser, merged: User) -> User:
    """Return the record with what the row gives, and what of it stays as Alma has it.

    Everything else is blank, so that a load clears it. Of a list in which a value stays, everything
    stays that an update would leave.
    """
    given = {
        label: draft.layout.targets[label].field for label, text in draft.values.items() if text
    }
    stays = {field.parent for label, field in given.items() if label not in row.values}
    filled = {field.path for field in given.values()}
    made = new_user(row)
    record = merged
    for field in _SCALARS:
        if field.path not in filled and current(record, field.name):
            record = with_value(record, field, "")
    lists = {parent: entries(made, parent) for parent in _LOADED if parent not in stays}
    return with_entries(record, lists)


def _loaded(
    record: User, live: User, edited: Mapping[str, Imprint], rules: SisRules, hashed: Keyed
) -> User:

    def stays(name: str, *, given: bool) -> bool:
        """Whether Alma keeps a protected field."""
        last = edited.get(name)
        if name not in STICKY or last is None:
            return name in STICKY and not given and rules.keeps_blank
        restored = (
            given and rules.undoes_edits and last.answered in map(hashed, texts(last.where, record))
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
    lists: dict[str, tuple[Part, ...]] = {}
    for parent in _LOADED:
        there, sent = entries(live, parent), entries(record, parent)
        if not issubclass(LISTS[parent], Segment):
            made = there if stays(parent, given=bool(sent)) else sent
        else:
            made = _segments(parent, after, there, sent)
        if not same_entries(there, made):
            lists[parent] = made
    return with_entries(after, lists)


def _segments(
    parent: str, user: User, there: tuple[Part, ...], sent: tuple[Part, ...]
) -> tuple[Part, ...]:
    """Return a list of Internal entries that stay, and of what is sent, which becomes External.

    An ID that the user has is not sent again: Alma takes no value twice (contract 3.2).
    """
    internal = [part for part in there if not _is_external(part)]
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
            and any(same_id(current(part, "value"), one) for one in (user.primary_id, *had))
        )
    ]
    for flag in FLAGS.get(parent, ()):
        marked = [at for at, part in enumerate((*internal, *made)) if getattr(part, flag)]
        first = len(internal)
        made = [
            flagged(part, flag, on=marked[:1] == [at]) for at, part in enumerate(made, start=first)
        ]
    return (*internal, *made)


def after_load(
    draft: DraftUser,
    reviewed: Reviewed,
    memory: UserMemory,
    edited: Mapping[str, Imprint],
    live: User,
    after: User,
    earlier: Earlier,
) -> Reviewed:
    """Return what was reviewed, as a load leaves it; as it is if the plan is sent through the API.

    An edit of a protected field that stays, stays edited. Of protected fields that the row does not
    give, it is remembered what Alma has then, so that a later edit shows. What the load removes is
    forgotten: `made` is "" then.
    """
    if earlier.sis is None:
        return reviewed
    imprints = {**reviewed.imprints}
    for key, one in ({} if memory.own is None else memory.own).items():
        gone = texts(one.where, live) != texts(one.where, after)
        if gone and key not in imprints:
            imprints[key] = one._replace(made="")
    imprints |= not_given(draft, imprints, after, earlier)
    kept = {*edited} - {*changed_fields(live, after), *changed_lists(live, after)}
    for key, one in imprints.items():
        if one.where.path in kept and one.made:
            last = edited[one.where.path]
            imprints[key] = one._replace(answered=last.answered, since=last.since)
    targets = reviewed.draft.layout.targets

    def as_left(edit: Edit) -> Edit:
        field = targets[edit.label].field
        stays = (field.parent or field.name) in kept
        return replace(edit, replaced=False, asked=False) if stays else edit

    return replace(reviewed, edits=tuple(map(as_left, reviewed.edits)), imprints=imprints)


def not_given(
    draft: DraftUser, imprints: Imprints, after: User, earlier: Earlier
) -> dict[str, Imprint]:
    """Return what to remember of protected fields that a row does not give."""
    labels = {target.field.name: target.label for target in draft.layout.scalars}
    found = {}
    for field in _SCALARS:
        name = field.name
        there = imprints.get(name)
        if name in STICKY and (there is None or not there.made):
            own = (labels[name],) if name in labels else ()
            text = normal(name, current(after, name) or _DEFAULTS.get(name, ""))
            value = value_of(draft, earlier.hashed, name, Where(name), own, text)
            today = earlier.today.isoformat()
            found[name] = Imprint(
                value.where, value.cells, value.rule, value.made, value.made, today
            )
    return found


def as_loaded(draft: DraftUser, planned: Planned, match: Match, rules: SisRules) -> Planned:
    """Return the step of a row, or why Alma's load would not carry it out.

    A load finds users by one ID, the first of `match.by`, and rejects a record whose user is
    Internal, or whose group does not fit the record type.
    """
    step = planned.step
    if isinstance(step, Create) and not rules.creates:
        return replace(planned, step=LeftAlone(step.row))
    by = draft.label_of(match.by[0])
    if isinstance(step, Held):
        kept = choices(step.problems) == (DECISIONS[Answer.REJECT],)
        codes = {Code.ACCOUNT_TYPE_DIFFERS, *((Code.ACCOUNT_TYPE_STAYS,) if kept else ())}
        internal = [one for one in step.problems if one.code in codes]
        why = [(by, _INTERNAL, one.value) for one in internal]
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
    if message := unmatched(user, live, match.by[0]):
        yield by, message, current(live, "primary_id") if live is not None else ""
    group = current(user, "user_group")
    fitting = rules.record_types.get(group.casefold(), ())
    if fitting and kind not in fitting:
        others = " and ".join(fitting)
        message = f"the user group {{value}} has only {others} users in Alma, and no {kind} user"
        yield "user_group", message, group


def unmatched(record: User, live: User | None, key: str) -> str:
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
