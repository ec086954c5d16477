"""What became of a lost write, told from what Alma holds now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from importer.ledger.journal import Pending, Write
from importer.ledger.ledger import State
from importer.model.plan import Act
from importer.model.user import Coded, ContactInfo, Email, User, UserIdentifier
from importer.writer.outcomes import (
    NoWrite,
    WriteFound,
    verify,
)

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


DELETE = Pending(2, Act.DELETE, "1000001", WAS, WAS, (), State.UNKNOWN, 1, Write(WAS, WAS))


BARCODE = UserIdentifier(id_type=Coded(value="BARCODE"), value="21234")
EMAIL = ContactInfo(email=(Email(email_address="ana@example.org"),))
SENT = _but(BODY, account_type=Coded(value="INTERNAL"), user_identifier=(BARCODE,))
CREATE = Pending(2, Act.CREATE, "1000001", None, SENT, (), State.UNKNOWN, 1, Write(None, SENT))


@pytest.mark.parametrize(
    ("found", "first_time", "later"),
    [
        (SENT, WriteFound(), WriteFound()),
        (_but(SENT, contact_info=EMAIL), WriteFound(), WriteFound()),
        (None, NoWrite.MISSING, NoWrite.MISSING),
        (_but(SENT, primary_id="77"), NoWrite.MISSING, NoWrite.MISSING),  # another's barcode
        # Staff changed what was sent: that it is ours only an earlier attempt can tell.
        (_but(SENT, user_group=WAS.user_group), NoWrite.MISSING, WriteFound((), ("user_group",))),
        (_but(SENT, last_name="Cruz"), NoWrite.MISSING, WriteFound((), ("last_name",))),
        # Somebody else has our ID.
        (_but(SENT, first_name="Bo", last_name="Lee"), NoWrite.MISSING, NoWrite.MISSING),
        (_but(SENT, account_type=Coded(value="EXTERNAL")), NoWrite.MISSING, NoWrite.MISSING),
        (_but(SENT, user_group=None, user_identifier=()), NoWrite.MISSING, NoWrite.MISSING),
    ],
)
def test_a_create(
    found: User | None, first_time: WriteFound | NoWrite, later: WriteFound | NoWrite
) -> None:
    """It is there if all that was sent is there, or the same person with what staff changed since.

    That staff changed it is only believed where an earlier attempt may have created it.
    """
    assert verify(replace(CREATE, attempts=0), found) == first_time
    assert verify(CREATE, found) == later


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BODY, WriteFound()),
        (WAS, NoWrite.MISSING),
        (_but(WAS, first_name="Anna"), NoWrite.MISSING),  # staff changed what we do not
        (_but(BODY, first_name="Anna"), WriteFound()),
        (_but(BODY, user_group=WAS.user_group), WriteFound(("user_group",))),  # kept by Alma
        (_but(WAS, last_name="Other"), NoWrite.EDITED),
        (_but(BODY, last_name="Other"), NoWrite.EDITED),
        (None, NoWrite.USER_DELETED),
        (_but(BODY, primary_id="77"), NoWrite.USER_DELETED),
    ],
)
def test_an_update(found: User | None, expected: WriteFound | NoWrite) -> None:
    """It is there if what it changes is there; Alma takes a record whole or not at all."""
    assert verify(_update(WAS, BODY), found) == expected


def test_what_alma_does_not_answer_proves_nothing() -> None:
    """An update of a PIN alone cannot be seen, so it is put once more."""
    step = _update(WAS, _but(WAS, pin_number="2222"))
    assert verify(step, WAS) == NoWrite.MISSING


def test_what_staff_changed_before_the_write_is_not_ours() -> None:
    """Compared is with what was there just before the write, not with the plan's record."""
    planned = Pending(
        2, Act.UPDATE, "1000001", WAS, BODY, (), State.UNKNOWN, 1,
        Write(_but(WAS, first_name="Anna"), _but(BODY, first_name="Anna")),
    )  # fmt: skip
    assert verify(planned, _but(BODY, first_name="Hanna")) == WriteFound()


@pytest.mark.parametrize(
    ("found", "expected"),
    [(None, WriteFound()), (WAS, NoWrite.MISSING), (_but(WAS, primary_id="77"), WriteFound())],
)
def test_a_delete(found: User | None, expected: WriteFound | NoWrite) -> None:
    """It is done if the user is gone."""
    assert verify(DELETE, found) == expected
