"""Devices that misbehave in six ways, for the benchmark: ``python -m bench.snmp_bad PORT SNMPD``.

PORT + n serves way n of ``WAYS`` on all addresses; the real snmpd at port SNMPD gives what is not
spoilt. Plain sockets and as little BER as will do, so that these cost less than what they test.
"""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial
from typing import Any

WAYS = ("silent", "slow", "wrong_order", "endless", "too_big", "garbage")
DELAY_S = 0.9
IF_TABLE = bytes.fromhex("2b060102010202")
GET_BULK, RESPONSE = 0xA5, 0xA2


def tlv(tag: int, body: bytes) -> bytes:
    """One BER element."""
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    return bytes((tag, 0x82)) + size.to_bytes(2, "big") + body


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """The elements one after the other in ``data``."""
    found, at = [], 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            octets = size & 0x7F
            size = int.from_bytes(data[at : at + octets], "big")
            at += octets
        found.append((tag, data[at : at + size]))
        at += size
    return found


def sub_identifier(number: int) -> bytes:
    """A number of an OID in base 128."""
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | number & 0x7F)
    return bytes(reversed(octets))


def last_number(oid: bytes) -> tuple[bytes, int]:
    """An OID's octets before its last number, and that number."""
    at = len(oid) - 1
    while at and oid[at - 1] & 0x80:
        at -= 1
    number = 0
    for octet in oid[at:]:
        number = number << 7 | octet & 0x7F
    return oid[:at], number


class Bad(asyncio.DatagramProtocol):
    """One way of misbehaving on one port."""

    def __init__(self, way: str, snmpd: int) -> None:
        self.way = way
        self.snmpd = snmpd
        self.chance = random.Random(5)
        self.waiting: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        if self.way == "silent":
            return
        if self.way == "garbage":
            self.transport.sendto(self.chance.randbytes(120), address)
            return
        version, community, (kind, pdu) = elements(elements(data)[0][1])
        parts = elements(pdu)
        oid = elements(elements(parts[3][1])[0][1])[0][1]
        head = tlv(*version) + tlv(*community)
        if self.way == "too_big":
            body = tlv(*parts[0]) + tlv(2, b"\1") + tlv(2, b"\0") + tlv(0x30, b"")
            self.transport.sendto(tlv(0x30, head + tlv(RESPONSE, body)), address)
        elif self.way != "slow" and kind == GET_BULK and oid.startswith(IF_TABLE):
            rows = self.rows(oid, int.from_bytes(parts[2][1], "big"))
            body = tlv(*parts[0]) + tlv(2, b"\0") + tlv(2, b"\0") + tlv(0x30, rows)
            self.transport.sendto(tlv(0x30, head + tlv(RESPONSE, body)), address)
        else:
            task = asyncio.create_task(self.forward(data, address))
            self.waiting.add(task)
            task.add_done_callback(self.waiting.discard)

    def rows(self, oid: bytes, count: int) -> bytes:
        """Rows after ``oid``: on and on, or from 48 down to 1."""
        column, number = (oid, 0) if len(oid) <= 9 else last_number(oid)
        if self.way == "endless":
            numbers = list(range(number + 1, number + count + 1))
        else:
            numbers = list(range((number or 49) - 1, 0, -1))[:count]
        rows = b"".join(
            tlv(0x30, tlv(6, column + sub_identifier(n)) + tlv(2, b"\1")) for n in numbers
        )
        if len(numbers) < count:
            after = column[:-1] + bytes((column[-1] + 1, 1))
            rows += tlv(0x30, tlv(6, after) + tlv(2, b"\1"))
        return rows

    async def forward(self, data: bytes, address: Any) -> None:
        """What the real snmpd says, late if that is our way."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()

        class Reply(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: Any) -> None:
                del address
                if not answer.done():
                    answer.set_result(data)

        transport, _ = await loop.create_datagram_endpoint(
            Reply, remote_addr=("127.0.0.1", self.snmpd)
        )
        try:
            transport.sendto(data)
            got = await asyncio.wait_for(answer, 5)
            await asyncio.sleep(DELAY_S if self.way == "slow" else 0)
            self.transport.sendto(got, address)
        except TimeoutError:
            return
        finally:
            transport.close()


async def serve(first_port: int, snmpd: int) -> None:
    """All six ways until the process is ended."""
    loop = asyncio.get_running_loop()
    for number, way in enumerate(WAYS):
        # A socket bound to 0.0.0.0 answers from 127.0.0.1, which a connected poller drops: one
        # address for each way, and one port for each target.
        for target in range(TARGETS):
            await loop.create_datagram_endpoint(
                partial(Bad, way, snmpd),
                local_addr=("127.0.0.1", first_port + number * TARGETS + target),
            )
    print("ready", flush=True)
    await asyncio.Event().wait()


TARGETS = 17
"""Of each way: 102 in all."""

if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
