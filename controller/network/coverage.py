"""Coverage (接入率): who should be connected and is, is reached, and has the bandwidth aimed at.

A place that should have a point is a unit of a kind that the targets name, or a community that the
register of points names. Marked exempt (无需接入), it is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from controller.access.scope import Scope
from controller.inventory.units import list_units
from controller.network.line_model import LineView, PointView
from controller.network.line_tables import LEVELS
from controller.network.lines import list_lines
from controller.network.place_units import places_of
from controller.network.points import Reach, list_points
from controller.network.targets import Target


@dataclass(frozen=True)
class CoverageRow:
    """One level of one county (code "": the city itself). Counts are of places.

    ``bit_s`` adds up what is contracted on the level; of ``aimed`` places with a target ``met``
    have lines that add up to it. ``target_bit_s`` is one place's; None: no target.
    """

    county_code: str
    county_name: str
    level: str
    should: int = 0
    connected: int = 0
    measured: int = 0
    reachable: int = 0
    lines: int = 0
    bit_s: float = 0.0
    target_bit_s: float | None = None
    aimed: int = 0
    met: int = 0

    @property
    def connected_pct(self) -> float | None:
        return 100 * self.connected / self.should if self.should else None

    @property
    def reachable_pct(self) -> float | None:
        """Of the places that were measured."""
        return 100 * self.reachable / self.measured if self.measured else None


@dataclass(frozen=True)
class Unconnected:
    """A place that should have a point and has none."""

    county_code: str
    county_name: str
    level: str
    unit_code: str
    unit_name: str
    community: str
    planned: str
    """Code of the point that is planned for it; "" where nobody has."""


@dataclass(frozen=True)
class Coverage:
    """Rows by county (the city itself first) and level; the whole by level; who is without."""

    rows: tuple[CoverageRow, ...]
    levels: tuple[CoverageRow, ...]
    without: tuple[Unconnected, ...]


@dataclass
class _Place:
    level: str
    county: tuple[str, str]
    unit: tuple[str, str]
    community: str = ""
    points: list[PointView] = field(default_factory=list)

    @property
    def exempt(self) -> bool:
        return bool(self.points) and all(point.state == "exempt" for point in self.points)

    @property
    def connected(self) -> list[PointView]:
        return [point for point in self.points if point.state == "connected"]


def coverage(
    session: Session,
    scope: Scope,
    at: datetime,
    targets: Mapping[str, Target],
    reach: Mapping[int, Reach],
) -> Coverage:
    """Coverage at ``at`` within the scope; ``reach`` by point id."""
    points = list_points(session, scope, at, reach)
    lines = [each for each in list_lines(session, scope, at) if each.state != "ended"]
    places = _places(session, scope, at, targets, points)
    return judge(places, lines, targets)


def _places(
    session: Session,
    scope: Scope,
    at: datetime,
    targets: Mapping[str, Target],
    points: Iterable[PointView],
) -> list[_Place]:
    tree = places_of(session, (), at)
    level_of = {kind: level for level, each in targets.items() for kind in each.unit_kinds}
    found: dict[tuple[str, str, str], _Place] = {}
    for unit in list_units(session, scope, at):
        level = level_of.get(unit.kind)
        if level is not None:
            county = tree.county(unit.id)
            found[unit.code, "", level] = _Place(
                level, (county.code, county.name), (unit.code, unit.name)
            )
    for point in points:
        place = found.setdefault(
            (point.unit_code, point.community, point.level),
            _Place(
                point.level, (point.county_code, point.county_name),
                (point.unit_code, point.unit_name), point.community,
            ),
        )  # fmt: skip
        place.points.append(point)
    return [place for place in found.values() if not place.exempt]


def judge(
    places: Sequence[_Place], lines: Sequence[LineView], targets: Mapping[str, Target]
) -> Coverage:
    """Counts places and lines. Pure."""
    rows: dict[tuple[str, str], CoverageRow] = {}
    names: dict[str, str] = {}

    def row(county: str, level: str) -> CoverageRow:
        target = targets.get(level)
        blank = CoverageRow(
            county, names.get(county, ""), level, target_bit_s=target.bit_s if target else None
        )
        return rows.setdefault((county, level), blank)

    aims: dict[tuple[str, str], set[str]] = defaultdict(set)
    without = []
    for place in places:
        county, level = place.county[0], place.level
        names[county] = place.county[1]
        now, connected = row(county, level), place.connected
        seen = [point.reachable for point in connected if point.reachable is not None]
        rows[county, level] = replace(
            now, should=now.should + 1, connected=now.connected + bool(connected),
            measured=now.measured + bool(seen), reachable=now.reachable + any(seen),
        )  # fmt: skip
        aims[county, level].add(_aim(level, county, place.unit[0]))
        if not connected:
            planned = next((p.code for p in place.points if p.state == "planned"), "")
            without.append(Unconnected(*place.county, level, *place.unit, place.community, planned))
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in lines:
        key = (line.county_code, line.level)
        names[line.county_code] = line.county_name
        now = row(*key)
        width = line.bandwidth_bit_s or 0.0
        rows[key] = replace(now, lines=now.lines + 1, bit_s=now.bit_s + width)
        sums[key][_aim(line.level, line.county_code, line.unit_code)] += width
    for key, now in rows.items():
        if now.target_bit_s is not None:
            aimed = aims[key] | set(sums[key])
            met = sum(sums[key][aim] >= now.target_bit_s for aim in aimed)
            rows[key] = replace(now, aimed=len(aimed), met=met)
    ordered = sorted(rows.values(), key=lambda each: (each.county_code, LEVELS.index(each.level)))
    without.sort(key=lambda each: (each.county_code, LEVELS.index(each.level), each.unit_code))
    return Coverage(tuple(ordered), tuple(_sums(ordered)), tuple(without))


def _aim(level: str, county: str, unit: str) -> str:
    """What a level's target counts for: the city, each county, else each unit."""
    return {"city": "", "county": county}.get(level, unit)


def _sums(rows: Sequence[CoverageRow]) -> list[CoverageRow]:
    found = []
    counts = ("should", "connected", "measured", "reachable", "lines", "bit_s", "aimed", "met")
    for level in LEVELS:
        mine = [row for row in rows if row.level == level]
        if mine:
            total = CoverageRow("", "", level, target_bit_s=mine[0].target_bit_s)
            sums = {name: sum(getattr(row, name) for row in mine) for name in counts}
            found.append(replace(total, **sums))
    return found
