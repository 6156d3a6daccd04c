"""Import of devices: each is a resource of kind ``device``, and how it is asked.

Known by its code, else by network, address and port. What it is as a resource (name, unit, site,
zone, dates) goes through the import of resources, so that history is dated like a VM's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory import cells
from controller.inventory.columns import RESOURCE_COLUMNS, Column
from controller.inventory.imports import Register
from controller.inventory.naming import fold, narrow
from controller.inventory.resource_import import ResourcePlan, plan_resources
from controller.inventory.sheet import Cell
from controller.inventory.table import Record, Table
from controller.inventory.tables import Resource
from controller.network.tables import Device, SnmpCredential
from controller.said import say

ROLES = {
    "core": "核心 核心交换机 核心层",
    "aggregation": "汇聚 汇聚交换机 汇聚层 distribution",
    "access": "接入 接入交换机 接入层",
    "router": "路由器 边界路由器 出口路由器 路由",
    "firewall": "防火墙 安全设备 安全网关",
    "wireless": "无线 无线控制器 无线接入点 ac ap",
    "host": "主机 服务器 server",
    "other": "其他 其它",
}
LEAST_INTERVAL_S, MOST_INTERVAL_S = 10, 3600


def parse_address(cell: Cell) -> str:
    """An IPv4 or IPv6 address in canonical form; brackets are allowed."""
    text = narrow(cells.parse_text(cell)).strip("[]")
    try:
        return str(ip_address(text))
    except ValueError:
        raise cells.BadCellError(
            say(f"{text!r} is no IPv4 or IPv6 address", f"“{text}”不是 IPv4 或 IPv6 地址")
        ) from None


def parse_network(cell: Cell) -> str:
    """The name of a zone or VPN, up to 64 characters."""
    return cells.parse_text(cell, limit=64)


def parse_yes(cell: Cell) -> bool:
    """Yes or no."""
    word = fold(cells.parse_text(cell))
    if word in ("是", "共用", "共享", "y", "yes", "true", "1", "√"):
        return True
    if word in ("否", "不", "专用", "n", "no", "false", "0", ""):
        return False
    raise cells.BadCellError(say(f"{word!r}: write 是 or 否", f"“{word}”：请填写“是”或“否”"))


def _whole(cell: Cell, least: int, most: int) -> int:
    number = cells.parse_number(cell, units={"s": 1.0, "秒": 1.0})
    if number != int(number) or not least <= number <= most:
        raise cells.BadCellError(
            say(f"not a whole number of {least} to {most}", f"应为 {least} 至 {most} 的整数")
        )
    return int(number)


_ROLE_WORDS = {fold(word): role for role, names in ROLES.items() for word in (role, *names.split())}
_ROLE = partial(cells.parse_choice, words=_ROLE_WORDS)
_OF_RESOURCES = ("code", "name", "unit", "site", "zone", "created", "since", "tags", "retired")

DEVICE_COLUMNS = (
    *(column for column in RESOURCE_COLUMNS if column.field in _OF_RESOURCES),
    Column("address", "地址 管理地址 管理IP 设备地址 设备IP IP地址 IP host", parse_address),
    Column("port", "SNMP端口 UDP端口 snmp_port", partial(_whole, least=1, most=65535), 161),
    Column("network", "VPN 专网 地址空间 VPN名称 vrf", parse_network),
    Column("role", "角色 层次 设备角色 网络层次", _ROLE, "other"),
    Column("shared", "共用 是否共用 共享", parse_yes, False),
    Column("credential", "凭据 SNMP凭据 凭据名称 认证 snmp", cells.parse_text),
    Column(
        "interval_s", "轮询间隔 轮询间隔秒 采集间隔 interval",
        partial(_whole, least=LEAST_INTERVAL_S, most=MOST_INTERVAL_S), 60,
    ),
)  # fmt: skip
OWN = ("address", "port", "network", "role", "shared", "credential", "interval_s")


@dataclass
class DevicePlan:
    """The resources' plan, and for each code how the device is asked."""

    resources: ResourcePlan
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    after: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def created(self) -> int:
        return sum(code not in self.before for code in self.after)

    @property
    def updated(self) -> int:
        return len(self.after) - self.created - self.unchanged

    @property
    def unchanged(self) -> int:
        return sum(
            self.before.get(code) == values
            and self.resources.before.get(code) == self.resources.after.get(code)
            for code, values in self.after.items()
        )

    def apply(self, session: Session, now: datetime) -> int:
        """Writes it; returns the resource-days marked for recomputing."""
        marked = self.resources.apply(session, now)
        ids = dict(
            session.execute(
                select(col(Resource.code), col(Resource.id)).where(
                    col(Resource.code).in_(list(self.after))
                )
            ).all()
        )
        for code, values in self.after.items():
            device = session.get(Device, ids[code]) or Device(id=ids[code] or 0, address="")
            for name, value in values.items():
                setattr(device, name, value)
            session.add(device)
        session.flush()
        return marked


def plan_devices(
    session: Session, table: Table, now: datetime, since: datetime | None
) -> DevicePlan:
    """The plan for the good records of ``table``."""
    known = _Known(session)
    rows: dict[Any, int] = {}
    asked: dict[str, dict[str, Any]] = {}
    for record in table.records:
        values = {name: record.values.pop(name) for name in OWN if name in record.values}
        code = record.values.get("code") or ""
        before = known.by_code.get(code) or {}
        network = values.get("network") or before.get("network") or record.values.get("zone") or ""
        key = (network, values.get("address", before.get("address", "")),
               values.get("port") or before.get("port") or 161)  # fmt: skip
        if not key[1]:
            if "address" not in record.failed:
                table.refuse(record, "address", say("the address is missing", "缺少管理地址"))
            continue
        owner = known.by_key.get(key)
        if code and owner not in (None, code):
            table.refuse(
                record, "address",
                say(f"is that of device {owner!r} already", f"已是设备“{owner}”的地址"),
            )  # fmt: skip
        if rows.setdefault(key, record.row) != record.row:
            table.refuse(
                record, "address",
                say(f"stands in row {rows[key]} already", f"与第 {rows[key]} 行重复"),
            )  # fmt: skip
        credential = _credential(table, record, values, known)
        code = code or owner or known.free_code(record.values.get("name") or "", key[1])
        record.values |= {"code": code, "kind": "device", "ip": [key[1]]}
        if not record.values.get("name") and code not in known.by_code:
            record.values["name"] = key[1]
        before = known.by_code.get(code) or known.blank()
        asked[code] = before | {"network": key[0], "address": key[1], "port": key[2]} | {
            name: values[name] for name in ("role", "shared", "interval_s") if name in values
        }  # fmt: skip
        if "credential" in values:
            asked[code]["credential_id"] = credential
    plan = DevicePlan(plan_resources(session, table, now, since))
    for code in plan.resources.after:
        plan.after[code] = asked[code]
        if code in known.by_code:
            plan.before[code] = known.by_code[code]
    return plan


def _credential(table: Table, record: Record, values: dict[str, Any], known: _Known) -> int | None:
    name = values.get("credential") or ""
    if name and name not in known.credentials:
        names = ", ".join(sorted(known.credentials)[:10]) or "none"
        table.refuse(
            record, "credential",
            say(f"no credential {name!r}; there are: {names}",
                f"没有凭据“{name}”；现有：{names}。先执行 yunxun device credential add"),
        )  # fmt: skip
    return known.credentials.get(name)


class _Known:
    """The devices and credentials that there are."""

    COLUMNS = ("network", "address", "port", "role", "shared", "credential_id", "interval_s")

    def __init__(self, session: Session) -> None:
        rows = session.execute(
            select(Device, col(Resource.code)).join(Resource, col(Resource.id) == col(Device.id))
        ).all()
        self.by_code = {
            code: {name: getattr(device, name) for name in self.COLUMNS} for device, code in rows
        }
        self.by_key = {(device.network, device.address, device.port): code for device, code in rows}
        self.credentials = dict(
            session.execute(select(col(SnmpCredential.name), col(SnmpCredential.id))).all()
        )
        self._codes = set(session.execute(select(col(Resource.code))).scalars())

    def blank(self) -> dict[str, Any]:
        empty = Device(id=0, address="")
        return {name: getattr(empty, name) for name in self.COLUMNS}

    def free_code(self, name: str, address: str) -> str:
        """A code made of the name, else of the address, numbered where it is taken."""
        stem = re.sub(r"[^\w.-]+", "-", narrow(name)).strip("-.")[:100]
        stem = stem or "dev-" + address.replace(":", "-").strip("-")
        code, number = stem, 1
        while code in self._codes:
            number += 1
            code = f"{stem}-{number}"
        self._codes.add(code)
        return code


DEVICES = Register("devices", DEVICE_COLUMNS, ("address",), plan_devices)
