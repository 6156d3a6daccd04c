"""Names one process for ever, so that what it held can be taken over once it is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def identity() -> str:
    """host, boot, pid namespace, pid, and when the process began: names one process for ever."""
    return "/".join((*_here(), str(os.getpid()), _began(os.getpid())))


def is_gone(holder: str) -> bool:
    """Whether the holder was a process of this very machine that is no more (kill -9)."""
    parts = holder.split("/")
    if len(parts) != 5 or tuple(parts[:3]) != _here():
        return False
    return _began(int(parts[3])) != parts[4]


def _here() -> tuple[str, str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return socket.gethostname().replace("/", "-"), boot, space


def _began(pid: int) -> str:
    """Start of the process in clock ticks since boot; "" if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
