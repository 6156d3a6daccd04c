"""What is wrong between the rows of an address plan: duplicates, overlaps, exits, odd ones. Pure.

Where rows contradict each other, the fewer are named; of two, the later.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller.moves.directory import Host
from controller.moves.plan_checks import Faults, bad_mtu, is_edge
from controller.moves.plan_rows import Address, Network, PlanRow


def check_whole(rows: Sequence[PlanRow], hosts: Mapping[int, Host], faults: Faults) -> None:
    """Everything that shows only between rows."""
    _check_hosts(rows, hosts, faults)
    _check_duplicates(rows, faults)
    for version in (4, 6):
        _check_networks(rows, version, faults)


def _check_hosts(rows: Sequence[PlanRow], hosts: Mapping[int, Host], faults: Faults) -> None:
    """One host in several rows: twice the same interface, two exits, or one that needs hands."""
    seen: dict[str, list[PlanRow]] = defaultdict(list)
    for row in rows:
        if row.row in hosts:
            seen[hosts[row.row].code].append(row)
    for code, mine in seen.items():
        first: dict[str, PlanRow] = {}
        exits: dict[int, PlanRow] = {}
        for row in mine:
            before = first.setdefault(row.interface, row)
            if before is not row:
                faults.add(
                    row,
                    "host",
                    "host_twice",
                    f"主机 {code} 的网卡 {row.interface} 与第 {before.row} 行重复",
                    f"interface {row.interface} of {code} stands in row {before.row} too",
                )
                continue
            for _, _, gateway, name in row.interfaces():
                if gateway is None:
                    continue
                other = exits.setdefault(gateway.version, row)
                if other is not row:
                    faults.add(
                        row,
                        name,
                        "double_exit",
                        f"主机 {code} 在第 {other.row} 行已有网关：两个出口",
                        f"{code} has a gateway in row {other.row}: two exits",
                    )
            if row is not mine[0] and row.interface:
                faults.warn(
                    row,
                    "interface",
                    "second_interface",
                    f"主机 {code} 的第二块网卡 {row.interface} 不自动割接，请列入人工步骤",
                    f"second interface {row.interface} of {code} is not moved by itself",
                )
        _check_exit(mine, exits, faults)


def _check_exit(mine: Sequence[PlanRow], exits: Mapping[int, Any], faults: Faults) -> None:
    """A host with an address of a version and no way out for it."""
    for version, name in ((4, "gateway4"), (6, "gateway6")):
        having = [
            row
            for row in mine
            if any(interface.version == version for _, interface, _, _ in row.interfaces())
        ]
        default = any(
            to.prefixlen == 0 and to.version == version for row in mine for to, _ in row.routes
        )
        unread = any(name in row.wrong for row in mine)
        if having and version not in exits and not default and not unread:
            faults.add(
                having[0],
                name,
                "gateway_missing",
                f"缺少 IPv{version} 网关",
                f"has no IPv{version} gateway",
            )


def _check_duplicates(rows: Sequence[PlanRow], faults: Faults) -> None:
    first: dict[Address, PlanRow] = {}
    for row in rows:
        for name, interface, _, _ in row.interfaces():
            before = first.setdefault(interface.ip, row)
            if before is not row:
                faults.add(
                    row,
                    name,
                    "duplicate_address",
                    f"{interface.ip} 与第 {before.row} 行重复",
                    f"{interface.ip} stands in row {before.row} too",
                )
    gateways = _gateways(rows)
    for row in rows:
        for name, interface, gateway, _ in row.interfaces():
            users = gateways.get((interface.ip, interface.network), 0)
            if users and gateway != interface.ip:
                faults.add(
                    row,
                    name,
                    "address_is_gateway",
                    f"{interface.ip} 是其他 {users} 行的网关地址",
                    f"{interface.ip} is the gateway of {users} other rows",
                )


def _gateways(rows: Sequence[PlanRow]) -> Counter[tuple[Address, Network]]:
    """How many rows of a network use a gateway; those of themselves left out."""
    return Counter(
        (gateway, interface.network)
        for row in rows
        for _, interface, gateway, _ in row.interfaces()
        if gateway is not None
        and gateway in interface.network
        and gateway != interface.ip
        and not is_edge(gateway, interface.network)
    )


Member = tuple[PlanRow, str, Address | None, str]


def _check_networks(rows: Sequence[PlanRow], version: int, faults: Faults) -> None:
    nets: dict[Network, list[Member]] = defaultdict(list)
    for row in rows:
        for name, interface, gateway, gateway_name in row.interfaces():
            if interface.version == version:
                nets[interface.network].append((row, name, gateway, gateway_name))
    blamed = _check_overlaps(nets, faults)
    for net, members in nets.items():
        if net in blamed:
            continue
        _odd_ones(
            members,
            _gateway_in(net),
            lambda m, most: faults.add(
                m[0],
                m[3],
                "gateways_differ",
                f"同一网段其他行的网关是 {most}",
                f"other rows of this network use gateway {most}",
            ),
        )
        if version == 6:
            continue  # the interface's own, told once
        _odd_ones(
            members,
            lambda m: None if bad_mtu(m[0]) else m[0].mtu,
            lambda m, most: faults.warn(
                m[0],
                "mtu",
                "mtu_differs",
                f"同一网段其他行的 MTU 是 {most}",
                f"other rows of this network have MTU {most}",
            ),
        )
        _odd_ones(
            members,
            lambda m: m[0].vlan,
            lambda m, most: faults.add(
                m[0],
                "vlan",
                "vlan_differs",
                f"同一网段其他行的 VLAN 是 {most}",
                f"other rows of this network are in VLAN {most}",
            ),
        )


def _gateway_in(net: Network) -> Callable[[Member], Address | None]:
    """The gateway of a row, if it can be one at all."""

    def gateway(member: Member) -> Address | None:
        row, name, found, _ = member
        own = getattr(row, name)
        told_already = found is None or found not in net or found == own.ip or is_edge(found, net)
        return None if told_already else found

    return gateway


def _check_overlaps(nets: Mapping[Network, Sequence[Member]], faults: Faults) -> set[Network]:
    """Networks that lie in another of the plan; the one with fewer rows is named."""
    blamed: set[Network] = set()
    ordered = sorted(nets, key=lambda net: (int(net.network_address), net.prefixlen))
    above: list[Network] = []
    for net in ordered:
        while above and not net.subnet_of(above[-1]):  # type: ignore[arg-type]
            above.pop()
        for outer in above:
            fewer, other = sorted((net, outer), key=lambda n: (len(nets[n]), -nets[n][0][0].row))
            if fewer in blamed:
                continue
            blamed.add(fewer)
            for row, name, _, _ in nets[fewer]:
                faults.add(
                    row,
                    name,
                    "prefix_overlap",
                    f"网段 {fewer} 与本方案的 {other} 重叠",
                    f"{fewer} overlaps {other} of this plan",
                )
        above.append(net)
    return blamed


def _odd_ones(
    members: Sequence[Member],
    value: Callable[[Member], Any],
    tell: Callable[[Member, Any], None],
) -> None:
    """Tells members whose value is not the one that most have; those without one are left out."""
    having = [(member, found) for member in members if (found := value(member)) is not None]
    counts = Counter(found for _, found in having)
    if len(counts) < 2:
        return
    # Of equally many the one that stands first.
    most = counts.most_common(1)[0][0]
    for member, found in having:
        if found != most:
            tell(member, most)
