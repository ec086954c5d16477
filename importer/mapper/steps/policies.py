"""Keys about a rule's whole value: `required`, `bad`, `on_update`, `override`, `agrees_with`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from importer.mapper.placeholders import Template, Written
from importer.mapper.steps.step import MappingFinding, Needs, Policy, RulePart, Step
from importer.model.candidates import Yes
from importer.model.fields import TYPE_FIELD, OnUpdate, Shape
from importer.model.problem import CellFinding, Code, Severity

if TYPE_CHECKING:
    from importer.mapper.mapping import FieldRule
    from importer.mapper.values import RuleWork, Values


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
        """It is for what people type twice."""
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
        differs = (values.applies & (values.texts != other)).nonzero()[0]
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
