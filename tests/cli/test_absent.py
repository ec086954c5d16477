"""People who are missing from a roster, over a real socket: they leave, and come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from tests.cli.conftest import Sandbox, Type
from tests.cli.small import ANA, BO, MAPPING, ask, codes, load, state, write

CY = ("2003", "Cy", "Roe", "COMM", "1970-05-06", "cy@example.org", "")
STAFF = ("2009", "Dee", "Poe", "FRIEND", "1971-05-06", "dee@example.org", "")
PLAN = ("-m", "leavers.yaml", "-o")
LEAVERS = MAPPING.replace(
    "match: {by: [primary_id], possible_match: review}",
    """match:
  absent:
    among: {user_group: [COMM]}
    after: 1
    set:
      expiry_date: <@today>
      status: INACTIVE
      user_note:
        - note_type: LIBRARY
          note_text: Missing from the roster of <@today>
          user_viewable: false
          popup_note: false""",
)


@pytest.fixture
def known(folder: Path, typed: Type, sandbox: Sandbox) -> Path:
    """Four people in Alma and in the user cache, one of them outside the group. The folder."""
    load(typed, write(folder, ANA, (*BO[:3], "COMM", *BO[4:]), CY, STAFF), "first")
    assert typed("users", "refresh").exit == Exit.DONE
    (folder / "leavers.yaml").write_text(LEAVERS, "utf-8")
    return folder


def inactive(sandbox: Sandbox) -> set[str]:
    """The users who left."""
    users = state(sandbox).items()
    return {
        key for key, user in users if user["status"] == {"value": "INACTIVE", "desc": "Inactive"}
    }


def test_who_is_missing_leaves_and_comes_back(known: Path, typed: Type, sandbox: Sandbox) -> None:
    """Only people of the group are changed, once; who is back is as before, but for the note."""
    before = state(sandbox)
    ask(sandbox, "POST", "users/2003/loans", {"loans": 2})
    gone = typed("plan", write(known, ANA, STAFF), *PLAN, "gone", "--json")
    assert (gone.exit, gone.summary["update"], gone.summary["rows"]) == (0, 2, 4)
    missing = [(row, "missing-from-roster") for row in ("0", "5000001", "5000002")]
    assert codes(known, "gone") == missing
    assert "2 loans" in typed("show", "gone", "absent-2", "--show-values").out
    assert state(sandbox) == before
    applied = typed("apply", "gone", "--json").summary
    assert applied["updated"] == 2
    assert inactive(sandbox) == {"2002", "2003"}
    assert state(sandbox)["2009"] == before["2009"]
    again = typed("plan", write(known, ANA, STAFF), *PLAN, "again", "--json").summary
    assert again["update"] == 0
    back = typed("plan", write(known, ANA, CY, STAFF), *PLAN, "back", "--json").summary
    assert back["update"] == 1
    assert ("3", "returned") in codes(known, "back")
    typed("apply", "back")
    assert inactive(sandbox) == {"2002"}
    user = state(sandbox)["2003"]
    assert len(user.pop("user_note")) == 1  # type: ignore[arg-type]
    assert user == {key: value for key, value in before["2003"].items() if key != "user_note"}
