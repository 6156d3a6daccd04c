"""Every shipped rule on real machines' traces, against the rule computed independently."""

from __future__ import annotations

import csv
import io
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert

from controller.access.scope import CITY
from controller.idle import library
from controller.idle.scan import Judged, judge_all
from controller.inventory.tables import Holding, Resource, Unit, UnitVersion
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import RetentionSettings, Settings
from controller.store import ddl, groups
from controller.store.relational import Database, connect
from controller.usage.sample_import import Job, import_samples
from tests.samples_process import samples_process

sys.path.insert(0, str(Path(__file__).parent))

from published import RULES, VOLUMES, Machine, Row, classify

TRACES = Path(__file__).parents[3] / ".." / "shared" / "data" / "vmtraces" / "bitbrains_dev.tar.xz"
LONG_AGO = datetime(2013, 1, 1, tzinfo=UTC)
MOMENTS = (
    int(datetime(2013, 8, 31, 16, tzinfo=UTC).timestamp()),  # midnight in China
    int(datetime(2013, 8, 20, 9, 35, tzinfo=UTC).timestamp()),
)
KB = 1024.0
GIB = float(1 << 30)

pytestmark = [
    pytest.mark.skipif(not TRACES.exists(), reason="the traces are not beside the project"),
    pytest.mark.timeout(600),
]


def _read_traces() -> dict[str, list[list[float]]]:
    """VM to its rows over both months, as in the files."""
    found: dict[str, list[list[float]]] = {}
    with tarfile.open(TRACES) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            if not member.name.startswith("dev/2013-") or not member.isfile():
                continue
            stream = archive.extractfile(member)
            assert stream is not None
            reader = csv.reader(io.TextIOWrapper(stream, "ascii"))
            next(reader)
            rows = found.setdefault(Path(member.name).stem, [])
            rows += [[float(cell) for cell in row] for row in reader]
    return found


def _machine(number: int, rows: list[list[float]]) -> Machine:
    """One row a bucket: what falls into the same five minutes is averaged."""
    buckets: dict[int, list[list[float]]] = {}
    for row in rows:
        buckets.setdefault(int(row[0]) // 300 * 300, []).append(row)
    merged = []
    for at in sorted(buckets):
        mean = [sum(column) / len(buckets[at]) for column in zip(*buckets[at], strict=True)]
        f = [float(np.float32(value)) for value in (mean[3], mean[8] * KB, mean[9] * KB)]
        disk = float(np.float32(mean[6] * KB)) + float(np.float32(mean[7] * KB))
        merged.append(Row(at, f[0], mean[5] * KB, f[1], f[2], disk))
    line = (None, 12.5e6, 1.25e6)[number % 3]
    return Machine(rows[-1][1], rows[-1][4] * KB, line, merged)


@pytest.fixture(scope="module")
def traces() -> dict[str, list[list[float]]]:
    return _read_traces()


@pytest.fixture(scope="module")
def machines(traces: dict[str, list[list[float]]]) -> dict[str, Machine]:
    return {f"vm-{vm}": _machine(i, traces[vm]) for i, vm in enumerate(sorted(traces))}


@pytest.fixture(scope="module")
def runtime(
    tmp_path_factory: pytest.TempPathFactory,
    machines: dict[str, Machine],
    traces: dict[str, list[list[float]]],
) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("traces")
    # The engine's own retention looks at the clock of today; these months are long past.
    for_ever = RetentionSettings(raw_days=20_000, five_minute_days=20_000, hourly_days=20_000)
    with samples_process(folder) as (engine, samples):
        settings = engine.settings.model_copy(update={"retention": for_ever})
        assert isinstance(settings, Settings)
        ddl.ensure(samples, settings, groups.create_statements(settings))
        database = Database(connect(settings.relational_url))
        metadata().create_all(database.engine)
        made = Runtime(settings, database, samples, lambda: datetime(2013, 9, 2, tzinfo=UTC))
        _register(made, machines)
        _import(made, traces, folder / "traces.parquet")
        yield made
        database.close()


def _register(runtime: Runtime, machines: dict[str, Machine]) -> None:
    with runtime.database.write() as session:
        session.add(Unit(id=1, code="A", created=LONG_AGO))
        session.flush()
        session.add(UnitVersion(unit_id=1, name="单位A", since=LONG_AGO))
        for number, (code, m) in enumerate(machines.items(), 1):
            session.add(Resource(id=number, code=code, name=code, created=LONG_AGO))
            session.flush()
            held: dict[str, Any] = {
                "resource_id": number,
                "unit_id": 1,
                "since": LONG_AGO,
                "vcpu": m.cores,
                "mem_bytes": m.mem,
                "disk_bytes": 100 * GIB,
                "bandwidth_bit_s": None if m.line is None else m.line * 8,
            }
            session.execute(insert(Holding), [held])


def _import(runtime: Runtime, traces: dict[str, list[list[float]]], path: Path) -> None:
    columns: dict[str, list[Any]] = {"resource": [], "time": [], "interval_s": []}
    names = ("cpu_used_pct", "mem_used_bytes", "net_rx_bytes_s", "net_tx_bytes_s")
    columns |= {name: [] for name in (*names, "disk_read_bytes_s", "disk_write_bytes_s")}
    for vm, rows in sorted(traces.items()):
        columns["resource"] += [f"vm-{vm}"] * len(rows)
        columns["time"] += [int(row[0]) for row in rows]
        columns["interval_s"] += [300.0] * len(rows)
        columns["cpu_used_pct"] += [row[3] for row in rows]
        columns["mem_used_bytes"] += [row[5] * KB for row in rows]
        columns["net_rx_bytes_s"] += [row[8] * KB for row in rows]
        columns["net_tx_bytes_s"] += [row[9] * KB for row in rows]
        columns["disk_read_bytes_s"] += [row[6] * KB for row in rows]
        columns["disk_write_bytes_s"] += [row[7] * KB for row in rows]
    pq.write_table(pa.table(columns), path)
    *_, outcome = import_samples(runtime, Job(path, path.name, skip_bad=True))
    assert outcome.imported


@pytest.fixture(scope="module")
def judged(runtime: Runtime) -> dict[int, Judged]:
    with runtime.database.read() as session:
        policies = library.policies(session)
    return {
        at: judge_all(runtime, CITY, policies, datetime.fromtimestamp(at, UTC)) for at in MOMENTS
    }


def test_every_shipped_policy_is_computed_here() -> None:
    elsewhere = {"aws-ta-ebs"}  # of volumes by their operations: tests/unit/controller/idle
    assert set(library.shipped_names()) == set(RULES) | set(VOLUMES) | elsewhere


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("policy", RULES)
def test_the_classes_are_those_of_the_published_rule(
    policy: str, at: int, judged: dict[int, Judged], machines: dict[str, Machine]
) -> None:
    answer = judged[at]
    judgement = next(j for j in answer.judgements if j.policy.id == policy)
    ours = dict(zip((named.code for named in answer.named), judgement.cls, strict=True))
    theirs = {code: classify(policy, m, at) for code, m in machines.items()}
    different = {code: (ours[code], theirs[code]) for code in theirs if ours[code] != theirs[code]}
    assert not different, Counter(different.values())


def test_the_rules_are_not_all_of_one_mind(judged: dict[int, Judged]) -> None:
    """The traces put machines into every class that rules of machines can give but two."""
    seen = {cls for answer in judged.values() for j in answer.judgements for cls in j.cls}
    assert {"idle", "oversized", "in_use", "undetermined"} <= seen


def test_every_verdict_has_words_in_both_languages(judged: dict[int, Judged]) -> None:
    for judgement in judged[MOMENTS[0]].judgements:
        for verdict in judgement.verdicts():
            assert verdict.reason.zh, verdict
            assert verdict.reason.en, verdict
            assert "nan" not in verdict.reason.zh, verdict
