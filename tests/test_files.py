"""Files are read within limits and written whole or not at all; shares are told from disks."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from importer import files
from importer.errors import Exit, FileMissingError, UnreadableFileError
from importer.files import (
    flush,
    mounted_on_mac,
    mounted_share,
    network_share,
    parse_json,
    read_bounded,
    read_text_bounded,
    temporary_beside,
    write_atomically,
    write_new,
)

LIMIT = 1000


def test_a_file_up_to_the_limit_is_read(tmp_path: Path) -> None:
    """The limit itself is still allowed; one byte more is not."""
    path = tmp_path / "codes.json"
    path.write_bytes(b"x" * LIMIT)
    assert read_bounded(path, LIMIT) == b"x" * LIMIT
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(UnreadableFileError, match="larger than 1 kB"):
        read_bounded(path, LIMIT)


def test_a_file_that_states_no_size_is_bounded_while_it_is_read() -> None:
    """Files under /proc have size 0 and still have content: the limit counts what is read."""
    path = Path("/proc/cpuinfo")
    if not path.is_file() or not path.read_bytes():
        pytest.skip("This computer has no /proc.")
    with pytest.raises(UnreadableFileError, match="larger"):
        read_bounded(path, 10)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        *((name, "pipe or a device") for name in ("pipe", "link", "socket", "/dev/zero")),
        ("", "is a folder"),
        ("loop", "leads back to itself"),
        ("x" * 300, "too long"),
        ("a\0b", "control character"),
        ("a\ud800b", "control character"),
    ],
)
def test_what_is_no_ordinary_file_is_refused(name: str, sentence: str, tmp_path: Path) -> None:
    """A pipe, device, socket or folder is refused at once, with a sentence."""
    os.mkfifo(tmp_path / "pipe")
    for link, target in (("link", "pipe"), ("loop", "loop")):
        (tmp_path / link).symlink_to(tmp_path / target)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    with pytest.raises(UnreadableFileError, match=sentence) as refused:
        read_bounded(tmp_path / name, LIMIT)
    assert refused.value.exit is Exit.USAGE
    str(refused.value).encode()


@pytest.mark.parametrize(("system", "said"), [("nt", True), ("posix", False)])
def test_on_windows_a_file_may_be_open_elsewhere(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, said: bool
) -> None:
    """There the same error means both; elsewhere an open file can be read."""
    path = tmp_path / "people.csv"
    path.touch()

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "name", system)
    with pytest.raises(UnreadableFileError) as caught:
        read_bounded(path, LIMIT)
    monkeypatch.undo()
    assert ("open in another program" in str(caught.value)) == said


def test_a_missing_file_has_an_error_of_its_own(tmp_path: Path) -> None:
    """Callers give better advice for a missing file than for one that cannot be read."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "missing", tmp_path / "file" / "below"):
        with pytest.raises(FileMissingError, match="does not exist"):
            read_bounded(path, LIMIT)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    """Some editors begin UTF-8 with a mark; other encodings are refused by name."""
    path = tmp_path / "map.yaml"
    path.write_bytes(b"\xef\xbb\xbftitle: \xc3\xa9")
    assert read_text_bounded(path, LIMIT) == "title: \u00e9"
    path.write_bytes(b"title: \xe9")
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        read_text_bounded(path, LIMIT)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1,\n "b" 2}', "line 2"),
        ('{"a": 1, "a": 2}', "appears twice"),
        ("[" * 100_000, "too deep"),
        ("[" * 5000 + "]" * 5000, "too deep"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": "\\ud800"}', "broken character"),
        ('{"\\ud800": 1}', "broken character"),
        ("", "line 1"),
    ],
)
def test_json_that_people_write_is_bounded(text: str, sentence: str) -> None:
    """Depth, digits, repeated keys and half characters get a sentence, never a traceback."""
    with pytest.raises(UnreadableFileError, match=sentence):
        parse_json(Path("codes.json"), text)


def test_a_written_file_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """The new content replaces the old one, with the mode that was asked for."""
    path = tmp_path / "codes.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk the old file is still whole, and no piece of the new one is left."""
    path = tmp_path / "codes.json"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_is_given_again_while_another_program_has_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a virus scanner looks at each new file; after two seconds it fails."""
    path, rename, pauses = tmp_path / "exit", os.replace, list[float]()

    def scanned(source: Path, target: Path) -> None:
        if len(pauses) < busy:
            raise PermissionError(13, "Access is denied", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "replace", scanned)
    monkeypatch.setattr(files, "_AGAIN", 20)
    monkeypatch.setattr(time, "sleep", pauses.append)
    busy = 3
    write_atomically(path, b"0")
    assert (path.read_bytes(), len(pauses)) == (b"0", 3)
    busy = 100
    with pytest.raises(PermissionError):
        write_atomically(path, b"1")
    assert (path.read_bytes(), pauses[0] * len(pauses[3:])) == (b"0", 2)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """Also on a disk that has no hard links, as a stick or a share of a Mac."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "edits.key"
    write_new(path, b"key")
    with pytest.raises(FileExistsError):
        write_new(path, b"other")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"key", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_temporary_file_may_be_moved_away(tmp_path: Path) -> None:
    """Whoever renames the temporary file decides where it goes; an unmoved one is removed."""
    with temporary_beside(tmp_path / "report.html") as temporary:
        temporary.write_text("<p>")
        flush(temporary)
        temporary.replace(tmp_path / "report-2.html")
    with temporary_beside(tmp_path / "report.html") as temporary:
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["report-2.html"]


MOUNTS = r"""
/dev/sda2 / ext4 rw,relatime 0 0
proc /proc proc rw,nosuid 0 0
/dev/sda3 /home ext4 rw 0 0
files:/export/home /home/ana nfs4 rw,vers=4.2 0 0
//files/circ /mnt/circ\040desk cifs rw,vers=3.1.1 0 0
ana@desk:/lists /mnt/lists fuse.sshfs rw 0 0
C:\134 /mnt/c 9p rw,aname=drvfs 0 0
/dev/sdb1 /mnt/lists/local ext4 rw 0 0
/dev/sdc1 /media/stick fuseblk rw 0 0
systemd-1 /auto autofs rw 0 0
files:/auto /auto nfs rw 0 0
files:/old /covered nfs rw 0 0
tmpfs /covered tmpfs rw 0 0
damaged
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        (PurePosixPath("/var/runs/a"), ""),
        (PurePosixPath("/home/flo/runs/a"), ""),
        (PurePosixPath("/home/ana/runs/a"), "nfs4"),
        (PurePosixPath("/home/anabel/runs"), ""),
        (PurePosixPath("/mnt/circ desk/runs"), "cifs"),
        (PurePosixPath("/mnt/lists/runs"), "fuse.sshfs"),
        (PurePosixPath("/mnt/lists/local/runs"), ""),
        (PurePosixPath("/mnt/c/Users/ana/runs"), "9p"),
        (PurePosixPath("/media/stick/runs"), ""),
        (PurePosixPath("/auto"), "nfs"),
        (PurePosixPath("/covered/runs"), ""),
        (PureWindowsPath(r"\\files\circ\runs\a"), "UNC"),
        (PureWindowsPath(r"C:\Users\ana\runs\a"), ""),
    ],
)
def test_the_innermost_mount_counts(folder: PurePath, kind: str) -> None:
    """By whole names of folders, the last one of several mounted at one place."""
    assert network_share(folder, MOUNTS) == kind


def test_shares_of_a_mac_are_known(tmp_path: Path) -> None:
    """As its `mount` lists them; another computer has no such command, or waits for a share."""
    mount = tmp_path / "mount"
    mount.write_text(
        "#!/bin/sh\ncat <<'END'\n"
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "//ana@files/circ%20desk on /Volumes/circ desk (smbfs, nodev, nosuid, mounted by ana)\n"
        "http://files/dav/ on /Volumes/on (it) (webdav, nodev, noexec, nosuid)\nEND\n"
    )
    mount.chmod(0o700)
    mounts = mounted_on_mac(str(mount))
    kinds = ("/Volumes/circ desk/runs", "/Volumes/on (it)/runs", "/Users/ana/runs")
    assert [network_share(PurePosixPath(one), mounts) for one in kinds] == ["smbfs", "webdav", ""]
    assert mounted_on_mac(str(tmp_path / "none")) == ""


def test_this_folder(tmp_path: Path) -> None:
    """Where tests run there is no share, or its type is one that is known."""
    assert mounted_share(tmp_path) in {"", "nfs", "nfs4", "9p", "virtiofs", "cifs", "UNC"}
