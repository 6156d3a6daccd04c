"""Plays .snmprec recordings over UDP with pysnmp's protocol modules.

As in snmpsim, the community names the recording. Answers GET, GETNEXT and GETBULK of v1 and v2c.
``Manner`` makes a device misbehave in the six ways the poller must survive.
"""

from __future__ import annotations

import asyncio
import bisect
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ
from pysnmp.error import PySnmpError
from pysnmp.proto import api, rfc1902, rfc1905

from collectors.snmp import snmprec
from collectors.snmp.values import index_numbers

LARGEST = 65_507
"""Octets of a UDP datagram over IPv4; a longer answer is tooBig."""
MAKE: dict[int, Callable[[Any], Any]] = {
    snmprec.INTEGER: lambda v: rfc1902.Integer32(v if -(1 << 31) <= v < 1 << 31 else v - (1 << 32)),
    snmprec.OCTETS: rfc1902.OctetString,
    snmprec.NULL: lambda _: univ.Null(""),
    snmprec.OID: rfc1902.ObjectIdentifier,
    snmprec.ADDRESS: rfc1902.IpAddress,
    snmprec.COUNTER32: lambda v: rfc1902.Counter32(v & 0xFFFFFFFF),
    snmprec.GAUGE32: lambda v: rfc1902.Gauge32(v & 0xFFFFFFFF),
    snmprec.TICKS: lambda v: rfc1902.TimeTicks(v & 0xFFFFFFFF),
    snmprec.OPAQUE: rfc1902.Opaque,
    snmprec.COUNTER64: lambda v: rfc1902.Counter64(v & 0xFFFFFFFFFFFFFFFF),
}


def make(tag: int, value: Any) -> Any:
    """The SNMP value; one that its type does not allow is sent as text."""
    try:
        return MAKE[tag](value)
    except (PyAsn1Error, PySnmpError):
        return rfc1902.OctetString(str(value))


@dataclass
class Manner:
    """How a device misbehaves; the default does not."""

    silent: bool = False
    delay_s: float = 0.0
    shuffled: bool = False
    endless: bool = False
    fits: int = 10_000
    """Rows that fit an answer; more are answered tooBig."""
    garbage: bool = False
    loses: int = 0
    """Requests of every ten that get no answer."""
    seed: int = 1


@dataclass
class Device:
    """A recording, sorted, with its manner."""

    rows: list[snmprec.Row]
    manner: Manner = field(default_factory=Manner)

    def __post_init__(self) -> None:
        self.keys = [index_numbers(row[0]) for row in self.rows]
        self.place = {key: number for number, key in enumerate(self.keys)}
        self.chance = random.Random(self.manner.seed)
        self.asked = 0

    def get(self, key: tuple[int, ...]) -> snmprec.Row | None:
        number = self.place.get(key)
        return None if number is None else self.rows[number]

    def after(self, key: tuple[int, ...]) -> tuple[tuple[int, ...], snmprec.Row] | None:
        number = bisect.bisect_right(self.keys, key)
        if self.manner.shuffled and number < len(self.keys) and len(key) > 9:
            number = self._jump(key, number)
        if number >= len(self.keys):
            return None
        return self.keys[number], self.rows[number]

    def _jump(self, key: tuple[int, ...], number: int) -> int:
        """Rows of one column backwards: the last first."""
        column = key[:-1]
        same = [n for n, k in enumerate(self.keys) if k[:-1] == column]
        if key in self.place and same:
            back = self.place[key] - 1
            return back if back in same else same[-1] + 1
        first = [n for n, k in enumerate(self.keys) if k[: len(key)] == key]
        return first[-1] if first else number


class Player(asyncio.DatagramProtocol):
    """Serves several recordings on one port."""

    def __init__(self, devices: dict[str, Device]) -> None:
        self.devices = devices
        self.requests = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.requests += 1
        version = api.decodeMessageVersion(data)
        module = api.PROTOCOL_MODULES[version]
        message, _ = decoder.decode(data, asn1Spec=module.Message())
        community = bytes(module.apiMessage.get_community(message)).decode()
        device = self.devices.get(community)
        if device is None or device.manner.silent:
            return
        device.asked += 1
        if device.chance.randrange(10) < device.manner.loses:
            return
        if device.manner.garbage:
            self.transport.sendto(device.chance.randbytes(device.chance.randrange(1, 300)), address)
            return
        answer = self._answer(module, message, device, version)
        if device.manner.delay_s:
            loop = asyncio.get_running_loop()
            loop.call_later(device.manner.delay_s, self._send, answer, address)
        else:
            self._send(answer, address)

    def _send(self, answer: bytes, address: Any) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(answer, address)

    def _answer(self, module: Any, message: Any, device: Device, version: int) -> bytes:
        reply = module.apiMessage.get_response(message)
        request = module.apiMessage.get_pdu(message)
        pdu = module.apiMessage.get_pdu(reply)
        binds = [(tuple(name), value) for name, value in module.apiPDU.get_varbinds(request)]
        error = 0
        if request.isSameTypeWith(module.GetRequestPDU()):
            found = [self._one(device, key, version) for key, _ in binds]
            if version == 0 and any(value is None for _, value in found):
                error, found = 2, [(key, univ.Null("")) for key, _ in binds]
        elif version and request.isSameTypeWith(module.GetBulkRequestPDU()):
            count = int(module.apiBulkPDU.get_max_repetitions(request))
            found = self._bulk(device, [key for key, _ in binds], count)
            if len(found) > device.manner.fits:
                error, found = 1, []
        else:
            found = [self._following(device, key) for key, _ in binds]
            if version == 0 and any(isinstance(v, rfc1905.EndOfMibView) for _, v in found):
                error, found = 2, [(key, univ.Null("")) for key, _ in binds]
        binds = [(k, rfc1905.noSuchObject if v is None else v) for k, v in found]
        answer = self._encoded(module, reply, pdu, binds, error)
        return answer if len(answer) <= LARGEST else self._encoded(module, reply, pdu, [], 1)

    @staticmethod
    def _encoded(module: Any, reply: Any, pdu: Any, binds: list[Any], error: int) -> bytes:
        module.apiPDU.set_varbinds(pdu, binds)
        module.apiPDU.set_error_status(pdu, error)
        return bytes(encoder.encode(reply))

    @staticmethod
    def _one(device: Device, key: tuple[int, ...], version: int) -> tuple[tuple[int, ...], Any]:
        row = device.get(key)
        return key, None if row is None else make(row[1], row[2])

    @staticmethod
    def _following(device: Device, key: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
        if device.manner.endless and key[:9] == (1, 3, 6, 1, 2, 1, 2, 2, 1) and len(key) > 9:
            last = key[10] + 1 if len(key) > 10 else 1
            return (*key[:10], last), rfc1902.Integer32(1)
        found = device.after(key)
        if found is None:
            return key, rfc1905.endOfMibView
        return found[0], make(found[1][1], found[1][2])

    def _bulk(self, device: Device, keys: list[tuple[int, ...]], count: int) -> list[Any]:
        found = []
        for start in keys:
            key = start
            for _ in range(count):
                key, value = self._following(device, key)
                found.append((key, value))
                if isinstance(value, rfc1905.EndOfMibView):
                    break
        return found


@asynccontextmanager
async def playing(
    devices: dict[str, Device], host: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, Player]]:
    """The port and the player, until the block ends."""
    loop = asyncio.get_running_loop()
    transport, player = await loop.create_datagram_endpoint(
        lambda: Player(devices), local_addr=(host, 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], player
    finally:
        transport.close()
