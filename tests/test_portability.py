"""The importer runs where there is no POSIX, as on Windows: a search for what would not.

Nothing here runs on Windows. The search knows the calls that do not exist there, and texts that
would be read or written in the encoding of the computer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "importer"

ONLY_POSIX = {
    "add_signal_handler", "remove_signal_handler", "fork", "forkpty", "mkfifo", "getuid", "geteuid",
    "getgid", "getegid", "chown", "fchown", "fchmod", "lchown", "killpg", "getpgid", "setpgid",
    "setsid", "uname", "getloadavg", "statvfs", "sysconf", "preadv", "pwritev", "sched_getaffinity",
    "wait3", "wait4", "WNOHANG", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "SIGKILL", "SIGHUP",
    "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "alarm", "setitimer", "pthread_kill",
    "sigwait", "AF_UNIX", "open_unix_connection", "start_unix_server",
}  # fmt: skip
"""Attributes of the standard library that Windows does not have."""

POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}

ASKS_FIRST = ("os.name", "hasattr(", "getattr(")
"""A function that uses such an attribute finds out beforehand whether it is there."""

TEXT = {"read_text": 1, "write_text": 2, "open": 3}
"""Methods of a path that read or write text, and the position of their encoding."""


def findings(source: str) -> Iterator[str]:
    """Yield the line and name of everything that would fail without POSIX."""
    tree = ast.parse(source)
    guarded = {
        id(inner)
        for node in (ast.walk(tree) if any(name in source for name in ONLY_POSIX) else ())
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(word in ast.unparse(node) for word in ASKS_FIRST)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in ONLY_POSIX and id(node) not in guarded:
                yield f"{node.lineno}: {name}"
            case ast.Import(names=names):
                yield from (f"{node.lineno}: {n.name}" for n in names if n.name in POSIX_MODULES)
            case ast.ImportFrom(module=str(name)) if name in POSIX_MODULES:
                yield f"{node.lineno}: {name}"
            case ast.Call(func=ast.Attribute(attr=name)) if name in TEXT:
                if _has_own_encoding(node, name):
                    yield f"{node.lineno}: {name} without an encoding"
            case _:
                pass


def _has_own_encoding(call: ast.Call, name: str) -> bool:
    """Whether a call reads or writes text in the encoding of the computer."""
    named = {keyword.arg for keyword in call.keywords}
    if "encoding" in named or len(call.args) >= TEXT[name]:
        return False
    if name != "open":
        return True
    mode = call.args[0] if call.args else None
    return isinstance(mode, ast.Constant) and mode.value in {"r", "w", "x", "a"}


def test_nothing_needs_posix() -> None:
    """No call that Windows does not have, unless the function asks for it first."""
    found = {path: list(findings(path.read_text("utf-8"))) for path in PACKAGE.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "loop.add_signal_handler(2, stop)",
        "import fcntl",
        "def f():\n    os.fork()",
        "path.read_text()",
        "path.open('w')",
        "path.write_text(text)",
    ],
)
def test_the_search_finds(source: str) -> None:
    """Each of these would fail, or give other bytes, on Windows."""
    assert list(findings(source))
