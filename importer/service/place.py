"""Who asks, when, and the files of the current folder; imported for every `--help`."""

from __future__ import annotations

import getpass
import socket
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

PACKAGE = "alma-roster-importer"
"""The name of this program's distribution."""

USERS = Path("users")
"""The folder of the user caches, one file for each institution's Alma."""

FACTS = Path("facts.json")
"""What `importer doctor --probe` measured of a sandbox environment."""

REPLIES = Path("facts-replies.jsonl")
"""Alma's replies to the last probe, without patron data."""

FIRST_CONTACT = Path("first-contact.json")
"""What `importer doctor --first-contact` read of Alma."""

CODES = Path("codes.json")
"""The file of saved code tables, unless another file is named."""

TASK = "IMPORTER_TASK"
"""The variable with the name that the local page gave a command; a request to stop names it."""

PROGRESS = "IMPORTER_PROGRESS"
"""The variable with the file in which such a command keeps its `Advanced`."""


class Advanced(NamedTuple):
    """How far a command is: how many are done, of how many (0: not known), and how fast."""

    done: int
    of: int
    pace: str


def now() -> datetime:
    """Return the time in the time zone of this computer."""
    return datetime.now(UTC).astimezone()


def version() -> str:
    """Return the version of this program."""
    return metadata.version(PACKAGE)


def operator() -> str:
    """Return who asks, on which computer: `ana@desk`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return f"{name}@{socket.gethostname()}"
