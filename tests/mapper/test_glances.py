"""What is seen at a glance at a column is what a look at each of its texts would show."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.mapper import clean, links
from importer.mapper.chain import Step
from importer.mapper.clauses import CleanStep
from importer.mapper.reading import convert_all
from importer.model.policy import IdRule

STEPS = {
    "tidy": Step(links.tidy, idle=links.is_tidy),
    "tidy_email": Step(links.tidy_email, idle=links.is_tidy),
    "pad": links.id_steps(IdRule(digits=2, pad=True))[1],
    "strip": links.id_steps(IdRule(strip="-|"))[1],
    **{
        name: Step(clean.converter(step), idle=clean.idle(step))
        for name in ("email", "lower", "upper")
        for step in [CleanStep(name=name)]
    },
}

TEXTS = st.one_of(
    st.text(max_size=6),
    st.text(alphabet="12", max_size=3),
    st.text(alphabet="aAΣσςßİﬁ@.|- <>;,\u200b\u00a0\x1f", max_size=6),
    st.sampled_from(["mailto:a@x.org", "A@X.org", "a@x.org", "a @x.org", "12-3"]),
)


@pytest.mark.parametrize("name", STEPS)
@given(texts=st.lists(TEXTS, max_size=4))
def test_a_glance_agrees_with_a_closer_look(name: str, texts: list[str]) -> None:
    """A step that is said to have nothing to do in a column changes none of its texts."""
    step = STEPS[name]
    assert step.idle is not None
    assert step.run(texts) == convert_all(texts, step.convert)


@given(st.from_regex(clean.PLAIN_PHONE, fullmatch=True))
def test_plain_numbers_are_read_as_the_library_reads_them(text: str) -> None:
    """The way past the library gives what the library gives."""
    number = phonenumbers.parse(text, "US")
    assert phonenumbers.is_possible_number(number)
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    step = clean.converter(CleanStep.model_validate({"phone": {}}))
    assert step(text) == (whole, None)


@given(st.from_regex(clean.SHORT_PHONE, fullmatch=True))
def test_short_numbers_are_left_as_the_library_leaves_them(text: str) -> None:
    """An office's extension is no number, and stays as it is."""
    in_canada = clean.converter(CleanStep.model_validate({"phone": {"region": "CA"}}))
    step = clean.converter(CleanStep.model_validate({"phone": {}}))
    assert step(text) == in_canada(text) == (text, None)
