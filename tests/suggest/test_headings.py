"""`mapping new` on the heading rows of public exports, and what columns say of each other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from importer.mapper.compile import compile_mapping
from importer.mapper.evaluate import evaluate
from importer.mapper.mapping import MappingDocument
from importer.model.fields import NO_CODES, CodeRow, CodeTables
from importer.model.user import AccountType
from importer.suggest.columns import guesses
from importer.suggest.confirmed import confirmed
from importer.suggest.first_mapping import Choices, MappingDraft, suggest
from tests.mapper.bench import RUN, lint, loaded, places, roster, without_headings
from tests.suggest.headings import BESIDE, fed

CODES = CodeTables({"UserGroups": (CodeRow("UGRD", "Undergraduate"), CodeRow("GRAD", "Graduate"))})
NAMES = ["Ann Lee", "Bo Ray", "Cy Ito", "Di Poe", "Ed Fox", "Flo Kay"]


def filled(**columns: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings, with `_` for a blank, and rows; shorter columns repeat."""
    most = max(map(len, columns.values()))
    cells = [[texts[at % len(texts)] for at in range(most)] for texts in columns.values()]
    return tuple(name.replace("_", " ") for name in columns), list(zip(*cells, strict=True))


LABELS = {
    "First name": "first_name", "Middle name": "middle_name", "Last name": "last_name",
    "Preferred first name": "pref_first_name", "Preferred middle name": "pref_middle_name",
    "Preferred last name": "pref_last_name", "Primary identifier": "id", "Title": "user_title",
    "PIN number": "pin_number", "Job category": "job_category",
    "Job description": "job_description",
    "Gender": "gender", "User group": "user_group", "Campus": "campus_code",
    "Preferred language": "preferred_language", "Birth date": "birth_date",
    "Expiration date": "expiry_date", "Purge date": "purge_date",
    "Resource sharing library": "code", "Password": "password", "Verify password": "password",
    "Force password change on next login": "force_password_change", "Email address": "email",
    "Email type": "email_type", "Address line 1": "line1", "City": "city",
    "Postal code": "postal_code", "Address type": "address_type", "Phone number": "phone",
    "Phone type": "phone_type", "Purchase request library": "", "Owning system": "",
    "Barcode": "id",
}  # fmt: skip
"""Labels of a form for new users as Alma has it, with their fields; the API lacks the last one."""


def test_every_label_of_almas_form_feeds_its_field() -> None:
    """All that the API has; the password that is typed again is compared with the first."""
    row = ["Ann", "M", "Lee", "An", "Mo", "Li", "77001", "Ms", "0042", "Clerk", "Desk", "Female",
           "Staff", "MAIN", "en", "5/13/1990", "5/15/2030", "5/15/2032", "LAW", "k3yA1xyz",
           "k3yA1xyz", "true", "a@example.org", "school", "1 Main St", "Salem", "97301", "work",
           "(212) 555-0101", "mobile", "", "SIS", "20001234567890"]  # fmt: skip
    got = fed(suggest(roster([*LABELS], [tuple(row)]), BESIDE))
    found = {label: " ".join(got.get(label, ())) for label in LABELS}
    assert found == LABELS


def test_a_column_with_almas_codes_is_the_group() -> None:
    """Whatever its heading, before one whose heading names groups; one value for all is none."""
    headings, cells = filled(ID=["71", "82", "93"], Type=["PRI"], Career=["UGRD", "GRAD", "UGRD"])
    assert fed(suggest(roster(headings, cells * 3), BESIDE))["Career"] == {"user_group"}
    headings, cells = filled(ID=["71", "82"], Membership=["Gold", "Blue"], X1=["UGRD", "GRAD"])
    known = replace(BESIDE, codes=CODES)
    assert fed(suggest(roster(headings, cells), BESIDE))["Membership"] == {"user_group"}
    assert fed(suggest(roster(headings, cells), known))["X1"] == {"user_group"}


def test_a_column_of_words_for_a_blank_is_nothing_by_its_values() -> None:
    """Neither a group before one whose heading names it, nor an email, an address or a phone."""
    headings, cells = filled(
        ID=["71", "82"], Patron_Type=["Community", "Friend"], Dietary=["None", "N/A"],
        Locker=["-"], Name_of_pet=["NULL"], Valid=["n/a"],
    )  # fmt: skip
    for known in (BESIDE, replace(BESIDE, codes=CODES)):
        found = fed(suggest(roster(headings, cells * 3), known))
        assert found["Patron Type"] == {"user_group"}
        assert not {"Dietary", "Locker", "Name of pet", "Valid"} & found.keys()


def test_a_heading_that_names_a_field_is_taken_with_its_doubt(tmp_path: Path) -> None:
    """Most emails are none, half of the ends have no day; of one heading, one column is taken."""
    headings, cells = filled(
        E_Mail=["desk", "a@example.org", "none yet"], Ablauf=["31.12.2031", "offen"], Ort=["7"]
    )
    text = suggest(roster(headings, cells), BESIDE)
    assert (
        "<E Mail>, clean: [lower]}   # guess, by its words; 67% of the cells have another form\n"
        in text
    )
    assert "expiry_date: <Ablauf>   # guess" in text
    assert "Ort" not in fed(text)
    twice = [("a@example.org", "Guest", "b@example.org", "Club")] * 2
    text = suggest(roster(["Email", "Type", "Email", "Type"], twice), BESIDE)
    assert (
        text.count("# guess, by its words; rename one of the columns A and C in the roster\n") == 1
    )
    assert (
        text.count("# guess, by its words; rename one of the columns B and D in the roster\n") == 1
    )
    renamed = roster(["Email", "Type", "Email 2", "Type 2"], twice)
    compile_mapping(loaded(tmp_path, text.replace('"<?>"', "X")), renamed.places, RUN)


def test_cells_of_another_field_count_more_than_a_few_that_fit_the_heading() -> None:
    """Emails under *Phone* are emails; nor is an ID certain whose heading two columns have."""
    headings, cells = filled(Phone=["a@example.org"] * 9 + ["701-555-0123"])
    assert fed(suggest(roster(headings, cells), BESIDE))["Phone"] == {"email"}
    twice = roster(["Primary Identifier"] * 2, [("x1001", "y1"), ("x1002", "y2")])
    assert "primary_id: <Primary Identifier>   # guess, by its words; " in suggest(twice, BESIDE)


def test_columns_of_types_give_the_types(tmp_path: Path) -> None:
    """Beside its email or phone, by its number, if every word is known."""
    headings = ("Email", "Email Type", "Phone 1 - Type", "Phone 1 - Value", "Phone 2 - Value")
    cells = [("a@example.org", "school", "Work", "(212) 555-0101", "(212) 555-0102"),
             ("b@example.org", "personal", "mobile", "(212) 555-0103", "")]  # fmt: skip
    mapping = loaded(tmp_path, suggest(roster(headings, cells), BESIDE))
    types = [rule.headings for rule in mapping.fields if rule.field.name.endswith("_type")]
    assert types == [("Email Type",), ("Phone 1 - Type",), ()]
    assert mapping.file.lookups["phone types"] == {"Work": "office", "mobile": "mobile"}
    unknown = [(*row[:1], "main", *row[2:]) for row in cells]
    assert "Email Type" not in fed(suggest(roster(headings, unknown), BESIDE))


def addresses(mapping: MappingDocument) -> list[tuple[str, ...]]:
    """Return the columns of each address."""
    return [
        tuple(dict.fromkeys(name for rule in entry.fields for name in rule.cells))
        for entry in mapping.entries
        if entry.parent.endswith("address")
    ]


def test_two_addresses_are_two_entries(tmp_path: Path) -> None:
    """By whose they are, or by a number."""
    cells = [("1 Elm St", "Salem", "OR", "97301", "2 Oak St", "Eugene", "OR", "97401")]
    pairs = (("Home {}", "Work {}"), ("{}", "{} 2"), ("{}", "Mailing {}"))
    for first, second in (*pairs, ("Local {}", "Permanent {}")):
        headings = [text.format(one) for text in (first, second)
                    for one in ("Street", "City", "St", "Zip")]  # fmt: skip
        mapping = loaded(tmp_path, suggest(roster(headings, cells), BESIDE))
        assert addresses(mapping) == [tuple(headings[:4]), tuple(headings[4:])], second
    for second in ("Mailing Address", "Work Address"):  # only the street says whose it is
        headings = ["Home Address", "City", "State", "Zip", second]
        mapping = loaded(tmp_path, suggest(roster(headings, [cells[0][:5]]), BESIDE))
        assert addresses(mapping) == [tuple(headings[:4]), tuple(headings[4:])]


def test_parts_of_a_field_are_put_together(tmp_path: Path) -> None:
    """A street and its number, a particle and a name, and a date in three columns."""
    headings, cells = filled(
        Straat=["Dorpsstraat", "Kerkstraat"], Huisnummer=["7", "12"], Tussenvoegsel=["van", ""],
        Achternaam=["Vos", "Kok"], Birth_Year=["1980"], Birth_Month=["4"], Birth_Day=["13"],
    )  # fmt: skip
    text = suggest(roster(headings, cells), BESIDE)
    assert 'line1: "<Straat> <Huisnummer>"' in text
    assert 'last_name: "<Tussenvoegsel> <Achternaam>"' in text
    assert '{from: "<Birth Year>-<Birth Month>-<Birth Day>", dates: ymd, bad: drop}' in text
    loaded(tmp_path, text)


def test_a_whole_name_is_read_as_a_name() -> None:
    """Last names come first where the heading or initials say so; a doubt is named."""
    for heading, read in (("Full Name", "name"), ("Nachname Vorname", "{name: last-first}")):
        text = suggest(roster([heading], [(name,) for name in NAMES]), BESIDE)
        assert f"read: {read}" in text
        assert "first_name: <$person.first>   # guess, by its words\n" in text
    old = [(name,) for name in ("LEE ANN M", "RAY BO", "ITO CY")]
    assert "read: {name: last-first}" in suggest(roster(["Full Name"], old), BESIDE)
    both = roster(
        ["Preferred Name", "Legal Name"], [("Annie Lee", "Ann Lee"), ("Bo Ray", "Bo Ray")]
    )
    assert [one.field for one in guesses(both, BESIDE)] == ["", "full name"]
    more = suggest(roster(["Full Name"], [("Ann Maria Eva Lee",)]), BESIDE)
    assert (
        "middle_name: <$person.middle>   # guess, by its words: some names will need review" in more
    )


def likely(draft: MappingDraft) -> list[list[str]]:
    """Return the columns that may be a name, the group, and the end of a card."""
    wanted = ("name", "user_group", "expiry_date")
    return [[guess.place.heading for guess in draft.possible(one)] for one in wanted]


def test_what_is_open_has_its_columns() -> None:
    """For name, group and expiry date; a chosen group is no guess."""
    headings, cells = filled(
        Who=NAMES, Sort=["Club", "Guest", "Club"], Upto=["2031-01-02", "2031-03-04"], No=["1", "2"]
    )
    draft = MappingDraft(roster(headings, cells), BESIDE, Choices())
    assert likely(draft) == [["Who"], ["Sort"], ["Upto"]]
    text = suggest(roster(headings, cells), BESIDE, choices=Choices(user_group="Sort"))
    assert "user_group: {from: <Sort>, lookup: groups}\n" in text


def test_what_another_mapping_confirms_is_taken(tmp_path: Path) -> None:
    """Marked with its name. Lines without a mark count; guesses do not.

    Nor do contradictions, letters of columns, which are others in each roster, nor cells that
    are no IDs.
    """
    record = "version: 1\naccount_type: INTERNAL\nrecord:\n  primary_id: <K>\n  first_name: <V>\n"
    (tmp_path / "a.yaml").write_text(f"{record}  last_name: <N>   # guess\n  user_group: <Z>\n")
    letters = record.replace("record", "roster: {header: none}\nrecord").replace("K", "A")
    (tmp_path / "letters.yaml").write_text(letters)
    (tmp_path / "broken.yaml").write_text("no: [mapping")
    known = replace(BESIDE, confirmed=confirmed(tmp_path))
    taken = {"K": "primary_id", "V": "first_name", "Z": "user_group"}
    assert known.confirmed == {(h.casefold(), ""): (f, "a.yaml") for h, f in taken.items()}
    headings, cells = filled(K=["7001", "7002"], V=["Ann"], N=["Lee", "Ray"], Z=["A", "B"])
    text = suggest(roster(headings, cells), known)
    for heading, field in taken.items():
        assert f"{field}: <{heading}>   # guess, from a.yaml\n" in text
    (tmp_path / "c.yaml").write_text(text)
    assert confirmed(tmp_path) == known.confirmed
    counted = suggest(roster(("K", "Z"), [("1", "Lee"), ("2", "Ray")]), known)
    assert 'primary_id: "<?>"' in counted
    (tmp_path / "b.yaml").write_text(record.replace("first_name: <V>", "last_name: <V>"))
    os.utime(tmp_path / "b.yaml")
    assert ("v", "") not in confirmed(tmp_path)


def test_the_codes_of_a_confirmed_column_are_written_again(tmp_path: Path) -> None:
    """Words in the form of codes stay behind a lookup; guesses and open codes are none."""
    (tmp_path / "a.yaml").write_text(
        "version: 1\naccount_type: INTERNAL\nrecord:\n  primary_id: <K>\n"
        "  user_group: {from: <Z>, lookup: groups}\n  expiry_date: {from: <E>, lookup: ends}\n"
        "lookups:\n  groups:\n    A: FAC\n    B: STU   # guess\n    C: '?'\n"
        '  ends: {permanent: 2099-12-31, "*": same}\n'
    )
    known = replace(BESIDE, confirmed=confirmed(tmp_path))
    ends = ["permanent"] * 2 + ["2027-05-06"] * 3
    headings, cells = filled(K=["7001", "7002"], Z=["a", "B", "C"], E=ends)
    text = suggest(roster(headings, cells), known)
    assert "user_group: {from: <Z>, lookup: groups}   # guess, from " in text
    for line in ("a: FAC   # guess, from a.yaml; ", 'B: "?"   # to do', 'C: "?"   # to do'):
        assert f"    {line}" in text
    assert "    permanent: 2099-12-31   # guess, from a.yaml; 2 rows" in text


def test_a_confirmed_code_that_does_not_hold_is_not_written_again(tmp_path: Path) -> None:
    """One that Alma no longer has, or that two mappings differ about; a day that is over.

    Nor does a `default` say anything of a word, or a lookup of words that another one made.
    """
    head = "version: 1\naccount_type: INTERNAL\nrecord:\n  primary_id: <K>\n  expiry_date: "
    (tmp_path / "a.yaml").write_text(
        f"{head}{{from: <E>, lookup: ends}}\n"
        "  user_group: {from: <Z>, lookup: groups, default: GRAD}\n"
        "  gender: {from: <$g>, lookup: g}\n"
        "values: {g: {from: <G>, lookup: words}}\nlookups:\n"
        "  groups: {Phd: GRAD, Old: GONE, Both: GRAD}\n  words: {Frau: F}\n  g: {F: FEMALE}\n"
        '  ends: {spring: 2020-05-31, autumn: 31.12.2099, "*": same}\n'
    )
    (tmp_path / "b.yaml").write_text(
        f"{head}<E>\n  user_group: {{from: <Z>, lookup: {{BOTH: UGRD}}}}\n"
    )
    known = replace(BESIDE, codes=CODES, confirmed=confirmed(tmp_path))
    words = ["Phd", "Old", "Both", "default"]
    ends = ["spring"] * 2 + ["autumn"] * 2 + ["2027-05-06"] * 8
    headings, cells = filled(K=["7001", "7002"], Z=words, E=ends, G=["F", "Frau"])
    text = suggest(roster(headings, cells), known)
    assert "    Phd: GRAD   # guess, from a.yaml; " in text
    assert "user_group: {from: <Z>, lookup: groups}   # guess, from " in text
    for word in (*words[1:], "spring", "autumn", "F"):
        assert f'    {word}: "?"   # to do' in text


def test_a_column_with_words_for_nothing_only_has_no_lookup(tmp_path: Path) -> None:
    """A lookup without a word would be an error in the first mapping."""
    headings, cells = filled(ID=["7001", "7002"], Campus=["NULL", "*"])
    mapping = loaded(tmp_path, suggest(roster(headings, cells), BESIDE))
    assert "campuses" not in mapping.file.lookups


def test_the_ids_of_external_users_are_confirmed_as_such(tmp_path: Path) -> None:
    """Their next roster is one of External users, whatever ID comes first and is named there."""
    (tmp_path / "a.yaml").write_text(
        "version: 1\naccount_type: EXTERNAL\nheadings: {Key: [Key*]}\n"
        "record: {primary_id: <Key>, last_name: <L>}\n"
    )
    known = replace(BESIDE, confirmed=confirmed(tmp_path))
    headings, cells = filled(EMPL_ID=["1", "2"], Key=["7001", "7002"], L=["Lee", "Ray"])
    text = suggest(roster(headings, cells), known)
    assert "account_type: EXTERNAL" in text
    assert "primary_id: <Key>   # guess, from a.yaml\n" in text
    assert "account_type: EXTERNAL" in suggest(
        roster(("Key*", "L"), [row[1:] for row in cells]), known
    )


def test_what_identifies_users_of_the_other_kind_is_confirmed_for_them_only(tmp_path: Path) -> None:
    """The barcode of community members is no primary ID of students who have an EMPL ID."""
    (tmp_path / "a.yaml").write_text(
        "version: 1\naccount_type: INTERNAL\nrecord: {primary_id: <Barcode>}\n"
    )
    known = replace(BESIDE, confirmed=confirmed(tmp_path))
    headings, cells = filled(
        EMPL_ID=["1234567", "1234568"], Barcode=["20001000000012", "20001000000020"]
    )
    text = suggest(roster(headings, cells), known)
    for line in ("account_type: EXTERNAL", "primary_id: <EMPL ID>   # guess", "value: <Barcode>"):
        assert line in text
    internal = suggest(roster(headings, cells), known, choices=Choices(AccountType.INTERNAL))
    assert "primary_id: <Barcode>   # guess, from a.yaml\n" in internal
    unknown = suggest(roster(headings, cells), BESIDE, choices=Choices(AccountType.INTERNAL))
    assert "primary_id: <Barcode>   # guess" in unknown


EMAIL = "contact_info: {email: [{email_type: work, email_address: "


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("expiry_date: {from: <K>, dates: dmy, default: 2030-06-30}", "expiry_date"),
        ("expiry_date: {from: <K>, lookup: days}", "expiry_date"),
        ("expiry_date: {from: <K>, plus: 1 year}", ""),
        ("expiry_date: {from: <K>, minus: 1 month}", ""),
        ('expiry_date: {from: <K>, clean: [{extract: "[0-9-]+"}]}', ""),
        ("expiry_date: 2<K>", ""),
        ("expiry_date: {cases: [{from: <K>}]}", ""),
        ("expiry_date: {from: 2030-06-30, when: {K: X}}", ""),
        ("expiry_date: <$end>", ""),
        ("first_name: {from: <K>, clean: [name]}", "first_name"),
        ("first_name: {from: <K>, clean: [{first: 3}]}", ""),
        (EMAIL + "{from: <K>, clean: [lower]}}]}", "email"),
        (EMAIL + "{from: <K>, clean: [{last: 9}]}}]}", ""),
    ],
)
def test_a_rule_that_makes_something_else_confirms_no_heading(
    tmp_path: Path, rule: str, field: str
) -> None:
    """A first mapping takes the column as it is, so that the cells would become wrong values.

    Capitals and small letters change no meaning.
    """
    (tmp_path / "a.yaml").write_text(
        "version: 1\naccount_type: INTERNAL\nvalues:\n  end: {from: <K>, plus: 1 year}\n"
        f"record:\n  primary_id: <Id>\n  {rule}\n"
        'lookups:\n  days: {X: 2030-06-30, "*": same}\n'
    )
    found = {key: one for (key, word), (one, _) in confirmed(tmp_path).items() if not word}
    assert found == {"id": "primary_id"} | ({"k": field} if field else {})


def test_guesses_are_never_made_from_passwords() -> None:
    """A column of passwords is no field.

    Where no column has a name, the mapping says how only known users are changed.
    """
    headings, cells = filled(Password=["aa bb", "cc dd", "ee ff"], First=["Ann"], Last=["Lee"])
    (found, *_) = guesses(roster(headings, cells), BESIDE)
    assert found.field == ""
    nobody = roster(("Password", "Expires"), [("k3yA1", "2031-06-30")])
    assert "match: {new: reject}" in suggest(nobody, BESIDE)


def test_words_for_nothing_of_databases_are_blank() -> None:
    """They hide no field, and the mapping says what means a blank, but not a last name, Null."""
    headings, cells = filled(
        First=["Ann", "Bo", "Cy"], Mid=["NULL", "(null)", "A"], Last=["Kim", "Ray", "Lee"],
        Email=["NULL", "NULL", "a@example.org"], DOB=["NULL", "NULL", "1990-05-15"],
    )  # fmt: skip
    text = suggest(roster(headings, cells), BESIDE)
    blank = '  blank: [NULL, "(null)"]   # guess\n'
    for line in (blank, "email_address: {from: <Email>", "date: <DOB>"):
        assert line in text
    text = suggest(roster(headings, [(*row[:2], "Null", *row[3:]) for row in cells]), BESIDE)
    assert '  blank: ["(null)"]   # guess\n' in text
    assert "clean: [{unless: [NULL]}]" in text


def test_an_id_column_with_a_few_wrong_cells_can_be_chosen() -> None:
    """Somebody is there twice, a cell has a word, an extension of a phone is no ID.

    A card number that is not certain comes before other columns whose values all differ.
    """
    cards = [*(f"2300{n:05}" for n in range(18)), "230000001", "lost card"]
    extensions = [f"x41{n:02}" for n in range(20)]
    names = [f"{'LRIPFKBDGH'[n // 2]}ee {'AB'[n % 2]}by" for n in range(20)]
    cells = [*zip(cards, extensions, names, strict=True)]
    draft = MappingDraft(roster(["Badge", "Ext.", "Name on the card"], cells), BESIDE, Choices())
    assert [guess.place.heading for guess in draft.possible_ids] == ["Badge"]
    headings, rows = filled(Badge=["A1234", "A1235"], Card_No=["77001", "77002"])
    draft = MappingDraft(roster(headings, rows), BESIDE, Choices())
    assert [guess.place.heading for guess in draft.possible_ids] == ["Card No", "Badge"]
    assert draft.ids == []


ONE_CELL = (
    ("City/State/Zip", ("Street", "1 Elm St"),
     {"Fargo, ND 58102": ("1 Elm St", "Fargo", "ND", "58102"),
      "Santa Fe NM": ("1 Elm St", "Santa Fe", "NM", ""),
      "Rolla": ("1 Elm St", "Rolla", "", "")}),
    ("PLZ/Ort", ("Straße u. Hausnr.", "Allee 1"),
     {"10117 Berlin": ("Allee 1", "Berlin", None, "10117"),
      "Bonn": ("Allee 1", "Bonn", None, "")}),
    ("Postcode + plaats", ("Straat + nr", "Plein 5"),
     {"3511 AB Utrecht": ("Plein 5", "Utrecht", None, "3511 AB"),
      "Den Haag": ("Plein 5", "Den Haag", None, "")}),
    ("Where", ("Place of work", "Bakery"),
     {"1 Elm St, Apt 4, Fargo, ND 58102": ("1 Elm St, Apt 4", "Fargo", "ND", "58102"),
      "PO Box 7⏎Minot, ND 58701-0007": ("PO Box 7", "Minot", "ND", "58701-0007"),
      "c/o the office": ("c/o the office", "", "", "")}),
)  # fmt: skip


@pytest.mark.parametrize(("heading", "beside", "cells"), ONE_CELL)
def test_cells_with_several_parts_of_an_address_are_divided(
    tmp_path: Path, heading: str, beside: tuple[str, str], cells: dict[str, tuple[str | None, ...]]
) -> None:
    """What has another form stays whole in the first part, so that nothing is lost."""
    headings = ("ID", "First Name", "Last Name", beside[0], heading)
    people = [[*("7001", "Ann", "Lee", beside[1]), text] for text in cells]
    usual = [people[0]] * 12
    text = suggest(roster(headings, [*people, *usual]), BESIDE)
    text = text.replace('primary_id: "<?>"', "primary_id: <ID>").replace('"<?>"', "COMM")
    compiled = compile_mapping(loaded(tmp_path, text.replace('"?"', "DEU")), places(headings), RUN)
    frame = evaluate(compiled, without_headings(people), NO_CODES).frame
    parts = ("line1", "city", "state_province", "postal_code")
    labels = [f"contact_info.address[0].{part}" for part in parts]
    rows = [
        tuple(frame[label][row] if label in frame else None for label in labels)
        for row in frame.index
    ]
    assert rows == list(cells.values())


def test_a_street_is_found_by_its_cells_beside_two_places() -> None:
    """Whatever its heading; a blank column is not the country, and numbers are no city."""
    headings, cells = filled(
        Qxv=["1 Elm St"], City=["Fargo", "Minot"], ST_CD=["ND"], ZIP=["58102"], Country=[""]
    )
    text = suggest(roster(headings, cells), BESIDE)
    assert fed(text)["Qxv"] == {"line1"}
    assert "clean: [zip]}   # guess, by its words\n        country: USA" in text
    numbers = [(street, f"{n}7", *rest) for n, (street, _, *rest) in enumerate(cells)]
    assert "City" not in fed(suggest(roster(headings, numbers), BESIDE))


def test_words_that_stand_for_dates_get_a_lookup(tmp_path: Path) -> None:
    """If several cells have them. What is to do names the command that lists codes, once."""
    headings, cells = filled(
        ID=[f"700{n}" for n in range(9)],
        User_group=["Guest", "Club"],
        Ausweis_gilt_bis=["unbefristet", "31.12.2027", "WiSe 2026/27"] * 2 + ["-", "-", "bald"],
    )
    mapping = loaded(tmp_path, suggest(roster(headings, cells), BESIDE))
    assert mapping.file.lookups["end dates"] == {
        "unbefristet": "?", "WiSe 2026/27": "?", "*": "same",
    }  # fmt: skip
    open_dates = [one for one in lint(mapping) if "end dates" in one]
    assert len(open_dates) == 2
    assert all("the date, such as 2099-12-31" in one for one in open_dates)
    words = [one for one in lint(mapping) if "lookups.groups" in one]
    assert ["codes show UserGroups" in one for one in words] == [True, False]


def test_the_likeliest_group_is_offered_first() -> None:
    """Not the columns of addresses or of other people, and no code that is only a bit alike."""
    headings, cells = filled(
        Street_line=[f"{n} Elm St" for n in range(12)], Spouse_Nm=NAMES,
        Who=[*NAMES, *(f"{name}son" for name in NAMES)],
        Ward=["Ward A", "Ward B", "Ward C"], Sort=["Family", "Life"],
    )  # fmt: skip
    known = replace(BESIDE, codes=CodeTables({"UserGroups": (CodeRow("FAC", "Faculty"),)}))
    draft = MappingDraft(roster(headings, cells), known, Choices())
    assert likely(draft) == [["Who"], ["Sort", "Ward"], []]
    code, _, near = draft.code("user_group", "Family")
    assert (code, near) == ("", "")
