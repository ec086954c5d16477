"""Every file of the zoo goes through the whole product, from the bytes to the reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.errors import Exit
from tests.command_line import typed
from tests.zoo.books import BOOKS
from tests.zoo.specimen import Specimen
from tests.zoo.strangers import STRANGERS
from tests.zoo.texts import TEXTS

MAPPING = """\
version: 1
account_type: INTERNAL
roster: {{dates: mdy}}
record:
  primary_id: <{id}>
  first_name: Ana
  last_name: <{name}>
  user_group: COMM
"""
ZOO = [one for one in [*BOOKS, *TEXTS, *STRANGERS] if "last cell" not in one.hazard]


@pytest.mark.parametrize("specimen", ZOO, ids=str)
def test_no_file_shows_a_defect_of_ours(specimen: Specimen) -> None:
    """It is checked, or refused for what it is; a first mapping is made for it, or not."""
    specimen.build(Path(specimen.name))
    ours = ("EMPL ID", "Last Name") if specimen in TEXTS else ("ID", "Name")
    Path("m.yaml").write_text(MAPPING.format(id=ours[0], name=ours[1]), "utf-8")
    checked = typed("check", specimen.name, "-m", "m.yaml", "-o", "run", "--json")
    assert checked.exit in {Exit.DONE, Exit.REJECTS, Exit.ROSTER, Exit.USAGE}
    if checked.exit in {Exit.DONE, Exit.REJECTS} and not specimen.refusal:
        assert checked.summary["rows"] == len([*specimen.rows, *specimen.blank, *specimen.left_out])
    made = typed("mapping", "new", specimen.name)
    assert made.exit in {Exit.DONE, Exit.ROSTER}
