"""The address plan as a file has it: columns, cells, and one row a host's interface. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any, Literal, NamedTuple

from controller.inventory import cells
from controller.inventory.cells import BadCellError, shown
from controller.inventory.columns import Column
from controller.inventory.naming import narrow
from controller.inventory.sheet import Cell
from controller.inventory.table import Record, Table
from controller.said import Said, say

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network
Route = tuple[Network, Address]
Severity = Literal["blocker", "warning"]

MOST_ROWS = 5_000


class Fault(NamedTuple):
    """What is wrong, where: the row of the file (0: no one row), the column as the file calls it,
    a kind that stays, and words."""

    row: int
    column: str
    kind: str
    severity: Severity
    host: str
    zh: str
    en: str


@dataclass
class PlanRow:
    """One interface of one host. ``wrong`` are fields whose cells could not be read."""

    row: int
    host: str
    interface: str = ""
    old: Interface | None = None
    address4: IPv4Interface | None = None
    gateway4: IPv4Address | None = None
    address6: IPv6Interface | None = None
    gateway6: IPv6Address | None = None
    dns: tuple[Address, ...] = ()
    ntp: tuple[Address, ...] = ()
    mtu: int | None = None
    vlan: int | None = None
    routes: tuple[Route, ...] = ()
    search: str = ""
    dns_probe: str = ""
    note: str = ""
    wrong: set[str] = field(default_factory=set)

    def interfaces(self) -> list[tuple[str, Interface, Address | None, str]]:
        """(field of the address, address, gateway, field of the gateway) of each IP version."""
        found: list[tuple[str, Interface, Address | None, str]] = []
        if self.address4 is not None:
            found.append(("address4", self.address4, self.gateway4, "gateway4"))
        if self.address6 is not None:
            found.append(("address6", self.address6, self.gateway6, "gateway6"))
        return found


def _bad(cell: Cell, en: str, zh: str) -> BadCellError:
    return BadCellError(say(f"{shown(cell)!r} {en}", f"“{shown(cell)}”{zh}"))


def _without_zone(text: str) -> str:
    """``fe80::1%x``: the library takes any text behind the %, and a plan ends in shells.

    Raises ValueError.
    """
    if "%" in text:
        raise ValueError("an address with a zone (%)")
    return text


def parse_interface(cell: Cell, version: int) -> tuple[Interface, bool]:
    """An address of this IP version, and whether its prefix length was given with it."""
    text = narrow(str(cell))
    try:
        found = ip_interface(_without_zone(text))
    except ValueError:
        raise _bad(cell, f"is no IPv{version} address: write e.g. "
                   + ("10.66.1.21/24" if version == 4 else "fd00:66::21/64"),
                   f"不是 IPv{version} 地址：请填写如 "
                   + ("10.66.1.21/24" if version == 4 else "fd00:66::21/64")) from None  # fmt: skip
    if found.version != version:
        raise _bad(cell, f"is IPv{found.version}, this column takes IPv{version}",
                   f"是 IPv{found.version} 地址，本列应填 IPv{version}")  # fmt: skip
    return found, "/" in text


def parse_hop(cell: Cell, version: int) -> Address:
    """An address without a prefix."""
    try:
        found = ip_address(_without_zone(narrow(str(cell))))
    except ValueError:
        raise _bad(cell, "is no address", "不是 IP 地址") from None
    if found.version != version:
        raise _bad(cell, f"is IPv{found.version}, this column takes IPv{version}",
                   f"是 IPv{found.version} 地址，本列应填 IPv{version}")  # fmt: skip
    return found


def parse_prefix(cell: Cell, version: int) -> int:
    """A prefix length or, of IPv4, a mask: 24, /24, 255.255.255.0."""
    text = narrow(f"{cell:g}" if isinstance(cell, float) else str(cell)).removeprefix("/")
    try:
        if version == 4 and "." in text:
            return IPv4Network(f"0.0.0.0/{text}").prefixlen
        length = int(text)
    except ValueError:
        raise _bad(
            cell, "is no prefix length: write e.g. 24", "不是前缀长度：请填写如 24"
        ) from None
    if not 1 <= length <= (32 if version == 4 else 128):
        raise _bad(cell, "is no prefix length", "不是有效的前缀长度")
    return length


def parse_hops(cell: Cell) -> tuple[Address, ...]:
    """Several addresses of either version."""
    parts = [part for part in re.split(r"[,;、，；\s]+", narrow(str(cell))) if part]
    try:
        return tuple(dict.fromkeys(ip_address(_without_zone(part)) for part in parts))
    except ValueError as error:
        raise _bad(cell, f"holds no address: {error}", "中有不是 IP 地址的内容") from None


def parse_whole(cell: Cell, least: int, most: int) -> int:
    """A whole number."""
    text = narrow(f"{cell:g}" if isinstance(cell, float) else str(cell))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise _bad(cell, f"is no whole number from {least} to {most}",
                   f"不是 {least} 至 {most} 的整数")  # fmt: skip
    return int(text)


def parse_routes(cell: Cell) -> tuple[Route, ...]:
    """``10.0.0.0/8 via 10.66.1.254``, several by ; or line break; 经, -> and a comma for via."""
    found = []
    for part in re.split(r"[;；\n]+", narrow(str(cell))):
        words = [w for w in re.split(r"\s*(?:via|经|->|→|,|，)\s*|\s+", part.strip()) if w]
        if not words:
            continue
        try:
            to, via = words
            net = ip_network("0.0.0.0/0" if to in ("default", "默认") else to)
            hop = ip_address(_without_zone(via))
            if net.version != hop.version:
                raise ValueError("two IP versions")
        except ValueError:
            raise _bad(part, "is no route: write 10.0.0.0/8 via 10.66.1.254",
                       "不是路由：请填写如 10.0.0.0/8 via 10.66.1.254") from None  # fmt: skip
        found.append((net, hop))
    return tuple(found)


_TEXT = cells.parse_text
COLUMNS = (
    Column("host", "主机 主机编码 资源编码 编码 主机名 主机名称 资源 hostname", _TEXT),
    Column("interface", "网卡 接口 网卡名 网口 interface nic", cells.parse_code),
    Column("old", "现IP 现IPv4 原IP 原地址 现地址 现IP地址 旧IP 旧地址 old_address",
           partial(parse_interface, version=4)),
    Column("old_prefix", "现前缀 原掩码 现掩码 原前缀 现子网掩码",
           partial(parse_prefix, version=4)),
    Column("address4", "IPv4 IPv4地址 新IPv4 新IP 新IP地址 新IPv4地址 规划IPv4 address",
           partial(parse_interface, version=4)),
    Column("prefix4", "IPv4前缀 IPv4掩码 掩码 子网掩码 前缀 前缀长度 新掩码 netmask",
           partial(parse_prefix, version=4)),
    Column("gateway4", "IPv4网关 网关 新网关 新IPv4网关 gateway", partial(parse_hop, version=4)),
    Column("address6", "IPv6 IPv6地址 新IPv6 新IPv6地址 规划IPv6",
           partial(parse_interface, version=6)),
    Column("prefix6", "IPv6前缀 IPv6前缀长度", partial(parse_prefix, version=6)),
    Column("gateway6", "IPv6网关 新IPv6网关", partial(parse_hop, version=6)),
    Column("dns", "DNS DNS服务器 域名服务器 新DNS", parse_hops, ()),
    Column("ntp", "NTP NTP服务器 时间服务器 时钟源", parse_hops, ()),
    Column("mtu", "MTU", partial(parse_whole, least=1, most=65_535), None),
    Column("vlan", "VLAN VLANID VLAN号", partial(parse_whole, least=1, most=4094), None),
    Column("routes", "静态路由 路由 明细路由", parse_routes, ()),
    Column("search", "搜索域 DNS搜索域", _TEXT),
    Column("dns_probe", "DNS验证域名 验证域名 探测域名", _TEXT),
    Column("note", "备注 说明", partial(cells.parse_text, limit=500)),
)  # fmt: skip

EITHER = {"prefix4": "address4", "prefix6": "address6", "old_prefix": "old"}


def rows_of(table: Table) -> tuple[list[PlanRow], list[Fault]]:
    """The rows of a table that was read with COLUMNS, and what could not be read of them."""
    hosts = {record.row: str(record.values.get("host", "")) for record in table.records}
    faults = [
        Fault(e.row, e.column, "bad_value", "blocker", hosts.get(e.row, ""),
              e.message.zh if isinstance(e.message, Said) else e.message, str(e.message))
        for e in table.errors
    ]  # fmt: skip
    rows: list[PlanRow] = []
    for record in table.records[:MOST_ROWS]:
        rows.append(_row(table, record, faults))
    if len(table.records) > MOST_ROWS:
        faults.append(
            Fault(0, "", "too_many_rows", "blocker", "", f"超过 {MOST_ROWS} 行：请拆分",
                  f"more than {MOST_ROWS} rows: split the file")
        )  # fmt: skip
    return rows, faults


def _row(table: Table, record: Record, faults: list[Fault]) -> PlanRow:
    values: dict[str, Any] = dict(record.values)
    row = PlanRow(record.row, str(values.get("host") or ""), wrong=set(record.failed))
    for name in ("interface", "search", "dns_probe", "note"):
        setattr(row, name, str(values.get(name) or ""))
    for name in ("gateway4", "gateway6", "mtu", "vlan"):
        setattr(row, name, values.get(name) or None)
    for name in ("dns", "ntp", "routes"):
        setattr(row, name, tuple(values.get(name) or ()))
    for prefix, name in EITHER.items():
        given = values.get(name)
        if not given:
            continue
        address, complete = given
        length = values.get(prefix)
        if not complete and length is None:
            if prefix not in row.wrong:
                faults.append(_no_prefix(table, row, name, str(address.ip)))
            row.wrong.add(name)
            continue
        if not complete:
            address = ip_interface(f"{address.ip}/{length}")
        setattr(row, name, address)
    return row


def _no_prefix(table: Table, row: PlanRow, name: str, address: str) -> Fault:
    example = f"{address}/{24 if '.' in address else 64}"
    return Fault(
        row.row, table.header(name), "prefix_missing", "blocker", row.host,
        f"{address} 没有前缀长度：请填写如 {example}，或填写掩码列",
        f"{address} has no prefix length: write {example}, or fill in the mask's column",
    )  # fmt: skip


def headers_of(table: Table) -> dict[str, str]:
    """Field -> the file's header; a field that the file has no column for by its first name."""
    first = {column.field: column.names.split()[0] for column in COLUMNS}
    return first | table.headers


def texts(values: Sequence[object]) -> list[str]:
    """As text, for what is kept as JSON."""
    return [str(value) for value in values]
