"""Whether a folder is on a network share, where locks may have no effect."""

from __future__ import annotations

import re
from pathlib import Path, PurePath, PureWindowsPath

_SHARED = re.compile(
    r"(fuse\.)?(nfs\d?|cifs|smb\d?|smbfs|smb-?share|sshfs|9p|afs|ncpfs|davfs2?|webdav|afpfs|ceph|"
    r"glusterfs|lustre|gpfs|beegfs|pvfs2|orangefs|virtiofs|vboxsf|prl_fs|vmhgfs(-fuse)?|rclone|"
    r"s3fs|gvfsd-fuse)"
)
"""Types of file systems that are on another computer, or shared with one."""

MOUNTS = Path("/proc/self/mounts")


def network_share(folder: PurePath, mounts: str) -> str:
    """Return the type of the network share that an absolute folder is on; blank for a local disk.

    `mounts` is the text of MOUNTS: a line for each mounted file system, the innermost counts.
    """
    if isinstance(folder, PureWindowsPath):
        return "UNC" if folder.drive.startswith("\\\\") else ""
    kinds = {}
    for line in mounts.splitlines():
        _, place, kind, *_ = (*line.split(" "), "", "", "")
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place)
        kinds[PurePath(place)] = kind  # a later line is mounted over an earlier one
    kind = next((kinds[one] for one in (folder, *folder.parents) if one in kinds), "")
    return kind if _SHARED.fullmatch(kind) else ""


def mounted_share(folder: Path) -> str:
    """Return the type of the network share that a folder of this computer is on, or blank."""
    try:
        mounts = MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        mounts = ""
    return network_share(folder.resolve(), mounts)
