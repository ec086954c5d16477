"""Who leaves, and who is back: what is set, and what the safety checks count."""

from __future__ import annotations

from datetime import date

from importer.model.fields import OnUpdate
from importer.model.people import NOTHING_COMMON
from importer.model.plan import Match, SafetyCheck, Unchanged, Update
from importer.model.user import User
from importer.planner.decide import decide
from importer.planner.leavers import Leavers, come_back, leave, left
from importer.planner.safety_checks import count_step
from importer.planner.staff_edits import nothing_earlier
from importer.users.matching import MatchedUser, MatchResult
from tests.planner.people import draft, email, identifier, scheme, user

TODAY = date(2026, 8, 20)
EARLIER = nothing_earlier(TODAY)
WHO = {"primary_id": "21234", "first_name": "Jane", "last_name": "Doe"}
MAIL = "contact_info.email[0]"


def here() -> User:
    """Somebody with a barcode, and two emails of which the library added one."""
    mails = [email("jane@example.org", preferred=True), email("desk@example.org", "work")]
    return user(
        first_name="Jane",
        last_name="Doe",
        expiry_date="2027-05-15Z",
        contact_info={"email": mails},
        user_identifier=[identifier("BARCODE", "111")],
    )


def test_who_is_back_counts_for_the_checks_as_anybody_else() -> None:
    """What the leaving added goes without a count; what the row removes, or changes first, counts.

    The row sets the whole list of emails, so that the library's own one goes.
    """
    ended = leave(draft({"expiry_date": "2026-08-20"}), here(), Match(), TODAY).step
    assert isinstance(ended, Update)
    leavers = Leavers({"21234": left(here(), ended.after, ended.after)})
    row = {**WHO, f"{MAIL}.email_address": "jane@example.org", f"{MAIL}.email_type": "personal"}
    for rule, removes in ((OnUpdate.REPLACE, False), (OnUpdate.REPLACE_ALL, True)):
        one = draft(row, plan=scheme(list(row), lists={MAIL: rule}))
        for live, known in ((here(), Leavers({})), (ended.after, leavers)):
            found = MatchResult((MatchedUser(live, ("primary_id",)),))
            planned = decide(one, found, Match(), NOTHING_COMMON, EARLIER)
            step = come_back(one, planned, known, Match(), EARLIER).step
            counts = count_step(step, ("",), hides_pins=False, clears=False)
            assert counts.concerned.get(SafetyCheck.REMOVALS, 0) == removes


def test_a_date_that_would_be_later_stays_also_where_blanks_erase() -> None:
    """Who leaves has an earlier end already: it is not moved, and not cleared."""
    plan = scheme(["expiry_date"], policies={"expiry_date": OnUpdate.ERASE})
    planned = leave(
        draft({"expiry_date": "2026-08-20"}, plan=plan),
        user(expiry_date="2026-08-01Z"), Match(), TODAY,
    )  # fmt: skip
    assert isinstance(planned.step, Unchanged)
