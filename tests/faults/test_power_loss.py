"""F3 and F4: the power goes while agent or engine write; what they acknowledged is on the disk."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from collectors.records import decode
from controller.store.samples import Samples
from tests.faults.agents import ROOT
from tests.faults.disks import LoopDisk, loop_disk
from tests.faults.store.test_samples_process import WRITERS, Writer, check
from tests.samples_process import SamplesProcess, samples_process
from tests.unit.agent.spools import make_spool

CUTS = 30 if os.environ.get("HEAVY_TESTS") == "1" else 4
DEAD_URL = "http://127.0.0.1:9"


def _oracle(file: Path) -> tuple[set[int], set[int]]:
    """(about to be spooled, said to be durable); the last line may be torn."""
    lines = file.read_text().splitlines(keepends=True)
    whole = [line.strip() for line in lines if line.endswith("\n")]
    return (
        {int(line[1:]) for line in whole if line[0] == "+"},
        {int(line[1:]) for line in whole if line[0] == "="},
    )


def _spooled(folder: Path) -> set[int]:
    """The minutes that a spool on this disk gives out."""
    spool = make_spool(folder)
    found: set[int] = set()
    try:
        assert not spool.damaged
        while entry := spool.oldest():
            columns = decode(spool.claim(entry, "a1").body).columns
            found |= {int(value) for value in columns["load1"]}
            spool.ack(entry)
    finally:
        spool.close()
    return found


@pytest.mark.timeout(1800)
def test_what_an_agent_spooled_survives_the_power_cut(tmp_path: Path) -> None:
    rng = random.Random(20261123)
    issued = tmp_path / "issued"
    with loop_disk(tmp_path / "loop", 64) as disk:
        (disk.mounted / "state").mkdir()
        writer = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "tests/faults/writer.py"),
                str(disk.mounted / "state"),
                DEAD_URL,
                str(issued),
                "0",
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        try:
            for cut in range(CUTS):
                time.sleep(0.5 + rng.uniform(0.0, 0.5))
                assert writer.poll() is None
                durable = _oracle(issued)[1]
                with disk.after_power_cut([writer.pid], tmp_path / f"cut{cut}") as place:
                    begun = _oracle(issued)[0]
                    found = _spooled(place / "state")
                assert durable
                assert durable <= found, f"lost: {sorted(durable - found)[:5]}"
                assert found <= begun
        finally:
            writer.kill()
            writer.wait()


@pytest.mark.timeout(3600)
def test_what_the_engine_acknowledged_survives_the_power_cut(tmp_path: Path) -> None:
    rng = random.Random(20261123)
    with loop_disk(tmp_path / "loop", 1024) as disk:
        folder = disk.mounted / "data"
        folder.mkdir()
        with samples_process(folder) as (process, samples):
            stop = threading.Event()
            writers = [Writer(samples, number, stop) for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            try:
                for cut in range(CUTS):
                    time.sleep(1.0 + rng.uniform(0.0, 1.0))
                    _cut_engine(disk, process.pid, writers, tmp_path / f"cut{cut}")
            finally:
                stop.set()
                for writer in writers:
                    writer.join(60)
            assert [writer.failure for writer in writers] == [None] * WRITERS


def _cut_engine(disk: LoopDisk, pid: int, writers: list[Writer], folder: Path) -> None:
    acked = {block for writer in writers for block in list(writer.acked)}
    assert acked
    with disk.after_power_cut([pid], folder) as place:
        issued = {block for writer in writers for block in list(writer.issued)}
        # No ddl.ensure: the schema has to be on the disk too.
        again = SamplesProcess(place / "data")
        again.start()
        samples = Samples.from_settings(again.settings)
        try:
            check(samples, issued, acked)
        finally:
            samples.close()
            again.stop()
