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
    TOO_LONG = "too-long"
    SYMBOL_IN_NAME = "symbol-in-name"
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
    MATCHES_TWO_USERS = "matches-two-users"
    PRIMARY_ID_DIFFERS = "primary-id-differs"
    ACCOUNT_TYPE_DIFFERS = "account-type-differs"
    OWNING_SYSTEM_DIFFERS = "owning-system-differs"
    NOT_LOOKED_UP = "not-looked-up"
    CHANGED_IN_ALMA = "changed-in-alma"
    NOT_DELETED = "not-deleted"
    NOT_UNDONE = "not-undone"
    RESOLVED = "resolved"
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


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its title, what it means, what to do, and how bad it is.

    A mapping can change the severity of single findings; `severity` is the default.
    `repairs` belongs to the advice.
    """

    severity: Severity
    title: str
    meaning: str
    advice: str
    repairs: Repairs = Repairs.ROW


CATALOGUE: dict[Code, Kind] = {
    Code.READ_WITH_NOTICE: Kind(
        Severity.WARNING,
        "How the roster was read",
        "The importer had to choose how to read the file, for example its encoding.",
        "Check that this is right. If not, set it under `roster:` in the mapping.",
    ),
    Code.HIDDEN_ROWS: Kind(
        Severity.WARNING,
        "Hidden rows",
        "The sheet hides rows or columns, by a filter or by hand. Hidden rows are read like all "
        "others, unless you use `--visible-only`, which skips them.",
        "To skip the hidden rows, add `--visible-only` to the command, or delete them.",
    ),
    Code.HEADINGS_CHANGED: Kind(
        Severity.WARNING,
        "Headings changed",
        "The headings differ from those of the last run with this mapping.",
        "Check that each column still contains what the mapping expects.",
    ),
    Code.UNUSED_COLUMN: Kind(
        Severity.WARNING,
        "Unused column",
        "The mapping does not use this column.",
        "Map the column, or list its heading under `roster: unused` in the mapping.",
    ),
    Code.COLUMN_WITHOUT_HEADING: Kind(
        Severity.WARNING,
        "Column without a heading",
        "A column has values but no heading, so the mapping cannot use it.",
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
        "No code tables are saved, so user groups and other codes were not checked. Alma refuses "
        "a record with an unknown code.",
        "Run `importer codes fetch`, then run the command again.",
    ),
    Code.OLD_CODE_TABLES: Kind(
        Severity.WARNING,
        "Old code tables",
        "The saved code tables are old. Alma may have other codes now.",
        "Run `importer codes fetch`.",
    ),
    Code.BLANK_ROWS: Kind(
        Severity.WARNING,
        "Blank rows",
        "There are blank rows between other rows.",
        "Nothing to do, unless a person is missing there.",
    ),
    Code.ROW_TOO_LONG: Kind(
        Severity.REJECT,
        "Row too long",
        "The row has more cells than there are headings, so values may be in the wrong columns.",
        "Look for a separator or a line break inside a value, and put that value in quotes.",
    ),
    Code.ROW_TOO_SHORT: Kind(
        Severity.REJECT,
        "Row too short",
        "The row has fewer cells than there are headings, so values may be in the wrong columns.",
        "Look for a missing separator or a broken line, and complete the row.",
    ),
    Code.CELL_TOO_LONG: Kind(
        Severity.REJECT,
        "Cell too long",
        "A cell has far more text than any field of a patron record.",
        "Look for a missing closing quotation mark, or shorten the text.",
    ),
    Code.CONTROL_CHARACTER: Kind(
        Severity.REJECT,
        "Control character",
        "The cell contains an invisible character that a record cannot contain.",
        "Type the value again.",
    ),
    Code.MOJIBAKE: Kind(
        Severity.WARNING,
        "Damaged letters",
        "Accented letters are damaged in the file, as in MuÃ±oz for Muñoz.",
        "Correct the name, or ask the office to save the file again as UTF-8.",
    ),
    Code.FORMULA_ERROR: Kind(
        Severity.REJECT,
        "Formula without a value",
        "The cell has a formula that gives an error or was never calculated.",
        "Replace the formula with its value.",
    ),
    Code.WHITESPACE_REMOVED: Kind(
        Severity.REPAIRED,
        "Spaces removed",
        "Spaces or invisible characters inside an identifier, a code or an email were removed.",
        "Nothing to do, if the result is right.",
    ),
    Code.DIGITS_NORMALIZED: Kind(
        Severity.REPAIRED,
        "Digits replaced",
        "Digits of another script or width were replaced by 0 to 9.",
        "Nothing to do, if the result is right.",
    ),
    Code.TEXT_MARK_REMOVED: Kind(
        Severity.REPAIRED,
        "Text mark removed",
        "The mark that keeps digits as text in a spreadsheet was removed: an apostrophe in front, "
        'or an equals sign and quotation marks, as in ="00123".',
        "Nothing to do, if the result is right.",
    ),
    Code.ZEROS_RESTORED: Kind(
        Severity.REPAIRED,
        "Leading zeros restored",
        "Zeros that the file had lost, or that only its number format showed, were restored.",
        "Nothing to do, if the result is right.",
    ),
    Code.MISSING_VALUE: Kind(
        Severity.REJECT,
        "Value missing",
        "A required field is blank.",
        "Fill in the cell.",
    ),
    Code.MISSING_EMPL_ID: Kind(
        Severity.REJECT,
        "EMPL ID missing",
        "An External patron has no EMPL ID. The SIS load would never find the record.",
        "Ask the Registrar for the EMPL ID, or load the person as Internal, with a barcode.",
    ),
    Code.MALFORMED_ID: Kind(
        Severity.REJECT,
        "Identifier not valid",
        "An identifier does not have the digits or the pattern of its `ids:` rule, or it contains "
        "a character, such as / or %, with which Alma would not find the record again.",
        "Correct the identifier.",
    ),
    Code.ID_LOST_DIGITS: Kind(
        Severity.REJECT,
        "Digits lost",
        "Excel rounded a long number. The real digits are not in this file.",
        "Go back to the original file, format the column as Text, and export it again.",
    ),
    Code.LOOKS_LIKE_EMPL_ID: Kind(
        Severity.WARNING,
        "Looks like an EMPL ID",
        "The identifier of an Internal patron looks like an EMPL ID. The SIS load never changes "
        "Internal records, so this record would block the student's own.",
        "Check whether the person is in the SIS load.",
    ),
    Code.UNKNOWN_CODE: Kind(
        Severity.REJECT,
        "Unknown code",
        "The value is not in the mapping's lookup, or the code is not in Alma's table.",
        "Correct the cell, or add the value to the lookup.",
        Repairs.VALUE,
    ),
    Code.WRONG_CASE_CODE: Kind(
        Severity.REPAIRED,
        "Code in wrong case",
        "Alma's codes are case-sensitive. The code was changed to Alma's spelling.",
        "Nothing to do.",
    ),
    Code.UNPARSABLE_DATE: Kind(
        Severity.REJECT,
        "Not a date",
        "The cell cannot be read as a date.",
        "Type the date again, for example as 2027-05-15, or set its pattern in the mapping.",
    ),
    Code.AMBIGUOUS_DATE: Kind(
        Severity.REJECT,
        "Ambiguous date",
        "The date can be read as month/day or as day/month.",
        "Set `dates: mdy` or `dates: dmy` in the mapping.",
        Repairs.COLUMN,
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
        "Already expired",
        "The expiry date is in the past, so the patron cannot borrow.",
        "Correct the date, unless it is right.",
    ),
    Code.PURGE_BEFORE_EXPIRY: Kind(
        Severity.WARNING,
        "Purge before expiry",
        "The purge date is before the expiry date.",
        "Correct one of the two dates.",
    ),
    Code.TOO_LONG: Kind(
        Severity.REJECT,
        "Too long",
        "The value is longer than Alma's field.",
        "Shorten the value.",
    ),
    Code.SYMBOL_IN_NAME: Kind(
        Severity.WARNING,
        "Symbol in a name",
        "A name contains an emoji or another symbol that people cannot search for or print.",
        "Delete the symbol.",
    ),
    Code.BAD_EMAIL: Kind(
        Severity.REJECT,
        "Email not valid",
        "The value is not an email address.",
        "Correct the address, or clear the cell.",
    ),
    Code.BAD_PHONE: Kind(
        Severity.WARNING,
        "Phone number not valid",
        "The value is not a valid phone number.",
        "Correct the number, or clear the cell.",
    ),
    Code.BAD_POSTAL_CODE: Kind(
        Severity.WARNING,
        "ZIP code not valid",
        "The value is not a ZIP code of five or nine digits.",
        "Correct the ZIP code.",
    ),
    Code.BAD_PIN: Kind(
        Severity.WARNING,
        "PIN not valid",
        "Self-check machines need a PIN of four digits.",
        "Enter a PIN of four digits, or clear the cell.",
    ),
    Code.BAD_PASSWORD: Kind(
        Severity.REJECT,
        "Password not valid",
        "Alma requires at least 8 characters, without the person's identifier, not a commonly "
        "used password, and for Internal patrons only.",
        "Choose another password, or clear the cell.",
    ),
    Code.DUPLICATE_ID: Kind(
        Severity.REJECT,
        "Duplicate primary identifier",
        "Two or more rows have the same primary identifier. None of them is sent.",
        "Find out which row is right, and delete or correct the others.",
    ),
    Code.SKIPPED_DUPLICATE: Kind(
        Severity.WARNING,
        "Skipped duplicate",
        "Several rows have the same primary identifier. The mapping's `duplicates` rule keeps "
        "another one. This row is skipped, and is not in the rejects.",
        "Nothing to do, if the row that is kept is right.",
    ),
    Code.DUPLICATE_IDENTIFIER: Kind(
        Severity.REJECT,
        "Duplicate identifier",
        "An identifier is used twice, in two rows or in two columns. Alma accepts it only once.",
        "Correct or clear one of them.",
    ),
    Code.DUPLICATE_PERSON: Kind(
        Severity.REVIEW,
        "Same person under two identifiers",
        "Rows with different identifiers have the same name and the same birth date or email.",
        "If they are one person, delete one of the rows. If not, run `importer plan`, and resolve "
        "both rows with `importer resolve`.",
    ),
    Code.SIMILAR_PERSON: Kind(
        Severity.WARNING,
        "Possibly the same person",
        "Rows with different identifiers have similar names and share another value.",
        "Check whether they are one person. Both rows are sent.",
    ),
    Code.SHARED_CONTACT: Kind(
        Severity.WARNING,
        "Shared email or phone number",
        "Rows of different people have the same email address or phone number, as families and "
        "offices do.",
        "Check whether a cell was copied into other rows. The rows are sent.",
    ),
    Code.EXISTS_IN_ALMA: Kind(
        Severity.REJECT,
        "Exists in Alma",
        "Alma already has a user with this identifier.",
        "Nothing to do, if you want to load new patrons only.",
    ),
    Code.NOT_IN_ALMA: Kind(
        Severity.REJECT,
        "Not in Alma",
        "Alma has no user with this identifier, and the mapping does not create users.",
        "Correct the identifier, or set `new: create` under `match:` in the mapping.",
        Repairs.COLUMN,
    ),
    Code.POSSIBLE_MATCH_IN_ALMA: Kind(
        Severity.REVIEW,
        "Possible match in Alma",
        "Alma has a user with the same name and birth date or email under another identifier.",
        "Look at that user in Alma, then resolve the row with `importer resolve`.",
    ),
    Code.MATCHES_TWO_USERS: Kind(
        Severity.REVIEW,
        "Matches two users",
        "The row's identifiers belong to more than one user in Alma.",
        "Correct the identifiers, or resolve the row with `importer resolve`.",
    ),
    Code.PRIMARY_ID_DIFFERS: Kind(
        Severity.REVIEW,
        "Primary identifier differs",
        "The user was found by another identifier and has a different primary identifier in Alma. "
        "An update never changes it automatically.",
        "Correct the roster, or change the primary identifier in Alma.",
    ),
    Code.ACCOUNT_TYPE_DIFFERS: Kind(
        Severity.REVIEW,
        "Account type differs",
        "The patron is Internal in the mapping and External in Alma, or the other way around.",
        "Find out whether the library or the SIS manages this patron.",
    ),
    Code.OWNING_SYSTEM_DIFFERS: Kind(
        Severity.REVIEW,
        "External system differs",
        "Alma's record belongs to another external system than the mapping's `owning_system`.",
        "Find out which system owns this patron.",
    ),
    Code.NOT_LOOKED_UP: Kind(
        Severity.REVIEW,
        "No clear answer from Alma",
        "Alma gave no clear answer about this patron, so the user may or may not exist.",
        "Run `importer plan` again.",
    ),
    Code.CHANGED_IN_ALMA: Kind(
        Severity.REVIEW,
        "Changed in Alma since the plan",
        "Someone changed in Alma what this update would change. The record was not updated.",
        "Run `importer plan` (or `importer undo`) again and review the difference.",
    ),
    Code.NOT_DELETED: Kind(
        Severity.REVIEW,
        "In use, not deleted",
        "A user that the run created has loans, requests or fees now, or Alma gave no answer.",
        "Close them in Alma and run `importer undo` again, or keep the user.",
    ),
    Code.NOT_UNDONE: Kind(
        Severity.WARNING,
        "Not undone",
        "The undo plan does not restore this value, user or entry.",
        "Read the message, and change the record in Alma by hand if it is wrong.",
    ),
    Code.RESOLVED: Kind(
        Severity.WARNING,
        "Resolved by a person",
        "A person resolved this row with `importer resolve`, in this run or an earlier one.",
        "Nothing to do. You can resolve the row again until it is sent.",
    ),
    Code.KEPT_BY_ALMA: Kind(
        Severity.WARNING,
        "Kept by Alma",
        "Alma saved the record, but kept its own value of a field that someone edited in Alma.",
        "If the roster is right, set `override: true` for the field in the mapping.",
        Repairs.COLUMN,
    ),
    Code.REFUSED_BY_ALMA: Kind(
        Severity.REJECT,
        "Refused by Alma",
        "Alma did not accept the record.",
        "Read Alma's reason and correct the row.",
    ),
}
