"""Problems: what is wrong, or worth knowing, about a row; and the closed catalog of their codes.

Once released, a code keeps its meaning. `catalogue.toml` has the words of each code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, PlainValidator, TypeAdapter

from importer.advice import Advice, Choice, Do, Where, by_hand, text_of, written
from importer.model.question import About, Answer, Question
from importer.model.text import RowId, is_whole_roster


class Code(StrEnum):
    """Every kind of problem there is."""

    # what the roster as a whole is like
    MOST_OF_COLUMN = "most-of-column"
    READ_WITH_NOTICE = "read-with-notice"
    HIDDEN_ROWS = "hidden-rows"
    HEADINGS_CHANGED = "headings-changed"
    UNUSED_COLUMN = "unused-column"
    CONSTANT_IS_HEADING = "constant-is-heading"
    COLUMN_WITHOUT_HEADING = "column-without-heading"
    ROW_LEFT_OUT = "row-left-out"
    CODES_NOT_CHECKED = "codes-not-checked"
    OLD_CODE_TABLES = "old-code-tables"
    BLANK_ROWS = "blank-rows"
    NO_END_DATE = "no-end-date"
    ODD_COLUMN = "odd-column"
    ROWS_SKIPPED = "rows-skipped"
    # rows and cells as they came
    ROW_TOO_LONG = "row-too-long"
    ROW_TOO_SHORT = "row-too-short"
    CELL_TOO_LONG = "cell-too-long"
    CONTROL_CHARACTER = "control-character"
    MOJIBAKE = "mojibake"
    FORMULA_ERROR = "formula-error"
    WHITESPACE_REMOVED = "whitespace-removed"
    DIGITS_NORMALIZED = "digits-normalized"
    TEXT_MARK_REMOVED = "text-mark-removed"
    ZEROS_RESTORED = "zeros-restored"
    # values
    MISSING_VALUE = "missing-value"
    MISSING_EMPL_ID = "missing-empl-id"
    MALFORMED_ID = "malformed-id"
    ID_LOST_DIGITS = "id-lost-digits"
    LOOKS_LIKE_EMPL_ID = "looks-like-empl-id"
    UNKNOWN_CODE = "unknown-code"
    WRONG_CASE_CODE = "wrong-case-code"
    UNPARSABLE_DATE = "unparsable-date"
    AMBIGUOUS_DATE = "ambiguous-date"
    DATE_OUT_OF_RANGE = "date-out-of-range"
    EXPIRY_PAST = "expiry-past"
    PURGE_BEFORE_EXPIRY = "purge-before-expiry"
    PURGE_PAST = "purge-past"
    TOO_LONG = "too-long"
    TOO_MANY_PARTS = "too-many-parts"
    SYMBOL_IN_NAME = "symbol-in-name"
    TWO_PEOPLE = "two-people"
    COMMA_IN_NAME = "comma-in-name"
    UNCLEAR_NAME = "unclear-name"
    TITLE_IN_NAME = "title-in-name"
    ODD_VALUE = "odd-value"
    BAD_EMAIL = "bad-email"
    BAD_PHONE = "bad-phone"
    BAD_POSTAL_CODE = "bad-postal-code"
    BAD_PIN = "bad-pin"
    BAD_PASSWORD = "bad-password"  # noqa: S105  a problem's code, not a password
    # rows beside one another
    DUPLICATE_ID = "duplicate-id"
    SKIPPED_DUPLICATE = "skipped-duplicate"
    DUPLICATE_IDENTIFIER = "duplicate-identifier"
    DUPLICATE_PERSON = "duplicate-person"
    SIMILAR_PERSON = "similar-person"
    SHARED_CONTACT = "shared-contact"
    # beside what Alma holds
    EXISTS_IN_ALMA = "exists-in-alma"
    NOT_IN_ALMA = "not-in-alma"
    POSSIBLE_MATCH_IN_ALMA = "possible-match-in-alma"
    SAME_NAME_IN_ALMA = "same-name-in-alma"
    NAMES_NOT_COMPARED = "names-not-compared"
    MISSING_FROM_ROSTER = "missing-from-roster"
    ABSENT_NOT_COMPARED = "absent-not-compared"
    RETURNED = "returned"
    RETIRES = "retires"
    MATCHES_TWO_USERS = "matches-two-users"
    PRIMARY_ID_DIFFERS = "primary-id-differs"
    ACCOUNT_TYPE_DIFFERS = "account-type-differs"
    ACCOUNT_TYPE_STAYS = "account-type-stays"
    OWNING_SYSTEM_DIFFERS = "owning-system-differs"
    ANOTHER_PERSON = "another-person"
    KNOWN_BY_ANOTHER_ID = "known-by-another-id"
    IDENTIFIER_OF_ANOTHER_PERSON = "identifier-of-another-person"
    IDENTIFIER_TAKEN = "identifier-taken"
    TWO_USERS_ONE_PERSON = "two-users-one-person"
    MANAGED_ELSEWHERE = "managed-elsewhere"
    NOT_IN_SIS_LOAD = "not-in-sis-load"
    ANOTHER_BIRTH_DATE = "another-birth-date"
    MANY_OTHER_PEOPLE = "many-other-people"
    ANOTHER_NAME = "another-name"
    PATRON_ROLE_MISSING = "patron-role-missing"
    PATRON_ROLE_EXPIRED = "patron-role-expired"
    CANNOT_BORROW = "cannot-borrow"
    NO_PREFERRED_EMAIL = "no-preferred-email"
    NOT_LOOKED_UP = "not-looked-up"
    CHANGED_IN_ALMA = "changed-in-alma"
    NOT_DELETED = "not-deleted"
    NOT_UNDONE = "not-undone"
    UNCLEAR_DECISION = "unclear-decision"
    RESOLVED = "resolved"
    EDITED_IN_ALMA = "edited-in-alma"
    REPLACES_EDIT = "replaces-edit"
    CARD_DIFFERS = "card-differs"
    PIN_CLEARED = "pin-cleared"
    KEPT_BY_ALMA = "kept-by-alma"
    REFUSED_BY_ALMA = "refused-by-alma"


class Severity(StrEnum):
    """What a problem does to its row, worst first."""

    REJECT = "reject"  # not sent
    REVIEW = "review"  # not sent until a person decides
    WARNING = "warning"  # sent
    REPAIRED = "repaired"  # sent, changed by us

    @property
    def holds(self) -> bool:
        """Whether a problem of this severity stops its row from being sent."""
        return self in {Severity.REJECT, Severity.REVIEW}


class Repairs(StrEnum):
    """What one change of the mapping repairs, if the advice is followed there."""

    ROW = "row"  # nothing: each row is corrected by itself
    VALUE = "value"  # every row that has the same value
    COLUMN = "column"  # every row with this problem in this column


class Kind(BaseModel, frozen=True, extra="forbid"):
    """A kind of problem: its title, what it means, what to do, and how bad it is.

    A mapping can change the severity of single findings; `severity` is the default.
    `repairs` belongs to the advice.
    """

    severity: Severity
    title: str
    meaning: str
    advice: Annotated[Advice, PlainValidator(written)]
    repairs: Repairs = Repairs.ROW


CATALOGUE: dict[Code, Kind] = TypeAdapter(dict[Code, Kind]).validate_python(
    tomllib.loads(files("importer.model").joinpath("catalogue.toml").read_text("utf-8"))
)
"""The kind of every code, in the order of the reference page."""

RESOLVED_ADVICE: Advice = (Choice(Do.DECIDED),)
"""The advice of a review problem once its row is resolved."""

ANSWERED_ADVICE: Advice = (Choice(Do.ANSWERED),)
"""The advice of one whose message has what was decided."""

CANNOT_BORROW = (Code.PATRON_ROLE_MISSING, Code.PATRON_ROLE_EXPIRED, Code.CANNOT_BORROW)
"""The codes of what keeps a user from borrowing."""

VALUE = "{value}"  # the place of the cell's own text in a message, where it can be masked

KNOWN = "{known}"
"""The same for a text that is a known word, however typed: not a name, so never masked."""

_SHOWN = 100  # characters of a heading in a message


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a row. `row` is packed; see `RowId`."""

    file: str
    sheet: str
    row: int

    def __str__(self) -> str:
        """Return `autumn.xlsx[Staff]:4`."""
        return f"{self.roster}:{RowId.of(self.row).number}"

    @property
    def roster(self) -> str:
        """The roster: `autumn.xlsx[Staff]`."""
        return f"{self.file}[{self.sheet}]" if self.sheet else self.file

    @property
    def whole(self) -> bool:
        """Whether it is a whole roster."""
        return is_whole_roster(self.row)


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the roster: its letter and its heading, as the spreadsheet program shows them."""

    letter: str
    heading: str

    def __str__(self) -> str:
        """Return `C (EMPL ID)`; a very long heading is cut."""
        cut = "…" if len(self.heading) > _SHOWN else ""
        heading = f"{self.heading[:_SHOWN]}{cut}"
        return f"{self.letter} ({heading})" if heading else self.letter


@dataclass(frozen=True, slots=True)
class CellFinding:
    """What is wrong with a value, before it is known which rows have the value.

    `advice` and `severity` are the catalog's if not given; `repairs` goes with the given advice.
    As a text it is how the cells, or the mapping, are corrected by hand.
    `value`: the text that `{value}` in the message stands for, if the finding itself knows it.
    `question`: what a person is asked about such a row.
    """

    code: Code
    message: str
    advice: str | Advice = ""
    severity: Severity | None = None
    repairs: Repairs = Repairs.ROW
    value: str = ""
    question: Question | None = None

    @property
    def holds(self) -> bool:
        """Whether it stops the rows that have the value from being sent."""
        return (self.severity or CATALOGUE[self.code].severity).holds

    def problem(
        self, origin: Origin, *places: Place, field: str = "", value: str | None = None
    ) -> Problem:
        """Return the problem of a row, with this value instead of the finding's own, if given."""
        kind = CATALOGUE[self.code]
        advice = self.advice
        if isinstance(advice, str):
            repairs_rule = self.repairs is not Repairs.ROW
            advice = by_hand(advice, Where.MAPPING if repairs_rule else Where.ROSTER)
        return Problem(
            self.code,
            origin,
            self.severity or kind.severity,
            self.message,
            advice or kind.advice,
            field,
            places,
            self.value if value is None else value,
            self.repairs if advice else kind.repairs,
            self.question,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about one row.

    `message` says what is wrong; `{value}` or `{known}` in it stand for `value`: the cell's text,
    or the primary ID of the user in question. It contains no other private text. `advice` says
    what to do, `repairs` what that fixes if it is done in the mapping. Problems with equal code,
    severity, places, field and advice have one cause. `places` are the columns, possibly none.
    `question`: what it asks, also once that is answered; a problem that needs review without one
    leaves only not to load the row.
    """

    code: Code
    origin: Origin
    severity: Severity
    message: str
    advice: Advice
    field: str = ""
    places: tuple[Place, ...] = ()
    value: str = ""
    repairs: Repairs = Repairs.ROW
    question: Question | None = None

    def asks(self, about: About) -> bool:
        """Whether it is a question about this."""
        return self.question is not None and self.question.about is about

    def allows(self, answer: Answer) -> bool:
        """Whether what it asks can be answered so."""
        return self.question is not None and answer in self.question.answers

    def asking(self, about: About, *answers: Answer) -> Problem:
        """Return the problem as a question about the user whose ID is its value, if it has one."""
        return replace(self, question=Question(about, self.value, answers))

    @property
    def may_be_shown(self) -> bool:
        """Whether its value is a word that is not private, such as a code of Alma."""
        return KNOWN in self.message

    def sentence(self, shown: str | None = None, *, begin: bool = False) -> str:
        """Return what is wrong, with the cell's text or `shown`; `begin`: with a capital."""
        message = self.message
        if begin:
            message = message[:1].upper() + message[1:]
        if self.may_be_shown:
            return message.replace(KNOWN, self.value)
        return message.replace(VALUE, self.value if shown is None else shown)

    @staticmethod
    def of(
        code: Code,
        origin: Origin,
        message: str,
        *places: Place,
        field: str = "",
        value: str = "",
        advice: str | Advice = "",
        severity: Severity | None = None,
        repairs: Repairs = Repairs.ROW,
    ) -> Problem:
        """Return the problem of a row with this finding; see `CellFinding`."""
        finding = CellFinding(code, message, advice, severity, repairs, value)
        return finding.problem(origin, *places, field=field)

    @property
    def to_do(self) -> str:
        """The advice in sentences, without commands."""
        return text_of(self.advice)

    @property
    def is_resolved(self) -> bool:
        """Whether it needed review, and a person decided."""
        return self.advice in {RESOLVED_ADVICE, ANSWERED_ADVICE}

    @property
    def title(self) -> str:
        """The catalog's title of its code."""
        return CATALOGUE[self.code].title


def changed_in_alma(origin: Origin, message: str, advice: str | Advice = "") -> Problem:
    """Return the problem of a row whose user somebody changed, with what may be answered."""
    problem = Problem.of(Code.CHANGED_IN_ALMA, origin, message, advice=advice)
    return problem.asking(About.AGAIN, Answer.UPDATE)
