"""What is wrong with an address plan, row by row. Pure: the register comes as ``Around``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.inventory.naming import fold
from controller.moves.directory import Host
from controller.moves.plan_rows import Address, Fault, Network, PlanRow, Severity

LEAST_MTU, LEAST_MTU6, MOST_MTU = 576, 1280, 9216


@dataclass(frozen=True)
class Owner:
    """Who has an address already."""

    code: str
    unit_id: int
    unit_name: str


@dataclass(frozen=True)
class Around:
    """What a plan is held against.

    ``hosts`` by folded code, name and address (more than one: ambiguous); ``units`` may be moved
    by this project; ``owners`` of addresses in the target's zone; ``ranges`` of other units' own
    networks; ``planned``: address -> project of another plan that is not withdrawn.
    """

    hosts: Mapping[str, Sequence[Host]]
    units: frozenset[int]
    owners: Mapping[str, Owner] = field(default_factory=dict)
    ranges: Sequence[tuple[Network, str]] = ()
    planned: Mapping[str, str] = field(default_factory=dict)


class Faults:
    """Gathers faults; a column is named as the file names it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.found: list[Fault] = []

    def add(
        self, row: PlanRow, name: str, kind: str, zh: str, en: str, severity: Severity = "blocker"
    ) -> None:
        """Notes a fault of ``row`` in the column of field ``name``."""
        header = self._headers.get(name, name)
        self.found.append(Fault(row.row, header, kind, severity, row.host, zh, en))

    def warn(self, row: PlanRow, name: str, kind: str, zh: str, en: str) -> None:
        """Notes what may be meant, and better looked at."""
        self.add(row, name, kind, zh, en, "warning")


def match_hosts(rows: Sequence[PlanRow], around: Around, faults: Faults) -> dict[int, Host]:
    """Row number -> the host it means; faults for rows that mean none or one too many."""
    found: dict[int, Host] = {}
    for row in rows:
        if not row.host:
            if "host" not in row.wrong:
                faults.add(
                    row,
                    "host",
                    "host_missing",
                    "缺少主机：请填写编码或名称",
                    "the host is missing: write its code or name",
                )
            continue
        hosts = around.hosts.get(fold(row.host), ())
        if not hosts:
            faults.add(
                row,
                "host",
                "host_unknown",
                f"台账中没有主机“{row.host}”：请更正或先登记",
                f"no host {row.host!r} in the register: correct or register it",
            )
        elif len(hosts) > 1:
            codes = ", ".join(sorted(host.code for host in hosts)[:5])
            faults.add(
                row,
                "host",
                "host_ambiguous",
                f"有 {len(hosts)} 台主机叫“{row.host}”：请填编码 {codes}",
                f"{len(hosts)} hosts are called {row.host!r}: write a code, {codes}",
            )
        elif hosts[0].unit_id not in around.units:
            faults.add(
                row,
                "host",
                "host_of_other_unit",
                f"主机“{row.host}”不属于本项目的单位",
                f"host {row.host!r} does not belong to this project's unit",
            )
        else:
            found[row.row] = hosts[0]
    return found


def check_row(row: PlanRow, host: Host | None, around: Around, faults: Faults) -> None:
    """Everything that one row shows by itself and against the register."""
    _check_presence(row, faults)
    _check_old(row, host, faults)
    for name, interface, gateway, gateway_name in row.interfaces():
        if not _check_usable(row, name, interface, faults):
            continue
        if gateway is not None:
            _check_gateway(row, gateway_name, gateway, interface, faults)
        _check_owner(row, name, interface.ip, host, around, faults)
    _check_mtu(row, faults)
    _check_routes(row, faults)


def _check_presence(row: PlanRow, faults: Faults) -> None:
    if not row.interface and "interface" not in row.wrong:
        faults.add(
            row,
            "interface",
            "interface_missing",
            "缺少网卡名：请填写如 eth0",
            "the interface is missing: write e.g. eth0",
        )
    no4 = row.address4 is None and not row.wrong & {"address4", "prefix4"}
    no6 = row.address6 is None and not row.wrong & {"address6", "prefix6"}
    if no4 and no6:
        faults.add(
            row,
            "address4",
            "address_missing",
            "既无 IPv4 也无 IPv6 地址",
            "has neither an IPv4 nor an IPv6 address",
        )
    elif no6:
        faults.warn(
            row,
            "address6",
            "ipv6_missing",
            "缺少 IPv6 地址：割接后仍为单栈",
            "has no IPv6 address: it stays IPv4 only",
        )
    if not row.dns and "dns" not in row.wrong:
        faults.warn(
            row,
            "dns",
            "dns_missing",
            "缺少 DNS：割接后沿用原有设置",
            "has no DNS: what it has now stays",
        )
    if not row.ntp and "ntp" not in row.wrong:
        faults.warn(
            row,
            "ntp",
            "ntp_missing",
            "缺少 NTP：割接后沿用原有设置",
            "has no NTP: what it has now stays",
        )


def _check_old(row: PlanRow, host: Host | None, faults: Faults) -> None:
    if row.address4 is not None and row.old is None and not row.wrong & {"old", "old_prefix"}:
        faults.add(
            row,
            "old",
            "old_missing",
            "缺少现 IP：请填写如 192.168.50.21/24",
            "the present address is missing: write e.g. 192.168.50.21/24",
        )
    if row.old is None or host is None:
        return
    if host.addresses and str(row.old.ip) not in host.addresses:
        faults.add(
            row,
            "old",
            "old_differs",
            f"台账中该主机的地址是 {'、'.join(host.addresses[:3])}，不是 {row.old.ip}",
            f"the register has {', '.join(host.addresses[:3])}, not {row.old.ip}",
        )
    if row.address4 is not None and row.address4.ip == row.old.ip:
        faults.warn(
            row,
            "address4",
            "not_renumbered",
            "新旧 IPv4 地址相同：本行不会改变地址",
            "the new address is the present one: nothing changes",
        )


def _check_usable(row: PlanRow, name: str, interface: object, faults: Faults) -> bool:
    ip, net = interface.ip, interface.network  # type: ignore[attr-defined]
    odd = ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip.is_link_local
    if odd or (ip.version == 4 and ip.is_reserved):
        faults.add(
            row,
            name,
            "address_unusable",
            f"{ip} 不能用作主机地址",
            f"{ip} cannot be a host's address",
        )
        return False
    if is_edge(ip, net):
        faults.add(
            row,
            name,
            "address_unusable",
            f"{ip} 是 {net} 的网络号或广播地址",
            f"{ip} is the network or broadcast address of {net}",
        )
        return False
    return True


def _check_gateway(
    row: PlanRow, name: str, gateway: Address, interface: object, faults: Faults
) -> None:
    ip, net = interface.ip, interface.network  # type: ignore[attr-defined]
    if gateway.is_link_local and gateway.version == 6:
        return
    if gateway == ip:
        faults.add(
            row,
            name,
            "gateway_is_host",
            f"网关 {gateway} 就是本机地址",
            f"gateway {gateway} is the host itself",
        )
    elif gateway not in net:
        faults.add(
            row,
            name,
            "gateway_outside",
            f"网关 {gateway} 不在网段 {net} 内",
            f"gateway {gateway} is outside of {net}",
        )
    elif is_edge(gateway, net):
        faults.add(
            row,
            name,
            "gateway_unusable",
            f"网关 {gateway} 是 {net} 的网络号或广播地址",
            f"gateway {gateway} is the network or broadcast address of {net}",
        )


def _check_owner(
    row: PlanRow, name: str, ip: Address, host: Host | None, around: Around, faults: Faults
) -> None:
    owner = around.owners.get(str(ip))
    if owner is not None and (host is None or owner.code != host.code):
        if owner.unit_id not in around.units:
            faults.add(
                row,
                name,
                "address_of_other_unit",
                f"{ip} 是其他单位（{owner.unit_name}）的地址",
                f"{ip} is another unit's ({owner.unit_name})",
            )
        else:
            faults.add(
                row,
                name,
                "address_in_use",
                f"{ip} 已由主机 {owner.code} 使用",
                f"{ip} is in use by host {owner.code}",
            )
        return
    for net, whose in around.ranges:
        if net.version == ip.version and ip in net:
            faults.add(
                row,
                name,
                "address_of_other_unit",
                f"{ip} 在其他单位的网段 {net}（{whose}）内",
                f"{ip} lies in another unit's range {net} ({whose})",
            )
            return
    other = around.planned.get(str(ip))
    if other is not None:
        faults.add(
            row,
            name,
            "planned_elsewhere",
            f"{ip} 已被项目 {other} 的方案占用",
            f"{ip} is planned by project {other} already",
        )


def bad_mtu(row: PlanRow) -> str:
    """What is wrong with a row's MTU, in English; "" for nothing."""
    if row.mtu is None:
        return ""
    if not LEAST_MTU <= row.mtu <= MOST_MTU:
        return f"MTU {row.mtu} is not from {LEAST_MTU} to {MOST_MTU}"
    if row.address6 is not None and row.mtu < LEAST_MTU6:
        return f"IPv6 needs an MTU of {LEAST_MTU6} at least, not {row.mtu}"
    return ""


def _check_mtu(row: PlanRow, faults: Faults) -> None:
    wrong = bad_mtu(row)
    if wrong:
        zh = (
            f"IPv6 要求 MTU 不小于 {LEAST_MTU6}，现为 {row.mtu}"
            if wrong.startswith("IPv6")
            else f"MTU {row.mtu} 超出 {LEAST_MTU} 至 {MOST_MTU}"
        )
        faults.add(row, "mtu", "mtu_bad", zh, wrong)


def is_edge(address: Address, net: Network) -> bool:
    """Whether it is the network's or the broadcast address: no host can have it."""
    ends = (net.network_address, net.broadcast_address)
    return address.version == 4 and net.prefixlen < 31 and address in ends


def _check_routes(row: PlanRow, faults: Faults) -> None:
    nets = [interface.network for _, interface, _, _ in row.interfaces()]
    gateways = {gateway.version for _, _, gateway, _ in row.interfaces() if gateway is not None}
    for to, via in row.routes:
        if to.prefixlen == 0:
            if to.version in gateways:
                faults.add(
                    row,
                    "routes",
                    "double_exit",
                    f"默认路由经 {via}，与网关列是两个出口",
                    f"a default route via {via} beside the gateway: two exits",
                )
            continue
        if f"address{via.version}" in row.wrong:
            continue  # the prefix it should lie in could not be read
        if not via.is_link_local and not any(
            net.version == via.version and via in net for net in nets
        ):
            faults.add(
                row,
                "routes",
                "route_outside",
                f"路由 {to} 的下一跳 {via} 不在本机网段内",
                f"next hop {via} of route {to} is in no prefix of the host",
            )
