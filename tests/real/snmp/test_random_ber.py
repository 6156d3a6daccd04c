"""Random and mutilated BER against the poller: no crash, no hang.

Half of it is noise; half is a true answer with some octets changed, which gets deep into the
decoder. A quarter of a minute; with HEAVY_TESTS=1 a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import Any

import pytest

from collectors.snmp.poll import poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.session import Timing
from collectors.snmp.target import Community, Credential, Target, User
from tests.real.snmp.devices import switch
from tests.real.snmp.player import Device, Player

SECONDS = 60.0 if os.environ.get("HEAVY_TESTS") == "1" else 15.0


class Mutilator(Player):
    """Answers, but seldom as it should."""

    def __init__(self, devices: dict[str, Device], chance: random.Random) -> None:
        super().__init__(devices)
        self.chance = chance

    def datagram_received(self, data: bytes, address: Any) -> None:
        try:
            super().datagram_received(data, address)
        except Exception:  # what it cannot read itself (SNMPv3) is answered with noise
            self._send(data, address)

    def _send(self, answer: bytes, address: Any) -> None:
        kind = self.chance.randrange(10)
        if kind < 3:
            answer = self.chance.randbytes(self.chance.randrange(0, 400))
        elif kind < 8:
            spoilt = bytearray(answer)
            for _ in range(self.chance.randrange(1, 6)):
                spoilt[self.chance.randrange(len(spoilt))] = self.chance.randrange(256)
            answer = bytes(spoilt[: self.chance.randrange(len(spoilt)) if kind == 7 else None])
        super()._send(answer, address)


@pytest.mark.timeout(int(SECONDS) + 120)
def test_random_ber_never_crashes_the_poller(capfd: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(20261123)
    profiles = load_profiles()
    timing = Timing(waits=(0.02, 0.02), deadline=1.0)
    who: list[Credential] = [
        Community(community="it"),
        Community(community="it", version="1"),
        User(name="u", auth_password="long-enough", priv_password="long-enough"),
    ]

    async def one(port: int, until: float, credential: Credential) -> int:
        polls = 0
        while time.monotonic() < until:
            started = time.monotonic()
            await poll_once(Target("127.0.0.1", port), credential, profiles, timing=timing)
            assert time.monotonic() - started < 10
            polls += 1
        return polls

    async def run() -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Mutilator({"it": switch(8)}, chance), local_addr=("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        until = time.monotonic() + SECONDS
        done = await asyncio.gather(*(one(port, until, who[n % 3]) for n in range(6)))
        transport.close()
        return sum(done)

    assert asyncio.run(run()) > SECONDS
