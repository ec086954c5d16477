"""People in Alma, and a roster whose rows need an answer about them."""

from __future__ import annotations

from importer.errors import Exit
from tests.web.conftest import Library, run_command, with_mapping

MAPPING = """version: 1
account_type: INTERNAL
match: {by: [primary_id], possible_match: review, keep_old_id: {type: BARCODE}}
record:
  primary_id: <Id>
  first_name: <First>
  last_name: <Last>
  birth_date: <Born>
  user_group: COMM
  contact_info: {email: [{email_type: personal, email_address: <Email>}]}
"""

PEOPLE = {
    "901": ("Ana", "Silva", "1988-03-14", "ana@example.org"),
    "902": ("Bo", "Berg", "1971-11-22", "bo@example.org"),
    "503": ("Edgar", "Hollins", "1961-07-22", "ed@example.org"),
    "904": ("Cy", "Cole", "1990-07-21", ""),
}

ROSTER = """Id,First,Last,Born,Email
501,Ana,Silva,1988-03-14,ana@example.org
502,Bo,Berg,1971-11-22,bo@example.org
503,Di,Dahl,1965-01-30,di@example.org
504,Cy,Cole,1990-07-21,cy@example.org
505,Fay,Far,1999-01-02,fay@example.org
"""


def prepare(library: Library) -> None:
    """Add the people and the mapping above, and make the user cache."""
    with_mapping(library.folder, "born.yaml", MAPPING)
    for primary_id, (first, last, born, email) in PEOPLE.items():
        entry = {"email_address": email, "email_type": [{"value": "personal"}], "preferred": True}
        contact = {"email": [entry] if email else []}
        library.add(primary_id, first, last, birth_date=f"{born}Z", contact_info=contact)
    assert run_command(library.folder, "users", "refresh") == Exit.DONE
