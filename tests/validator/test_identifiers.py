"""Identifiers within rows."""

from __future__ import annotations

import pytest

from importer.errors import MappingError
from importer.model.candidates import IdRule, has_check_digit
from importer.model.problem import Severity
from importer.model.user import AccountType
from tests.validator.building import BARCODE, candidates, checked, found, with_values, within

SEVEN = {"primary_id": IdRule(digits=7)}


@pytest.mark.parametrize("text", ["123456", "12345678", "12345a7", "１２３４５６７", "123-456"])
def test_digits_of_the_column(text: str) -> None:
    """An identifier has exactly the digits that its column asks for."""
    problems = checked(with_values(id=text), account_type=AccountType.EXTERNAL, rules=SEVEN)
    assert found(problems) == [("malformed-id", 2, "primary_id")]
    assert problems[0].severity is Severity.REJECT
    assert problems[0].value == text


@pytest.mark.parametrize(("text", "named"), [("123456", True), ("12", False), ("12345678", False)])
def test_lost_zeros_are_repaired_in_the_mapping(text: str, *, named: bool) -> None:
    """Where only zeros in front may be missing, one line of the mapping brings them back."""
    problems = checked(with_values(id=text), account_type=AccountType.EXTERNAL, rules=SEVEN)
    (problem,) = problems
    assert ("`pad: true`" in problem.to_do) is named


def test_pattern_of_the_column() -> None:
    """An identifier matches its column's pattern as a whole."""
    rules = {"primary_id": IdRule(pattern="2[0-9]{13}")}
    assert checked(with_values(id=BARCODE), rules=rules) == []
    for text, code in ((BARCODE + "0", "malformed-id"), ("2E+13", "id-lost-digits")):
        assert found(checked(with_values(id=text), rules=rules)) == [(code, 2, "primary_id")]


def test_a_pattern_without_end_stops_the_run() -> None:
    """A pattern that takes too long is the mapping's fault; no value is quoted."""
    rules = {"primary_id": IdRule(pattern="(a|aa)+$")}
    with pytest.raises(MappingError, match="takes too long") as stop:
        checked(with_values(id="a" * 60 + "b"), rules=rules)
    assert "aaa" not in str(stop.value)


def test_check_digit() -> None:
    """The last digit of a barcode agrees with the others, by modulus 10."""
    rules = {"primary_id": IdRule(digits=14, check_digit="mod10")}
    assert checked(with_values(id=BARCODE), rules=rules) == []
    assert found(checked(with_values(id=BARCODE[:-1] + "0"), rules=rules)) == [
        ("malformed-id", 2, "primary_id")
    ]


@pytest.mark.parametrize("text", ["79927398713", "4111111111111111", "20001234567893", "0"])
def test_known_check_digits(text: str) -> None:
    """Numbers known to be right are right, and wrong with any other last digit."""
    wrong = [digit for digit in "0123456789" if digit != text[-1]]
    assert has_check_digit(text)
    assert not any(has_check_digit(text[:-1] + digit) for digit in wrong)


@pytest.mark.parametrize("text", ["1234567.0", "1,234,567"])
def test_numbers_with_decimals_or_commas(text: str) -> None:
    """An ID that a program took for a number is none, unless the pattern of its column says so."""
    assert checked(with_values(id=text), rules={"primary_id": IdRule(pattern=r"[0-9.,]+")}) == []
    (ruled,) = checked(with_values(id=text), rules=SEVEN)
    (other,) = checked(with_values(id=text))
    assert found([ruled]) == [("malformed-id", 2, "primary_id")]
    assert ruled.to_do == other.to_do


@pytest.mark.parametrize("text", ["A\tB", "A\u200bB"])
def test_impossible_characters(text: str) -> None:
    """No identifier has characters that nobody sees."""
    problems = checked(with_values(id=text))
    assert found(problems) == [("malformed-id", 2, "primary_id")]
    assert problems[0].severity is Severity.REJECT


@pytest.mark.parametrize(("others", "code"), [(19, ["odd-value"]), (18, [])])
def test_an_id_without_a_digit_where_nearly_all_have_some(others: int, code: list[str]) -> None:
    """Where 95 % of a column's IDs have digits, one without a digit gets a warning."""
    rows = [with_values(id=f"u{number}") for number in range(others)]
    problems = within(candidates(*rows, with_values(id="askatdesk")))
    assert found(problems) == [(one, others + 2, "primary_id") for one in code]


def test_an_empl_id_where_it_belongs() -> None:
    """In an External mapping, or by the column's own rule, such an identifier is right."""
    external = AccountType.EXTERNAL
    assert checked(with_values(id="1234567"), account_type=external) == []
    assert checked(with_values(id="1234567"), rules=SEVEN) == []
    assert checked(with_values(barcode="1234567")) == []


PROXY = "proxy_for_user[0].primary_id"


@pytest.mark.parametrize("own", ["id", "barcode"])
def test_nobody_is_their_own_proxy(own: str) -> None:
    """The proxy is another user, whatever ID of the row it repeats, and in whatever case."""
    problems = checked(with_values(**{own: "CARD-7"}) | {PROXY: "card-7"})
    assert found(problems) == [("malformed-id", 2, PROXY)]
    assert checked(with_values(**{own: "CARD-7"}) | {PROXY: "card-8"}) == []
    assert checked(with_values(**{own: ""}) | {PROXY: ""}) == []


def test_swapped_columns_fail_one_by_one() -> None:
    """Each of two IDs under each other's rule is malformed, so that most of both columns fails."""
    rules = {"primary_id": IdRule(digits=14), "user_identifier[0].value": IdRule(digits=7)}
    pairs = [(f"100000{row}", f"2000123456789{row}") for row in range(5)]
    people = [with_values(id=one, barcode=other) for one, other in pairs]
    problems = within(candidates(*people, rules=rules))
    labels = ("primary_id", "user_identifier[0].value")
    expected = {("malformed-id", row, label) for row in range(2, 7) for label in labels}
    assert {*found(problems)} == expected
