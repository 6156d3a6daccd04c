"""F5 and F18: a torn, flipped, missing or foreign spool. The agent always starts, at once, and
delivers what can be read; what cannot is counted; nothing that was never issued comes out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.salvage import salvage
from agent.spool import ASIDE, FILE, Spool
from collectors.records import decode
from tests.faults.agents import ROOT, AgentProcess, enrolled, eventually
from tests.faults.receiver import Receiver
from tests.unit.agent.spools import make_spool, put, put_document

MUTATIONS = 500 if os.environ.get("HEAVY_TESTS") else 40
ROWS = 120


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a spool that holds ROWS one-row batches."""
    folder = tmp_path_factory.mktemp("sound")
    spool = make_spool(folder)
    for number in range(ROWS):
        put(spool, number)
    spool.close()
    return (folder / FILE).read_bytes()


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder where fsync is cheap, for what is not about durability."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def open_and_empty(folder: Path) -> tuple[list[float], dict[str, int], float]:
    """Starts on whatever lies there; load1 of all that comes out, losses, seconds to start."""
    started = time.monotonic()
    spool = make_spool(folder)
    if spool.damaged:
        for _ in salvage(spool, spool.damaged, 0.7):
            pass
    took = time.monotonic() - started
    put(spool, ROWS)
    found = []
    for _ in range(10 * ROWS):
        entry = spool.oldest()
        if entry is None:
            break
        found += decode(spool.claim(entry, "a1").body).columns.get("load1", [])
        spool.ack(entry)
    else:
        pytest.fail("it loops")
    lost = spool.summary()["lost"]
    spool.close()
    return found, lost, took


def check(folder: Path, damaged: bytes, least: int = 0) -> None:
    """The promises that hold for every mutation."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.iterdir():
        each.unlink()
    (folder / FILE).write_bytes(damaged)
    found, lost, took = open_and_empty(folder)
    assert took < 2.0
    assert len(set(found)) == len(found), "a row came out twice"
    assert set(found) <= {float(n) for n in range(ROWS + 1)}, "a row nobody issued"
    assert float(ROWS) in found, "new data must pass"
    assert len(found) - 1 >= least
    if len(found) <= ROWS:
        assert "spool_damaged" in lost, "lost and not counted"


slow = settings(
    max_examples=MUTATIONS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@slow
@given(st.integers(0, 10_000_000), st.integers(0, 7))
def test_one_flipped_bit_costs_at_most_a_page(
    sound: bytes, quick: Path, place: int, bit: int
) -> None:
    at = place % len(sound)
    damaged = bytearray(sound)
    damaged[at] ^= 1 << bit
    check(quick / "s", bytes(damaged))


@slow
@given(st.integers(0, 10_000_000))
def test_a_truncated_file_gives_what_is_left(sound: bytes, quick: Path, keep: int) -> None:
    check(quick / "s", sound[: keep % len(sound)])


@slow
@given(st.integers(0, 10_000), st.booleans())
def test_a_zeroed_or_random_page_is_skipped(
    sound: bytes, quick: Path, page: int, random: bool
) -> None:
    first = page % (len(sound) // 4096) * 4096
    filler = os.urandom(4096) if random else bytes(4096)
    check(quick / "s", sound[:first] + filler + sound[first + 4096 :])


@slow
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_survived(quick: Path, sound: bytes, junk: bytes) -> None:
    check(quick / "s", junk)
    check(quick / "s", junk + sound[len(junk) :])


def test_a_damaged_leaf_leaves_its_neighbours(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(sound)
    db = sqlite3.connect(tmp_path / FILE)
    root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'batch'").fetchone()[0]
    db.close()
    # An interior table page (type 5): 12 bytes, then cells' places, each a child page and a key.
    at = (root - 1) * 4096
    assert sound[at] == 5
    cells = int.from_bytes(sound[at + 3 : at + 5])
    middle = at + 12 + cells // 2 * 2
    cell = at + int.from_bytes(sound[middle : middle + 2])
    page = int.from_bytes(sound[cell : cell + 4])
    damaged = sound[: (page - 1) * 4096] + bytes(4096) + sound[page * 4096 :]
    check(tmp_path / "s", damaged, least=ROWS - 20)


def test_a_newer_format_is_kept_aside_untouched(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(sound)
    db = sqlite3.connect(tmp_path / FILE)
    import json  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    meta = json.loads(db.execute("SELECT text FROM meta").fetchone()[0])
    text = json.dumps({**meta, "version": 2})
    db.execute("UPDATE meta SET text = ?, crc = ?", (text, zlib.crc32(text.encode())))
    db.commit()
    db.close()
    spool = make_spool(tmp_path)
    assert "format 2 is not 1" in spool.events[0][1]
    spool.close()
    db = sqlite3.connect(tmp_path / ASIDE)
    assert db.execute("SELECT text FROM meta").fetchone()[0] == text
    assert db.execute("SELECT count(*) FROM batch").fetchone()[0] == ROWS
    db.close()


def test_only_one_damaged_file_is_kept(tmp_path: Path) -> None:
    for _ in range(4):
        (tmp_path / FILE).write_bytes(os.urandom(5000))
        make_spool(tmp_path).close()
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix == ".sqlite") == [ASIDE, FILE]


def test_a_folder_in_the_place_of_the_spool_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    found, _, _ = open_and_empty(tmp_path)
    assert found == [float(ROWS)]


def test_damage_while_running_is_healed_without_a_restart(sound: bytes, tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    for _ in range(60):
        put_document(spool, os.urandom(9_000).hex())
    size = (tmp_path / FILE).stat().st_size
    with (tmp_path / FILE).open("r+b") as file:
        file.write(os.urandom(size))
    for number in range(ROWS, ROWS + 40):
        put(spool, number)
    count = 0
    while entry := spool.oldest():
        assert spool.claim(entry, "a1").id.epoch == spool.epoch
        spool.ack(entry)
        count += 1
        assert count < 10 * ROWS, "it loops"
    assert (tmp_path / ASIDE).exists()
    put(spool, 999)
    entry = spool.oldest()
    assert entry is not None
    spool.close()


def test_the_real_agent_starts_on_a_ruined_spool_and_reports_the_loss(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(100_000))
    with Receiver() as receiver:
        enrolled(tmp_path, receiver.url)
        agent = AgentProcess(tmp_path)
        eventually(lambda: len(receiver.rows()) >= 2, 10)
        eventually(lambda: bool(receiver.documents("loss")), 5)
        assert agent.stop() == 0
        assert receiver.documents("loss")[0]["reason"] == "spool_damaged"
        assert agent.events("spool_damaged")


def test_a_full_spool_is_streamed_not_loaded(tmp_path: Path) -> None:
    megabytes = 256 if os.environ.get("HEAVY_TESTS") else 48
    spool = Spool(str(tmp_path), max_bytes=1 << 30, min_free_pct=0.0, machine="m", boot="b")
    spool._queue.db.execute("PRAGMA synchronous = OFF")
    put_document(spool, os.urandom(700).hex())
    row = spool._queue.db.execute(
        "SELECT agent, epoch, seq, kind, rows, from_ms, to_ms, crc, body FROM batch"
    ).fetchone()
    count = megabytes * 1024
    spool._queue.db.execute("BEGIN")
    spool._queue.db.executemany(
        "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((n, *row) for n in range(10, count)),
    )
    spool._queue.meta["n"] = count
    spool._queue.meta["batches"] = count - 10
    spool._queue.commit()
    spool.close()
    script = (
        "import sys, time, resource; from agent.spool import Spool\n"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "started = time.monotonic()\n"
        f"spool = Spool({str(tmp_path)!r}, max_bytes=1 << 30, machine='m', boot='b')\n"
        "took = time.monotonic() - started\n"
        "for _ in range(300):\n"
        "    entry = spool.oldest()\n"
        "    spool.ack(entry)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base, took)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    grown_kb, took = out.split()
    assert int(grown_kb) < 32 * 1024
    assert float(took) < 2.0
    shutil.rmtree(tmp_path)
