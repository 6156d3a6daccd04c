"""Samples from files: CSV, Parquet, XLSX; good, bad, coarse and huge ones."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlmodel import select
from worlds import EPOCH, START, World

from controller.access.scope import CITY
from controller.inventory.tables import ImportRun
from controller.problems import Problem
from controller.store import dirty
from controller.store.tables import DirtyDay
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report
from controller.usage.sample_import import Job, Outcome, import_samples, infer_step
from tests.unpack import unpack

TRACES = Path(__file__).parents[4] / ".." / "shared" / "data" / "vmtraces"


@pytest.fixture
def w2(w: World) -> World:
    """Two VMs of unit A."""
    w.unit("A")
    w.vm("r1", "A")
    w.vm("r2", "A")
    return w


def run(w: World, path: Path, **options: Any) -> Outcome:
    *_, outcome = import_samples(w.runtime, Job(path, path.name, **options))
    assert isinstance(outcome, Outcome)
    return outcome


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def stored(w: World, table: str = "host") -> list[tuple[Any, ...]]:
    columns = w.samples.query(
        "SELECT resource, toUnixTimestamp(time) AS t, interval_s, cpu_used_pct, source "
        f"FROM {table} FINAL ORDER BY resource, t, source"
    )
    return list(zip(*(column.tolist() for column in columns.values()), strict=True))


def complaints(outcome: Outcome) -> list[tuple[int, str, str]]:
    return [(each.row, each.column, each.message) for each in outcome.errors]


def test_an_import_is_in_the_next_report(w2: World, tmp_path: Path) -> None:
    lines = [f"r1,{START + 300 * n},{n % 50}" for n in range(288)]
    file = write(tmp_path / "h.csv", "resource,time,cpu_used_pct\n" + "\n".join(lines))
    outcome = run(w2, file, by="admin")
    assert (outcome.stored, outcome.interval_s, outcome.resource_days) == (288, 300, 1)
    assert outcome.imported
    query = UsageQuery(EPOCH, EPOCH + timedelta(days=1), "resource")
    row = next(r for r in usage_report(w2.runtime, CITY, query).rows if r.resource == "r1")
    assert (row.cpu_max_pct, row.coverage_pct) == (49, 100)
    with w2.runtime.database.read() as session:
        assert session.exec(select(DirtyDay)).all() == []
        kept = session.exec(select(ImportRun)).one()
        assert (kept.by, kept.outcome["stored"]) == ("admin", 288)


def test_times_are_read_as_people_and_platforms_write_them(w2: World, tmp_path: Path) -> None:
    times = [
        f"{START}",
        f"{START + 300}.0",
        "2026-03-02T00:10:00Z",
        "2026-03-02T08:15:00+08:00",
        "2026-03-02 08:20:00",
        "2026-03-02T08:25:00",
        "2026/3/2 8:30",
        "2026-03-02T08:35:00.000+0800",
    ]
    body = "".join(f"r1,{text},{n}\n" for n, text in enumerate(times))
    run(w2, write(tmp_path / "t.csv", f"resource,time,cpu_used_pct\n{body}"))
    assert [(t - START, cpu) for _, t, _, cpu, _ in stored(w2)] == [
        (300 * n, n) for n in range(len(times))
    ]


def test_every_bad_cell_is_named_by_row_and_column_and_nothing_is_stored(
    w2: World, tmp_path: Path
) -> None:
    text = (
        "resource,time,cpu_used_pct,load1\n"
        f"r1,{START},1,1\n"
        "\n"
        f"r1,{START}000,1,\n"
        "r1,yesterday,1,1\n"
        f"r1,{START + 300},abc,1\n"
        f"r1,{START + 600},inf,-3\n"
        f"nobody,{START},1,1\n"
        f"r1,{START},1,1,1\n"
        f"r1,{START + 900},1e60,NaN\n"
        "r1,4000000000,1,1\n"
    )
    outcome = run(w2, write(tmp_path / "bad.csv", text))
    assert [(row, column) for row, column, _ in complaints(outcome)] == [
        (4, "time"),
        (5, "time"),
        (6, "cpu_used_pct"),
        (7, "cpu_used_pct"),
        (7, "load1"),
        (8, "resource"),
        (9, ""),
        (10, "cpu_used_pct"),
        (11, "time"),
    ]
    assert "milliseconds" in outcome.errors[0].message
    assert (outcome.unknown_resources, outcome.imported) == (["nobody"], False)
    assert outcome.errors_total == 9
    assert stored(w2) == []
    outcome = run(w2, write(tmp_path / "bad.csv", text), skip_bad=True)
    assert (outcome.stored, outcome.errors_total, outcome.imported) == (1, 9, True)
    assert len(stored(w2)) == 1


def test_a_header_with_unknown_columns_is_refused_with_their_names(
    w2: World, tmp_path: Path
) -> None:
    file = write(tmp_path / "x.csv", "resource,time,cpu,内存\nr1,1,2,3\n")
    with pytest.raises(Problem, match="unknown columns: cpu, 内存"):
        run(w2, file)
    with pytest.raises(Problem, match="missing columns: time"):
        run(w2, write(tmp_path / "y.csv", "resource,cpu_used_pct\nr1,2\n"))
    with pytest.raises(Problem, match="empty"):
        run(w2, write(tmp_path / "z.csv", ""))
    assert run(w2, write(tmp_path / "v.csv", "resource,time,load1\n")).rows == 0


def test_a_dry_run_stores_nothing(w2: World, tmp_path: Path) -> None:
    file = write(tmp_path / "h.csv", f"resource,time,load1\nr1,{START},1\n")
    outcome = run(w2, file, dry_run=True)
    assert (outcome.rows, outcome.stored, outcome.imported) == (1, 0, False)
    assert stored(w2) == []


def test_chinese_headers_and_encoding_are_understood(w2: World, tmp_path: Path) -> None:
    text = "资源编码\t时间\tCPU 使用率\nr1\t2026-03-02 08:00\t12.5\n"
    run(w2, write(tmp_path / "平台.txt", text, "gb18030"))
    assert stored(w2) == [(w2.ids["r1"], START, 300, 12.5, "import:平台")]


def test_a_workbook_is_read_like_a_csv_file(w2: World, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["resource", "time", "cpu_used_pct"])
    book.active.append(["r1", datetime(2026, 3, 2, 8, 0), 12.5])
    book.active.append(["r1", START + 300, "n/a"])
    book.active.append(["r1", START + 600, "x"])
    book.save(tmp_path / "b.xlsx")
    outcome = run(w2, tmp_path / "b.xlsx", skip_bad=True, platform="云平台")
    assert complaints(outcome) == [(4, "cpu_used_pct", "is not a number")]
    assert [(t, cpu) for _, t, _, cpu, _ in stored(w2)] == [
        (START, 12.5),
        (START + 300, pytest.approx(np.nan, nan_ok=True)),
    ]
    assert stored(w2)[0][4] == "import:云平台"


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.int64(), pa.string()]
)
def test_parquet_comes_in_its_own_types(w2: World, tmp_path: Path, kind: pa.DataType) -> None:
    moments: list[Any] = [START, START + 300]
    if pa.types.is_timestamp(kind):
        shift = 0 if kind.tz else 8 * 3600
        moments = [datetime.fromtimestamp(t + shift, UTC if kind.tz else None) for t in moments]
        if not kind.tz:
            moments = [datetime(2026, 3, 2, 8, 0), datetime(2026, 3, 2, 8, 5)]
    elif kind == pa.string():
        moments = [str(t) for t in moments]
    table = pa.table(
        {
            "resource": pa.array(["r1", "r2"]).dictionary_encode(),
            "time": pa.array(moments, kind),
            "cpu_used_pct": pa.array([1.5, None], pa.float32()),
            "instance": ["", "fs:/"],
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    run(w2, tmp_path / "p.parquet")
    first, second = stored(w2)
    assert first[:4] == (w2.ids["r1"], START, 300, 1.5)
    assert second[:2] == (w2.ids["r2"], START + 300)


def test_daily_means_and_peaks_of_a_platform_stay_daily(w2: World, tmp_path: Path) -> None:
    body = "".join(f"r1,2026-03-0{day},{day},{10 * day}\n" for day in range(2, 6))
    file = write(tmp_path / "daily.csv", f"resource,time,cpu_used_pct,cpu_max_pct\n{body}")
    outcome = run(w2, file)
    assert (outcome.interval_s, stored(w2)) == (86_400, [])
    assert [line[2:4] for line in stored(w2, "host_coarse")] == [
        (86_400, day) for day in range(2, 6)
    ]
    since = EPOCH - timedelta(hours=8)
    query = UsageQuery(since + timedelta(days=1), since + timedelta(days=4), "resource")
    row = usage_report(w2.runtime, CITY, query).rows[0]
    assert (row.cpu_avg_pct, row.cpu_p95_pct, row.cpu_max_pct, row.coverage_pct) == (4, 5, 50, 100)
    (row,) = usage_report(w2.runtime, CITY, UsageQuery(query.since, query.until)).rows
    assert row.cpu_avg_pct is None, "half of the unit's allocation has no data: a gap, not a figure"


def test_importing_again_changes_nothing_and_a_mended_file_replaces(
    w2: World, tmp_path: Path
) -> None:
    file = tmp_path / "h.csv"
    for value in (10, 10, 25):
        run(w2, write(file, f"resource,time,cpu_used_pct\nr1,{START},99\nr1,{START},{value}\n"))
        assert [line[3] for line in stored(w2)] == [value], "the later row of one time counts"
    assert w2.samples.query("SELECT cpu_used_pct AS c FROM host_5m FINAL")["c"].tolist() == [25]


def test_the_step_is_the_usual_one_near_the_median_of_each_resource() -> None:
    times = np.array([0, 301, 599, 903, 60_000, 5, 305]) * 1000
    assert infer_step(np.array([1, 1, 1, 1, 1, 2, 2]), times) == 300
    assert infer_step(np.array([1, 2, 3]), np.array([5, 6, 7])) == 300
    assert infer_step(np.array([1, 1]), np.array([0, 47_000])) == 47


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not TRACES.is_dir():
        pytest.skip("real traces are not beside this checkout")
    folder = tmp_path_factory.mktemp("traces")
    unpack(TRACES / "bitbrains_dev.tar.xz", folder)
    return folder / "dev"


HEADER = {"ts": "time", "cpu_pct": "cpu_used_pct", "mem_used_kb": "mem_used_bytes"}


def test_real_traces_give_the_reference_figures(
    traces: Path, new_world: Any, tmp_path: Path
) -> None:
    month, days = "2013-08", 31
    w: World = new_world(datetime(2014, 1, 1, tzinfo=UTC))
    since = datetime(2013, 8, 1, tzinfo=UTC)
    with (TRACES / "reference_dev" / "vm_month_stats_dev.csv").open() as file:
        reference = {row["vm"]: row for row in csv.DictReader(file) if row["month"] == "2013-8"}
    w.unit("A")
    target = tmp_path / "traces.csv"
    with target.open("w") as out:
        out.write("resource,time,cpu_used_pct,mem_used_bytes,disk_used_pct,net_rx_bytes_s\n")
        vms = [vm for vm in reference if (traces / month / f"{vm}.csv").exists()]
        vms = vms if os.environ.get("HEAVY_TESTS") else vms[::3]
        for vm in vms:
            w.resource(f"vm{vm}", created=since)
            w.holding(
                f"vm{vm}",
                "A",
                since=since,
                mem_gib=float(reference[vm]["mem_cap_kb_last"]) / (1 << 20),
            )
            with (traces / month / f"{vm}.csv").open() as trace:
                for row in csv.DictReader(trace):
                    out.write(
                        f"vm{vm},{row['ts']},{row['cpu_pct']},{float(row['mem_used_kb']) * 1024},,"
                        f"{float(row['net_rx_kbs']) * 1000}\n"
                    )
    outcome = run(w, target)
    assert (outcome.interval_s, outcome.errors_total) == (300, 0)
    query = UsageQuery(since, since + timedelta(days=days + 1), "resource")
    rows = {row.resource: row for row in usage_report(w.runtime, CITY, query).rows}
    assert len(rows) == len(vms) >= 20
    for vm in vms:
        got, wanted = rows[f"vm{vm}"], reference[vm]
        # Stamps drift: now and then two rows share a bucket, and their mean is one value.
        assert got.cpu_avg_pct == pytest.approx(float(wanted["cpu_mean"]), rel=0.01, abs=0.01), vm
        assert got.cpu_p95_pct == pytest.approx(float(wanted["cpu_p95"]), rel=0.03, abs=0.1), vm
        assert got.net_rx_avg_bytes_s == pytest.approx(
            float(wanted["net_rx_kbs_mean"]) * 1000, rel=0.02, abs=5
        ), vm


def test_dirty_traces_are_taken_as_they_came(traces: Path, new_world: Any, tmp_path: Path) -> None:
    w: World = new_world(datetime(2014, 1, 1, tzinfo=UTC))
    w.unit("A")
    keys = set()
    target = tmp_path / "dirty.csv"
    with target.open("w") as out:
        out.write("resource,time,cpu_used_pct,mem_used_bytes\n")
        for path in sorted((traces / "dirty_raw").rglob("*.csv"))[:3]:
            code = f"{path.parent.name}-{path.stem}"
            w.resource(code, created=datetime(2013, 1, 1, tzinfo=UTC))
            w.holding(code, "A", since=datetime(2013, 1, 1, tzinfo=UTC))
            with path.open() as trace:
                next(trace)
                for line in trace:
                    cells = [cell.strip() for cell in line.split(";")]
                    out.write(f"{code},{cells[0]},{cells[4]},{cells[6]}\n")
                    keys.add((code, int(float(cells[0]))))
    outcome = run(w, target, skip_bad=True)
    assert outcome.errors_total == 0
    assert w.samples.query("SELECT count() AS n FROM host FINAL")["n"][0] == len(keys)


def test_a_mark_that_stood_before_is_left_to_the_worker_at_once(w2: World, tmp_path: Path) -> None:
    """An owner was corrected, then rows came: that must not wait for the import to let go."""
    day = datetime.fromtimestamp(START, UTC).date()
    now = w2.runtime.now()
    with w2.runtime.database.write() as session:
        dirty.mark_dirty(session, "host", [(1, day)], now)
    lines = [f"r{vm},{START + 300 * n},5" for n in range(3) for vm in (1, 2)]
    run(w2, write(tmp_path / "h.csv", "resource,time,cpu_used_pct\n" + "\n".join(lines)))
    with w2.runtime.database.read() as session:
        (mark,) = session.exec(select(DirtyDay)).all()
        assert (mark.resource_id, mark.day) == (1, day)
        assert mark.marked <= w2.runtime.now()
        assert dirty.take(session, "host", w2.runtime.now() + dirty.SETTLED)
