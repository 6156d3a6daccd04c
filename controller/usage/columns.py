"""The columns of a usage report on paper: what they are called, their unit, how they look."""

from __future__ import annotations

from typing import Literal, NamedTuple

from controller.usage.model import By

Kind = Literal["text", "count", "pct", "bytes", "rate"]


class Column(NamedTuple):
    field: str
    zh: str
    en: str
    kind: Kind = "text"


NAMES: dict[By, tuple[Column, ...]] = {
    "unit": (
        Column("unit_name", "单位", "Unit"),
        Column("unit", "单位编码", "Unit code"),
    ),
    "system": (
        Column("unit_name", "单位", "Unit"),
        Column("system", "业务系统", "System"),
    ),
    "resource": (
        Column("unit_name", "单位", "Unit"),
        Column("system", "业务系统", "System"),
        Column("resource", "资源编码", "Resource"),
        Column("resource_name", "资源名称", "Name"),
    ),
    "zone": (Column("zone_name", "网络区", "Zone"), Column("zone", "网络区编码", "Zone code")),
    "site": (Column("site_name", "中心", "Site"), Column("site", "中心编码", "Site code")),
}

FIGURES: tuple[Column, ...] = (
    Column("resources", "资源数(个)", "Resources", "count"),
    Column("vcpu_allocated", "vCPU 分配(核)", "vCPU allocated", "count"),
    Column("mem_allocated_bytes", "内存分配(GiB)", "Memory allocated (GiB)", "bytes"),
    Column("disk_allocated_bytes", "存储分配(GiB)", "Storage allocated (GiB)", "bytes"),
    Column("cpu_avg_pct", "CPU 平均(%)", "CPU mean (%)", "pct"),
    Column("cpu_p95_pct", "CPU P95(%)", "CPU P95 (%)", "pct"),
    Column("cpu_max_pct", "CPU 峰值(%)", "CPU peak (%)", "pct"),
    Column("mem_avg_pct", "内存平均(%)", "Memory mean (%)", "pct"),
    Column("mem_p95_pct", "内存 P95(%)", "Memory P95 (%)", "pct"),
    Column("mem_max_pct", "内存峰值(%)", "Memory peak (%)", "pct"),
    Column("disk_used_pct", "存储使用率(%)", "Storage used (%)", "pct"),
    Column("net_rx_avg_bytes_s", "入网平均(Mbit/s)", "Network in, mean (Mbit/s)", "rate"),
    Column("net_rx_p95_bytes_s", "入网 P95(Mbit/s)", "Network in, P95 (Mbit/s)", "rate"),
    Column("net_tx_avg_bytes_s", "出网平均(Mbit/s)", "Network out, mean (Mbit/s)", "rate"),
    Column("net_tx_p95_bytes_s", "出网 P95(Mbit/s)", "Network out, P95 (Mbit/s)", "rate"),
    Column("coverage_pct", "数据完整率(%)", "Data complete (%)", "pct"),
)

PUBLIC: dict[By, tuple[Column, ...]] = {
    "unit": (
        Column(
            "public_support", "公共支撑资源(个,不参与排名)", "Public support (no rank)", "count"
        ),
        Column("ranked_cpu_pct", "排名用 CPU 平均(%)", "CPU mean for ranking (%)", "pct"),
        Column("ranked_mem_pct", "排名用内存平均(%)", "Memory mean for ranking (%)", "pct"),
    ),
    "resource": (
        Column("public_support", "公共支撑(不参与排名)", "Public support (no rank)", "count"),
    ),
}
"""Further columns of a report in which public support stands."""

GIB = float(1 << 30)
BYTES_S_PER_MBIT_S = 125_000.0


def shown(value: float | None, kind: Kind) -> float | None:
    """The value in the unit of its heading."""
    if value is None:
        return None
    if kind == "bytes":
        return value / GIB
    return value / BYTES_S_PER_MBIT_S if kind == "rate" else value
