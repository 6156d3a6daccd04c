"""The plan against itself and against what was observed: prefixes, gateways, edges, windows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from ipaddress import ip_address, ip_network
from itertools import combinations

from playbooks.judge.detectors.base import Detector, Hit, Look


def address_taken(look: Look) -> Iterable[Hit]:
    """The planned address answers already, or the plan gives it to two."""
    address = look.input("plan.address")
    for it in look.input("probes.duplicates"):
        if it["address"] == address:
            yield Hit(address, "cli", "probe", f"{address} answers from {it['mac']}", "context")
    owners = [it["owner"] for it in look.optional("plan.reserved", []) if it["address"] == address]
    if len(owners) > 1:
        yield Hit(f"{address} plan", "cli", "plan", f"{address}: {', '.join(owners)}", "context")


def overlaps(look: Look) -> Iterable[Hit]:
    """A unit's prefix that overlaps another's or one of the extranet's own."""
    units = [(it["unit"], ip_network(it["prefix"])) for it in look.input("plan.units")]
    backbone = [("政务外网", ip_network(it)) for it in look.optional("plan.extranet", [])]
    pairs = [*combinations(units, 2), *((unit, it) for unit in units for it in backbone)]
    for (one, left), (other, right) in pairs:
        if left.version == right.version and left.overlaps(right):
            yield Hit(
                f"{left} {right}", "cli", "plan", f"{one} {left} / {other} {right}", "context"
            )


def gateway(look: Look) -> Iterable[Hit]:
    """A gateway outside its own prefix, or one that nobody answers for."""
    address, prefix = look.input("plan.gateway"), look.input("plan.prefix")
    if ip_address(address) not in ip_network(prefix):
        yield Hit(address, "cli", "plan", f"gateway {address} is not in {prefix}", "context")
    for it in look.input("probes.gateway"):
        if it["address"] == address and not it["answers"]:
            yield Hit(
                f"{address} silent", "cli", "probe", f"no ARP/ND answer of {address}", "context"
            )


def missing_permits(look: Look) -> Iterable[Hit]:
    """Edges seen in operation for which the target's ACL has no permit; data bases are blockers."""
    permits = [
        (ip_network(it["to"]), str(it["ports"]), it["proto"]) for it in look.input("acl.permits")
    ]
    vital = {int(port) for port in look.parameters["vital_ports"]}
    for edge in look.input("edges.edges"):
        peer, port, proto = ip_address(edge["peer"]), int(edge["port"]), edge["proto"]
        if any(
            proto == kind and peer.version == net.version and peer in net and _within(port, ports)
            for net, ports, kind in permits
        ):
            continue
        severity = "blocker" if port in vital else ""
        excerpt = f"permit {proto} any host {peer} eq {port}"
        yield Hit(f"{peer} {proto}/{port}", "socket", "edges", excerpt, "context", severity)


def _within(port: int, ports: str) -> bool:
    if ports == "any":
        return True
    first, _, last = ports.partition("-")
    return int(first) <= port <= int(last or first)


def outside_partners(look: Look) -> Iterable[Hit]:
    """Peers beyond the plan: they may know us by the address that changes."""
    inside = [ip_network(it) for it in look.input("plan.extranet")]
    inside += [ip_network(it["prefix"]) for it in look.optional("plan.units", [])]
    seen = set()
    for edge in look.input("edges.edges"):
        peer = ip_address(edge["peer"])
        if not any(peer.version == it.version and peer in it for it in inside) and peer not in seen:
            seen.add(peer)
            yield Hit(str(peer), "socket", "edges", f"{edge['proto']}/{edge['port']}", "context")


def leaves_the_wave(look: Look) -> Iterable[Hit]:
    """Talkative edges to hosts that do not move together with this one."""
    wave = {ip_address(it) for it in look.input("plan.wave")}
    for edge in look.input("edges.edges"):
        if ip_address(edge["peer"]) not in wave and edge["per_hour"] > look.parameters["per_hour"]:
            subject = f"{edge['peer']} {edge['proto']}/{edge['port']}"
            yield Hit(subject, "socket", "edges", f"{edge['per_hour']}/h", "context")


def window(look: Look) -> Iterable[Hit]:
    """No approval, a window that is over, or a freeze inside it."""
    it = look.input("window")
    start, end = datetime.fromisoformat(it["start"]), datetime.fromisoformat(it["end"])
    if not it.get("approved_by"):
        yield Hit("approval", "cli", "window", "not approved", "context")
    if end < look.now:
        yield Hit("expired", "cli", "window", f"ended {end.isoformat()}", "context")
    for freeze in it.get("freezes", []):
        first, last = datetime.fromisoformat(freeze["from"]), datetime.fromisoformat(freeze["to"])
        if first < end and start < last:
            yield Hit(f"freeze {freeze['from']}", "cli", "window", f"{first} - {last}", "context")


def too_long_ago(look: Look) -> Iterable[Hit]:
    """A proof that must be no older than some days is older, or was never made (false)."""
    value = look.input(look.parameters["input"])
    if value is False:
        yield Hit(look.parameters["input"], "cli", "register", "never", "context")
        return
    days = (look.now.date() - date.fromisoformat(value)).days
    if days > look.parameters["days"]:
        yield Hit(look.parameters["input"], "cli", "register", f"{value} ({days} d)", "context")


def transfer(look: Look) -> Iterable[Hit]:
    """Copying takes longer than the window: hours = GiB x 1024 x 8 / (Mbit/s) / 3600."""
    data, rate = float(look.input("register.data_gib")), float(look.input("target.bandwidth_mbps"))
    hours = data * 1024 * 8 / rate / 3600
    allowed = float(look.input("window.hours"))
    if hours > allowed:
        excerpt = f"{data:g} GiB / {rate:g} Mbit/s = {hours:.1f} h > {allowed:g} h"
        yield Hit("transfer", "cli", "register", excerpt, "context")


DETECTORS = {
    "address_taken": Detector(address_taken),
    "overlaps": Detector(overlaps),
    "gateway": Detector(gateway),
    "missing_permits": Detector(missing_permits, frozenset({"vital_ports"})),
    "outside_partners": Detector(outside_partners),
    "leaves_the_wave": Detector(leaves_the_wave, frozenset({"per_hour"})),
    "window": Detector(window),
    "too_long_ago": Detector(too_long_ago, frozenset({"input", "days"})),
    "transfer": Detector(transfer),
}
