"""Usage against an independent computation in plain Python, on random small worlds."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import oracle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from worlds import EPOCH, GIB, START, World

from controller.access.scope import CITY, Scope
from controller.store import rollup
from controller.usage.model import UsageQuery
from controller.usage.queries import usage_report

HOURS = 3
END = START + HOURS * 3600
UNITS = {"A": None, "B": "A", "C": None}
"""B stands below A."""
SUBTREES = {"A": {"A", "B"}, "B": {"B"}, "C": {"C"}}
RESOURCES = ("r1", "r2", "r3")

measured = some.one_of(some.just(math.nan), some.integers(0, 200).map(float))
when = some.integers(-1, HOURS * 60 + 5).map(lambda minute: START + 60 * minute)


@some.composite
def rows(draw: some.DrawFn) -> list[oracle.Row]:
    """Rows of a minute or five, of any source, with NaN in places; keys are distinct."""
    found: dict[tuple[str, str, int], oracle.Row] = {}
    for _ in range(draw(some.integers(0, 6))):
        resource = draw(some.sampled_from(RESOURCES))
        source = draw(some.sampled_from(("agent", "poller", "import:x")))
        step = draw(some.sampled_from((60, 300)))
        first = draw(when)
        for place in range(draw(some.integers(1, 40))):
            time = first + place * step
            if draw(some.integers(0, 9)) == 0:
                continue
            cpu, mem, rx = draw(measured), draw(measured), draw(measured)
            peak = math.nan if draw(some.booleans()) else cpu + 1
            found[resource, source, time] = oracle.Row(
                resource, time, step, source, cpu, peak, mem * GIB / 50, rx
            )
    return list(found.values())


@some.composite
def holdings(draw: some.DrawFn) -> list[oracle.Held]:
    """Each resource held by one unit or by two after each other, perhaps with a pause."""
    held = []
    for resource in RESOURCES:
        sizes = some.sampled_from((1.0, 2.0, 8.0))
        units = some.sampled_from(tuple(UNITS))
        begin = START - 3600
        if draw(some.booleans()):
            turn = draw(when)
            pause = draw(some.sampled_from((0, 900)))
            held.append(
                oracle.Held(resource, draw(units), begin, turn, draw(sizes), draw(sizes) * GIB)
            )
            begin = turn + pause
        held.append(
            oracle.Held(resource, draw(units), begin, 1 << 40, draw(sizes), draw(sizes) * GIB)
        )
    return [each for each in held if each.since < each.until]


def fill(w: World, data: list[oracle.Row], held: list[oracle.Held]) -> None:
    for code, parent in UNITS.items():
        w.unit(code, parent)
    for code in RESOURCES:
        w.resource(code, created=_moment(START - 3600))
    for h in held:
        until = None if h.until == 1 << 40 else _moment(h.until)
        w.holding(h.resource, h.unit, _moment(h.since), until, h.vcpu, h.mem / GIB)
    series: dict[tuple[str, str, float], list[oracle.Row]] = defaultdict(list)
    for row in data:
        series[row.resource, row.source, row.seconds].append(row)
    for (resource, source, seconds), group in series.items():
        w.rows(
            resource,
            [row.time for row in group],
            seconds,
            source=source,
            cpu_used_pct=[row.cpu for row in group],
            cpu_max_pct=[row.peak for row in group],
            mem_used_bytes=[row.mem for row in group],
            net_rx_bytes_s=[row.rx for row in group],
        )
    days = {(w.ids[r.resource], _moment(r.time).date()) for r in data}
    list(rollup.roll_resource_days(w.runtime, "host", days))


def same(got: object, wanted: dict[str, float | None]) -> None:
    for name, value in wanted.items():
        if name == "n":
            continue
        found = getattr(got, name)
        if value is None:
            assert found is None, name
        else:
            assert found == pytest.approx(value, rel=2e-6, abs=6e-4), name


@settings(
    max_examples=100 if os.environ.get("HEAVY_TESTS") else 12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    # An example takes a second: shrinking one would take minutes.
    phases=(Phase.explicit, Phase.generate),
)
@given(
    data=rows(),
    held=holdings(),
    since=some.integers(0, 70).map(lambda minute: START + 60 * minute),
    length=some.integers(1, HOURS * 60).map(lambda minutes: 60 * minutes),
)
def test_every_figure_is_what_plain_python_makes_of_the_rows(
    new_world: Callable[[], World],
    data: list[oracle.Row],
    held: list[oracle.Held],
    since: int,
    length: int,
) -> None:
    w = new_world()
    fill(w, data, held)
    until = since + length
    query = UsageQuery(_moment(since), _moment(until), "unit")
    units = {row.unit: row for row in usage_report(w.runtime, CITY, query).rows}
    for code, subtree in SUBTREES.items():
        wanted = oracle.unit_figures(data, held, subtree, since, until)
        if code in units:
            same(units[code], wanted)
        else:
            assert wanted["coverage_pct"] is None
    _check_resources(w, data, held, (since, until), None)
    _check_resources(w, data, held, (since, until), "A")


def _check_resources(
    w: World,
    data: list[oracle.Row],
    held: list[oracle.Held],
    period: tuple[int, int],
    unit: str | None,
) -> None:
    query = UsageQuery(_moment(period[0]), _moment(period[1]), "resource", unit)
    found = {row.resource: row for row in usage_report(w.runtime, CITY, query).rows}
    for code in RESOURCES:
        wanted = oracle.resource_figures(
            data, held, code, *period, None if unit is None else SUBTREES[unit]
        )
        if unit is None:
            # In a pause nobody holds it: what a share of memory is then, is not defined.
            wanted = {name: wanted[name] for name in wanted if not name.startswith("mem")}
        if code in found:
            same(found[code], wanted)
        else:
            assert not wanted["n"]


def test_a_unit_user_sees_a_resource_only_while_its_units_held_it(w: World) -> None:
    w.unit("A")
    w.unit("C")
    w.resource("r1")
    turn = EPOCH + timedelta(hours=1)
    w.holding("r1", "A", until=turn)
    w.holding("r1", "C", since=turn)
    times = range(START, START + 7200, 300)
    w.rows("r1", list(times), cpu_used_pct=[10.0 if t < START + 3600 else 90.0 for t in times])
    list(rollup.roll_resource_days(w.runtime, "host", [(w.ids["r1"], EPOCH.date())]))
    query = UsageQuery(EPOCH, EPOCH + timedelta(hours=2), "resource")
    for unit, cpu in (("A", 10.0), ("C", 90.0)):
        (row,) = usage_report(w.runtime, Scope(frozenset({w.ids[unit]})), query).rows
        assert (row.cpu_max_pct, row.unit, row.coverage_pct) == (cpu, unit, 100.0)
    (row,) = usage_report(w.runtime, CITY, query).rows
    assert (row.cpu_max_pct, row.cpu_avg_pct) == (90.0, 50.0)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
