"""The samples process is killed, stopped, filled up and damaged; what was acknowledged stays.

The oracle: every block issued is recorded, every block whose insert returned is recorded; in the
end each row of the second set is there exactly once with its content, and no row that was never
issued.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controller.store import maintenance
from controller.store.samples import Samples, SamplesError, SamplesFull, SamplesUnavailable
from tests.faults.disks import small_disk
from tests.samples_process import SamplesProcess, samples_process

HEAVY = os.environ.get("HEAVY_TESTS") == "1"
KILLS = 200 if HEAVY else 20
WRITERS = 3
BLOCK_ROWS = 300
ARRIVED = 1_780_000_000


def content(block: int) -> np.ndarray:
    """What the rows of ``block`` hold: no two blocks alike."""
    return np.arange(BLOCK_ROWS, dtype=np.float64) * 0.5 + block * 1000.0


def insert(samples: Samples, block: int) -> None:
    # Three months, so that a kill can fall between the partitions of one block.
    months = np.array(["2026-01-05", "2026-02-05", "2026-03-05"], "M8[ms]")
    samples.insert(
        "host",
        {
            "resource": np.full(BLOCK_ROWS, block, np.uint32),
            "instance": "",
            "source": "agent",
            "time": months[np.arange(BLOCK_ROWS) % 3] + np.arange(BLOCK_ROWS) * 60_000,
            "interval_s": 60.0,
            "mem_used_bytes": content(block),
            "version": block + 1,
            "arrived": ARRIVED,
        },
    )


class Writer(threading.Thread):
    """Sends one block after another, each until it is acknowledged, as a spool does."""

    def __init__(self, samples: Samples, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.samples, self.number, self.stop_event = samples, number, stop
        self.issued: list[int] = []
        self.acked: list[int] = []
        self.retries = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        block = self.number
        try:
            while not self.stop_event.is_set():
                self.issued.append(block)
                while not self.stop_event.is_set():
                    try:
                        insert(self.samples, block)
                    except SamplesUnavailable:
                        self.retries += 1
                        time.sleep(0.05)
                    else:
                        self.acked.append(block)
                        break
                block += WRITERS
        except BaseException as error:
            self.failure = error


def check(samples: Samples, issued: set[int], acked: set[int]) -> None:
    """The oracle's verdict."""
    found = samples.query(
        "SELECT resource, count() AS n, uniqExact(time) AS times, "
        "groupArray(mem_used_bytes) AS content "
        "FROM (SELECT * FROM host FINAL ORDER BY resource, mem_used_bytes) "
        "GROUP BY resource ORDER BY resource",
        seconds=60,
    )
    present = set(found["resource"].tolist())
    assert acked <= present, f"acknowledged and lost: {sorted(acked - present)}"
    assert present <= issued, f"never issued: {sorted(present - issued)}"
    for block, count, times, values in zip(
        found["resource"].tolist(), found["n"], found["times"], found["content"], strict=True
    ):
        if block in acked:
            assert (count, times) == (BLOCK_ROWS, BLOCK_ROWS)
            assert values.tolist() == content(block).tolist()
        else:
            # Issued and unanswered: any part of it may be there, but nothing else.
            assert set(values.tolist()) <= set(content(block).tolist())


@pytest.mark.timeout(3600 if HEAVY else 120)
def test_no_acknowledged_row_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with samples_process(tmp_path) as (process, samples):
        stop = threading.Event()
        writers = [Writer(samples, number, stop) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.0, 0.5))
                process.kill(signal.SIGKILL)
                process.start()
            time.sleep(0.5)
        finally:
            stop.set()
            for writer in writers:
                writer.join(60)
        assert [writer.failure for writer in writers] == [None] * WRITERS
        issued = {block for writer in writers for block in writer.issued}
        acked = {block for writer in writers for block in writer.acked}
        assert len(acked) > KILLS
        check(samples, issued, acked)
        assert maintenance.detached_parts(samples, process.settings) == []
        # A fresh row arrives after the faults, and no temporary file is left behind.
        insert(samples, max(issued) + 1)
        assert list((tmp_path / "samples" / "tmp").iterdir()) == []


def test_a_crash_of_the_engine_leaves_the_client_able_to_go_on(tmp_path: Path) -> None:
    with samples_process(tmp_path) as (process, samples):
        insert(samples, 1)
        process.kill(signal.SIGSEGV)
        assert not (tmp_path / "samples" / "work" / "core").exists()
        process.start()
        check(samples, {1}, {1})
        insert(samples, 2)


def test_a_hanging_engine_costs_a_client_its_time_limit_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.store.samples.INSERT_SECONDS", 1)
    with samples_process(tmp_path) as (process, samples):
        insert(samples, 1)
        process.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        start = time.monotonic()
        with pytest.raises(SamplesUnavailable):
            insert(samples, 2)
        assert time.monotonic() - start < 10
        process.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
        insert(samples, 2)
        check(samples, {1, 2}, {1, 2})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 40 MB of its own."""
    with small_disk(tmp_path / "small", 40) as folder:
        yield folder


def fill(path: Path) -> None:
    """Takes all that is left of the disk of ``path``."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):
            while os.write(handle, bytes(1 << 14)):
                pass
    finally:
        os.close(handle)


def test_a_full_disk_refuses_inserts_keeps_reads_and_recovers(disk: Path) -> None:
    with samples_process(disk) as (process, samples):
        insert(samples, 0)
        ballast = disk / "ballast"
        fill(ballast)
        acked = {0}
        issued = {0}
        refused = 0
        for block in range(1, 10):
            issued.add(block)
            try:
                insert(samples, block)
            except SamplesFull:
                refused += 1
                if refused == 3:
                    break
            else:
                acked.add(block)
        assert refused == 3
        check(samples, issued, acked)
        (disk,) = maintenance.disks(samples, process.settings)
        assert disk.free_percent < 5
        ballast.unlink()
        for block in sorted(issued - acked):
            insert(samples, block)
        check(samples, issued, issued)
        process.kill()
        process.start()
        check(samples, issued, issued)


def test_a_damaged_part_is_found_and_other_tables_answer(tmp_path: Path) -> None:
    with samples_process(tmp_path) as (process, samples):
        insert(samples, 1)
        samples.insert("host_1h", {"resource": [1], "time": ["2026-01-01"], "version": 1})
        (part, *_) = samples.query(
            "SELECT path FROM system.parts WHERE active AND table = 'host' ORDER BY name"
        )["path"]
        process.stop()
        data = Path(part) / "data.bin"
        raw = bytearray(data.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        data.write_bytes(raw)
        process.start()
        failures = maintenance.damaged(samples, process.settings)
        assert [line.split(":")[0] for line in failures] == ["host"]
        with pytest.raises(SamplesError):
            samples.query("SELECT * FROM host")
        assert samples.query("SELECT count() AS n FROM host_1h")["n"][0] == 1


def test_a_part_emptied_by_a_power_cut_is_reported_after_the_start(tmp_path: Path) -> None:
    with samples_process(tmp_path) as (process, samples):
        insert(samples, 1)
        (part, *_) = samples.query(
            "SELECT path FROM system.parts WHERE active AND table = 'host' ORDER BY name"
        )["path"]
        process.stop()
        for file in Path(part).iterdir():
            file.write_bytes(b"")
        process.start()
        (detached,) = maintenance.detached_parts(samples, process.settings)
        assert (detached.table, detached.reason) == ("host", "broken-on-start")
        assert samples.query("SELECT count() AS n FROM host")["n"][0] == BLOCK_ROWS * 2 // 3
        # The same rows sent again mend it.
        insert(samples, 1)
        check(samples, {1}, {1})


def test_leftovers_of_a_killed_engine_are_swept_at_the_start(tmp_path: Path) -> None:
    process = SamplesProcess(tmp_path)
    leftover = tmp_path / "samples" / "tmp" / "tmpabc.native"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"x" * 100)
    process.start()
    assert not leftover.exists()
    assert process.stop() == 0
