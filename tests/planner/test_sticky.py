"""Sticky fields over any history of rosters, edits by staff, and loads."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from importer.model.plan import Remembered
from importer.model.user import AccountType, User
from importer.planner.merge import merge
from importer.planner.sticky import answered_sticky
from tests.planner.people import draft, scheme, user

_LABELS = ["pref_first_name", "rs_library[0].code"]
_PLANS = {account: scheme(_LABELS, account) for account in AccountType}
_VALUES = st.sampled_from(["A", "B", "C"])
_EVENTS = st.lists(
    st.tuples(st.sampled_from(["roster", "staff", "load", "load", "load"]), _VALUES), max_size=25
)


@dataclass
class _Alma:
    """One user: Alma keeps what staff edited of an External one.

    With `reset` it takes the value from before the edit, which ends the protection.
    """

    account: AccountType
    reset: bool
    name: str = "A"
    library: str = "A"
    edited: str | None = None
    memory: dict[str, Remembered] = field(default_factory=dict)

    def user(self) -> User:
        """Return the user as GET shows it."""
        libraries = [{"code": {"value": self.library, "desc": ""}}]
        kind = {"value": self.account.value, "desc": ""}
        return user(account_type=kind, pref_first_name=self.name, rs_library=libraries)

    def edit(self, value: str) -> None:
        """Change the name as staff do."""
        if value != self.name:
            if self.account is AccountType.EXTERNAL and self.edited is None:
                self.edited = self.name
            self.name = value

    def load(self, wanted: str) -> bool:
        """Load a roster with this name; return whether a PUT was sent."""
        before = self.user()
        row = draft(
            {"pref_first_name": wanted, "rs_library[0].code": "A"}, plan=_PLANS[self.account]
        )
        merged = merge(row, before, self.memory)
        self.memory |= merged.sticky
        if not merged.changes:
            return False
        sent = merged.after.pref_first_name or ""
        if self.edited is None or (self.reset and sent == self.edited):
            self.name, self.edited = sent, None
        self.memory |= answered_sticky(before, merged.after, self.user())
        return True


@given(events=_EVENTS, account=st.sampled_from(AccountType), reset=st.booleans())
def test_loads_come_to_rest_and_never_undo_an_edit(
    events: list[tuple[str, str]], account: AccountType, *, reset: bool
) -> None:
    """A load after a load sends nothing; while the roster stays the same, an edit stays too."""
    alma, roster = _Alma(account, reset), "A"
    rested = loaded = False
    for kind, value in events:
        if kind == "roster" and value != roster:
            roster, rested, loaded = value, False, False
        elif kind == "staff":
            alma.edit(value)
            rested = False
        elif kind == "load":
            before = alma.name
            sent = alma.load(roster)
            assert not (rested and sent)
            if loaded and before != roster:
                assert alma.name == before
            rested = loaded = True
