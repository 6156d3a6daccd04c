"""A tiny HTTP/1.1 client over one kept-alive connection: sockets, TLS, deadlines, nothing more.

http.client is not used: with what it imports it costs 5 MB of resident memory. TLS trusts exactly
the CA handed in, checks the name, and is 1.2 or newer; without TLS only loopback is spoken to.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

MOST_HEADER = 16 << 10
MOST_BODY = 256 << 10

LOOK_AGAIN_S = 600.0
"""Between two looks at the TLS session to resume."""
MOST_LOOKS = 200
"""In the life of one client: a megabyte at most, see Client._remember_session."""

UNTRUSTED_CODES = {9: "not valid yet", 10: "expired"}
"""OpenSSL verify codes that a wrong clock on this host also produces."""


class NoAnswerError(Exception):
    """No whole answer came: whether the request was carried out is not known.

    ``kind`` is one of refused, timeout, dns, cut, tls, clock, protocol.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class UrlError(ValueError):
    """Not an address that may be spoken to."""


class Answer(NamedTuple):
    """Status, headers (names in lower case) and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Address(NamedTuple):
    """Where to connect, and the path that everything is under."""

    tls: bool
    host: str
    port: int
    base: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_url(url: str) -> Address:
    """``https://host[:port][/base]``, or http:// to loopback only. Raises UrlError."""
    scheme, _, rest = url.strip().partition("://")
    authority, _, path = rest.partition("/")
    if scheme not in ("http", "https") or not authority or "@" in authority:
        raise UrlError(f"{url!r} is not https://host[:port]")
    tls = scheme == "https"
    if authority.startswith("["):
        host, closed, tail = authority[1:].partition("]")
        port_text = tail.removeprefix(":")
        if not closed or (tail and not tail.startswith(":")):
            raise UrlError(f"{url!r} is not https://host[:port]")
    else:
        host, _, port_text = authority.partition(":")
    port = 443 if tls else 80
    if port_text:
        if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65536):
            raise UrlError(f"{url!r}: {port_text!r} is not a port")
        port = int(port_text)
    if not host or not host.isascii() or any(c.isspace() for c in host):
        raise UrlError(f"{url!r} is not https://host[:port]")
    if not tls and not is_loopback(host):
        raise UrlError(f"{url!r}: plain http is spoken to this machine only; use https")
    return Address(tls, host, port, "/" + path.strip("/") if path.strip("/") else "")


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only mean this machine."""
    if host in ("localhost", "::1"):
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(p.isdigit() for p in parts)


def pinned_context(ca_pem: str) -> ssl.SSLContext:
    """Trusts the CA in ``ca_pem`` and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca_pem)
    return context


def unverified_context() -> ssl.SSLContext:
    """For the one request that fetches the CA, before its fingerprint is compared."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """Requests to one controller, one after the other. Not thread-safe."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None,
        *,
        connect_s: float = 5.0,
        total_s: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = parse_url(url)
        if self.address.tls and context is None:
            raise UrlError(f"{url}: no CA is stored for it; enrol first")
        self._context = context
        self._connect_s, self._total_s = connect_s, total_s
        self._monotonic = monotonic
        self._socket: socket.socket | None = None
        self._session: ssl.SSLSession | None = None
        self._session_known = False
        self._looks, self._looked = 0, 0.0
        self._most = MOST_BODY

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes = b"",
        most: int = MOST_BODY,
    ) -> Answer:
        """Sends one request and reads its whole answer, up to ``most`` bytes; raises NoAnswerError.

        A kept-alive connection that turns out closed before any byte of an answer is replaced
        once: every request of ours may be repeated.
        """
        deadline = self._monotonic() + self._total_s
        self._most = most
        message = self._message(method, path, headers, body)
        reused = self._socket is not None
        try:
            try:
                return self._exchange(message, deadline)
            except NoAnswerError as error:
                self.close()
                if not reused or error.kind != "closed":
                    raise
            return self._exchange(message, deadline)
        except NoAnswerError as error:
            self.close()
            if error.kind == "closed":
                raise NoAnswerError("cut", "connection closed before an answer") from None
            raise

    def close(self) -> None:
        """Drops the connection; the next request makes another."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _message(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        lines = [f"{method} {self.address.base}{path} HTTP/1.1", f"Host: {self.address.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def _exchange(self, message: bytes, deadline: float) -> Answer:
        try:
            if self._socket is None:
                self._socket = self._connect(deadline)
                self._session_known = False
            self._left(deadline)
            self._socket.sendall(message)
            answer, keep = self._read(deadline)
        except TimeoutError:
            raise NoAnswerError("timeout", f"no answer within {self._total_s:g} s") from None
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise NoAnswerError("closed", "connection reset") from None
        except ssl.SSLError as error:
            raise NoAnswerError("tls", f"TLS: {error.reason or error}") from None
        except OSError as error:
            raise NoAnswerError("cut", f"connection lost: {error.strerror or error}") from None
        self._remember_session()
        if not keep:
            self.close()
        return answer

    def _remember_session(self) -> None:
        """Keeps a session to resume, a new one only when the last was not accepted.

        Taken after an answer, as TLS 1.3 hands the ticket over after the handshake. Each look at
        ``session`` leaks some 5 KB in CPython 3.11 (measured; the copy is never freed), so looks
        are few and far between, and counted.
        """
        tls = self._socket
        if self._session_known or not isinstance(tls, ssl.SSLSocket):
            return
        self._session_known = True
        if tls.session_reused or self._looks >= MOST_LOOKS:
            return
        now = self._monotonic()
        if self._session is None or now - self._looked >= LOOK_AGAIN_S:
            self._session, self._looked = tls.session, now
            self._looks += 1

    def _left(self, deadline: float) -> None:
        left = deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        assert self._socket is not None  # noqa: S101 - for the type checker
        self._socket.settimeout(left)

    def _connect(self, deadline: float) -> socket.socket:
        host, port = self.address.host, self.address.port
        try:
            found = socket.getaddrinfo(self._host_name(), port, 0, socket.SOCK_STREAM)
        except OSError as error:
            raise NoAnswerError("dns", f"{host}: name not resolved: {error.strerror}") from None
        until = min(deadline, self._monotonic() + self._connect_s)
        failure = NoAnswerError("timeout", f"{host}:{port}: no connection in {self._connect_s:g} s")
        for nth, (family, kind, proto, _, where) in enumerate(found):
            left = (until - self._monotonic()) / (len(found) - nth)
            if left <= 0:
                break
            plain = socket.socket(family, kind, proto)
            try:
                plain.settimeout(left)
                plain.connect(where)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._secured(plain, until) if self._context else plain
            except ssl.SSLCertVerificationError as error:
                plain.close()
                raise self._untrusted(error) from None
            except ssl.SSLError as error:
                plain.close()
                failure = NoAnswerError("tls", f"{host}:{port}: TLS: {error.reason or error}")
            except TimeoutError:
                plain.close()
            except OSError as error:
                plain.close()
                failure = NoAnswerError("refused", f"{host}:{port}: {error.strerror or error}")
        raise failure

    def _secured(self, plain: socket.socket, until: float) -> ssl.SSLSocket:
        assert self._context is not None  # noqa: S101 - for the type checker
        plain.settimeout(max(0.1, until - self._monotonic()))
        return self._context.wrap_socket(
            plain, server_hostname=self._host_name(), session=self._session
        )

    def _host_name(self) -> str | bytes:
        """Bytes where they will do: text goes through Python's IDNA tables, a megabyte of them."""
        host = self.address.host
        return host.encode() if host.isascii() else host

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> NoAnswerError:
        where = self.address.authority
        if error.verify_code in UNTRUSTED_CODES:
            said = UNTRUSTED_CODES[error.verify_code]
            now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
            return NoAnswerError(
                "clock",
                f"{where}: certificate is {said} by this host's clock ({now} UTC):"
                " clock wrong, or certificate to be renewed",
            )
        return NoAnswerError("tls", f"{where}: certificate not trusted: {error.verify_message}")

    def _receive(self, deadline: float) -> bytes:
        self._left(deadline)
        assert self._socket is not None  # noqa: S101 - for the type checker
        return self._socket.recv(16_384)

    def _read(self, deadline: float) -> tuple[Answer, bool]:
        """One answer, and whether the connection may be used again."""
        data = b""
        while True:
            data, head = self._head(data, deadline)
            status, headers = parse_head(head)
            if status >= 200:
                break  # 1xx answers come before the one that counts
        closing = "close" in headers.get("connection", "").lower()
        if status in (204, 304):
            return Answer(status, headers, b""), not closing
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body, rest = self._chunks(data, deadline)
            return Answer(status, headers, body), not closing and not rest
        length_text = headers.get("content-length")
        if length_text is None:
            return Answer(status, headers, self._rest(data, deadline)), False
        length = _number(length_text, 10, self._most)
        while len(data) < length:
            data += self._more(deadline)
        return Answer(status, headers, data[:length]), not closing and len(data) == length

    def _head(self, data: bytes, deadline: float) -> tuple[bytes, bytes]:
        while b"\r\n\r\n" not in data:
            if len(data) > MOST_HEADER:
                raise NoAnswerError("protocol", "answer's header is too long")
            more = self._receive(deadline)
            if not more:
                kind = "cut" if data else "closed"
                raise NoAnswerError(kind, "connection closed before a whole answer")
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        return data, head

    def _more(self, deadline: float) -> bytes:
        more = self._receive(deadline)
        if not more:
            raise NoAnswerError("cut", "connection closed inside an answer")
        return more

    def _rest(self, data: bytes, deadline: float) -> bytes:
        while more := self._receive(deadline):
            data += more
            if len(data) > self._most:
                raise NoAnswerError("protocol", "answer is too long")
        return data

    def _chunks(self, data: bytes, deadline: float) -> tuple[bytes, bytes]:
        body = b""
        while True:
            while b"\r\n" not in data:
                data += self._more(deadline)
            line, _, data = data.partition(b"\r\n")
            size = _number(line.partition(b";")[0].decode("latin-1").strip(), 16, self._most)
            if len(body) + size > self._most:
                raise NoAnswerError("protocol", "answer is too long")
            while len(data) < size + 2:
                data += self._more(deadline)
            body += data[:size]
            if data[size : size + 2] != b"\r\n":
                raise NoAnswerError("protocol", "broken chunk")
            data = data[size + 2 :]
            if not size:
                return body, data


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer's head; raises NoAnswerError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise NoAnswerError("protocol", f"not HTTP: {first[:60]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


def _number(text: str, base: int, most: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise NoAnswerError("protocol", f"bad length {text[:20]!r}")
    return number


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_date(text: str) -> int | None:
    """Seconds since 1970 of ``Mon, 23 Nov 2026 08:35:39 GMT``, None if it is no HTTP date."""
    try:
        _, day_text, month_text, year_text, clock, zone = text.split()
        hour, minute, second = (int(part) for part in clock.split(":"))
        year, month, day = int(year_text), _MONTHS.index(month_text) + 1, int(day_text)
    except ValueError:
        return None
    if zone != "GMT" or not 1 <= day <= 31 or not 1970 <= year <= 9999:
        return None
    # Days from civil, H. Hinnant: years begin in March, so that leap days come last.
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days * 86_400 + hour * 3600 + minute * 60 + second
