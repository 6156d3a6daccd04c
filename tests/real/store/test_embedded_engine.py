"""The embedded engine as its clients meet it: a real process, real HTTP, real files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import numpy as np
import pytest
import urllib3

from collectors.catalog import HOST
from controller.store import ddl, maintenance
from controller.store.samples import (
    QUICK_SECONDS,
    Dictionary,
    QueryTooHeavy,
    Samples,
    SamplesError,
    SamplesUnavailable,
    UnknownColumn,
)
from tests.samples_process import ROOT, SamplesProcess, samples_process

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SamplesProcess, Samples]]:
    with samples_process(tmp_path_factory.mktemp("engine"), query_seconds=20) as pair:
        yield pair


@pytest.fixture
def engine(running: tuple[SamplesProcess, Samples]) -> SamplesProcess:
    return running[0]


@pytest.fixture
def samples(running: tuple[SamplesProcess, Samples]) -> Samples:
    for table in ("host", "host_5m", "host_1h", "host_coarse"):
        running[1].command(f"TRUNCATE TABLE {table}")
    return running[1]


def rows(count: int, start: str = "2026-03-02", **more: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "resource": np.arange(count, dtype=np.uint32),
        "instance": "",
        "source": "agent",
        "time": np.full(count, np.datetime64(start, "ms")),
        "interval_s": 60.0,
        "version": 1,
        "arrived": int(NOW.timestamp()),
    }
    return columns | more


def test_rows_come_back_as_they_were_and_missing_metrics_are_nan(samples: Samples) -> None:
    used = np.array([0.1, np.nan, 100.0], np.float32)
    instances = Dictionary(["", "fs:/数据"], np.array([0, 1, 1]))
    assert samples.insert("host", rows(3, cpu_used_pct=used, instance=instances)) == 3
    answer = samples.query("SELECT * FROM host ORDER BY resource")
    assert answer["cpu_used_pct"].tobytes() == used.tobytes()
    assert answer["instance"].tolist() == ["", "fs:/数据", "fs:/数据"]
    assert answer["time"].tolist() == [datetime(2026, 3, 2)] * 3
    assert np.isnan(answer["mem_used_bytes"]).all()
    assert set(HOST.names) < set(answer)


def test_a_replayed_block_changes_nothing_whatever_the_order(samples: Samples) -> None:
    first = rows(10, load1=np.arange(10.0), version=5)
    second = rows(10, load1=np.arange(10.0) + 100, version=6)
    for block in (second, first, second, first):
        samples.insert("host", block)
    answer = samples.query("SELECT load1 FROM host FINAL ORDER BY resource")
    assert answer["load1"].tolist() == (np.arange(10.0) + 100).tolist()


def test_a_block_over_nine_years_is_stored(samples: Samples) -> None:
    times = np.arange("2017-01", "2026-01", dtype="M8[M]").astype("M8[ms]")
    assert samples.insert("host", rows(108, time=times)) == 108
    found = samples.query("SELECT count() AS n, uniq(toYYYYMM(time)) AS months FROM host")
    assert (found["n"][0], found["months"][0]) == (108, 108)


def test_an_insert_is_one_part_and_what_the_table_refuses_is_an_error(samples: Samples) -> None:
    samples.insert("host", rows(50_000))
    found = samples.query("SELECT name FROM system.parts WHERE active AND table = 'host'")
    assert len(found["name"]) == 1
    # chDB's streaming insert answered "written" here, with nothing written.
    samples.command("CREATE TABLE picky (a UInt32) ENGINE = MergeTree ORDER BY a PARTITION BY a")
    try:
        with pytest.raises(SamplesError, match="TOO_MANY_PARTS"):
            samples.insert("picky", {"a": np.arange(500)})
        assert samples.query("SELECT count() AS n FROM picky")["n"][0] == 0
    finally:
        samples.command("DROP TABLE picky")


def test_an_unknown_column_is_named_and_nothing_is_stored(samples: Samples) -> None:
    with pytest.raises(UnknownColumn, match="table host has no column cpu_guess, zz"):
        samples.insert("host", rows(2, zz=1.0, cpu_guess=1.0))
    with pytest.raises(SamplesError, match="no sample table nowhere"):
        samples.insert("nowhere", rows(1))
    assert samples.query("SELECT count() AS n FROM host")["n"][0] == 0


def test_a_column_added_elsewhere_is_noticed_at_the_next_insert(
    engine: SamplesProcess, samples: Samples
) -> None:
    samples.insert("host", rows(1))
    other = Samples.from_settings(engine.settings)
    other.command("ALTER TABLE host ADD COLUMN novel_pct Float32 DEFAULT nan")
    try:
        samples.insert("host", rows(1, "2026-03-03", novel_pct=7.0))
        found = samples.query("SELECT novel_pct FROM host ORDER BY time")["novel_pct"]
        assert np.isnan(found[0])
        assert found[1] == 7.0
    finally:
        other.command("ALTER TABLE host DROP COLUMN novel_pct")
        other.close()


def test_the_schema_is_repaired_for_a_metric_that_is_missing(
    engine: SamplesProcess, samples: Samples
) -> None:
    samples.insert("host", rows(1))
    samples.command("ALTER TABLE host_5m DROP COLUMN load1")
    ddl.ensure(samples, engine.settings)
    assert samples.columns("host_5m")["load1"] == "Float32"
    ddl.ensure(samples, engine.settings)


def test_an_answer_without_rows_still_has_its_columns(samples: Samples) -> None:
    sql = "SELECT resource, time, instance, [load1] AS loads FROM host WHERE resource = {r:UInt32}"
    answer = samples.query(sql, {"r": 1})
    assert list(answer) == ["resource", "time", "instance", "loads"]
    assert [len(values) for values in answer.values()] == [0] * 4
    assert (answer["resource"].dtype, answer["time"].dtype) == (np.uint32, np.dtype("M8[ms]"))


def test_parameters_of_every_shape_arrive_unchanged(samples: Samples) -> None:
    text = "it's\t\\ a\n{x} 单位%&?"
    ids = list(range(30_000))
    answer = samples.query(
        "SELECT {s:String} AS s, length({i:Array(UInt32)}) AS n, {d:DateTime64(3, 'UTC')} AS d",
        {"s": text, "i": ids, "d": "2026-01-01 08:00:00.5"},
    )
    assert answer["s"][0] == text
    assert answer["n"][0] == len(ids)
    assert answer["d"][0] == np.datetime64("2026-01-01T08:00:00.500")


def test_a_query_can_bring_a_table_of_its_own(samples: Samples) -> None:
    samples.insert("host", rows(100))
    wanted = [("resource", "UInt32", np.arange(50, 60)), ("tag", "String", ["x"] * 10)]
    found = samples.query(
        "SELECT resource, tag FROM host INNER JOIN wanted USING resource ORDER BY resource",
        external={"wanted": wanted},
    )
    assert found["resource"].tolist() == list(range(50, 60))
    assert set(found["tag"]) == {"x"}
    with pytest.raises(SamplesError, match="wanted"):
        samples.query("SELECT * FROM wanted")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT `file`('/etc/hostname')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT 1 INTO OUTFILE '/tmp/yunxun-outfile'",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT 1; DROP TABLE host",
        "SET readonly = 0",
    ],
)
def test_a_query_reaches_neither_files_nor_network_nor_its_own_limits(
    samples: Samples, sql: str
) -> None:
    with pytest.raises(SamplesError) as caught:
        samples.query(sql)
    assert caught.value.code == 164
    assert not Path("/tmp/yunxun-outfile").exists()


def test_a_query_cannot_write(engine: SamplesProcess, samples: Samples) -> None:
    samples.insert("host", rows(1))
    with pytest.raises(SamplesError):
        samples.query("INSERT INTO host (resource) VALUES (1)")
    assert samples.query("SELECT count() AS n FROM host")["n"][0] == 1


def test_a_runaway_query_is_stopped_and_the_next_one_runs(samples: Samples) -> None:
    endless = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"
    start = time.monotonic()
    with pytest.raises(QueryTooHeavy):
        samples.query(endless, seconds=1)
    assert time.monotonic() - start < 5
    with pytest.raises(QueryTooHeavy):
        samples.query("SELECT groupArray(number) FROM numbers(1000000000)")
    assert samples.query("SELECT 1 AS one")["one"][0] == 1


def test_limits_asked_for_above_the_cap_are_capped(samples: Samples) -> None:
    answer = samples.query(
        "SELECT getSetting('max_execution_time') AS t, getSetting('max_memory_usage') AS m, "
        "getSetting('max_threads') AS threads",
        seconds=100_000,
        settings={"max_memory_usage": 1 << 40, "max_threads": 64},
    )
    assert float(answer["t"][0]) == 20
    assert answer["m"][0] < 1 << 30
    assert answer["threads"][0] == 2


def test_a_write_may_take_longer_than_a_query(tmp_path: Path) -> None:
    # 2.7 s; a month's merge at night lasts longer than any report may.
    slow, one_by_one = "sleepEachRow(0.9)", {"max_block_size": 1}
    insert = (
        "INSERT INTO host (resource, instance, source, time, interval_s, version, arrived) SELECT "
        f"7 + number, '', 'agent', toDateTime64(1e9, 3), 60, 1 + {slow}, now() FROM numbers(3)"
    )
    with samples_process(tmp_path / "engine", query_seconds=1) as (_, samples):
        with pytest.raises(QueryTooHeavy):
            samples.query(f"SELECT {slow} FROM numbers(3)", settings=one_by_one)
        samples.command(insert, settings=one_by_one)
        assert samples.query("SELECT count() AS n FROM host")["n"][0] == 3
        with pytest.raises(QueryTooHeavy):
            samples.command(insert, settings=one_by_one, seconds=1)


def test_neither_inserts_nor_quick_queries_wait_for_heavy_ones(samples: Samples) -> None:
    samples.insert("host", rows(1))
    heavy = "SELECT count() FROM numbers(25000000) WHERE sipHash64(number) = 1"
    waits: list[float] = []

    def keep_busy() -> None:
        with contextlib.suppress(QueryTooHeavy):
            samples.query(heavy, seconds=15)

    with ThreadPoolExecutor(8) as pool:
        # Twice as many as there are lanes for them: half of them wait.
        futures = [pool.submit(keep_busy) for _ in range(8)]
        time.sleep(0.2)
        while not all(future.done() for future in futures):
            start = time.monotonic()
            samples.insert("host", rows(200, load1=1.0))
            samples.query("SELECT count() FROM host", seconds=QUICK_SECONDS)
            waits.append(time.monotonic() - start)
            time.sleep(0.05)
    assert len(waits) > 3
    assert np.median(waits) < 0.7


def test_parameters_of_parallel_queries_do_not_mix(samples: Samples) -> None:
    def ask(number: int) -> bool:
        found = samples.query("SELECT {n:UInt32} AS n, {s:String} AS s", {"n": number, "s": number})
        return bool(found["n"][0] == number and found["s"][0] == str(number))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))


def test_the_stock_client_works_against_the_endpoint(engine: SamplesProcess) -> None:
    url = json.loads(engine.announcement.read_text())["url"]
    client = clickhouse_connect.get_client(dsn=url, compress=False)
    client.command(
        "CREATE TABLE stock (a UInt32, b String, c DateTime64(3)) ENGINE = MergeTree ORDER BY a"
    )
    try:
        client.insert("stock", [[1, "x", NOW], [2, "y", NOW]], column_names=["a", "b", "c"])
        assert client.query("SELECT a, b FROM stock ORDER BY a").result_rows == [(1, "x"), (2, "y")]
        assert client.query("SELECT count() FROM stock LIMIT 0").column_names == ("count()",)
        assert client.command("SELECT sum(a) FROM stock") == 3
    finally:
        client.command("DROP TABLE stock")
        client.close()


def test_without_the_password_nothing_is_answered_but_ping(engine: SamplesProcess) -> None:
    url = json.loads(engine.announcement.read_text())["url"]
    bare = "http://" + url.split("@", 1)[1].split("/")[0]
    with urllib3.PoolManager() as http:
        assert http.request("GET", f"{bare}/ping").data == b"Ok.\n"
        for headers in ({}, urllib3.make_headers(basic_auth="default:guess")):
            answer = http.request("POST", f"{bare}/", body=b"SELECT 1", headers=headers)
            assert answer.status == 401
            assert answer.data != b"1\n"


def test_the_address_file_and_the_folders_are_private(engine: SamplesProcess) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(engine.announcement) == 0o600
    for name in ("work", "tmp", "data"):
        assert mode(engine.folder / "samples" / name) == 0o700
    limits = Path(f"/proc/{engine.pid}/limits").read_text()
    assert "Max core file size        0                    0" in limits
    arguments = Path(f"/proc/{engine.pid}/cmdline").read_bytes()
    url = json.loads(engine.announcement.read_text())["url"]
    assert url.split(":")[2].split("@")[0].encode() not in arguments


def test_retention_counts_from_arrival_and_keeps_imported_history(
    engine: SamplesProcess, samples: Samples
) -> None:
    def stamp(days: int) -> int:
        return int((NOW - timedelta(days=days)).timestamp())

    samples.insert("host", rows(10, "2020-01-01", arrived=stamp(1)))
    samples.insert("host", rows(10, "2025-06-01", arrived=stamp(40)))
    samples.insert("host", rows(10, "2026-03-02", arrived=stamp(13)))
    samples.insert("host", rows(5, "2026-02-01", arrived=stamp(31)))
    samples.insert("host", rows(10, "2026-02-02", arrived=stamp(29)))
    removed = maintenance.expire(samples, engine.settings, NOW)
    assert {(each.partition, each.rows, each.whole) for each in removed} == {
        ("202506", 10, True),
        ("202602", 5, False),
    }
    left = samples.query("SELECT toYYYYMM(time) AS m, count() AS n FROM host GROUP BY m ORDER BY m")
    assert dict(zip(left["m"].tolist(), left["n"].tolist(), strict=True)) == {
        202001: 10,
        202602: 10,
        202603: 10,
    }


def test_a_clock_far_ahead_removes_nothing(engine: SamplesProcess, samples: Samples) -> None:
    samples.insert("host", rows(10))
    assert maintenance.expire(samples, engine.settings, NOW + timedelta(days=900)) == []
    assert samples.query("SELECT count() AS n FROM host")["n"][0] == 10


def test_closed_months_are_merged_to_one_part_and_only_once(
    engine: SamplesProcess, samples: Samples
) -> None:
    for month in ("2026-01-05", "2026-02-05", "2026-03-05"):
        for version in (1, 2):
            samples.insert("host", rows(10, month, version=version, load1=float(version)))
    merged = maintenance.merge_closed(samples, engine.settings, NOW)
    assert [each.error for each in merged if each.table == "host"] == [""] * 3
    parts = samples.query(
        "SELECT count() AS n, sum(rows) AS rows FROM system.parts WHERE active AND table = 'host'"
    )
    assert (parts["n"][0], parts["rows"][0]) == (3, 30)
    assert samples.query("SELECT avg(load1) AS a FROM host")["a"][0] == 2.0
    again = maintenance.merge_closed(samples, engine.settings, NOW)
    assert [each for each in again if each.table == "host"] == []


def test_what_the_doctor_asks_is_answered(engine: SamplesProcess, samples: Samples) -> None:
    samples.insert("host", rows(10))
    (disk,) = maintenance.disks(samples, engine.settings)
    assert disk.total_bytes > disk.free_bytes > 0
    sizes = {each.table: each for each in maintenance.sizes(samples, engine.settings)}
    assert sizes["host"].rows == 10
    assert maintenance.damaged(samples, engine.settings) == []


def test_a_second_engine_on_the_folder_exits_and_names_the_first(engine: SamplesProcess) -> None:
    program = (
        "from controller.store import embedded; embedded.LOCK_SECONDS = 0.2; "
        f"raise SystemExit(embedded.main(['--data', {str(engine.folder)!r}]))"
    )
    second = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=20,
    )
    assert second.returncode == 3
    assert f"in use by pid {engine.pid}" in second.stderr


def test_a_configuration_in_the_working_directory_is_not_read(tmp_path: Path) -> None:
    hostile = "<clickhouse><mark_cache_size>1234567</mark_cache_size></clickhouse>"
    for folder in (tmp_path, tmp_path / "samples" / "work", tmp_path / ".clickhouse-local"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.xml").write_text(hostile)
    process = SamplesProcess(tmp_path)
    before, home = Path.cwd(), os.environ.get("HOME", "")
    os.chdir(tmp_path)
    os.environ["HOME"] = str(tmp_path)
    try:
        process.start()
    finally:
        os.chdir(before)
        os.environ["HOME"] = home
    samples = Samples.from_settings(process.settings)
    try:
        found = samples.query(
            "SELECT value FROM system.server_settings WHERE name = 'mark_cache_size'"
        )
        assert found["value"].tolist() == ["134217728"]
    finally:
        samples.close()
        assert process.stop() == 0
    assert not process.announcement.exists()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-m', 'controller.store.embedded', '--data', "
        f"{str(tmp_path)!r}]); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    announcement = tmp_path / "run" / "samples.json"
    deadline = time.monotonic() + 30
    while not announcement.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pid = json.loads(announcement.read_text())["pid"]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}/status").exists():
        state = Path(f"/proc/{pid}/status").read_text()
        if "State:\tZ" in state:
            break
        assert time.monotonic() < deadline, "the engine outlived its parent"
        time.sleep(0.1)


def test_the_client_follows_an_engine_that_comes_back_elsewhere(tmp_path: Path) -> None:
    with samples_process(tmp_path) as (process, samples):
        samples.insert("host", rows(5))
        first = json.loads(process.announcement.read_text())["url"]
        process.kill()
        with pytest.raises(SamplesUnavailable):
            samples.insert("host", rows(5))
        assert samples.ping() is False
        restart = threading.Timer(0.3, process.start, (False,))
        restart.start()
        assert samples.insert("host", rows(6)) == 6
        restart.join()
        process.wait_ready()
        assert json.loads(process.announcement.read_text())["url"] != first
        assert samples.query("SELECT count() AS n FROM host FINAL")["n"][0] == 6
        assert process.kill(signal.SIGTERM) == 0
