"""Keys about the whole value of a rule, such as `required`, and about an entry of a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from importer.mapper.conditions import Condition
from importer.mapper.placeholders import Template, Written
from importer.mapper.steps.step import (
    EntryKey,
    Level,
    MappingFinding,
    Needs,
    Policy,
    RulePart,
    Step,
)
from importer.mapper.transforms import (
    Word,
    Words,
)
from importer.mapper.values import RuleWork, Values
from importer.model.candidates import ListEntry, Removal, Yes
from importer.model.fields import TYPE_FIELD, OnUpdate, Shape
from importer.model.plan import MappingPart
from importer.model.problem import CellFinding, Code, Severity
from importer.model.text import Pattern

if TYPE_CHECKING:
    from importer.mapper.mapping import EntryRules, FieldRule


TYPED_TWICE = {
    "password": Code.BAD_PASSWORD,
    "pin_number": Code.BAD_PIN,
    "contact_info.email.email_address": Code.BAD_EMAIL,
}
"""Fields that people type twice, and the code of what is wrong with them."""


class AgreesWith(Step[Template]):
    """A second column that must have the same text, such as a password typed again."""

    key = "agrees_with"
    in_words = "the same as {0.text}"
    form = Written
    position = 25
    changes = False

    @property
    def needs(self) -> Needs:
        return Needs(compared=self.value.cells)

    def check(self, part: RulePart) -> Iterator[MappingFinding]:
        if part.of.field.path not in TYPED_TWICE:
            wrong = "is for passwords, PINs and email addresses, which people type twice"
            yield part.finding(self.key, wrong)
        if not self.value.lone_cell or not part.rule.lone_cells:
            yield part.finding(self.key, "compares one column with another; write a heading each")

    def run(self, values: Values, work: RuleWork) -> Values:
        """Compare the cells as they came, before any other step."""
        other, _ = work.fill(self.value, lines=False)
        finding = CellFinding(
            TYPED_TWICE[work.one.rule.field.path],
            f"is not the same as the cell under {self.value.text}",
            "Ask the person, and correct one of the two cells.",
            Severity.REJECT,
        )
        differs = (values.applies & (values.source != other)).nonzero()[0]
        values.found += [(int(row), finding, "") for row in differs]
        return values


CREATE_ONLY = frozenset({"password", "force_password_change", "pin_number"})
"""Fields that are set only when the user is created, unless the mapping sets `on_update`."""

OF_LISTS = frozenset({OnUpdate.ADD, OnUpdate.REPLACE_ALL})
"""What only the entries of a list take."""


class Required(Policy[str]):
    """Whether a blank rejects the row (`true`), or is a warning (`warn`)."""

    key = "required"
    title = "Blank cells"
    choices = {
        "false": "load the row",
        "warn": "load the row, with a warning",
        "true": "reject the row",
    }
    in_words = {"true": "a blank rejects the row", "warn": "a blank is a warning"}
    form = Literal["true", "warn", "false"]
    position = 110

    @classmethod
    def of(cls, rule: FieldRule) -> Required | None:
        """Some fields are required, whatever the mapping says."""
        return cls("true") if rule.always_required else rule.rule.get(cls)


class Bad(Policy[str]):
    """Whether a bad value rejects its row (`reject`), or is left out with a warning (`drop`)."""

    key = "bad"
    title = "Wrong values"
    choices = {"reject": "reject the row", "drop": "left out with a warning"}
    in_words = {"drop": "a bad value is left out with a warning"}
    form = Literal["reject", "drop"]
    position = 120

    def check_rule(self, part: RulePart) -> Iterator[MappingFinding]:
        """What every row needs is never dropped."""
        rule = part.of
        if self.value == "drop" and rule.needed:
            wrong = f"`drop` is not for `{rule.field.name}`, which every row needs as it is"
            yield part.finding("bad", wrong)


class OnUpdateStep(Policy[OnUpdate]):
    """What happens to the field of a user whom Alma already has."""

    key = "on_update"
    title = "Known people"
    choices = {
        OnUpdate.REPLACE: "replaces Alma's value",
        OnUpdate.KEEP: "only if Alma has nothing",
        OnUpdate.ERASE: "replaces or, blank, clears it",
        OnUpdate.LATER: "only by a later date",
        OnUpdate.NEVER: "only set for new people",
        OnUpdate.ADD: "added to what Alma has",
        OnUpdate.REPLACE_ALL: "in place of all that Alma has",
    }
    in_words = {
        OnUpdate.KEEP: "for a known user only if Alma has nothing",
        OnUpdate.ERASE: "a blank cell clears it in Alma",
        OnUpdate.LATER: "for a known user never earlier than Alma's date",
        OnUpdate.NEVER: "only when the user is created",
        OnUpdate.ADD: "added to those in Alma",
        OnUpdate.REPLACE_ALL: "in place of all those in Alma",
    }
    form = OnUpdate
    position = 130

    @classmethod
    def of(cls, rule: FieldRule) -> OnUpdateStep | None:
        """Secrets are set only when the user is created."""
        usual = cls(OnUpdate.NEVER) if rule.field.path in CREATE_ONLY else None
        return rule.rule.get(cls) or usual

    def check_rule(self, part: RulePart) -> Iterator[MappingFinding]:
        """Of a field it is in its rule; of a list, in the entry."""
        field, word = part.of.field, self.value
        if field.path == "password" and word is not OnUpdate.NEVER:
            wrong = (
                f"`{word}` has no effect: the importer sets a password only when it creates the "
                "user; delete `on_update`"
            )
            yield part.finding("on_update", wrong)
        if field.parent in TYPE_FIELD:
            core = field.facts.required or field.name == TYPE_FIELD[field.parent]
            if core or word is not OnUpdate.NEVER:
                wrong = "write `on_update` beside the fields of the entry, for the whole entry"
                if not core:
                    wrong += "; a single field of an entry only takes `never`"
                yield part.finding("on_update", wrong)
        elif word in OF_LISTS:
            yield part.finding("on_update", f"`{word}` is for the entries of a list")
        elif word is OnUpdate.LATER and field.shape is not Shape.DATE:
            yield part.finding("on_update", "`later` is for dates")


class Override(Policy[bool]):
    """Whether the field is replaced even if somebody edited it by hand in Alma."""

    key = "override"
    title = "Values edited in Alma"
    choices = {False: "staff's value stays", True: "replaced by the roster's"}
    in_words = {True: "also over a value that was edited by hand in Alma"}
    form = Yes
    position = 140


# --- the keys of an entry of a list, beside Alma's own fields ---


class EntryWhen(EntryKey[Condition]):
    """The rows that may have the entry."""

    key = "when"
    in_words = "only if {}"
    form = Condition
    position = 10

    @property
    def needs(self) -> Needs:
        return Needs(conditions=((("when",), self.value),))


class Placeholder(EntryKey[bool]):
    """Whether the entry is there although its cells are blank."""

    key = "placeholder"
    in_words = {True: "also if its cells are blank"}
    stays_blank = True
    form = Yes
    position = 30

    def check(self, entry: EntryRules) -> Iterator[MappingFinding]:
        """The main part has something to be there with."""
        filled = any(
            part.constant is not None
            for rule in entry.fields
            for _, part in rule.parts
            if rule.field.facts.required and rule.field.name != TYPE_FIELD[entry.parent]
        )
        if self.value and not filled:
            wrong = "has no effect: the entry's main part has no constant and no `default`"
            yield replace(entry.finding("placeholder", wrong), level=Level.HINT)


class EntryOnUpdate(EntryKey[OnUpdate]):
    """What happens to the list of a user whom Alma already has."""

    key = "on_update"
    choices, in_words = OnUpdateStep.choices, OnUpdateStep.in_words
    form = OnUpdate
    position = 40

    def mark(self, entry: ListEntry) -> ListEntry:
        return replace(entry, on_update=self.value)

    def check(self, entry: EntryRules) -> Iterator[MappingFinding]:
        if self.value not in {OnUpdate.REPLACE, OnUpdate.NEVER, *OF_LISTS}:
            wrong = (
                f"`{self.value}` is for single fields; an entry takes replace, add, replace_all or "
                "never"
            )
            yield entry.finding("on_update", wrong)


class Replaces(EntryKey[tuple[str, ...]]):
    """The types of Alma's statistics whose place it takes, beside its own."""

    key = "replaces"
    in_words = "in place of {}"
    form = Words
    position = 50

    def mark(self, entry: ListEntry) -> ListEntry:
        return replace(entry, replaces=self.value)

    def check(self, entry: EntryRules) -> Iterator[MappingFinding]:
        if entry.parent != "user_statistic":
            wrong = "is for statistics; other entries replace the one of their type"
            yield entry.finding("replaces", wrong)


class RemovePart(MappingPart):
    """Which of Alma's entries go: those of this type, and with a text that matches as a whole."""

    note_type: Word | None = None
    statistic_category: Word | None = None
    block_type: Word | None = None
    matches: Pattern | None = None


class Remove(EntryKey[RemovePart]):
    """Entries of known users that go."""

    key = "remove"
    form = RemovePart
    position = 60

    def removal(self, parent: str) -> Removal:
        kind = getattr(self.value, TYPE_FIELD[parent], None) or ""
        return Removal(parent, kind, self.value.matches or "")

    def check(self, entry: EntryRules) -> Iterator[MappingFinding]:
        """It names entries of its own list, and is an item by itself."""
        given, kind = self.value.model_fields_set, TYPE_FIELD[entry.parent]
        if kind not in RemovePart.model_fields:
            yield entry.finding("remove", "is for notes, blocks and statistics; delete it")
            return
        for key in sorted(given - {kind, "matches"}):
            wrong = f"is for another list; write `{kind}` or `matches`"
            yield MappingFinding((*entry.steps, "remove", key), wrong)
        if not given:
            wrong = f"would remove every entry; write `{kind}` or `matches`"
            yield entry.finding("remove", wrong)
        if entry.part.model_fields_set - {"remove"}:
            wrong = "is an item of its own; write what is added as another item"
            yield entry.finding("remove", wrong)

    @property
    def phrase(self) -> str:
        given = self.value.model_dump(exclude_none=True)
        kinds = [f" of type {text}" for key, text in given.items() if key != "matches"]
        texts = [f" whose text matches `{self.value.matches}`"] if self.value.matches else []
        return f"removes Alma's entries{''.join((*kinds, *texts))}"
