"""The catalogue of Alma's error codes and messages (contract 2.4)."""

from __future__ import annotations

from enum import Enum


class RefusalError(Exception):
    """A refused call: Alma's error code, its message and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Store the three parts."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Refusal(Enum):
    """Alma's error codes and messages, and the HTTP status where it is not 400."""

    UNREADABLE = ("401676", "No valid XML was given.")
    MISSING = ("401664", "Mandatory field is missing: {field}")
    TAKEN = ("401851", "User with identifier {value} of type {kind} already exists.")
    SAME_IDENTIFIER = (
        "4018994",
        "Request cannot contain two identifiers with the same value "
        "(types are: {kind}, {other}, value is {value}).",
    )
    ILLEGAL_GROUP = ("401852", "Given user group is not legal.")
    EXTERNAL_ID_GIVEN = ("401853", "External Id must be empty for internal user.")
    EXTERNAL_ID_MISSING = ("401854", "External Id must be given for external user.")
    UNSUPPORTED_ACCOUNT = (
        "401855",
        "The account type 'Internal with external authentication' is currently not supported.",
    )
    ILLEGAL_ACCOUNT = (
        "401857",
        "The given user account type is illegal (must be INTERNAL/EXTERNAL).",
    )
    EXTERNAL_ID_FIXED = (
        "401858",
        "The external id in DB does not fit the given value in xml - external id cannot be "
        "updated.",
    )
    UNSUPPORTED_ACTION = ("401859", "Action currently not supported.")
    UNSUPPORTED_TYPE = (
        "401863",
        "Given {kind} type ({code}) is not supported for given user record type ({record_type}).",
    )
    INVALID_TYPE = ("401864", "Given {kind} type ({code}) is invalid.")
    INVALID_VALUE = ("40166404", "Given field {field} has invalid value {value}, see its codes.")
    WEAK_PASSWORD = (
        "500038",
        "New password must be at least 8 characters long and must not include the user-name or any "
        "commonly used password.",
    )
    NOT_FOUND = ("401861", "User with identifier {value} was not found.")
    NOT_FOUND_BY_TYPE = ("401890", "User with identifier {value} of type {kind} was not found.")
    NOT_FOUND_BY_SOURCE = ("4019990", "User with source identifier {value} was not found.")
    NOT_FOUND_BY_LINK = ("4019998", "User with linking ID {value} was not found.")
    UNDELETABLE = ("401850", "Failed to delete user with identifier {value} of type {kind}.")
    UNAUTHENTICATED = ("401866", "User authentication failed")
    GENERAL = ("402119", "General error.")
    NO_TABLE = ("40166411", "Parameter value is invalid: {value}")
    NO_RIGHT = ("UNAUTHORIZED", "API-key not defined or not configured to allow this API.")
    WRONG_KEY = ("INVALID_REQUEST", "Invalid API Key", 403)
    PER_SECOND = (
        "PER_SECOND_THRESHOLD",
        "HTTP requests are more than allowed per second.",
        429,
    )
    DAILY = ("DAILY_THRESHOLD", "Daily API Request Threshold has been reached.", 429)
    NO_ROUTE = ("ROUTING_ERROR", "There is no such API here.", 404)
    TOO_LARGE = ("REQUEST_TOO_LARGE", "The request is too large.", 413)
    BROKEN = ("GENERAL_ERROR", "General Error: an error has occurred.", 500)
    DOWN = ("GENERAL_ERROR", "The service is temporarily not available.", 503)
    # Messages of the SIS job, which has no codes.
    SIS_INTERNAL = ("", "The matched user is internal and is not touched.")
    SIS_UNMATCHABLE = ("", "The match identifier {kind} is missing.")
    SIS_TAKEN = (
        "",
        "Identifier of type {kind} and value {value} is already taken AcrossInstitution in this "
        "feed",
    )

    def error(self, **words: str) -> RefusalError:
        """Return the exception to raise, with the words filled into the message."""
        code, message, *status = self.value
        return RefusalError(code, message.format(**words), *status)
