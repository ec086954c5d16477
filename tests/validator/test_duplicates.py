"""The checks across rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.model.plan import Duplicates
from importer.model.problem import Code, Problem, Severity
from importer.validator.duplicates import find_duplicates
from tests.validator.building import SHORT, across, across_rows, candidates, found

WEIGHTS = {"FAC": 9, "COMM": 3}


def person(number: int, **values: str) -> dict[str, str]:
    """A person of whom nothing agrees with another one's."""
    names = ["Ada North", "Bert South", "Cora East", "Dirk West", "Elsa Hill", "Finn Dale"]
    first, last = names[number % len(names)].split()
    plain = {
        "id": f"2000000000{number:04}",
        "first": first,
        "last": last,
        "birth": f"19{60 + number % 40}-0{1 + number % 9}-1{number % 9}",
        "email": f"person{number}@example.org",
        "phone": f"605-555-01{number % 100:02}",
        "street": f"{number} Elm St",
        "zip": "57069",
        "barcode": f"OB{number:04}",
    }
    row = {label: (plain | values).get(name, "") for name, label in SHORT.items()}
    return row | {"user_group": values.get("user_group", "COMM")}


def sentences(problems: Sequence[Problem]) -> list[str]:
    """What the problems say."""
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("count", "same"),
    [
        (0, {}),
        (1, {}),
        (6, {}),
        (2, {"id": "", "barcode": ""}),  # missing IDs are another problem
        (2, {"email": "a@example.org"}),  # as in a family
        *(
            (2, {name: text})
            for name in ("id", "barcode")
            for text in ("2.0E+13", "N/A", "00000000")
        ),
    ],
)
def test_different_people_are_no_duplicates(count: int, same: dict[str, str]) -> None:
    """Rows with nothing, or with what identifies nobody, in common."""
    assert across_rows(*(person(number, **same) for number in range(count))) == []


def test_same_id() -> None:
    """Every row of one primary identifier is rejected, capitals or not, and names the others."""
    problems = across_rows(person(0, id="ab1"), person(1), person(2, id="AB1"), person(3, id="Ab1"))
    assert found(problems) == [("duplicate-id", row, "primary_id") for row in (2, 4, 5)]
    assert {problem.severity for problem in problems} == {Severity.REJECT}
    assert [problem.value for problem in problems] == ["ab1", "AB1", "Ab1"]
    assert "rows 4 and 5" in problems[0].message
    assert "rows 2 and 5" in problems[1].message


def test_many_rows_are_counted() -> None:
    """Five rows are named, the others counted."""
    problems = across_rows(*(person(number, id="AB1") for number in range(6)), person(7, id="AB1"))
    assert "rows 3, 4, 5, 6, 7 and 1 more" in problems[0].message
    assert "rows 2, 3, 4, 5, 6 and 1 more" in problems[6].message


def test_one_id_in_all_rows() -> None:
    """The work grows with the rows that share an ID, not with their square."""
    same = (person(number, id="AB1", email=f"{number}@example.org") for number in range(5_000))
    problems = across_rows(*same)
    assert sum(problem.code is Code.DUPLICATE_ID for problem in problems) == 5_000


@pytest.mark.parametrize("way", ["email", "phone"])
def test_a_shared_way_to_reach_people_is_one_notice(way: str) -> None:
    """However many persons share however many of them: one warning about the roster."""
    shared = {"email": "office@example.org", "phone": "(605) 555-0199"}[way]
    family = {"email": "family@example.org", "phone": "605-555-0198"}[way]
    rows = [person(number, **{way: shared}) for number in range(4)]
    rows += [person(number, **{way: family}) for number in (4, 5)]
    (notice,) = across(*rows)
    assert (notice.code, notice.origin.row, notice.field, notice.severity) == (
        Code.SHARED_CONTACT, 0, SHORT[way], Severity.WARNING,
    )  # fmt: skip
    assert notice.message.startswith("2 ")
    assert "rows 2, 3, 4, 5, 6 and 1 more" in notice.message


def test_one_person_twice_shares_nothing() -> None:
    """Rows of one name are reported as duplicates, and not once more for their email."""
    problems = across(person(0), person(0, id="20000000001234", barcode=""))
    assert {problem.code for problem in problems} == {Code.DUPLICATE_PERSON}


def test_keep_first() -> None:
    """By policy the first row is kept, not flagged, and the twin of nobody else."""
    policy = Duplicates(same_id="keep first")
    problems = across_rows(person(0), person(1), person(0), person(0), policy=policy)
    assert found(problems) == [("skipped-duplicate", row, "primary_id") for row in (4, 5)]
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    assert all("row 2, which the `duplicates` rule keeps" in one.message for one in problems)


def test_keep_heaviest() -> None:
    """By policy the row whose group weighs most is kept; among equals, the first."""
    policy = Duplicates(same_id="keep heaviest", weights=WEIGHTS)
    rows = [person(0, user_group=group) for group in ("UNLISTED", "COMM", "FAC", "FAC")]
    rows[1] = person(0, street="1 A St")  # a lighter one may differ
    problems = across_rows(*rows, policy=policy)
    assert [problem.origin.row for problem in problems] == [2, 3, 5]
    assert all("row 4, which the `duplicates` rule keeps" in one.message for one in problems)


@pytest.mark.parametrize("birth", ["", person(0)["birth_date"]])
def test_one_person_may_have_two_first_names(birth: str) -> None:
    """If each row has the same birth date, or one is a nickname of the other."""
    policy = Duplicates(same_id="keep heaviest", weights=WEIGHTS)
    names = ("Xiaoming", "Michael") if birth else ("Bob", "Robert")
    rows = [person(0, first=name, birth=birth) for name in names]
    problems = across_rows(rows[0], rows[1] | {"user_group": "FAC"}, policy=policy)
    assert found(problems) == [("skipped-duplicate", 2, "primary_id")]


@pytest.mark.parametrize(
    ("weights", "other", "kept"),
    [({"COMM": 1}, 3, 3), ({"fac": 4, "COMM": 1}, None, 3), ({"COMM": 4, "fac": 1}, 3, 2)],
)
def test_weights_count_without_case_and_for_all_other_groups(
    weights: dict[str, int], other: int | None, kept: int
) -> None:
    """Codes are written as Alma has them, which may not be as the lookup has them."""
    policy = Duplicates(same_id="keep heaviest", weights=weights, other_weight=other)
    rows = [person(0, user_group=group) for group in ("COMM", "FAC")]
    problems = across_rows(*rows, policy=policy)
    assert found(problems) == [("skipped-duplicate", 5 - kept, "primary_id")]


@pytest.mark.parametrize(
    ("label", "rule", "equal"),
    [
        ("user_note[0].note_text", {"by_row": True}, True),
        ("user_note[0].note_text", {"by_row": True, "reads": (-1,)}, False),  # the cells differ
        ("expiry_date", {"run_dependent": True}, False),  # of the row where its cell has one
    ],
)
def test_run_variables_make_no_difference(label: str, rule: dict[str, Any], *, equal: bool) -> None:
    """Rows that differ only in what the run writes into each, such as its number, are equal."""
    mapped = candidates(*(person(0) | {label: f"20{year}-01-02"} for year in (27, 31)))
    targets = dict(mapped.layout.targets)
    reads = tuple(len(targets) + at for at in rule.get("reads", ()))
    targets[label] = replace(targets[label], **rule | {"reads": reads})
    mapped = replace(mapped, layout=replace(mapped.layout, targets=targets))
    problems = find_duplicates([(mapped, Duplicates(same_id="keep first"))])
    skipped = [(3, Code.SKIPPED_DUPLICATE)]
    both = [(2, Code.DUPLICATE_ID), (3, Code.DUPLICATE_ID)]
    assert [(p.origin.row, p.code) for p in problems] == (skipped if equal else both)


@pytest.mark.parametrize(
    ("same_id", "changes"),
    [
        ("keep first", [{}, {"user_group": "FAC"}]),
        ("keep first", [{}, {"street": "9 Other St"}]),
        ("keep first", [{}, {"barcode": "", "last": "Other"}]),
        ("keep first", [{}, {"barcode": "", "birth": "1999-09-09"}]),
        ("keep heaviest", [{}, {"barcode": "", "last": "Other"}]),
        ("keep heaviest", [{"birth": ""}, {"barcode": "", "first": "Eva", "user_group": "FAC"}]),
        (
            "keep heaviest",
            [{"birth": "", "first": "Maria"}, {"first": "Mario", "user_group": "FAC"}],
        ),
        ("keep heaviest", [{}, {"barcode": "", "birth": "1999-09-09"}]),
        ("keep heaviest", [{}, {"user_group": "FAC"}, {"user_group": "FAC", "street": "2 B St"}]),
        ("keep heaviest", [{"user_group": ""}, {}]),
    ],
)
def test_where_a_policy_cannot_choose_all_rows_need_review(
    same_id: Literal["keep first", "keep heaviest"], changes: list[dict[str, str]]
) -> None:
    """Rows of other people, rows that differ or weigh the same, and rows without a known group."""
    policy = Duplicates(same_id=same_id, weights=WEIGHTS, similar_person="off")
    problems = across_rows(*(person(0, **change) for change in changes), policy=policy)
    ids = [problem for problem in problems if problem.code is Code.DUPLICATE_ID]
    assert [(problem.origin.row, problem.severity) for problem in ids] == [
        (row, Severity.REVIEW) for row in range(2, 2 + len(changes))
    ]


@pytest.mark.parametrize(
    ("one", "two", "fields"),
    [
        ({"barcode": "x9"}, {"barcode": "X9"}, (SHORT["barcode"], SHORT["barcode"])),
        ({"id": "K77"}, {"barcode": "k77"}, ("primary_id", SHORT["barcode"])),
    ],
)
def test_same_identifier(one: dict[str, str], two: dict[str, str], fields: Sequence[str]) -> None:
    """An ID is in one row and one column only, capitals or not."""
    problems = across_rows(person(0, **one), person(1), person(2, **two))
    assert found(problems) == [
        ("duplicate-identifier", row, field) for row, field in zip((2, 4), fields, strict=True)
    ]
    assert "row 4" in problems[0].message


def test_same_identifier_within_a_row() -> None:
    """Alma refuses a record that holds one value twice; both columns are named."""
    (problem,) = across_rows(person(0, id="K77", barcode="K77"))
    assert (problem.code, problem.field) == (Code.DUPLICATE_IDENTIFIER, "primary_id")
    assert {place.heading for place in problem.places} == {"primary_id", SHORT["barcode"]}
    assert "row" not in problem.message.replace("in this row", "")


@pytest.mark.parametrize("shared", ["birth", "email"])
def test_same_person(shared: str) -> None:
    """One name and one birth date or e-mail under two identifiers is held for review."""
    one = person(0, first="José", last="O’Neil-Ruiz")
    two = person(1, first="jose", last="ONeil Ruiz", **{shared: one[SHORT[shared]]})
    problems = across_rows(one, person(2), two)
    assert found(problems) == [("duplicate-person", row, "primary_id") for row in (2, 4)]
    assert [problem.value for problem in problems] == [two["primary_id"], one["primary_id"]]
    assert {problem.severity for problem in problems} == {Severity.REVIEW}
    assert SHORT[shared] in {place.heading for place in problems[0].places}
    assert "row 4" in problems[0].message
    assert "row 2" in problems[1].message


def test_a_second_email_column_makes_no_strangers_equal() -> None:
    """Pairs of name and email are compared across columns by their values, not by their order."""
    other = "contact_info.email[1].email_address"
    rows = [person(number, last="Ruiz", first="Ana") for number in range(3)]
    rows += [person(number) for number in range(3, 20)]
    for number, row in enumerate(rows):
        row["birth_date"] = f"1990-01-{number + 1:02}"
        row[other] = "" if number < 5 else f"other{number}@example.org"
    assert "duplicate-person" not in {code for code, _, _ in found(across_rows(*rows))}
    rows[7][other], rows[1]["last_name"] = rows[1][SHORT["email"]], rows[7]["last_name"]
    rows[1]["first_name"] = rows[7]["first_name"]
    people = [entry for entry in found(across_rows(*rows)) if entry[0] == "duplicate-person"]
    assert [row for _, row, _ in people] == [3, 9]


def test_same_person_names_every_member() -> None:
    """Who agrees with one by birth date and with another by e-mail is of one group with both."""
    rows = [
        person(0, first="Ida", last="Blum", birth="1990-01-01", email="x@example.org"),
        person(1, first="Ida", last="Blum", birth="1990-01-01", email="y@example.org"),
        person(2, first="Ida", last="Blum", birth="1985-05-05", email="Y@example.org"),
    ]
    problems = across_rows(*rows)
    assert [problem.origin.row for problem in problems] == [2, 3, 4]
    assert "rows 3 and 4" in problems[0].message


def test_one_identifier_is_one_person() -> None:
    """Rows of the same primary identifier are told as such, and not as one person twice."""
    assert {problem.code for problem in across_rows(person(0), person(0, barcode=""))} == {
        Code.DUPLICATE_ID
    }


def test_same_person_by_policy() -> None:
    """The mapping says how bad it is; both comparisons of persons can be turned off."""
    rows = person(0), person(0, id="Z1", barcode="Z2")
    for policy in ("review", "reject", "warn", "off"):
        problems = across_rows(*rows, policy=Duplicates(same_person=policy))
        severity = {"warn": "warning"}.get(policy, policy)
        assert [one.severity.value for one in problems] == [severity] * 2 * (policy != "off")
    near = person(0), person(0, id="Z1", barcode="Z2", last="Nort")
    assert across_rows(*near, policy=Duplicates(similar_person="off")) == []
    assert {problem.code for problem in across_rows(*near)} == {Code.SIMILAR_PERSON}


@pytest.mark.parametrize("shared", ["birth", "email", "phone", "street"])
def test_similar_person(shared: str) -> None:
    """A near name and one agreement more is a warning."""
    one = person(0, first="Jennifer", last="Anderson")
    two = person(1, first="Jenifer", last="Andersen", **{shared: one[SHORT[shared]]})
    if shared != "birth":
        two[SHORT["birth"]] = ""
    problems = across_rows(one, person(2), two)
    assert found(problems) == [("similar-person", row, "last_name") for row in (2, 4)]
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    assert "row 4" in problems[0].message


def test_an_office_phone_makes_nobody_similar() -> None:
    """A number and an address of very many rows are not taken for a person's own."""
    rows = [
        person(number, first="Jon", last="Lee", phone="605-555-0100", street="1 Hall", birth="")
        for number in range(300)
    ]
    assert across_rows(*rows) == []
    assert len(across_rows(*rows[:150])) == 150


def test_a_crowded_birth_date_is_compared_along_the_names() -> None:
    """Near names of one birth date are told, however many rows have that date."""
    rows = [
        person(number, first=f"{chr(97 + number % 26)}qx{number}", last=f"{number}zw")
        for number in range(400)
    ]
    rows.append(person(500, first="Jennifer", last="Anderson"))
    rows.append(person(501, first="Jenifer", last="Anderson"))
    for row in rows:
        row["birth_date"] = "2000-01-01"
    assert {401 + 1, 402 + 1} <= {problem.origin.row for problem in across_rows(*rows)}


FEW = {
    "id": ["A1", "a1", "B2", "C3", "D4", ""],
    "first": ["Ana", "ána", "Anna", "Peter", ""],
    "last": ["Ruiz", "ruiz", "Ruis", "Holm"],
    "birth": ["1990-03-01", "1990-01-03", "1961-07-08", ""],
    "email": ["x@example.org", "X@example.org", ""],
    "phone": ["605-555-0100", "+1 605 555 0100", ""],
    "street": ["1 Elm St", "1 elm st.", ""],
    "zip": ["57069", ""],
    "barcode": ["A1", "B9", ""],
}
"""Few values, so that rows collide in every way."""

PEOPLE = st.lists(
    st.tuples(*map(st.sampled_from, FEW.values())).map(
        lambda values: {SHORT[name]: text for name, text in zip(FEW, values, strict=True)}
    ),
    max_size=12,
)


@given(PEOPLE)
def test_duplicates_are_mutual(people: list[dict[str, str]]) -> None:
    """If a row names another as its duplicate, that one is flagged too and names it back."""
    named: dict[Code, set[tuple[int, int]]] = {}
    counted: set[tuple[Code, int]] = set()
    for problem in across(*people):
        own = problem.origin.row
        if not own:
            continue
        text, unnamed = re.subn(r" and [0-9]+ more", "", problem.message)
        if unnamed:
            counted.add((problem.code, own))
        found_rows = re.search(r"rows? ([0-9][0-9, and]*)", text)
        for other in re.findall(r"[0-9]+", found_rows[1] if found_rows else ""):
            named.setdefault(problem.code, set()).add((own, int(other)))
    for code, pairs in named.items():
        for one, two in pairs:
            assert one != two
            assert (two, one) in pairs or (code, two) in counted


@pytest.mark.hunt
def test_hunt_for_rows_that_do_not_name_each_other() -> None:
    """The property above, on many more rosters."""
    settings(max_examples=5000, deadline=None)(test_duplicates_are_mutual)()
