"""迁网 in the invented prefecture: own networks, projects at every step, a plan with faults, and a
month of connections between the fleet's systems, so that the map shows something.

Registers and projects go through the API; connections are written as agents' documents would be,
since the fleet's machines have no agent.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.commands.client import Api
from controller.demo.world import SEED, Vm
from controller.inventory.tables import Resource
from controller.local import open_database
from controller.moves.edge_documents import take_edges
from controller.moves.tables import STEPS

DAYS = 30
LOOKS_A_DAY = 288

NETWORKS = """编码,名称,单位,类型,处置,主机数,年费用,网段,专线,是否涉密
demo-jt-zw,交通业务专网,demo-jtj,业务专网,迁移,10,186000,172.20.0.0/22,ZX-0117,否
demo-jt-sp,交通视频专网,demo-jtj,视频网,迁移,36,240000,172.20.8.0/22,ZX-0118,否
demo-hb-jc,环境监测专网,demo-hbj,物联网,迁移,58,96000,172.21.0.0/20,ZX-0203,否
demo-jy-bg,教育办公网,demo-jyj,办公网,撤并,24,72000,172.22.0.0/22,ZX-0311,否
demo-wj-yl,医疗卫生专网,demo-wjw,业务专网,保留,120,420000,172.23.0.0/16,ZX-0402,否
demo-zj-gd,工地监管专网,demo-zjj,物联网,迁移,40,88000,172.24.0.0/20,ZX-0505,否
demo-lj-zw,临江区政务专网,demo-ljq,办公网,迁移,64,150000,172.25.0.0/18,ZX-0601,否
demo-ys-zw,云山县政务专网,demo-ysx,办公网,,48,,172.26.0.0/18,,否
"""

PLATFORMS = ("统一消息", "电子证照", "政务大数据平台", "电子印章", "密码服务")
"""Systems that many others call."""
DATABASES = {"数据库": (5236, "dmserver"), "缓存": (6379, "redis"), "检索": (9200, "java"),
             "文件": (9000, "minio")}  # fmt: skip
PLANNED = "智慧交通"
"""Whose hosts the demo's plan moves."""


def furnish(api: Api, folder: Path, vms: Sequence[Vm], files: Path, end: datetime) -> str:
    """One line about what was furnished. ``folder``: the controller's data."""
    units = {each["code"] for each in api.get("/api/v1/units")["items"]}
    networks = _networks(api, files / "own-networks.csv", units)
    links = observe(folder, vms, end)
    count = _projects(api, end, units)
    plan = _plan(api, files / "address-plan.csv", vms)
    told = f"专网 {networks}，项目 {count}，连接 {links}"
    if plan:
        told += f"，方案错误 {plan['summary']['blockers']} 处"
    return f"迁网 · moves: {told}"


def _networks(api: Api, file: Path, units: set[str]) -> int:
    head, *rows = NETWORKS.splitlines()
    rows = [row for row in rows if row.split(",")[2] in units]
    file.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    api.post_file("/api/v1/import/own-networks", file)
    return len(rows)


def _projects(api: Api, end: datetime, units: set[str]) -> int:
    """Projects at each step; one of them waits for the unit's word, one is done but for the line,
    one is blocked."""
    made = 0
    for code, network, unit, lead, days, steps in (
        ("demo-mv-jtsp", "demo-jt-zw", "demo-jtj", "李工", 40, STEPS[:1]),
        ("demo-mv-hbjc", "demo-hb-jc", "demo-hbj", "王工", 12, STEPS[:3]),
        ("demo-mv-jybg", "demo-jy-bg", "demo-jyj", "李工", 60, ()),
        ("demo-mv-zjgd", "demo-zj-gd", "demo-zjj", "赵工", -6, STEPS[:2]),
    ):  # fmt: skip
        if unit not in units:
            continue
        planned = (end + timedelta(days=days)).date().isoformat()
        api.post(
            "/api/v1/moves/projects",
            {"code": code, "network": network, "target": "公用网络区", "lead": lead,
             "planned_end": planned},
        )  # fmt: skip
        for step in steps:
            body: dict[str, Any] = {"state": "done", "who": lead}
            if step == "addresses":
                body["reference"] = "地址批复〔2026〕17号"
            api.patch(f"/api/v1/moves/projects/{code}/steps/{step}", body)
        made += 1
    blocked = {"state": "doing", "blocked_by": "等待运营商提供并行线路", "who": "周工"}
    if "demo-jyj" in units:
        api.patch("/api/v1/moves/projects/demo-mv-jybg/steps/addresses", blocked)
    return made


def _plan(api: Api, file: Path, vms: Sequence[Vm]) -> dict[str, Any] | None:
    """An address plan with four faults, as one would come from an office."""
    hosts = [vm for vm in vms if vm.system == PLANNED][:10]
    if not hosts:
        return None
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("主机", "网卡", "现IP", "IPv4地址", "掩码", "网关", "IPv6地址", "IPv6前缀",
                         "IPv6网关", "DNS", "NTP", "MTU", "VLAN"))  # fmt: skip
        for number, vm in enumerate(hosts):
            row = [vm.name, "eth0", f"{vm.ip}/24", f"10.80.13.{number + 21}", "255.255.255.0",
                   "10.80.13.1", f"2001:db8:80:13::{number + 21:x}", 64, "2001:db8:80:13::1",
                   "10.80.0.53", "10.80.0.123", 1500, 113]  # fmt: skip
            if number == 2:
                row[5] = "10.80.12.1"  # outside of its network
            elif number == 4:
                row[3] = "10.80.13.24"  # planned for the fourth already
            elif number == 6:
                row[6] = row[7] = row[8] = ""
            elif number == 8:
                row[11] = 1000  # too small for IPv6
            writer.writerow(row)
    made: dict[str, Any] = api.post_file(
        "/api/v1/moves/plans", file, {"project": "demo-mv-jtsp", "days": 30}
    )
    return made


def observe(folder: Path, vms: Sequence[Vm], end: datetime) -> int:
    """Writes the month's connections; how many there are."""
    calls = invent_calls(vms)
    with open_database(folder) as runtime, runtime.database.write() as session:
        ids = {
            code: number
            for number, code in session.execute(select(col(Resource.id), col(Resource.code)))
        }
        for code, edges in calls.items():
            if code in ids:
                _tell(session, ids[code], edges, end)
    return sum(map(len, calls.values()))


def _tell(session: Session, resource: int, edges: list[list[Any]], end: datetime) -> None:
    for day in range(DAYS - 1, -1, -1):
        at = end - timedelta(days=day)
        # One edge in four is met on some days only.
        met = [edge for place, edge in enumerate(edges) if place % 4 or (day + place) % 3 == 0]
        take_edges(session, resource, {"edges": met}, at, end + timedelta(minutes=1))


def invent_calls(vms: Sequence[Vm]) -> dict[str, list[list[Any]]]:
    """Code -> edges as an agent tells them: each machine to its own databases, some platforms,
    cameras and sensors in own networks, and a few addresses nobody registered."""
    chance = random.Random(SEED + 7)  # noqa: S311 -- invented data, not a secret
    by_system: dict[str, list[Vm]] = {}
    for vm in vms:
        by_system.setdefault(vm.system, []).append(vm)
    found: dict[str, list[list[Any]]] = {}
    for vm in vms:
        role = vm.name.rsplit("-", 1)[-1].rstrip("0123456789")
        edges = _own(vm, role, by_system[vm.system])
        for platform in chance.sample(PLATFORMS, 2):
            target = next((v for v in by_system.get(platform, []) if v.system != vm.system), None)
            if target is not None and role in ("应用", "接口", "任务"):
                edges.append(["out", "tcp", target.ip, 8443, "java", LOOKS_A_DAY // 4, 4])
        edges += _outside(vm, role, chance)
        if edges:
            found[vm.code] = edges
    return found


def _own(vm: Vm, role: str, peers: Sequence[Vm]) -> list[list[Any]]:
    edges: list[list[Any]] = []
    for other in peers:
        kind = other.name.rsplit("-", 1)[-1].rstrip("0123456789")
        if other is vm or kind not in DATABASES or role not in ("应用", "接口", "任务", "管理"):
            continue
        port, _process = DATABASES[kind]
        edges.append(["out", "tcp", other.ip, port, "java", LOOKS_A_DAY, 8])
    return edges


OUTSIDE = {
    "智慧交通": ("172.20.9.{n}", 554, "ffmpeg"),
    "智慧环保": ("172.21.3.{n}", 502, "collector"),
    "建筑工地监管": ("172.24.1.{n}", 8000, "java"),
    "智慧教育": ("172.22.1.{n}", 443, "java"),
    "政务服务分厅": ("192.168.31.{n}", 1521, "java"),
}


def _outside(vm: Vm, role: str, chance: random.Random) -> list[list[Any]]:
    edges: list[list[Any]] = []
    if vm.system in OUTSIDE and role in ("应用", "接口", "前置", "网关"):
        pattern, port, process = OUTSIDE[vm.system]
        for _ in range(3):
            peer = pattern.format(n=chance.randrange(10, 60))
            edges.append(["out", "tcp", peer, port, process, LOOKS_A_DAY // 2, 2])
    if vm.zone == "互联网区" and role in ("网关", "应用"):
        for _ in range(2):
            peer = (
                f"114.{chance.randrange(100, 120)}.{chance.randrange(250)}.{chance.randrange(250)}"
            )
            edges.append(["in", "tcp", peer, 443, "nginx", 6, 2])
    return edges
