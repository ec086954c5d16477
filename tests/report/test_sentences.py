"""Problems in sentences, as others may read them."""

from __future__ import annotations

from importer.model.catalogue import Code
from importer.model.problem import Problem
from importer.report.masking import CUT
from importer.report.wording import sentence, what
from tests.report.building import TYPE, at


def problem(message: str, value: str = "quillfeather", field: str = "user_group") -> Problem:
    """A problem of a value that came without a capital."""
    return Problem.of(Code.UNKNOWN_CODE, at(2), message, field=field, value=value)


def test_a_value_stays_as_it_came() -> None:
    """A sentence begins with a capital, a value never gets one."""
    assert sentence(problem("is blank"), show_values=True) == "Is blank."
    told = "quillfeather is not there."
    assert sentence(problem("{value} is not there"), show_values=True) == told
    assert sentence(problem("{known} is not there"), show_values=False) == told
    assert what(problem("{value} is not there"), show_values=True, begin=True) == told


def test_what_is_wrong_where_a_code_belongs_may_be_a_name() -> None:
    """It is shown only where it is known for a code, or for one that is nearly right."""
    assert what(problem("{value} is not there"), show_values=False) == f"{CUT} is not there."
    assert what(problem("{known} is not there"), show_values=False).startswith("quillfeather")


def test_the_user_of_another_system_is_masked_as_a_user() -> None:
    """The field of that problem takes a code, but what it names is a primary identifier."""
    message = "the user {value} belongs to CAMPUS in Alma"
    differs = Problem.of(
        Code.OWNING_SYSTEM_DIFFERS, at(2), message, field="external_id", value="quill4567"
    )
    assert "user …4567 belongs" in what(differs, show_values=False)
    assert "quill4567" in what(differs, show_values=True)


def test_the_column_stands_in_front() -> None:
    """With a column the sentence goes on after it, in small letters."""
    placed = Problem.of(Code.MISSING_VALUE, at(2), "is blank", TYPE)
    assert sentence(placed, show_values=False) == 'D "Patron Type": is blank.'
