"""The schema of the sample tables, generated from the catalogue.

For each catalogue table T: ``T`` raw rows, ``T_5m`` and ``T_1h`` rollups, ``T_coarse`` imports
coarser than 5 minutes. All replace rows of the same key by the highest version, in monthly
partitions. ``ensure`` creates what is missing and adds the columns of new metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collectors.catalog import TABLES, Metric, Table
from controller.settings import Settings
from controller.store.samples import Samples

RAW_KEY = "resource, instance, source, time"
ROLLUP_KEY = "resource, instance, time"

DURABLE = {
    # An answered insert must survive a power cut, and so must what merges make of it: without
    # the last two, a merge replaces durable parts by one that is only in the page cache.
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    "min_rows_to_fsync_after_merge": 1,
    "min_compressed_bytes_to_fsync_after_merge": 1,
}


@dataclass(frozen=True)
class SampleTable:
    """One ClickHouse table: its key columns with types, its metrics, how long rows are kept."""

    name: str
    fixed: tuple[tuple[str, str], ...]
    """(column, type with codec) before the metrics."""
    metrics: tuple[Metric, ...]
    key: str
    days: int
    """Kept from arrival (controller.store.maintenance.expire)."""
    level: int
    """ZSTD level of the metrics."""


def sample_tables(settings: Settings) -> list[SampleTable]:
    """Every table that the catalogue asks for."""
    keep = settings.retention
    tables: list[SampleTable] = []
    for table in TABLES:
        raw = (
            ("resource", "UInt32 CODEC(ZSTD(1))"),
            ("instance", "LowCardinality(String)"),
            ("source", "LowCardinality(String)"),
            ("time", "DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))"),
            ("interval_s", "Float32 CODEC(ZSTD(1))"),
        )
        rollup = (
            ("resource", "UInt32 CODEC(ZSTD(1))"),
            ("instance", "LowCardinality(String)"),
            ("time", "DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))"),
            ("seconds", "Float32 CODEC(ZSTD(1))"),
        )
        name = table.name
        tables += [
            SampleTable(name, raw, table.metrics, RAW_KEY, keep.raw_days, RAW_LEVEL),
            SampleTable(
                f"{name}_5m", rollup, table.metrics, ROLLUP_KEY, keep.five_minute_days, ROLLUP_LEVEL
            ),
            SampleTable(
                f"{name}_1h", rollup, table.metrics, ROLLUP_KEY, keep.hourly_days, ROLLUP_LEVEL
            ),
            SampleTable(
                f"{name}_coarse", raw, table.metrics, RAW_KEY, keep.hourly_days, ROLLUP_LEVEL
            ),
        ]
    return tables


MONOTONIC = {
    # They climb: differences are small where the values' bytes look like noise.
    "uptime_s": "DoubleDelta, ",
    "disk_used_bytes": "Delta(8), ",
}
RAW_LEVEL = 3
ROLLUP_LEVEL = 6
"""ZSTD levels, by bench/compression.py: Gorilla, FPC and Delta lose to plain ZSTD on all but the
columns above. Level 3 costs an insert what 1 does and saves 6 %; 6 saves another 7 % for twice
the CPU, which rollups are worth: they are written once and kept for years."""


def metric_column(metric: Metric, level: int) -> tuple[str, str]:
    """(type, codec) of a metric's column."""
    kind = "Float32" if metric.type == "f4" else "Float64"
    return kind, f"CODEC({MONOTONIC.get(metric.name, '')}ZSTD({level}))"


def metric_definition(metric: Metric, level: int) -> str:
    kind, codec = metric_column(metric, level)
    return f"{metric.name} {kind} DEFAULT nan {codec}"


def table_settings() -> str:
    return ", ".join(f"{name} = {value}" for name, value in DURABLE.items())


def create_statement(
    name: str,
    columns: Sequence[str],
    *,
    version: str,
    order: str,
    partition: str = "toYYYYMM(time)",
    cluster: str = "",
) -> list[str]:
    """CREATE TABLE for a replacing table; on a cluster the replicated local table and the
    Distributed one that carries ``name``."""
    body = ",\n  ".join(columns)
    partitioned = f"\nPARTITION BY {partition}" if partition else ""
    tail = f"{partitioned}\nORDER BY ({order})\nSETTINGS {table_settings()}"
    if not cluster:
        engine = f"ReplacingMergeTree({version})"
        return [f"CREATE TABLE IF NOT EXISTS {name} (\n  {body}\n)\nENGINE = {engine}{tail}"]
    local = f"{name}_local"
    path = "/clickhouse/tables/{shard}/{database}/{table}"
    engine = f"ReplicatedReplacingMergeTree('{path}', '{{replica}}', {version})"
    # Rows of one key meet on one shard, where replacing can see them.
    first = order.split(",", 1)[0]
    return [
        f"CREATE TABLE IF NOT EXISTS {local} ON CLUSTER '{cluster}' (\n  {body}\n)\n"
        f"ENGINE = {engine}{tail}",
        f"CREATE TABLE IF NOT EXISTS {name} ON CLUSTER '{cluster}' AS {local}\n"
        f"ENGINE = Distributed('{cluster}', currentDatabase(), '{local}', cityHash64({first}))",
    ]


def create_statements(settings: Settings) -> list[str]:
    """CREATE TABLE of every sample table."""
    statements: list[str] = []
    for table in sample_tables(settings):
        columns = [f"{name} {kind}" for name, kind in table.fixed]
        columns += [metric_definition(metric, table.level) for metric in table.metrics]
        columns += [
            "version UInt64 CODEC(ZSTD(1))",
            "arrived DateTime('UTC') CODEC(ZSTD(1))",
        ]
        statements += create_statement(
            table.name,
            columns,
            version="version",
            order=table.key,
            cluster=settings.samples.cluster,
        )
    return statements


def added_columns(table: SampleTable, present: dict[str, str], cluster: str = "") -> list[str]:
    """ALTER statements for the metrics that ``present`` (column to type) does not have."""
    missing = [metric for metric in table.metrics if metric.name not in present]
    if not missing:
        return []
    added = ", ".join(
        f"ADD COLUMN IF NOT EXISTS {metric_definition(m, table.level)}" for m in missing
    )
    if not cluster:
        return [f"ALTER TABLE {table.name} {added}"]
    plain = ", ".join(
        f"ADD COLUMN IF NOT EXISTS {m.name} {metric_column(m, table.level)[0]} DEFAULT nan"
        for m in missing
    )
    return [
        f"ALTER TABLE {table.name}_local ON CLUSTER '{cluster}' {added}",
        f"ALTER TABLE {table.name} ON CLUSTER '{cluster}' {plain}",
    ]


def ensure(samples: Samples, settings: Settings, extra: Sequence[str] = ()) -> None:
    """Brings the schema up to date: tables, new metrics' columns, then the ``extra`` statements
    (idempotent ones: CREATE TABLE IF NOT EXISTS …). Safe to run at every start and from several
    processes. Raises what Samples.command raises."""
    for statement in create_statements(settings):
        samples.command(statement)
    for table in sample_tables(settings):
        present = samples.columns(table.name)
        for statement in added_columns(table, present, settings.samples.cluster):
            samples.command(statement)
    for statement in extra:
        samples.command(statement)


def catalogue_table(name: str) -> Table:
    """The catalogue table behind a sample table's name ("host_5m" is "host"); KeyError."""
    for table in TABLES:
        if name in (table.name, f"{table.name}_5m", f"{table.name}_1h", f"{table.name}_coarse"):
            return table
    raise KeyError(name)
