"""Suggest a first mapping for a roster: a commented text that a person completes.

Guesses are marked. What only a person can know is a `?`: the column of the primary ID if no
heading names it, and Alma's codes for the words in the roster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from importer.mapper.column_guesses import (
    BARCODE,
    DATES,
    EMPL_ID,
    LAST_FIRST,
    OWNING_SYSTEM,
    PRIMARY_ID,
    SECOND_LAST,
    Guess,
    date_order,
    guesses,
    type_of,
)
from importer.mapper.placeholders import TO_CHOOSE, heading_key
from importer.mapper.yaml_source import cell, comment, scalar
from importer.model.fields import country_of
from importer.model.roster import Layout, Roster

_GUESS = "   # guess"
_BY_VALUES = "   # guess, by its values"
_TO_DO = "   # to do"
_BEFORE_GROUP = ("user_title", "gender")
_AFTER_GROUP = (
    "campus_code",
    "job_category",
    "job_description",
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
)
_ADDRESS = ("line1", "line2", "city", "state_province", "postal_code")
_US_STEPS = {"state_province": "upper", "postal_code": "zip"}
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
    return "\n".join((*_Draft(roster, layout or Layout()).lines(schema), ""))


class _Draft:
    """The parts of the mapping, from the guesses about the columns."""

    def __init__(self, roster: Roster, layout: Layout) -> None:
        self.roster = roster
        self.layout = layout
        self.guesses = guesses(roster)
        self.by_field: dict[str, list[Guess]] = {}
        for guess in self.guesses:
            self.by_field.setdefault(guess.field, []).append(guess)
        found = map(self.first, (PRIMARY_ID, EMPL_ID, BARCODE))
        self.ids = [guess for guess in found if guess]
        self.external = EMPL_ID in self.by_field

    def lines(self, schema: str) -> Iterator[str]:
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
        yield from self._contacts()
        yield from self._card()
        yield from self._lookups()

    def first(self, field: str) -> Guess | None:
        return next(iter(self.by_field.get(field, ())), None)

    def _head(self) -> Iterator[str]:
        source = self.roster.source
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
        if self.layout.encoding != "auto":
            yield f"  encoding: {scalar(self.layout.encoding)}"
        order = date_order(self.guesses)
        if order:
            yield f"  dates: {order}{_GUESS}: some dates allow no other order"
        else:
            yield "  # dates: mdy   # how dates are typed: mdy, dmy or ymd"
        no_use = {""} if self.external else {"", OWNING_SYSTEM}
        unused = [scalar(guess.place.heading) for guess in self.guesses if guess.field in no_use]
        if unused:
            yield "  # No line below uses these columns. Delete the `#` to keep them out of Alma"
            yield "  # without a notice; columns not in this list are reported at each run."
            yield f"  # unused: [{', '.join(unused)}]"
        rows = source.header
        one = str(rows[0]) if len(rows) == 1 else f"[{', '.join(map(str, rows))}]"
        yield f"  header: {one if self.layout.header or len(rows) > 1 else 'auto'}"
        angled = [h for place in self.roster.places if set("<>") & set(h := place.heading)]
        if angled:
            yield "# To use a heading with `<` or `>`, give it a name here; delete the `#`:"
            yield "# headings:"
        for heading in angled:
            name = " ".join(re.split("[<> ]+", heading)).strip() or "Another name"
            yield f"#   {scalar(name)}: [{scalar(heading)}]"

    def _digits(self) -> Iterator[str]:
        """The number of digits that most IDs have. Padding is only suggested in a comment."""
        numbers = [guess for guess in self.ids if guess.lengths]
        if numbers:
            yield "ids:   # `pad: true` puts lost zeros back in front"
        for guess in numbers:
            (digits, count), values = guess.lengths.most_common(1)[0], sum(guess.counts.values())
            note = f"; {values - count} of {values} have another form" if values > count else ""
            yield f"  {scalar(guess.place.heading)}: {{digits: {digits}}}{_GUESS}{note}"

    def _primary_id(self) -> Iterator[str]:
        if self.ids:
            known = self.ids[0]
            mark = "" if known.field == PRIMARY_ID else _mark(known)
            yield f"  primary_id: {cell(known.place.heading)}{mark}"
            return
        yield "  # Choose the column that identifies a patron. In these, every value is different:"
        for guess in self.guesses:
            if guess.identifies and not guess.field:
                lengths = " or ".join(map(str, sorted(guess.lengths)))
                digits = f", {lengths} digits" if lengths else ""
                yield f"  #   {comment(str(guess.place))}{digits}"
        yield f"  primary_id: {cell(TO_CHOOSE)}{_TO_DO}"

    def _names(self) -> Iterator[str]:
        whole, second = self.first(LAST_FIRST), self.first(SECOND_LAST)
        if whole is not None:
            source, capitals = cell(whole.place.heading), ", name" if whole.shouted else ""
            for field, part in (("first_name", 2), ("last_name", 1)):
                step = f'{{split: {{on: ",", take: {part}}}}}{capitals}'
                yield f"  {field}: {{from: {source}, clean: [{step}]}}{_mark(whole)}"
        for field in _NAMES:
            guess = self.first(field)
            if guess is None:
                if whole is None and field in {"first_name", "last_name"}:
                    yield f"  {field}: {cell(TO_CHOOSE)}{_TO_DO}"
                continue
            source = cell(guess.place.heading)
            if field == "last_name" and second is not None:
                source = scalar(f"<{guess.place.heading}> <{second.place.heading}>")
            if guess.shouted and field != "middle_name":
                source = f"{{from: {source}, clean: [name]}}"
            yield f"  {field}: {source}{_mark(guess)}"

    def _fields(self, fields: tuple[str, ...], indent: str = "  ") -> Iterator[str]:
        for field in fields:
            if guess := self.first(field):
                yield f"{indent}{field}: {self._value(field, guess)}{_mark(guess)}"

    def _value(self, field: str, guess: Guess) -> str:
        """The column, with its lookup; `clean` is only suggested for addresses of the US."""
        source = cell(guess.place.heading)
        if field in _LOOKUPS and guess.worded:
            return f"{{from: {source}, lookup: {scalar(_LOOKUPS[field])}}}"
        if field in _US_STEPS and "country" not in self.by_field:
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
                source = f"{{from: {source}, clean: [phone]}}"
            else:
                yield "      # not of the US; `clean: [{phone: {region: ES}}]` reads those of Spain"
            yield f"      - phone_number: {source}{_mark(guess)}"
            yield f"        phone_type: {type_of('phone', guess.place.heading)}{_GUESS}"

    def _card(self) -> Iterator[str]:
        card = self.first(BARCODE)
        if card is not None and card is not self.ids[0]:
            yield "  user_identifier:"
            yield "    - id_type: BARCODE"
            yield f"      value: {cell(card.place.heading)}{'' if card.sure else _BY_VALUES}"
            if self.external:
                yield "      segment_type: Internal   # the SIS load does not change it"

    def _lookups(self) -> Iterator[str]:
        """The lookups to complete: each word of the roster once, and Alma's code for it."""
        used = [guess for guess in map(self.first, _LOOKUPS) if guess and guess.worded]
        if "line1" not in self.by_field:
            used = [guess for guess in used if guess.field != "country"]
        if used:
            yield "lookups:   # the words of the roster, and Alma's codes for them"
        for guess in used:
            yield f"  {scalar(_LOOKUPS[guess.field])}:"
            spellings: dict[str, list[str]] = {}
            for text in sorted(guess.counts):
                spellings.setdefault(heading_key(text), []).append(text)
            for same in spellings.values():
                count = sum(guess.counts[text] for text in same)
                rows = "1 row" if count == 1 else f"{count} rows"
                code = country_of(same[0]) if guess.field == "country" else ""
                mark = f"{_GUESS if code else _TO_DO}; {rows}"
                yield f"    {scalar(same[0])}: {scalar(code or TO_CHOOSE)}{mark}"


def _mark(guess: Guess) -> str:
    return _GUESS if guess.sure else _BY_VALUES
