"""A row's values depend on that row alone, however the roster is cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.mapper.compile import CompiledMapping, compile_mapping
from importer.mapper.evaluate import evaluate
from importer.model.candidates import Candidates
from tests.mapper.bench import RUN, loaded, places, without_headings

MAPPING = """\
version: 1
account_type: EXTERNAL
owning_system: {from: <Role>, lookup: {file: systems.csv, key: role, value: code}}
roster: {only: {Status: [A, B]}, dates: mdy}
ids: {ID: {digits: 5, pad: true, strip: "-"}}
terms: [{ends: 05-15, grace: 3 days}]
record:
  primary_id: <ID>
  first_name: {from: <Name>, clean: [{split: {on: ",", take: 2}}, name]}
  last_name: {from: <Name>, clean: [{split: {on: ",", take: 1}}, name]}
  user_group: {from: <Role>, lookup: groups, default: UGRD}
  birth_date: <Date>
  expiry_date:
    from: <Expires>
    dates: mdy
    default: {when: {Role: [Student]}, from: <@today>, plus: end of term, default: <Date>}
  purge_date: {from: <@expiry_date>, plus: 6 months}
  pin_number: {from: <Phone>, clean: [digits, {last: 4}]}
  job_description: {when: {Role: [Staff]}, from: "<Name> of <Role>, row <@row>", required: warn}
  contact_info:
    email:
      - {email_address: <Email 1>, email_type: work}
      - {email_address: <Email 2>, email_type: work}
    phone:
      - {phone_number: {from: [<Phone>, <ID>], clean: [phone]}, phone_type: home}
  user_statistic:
    - {statistic_category: {from: <Role>, when: {Role: [Staff, Student]}}, statistic_note: <Name>}
lookups:
  groups: {Student: UGRD, Staff: STAFF}
"""
HEADINGS = ("ID", "Name", "Role", "Status", "Date", "Expires", "Phone", "Email 1", "Email 2")

cells = st.sampled_from(
    ["", "", "1", "12-3", "1 2", "LEE, ANN", "o'neil", "Student", "staff", "Dean", "A", "b", "C",
     "1/2/2000", "13/2/2000", "2027-05-15", "(701) 555-0123", "a@x.org", "1E+12", "\u200bx"]
)  # fmt: skip
rows = st.lists(st.tuples(*[cells] * len(HEADINGS)), max_size=12)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledMapping:
    """A mapping that uses every kind of step."""
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "systems.csv").write_text("role,code\nstudent,SIS\nstaff,HR\n*,SIS\n", "utf-8")
    return compile_mapping(loaded(folder, MAPPING), places(HEADINGS), RUN)


def seen(candidates: Candidates) -> list[object]:
    """All that is known about the rows, in a form that can be joined and compared."""
    untouched = {(label, row) for label, rows in candidates.not_applicable.items() for row in rows}
    return [
        [(row, *values) for row, values in zip(
            candidates.frame.index.tolist(), candidates.frame.to_numpy().tolist(), strict=True
        )],
        list(candidates.problems),
        list(candidates.skipped),
        sorted(untouched, key=lambda item: (item[1], item[0])),
    ]  # fmt: skip


def joined(parts: Sequence[Candidates]) -> list[object]:
    """What is known about several rosters, one after another."""
    columns = [seen(part) for part in parts]
    return [[item for part in column for item in part] for column in zip(*columns, strict=True)]


@given(rows)
def test_a_roster_is_mapped_as_its_rows_are(
    compiled: CompiledMapping, roster: list[tuple[str, ...]]
) -> None:
    """Rows by themselves give the same values, problems and skipped rows.

    Every row is a candidate or skipped, once and in order, and every cell is text.
    """
    if not roster:
        return
    whole = evaluate(compiled, without_headings(roster))
    assert sorted((*whole.rows, *whole.skipped)) == list(range(2, 2 + len(roster)))
    assert whole.rows == sorted(whole.rows)
    assert all(isinstance(value, str) for row in whole.frame.to_numpy() for value in row)
    assert list(whole.frame.columns) == list(whole.layout.targets)
    single = [
        evaluate(compiled, without_headings([row], first)) for first, row in enumerate(roster, 2)
    ]
    assert seen(whole) == joined(single)
