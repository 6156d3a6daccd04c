"""One page over one IP version: bounded in time and size, timed step by step.

h11 reads the protocol; sockets are ours, because each step (name, connection, TLS, first byte,
whole) is a figure and the address must be one of the version asked for.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import SplitResult, urljoin, urlsplit

import h11

from collectors.ipv6.names import Fence, Names

AGENT = "Yunxun-IPv6/1 (government cloud readiness check)"
REDIRECTS = 5
BODY_BYTES = 2 << 20
HEADER_BYTES = 64 << 10
READ = 64 << 10


@dataclass(frozen=True)
class Timing:
    """Seconds of each step; None where it was not reached. ``speed`` is bytes/s of the body."""

    dns: float | None = None
    tcp: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    total: float | None = None
    speed: float | None = None


@dataclass(frozen=True)
class Certificate:
    """What the server showed: whether a browser would trust it, and until when it holds."""

    valid: bool
    error: str = ""
    not_after: datetime | None = None


@dataclass(frozen=True)
class Fetched:
    """``error`` is "" or what went wrong: none (no address), dns, address (not allowed), timeout,
    refused, unreachable, tls, protocol, redirects, scheme. ``truncated``: the body was longer than
    is kept."""

    url: str
    version: int
    address: str = ""
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    truncated: bool = False
    error: str = ""
    timing: Timing = Timing()
    certificate: Certificate | None = None
    redirected: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """A page came."""
        return not self.error and 200 <= self.status < 400


@dataclass(frozen=True)
class Limits:
    """Of one fetch."""

    connect_s: float = 5.0
    total_s: float = 15.0
    body_bytes: int = BODY_BYTES


class Fetcher:
    """Fetches over either version; knows which addresses may be visited and whom to trust."""

    def __init__(
        self, names: Names, fence: Fence, limits: Limits = Limits(), ca_file: str = ""
    ) -> None:
        self.names = names
        self.fence = fence
        self.limits = limits
        self._trusting = ssl.create_default_context(cafile=ca_file or None)
        self._open = ssl.create_default_context()
        self._open.check_hostname = False
        self._open.verify_mode = ssl.CERT_NONE

    async def get(self, url: str, version: int, body_bytes: int | None = None) -> Fetched:
        """The page at ``url`` after at most REDIRECTS redirections; never raises for what the other
        side does."""
        limits = replace(self.limits, body_bytes=body_bytes or self.limits.body_bytes)
        passed: list[str] = []
        began = time.monotonic()
        while True:
            left = limits.total_s - (time.monotonic() - began)
            try:
                async with asyncio.timeout(max(left, 0.01)):
                    found, location = await self._once(url, version, limits)
            except TimeoutError:
                return Fetched(url, version, error="timeout", redirected=tuple(passed))
            found = replace(found, redirected=tuple(passed))
            if not location:
                return found
            onward = urljoin(url, location)
            if len(passed) >= REDIRECTS or onward in passed or onward == url:
                return replace(found, error="redirects")
            passed.append(url)
            url = onward

    async def _once(self, url: str, version: int, limits: Limits) -> tuple[Fetched, str]:
        """One exchange; the second part is where it redirects to."""
        try:
            visit = await self._arrive(url, version)
            visit = await self._secured(visit, limits)
        except _StopError as stop:
            return stop.told, ""
        try:
            return await _exchange(visit, limits)
        finally:
            visit.writer.close()

    async def _arrive(self, url: str, version: int) -> _Visit:
        """Connected to an address of that version. Raises _StopError."""
        told = Fetched(url, version)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise _StopError(replace(told, error="scheme")) from None
        if parts.scheme not in ("http", "https") or not host:
            raise _StopError(replace(told, error="scheme"))
        answer = await self.names.look_up(host, version)
        told = replace(told, timing=Timing(dns=answer.seconds))
        if not answer.addresses:
            raise _StopError(replace(told, error="none" if answer.error == "none" else "dns"))
        wanted = [each for each in answer.addresses if self.fence.admits(each)]
        if not wanted:
            raise _StopError(replace(told, error="address"))
        told = replace(told, address=wanted[0])
        return await _connect(told, parts, port or (443 if parts.scheme == "https" else 80),
                              self.limits.connect_s)  # fmt: skip

    async def _secured(self, visit: _Visit, limits: Limits) -> _Visit:
        """With TLS where the address asks for it: first as a browser would; where that fails, once
        more without trust, since the page is looked at all the same. Raises _StopError."""
        if visit.parts.scheme != "https":
            return visit
        problem = ""
        for context in (self._trusting, self._open):
            began = time.monotonic()
            try:
                async with asyncio.timeout(limits.connect_s):
                    await visit.writer.start_tls(
                        context, server_hostname=visit.parts.hostname or ""
                    )
            except ssl.SSLCertVerificationError as error:
                problem = error.verify_message or "not trusted"
                visit.writer.close()
                visit = await _connect(visit.told, visit.parts, visit.port, limits.connect_s)
            except (TimeoutError, OSError) as error:
                visit.writer.close()
                shown = Certificate(False, problem or type(error).__name__)
                raise _StopError(replace(visit.told, error="tls", certificate=shown)) from None
            else:
                shown = Certificate(not problem, problem, _not_after(visit.writer, context))
                timing = replace(visit.told.timing, tls=time.monotonic() - began)
                return replace(visit, told=replace(visit.told, certificate=shown, timing=timing))
        visit.writer.close()
        told = replace(visit.told, error="tls", certificate=Certificate(False, problem))
        raise _StopError(told)


@dataclass(frozen=True)
class _Visit:
    """An open connection, and what is known so far."""

    told: Fetched
    parts: SplitResult
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _StopError(Exception):
    """The visit ends here; ``told`` says how."""

    def __init__(self, told: Fetched) -> None:
        super().__init__(told.error)
        self.told = told


async def _connect(told: Fetched, parts: SplitResult, port: int, seconds: float) -> _Visit:
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(told.address, port)
    except TimeoutError:
        raise _StopError(replace(told, error="timeout")) from None
    except ConnectionRefusedError:
        raise _StopError(replace(told, error="refused")) from None
    except OSError:
        raise _StopError(replace(told, error="unreachable")) from None
    timing = replace(told.timing, tcp=time.monotonic() - began)
    return _Visit(replace(told, timing=timing), parts, port, reader, writer)


def _not_after(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> datetime | None:
    """When the certificate ends; Python tells it of verified ones only."""
    shown = writer.get_extra_info("peercert")
    if context.verify_mode == ssl.CERT_NONE or not shown or "notAfter" not in shown:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)


async def _exchange(visit: _Visit, limits: Limits) -> tuple[Fetched, str]:
    """Asks and reads the answer; the second part is where it redirects to."""
    parts, told = visit.parts, visit.told
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
        ("User-Agent", AGENT),
        ("Accept", "text/html,*/*;q=0.5"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    try:
        request = h11.Request(method="GET", target=_plain(target), headers=headers)
        visit.writer.write(connection.send(request) or b"")
        visit.writer.write(connection.send(h11.EndOfMessage()) or b"")
        await visit.writer.drain()
        return await _read(visit, connection, limits)
    except h11.ProtocolError:
        return replace(told, error="protocol"), ""
    except (OSError, UnicodeError):
        return replace(told, error="unreachable"), ""


async def _read(visit: _Visit, connection: h11.Connection, limits: Limits) -> tuple[Fetched, str]:
    began, timing, found, onward = time.monotonic(), visit.told.timing, visit.told, ""
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await visit.reader.read(READ)
            if timing.first_byte is None and data:
                timing = replace(timing, first_byte=time.monotonic() - began)
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            told = {bytes(name).lower(): bytes(value) for name, value in event.headers}
            kind = told.get(b"content-type", b"").decode("latin-1")[:100]
            found = replace(found, status=event.status_code, content_type=kind)
            if 300 <= event.status_code < 400:
                onward = told.get(b"location", b"").decode("utf-8", "replace")[:2000]
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > limits.body_bytes:
                break
        elif not isinstance(event, h11.InformationalResponse):
            break  # its end, or nothing more can come
    total = time.monotonic() - began
    after = total - (timing.first_byte or 0.0)
    speed = len(body) / after if body and after > 0 else None
    return replace(
        found,
        body=bytes(body[: limits.body_bytes]),
        truncated=len(body) > limits.body_bytes,
        timing=replace(timing, total=total, speed=speed),
    ), onward


def _plain(target: str) -> bytes:
    """A request target of printable ASCII: what a page wrote in Chinese is percent-encoded."""
    return "".join(
        letter if "!" <= letter <= "~" else "".join(f"%{b:02X}" for b in letter.encode())
        for letter in target
    ).encode("ascii")
