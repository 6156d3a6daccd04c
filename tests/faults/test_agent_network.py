"""F8-F11: black hole, resets, lost and slow answers, a controller away for long."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from agent.http1 import Client
from agent.log import Log
from agent.ship import Shipper
from agent.spool import Spool
from tests.faults.agents import AgentProcess, enrolled, eventually
from tests.faults.proxy import FaultProxy, Faults
from tests.faults.receiver import Receiver, Reply, Seen
from tests.unit.agent.spools import make_spool, put


class Sender:
    """A shipper in this process, behind a proxy, with short deadlines."""

    def __init__(self, folder: Path, port: int, total_s: float = 1.0) -> None:
        self.spool: Spool = make_spool(folder)
        self.client = Client(f"http://127.0.0.1:{port}", None, connect_s=0.5, total_s=total_s)
        self.shipper = Shipper(self.spool, Log("error"), backlog_per_s=1000.0, chance=lambda: 0.0)
        self.shipper.work_for("a1", "s3cret", self.client)

    def drain(self, seconds: float) -> None:
        """Steps until nothing waits; fails after ``seconds``."""
        until = time.monotonic() + seconds
        while self.spool.batches:
            assert time.monotonic() < until, (
                f"{self.spool.batches} still wait: {self.shipper.error}"
            )
            time.sleep(min(self.shipper.step(), 0.2))
        self.client.close()
        self.spool.close()


def exact(receiver: Receiver, count: int) -> None:
    """The oracle: every row once, as issued, and nothing else."""
    assert sorted(load for _, _, load in receiver.rows()) == [float(n) for n in range(count)]


def test_lost_answers_are_asked_for_again_under_the_same_id(tmp_path: Path) -> None:
    with Receiver() as receiver, FaultProxy(receiver.port, Faults(swallow_every=3)) as proxy:
        sender = Sender(tmp_path, proxy.port)
        for number in range(30):
            put(sender.spool, number)
        sender.drain(30)
        exact(receiver, 30)
        assert receiver.replays >= 5
        assert len(receiver.batches) == 30


def test_a_third_of_connections_reset_only_slows_it(tmp_path: Path) -> None:
    with Receiver() as receiver, FaultProxy(receiver.port) as proxy:
        proxy.set(reset_share=0.3, cut_after=2500)
        sender = Sender(tmp_path, proxy.port)
        for number in range(30):
            put(sender.spool, number)
        sender.drain(30)
        exact(receiver, 30)
        assert proxy.resets > 3


def test_64_kbit_with_delay_makes_progress_without_repeats(tmp_path: Path) -> None:
    faults = Faults(rate=8_000.0, delay_s=0.02, jitter_s=0.02)
    with Receiver() as receiver, FaultProxy(receiver.port, faults) as proxy:
        sender = Sender(tmp_path, proxy.port, total_s=10)
        for number in range(12):
            put(sender.spool, *range(number * 40, number * 40 + 40))
        sender.drain(30)
        exact(receiver, 480)
        assert receiver.replays == 0


def test_duplicated_requests_store_nothing_twice(tmp_path: Path) -> None:
    with Receiver() as receiver, FaultProxy(receiver.port, Faults(duplicate=True)) as proxy:
        sender = Sender(tmp_path, proxy.port)
        for number in range(10):
            put(sender.spool, number)
        sender.drain(20)
        eventually(lambda: receiver.replays > 0, 5)
        exact(receiver, 10)


def test_a_flipped_byte_is_refused_and_the_rest_arrives(tmp_path: Path) -> None:
    with Receiver() as receiver, FaultProxy(receiver.port, Faults(flip_at=600)) as proxy:
        sender = Sender(tmp_path, proxy.port)
        for number in range(5):
            put(sender.spool, *range(number * 100, number * 100 + 100))
        sender.drain(20)
        held = quarantined_rows(tmp_path)
        rows = {load for _, _, load in receiver.rows()}
        assert len(rows) + held == 500
        assert held in {100, 200}


def quarantined_rows(folder: Path) -> int:
    """Rows kept apart in the closed spool; all of them counted as lost."""
    spool = make_spool(folder)
    rows: int = sum(each["rows"] for each in spool.quarantined())
    assert spool.summary()["lost"] == {"quarantined": rows}
    spool.close()
    return rows


def test_a_black_hole_delays_no_collection_and_everything_arrives_afterwards(
    tmp_path: Path,
) -> None:
    with Receiver() as receiver, FaultProxy(receiver.port) as proxy:
        enrolled(tmp_path, f"http://127.0.0.1:{proxy.port}")
        agent = AgentProcess(tmp_path, ship_total_s="2", ship_backlog_per_s="50")
        eventually(lambda: len(receiver.rows()) >= 1, 10)
        proxy.set(black_hole=True)
        time.sleep(6)
        proxy.clear()
        before = max(time_ms for time_ms, _, _ in receiver.rows())
        eventually(lambda: max(t for t, _, _ in receiver.rows()) >= before + 8_000, 25)
        time.sleep(1)
        assert agent.stop() == 0
        starts = sorted(t for t, instance, _ in receiver.rows() if not instance)
        gaps = [b - a for a, b in itertools.pairwise(starts[1:])]
        assert all(abs(gap - 1000) <= 100 for gap in gaps), gaps
        assert not agent.events("ticks_missed")


def test_after_a_long_cut_live_data_comes_first_and_the_backlog_at_a_bounded_rate(
    tmp_path: Path,
) -> None:
    times: list[tuple[float, int]] = []

    def watch(seen: Seen) -> Reply | None:
        times.append((time.monotonic(), len(seen.body)))
        return None

    with Receiver() as receiver:
        enrolled(tmp_path, receiver.url)
        spool = Spool(str(tmp_path), max_bytes=1 << 26, min_free_pct=0.0)
        spool.work_for("a1")
        for number in range(120):
            put(spool, number)
        spool.close()
        receiver.script = watch
        started = time.monotonic()
        agent = AgentProcess(tmp_path, ship_backlog_per_s="20")
        eventually(
            lambda: any(load < 0 or t > 1_795_100_000_000 for t, _, load in receiver.rows()), 5
        )
        waited = time.monotonic() - started
        eventually(lambda: len({t for t, _, _ in receiver.rows()}) >= 120, 25)
        assert waited < 5
        in_a_second = max(sum(1 for later, _ in times if 0 <= later - at < 1.0) for at, _ in times)
        assert in_a_second <= 26, "the backlog came faster than its rate"
        assert agent.stop() == 0


def test_a_name_that_does_not_resolve_delays_no_collection(tmp_path: Path) -> None:
    enrolled(tmp_path, "https://controller.invalid:8443", ca_pem="")
    agent = AgentProcess(tmp_path)
    eventually(lambda: bool(agent.events("started")), 5)
    time.sleep(2.2)
    assert agent.stop() == 0
    assert not agent.events("ticks_missed")
