"""An address plan of many hosts without a fault, and 50 faults to plant into it.

The bench uses it too: the faults are stated here as (row, kind), never taken from our own checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network

from controller.inventory.sheet import Row, Sheet
from controller.inventory.table import Table, read_table
from controller.moves.directory import Host
from controller.moves.plan_checks import Around, Owner
from controller.moves.plan_rows import COLUMNS

HEADS = ("主机", "网卡", "现IP", "IPv4地址", "掩码", "网关", "IPv6地址", "IPv6前缀", "IPv6网关",
         "DNS", "NTP", "MTU", "VLAN", "静态路由")  # fmt: skip
PER_NETWORK = 50
OURS, THEIRS = 1, 2


def clean_rows(count: int) -> list[dict[str, str]]:
    """Rows of hosts h000, h001 … in networks of PER_NETWORK hosts."""
    rows = []
    for number in range(count):
        net, host = divmod(number, PER_NETWORK)
        rows.append(
            {
                "主机": f"h{number:03d}", "网卡": "eth0", "现IP": f"192.168.{net}.{host + 10}/24",
                "IPv4地址": f"10.66.{net}.{host + 10}", "掩码": "255.255.255.0",
                "网关": f"10.66.{net}.1", "IPv6地址": f"fd00:66:{net:x}::{host + 16:x}",
                "IPv6前缀": "64", "IPv6网关": f"fd00:66:{net:x}::1", "DNS": "10.66.250.5",
                "NTP": "10.66.250.6", "MTU": "1500", "VLAN": str(100 + net),
                "静态路由": f"10.0.0.0/8 via 10.66.{net}.254" if host % 10 == 0 else "",
            }
        )  # fmt: skip
    return rows


def hosts_of(count: int) -> list[Host]:
    """The register: h000 … of our unit, and two machines of another."""
    found = []
    for n in range(count):
        address = f"192.168.{n // PER_NETWORK}.{n % PER_NETWORK + 10}"
        found.append(
            Host(n, n + 1, f"h{n:03d}", f"主机{n}", "vm", OURS, "u", "我单位", 1 + n // 5,
                 f"系统{n // 5}", 1, "政务外网区", (address,))
        )  # fmt: skip
    for place, (code, address) in enumerate((("x1", "10.66.0.200"), ("x2", "10.99.0.1")), count):
        found.append(
            Host(place, place + 1, code, code, "vm", THEIRS, "t", "别单位", 0, "", 1, "政务外网区",
                 (address,))
        )  # fmt: skip
    return found


def around_of(hosts: list[Host]) -> Around:
    """The register's side of a plan."""
    named: dict[str, list[Host]] = {}
    for host in hosts:
        for key in {host.code, host.name}:
            named.setdefault(key, []).append(host)
    named["两可"] = hosts[:2]
    owners = {
        "10.66.0.200": Owner("x1", THEIRS, "别单位"),
        "10.66.1.201": Owner("h499", OURS, "我"),
    }
    return Around(
        named, frozenset({OURS}), owners, [(ip_network("10.70.0.0/16"), "别人的专网")],
        {"10.66.2.202": "mv-other"},
    )  # fmt: skip


def table_of(rows: list[dict[str, str]]) -> Table:
    """The rows as a file that was read; row numbers begin at 2."""
    lines = [Row(1, HEADS)]
    lines += [Row(n, tuple(row[head] for head in HEADS)) for n, row in enumerate(rows, 2)]
    return read_table([Sheet("方案", lines)], COLUMNS, ("host",))


@dataclass
class Planted:
    """A fault: where it is put, what is changed, and which kinds it must be told as."""

    place: int
    change: dict[str, str]
    kinds: tuple[str, ...]
    also: dict[int, str] = field(default_factory=dict)
    """Kinds told in other rows."""


def planted() -> list[Planted]:
    """Fifty faults in fifty hosts, of every kind."""
    found: list[Planted] = []

    def put(place: int, kinds: str, **change: str) -> None:
        found.append(Planted(place, change, tuple(kinds.split())))

    put(3, "duplicate_address", IPv4地址="10.66.0.10")
    put(77, "duplicate_address", IPv6地址="fd00:66:1::10")
    put(110, "duplicate_address duplicate_address", IPv4地址="10.66.2.11", IPv6地址="fd00:66:2::11")
    put(5, "gateway_outside", 网关="10.66.9.1")
    put(60, "gateway_outside", 网关="10.67.1.1")
    put(130, "gateway_outside", IPv6网关="fd00:66:99::1")
    put(7, "gateway_is_host", 网关="10.66.0.17")
    put(9, "gateway_unusable", 网关="10.66.0.255")
    put(61, "gateway_unusable", 网关="10.66.1.0")
    put(62, "address_is_gateway", IPv4地址="10.66.1.1", 网关="10.66.1.253")
    found[-1].kinds = ("address_is_gateway", "gateways_differ")
    put(131, "address_is_gateway", IPv6地址="fd00:66:2::1", IPv6网关="fd00:66:2::2")
    found[-1].kinds = ("address_is_gateway", "gateways_differ")
    put(12, "gateways_differ", 网关="10.66.0.2")
    put(63, "gateways_differ", IPv6网关="fd00:66:1::2")
    put(13, "prefix_overlap", 掩码="255.255.0.0")
    put(64, "prefix_overlap", 掩码="/25")
    put(132, "prefix_overlap", IPv6前缀="48")
    put(14, "address_of_other_unit", IPv4地址="10.66.0.200")
    put(65, "address_of_other_unit", IPv4地址="10.70.3.9", 网关="10.70.3.1")
    put(66, "address_in_use", IPv4地址="10.66.1.201")
    put(133, "planned_elsewhere", IPv4地址="10.66.2.202")
    put(15, "host_unknown", 主机="nowhere")
    put(67, "host_unknown", 主机="h9999")
    put(16, "host_ambiguous", 主机="两可")
    put(17, "host_of_other_unit", 主机="x2")
    put(18, "host_missing", 主机="")
    # The later of the two rows is named.
    put(19, "", 主机="h021", 现IP="192.168.0.31/24")
    found[-1].also = {21: "host_twice"}
    put(22, "ipv6_missing", IPv6地址="", IPv6前缀="", IPv6网关="")
    put(68, "ipv6_missing", IPv6地址="", IPv6前缀="", IPv6网关="")
    put(134, "ipv6_missing", IPv6地址="", IPv6前缀="", IPv6网关="")
    put(23, "address_missing", IPv4地址="", 掩码="", IPv6地址="", IPv6前缀="")
    put(24, "old_missing", 现IP="")
    put(69, "old_differs", 现IP="192.168.77.7/24")
    put(25, "prefix_missing", 现IP="192.168.0.35")
    put(70, "prefix_missing", 掩码="")
    put(26, "bad_value", IPv4地址="10.66.0.300")
    put(71, "bad_value", IPv4地址="fd00::9")
    put(135, "bad_value", IPv6网关="网关")
    put(27, "bad_value", MTU="一千五")
    put(72, "bad_value", VLAN="5000")
    put(136, "bad_value", 静态路由="10.0.0.0/8")
    put(28, "mtu_bad", MTU="100")
    put(73, "mtu_bad", MTU="1000")
    put(29, "mtu_differs", MTU="9000")
    put(74, "vlan_differs", VLAN="999")
    put(31, "double_exit", 静态路由="0.0.0.0/0 via 10.66.0.254")
    put(75, "route_outside", 静态路由="10.0.0.0/8 via 10.99.0.1")
    put(32, "address_unusable", IPv4地址="10.66.0.255")
    put(76, "address_unusable", IPv4地址="127.0.0.5")
    put(33, "interface_missing", 网卡="")
    put(34, "dns_missing ntp_missing", DNS="", NTP="")
    return found


def plant(rows: list[dict[str, str]], faults: list[Planted]) -> set[tuple[int, str]]:
    """Puts the faults in; (row of the file, kind) that must be found, and nothing else."""
    wanted: list[tuple[int, str]] = []
    for fault in faults:
        rows[fault.place].update(fault.change)
        wanted += [(fault.place + 2, kind) for kind in fault.kinds]
        wanted += [
            (place + 2, kind) for place, kinds in fault.also.items() for kind in kinds.split()
        ]
    return set(wanted)
