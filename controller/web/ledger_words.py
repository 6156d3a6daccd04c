"""The words of the ledger: classes, decisions, issues, fields, and the tabs of its pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.access.principal import Principal
from controller.access.roles import MATRIX
from controller.web import figures
from controller.web.language import Text
from controller.web.shell import Area


def ledger_tabs(principal: Principal, _: Text) -> tuple[Area, ...]:
    """The pages of 台账与对账 that this person may open."""
    if not principal.holds(*MATRIX["ledger.read"]):
        return ()
    found = [Area("reconciliation", _("对账"), "/ledger/reconciliation", "check")]
    if principal.holds(*MATRIX["ledger.import"]):
        found.append(Area("imports", _("平台清单"), "/ledger/imports", "database-import"))
    found.append(Area("pending", _("待核实"), "/ledger/pending", "search"))
    found.append(Area("months", _("月度发布"), "/ledger/months", "lock"))
    return tuple(found)


def classes(_: Text) -> dict[str, str]:
    """Class of difference -> its name."""
    return {
        "bad": _("无法读取"),
        "duplicate": _("重复"),
        "unmatched": _("单位不明"),
        "renamed": _("疑似改名"),
        "changed": _("变更"),
        "new": _("新增"),
        "vanished": _("平台已无"),
    }


def meanings(_: Text) -> dict[str, str]:
    """Class of difference -> what it means and what to do, in one line."""
    return {
        "bad": _("单元格无法识别，或台账中已注销；请在平台清单或台账中更正后重新上传。"),
        "duplicate": _("同一 UUID、编码或云主机出现多行；请在平台侧更正，本行不写入。"),
        "unmatched": _("清单中的单位在台账里找不到或有多个；指定对应单位后自动重新比对。"),
        "renamed": _("同一 UUID，或地址与规格相同而名称不同；确认后更新名称。"),
        "changed": _("同一云主机，字段有变化；确认后从生效日期起按平台写入。"),
        "new": _("台账中没有；确认后新建资源，从开通时间或生效日期起归该单位。"),
        "vanished": _("台账有而平台清单没有；确认后进入待核实，不删除。"),
    }


def tone(cls: str) -> str:
    """Colour of a class: only what is wrong has one."""
    return {"bad": "bad", "duplicate": "bad", "unmatched": "warn", "vanished": "warn"}.get(cls, "")


def states(_: Text) -> dict[str, tuple[str, str]]:
    """State of an import -> (tone, name)."""
    return {
        "compared": ("warn", _("待确认")),
        "confirmed": ("good", _("已确认")),
        "undone": ("", _("已撤销")),
        "discarded": ("", _("已放弃")),
    }


def decisions(_: Text) -> dict[str, tuple[str, str]]:
    """Decision -> (tone, name)."""
    return {
        "open": ("", _("未定")),
        "accepted": ("good", _("采纳")),
        "rejected": ("", _("不采纳")),
    }


def resolutions(_: Text) -> dict[str, tuple[str, str]]:
    """State of a check -> (tone, name)."""
    return {
        "open": ("warn", _("待核实")),
        "back": ("good", _("平台已恢复")),
        "retired": ("", _("已注销")),
        "kept": ("", _("保留")),
    }


def issues(_: Text) -> dict[str, tuple[str, str]]:
    """Issue of a reconciliation -> (tone, name)."""
    return {
        "only_platform": ("bad", _("平台有、台账无")),
        "only_register": ("bad", _("台账有、平台无")),
        "only_agent": ("bad", _("采集端无对应资源")),
        "owner_unknown": ("warn", _("平台单位不明")),
        "owner_differs": ("warn", _("单位不一致")),
        "size_platform": ("warn", _("规格与平台不一致")),
        "size_agent": ("warn", _("规格与实测不一致")),
        "duplicate_address": ("warn", _("地址重复")),
        "double_agent": ("warn", _("多个采集端")),
        "no_data": ("warn", _("无数据")),
        "no_agent": ("", _("无采集端")),
    }


def shares(_: Text) -> dict[str, tuple[str, str]]:
    """Part of the score -> (name, what is counted)."""
    return {
        "machines": (_("平台与台账互有"), _("平台与台账都有的云主机，占应当互有的")),
        "owners": (_("单位一致"), _("清单所列单位与台账一致的，占清单列有单位的")),
        "sizes": (_("规格一致"), _("各方规格一致的，占两方以上已知的")),
        "data": (_("有监测数据"), _("近期有数据的，占台账登记的")),
    }


def fields(_: Text) -> dict[str, str]:
    """Field of a resource -> its name."""
    return {
        "name": _("名称"),
        "kind": _("类型"),
        "instance_uuid": "UUID",
        "code": _("编码"),
        "ip": _("地址"),
        "public_ip": _("公网地址"),
        "os": _("操作系统"),
        "unit": _("单位"),
        "system": _("业务系统"),
        "site": _("站点"),
        "zone": _("网络区"),
        "vcpu": "vCPU",
        "mem_bytes": _("内存"),
        "mem_gib": _("内存"),
        "disk_bytes": _("存储"),
        "disk_gib": _("磁盘（系统盘）"),
        "data_disk_gib": _("数据盘"),
        "flavour": _("规格"),
        "bandwidth_bit_s": _("带宽"),
        "bandwidth_mbps": _("带宽"),
        "created": _("开通时间"),
        "state": _("运行状态"),
    }


def figure_names(_: Text) -> dict[str, str]:
    """Figure of a usage report -> its name."""
    return {
        "resources": _("资源数"),
        "vcpu_allocated": _("vCPU 分配"),
        "mem_allocated_bytes": _("内存分配"),
        "disk_allocated_bytes": _("存储分配"),
        "cpu_avg_pct": _("CPU 均值"),
        "cpu_p95_pct": "CPU P95",
        "cpu_max_pct": _("CPU 峰值"),
        "mem_avg_pct": _("内存均值"),
        "mem_p95_pct": _("内存 P95"),
        "mem_max_pct": _("内存峰值"),
        "disk_used_pct": _("存储使用率"),
        "net_rx_avg_bytes_s": _("入网均值"),
        "net_rx_p95_bytes_s": _("入网 P95"),
        "net_tx_avg_bytes_s": _("出网均值"),
        "net_tx_p95_bytes_s": _("出网 P95"),
        "coverage_pct": _("数据完整率"),
        "unit": _("单位"),
    }


_SAID: tuple[tuple[str, Callable[[float], str]], ...] = (
    ("_bytes_s", figures.rate),
    ("_bytes", figures.size),
    ("_bit_s", lambda value: figures.rate(value / 8)),
    ("_pct", figures.percent),
)
"""End of a field's name -> how its value is written."""


def said(name: str, value: Any) -> str:
    """A value of a field or figure as a page writes it."""
    if value is None or value in ("", []):
        return figures.NONE
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if not isinstance(value, int | float):
        return str(value)
    write = next((write for end, write in _SAID if name.endswith(end)), figures.number)
    return write(value)
