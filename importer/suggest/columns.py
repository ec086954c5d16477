"""Guess what columns contain: by the words of their headings, their cells, and each other.

Scores add. What a heading means comes from `model/vocabulary.py`, what cells allow and show from
`profile.py`. From a score of `ENOUGH_SCORE` a column takes its field, in one pass;
below it, it is listed. An ID is never guessed by its cells alone: a heading has to name one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from datetime import date

from importer.mapper.dates import is_any_date
from importer.mapper.headings import EMAIL, digits_of
from importer.mapper.placeholders import heading_key
from importer.model.fields import NO_CODES, CodeTables
from importer.model.problem import Place
from importer.model.roster import Roster
from importer.model.secret_headings import is_left_out, say_secret
from importer.model.text import folded, word_list
from importer.model.vocabulary import (
    BESIDE_HEAD,
    BIRTH_PARTS,
    ENOUGH_SCORE,
    OF_PASSWORDS,
    STATES,
    STRONG,
    TYPES,
    Meaning,
    Part,
    languages_of,
    meaning,
    region_of,
    type_by_word,
    words_of,
)
from importer.suggest.confirmed import Confirmed
from importer.suggest.profile import (
    ADDRESS,
    BARCODE_DIGITS,
    DIGITS,
    ENDS,
    GROUPS,
    LETTERED,
    LINES,
    MOST,
    PLACES,
    PLAUSIBLE,
    US_DIGITS,
    day_of,
    is_last_first,
    is_like_an_id,
    is_whole_name,
    share_of,
    shown_by,
    without_dashes,
    words_for_dates,
)  # fmt: skip

_TYPED_SMALL = 0.05
"""The share of names in small letters, as in forms, from which they are no exception."""
_IDS_DIFFER = 0.9
"""The share of values that differ, and are like IDs, in a column of IDs; some people are twice."""

CHOSEN = "a person"
"""What confirms a guess that a person made, in place of a mapping's name."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the roster: the day, Alma's codes, and what the office confirmed."""

    today: date
    codes: CodeTables = NO_CODES
    confirmed: Confirmed = default(default_factory=dict)

    def taken(self, heading: str, word: str = "") -> tuple[str, str]:
        """Return what is confirmed for a heading or a word below it, and by which mapping."""
        return self.confirmed.get((heading_key(heading), heading_key(word)), ("", ""))

    def without(self, field: str) -> Beside:
        """Return what is known where no heading is confirmed for a field."""
        kept = {
            key: lookup for key, lookup in self.confirmed.items() if key[1] or lookup[0] != field
        }
        return replace(self, confirmed=kept)


_CODE = re.compile(r"[A-Z0-9_-]{1,12}")
_KINDS_OF_CODES = {
    "country": re.compile(r"[A-Z]{3}"),
    "gender": re.compile(r"[A-Z_]{4,}"),
    "preferred_language": re.compile(r"[a-z]{2,3}"),
}

# --- columns ---


@dataclass(frozen=True, slots=True)
class Guess:
    """A column: its place, the field that it seems to feed ("" if none), and its values.

    `field` is a field's last name, or one of the vocabulary's words for what is not a field.
    `sure`: the heading names it, and the values do not contradict. `counts`: how often each value
    occurs. `meaning`: of its heading; `scores`: of each field that it may be, the best first.
    `block`: which of several addresses it is of. `confirmed`: by this mapping of the office, or by
    `CHOSEN`. `doubt`: what speaks against it, as the end of a mark.
    """

    place: Place
    field: str
    counts: Mapping[str, int]
    meaning: Meaning = default(default_factory=Meaning)
    scores: Mapping[str, float] = default(default_factory=dict)
    sure: bool = False
    block: str = ""
    confirmed: str = ""
    doubt: str = ""

    def share(self, fits: Callable[[str], object]) -> float:
        """Return the share of its filled cells that fit; 1 if there are none."""
        return share_of(self.counts, fits)

    @property
    def filled(self) -> int:
        """How many cells have a value."""
        return sum(self.counts.values())

    @property
    def identifies(self) -> bool:
        """Whether it could be an ID: all differ, and the heading names one or most have digits."""
        different = len(self.counts) >= _IDS_DIFFER * self.filled > 0
        other = self.field or self.numbers_rows or is_left_out(self.place.heading)
        if other or not different or self.meaning.vetoed:
            return False
        if self.meaning.identity:
            return self.share(is_whole_name) < 1 / 2
        return not self.meaning.concepts and self.share(is_like_an_id) >= MOST

    @property
    def numbers_rows(self) -> bool:
        """Whether its values only count the rows, as forms do: 1, 2, 3."""
        numbers = {*map(str, range(1, len(self.counts) + 1))}
        return numbers != set() and self.counts.keys() == numbers

    @property
    def form(self) -> str:
        """The rule for IDs of which nearly all of its cells have the form, "" if they differ."""
        forms: Counter[str] = Counter()
        for text, count in self.counts.items():
            if DIGITS.fullmatch(text):
                forms[f"digits: {len(text)}"] += count
            elif match := LETTERED.fullmatch(text):
                forms[f'pattern: "{match[1]}[0-9]{{{len(match[2])}}}"'] += count
        form, count = forms.most_common(1)[0] if forms else ("", 0)
        return form if count >= MOST * self.filled else ""

    @property
    def few(self) -> bool:
        """Whether it contains values, few enough for a lookup."""
        return 0 < len(self.counts) <= GROUPS

    @property
    def worded(self) -> bool:
        """Whether it contains words, which do not have the form of codes."""
        kind = _KINDS_OF_CODES.get(self.field, _CODE)
        return not all(map(kind.fullmatch, self.counts))

    @property
    def shouted(self) -> bool:
        """Whether its words are all in capitals, as old systems write names, or some in none."""
        long = {text: count for text, count in self.counts.items() if len(text) > 1}
        small = share_of(long, str.islower) >= _TYPED_SMALL
        return bool(long) and (small or share_of(long, str.isupper) >= MOST)

    @property
    def american(self) -> bool:
        """Whether most of its numbers have as many digits as US phone numbers."""
        return share_of(self.counts, lambda text: digits_of(text) in US_DIGITS) > 1 / 2

    def dates(self, fits: Callable[[date], object]) -> bool:
        """Return whether it contains dates, and most of them fit."""
        days = {text: day_of(text) for text in self.counts if is_any_date(text)}
        dated = bool(without_dashes(self.counts)) and self.share(days.__contains__) >= MOST
        return dated and self.share(lambda text: (day := days.get(text)) and fits(day)) >= MOST


# --- guesses ---

ROWS = 20_000
"""At most N rows are read."""
ENOUGH = 5
"""Rows from which a column of one value is no group."""
_OF_ADDRESS = frozenset({*ADDRESS, Part.HOUSE, Part.CITY_LINE, "address type"})
_SEVERAL = frozenset({"email", "phone", "user_title", "", *TYPES})
_UNUSED = frozenset({"note_text", "statistic_category"})
"""Fields that a heading names, but of which a first mapping takes none by itself."""
_FORBIDDEN = -5.0
"""What cells of another form add to the score of a field."""


def guesses(roster: Roster, beside: Beside) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    headings = [place.heading for place in roster.places]
    languages = languages_of(tuple(headings))
    meanings = _meanings(headings, languages)
    frame = roster.frame.head(ROWS)
    if say_secret(headings):  # one may be under any heading there
        frame = frame.drop(index=frame.index.intersection([*roster.misplaced]))
    columns = (Counter(filter(None, frame[at].tolist())) for at in range(len(headings)))
    guesses = [
        _guess(Guess(place, "", counts, means), beside, region_of(languages))
        for place, means, counts in zip(roster.places, meanings, columns, strict=True)
        if place.heading.strip()
    ]
    guesses = [*_named(guesses)]
    guesses = [*_one_group(guesses, beside)]
    guesses = [*_addresses(guesses)]
    guesses = [*_typed(guesses)]
    if all(guess.field != Part.PASSWORD_AGAIN for guess in guesses):  # it may be of another system
        guesses = [
            replace(guess, field="") if guess.field == "password" else guess for guess in guesses
        ]
    return tuple(_doubted([*_each_once(guesses)]))


def _meanings(headings: list[str], languages: tuple[str, ...]) -> Iterator[Meaning]:
    """Yield what each heading means here: contacts are relatives where one names a relation."""
    meant = [meaning(heading, languages) for heading in headings]
    relatives = any("relation" in sense.concepts for sense in meant)
    for heading, sense in zip(headings, meant, strict=True):
        contact = relatives and {"contact", "contacto"} & {*words_of(heading)}
        yield replace(sense, vetoed=True) if contact else sense


def _guess(guess: Guess, beside: Beside, region: str) -> Guess:
    """Return a column with its block, and the field that it is taken for, if any."""
    heading, meant, counts = guess.place.heading, guess.meaning, guess.counts
    second = meant.number > 1 and (meant.inner or meant.field in PLACES)  # `City 2`
    block = " ".join(meant.whose) or (str(meant.number) if second else "")
    guess = replace(guess, block=block)
    field, mapping = beside.taken(heading)
    counter = field in {"primary_id", Part.EMPL_ID} and guess.numbers_rows
    if field and not counter and share_of(counts, PLAUSIBLE.get(field, bool)) > 1 / 2:
        return replace(guess, field=field, sure=True, confirmed=mapping)
    if meant.field in {
        Part.PRIMARY_ID,
        Part.EMPL_ID,
        Part.BARCODE,
        *OF_PASSWORDS,
    }:  # as Alma's own form has it
        return replace(guess, field=meant.field, sure=True)
    if (
        {"card", "person"} & {*meant.concepts}
        and meant.identity
        and share_of(counts, BARCODE_DIGITS.fullmatch) > 1 / 2
    ):
        return replace(guess, field=Part.BARCODE)
    scores = _scores(guess, beside.today, region)
    guess = replace(guess, scores=dict(sorted(scores.items(), key=lambda pair: -pair[1])))
    best = next(iter(guess.scores), "")
    if not best or scores[best] < ENOUGH_SCORE or best in _UNUSED:
        return guess
    return replace(guess, field=best, sure=best == _named_field(guess))


def _named_field(guess: Guess) -> str:
    """Return the field of a heading with its number: `Address 2` is the second line."""
    meant, counts = guess.meaning, guess.counts
    field = meant.field
    if field == "line1" and not meant.inner and meant.number in range(2, 6):
        return LINES[meant.number - 1]
    if meant.number == 2 and field in {"first_name", "last_name"}:
        return "middle_name" if field == "first_name" else Part.SECOND_LAST  # `Prénom 2`
    if field == "birth_date" and counts and all(t.isdecimal() and len(t) < 3 for t in counts):
        return BIRTH_PARTS[-1]  # `Birth Day`
    return field


def _scores(guess: Guess, today: date, region: str) -> dict[str, float]:
    """Return the score of each field: what the heading says, and what the cells show or forbid."""
    meant, named = guess.meaning, _named_field(guess)
    if meant.vetoed or is_left_out(guess.place.heading):
        return {}
    scores = dict.fromkeys(meant.others, BESIDE_HEAD)
    if named:
        scores[named] = meant.score if named == meant.field else STRONG
    for field, shown in () if meant.identity else shown_by(guess.counts, today, region).items():
        scores[field] = scores.get(field, 0.0) + shown
    return {field: score + _forbidden(field, guess, today) for field, score in scores.items()}


def _forbidden(field: str, guess: Guess, today: date) -> float:
    """Return what cells of another form take from the score of a field."""
    counts, vague = guess.counts, guess.meaning.vague
    share = share_of(counts, PLAUSIBLE.get(field, bool))
    other = vague or share_of(counts, EMAIL.fullmatch) >= MOST
    allowed = share >= 1 / 2 or (share > 0 and not other)
    if field == "birth_date":
        allowed = allowed and not guess.dates(lambda day: day.year >= today.year - 1)
    elif field == "expiry_date" and vague:
        allowed = allowed and not guess.dates(lambda day: day < today)
    elif field == "user_group" and vague:
        alone = len(counts) == 1 and guess.filled >= ENOUGH
        allowed = not alone and not all(folded(text) in STATES for text in counts or [""])
    elif field == Part.FULL_NAME and vague:
        allowed = allowed and share_of(counts, is_whole_name) > 1 / 2
    if not counts and (field == Part.BEFORE_LAST or (vague and field not in LINES)):
        allowed = False  # a word of many uses above blank cells says nothing
    return 0.0 if allowed else _FORBIDDEN


# --- columns beside each other ---


def _named(guesses: list[Guess]) -> Iterator[Guess]:
    """Decide about columns of names by the others.

    A `Name` beside a surname is a first name, and one beside a first name is a last name. So is a
    preferred first name where there is no other.
    """
    fields = {guess.field for guess in guesses}
    parts = {"first_name", Part.FIRST_MIDDLE, "last_name"} & fields
    whole = {Part.FULL_NAME, Part.LAST_FIRST} & fields
    called = parts == {"last_name"} and Part.GIVEN not in fields
    for guess in guesses:
        field = guess.field
        if field == "pref_first_name" and called:
            field = "first_name"
        elif field == Part.GIVEN and len(parts) == 1 and not whole:
            field = "first_name" if parts == {"last_name"} else "last_name"
        elif field in {Part.GIVEN, Part.FULL_NAME, Part.LAST_FIRST}:
            wordy = bool(guess.counts) and guess.share(is_whole_name) > 1 / 2
            named = Part.FULL_NAME if field == Part.GIVEN else field
            field = named if wordy and not parts and not (field == Part.GIVEN and whole) else ""
            if field and guess.share(is_last_first) > 1 / 2:
                field = Part.FULL_NAME  # a comma shows what is what
        yield replace(guess, field=field)


def _one_group(guesses: list[Guess], beside: Beside) -> Iterator[Guess]:
    """Choose the column of the user group: the one with Alma's codes or names, else by its heading.

    Without Alma's codes a heading such as `Patron Type` comes before `Type`, and several words
    before one.
    """
    rows = beside.codes.enabled("UserGroups")
    known = {folded(text) for row in rows for text in (row.code, row.description)} - {""}
    secret = say_secret(guess.place.heading for guess in guesses)

    def merit(guess: Guess) -> tuple[int, int, int]:
        counts = without_dashes(guess.counts)
        words = {folded(text): count for text, count in counts.items()}
        of_alma = 0 < len(words) <= GROUPS and share_of(words, known.__contains__) >= MOST
        several = len(counts) > 1 or guess.filled < ENOUGH
        named = guess.field == "user_group"
        rank = 3 if guess.confirmed and named else 2 if of_alma and several else int(named)
        return rank, several, not guess.meaning.vague

    able = (g for g in guesses if g.field in {"", "user_group"} and g.place.heading not in secret)
    best = max(able, key=merit, default=None)
    for guess in guesses:
        if guess is best and merit(guess)[0]:
            yield replace(guess, field="user_group", sure=guess.field == "user_group")
        elif guess.field == "user_group":
            yield replace(guess, field="")
        else:
            yield guess


def _addresses(guesses: list[Guess]) -> Iterator[Guess]:
    """Give each column of an address the block of its street; without a street there is none.

    Where none is named beside two places, it is the column that is most like one. A column whose
    mark no street has is of the one address that there is, if that has no such column yet; one
    without a mark is of the first. `Address 2` is a second street where there is a second city.
    """
    fields = {guess.field for guess in guesses}
    second = {
        guess.block for guess in guesses if guess.field in PLACES and guess.meaning.number > 1
    }
    unnamed = len(fields & {*PLACES}) > 1 and fields.isdisjoint({"line1", Part.CITY_LINE})
    likely = [guess for guess in guesses if not guess.field and guess.scores.get("line1", 0.0) >= 1]
    street = max(likely, key=lambda guess: guess.scores["line1"], default=None) if unnamed else None
    marked = []
    for guess in guesses:
        number = str(guess.meaning.number)
        if guess is street:
            marked.append(replace(guess, field="line1"))
        elif guess.field in LINES and not guess.block and number in second:
            marked.append(replace(guess, field="line1", block=number))
        else:
            marked.append(guess)
    streets = [*dict.fromkeys(guess.block for guess in marked if guess.field == "line1")]
    first = streets[0] if streets else ""
    there = {guess.field for guess in marked if guess.block == first}
    for guess in marked:
        lacking = len(streets) == 1 and guess.field not in there
        if guess.field not in _OF_ADDRESS:
            yield guess
        elif not streets:
            yield replace(guess, field="")
        elif guess.block not in streets and (lacking or not guess.block):
            yield replace(guess, block=first)
        else:
            yield guess


def _typed(guesses: list[Guess]) -> Iterator[Guess]:
    """Keep columns of types of emails, phones and addresses if all of their words are known."""
    for guess in guesses:
        of, words = TYPES.get(guess.field, ""), guess.counts
        unknown = of and not (words and all(type_by_word(of, word) for word in words))
        yield replace(guess, field="") if unknown else guess


def _each_once(guesses: Iterable[Guess]) -> Iterator[Guess]:
    """Keep the confirmed, named or first column of a field; emails and phones have several."""
    guesses = [*guesses]
    kept: dict[tuple[str, str], Guess] = {}
    keys = [(guess.field, guess.block if guess.field in _OF_ADDRESS else "") for guess in guesses]
    pairs = [*zip(keys, guesses, strict=True)]

    def rank(pair: tuple[tuple[str, str], Guess]) -> tuple[bool, bool, bool, float]:
        guess = pair[1]
        score = guess.scores.get(guess.field, 0.0)
        return not guess.confirmed, not guess.sure, not guess.counts, -score

    for key, guess in sorted(pairs, key=rank):
        kept.setdefault(key, guess)
    named: set[str] = set()
    titles = [guess for guess in guesses if guess.field == "user_title"]
    third = sorted(titles, key=lambda guess: (not guess.counts, -guess.meaning.score))[2:]
    for key, guess in pairs:
        name = heading_key(guess.place.heading)
        once = name not in named and (guess.field in _SEVERAL or kept[key] is guess)
        once = once and guess not in third
        named |= {name} if once and guess.field else set()
        yield guess if once else replace(guess, field="")


def _doubted(guesses: list[Guess]) -> Iterator[Guess]:
    """Say what a person has to look at: a heading that two columns have, cells of another form."""
    columns: dict[str, list[str]] = {}
    for guess in guesses:
        columns.setdefault(heading_key(guess.place.heading), []).append(guess.place.letter)
    for guess in guesses:
        same = columns[heading_key(guess.place.heading)]
        wrong = 1 - guess.share(PLAUSIBLE.get(guess.field, bool))
        doubt = f"; rename one of the columns {word_list(same)} in the roster" if same[1:] else ""
        worded = guess.field in ENDS and words_for_dates(guess.counts)  # which get a lookup
        if not (doubt or worded) and wrong > 1 - MOST:
            doubt = f"; {wrong:.0%} of the cells have another form"
        yield replace(guess, doubt=doubt)
