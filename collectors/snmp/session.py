"""One device's socket: requests, retransmission with backoff, deadlines.

gufo-snmp encodes, encrypts and decodes; it sends each request once and knows no walk with a
changing size. This module uses its sockets directly, so that a retransmission carries a new
request id (a late answer to the old one is dropped by gufo) and one epoll registration lasts a
whole poll.

What gufo-snmp 0.13 does not tell, and how it is found out here:
- error-status is not looked at: tooBig and noSuchName arrive as an empty answer (``Empty``);
- a datagram over 4,080 octets is cut and does not decode: it counts as garbage, and a walk
  that meets garbage asks for less;
- some malformed values end in a Rust panic, which is no ``Exception``: also garbage.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, TypeVar, cast

from .ber import well_formed
from .target import Community, Credential, Target, TargetError, User
from .values import Value

T = TypeVar("T")
FRESH_S = 100.0
"""A device refuses SNMPv3 requests 150 s after its time was learnt (RFC 3414): learn it again."""
AFTER_GARBAGE_S = 0.2
"""How long a proper answer is still waited for after one that could not be decoded."""
LARGEST = 65_535
"""Octets of a datagram."""
GARBAGE_LIMIT = 100
"""Undecodable datagrams read for one request before the device is taken for a flood."""


class SnmpProblem(Exception):
    """Why a device gave nothing; the text is for the person who looks after it."""


class SilentError(SnmpProblem):
    """No answer within the waits of one request."""


class GarbageError(SilentError):
    """Answers came, none of which could be decoded."""


class DeadlineError(SnmpProblem):
    """The time given to this device is used up."""


class RefusedError(SnmpProblem):
    """The device is there and refuses us: closed port, wrong user, password or algorithm."""


class PollerMissingError(SnmpProblem):
    """gufo-snmp is not installed (extra ``poller``)."""


class Empty(Exception):
    """An answer without a value: the end of the view, or an error-status such as tooBig."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds. ``waits`` are for the first transmission and each repetition of a request."""

    waits: tuple[float, ...] = (1.0, 2.0, 4.0)
    deadline: float = 60.0


@dataclass(slots=True)
class EngineMemory:
    """What a v3 session learnt and the next one saves: engine id and stretched keys."""

    engine_id: bytes = b""
    user: Any = None
    made_for: User | None = None


class Socket(Protocol):
    """What is used of gufo-snmp's three socket classes."""

    def get_fd(self) -> int: ...
    def send_get_many(self, oids: list[str]) -> None: ...
    def recv_get_many(self) -> dict[str, Value]: ...
    def send_get_next(self, at: Any) -> None: ...
    def recv_get_next(self, at: Any) -> tuple[str, Value]: ...
    def send_get_bulk(self, at: Any) -> None: ...
    def recv_get_bulk(self, at: Any) -> list[tuple[str, Value] | None]: ...
    def send_refresh(self) -> None: ...
    def recv_refresh(self) -> None: ...
    def set_keys(self, name: str, a: int, akey: bytes, p: int, pkey: bytes) -> None: ...
    def get_engine_id(self) -> bytes: ...


@dataclass(slots=True)
class Tally:
    """Counted over a session."""

    requests: int = 0
    retransmissions: int = 0
    garbage: int = 0


class Session:
    """Asks one device, one request at a time. Use as an asynchronous context manager.

    Raises on entry what any request may raise:
        SilentError: no answer to any transmission.
        RefusedError: closed port, or SNMPv3 authentication failed.
        DeadlineError: ``timing.deadline`` seconds since entry have passed.
        PollerMissingError: gufo-snmp is not installed.
    """

    def __init__(
        self,
        target: Target,
        credential: Credential,
        timing: Timing,
        engine: EngineMemory | None = None,
    ) -> None:
        self.target = target
        self.tally = Tally()
        self.bulk = not (isinstance(credential, Community) and credential.version == "1")
        self._credential = credential
        self._timing = timing
        self._engine = engine or EngineMemory()
        self._waiting: asyncio.Future[Any] | None = None
        self._until = 0.0
        self._stale = float("inf")
        self.record: dict[str, Value] | None = None
        """Set to a dict to keep everything that is read (for recordings)."""

    async def __aenter__(self) -> Session:
        self._until = monotonic() + self._timing.deadline
        self._loop = asyncio.get_running_loop()
        self._errors = _gufo_errors()
        try:
            self._socket = _open(self.target, self._credential, self._engine)
        except OSError as error:
            raise RefusedError(f"{self.target}: cannot be addressed: {error}") from None
        self._fd = self._socket.get_fd()
        self._loop.add_reader(self._fd, self._readable)
        try:
            if isinstance(self._credential, User):
                await self._authenticate(self._credential)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *problem: object) -> None:
        self._close()

    def _close(self) -> None:
        """Drops the only reference to gufo's socket, which closes it: it has no ``close``.

        Nothing else may hold it, not even a bound method: a traceback that waits for the garbage
        collector would keep the descriptor open.
        """
        self._loop.remove_reader(self._fd)
        del self._socket

    # ---- what can be asked

    async def get(
        self, oids: list[str], waits: tuple[float, ...] | None = None
    ) -> dict[str, Value]:
        """The values that exist, by OID. All at once, one by one where that does not fit."""
        try:
            found = await self._ask(
                lambda: self._socket.send_get_many(oids),
                self._received_many,
                waits,
            )
        except GarbageError:
            if len(oids) == 1:
                raise
            found = {}
        if not found and len(oids) > 1:  # v1 refuses all for one that is missing; or tooBig
            found = await self._get_singly(oids)
        wanted = set(oids)
        found = {oid: value for oid, value in found.items() if oid in wanted}
        if self.record is not None:
            self.record.update(found)
        return found

    async def _get_singly(self, oids: list[str]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        spoilt: GarbageError | None = None
        for oid in oids:
            try:
                found.update(await self.get([oid], self._timing.waits[:1]))
            except GarbageError as problem:
                if spoilt and not found:
                    raise
                spoilt = problem
        if spoilt and not found:
            raise spoilt
        return found

    def cursor(self, oid: str, repetitions: int) -> Any:
        """A place in the device's tree below ``oid``, moved by ``bulk`` and ``next``."""
        from gufo.snmp._fast import GetIter  # noqa: PLC0415 - only a poller loads gufo

        return GetIter(oid, repetitions)

    async def bulk_next(self, at: Any, waits: tuple[float, ...]) -> list[tuple[str, Value] | None]:
        """GETBULK from ``at``; a None at the end says that the subtree ended.

        Raises:
            Empty: end of the view, or the device could not fit the answer.
        """
        await self._keep_fresh()
        return await self._ask(
            lambda: self._socket.send_get_bulk(at), lambda: self._socket.recv_get_bulk(at), waits
        )

    async def next(self, at: Any, waits: tuple[float, ...]) -> tuple[str, Value]:
        """GETNEXT from ``at``.

        Raises:
            Empty: the subtree ended.
        """
        await self._keep_fresh()
        return await self._ask(
            lambda: self._socket.send_get_next(at), lambda: self._socket.recv_get_next(at), waits
        )

    # ---- one request

    def _received_many(self) -> dict[str, Value]:
        return self._socket.recv_get_many()

    def _send_refresh(self) -> None:
        self._socket.send_refresh()

    def _received_refresh(self) -> None:
        self._socket.recv_refresh()

    @property
    def waits(self) -> tuple[float, ...]:
        """Seconds waited for each transmission of a request."""
        return self._timing.waits

    async def _ask(
        self,
        send: Callable[[], None],
        receive: Callable[[], T],
        waits: tuple[float, ...] | None = None,
    ) -> T:
        garbage = self.tally.garbage
        refused = 0
        for number, wait in enumerate(waits or self._timing.waits):
            left = self._until - monotonic()
            if left <= 0:
                raise DeadlineError(f"{self.target}: {self._timing.deadline:g} s are used up")
            self.tally.requests += 1
            self.tally.retransmissions += number > 0
            try:
                send()
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    await asyncio.sleep(min(0.05, left))  # the send buffer is full
                    continue
                if refused:
                    raise RefusedError(f"{self.target}: cannot be sent to: {error}") from None
                refused += 1  # an error of the datagram before: told only once by the system
                continue
            try:
                return await self._answer(receive, min(wait, left))
            except TimeoutError as error:
                if "refused" in str(error):
                    refused += 1
                    if refused > 1:
                        raise RefusedError(
                            f"{self.target}: nothing listens there (port unreachable);"
                            " check the port and that SNMP is switched on"
                        ) from None
        if self.tally.garbage > garbage:
            raise GarbageError(f"{self.target}: answers that are not SNMP, or cut ones")
        raise SilentError(
            f"{self.target}: no answer; check the address, the community or user, and the"
            " access lists of the device"
        )

    async def _answer(self, receive: Callable[[], T], wait: float) -> T:
        """The decoded answer to the request just sent.

        It is received inside the loop's callback: were it left for the task, the loop would find
        the socket readable once more and wake us for nothing.

        Raises:
            TimeoutError: none came in ``wait`` seconds.
        """
        self._receive = receive
        self._spoilt = 0
        self._waiting = waiting = self._loop.create_future()
        self._timer = self._loop.call_later(wait, self._expire)
        try:
            return cast(T, await waiting)
        finally:
            self._timer.cancel()
            self._waiting = None

    def _readable(self) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        while not waiting.done():
            try:
                if self.tally.garbage and self._dropped():
                    self._count_spoilt()
                else:
                    waiting.set_result(self._receive())
            except BlockingIOError:
                return
            except StopAsyncIteration:
                waiting.set_exception(Empty())
            except self._errors.auth:
                text = f"{self.target}: SNMPv3 refused: check user, passwords and algorithms"
                waiting.set_exception(RefusedError(text))
            except self._errors.decode:
                self._count_spoilt()
            except Exception as error:
                waiting.set_exception(error)
            except BaseException as error:
                if type(error).__name__ != "PanicException":
                    raise
                self._count_spoilt()

    def _count_spoilt(self) -> None:
        self.tally.garbage += 1
        self._spoilt += 1
        if self._spoilt == 1:
            self._timer.cancel()
            self._timer = self._loop.call_later(AFTER_GARBAGE_S, self._expire)
        elif self._spoilt > GARBAGE_LIMIT:
            self._expire()

    def _expire(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(TimeoutError())

    def _dropped(self) -> bool:
        """Takes the next datagram away if it would not decode; see ``ber``."""
        look = socket.socket(fileno=self._fd)
        try:
            if well_formed(look.recv(LARGEST, socket.MSG_PEEK)):
                return False
            look.recv(1)
        except OSError:
            return False  # nothing there, or an error that gufo will tell
        finally:
            look.detach()
        return True

    # ---- SNMPv3

    async def _authenticate(self, user: User) -> None:
        """Engine discovery (first time), then boots and time (every time)."""
        engine = self._engine
        if not engine.engine_id:
            await self._ask(self._send_refresh, self._received_refresh)
            keys = engine.user
            self._socket.set_keys(
                keys.name,
                keys.get_auth_alg(),
                keys.get_auth_key(),
                keys.get_priv_alg(),
                keys.get_priv_key(),
            )
            engine.engine_id = self._socket.get_engine_id()
        if user.auth_password:
            self._stale = 0.0
            try:
                await self._keep_fresh()
            except SnmpProblem:
                engine.engine_id = b""  # another device answers there now? look again next time
                raise

    async def _keep_fresh(self) -> None:
        if monotonic() > self._stale:
            self._stale = monotonic() + FRESH_S
            await self._ask(self._send_refresh, self._received_refresh)


@dataclass(frozen=True, slots=True)
class _Errors:
    auth: type[Exception]
    decode: type[Exception]


def _gufo_errors() -> _Errors:
    # With it, a panic over one malformed answer would hold up all devices for 0.1 s.
    os.environ["RUST_BACKTRACE"] = "0"
    try:
        from gufo.snmp import _fast  # noqa: PLC0415 - only a poller loads gufo
    except ImportError:
        raise PollerMissingError("polling needs gufo-snmp: pip install 'yunxun[poller]'") from None
    return _Errors(_fast.SnmpAuthError, _fast.SnmpError)


def _open(target: Target, credential: Credential, engine: EngineMemory) -> Socket:
    from gufo.snmp import _fast  # noqa: PLC0415 - only a poller loads gufo

    address = str(target)
    if isinstance(credential, Community):
        if credential.version not in ("1", "2c"):
            raise TargetError(f"SNMP version {credential.version!r}: 1 or 2c, or a v3 user")
        made = _fast.SnmpV1ClientSocket if credential.version == "1" else _fast.SnmpV2cClientSocket
        return cast(Socket, made(address, credential.community, 0, 0, 0, 0))
    if engine.made_for != credential:
        engine.user, engine.made_for, engine.engine_id = _gufo_user(credential), credential, b""
    user = engine.user
    if not engine.engine_id:
        return cast(Socket, _fast.SnmpV3ClientSocket(address, b"", "", 0, b"", 0, b"", 0, 0, 0, 0))
    return cast(
        Socket,
        _fast.SnmpV3ClientSocket(
            address,
            engine.engine_id,
            user.name,
            user.get_auth_alg(),
            user.get_auth_key(),
            user.get_priv_alg(),
            user.get_priv_key(),
            0,
            0,
            0,
            0,
        ),
    )


def _gufo_user(user: User) -> Any:
    """gufo's user with master keys: the megabyte of hashing is done once, not every poll."""
    from gufo.snmp import user as kinds  # noqa: PLC0415 - only a poller loads gufo

    auth_kinds = {
        "MD5": kinds.Md5Key,
        "SHA-1": kinds.Sha1Key,
        "SHA-224": kinds.Sha224Key,
        "SHA-256": kinds.Sha256Key,
        "SHA-384": kinds.Sha384Key,
        "SHA-512": kinds.Sha512Key,
    }
    priv_kinds = {
        "DES": kinds.DesKey,
        "AES-128": kinds.Aes128Key,
        "AES-192": kinds.Aes192Key,
        "AES-256": kinds.Aes256Key,
    }
    if not user.auth_password:
        return kinds.User(user.name)
    kind = auth_kinds[user.auth]
    master = kinds.KeyType.Master
    auth = kind(kind.get_master_key(user.auth_password.encode()), key_type=master)
    priv = None
    if user.priv_password:
        stretched = kind.get_master_key(user.priv_password.encode())
        priv = priv_kinds[user.priv](stretched, key_type=master)
    expansion = (
        kinds.KeyExpansion.Cisco if user.expansion == "cisco" else kinds.KeyExpansion.Blumenthal
    )
    return kinds.User(user.name, auth_key=auth, priv_key=priv, key_expansion=expansion)
