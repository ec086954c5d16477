"""Suggest a first mapping for a roster: a commented text that a person completes.

It is made of guesses about the columns, which are marked, and a person's choices above them. What
only a person can know is a `?`: the column of the primary ID if no heading names it, and Alma's
codes for the words in the roster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default

from importer.mapper.dates import Dates, Order, is_iso, shown_order
from importer.mapper.headings import digits_of
from importer.mapper.lookups import OTHERWISE
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.whole_names import NameOrder, read_name
from importer.mapper.yaml_source import cell, comment, scalar
from importer.model.fields import FIELDS, country_of
from importer.model.roster import NO_HEADINGS, NULLS, Layout, Roster
from importer.model.secret_headings import say_secret
from importer.model.text import counted, folded, similar
from importer.model.user import AccountType, Reach
from importer.model.vocabulary import (
    BIRTH_PARTS,
    DEAD,
    ENOUGH_SCORE,
    LEFT,
    YES,
    Part,
    type_by_word,
    type_of,
    words_of,
)
from importer.suggest.columns import CHOSEN, Beside, Guess, guesses
from importer.suggest.profile import (
    ADDRESS,
    DATES,
    ENDS,
    PLACES,
    is_us_state,
    ways_of,
    without_a_day,
    words_for_dates,
)
from importer.suggest.writing import names_for

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
_PARTS_OF_NAME = (Part.FULL_NAME, Part.GIVEN, "first_name", "last_name")
_NUMBER_BEHIND = re.compile(r"(?i)str|weg|platz|straat|laan|calle|via|ul|rua|allee|gasse")
SAMPLES = 3
_NEAR = 75
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


class MappingDraft:
    """The columns of a roster with their fields, the choices above the guesses."""

    def __init__(self, roster: Roster, beside: Beside, choices: Choices) -> None:
        """Guess what the columns are, and put the choices above the guesses."""
        self.roster, self.beside, self.choices = roster, beside, choices
        guessed = guesses(roster, beside)
        empl = any(guess.field == Part.EMPL_ID for guess in guessed)
        usual = AccountType.EXTERNAL if empl else AccountType.INTERNAL
        self.account_type = choices.account_type or usual
        self.external = self.account_type is AccountType.EXTERNAL
        # what identifies users of the other kind says nothing about these
        other = "primary_id" if self.external else Part.EMPL_ID
        if any(guess.confirmed and guess.field == other for guess in guessed):
            guessed = guesses(roster, beside.without(other))
        self.guesses = tuple(_chosen(guessed, choices))
        self.by_field: dict[str, list[Guess]] = {}
        for guess in self.guesses:
            if guess.counts or guess.field != "country" or roster.frame.empty:  # else it shows none
                self.by_field.setdefault(guess.field, []).append(guess)
        usual_ids = (Part.EMPL_ID, Part.BARCODE) if self.external else (Part.BARCODE, Part.EMPL_ID)
        found = filter(None, map(self.first, ("primary_id", Part.PRIMARY_ID, *usual_ids)))
        self.ids = sorted(found, key=lambda guess: not guess.confirmed)
        wanted = heading_key(choices.columns.get("primary_id", ""))
        chosen = [guess for guess in self.guesses if heading_key(guess.place.heading) == wanted]
        if chosen:
            self.ids = [chosen[0], *(guess for guess in self.ids if guess is not chosen[0])]
        self._codes = {(GROUP, heading_key(word)): code for word, code in choices.groups.items()}
        self._dates = [t for guess in self.guesses if guess.field in DATES for t in guess.counts]
        self.dates = choices.dates or shown_order(self._dates, Dates())
        self.american = self._is_american()
        self._secret = say_secret(place.heading for place in roster.places)

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
        street, city = self.first("line1", block), self.first(Part.CITY_LINE, block)
        if street and not city and not any(self.first(place, block) for place in PLACES[:3]):
            city = street
        return city, ways_of(city.counts, street=city.field == "line1") if city else {}

    @property
    def possible_ids(self) -> list[Guess]:
        """The columns that could be the primary ID: those that name one, cards, and others."""
        public = (one for one in self.guesses if one.place.heading not in self._secret)
        able = [one for one in public if one.identifies and one not in self.ids]
        return [*self.ids, *sorted(able, key=lambda one: "card" not in one.meaning.concepts)]

    @property
    def open(self) -> tuple[str, ...]:
        """Which of name, group and expiry date no column is known for."""
        whole = any(self.first(one) for one in (Part.FULL_NAME, Part.LAST_FIRST))
        parts = [self.first(one) for one in ("first_name", "last_name")]
        named = whole or all(parts) or (self.first(Part.FIRST_MIDDLE) and self.first("last_name"))
        known = {NAME: named, GROUP: self.first(GROUP), EXPIRY: self.first(EXPIRY)}
        return tuple(name for name, column in known.items() if not column)

    def possible(self, wanted: str) -> list[Guess]:
        """Return the columns without a field that could be this, by their scores for it."""
        fields = _PARTS_OF_NAME if wanted == NAME else (wanted,)
        scores = {
            guess.place: max(guess.scores.get(field, 0.0) for field in fields)
            for guess in self.guesses
            if not guess.field and guess.counts and guess.place.heading not in self._secret
        }
        able = [guess for guess in self.guesses if scores.get(guess.place, 0.0) > 0]
        few = wanted == GROUP
        return sorted(able, key=lambda one: (-scores[one.place], len(one.counts) if few else 0))

    @property
    def divided(self) -> tuple[Guess, list[str], list[str]] | None:
        """A column whose words say who has an EMPL ID, with its words of people with and without.

        Students and guests of one file are of two kinds in Alma, and so of two mappings.
        """
        ids = self.first(Part.EMPL_ID)
        if ids is None or not ids.counts:
            return None
        frame = self.roster.frame
        at = {place: position for position, place in enumerate(self.roster.places)}
        has_id = frame[at[ids.place]].astype(bool)
        for guess in self.guesses:
            public = guess.place.heading not in self._secret and not guess.meaning.vetoed
            kind = public and guess.few and guess.field in {"", GROUP}
            if kind and len(guess.counts) < guess.filled / 2:
                words = frame[at[guess.place]]
                ours, others = ({*filter(None, words[mask])} for mask in (has_id, ~has_id))
                if ours and others and not ours & others:
                    return guess, sorted(ours), sorted(others)
        return None

    @property
    def left(self) -> list[tuple[Guess, list[str], list[str]]]:
        """Columns of which some words say that people left, with the other words and these."""
        found = []
        for guess in self.guesses:
            if guess.few and not guess.field and guess.place.heading not in self._secret:
                gone = [word for word in guess.counts if "".join(words_of(word)) in LEFT | DEAD]
                others = [word for word in guess.counts if word not in gone]
                if gone and others and len(guess.counts) < guess.filled:
                    found.append((guess, others, gone))
        return found

    @property
    def deceased(self) -> list[tuple[str, list[str]]]:
        """The headings of columns about people who have died, with the words of cells for it."""
        named = (guess for guess in self.guesses if not guess.field)
        about = (guess for guess in named if DEAD & {*words_of(guess.place.heading)})
        found = ((g.place.heading, [one for one in g.counts if folded(one) in YES]) for g in about)
        return [(heading, yes) for heading, yes in found if yes]

    @property
    def nulls(self) -> Mapping[str, bool]:
        """The words of databases for a blank; whether each is a last name, as Null is, too."""
        columns = self.by_field.get("last_name", ())
        names = {text.casefold() for guess in columns for text in guess.counts if text.isalpha()}
        others = (guess for guess in self.guesses if guess.field != "last_name")
        found = (text for guess in others for text in guess.counts if text.casefold() in NULLS)
        return {text: text.casefold() in names for text in found}

    def street(self, street: Guess) -> tuple[Guess, ...]:
        """Return the column of a street, with that of its number where it has one of its own."""
        house = self.first(Part.HOUSE, street.block)
        numbered = street.share(lambda text: any(map(str.isdigit, text))) > 1 / 2
        if house is None or numbered:
            return (street,)
        behind = street.share(_NUMBER_BEHIND.search) > 1 / 3
        return (street, house) if behind else (house, street)

    def samples(self, guess: Guess) -> str:
        """Return three cells of a column in one line, to be shown beside it; none of a secret."""
        if guess.place.heading in self._secret:
            return ""
        return ", ".join(text[:24] for text in list(guess.counts)[:SAMPLES])

    def takes_lookup(self, guess: Guess) -> bool:
        """Return whether a column has other words than Alma's codes, as far as those are known."""
        if guess.field not in LOOKUPS or not (guess.few and spellings([guess])):
            return False
        known = self._known(guess.field)
        chosen = any(self.chosen_code(guess.field, word)[0] for word in guess.counts)
        return guess.worded or chosen or (bool(known) and not guess.counts.keys() <= known)

    def _known(self, field: str) -> frozenset[str]:
        table = FIELDS[path_of(field)].facts.table or ""
        return frozenset(row.code for row in self.beside.codes.enabled(table))

    def chosen_code(self, field: str, word: str) -> tuple[str, str]:
        """Return the code that a person chose for a word in any case, or that a mapping has.

        With the mapping's name; "" if there is none. One that Alma no longer has, and a date that
        is over, is none.
        """
        if code := self._codes.get((field, heading_key(word))):
            return code, CHOSEN
        names = (one.place.heading for one in self.by_field.get(field, ()))
        ours = (name for name in names if self.beside.taken(name)[0] == field)
        found = dict(self.beside.taken(name, word) for name in ours)
        known, today = self._known(field), self.beside.today.isoformat()
        for code in [*found]:
            ahead = is_iso(code) and code >= today
            if not code or not (ahead if field in ENDS else not known or code in known):
                del found[code]
        return next(iter(found.items())) if len(found) == 1 else ("", "")

    def code(self, field: str, word: str) -> tuple[str, str]:
        """Return Alma's code for a word, "" if none is certain, and a question with near codes."""
        if chosen := self.chosen_code(field, word)[0]:
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
        close = similar(folded(word), named, 2, _NEAR)
        near = dict.fromkeys(code for name in close for code in named[name])
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
            field = other[parts[0]] if len(parts) == 1 else Part.FULL_NAME
            yield replace(guess, field=field, sure=True, confirmed=CHOSEN)
        elif name:
            yield replace(guess, field=name, sure=True, confirmed=CHOSEN)
        elif guess.field in taken:
            yield replace(guess, field="")
        else:
            yield guess


def path_of(field: str) -> str:
    """Return the path of a coded field."""
    return "contact_info.address.country" if field == "country" else field


def spellings(found: Iterable[Guess]) -> list[tuple[str, int]]:
    """Return each word of some columns once, with its count; neither `*` nor a word for a blank."""
    words: dict[str, tuple[str, int]] = {}
    for guess in found:
        for text in sorted(t for t in guess.counts if t != OTHERWISE and t.casefold() not in NULLS):
            key = heading_key(text)
            word, count = words.get(key, (text, 0))
            words[key] = word, count + guess.counts[text]
    return list(words.values())


# --- the text ---

_END_DATES = "end dates"
_GUESS = "   # guess"
_BY_WORDS = "   # guess, by its words"
_BY_VALUES = "   # guess, by its values"
_TO_DO = "   # to do"
_BEFORE_GROUP = ("user_title", "gender")
_AFTER_GROUP = (
    "campus_code", "job_category", "job_description", "web_site_url", "cataloger_level",
    "preferred_language", *DATES, "pin_number", "password", "force_password_change",
)  # fmt: skip
_NAMES = (
    "first_name", "middle_name", "last_name",
    "pref_first_name", "pref_middle_name", "pref_last_name", "pref_name_suffix",
)  # fmt: skip
_INITIAL_LAST, _INITIALS = re.compile(r"[^,]+ [^\W\d_]"), 0.1
"""A name such as `LEE ANN M`, and the share of them from which last names are first."""
_EMPL_IDS = range(7, 10)
"""Digits of EMPL IDs, which no Internal user has."""
_LISTED = (
    "user_title", "gender", "birth_date", "line1", "city", "state_province", "postal_code",
    "country", "phone", "note_text",
)  # fmt: skip
"""Fields whose candidates are listed in a comment if no column is taken for them."""
_US_STEPS = {"state_province": "upper", "postal_code": "zip"}
_FIRST_AND_MIDDLE = {"first_name": 1, "middle_name": 2}


def to_do(text: str) -> int:
    """Return how many lines of a suggested mapping a person still has to complete."""
    return text.count(_TO_DO)


def suggest(
    roster: Roster,
    beside: Beside,
    layout: Layout | None = None,
    schema: str = "",
    choices: Choices | None = None,
) -> str:
    """Return the text of a mapping for this roster. It loads as it is; what is to do is marked.

    `layout` is how the roster was read; its settings are written to the mapping. `schema` is the
    name of the JSON Schema beside the mapping, if there is one.
    """
    draft = MappingDraft(roster, beside, choices or Choices())
    return "\n".join((*_Lines(draft, layout or Layout()).lines(schema), ""))


def columns_taken(roster: Roster, beside: Beside) -> int:
    """Return how many columns a first mapping takes, as the page promises before it is made."""
    lines = _Lines(MappingDraft(roster, beside, Choices()), Layout())
    return len([*lines.lines("")] and lines.used)


def scores_of(draft: MappingDraft, heading: str) -> Iterator[str]:
    """Yield what the words of a heading mean, and the score of each field for its column."""
    for guess in draft.guesses:
        if heading_key(guess.place.heading) == heading_key(heading):
            meant = ", ".join(guess.meaning.concepts) or "nothing that is known"
            yield f"{guess.place}: its words mean {meant}."
            yield from (f"  {score:5.1f}  {field}" for field, score in guess.scores.items())
            taken = f"It is taken for {guess.field}" if guess.field else "It is taken for no field"
            yield f"{taken}; that takes a score of {ENOUGH_SCORE}, and no better column."


class _Lines:
    def __init__(self, draft: MappingDraft, layout: Layout) -> None:
        """Begin without lookups and named values.

        `used`: headings in placeholders. `names`: of headings that need one; `named`: those used.
        """
        self.draft, self.layout = draft, layout
        self.names = names_for(place.heading for place in draft.roster.places)
        self.used: set[str] = set()
        self.named: set[str] = set()
        self.lookups: dict[str, list[Guess]] = {}
        self.end_words: dict[str, int] = {}
        self.values: list[str] = []

    def lines(self, schema: str) -> Iterator[str]:
        """Yield the lines of the mapping."""
        if schema:
            yield f"# yaml-language-server: $schema={schema}"
        record, ids = [*self._record()], [*self._digits()]
        yield from self._head()
        yield from ids
        yield "record:"
        yield from record
        if self.values:
            yield "values:"
            yield from self.values
        yield from self._lookups()

    def _record(self) -> Iterator[str]:
        yield from self._primary_id()
        yield from self._names()
        yield from self._fields(_BEFORE_GROUP)
        if GROUP in self.draft.open:
            yield "  # The column of the user group, or Alma's code if everybody has the same:"
            yield from self._candidates(GROUP)
            yield f"  user_group: {cell(TO_CHOOSE)}{_TO_DO}"
        yield from self._fields((GROUP, *_AFTER_GROUP))
        if EXPIRY in self.draft.open:
            yield "  # No column shows when a card expires. To let cards expire one year from now,"
            yield "  # remove the `#` and one blank below:"
            yield "  # expiry_date: {from: <@today>, plus: 1 year}"
            yield from self._candidates(EXPIRY)
        yield from self._contacts()
        yield from self._more()
        for field in _LISTED if self.draft.roster.frame.size else ():
            likely = [g for g in self.draft.possible(field) if g.scores[field] >= 1]
            if likely and not self.draft.first(field):
                columns = ", ".join(comment(str(guess.place)) for guess in likely[:3])
                yield f"  # {field} is perhaps {columns}."

    def _candidates(self, wanted: str) -> Iterator[str]:
        """A comment with the columns that could be meant."""
        if found := [comment(str(guess.place)) for guess in self.draft.possible(wanted)[:3]]:
            yield f"  # Perhaps {', '.join(found)}."

    def _head(self) -> Iterator[str]:
        draft, source, choices = self.draft, self.draft.roster.source, self.draft.choices
        yield f"# A first mapping for {comment(source.path.name)}."
        yield "# Check every line, above all those marked `guess`, and replace every `?`."
        yield "version: 1"
        yield f"account_type: {draft.account_type}{'' if choices.account_type else _GUESS}"
        owner = draft.first(Part.OWNING_SYSTEM) if draft.external else None
        if owner:
            yield f"owning_system: {self._cell(owner)}{_GUESS}"
        elif draft.external:
            yield f"owning_system: SIS{_GUESS}: the code of the external system in Alma"
        yield "record_type: PUBLIC"
        yield "roster:"
        if self.layout.sheet:
            yield f"  sheet: {scalar(source.sheet)}"
        if self.layout.encoding != "auto":
            yield f"  encoding: {scalar(self.layout.encoding)}"
        if draft.dates:
            mark = "" if choices.dates else f"{_GUESS}: some dates allow no other order"
            yield f"  dates: {draft.dates}{mark}"
        else:
            yield "  # dates: mdy   # how dates are typed: mdy, dmy or ymd"
        if nulls := [scalar(text) for text, is_name in draft.nulls.items() if not is_name]:
            yield f"  blank: [{', '.join(nulls)}]{_GUESS}"
        if any(draft.nulls.values()):
            yield "  # A last name is Null. Where this word means a blank, add a step to the rule's"
            yield "  # `clean`, as in {from: <Heading>, clean: [{unless: [NULL]}]}."
        if skipped := dict(draft.deceased):
            entries = (
                f"{{when: {{{scalar(self._name(heading))}: [{', '.join(map(scalar, yes))}]}}, "
                "reason: deceased}"
                for heading, yes in skipped.items()
            )
            yield f"  skip: [{', '.join(entries)}]{_GUESS}"
        yield from self._only()
        headings = (guess.place.heading for guess in draft.guesses)
        if unused := [scalar(one) for one in headings if one not in {*self.used, *skipped}]:
            yield "  # No line below uses these columns. Remove the `#` and one blank to keep"
            yield "  # them out of Alma without a notice; columns not in this list are reported."
            yield f"  # unused: [{', '.join(unused)}]"
        yield f"  header: {self._header()}"
        if self.names:
            yield "# Names for headings that contain `<`, `>`, `@` or `$`. To use one"
            yield "# that is behind a `#`, remove the `#` and one blank:"
            yield "headings:" if self.named else "# headings:"
        for heading, name in self.names.items():
            yield f"{'  ' if heading in self.named else '#   '}{scalar(name)}: [{scalar(heading)}]"

    def _only(self) -> Iterator[str]:
        """Propose the rows to take: of one kind of people, or without those who left."""
        if divided := self.draft.divided:
            column, ours, others = divided
            yield f"  # {comment(str(column.place))} divides this roster: the rows of these words"
            yield f"  # have no EMPL ID: {comment(', '.join(others))}. Make two mappings."
            yield "  # This one, for the External users, has"
            yield f"  # only: {self._words(column, ours)}"
            yield "  # and that of the Internal users has"
            yield f"  # only: {self._words(column, others)}"
        for column, others, gone in self.draft.left:
            yield f"  # To leave out the people who left ({comment(', '.join(gone))}):"
            yield f"  # only: {self._words(column, others)}"

    def _words(self, column: Guess, words: Iterable[str]) -> str:
        """Return a condition: the column has one of these words."""
        listed = ", ".join(map(scalar, words))
        return comment(f"{{{scalar(self._name(column.place.heading))}: [{listed}]}}")

    def _name(self, heading: str) -> str:
        if heading in self.names:
            self.named.add(heading)
        return self.names.get(heading, heading)

    def _placeholder(self, guess: Guess) -> str:
        self.used.add(guess.place.heading)
        return f"<{self._name(guess.place.heading)}>"

    def _cell(self, guess: Guess) -> str:
        return scalar(self._placeholder(guess))

    def _header(self) -> str:
        rows = self.draft.roster.source.header
        if rows == NO_HEADINGS:
            return (
                f"none{_GUESS}: the first row looks like a person, and the columns are <A>, <B> …"
            )
        if not self.layout.header and len(rows) == 1:
            return "auto"
        return str(rows[0]) if len(rows) == 1 else f"[{', '.join(map(str, rows))}]"

    def _digits(self) -> Iterator[str]:
        """Yield the form that most IDs have, but none of Internal users that is one of EMPL IDs."""
        first = None if self.draft.external else next(iter(self.draft.ids), None)
        empl = first and max(first.lengths, key=first.lengths.__getitem__, default=0) in _EMPL_IDS
        ids = self.draft.ids[1:] if empl else self.draft.ids
        formed = [guess for guess in ids if guess.digits or guess.shape]
        if formed:
            yield "ids:   # `pad: true` puts lost zeros back in front of digits"
        for guess in formed:
            heading = scalar(self._name(guess.place.heading))
            form = f"digits: {guess.digits}" if guess.digits else f"pattern: {scalar(guess.shape)}"
            yield f"  {heading}: {{{form}}}{_GUESS}"

    def _primary_id(self) -> Iterator[str]:
        draft = self.draft
        known = draft.ids[0] if draft.ids else None
        chosen = bool(draft.choices.columns.get("primary_id"))
        sure = known is not None and (known.field == Part.PRIMARY_ID or chosen)
        others = () if sure else [guess for guess in draft.possible_ids if guess is not known]
        if known is None:
            yield "  # Choose the column that identifies a patron by the same ID in every roster."
        if others:
            yield "  # In these columns, nearly every value is different:"
        for guess in others:
            lengths = " or ".join(map(str, sorted(guess.lengths)))
            digits = f", {lengths} digits" if lengths else ""
            yield f"  #   {comment(str(guess.place))}{digits}"
        if known is None:
            yield f"  primary_id: {cell(TO_CHOOSE)}{_TO_DO}"
        else:
            mark = "" if sure and not known.doubt else _mark(known)
            yield f"  primary_id: {self._cell(known)}{mark}"

    # --- names ---

    def _names(self) -> Iterator[str]:
        whole, first_middle = self._whole_name(), self.draft.first(Part.FIRST_MIDDLE)
        named = whole or self.draft.by_field.keys() & _NAMES or self.draft.possible(NAME)
        if not named and len(self.draft.roster.frame):
            yield "  # Without names nobody can be created. To change only users whom Alma has,"
            yield "  # write `match: {new: reject}` above `record:`, and delete all lines with `?`."
        for field in _NAMES:
            guess = self.draft.first(field)
            if guess is None and field in whole:
                yield f"  {field}: {whole[field]}"
            elif guess is None and first_middle and field in _FIRST_AND_MIDDLE:
                step = f'{{split: {{on: " ", take: {_FIRST_AND_MIDDLE[field]}}}}}'
                source = self._cell(first_middle)
                more = ", name" if first_middle.shouted else ""
                yield f"  {field}: {{from: {source}, clean: [{step}{more}]}}{_mark(first_middle)}"
            elif guess is None and field in {"first_name", "last_name"}:
                if field == "first_name" or NAME not in self.draft.open:
                    yield from self._candidates(NAME)
                yield f"  {field}: {cell(TO_CHOOSE)}{_TO_DO}"
            elif guess is not None:
                yield f"  {field}: {self._part_of_name(field, guess)}{_mark(guess)}"

    def _part_of_name(self, field: str, guess: Guess) -> str:
        """The column, together with those of the second last name or of the particle before it."""
        source = self._cell(guess)
        if field == "last_name":
            around = (self.draft.first(Part.BEFORE_LAST), guess, self.draft.first(Part.SECOND_LAST))
            if len(there := [one for one in around if one]) > 1:
                source = scalar(" ".join(self._placeholder(one) for one in there))
        if guess.shouted and field != "middle_name":
            return f"{{from: {source}, clean: [name]}}"
        return source

    def _whole_name(self) -> dict[str, str]:
        """The fields that are parts of a column with a whole name, which gets a name of its own."""
        guess = self.draft.first(Part.LAST_FIRST) or self.draft.first(Part.FULL_NAME)
        if guess is None:
            return {}
        initials = guess.counts and guess.share(_INITIAL_LAST.fullmatch) > _INITIALS
        order: NameOrder = "last-first" if guess.field == Part.LAST_FIRST or initials else "auto"
        names = [read_name(text, order) for text in guess.counts]
        read = "name" if order == "auto" else f"{{name: {order}}}"
        capitals = ", clean: [name]" if guess.shouted else ""
        source = self._cell(guess)
        self.values.append(f"  person: {{from: {source}{capitals}, read: {read}}}{_mark(guess)}")
        doubt = "" if all(name.certain for name in names) else ": some names will need review"
        middle = ("middle",) if any(name.middle for name in names) else ()
        parts = ("first", *middle, "last")
        return {f"{part}_name": f"<$person.{part}>{_mark(guess)}{doubt}" for part in parts}

    # --- fields ---

    def _fields(
        self, fields: Sequence[str], indent: str = "  ", block: str | None = None
    ) -> Iterator[str]:
        for field in fields:
            if value := self._value(field, block):
                yield f"{indent}{field}: {value}"

    def _value(self, field: str, block: str | None) -> str:
        """The column of a field with what it needs, "" without one; of the US with `clean`."""
        draft, again = self.draft, self.draft.first(Part.PASSWORD_AGAIN)
        guess = draft.first(field, block)
        if field == "birth_date" and guess is None:
            return self._birth_parts()
        if guess is None or (field == "password" and again is None):
            return ""
        if draft.external and field in FIELDS and FIELDS[field].facts.reach is Reach.INTERNAL_ONLY:
            return ""
        several = draft.by_field[field] if field == "user_title" else [guess]
        several = sorted(several, key=lambda one: one.filled)  # `Dr.` of some before `Ms` of all
        source, mark = self._cell(guess), _mark(guess)
        if len(several) > 1:
            source = f"[{', '.join(self._cell(one) for one in several)}]"
        keys = {"from": source}
        if any(map(draft.takes_lookup, several)):
            keys["lookup"] = scalar(LOOKUPS[field])
            self.lookups.setdefault(field, []).extend(several)
        elif field in _US_STEPS and draft.american and not draft.first("country", block):
            keys["clean"] = f"[{_US_STEPS[field]}]"
        elif field == "line1" and len(lines := draft.street(guess)) > 1:
            keys["from"] = scalar(" ".join(self._placeholder(one) for one in lines))
        elif field == "password" and again is not None:
            keys["agrees_with"] = self._cell(again)
        elif field in ENDS:
            if words := words_for_dates(guess.counts):
                keys["lookup"] = _END_DATES
                self.end_words |= words
            if parts := without_a_day(guess.counts):
                keys["dates"] = f"{{{', '.join(f'{part}: end' for part in parts)}}}"
        if len(keys) == len(several) == 1:
            return keys["from"] + mark
        return f"{{{', '.join(f'{key}: {text}' for key, text in keys.items())}}}{mark}"

    def _birth_parts(self) -> str:
        """A birth date whose year, month and day have columns of their own."""
        parts = [self.draft.first(part) for part in BIRTH_PARTS]
        if not all(parts):
            return ""
        text = "-".join(self._placeholder(part) for part in parts if part)
        return f"{{from: {scalar(text)}, dates: ymd, bad: drop}}{_GUESS}"

    # --- lists ---

    def _contacts(self) -> Iterator[str]:
        blocks, by_field = self.draft.blocks, self.draft.by_field
        emails, phones = by_field.get("email", []), by_field.get("phone", [])
        if blocks or emails or phones:
            yield "  contact_info:"
        if blocks:
            yield "    address:"
        for block in blocks:
            yield from self._address(block)
        if emails:
            yield "    email:"
        for guess in emails:
            source = self._cell(guess)
            yield f"      - email_address: {{from: {source}, clean: [lower]}}{_mark(guess)}"
            yield f"        email_type: {self._type('email', guess)}"
        if phones:
            yield "    phone:"
        for guess in phones:
            source, area = self._cell(guess), self.draft.first(Part.AREA)
            if area and not phones[1:] and guess.share(lambda text: digits_of(text) == 7) > 1 / 2:
                source = scalar(f"{self._placeholder(area)} {self._placeholder(guess)}")
            if guess.american or blocks:  # the address shows the country
                source = f"{{from: {source}, clean: [phone]}}"
            else:
                yield "      # not of the US; `clean: [{phone: {region: ES}}]` reads those of Spain"
            yield f"      - phone_number: {source}{_mark(guess)}"
            yield f"        phone_type: {self._type('phone', guess)}"

    def _address(self, block: str) -> Iterator[str]:
        column, parts = self.draft.parts(block)
        fields = [field for field in ADDRESS if field != "country" and field not in parts]
        divided = (self._part_of_address(column, *part) for part in parts.items() if column)
        lines = sorted(
            (*self._fields(fields, " " * 8, block), *divided),
            key=lambda line: ADDRESS.index(line.partition(":")[0].strip()),
        )
        yield "\n".join(lines).replace(" " * 8, "      - ", 1)
        value = self._value("country", block)
        if value:
            yield f"        country: {value}"
        elif self.draft.american:
            yield f"        country: USA{_GUESS}"
        elif block == self.draft.blocks[0]:
            yield f"        country: {scalar(TO_CHOOSE)}{_TO_DO}"
        street = self.draft.first("line1", block)
        assert street is not None  # noqa: S101  a block has a street
        usual = "home" if block == self.draft.blocks[0] else "alternative"
        said = type_of("address", street.place.heading)
        constant = said if said != "home" else usual
        yield f"        address_type: {self._type('address', street, constant)}"

    def _part_of_address(self, column: Guess, field: str, pattern: str) -> str:
        """A part of a cell; what has another form stays whole in the first part."""
        source = self._cell(column)
        whole = "line1" if column.field == "line1" else "city"
        rest = f", default: {source}" if field == whole else ""
        steps = f"[{{extract: {scalar(pattern)}}}]"
        return f"        {field}: {{from: {source}, clean: {steps}{rest}}}{_BY_VALUES}"

    def _type(self, of: str, guess: Guess, constant: str = "") -> str:
        """The type of an entry: from its own column, or a constant by its heading."""
        constant = constant or type_of(of, guess.place.heading)
        ours = self.draft.by_field.get(f"{of} type", [])
        street = of == "address"  # its number is that of a line
        alike = [o for o in ours if (o.block if street else o.meaning.number)
                 == (guess.block if street else guess.meaning.number)]  # fmt: skip
        if not alike:
            return constant + _GUESS
        table = f"{of} types"
        self.lookups.setdefault(table, []).append(alike[0])
        source = self._cell(alike[0])
        return f"{{from: {source}, lookup: {table}, default: {constant}}}{_GUESS}"

    def _more(self) -> Iterator[str]:
        """The card as a second identifier, and the library for resource sharing."""
        card = self.draft.first(Part.BARCODE)
        if card is None and self.draft.external:  # whatever its form: it is no primary ID there
            able = (one for one in self.draft.possible_ids if one.identifies)
            card = next((one for one in able if "card" in one.meaning.concepts), None)
        if card is not None and card not in self.draft.ids[:1]:
            yield "  user_identifier:"
            yield f"    - id_type: BARCODE{_GUESS}"
            yield f"      value: {self._cell(card)}{_mark(card)}"
            if self.draft.external:
                yield "      segment_type: Internal   # the SIS load does not change it"
        if library := self.draft.first("rs_library"):
            yield "  rs_library:"
            yield f"    - code: {self._cell(library)}{_mark(library)}"

    def _lookups(self) -> Iterator[str]:
        """The lookups to complete: each word of the roster once, and Alma's code for it."""
        if self.lookups or self.end_words:
            yield "lookups:   # the words of the roster, and Alma's codes for them"
        if self.end_words:
            yield f"  {_END_DATES}:   # the date that each word means, such as 2099-12-31"
            for word, count in self.end_words.items():
                ends = dict(map(self.draft.chosen_code, ENDS, (word, word)))
                ends.pop("", None)
                known, mapping = next(iter(ends.items())) if len(ends) == 1 else ("", "")
                mark = f"{_confirmed_by(mapping) if known else _TO_DO}; {counted(count, 'row')}"
                yield f"    {scalar(word)}: {scalar(known or TO_CHOOSE)}{mark}"
            yield '    "*": same'
        for field, found in self.lookups.items():
            yield f"  {scalar(LOOKUPS.get(field, field))}:"
            for word, count in spellings({guess.place: guess for guess in found}.values()):
                rows = counted(count, "row")
                if field not in LOOKUPS:
                    code = type_by_word(field.split()[0], word)
                    yield f"    {scalar(word)}: {code}{_GUESS}; {rows}"
                    continue
                code, near = self.draft.code(field, word)
                _, mapping = self.draft.chosen_code(field, word)
                mark = f"{_confirmed_by(mapping) if code else _TO_DO}; {rows}"
                mark = f"   # {rows}" if mapping == CHOSEN else mark
                hint = "" if code else near
                yield f"    {scalar(word)}: {scalar(code or TO_CHOOSE)}{mark}{hint}"


def _confirmed_by(mapping: str, otherwise: str = _GUESS) -> str:
    return f"{_GUESS}, from {comment(mapping)}" if mapping else otherwise


def _mark(guess: Guess) -> str:
    if guess.confirmed == CHOSEN:
        return ""
    by = _confirmed_by(guess.confirmed, _BY_WORDS) if guess.sure else _BY_VALUES
    return f"{by}{guess.doubt}"
