"""A small extranet for the pages: lines, points that were measured, devices with neighbours."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import update
from sqlmodel import Session, col, select

from controller.ingest.tables import Agent
from controller.inventory.imports import import_register
from controller.inventory.tables import Holding, Resource, Site, Unit, UnitVersion
from controller.network.line_import import LINES
from controller.network.line_tables import AccessPoint
from controller.network.point_import import POINTS
from controller.network.tables import Device, DeviceNeighbour, DevicePort
from controller.network.trap_tables import TrapEvent, TrapSource
from controller.runtime import Runtime

LINES_FILE = """电路编号,运营商,线路名称,线路类型,层级,单位,网络区,A端设备,A端端口,B端位置,带宽,合同开始,合同到期,年费用
P-1,中国电信,到省上联,裸光纤,市级,czj,公用网络区,core-1,GE1,省中心,万兆,2024-01-01,2029-01-01,120万元
L-1,中国电信,临江区上联一,MSTP,县级,ljq,公用网络区,core-1,GE2,临江区政府,1G,2024-01-01,{soon},36000
L-2,中国移动,临江区上联二,裸光纤,县级,ljq,公用网络区,core-1,GE3,临江区政府,500M,2024-01-01,2029-01-01,30000
T-1,中国移动,,5G,乡镇,ljq,公用网络区,,,临镇,100,2025-05-01,{past},
"""  # noqa: E501
POINTS_FILE = """编码,名称,层级,单位,村社区,接入状态,网络区,地址,TCP端口,线路
ap-1,财政局接入点,市级,czj,,已接入,公用网络区,10.1.1.1,,
ap-2,临江区接入点,县级,ljq,,已接入,公用网络区,10.2.1.1,,中国电信L-1
ap-3,临镇接入点,乡镇,ljq,临镇,已接入,公用网络区,fd00::1,443,T-1
ap-4,一村,村,ljq,一村,应接未接,公用网络区,,,
"""
EDGES = (
    # from, port, to, port at the other end ("?": not in the register)
    ("core-1", "GE2", "agg-1", "GE1"), ("agg-1", "GE1", "core-1", "GE2"),
    ("core-1", "GE3", "agg-2", "GE1"), ("agg-1", "GE2", "acc-1", "GE1"),
    ("agg-1", "GE3", "acc-2", "GE1"), ("agg-2", "GE2", "?H3C-5130", "GE1"),
)  # fmt: skip
ROLES = {"core": "core", "agg": "aggregation", "acc": "access"}


def furnish(runtime: Runtime, *, leaves: int = 0) -> None:
    """Fills the registers; ``leaves`` further access switches hang on the two aggregations."""
    now = runtime.now()
    with runtime.database.write() as session:
        ljq = session.execute(select(Unit).where(col(Unit.code) == "ljq")).scalar_one().id
        session.execute(
            update(UnitVersion).where(col(UnitVersion.unit_id) == ljq).values(kind="county")
        )
    for register, text in ((LINES, LINES_FILE), (POINTS, POINTS_FILE)):
        soon, past = (f"{now + timedelta(days=n):%Y-%m-%d}" for n in (20, -30))
        file = io.BytesIO(text.format(soon=soon, past=past).encode())
        outcome = import_register(
            register, runtime.database, file, "f.csv", dry_run=False, skip_bad=False, by="test",
            now=now,
        )  # fmt: skip
        assert outcome.imported, outcome.errors
    edges = list(EDGES)
    for number in range(leaves):
        parent = f"agg-{number % 2 + 1}"
        edges.append((parent, f"GE{10 + number}", f"acc-{10 + number}", "GE1"))
    with runtime.database.write() as session:
        ids = _devices(session, edges, now)
        _traps(session, ids["core-1"], now)
        points = {p.code: p.id or 0 for p in session.execute(select(AccessPoint)).scalars()}
    _reach(runtime, points, now)


def _devices(session: Session, edges: list[tuple[str, ...]], now: datetime) -> dict[str, int]:
    site = session.execute(select(Site)).scalars().first()
    ljq = session.execute(select(Unit).where(col(Unit.code) == "ljq")).scalar_one().id
    names = dict.fromkeys(e for one, _, other, _ in edges for e in (one, other) if e[0] != "?")
    ids: dict[str, int] = {}
    for number, code in enumerate(names, 1):
        resource = Resource(code=code, name=f"{code} 交换机", kind="device", created=now)
        session.add(resource)
        session.flush()
        ids[code] = resource.id or 0
        session.add(
            Holding(
                resource_id=resource.id, since=now, unit_id=ljq, site_id=site.id if site else None
            )
        )
        session.add(
            Device(
                id=ids[code], network="公用网络区", address=f"10.0.{number // 250}.{number % 250}",
                role=ROLES[code.split("-")[0]], state="down" if code == "acc-2" else "up",
                vendor="H3C",
            )
        )  # fmt: skip
        session.flush()
    ports: set[tuple[str, str]] = {("core-1", "GE1")}
    for one, port, other, far in edges:
        ports.add((one, port))
        session.add(
            DeviceNeighbour(
                device_id=ids[one], local_port=port, instance=f"port:{port}",
                remote_chassis=other, remote_port=far, remote_name=other.removeprefix("?"),
                remote_device_id=ids.get(other), first_seen=now, last_seen=now,
            )
        )  # fmt: skip
    for number, (code, port) in enumerate(sorted(ports), 1):
        session.add(
            DevicePort(
                device_id=ids[code], instance=f"port:{port}", if_index=number, name=port,
                admin="up", oper="up", speed_bit_s=1e9, seen=now,
            )
        )  # fmt: skip
    return ids


def _traps(session: Session, device: int, now: datetime) -> None:
    agent = session.execute(select(Agent)).scalars().first()
    assert agent is not None
    for number, kind in enumerate(("link_down", "link_up", "bgp_down", "raw")):
        session.add(
            TrapEvent(
                at=now - timedelta(minutes=number), agent_id=agent.id, source="10.0.0.1",
                device_id=device, version="3", oid="1.3.6.1.6.3.1.1.5.3", kind=kind,
                about="GE2" if kind.startswith("link") else "", variables=[["1.3.6.1", "x"]],
            )
        )  # fmt: skip
    session.add(
        TrapSource(agent_id=agent.id, address="192.0.2.9", dropped=1_204, refused=3,
                   first_seen=now, last_seen=now)
    )  # fmt: skip
    session.add(
        TrapSource(agent_id=agent.id, address="10.0.0.1", device_id=device, received=4,
                   first_seen=now, last_seen=now)
    )  # fmt: skip


def _reach(runtime: Runtime, points: dict[str, int], now: datetime) -> None:
    """Minute rows of 24 hours: ap-1 always, ap-2 never since an hour, ap-3 with a gap."""
    end = int(now.timestamp()) // 60 * 60
    times = np.arange(end - 86_400, end, 60)
    for code in ("ap-1", "ap-2", "ap-3"):
        mine = times if code != "ap-3" else times[(times < end - 40_000) | (times > end - 30_000)]
        up = np.full(len(mine), 100.0)
        if code == "ap-2":
            up[mine > end - 3_600] = 0.0
        runtime.samples.insert(
            "reach",
            {
                "resource": np.full(len(mine), 1, np.uint32),
                "instance": [f"ap:{points[code]}"] * len(mine),
                "source": ["agent"] * len(mine),
                "time": mine * 1000,
                "interval_s": np.full(len(mine), 60, np.float32),
                "reachable_pct": up,
                "probe_loss_pct": 100 - up,
                "probe_rtt_ms": np.where(up > 0, 2 + np.sin(mine / 3_000), np.nan),
                "version": np.full(len(mine), 1, np.uint64),
                "arrived": np.full(len(mine), end, np.int64),
            },
        )


def measure_ports(runtime: Runtime, use: dict[tuple[str, str], float]) -> None:
    """Five-minute and latest rows of ports: (device, port) -> share of 1 Gbit/s, out a tenth."""
    now = runtime.now()
    end = int(now.timestamp()) // 300 * 300
    with runtime.database.read() as session:
        ids = {r.code: r.id or 0 for r in session.execute(select(Resource)).scalars()}
    for (code, port), share in use.items():
        times = np.arange(end - 2 * 86_400, end, 300)
        busy = np.full(len(times), share * 1e9 / 8)
        base = {
            "resource": np.full(len(times), ids[code], np.uint32),
            "instance": [f"port:{port}"] * len(times),
            "time": times * 1000,
            "port_in_bytes_s": busy,
            "port_out_bytes_s": busy / 10,
            "port_in_used_pct": np.full(len(times), share * 100),
            "port_out_used_pct": np.full(len(times), share * 10),
            "port_speed_bit_s": np.full(len(times), 1e9),
            "version": np.full(len(times), 1, np.uint64),
            "arrived": np.full(len(times), end, np.int64),
        }
        seconds = np.full(len(times), 300, np.float32)
        runtime.samples.insert("port_5m", {**base, "seconds": seconds})
        runtime.samples.insert(
            "port", {**base, "source": ["agent"] * len(times), "interval_s": seconds}
        )
