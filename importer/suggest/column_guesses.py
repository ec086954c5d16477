"""Guess what a roster's columns contain: by their headings, by their values, and by each other.

An ID is never guessed by its values alone: only a heading that names one counts. A heading does
not count if the values contradict it. What offices call their columns is in `model/vocabulary.py`.

A roster is read as its columns are known best: heading rows are tried, and judged by them. What is
certain needs no question. A tie is one for a person, with cells of each way to read it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from importer.errors import RosterError
from importer.loader.read import read
from importer.mapper.compile import EMAIL, digits_of, looks_like_a_person
from importer.model.problem import Place
from importer.model.roster import NO_HEADINGS, Layout, Roster
from importer.model.text import folded
from importer.model.vocabulary import (
    BARCODE,
    CARDS,
    ID_WORDS,
    IDENTITIES,
    RELATIONSHIP,
    SOMEBODY_ELSE,
    STATES,
    Meaning,
    field_of,
    is_left_out,
    meaning,
    named_by,
    own_meaning,
    say_secret,
    type_by_word,
    words_of,
)
from importer.suggest.columns import (
    ADDRESS,
    BARCODE_DIGITS,
    BIRTH_PARTS,
    CITY_LINE,
    DIGITS,
    EMPL_ID,
    ENDS,
    FIRST_MIDDLE,
    FULL_NAME,
    GIVEN,
    GROUPS,
    HOUSE,
    LAST_FIRST,
    LINES,
    MOST,
    PASSWORD_AGAIN,
    PLACES,
    PLAUSIBLE,
    TYPES,
    US_DIGITS,
    Beside,
    Guess,
    is_last_first,
    is_us_state,
    is_whole_name,
    parts_of_address,
    share_of,
)

ROWS = 20_000
"""At most N rows are read."""
ENOUGH = 5
"""Rows from which a column of one value is no group."""
_OF_ADDRESS = frozenset({*ADDRESS, HOUSE, CITY_LINE})
_SEVERAL = frozenset({"email", "phone", "user_title", "", *TYPES})
_UNUSED = frozenset({"note_text", "statistic_category"})
"""Fields that a heading names, but of which a first mapping takes none by itself."""

_UNTIL = frozenset({
    "until", "till", "thru", "through", "end", "ends", "ending", "exp", "expires", "valid",
    "bis", "ende", "gilt", "jusqu", "hasta", "fino", "tot", "ate", "do",
})  # fmt: skip
_SINCE = frozenset(
    {"from", "since", "start", "begin", "ab", "seit", "desde", "depuis", "dal", "od"}
)
_OF_NAMES = frozenset({"name", "names", "nom", "nombre", "nome", "naam"})
"""Words of headings for ends, for starts, and for names of people and other things."""

_YEAR = re.compile(r"\b20[0-9]{2}\b")
PHONE = re.compile(r"[+(]?[0-9][0-9 ().-]{6,}[0-9]")


def guesses(roster: Roster, beside: Beside) -> tuple[Guess, ...]:
    """Return a guess for each column with a heading, from the first rows of the roster."""
    headings = [place.heading for place in roster.places]
    named = {word for heading in headings for word in words_of(heading)}
    others = frozenset({"contact"} if named & RELATIONSHIP else ())
    around = _repeated_words(headings)
    frame = roster.frame.head(ROWS)
    if say_secret(headings):  # one may be under any heading there
        frame = frame.drop(index=frame.index.intersection([*roster.misplaced]))
    found = [
        _guess(place, Counter(filter(None, frame[position].tolist())), others, around, beside)
        for position, place in enumerate(roster.places)
        if place.heading.strip()
    ]
    found = [*_named(found)]
    found = [*_one_group(found, beside)]
    found = [*_addresses(found)]
    found = [*_typed(found)]
    if all(guess.field != PASSWORD_AGAIN for guess in found):  # it may be of another system
        found = [replace(one, field="") if one.field == "password" else one for one in found]
    return tuple(_each_once(found))


def _repeated_words(headings: Iterable[str]) -> Mapping[str, str]:
    """Return words that begin or end three headings or more, as `emp_` or `B_`, and what they mean.

    A prefix of most headings adds nothing: "". One of addresses only names another address.
    """
    starts: dict[str, list[str]] = {}
    headings = [*headings]
    for heading in headings:
        words = words_of(heading)
        for word in {*words[:1], *words[-1:]} if len(words) > 1 else ():
            if not word.isdecimal() and own_meaning(heading) == Meaning():
                starts.setdefault(word, []).append(heading)
    found: dict[str, str] = {}
    for word, ours in starts.items():
        if len(ours) < 3 or word in SOMEBODY_ELSE:
            continue
        fields = [own_meaning(heading, passing=frozenset({word})).field for heading in ours]
        places = {field for field in fields if field in ADDRESS}
        if len(places) > 1 and all(field in {"", HOUSE, *ADDRESS} for field in fields):
            found[word] = word
        elif 2 * len(ours) >= len(headings):
            found[word] = ""
    return found


def _guess(
    place: Place,
    counts: Counter[str],
    others: frozenset[str],
    around: Mapping[str, str],
    beside: Beside,
) -> Guess:
    heading = place.heading
    words = set(words_of(heading))
    found = own_meaning(heading, others, frozenset(around.keys() & words))
    block = next((around[word] for word in words if around.get(word)), "")
    guess = Guess(place, "", counts, number=found.number, vague=found.vague)
    field = beside.field_of(heading)
    counter = field in {"primary_id", EMPL_ID} and guess.numbers_rows
    if field and not counter and share_of(counts, PLAUSIBLE.get(field, bool)) > 1 / 2:
        return replace(guess, field=field, sure=True, block=block or found.kind, confirmed=True)
    if field := named_by(heading, IDENTITIES) or _of_a_password(heading):
        return replace(guess, field=field, sure=True)
    if named_by(heading, CARDS) and share_of(counts, BARCODE_DIGITS.fullmatch) > 1 / 2:
        return replace(guess, field=BARCODE)
    field = _numbered(found) if found.field not in _UNUSED else ""
    if not field and "st" in words and counts and share_of(counts, is_us_state) >= MOST:
        field = "state_province"  # `HOME_ST`, and not `Home St.`
    if (
        field == "birth_date"
        and counts
        and all(text.isdecimal() and len(text) < 3 for text in counts)
    ):
        field = BIRTH_PARTS[-1]  # `Birth Day`
    plausible = share_of(counts, PLAUSIBLE.get(field, bool)) > 1 / 2
    if field in ENDS and not found.vague and len(counts) <= GROUPS:
        plausible = plausible or not any(map(str.isdecimal, counts))  # words such as `permanent`
    if field and plausible and not _contradicted(field, guess, found, beside.today):
        kind = "" if found.kind == "home" else found.kind
        number = str(found.number) if field in ADDRESS and _tells_address(found) else ""
        return replace(guess, field=field, sure=True, block=block or kind or number)
    no_id = found.kind == "mobile" or words & _UNTIL  # as `Number to text`, `Card good till`
    if (SOMEBODY_ELSE | others) & words or is_left_out(heading) or (ID_WORDS & words and not no_id):
        return guess
    return replace(guess, field=_by_values(words, guess, beside.today))


def _of_a_password(heading: str) -> str:
    """Return the field of a column about passwords, which is taken as Alma's own form has it."""
    field = meaning(heading).field
    return field if field in {"password", PASSWORD_AGAIN, "force_password_change"} else ""


def _numbered(found: Meaning) -> str:
    """Return the field of a heading with its number: `Address 2` is the second line."""
    field = found.field
    if field == "line1" and not found.inner and found.number in range(2, 6):
        return LINES[found.number - 1]
    several = field in {"email", "phone", HOUSE, *TYPES, *ADDRESS, "web_site_url"}
    return field if several or found.number < 2 else ""


def _tells_address(found: Meaning) -> bool:
    """Return whether a number is that of a second address: in `City 2`, `Address 2 - Street`."""
    return found.number > 1 and (found.inner or found.field in PLACES)


def _contradicted(field: str, guess: Guess, found: Meaning, today: date) -> bool:
    """Return whether the values are not what a heading names, such as births to come.

    Where the heading is vague, an expiry date must be ahead, and a group have several words.
    """
    if field == "birth_date":
        return guess.dates(lambda day: day.year >= today.year - 1)
    if field == "expiry_date":
        return found.vague and guess.dates(lambda day: day < today)
    if field == "user_group":
        one = len(guess.counts) == 1 and guess.filled >= ENOUGH
        return found.vague and (one or all(folded(text) in STATES for text in guess.counts or [""]))
    return False


def _by_values(words: Collection[str], guess: Guess, today: date) -> str:
    """Recognize email addresses and phone numbers by their form, whatever the heading.

    With the help of a word of the heading, an end, names such as `Kim, Olivia`, and `PLZ/Ort`.
    """
    counts = guess.counts
    if counts and share_of(counts, EMAIL.fullmatch) >= MOST:
        return "email"
    if counts and _UNTIL & {*words} and not _SINCE & {*words} and share_of(counts, _ends) > 1 / 2:
        return "" if guess.dates(lambda day: day < today) else "expiry_date"
    if parts_of_address(replace(guess, field="line1")):
        return "line1"
    if len({*map(field_of, words)} & {"city", "state_province", "postal_code"}) > 1:
        return CITY_LINE if parts_of_address(guess) else ""
    if counts and _OF_NAMES & {*words} and share_of(counts, is_last_first) >= MOST:
        return FULL_NAME
    long = all(digits_of(text) in US_DIGITS and not DIGITS.fullmatch(text) for text in counts)
    return "phone" if counts and long and share_of(counts, PHONE.fullmatch) >= MOST else ""


def _ends(text: str) -> object:
    """Return whether a text is a date, a month or a year, or a term such as `Spring 2027`."""
    return PLAUSIBLE["expiry_date"](text) or _YEAR.search(text)


# --- columns beside each other ---


def _named(found: list[Guess]) -> Iterator[Guess]:
    """Decide about columns of names by the others.

    A `Name` beside a surname is a first name, and one beside a first name is a last name. So is a
    preferred first name where there is no other.
    """
    fields = {guess.field for guess in found}
    parts = {"first_name", FIRST_MIDDLE, "last_name"} & fields
    whole = {FULL_NAME, LAST_FIRST} & fields
    called = parts == {"last_name"} and GIVEN not in fields
    for guess in found:
        field = guess.field
        if field == "pref_first_name" and called:
            field = "first_name"
        elif field == GIVEN and len(parts) == 1 and not whole:
            field = "first_name" if parts == {"last_name"} else "last_name"
        elif field in {GIVEN, FULL_NAME, LAST_FIRST}:
            wordy = bool(guess.counts) and guess.share(is_whole_name) > 1 / 2
            named = FULL_NAME if field == GIVEN else field
            field = named if wordy and not parts and not (field == GIVEN and whole) else ""
            if field and guess.share(is_last_first) > 1 / 2:
                field = FULL_NAME  # a comma shows what is what
        yield replace(guess, field=field)


def _one_group(found: list[Guess], beside: Beside) -> Iterator[Guess]:
    """Choose the column of the user group: the one with Alma's codes or names, else by its heading.

    Without Alma's codes a heading such as `Patron Type` comes before `Type`, and several words
    before one.
    """
    known = beside.groups()
    secret = say_secret(guess.place.heading for guess in found)

    def merit(guess: Guess) -> tuple[int, int, int, int]:
        words = {folded(text): count for text, count in guess.counts.items()}
        of_alma = 0 < len(words) <= GROUPS and share_of(words, known.__contains__) >= MOST
        several = len(guess.counts) > 1 or guess.filled < ENOUGH
        lettered = not all(map(str.isdecimal, words))
        named = guess.field == "user_group"
        rank = 3 if guess.confirmed and named else 2 if of_alma and several else int(named)
        return rank, several, lettered, not guess.vague

    able = (g for g in found if g.field in {"", "user_group"} and g.place.heading not in secret)
    best = max(able, key=merit, default=None)
    for guess in found:
        if guess is best and merit(guess)[0]:
            yield replace(guess, field="user_group", sure=guess.field == "user_group")
        elif guess.field == "user_group":
            yield replace(guess, field="")
        else:
            yield guess


def _addresses(found: list[Guess]) -> Iterator[Guess]:
    """Give each column of an address its block; columns of no street are part of no address.

    A column that says nothing belongs to the one address that there is. One of words between
    a street and a state or a postal code is the city, whatever its heading.
    """
    found = [*map(_or_city, found, [None, *found], [*found[1:], None])]
    found = [*_by_words(found)]
    twice = {str(g.number) for g in found if g.block == str(g.number)}  # `City 2`
    found = [
        replace(guess, block=str(guess.number), field="line1")
        if guess.field in LINES and not guess.block and str(guess.number) in twice
        else guess
        for guess in found
    ]
    ours = [guess for guess in found if guess.field in _OF_ADDRESS]
    fields = {guess.block: {g.field for g in ours if g.block == guess.block} for guess in ours}
    streets = [block for block, names in fields.items() if "line1" in names]
    for guess in found:
        lone = guess.block in fields and guess.block not in streets and len(streets) == 1
        if lone and guess.field in _OF_ADDRESS - fields[streets[0]]:
            yield replace(guess, block=streets[0])
        else:
            yield guess


def _by_words(found: list[Guess]) -> Iterator[Guess]:
    """Give addresses of one kind blocks of their own: `Local Street` and `Permanent Street`.

    The first keeps what says nothing of its kind, such as `City`.
    """
    ours = {at: guess for at, guess in enumerate(found) if guess.field in _OF_ADDRESS}
    hints = {
        at: " ".join(word for word in words_of(guess.place.heading) if meaning(word).kind)
        for at, guess in ours.items()
    }
    streets: dict[str, dict[str, None]] = {}
    for at, hint in hints.items():
        if ours[at].field == "line1":
            streets.setdefault(ours[at].block, {})[hint] = None
    for at, guess in enumerate(found):
        known = [*streets.get(guess.block, ())]
        first = "" if "" in known or not known else known[0]
        divided = hints.get(at) in known and hints[at] != first
        yield replace(guess, block=hints[at]) if divided else guess


def _or_city(guess: Guess, before: Guess | None, behind: Guess | None) -> Guess:
    """Return the column as the city if it has words and is between those of an address."""
    around = before and behind and (before.field, behind.field)
    if not around or guess.field or not guess.counts or is_left_out(guess.place.heading):
        return guess
    worded = guess.share(lambda text: not any(map(str.isdigit, text))) >= MOST
    if worded and around[0] in {*LINES, HOUSE} and around[1] in {"state_province", "postal_code"}:
        return replace(guess, field="city", block=before.block if before else "")
    return guess


def _typed(found: list[Guess]) -> Iterator[Guess]:
    """Keep columns of types if all of their words are known, and an email or a phone has them.

    A column of `school` and `personal` right behind emails is one, whatever its heading.
    """
    for at, guess in enumerate(found):
        of = TYPES.get(guess.field, "")
        before = found[at - 1].field if at else ""
        if not guess.field and len(guess.counts) > 1 and before in {"email", "phone"}:
            of = before
        if of:
            known = guess.counts and all(type_by_word(of, text) for text in guess.counts)
            yield replace(guess, field=f"{of} type" if known else "")
        else:
            yield guess


def _each_once(found: Iterable[Guess]) -> Iterator[Guess]:
    """Keep the confirmed, named, new or first column of a field; emails and phones have several."""
    found = [*found]
    kept: dict[tuple[str, str], Guess] = {}
    keys = [(one.field, one.block if one.field in _OF_ADDRESS else "") for one in found]
    pairs = [*zip(keys, found, strict=True)]

    def rank(pair: tuple[tuple[str, str], Guess]) -> tuple[bool, ...]:
        guess = pair[1]
        is_new = "new" in words_of(guess.place.heading)  # beside `Expiration date`
        return not guess.confirmed, not guess.sure, not is_new

    for key, guess in sorted(pairs, key=rank):
        kept.setdefault(key, guess)
    for key, guess in pairs:
        once = guess.field in _SEVERAL or kept[key] is guess
        yield guess if once else replace(guess, field="")


_ROWS = 5
"""Rows from the top that may have the headings beside the one that the loader takes."""
_CELLS = 3


# --- how the roster is read ---


@dataclass(frozen=True, slots=True)
class Reading:
    """A roster as it is read, and how.

    `tied`: three cells of each row that may have the headings as well, its own row included, by
    its number; empty if the row is certain.
    """

    roster: Roster
    layout: Layout
    tied: Mapping[int, str]


def best_reading(path: Path, layout: Layout, beside: Beside) -> Reading:
    """Return the roster with the heading row whose columns are known best. Raises RosterError.

    A row that the layout names is taken as it is.
    """
    first = read(path, layout)
    if layout.header:
        return Reading(first, layout, {})
    if looks_like_a_person(place.heading for place in first.places):
        headless = replace(layout, header=NO_HEADINGS)
        return Reading(read(path, headless), headless, {})
    chosen, merit = first.source.header[-1], _merit(first, beside)
    found = {chosen: (first, merit)}
    certain = merit > 2 and 2 * merit >= sum(bool(place.heading.strip()) for place in first.places)
    for row in () if certain else range(1, _ROWS + 1):
        other = _read(path, replace(layout, header=(row,))) if row != chosen else None
        if other and not looks_like_a_person(place.heading for place in other.places):
            found[row] = other, _merit(other, beside)
    best = max(found, key=lambda row: (found[row][1], row == chosen))
    merit = found[best][1]
    tied = {row: _cells(one) for row, (one, its) in found.items() if its == merit}
    named = layout if best == chosen else replace(layout, header=(best,))
    return Reading(found[best][0], named, tied if len(tied) > 1 else {})


def _read(path: Path, layout: Layout) -> Roster | None:
    try:
        return read(path, layout)
    except RosterError:
        return None


def _merit(roster: Roster, beside: Beside) -> int:
    """How many columns have a field that the heading names and the values do not contradict."""
    return sum(guess.sure and bool(guess.field) for guess in guesses(roster, beside))


def _cells(roster: Roster) -> str:
    texts = [place.heading for place in roster.places if place.heading.strip()]
    return ", ".join(texts[:_CELLS])
