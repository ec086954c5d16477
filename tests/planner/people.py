"""Invented rosters and live users for the planner's tests, without any file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from importer.alma.facts import KnownFacts
from importer.ledger.journal import RunContent, write_run
from importer.model.candidates import Candidates, FieldColumn, ListEntry, RecordLayout
from importer.model.fields import FIELDS, LISTS, OnUpdate
from importer.model.people import NOTHING_COMMON
from importer.model.plan import Fate, Match, Planned, SafetyLimits, Step, Update
from importer.model.problem import Place
from importer.model.roster import Source
from importer.model.run import FailedCheck
from importer.model.safety_checks import folded_groups
from importer.model.user import AccountType, User
from importer.planner.case import Case, EarlierLoads, nothing_earlier
from importer.planner.drafts import DraftUser, drafts
from importer.planner.entries import comparable, entries
from importer.planner.merge import Merged, merge, unless_by_day
from importer.planner.safety_checks import checked
from importer.planner.written import Lines
from importer.users.matching import MatchResult
from tests.report.building import FACTS

SOURCE = Source(Path("autumn.csv"), "0" * 64, "csv")
NOTHING_EARLIER = nothing_earlier(date(2026, 8, 20))
FIRST = 2  # the row under the heading

Policies = Mapping[str, OnUpdate]


def target(
    label: str,
    on_update: OnUpdate = OnUpdate.REPLACE,
    *,
    override: bool = False,
    volatile: bool = False,
    reads: tuple[int, ...] = (),
    rule: str = "as it is",
) -> FieldColumn:
    """A target under its label; every one stands in a column of its own name."""
    path = label.replace("]", "").replace("[", ".")
    path = ".".join(part for part in path.split(".") if not part.isdigit())
    place = Place("A", label)
    return FieldColumn(
        label,
        FIELDS[path],
        (place,),
        on_update,
        override,
        run_dependent=volatile,
        reads=reads,
        rule=rule,
    )


def scheme(
    labels: Sequence[str],
    account: AccountType = AccountType.INTERNAL,
    *,
    policies: Policies | None = None,
    lists: Policies | None = None,
    volatile: frozenset[str] = frozenset(),
    override: frozenset[str] = frozenset(),
    rules: Mapping[str, str] | None = None,
    unread: frozenset[str] = frozenset(),
) -> RecordLayout:
    """A scheme of some labels; entries are those of the labels, `a.b[0]` being an entry's name.

    Each label reads the column at its place among them, except those of `unread`.
    """
    policies, lists = policies or {}, lists or {}
    targets = {
        label: target(
            label,
            policies.get(label, OnUpdate.REPLACE),
            override=label in override,
            volatile=label in volatile,
            reads=() if label in unread else (position,),
            rule=(rules or {}).get(label, "as it is"),
        )
        for position, label in enumerate(labels)
    }
    grouped: dict[str, list[str]] = {}
    for label in labels:
        if "]" in label:
            grouped.setdefault(label[: label.index("]") + 1], []).append(label)
    entries = tuple(
        ListEntry(name[: name.index("[")], tuple(members), lists.get(name, OnUpdate.REPLACE))
        for name, members in grouped.items()
    )
    return RecordLayout(account, "PUBLIC", targets, entries)


def candidates(
    plan: RecordLayout,
    rows: Sequence[Mapping[str, str]],
    not_applicable: Mapping[str, frozenset[int]] | None = None,
) -> Candidates:
    """Candidates of some rows, numbered from the row under the heading."""
    columns = {label: [row.get(label, "") for row in rows] for label in plan.targets}
    frame = pd.DataFrame(columns, index=range(FIRST, FIRST + len(rows)), dtype=object)
    cells = frame.set_axis(range(len(columns)), axis="columns")
    return Candidates(SOURCE, plan, frame, cells, dict(not_applicable or {}))


def draft(
    row: Mapping[str, str],
    account: AccountType = AccountType.INTERNAL,
    *,
    not_applicable: frozenset[str] = frozenset(),
    plan: RecordLayout | None = None,
) -> DraftUser:
    """The draft of one row; without a scheme, the one of the row's own labels."""
    made = candidates(
        plan or scheme(list(row), account),
        [row],
        {label: frozenset({FIRST}) for label in not_applicable},
    )
    return next(drafts(made, [FIRST], {}))


def case(
    row: DraftUser,
    earlier: EarlierLoads = NOTHING_EARLIER,
    *,
    found: MatchResult | None = None,
    match: Match | None = None,
) -> Case:
    """The case of a row of whom nobody was found and nothing is remembered, by the usual rules."""
    return Case(row, found or MatchResult(), match or Match(), NOTHING_COMMON, earlier)


def user(**fields: object) -> User:
    """A user as Alma's JSON has it, Internal unless said otherwise."""
    return User.model_validate(
        {"primary_id": "21234", "account_type": {"value": "INTERNAL", "desc": "Internal"}} | fields
    )


def email(address: str, kind: str = "personal", **more: object) -> dict[str, object]:
    """An e-mail address as Alma's JSON has it."""
    held = {"email_address": address, "email_type": [{"value": kind, "desc": kind.title()}]}
    return {"segment_type": "Internal", "preferred": False} | held | more


def mails(text: str) -> User:
    """A user with these emails, such as `old* new/work`: `*` is preferred."""
    words = [one.partition("/") for one in text.split()]
    every = [
        email(f"{name.strip('*')}@example.org", kind or "personal", preferred="*" in name)
        for name, _, kind in words
    ]
    return user(contact_info={"email": every})


def identifier(kind: str, value: str, **more: object) -> dict[str, object]:
    """An identifier as Alma's JSON has it."""
    held = {"id_type": {"value": kind, "desc": kind.title()}, "value": value}
    return {"segment_type": "Internal"} | held | more


def address(line: str, kind: str = "home", **more: object) -> dict[str, object]:
    """A postal address as Alma's JSON has it."""
    held = {"line1": line, "address_type": [{"value": kind, "desc": kind.title()}]}
    return {"segment_type": "Internal", "preferred": False} | held | more


def updated(
    row: DraftUser, live: User, lines: Lines | None = None, beside: Collection[str] = ()
) -> Merged:
    """The row merged into a user who keeps ID and account type; nothing for the day alone."""
    made = merge(case(row), live, rename=False, lines=lines or {})
    return unless_by_day(made, row, beside, live)


def shape(one: User) -> tuple[object, ...]:
    """Everything about a user that counts, whatever the order of the entries in a list."""
    lists = {
        parent: sorted(sorted(comparable(part).items()) for part in entries(one, parent))
        for parent in LISTS
    }
    return comparable(one), lists, one.user_role


def counted(step: Update, groups: Collection[str]) -> Update:
    """The update with the safety checks that count it; nothing is known of its Alma."""
    made = checked(Planned(step), SOURCE.origin(2), groups, KnownFacts({}), sis=False).step
    assert isinstance(made, Update)
    return made


def failing(
    steps: Sequence[Step], limits: SafetyLimits, groups: Collection[str]
) -> tuple[FailedCheck, ...]:
    """The safety checks that a plan of one roster fails."""
    given = folded_groups(groups)
    every = (counted(step, given) if isinstance(step, Update) else step for step in steps)
    rows = [replace(step, row=row) for row, step in enumerate(every, start=2)]
    mapping = FACTS.mapping.model_copy(update={"safety_limits": limits})
    facts = FACTS.model_copy(update={"command": "plan", "mapping": mapping})
    fates = {one.row: Fate.READY for one in rows}
    with (
        TemporaryDirectory() as folder,
        write_run(Path(folder), facts, fates, RunContent(steps=rows)) as ledger,
    ):
        return ledger.failed_checks()
