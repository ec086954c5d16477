"""A first mapping for a roster, as a commented text that a person finishes.

What was guessed says so. What only a person can know is a `?`: the column of the identifier
where no heading says exactly that it is one, and Alma's codes for the groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from importer.mapper.guessing import BARCODE, EMPL_ID, Guess, date_order, guesses
from importer.mapper.todo import TO_CHOOSE
from importer.mapper.yamltext import cell, remark, scalar

if TYPE_CHECKING:
    from importer.model.roster import Roster

_GUESS = "   # guess"
_NAMES = ("first_name", "middle_name", "last_name", "pref_first_name")
_DATES = ("birth_date", "expiry_date", "purge_date")
_ADDRESS = ("line1", "line2", "city", "state_province", "postal_code")
_STEPS = {"state_province": "upper", "postal_code": "zip"}


def scaffold(roster: Roster) -> str:
    """The text of a mapping for this roster. It can be read as it is; what is to do is marked."""
    return "\n".join((*_Draft(roster).lines(), ""))


class _Draft:
    """The parts of the mapping, from what the columns seem to be."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.guesses = guesses(roster)
        self.by_field: dict[str, list[Guess]] = {}
        for guess in self.guesses:
            self.by_field.setdefault(guess.field, []).append(guess)
        self.external = EMPL_ID in self.by_field

    def lines(self) -> Iterator[str]:
        yield from self._head()
        yield from self._ids()
        yield "record:"
        yield from self._identity()
        yield from self._fields()
        yield from self._contacts()
        yield from self._card()
        yield from self._groups()

    def first(self, field: str) -> Guess | None:
        return next(iter(self.by_field.get(field, ())), None)

    def _head(self) -> Iterator[str]:
        source = self.roster.source
        yield "# yaml-language-server: $schema=mapping.schema.json"
        yield f"# A first mapping for {remark(source.path.name)}."
        yield "# Look at every line, above all at those that end in `guess`; write what is missing"
        yield "# where a `?` stands."
        yield "version: 1"
        yield f"account_type: {'EXTERNAL' if self.external else 'INTERNAL'}{_GUESS}"
        if self.external:
            yield f"owning_system: SIS{_GUESS}: the code of the student system's profile in Alma"
        yield "record_type: PUBLIC"
        yield "roster:"
        if source.sheet:
            yield f"  sheet: {scalar(source.sheet)}"
        order = date_order(self.guesses)
        if order:
            yield f"  dates: {order}{_GUESS}: some dates can be read in no other way"
        else:
            yield "  # dates: mdy   # say how dates are typed: mdy, dmy or ymd"
        left = [guess.place.heading for guess in self.guesses if not guess.field]
        yield "  # Columns that are meant to stay out of Alma; the others are told at each run."
        yield f"  # unused: [{', '.join(scalar(heading) for heading in left)}]"
        yield "  header: auto"

    def _ids(self) -> Iterator[str]:
        """Identifiers' digits, as most of them have them; nothing is padded unasked."""
        rules = []
        for guess in (self.first(EMPL_ID), self.first(BARCODE)):
            lengths = guess.lengths if guess else None
            if guess and lengths:
                digits, count = lengths.most_common(1)[0]
                rest = guess.values - count
                note = f"; {rest} of {guess.values} are written otherwise" if rest else ""
                rule = f"  {scalar(guess.place.heading)}: {{digits: {digits}}}"
                rules.append(f"{rule}{_GUESS}{note}")
        if rules:
            yield "ids:   # `pad: true` would put lost zeros back in front"
            yield from rules

    def _identity(self) -> Iterator[str]:
        known = self.first(EMPL_ID) or self.first(BARCODE)
        if known is not None:
            yield f"  primary_id: {cell(known.place.heading)}"
            return
        yield "  # Which column identifies a patron is for you to say. These have a different value"
        yield "  # in every row:"
        for guess in self.guesses:
            if guess.identifies:
                yield f"  #   {remark(str(guess.place))}{_lengths(guess)}"
        yield f"  primary_id: {cell(TO_CHOOSE)}   # to do"

    def _fields(self) -> Iterator[str]:
        for field in (*_NAMES, "user_group", "campus_code", *_DATES):
            guess = self.first(field)
            if guess is None:
                if field in {"first_name", "last_name", "user_group"}:
                    yield f"  {field}: {cell(TO_CHOOSE)}   # to do"
            elif field == "user_group" and not guess.coded and guess.few:
                yield f"  {field}: {{from: {cell(guess.place.heading)}, lookup: groups}}{_GUESS}"
            else:
                yield f"  {field}: {cell(guess.place.heading)}{_GUESS}"

    def _contacts(self) -> Iterator[str]:
        address = [(name, guess) for name in _ADDRESS if (guess := self.first(name))]
        emails, phones = self.by_field.get("email", []), self.by_field.get("phone", [])
        whole = any(name == "line1" for name, _ in address)
        if whole or emails or phones:
            yield "  contact_info:"
        if whole:
            yield "    address:"
            for at, (name, guess) in enumerate(address):
                value = cell(guess.place.heading)
                if name in _STEPS:
                    value = f"{{from: {value}, clean: [{_STEPS[name]}]}}"
                yield f"      {'- ' if at == 0 else '  '}{name}: {value}{_GUESS}"
            yield "        country: USA"
            yield f"        address_type: home{_GUESS}"
        yield from _entries("email", "email_address", "lower", "personal", emails)
        yield from _entries("phone", "phone_number", "phone", "mobile", phones)

    def _card(self) -> Iterator[str]:
        card = self.first(BARCODE)
        if self.external and card is not None:
            yield "  user_identifier:"
            yield "    - id_type: BARCODE"
            yield f"      value: {cell(card.place.heading)}"
            yield "      segment_type: Internal   # the student system's load does not touch it"

    def _groups(self) -> Iterator[str]:
        guess = self.first("user_group")
        if guess is None or guess.coded or not guess.few:
            return
        yield "lookups:"
        yield "  groups:   # what the roster says, and Alma's code for it"
        for text, count in sorted(guess.counts.items()):
            rows = "1 row" if count == 1 else f"{count} rows"
            yield f"    {scalar(text)}: {scalar(TO_CHOOSE)}   # to do; {rows}"


def _entries(kind: str, field: str, step: str, kind_of: str, found: list[Guess]) -> Iterator[str]:
    if found:
        yield f"    {kind}:"
    for guess in found:
        yield f"      - {field}: {{from: {cell(guess.place.heading)}, clean: [{step}]}}{_GUESS}"
        yield f"        {kind}_type: {kind_of}{_GUESS}"


def _lengths(guess: Guess) -> str:
    lengths = guess.lengths
    if not lengths:
        return ""
    return f", {' or '.join(str(length) for length in sorted(lengths))} digits"
