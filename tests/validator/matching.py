"""The accuracy of duplicate detection, measured with labeled pairs and written as a page.

`python -m tests.validator.matching` writes docs/reference/matching.md.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from importer.alma.client import Alma
from importer.alma.pacing import RateLimiter
from importer.model.people import person_keys
from importer.model.problem import Code
from importer.model.user import User
from importer.sandbox.server import Options, running
from importer.users.cache import UserCache, find_users
from importer.users.matching import MatchResult, PersonQuery, search_alma
from tests.validator.building import SHORT, across_rows

PAIRS = Path(__file__).with_name("pairs.csv")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "matching.md"

KINDS: dict[str, Code | None] = {
    "same id": Code.DUPLICATE_ID,
    "same identifier": Code.DUPLICATE_IDENTIFIER,
    "same person": Code.DUPLICATE_PERSON,
    "similar": Code.SIMILAR_PERSON,
    "none": None,
}
"""What a pair can be, strongest first, and the problem that tells it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows, what they are, and why."""

    expected: str
    why: str
    one: dict[str, str]
    two: dict[str, str]

    @property
    def told(self) -> str:
        """What the validator takes them for, where the two are all that the roster holds."""
        codes = {problem.code for problem in across_rows(self.one, self.two)}
        return next(kind for kind, code in KINDS.items() if code in codes or code is None)


def _pairs() -> Iterator[Pair]:
    with PAIRS.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            one, two = (
                {label: line[f"{side} {name}"] for name, label in SHORT.items() if name in _KEPT}
                for side in ("a", "b")
            )
            yield Pair(line["expected"], line["why"], one, two)


_KEPT = frozenset({"id", "barcode", "first", "last", "birth", "email", "phone", "street", "zip"})


def judged() -> list[tuple[Pair, str]]:
    """Every labelled pair with what it was told to be."""
    return [(pair, pair.told) for pair in _pairs()]


# people in Alma: the first row of each pair is the roster's, the second a user


@dataclass(frozen=True, slots=True)
class InAlma:
    """A pair, and whether the user was found for the row: in the user cache, by Alma's search."""

    pair: Pair
    cache: bool
    search: bool


def _user(row: dict[str, str]) -> User:
    get = {name: row[label] for name, label in SHORT.items() if name in _KEPT}
    body: dict[str, object] = {
        "record_type": {"value": "PUBLIC"},
        "account_type": {"value": "INTERNAL"},
        "primary_id": get["id"],
        "first_name": get["first"],
        "last_name": get["last"],
        "user_group": {"value": "COMM"},
        "contact_info": {
            "email": [{"email_address": get["email"], "email_type": [{"value": "personal"}]}],
            "phone": [{"phone_number": get["phone"], "phone_type": [{"value": "home"}]}],
            "address": [
                {
                    "line1": get["street"],
                    "city": "Vermillion",
                    "postal_code": get["zip"],
                    "address_type": [{"value": "home"}],
                }
            ],
        },
    }
    if get["birth"]:
        body["birth_date"] = f"{get['birth']}Z"
    return User.model_validate(body)


def _query(row: dict[str, str]) -> PersonQuery:
    get = {name: row[label] for name, label in SHORT.items() if name in _KEPT}
    person = person_keys(
        get["first"],
        get["last"],
        born=get["birth"],
        emails=[get["email"]],
        phones=[get["phone"]],
        addresses=[(get["street"], get["zip"])],
    )
    return PersonQuery((), get["first"], get["last"], get["email"], person, by_name=True)


async def judged_in_alma(folder: Path) -> list[InAlma]:
    """What is found of each pair, where Alma has all their second people at once."""
    pairs = [pair for pair in _pairs() if pair.expected in {"same person", "similar", "none"}]
    users = {pair.two["primary_id"]: _user(pair.two) for pair in pairs}
    cache = UserCache.make(folder / "users.sqlite", "INST", "sandbox")
    with cache, running(Options(rate=0)) as base_url:
        url, key = f"{base_url}/almaws/v1", SecretStr("sandbox")
        async with Alma(url, key, RateLimiter(5000, 0)) as alma:
            for user in users.values():
                await alma.create_user(user)
            cache.put(users.values(), datetime.now(UTC))
            results = []
            for pair in pairs:
                found = [
                    find_users(cache, _query(pair.one)),
                    await search_alma(alma, _query(pair.one)),
                ]
                wanted = pair.two["primary_id"]
                told = [
                    isinstance(one, MatchResult)
                    and any(user.primary_id == wanted for user in one.possible_matches)
                    for one in found
                ]
                results.append(InAlma(pair, *told))
            return results


def _alma_section(results: list[InAlma]) -> str:
    lines = []
    for what, found in (
        ("user cache", [(one.pair, one.cache) for one in results]),
        ("Alma's search", [(one.pair, one.search) for one in results]),
    ):
        meant = sum(pair.expected != "none" for pair, _ in found)
        told = sum(hit for _, hit in found)
        right = sum(hit for pair, hit in found if pair.expected != "none")
        lines.append(
            f"| {what} | {meant} | {right} | {told} | {_percent(right, told)} "
            f"| {_percent(right, meant)} |"
        )
    reasons: dict[tuple[str, str], list[InAlma]] = {}
    for one in results:
        reasons.setdefault((one.pair.expected, one.pair.why), []).append(one)
    by_reason = "\n".join(
        f"| {kind} | {why} | {sum(one.cache for one in group)} of {len(group)} "
        f"| {sum(one.search for one in group)} of {len(group)} |"
        for (kind, why), group in reasons.items()
    )
    totals = "\n".join(lines)
    return f"""## People in Alma

`plan` compares each new patron with the people in Alma by the same rules; whoever may be the same
person is reported as `possible-match-in-alma`, and the row needs review. The user cache compares
all of this. Without it the importer asks Alma twice for each new patron: for the email, and for
first and last name. Alma finds words as they are written, so nicknames, other spellings and new
last names are found only with an equal email; the report then shows `names-not-compared`.

A user of the same name gets a warning (`same-name-in-alma`) if a birth date is missing on either
side and nothing else is equal; the row is sent.

A user whom an ID of the row finds is compared as well, by a stricter rule: see
[how rows are matched and changed](../explanation/matching-and-updates.md#matching-with-alma).

The same pairs, the first row in a roster and the second in Alma, together with all the others:

| compared by | pairs of one person | found | reported | precision | recall |
|---|---|---|---|---|---|
{totals}

| kind | example | by the user cache | by Alma's search |
|---|---|---|---|
{by_reason}
"""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def page(results: list[tuple[Pair, str]], in_alma: list[InAlma]) -> str:
    """The page: figures by kind, and by the reason for which a pair is what it is."""
    expected = Counter(pair.expected for pair, _ in results)
    told = Counter(kind for _, kind in results)
    right = Counter(kind for pair, kind in results if pair.expected == kind)
    by_kind = "\n".join(
        f"| {kind} | `{code.value if code else '–'}` | {expected[kind]} | {right[kind]} "
        f"| {told[kind]} | {_percent(right[kind], told[kind])} "
        f"| {_percent(right[kind], expected[kind])} |"
        for kind, code in KINDS.items()
    )
    reasons = Counter((pair.expected, pair.why) for pair, _ in results)
    hits = Counter((pair.expected, pair.why) for pair, kind in results if pair.expected == kind)
    by_reason = "\n".join(
        f"| {kind} | {why} | {hits[kind, why]} of {count} |"
        for (kind, why), count in reasons.items()
    )
    return f"""# Accuracy of duplicate detection

Measured with {len(results)} labeled pairs of invented rows (`tests/validator/pairs.csv`), each as
a roster of its own, with the default settings. `python -m tests.validator.matching` writes this
page. The rules were chosen with these pairs, so rosters with other names will do slightly worse.

Precision: the share of the pairs reported as a kind that really are of that kind. Recall: the share
of the pairs of a kind that are reported as that kind.

| kind | problem | pairs | reported correctly | reported | precision | recall |
|---|---|---|---|---|---|---|
{by_kind}

The first three kinds are exact comparisons and miss none. The fourth is only a warning; the row is
still sent. Where it is right and wrong:

| kind | example | reported correctly |
|---|---|---|
{by_reason}

## What counts as the same or similar

- **Same identifier**: equal in any identifier column, ignoring upper and lower case.
- **Same name**: equal, ignoring case, accents, periods, hyphens, apostrophes, blanks, an initial
  beside the first name, and the order of first and last name. Letters of every script count.
- **Same person**: the same name and the same birth date or email, under different identifiers.
- **Similar**: one of birth date, email, phone number, or street with ZIP code is equal, and
  - the same name, or
  - both parts of the name are similar (Jaro-Winkler similarity of 0.88, an initial, the beginning
    of the other, half of a double name, an English nickname, or the same four or more consonants),
    unless both rows have birth dates that differ by more than one typing error, or
  - the same first name or a nickname of it, the same birth date, and one more equal value, under
    another last name (marriage).
- An email, phone number or address in more than 200 rows does not count as personal.

Not found: spellings that only sound alike (Tchaikov and Chaikov, Said and Saeed), nicknames in
other languages, and a new last name if only the birth date and the first name are equal.
Found wrongly: twin siblings whose first names differ by a typing error.

{_alma_section(in_alma)}"""


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        in_alma = asyncio.run(judged_in_alma(Path(folder)))
    PAGE.write_text(page(judged(), in_alma), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
