"""Suggest a first mapping for a roster: a commented text that a person completes.

Guesses are marked. What only a person can know is a `?`: the column of the primary ID if no
heading names it, and Alma's codes for the words in the roster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from difflib import get_close_matches

from importer.mapper.dates import Dates, Order, Unread
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.yaml_source import cell, comment, scalar
from importer.model.fields import FIELDS, NO_CODES, CodeTables, country_of
from importer.model.roster import NO_HEADINGS, Layout, Roster
from importer.model.text import counted, folded
from importer.model.user import AccountType
from importer.model.vocabulary import BARCODE, type_of
from importer.suggest.column_guesses import (
    DATES,
    EMPL_ID,
    FIRST_LAST,
    FIRST_MIDDLE,
    LAST_FIRST,
    OWNING_SYSTEM,
    PRIMARY_ID,
    SECOND_LAST,
    Guess,
    date_order,
    guesses,
    is_us_state,
)

_GUESS = "   # guess"
_BY_VALUES = "   # guess, by its values"
_TO_DO = "   # to do"
_BEFORE_GROUP = ("user_title", "gender")
_AFTER_GROUP = (
    "campus_code",
    "job_category",
    "job_description",
    "web_site_url",
    "cataloger_level",
    "preferred_language",
    *DATES,
    "pin_number",
)
_NAMES = (
    "first_name",
    "middle_name",
    "last_name",
    "pref_first_name",
    "pref_middle_name",
    "pref_last_name",
    "pref_name_suffix",
)
_LINES = ("line1", "line2", "line3", "line4", "line5")
_ADDRESS = (*_LINES, "city", "state_province", "postal_code")
_US_STEPS = {"state_province": "upper", "postal_code": "zip"}
_PARTS = {
    LAST_FIRST: {"first_name": (",", 2), "last_name": (",", 1)},
    FIRST_LAST: {"first_name": (" ", 1), "last_name": (" ", -1)},
    FIRST_MIDDLE: {"first_name": (" ", 1), "middle_name": (" ", 2)},
}
"""How whole names are split: by field, at which text, and which part is taken."""
_LOOKUPS = {
    "user_title": "titles",
    "gender": "genders",
    "user_group": "groups",
    "campus_code": "campuses",
    "job_category": "job categories",
    "preferred_language": "languages",
    "country": "countries",
}
"""Coded fields, with the lookup that is started if the roster has words instead of codes."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person has decided about the mapping; what is not is guessed, and marked as a guess.

    `primary_id`: the heading of the column. `groups`: Alma's user group for each word of the
    roster. `codes`: Alma's code tables, by which words are recognized.
    """

    account_type: AccountType | None = None
    primary_id: str = ""
    dates: Order | None = None
    groups: Mapping[str, str] = default(default_factory=dict)
    codes: CodeTables = NO_CODES


def to_do(text: str) -> int:
    """Return how many lines of a suggested mapping a person still has to complete."""
    return text.count(_TO_DO)


def suggest(
    roster: Roster,
    layout: Layout | None = None,
    schema: str = "",
    choices: Choices | None = None,
) -> str:
    """Return the text of a mapping for this roster. It loads as it is; what is to do is marked.

    `layout` is how the roster was read; its settings are written to the mapping. `schema` is the
    name of the JSON Schema beside the mapping, if there is one.
    """
    draft = Draft(roster, layout or Layout(), choices or Choices())
    return "\n".join((*draft.lines(schema), ""))


class Draft:
    """The parts of the mapping, from the choices and the guesses about the columns."""

    def __init__(self, roster: Roster, layout: Layout, choices: Choices) -> None:
        """Guess what the columns are, and put the choices above the guesses."""
        self.roster = roster
        self.layout = layout
        self.choices = choices
        self.guesses = guesses(roster)
        self.by_field: dict[str, list[Guess]] = {}
        for guess in self.guesses:
            self.by_field.setdefault(guess.field, []).append(guess)
        found = map(self.first, (PRIMARY_ID, EMPL_ID, BARCODE))
        self.ids = [guess for guess in found if guess]
        wanted = heading_key(choices.primary_id)
        chosen = [guess for guess in self.guesses if heading_key(guess.place.heading) == wanted]
        if chosen:
            self.ids = [chosen[0], *(guess for guess in self.ids if guess is not chosen[0])]
        usual = AccountType.EXTERNAL if EMPL_ID in self.by_field else AccountType.INTERNAL
        self.account_type = choices.account_type or usual
        self.external = self.account_type is AccountType.EXTERNAL
        self.groups = {heading_key(word): code for word, code in choices.groups.items()}
        self.dates = choices.dates or date_order(self.guesses)
        self.american = self._is_american()

    @property
    def possible_ids(self) -> list[Guess]:
        """The columns that could be the primary ID, those with the name of one first."""
        return [*self.ids, *(guess for guess in self.guesses if guess.identifies)]

    @property
    def known_id(self) -> str:
        """The heading of the column that is taken for the primary ID, or ""."""
        return self.ids[0].place.heading if self.ids else ""

    @property
    def in_doubt(self) -> bool:
        """Whether a column has dates that only an order of day, month and year can read."""
        guesses = (guess for name in DATES for guess in self.by_field.get(name, ()))
        return any(Dates().read(text) is Unread.TWO_WAYS for one in guesses for text in one.counts)

    def group_words(self) -> list[tuple[str, int]]:
        """Return the words for user groups that need Alma's codes, and in how many rows each is."""
        guess = self.first("user_group")
        return _spellings(guess) if guess and self.takes_lookup(guess) else []

    def takes_lookup(self, guess: Guess) -> bool:
        """Return whether a column has words instead of Alma's codes, as far as those are known.

        A word for which a person chose a code is none, nor is a code that Alma's table lacks.
        """
        if guess.field not in _LOOKUPS or not guess.few:
            return False
        table = FIELDS[_path(guess.field)].facts.table or ""
        known = {row.code for row in self.choices.codes.enabled(table)}
        chosen = guess.field == "user_group" and any(map(self.chosen_group, guess.counts))
        return guess.worded or chosen or (bool(known) and not guess.counts.keys() <= known)

    def chosen_group(self, word: str) -> str:
        """Return the user group that a person chose for a word in any case, "" if none."""
        return self.groups.get(heading_key(word), "")

    def code(self, field: str, word: str) -> tuple[str, str]:
        """Return Alma's code for a word of the roster, and a question with codes that are near.

        The code is "" if none is certain.
        """
        if field == "user_group" and (chosen := self.chosen_group(word)):
            return chosen, ""
        rows = self.choices.codes.enabled(FIELDS[_path(field)].facts.table or "")
        if field == "country" and not rows:
            return country_of(word), ""
        named: dict[str, dict[str, None]] = {}  # the codes by name, in order
        for row in rows:
            for name in filter(None, map(folded, (row.description, row.code))):
                named.setdefault(name, {})[row.code] = None
        fits = list(named.get(folded(word), ()))
        if len(fits) == 1:
            return fits[0], ""
        near = dict.fromkeys(c for n in get_close_matches(folded(word), named, 2) for c in named[n])
        return "", f"; did you mean {' or '.join(near)}?" if near else ""

    def _is_american(self) -> bool:
        """Whether the addresses are of the US, by the states, or by a heading that says ZIP."""
        state, code = self.first("state_province"), self.first("postal_code")
        if state is not None:
            return state.share(is_us_state) > 1 / 2
        return code is not None and "zip" in code.place.heading.casefold()

    def lines(self, schema: str) -> Iterator[str]:
        """Yield the lines of the mapping."""
        if schema:
            yield f"# yaml-language-server: $schema={schema}"
        yield from self._head()
        yield from self._digits()
        yield "record:"
        yield from self._primary_id()
        yield from self._names()
        yield from self._fields(_BEFORE_GROUP)
        if "user_group" not in self.by_field:
            yield "  # The column of the user group, or Alma's code if everybody has the same:"
            yield f"  user_group: {cell(TO_CHOOSE)}{_TO_DO}"
        yield from self._fields(("user_group", *_AFTER_GROUP))
        if "expiry_date" not in self.by_field:
            yield "  # No column shows when a card expires. For a year from now, delete the `#`:"
            yield "  # expiry_date: {from: <@today>, plus: 1 year}"
        yield from self._contacts()
        yield from self._card()
        yield from self._lookups()

    def first(self, field: str) -> Guess | None:
        """Return the first column of a field."""
        return next(iter(self.by_field.get(field, ())), None)

    def _head(self) -> Iterator[str]:
        source, choices = self.roster.source, self.choices
        yield f"# A first mapping for {comment(source.path.name)}."
        yield "# Check every line, above all those that end in `guess`, and replace every `?`."
        yield "version: 1"
        yield f"account_type: {self.account_type}{'' if choices.account_type else _GUESS}"
        if self.external:
            owner = self.first(OWNING_SYSTEM)
            code = f"SIS{_GUESS}: the code of the external system in Alma"
            yield f"owning_system: {cell(owner.place.heading) + _GUESS if owner else code}"
        yield "record_type: PUBLIC"
        yield "roster:"
        if self.layout.sheet:
            yield f"  sheet: {scalar(source.sheet)}"
        if self.layout.encoding != "auto":
            yield f"  encoding: {scalar(self.layout.encoding)}"
        if self.dates:
            mark = "" if choices.dates else f"{_GUESS}: some dates allow no other order"
            yield f"  dates: {self.dates}{mark}"
        else:
            yield "  # dates: mdy   # how dates are typed: mdy, dmy or ymd"
        no_use = {""} if self.external else {"", OWNING_SYSTEM}
        taken = self.ids[:1]
        unused = [guess.place.heading for guess in self.guesses if guess.field in no_use]
        unused = [scalar(h) for h in unused if h not in {guess.place.heading for guess in taken}]
        if unused:
            yield "  # No line below uses these columns. Delete the `#` to keep them out of Alma"
            yield "  # without a notice; columns not in this list are reported at each run."
            yield f"  # unused: [{', '.join(unused)}]"
        yield f"  header: {self._header()}"
        angled = [h for place in self.roster.places if set("<>") & set(h := place.heading)]
        if angled:
            yield "# To use a heading with `<` or `>`, give it a name here; delete the `#`:"
            yield "# headings:"
        for heading in angled:
            name = " ".join(re.split("[<> ]+", heading)).strip() or "Another name"
            yield f"#   {scalar(name)}: [{scalar(heading)}]"

    def _header(self) -> str:
        rows = self.roster.source.header
        if rows == NO_HEADINGS:
            return (
                f"none{_GUESS}: the first row looks like a person, and the columns are <A>, <B> …"
            )
        if not self.layout.header and len(rows) == 1:
            return "auto"
        return str(rows[0]) if len(rows) == 1 else f"[{', '.join(map(str, rows))}]"

    def _digits(self) -> Iterator[str]:
        """The form that most IDs have. Padding is only suggested in a comment."""
        formed = [guess for guess in self.ids if guess.lengths or guess.shape]
        if formed:
            yield "ids:   # `pad: true` puts lost zeros back in front of digits"
        for guess in formed:
            heading = scalar(guess.place.heading)
            if not guess.lengths:
                yield f"  {heading}: {{pattern: {scalar(guess.shape)}}}{_GUESS}"
                continue
            (digits, count), values = guess.lengths.most_common(1)[0], sum(guess.counts.values())
            note = f"; {values - count} of {values} have another form" if values > count else ""
            yield f"  {heading}: {{digits: {digits}}}{_GUESS}{note}"

    def _primary_id(self) -> Iterator[str]:
        known = self.ids[0] if self.ids else None
        sure = known is not None and (known.field == PRIMARY_ID or bool(self.choices.primary_id))
        others = () if sure else [guess for guess in self.possible_ids if guess is not known]
        if known is None:
            yield "  # Choose the column that identifies a patron by the same ID in every roster."
        if others:
            yield "  # In these columns, every value is different:"
        for guess in others:
            lengths = " or ".join(map(str, sorted(guess.lengths)))
            digits = f", {lengths} digits" if lengths else ""
            yield f"  #   {comment(str(guess.place))}{digits}"
        if known is None:
            yield f"  primary_id: {cell(TO_CHOOSE)}{_TO_DO}"
        else:
            yield f"  primary_id: {cell(known.place.heading)}{'' if sure else _mark(known)}"

    def _names(self) -> Iterator[str]:
        second = self.first(SECOND_LAST)
        split = dict(self._split_names())
        for field in _NAMES:
            guess = self.first(field)
            if field in split:
                yield f"  {field}: {split[field]}"
            elif guess is None and field in {"first_name", "last_name"}:
                yield f"  {field}: {cell(TO_CHOOSE)}{_TO_DO}"
            elif guess is not None:
                source = cell(guess.place.heading)
                if field == "last_name" and second is not None:
                    source = scalar(f"<{guess.place.heading}> <{second.place.heading}>")
                if guess.shouted and field != "middle_name":
                    source = f"{{from: {source}, clean: [name]}}"
                yield f"  {field}: {source}{_mark(guess)}"

    def _split_names(self) -> Iterator[tuple[str, str]]:
        """The fields that are parts of a column with a whole name, and their rules."""
        for kind, parts in _PARTS.items():
            if guess := self.first(kind):
                source, capitals = cell(guess.place.heading), ", name" if guess.shouted else ""
                for field, (on, take) in parts.items():
                    step = f"{{split: {{on: {scalar(on)}, take: {take}}}}}{capitals}"
                    doubt = ": the names of some people have more parts" if on == " " else ""
                    yield field, f"{{from: {source}, clean: [{step}]}}{_mark(guess)}{doubt}"

    def _fields(self, fields: tuple[str, ...], indent: str = "  ") -> Iterator[str]:
        for field in fields:
            if guess := self.first(field):
                yield f"{indent}{field}: {self._value(field, guess)}{_mark(guess)}"

    def _value(self, field: str, guess: Guess) -> str:
        """The column, with its lookup; `clean` is only suggested for addresses of the US."""
        source = cell(guess.place.heading)
        if self.takes_lookup(guess):
            return f"{{from: {source}, lookup: {scalar(_LOOKUPS[field])}}}"
        if field in _US_STEPS and self.american and "country" not in self.by_field:
            return f"{{from: {source}, clean: [{_US_STEPS[field]}]}}"
        return source

    def _contacts(self) -> Iterator[str]:
        address = "line1" in self.by_field
        emails, phones = self.by_field.get("email", []), self.by_field.get("phone", [])
        if address or emails or phones:
            yield "  contact_info:"
        if address:
            yield "    address:"
            lines = "\n".join(self._fields(_ADDRESS, " " * 8))
            yield lines.replace(" " * 8, "      - ", 1)
            country = self.first("country")
            value = self._value("country", country) if country else "USA" if self.american else ""
            yield (
                f"        country: {value}{_GUESS}"
                if value
                else f"        country: {scalar(TO_CHOOSE)}{_TO_DO}"
            )
            yield f"        address_type: home{_GUESS}"
        if emails:
            yield "    email:"
        for guess in emails:
            source = cell(guess.place.heading)
            yield f"      - email_address: {{from: {source}, clean: [lower]}}{_mark(guess)}"
            yield f"        email_type: {type_of('email', guess.place.heading)}{_GUESS}"
        if phones:
            yield "    phone:"
        for guess in phones:
            source = cell(guess.place.heading)
            if guess.american:
                source = f"{{from: {source}, clean: [phone]}}"
            else:
                yield "      # not of the US; `clean: [{phone: {region: ES}}]` reads those of Spain"
            yield f"      - phone_number: {source}{_mark(guess)}"
            yield f"        phone_type: {type_of('phone', guess.place.heading)}{_GUESS}"

    def _card(self) -> Iterator[str]:
        card = self.first(BARCODE)
        if card is not None and card is not self.ids[0]:
            yield "  user_identifier:"
            yield f"    - id_type: BARCODE{_GUESS}"
            yield f"      value: {cell(card.place.heading)}{_mark(card)}"
            if self.external:
                yield "      segment_type: Internal   # the SIS load does not change it"

    def _lookups(self) -> Iterator[str]:
        """The lookups to complete: each word of the roster once, and Alma's code for it."""
        used = [guess for guess in map(self.first, _LOOKUPS) if guess and self.takes_lookup(guess)]
        if "line1" not in self.by_field:
            used = [guess for guess in used if guess.field != "country"]
        if used:
            yield "lookups:   # the words of the roster, and Alma's codes for them"
        for guess in used:
            yield f"  {scalar(_LOOKUPS[guess.field])}:"
            for word, count in _spellings(guess):
                rows = counted(count, "row")
                code, near = self.code(guess.field, word)
                chosen = guess.field == "user_group" and self.chosen_group(word)
                mark = f"   # {rows}" if chosen else f"{_GUESS if code else _TO_DO}; {rows}"
                hint = "" if code else near
                yield f"    {scalar(word)}: {scalar(code or TO_CHOOSE)}{mark}{hint}"


def _path(field: str) -> str:
    return "contact_info.address.country" if field == "country" else field


def _spellings(guess: Guess) -> list[tuple[str, int]]:
    """Return each word of a column once, in one of its spellings, and how often it occurs."""
    found: dict[str, tuple[str, int]] = {}
    for text in sorted(guess.counts):
        key = heading_key(text)
        word, count = found.get(key, (text, 0))
        found[key] = word, count + guess.counts[text]
    return list(found.values())


def _mark(guess: Guess) -> str:
    return _GUESS if guess.sure else _BY_VALUES
