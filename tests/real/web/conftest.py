"""The console on a real server with a small fleet of real rows, and a browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from controller.access import users
from controller.app import create_app
from controller.ingest.tables import Agent, SetAside
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
from controller.store import ddl, groups, rollup
from controller.store.migrate import upgrade
from controller.store.relational import Database, connect
from controller.web.render import STATIC
from tests.samples_process import samples_process
from tests.serving import serving

PASSWORD = "Watch-tower-91"
GIB = float(1 << 30)
DAYS = 3
UNITS = (
    ("czj", "市财政局", None),
    ("gkzx", "国库支付中心", "czj"),
    ("wjw", "市卫生健康委", None),
    ("jyj", "市教育局", None),
    ("ljq", "临江区", None),
)
VMS_EACH = 3
BROWSER = "/usr/bin/chromium"


@dataclass(frozen=True)
class Console:
    """A served console. Users ops, sec, aud and czj (a unit's) have PASSWORD."""

    url: str
    runtime: Runtime

    sessions: dict[str, tuple[httpx.Cookies, str]] = field(default_factory=dict)
    """Cookie and CSRF token of those who are signed in already: passwords are slow on purpose."""

    @contextmanager
    def client(self, username: str, *, fresh: bool = False) -> Iterator[httpx.Client]:
        """A signed-in client that follows no redirects; its CSRF token is in every request."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            client.headers["accept"] = "text/html"
            if fresh or username not in self.sessions:
                answer = client.post("/login", data={"username": username, "password": PASSWORD})
                assert answer.status_code == 303, answer.text
                page = client.get("/password").text
                csrf = page.split('name="csrf_token" value="')[1].split('"')[0]
                if not fresh:
                    self.sessions[username] = client.cookies, csrf
            else:
                client.cookies, csrf = self.sessions[username]
            client.headers["x-csrf-token"] = csrf
            yield client


@pytest.fixture(scope="package")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    assert (STATIC / "vendor" / "echarts.js").is_file(), "run `make assets` first"
    folder = tmp_path_factory.mktemp("console")
    with samples_process(folder) as (engine, samples):
        ddl.ensure(samples, engine.settings, groups.create_statements(engine.settings))
        database = Database(connect(engine.settings.relational_url))
        upgrade(database.engine)
        runtime = Runtime(engine.settings, database, samples)
        _furnish(runtime)
        with serving(create_app(runtime)) as url:
            yield Console(url, runtime)
        database.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module: Playwright's event loop stays on the thread as long as it is open,
    and a later test could not run one of its own."""
    assert Path(BROWSER).exists(), "Debian package chromium is missing"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=BROWSER,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
            ],
        )
        yield launched
        launched.close()


def _furnish(runtime: Runtime) -> None:
    now = runtime.now()
    since = now - timedelta(days=60)
    ids: list[int] = []
    with runtime.database.write() as session:
        session.add(Site(id=1, code="S1", name="市中心节点"))
        session.add(Zone(id=1, code="Z1", name="政务外网区"))
        numbers: dict[str, int] = {}
        for code, name, parent in UNITS:
            unit = Unit(code=code, contact=f"contact-{code}", created=since)
            session.add(unit)
            session.flush()
            assert unit.id is not None
            numbers[code] = unit.id
            above = numbers[parent] if parent else None
            session.add(UnitVersion(unit_id=unit.id, name=name, parent_id=above, since=since))
            system = BusinessSystem(unit_id=unit.id, name=f"{name}业务")
            session.add(system)
            session.flush()
            for each in range(VMS_EACH):
                vm = Resource(code=f"vm-{code}-{each}", name=f"{name}-应用{each}", created=since)
                session.add(vm)
                session.flush()
                assert vm.id is not None
                ids.append(vm.id)
                session.add(
                    Holding(
                        resource_id=vm.id, since=since, unit_id=unit.id, system_id=system.id,
                        site_id=1, zone_id=1, vcpu=8, mem_bytes=16 * GIB, disk_bytes=200 * GIB,
                    )
                )  # fmt: skip
        for name, role, unit_code in (
            ("ops", "ops", None),
            ("sec", "security_admin", None),
            ("aud", "auditor", None),
            ("czj", "unit", "czj"),
        ):
            users.create_user(
                session, name, PASSWORD, role, now, must_change=False,
                unit_id=numbers[unit_code] if unit_code else None,
            )  # fmt: skip
        for code, state in (("czj", "active"), ("wjw", "pending")):
            session.add(
                Agent(
                    id=f"agent-{code}", name=f"host-{code}", state=state,
                    secret_hash=code.encode().hex().ljust(64, "0"),
                    unit_id=numbers[code], enrolled=now, version="0.1.0",
                    resource_id=ids[0] if code == "czj" else None,
                    last_seen=now, last_sample=now if code == "czj" else None, clock_skew_s=0.4,
                    facts={"hostname": f"host-{code}", "cpu": {"model": "Phytium FT-2000+"}},
                )
            )  # fmt: skip
        session.flush()
        session.add(
            SetAside(
                kind="future", agent_id="agent-czj", subject="", count=3, from_time=now,
                to_time=now, first_seen=now, last_seen=now,
            )
        )  # fmt: skip
    _measure(runtime, ids, now)


def _measure(runtime: Runtime, ids: list[int], now: datetime) -> None:
    """Five-minute rows of DAYS days with a gap of two hours in the middle, rolled up."""
    end = int(now.timestamp()) // 300 * 300
    times = np.arange(end - DAYS * 86_400, end, 300)
    middle = end - DAYS * 43_200
    times = times[(times < middle) | (times >= middle + 7_200)]
    day = 2 * np.pi * (times % 86_400) / 86_400
    count = len(times)
    for place, resource in enumerate(ids):
        busy = 20 + 10 * np.sin(day) + place
        runtime.samples.insert(
            "host",
            {
                "resource": np.full(count, resource, np.uint32),
                "instance": [""] * count,
                "source": ["agent"] * count,
                "time": times * 1000,
                "interval_s": np.full(count, 300, np.float32),
                "cpu_used_pct": busy,
                "cpu_max_pct": busy + 20,
                "mem_used_bytes": np.full(count, 7 * GIB),
                "mem_total_bytes": np.full(count, 16 * GIB),
                "mem_used_pct": np.full(count, 43.75),
                "disk_used_bytes": np.full(count, 90 * GIB),
                "disk_total_bytes": np.full(count, 200 * GIB),
                "disk_used_pct": np.full(count, 45.0),
                "disk_read_bytes_s": busy * 1e3,
                "disk_write_bytes_s": busy * 2e3,
                "net_rx_bytes_s": busy * 1e4,
                "net_tx_bytes_s": busy * 2e4,
                "net6_rx_bytes_s": busy * 1e3,
                "net6_tx_bytes_s": busy * 1e3,
                "version": np.full(count, 1, np.uint64),
                "arrived": np.full(count, end, np.int64),
            },
        )
    rollup.sync_holdings(runtime)
    first = datetime.fromtimestamp(int(times[0]), UTC).date()
    days = [(number, first + timedelta(days=each)) for number in ids for each in range(DAYS + 1)]
    for _ in rollup.roll_resource_days(runtime, "host", days):
        pass
