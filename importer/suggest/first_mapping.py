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
from importer.model.fields import FIELDS, CodeRow, country_of
from importer.model.problem import Place
from importer.model.roster import NO_HEADINGS, NULLS, Layout, Roster
from importer.model.secret_headings import say_secret
from importer.model.text import counted, folded, similar
from importer.model.user import AccountType, Reach
from importer.model.vocabulary import (
    BIRTH_PARTS,
    DEAD,
    ENOUGH_SCORE,
    LEFT,
    TYPES,
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
from importer.suggest.writing import Node, comments, names_for, rule, written
from importer.validator.ids import EMPL_ID

_END_DATES = "end dates"
LOOKUPS = {
    "user_title": "titles",
    "gender": "genders",
    "user_group": "groups",
    "campus_code": "campuses",
    "job_category": "job categories",
    "preferred_language": "languages",
    "country": "countries",
    "email type": "email types",
    "phone type": "phone types",
    "address type": "address types",
    "expiry_date": _END_DATES,
    "purge_date": _END_DATES,
}
"""Fields, with the lookup that is started if the roster has words instead of codes or dates."""
NAME, GROUP, EXPIRY = "name", "user_group", "expiry_date"
"""What is listed beside the ID if no column is it; `NAME` is a whole name, or a part of one."""
_PARTS_OF_NAME = (Part.FULL_NAME, Part.GIVEN, "first_name", "last_name")
_NUMBER_BEHIND = re.compile(r"(?i)str|weg|platz|straat|laan|calle|via|ul|rua|allee|gasse")
_NEAR = 75
"""How near a word must be to the name of a code: `Comunity`, but not `Family` and `Faculty`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person has decided about the mapping; what is not is guessed, and marked as a guess.

    `primary_id`, `user_group`: the headings of their columns. `groups`: Alma's user group for each
    word of the roster.
    """

    account_type: AccountType | None = None
    primary_id: str = ""
    dates: Order | None = None
    groups: Mapping[str, str] = default(default_factory=dict)
    user_group: str = ""


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
        ids = filter(None, map(self.first, ("primary_id", Part.PRIMARY_ID, *usual_ids)))
        named = sorted(ids, key=lambda guess: not guess.confirmed)
        chosen = [guess for guess in self.guesses if _has(guess, choices.primary_id)][:1]
        self.ids = [*chosen, *(guess for guess in named if guess not in chosen)]
        self._codes = {(GROUP, heading_key(word)): code for word, code in choices.groups.items()}
        dates = [text for guess in self.guesses if guess.field in DATES for text in guess.counts]
        self.dates = choices.dates or shown_order(dates, Dates())
        self.american = self._is_american()
        secret = say_secret(place.heading for place in roster.places)
        self.public = [guess for guess in self.guesses if guess.place.heading not in secret]

    def first(self, field: str, block: str | None = None) -> Guess | None:
        """Return the first column of a field, of one address only if its `block` is given."""
        ours = self.by_field.get(field, ())
        return next((guess for guess in ours if block is None or guess.block == block), None)

    @property
    def blocks(self) -> list[str]:
        """The addresses that have a street, in the order of the roster."""
        return list(dict.fromkeys(guess.block for guess in self.by_field.get("line1", ())))

    def parts(self, block: str) -> Mapping[str, tuple[Guess, str]]:
        """Return the column and the pattern of each part of an address that is a part of cells."""
        street, city = self.first("line1", block), self.first(Part.CITY_LINE, block)
        if street and not city and not any(self.first(place, block) for place in PLACES[:3]):
            city = street
        if city is None:
            return {}
        ways = ways_of(city.counts, street=city.field == "line1")
        return {field: (city, pattern) for field, pattern in ways.items()}

    @property
    def possible_ids(self) -> list[Guess]:
        """The columns that could be the primary ID: those that name one, cards, and others."""
        able = [guess for guess in self.public if guess.identifies and guess not in self.ids]
        return [*self.ids, *sorted(able, key=lambda guess: "card" not in guess.meaning.concepts)]

    def possible(self, wanted: str) -> list[Guess]:
        """Return the columns without a field that could be this, by their scores for it."""
        fields = _PARTS_OF_NAME if wanted == NAME else (wanted,)

        def score(guess: Guess) -> float:
            return max(guess.scores.get(field, 0.0) for field in fields)

        able = [
            guess for guess in self.public if guess.counts and not guess.field and score(guess) > 0
        ]
        few = wanted == GROUP
        return sorted(able, key=lambda guess: (-score(guess), len(guess.counts) if few else 0))

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
        for guess in self.public:
            kind = guess.few and guess.field in {"", GROUP} and not guess.meaning.vetoed
            if kind and len(guess.counts) < guess.filled / 2:
                words = frame[at[guess.place]]
                ours, others = ({*filter(None, words[mask])} for mask in (has_id, ~has_id))
                if ours and others and not ours & others:
                    return guess, sorted(ours), sorted(others)
        return None

    @property
    def left(self) -> list[tuple[Guess, list[str], list[str]]]:
        """Columns of which some words say that people left, with the other words and these."""
        left = []
        for guess in self.public:
            if guess.few and not guess.field:
                gone = [word for word in guess.counts if "".join(words_of(word)) in LEFT | DEAD]
                others = [word for word in guess.counts if word not in gone]
                if gone and others and len(guess.counts) < guess.filled:
                    left.append((guess, others, gone))
        return left

    @property
    def deceased(self) -> list[tuple[str, list[str]]]:
        """The headings of columns about people who have died, with the words of cells for it."""
        named = (guess for guess in self.guesses if not guess.field)
        about = (guess for guess in named if DEAD & {*words_of(guess.place.heading)})
        words = (
            (g.place.heading, [word for word in g.counts if folded(word) in YES]) for g in about
        )
        return [(heading, yes) for heading, yes in words if yes]

    @property
    def nulls(self) -> Mapping[str, bool]:
        """The words of databases for a blank; whether each is a last name, as Null is, too."""
        columns = self.by_field.get("last_name", ())
        names = {text.casefold() for guess in columns for text in guess.counts if text.isalpha()}
        others = (guess for guess in self.guesses if guess.field != "last_name")
        texts = (text for guess in others for text in guess.counts if text.casefold() in NULLS)
        return {text: text.casefold() in names for text in texts}

    def street(self, street: Guess) -> tuple[Guess, ...]:
        """Return the column of a street, with that of its number where it has one of its own."""
        house = self.first(Part.HOUSE, street.block)
        numbered = street.share(lambda text: any(map(str.isdigit, text))) > 1 / 2
        if house is None or numbered:
            return (street,)
        behind = street.share(_NUMBER_BEHIND.search) > 1 / 3
        return (street, house) if behind else (house, street)

    def takes_lookup(self, guess: Guess) -> bool:
        """Return whether a column has words for dates, or other words than codes.

        Alma's codes, as far as those are known.
        """
        if guess.field in ENDS:
            return bool(words_for_dates(guess.counts))
        if guess.field not in LOOKUPS or not (guess.few and spellings([guess])):
            return False
        known = {row.code for row in self._rows(guess.field)}
        chosen = any(self.chosen_code(guess.field, word)[0] for word in guess.counts)
        return guess.worded or chosen or (bool(known) and not guess.counts.keys() <= known)

    def _rows(self, field: str) -> Sequence[CodeRow]:
        """Return Alma's codes for a field, as far as they are known."""
        path = "contact_info.address.country" if field == "country" else field
        return self.beside.codes.enabled(FIELDS[path].facts.table or "")

    def chosen_code(self, field: str, word: str) -> tuple[str, str]:
        """Return the code that a person chose for a word in any case, or that a mapping has.

        With the mapping's name; "" if there is none. One that Alma no longer has, and a date that
        is over, is none.
        """
        if code := self._codes.get((field, heading_key(word))):
            return code, CHOSEN
        names = (guess.place.heading for guess in self.by_field.get(field, ()))
        ours = (name for name in names if self.beside.taken(name)[0] == field)
        known, today = {row.code for row in self._rows(field)}, self.beside.today.isoformat()

        def holds(code: str) -> bool:
            ahead = is_iso(code) and code >= today
            return bool(code) and (ahead if field in ENDS else not known or code in known)

        codes = [pair for name in ours if holds((pair := self.beside.taken(name, word))[0])]
        return codes[0] if len({code for code, _ in codes}) == 1 else ("", "")

    def code(self, field: str, word: str) -> tuple[str, str, str]:
        """Return Alma's code for a word with its mark, and a question with near codes.

        The code is "" if none is certain.
        """
        if of := TYPES.get(field):
            return type_by_word(of, word), _GUESS, ""
        code, mapping = self.chosen_code(field, word)
        if code:
            return code, "" if mapping == CHOSEN else _confirmed_by(mapping), ""
        rows = self._rows(field)
        of_country = country_of(word) if field == "country" else ""
        if of_country and (not rows or any(row.code == of_country for row in rows)):
            return of_country, _GUESS, ""
        named: dict[str, dict[str, None]] = {}  # the codes by name, in order
        for row in rows:
            for name in filter(None, map(folded, (row.description, row.code))):
                named.setdefault(name, {})[row.code] = None
        fits = list(named.get(folded(word), ()))
        if len(fits) == 1:
            return fits[0], _GUESS, ""
        close = similar(folded(word), named, 2, _NEAR)
        near = dict.fromkeys(code for name in close for code in named[name])
        return "", _TO_DO, f"; did you mean {' or '.join(near)}?" if near else ""

    def _is_american(self) -> bool:
        """Whether the addresses are of the US, by the states, or by a heading that says ZIP."""
        state, code = self.first("state_province"), self.first("postal_code")
        if self.blocks and "state_province" in self.parts(self.blocks[0]):
            return True
        if state is not None:
            return state.share(is_us_state) > 1 / 2
        return code is not None and "zip" in code.place.heading.casefold()


def _has(guess: Guess, heading: str) -> bool:
    return heading_key(guess.place.heading) == heading_key(heading)


def _chosen(guessed: Iterable[Guess], choices: Choices) -> Iterator[Guess]:
    """Give the column that a person chose the user group, and take it from others."""
    for guess in guessed:
        if _has(guess, choices.user_group):
            yield replace(guess, field=GROUP, sure=True, confirmed=CHOSEN)
        elif guess.field == GROUP and choices.user_group:
            yield replace(guess, field="")
        else:
            yield guess


def spellings(guesses: Iterable[Guess]) -> list[tuple[str, int]]:
    """Return each word of some columns once, with its count; neither `*` nor a word for a blank."""
    words: dict[str, tuple[str, int]] = {}
    for guess in guesses:
        for text in sorted(t for t in guess.counts if t != OTHERWISE and t.casefold() not in NULLS):
            key = heading_key(text)
            word, count = words.get(key, (text, 0))
            words[key] = word, count + guess.counts[text]
    return list(words.values())


# --- the text ---

_GUESS = "   # guess"
_BY_WORDS = "   # guess, by its words"
_BY_VALUES = "   # guess, by its values"
_TO_DO = "   # to do"
_OPEN = f"{cell(TO_CHOOSE)}{_TO_DO}"
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
    first = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return first + "\n".join((*written(_Text(draft, layout or Layout()).whole()), ""))


def columns_taken(roster: Roster, beside: Beside) -> int:
    """Return how many columns a first mapping takes, as the page promises before it is made."""
    text = _Text(MappingDraft(roster, beside, Choices()), Layout())
    used = {*map(heading_key, text.whole() and text.used)}
    return sum(heading_key(place.heading) in used for place in roster.places)


def scores_of(draft: MappingDraft, heading: str) -> Iterator[str]:
    """Yield what the words of a heading mean, and the score of each field for its column."""
    for guess in draft.guesses:
        if _has(guess, heading):
            meant = ", ".join(guess.meaning.concepts) or "nothing that is known"
            yield f"{guess.place}: its words mean {meant}."
            yield from (f"  {score:5.1f}  {field}" for field, score in guess.scores.items())
            taken = f"It is taken for {guess.field}" if guess.field else "It is taken for no field"
            yield f"{taken}; that takes a score of {ENOUGH_SCORE}, and no better column."


class _Text:
    """The parts of a first mapping as plain data.

    `used`: headings in placeholders. `names`: of headings that need one; `named`: those used.
    `lookups`, with their columns, and `values` are what the fields need.
    """

    def __init__(self, draft: MappingDraft, layout: Layout) -> None:
        """Begin without lookups and named values."""
        self.draft, self.layout = draft, layout
        self.names = names_for(place.heading for place in draft.roster.places)
        self.used: set[str] = set()
        self.named: dict[str, str] = {}
        self.lookups: dict[str, dict[Place, Guess]] = {}
        self.values: dict[str, str] = {}

    def whole(self) -> dict[str, Node]:
        """Return the mapping; `roster:` is last made, as it lists the columns that are not used."""
        draft, given = self.draft, self.draft.choices.account_type
        record, ids = self._record(), self._ids()
        head: dict[str, Node] = {
            **comments(
                f"A first mapping for {comment(draft.roster.source.path.name)}.",
                "Check every line, above all those marked `guess`, and replace every `?`.",
            ),
            "version": "1",
            "account_type": f"{draft.account_type}{'' if given else _GUESS}",
        }
        if owner := draft.first(Part.OWNING_SYSTEM) if draft.external else None:
            head["owning_system"] = f"{self._cell(owner)}{_GUESS}"
        elif draft.external:
            head["owning_system"] = f"SIS{_GUESS}: the code of the external system in Alma"
        parts: dict[str, Node] = {
            "record_type": "PUBLIC",
            "roster": self._roster(),
            "headings": self.named,
            "ids": ids,
            "record": record,
            "values": self.values,
            "lookups": self._lookups(),
        }
        return head | {key: node for key, node in parts.items() if node}

    def _record(self) -> dict[str, Node]:
        draft = self.draft
        record: dict[str, Node] = {
            **self._primary_id(), **self._names(), **self._fields(_BEFORE_GROUP)
        }  # fmt: skip
        if not draft.first(GROUP):
            record |= comments(
                "The column of the user group, or Alma's code if everybody has the same:",
                *self._candidates(GROUP),
            )
            record[GROUP] = _OPEN
        record |= self._fields((GROUP, *_AFTER_GROUP))
        if not draft.first(EXPIRY):
            record |= comments(
                "No column shows when a card expires. To let cards expire one year from now,",
                "remove the `#` and one blank below:",
                "expiry_date: {from: <@today>, plus: 1 year}",
                *self._candidates(EXPIRY),
            )
        record |= self._contacts() | self._more()
        for field in _LISTED if draft.roster.frame.size else ():
            likely = [guess for guess in draft.possible(field) if guess.scores[field] >= 1]
            if likely and not draft.first(field):
                columns = ", ".join(comment(str(guess.place)) for guess in likely[:3])
                record |= comments(f"{field} is perhaps {columns}.")
        return record

    def _candidates(self, wanted: str) -> list[str]:
        """A comment with the columns that could be meant."""
        likely = [comment(str(guess.place)) for guess in self.draft.possible(wanted)[:3]]
        return [f"Perhaps {', '.join(likely)}."] if likely else []

    def _roster(self) -> dict[str, Node]:
        draft, layout = self.draft, self.layout
        part: dict[str, Node] = {}
        if layout.sheet:
            part["sheet"] = scalar(draft.roster.source.sheet)
        if layout.encoding != "auto":
            part["encoding"] = scalar(layout.encoding)
        if draft.dates:
            mark = "" if draft.choices.dates else f"{_GUESS}: some dates allow no other order"
            part["dates"] = f"{draft.dates}{mark}"
        else:
            part |= comments("dates: mdy   # how dates are typed: mdy, dmy or ymd")
        if nulls := [scalar(text) for text, is_name in draft.nulls.items() if not is_name]:
            part["blank"] = f"[{', '.join(nulls)}]{_GUESS}"
        if any(draft.nulls.values()):
            part |= comments(
                "A last name is Null. Where this word means a blank, add a step to the rule's",
                "`clean`, as in {from: <Heading>, clean: [{unless: [NULL]}]}.",
            )
        if skipped := dict(draft.deceased):
            entries = (
                f"{{when: {self._words(heading, yes)}, reason: deceased}}"
                for heading, yes in skipped.items()
            )
            part["skip"] = f"[{', '.join(entries)}]{_GUESS}"
        part |= comments(*self._only())
        headings = (guess.place.heading for guess in draft.guesses)
        if unused := [
            scalar(heading) for heading in headings if heading not in {*self.used, *skipped}
        ]:
            part |= comments(
                "No line below uses these columns. Remove the `#` and one blank to keep",
                "them out of Alma without a notice; columns not in this list are reported.",
                f"unused: [{', '.join(unused)}]",
            )
        part["header"] = self._header()
        return part

    def _only(self) -> Iterator[str]:
        """Propose the rows to take: of one kind of people, or without those who left."""
        if divided := self.draft.divided:
            column, ours, others = divided
            yield f"{comment(str(column.place))} divides this roster: the rows of these words"
            yield f"have no EMPL ID: {comment(', '.join(others))}. Make two mappings."
            yield "This one, for the External users, has"
            yield f"only: {comment(self._words(column.place.heading, ours))}"
            yield "and that of the Internal users has"
            yield f"only: {comment(self._words(column.place.heading, others))}"
        for column, others, gone in self.draft.left:
            yield f"To leave out the people who left ({comment(', '.join(gone))}):"
            yield f"only: {comment(self._words(column.place.heading, others))}"

    def _words(self, heading: str, words: Iterable[str]) -> str:
        """Return a condition: the column has one of these words."""
        return f"{{{scalar(self._name(heading))}: [{', '.join(map(scalar, words))}]}}"

    def _name(self, heading: str) -> str:
        if name := self.names.get(heading):
            self.named[scalar(name)] = f"[{scalar(heading)}]"
        return name or heading

    def _placeholder(self, guess: Guess) -> str:
        self.used.add(guess.place.heading)
        return f"<{self._name(guess.place.heading)}>"

    def _cell(self, guess: Guess) -> str:
        return scalar(self._placeholder(guess))

    def _taken(self, guess: Guess, **keys: str) -> str:
        return f"{rule(self._cell(guess), **keys)}{_mark(guess)}"

    def _header(self) -> str:
        rows = self.draft.roster.source.header
        if rows == NO_HEADINGS:
            return (
                f"none{_GUESS}: the first row looks like a person, and the columns are <A>, <B> …"
            )
        if not self.layout.header and len(rows) == 1:
            return "auto"
        return str(rows[0]) if len(rows) == 1 else f"[{', '.join(map(str, rows))}]"

    def _ids(self) -> dict[str, str]:
        """The form that most IDs have, but none of Internal users that is one of EMPL IDs."""
        first = None if self.draft.external else next(iter(self.draft.ids), None)
        empl = first and first.share(EMPL_ID.fullmatch) > 1 / 2
        ids = [guess for guess in self.draft.ids[1 if empl else 0 :] if guess.form]
        rules = {scalar(self._name(guess.place.heading)): f"{{{guess.form}}}{_GUESS}"
                 for guess in ids}  # fmt: skip
        return comments(_PAD) | rules if rules else {}

    def _primary_id(self) -> dict[str, str]:
        draft = self.draft
        known = draft.ids[0] if draft.ids else None
        sure = known and (known.field == Part.PRIMARY_ID or draft.choices.primary_id)
        others = () if sure else [guess for guess in draft.possible_ids if guess is not known]
        said = [] if known else [_CHOOSE_AN_ID]
        if others:
            said.append("In these columns, nearly every value is different:")
        for guess in others:
            form = f", {comment(guess.form)}" if guess.form else ""
            said.append(f"  {comment(str(guess.place))}{form}")
        mark = "" if known is None or (sure and not known.doubt) else _mark(known)
        return comments(*said) | {"primary_id": f"{self._cell(known)}{mark}" if known else _OPEN}

    # --- names ---

    def _names(self) -> dict[str, str]:
        draft, whole, both = self.draft, self._whole_name(), self.draft.first(Part.FIRST_MIDDLE)
        names: dict[str, str] = {}
        named = whole or draft.by_field.keys() & _NAMES or draft.possible(NAME)
        if not named and len(draft.roster.frame):
            names |= comments(
                "Without names nobody can be created. To change only users whom Alma has,",
                "write `match: {new: reject}` above `record:`, and delete all lines with `?`.",
            )
        for field in _NAMES:
            guess = draft.first(field)
            if guess is not None:
                names[field] = f"{self._part_of_name(field, guess)}{_mark(guess)}"
            elif field in whole:
                names[field] = whole[field]
            elif both and field in _FIRST_AND_MIDDLE:
                step = f'{{split: {{on: " ", take: {_FIRST_AND_MIDDLE[field]}}}}}'
                clean = f"[{step}{', name' if both.shouted else ''}]"
                names[field] = self._taken(both, clean=clean)
            elif field in {"first_name", "last_name"}:
                names |= comments(*self._candidates(NAME))
                names[field] = _OPEN
        return names

    def _part_of_name(self, field: str, guess: Guess) -> str:
        """The column, together with those of the second last name or of the particle before it."""
        source = self._cell(guess)
        if field == "last_name":
            around = (self.draft.first(Part.BEFORE_LAST), guess, self.draft.first(Part.SECOND_LAST))
            if len(there := [guess for guess in around if guess]) > 1:
                source = scalar(" ".join(self._placeholder(guess) for guess in there))
        return rule(source, clean="[name]" if guess.shouted and field != "middle_name" else "")

    def _whole_name(self) -> dict[str, str]:
        """The fields that are parts of a column with a whole name, which gets a name of its own."""
        guess = self.draft.first(Part.LAST_FIRST) or self.draft.first(Part.FULL_NAME)
        if guess is None:
            return {}
        initials = guess.counts and guess.share(_INITIAL_LAST.fullmatch) > _INITIALS
        order: NameOrder = "last-first" if guess.field == Part.LAST_FIRST or initials else "auto"
        names = [read_name(text, order) for text in guess.counts]
        read = "name" if order == "auto" else f"{{name: {order}}}"
        clean = "[name]" if guess.shouted else ""
        self.values["person"] = self._taken(guess, clean=clean, read=read)
        doubt = "" if all(name.certain for name in names) else ": some names will need review"
        middle = ("middle",) if any(name.middle for name in names) else ()
        parts = ("first", *middle, "last")
        return {f"{part}_name": f"<$person.{part}>{_mark(guess)}{doubt}" for part in parts}

    # --- fields ---

    def _fields(self, fields: Iterable[str], block: str | None = None) -> dict[str, str]:
        values = {field: self._value(field, block) for field in fields}
        return {field: value for field, value in values.items() if value}

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
        several = sorted(
            several, key=lambda guess: guess.filled
        )  # `Dr.` of some before `Ms` of all
        source, keys = self._cell(guess), dict[str, str]()
        if len(several) > 1:
            source = f"[{', '.join(self._cell(guess) for guess in several)}]"
        if any(map(draft.takes_lookup, several)):
            keys["lookup"] = self._lookup(several)
        elif field in _US_STEPS and draft.american and not draft.first("country", block):
            keys["clean"] = f"[{_US_STEPS[field]}]"
        elif field == "line1" and len(lines := draft.street(guess)) > 1:
            source = scalar(" ".join(self._placeholder(guess) for guess in lines))
        elif field == "password" and again is not None:
            keys["agrees_with"] = self._cell(again)
        if field in ENDS and (parts := without_a_day(guess.counts)):
            keys["dates"] = f"{{{', '.join(f'{part}: end' for part in parts)}}}"
        return f"{rule(source, **keys)}{_mark(guess)}"

    def _birth_parts(self) -> str:
        """A birth date whose year, month and day have columns of their own."""
        parts = [self.draft.first(part) for part in BIRTH_PARTS]
        if not all(parts):
            return ""
        text = "-".join(self._placeholder(part) for part in parts if part)
        return f"{rule(scalar(text), dates='ymd', bad='drop')}{_GUESS}"

    # --- lists ---

    def _contacts(self) -> dict[str, Node]:
        by_field = self.draft.by_field
        contacts: dict[str, Node] = {
            "address": [self._address(block) for block in self.draft.blocks],
            "email": [self._email(guess) for guess in by_field.get("email", ())],
            "phone": [self._phone(guess) for guess in by_field.get("phone", ())],
        }
        contacts = {kind: entries for kind, entries in contacts.items() if entries}
        return {"contact_info": contacts} if contacts else {}

    def _email(self, guess: Guess) -> dict[str, str]:
        return {
            "email_address": self._taken(guess, clean="[lower]"),
            "email_type": self._type("email", guess),
        }

    def _phone(self, guess: Guess) -> dict[str, str]:
        source, area = self._cell(guess), self.draft.first(Part.AREA)
        alone = len(self.draft.by_field["phone"]) == 1
        if area and alone and guess.share(lambda text: digits_of(text) == 7) > 1 / 2:
            source = scalar(f"{self._placeholder(area)} {self._placeholder(guess)}")
        near = guess.american or self.draft.blocks  # the address shows the country
        number = rule(source, clean="[phone]" if near else "")
        return {
            "phone_number": f"{number}{_mark(guess)}",
            **comments(*([] if near else [_OTHER_PHONES])),
            "phone_type": self._type("phone", guess),
        }

    def _address(self, block: str) -> dict[str, str]:
        draft = self.draft
        parts = draft.parts(block)
        fields = self._fields([field for field in ADDRESS if field not in parts], block)
        for field, (column, pattern) in parts.items():
            source, clean = self._cell(column), f"[{{extract: {scalar(pattern)}}}]"
            rest = source if field == next(iter(parts)) else ""  # another form stays whole
            fields[field] = f"{rule(source, clean=clean, default=rest)}{_BY_VALUES}"
        if draft.american:
            fields.setdefault("country", f"USA{_GUESS}")
        elif block == draft.blocks[0]:
            fields.setdefault("country", f"{scalar(TO_CHOOSE)}{_TO_DO}")
        address = {field: fields[field] for field in ADDRESS if field in fields}
        street = draft.first("line1", block)
        assert street is not None  # noqa: S101  a block has a street
        usual = "home" if block == draft.blocks[0] else "alternative"
        said = type_of("address", street.meaning)
        constant = said if said != "home" else usual
        return address | {"address_type": self._type("address", street, constant)}

    def _type(self, of: str, guess: Guess, constant: str = "") -> str:
        """The type of an entry: from its own column, or a constant by its heading."""
        constant = constant or type_of(of, guess.meaning)
        ours = self.draft.by_field.get(f"{of} type", [])
        street = of == "address"  # its number is that of a line
        alike = [o for o in ours if (o.block if street else o.meaning.number)
                 == (guess.block if street else guess.meaning.number)]  # fmt: skip
        if not alike:
            return constant + _GUESS
        source = self._cell(alike[0])
        return f"{rule(source, lookup=self._lookup(alike[:1]), default=constant)}{_GUESS}"

    def _more(self) -> dict[str, Node]:
        """The card as a second identifier, and the library for resource sharing."""
        draft, more = self.draft, dict[str, Node]()
        card = draft.first(Part.BARCODE)
        if card is None and draft.external:  # whatever its form: it is no primary ID there
            able = (guess for guess in draft.possible_ids if guess.identifies)
            card = next((guess for guess in able if "card" in guess.meaning.concepts), None)
        if card is not None and card not in draft.ids[:1]:
            entry = {"id_type": f"BARCODE{_GUESS}", "value": self._taken(card)}
            if draft.external:
                entry["segment_type"] = "Internal   # the SIS load does not change it"
            more["user_identifier"] = [entry]
        if library := draft.first("rs_library"):
            more["rs_library"] = [{"code": self._taken(library)}]
        return more

    def _lookup(self, columns: Iterable[Guess]) -> str:
        """Return the lookup for the words of columns of one field."""
        words = [
            replace(guess, counts=words_for_dates(guess.counts)) if guess.field in ENDS else guess
            for guess in columns
        ]
        table = LOOKUPS[words[0].field]
        self.lookups.setdefault(table, {}).update((guess.place, guess) for guess in words)
        return scalar(table)

    def _lookups(self) -> dict[str, Node]:
        """The lookups to complete: each word of the roster once, and Alma's code for it."""
        lookups: dict[str, Node] = {**comments(_CODES_OF_WORDS)} if self.lookups else {}
        for table, columns in self.lookups.items():
            lines = comments(_DATES_OF_WORDS) if table == _END_DATES else {}
            for word, count in spellings(columns.values()):
                code, mark, hint = self.draft.code(next(iter(columns.values())).field, word)
                rows = f"{mark}; " if mark else "   # "
                lines[scalar(word)] = (
                    f"{scalar(code or TO_CHOOSE)}{rows}{counted(count, 'row')}{hint}"
                )
            lookups[scalar(table)] = lines | ({'"*"': "same"} if table == _END_DATES else {})
        return lookups


_PAD = "`pad: true` puts lost zeros back in front of digits"
_CHOOSE_AN_ID = "Choose the column that identifies a patron by the same ID in every roster."
_OTHER_PHONES = "not of the US; `clean: [{phone: {region: ES}}]` reads those of Spain"
_DATES_OF_WORDS = "the date that each word means, such as 2099-12-31"
_CODES_OF_WORDS = "the words of the roster, and Alma's codes for them"


def _confirmed_by(mapping: str, otherwise: str = _GUESS) -> str:
    return f"{_GUESS}, from {comment(mapping)}" if mapping else otherwise


def _mark(guess: Guess) -> str:
    if guess.confirmed == CHOSEN:
        return ""
    by = _confirmed_by(guess.confirmed, _BY_WORDS) if guess.sure else _BY_VALUES
    return f"{by}{guess.doubt}"
