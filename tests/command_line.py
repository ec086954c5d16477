"""A command line to type into, in this process."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from importer.cli.app import run


@dataclass(frozen=True)
class Typed:
    """What a command line gave: exit code, stdout, stderr."""

    exit: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The JSON on stdout."""
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded


def typed(*arguments: object) -> Typed:
    """Type a command line in the current folder."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = run([str(argument) for argument in arguments])
    got = Typed(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in got.out + got.err
    return got
