"""Conditions, cases, named values, skipped rows, spans by group: what the pages do not show."""

from __future__ import annotations

from pathlib import Path

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
    """The rules under `match.absent.set` are a mapping of their own, with the values they need."""
    top = (
        "roster: {only: {S: x}, skip: [{when: {<@user_group>: Y}, reason: z}]}\n"
        "values: {end: {from: <$start>, plus: 10 days}, start: <@today>, campus: <S>}\n"
        "match:\n  absent:\n    among: {user_group: COMM}\n    set:\n      expiry_date: <$end>\n"
        "      user_note: [{note_type: LIBRARY, note_text: Missing on <@today>}]\n"
        "      user_block: [{remove: {block_type: GENERAL}}]"
    )
    record = "user_note: [{remove: {matches: Load.*}}]"
    absent = Bench(tmp_path, record, top, "S").mapping.absent
    assert absent is not None
    compiled = compile_mapping(absent, (), RUN)
    assert [removal.parent for removal in compiled.layout.removals] == ["user_block"]
    candidates = evaluate(compiled, without_headings([(), ()]))
    assert candidates.problems == ()
    assert list(candidates.frame["expiry_date"]) == ["2026-08-30"] * 2
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
