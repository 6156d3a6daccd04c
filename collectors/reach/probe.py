"""One round: every target is asked some times, spread evenly, and what came back is counted.

One thread, one selector, one echo socket a version. Polite: at most MOST_PER_S probes a second and
MOST_CONNECTS connections at once; a probe that could not be sent for want of room is not a loss.
"""

from __future__ import annotations

import errno
import ipaddress
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collectors.reach.echo import open_echo, parse_reply, request
from collectors.records import Reading

MOST_TARGETS = 20_000
MOST_PER_S = 1_000
MOST_CONNECTS = 256
TABLE = "reach"
TCP_PORT = 80
"""Connected to where echo requests are not allowed and the target names no port."""
SEQUENCES = 1 << 16
THERE = (0, errno.ECONNREFUSED)
"""A refused connect is an answer of the host."""


class Target(NamedTuple):
    """What to ask. ``tcp_port`` 0: by echo request where that is allowed."""

    key: str
    address: str
    tcp_port: int = 0


class Result(NamedTuple):
    """What came of one target's probes; round trips in ms, 0 where none came back."""

    sent: int
    received: int
    mean_ms: float
    longest_ms: float
    by_tcp: bool


class _Asked(NamedTuple):
    place: int
    at: float
    address: str


class Round:
    """Asks ``targets`` ``probes`` times each within ``spread_s``; ``run`` blocks until it is done.

    ``stopped`` is looked at a few times a second and ends a round early.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        probes: int = 3,
        spread_s: float = 45.0,
        timeout_s: float = 1.0,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._targets = list(targets[:MOST_TARGETS])
        self._addresses = [ipaddress.ip_address(each.address) for each in self._targets]
        self._probes, self._spread, self._timeout = probes, spread_s, timeout_s
        self._stopped = stopped
        self._sent = [0] * len(self._targets)
        self._trips: list[list[float]] = [[] for _ in self._targets]
        self._tcp = [False] * len(self._targets)
        self._selector = selectors.DefaultSelector()
        self._echo: dict[int, socket.socket] = {}
        self._waiting: dict[tuple[int, int], _Asked] = {}
        """(family, sequence) of echo requests under way, oldest first."""
        self._connecting: dict[socket.socket, _Asked] = {}
        self._sequence = 0

    def run(self) -> dict[str, Result]:
        """Results by key; targets that were never asked (stopped early) are left out."""
        self._open()
        try:
            self._ask_all()
        finally:
            for each in (*self._echo.values(), *self._connecting):
                each.close()
            self._selector.close()
        return {
            target.key: _result(self._sent[place], self._trips[place], self._tcp[place])
            for place, target in enumerate(self._targets)
            if self._sent[place]
        }

    def _open(self) -> None:
        for family in sorted({_family(address) for address in self._addresses}):
            made = open_echo(family)
            if made is not None:
                self._echo[family] = made
                self._selector.register(made, selectors.EVENT_READ, family)

    def _ask_all(self) -> None:
        total = len(self._targets) * self._probes
        if not total:
            return
        gap = max(self._spread / total, 1 / MOST_PER_S)
        begun = time.monotonic()
        done = 0
        while not self._stopped():
            now = time.monotonic()
            due = min(total, int((now - begun) / gap) + 1)
            while done < due and len(self._connecting) < MOST_CONNECTS:
                self._ask(done % len(self._targets), time.monotonic())
                done += 1
            self._forget(now)
            if done == total and not self._waiting and not self._connecting:
                return
            wait = 0.05 if done == total else max(0.0, begun + done * gap - now)
            for key, _ in self._selector.select(min(wait, 0.05)):
                self._hear(key)

    def _ask(self, place: int, now: float) -> None:
        target, family = self._targets[place], _family(self._addresses[place])
        if not target.tcp_port and family in self._echo:
            self._send_echo(place, family, now)
        else:
            self._connect(place, family, target.tcp_port or TCP_PORT, now)

    def _send_echo(self, place: int, family: int, now: float) -> None:
        self._sequence = (self._sequence + 1) % SEQUENCES
        address = str(self._addresses[place])
        try:
            self._echo[family].sendto(request(family, self._sequence), (address, 0))
        except BlockingIOError:
            return  # no room in this moment: not asked, so not lost
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return
            self._sent[place] += 1  # no route: asked and not reached
            return
        self._sent[place] += 1
        self._waiting[family, self._sequence] = _Asked(place, now, address)

    def _connect(self, place: int, family: int, port: int, now: float) -> None:
        self._tcp[place] = True
        try:
            made = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            return  # out of handles: not asked
        made.setblocking(False)
        self._sent[place] += 1
        address = str(self._addresses[place])
        code = made.connect_ex((address, port))
        if code in THERE:
            self._trips[place].append((time.monotonic() - now) * 1000)
            made.close()
        elif code == errno.EINPROGRESS:
            self._connecting[made] = _Asked(place, now, address)
            self._selector.register(made, selectors.EVENT_WRITE, None)
        else:
            made.close()

    def _hear(self, key: selectors.SelectorKey) -> None:
        here = key.fileobj
        assert isinstance(here, socket.socket)  # noqa: S101 - only sockets are registered
        if key.data is None:
            asked = self._connecting.pop(here)
            self._selector.unregister(here)
            if here.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in THERE:
                self._trips[asked.place].append((time.monotonic() - asked.at) * 1000)
            here.close()
            return
        while True:
            try:
                packet, source = here.recvfrom(2_048)
            except OSError:  # nothing more, or an error that the network reported
                return
            reply = parse_reply(key.data, packet, source[0])
            asked_now = self._waiting.get((key.data, reply.sequence)) if reply else None
            if reply is None or asked_now is None or asked_now.address != reply.address:
                continue
            del self._waiting[key.data, reply.sequence]
            self._trips[asked_now.place].append((time.monotonic() - asked_now.at) * 1000)

    def _forget(self, now: float) -> None:
        """What was not answered in time is lost; the oldest stand first."""
        for key, asked in list(self._waiting.items()):
            if now - asked.at < self._timeout:
                break
            del self._waiting[key]
        for made, asked in list(self._connecting.items()):
            if now - asked.at < self._timeout:
                break
            del self._connecting[made]
            self._selector.unregister(made)
            made.close()


def _family(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _result(sent: int, trips: list[float], by_tcp: bool) -> Result:
    received = min(len(trips), sent)
    mean = sum(trips) / len(trips) if trips else 0.0
    return Result(sent, received, mean, max(trips, default=0.0), by_tcp)


def parse_targets(told: object) -> list[Target]:
    """Targets of an assignment, ``[key, address, tcp port]`` each; what is none is left out."""
    found = []
    for each in told if isinstance(told, list) else ():
        if not isinstance(each, list) or len(each) != 3:
            continue
        key, address, port = each
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        if isinstance(key, str) and 0 < len(key) <= 64 and isinstance(port, int):
            found.append(Target(key, address, port if 0 < port < SEQUENCES else 0))
    return found[:MOST_TARGETS]


def readings(results: dict[str, Result], time_ms: int, interval_s: float) -> list[Reading]:
    """Results as rows of the table ``reach``; no round trip where nothing came back."""
    found = []
    for key, each in results.items():
        values = {
            "reachable_pct": 100.0 if each.received else 0.0,
            "probe_loss_pct": 100.0 * (1 - each.received / each.sent),
            "probes_sent": float(each.sent),
            "probe_by_tcp": float(each.by_tcp),
        }
        if each.received:
            values["probe_rtt_ms"] = each.mean_ms
            values["probe_rtt_max_ms"] = each.longest_ms
        found.append(Reading(TABLE, key, time_ms, interval_s, values))
    return found
