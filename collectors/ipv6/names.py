"""Names and addresses: who answers for a name, and whether an address may be visited."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAME_SERVERS = 8
"""Name servers of a zone that are looked at."""
TRIES = 3
"""Questions to a name server before it counts as silent: datagrams get lost."""
FAILED_S = 15.0
"""How long a look-up without an answer stands before it is tried again."""
MOST_NAMES = 20_000
"""Names remembered."""


@dataclass(frozen=True)
class Answer:
    """What a look-up gave. ``error`` is "" (found), "none" (no such record or name), or the
    failure; ``seconds`` is the time to the answer."""

    addresses: tuple[str, ...]
    error: str
    seconds: float


@dataclass(frozen=True)
class NameServers:
    """The zone's authoritative servers: how many, with an AAAA, and answering over IPv6."""

    zone: str
    names: tuple[str, ...]
    with_address: tuple[str, ...]
    reachable: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True)
class Fence:
    """Which addresses may be visited: global ones, and those of ``allowed`` networks (the
    extranet's own). Keeps a hostile page from leading the scanner to loopback or a neighbour."""

    allowed: tuple[Network, ...] = ()

    def admits(self, text: str) -> bool:
        """False also for what is no address."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        inner = getattr(address, "ipv4_mapped", None) or address
        if any(inner.version == net.version and inner in net for net in self.allowed):
            return True
        return inner.is_global and not inner.is_multicast

    def usable(self, text: str) -> bool:
        """Whether an AAAA is an address that a visitor can use: IPv6, not a mapped IPv4 one."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return (
            isinstance(address, ipaddress.IPv6Address)
            and address.ipv4_mapped is None
            and self.admits(text)
        )


class Names:
    """Look-ups through the given name servers (``ADDRESS`` or ``ADDRESS#PORT``), else the system's.
    Addresses of a name are asked for once; after a failure, again some time later. ``seconds`` is
    how long one question waits for its answer."""

    def __init__(self, servers: Sequence[str] = (), seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._known: dict[tuple[str, int], asyncio.Future[Answer]] = {}
        self._failed: dict[tuple[str, int], float] = {}
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        self._resolver.timeout = seconds
        self._resolver.lifetime = seconds * TRIES + 1
        self.port = 53
        if servers:
            parts = [server.partition("#") for server in servers]
            self.port = int(parts[0][2] or 53)
            self._resolver.port = self.port  # before the servers, which take it over
            self._resolver.nameservers = [address for address, _, _ in parts]

    async def look_up(self, host: str, version: int) -> Answer:
        """Addresses of ``host`` in IP version 4 or 6; a literal is its own answer."""
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            own = literal.version == version
            return Answer((host,) if own else (), "" if own else "none", 0.0)
        key = (host.lower().rstrip("."), version)
        known = self._known.get(key)
        if known is None or self._failed.get(key, float("inf")) < time.monotonic() - FAILED_S:
            self._failed.pop(key, None)
            self._forget()
            known = self._known[key] = asyncio.ensure_future(self._ask(key[0], version))
        answer = await asyncio.shield(known)
        if answer.error not in ("", "none"):
            self._failed.setdefault(key, time.monotonic())
        return answer

    def _forget(self) -> None:
        """The names asked for longest ago, where there are too many."""
        while len(self._known) >= MOST_NAMES:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._failed.pop(oldest, None)

    async def _ask(self, host: str, version: int) -> Answer:
        began = time.monotonic()
        try:
            found = await self._resolver.resolve(host, "AAAA" if version == 6 else "A")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Answer((), "none", time.monotonic() - began)
        except dns.exception.Timeout:
            return Answer((), "timeout", time.monotonic() - began)
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            return Answer((), type(error).__name__, time.monotonic() - began)
        seconds = time.monotonic() - began
        return Answer(tuple(sorted(str(each) for each in found))[:16], "", seconds)

    async def name_servers(self, host: str, fence: Fence) -> NameServers:
        """The zone that ``host`` lies in and its servers, each asked over IPv6 for the zone."""
        try:
            zone = dns.name.from_text(host)
        except dns.exception.DNSException as error:
            return NameServers(host, (), (), (), type(error).__name__)
        while True:
            try:
                found = await self._resolver.resolve(zone, "NS")
                break
            except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
                if len(zone.labels) <= 2:
                    return NameServers(host, (), (), (), "no zone found")
                zone = zone.parent()
            except (dns.exception.DNSException, OSError) as error:
                return NameServers(host, (), (), (), type(error).__name__)
        names = sorted(str(each.target).rstrip(".").lower() for each in found)[:NAME_SERVERS]
        answers = await asyncio.gather(*(self.look_up(name, 6) for name in names))
        usable = {
            name: [each for each in answer.addresses if fence.usable(each)]
            for name, answer in zip(names, answers, strict=True)
        }
        having = [name for name in names if usable[name]]
        reached = await asyncio.gather(*(self._serves(zone, usable[name]) for name in having))
        return NameServers(
            str(zone).rstrip("."),
            tuple(names),
            tuple(having),
            tuple(name for name, good in zip(having, reached, strict=True) if good),
        )

    async def _serves(self, zone: dns.name.Name, addresses: Sequence[str]) -> bool:
        """Whether each of the addresses answers for the zone with authority."""
        for address in addresses:
            answer = await self._soa(zone, address)
            if answer is None or answer.rcode() != 0 or not answer.flags & dns.flags.AA:
                return False
        return True

    async def _soa(self, zone: dns.name.Name, address: str) -> dns.message.Message | None:
        """The address's answer about the zone; None where it stays silent."""
        question = dns.message.make_query(zone, dns.rdatatype.SOA)
        for _ in range(TRIES):
            try:
                return await dns.asyncquery.udp(
                    question, address, timeout=self._seconds, port=self.port
                )
            except dns.exception.Timeout:
                continue
            except (dns.exception.DNSException, OSError):
                return None
        return None
