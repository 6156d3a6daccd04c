"""A small city for patrol: registers in SQLite, rolled rows in the real embedded engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlmodel import select

from controller.findings.tables import Finding
from controller.ingest.tables import Agent
from controller.patrol import plans, run
from controller.patrol.tables import PatrolRun
from controller.store.samples import Samples
from tests.unit.controller.usage.worlds import EPOCH, GIB, World, empty, world

NOW = EPOCH + timedelta(days=40, hours=2, minutes=3)
BUCKET = timedelta(minutes=5)


@dataclass
class City(World):
    """``now`` is the clock; ``patrol`` does a whole run."""

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def host(self, code: str, unit: str = "A", **agent: Any) -> None:
        """A VM with an active agent that was heard a minute ago."""
        self.vm(code, unit)
        known = {
            "state": "active",
            "enrolled": EPOCH,
            "last_seen": self.now - timedelta(minutes=1),
            "last_sample": self.now - timedelta(minutes=2),
            "clock_skew_s": 0.2,
        }
        with self.runtime.database.write() as session:
            session.add(
                Agent(
                    id=f"agent-{code}",
                    name=f"机{code}",
                    secret_hash="x" * 64,
                    unit_id=self.ids[unit],
                    resource_id=self.ids[code],
                    **(known | agent),
                )
            )

    def change(self, code: str, **agent: Any) -> None:
        with self.runtime.database.write() as session:
            row = session.get_one(Agent, f"agent-{code}")
            for name, value in agent.items():
                setattr(row, name, value)
            session.add(row)

    def heard(self, *codes: str) -> None:
        """The agents are as they should be, now."""
        for code in codes:
            self.change(
                code,
                last_seen=self.now - timedelta(minutes=1),
                last_sample=self.now - timedelta(minutes=2),
            )

    def five(
        self, code: str, hours: float = 24, instance: str = "", step: int = 1, **metrics: Any
    ) -> None:
        """Five-minute rows of the last ``hours``, every ``step``-th bucket; a metric is a value
        or one a row."""
        end = int((self.now - timedelta(minutes=2)).timestamp()) // 300 * 300
        self._roll("host_5m", code, instance, np.arange(end - int(hours * 3600), end, 300)[::step],
                   300, metrics)  # fmt: skip

    def hourly(self, code: str, days: int, instance: str = "", **daily: Sequence[float]) -> None:
        """Hourly rows of the last days up to now; a metric has one value a day, oldest first."""
        end = int(self.now.timestamp()) // 3600 * 3600
        times = np.arange(end - days * 86_400, end, 3600)
        spread = {name: np.repeat(np.asarray(v, float), 24) for name, v in daily.items()}
        self._roll("host_1h", code, instance, times, 3600, spread)

    def disk(self, code: str, used_pct: Sequence[float], mount: str = "/data") -> None:
        """A file system of 100 GiB with these daily shares."""
        share = np.asarray(used_pct, float)
        self.hourly(
            code,
            len(share),
            f"fs:{mount}",
            disk_used_pct=share.tolist(),
            disk_used_bytes=(share * GIB).tolist(),
            disk_total_bytes=[100 * GIB] * len(share),
        )

    def _roll(
        self, table: str, code: str, instance: str, times: Any, seconds: int, metrics: Any
    ) -> None:
        count = len(times)
        if not count:
            return
        self.samples.insert(
            table,
            {
                "resource": np.full(count, self.ids[code], np.uint32),
                "instance": [instance] * count,
                "time": times.astype(np.int64) * 1000,
                "seconds": np.full(count, seconds, np.float32),
                **{
                    name: np.broadcast_to(np.asarray(values, np.float64), (count,))
                    for name, values in metrics.items()
                },
                "version": np.full(count, 1, np.uint64),
                "arrived": np.full(count, int(self.now.timestamp()), np.int64),
            },
        )

    def pass_time(self, **span: float) -> None:
        self.clock[0] += timedelta(**span)

    def patrol(self, plan: str = "daily", unit: str | None = None) -> PatrolRun:
        database = self.runtime.database
        with database.read() as session:
            view = plans.get_plan(session, plan)
        unit_id = None if unit is None else self.ids[unit]
        number = run.start(database, view, unit_id, "wang", self.now)
        run.execute(self.runtime, number)
        with database.read() as session:
            return session.get_one(PatrolRun, number)

    def findings(self, **fields: Any) -> dict[tuple[str, str], Finding]:
        """(code, subject key) to finding; unresolved ones unless ``state`` is given."""
        with self.runtime.database.read() as session:
            rows = session.exec(select(Finding)).all()
        wanted = {"state": "open"} | fields
        return {
            (row.code, row.subject_key): row
            for row in rows
            if all(getattr(row, name) == value for name, value in wanted.items())
        }

    def codes(self) -> set[tuple[str, str]]:
        """What is open, without what the machine the test runs on has (its own disk)."""
        return {key for key in self.findings() if not key[0].startswith("own.disk")}


def emptied(samples: Samples) -> None:
    empty(samples)


def city(samples: Samples, folder: Path, now: datetime) -> City:
    made = world(samples, folder, now)
    whole = City(made.runtime, made.clock)
    whole.unit("A")
    whole.unit("A1", "A")
    whole.unit("B")
    return whole
