"""The columns of the registers: their names in either language and how their cells are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from controller.inventory import cells
from controller.inventory.naming import fold
from controller.inventory.sheet import Cell


@dataclass(frozen=True)
class Column:
    """``names`` are further headers people use, separated by spaces; ``empty`` is the value where
    a cell says that there is none."""

    field: str
    names: str
    parse: Callable[[Cell], Any]
    empty: Any = ""


IGNORED = ("序号", "行号", "no", "#", "index")
"""Columns that number the rows: left out without a word."""

UNIT_KINDS = {
    "city": "市级 市本级 地级市",
    "department": "市直部门 市直 市直单位 市级部门 部门 委办局",
    "subordinate": "二级单位 下属单位 直属单位 事业单位",
    "county": "县 区 县区 县市区 县(市、区) 县级市",
    "county_department": "县直 县直部门 县直单位 区直部门",
    "township": "乡镇 乡 镇 街道 乡镇街道",
    "village": "村 社区 村社区 村(社区)",
    "vertical": "驻市垂管 垂管 垂管单位 驻市单位",
    "park": "园区 开发区",
    "enterprise": "国企 企业 国有企业 市属国企",
    "unclaimed": "待认领",
}
ARCHITECTURES = {
    "x86": "x86_64 amd64 intel 英特尔 通用 非信创",
    "kunpeng": "鲲鹏 arm aarch64 arm64 华为鲲鹏",
    "phytium": "飞腾",
    "hygon": "海光",
    "loongson": "龙芯 loongarch loongarch64",
    "sunway": "申威",
    "zhaoxin": "兆芯",
    "other": "其他 其它",
}
RESOURCE_KINDS = {
    "vm": "虚拟机 云主机 云服务器 虚机 弹性云服务器 ecs host",
    "volume": "云硬盘 卷 数据盘 存储 存储卷",
    "address": "地址 公网ip 弹性ip 公网地址 eip ip",
    "database": "数据库 云数据库 rds",
    "device": "网络设备 交换机 路由器 防火墙 网络安全设备 switch router firewall",
    "physical": "物理机 物理服务器 裸金属 裸金属服务器 服务器",
    "other": "其他 其它",
}

CORES = {"核": 1.0, "c": 1.0, "core": 1.0, "cores": 1.0, "vcpu": 1.0, "个": 1.0}
GIB_UNITS = {"g": 1.0, "gb": 1.0, "gib": 1.0, "t": 1024.0, "tb": 1024.0, "tib": 1024.0}
GIB_UNITS |= {"m": 1 / 1024, "mb": 1 / 1024, "mib": 1 / 1024}
_MBPS = {"m": 1.0, "mb": 1.0, "mbps": 1.0, "mb/s": 1.0, "mbit/s": 1.0, "兆": 1.0}
_MBPS |= {"g": 1000.0, "gb": 1000.0, "gbps": 1000.0, "gb/s": 1000.0, "gbit/s": 1000.0}


def _words(kinds: Mapping[str, str]) -> dict[str, str]:
    """Folded spelling -> kind."""
    return {fold(word): kind for kind, names in kinds.items() for word in (kind, *names.split())}


_TEXT = cells.parse_text
_MOMENT = cells.parse_moment
_UNIT_KIND = partial(cells.parse_choice, words=_words(UNIT_KINDS))
_RESOURCE_KIND = partial(cells.parse_choice, words=_words(RESOURCE_KINDS))
ARCH = partial(cells.parse_choice, words=_words(ARCHITECTURES))
CARDS = {"张": 1.0, "块": 1.0, "卡": 1.0, "片": 1.0, "个": 1.0}

UNIT_COLUMNS = (
    Column("code", "编码 单位编码 单位代码 代码 机构编码 部门编码 unit_code", cells.parse_code),
    Column("name", "名称 单位名称 单位全称 单位 机构名称 部门名称", _TEXT),
    Column(
        "parent",
        "上级单位 上级 上级单位编码 上级单位名称 上级编码 主管单位 主管部门 隶属单位",
        _TEXT,
    ),
    Column("kind", "类型 类别 单位类型 单位类别 单位性质", _UNIT_KIND, "department"),
    Column("contact", "联系人 联系人姓名 经办人", _TEXT),
    Column("email", "邮箱 电子邮箱 电子邮件 联系邮箱 e-mail mail", cells.parse_email),
    Column("phone", "电话 联系电话 联系方式 手机 手机号 手机号码 tel", cells.parse_phone),
    Column("since", "起始 起始日期 起始时间 生效日期 生效时间 启用日期 启用时间", _MOMENT, None),
    Column("alias", "别名 简称 单位简称 曾用名 又名 aliases", cells.parse_names, []),
    Column("charge", "负责人 负责人姓名 主要负责人", cells.parse_names, []),
    Column("charge_phone", "负责人电话 负责人手机 负责人联系方式", cells.parse_phones, []),
    Column("charge_email", "负责人邮箱", cells.parse_emails, []),
    Column("leader", "分管领导 分管领导姓名 分管负责人", cells.parse_names, []),
    Column("leader_phone", "分管领导电话 分管领导手机 分管领导联系方式", cells.parse_phones, []),
    Column("leader_email", "分管领导邮箱", cells.parse_emails, []),
)

RESOURCE_COLUMNS = (
    Column(
        "code",
        "编码 资源编码 资源编号 资源代码 编号 资产编号 resource",
        partial(cells.parse_code, limit=128),
    ),
    Column(
        "name",
        "名称 资源名称 主机名 主机名称 云主机名称 虚拟机名称 实例名称 服务器名称 hostname",
        _TEXT,
    ),
    Column("kind", "类型 类别 资源类型 资源类别", _RESOURCE_KIND, "vm"),
    Column("unit", "单位 单位名称 单位编码 单位代码 所属单位 使用单位 归属单位 委办局", _TEXT),
    Column(
        "system", "业务系统 业务系统名称 所属系统 所属业务系统 系统名称 应用系统 信息系统", _TEXT
    ),
    Column("site", "站点 中心 分中心 所在中心 云中心 数据中心 机房", _TEXT),
    Column("zone", "网络区 网络区域 网络分区 所在区域", _TEXT),
    Column(
        "ip", "IP地址 内网IP 私网IP IP地址列表 地址 address addresses", cells.parse_addresses, []
    ),
    Column(
        "vcpu",
        "CPU核数 vCPU核数 vCPU数 CPU 核数 CPU(核) vcpus cpu_cores",
        partial(cells.parse_number, units=CORES),
        None,
    ),
    Column(
        "mem_gib",
        "内存GB 内存 内存G 内存GiB 内存容量GB 内存大小GB 内存容量 mem_gb memory_gib memory_gb",
        partial(cells.parse_number, units=GIB_UNITS),
        None,
    ),
    Column(
        "disk_gib",
        "磁盘GB 磁盘 磁盘G 磁盘GiB 硬盘GB 硬盘 存储GB 磁盘容量GB 存储容量GB 磁盘容量 disk_gb",
        partial(cells.parse_number, units=GIB_UNITS),
        None,
    ),
    Column(
        "bandwidth_mbps",
        "带宽Mbps 带宽 带宽M 带宽Mb 公网带宽Mbps bandwidth",
        partial(cells.parse_number, units=_MBPS),
        None,
    ),
    Column("os", "操作系统 操作系统版本 系统版本", _TEXT),
    Column("created", "开通时间 开通日期 创建时间 创建日期 交付时间 交付日期", _MOMENT, None),
    Column(
        "since",
        "归属起始 归属起始日期 归属起始时间 生效日期 生效时间 变更日期 变更时间",
        _MOMENT,
        None,
    ),
    Column("tags", "标签 tag", cells.parse_tags, []),
    Column(
        "instance_uuid",
        "实例UUID 实例ID UUID 云主机UUID 云主机ID 虚拟机UUID 实例标识",
        cells.parse_uuid,
        None,
    ),
    Column(
        "retired",
        "注销时间 注销日期 下线时间 下线日期 释放时间 释放日期 退役时间 回收时间 回收日期",
        _MOMENT,
        None,
    ),
    Column("arch", "架构 CPU架构 处理器架构 处理器 CPU类型 芯片 architecture", ARCH, None),
    Column("accelerator", "加速卡 加速卡型号 GPU型号 NPU型号 gpu_model", _TEXT, None),
    Column(
        "accelerators",
        "加速卡数 加速卡数量 GPU数量 GPU卡数 NPU数量 NPU卡数 gpu npu gpus",
        partial(cells.parse_number, units=CARDS),
        None,
    ),
)


def header_key(header: str) -> str:
    """What two spellings of a header share: no space, width, case, brackets, stars or hints."""
    key = re.sub(r"\((必填|选填|可选|必选|required|optional)[^)]*\)", "", fold(header))
    return re.sub(r"[()\[\]【】{}<>《》*_\-.:/、,'\"]", "", key)


def known_headers(columns: tuple[Column, ...]) -> dict[str, Column]:
    """Header key -> column."""
    return {
        header_key(name): column
        for column in columns
        for name in (column.field, *column.names.split())
    }
