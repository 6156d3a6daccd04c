"""The fleet's registers as the CSV files that `yunxun import` reads, with Chinese headers."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

from controller.demo.history import CHINA
from controller.demo.world import UNITS, Vm


def write_units(path: Path) -> int:
    """Writes units.csv; returns its rows."""
    rows: list[dict[str, object]] = [
        {
            "编码": code,
            "名称": name,
            "上级单位": parent,
            "类别": kind,
            "联系人": "演示联系人",
            "邮箱": f"{code}@example.invalid",
            "电话": "0000-0000000",
        }
        for code, name, parent, kind in UNITS
    ]
    return _write(path, rows)


def write_resources(path: Path, fleet: list[Vm], end: datetime, *, grown: bool) -> int:
    """Writes the resource register as first delivered, or (``grown``) its later enlargements."""
    rows: list[dict[str, object]] = []
    for vm in fleet:
        delivered = end - timedelta(days=vm.age_days)
        row: dict[str, object] = {
            "编码": vm.code,
            "名称": vm.name,
            "类型": "vm",
            "单位": vm.unit,
            "业务系统": vm.system,
            "站点": vm.site,
            "网络区": vm.zone,
            "IP地址": vm.ip,
            "CPU核数": vm.vcpu,
            "内存GB": vm.mem_gib,
            "磁盘GB": vm.disk_gib,
            "带宽Mbps": vm.bandwidth_mbps,
            "操作系统": vm.os,
            "开通时间": _stamp(delivered),
            "归属起始": _stamp(delivered),
            "标签": ",".join(vm.tags),
            "实例UUID": vm.uuid,
        }
        if not grown:
            rows.append(row)
        elif vm.grown is not None and vm.grown[0] < vm.age_days:
            since = end - timedelta(days=vm.grown[0])
            rows.append(row | {"CPU核数": vm.grown[1], "归属起始": _stamp(since)})
    return _write(path, rows)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def _write(path: Path, rows: list[dict[str, object]]) -> int:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
