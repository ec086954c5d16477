"""The words of headings, and how a heading is read."""

from __future__ import annotations

from importlib.resources import files

import pytest

from importer.model.vocabulary import field_of, known_headings, languages_of, meaning

TEXT = (files("importer.model") / "headings.txt").read_text("utf-8")
WORST = 4
"""Words of a phrase in the table."""


def test_the_table_has_words_and_no_whole_headings() -> None:
    """At least sixteen languages, each with its source; a phrase is short."""
    sections = TEXT.split("\n== ")[1:]
    assert len(sections) > 16
    for section in sections:
        name, source, *lines = section.strip().splitlines()
        assert source.startswith("# Source: "), name
        words = [word for line in lines for word in line.partition(":")[2].split()]
        long = [word for word in words if word.count("_") > WORST and "change" not in word]
        assert not long, name


@pytest.mark.parametrize(
    ("row", "languages"),
    [
        ("Förnamn|Efternamn|Födelsedatum|Kön|Postnummer", "sv"),
        ("Adı|Soyadı|Doğum Tarihi|Cinsiyet", "tr"),
        ("氏名|生年月日|郵便番号", "ja"),
        ("Prénom|Nom|Date de naissance", "fr"),
    ],
)
def test_the_language_of_a_row_is_the_one_of_most_of_its_words(row: str, languages: str) -> None:
    """Before short words count."""
    headings = tuple(row.split("|"))
    assert languages_of(headings)[0] == languages
    assert known_headings(headings) == len(headings)


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Name (First)", "first_name"), ("CnBio_Last_Name", "last_name"), ("NACHN", "last_name"),
        ("Förnamn", "first_name"), ("Doğum Tarihi", "birth_date"), ("郵便番号", "postal_code"),
        ("휴대폰번호", "phone"), ("البريد الإلكتروني", "email"), ("שם משפחה", "last_name"),
        ("Sähköpostiosoite", "email"), ("foedselsdato", "birth_date"), ("Отчество", "middle_name"),
        ("StreetOne", "line1"), ("personal.addresses.0.addressLine1", "line1"),
        ("Address Type", "address type"), ("Postal address", "line1"), ("Gender ID", "gender"),
        ("E-postadress", "email"), ("Einddatum inschrijving", "expiry_date"),
        ("Date of the birth", "birth_date"), ("Telefoon werk", "phone"), ("家庭电话", "phone"),
        ("Student Home ZIP Code", "postal_code"), ("Płeć", "gender"),
        ("Hausnummer", "house number"),
        ("New Expiration", "expiry_date"), ("SPRADDR_STAT_CODE", "state_province"),
        ("Stu.Acad.Levels", "user_group"), ("PREFERRED.ADDRESS.LINES", "line1"),
    ],
)  # fmt: skip
def test_a_heading_that_nobody_listed_is_read_by_its_words(heading: str, field: str) -> None:
    """The head decides; unknown words cost nothing."""
    assert field_of(heading) == field


@pytest.mark.parametrize(
    "heading",
    [
        "Host Email",
        "Valid From",
        "Fax no",
        "Birth name",
        "Email (parent)",
        "FAX番号",
        "Registration date",
    ],
)
def test_a_heading_about_somebody_else_or_a_start_names_no_field(heading: str) -> None:
    """Nor a fax, or a former name."""
    assert meaning(heading).vetoed


@pytest.mark.parametrize(
    "heading",
    ["Place of birth", "Geburtsort", "Name of the course", "School ID", "Status of the order"],
)
def test_a_known_companion_can_make_it_another_heading(heading: str) -> None:
    """A name of a course is no name of a person."""
    assert field_of(heading) == ""
    assert not meaning(heading).vetoed
