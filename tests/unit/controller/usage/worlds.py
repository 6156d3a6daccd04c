"""Small worlds for the usage tests: registers in SQLite, rows in the real embedded engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Site,
    Unit,
    UnitVersion,
    Zone,
)
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import RetentionSettings, Settings
from controller.store import ddl, groups
from controller.store.relational import Database, connect
from controller.store.samples import Samples

GIB = float(1 << 30)
EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday, midnight UTC."""
START = int(EPOCH.timestamp())


@contextmanager
def endpoint(folder: Path) -> Iterator[Samples]:
    """The embedded engine as a process of its own, with the schema made."""
    # The engine expires rows by the wall clock; these worlds have a clock of their own.
    for_ever = RetentionSettings(raw_days=20_000, five_minute_days=20_000, hourly_days=20_000)
    settings = Settings(data=folder, retention=for_ever)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("YUNXUN_")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-m", "controller.store.embedded", "--data", str(folder)],
        env=environment,
    )
    announcement = folder / "run" / "samples.json"
    deadline = time.monotonic() + 30
    while not announcement.exists() or "url" not in json.loads(announcement.read_text()):
        assert process.poll() is None, "the embedded engine ended"
        assert time.monotonic() < deadline, "the embedded engine did not start"
        time.sleep(0.05)
    samples = Samples.from_settings(settings)
    try:
        ddl.ensure(samples, settings, groups.create_statements(settings))
        yield samples
    finally:
        samples.close()
        process.terminate()
        process.wait(20)


def empty(samples: Samples) -> None:
    """Removes every row."""
    filled = samples.query(
        "SELECT DISTINCT table FROM system.parts WHERE active AND database = currentDatabase()"
    )
    for table in filled.get("table", ()):
        samples.command(f"TRUNCATE TABLE {table}")


@dataclass
class World:
    """A runtime at a set time, and short ways to fill it."""

    runtime: Runtime
    clock: list[datetime]
    ids: dict[str, int] = field(default_factory=dict)

    @property
    def samples(self) -> Samples:
        return self.runtime.samples

    def unit(self, code: str, parent: str | None = None, since: datetime = EPOCH) -> int:
        with self.runtime.database.write() as session:
            row = Unit(code=code, created=since)
            session.add(row)
            session.flush()
            assert row.id is not None
            session.add(
                UnitVersion(
                    unit_id=row.id,
                    name=f"单位{code}",
                    parent_id=self.ids[parent] if parent else None,
                    since=since,
                )
            )
            self.ids[code] = row.id
            return row.id

    def system(self, unit: str, name: str) -> int:
        return self._add(BusinessSystem(unit_id=self.ids[unit], name=name), f"{unit}/{name}")

    def zone(self, code: str) -> int:
        return self._add(Zone(code=code, name=f"区{code}"), f"zone/{code}")

    def site(self, code: str) -> int:
        return self._add(Site(code=code, name=f"中心{code}"), f"site/{code}")

    def resource(self, code: str, created: datetime = EPOCH, **fields: Any) -> int:
        return self._add(Resource(code=code, name=f"机{code}", created=created, **fields), code)

    def holding(
        self,
        resource: str,
        unit: str,
        since: datetime = EPOCH,
        until: datetime | None = None,
        vcpu: float | None = 4,
        mem_gib: float | None = 8,
        disk_gib: float | None = 100,
        **where: int,
    ) -> int:
        return self._add(
            Holding(
                resource_id=self.ids[resource],
                unit_id=self.ids[unit],
                since=since,
                until=until,
                vcpu=vcpu,
                mem_bytes=None if mem_gib is None else mem_gib * GIB,
                disk_bytes=None if disk_gib is None else disk_gib * GIB,
                **where,
            ),
            "",
        )

    def vm(self, code: str, unit: str, vcpu: float | None = 4, **where: int) -> int:
        """A resource and its one holding, since EPOCH."""
        number = self.resource(code)
        self.holding(code, unit, vcpu=vcpu, **where)
        return number

    def _add(self, row: Any, key: str) -> int:
        with self.runtime.database.write() as session:
            session.add(row)
            session.flush()
            number: int = row.id
        if key:
            self.ids[key] = number
        return number

    def rows(
        self,
        code: str,
        times: Any,
        interval_s: float = 300,
        table: str = "host",
        source: str = "agent",
        instance: str = "",
        version: int = 1,
        arrived: datetime | None = None,
        **metrics: Any,
    ) -> None:
        """Inserts rows of one resource; ``times`` are epoch seconds."""
        at = np.asarray(times, np.int64)
        count = len(at)
        came = int((arrived or self.clock[0]).timestamp())
        self.samples.insert(
            table,
            {
                "resource": np.full(count, self.ids[code], np.uint32),
                "instance": [instance] * count,
                "source": [source] * count,
                "time": at * 1000,
                "interval_s": np.full(count, interval_s, np.float32),
                **{
                    name: np.broadcast_to(np.asarray(values, np.float64), (count,))
                    for name, values in metrics.items()
                },
                "version": np.full(count, version, np.uint64),
                "arrived": np.full(count, came, np.int64),
            },
        )


def world(samples: Samples, folder: Path, now: datetime) -> World:
    """An empty world; the clock is ``clock[0]``."""
    engine = connect(f"sqlite:///{folder / 'world.db'}")
    metadata().create_all(engine)
    clock = [now]
    runtime = Runtime(Settings(data=folder), Database(engine), samples, lambda: clock[0])
    return World(runtime, clock)
