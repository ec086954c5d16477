"""The accuracy of duplicate detection, measured with labeled pairs.

`python -m tests.validator.matching` writes the figures into docs/reference/matching.md.
"""

from __future__ import annotations

import asyncio
import csv
import re
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
from importer.model.run import AlmaKey
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
    cache = UserCache.make(
        folder / "users.sqlite", AlmaKey(institution="INST", environment="sandbox")
    )
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


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _by_kind(results: list[tuple[Pair, str]]) -> Iterator[tuple[object, ...]]:
    expected = Counter(pair.expected for pair, _ in results)
    told = Counter(kind for _, kind in results)
    right = Counter(kind for pair, kind in results if pair.expected == kind)
    for kind, code in KINDS.items():
        precision = _percent(right[kind], told[kind])
        recall = _percent(right[kind], expected[kind])
        name = f"`{code.value if code else '–'}`"
        yield kind, name, expected[kind], right[kind], told[kind], precision, recall


def _by_reason(results: list[tuple[Pair, str]]) -> Iterator[tuple[object, ...]]:
    reasons = Counter((pair.expected, pair.why) for pair, _ in results)
    hits = Counter((pair.expected, pair.why) for pair, kind in results if pair.expected == kind)
    for (kind, why), count in reasons.items():
        yield kind, why, f"{hits[kind, why]} of {count}"


def _in_alma(results: list[InAlma]) -> Iterator[tuple[object, ...]]:
    for what, found in (
        ("user cache", [(one.pair, one.cache) for one in results]),
        ("Alma's search", [(one.pair, one.search) for one in results]),
    ):
        meant = sum(pair.expected != "none" for pair, _ in found)
        told = sum(hit for _, hit in found)
        right = sum(hit for pair, hit in found if pair.expected != "none")
        yield what, meant, right, told, _percent(right, told), _percent(right, meant)


def _in_alma_by_reason(results: list[InAlma]) -> Iterator[tuple[object, ...]]:
    reasons: dict[tuple[str, str], list[InAlma]] = {}
    for one in results:
        reasons.setdefault((one.pair.expected, one.pair.why), []).append(one)
    for (kind, why), group in reasons.items():
        hits = (sum(one.cache for one in group), sum(one.search for one in group))
        yield kind, why, *(f"{count} of {len(group)}" for count in hits)


def page(text: str, results: list[tuple[Pair, str]], in_alma: list[InAlma]) -> str:
    """Return the text of the page with the lines of its four tables as they are measured."""
    measured = (
        _by_kind(results), _by_reason(results), _in_alma(in_alma), _in_alma_by_reason(in_alma)
    )  # fmt: skip
    tables = ("".join(f"| {' | '.join(map(str, row))} |\n" for row in rows) for rows in measured)
    text = re.sub(r"(?<=-\|\n)(?:\| .*\n)+", lambda _: next(tables), text)
    return re.sub(r"\d+(?= labeled pairs)", str(len(results)), text)


def main() -> None:
    """Write the page."""
    with TemporaryDirectory() as folder:
        in_alma = asyncio.run(judged_in_alma(Path(folder)))
    text = page(PAGE.read_text("utf-8"), judged(), in_alma)
    PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
