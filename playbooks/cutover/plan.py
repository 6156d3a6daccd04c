"""A host's plan as given in ``cutover_hosts``: checked whole, then told to the host as lines."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

BACKENDS = ("networkmanager", "netplan", "ifupdown", "ifcfg", "iproute2")
LEAST_DEADLINE_S = 120
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_INTERFACE = re.compile(r"[A-Za-z0-9._@-]{1,15}")
_DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")


class PlanError(ValueError):
    """The plan cannot be carried out; the text lists everything wrong, by host and field."""


class Edge(NamedTuple):
    """A connection this host made before and must be able to make afterwards."""

    peer: str
    port: int
    protocol: str = "tcp"
    required: bool = True

    def line(self) -> str:
        """As the host reads and names it."""
        return f"{self.protocol} {self.peer} {self.port} {'must' if self.required else 'may'}"


class HostPlan(NamedTuple):
    """What one host shall look like. Addresses with prefix length; empty means left as it is."""

    host: str
    interface: str
    address: str = ""
    old_address: str = ""
    gateway: str = ""
    address6: str = ""
    gateway6: str = ""
    dns: tuple[str, ...] = ()
    search: str = ""
    dns_probe: str = ""
    """A name that the new resolvers must answer."""
    ntp: tuple[str, ...] = ()
    mtu: int = 0
    routes: tuple[tuple[str, str], ...] = ()
    edges: tuple[Edge, ...] = ()
    agent: str = "auto"
    """``yes``: our agent must get through afterwards; ``no``: not asked; ``auto``: if it runs."""
    backend: str = ""
    keep_old: bool = False
    restore_of: str = ""
    """Name of the confirmed cut-over that is taken back."""

    @property
    def new_ip(self) -> str:
        return self.address.split("/")[0]

    @property
    def old_ip(self) -> str:
        return self.old_address.split("/")[0]

    def reversed(self, name: str) -> HostPlan:
        """Takes the confirmed cut-over ``name`` back; the host knows what was before it."""
        return HostPlan(
            self.host,
            self.interface,
            address=self.old_address,
            old_address=self.address,
            agent=self.agent,
            backend=self.backend,
            edges=self.edges,
            restore_of=name,
        )

    def lines(self) -> str:
        """The plan as ``key=value`` lines for the script on the host."""
        pairs: list[tuple[str, str]] = [
            ("interface", self.interface),
            ("address", self.address),
            ("old_address", self.old_address),
            ("gateway", self.gateway),
            ("address6", self.address6),
            ("gateway6", self.gateway6),
            ("dns", " ".join(self.dns)),
            ("search", self.search),
            ("dns_probe", self.dns_probe),
            ("ntp", " ".join(self.ntp)),
            ("mtu", str(self.mtu or "")),
            ("agent", self.agent),
            ("backend", self.backend),
            ("keep_old", "yes" if self.keep_old else ""),
            ("restore_of", self.restore_of),
        ]
        pairs += [("route", f"{to} {via}") for to, via in self.routes]
        pairs += [("edge", it.line()) for it in self.edges]
        return "\n".join(f"{key}={value}" for key, value in pairs if value)


def read_name(text: object) -> str:
    """The name of a cut-over, also a folder's name on the hosts. Raises PlanError."""
    if not isinstance(text, str) or not _NAME.fullmatch(text) or text.startswith("."):
        raise PlanError(
            f"cutover_id {text!r}: 1 to 64 letters, digits, dot, underscore or dash are allowed"
        )
    return text


class _Fields:
    """Reads fields of one host and gathers what is wrong with them."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self.wrong: list[str] = []

    def text(self, name: str) -> str:
        value = self._raw.get(name)
        return "" if value is None else str(value).strip()

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._raw.get(name, default)
        if isinstance(value, bool):  # YAML's yes and no
            value = "yes" if value else "no"
        if value not in allowed:
            self.wrong.append(f"{name} {value!r}: one of {', '.join(filter(None, allowed))}")
            return default
        return str(value)

    def names(self, name: str) -> str:
        for word in self.text(name).split():
            if not _DOMAIN.fullmatch(word):
                self.wrong.append(f"{name} {word!r}: not a name")
        return self.text(name)

    def mtu(self) -> int:
        value = self._raw.get("mtu") or 0
        if isinstance(value, int) and (value == 0 or 576 <= value <= 9216):
            return value
        self.wrong.append(f"mtu {value!r}: 576 to 9216")
        return 0

    def interface(self) -> str:
        value = self.text("interface")
        if not _INTERFACE.fullmatch(value):
            self.wrong.append(f"interface {value!r}: not a name of an interface")
        return value

    def address(self, name: str, version: int) -> str:
        """An address with its prefix length, "" where none is given."""
        value = self.text(name)
        if not value:
            return ""
        try:
            if "/" not in value:
                raise ValueError("its prefix length is missing")
            found = ipaddress.ip_interface(value)
            _refuse_scope(value)
            if found.version != version:
                raise ValueError(f"not IPv{version}")
            ends = (found.network.network_address, found.network.broadcast_address)
            if version == 4 and found.network.prefixlen < 31 and found.ip in ends:
                raise ValueError("it is the network's or the broadcast address")
        except ValueError as error:
            self.wrong.append(f"{name} {value}: {error}")
            return ""
        return str(found)

    def hop(self, name: str, version: int, mine: str) -> str:
        """A gateway inside of the prefix of ``mine``."""
        value = self.text(name)
        if not value:
            return ""
        value = self.ip(name, value, version)
        if not value or not mine or ipaddress.ip_address(value).is_link_local:
            return value
        if ipaddress.ip_address(value) not in ipaddress.ip_interface(mine).network:
            self.wrong.append(
                f"{name} {value} is outside of {ipaddress.ip_interface(mine).network}"
            )
        if value == mine.split("/", maxsplit=1)[0]:
            self.wrong.append(f"{name} {value} is the host's own address")
        return value

    def ip(self, name: str, value: str, version: int = 0) -> str:
        try:
            found = ipaddress.ip_address(value)
            _refuse_scope(value)
            if version and found.version != version:
                raise ValueError
        except ValueError:
            kind = f"IPv{version}" if version else "IP"
            self.wrong.append(f"{name} {value!r}: not an {kind} address")
            return ""
        return str(found)

    def many(self, name: str) -> list[Any]:
        value = self._raw.get(name) or []
        if isinstance(value, str):
            return value.replace(",", " ").split()
        if isinstance(value, list | tuple):
            return list(value)
        self.wrong.append(f"{name}: a list is expected")
        return []

    def ips(self, name: str) -> tuple[str, ...]:
        return tuple(self.ip(name, str(it)) for it in self.many(name))

    def routes(self) -> tuple[tuple[str, str], ...]:
        found = []
        for it in self.many("routes"):
            try:
                to = str(ipaddress.ip_network(str(it["to"])))
                found.append((to, self.ip("routes.via", str(it["via"]))))
            except (ValueError, KeyError, TypeError):
                self.wrong.append(f"routes: {it!r} is not {{to: PREFIX, via: ADDRESS}}")
        return tuple(found)

    def edges(self) -> tuple[Edge, ...]:
        found = []
        for it in self.many("edges"):
            try:
                port, protocol = int(it["port"]), str(it.get("protocol", "tcp"))
                if not 0 < port < 65536 or protocol not in ("tcp", "udp"):
                    raise ValueError
                required = it.get("required", True) is not False
                found.append(Edge(self.ip("edges.peer", str(it["peer"])), port, protocol, required))
            except (ValueError, KeyError, TypeError, AttributeError):
                form = "{peer: ADDRESS, port: 1-65535, protocol: tcp|udp}"
                self.wrong.append(f"edges: {it!r} is not {form}")
        return tuple(found)


def _refuse_scope(value: str) -> None:
    """``fe80::1%x``: the library takes any text behind the %, and a shell would run it.

    Raises ValueError.
    """
    if "%" in value:
        raise ValueError("a zone (%) has no place here: the interface is told apart")


def read_host(host: str, raw: Mapping[str, Any]) -> HostPlan:
    """One host's plan out of ``raw``. Raises PlanError with all of its faults."""
    fields = _Fields(raw)
    unknown = sorted(set(raw) - set(HostPlan._fields) - {"note", "unit", "wave"})
    if unknown:
        fields.wrong.append(f"not known: {', '.join(unknown)}")
    new, old = fields.address("address", 4), fields.address("old_address", 4)
    six = fields.address("address6", 6)
    if not (fields.text("address") or fields.text("address6")):
        fields.wrong.append("neither address nor address6 is given: nothing to do")
    if new and not fields.text("old_address"):
        fields.wrong.append("old_address is missing: what the host has now")
    plan = HostPlan(
        host,
        fields.interface(),
        address=new,
        old_address=old,
        gateway=fields.hop("gateway", 4, new),
        address6=six,
        gateway6=fields.hop("gateway6", 6, six),
        dns=fields.ips("dns"),
        search=fields.names("search"),
        dns_probe=fields.names("dns_probe"),
        ntp=fields.ips("ntp"),
        mtu=fields.mtu(),
        routes=fields.routes(),
        edges=fields.edges(),
        agent=fields.choice("agent", ("auto", "yes", "no"), "auto"),
        backend=fields.choice("backend", ("", *BACKENDS), ""),
        keep_old=raw.get("keep_old") is True,
    )
    if fields.wrong:
        raise PlanError(f"{host}: " + "; ".join(fields.wrong))
    return plan


def read_hosts(raw: object) -> dict[str, HostPlan]:
    """All plans of ``cutover_hosts``. Raises PlanError with every fault of every host."""
    if not isinstance(raw, Mapping) or not raw:
        raise PlanError(
            "cutover_hosts: a map of host name to its plan is expected, and has no host"
        )
    plans: dict[str, HostPlan] = {}
    wrong: list[str] = []
    for host, each in raw.items():
        try:
            if not isinstance(each, Mapping):
                raise PlanError(f"{host}: a map of fields is expected")
            plans[str(host)] = read_host(str(host), each)
        except PlanError as error:
            wrong.append(str(error))
    holders: dict[str, str] = {}
    for plan in plans.values():
        for own in {plan.new_ip, plan.address6.split("/")[0]} - {""}:
            first = holders.setdefault(own, plan.host)
            if first != plan.host:
                wrong.append(f"{plan.host}: {own} is planned for {first} too")
    if wrong:
        raise PlanError("\n".join(wrong))
    return plans


def check_times(deadline_s: int, verify_s: int, least_s: int = LEAST_DEADLINE_S) -> None:
    """The timer must outlast verifying twice. Raises PlanError."""
    if deadline_s < least_s or deadline_s <= 2 * verify_s:
        raise PlanError(
            f"cutover_deadline_s {deadline_s}: at least {least_s} s and more than twice"
            f" cutover_verify_s ({verify_s} s)"
        )
