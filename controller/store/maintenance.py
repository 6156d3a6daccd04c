"""What the sample store needs at night, and what the doctor asks about it.

Retention counts from arrival: a row goes when it *arrived* too long ago, however old its time,
so imported history stays its full time too. It is an explicit job and not a table TTL, because
a TTL believes a clock that jumped a year ahead and removes everything for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from controller.settings import Settings
from controller.store.ddl import sample_tables
from controller.store.samples import QueryTooHeavy, Samples, SamplesError

REWRITE_SHARE = 0.25
"""Expired rows are cut out of a partition from this share on: each cut rewrites the rest."""
OPEN_MERGE_BYTES = 512 << 20
"""The month still being written is merged too while it is no larger than this."""
MERGE_SECONDS = 6 * 3600


@dataclass(frozen=True)
class Removed:
    """Rows that retention took out of one partition."""

    table: str
    partition: str
    rows: int
    whole: bool
    """The partition went as a whole, at no cost."""


@dataclass(frozen=True)
class Merged:
    """One partition merged to one part, or why not."""

    table: str
    partition: str
    parts: int
    error: str = ""


@dataclass(frozen=True)
class DetachedPart:
    """Rows the engine put aside: they are on the disk but in no query's answer."""

    table: str
    partition: str
    part: str
    reason: str
    """"broken-on-start": damaged, mostly by a power cut on a disk that lies about fsync."""
    bytes: int


@dataclass(frozen=True)
class Disk:
    """Room on a disk of the sample store."""

    path: str
    free_bytes: int
    total_bytes: int

    @property
    def free_percent(self) -> float:
        return 100.0 * self.free_bytes / self.total_bytes if self.total_bytes else 0.0


@dataclass(frozen=True)
class TableSize:
    """What one table holds."""

    table: str
    rows: int
    bytes: int
    parts: int


def expire(samples: Samples, settings: Settings, now: datetime) -> list[Removed]:
    """Removes what arrived longer ago than the settings keep it, from every sample table.

    A table whose every row would go is left alone: that is a clock far ahead more often than a
    controller that stood still, and then the next rows to arrive settle it. Raises SamplesError.
    """
    removed: list[Removed] = []
    for table, days in kept(settings).items():
        if samples.columns(table):
            removed += _expire_table(samples, settings, table, now - timedelta(days=days))
    return removed


def kept(settings: Settings) -> dict[str, int]:
    """Days from arrival that each table's rows are kept."""
    days = {table.name: table.days for table in sample_tables(settings)}
    return {**days, **dict.fromkeys(("group_5m", "unit_5m"), settings.retention.hourly_days)}


def _expire_table(
    samples: Samples, settings: Settings, table: str, before: datetime
) -> list[Removed]:
    cutoff = max(0, int(before.timestamp()))
    found = samples.query(
        "SELECT _partition_id AS partition, count() AS rows, "
        "countIf(arrived < fromUnixTimestamp({cutoff:UInt32})) AS expired "
        f"FROM {table} GROUP BY partition ORDER BY partition",
        {"cutoff": cutoff},
    )
    if not len(found["rows"]) or found["expired"].sum() == found["rows"].sum():
        return []
    name, cluster = _local(table, settings)
    removed: list[Removed] = []
    for partition, rows, expired in zip(
        found["partition"], found["rows"].tolist(), found["expired"].tolist(), strict=True
    ):
        if expired == rows:
            samples.command(f"ALTER TABLE {name}{cluster} DROP PARTITION ID '{partition}'")
        elif expired >= rows * REWRITE_SHARE:
            samples.command(
                f"ALTER TABLE {name}{cluster} DELETE IN PARTITION ID '{partition}' "
                f"WHERE arrived < toDateTime({cutoff}, 'UTC')",
                settings={"mutations_sync": 1},
                seconds=MERGE_SECONDS,
            )
        else:
            continue
        removed.append(Removed(table, partition, expired, expired == rows))
    return removed


def merge_closed(samples: Samples, settings: Settings, now: datetime) -> list[Merged]:
    """Merges past months to one part each, so that FINAL costs what a plain read does; the
    current month too while it is small. One that fails (disk, memory) is reported, not raised.
    """
    current = now.strftime("%Y%m")
    found = samples.query(
        "SELECT table, partition_id, count() AS parts, sum(bytes_on_disk) AS bytes "
        f"FROM {_system('parts', settings)} "
        "WHERE active AND database = currentDatabase() AND engine LIKE '%ReplacingMergeTree' "
        "GROUP BY table, partition_id HAVING parts > 1 ORDER BY table, partition_id"
    )
    free = min((disk.free_bytes for disk in disks(samples, settings)), default=0)
    on_cluster = _on_cluster(settings)
    merged: list[Merged] = []
    for table, partition, parts, size in zip(
        found["table"],
        found["partition_id"],
        found["parts"].tolist(),
        found["bytes"].tolist(),
        strict=True,
    ):
        if partition >= current and size > OPEN_MERGE_BYTES:
            continue
        if size * 2 > free:
            error = f"not merged: needs {size * 2 >> 20} MiB free, there are {free >> 20}"
            merged.append(Merged(table, partition, parts, error))
            continue
        merged.append(_merge(samples, table, partition, parts, on_cluster))
    return merged


def _merge(samples: Samples, table: str, partition: str, parts: int, on_cluster: str) -> Merged:
    try:
        samples.command(
            f"OPTIMIZE TABLE `{table}`{on_cluster} PARTITION ID '{partition}' FINAL",
            settings={"optimize_skip_merged_partitions": 1},
            seconds=MERGE_SECONDS,
        )
    except (QueryTooHeavy, SamplesError) as error:
        return Merged(table, partition, parts, str(error))
    return Merged(table, partition, parts)


def detached_parts(samples: Samples, settings: Settings) -> list[DetachedPart]:
    """Parts the engine does not answer from. Each is an incident: the rows of that time must be
    sent again, imported again or marked missing."""
    found = samples.query(
        "SELECT table, partition_id, name, reason, bytes_on_disk "
        f"FROM {_system('detached_parts', settings)} "
        "WHERE database = currentDatabase() ORDER BY table, name"
    )
    return [
        DetachedPart(str(table), str(partition or ""), str(name), str(reason or ""), int(size))
        for table, partition, name, reason, size in zip(
            found["table"],
            found["partition_id"],
            found["name"],
            found["reason"],
            found["bytes_on_disk"],
            strict=True,
        )
    ]


def disks(samples: Samples, settings: Settings) -> list[Disk]:
    """Room on every disk that the engine writes to."""
    found = samples.query(
        f"SELECT path, free_space, total_space FROM {_system('disks', settings)} "
        "WHERE type = 'Local' ORDER BY path"
    )
    return [
        Disk(str(path), int(free), int(total))
        for path, free, total in zip(
            found["path"], found["free_space"], found["total_space"], strict=True
        )
    ]


def sizes(samples: Samples, settings: Settings) -> list[TableSize]:
    """Rows (before replacing), bytes and parts of every table."""
    found = samples.query(
        "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts "
        f"FROM {_system('parts', settings)} "
        "WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table"
    )
    return [
        TableSize(str(table), int(rows), int(size), int(parts))
        for table, rows, size, parts in zip(
            found["table"], found["rows"], found["bytes"], found["parts"], strict=True
        )
    ]


def damaged(samples: Samples, settings: Settings) -> list[str]:
    """Reads every part against its checksums; one line for each table that fails. Slow: it reads
    everything. Raises SamplesUnavailable."""
    failures: list[str] = []
    for table in sizes(samples, settings):
        try:
            answer = samples.query(
                f"CHECK TABLE `{table.table}`", settings={"check_query_single_value_result": 1}
            )
        except SamplesError as error:
            failures.append(f"{table.table}: {error}")
            continue
        if not np.all(next(iter(answer.values())) == 1):
            failures.append(f"{table.table}: a part does not match its checksums")
    return failures


def _local(table: str, settings: Settings) -> tuple[str, str]:
    suffix = "_local" if settings.samples.cluster else ""
    return f"{table}{suffix}", _on_cluster(settings)


def _on_cluster(settings: Settings) -> str:
    return f" ON CLUSTER '{settings.samples.cluster}'" if settings.samples.cluster else ""


def _system(table: str, settings: Settings) -> str:
    if settings.samples.cluster:
        return f"clusterAllReplicas('{settings.samples.cluster}', system.{table})"
    return f"system.{table}"
