"""The papers of the demo prefecture, with the dirt that such registers have.

A unit that was merged and one that was renamed, aliases as exports use them, records of systems
that are overdue, applications that contradict what was delivered, pools that run short, resources
nobody has claimed, an address used twice, and resources that several units share.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from controller.demo.history import CHINA
from controller.demo.world import DEMO_TAG, SITES, Vm

FILES = ("units", "resources", "systems", "allocations", "pools")
"""Registers in the order of their imports; each stands in papers-NAME.csv."""

MERGED, SUCCESSOR = "demo-lyj", "demo-zrj"
MERGED_SYSTEM = "林长制管控"
RENAMED = ("demo-wjw", "市卫生健康委员会")
APPORTIONED, PUBLIC = "统一消息", "密码服务"
DOMESTIC = ("Kylin V10 SP2", "openEuler 22.03 LTS", "UOS 20")

Row = Mapping[str, object]


class Door(Protocol):
    """The API as commands reach it."""

    def post(self, path: str, body: Any = None) -> Any: ...
    def put(self, path: str, body: Any = None) -> Any: ...


def write_papers(folder: Path, fleet: Sequence[Vm], end: datetime) -> None:
    """Writes papers-*.csv as an office would have them."""
    writers = {
        "units": _units(),
        "resources": _resources(fleet, end),
        "systems": _systems(fleet, end),
        "allocations": _allocations(fleet, end),
        "pools": _pools(),
    }
    for name in FILES:
        rows = list(writers[name])
        heads = list(dict.fromkeys(head for row in rows for head in row))
        # GBK with trailing spaces, as a spreadsheet of an office is saved.
        path = folder / f"papers-{name}.csv"
        with path.open("w", encoding="gb18030", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=heads, restval="")
            writer.writeheader()
            writer.writerows({key: f"{value} " for key, value in row.items()} for row in rows)


def tell(api: Door, fleet: Sequence[Vm], end: datetime) -> None:
    """What happened to units and resources, through the API."""
    merged = [vm.code for vm in fleet if vm.system == MERGED_SYSTEM]
    api.post("/api/v1/corrections", {"resources": merged, "unit": MERGED, "system": MERGED_SYSTEM})
    api.post(
        "/api/v1/unit-changes",
        {"kind": "merge", "effective": _day(end, 20), "units": [MERGED],
         "into": [{"code": SUCCESSOR}], "document": "演示编〔2026〕12号"},
    )  # fmt: skip
    code, name = RENAMED
    api.post(
        "/api/v1/unit-changes",
        {"kind": "rename", "effective": _day(end, 15), "units": [code],
         "into": [{"code": code, "name": name}], "document": "演示编〔2026〕15号"},
    )  # fmt: skip
    lost = [vm.code for vm in fleet if vm.shape == "idle"][:3]
    api.post("/api/v1/unclaimed", {"resources": lost, "since": _day(end, 9)})
    owner = next(vm.unit for vm in fleet if vm.code == lost[0])
    api.post(
        "/api/v1/claims",
        {"resource": lost[0], "unit": owner, "since": _day(end, 9),
         "reason": "交接时漏登记，仍在使用"},
    )  # fmt: skip
    for vm in fleet:
        since = _day(end, min(vm.age_days, 30))
        if vm.system == APPORTIONED:
            parts = {"demo-dsj": 40, "demo-zfb": 35, "demo-jtj": 25}
            body: dict[str, Any] = {"mode": "apportioned", "since": since, "parts": parts}
        elif vm.system == PUBLIC:
            body = {"mode": "public", "since": since, "note": "全市公共密码服务"}
        else:
            continue
        api.put(f"/api/v1/resources/{vm.code}/share", body)


def arch_of(vm: Vm) -> str:
    """Domestic systems run on Kunpeng here, the others on x86."""
    return "鲲鹏" if vm.os in DOMESTIC else "x86"


def _day(end: datetime, before: int) -> str:
    return (end.astimezone(CHINA) - timedelta(days=before)).date().isoformat()


def _units() -> Iterator[Row]:
    yield {"单位编码": MERGED, "单位名称": "市林业局", "类型": "市直部门", "别名": "林业局",
           "经办人": "演示联系人"}  # fmt: skip
    yield {"单位编码": "demo-wjw", "别名": "卫健委、市卫健委、卫计委", "负责人": "演示负责人",
           "负责人电话": "0000-0000001", "分管领导": "演示领导甲"}  # fmt: skip
    yield {"单位编码": "demo-jtj", "别名": "交通局、交通运输局", "负责人": "演示负责人乙",
           "分管领导": "演示领导乙、演示领导丙"}  # fmt: skip
    yield {"单位编码": "demo-jyj", "别名": "市教体局"}


def _resources(fleet: Sequence[Vm], end: datetime) -> Iterator[Row]:
    for vm in fleet:
        yield {"资源编码": vm.code, "CPU架构": arch_of(vm)}
    first = fleet[0]
    common = {"类型": "云主机", "站点": SITES[0], "网络区": first.zone, "标签": DEMO_TAG}
    # Its address was given to another machine after it was gone.
    yield common | {
        "资源编码": "demo-old-01", "名称": "旧应用服务器", "单位": first.unit, "IP地址": first.ip,
        "CPU核数": 4, "内存GB": 8, "CPU架构": "x86", "开通时间": _day(end, 700),
        "归属起始": _day(end, 700), "注销时间": _day(end, 420),
    }  # fmt: skip
    yield common | {
        "资源编码": "demo-lost-01", "名称": "交通局测试机", "单位": "待认领",
        "IP地址": "10.66.90.7", "CPU核数": 4, "内存GB": 8, "磁盘GB": 100,
        "CPU架构": "x86", "开通时间": _day(end, 120),
        "归属起始": _day(end, 120),
    }  # fmt: skip
    yield common | {
        "资源编码": "demo-gpu-01", "名称": "智能问答推理", "单位": "demo-dsj",
        "业务系统": "政务大数据平台", "IP地址": "10.66.91.7", "CPU核数": 32, "内存GB": 256,
        "磁盘GB": 1000, "CPU架构": "鲲鹏", "加速卡型号": "昇腾910B", "加速卡数": 4,
        "开通时间": _day(end, 90), "归属起始": _day(end, 90),
    }  # fmt: skip


def _systems(fleet: Sequence[Vm], end: datetime) -> Iterator[Row]:
    firsts: dict[str, Vm] = {}
    for vm in fleet:
        firsts.setdefault(vm.system, vm)
    states = ("已完成", "适配中", "已计划", "未开展")
    for number, (system, vm) in enumerate(firsts.items()):
        level = ("三级", "二级", "二级", "三级")[number % 4]
        row: dict[str, object] = {
            "所属单位": vm.unit, "系统名称": system, "等保级别": level,
            "备案号": f"演示{33010000 + number}",
            "等保测评日期": _day(end, 60 + 37 * (number % 20)),
            "是否上云": "是", "应否上云": "是",
            "信创CPU": "已完成" if arch_of(vm) == "鲲鹏" else states[1 + number % 3],
            "信创操作系统": "已完成" if vm.os in DOMESTIC else states[1 + number % 3],
            "信创数据库": states[number % 4], "信创中间件": states[(number + 1) % 4],
            "信创应用": states[(number + 2) % 4], "最近备份": _day(end, number % 45),
            "恢复演练": _day(end, 100 + 31 * (number % 14)), "运维单位": "演示运维公司",
            "合同到期": _day(end, 40 - 23 * (number % 12)),
        }  # fmt: skip
        if level == "三级":
            row |= {"密评日期": _day(end, 30 + 41 * (number % 12)), "异地备份": _day(end, number)}
        yield row
    yield {"所属单位": "demo-zjj", "系统名称": "公积金核心系统", "等保级别": "三级",
           "是否上云": "否", "应否上云": "是", "信创CPU": "未开展"}  # fmt: skip


def _allocations(fleet: Sequence[Vm], end: datetime) -> Iterator[Row]:
    for number, vm in enumerate(fleet[::4]):
        asked = vm.age_days + 6 + number % 9
        row: dict[str, object] = {
            "申请单号": f"YS-{2026}-{number + 1:04d}", "单位": vm.unit, "业务系统": vm.system,
            "用途": "测试" if number % 9 == 4 else "生产", "站点": vm.site, "网络区": vm.zone,
            "架构": arch_of(vm), "申请CPU": vm.vcpu * (2 if number % 3 == 0 else 1),
            "申请内存": vm.mem_gib, "申请存储": vm.disk_gib, "申请日期": _day(end, asked),
            "批复CPU": vm.vcpu, "批复内存": vm.mem_gib, "批复存储": vm.disk_gib,
            "批复日期": _day(end, asked - 2), "开通CPU": vm.vcpu, "开通内存": vm.mem_gib,
            "开通存储": vm.disk_gib, "开通日期": _day(end, vm.age_days), "开通资源": vm.code,
        }  # fmt: skip
        if number % 9 == 4:
            row["到期日期"] = _day(end, 25 - number)
        if number % 17 == 3:  # more was delivered than approved
            row |= {"批复CPU": vm.vcpu / 2}
        if number % 23 == 5:  # delivered, and nobody approved
            row |= {"批复CPU": "", "批复内存": "", "批复存储": "", "批复日期": ""}
        yield row
    yield {"申请单号": "YS-2026-0901", "单位": "demo-jyj", "业务系统": "智慧教育", "用途": "生产",
           "站点": SITES[0], "网络区": "政务外网区", "架构": "鲲鹏", "申请CPU": 64, "申请内存": 256,
           "申请日期": _day(end, 6), "批复CPU": 48, "批复内存": 192,
           "批复日期": _day(end, 3)}  # fmt: skip


def _pools() -> Iterator[Row]:
    for number, site in enumerate(dict.fromkeys(SITES)):
        for short, arch in (("kp", "鲲鹏"), ("x86", "x86")):
            yield {
                "资源池编码": f"demo-{number + 1}-{short}", "资源池名称": f"{site}{arch}池",
                "站点": site, "架构": arch, "CPU总量": 768 if number == 0 else 384,
                "内存总量": 4096 if number == 0 else 2816,
                "存储总量": 90_000 if number == 0 else 42_000,
                "CPU超分比": "1:2", "预留比例": "15%",
            }  # fmt: skip
    yield {"资源池编码": "demo-ai", "资源池名称": "市中心智算池", "站点": SITES[0], "架构": "鲲鹏",
           "加速卡型号": "昇腾910B", "加速卡总数": 16, "CPU总量": 192, "内存总量": 1536,
           "存储总量": 10_000, "CPU超分比": 1, "预留比例": "10%"}  # fmt: skip
