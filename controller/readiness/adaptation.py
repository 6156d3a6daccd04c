"""How far units are: which of their systems are adapted, class by class, and 上云率.

A system's class is judged from its hosts where they were checked, and told by the register where
they were not; the two are never mixed up: ``checked`` says which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.register_tables import XINCHUANG_LAYERS
from controller.inventory.systems import SystemRecordView, cloud_state, system_register
from controller.readiness import judging, projects
from controller.readiness.tables import (
    ReadinessHost,
    ReadinessJudgement,
    ReadinessProject,
)

AREA_OF = {
    "cpu": "xinchuang-cpu",
    "os": "xinchuang-os",
    "database": "xinchuang-db",
    "middleware": "xinchuang-mw",
    "application": "xinchuang-app",
}
"""Class of the register to area of the rules."""

STATES = ("ready", "not_ready", "unknown", "none")
"""ready: no open blocker and none undecided, or done by the register; none: nothing is known."""


@dataclass(frozen=True)
class LayerState:
    """One class of one system. ``told``: what the register says."""

    state: str
    checked: bool
    told: str = ""


@dataclass(frozen=True)
class SystemState:
    """A system: its classes, its hosts, and the whole."""

    record: SystemRecordView
    hosts: int
    layers: dict[str, LayerState]
    projects: tuple[tuple[int, str], ...] = ()
    """Within the scope."""
    elsewhere: bool = False
    """Whether a project that the scope does not hold (the city's, or of more units) has it."""

    @property
    def state(self) -> str:
        """ready only where every class that concerns it is."""
        found = [each.state for each in self.layers.values() if each.told != "not_needed"]
        for worst in ("not_ready", "unknown"):
            if worst in found:
                return worst
        if found and all(each == "ready" for each in found):
            return "ready"
        return "unknown" if "ready" in found else "none"


@dataclass
class UnitState:
    """A unit's systems counted. ``layers``: class to counts by state."""

    code: str
    name: str
    systems: int = 0
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    layers: dict[str, dict[str, int]] = field(
        default_factory=lambda: {name: dict.fromkeys(STATES, 0) for name in XINCHUANG_LAYERS}
    )
    on_cloud: int = 0
    should: int = 0
    """Should be on the cloud and are not."""
    unclear: int = 0
    """Of which the register does not say."""

    @property
    def ready_share(self) -> float | None:
        """0-1 of its systems."""
        return self.states["ready"] / self.systems if self.systems else None

    @property
    def cloud_share(self) -> float | None:
        """上云率, 0-1: on the cloud, of those that are or should be; None where none is."""
        whole = self.on_cloud + self.should
        return self.on_cloud / whole if whole else None


def system_states(
    session: Session, scope: Scope, at: datetime, unit_ids: frozenset[int] | None = None
) -> list[SystemState]:
    """Every system of the scope, by unit and name."""
    records = system_register(session, scope, at, unit_ids=unit_ids)
    checked = _checked(session, scope, [each.id for each in records])
    return [_state(each, *checked.get(each.id, ({}, 0, (), False))) for each in records]


Checked = tuple[dict[str, str], int, tuple[tuple[int, str], ...], bool]


def _checked(session: Session, scope: Scope, system_ids: list[int]) -> dict[int, Checked]:
    """System to (class to state, hosts, projects, elsewhere), from its hosts' newest judgements.

    What was judged of a system belongs to its unit, whoever had it checked; of projects only those
    within the scope are named.
    """
    visible = {each.id for each in projects.visible(session, scope)}
    rows = session.execute(
        select(
            ReadinessJudgement, col(ReadinessHost.system_id), col(ReadinessHost.id),
            col(ReadinessProject.id), col(ReadinessProject.name), col(ReadinessProject.kind),
        )
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessJudgement.host_id))
        .join(ReadinessProject, col(ReadinessProject.id) == col(ReadinessHost.project_id))
        .where(
            col(ReadinessHost.system_id).in_(system_ids),
            col(ReadinessHost.retired).is_(None),
            col(ReadinessJudgement.latest).is_(True),
        )
    ).all()  # fmt: skip
    hosts: dict[int, dict[int, list[ReadinessJudgement]]] = {}
    named: dict[int, set[tuple[int, str]]] = {}
    for row, system_id, host_id, project_id, name, kind in rows:
        named.setdefault(system_id, set()).add((project_id, name))
        if kind == "xinchuang":
            hosts.setdefault(system_id, {}).setdefault(host_id, []).append(row)
    found: dict[int, Checked] = {}
    for system_id, its_projects in named.items():
        of_system = hosts.get(system_id, {})
        layers = {
            layer: _worst(_host_layer(judged, area) for judged in of_system.values())
            for layer, area in AREA_OF.items()
        }
        known = {layer: state for layer, state in layers.items() if state != "none"}
        shown = tuple(sorted(each for each in its_projects if each[0] in visible))
        found[system_id] = (known, len(of_system), shown, len(shown) < len(its_projects))
    return found


def _host_layer(judged: list[ReadinessJudgement], area: str) -> str:
    """A host's class for the target machine that suits it best."""
    order = ("ready", "unknown", "not_ready", "none")
    return min((layer_state(row.grid, area) for row in judged), key=order.index, default="none")


def layer_state(grid: dict[str, str], area: str) -> str:
    """ready, not_ready, unknown, or none: from the blockers of an area in one judgement."""
    rules = judging.catalogue()
    signs = [
        sign
        for name, sign in grid.items()
        if name in rules and rules[name].area == area and rules[name].severity == "blocker"
    ]
    majors = any(
        sign == "F" and name in rules and rules[name].area == area
        and rules[name].severity == "major"
        for name, sign in grid.items()
    )  # fmt: skip
    if "F" in signs:
        return "not_ready"
    if any(sign in "NUE" for sign in signs):
        return "unknown"
    if majors:
        return "not_ready"
    return "ready" if any(sign in "PW-I" for sign in signs) else "none"


def _worst(states: Iterable[str]) -> str:
    order = ("none", "ready", "unknown", "not_ready")
    return max(states, key=order.index, default="none")


def _state(
    record: SystemRecordView,
    known: dict[str, str],
    hosts: int,
    projects: tuple[tuple[int, str], ...],
    elsewhere: bool,
) -> SystemState:
    layers = {}
    for layer in XINCHUANG_LAYERS:
        told = record.xinchuang.get(layer, "")
        if layer in known:
            layers[layer] = LayerState(known[layer], True, told)
        else:
            layers[layer] = LayerState(_told_state(told), False, told)
    return SystemState(record, hosts, layers, projects, elsewhere)


def _told_state(told: str) -> str:
    if told in ("done", "not_needed"):
        return "ready"
    return "not_ready" if told else "none"


def by_unit(states: Iterable[SystemState]) -> list[UnitState]:
    """Units in the order of their systems."""
    found: dict[str, UnitState] = {}
    for each in states:
        unit = found.setdefault(
            each.record.unit_code, UnitState(each.record.unit_code, each.record.unit_name)
        )
        _count(unit, each)
    return list(found.values())


def whole(states: Iterable[SystemState]) -> UnitState:
    """All of them together."""
    unit = UnitState("", "")
    for each in states:
        _count(unit, each)
    return unit


def _count(unit: UnitState, each: SystemState) -> None:
    unit.systems += 1
    unit.states[each.state] += 1
    for layer, state in each.layers.items():
        unit.layers[layer][state.state] += 1
    where = cloud_state(each.record)
    unit.on_cloud += where == "on"
    unit.should += where == "should"
    unit.unclear += where == "unknown"


def left_behind(states: Iterable[SystemState]) -> list[SystemState]:
    """Systems that should be on the cloud and are not."""
    return [each for each in states if cloud_state(each.record) == "should"]
