"""Whether a datagram holds together as BER: every length ends where its container does.

gufo-snmp 0.13 panics on some that do not. A panic is caught, but it writes to stderr and costs as
much as a hundred good answers, so a device that sent one bad answer is looked at more closely.
"""

from __future__ import annotations

CONSTRUCTED = 0x20
DEEPEST = 12


def well_formed(data: bytes) -> bool:
    """One element that fills ``data``, its parts likewise; primitive contents are not looked at."""
    return bool(data) and _filled(data, 0, len(data), 0)


def _filled(data: bytes, at: int, end: int, depth: int) -> bool:
    while at < end:
        if end - at < 2 or depth > DEEPEST:
            return False
        tag, size = data[at], data[at + 1]
        at += 2
        if tag & 0x1F == 0x1F:  # tags of several octets do not occur in SNMP
            return False
        if size & 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 3 or at + octets > end:
                return False
            size = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if at + size > end:
            return False
        if tag & CONSTRUCTED and not _filled(data, at, at + size, depth + 1):
            return False
        at += size
    return True
