"""Conditions, cases, named values, skipped rows, spans by group: what the pages do not show."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from tests.mapper.bench import (
    HEADINGS,
    RUN,
    Bench,
    loaded,
    mapping_text,
    places,
    told,
    without_headings,
)


def test_what_absent_people_get_needs_no_roster(tmp_path: Path) -> None:
    """The rules under `match.absent.set` are a mapping of their own, for any number of people."""
    top = (
        "roster: {only: {S: x}, skip: [{when: {<@user_group>: Y}, reason: z}]}\n"
        "match:\n  absent:\n    among: {user_group: COMM}\n    set:\n      expiry_date: <@today>\n"
        "      user_note: [{note_type: LIBRARY, note_text: Missing on <@today>}]"
    )
    absent = Bench(tmp_path, top=top, columns="S").mapping.absent
    assert absent is not None
    candidates = evaluate(compile_mapping(absent, (), RUN), without_headings([(), ()]))
    assert candidates.problems == ()
    assert list(candidates.frame["expiry_date"]) == ["2026-08-20"] * 2
    assert candidates.frame["user_note[0].note_text"].loc[3] == "Missing on 2026-08-20"


def test_a_group_without_terms_rejects_the_row(tmp_path: Path) -> None:
    """`*` is every other group; without it, the finding names the group."""
    record = "expiry_date: {from: <@today>, plus: end of term}"
    text = mapping_text(record, "terms: {GRAD: [{ends: 08-31}]}").replace("COMM", "<First>")
    compiled = compile_mapping(loaded(tmp_path, text), places(HEADINGS), RUN)
    candidates = evaluate(compiled, without_headings([("1", "GRAD", "x"), ("2", "STAFF", "x")]))
    assert list(candidates.frame["expiry_date"]) == ["2026-08-31", ""]
    assert told(candidates.problems) == [(3, "unknown-code", "expiry_date")]


def test_a_constant_that_is_a_heading_is_reported(tmp_path: Path) -> None:
    """As in `last_name: Last`; types of entries and other codes may be headings by chance."""
    record = "middle_name: Nick\nuser_identifier: [{id_type: Nick, value: <Nick>}]"
    (notice,) = Bench(tmp_path, record, columns="Nick").compiled.notices
    assert (notice.code, notice.field) == ("constant-is-heading", "middle_name")
    assert notice.places[0].heading == "Nick"


@given(st.lists(st.tuples(st.sampled_from("abc "), st.sampled_from("xy ")), min_size=1))
def test_each_row_gets_the_first_case_that_is_met(rows: list[tuple[str, str]]) -> None:
    """In any order of the rows, as an `if` would do it; and so does what depends on the field."""
    record = (
        "job_category:\n  cases:\n    - {when: {K: a}, from: A}\n    - {when: {K: [a, b], L: x}, "
        "from: BX}\n    - {when: {any: [{K: b}, {L: y}]}, from: <L>}\n  default: Z\n"
        "job_description: {when: {<@job_category>: {not: [A, Z]}}, from: <@job_category>}"
    )
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), record, columns="K|L")
    frame = bench.map(*((kind.strip(), other.strip()) for kind, other in rows)).frame

    def by_hand(kind: str, other: str) -> str:
        if kind == "a":
            return "A"
        if kind == "b" and other == "x":
            return "BX"
        if (kind == "b" or other == "y") and other.strip():
            return other
        return "Z"

    expected = [by_hand(*row) for row in rows]
    assert list(frame["job_category"]) == expected
    assert list(frame["job_description"]) == [t if t not in "AZ" else "" for t in expected]
