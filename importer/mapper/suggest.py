"""Suggest a first mapping for a roster: a commented text that a person completes.

Guesses are marked. What only a person can know is a `?`: the column of the primary ID if no
heading names it, and Alma's codes for the words in the roster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.mapper.column_guesses import DATES, LAST_FIRST, Guess, date_order, guesses
from importer.mapper.heading_vocabulary import (
    BARCODE,
    COUNTRIES,
    EMPL_ID,
    OWNING_SYSTEM,
    PRIMARY_ID,
    SECOND_LAST,
    type_of,
    words,
)
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.yaml_source import cell, comment, scalar
from importer.model.roster import Layout, Roster

_GUESS = "   # guess"
_BY_LOOKS = "   # guess, by its values"
_TO_DO = "   # to do"
_NAMES = (
    "first_name",
    "middle_name",
    "last_name",
    "pref_first_name",
    "pref_middle_name",
    "pref_last_name",
)
_FIELDS = (
    "user_title",
    "gender",
    "user_group",
    "campus_code",
    "job_category",
    "job_description",
    "preferred_language",
    *DATES,
    "pin_number",
)
_ADDRESS = ("line1", "line2", "city", "state_province", "postal_code")
_STEPS = {"state_province": "upper", "postal_code": "zip"}
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


def suggest(roster: Roster, layout: Layout | None = None, schema: str = "") -> str:
    """Return the text of a mapping for this roster. It loads as it is; what is to do is marked.

    `layout` is how the roster was read; its settings are written to the mapping. `schema` is the
    name of the JSON Schema beside the mapping, if there is one.
    """
    return "\n".join((*_Draft(roster, layout, schema).lines(), ""))


class _Draft:
    """The parts of the mapping, from the guesses about the columns."""

    def __init__(self, roster: Roster, layout: Layout | None, schema: str) -> None:
        self.roster = roster
        self.schema = schema
        self.header_given = bool(layout and layout.header)
        self.guesses = guesses(roster)
        self.by_field: dict[str, list[Guess]] = {}
        for guess in self.guesses:
            self.by_field.setdefault(guess.field, []).append(guess)
        self.external = EMPL_ID in self.by_field
        self.primary = self.first(PRIMARY_ID) or self.first(EMPL_ID) or self.first(BARCODE)

    def lines(self) -> Iterator[str]:
        yield from self._head()
        yield from self._ids()
        yield "record:"
        yield from self._identity()
        yield from self._names()
        yield from self._fields()
        yield from self._contacts()
        yield from self._card()
        yield from self._lookups()

    def first(self, field: str) -> Guess | None:
        return next(iter(self.by_field.get(field, ())), None)

    def _head(self) -> Iterator[str]:
        source = self.roster.source
        if self.schema:
            yield f"# yaml-language-server: $schema={self.schema}"
        yield f"# A first mapping for {comment(source.path.name)}."
        yield "# Check every line, above all those that end in `guess`, and replace every `?`."
        yield "version: 1"
        yield f"account_type: {'EXTERNAL' if self.external else 'INTERNAL'}{_GUESS}"
        if self.external:
            owner = self.first(OWNING_SYSTEM)
            code = f"SIS{_GUESS}: the code of the external system in Alma"
            yield f"owning_system: {cell(owner.place.heading) + _GUESS if owner else code}"
        yield "record_type: PUBLIC"
        yield "roster:"
        if source.sheet:
            yield f"  sheet: {scalar(source.sheet)}"
        order = date_order(self.guesses)
        if order:
            yield f"  dates: {order}{_GUESS}: some dates allow no other order"
        else:
            yield "  # dates: mdy   # how dates are typed: mdy, dmy or ymd"
        yield from self._unused()
        rows = source.header
        one = str(rows[0]) if len(rows) == 1 else f"[{', '.join(map(str, rows))}]"
        yield f"  header: {one if self.header_given or len(rows) > 1 else 'auto'}"
        yield from self._angled()

    def _angled(self) -> Iterator[str]:
        """Headings that cannot be written in angle brackets, with names that can."""
        angled = [h for place in self.roster.places if set("<>") & set(h := place.heading)]
        if angled:
            yield "# To use a heading with `<` or `>`, give it a name here; delete the `#`:"
            yield "# headings:"
        for heading in angled:
            name = " ".join(re.split("[<> ]+", heading)).strip() or "Another name"
            yield f"#   {scalar(name)}: [{scalar(heading)}]"

    def _unused(self) -> Iterator[str]:
        no_use = {""} if self.external else {"", OWNING_SYSTEM}
        left = [guess.place.heading for guess in self.guesses if guess.field in no_use]
        if not left:
            return
        yield "  # No line below uses these columns. Delete the `#` to keep them out of Alma"
        yield "  # without a notice; columns that are not in this list are reported at each run."
        yield f"  # unused: [{', '.join(scalar(heading) for heading in left)}]"

    def _ids(self) -> Iterator[str]:
        """The number of digits that most IDs have. Padding is only suggested in a comment."""
        rules = []
        for guess in (self.first(PRIMARY_ID), self.first(EMPL_ID), self.first(BARCODE)):
            lengths = guess.lengths if guess else None
            if guess and lengths:
                digits, count = lengths.most_common(1)[0]
                rest = guess.values - count
                note = f"; {rest} of {guess.values} have another form" if rest else ""
                rule = f"  {scalar(guess.place.heading)}: {{digits: {digits}}}"
                rules.append(f"{rule}{_GUESS}{note}")
        if rules:
            yield "ids:   # `pad: true` puts lost zeros back in front"
            yield from rules

    def _identity(self) -> Iterator[str]:
        known = self.primary
        if known is not None:
            mark = "" if known.field == PRIMARY_ID else _mark(known)
            yield f"  primary_id: {cell(known.place.heading)}{mark}"
            return
        yield "  # Choose the column that identifies a patron. In these, every value is different:"
        for guess in self.guesses:
            if guess.identifies and not guess.field:
                yield f"  #   {comment(str(guess.place))}{_lengths(guess)}"
        yield f"  primary_id: {cell(TO_CHOOSE)}{_TO_DO}"

    def _names(self) -> Iterator[str]:
        whole = self.first(LAST_FIRST)
        if whole is not None:
            for field, part in (("first_name", 2), ("last_name", 1)):
                capitals = ", name" if whole.shouted else ""
                step = f'{{split: {{on: ",", take: {part}}}}}{capitals}'
                source = cell(whole.place.heading)
                yield f"  {field}: {{from: {source}, clean: [{step}]}}{_mark(whole)}"
        for field in _NAMES:
            guess = self.first(field)
            if guess is None:
                if whole is None and field in {"first_name", "last_name"}:
                    yield f"  {field}: {cell(TO_CHOOSE)}{_TO_DO}"
                continue
            source = cell(guess.place.heading)
            second = self.first(SECOND_LAST)
            if field == "last_name" and second is not None:
                source = scalar(f"<{guess.place.heading}> <{second.place.heading}>")
            shouted = guess.shouted and field != "middle_name"
            value = f"{{from: {source}, clean: [name]}}" if shouted else source
            yield f"  {field}: {value}{_mark(guess)}"

    def _fields(self) -> Iterator[str]:
        for field in _FIELDS:
            guess = self.first(field)
            if guess is not None:
                yield f"  {field}: {self._value(field, guess)}{_mark(guess)}"
            elif field == "user_group":
                yield "  # The column of the user group, or Alma's code if everybody has the same:"
                yield f"  {field}: {cell(TO_CHOOSE)}{_TO_DO}"

    def _value(self, field: str, guess: Guess) -> str:
        source = cell(guess.place.heading)
        if _begun(field, guess):
            return f"{{from: {source}, lookup: {scalar(_LOOKUPS[field])}}}"
        return f"{{from: {source}, clean: [{_STEPS[field]}]}}" if self._fits(field) else source

    def _fits(self, field: str) -> bool:
        """Whether there is a step of `clean` for the field; those of an address are for the US."""
        return field in _STEPS and "country" not in self.by_field

    def _contacts(self) -> Iterator[str]:
        address = [(name, guess) for name in _ADDRESS if (guess := self.first(name))]
        emails, phones = self.by_field.get("email", []), self.by_field.get("phone", [])
        whole = any(name == "line1" for name, _ in address)
        if whole or emails or phones:
            yield "  contact_info:"
        if whole:
            yield "    address:"
            for at, (name, guess) in enumerate(address):
                dash = "- " if at == 0 else "  "
                yield f"      {dash}{name}: {self._value(name, guess)}{_mark(guess)}"
            country = self.first("country")
            value = self._value("country", country) if country else "USA"
            yield f"        country: {value}{_GUESS}"
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
                yield f"      - phone_number: {{from: {source}, clean: [phone]}}{_mark(guess)}"
            else:
                yield "      # not of the US; `clean: [{phone: {region: ES}}]` reads those of Spain"
                yield f"      - phone_number: {source}{_mark(guess)}"
            yield f"        phone_type: {type_of('phone', guess.place.heading)}{_GUESS}"

    def _card(self) -> Iterator[str]:
        card = self.first(BARCODE)
        if card is not None and card is not self.primary:
            yield "  user_identifier:"
            yield "    - id_type: BARCODE"
            yield f"      value: {cell(card.place.heading)}{'' if card.sure else _BY_LOOKS}"
            if self.external:
                yield "      segment_type: Internal   # the SIS load does not change it"

    def _lookups(self) -> Iterator[str]:
        """The lookups to complete: each word of the roster once, and Alma's code for it."""
        used = {
            field: guess
            for field in _LOOKUPS
            if (guess := self.first(field)) and _begun(field, guess)
        }
        if "line1" not in self.by_field:
            used.pop("country", None)
        if used:
            yield "lookups:   # the words of the roster, and Alma's codes for them"
        for field, guess in used.items():
            yield f"  {scalar(_LOOKUPS[field])}:"
            spellings: dict[str, list[tuple[str, int]]] = {}
            for text, count in sorted(guess.counts.items()):
                spellings.setdefault(heading_key(text), []).append((text, count))
            for same in spellings.values():
                text, count = same[0][0], sum(number for _, number in same)
                rows = "1 row" if count == 1 else f"{count} rows"
                code = COUNTRIES.get(" ".join(words(text)), "") if field == "country" else ""
                mark = f"{_GUESS}; {rows}" if code else f"{_TO_DO}; {rows}"
                yield f"    {scalar(text)}: {scalar(code or TO_CHOOSE)}{mark}"


def _begun(field: str, guess: Guess) -> bool:
    """Whether the column contains words, few enough for a lookup."""
    return field in _LOOKUPS and not guess.coded and guess.few


def _mark(guess: Guess) -> str:
    return _GUESS if guess.sure else _BY_LOOKS


def _lengths(guess: Guess) -> str:
    lengths = guess.lengths
    if not lengths:
        return ""
    return f", {' or '.join(str(length) for length in sorted(lengths))} digits"
