"""kill -9 of the worker while late rows and corrections come in: the sums are right afterwards.

What was sent and which owner held what is kept in plain lists; the oracle of the usage tests, which
shares no code with the product, says what every report must show in the end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.serving import ROOT, Serve, serve, wait_until
from tests.unit.controller.usage import oracle

HEAVY = os.environ.get("HEAVY_TESTS") == "1"
KILLS = 200 if HEAVY else 20
DAYS = 6
RESOURCES = [f"vm{number}" for number in range(12)]
UNITS = ("A", "B", "C")
GIB = 1 << 30
DRAINED_SECONDS = 120.0


class Load(threading.Thread):
    """Imports every (resource, six hours) once, in random order, and corrects owners meanwhile."""

    def __init__(self, api: httpx.Client, first: datetime, rng: random.Random) -> None:
        super().__init__()
        self.api = api
        self.first = first
        self.rng = rng
        self.rows: list[oracle.Row] = []
        begin = int(first.timestamp())
        self.held = {
            name: [_held(name, UNITS[place % 3], begin - 86_400, 1 << 40, 2.0 + place)]
            for place, name in enumerate(RESOURCES)
        }
        self.stop = threading.Event()
        self.failure: BaseException | None = None
        self.loaded = 0

    def run(self) -> None:
        pieces = [(name, quarter) for name in RESOURCES for quarter in range(DAYS * 4)]
        self.rng.shuffle(pieces)
        try:
            for number, (name, quarter) in enumerate(pieces):
                self.send(name, quarter)
                if number % 6 == 5:
                    self.correct()
                self.loaded += 1
                if not self.stop.is_set():
                    time.sleep(0.02)
        except BaseException as error:  # the test's thread shall say it
            self.failure = error

    def send(self, name: str, quarter: int) -> None:
        start = int(self.first.timestamp()) + quarter * 21_600
        lines = ["resource,time,interval_s,cpu_used_pct,cpu_max_pct,mem_used_bytes"]
        for at in range(start, start + 21_600, 300):
            cpu = round(self.rng.uniform(0, 100), 2)
            peak, mem = min(100.0, round(cpu + 5, 2)), float(self.rng.randrange(8 * GIB))
            lines.append(f"{name},{at},300,{cpu},{peak},{mem}")
            self.rows.append(oracle.Row(name, at, 300, "plat", float(cpu), float(peak), mem))
        answer = self.api.post(
            "/api/v1/import/samples",
            params={"name": f"{name}-{quarter}.csv", "source": "plat"},
            content="\n".join(lines).encode(),
        )
        assert answer.status_code == 200, answer.text
        last = json.loads(answer.text.strip().splitlines()[-1])
        assert last["outcome"]["rows"] == 72, last

    def correct(self) -> None:
        """Another owner from a day until a later one."""
        name, unit = self.rng.choice(RESOURCES), self.rng.choice(UNITS)
        since = self.first + timedelta(days=self.rng.randrange(DAYS))
        until = since + timedelta(days=self.rng.randrange(1, DAYS))
        answer = self.api.post(
            f"/api/v1/resources/{name}/holdings",
            json={"unit": unit, "since": since.isoformat(), "until": until.isoformat()},
        )
        assert answer.status_code == 200, answer.text
        self.held[name] = list(
            _changed(self.held[name], unit, int(since.timestamp()), int(until.timestamp()))
        )


def _held(name: str, unit: str, since: int, until: int, vcpu: float) -> oracle.Held:
    return oracle.Held(name, unit, since, until, vcpu, 8.0 * GIB)


def _changed(held: list[oracle.Held], unit: str, since: int, until: int) -> Iterator[oracle.Held]:
    for each in held:
        for start, end, owner in (
            (each.since, min(each.until, since), each.unit),
            (max(each.since, since), min(each.until, until), unit),
            (max(each.since, until), each.until, each.unit),
        ):
            if start < end:
                yield _held(each.resource, owner, start, end, each.vcpu)


def _token(folder: Path) -> str:
    made = subprocess.run(
        [sys.executable, "-m", "controller", "admin", "token", "--data", str(folder),
         "--role", "ops"],
        capture_output=True, text=True, cwd=ROOT, check=True, timeout=60,
    )  # fmt: skip
    return made.stdout.strip()


def _import(api: httpx.Client, kind: str, text: str) -> None:
    answer = api.post(f"/api/v1/import/{kind}", files={"file": (f"{kind}.csv", text.encode())})
    assert answer.status_code == 200, answer.text
    assert answer.json()["errors"] == [], answer.text


def _dirty(server: Serve) -> int:
    with sqlite3.connect(f"file:{server.folder / 'yunxun.db'}?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM dirty_day").fetchone()[0])


def _close(found: object, wanted: object) -> bool:
    if wanted is None or found is None:
        return found is None and wanted is None
    return found == pytest.approx(wanted, rel=1e-4, abs=2e-3)


@pytest.mark.timeout(3600 if HEAVY else 300)
def test_a_killed_worker_leaves_no_sum_wrong(tmp_path: Path) -> None:
    rng = random.Random(20261123)
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first -= timedelta(days=DAYS + 1)
    with serve(tmp_path / "data") as server:
        headers = {"authorization": f"Bearer {_token(server.folder)}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=60) as api:
            _import(api, "units", "code,name\n" + "\n".join(f"{u},Unit {u}" for u in UNITS))
            since = (first - timedelta(days=1)).date().isoformat()
            _import(
                api,
                "resources",
                "code,name,kind,unit,vcpu,mem_gib,created,since\n"
                + "\n".join(
                    f"{name},{name},vm,{UNITS[place % 3]},{2 + place},8,{since},{since}"
                    for place, name in enumerate(RESOURCES)
                ),
            )
            load = Load(api, first, rng)
            load.start()
            killed = 0
            while killed < KILLS:
                time.sleep(rng.uniform(0.2, 1.2))
                pid = server.children().get("worker")
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                    wait_until(
                        lambda old=pid: server.children().get("worker", old) != old, 30, "a worker"
                    )
            load.stop.set()
            load.join()
            assert load.failure is None, load.failure
            assert load.loaded == len(RESOURCES) * DAYS * 4
            wait_until(lambda: _dirty(server) == 0, DRAINED_SECONDS, "nothing is left dirty")
            _check(api, load, first)


def _check(api: httpx.Client, load: Load, first: datetime) -> None:
    until = first + timedelta(days=DAYS)
    period = {"from": first.isoformat(), "to": until.isoformat()}
    begin, end = int(first.timestamp()), int(until.timestamp())
    held = [each for spans in load.held.values() for each in spans]
    rows = {
        row["unit"]: row
        for row in api.get("/api/v1/usage", params={**period, "by": "unit"}).json()["rows"]
    }
    for unit in UNITS:
        wanted = oracle.unit_figures(load.rows, held, {unit}, begin, end)
        for name in ("cpu_avg_pct", "cpu_p95_pct", "cpu_max_pct", "mem_avg_pct", "coverage_pct"):
            assert _close(rows[unit][name], wanted[name]), (unit, name, rows[unit], wanted)
    rows = {
        row["resource"]: row
        for row in api.get("/api/v1/usage", params={**period, "by": "resource"}).json()["rows"]
    }
    for name in RESOURCES:
        wanted = oracle.resource_figures(load.rows, held, name, begin, end, None)
        for figure in ("cpu_avg_pct", "cpu_p95_pct", "cpu_max_pct", "mem_avg_pct"):
            assert _close(rows[name][figure], wanted[figure]), (name, figure, rows[name], wanted)
