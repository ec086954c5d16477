"""Rows without the ID that their kind of patron needs, whose card is known."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Sandbox, Type
from tests.cli.small import codes

MAPPING = """\
version: 1
name: students
account_type: EXTERNAL
owning_system: SIS
record:
  primary_id: <EMPL ID>
  first_name: <First>
  last_name: <Last>
  user_group: UGRD
  user_identifier:
    - {id_type: BARCODE, value: <Card>}
"""


def test_plan_keeps_what_check_says_about_a_blank_empl_id(
    folder: Path, typed: Type, sandbox: Sandbox
) -> None:
    """A row whose card another user has still says first that its EMPL ID is missing."""
    (folder / "m.yaml").write_text(MAPPING, "utf-8")
    (folder / "first.csv").write_text("EMPL ID,First,Last,Card\n1001,Ida,Zorn,B1\n", "utf-8")
    typed("plan", "first.csv", "-m", "m.yaml", "-o", "first")
    typed("apply", "first", "--yes")
    (folder / "next.csv").write_text("EMPL ID,First,Last,Card\n,Ida,Zorn,B1\n", "utf-8")
    for command, more in (("check", []), ("plan", ["known-by-another-id"])):
        typed(command, "next.csv", "-m", "m.yaml", "-o", command)
        found = [code for row, code in codes(folder, command) if row == "2"]
        assert found == ["missing-empl-id", *more]
