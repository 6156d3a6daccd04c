"""The network as the host itself has it: routes, resolvers, time, bindings, lists of addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from playbooks.judge.detectors.base import Detector, Hit, Look, NotApplicable

_TOKEN = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7})"
)
_SERVER = re.compile(r"^\s*(?:server|pool|peer)\s+(\S+)|^\s*NTP\s*=\s*(.+)$")


def is_old(look: Look) -> Callable[[str], bool]:
    """Whether an address is one that the host or its network gives up (plan.old_*)."""
    known = look.by_input.get("old")
    if known is None:
        addresses = {ip_address(it) for it in look.optional("plan.old_addresses", [])}
        prefixes = [ip_network(it) for it in look.input("plan.old_prefixes")]
        known = look.by_input["old"] = _old_test(addresses, prefixes)
    answer: Callable[[str], bool] = known
    return answer


def _old_test(
    addresses: set[IPv4Address | IPv6Address], prefixes: list[IPv4Network | IPv6Network]
) -> Callable[[str], bool]:
    known: dict[str, bool] = {}

    def test(text: str) -> bool:
        answer = known.get(text)
        if answer is None:
            try:
                address = ip_address(text)
            except ValueError:
                answer = False
            else:
                inside = any(address in it for it in prefixes if it.version == address.version)
                answer = inside or address in addresses
            known[text] = answer
        return answer

    return test


def old_addresses(look: Look) -> Iterable[Hit]:
    """Lines of these sections that name an address which is given up."""
    old = is_old(look)
    seen = set()
    for section in look.parameters["in"]:
        text = look.facts.text(section)
        for match in _TOKEN.finditer(text):
            if not old(match[0]):
                continue
            line = look.facts.line_at(section, match.start())
            if line.text.lstrip().startswith("#"):
                continue
            subject = f"{line.path}: {match[0]}" if line.path else f"{section}: {match[0]}"
            if subject not in seen:
                seen.add(subject)
                yield Hit(subject, "file", line.locator, line.text, section)


def old_routes(look: Look) -> Iterable[Hit]:
    """Static routes through a gateway that stays behind."""
    gateways = set(look.input("plan.old_gateways"))
    for route in look.facts.routes:
        if route.via in gateways and route.destination != "default":
            yield Hit(route.destination, "route", f"{route.dev}:ip route", route.line, "routes")


def default_routes(look: Look) -> Iterable[Hit]:
    """Two default routes of one family in one table: which one answers is luck."""
    tables: dict[tuple[int, str], list[str]] = {}
    for route in look.facts.routes:
        if route.destination in ("default", "0.0.0.0/0", "::/0"):
            tables.setdefault((route.family, route.table), []).append(route.line)
    for (family, table), lines in tables.items():
        if len(lines) > 1:
            yield Hit(
                f"IPv{family} {table}", "route", f"ip -{family} route", "; ".join(lines), "routes"
            )


def bound_to_old(look: Look) -> Iterable[Hit]:
    """Services that listen on the old address by name instead of on all."""
    old = is_old(look)
    for it in look.facts.sockets:
        if old(it.address):
            yield Hit(
                f"{it.comm} {it.address}:{it.port}", "socket", it.locator, it.locator, "sockets"
            )


def resolvers(look: Look) -> Iterable[Hit]:
    """Name servers other than those of the new network, or that do not answer from there."""
    wanted = set(look.input("plan.dns"))
    silent = {it["address"] for it in look.optional("probes.resolvers", []) if not it["answers"]}
    for line in look.facts.lines("resolv"):
        words = line.text.split()
        if words[:1] == ["nameserver"] and (words[1] not in wanted or words[1] in silent):
            yield Hit(words[1], "file", f"/etc/resolv.conf:{line.number}", line.text, "resolv")


def time_sources(look: Look) -> Iterable[Hit]:
    """Time servers other than those of the new network; a clock more than a second off."""
    wanted = set(look.input("plan.ntp"))
    for line in look.facts.lines("timesync"):
        if match := _SERVER.match(line.text):
            for server in (match[1] or match[2]).split():
                if server not in wanted:
                    yield Hit(server, "file", line.locator, line.text, "timesync")
        if (offset := re.match(r"Last offset\s*:\s*([+-]?[\d.]+)", line.text)) and (
            abs(float(offset[1])) > 1
        ):
            yield Hit("clock", "cli", "chronyc tracking", line.text, "timesync")


def manager(look: Look) -> Iterable[Hit]:
    """Not clear who configures the network: several at once, or interfaces kept out of it."""
    active = [line.text.partition("\t")[2] for line in look.facts.lines("services")]
    kinds = [
        it for it in active if it in {"NetworkManager", "systemd-networkd", "network", "wicked"}
    ]
    if len(kinds) > 1:
        yield Hit("active", "process", "systemctl", ", ".join(kinds), "services")
    for line in look.facts.lines("netconfig"):
        if re.search(r"NM_CONTROLLED=[\"']?no", line.text, re.IGNORECASE):
            yield Hit(line.path, "file", line.locator, line.text, "netconfig")


def layer2(look: Look) -> Iterable[Hit]:
    """Needs of the local segment that a cloud network does not carry."""
    for process in look.facts.processes:
        if process.comm in look.parameters["processes"]:
            yield Hit(process.comm, "process", process.locator, process.cmdline, "processes")
    for link in look.facts.links:
        if link.flags & 0x100 and link.kind == "physical":
            yield Hit(
                f"{link.name} promiscuous", "cli", f"{link.name}:flags", hex(link.flags), "links"
            )


def v6_default(look: Look) -> Iterable[Hit]:
    """No way out over IPv6, or a gateway that does not answer."""
    if not any(r.family == 6 and r.destination in ("default", "::/0") for r in look.facts.routes):
        yield Hit("default", "route", "ip -6 route", "no IPv6 default route", "routes")
    for it in look.optional("probes.gateway6", []):
        if not it["answers"]:
            yield Hit(it["address"], "route", "probe", f"gateway {it['address']} silent", "context")


def v6_addresses(look: Look) -> Iterable[Hit]:
    """IPv6 addresses outside the plan, of another prefix length, or found to be double."""
    plan = ip_network(look.input("plan.ipv6.prefix"))
    found = False
    for it in look.facts.addresses:
        if it.interface.version != 6 or it.interface.is_link_local or it.interface.is_loopback:
            continue
        found = True
        shown = f"{it.dev} {it.interface} {it.flags}".strip()
        if "dadfailed" in it.flags:
            yield Hit(f"{it.interface.ip} double", "cli", f"{it.dev}:ip addr", shown, "addresses")
        elif it.interface.ip not in plan or it.interface.network.prefixlen != plan.prefixlen:
            yield Hit(str(it.interface.ip), "cli", f"{it.dev}:ip addr", shown, "addresses")
    if not found:
        yield Hit("none", "cli", "ip addr", "no global IPv6 address", "addresses")


def v4_only_listeners(look: Look) -> Iterable[Hit]:
    """Services open to all of IPv4 and not to IPv6."""
    six = {(it.proto.rstrip("6"), it.port) for it in look.facts.sockets if it.family == 6}
    for it in look.facts.sockets:
        if it.address == "0.0.0.0" and it.proto == "tcp" and (it.proto, it.port) not in six:  # noqa: S104
            yield Hit(f"{it.comm} tcp/{it.port}", "socket", it.locator, it.locator, "sockets")


def v6_firewall(look: Look) -> Iterable[Hit]:
    """IPv4 is filtered and IPv6 is not."""
    text = look.facts.text("firewall")
    legacy = {name: _legacy(text, name) for name in ("iptables", "ip6tables")}
    nft4 = re.findall(r"^table (?:ip|inet) ", text, re.MULTILINE)
    nft6 = re.findall(r"^table (?:ip6|inet) ", text, re.MULTILINE)
    if (legacy["iptables"] or nft4) and not (legacy["ip6tables"] or nft6):
        excerpt = f"iptables: {legacy['iptables']} rules, ip6tables: {legacy['ip6tables']}"
        yield Hit("input", "cli", "ip6tables-save", excerpt, "firewall")


def _legacy(text: str, tool: str) -> int:
    part = re.search(rf"^# {tool}\n(.*?)(?=^# (?:nft|iptables|ip6tables)\n|\Z)", text, re.M | re.S)
    if not part:
        return 0
    return len(re.findall(r"^-A |^:\w+ DROP", part[1], re.MULTILINE))


def v4_only_configuration(look: Look) -> Iterable[Hit]:
    """Files with lines of one kind for IPv4 and none of it for IPv6 (listen, allow)."""
    files: dict[str, tuple[bool, str, str]] = {}
    for line in look.facts.lines("appconfig"):
        for pattern in look.parameters["match"]:
            if pattern.search(line.text):
                six = "[::" in line.text or bool(
                    re.search(r"[0-9a-fA-F]{0,4}::|:[0-9a-fA-F]+:", line.text)
                )
                known = files.get(line.path, (False, line.locator, line.text))
                files[line.path] = (known[0] or six, *known[1:])
    for path, (six, locator, text) in files.items():
        if not six:
            yield Hit(path, "file", locator, text, "appconfig")


def licence_addresses(look: Look) -> Iterable[Hit]:
    """Licences that name an address of this host, IP or MAC."""
    own = {str(it.interface.ip) for it in look.facts.addresses if not it.interface.is_loopback}
    own |= {it.mac.lower() for it in look.facts.links if it.mac}
    if not look.facts.text("licences"):
        raise NotApplicable("no licence files")
    for line in look.facts.lines("licences"):
        words = set(re.split(r"[^0-9a-f.:]+", line.text.lower().replace("-", ":")))
        if words & own - {"00:00:00:00:00:00"}:
            yield Hit(line.path, "file", line.locator, line.text, "licences")


_IN = frozenset({"in"})
DETECTORS = {
    "old_addresses": Detector(old_addresses, _IN),
    "old_routes": Detector(old_routes),
    "default_routes": Detector(default_routes),
    "bound_to_old": Detector(bound_to_old),
    "resolvers": Detector(resolvers),
    "time_sources": Detector(time_sources),
    "network_manager": Detector(manager),
    "layer2": Detector(layer2, frozenset({"processes"})),
    "v6_default": Detector(v6_default),
    "v6_addresses": Detector(v6_addresses),
    "v4_only_listeners": Detector(v4_only_listeners),
    "v6_firewall": Detector(v6_firewall),
    "v4_only_configuration": Detector(v4_only_configuration, frozenset({"match"})),
    "licence_addresses": Detector(licence_addresses),
}
