"""The columns of a provider's export: what they may be called and how their cells are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from controller.inventory import cells
from controller.inventory.cells import BadCellError, shown
from controller.inventory.columns import RESOURCE_COLUMNS, RESOURCE_KINDS, Column, header_key
from controller.inventory.naming import fold, narrow
from controller.inventory.sheet import Cell

GIB = 2.0**30

SIZES = {
    "tb": 1024.0, "tib": 1024.0, "t": 1024.0, "gb": 1.0, "gib": 1.0, "g": 1.0, "mb": 1 / 1024,
    "mib": 1 / 1024, "m": 1 / 1024, "kb": 1 / 1024**2, "kib": 1 / 1024**2, "b": 1 / GIB,
    "bytes": 1 / GIB, "byte": 1 / GIB,
}  # fmt: skip
"""Word behind a size -> GiB. Providers write GB and mean GiB."""

SIZE_UNITS = ("GB", "MB", "TB", "B")
"""What a size without a word may be in."""

STATES = {
    "running": "运行中 运行 正在运行 开机 已开机 开机状态 正常 使用中 active running on poweredon",
    "stopped": "关机 已关机 关机状态 停止 已停止 关闭 shutoff stopped off poweredoff shutdown",
    "gone": "已删除 已释放 已销毁 已退订 已回收 回收站 释放 删除 deleted released terminated",
}
"""State -> what platforms call it."""

_STATE_WORDS = {fold(word): state for state, words in STATES.items() for word in words.split()}

KIND_WORDS = {
    fold(word): kind for kind, words in RESOURCE_KINDS.items() for word in (kind, *words.split())
}
"""Folded product name -> kind of resource."""

_FLAVOUR = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:v?cpus?|核|c|cores?|u)[^\d]*(\d+(?:\.\d+)?)\s*([tgm])(?:i?b)?",
    re.IGNORECASE,
)

_MORE_NAMES = {
    "code": "资源ID 云资源编码 资源编号",
    "name": "云主机名 虚机名称 主机名称/ID 名称/ID 服务器名 vm_name instance_name 虚拟机名",
    "kind": "产品类型 资源种类 产品",
    "unit": "租户 租户名称 企业项目 项目 项目名称 所属项目 组织 组织名称 所属组织 部门 所属部门 "
    "VDC VDC名称 资源空间 用户 客户名称 使用部门 tenant project 单位(租户)",
    "system": "应用名称 应用 所属应用 资源组 资源集",
    "site": "可用区 区域 地域 资源池 集群 所属资源池 region az availability_zone",
    "zone": "网络平面 所属网络 网络类型 VPC 安全域 所在网络",
    "ip": "私有IP地址 私有IP 私网IP地址 私网地址 内网地址 内网IP地址 业务IP IP ipv4",
    "vcpu": "vCPU CPU数 CPU数量 CPU(个) vCPU(核) 虚拟CPU CPU规格",
    "mem_gib": "内存大小 内存(MB) 内存MB 内存(GiB) 内存规格 memory 内存容量(MB) 内存容量MB",
    "disk_gib": "系统盘 系统盘大小 系统盘GB 系统盘(GB) 磁盘大小 云盘 存储 存储容量 磁盘总量",
    "bandwidth_mbps": "带宽大小 公网带宽 EIP带宽 弹性公网带宽",
    "os": "镜像 镜像名称 操作系统类型 image",
    "created": "创建时间(UTC) 开通日期 申请时间 启用时间 created_at create_time",
    "instance_uuid": "ID 云主机ID 云服务器ID 实例id 主机ID 虚机ID vm_id instance_id 资源实例ID",
}
"""Names that exports use beside those of the register; ``ID`` alone is the platform's own id."""

OWN_COLUMNS = ("public_ip", "flavour", "data_disk_gib", "state")


def parse_size(cell: Cell, default: str) -> float:
    """GiB; a number without a word is in ``default``. Several sizes joined by + are summed."""
    text = repr(cell) if isinstance(cell, float) else cell
    if not isinstance(text, str):
        raise BadCellError(f"{shown(cell)!r} is no size: write digits, e.g. 16 or 16GB")
    units = {**SIZES, "": SIZES[default.lower()]}
    parts = [part for part in re.split(r"[+;；＋、|]", text) if part.strip()]
    return sum(cells.parse_number(part, units) for part in parts)


def parse_flavour(cell: Cell) -> tuple[float, float]:
    """(cores, GiB) of a text like ``8vCPUs | 16GiB | c6.2xlarge``."""
    found = _FLAVOUR.search(narrow(cell) if isinstance(cell, str) else "")
    if found is None:
        raise BadCellError(f"{shown(cell)!r} names no cores and memory: e.g. 8核16G")
    return float(found[1]), float(found[2]) * SIZES[found[3].lower()]


def parse_state(cell: Cell, words: Mapping[str, str]) -> str:
    """running, stopped, gone, or "" for a word that nobody explained."""
    word = fold(cell if isinstance(cell, str) else str(cell))
    return words.get(word) or _STATE_WORDS.get(word, "")


def size_hint(header: str) -> str:
    """The unit that a header names (内存(MB)), or ""."""
    found = re.search(r"(TB|TiB|GB|GiB|MB|MiB|(?<![A-Z])[TGM])\W*$", narrow(header), re.IGNORECASE)
    return f"{found[1][0].upper()}B" if found else ""


def platform_columns(
    sizes: Mapping[str, str], state_words: Mapping[str, str]
) -> tuple[Column, ...]:
    """The columns with the cells read as one source means them.

    ``sizes``: field -> unit of a number without a word; ``state_words``: folded word -> state.
    """
    columns = []
    for column in RESOURCE_COLUMNS:
        if column.field in ("since", "tags", "retired"):
            continue
        parse = column.parse
        if column.field == "kind":
            parse = cells.parse_text  # providers' product names are translated, not refused
        elif column.field in ("mem_gib", "disk_gib"):
            parse = partial(parse_size, default=sizes.get(column.field) or "GB")
        names = f"{column.names} {_MORE_NAMES.get(column.field, '')}"
        columns.append(Column(column.field, names, parse, column.empty))
    return (
        *columns,
        Column(
            "public_ip", "公网IP 弹性公网IP 弹性IP 公网IP地址 弹性公网IP地址 EIP",
            cells.parse_addresses, [],
        ),
        Column("flavour", "规格 实例规格 云主机规格 配置 规格/镜像 flavor", parse_flavour, None),
        Column(
            "data_disk_gib", "数据盘 数据盘大小 数据盘GB 数据盘(GB) 云硬盘GB 云硬盘(GB)",
            partial(parse_size, default=sizes.get("data_disk_gib") or "GB"), None,
        ),
        Column(
            "state", "状态 运行状态 实例状态 云主机状态 电源状态 status",
            partial(parse_state, words=state_words), "",
        ),
    )  # fmt: skip


FIELDS = tuple(column.field for column in platform_columns({}, {}))
"""Every field that a header can be mapped to."""


def suggestions() -> dict[str, str]:
    """Header key -> field, from the names above; what the register calls so goes first."""
    found: dict[str, str] = {}
    for column in platform_columns({}, {}):
        for name in (column.field, *column.names.split()):
            found.setdefault(header_key(name), column.field)
    return found
