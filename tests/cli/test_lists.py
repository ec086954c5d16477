"""Lists of people: for letters, for a set of Alma, and of users who are one person."""

from __future__ import annotations

from pathlib import Path

from importer.errors import Exit
from tests.cli.conftest import Sandbox
from tests.cli.small import ANA, BO, MAPPING, load, write
from tests.command_line import typed
from tests.sheets import read_csv

LETTERS = MAPPING.replace(
    "  user_note:",
    """  expiry_date: <Note>
  pin_number: "1234"
  user_identifier:
    - id_type: BARCODE
      value: C<Id>
  user_note:""",
).replace("note_text: <Note>", "note_text: <Group>")


def test_letters_go_to_who_is_new_and_to_who_is_renewed(sandbox: Sandbox) -> None:
    """Each in a file of its own, with the card and without the PIN."""
    mapping = Path("letters.yaml")
    mapping.write_text(LETTERS, "utf-8")
    first = write((*ANA[:6], "2027-01-31"))
    load(first, "first", "letters.yaml")
    later = (*ANA[:6], "2028-01-31"), (*BO[:6], "2028-01-31")
    load(write(*later), "second", "letters.yaml")
    assert typed("report", "second", "--as", "mail-merge").exit == Exit.DONE
    (heads, bo), (_, ana) = (
        read_csv(Path("second", f"mail-merge-{kind}.csv")) for kind in ("created", "renewed")
    )
    assert "PIN" not in heads
    shown = dict(zip(heads, bo, strict=True))
    assert (shown["Card"], shown["Expires"], shown["Email"]) == ("C2002", "2028-01-31", BO[5])
    assert ana[heads.index("Primary ID")] == "2001"
    assert "1234" not in bo
    assert typed("report", "second", "--as", "set", "--json").summary["files"]
    assert read_csv(Path("second/set.csv")) == [["USERNAME"], ["2001"], ["2002"]]


def test_lists_are_of_what_was_applied(sandbox: Sandbox) -> None:
    """A plan created nobody yet."""
    typed("plan", write(ANA), "-m", "small.yaml", "-o", "run")
    assert typed("report", "run", "--as", "set").exit == Exit.USAGE


def test_who_is_twice_in_alma_is_listed_for_the_merge(sandbox: Sandbox) -> None:
    """Both records stand side by side, masked on the screen, whole in the file."""
    load(write(ANA, BO), "first")
    twice = MAPPING.replace("possible_match: review", "possible_match: ignore")
    Path("twice.yaml").write_text(twice, "utf-8")
    load(write(("2101", *ANA[1:])), "second", "twice.yaml")
    assert typed("users", "duplicates").exit == Exit.USAGE
    typed("users", "refresh")
    found = typed("users", "duplicates", "-o", "merge.csv", "--json").summary
    assert (len(found["pairs"]), found["offered"]) == (1, 1)
    assert "Nunez" not in str(found)
    _, row = read_csv(Path("merge.csv"))
    assert ({*row[:2]}, row[3], "Nunez" in row) == ({"2001", "2101"}, "", True)
    (cache,) = Path("users").glob("*.sqlite")
    cache.with_name("01SANDBOX_INST-production.sqlite").touch()
    assert "users delete" in typed("users", "duplicates").err
