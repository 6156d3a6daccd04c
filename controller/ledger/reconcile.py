"""对账: platform, register and agent side by side, and how far they agree. Pure.

Each machine is one line, whichever side knows it. The score of 0 to 100 is the mean of four
shares, weighted as WEIGHTS says; a share with nothing to judge is left out with its weight:

machines  known to both platform and register, of those that a source speaks for
owners    with the owner that the export names being the register's, of those it names
sizes     alike on all sides that know a size, of machines known to two sides or more
data      with measurements in the last days, of registered VMs and physical machines
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controller.ledger.match_rows import Known

ISSUES = (
    "only_platform", "only_register", "only_agent", "owner_unknown", "owner_differs",
    "size_platform", "size_agent", "duplicate_address", "double_agent", "no_data", "no_agent",
)  # fmt: skip
"""What can be amiss with a line, the gravest first. no_agent alone costs nothing: some are
measured by their platform."""

WEIGHTS = {"machines": 35.0, "owners": 20.0, "sizes": 20.0, "data": 25.0}

SIZES = ("vcpu", "mem_bytes", "disk_bytes")


@dataclass(frozen=True)
class Tolerances:
    """How far two sizes may lie apart: cores; share of the larger in percent."""

    vcpu: float = 0.0
    mem_pct: float = 10.0
    disk_pct: float = 30.0

    def alike(self, name: str, one: float | None, other: float | None) -> bool:
        """Whether they agree; what one side does not know contradicts nothing."""
        if one is None or other is None:
            return True
        apart = abs(one - other)
        if name == "vcpu":
            return apart <= self.vcpu
        share = self.mem_pct if name == "mem_bytes" else self.disk_pct
        # The kernel keeps some memory to itself, and a disk's file system some of the disk.
        return apart <= share / 100 * max(one, other)


@dataclass(frozen=True)
class PlatformSide:
    """A machine of a source's last confirmed export. ``owner`` is the unit's id it names."""

    source: str
    row: int
    key: str
    name: str
    owner_named: bool
    owner: int | None
    sizes: tuple[float | None, float | None, float | None]
    resource_id: int | None


@dataclass(frozen=True)
class AgentSide:
    """An approved agent; ``sizes`` are what it measures of its machine."""

    id: str
    name: str
    unit_id: int
    resource_id: int | None
    sizes: tuple[float | None, float | None, float | None]
    last_seen: datetime | None


@dataclass
class Line:
    """A machine as each side knows it; a side that does not is None. Sizes: cores, bytes."""

    key: str
    name: str
    unit_id: int | None
    register: Known | None = None
    platform: PlatformSide | None = None
    agents: list[AgentSide] = field(default_factory=list)
    last_data: datetime | None = None
    issues: list[str] = field(default_factory=list)

    def sizes(self, side: str) -> tuple[float | None, float | None, float | None]:
        """(cores, memory, disk) as ``register``, ``platform`` or ``agent`` knows them."""
        if side == "register" and self.register is not None:
            return self.register.vcpu, self.register.mem_bytes, self.register.disk_bytes
        if side == "platform" and self.platform is not None:
            return self.platform.sizes
        if side == "agent" and self.agents:
            return self.agents[0].sizes
        return None, None, None


@dataclass(frozen=True)
class Share:
    """``good`` of ``of``; nothing to judge where ``of`` is 0."""

    good: int
    of: int

    @property
    def pct(self) -> float | None:
        return 100.0 * self.good / self.of if self.of else None


@dataclass
class Reconciliation:
    """Every line, gravest first; the shares and what follows from them."""

    lines: list[Line]
    shares: dict[str, Share]
    coverage: dict[int, dict[str, int]]
    """Unit id -> how many resources, on the platform, with agent, with data, without issue."""

    @property
    def score(self) -> float | None:
        """0 to 100; None where there is nothing to judge at all."""
        known = {name: share.pct for name, share in self.shares.items() if share.of}
        weight = sum(WEIGHTS[name] for name in known)
        if not weight:
            return None
        return round(sum(WEIGHTS[name] * (pct or 0.0) for name, pct in known.items()) / weight, 2)

    def counts(self) -> dict[str, int]:
        """Issue -> lines."""
        found = Counter(issue for line in self.lines for issue in line.issues)
        return {issue: found[issue] for issue in ISSUES if found[issue]}


def reconcile(
    known: Sequence[Known],
    platform: Sequence[PlatformSide],
    agents: Sequence[AgentSide],
    last_data: Mapping[int, datetime],
    expected: frozenset[int],
    tolerances: Tolerances,
) -> Reconciliation:
    """``known``: registered machines held now; ``expected``: ids of those that a source with a
    confirmed export must name; ``last_data``: when each was measured last, within the days asked.
    """
    lines = {
        each.id: Line(
            each.code, each.name, each.unit_id, register=each, last_data=last_data.get(each.id)
        )
        for each in known
    }
    others: list[Line] = []
    for row in platform:
        line = lines.get(row.resource_id or 0)
        if line is None:
            line = Line(row.key, row.name, row.owner)
            others.append(line)
        line.platform = line.platform or row
    for agent in agents:
        line = lines.get(agent.resource_id or 0)
        if line is None:
            line = Line(agent.id, agent.name, agent.unit_id)
            others.append(line)
        line.agents.append(agent)
    shared = _shared_addresses(known)
    for key, line in lines.items():
        line.issues = _issues(line, key in expected, key in shared, tolerances)
    for line in others:
        line.issues = ["only_platform" if line.platform is not None else "only_agent"]
        if line.platform is not None and line.platform.owner is None:
            line.issues.append("owner_unknown")
    every = [*others, *lines.values()]
    every.sort(key=lambda line: (_rank(line), line.key))
    return Reconciliation(every, _shares(every, expected), _coverage(every))


def _rank(line: Line) -> int:
    return min((ISSUES.index(issue) for issue in line.issues), default=len(ISSUES))


def _shared_addresses(known: Iterable[Known]) -> set[int]:
    """Ids of machines that bear an address of another one in the same site and zone."""
    bearers: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for each in known:
        for address in each.ip:
            bearers[each.site, each.zone, address].append(each.id)
    return {key for ids in bearers.values() if len(ids) > 1 for key in ids}


def _issues(line: Line, expected: bool, shared: bool, tolerances: Tolerances) -> list[str]:
    issues: list[str] = []
    register, platform = line.register, line.platform
    if platform is None and expected:
        issues.append("only_register")
    if platform is not None and register is not None and platform.owner_named:
        if platform.owner is None:
            issues.append("owner_unknown")
        elif platform.owner != register.unit_id:
            issues.append("owner_differs")
    for side, issue in (("platform", "size_platform"), ("agent", "size_agent")):
        pairs = zip(SIZES, line.sizes("register"), line.sizes(side), strict=True)
        if not all(tolerances.alike(name, one, other) for name, one, other in pairs):
            issues.append(issue)
    if shared:
        issues.append("duplicate_address")
    if len(line.agents) > 1:
        issues.append("double_agent")
    if line.last_data is None:
        issues.append("no_data")
    if not line.agents:
        issues.append("no_agent")
    return issues


def _shares(lines: Sequence[Line], expected: frozenset[int]) -> dict[str, Share]:
    both = named = right = sized = alike = spoken = registered = measured = 0
    for line in lines:
        register, platform = line.register, line.platform
        must = register is not None and register.id in expected
        if must or platform is not None:
            spoken += 1
            both += register is not None and platform is not None
        if platform is not None and platform.owner_named:
            named += 1
            right += register is not None and platform.owner == register.unit_id
        if register is not None and (platform is not None or line.agents):
            sized += 1
            alike += not {"size_platform", "size_agent"} & set(line.issues)
        if register is not None:
            registered += 1
            measured += line.last_data is not None
    return {
        "machines": Share(both, spoken),
        "owners": Share(right, named),
        "sizes": Share(alike, sized),
        "data": Share(measured, registered),
    }


def _coverage(lines: Sequence[Line]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for line in lines:
        if line.register is None:
            continue
        counts = found.setdefault(
            line.register.unit_id,
            {"resources": 0, "platform": 0, "agent": 0, "data": 0, "agreeing": 0},
        )
        counts["resources"] += 1
        counts["platform"] += line.platform is not None
        counts["agent"] += bool(line.agents)
        counts["data"] += line.last_data is not None
        counts["agreeing"] += not set(line.issues) - {"no_agent"}
    return found


def as_json(line: Line, units: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    """The line as the API gives it; ``units``: id -> (code, name)."""
    code, name = units.get(line.unit_id or 0, ("", ""))

    def side(which: str) -> dict[str, float | None]:
        return dict(zip(SIZES, line.sizes(which), strict=True))

    return {
        "key": line.key,
        "name": line.name,
        "unit": code,
        "unit_name": name,
        "issues": line.issues,
        "register": None if line.register is None else {
            **side("register"), "site": line.register.site, "ip": ", ".join(line.register.ip),
        },
        "platform": None if line.platform is None else {
            **side("platform"), "source": line.platform.source, "row": line.platform.row,
        },
        "agent": None if not line.agents else {
            **side("agent"), "id": line.agents[0].id, "last_seen": line.agents[0].last_seen,
        },
        "last_data": line.last_data,
    }  # fmt: skip
