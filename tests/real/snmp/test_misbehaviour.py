"""Devices that misbehave in every way we know are survived, and named."""

from __future__ import annotations

import asyncio
import time

import pytest

from collectors.snmp import walk
from collectors.snmp.device import DevicePoll
from collectors.snmp.poll import PORTS, Wish, poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.session import Timing
from collectors.snmp.target import Community, Target
from collectors.snmp.walk import DeviceMemory
from tests.real.snmp.devices import IF, switch
from tests.real.snmp.player import Device, Manner, playing

QUICK = Timing(waits=(0.15, 0.3, 0.6), deadline=8)
JUST_PORTS = Wish(parts=frozenset({PORTS}))


def ask(
    device: Device,
    *,
    timing: Timing = QUICK,
    memory: DeviceMemory | None = None,
    version: str = "2c",
) -> DevicePoll:
    async def run() -> DevicePoll:
        async with playing({"it": device}) as (port, _):
            return await poll_once(
                Target("127.0.0.1", port),
                Community(community="it", version=version),
                load_profiles(),
                timing=timing,
                memory=memory,
                wish=JUST_PORTS,
            )

    return asyncio.run(run())


def test_a_good_device_is_read_whole_in_few_requests() -> None:
    poll = ask(switch(48))
    assert poll.partial == {}
    assert [port.if_index for port in poll.ports] == list(range(1, 49))
    assert poll.ports[47].in_octets == 10**12 + 48
    assert poll.requests < 45


def test_v1_reads_the_same_ports_without_64_bit_counters() -> None:
    poll = ask(switch(5), version="1")
    assert [port.if_name for port in poll.ports] == [f"GigabitEthernet0/0/{n}" for n in range(1, 6)]
    assert poll.ports[0].in_octets is None


def test_a_silent_device_is_given_up_within_its_waits() -> None:
    started = time.monotonic()
    poll = ask(switch(manner=Manner(silent=True)))
    assert "no answer" in poll.error
    assert time.monotonic() - started < sum(QUICK.waits) + 1


def test_lost_requests_are_sent_again() -> None:
    patient = Timing(waits=(0.05, 0.1, 0.2), deadline=20)
    poll = ask(switch(48, Manner(loses=3, seed=7)), timing=patient)
    assert poll.retransmissions > 0
    assert len(poll.ports) == 48


def test_a_slow_device_keeps_to_its_deadline_and_what_it_told_is_kept() -> None:
    started = time.monotonic()
    timing = Timing(waits=(1.0, 1.0), deadline=2.0)
    poll = ask(switch(manner=Manner(delay_s=0.4)), timing=timing)
    assert time.monotonic() - started < 3.5
    assert poll.error == ""
    assert poll.system.name == "switch"
    assert "time for this device" in poll.partial["ifTable"]


def test_too_big_halves_the_rows_and_the_next_poll_remembers_it() -> None:
    memory = DeviceMemory()
    manner = Manner(fits=10)
    first = ask(switch(48, manner), memory=memory)
    assert first.partial == {}
    assert len(first.ports) == 48
    assert all(port.if_alias for port in first.ports)
    assert set(memory.at_once.values()) <= {1, 3, 6, 12}
    second = ask(switch(48, manner), memory=memory)
    assert len(second.ports) == 48
    assert second.requests < first.requests


def test_the_rows_grow_again_after_polls_without_trouble() -> None:
    memory = DeviceMemory(at_once={f"{IF}.7": 6})
    for _ in range(4):  # 6, 12, 24, 48 and then as usual
        ask(switch(48), memory=memory)
    assert memory.at_once == {}


def test_answers_too_large_to_be_decoded_are_asked_for_in_smaller_parts() -> None:
    device = switch(60)
    device.rows = [
        (oid, tag, b"x" * 250 if oid.startswith("1.3.6.1.2.1.31.1.1.1.18.") else value)
        for oid, tag, value in device.rows
    ]
    poll = ask(device)
    assert poll.partial == {}
    assert all(port.if_alias == "x" * 250 for port in poll.ports)


def test_rows_in_wrong_order_are_kept_and_the_table_is_named() -> None:
    poll = ask(switch(60, Manner(shuffled=True)))
    assert len(poll.ports) == 60
    assert "wrong order" in poll.partial["ifTable"]


def test_an_endless_table_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ROWS", 500)
    memory = DeviceMemory()
    first = ask(switch(4, Manner(endless=True)), memory=memory)
    assert "endless" in first.partial["ifTable"]
    second = ask(switch(4, Manner(endless=True)), memory=memory)
    assert "left out" in second.partial["ifTable"]
    assert second.requests < 5


def test_an_endless_table_ends_at_the_deadline_at_the_latest() -> None:
    started = time.monotonic()
    poll = ask(switch(4, Manner(endless=True)), timing=Timing(waits=(1.0,), deadline=1.5))
    assert time.monotonic() - started < 4
    assert "ifTable" in poll.partial


def test_garbage_is_told_from_silence() -> None:
    poll = ask(switch(manner=Manner(garbage=True)))
    assert "not SNMP" in poll.error


def test_a_device_that_repeats_itself_is_left() -> None:
    class Stuck(Device):
        def after(self, key: tuple[int, ...]) -> object:  # type: ignore[override]
            return super().after(key[:-1] if len(key) > 10 else key)

    device = Stuck(switch(60).rows)
    poll = ask(device)
    assert "going round" in poll.partial["ifTable"]
