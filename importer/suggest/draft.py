"""What a first mapping is made of: guesses about the columns, and a person's choices above them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from difflib import get_close_matches

from importer.mapper.dates import Dates, Order, Unread, shown_order
from importer.mapper.lookups import OTHERWISE
from importer.mapper.placeholders import heading_key
from importer.model.fields import FIELDS, country_of
from importer.model.roster import Roster
from importer.model.text import folded
from importer.model.user import AccountType
from importer.model.vocabulary import (
    BARCODE,
    SOMEBODY_ELSE,
    STATES,
    is_left_out,
    say_secret,
    words_of,
)
from importer.suggest.column_guesses import guesses
from importer.suggest.columns import (
    CITY_LINE,
    DATES,
    EMPL_ID,
    FIRST_MIDDLE,
    FULL_NAME,
    HOUSE,
    LAST_FIRST,
    PLACES,
    PRIMARY_ID,
    Beside,
    Guess,
    is_us_state,
    parts_of_address,
)

LOOKUPS = {
    "user_title": "titles",
    "gender": "genders",
    "user_group": "groups",
    "campus_code": "campuses",
    "job_category": "job categories",
    "preferred_language": "languages",
    "country": "countries",
}
"""Coded fields, with the lookup that is started if the roster has words instead of codes."""
NAME, GROUP, EXPIRY = "name", "user_group", "expiry_date"
"""What is asked for beside the ID; `NAME` is a whole name, or the part of it that is missing."""
_DEAD = frozenset({"deceased", "verstorben", "decede", "fallecido", "deceduto", "overleden"})
_YES = frozenset({"y", "yes", "x", "true", "1", "j", "ja", "oui", "si", "deceased", "verstorben"})
"""Words of a heading, and its cells, about people whom nobody loads."""
_NUMBER_BEHIND = re.compile(r"(?i)str|weg|platz|straat|laan|calle|via|ul|rua|allee|gasse")
SAMPLES = 3
_NEAR = 0.75
"""How near a word must be to the name of a code: `Comunity`, but not `Family` and `Faculty`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person has decided about the mapping; what is not is guessed, and marked as a guess.

    `columns`: the heading of the column for `primary_id`, `name`, `user_group` or `expiry_date`.
    `groups`: Alma's user group for each word of the roster.
    """

    account_type: AccountType | None = None
    columns: Mapping[str, str] = default(default_factory=dict)
    dates: Order | None = None
    groups: Mapping[str, str] = default(default_factory=dict)

    @property
    def primary_id(self) -> str:
        """The heading of the column of IDs, "" if it is not chosen."""
        return self.columns.get("primary_id", "")


class Draft:
    """The columns of a roster with their fields, the choices above the guesses."""

    def __init__(self, roster: Roster, beside: Beside, choices: Choices) -> None:
        """Guess what the columns are, and put the choices above the guesses."""
        self.roster, self.choices = roster, choices
        guessed = guesses(roster, beside)
        empl = any(guess.field == EMPL_ID for guess in guessed)
        usual = AccountType.EXTERNAL if empl else AccountType.INTERNAL
        self.account_type = choices.account_type or usual
        self.external = self.account_type is AccountType.EXTERNAL
        # what identifies users of the other kind says nothing about these
        other = "primary_id" if self.external else EMPL_ID
        if any(guess.confirmed and guess.field == other for guess in guessed):
            beside = beside.without(other)
            guessed = guesses(roster, beside)
        self.beside = beside
        self.guesses = tuple(_chosen(guessed, choices))
        self.by_field: dict[str, list[Guess]] = {}
        for guess in self.guesses:
            self.by_field.setdefault(guess.field, []).append(guess)
        found = filter(None, map(self.first, ("primary_id", PRIMARY_ID, EMPL_ID, BARCODE)))
        self.ids = sorted(found, key=lambda guess: not guess.confirmed)
        wanted = heading_key(choices.primary_id)
        chosen = [guess for guess in self.guesses if heading_key(guess.place.heading) == wanted]
        if chosen:
            self.ids = [chosen[0], *(guess for guess in self.ids if guess is not chosen[0])]
        self.groups = {heading_key(word): code for word, code in choices.groups.items()}
        self._dates = [t for guess in self.guesses if guess.field in DATES for t in guess.counts]
        self.dates = choices.dates or shown_order(self._dates, Dates())
        self.american = self._is_american()

    def first(self, field: str, block: str | None = None) -> Guess | None:
        """Return the first column of a field, of one address only if its `block` is given."""
        ours = self.by_field.get(field, ())
        return next((guess for guess in ours if block is None or guess.block == block), None)

    @property
    def blocks(self) -> list[str]:
        """The addresses that have a street, in the order of the roster."""
        return list(dict.fromkeys(guess.block for guess in self.by_field.get("line1", ())))

    def parts(self, block: str) -> tuple[Guess | None, Mapping[str, str]]:
        """Return the column with several parts of an address, and a pattern for each part."""
        street, city = self.first("line1", block), self.first(CITY_LINE, block)
        if street and not city and not any(self.first(place, block) for place in PLACES[:3]):
            city = street
        return city, parts_of_address(city) if city else {}

    @property
    def possible_ids(self) -> list[Guess]:
        """The columns that could be the primary ID: those that name one, cards, and others."""
        able = [guess for guess in self.guesses if guess.identifies and guess not in self.ids]
        return [*self.ids, *sorted(able, key=lambda guess: not guess.is_card)]

    @property
    def known_id(self) -> str:
        """The heading of the column that is taken for the primary ID, or ""."""
        return self.ids[0].place.heading if self.ids else ""

    @property
    def in_doubt(self) -> bool:
        """Whether a column has dates that only an order of day, month and year can read."""
        return any(Dates().read(text) is Unread.TWO_WAYS for text in self._dates)

    @property
    def open(self) -> tuple[str, ...]:
        """Which of name, group and expiry date no column is known for."""
        whole = any(self.first(one) for one in (FULL_NAME, LAST_FIRST))
        parts = [self.first(one) for one in ("first_name", "last_name")]
        named = whole or all(parts) or (self.first(FIRST_MIDDLE) and self.first("last_name"))
        known = {NAME: named, GROUP: self.first(GROUP), EXPIRY: self.first(EXPIRY)}
        return tuple(name for name, column in known.items() if not column)

    def possible(self, wanted: str) -> list[Guess]:
        """Return the columns without a field that could have names, user groups or expiry dates.

        Of groups, those with the fewest words are first.
        """
        able = [one for one in self.guesses if not one.field and self._could_be(wanted, one)]
        return sorted(able, key=lambda one: len(one.counts) if wanted == GROUP else 0)

    def _could_be(self, wanted: str, guess: Guess) -> bool:
        texts = guess.counts
        heading = guess.place.heading
        if not texts or is_left_out(heading) or heading in self._secret:
            return False
        if SOMEBODY_ELSE & {*words_of(heading)}:
            return False
        if wanted == GROUP:
            states = all(folded(text) in STATES for text in texts)
            worded = guess.share(lambda text: any(map(str.isalpha, text))) > 1 / 2
            repeated = 1 < len(texts) <= max(2, guess.filled / 2)
            return guess.few and repeated and worded and not states
        if wanted == EXPIRY:
            return guess.dates(lambda day: day > self.beside.today)
        lettered = guess.share(lambda text: text[:1].isalpha() and not any(map(str.isdigit, text)))
        return lettered > 0.9 and len(texts) > guess.filled / 2 and max(map(len, texts)) > 1

    @property
    def deceased(self) -> list[tuple[str, list[str]]]:
        """The headings of columns about people who have died, with the words of cells for it."""
        named = (guess for guess in self.guesses if not guess.field)
        about = (guess for guess in named if _DEAD & {*words_of(guess.place.heading)})
        found = ((g.place.heading, [text for text in g.counts if folded(text) in _YES])
                 for g in about)  # fmt: skip
        return [(heading, yes) for heading, yes in found if yes]

    def street(self, street: Guess) -> tuple[Guess, ...]:
        """Return the column of a street, with that of its number where it has one of its own."""
        house = self.first(HOUSE, street.block)
        numbered = street.share(lambda text: any(map(str.isdigit, text))) > 1 / 2
        if house is None or numbered:
            return (street,)
        behind = street.share(_NUMBER_BEHIND.search) > 1 / 3
        return (street, house) if behind else (house, street)

    @property
    def _secret(self) -> frozenset[str]:
        return say_secret(place.heading for place in self.roster.places)

    def samples(self, guess: Guess) -> str:
        """Return three cells of a column in one line, to be shown beside it; none of a secret."""
        if guess.place.heading in self._secret:
            return ""
        return ", ".join(text[:24] for text in list(guess.counts)[:SAMPLES])

    def group_words(self) -> list[tuple[str, int]]:
        """Return the words for user groups that need Alma's codes, and in how many rows each is."""
        guess = self.first(GROUP)
        return spellings([guess]) if guess and self.takes_lookup(guess) else []

    def takes_lookup(self, guess: Guess) -> bool:
        """Return whether a column has words instead of Alma's codes, as far as those are known.

        A word for which a person chose a code is none, nor is a code that Alma's table lacks.
        """
        if guess.field not in LOOKUPS or not guess.few:
            return False
        table = FIELDS[path_of(guess.field)].facts.table or ""
        known = {row.code for row in self.beside.codes.enabled(table)}
        chosen = guess.field == GROUP and any(map(self.chosen_group, guess.counts))
        return guess.worded or chosen or (bool(known) and not guess.counts.keys() <= known)

    def chosen_group(self, word: str) -> str:
        """Return the user group that a person chose for a word in any case, "" if none."""
        return self.groups.get(heading_key(word), "")

    def code(self, field: str, word: str) -> tuple[str, str]:
        """Return Alma's code for a word of the roster, and a question with codes that are near.

        The code is "" if none is certain.
        """
        if field == GROUP and (chosen := self.chosen_group(word)):
            return chosen, ""
        rows = self.beside.codes.enabled(FIELDS[path_of(field)].facts.table or "")
        of_country = country_of(word) if field == "country" else ""
        if of_country and (not rows or any(row.code == of_country for row in rows)):
            return of_country, ""
        named: dict[str, dict[str, None]] = {}  # the codes by name, in order
        for row in rows:
            for name in filter(None, map(folded, (row.description, row.code))):
                named.setdefault(name, {})[row.code] = None
        fits = list(named.get(folded(word), ()))
        if len(fits) == 1:
            return fits[0], ""
        near = dict.fromkeys(
            c for n in get_close_matches(folded(word), named, 2, _NEAR) for c in named[n]
        )
        return "", f"; did you mean {' or '.join(near)}?" if near else ""

    def _is_american(self) -> bool:
        """Whether the addresses are of the US, by the states, or by a heading that says ZIP."""
        state, code = self.first("state_province"), self.first("postal_code")
        if self.blocks and "state_province" in self.parts(self.blocks[0])[1]:
            return True
        if state is not None:
            return state.share(is_us_state) > 1 / 2
        return code is not None and "zip" in code.place.heading.casefold()


def _chosen(found: Iterable[Guess], choices: Choices) -> Iterator[Guess]:
    """Give the columns that a person chose their fields, and take these from others."""
    found = list(found)
    wanted = {
        heading_key(h): name for name, h in choices.columns.items() if h and name != "primary_id"
    }
    taken = set(wanted.values())
    parts = [name for name in ("first_name", "last_name") if any(g.field == name for g in found)]
    for guess in found:
        name = wanted.get(heading_key(guess.place.heading), "")
        if name == NAME:
            other = {"first_name": "last_name", "last_name": "first_name"}
            field = other[parts[0]] if len(parts) == 1 else FULL_NAME
            yield replace(guess, field=field, sure=True, confirmed=True)
        elif name:
            yield replace(guess, field=name, sure=True, confirmed=True)
        elif guess.field in taken:
            yield replace(guess, field="")
        else:
            yield guess


def path_of(field: str) -> str:
    """Return the path of a coded field."""
    return "contact_info.address.country" if field == "country" else field


def spellings(found: Iterable[Guess]) -> list[tuple[str, int]]:
    """Return each word of some columns once, in one of its spellings, and how often it occurs.

    A cell `*` is none: in a lookup, that is every other word.
    """
    words: dict[str, tuple[str, int]] = {}
    for guess in found:
        for text in sorted(guess.counts.keys() - {OTHERWISE}):
            key = heading_key(text)
            word, count = words.get(key, (text, 0))
            words[key] = word, count + guess.counts[text]
    return list(words.values())
