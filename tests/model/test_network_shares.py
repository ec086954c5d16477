"""A folder on a network share is told from one on a local disk."""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from importer.model.files import mounted_share, network_share

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


def test_this_folder(tmp_path: Path) -> None:
    """Where tests run there is no share, or its type is one that is known."""
    assert mounted_share(tmp_path) in {"", "nfs", "nfs4", "9p", "virtiofs", "cifs", "UNC"}
