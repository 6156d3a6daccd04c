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
MOST_DISTRUSTED = 10_000
"""Servers remembered whose certificate was not trusted."""


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
    refused, unreachable, reset, tls, protocol, redirects, scheme. ``truncated``: the body was
    longer than is kept."""

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
    keep: bool = True


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
        self.reading = asyncio.Lock()
        """For who reads a page: one at a time, since that takes many times its size."""
        self._distrusted: dict[tuple[str, str, int], str] = {}

    async def get(
        self, url: str, version: int, body_bytes: int | None = None, *, keep: bool = True
    ) -> Fetched:
        """The page at ``url`` after at most REDIRECTS redirections, its body only if it is to be
        kept; never raises for what the other side does."""
        limits = replace(self.limits, body_bytes=body_bytes or self.limits.body_bytes, keep=keep)
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
            try:
                onward = urljoin(url, location)
            except ValueError:
                return replace(found, error="scheme")
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
        whole = False
        try:
            found, location = await _exchange(visit, limits)
            whole = not found.error and not found.truncated
        finally:
            if whole:
                visit.writer.close()
            else:
                visit.writer.transport.abort()  # no farewell: the rest is not waited for
        return found, location

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
        more without trust, since the page is looked at all the same. Who was not trusted once is
        not asked to prove it again. Raises _StopError."""
        if visit.parts.scheme != "https":
            return visit
        host = visit.parts.hostname or ""
        key = (host, visit.told.address, visit.port)
        problem = self._distrusted.get(key, "")
        for context in (self._open,) if problem else (self._trusting, self._open):
            began = time.monotonic()
            try:
                async with asyncio.timeout(limits.connect_s):
                    await visit.writer.start_tls(context, server_hostname=host)
            except ssl.SSLCertVerificationError as error:
                problem = error.verify_message or "not trusted"
                if len(self._distrusted) < MOST_DISTRUSTED:
                    self._distrusted[key] = problem
                visit.writer.transport.abort()
                visit = await _connect(visit.told, visit.parts, visit.port, limits.connect_s)
            except TimeoutError:
                visit.writer.transport.abort()
                raise _StopError(replace(visit.told, error="timeout")) from None
            except ssl.SSLError as error:
                visit.writer.transport.abort()
                shown = Certificate(False, problem or type(error).__name__)
                raise _StopError(replace(visit.told, error="tls", certificate=shown)) from None
            except OSError:
                visit.writer.transport.abort()
                raise _StopError(replace(visit.told, error="reset")) from None
            except BaseException:
                visit.writer.transport.abort()
                raise
            else:
                shown = Certificate(not problem, problem, _not_after(visit.writer, context))
                timing = replace(visit.told.timing, tls=time.monotonic() - began)
                return replace(visit, told=replace(visit.told, certificate=shown, timing=timing))
        visit.writer.transport.abort()
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
    try:
        host = _host(parts)
    except UnicodeError:
        return replace(told, error="scheme"), ""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", host),
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
    except OSError:
        return replace(told, error="reset"), ""


async def _read(visit: _Visit, connection: h11.Connection, limits: Limits) -> tuple[Fetched, str]:
    began, timing, found, onward = time.monotonic(), visit.told.timing, visit.told, ""
    body, size = bytearray(), 0
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
            size += len(event.data)
            if limits.keep:
                body += event.data[: limits.body_bytes - len(body)]
            if size > limits.body_bytes:
                break
        elif not isinstance(event, h11.InformationalResponse):
            break  # its end, or nothing more can come
    total = time.monotonic() - began
    after = total - (timing.first_byte or 0.0)
    speed = size / after if size and after > 0 else None
    return replace(
        found,
        body=bytes(body),
        truncated=size > limits.body_bytes,
        timing=replace(timing, total=total, speed=speed),
    ), onward


def _host(parts: SplitResult) -> str:
    """What the header Host says: a name in Chinese as it stands in the name servers. Raises
    UnicodeError."""
    name = parts.hostname or ""
    shown = f"[{name}]" if ":" in name else name.encode("idna").decode("ascii")
    return f"{shown}:{parts.port}" if parts.port else shown


def _plain(target: str) -> bytes:
    """A request target of printable ASCII: what a page wrote in Chinese is percent-encoded."""
    return "".join(
        letter if "!" <= letter <= "~" else "".join(f"%{b:02X}" for b in letter.encode())
        for letter in target
    ).encode("ascii")
