"""What a form changes of a mapping is what its text says, and the other way round."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.errors import UsageError
from importer.mapper.keys import POLICIES
from importer.mapper.load import examine
from importer.mapper.mapping import MappingDocument
from importer.model.fields import NO_CODES
from importer.web.controls import CHOICES, Control, panels

MAPPINGS = Path(__file__).parents[2] / "mappings"
READY = tuple(sorted(path for path in MAPPINGS.glob("*.yaml")))
TODAY = date(2026, 11, 28)

TEXTS = (
    "1 year",
    "18 months",
    "end of month",
    "2031-05-15",
    "05-15, 12-20",
    "30 days",
    "3",
    "A, B",
    "EN",
)
"""What a person types."""


def document(folder: Path, text: str) -> MappingDocument:
    """Return the mapping of a text."""
    found, _ = examine(folder / "tried.yaml", text)
    assert found is not None, text
    return found


def controls(mapping: MappingDocument) -> dict[str, Control]:
    """Return the controls by name."""
    return {one.key: one for panel in panels(mapping, TODAY, NO_CODES) for one in panel.controls}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(READY), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 20)), max_size=4)
)
def test_the_form_and_the_text_give_the_same_mapping(
    tmp_path: Path, path: Path, edits: list[tuple[int, int]]
) -> None:
    """A changed text has the chosen value, the form shows it, other values and comments stay."""
    text = path.read_text("utf-8")
    for which, choice in edits:
        before = controls(document(tmp_path, text))
        key = sorted(before)[which % len(before)]
        one = before[key]
        values = [value for value, _ in one.choices] or TEXTS
        value = values[choice % len(values)]
        try:
            changed = one.write(text, value)
        except UsageError:
            continue
        after = controls(document(tmp_path, changed))
        panel = key.split("/")[:2]
        if key in after and after[key].value != value:
            assert _is_moment(key), (key, value, after[key].value)
        others = {k: c.value for k, c in before.items() if k.split("/")[:2] != panel}
        now = {k: after[k].value for k in others if k in after}
        kept = {k: v for k, v in others.items() if k in now}
        if panel[0] not in {"account_type", "terms"}:
            assert now == kept, (key, value)
        assert _own_comments(text, changed)
        text = changed


def _is_moment(key: str) -> bool:
    """Return whether a date or a span was typed in the other one's place."""
    return key.rpartition("/")[2] in {"span", "date", "blank", "grace"}


def _own_comments(before: str, after: str) -> bool:
    """Return whether every comment on a line of its own outside rules is still there."""
    own = [line for line in before.splitlines() if re.match(r"#|  #", line)]
    return [line for line in after.splitlines() if line in own] == own


def test_a_text_for_everybody_is_shown_as_it_is_and_written_as_the_mapping_has_it(
    tmp_path: Path,
) -> None:
    """Also with an angle bracket, which a mapping writes twice."""
    text = "version: 1\naccount_type: INTERNAL\nrecord:\n  job_description: Fines << 5\n"
    key = "record/job_description"
    assert controls(document(tmp_path, text))[key].value == "Fines < 5"
    text = controls(document(tmp_path, text))[key].write(text, "Fines < 6")
    assert controls(document(tmp_path, text))[key].value == "Fines < 6"


def test_a_date_on_which_records_end_is_found_in_each_way(tmp_path: Path) -> None:
    """A column with a span for blanks, the end of the term, a span and a date; and none."""
    text = "version: 1\naccount_type: INTERNAL\nrecord:\n  primary_id: <A>\n  expiry_date: <E>\n"
    found: dict[str, Control] = {}
    for key, value, written in (
        (
            "record/expiry_date/blank",
            "1 year",
            "{from: <E>, default: {from: <@today>, plus: 1 year}}",
        ),
        (
            "terms",
            "05-15, 12-20",
            "terms: [{ends: 05-15, grace: 0 days}, {ends: 12-20, grace: 0 days}]",
        ),
        ("record/expiry_date", "term", "{from: <@today>, plus: end of term}"),
        ("record/expiry_date/span", "6 months", "{from: <@today>, plus: 6 months}"),
        ("record/expiry_date/date", "2031-08-31", "{from: 2031-08-31}"),
    ):
        text = controls(document(tmp_path, text))[key].write(text, value)
        assert written in text
        found = controls(document(tmp_path, text))
        assert found[key].value == value
    text = found["record/expiry_date"].write(text, "none")
    assert "expiry_date" not in text


def test_how_dates_ids_and_zip_codes_are_read_is_chosen(tmp_path: Path) -> None:
    """What was not said before is written where the mapping has it, and goes again."""
    bare = (
        "version: 1\naccount_type: INTERNAL\nrecord:\n  primary_id: <Card>\n  contact_info:\n"
        "    address:\n      - {address_type: home, line1: <A>, postal_code: <Zip>, country: USA}\n"
    )
    for key, value, written in (
        ("roster/dates", "dmy", "dates: dmy"),
        ("ids/Card/digits", "14", "digits: 14"),
        ("record/contact_info/address/0/postal_code/clean", "zip", "clean: [zip]"),
    ):
        text = controls(document(tmp_path, bare))[key].write(bare, value)
        assert written in text
        again = controls(document(tmp_path, text))[key]
        assert again.value == value
        assert controls(document(tmp_path, again.write(text, "")))[key].value == ""
    with pytest.raises(UsageError):
        controls(document(tmp_path, bare))["ids/Card/digits"].write(bare, "many")


def test_people_who_are_missing_are_changed_only_in_groups_of_the_roster(tmp_path: Path) -> None:
    """Switched on, it names the groups that the mapping gives; without any it is refused."""
    text = (MAPPINGS / "community.yaml").read_text("utf-8")
    on = controls(document(tmp_path, text))["match/absent"].write(text, "on")
    mapping = document(tmp_path, on)
    part = mapping.file.match.absent
    assert part is not None
    assert set(part.among.user_group) == {"COMM", "FRIEND", "EMER", "SPEC", "RECIP"}
    assert [panel.danger for panel in panels(mapping, TODAY, NO_CODES)][-1]
    assert controls(mapping)["match/absent"].write(on, "") == text
    bare = "version: 1\naccount_type: INTERNAL\nrecord: {primary_id: <A>}\n"
    with pytest.raises(UsageError):
        controls(document(tmp_path, bare))["match/absent"].write(bare, "on")


def test_every_policy_has_words_for_a_form() -> None:
    """A key about the use of a value has a title, and words for each of its values."""
    assert [*CHOICES] == [*POLICIES]
    for name, (title, values) in CHOICES.items():
        assert title, name
        assert POLICIES[name].keys() < values.keys(), name


def test_a_term_that_stays_keeps_the_time_after_it(tmp_path: Path) -> None:
    """Another day is added to the terms; a time for all is offered only where it is one."""
    text = (
        "version: 1\naccount_type: INTERNAL\nrecord: {primary_id: <A>}\nterms:\n"
        "  - {ends: 05-15, grace: 30 days}\n  - {ends: 12-20, grace: 45 days}\n"
    )
    before = controls(document(tmp_path, text))
    assert "terms/grace" not in before
    mapping = document(tmp_path, before["terms"].write(text, "05-15, 08-10, 12-20"))
    assert [(one.ends, one.grace) for one in mapping.file.terms] == [
        ("05-15", "30 days"), ("08-10", "0 days"), ("12-20", "45 days"),
    ]  # fmt: skip
