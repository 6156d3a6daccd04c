"""F6: the agent's disk is full. It evicts the oldest, counts it, leaves others their share, and
goes on when there is room again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.spool import Spool
from collectors.records import decode
from tests.faults.agents import AgentProcess, enrolled, eventually
from tests.faults.disks import small_disk
from tests.faults.receiver import Receiver
from tests.unit.agent.spools import make_spool, put


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    with small_disk(tmp_path / "disk", 4) as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Takes every byte that is left."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return path


def free_share(folder: Path) -> float:
    disk = os.statvfs(folder)
    return disk.f_bavail / disk.f_blocks


def everything(spool: Spool) -> tuple[list[float], int]:
    """load1 of what waits, and the rows that loss reports tell of."""
    found, lost = [], 0
    while entry := spool.oldest():
        batch = decode(entry.body)
        found += batch.columns.get("load1", [])
        lost += sum(d.body["rows"] for d in batch.documents if d.kind == "loss")
        spool.ack(entry)
    return found, lost


def test_it_stops_growing_before_the_floor_and_counts_what_it_dropped(disk: Path) -> None:
    spool = make_spool(disk, max_bytes=100_000_000, min_free_pct=85.0)
    for number in range(150):
        put(spool, *range(number * 2000, number * 2000 + 2000))
        assert free_share(disk) > 0.82
    summary = spool.summary()
    assert summary["lost"]["spool_full"] > 0
    found, _ = everything(spool)
    assert found[-1] == 300_000 - 1, "the newest is kept"
    assert len(found) + summary["lost"]["spool_full"] == 300_000
    assert found == sorted(found)
    spool.close()


def test_on_a_disk_without_a_byte_left_new_data_replaces_old_and_nothing_is_uncounted(
    disk: Path,
) -> None:
    spool = make_spool(disk)
    for number in range(300):
        put(spool, number)
    ballast = fill(disk)
    for number in range(300, 900):
        put(spool, number)
    ballast.unlink()
    put(spool, 900)
    put(spool, 901)
    lost = sum(spool.summary()["lost"].values())
    found, _ = everything(spool)
    assert found[-1] == 901.0
    assert len(set(found)) == len(found)
    assert len(found) + lost == 902
    spool.close()
    spool = make_spool(disk)
    put(spool, 902)
    assert everything(spool)[0] == [902.0]
    spool.close()


def test_the_real_agent_keeps_delivering_on_a_full_disk(disk: Path) -> None:
    with Receiver() as receiver:
        enrolled(disk, receiver.url)
        agent = AgentProcess(disk)
        eventually(lambda: len(receiver.rows()) >= 1, 10)
        ballast = fill(disk)
        before = len(receiver.rows())
        eventually(lambda: len(receiver.rows()) >= before + 3, 10)
        ballast.unlink()
        before = len(receiver.rows())
        eventually(lambda: len(receiver.rows()) >= before + 2, 10)
        assert agent.stop() == 0
