"""What nobody outside Ex Libris knows for certain, each a switch with the contract's best guess.

`SWITCHES` is the list. A switch is set with `--switch NAME=VALUE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from importer.errors import UsageError


@dataclass(frozen=True, slots=True)
class Switch:
    """One uncertain fact: its possible values, the default first, and a sentence."""

    values: tuple[str, ...]
    sentence: str


SWITCHES: dict[str, Switch] = {
    "generate-primary-id": Switch(
        ("on", "off"), "POST without primary_id gets a generated one; off: refused, 401664."
    ),
    "identifier-case": Switch(
        ("insensitive", "sensitive"),
        "Whether additional identifiers that differ in case only are the same (institutions that "
        "began before June 2018: sensitive).",
    ),
    "unsent-segments": Switch(
        ("delete", "keep"),
        "PUT of an External user: what becomes of a list's Internal entries if only External ones "
        "are sent, and the reverse.",
    ),
    "external-id-check": Switch(
        ("off", "on"), "Whether external_id must be the code of a known SIS profile (SIS)."
    ),
    "external-password": Switch(
        ("ignore", "refuse"), "A password for an External user is read over, or refused, 401664."
    ),
    "empty-user-group": Switch(
        ("refuse", "accept"), "A user (not a contact) without user_group is refused, 401852."
    ),
    "external-group": Switch(
        ("sticky", "kept"),
        "PUT of an External user replaces an unedited user_group, or never does without override.",
    ),
    "several-preferred": Switch(
        ("refuse", "first"),
        "Two preferred addresses, e-mails or phones are refused, 40166404, or the first one wins.",
    ),
    "unlisted-codes": Switch(
        ("refuse", "accept"),
        "Codes that are in no table for gender, title, language, country, campus and the like are "
        "refused, 40166404. Types and user groups are always checked.",
    ),
    "mandatory-email": Switch(
        ("off", "on"), "The institution's list of mandatory fields names the e-mail, 401664."
    ),
    "inactive-identifiers": Switch(
        ("resolve", "hide"), "Whether an INACTIVE additional identifier finds its user in GET."
    ),
    "zero-hits": Switch(("absent", "null", "empty"), "What a list without hits has under `user`."),
    "sis-empty-sticky": Switch(
        ("keep", "clear"), "SIS load: an empty sticky field keeps the old value, or deletes it."
    ),
    "sis-unmatched": Switch(
        ("add", "skip"), "SIS synchronise: a record that matches nobody is added, or left out."
    ),
    "error-shape": Switch(
        ("standard", "single", "wrapped", "text-flag", "older", "bare"),
        "The variant of the JSON error envelope.",
    ),
    "environment": Switch(("sandbox", "production"), "What /conf/general says that this Alma is."),
    "default-format": Switch(("xml", "json"), "The format of an answer when Accept names none."),
}


@dataclass(frozen=True, slots=True)
class Switches:
    """The positions of all switches."""

    positions: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The position of one switch."""
        return self.positions[name]


def set_switches(given: Mapping[str, str]) -> Switches:
    """The default positions with the given ones in their place; UsageError names a wrong one."""
    positions = {name: switch.values[0] for name, switch in SWITCHES.items()}
    for name, value in given.items():
        if name not in SWITCHES:
            msg = f"there is no sandbox switch {name!r}; there are {', '.join(sorted(SWITCHES))}"
            raise UsageError(msg)
        if value not in SWITCHES[name].values:
            msg = (
                f"sandbox switch {name}: {value!r} is not one of {', '.join(SWITCHES[name].values)}"
            )
            raise UsageError(msg)
        positions[name] = value
    return Switches(positions)
