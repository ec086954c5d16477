"""What became of a lost write, told from what Alma holds now."""

from __future__ import annotations

import pytest

from importer.ledger.journal import Pending, Write
from importer.ledger.schema import State
from importer.model.plan import Act
from importer.model.user import Coded, User
from importer.pipeline.apply import PlannersRules
from importer.writer.verdict import Absent, Arrived, Contested, Vanished, Verdict, verdict

RULES = PlannersRules()

WAS = User(
    primary_id="1000001",
    first_name="Ana",
    last_name="Núñez",
    user_group=Coded(value="UGRD"),
    pin_number="1111",
)


def _but(user: User, **fields: object) -> User:
    return user.model_copy(update=fields)


BODY = _but(WAS, last_name="Vega", user_group=Coded(value="GRAD"))


def _update(before: User, body: User) -> Pending:
    return Pending(
        2, Act.UPDATE, "1000001", before, body, (), State.UNKNOWN, 1, Write(before, body)
    )


CREATE = Pending(2, Act.CREATE, "1000001", None, BODY, (), State.UNKNOWN, 1, Write(None, BODY))
DELETE = Pending(2, Act.DELETE, "1000001", WAS, WAS, (), State.UNKNOWN, 1, Write(WAS, WAS))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BODY, Arrived()),
        (_but(BODY, primary_id="1000001"), Arrived()),
        (None, Absent()),
        (_but(BODY, primary_id="77"), Absent()),  # another's barcode
        (_but(BODY, last_name="Other"), Contested()),
    ],
)
def test_a_create(found: User | None, expected: Verdict) -> None:
    """It is there if all that was sent is there, under our own primary identifier."""
    assert verdict(CREATE, found, RULES) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BODY, Arrived()),
        (WAS, Absent()),
        (_but(WAS, first_name="Anna"), Absent()),  # staff changed what we do not
        (_but(BODY, first_name="Anna"), Arrived()),
        (_but(BODY, user_group=WAS.user_group), Arrived(("user_group",))),  # kept by Alma
        (_but(WAS, last_name="Other"), Contested()),
        (_but(BODY, last_name="Other"), Contested()),
        (None, Vanished()),
        (_but(BODY, primary_id="77"), Vanished()),
    ],
)
def test_an_update(found: User | None, expected: Verdict) -> None:
    """It is there if what it changes is there; Alma takes a record whole or not at all."""
    assert verdict(_update(WAS, BODY), found, RULES) == expected


def test_what_alma_does_not_answer_proves_nothing() -> None:
    """An update of a PIN alone cannot be seen, so it is put once more."""
    step = _update(WAS, _but(WAS, pin_number="2222"))
    assert verdict(step, WAS, RULES) == Absent()


def test_what_staff_changed_before_the_write_is_not_ours() -> None:
    """Compared is with what was there just before the write, not with the plan's record."""
    planned = Pending(
        2, Act.UPDATE, "1000001", WAS, BODY, (), State.UNKNOWN, 1,
        Write(_but(WAS, first_name="Anna"), _but(BODY, first_name="Anna")),
    )  # fmt: skip
    assert verdict(planned, _but(BODY, first_name="Hanna"), RULES) == Arrived()


@pytest.mark.parametrize(
    ("found", "expected"),
    [(None, Arrived()), (WAS, Absent()), (_but(WAS, primary_id="77"), Arrived())],
)
def test_a_delete(found: User | None, expected: Verdict) -> None:
    """It is done if the user is gone."""
    assert verdict(DELETE, found, RULES) == expected
