"""Sites that fail now and then, or that mean harm: what is of the moment is asked for again, how
often the home page came is told as it was, and no answer ends the scan."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from collectors.ipv6.fetch import Limits
from collectors.ipv6.names import Answer as Answered
from collectors.ipv6.names import Names, NameServers
from collectors.ipv6.scan import ScanOptions, fence_of, scan
from collectors.ipv6.site import SiteLimits, SiteReading, SiteTarget
from tests.real.ipv6.web import NameServer

Answer = Callable[[int, str, int, asyncio.StreamWriter], Awaitable[None]]
"""(IP version, path, how many times it was asked for before, where to write)."""
OPTIONS = ScanOptions(
    "test",
    allowed=("127.0.0.0/8", "::1/128"),
    fetch=Limits(connect_s=1.0, total_s=2.0),
    site=SiteLimits(gap_s=0.01),
)
LINKS = 6
SITES = 16
"""Hosts in ``site.test``."""


class Site:
    """A web server on both loopbacks at one port, and a name server for ``site.test`` and hosts
    in it."""

    def __init__(self, answer: Answer, deaf: int = 0) -> None:
        self.answer = answer
        self.asked: Counter[tuple[int, str]] = Counter()
        self.times: list[float] = []
        self.deaf = deaf
        self.port = 0

    async def __aenter__(self) -> Site:
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        second = socket.create_server(("::1", self.port), family=socket.AF_INET6)
        self._servers = [await asyncio.start_server(self._serve, sock=each)
                         for each in (first, second)]  # fmt: skip
        zone = {(f"s{n}.site.test", kind): [value] for n in range(SITES)
                for kind, value in (("A", "127.0.0.1"), ("AAAA", "::1"))}  # fmt: skip
        zone |= {
            ("site.test", "A"): ["127.0.0.1"], ("site.test", "AAAA"): ["::1"],
            ("site.test", "NS"): ["ns.site.test."], ("ns.site.test", "AAAA"): ["::1"],
            ("site.test", "SOA"): ["ns.site.test. root.site.test. 1 60 60 60 60"],
        }  # fmt: skip
        loop = asyncio.get_running_loop()
        self._names = []
        self.dns_port = 0
        for host in ("127.0.0.1", "::1"):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: Deaf(zone, self.deaf), local_addr=(host, self.dns_port)
            )
            self.dns_port = transport.get_extra_info("sockname")[1]
            self._names.append(transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in (*self._servers, *self._names):
            each.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            version = 6 if ":" in writer.get_extra_info("sockname")[0] else 4
            before = self.asked[version, path]
            self.times.append(time.monotonic())
            self.asked[version, path] += 1
            await self.answer(version, path, before, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the scanner left, or the test is over
        finally:
            writer.close()

    async def read(
        self, *paths: str, options: ScanOptions = OPTIONS, apart: bool = False
    ) -> dict[str, SiteReading]:
        """Readings by path, of one scan; of one host, or each of a host of its own."""
        options = replace(options, servers=(f"127.0.0.1#{self.dns_port}",))
        targets = [
            SiteTarget(path, f"http://{f's{n}.' if apart else ''}site.test:{self.port}{path}")
            for n, path in enumerate(paths)
        ]
        found = scan(targets, options, lambda: datetime.now(UTC))
        return {reading.code: reading async for reading in found}


class Deaf(NameServer):
    """Does not hear the first questions of each kind."""

    def __init__(self, zone: dict[tuple[str, str], list[str]], deaf: int) -> None:
        super().__init__(zone)
        self.deaf = deaf
        self.heard: Counter[bytes] = Counter()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = data[12:40]
        self.heard[question] += 1
        if self.heard[question] > self.deaf:
            super().datagram_received(data, addr)


def page(writer: asyncio.StreamWriter, body: str) -> None:
    wire = body.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(wire)}\r\n\r\n"
    writer.write(head.encode() + wire)


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


HOME = "<p>home</p>" + "".join(f"<a href=/l{n}>x</a>" for n in range(LINKS))


def test_links_that_failed_for_the_moment_count_as_supported() -> None:
    async def answer(version: int, path: str, before: int, writer: asyncio.StreamWriter) -> None:
        if version == 6 and path.startswith("/l") and before == 0:
            if path == "/l0":
                await asyncio.sleep(5)  # longer than a fetch waits
            reset(writer)
        else:
            page(writer, HOME if path == "/" else "<p>inner</p>")

    async def work() -> SiteReading:
        async with Site(answer) as site:
            return (await site.read("/"))["/"]

    reading = asyncio.run(work())
    assert reading.success_rate == 1.0
    assert reading.links_second is not None
    assert (reading.links_second["total"], reading.links_second["rate"]) == (LINKS, 1.0)
    assert (reading.tries["again"], reading.tries["again_good"]) == (LINKS, LINKS)


def test_a_home_page_that_fails_now_and_then_is_told_as_it_was() -> None:
    async def answer(version: int, path: str, before: int, writer: asyncio.StreamWriter) -> None:
        if version == 6 and path == "/" and before in (1, 3):
            reset(writer)
        else:
            page(writer, HOME)

    async def work() -> tuple[SiteReading, int]:
        async with Site(answer) as site:
            return (await site.read("/"))["/"], site.asked[6, "/"]

    reading, asked = asyncio.run(work())
    assert reading.success_rate == 0.6
    assert (reading.tries["home_v6"], reading.tries["home_v6_good"], asked) == (5, 3, 5)


def test_links_that_never_answer_are_given_up_and_cost_few_tries() -> None:
    async def answer(version: int, path: str, before: int, writer: asyncio.StreamWriter) -> None:
        if version == 6 and path.startswith("/l"):
            reset(writer)
        else:
            page(writer, HOME)

    async def work() -> tuple[SiteReading, int]:
        async with Site(answer) as site:
            few = replace(OPTIONS, site=replace(OPTIONS.site, again=4))
            reading = (await site.read("/", options=few))["/"]
            return reading, sum(n for (version, path), n in site.asked.items()
                                if version == 6 and path.startswith("/l"))  # fmt: skip

    reading, asked = asyncio.run(work())
    assert reading.links_second is not None
    assert (reading.links_second["rate"], reading.tries["again"]) == (0.0, 4)
    assert asked == LINKS + 4


def test_sites_of_one_host_keep_its_pace_together() -> None:
    async def answer(version: int, path: str, before: int, writer: asyncio.StreamWriter) -> None:
        page(writer, "<p>home</p>")

    async def work() -> tuple[dict[str, SiteReading], list[float]]:
        async with Site(answer) as site:
            slow = replace(OPTIONS, site=replace(OPTIONS.site, gap_s=0.05))
            return await site.read("/a", "/b", "/c", options=slow), site.times

    found, times = asyncio.run(work())
    assert [each.success_rate for each in found.values()] == [1.0] * 3
    assert len(times) == 3 * 8, "twice over IPv4, five times over IPv6, robots.txt"
    assert times[-1] - times[0] >= 0.05 * (len(times) - 1) - 0.02


def test_a_question_that_got_lost_is_asked_again() -> None:
    async def answer(version: int, path: str, before: int, writer: asyncio.StreamWriter) -> None:
        page(writer, HOME)

    async def work() -> tuple[Answered, NameServers]:
        async with Site(answer, deaf=1) as site:
            names = Names((f"127.0.0.1#{site.dns_port}",), seconds=0.3)
            found = await names.look_up("site.test", 6)
            return found, await names.name_servers("site.test", fence_of(OPTIONS.allowed))

    found, servers = asyncio.run(work())
    assert found.addresses == ("::1",)
    assert found.seconds > 0.3, "the time it took is told"
    assert servers.reachable == ("ns.site.test",)


async def harm(version: int, path: str, before: int, writer: asyncio.StreamWriter) -> None:
    """Answers that a scanner may stumble over, by path."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    bodies: dict[str, bytes] = {
        "/location": b"HTTP/1.1 302 X\r\nLocation: http://[broken/\r\n\r\n",
        "/port": b"HTTP/1.1 302 X\r\nLocation: http://site.test:99999/\r\n\r\n",
        "/name": b"HTTP/1.1 302 X\r\nLocation: http://a..b/\r\n\r\n",
        "/long-name": b"HTTP/1.1 302 X\r\nLocation: http://" + b"a" * 300 + b".test/\r\n\r\n",
        "/loopback": b"HTTP/1.1 302 X\r\nLocation: http://169.254.169.254/\r\n\r\n",
        "/file": b"HTTP/1.1 302 X\r\nLocation: file:///etc/passwd\r\n\r\n",
        "/garbage": b"\x00\xff" * 500,
        "/short": ok + b"Content-Length: 1000\r\n\r\n<p>cut",
        "/links": ok + b"\r\n<base href='http://[x'><a href='http://[y'>y</a><a href='//'>z</a>"
        b"<a href='http://site.test:70000/'>p</a><a href='http://xn--a.site.test/'>i</a>",
        "/robots.txt": ok + b"\r\n" + b"Disallow: /x*y$\n" * 12_000,
    }
    if path == "/headers":
        writer.write(ok)
        for _ in range(20_000):
            writer.write(b"X-More: " + b"y" * 100 + b"\r\n")
            await writer.drain()
    elif path == "/hints":
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
    elif path == "/drip":
        writer.write(ok + b"\r\n")
        for _ in range(100):
            writer.write(b"<")
            await writer.drain()
            await asyncio.sleep(0.1)
    else:
        writer.write(bodies.get(path, ok + b"\r\n" + b"<a " * 300_000))


def test_no_answer_ends_the_scan_and_none_leads_it_elsewhere() -> None:
    paths = ("/location", "/port", "/name", "/long-name", "/loopback", "/file", "/garbage",
             "/short", "/links", "/headers", "/hints", "/drip", "/unclosed")  # fmt: skip

    async def work() -> dict[str, SiteReading]:
        async with Site(harm) as site:
            quick = replace(OPTIONS, site=replace(OPTIONS.site, tries=1, again=2))
            return await site.read(*paths, options=quick, apart=True)

    found = asyncio.run(asyncio.wait_for(work(), 90))
    assert set(found) == set(paths)
    errors: dict[str, Any] = {path: found[path].home_error_v6 for path in paths}
    assert errors["/loopback"] in ("address", "none"), "no address of the host it stands on"
    assert errors["/file"] == errors["/location"] == errors["/port"] == "scheme"
    assert errors["/garbage"] == errors["/short"] == errors["/headers"] == "protocol"
    assert errors["/name"] == errors["/long-name"] == "dns"
    assert errors["/hints"] == errors["/drip"] == "timeout"
    assert (errors["/links"], errors["/unclosed"]) == ("", "")
    assert not [note for each in found.values() for note in each.notes if "broke off" in note]
