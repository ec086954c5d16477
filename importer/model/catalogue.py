"""The closed catalogue of problem codes. Once released, a code keeps its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every kind of problem there is."""

    # what the roster as a whole is like
    READ_WITH_NOTICE = "read-with-notice"
    HIDDEN_ROWS = "hidden-rows"
    HEADINGS_CHANGED = "headings-changed"
    UNUSED_COLUMN = "unused-column"
    COLUMN_WITHOUT_HEADING = "column-without-heading"
    ROW_LEFT_OUT = "row-left-out"
    CODES_NOT_CHECKED = "codes-not-checked"
    OLD_CODE_TABLES = "old-code-tables"
    BLANK_ROWS = "blank-rows"
    # rows and cells as they came
    ROW_TOO_LONG = "row-too-long"
    ROW_TOO_SHORT = "row-too-short"
    CELL_TOO_LONG = "cell-too-long"
    CONTROL_CHARACTER = "control-character"
    MOJIBAKE = "mojibake"
    FORMULA_ERROR = "formula-error"
    WHITESPACE_REMOVED = "whitespace-removed"
    DIGITS_NORMALISED = "digits-normalised"
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
    TOO_LONG = "too-long"
    SYMBOL_IN_NAME = "symbol-in-name"
    BAD_EMAIL = "bad-email"
    BAD_PHONE = "bad-phone"
    BAD_POSTAL_CODE = "bad-postal-code"
    BAD_PIN = "bad-pin"
    BAD_PASSWORD = "bad-password"  # noqa: S105  a problem's code, not a password
    # rows beside one another
    DUPLICATE_ID = "duplicate-id"
    GIVES_WAY = "gives-way"
    DUPLICATE_IDENTIFIER = "duplicate-identifier"
    DUPLICATE_PERSON = "duplicate-person"
    SIMILAR_PERSON = "similar-person"
    SHARED_CONTACT = "shared-contact"
    # beside what Alma holds
    EXISTS_IN_ALMA = "exists-in-alma"
    NOT_IN_ALMA = "not-in-alma"
    LOOK_ALIKE_IN_ALMA = "look-alike-in-alma"
    MATCHES_TWO_USERS = "matches-two-users"
    PRIMARY_ID_DIFFERS = "primary-id-differs"
    ACCOUNT_TYPE_DIFFERS = "account-type-differs"
    OWNING_SYSTEM_DIFFERS = "owning-system-differs"
    NOT_LOOKED_UP = "not-looked-up"
    CHANGED_IN_ALMA = "changed-in-alma"
    NOT_DELETED = "not-deleted"
    NOT_UNDONE = "not-undone"
    DECIDED = "decided"
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
        """Does it keep the row from being sent?"""
        return self in {Severity.REJECT, Severity.REVIEW}


class Mends(StrEnum):
    """What one change of the mapping mends, if what the advice says is done there."""

    ROW = "row"  # nothing: each row is mended by itself
    VALUE = "value"  # every row that has the same value
    COLUMN = "column"  # every row with this problem in this column


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its title, what it means, what to do, and how bad it is.

    A mapping may make single findings milder or worse; `severity` is what holds without that.
    `mends` belongs to the advice.
    """

    severity: Severity
    title: str
    meaning: str
    advice: str
    mends: Mends = Mends.ROW


CATALOGUE: dict[Code, Kind] = {
    Code.READ_WITH_NOTICE: Kind(
        Severity.WARNING,
        "How the roster was read",
        "Something about the file had to be decided before it could be read, such as its encoding.",
        "Look at what is said; if the choice is wrong, name the right one in the mapping.",
    ),
    Code.HIDDEN_ROWS: Kind(
        Severity.WARNING,
        "Hidden rows",
        "The sheet hides rows or columns, by a filter or by hand. They are read like all others, "
        "but for hidden rows with `--visible-only`, which are skipped.",
        "If the hidden rows are not meant, give the command with `--visible-only`, or delete them.",
    ),
    Code.HEADINGS_CHANGED: Kind(
        Severity.WARNING,
        "Headings changed",
        "The roster has other headings than the one of the last run with this mapping.",
        "Look whether each column still holds what the mapping takes it for.",
    ),
    Code.UNUSED_COLUMN: Kind(
        Severity.WARNING,
        "Unused column",
        "The roster has a column that no rule of the mapping uses.",
        "Map it, or name it under `unused` in the mapping.",
    ),
    Code.COLUMN_WITHOUT_HEADING: Kind(
        Severity.WARNING,
        "Column without a heading",
        "A column holds values but its heading is blank, so nothing can be mapped from it.",
        "Give the column a heading, or clear it.",
    ),
    Code.ROW_LEFT_OUT: Kind(
        Severity.WARNING,
        "Row left out",
        "A row is a total, a signature or an example, not a person.",
        "Nothing to do. If it is a person, fill in its cells.",
    ),
    Code.CODES_NOT_CHECKED: Kind(
        Severity.WARNING,
        "Codes not checked",
        "No code tables are saved, so nobody knows whether Alma has the user groups and other "
        "codes. Alma refuses a record with a code that it does not have.",
        "Get the tables with `importer codes fetch`, then give the command again.",
    ),
    Code.OLD_CODE_TABLES: Kind(
        Severity.WARNING,
        "Old code tables",
        "The saved code tables were read from Alma long ago; it may have other codes by now.",
        "Get them anew with `importer codes fetch`.",
    ),
    Code.BLANK_ROWS: Kind(
        Severity.WARNING,
        "Blank rows",
        "Rows between others hold no text at all.",
        "Nothing to do, unless somebody is missing there.",
    ),
    Code.ROW_TOO_LONG: Kind(
        Severity.REJECT,
        "Row too long",
        "The row has more cells than there are headings, so its values may stand in wrong columns.",
        "Look for a separator or a line break inside a value, and put that value in quotes.",
    ),
    Code.ROW_TOO_SHORT: Kind(
        Severity.REJECT,
        "Row too short",
        "The row has fewer cells than there are headings, so its values may be in wrong columns.",
        "Look for a missing separator or a broken line, and complete the row.",
    ),
    Code.CELL_TOO_LONG: Kind(
        Severity.REJECT,
        "Cell too long",
        "A cell holds far more text than any field of a patron.",
        "Look for a quotation mark that is not closed, or shorten the text.",
    ),
    Code.CONTROL_CHARACTER: Kind(
        Severity.REJECT,
        "Control character",
        "The cell holds a character that cannot be seen and has no place in a record.",
        "Type the value anew.",
    ),
    Code.MOJIBAKE: Kind(
        Severity.WARNING,
        "Damaged letters",
        "Accented letters were damaged before the file came here, as in MuÃ±oz for Muñoz.",
        "Correct the name, or ask the office to save the file anew as UTF-8.",
    ),
    Code.FORMULA_ERROR: Kind(
        Severity.REJECT,
        "Formula without a value",
        "The cell holds a formula that gives an error or was never calculated.",
        "Put the value itself into the cell.",
    ),
    Code.WHITESPACE_REMOVED: Kind(
        Severity.REPAIRED,
        "Blanks removed",
        "Blanks or invisible characters inside an identifier, a code or an e-mail were removed.",
        "Nothing to do, if the result is right.",
    ),
    Code.DIGITS_NORMALISED: Kind(
        Severity.REPAIRED,
        "Digits replaced",
        "Digits of another script or width were replaced by 0 to 9.",
        "Nothing to do, if the result is right.",
    ),
    Code.TEXT_MARK_REMOVED: Kind(
        Severity.REPAIRED,
        "Mark for text removed",
        "The mark that keeps digits as text in a spreadsheet program, an apostrophe in front or "
        'an equals sign and quotation marks around, as in ="00123", was taken off.',
        "Nothing to do, if the result is right.",
    ),
    Code.ZEROS_RESTORED: Kind(
        Severity.REPAIRED,
        "Leading zeros restored",
        "Zeros that the file had lost, or that only its number format showed, were put back.",
        "Nothing to do, if the result is right.",
    ),
    Code.MISSING_VALUE: Kind(
        Severity.REJECT,
        "Value missing",
        "A field that every record needs is blank.",
        "Fill in the cell.",
    ),
    Code.MISSING_EMPL_ID: Kind(
        Severity.REJECT,
        "EMPL ID missing",
        "An External patron has no EMPL ID. The student system's load would never find the record.",
        "Ask the Registrar for the EMPL ID, or load the person as Internal, with a barcode.",
    ),
    Code.MALFORMED_ID: Kind(
        Severity.REJECT,
        "Identifier not well formed",
        "An identifier does not have the digits or the pattern that its column asks for, or it "
        "holds a sign, such as / or %, with which Alma would not find the record again.",
        "Correct the identifier.",
    ),
    Code.ID_LOST_DIGITS: Kind(
        Severity.REJECT,
        "Digits lost",
        "The spreadsheet program rounded a long number; the real digits are not in this file.",
        "Go back to the original file, format the column as Text, and export it again.",
    ),
    Code.LOOKS_LIKE_EMPL_ID: Kind(
        Severity.WARNING,
        "Looks like an EMPL ID",
        "The identifier of an Internal patron looks like an EMPL ID. The student system's load "
        "never touches Internal records, so this one would block the student's own.",
        "Check whether the person belongs to the student system's load.",
    ),
    Code.UNKNOWN_CODE: Kind(
        Severity.REJECT,
        "Unknown code",
        "The value is not in the mapping's lookup, or the code is not in Alma's table.",
        "Correct the cell, or add the value to the lookup.",
        Mends.VALUE,
    ),
    Code.WRONG_CASE_CODE: Kind(
        Severity.REPAIRED,
        "Code in wrong case",
        "Alma's codes tell capitals from small letters; the code was written as Alma has it.",
        "Nothing to do.",
    ),
    Code.UNPARSABLE_DATE: Kind(
        Severity.REJECT,
        "Not a date",
        "The cell cannot be read as a date.",
        "Type the date again, for example as 2027-05-15, or declare its pattern in the mapping.",
    ),
    Code.AMBIGUOUS_DATE: Kind(
        Severity.REJECT,
        "Date reads two ways",
        "The date reads both as month/day and as day/month.",
        "Say which it is in the mapping, with `dates: mdy` or `dates: dmy`.",
        Mends.COLUMN,
    ),
    Code.DATE_OUT_OF_RANGE: Kind(
        Severity.REJECT,
        "Date out of range",
        "The date cannot be right: a birth date in the future or more than 110 years ago, or a "
        "year that no record has.",
        "Correct the date.",
    ),
    Code.EXPIRY_PAST: Kind(
        Severity.WARNING,
        "Expired already",
        "The expiry date is in the past, so the patron cannot borrow.",
        "Correct the date, unless this is meant.",
    ),
    Code.PURGE_BEFORE_EXPIRY: Kind(
        Severity.WARNING,
        "Purged before it expires",
        "The purge date is before the expiry date.",
        "Correct one of the two dates.",
    ),
    Code.TOO_LONG: Kind(
        Severity.REJECT,
        "Too long",
        "The value is longer than Alma's field takes.",
        "Shorten the value.",
    ),
    Code.SYMBOL_IN_NAME: Kind(
        Severity.WARNING,
        "Picture in a name",
        "A name holds an emoji or another picture, which people cannot search for or print.",
        "Take it out of the name.",
    ),
    Code.BAD_EMAIL: Kind(
        Severity.REJECT,
        "E-mail not well formed",
        "The value is not an e-mail address.",
        "Correct the address, or clear the cell.",
    ),
    Code.BAD_PHONE: Kind(
        Severity.WARNING,
        "Phone number not well formed",
        "The value is not a phone number that can be called.",
        "Correct the number, or clear the cell.",
    ),
    Code.BAD_POSTAL_CODE: Kind(
        Severity.WARNING,
        "ZIP code not well formed",
        "The value is not a ZIP code of five or nine digits.",
        "Correct the ZIP code.",
    ),
    Code.BAD_PIN: Kind(
        Severity.WARNING,
        "PIN not well formed",
        "Self-check machines take a PIN of four digits.",
        "Give a PIN of four digits, or clear the cell.",
    ),
    Code.BAD_PASSWORD: Kind(
        Severity.REJECT,
        "Password not acceptable",
        "Alma takes passwords of at least 8 characters, without the person's identifier and not "
        "commonly used, and for Internal patrons only.",
        "Choose another password, or clear the cell.",
    ),
    Code.DUPLICATE_ID: Kind(
        Severity.REJECT,
        "Same primary identifier twice",
        "Two or more rows have the same primary identifier. None of them is sent.",
        "Find out which row is right, and delete or correct the others.",
    ),
    Code.GIVES_WAY: Kind(
        Severity.WARNING,
        "Another row is kept",
        "Rows of one person have the same primary identifier, and by the mapping's `duplicates` "
        "another one is kept. This row is passed over, and does not come back with the rejects.",
        "Nothing to do, if the row that is kept is right.",
    ),
    Code.DUPLICATE_IDENTIFIER: Kind(
        Severity.REJECT,
        "Same identifier twice",
        "An identifier stands twice, in two rows or in two columns. Alma takes each value once.",
        "Correct or clear one of them.",
    ),
    Code.DUPLICATE_PERSON: Kind(
        Severity.REVIEW,
        "Same person under two identifiers",
        "Rows with different identifiers have the same name and the same birth date or e-mail.",
        "If they are one person, delete one of the rows. If not, plan, and settle both with "
        "`importer decide`.",
    ),
    Code.SIMILAR_PERSON: Kind(
        Severity.WARNING,
        "Perhaps the same person",
        "Rows with different identifiers have names that are near, and agree in one thing more.",
        "Look whether they are one person. The rows are sent all the same.",
    ),
    Code.SHARED_CONTACT: Kind(
        Severity.WARNING,
        "Shared e-mail or telephone",
        "An e-mail address or a telephone number stands in rows of different persons, as families "
        "and offices share them.",
        "Look whether a cell was copied into other rows. The rows are sent all the same.",
    ),
    Code.EXISTS_IN_ALMA: Kind(
        Severity.REJECT,
        "Exists in Alma",
        "Alma already has a user with this identifier.",
        "Nothing to do, if the mapping means to load new patrons only.",
    ),
    Code.NOT_IN_ALMA: Kind(
        Severity.REJECT,
        "Not in Alma",
        "Alma has no user with this identifier, and the mapping does not create any.",
        "Correct the identifier, or let the mapping create users with `new: create`.",
        Mends.COLUMN,
    ),
    Code.LOOK_ALIKE_IN_ALMA: Kind(
        Severity.REVIEW,
        "Perhaps already in Alma",
        "Alma has a user of the same name and birth date or e-mail under another identifier.",
        "Look at that user in Alma, then decide with `importer decide`.",
    ),
    Code.MATCHES_TWO_USERS: Kind(
        Severity.REVIEW,
        "Matches two users",
        "The row's identifiers belong to more than one user of Alma.",
        "Correct the identifiers, or decide with `importer decide`.",
    ),
    Code.PRIMARY_ID_DIFFERS: Kind(
        Severity.REVIEW,
        "Primary identifier differs",
        "The user was found by another identifier and has a different primary identifier in Alma. "
        "An update never changes it by itself.",
        "Correct the roster, or change the primary identifier in Alma.",
    ),
    Code.ACCOUNT_TYPE_DIFFERS: Kind(
        Severity.REVIEW,
        "Internal in one, External in the other",
        "The mapping and Alma disagree whether the patron is Internal or External.",
        "Find out who manages this patron: the library or the student system.",
    ),
    Code.OWNING_SYSTEM_DIFFERS: Kind(
        Severity.REVIEW,
        "Another owning system",
        "Alma's record belongs to another student information system than the mapping names.",
        "Find out which system owns this patron.",
    ),
    Code.NOT_LOOKED_UP: Kind(
        Severity.REVIEW,
        "Could not be looked up",
        "Alma gave no clear answer about this patron, so it is not known whether it exists.",
        "Plan again.",
    ),
    Code.CHANGED_IN_ALMA: Kind(
        Severity.REVIEW,
        "Changed in Alma since the plan",
        "Someone changed in Alma what this update would change. The record was left as it is.",
        "Plan, or undo, once more and look at the difference.",
    ),
    Code.NOT_DELETED: Kind(
        Severity.REVIEW,
        "In use, not deleted",
        "A user that the run created has loans, requests or fees by now, or Alma does not say.",
        "Settle them in Alma and undo again, or leave the user as it is.",
    ),
    Code.NOT_UNDONE: Kind(
        Severity.WARNING,
        "Cannot be undone, or stays",
        "The way back leaves something in Alma that the run did.",
        "Look at what is said, and change it in Alma by hand if it is wrong.",
    ),
    Code.DECIDED: Kind(
        Severity.WARNING,
        "Decided by a person",
        "A row that was held for review was settled with `importer decide`, in this run or an "
        "earlier one.",
        "Nothing to do; it can be decided again until it is sent.",
    ),
    Code.KEPT_BY_ALMA: Kind(
        Severity.WARNING,
        "Kept by Alma",
        "Alma saved the record but kept its own value of a field that was edited by hand.",
        "If the roster is right, say `override: true` for the field in the mapping.",
        Mends.COLUMN,
    ),
    Code.REFUSED_BY_ALMA: Kind(
        Severity.REJECT,
        "Refused by Alma",
        "Alma did not take the record.",
        "Read Alma's reason and correct the row.",
    ),
}
