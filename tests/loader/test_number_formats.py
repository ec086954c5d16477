"""A number is shown as a person sees it: all digits to 15, the zeros of its format, ISO dates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.loader.number_formats import DATED, PLAIN, read_format, show
from importer.model.problem import CellFinding, Code


def _code(finding: CellFinding | None) -> Code | None:
    return finding.code if finding else None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345678, "12345678"),
        (12345678.0, "12345678"),
        (2.0001234567890e13, "20001234567890"),
        (0, "0"),
        (-0.0, "0"),
        (-5, "-5"),
        (0.25, "0.25"),
        (1e-7, "0.0000001"),
        (0.1000000000000001, "0.1"),
        (123456789.12500001, "123456789.125"),
    ],
)
def test_plain_numbers_keep_their_digits(value: float, text: str) -> None:
    """Never an exponent, never .0, at most 15 significant digits of a fraction."""
    assert show(value) == (text, None)


@pytest.mark.parametrize("value", [1e15, 9912140633506421, -1234567890123456, 1.2e20])
def test_long_numbers_have_lost_digits(value: float) -> None:
    """Excel keeps 15 digits, so a longer number cannot be trusted."""
    assert _code(show(value)[1]) is Code.ID_LOST_DIGITS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**500])
def test_impossible_numbers_are_damage(value: float) -> None:
    """No spreadsheet program stores them."""
    with pytest.raises(ValueError, match="not a number"):
        show(value)


@pytest.mark.parametrize(
    ("code", "raw", "text", "restored"),
    [
        ("00000000", "1234567", "01234567", True),
        ("00000000", "12345678", "12345678", False),
        ("000000000000000", "7", "000000000000007", True),
        ("000-00-0000", "12345678", "012-34-5678", True),
        ('"B"00000', "42", "B00042", True),
        ("00000\\-0000", "685881234", "68588-1234", False),
        ("0000", "123456", "123456", False),
        ("###-####", "5550100", "555-0100", False),
        ("00;-00", "7", "07", True),
        ("[Red]000", "7", "007", True),
        ("0000", "7.5", "7.5", False),
        ("0000", "-7", "-7", False),
    ],
)
def test_zeros_of_a_format_are_put_back(code: str, raw: str, text: str, *, restored: bool) -> None:
    """Zeros and fixed characters that only the format holds are part of what a person sees."""
    shown, finding = show(float(raw), read_format(164, code))
    assert (shown, _code(finding)) == (text, Code.ZEROS_RESTORED if restored else None)


@pytest.mark.parametrize(
    "code", ["General", "0", "#", "0.00", "#,##0", "0%", "0.00E+00", "@", "[h]:mm", "$0000.00", ""]
)
def test_other_formats_leave_a_number_alone(code: str) -> None:
    """Decimals, thousands, currency and elapsed time are decoration."""
    assert read_format(164, code) == PLAIN


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        *(("0;-0;;@", ""), ("00000;;", ""), ('#,##0;-#,##0;"";@', ""), ("m/d/yyyy;;", "")),
        *(('0;-0;"none"', "0"), ("0;-0", "0"), ('"a;;"0', "a;;0"), (";;;", "0")),
        *(("[<100]0;[>=100]0;", "0"), ('[=0]"zero";0;', "0")),  # 0 is in the first section
    ],
)
def test_a_zero_that_its_format_hides_is_blank(code: str, shown: str) -> None:
    """Excel shows nothing for it; a format that hides every number is no sign."""
    assert show(0, read_format(164, code)) == (shown, None)
    assert show(7, read_format(164, code))[0]


@pytest.mark.parametrize(
    "code", ["mm/dd/yyyy", "d. mmm yy", "[$-409]mmmm d, yyyy;@", "h:mm AM/PM", "yyyy", "dd\\.mm"]
)
def test_date_formats_are_known(code: str) -> None:
    """Letters of days, months, years, hours and seconds make a date, outside of quotes."""
    assert read_format(164, code) == read_format(14, "") == DATED
    assert read_format(1, "") == PLAIN
    assert read_format(164, '"day "000').places[-3:] == ("0", "0", "0")


@pytest.mark.parametrize(("number", "code"), [(17, ""), (164, 'yyyy"-"mm'), (164, "mmm\\-yy;@")])
def test_the_first_day_of_a_month_is_the_month(number: int, code: str) -> None:
    """Where the format shows no day, `May 2027` was typed; another day was typed as one."""
    months = read_format(number, code)
    shown = [show(float(serial), months)[0] for serial in (46508, 46509, 46508.5)]
    assert shown == ["2027-05", "2027-05-02", "2027-05-01 12:00:00"]


@pytest.mark.parametrize(
    ("serial", "text"),
    [
        ("1", "1900-01-01"),
        ("59", "1900-02-28"),
        ("60", "1900-02-29"),
        ("61", "1900-03-01"),
        ("36925", "2001-02-03"),
        ("36925.5", "2001-02-03 12:00:00"),
        ("0.3541666667", "08:30:00"),
        ("45000.9999999", "2023-03-16"),
        ("2958465", "9999-12-31"),
        ("2958466", "2958466"),
        ("-5", "-5"),
    ],
)
def test_days_are_counted_as_excel_does(serial: str, text: str) -> None:
    """Day 60 never was, and stays recognisable; what is out of range stays a number."""
    assert show(float(serial), DATED)[0] == text


@given(st.integers(0, 10**15 - 1), st.integers(2, 15))
def test_padding_changes_no_digit(number: int, zeros: int) -> None:
    """Whatever the format, the number that is seen is the number that is stored."""
    text, _ = show(number, read_format(164, "0" * zeros))
    assert (int(text), len(text)) == (number, max(zeros, len(str(number))))
