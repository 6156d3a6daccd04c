"""TCP of both IP versions: connections, listeners, TIME_WAIT, retransmitted segments.

Established is the MIB's tcpCurrEstab (RFC 4022): ESTABLISHED and CLOSE_WAIT. It is one number the
kernel keeps, whereas counting sockets costs a walk over all of them on every collection.
"""

from __future__ import annotations

from typing import NamedTuple

from collectors.host.contract import Values
from collectors.host.files import parse_headed, read_bytes
from collectors.host.netlink import read_listeners
from collectors.rates import put, rate

LISTEN = b"0A"
"""The state column of /proc/net/tcp."""


class Snapshot(NamedTuple):
    """Sockets now, and segments sent again since boot (None: the kernel does not say)."""

    established: int
    listening: int
    time_wait: int | None
    retransmitted: int


class Tcp:
    """Of the network namespace this process is in."""

    name = "tcp"

    def __init__(self, proc: str, sys: str) -> None:
        self._net = f"{proc}/self/net"
        # Another root than the kernel's own (a test's tree) has no netlink to ask.
        self._netlink = proc == "/proc"

    def read(self, now: float) -> Snapshot:
        established, retransmitted = parse_tcp(read_bytes(f"{self._net}/snmp"))
        time_wait = parse_time_wait(read_bytes(f"{self._net}/sockstat"))
        return Snapshot(established, self._read_listening(), time_wait, retransmitted)

    def values(self, before: Snapshot | None, after: Snapshot, seconds: float) -> Values:
        values: Values = {
            "tcp_established": float(after.established),
            "tcp_listen": float(after.listening),
        }
        if after.time_wait is not None:
            values["tcp_time_wait"] = float(after.time_wait)
        if before is not None:
            put(values, "tcp_retrans_s", rate(before.retransmitted, after.retransmitted, seconds))
        return values

    def _read_listening(self) -> int:
        if self._netlink:
            try:
                return read_listeners()
            except OSError:
                # A sandbox without AF_NETLINK, or a kernel without inet_diag: it stays so.
                self._netlink = False
        found = count_listening(read_bytes(f"{self._net}/tcp"))
        try:
            return found + count_listening(read_bytes(f"{self._net}/tcp6"))
        except FileNotFoundError:
            return found


def parse_tcp(text: bytes) -> tuple[int, int]:
    """CurrEstab and RetransSegs of /proc/net/snmp; raises ValueError where they are missing."""
    group = parse_headed(text, b"Tcp:")
    try:
        return group[b"CurrEstab"], group[b"RetransSegs"]
    except KeyError:
        raise ValueError("/proc/net/snmp has no Tcp CurrEstab and RetransSegs") from None


def parse_time_wait(text: bytes) -> int | None:
    """``tw`` of the line ``TCP: inuse 1 orphan 0 tw 0 …`` of sockstat, both IP versions."""
    for line in text.splitlines():
        if line.startswith(b"TCP:"):
            words = line.split()
            return int(words[words.index(b"tw") + 1]) if b"tw" in words else None
    return None


def count_listening(text: bytes) -> int:
    """The sockets in LISTEN of /proc/net/tcp or tcp6."""
    return sum(line.split(None, 4)[3:4] == [LISTEN] for line in text.splitlines()[1:])
