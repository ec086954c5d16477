"""Identifiers stay unique, whatever is created, changed and deleted, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.alma import Alma, barcode, person

_NAMES = st.sampled_from(["a", "A", "b", "B", "ß", "SS", "c", "d"])


@dataclass(frozen=True)
class _Step:
    """A POST, PUT or DELETE with the identifiers that it names."""

    method: str
    target: str
    primary_id: str
    barcodes: tuple[str, ...]


_STEPS = st.builds(
    _Step,
    st.sampled_from(["POST", "POST", "PUT", "DELETE"]),
    _NAMES,
    _NAMES,
    st.lists(_NAMES, max_size=2).map(tuple),
)


class _Model:
    """What Alma should contain: the identifiers of each user, without case."""

    def __init__(self) -> None:
        self.users: list[list[str]] = []

    def take(self, step: _Step) -> bool:
        """Return whether Alma should accept the step; if so, carry it out here too."""
        wanted = [step.primary_id.casefold(), *(code.casefold() for code in step.barcodes)]
        old = [user for user in self.users if step.target.casefold() in user]
        others = self.users if step.method == "POST" else [u for u in self.users if u not in old]
        if step.method != "POST" and not old:
            return False
        if step.method != "DELETE":
            if len(set(wanted)) < len(wanted) or any(set(wanted) & set(u) for u in others):
                return False
            others = [*others, wanted]
        self.users = others
        return True


def _identifiers(user: dict[str, Any]) -> list[str]:
    additional = [entry["value"].casefold() for entry in user["user_identifier"]]
    return [user["primary_id"].casefold(), *additional]


@settings(deadline=None, max_examples=60, database=None)
@given(steps=st.lists(_STEPS, max_size=12))
def test_any_history_keeps_identifiers_unique(shared: Alma, steps: list[_Step]) -> None:
    """The practice Alma accepts, contains and logs the same as a simple model."""
    shared.admin("DELETE", "/log")
    model, taken = _Model(), []
    for step in steps:
        codes = [barcode(code) for code in step.barcodes]
        body = person(primary_id=step.primary_id, user_identifier=codes)
        path = "/users" if step.method == "POST" else f"/users/{step.target}"
        answer = shared.call(step.method, path, None if step.method == "DELETE" else body)
        assert (answer.status_code in {200, 204}) is model.take(step), answer.text
        taken.append(answer.status_code in {200, 204})
    assert [entry["applied"] for entry in shared.log()] == taken
    held = shared.admin("GET", "/state").json()["users"]
    assert sorted(map(_identifiers, held)) == sorted(model.users)
    for user in held:
        shared.call("DELETE", f"/users/{user['primary_id']}")
