"""Twenty needs of real rosters: each is a key, or the reference says why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.model.problem import Code
from tests.docs.pages import DOCS
from tests.mapper.bench import Bench, findings, mapping_text

PAGE = (DOCS / "reference" / "mapping.md").read_text("utf-8")
TABLE = PAGE.partition("## From a need to a key")[2].partition("\n## ")[0]

BY_A_KEY: dict[str, tuple[str, str, dict[str, tuple[str, ...]]]] = {
    "a whole name in one cell": (
        "middle_name: <$p.middle>\npref_last_name: <$p.last>\npref_name_suffix: <$p.suffix>",
        "values: {p: {from: <A>, read: name}}",
        {
            "van der Berg, Ann Marie Jr.": ("Marie", "van der Berg", "Jr."),
            "Bo Lee": ("", "Lee", ""),
        },
    ),
    "first and last names in mixed order": (
        "pref_first_name: <$p.first>\npref_last_name: <$p.last>",
        "values: {p: {from: <A>, read: name}}",
        {"Lee, Ann": ("Ann", "Lee"), "Ann Lee": ("Ann", "Lee")},
    ),
    "people with one name": (
        'pref_first_name: {from: <A>, clean: [{split: {on: " ", take: 1}}]}\n'
        'pref_last_name: {from: <A>, clean: [{split: {on: " ", take: -1}}], default: "-"}',
        "",
        {"Cher": ("Cher", "-"), "Ann Lee": ("Ann", "Lee")},
    ),
    "several lines in one address cell": (
        "job_description: {from: <A>, clean: [{split: {on: newline, take: 1}}]}\n"
        "web_site_url: {from: <A>, clean: [{split: {on: newline, take: 2}}]}",
        "",
        {"1 Elm St ⏎ Fargo": ("1 Elm St", "Fargo")},
    ),
    "several emails in one cell": (
        "contact_info: {email: [{each: {from: <A>, on: [newline, ';', ' / ']}, "
        "email_address: <A>, email_type: work}]}",
        "",
        {"a@x.org / b@x.org; c@x.org": ("a@x.org", "b@x.org", "c@x.org", "", "")},
    ),
    "a patron type from two columns": (
        "campus_code: {from: '<A>/<B>', lookup: {Staff/PT: PART, Staff/: FULL}}",
        "",
        {"Staff | PT": ("PART",), "Staff": ("FULL",)},
    ),
    "a group by several conditions": (
        "campus_code: {cases: [{when: {A: Staff, B: {matches: 'LAW.*'}}, from: LAW}, "
        "{when: {A: Staff}, from: MAIN}, ALL]}",
        "",
        {"Staff | LAW-2": ("LAW",), "Staff | ART": ("MAIN",), "x": ("ALL",)},
    ),
    "a date by the name of a term": (
        "expiry_date: {from: <A>, lookup: {Fall 2026: 2026-12-20, '*': same}}",
        "",
        {"fall 2026": ("2026-12-20",), "2027-01-02": ("2027-01-02",)},
    ),
    "the end of a term, by group": (
        "expiry_date: {from: <@today>, plus: end of term}",
        "terms: {COMM: [{ends: 12-20, grace: 10 days}], '*': [{ends: 05-15}]}",
        {"": ("2026-12-30",)},
    ),
    "a date of a month or a year": (
        "expiry_date: {from: <A>, dates: {month: end, year: end}}",
        "",
        {"Dec 2027": ("2027-12-31",), "2028": ("2028-12-31",)},
    ),
    "words that mean blank": (
        "job_description: <A>",
        "roster: {blank: [unknown, TBD]}",
        {"tbd": ("",), "Clerk": ("Clerk",)},
    ),
    "letters around a scanned card": (
        "job_description: {from: <A>, clean: [{replace: {find: '^[A-D]|[A-D]$', with: ''}}]}",
        "",
        {"A20001234567893B": ("20001234567893",)},
    ),
    "a second file by the ID": (
        "job_description: {from: <A>, lookup: {file: staff.csv, key: ID, value: Title}}",
        "",
        {"7": ("Dean",), "8": ("",)},
    ),
    "a statistic by a pattern": (
        "user_statistic: [{statistic_category: {from: <A>, clean: [{extract: '^[A-Z]+'}], "
        "lookup: {LAW: LAWSCHOOL, '*': ''}}}]",
        "",
        {"LAW-12": ("LAWSCHOOL",), "ART-1": ("",)},
    ),
    "a note with the day": (
        "user_note: [{note_type: LIBRARY, note_text: '<A>, <@today>'}]",
        "",
        {"Paid": ("LIBRARY", "Paid, 2026-08-20")},
    ),
    "years of the Buddhist calendar": (
        "birth_date: {from: <A>, dates: dmy, minus: 543 years}",
        "",
        {"1/2/2541": ("1998-02-01",)},
    ),
}
"""Record, top, and for cells under A and B the texts of the fields, in the record's order."""

REFUSED = {
    "dates of the Hijri calendar": ("birth_date: {from: <A>, dates: hijri}", "order of dates"),
    "roles other than Patron": ("user_role: [{role_type: 200}]", "`patron_role`"),
    "check digits but mod10": ("", "mod10"),
    "one row for several people": ("each: {from: <A>}", "not a known key"),
}
"""Record, and words of the finding."""


@pytest.mark.parametrize("need", BY_A_KEY)
def test_a_need_is_one_key(need: str, tmp_path: Path) -> None:
    """Each row of cells gives these texts, without a finding."""
    record, top, rows = BY_A_KEY[need]
    (tmp_path / "staff.csv").write_text('ID,Title\n7,Dean\n"*",\n', "utf-8")
    bench = Bench(tmp_path, record, top, "A|B")
    cells = [(*row.split(" | "), "")[:2] for row in rows]
    mapped = bench.map(*cells)
    named = {line.partition(":")[0] for line in record.splitlines()}
    own = [one for one in mapped.frame.columns if one.split("[")[0].split(".")[0] in named]
    own = [one for one in own if not one.endswith("email_type")]
    assert [tuple(texts) for texts in mapped.frame[own].to_numpy()] == [*rows.values()]
    assert {one.code for one in mapped.problems} <= {Code.ZEROS_RESTORED}


@pytest.mark.parametrize("need", REFUSED)
def test_what_there_is_no_key_for_is_refused_by_name(need: str, tmp_path: Path) -> None:
    """The finding says what is known instead."""
    record, words = REFUSED[need]
    top = "" if record else "ids: {ID: {check_digit: mod11}}"
    assert any(words in one for one in findings(tmp_path, mapping_text(record, top)))


def test_the_reference_has_every_need() -> None:
    """With its key, or the reason why there is none."""
    rows = [line.split(" | ")[0].strip("| ") for line in TABLE.splitlines() if line[:2] == "| "]
    assert rows[1:] == [*BY_A_KEY, *REFUSED]
    assert len(rows) == 21
