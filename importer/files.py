"""Read files that people write within limits, write files whole; hide secrets in texts.

A secret is added where it is read. What Alma, or a device before it, sends is searched after it was
decoded (`alma/responses.py`), and so is what people get to see: messages, emails and chats.

A secret is found as it is, in any case; with some or all characters escaped for JSON, HTML or an
address; in base64 at any place of a longer text, such as a whole header; and in hexadecimal digits.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePath, PureWindowsPath
from typing import IO
from urllib.parse import quote

from importer.errors import FileMissingError, UnreadableFileError, UsageError

RUNS = Path("runs")
"""The folder of the runs in a workspace."""

SHORTEST = 8
"""Characters of a secret below which it is not looked for: the practice Alma's key is a word."""

HIDDEN = "[hidden]"

_secrets: dict[str, re.Pattern[str]] = {}
"""The secrets of this process, each with what finds it."""


def add_secret(secret: str) -> None:
    """Hide this text from now on. A text that is too short to be a secret is left out."""
    if len(secret) >= SHORTEST and secret not in _secrets:
        _secrets[secret] = _pattern(secret)


def hide(text: str) -> str:
    """Return the text without the secrets of this process."""
    for pattern in _secrets.values():
        text = pattern.sub(HIDDEN, text)
    return text


def printable(text: str) -> str:
    """Return the text without characters that steer a terminal, except line breaks."""
    return re.sub(
        r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", " ", text
    )


def repeats(content: bytes, secret: str) -> bool:
    """Whether a large content has this secret: like `hide`, but quick, and without HTML."""
    if len(secret) < SHORTEST:
        return False
    folded = content.lower()
    if b"\\u00" in folded:
        folded = _ESCAPE.sub(lambda escaped: bytes([int(escaped[1], 16)]), folded).lower()
    plain = (secret, quote(secret, safe=""), secret.encode().hex())
    return any(form.lower().encode() in folded for form in plain) or any(
        form.encode() in content for form in _in_base64(secret)
    )


_ESCAPE = re.compile(rb"(?<!\\)\\+u00([2-7][0-9a-f])")


def _pattern(secret: str) -> re.Pattern[str]:
    letters = "".join(map(_letter, secret))
    digits = secret.encode().hex()
    packed = "|".join(map(re.escape, _in_base64(secret)))
    return re.compile(rf"(?i:{letters}|{digits})|{packed}")


@cache
def _letter(letter: str) -> str:
    """Return what finds a character, as it is or escaped; in linear time, so of limited length."""
    forms = {rf"\\{{0,8}}{re.escape(letter)}", re.escape(quote(letter, safe=""))}
    for code in {ord(letter.lower()[0]), ord(letter.upper()[0])}:
        forms |= {
            rf"\\{{1,8}}u{code:04x}",
            rf"&(?:amp;){{0,3}}#(?:0{{0,5}}{code}|x0{{0,5}}{code:x});",
        }
        forms |= {rf"\\{{1,8}}x{code:02x}", rf"%(?:25){{0,3}}{code:02x}"} if code < 128 else set()
    if letter in _NAMED:
        forms.add(rf"&(?:amp;){{0,3}}{_NAMED[letter]};")
    return f"(?:{'|'.join(sorted(forms))})"


_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
"""Characters that HTML writes by name."""


def _in_base64(secret: str) -> set[str]:
    """Return the part of a secret's base64 that its neighbors do not change, at each place."""
    forms = set()
    for before in range(3):
        content = b"\0" * before + secret.encode()
        whole = len(content) * 8 // 6
        text = base64.b64encode(content).decode()[(0, 2, 3)[before] : whole]
        forms |= {text, text.translate(str.maketrans("+/", "-_"))}
    return forms


_SHOWN = 200  # characters of a path that a message quotes


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the content of an ordinary file of at most `limit` bytes.

    Pipes, devices, sockets and folders are refused without being read, and never block. A file
    that grows while it is read is refused as soon as it passes the limit.

    Raises FileMissingError where there is no such file, and UnreadableFileError otherwise.
    """
    with _opened(path) as handle, open(handle, "rb", closefd=False) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        size = f"{limit / 1_000_000:g} MB" if limit >= 1_000_000 else f"{limit // 1000} kB"
        msg = f"{shown(path)} is larger than {size}. Is this the right file?"
        raise UnreadableFileError(msg)
    return content


def read_text_bounded(path: Path, limit: int) -> str:
    """Return a UTF-8 text of at most `limit` bytes, without its mark. Raises as `read_bounded`."""
    try:
        return read_bounded(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError:
        msg = f"{shown(path)} is not plain text (UTF-8). Save it again as UTF-8."
        raise UnreadableFileError(msg) from None


def parse_json(path: Path, text: str) -> object:
    """Return what a JSON text contains. `path` is only for messages.

    Raises UnreadableFileError, with the line where it is known: for wrong syntax, a key that
    appears twice, brackets nested hundreds of levels deep, and characters that no UTF-8 text can
    contain. What a value may be, the caller's model says.
    """
    try:
        content: object = json.loads(text, object_pairs_hook=_unique_keys)
        json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        wrong = (
            f"line {error.lineno}: this is not valid JSON. Check for a missing comma, quotation "
            "mark, or bracket."
        )
    except UnicodeEncodeError:
        wrong = "it contains a broken character (half of a \\u pair). Correct or delete it."
    except RecursionError:
        wrong = "brackets are nested too deep."
    except ValueError as error:  # of `_unique_keys`, and a number of thousands of digits
        wrong = str(error)
    else:
        return content
    msg = f"{shown(path)}: {wrong}"
    raise UnreadableFileError(msg)


def unused(path: Path) -> Path:
    """Return the path, or the same name with the first free number after it."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def is_full(error: Exception) -> bool:
    """Whether a disk has no space left."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that its name always leads to the whole old or the whole new content.

    Raises OSError where the folder cannot be written; an old file is then untouched.
    """
    with temporary_beside(path) as temporary:
        temporary.write_bytes(content)
        flush(temporary, mode)
        replace(temporary, path)


_AGAIN = 20 if os.name == "nt" else 0
"""How often a file is renamed again, each time after a tenth of a second."""


def replace(source: Path, target: Path) -> None:
    """Rename a file, in place of an earlier one of that name. Raises OSError.

    On Windows a virus scanner or OneDrive keeps a new file open for a moment, which prevents it.
    """
    for _ in range(_AGAIN):
        with contextlib.suppress(PermissionError):
            source.replace(target)
            return
        time.sleep(0.1)
    source.replace(target)


def write_new(path: Path, content: bytes) -> None:
    """Write a private file, whole or not at all. Raises FileExistsError if it is there, OSError.

    Without hard links, as on some shares and sticks, a power cut can leave a part of it.
    """
    with temporary_beside(path) as temporary:
        temporary.write_bytes(content)
        flush(temporary)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:
            with path.open("xb") as file:
                file.write(content)
            flush(path)


@contextmanager
def new_file(path: Path, *, private: bool, option: str = "") -> Iterator[IO[bytes]]:
    """Yield a new file that gets its name only if the block ends well.

    What exists is never replaced, nor written to through a link. `private`: for its owner only;
    else as the system makes files. `option`: the one that names the file, for the advice.

    Raises UsageError if something of that name exists, or no file can be written.
    """
    other = f"Name a new file{option and f' with {option}'}."
    try:
        require_new(path, other)
        with temporary_beside(path) as temporary:
            with temporary.open("wb") as file:
                yield file
            flush(temporary, 0o600 if private else _usual_mode())
            replace(temporary, path)
    except OSError as error:
        msg = f"{shown(path)} cannot be written: {error.strerror or error}. {other}"
        raise UsageError(msg) from error


def require_new(path: Path, advice: str) -> None:
    """Raise UsageError, with the advice, if something of this name exists."""
    if os.path.lexists(path):
        msg = f"{shown(path)} already exists. {advice}"
        raise UsageError(msg)


def _usual_mode() -> int:
    """Return the mode that the system gives new files."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Yield an empty private file beside `path`, to write, `flush` and rename. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108  keeps the error of the block


def flush(path: Path, mode: int = 0o600) -> None:
    """Set a file's mode and force its content to the disk. Raises OSError."""
    path.chmod(mode)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def exists(path: Path) -> bool:
    """Return whether there is something of this name; False for what cannot be a name."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def shown(path: Path) -> str:
    """Return a path for a message: printable, and shortened in the middle if very long."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
                   for letter in str(path))  # fmt: skip
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]}"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open an ordinary file for reading; yield its descriptor.

    The kind is checked before the file is opened, as opening a device can do something, and
    again on the open descriptor, as the name may have been given to another file in between.
    """
    try:
        _require_regular(path, path.stat())
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags)
        try:
            _require_regular(path, os.fstat(handle))
            yield handle
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise _explained(path, error) from None


def _require_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        msg = f"{shown(path)} is a folder. Name a file in it."
        raise UnreadableFileError(msg)
    if not stat.S_ISREG(status.st_mode):
        msg = f"{shown(path)} is a pipe or a device. Save the content as a file and name that."
        raise UnreadableFileError(msg)


_WEB = re.compile(r"(https?|ftps?|sftp):[\\/]+(.+)")


def _explained(path: Path, error: OSError | ValueError) -> UnreadableFileError:
    """Turn what the operating system reports into a sentence for a person."""
    name = shown(path)
    if not isinstance(error, OSError):
        return UnreadableFileError(f"{name} is not a file name: it contains a control character.")
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            near = _similar(path)
            hint = f"Did you mean {near}?" if near else "Check the name and the folder."
            if address := _WEB.fullmatch(name):  # a path has no doubled slash
                name = f"{address[1]}://{address[2]}"
                hint = "An address on the web is not read: download the file, and name it."
            return FileMissingError(f"{name} does not exist. {hint}")
        case errno.ENAMETOOLONG:
            return UnreadableFileError(f"{name} is too long for a file name.")
        case errno.EACCES | errno.EPERM:
            close = ", or it is open in another program: close it there" if os.name == "nt" else ""
            msg = f"{name}: you do not have permission to read this file{close}."
            return UnreadableFileError(msg)
        case errno.ELOOP:
            return UnreadableFileError(f"{name} is a link that leads back to itself.")
        case _:
            return UnreadableFileError(f"{name} cannot be read from its disk or network share.")


def _similar(path: Path) -> str:
    """Return the file there with the most similar name, or ""; for a mapping another mapping."""
    from rapidfuzz import fuzz, process  # not read to start a command

    with contextlib.suppress(OSError, ValueError):
        files = sorted(file for file in path.parent.iterdir() if file.is_file())
        there = {f.name: f for f in files if (f.suffix == ".yaml") == (path.suffix == ".yaml")}
        same = [name for name in there if Path(name).stem == path.stem]
        near = process.extractOne(path.name, [*there], scorer=fuzz.ratio, score_cutoff=80)
        for name in same or (near or ())[:1]:
            return shown(there[name])
    return ""


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in pairs:
        if key in values:
            msg = f"the key {key[:_SHOWN]!r} appears twice. Delete one of the two."
            raise ValueError(msg)
        values[key] = value
    return values


# --- network shares, where locks may have no effect ---

_SHARED = re.compile(
    r"(fuse\.)?(nfs\d?|cifs|smb\d?|smbfs|smb-?share|sshfs|9p|afs|ncpfs|davfs2?|webdav|afpfs|ceph|"
    r"glusterfs|lustre|gpfs|beegfs|pvfs2|orangefs|virtiofs|vboxsf|prl_fs|vmhgfs(-fuse)?|rclone|"
    r"s3fs|gvfsd-fuse)"
)
"""Types of file systems that are on another computer, or shared with one."""

MOUNTS = Path("/proc/self/mounts")


def network_share(folder: PurePath, mounts: str) -> str:
    """Return the type of the share that an absolute folder is on, by the text of MOUNTS, or ""."""
    if isinstance(folder, PureWindowsPath):
        return "UNC" if folder.drive.startswith("\\\\") else ""
    kinds = {}
    for line in mounts.splitlines():
        _, place, kind, *_ = (*line.split(" "), "", "", "")
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place)
        kinds[PurePath(place)] = kind  # a later line is mounted over an earlier one
    kind = next((kinds[place] for place in (folder, *folder.parents) if place in kinds), "")
    return kind if _SHARED.fullmatch(kind) else ""


def mounted_share(folder: Path) -> str:
    """Return the type of the network share that a folder of this computer is on, or blank."""
    try:
        mounts = MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        mounts = mounted_on_mac() if sys.platform == "darwin" else ""
    return network_share(folder.resolve(), mounts)


def mounted_on_mac(command: str = "/sbin/mount") -> str:
    """Return what macOS has mounted, as Linux lists it; blank if this is not known."""
    try:
        listed = subprocess.run((command,), capture_output=True, check=False, timeout=10)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = re.findall(r"(?m)^.*? on (/.*) \((\w+)", listed.stdout.decode("utf-8", "replace"))
    return "\n".join("- {} {}".format(place.replace(" ", r"\040"), kind) for place, kind in lines)
