"""Local file systems: who is mounted from /proc/self/mountinfo, how full from statvfs.

Only what stores this host's data counts: a block device (or ZFS, or a container's overlay root),
no image mounted read-only, no loop device (its file lies on a counted one), no network file system
(it is another machine's, and a dead server would hang statvfs). A device counts once, however
often it is mounted.
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from collectors.host.contract import NothingToCollect, Values
from collectors.host.files import read_bytes
from collectors.rates import put, share

IMAGES = frozenset(("squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"))
ESCAPED = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo; ``device`` is what it is de-duplicated by."""

    device: str
    point: str
    kind: str
    source: str


class Usage(NamedTuple):
    """statvfs in bytes and inodes. ``available`` is what an ordinary user may still write."""

    used: int
    total: int
    available: int
    inodes: int
    inodes_used: int


class Filesystems:
    """The host row sums what is mounted; its inode share is that of the worst file system."""

    name = "filesystems"

    def __init__(self, proc: str, sys: str) -> None:
        self._path = f"{proc}/self/mountinfo"
        self._text = b""
        self._mounts: list[Mount] = []

    def read(self, now: float) -> dict[str, Usage]:
        text = read_bytes(self._path)
        if text != self._text:
            self._text, self._mounts = text, real_mounts(parse_mountinfo(text))
        usages = {}
        for mount in self._mounts:
            usage = read_usage(mount.point)
            if usage is not None:
                usages[mount.point] = usage
        if not usages:
            raise NothingToCollect("no local file system is mounted")
        return usages

    def values(self, before: object, after: dict[str, Usage], seconds: float) -> Values:
        total = Usage._make(map(sum, zip(*after.values(), strict=True)))
        values = usage_values(total)
        worst = [share(each.inodes_used, each.inodes) for each in after.values()]
        put(values, "inodes_used_pct", max((w for w in worst if w is not None), default=None))
        return values

    def parts(self, before: object, after: dict[str, Usage], seconds: float) -> dict[str, Values]:
        return {f"fs:{point}": usage_values(usage) for point, usage in after.items()}


def read_usage(point: str) -> Usage | None:
    """How full the file system at ``point`` is.

    None where it is of no size, was unmounted meanwhile, hidden from this process, or is broken:
    one bad mount must not hide the others.
    """
    try:
        if not stat.S_ISDIR(os.stat(point).st_mode):
            return None  # a container's /etc/hosts is a bind mount of one file
        size = os.statvfs(point)
    except OSError:
        return None
    if size.f_blocks == 0:
        return None
    return Usage(
        (size.f_blocks - size.f_bfree) * size.f_frsize,
        size.f_blocks * size.f_frsize,
        size.f_bavail * size.f_frsize,
        size.f_files,
        size.f_files - size.f_ffree,
    )


def usage_values(usage: Usage) -> Values:
    """The storage columns. The share is df's: of what users may fill, without root's reserve."""
    values: Values = {
        "disk_used_bytes": float(usage.used),
        "disk_total_bytes": float(usage.total),
    }
    put(values, "disk_used_pct", share(usage.used, usage.used + usage.available))
    put(values, "inodes_used_pct", share(usage.inodes_used, usage.inodes))
    return values


def parse_mountinfo(text: bytes) -> list[Mount]:
    """Every mount of proc_pid_mountinfo(5), in order; raises ValueError on a line without " - "."""
    mounts = []
    for line in text.splitlines():
        left, dash, right = line.partition(b" - ")
        ahead, behind = left.split(b" "), right.split(b" ")
        if not dash or len(ahead) < 5 or len(behind) < 2:
            raise ValueError(f"mountinfo has a line {line[:80]!r}")
        words = (ahead[2], unescape(ahead[4]), behind[0], unescape(behind[1]))
        mounts.append(Mount._make(os.fsdecode(word) for word in words))
    return mounts


def unescape(word: bytes) -> bytes:
    r"""Blanks, tabs, newlines and backslashes are written as octal: ``/mnt/a\\040b``."""
    return ESCAPED.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), word)


def real_mounts(mounts: list[Mount]) -> list[Mount]:
    """The mounts that count, one a device: the root, else the shortest mount point."""
    chosen: dict[str, Mount] = {}
    for mount in mounts:
        if not is_real(mount):
            continue
        # ZFS datasets have a device each and share the pool's space; the pool counts once.
        key = mount.source.split("/")[0] if mount.kind == "zfs" else mount.device
        held = chosen.get(key)
        if held is None or len(mount.point) < len(held.point):
            chosen[key] = mount
    return list(chosen.values())


def is_real(mount: Mount) -> bool:
    """Whether this mount is storage of this host (see the top of the file)."""
    if mount.kind == "zfs":
        return True
    if mount.kind == "overlay":
        return mount.point == "/"
    return (
        mount.source.startswith("/dev/")
        and not mount.source.startswith("/dev/loop")
        and mount.kind not in IMAGES
        and not mount.kind.startswith("fuse.")
        and mount.kind not in ("fuse", "devtmpfs", "tmpfs", "nfs", "nfs4", "cifs")
    )
