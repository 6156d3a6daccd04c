"""Receives traps and informs (SNMP v1, v2c, v3) with one pysnmp engine on some addresses.

v3 traps are secured under the sender's engine id, which nobody tells us beforehand: a configured
user is entered for an engine when its first message comes, so keys stay right and anybody may
send. Their number is bounded, as is what one source may send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import ntfrcv
from pysnmp.proto.rfc1902 import OctetString

from collectors.snmp.flood import Floodgate
from collectors.snmp.notifications import Notification, read

AUTH = {
    "none": config.USM_AUTH_NONE,
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha1": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
PRIVACY = {
    "none": config.USM_PRIV_NONE,
    "des": config.USM_PRIV_CBC56_DES,
    "aes": config.USM_PRIV_CFB128_AES,
    "aes128": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "aes192c": config.USM_PRIV_CFB192_AES,
    "aes256c": config.USM_PRIV_CFB256_AES,
}
"""The last two are the key extension of Reeder, which Cisco and others use."""
MOST_ENGINES = 2_000
"""Senders' engines that users are entered for: some 28 KB and 4 ms each."""
MOST_HEARD = 10_000
ENGINES_PER_S, ENGINES_AT_ONCE = 2.0, 200.0
"""How fast new engines are taken up: a forger of engine ids must not fill the table at once."""
VERSIONS = {0: "1", 1: "2c", 3: "3"}


class User(NamedTuple):
    """A v3 user; the names of AUTH and PRIVACY."""

    name: str
    auth: str
    auth_key: str
    privacy: str
    privacy_key: str


class Receiver:
    """Listens from ``open`` to ``close``; ``take`` is called with each notification.

    Raises OSError from ``open`` for an address that cannot be had.
    """

    def __init__(
        self,
        communities: Sequence[str],
        users: Sequence[User],
        take: Callable[[Notification], None],
        gate: Floodgate | None = None,
    ) -> None:
        self._take, self._gate = take, gate or Floodgate()
        self._engine = engine.SnmpEngine()
        self._users = {user.name.encode(): user for user in users}
        self._keys = {user.name: _master_keys(user) for user in users}
        self._engines = Floodgate(ENGINES_PER_S, ENGINES_AT_ONCE, ENGINES_AT_ONCE)
        self._faults = 0
        self._entered: set[tuple[bytes, bytes]] = set()
        self._heard: dict[str, int] = {}
        for number, community in enumerate(dict.fromkeys(communities)):
            config.add_v1_system(self._engine, f"c{number}", community)
        for user in users:
            self._enter(user, None)  # for informs: they are secured under our own engine id
        ntfrcv.NotificationReceiver(self._engine, self._receive)
        self._transports: list[Any] = []

    async def open(self, addresses: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Begins to listen; the addresses as they are bound."""
        bound = []
        for number, address in enumerate(addresses):
            six = ":" in address[0]
            transport = (_Gated6 if six else _Gated4)(self._admit)
            transport.open_server_mode(address)
            await transport._lport
            assert transport.transport is not None  # noqa: S101 - awaited above
            bound.append(transport.transport.get_extra_info("sockname")[:2])
            domain = (*(udp6.DOMAIN_NAME if six else udp.DOMAIN_NAME), number + 1)
            config.add_transport(self._engine, domain, transport)
            self._transports.append(domain)
        self._engine.transport_dispatcher.job_started(1)
        return bound

    def close(self) -> None:
        """Stops listening."""
        self._engine.close_dispatcher()

    def take_dropped(self) -> dict[str, int]:
        """Datagrams of each source that the flood limit dropped since the last call."""
        return self._gate.take_dropped()

    def take_refused(self) -> dict[str, int]:
        """Datagrams by source that were no notification of a known community or user since the
        last call (a v3 sender's questions for our engine id among them)."""
        taken, self._heard = self._heard, {}
        return {source: count for source, count in taken.items() if count > 0}

    def take_faults(self) -> int:
        """Datagrams that the decoder broke off at since the last call; they are refused, too."""
        taken, self._faults = self._faults, 0
        return taken

    def note_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the event loop does with an exception of a callback: pysnmp raises many kinds at
        broken messages, and each would be a traceback in the log."""
        if context.get("exception") is None:
            loop.default_exception_handler(context)
        self._faults += 1

    def _admit(self, datagram: bytes, source: str) -> bool:
        if not self._gate.admits(source, time.monotonic()):
            return False
        if source in self._heard or len(self._heard) < MOST_HEARD:
            self._heard[source] = self._heard.get(source, 0) + 1
        known = v3_sender(datagram)
        if known is not None and known not in self._entered:
            user = self._users.get(known[1])
            room = len(self._entered) < MOST_ENGINES
            if user is not None and room and self._engines.admits("", time.monotonic()):
                self._entered.add(known)
                self._enter(user, known[0])
        return True

    def _enter(self, user: User, engine_id: bytes | None) -> None:
        auth, privacy = self._keys[user.name]
        config.add_v3_user(
            self._engine,
            user.name,
            AUTH[user.auth],
            auth,
            PRIVACY[user.privacy],
            privacy,
            securityEngineId=None if engine_id is None else OctetString(engine_id),
            authKeyType=config.USM_KEY_TYPE_MASTER,
            privKeyType=config.USM_KEY_TYPE_MASTER,
        )

    def _receive(
        self, snmp: Any, reference: int, _engine: Any, _name: Any, variables: Any, _ctx: Any
    ) -> None:
        _, address = snmp.message_dispatcher.get_transport_info(reference)
        source = plain_address(address[0])
        state = snmp.observer.get_execution_context("rfc3412.receiveMessage:request")
        version = VERSIONS.get(int(state["messageProcessingModel"]), "")
        if version == "3" and not self._secured(state):
            return  # a user's name alone proves nothing
        self._heard[source] = self._heard.get(source, 1) - 1
        self._take(read(source, version, [(str(oid), shown(value)) for oid, value in variables]))

    def _secured(self, state: Any) -> bool:
        """Whether a v3 message was secured as its user is configured."""
        user = self._users.get(bytes(state["securityName"]))
        if user is None:
            return False
        needed = 1 + (user.auth != "none") + (user.auth != "none" and user.privacy != "none")
        return int(state["securityLevel"]) >= needed


def _master_keys(user: User) -> tuple[Any, Any]:
    """The user's keys before they are localised to an engine (RFC 3414 A.2): a megabyte is hashed
    for each, so it is done once and not for every sender."""
    auth, privacy = AUTH[user.auth], PRIVACY[user.privacy]
    return (
        config.AUTH_SERVICES[auth].hash_passphrase(user.auth_key) if user.auth_key else None,
        config.PRIV_SERVICES[privacy].hash_passphrase(auth, user.privacy_key)
        if user.privacy_key
        else None,
    )


class _Gate:
    """What both transports add: a look at every datagram before it costs anything."""

    def __init__(self, admit: Callable[[bytes, str], bool]) -> None:
        super().__init__()
        self._admit = admit

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        if self._admit(datagram, plain_address(address[0])):
            super().datagram_received(datagram, address)  # type: ignore[misc]


class _Gated4(_Gate, udp.UdpAsyncioTransport):  # type: ignore[misc]
    pass


class _Gated6(_Gate, udp6.Udp6AsyncioTransport):  # type: ignore[misc]
    pass


def plain_address(address: str) -> str:
    """Without zone; IPv4 as such, also where one socket listens for both."""
    return address.partition("%")[0].removeprefix("::ffff:")


def shown(value: Any) -> str:
    """A value as text; octets that are no text as hex."""
    if hasattr(value, "asOctets"):
        octets = value.asOctets()
        if type(value).__name__ == "IpAddress":
            return ".".join(map(str, octets))
        try:
            text = str(octets.decode("utf-8"))
        except UnicodeDecodeError:
            return str(octets.hex())
        return text if text.isprintable() else str(octets.hex())
    return str(value.prettyPrint())


def v3_sender(datagram: bytes) -> tuple[bytes, bytes] | None:
    """(engine id, user) of an SNMPv3 message; None for another or one that is no message."""
    try:
        _, message, _ = _element(datagram, 0)
        _, version, rest = _element(message, 0)
        if version != b"\x03":
            return None
        _, _, rest = _element(message, rest)  # global data
        _, parameters, _ = _element(message, rest)
        _, fields, _ = _element(parameters, 0)
        _, engine_id, rest = _element(fields, 0)
        _, _, rest = _element(fields, rest)  # boots
        _, _, rest = _element(fields, rest)  # time
        _, user, _ = _element(fields, rest)
    except IndexError:
        return None
    return (engine_id, user) if 5 <= len(engine_id) <= 32 and 0 < len(user) <= 32 else None


def _element(data: bytes, start: int) -> tuple[int, bytes, int]:
    """(tag, content, end) of the BER element at ``start``; raises IndexError past the end."""
    tag, length, start = data[start], data[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7F
        if count > 4:
            raise IndexError
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    end = start + length
    if end > len(data):
        raise IndexError
    return tag, data[start:end], end


async def serve(
    receiver: Receiver, addresses: Sequence[tuple[str, int]], *, every_s: float,
    flush: Callable[[], None], stop: asyncio.Event,
) -> None:  # fmt: skip
    """Listens until ``stop``, calling ``flush`` every so often."""
    asyncio.get_running_loop().set_exception_handler(receiver.note_fault)
    await receiver.open(addresses)
    try:
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), every_s)
            except TimeoutError:
                flush()
        flush()
    finally:
        receiver.close()
