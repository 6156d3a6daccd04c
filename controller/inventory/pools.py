"""Resource pools (资源池): how much there is, is given out and promised, and what still fits.

What can be given out of a pool is its capacity times its over-commitment, less its reserve. From
that go what resources hold now, and what was approved and is not delivered yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import EVER, in_force
from controller.inventory.naming import fold
from controller.inventory.register_tables import Allocation, Pool, PoolCapacity
from controller.inventory.tables import ARCHITECTURES, Holding, Resource, Site, Zone
from controller.problems import NotFound, Problem
from controller.said import say

GIB = 2.0**30

SIZE_ZH = {"vcpu": "vCPU", "mem_bytes": "内存", "disk_bytes": "存储", "accelerators": "加速卡"}
SIZE_EN = {"vcpu": "vCPU", "mem_bytes": "memory", "disk_bytes": "disk", "accelerators": "cards"}


@dataclass(frozen=True)
class Size:
    """Cores, bytes and cards; None is not known."""

    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    accelerators: float | None = None

    def plus(self, other: Size) -> Size:
        """The sum; what only one knows is that one's."""
        return Size(
            *(
                None if one is None and two is None else (one or 0.0) + (two or 0.0)
                for one, two in zip(_values(self), _values(other), strict=True)
            )
        )


SIZES = tuple(each.name for each in fields(Size))


@dataclass(frozen=True)
class PoolState:
    """A pool at a moment. ``grantable`` is what may be given out in all, ``left`` what of it is
    neither held nor promised (below 0: given out too much)."""

    id: int
    code: str
    name: str
    site: str
    zone: str
    arch: str
    accelerator: str
    capacity: Size
    cpu_overcommit: float
    mem_overcommit: float
    reserve_pct: float
    allocated: Size
    promised: Size
    resources: int

    def grantable(self, *, with_reserve: bool = False) -> Size:
        share = 1.0 if with_reserve else 1.0 - self.reserve_pct / 100
        factors = (self.cpu_overcommit, self.mem_overcommit, 1.0, 1.0)
        return Size(
            *(
                None if value is None else value * factor * share
                for value, factor in zip(_values(self.capacity), factors, strict=True)
            )
        )

    def left(self, *, with_reserve: bool = False) -> Size:
        gone = self.allocated.plus(self.promised)
        return Size(
            *(
                None if value is None else value - (taken or 0.0)
                for value, taken in zip(
                    _values(self.grantable(with_reserve=with_reserve)), _values(gone), strict=True
                )
            )
        )

    @property
    def cpu_ratio(self) -> float | None:
        """vCPU given out for each thread there is."""
        return _ratio(self.allocated.vcpu, self.capacity.vcpu)

    @property
    def mem_ratio(self) -> float | None:
        return _ratio(self.allocated.mem_bytes, self.capacity.mem_bytes)


@dataclass(frozen=True)
class Request:
    """What is asked for. "" in a place leaves it open; ``purpose`` emergency may use the
    reserve."""

    vcpu: float = 0.0
    mem_bytes: float = 0.0
    disk_bytes: float = 0.0
    accelerators: float = 0.0
    site: str = ""
    zone: str = ""
    arch: str = ""
    accelerator: str = ""
    purpose: str = "production"


@dataclass(frozen=True)
class Check:
    """One size of a request against a pool; None: the pool's capacity is not known."""

    size: str
    asked: float
    left: float | None
    ok: bool


@dataclass(frozen=True)
class Answer:
    """Whether a request can be approved, from which pool, and why (not)."""

    ok: bool
    pool: str
    pool_name: str
    checks: tuple[Check, ...]
    reason_zh: str
    reason_en: str
    alternatives: tuple[str, ...] = ()
    """Codes of other pools that could take it."""


@dataclass
class _Tally:
    allocated: Size = field(default_factory=Size)
    promised: Size = field(default_factory=Size)
    resources: int = 0


def list_pools(session: Session, scope: Scope, at: datetime) -> list[PoolState]:
    """Every pool by code, as it is at ``at``. Raises NotFound for who does not serve the city."""
    if not scope.everything:
        raise NotFound("pool", "")
    return _pools(session, at)[0]


def unplaced(session: Session, scope: Scope, at: datetime) -> list[tuple[str, str]]:
    """(code, why) of resources with a size that no pool's figures count."""
    if not scope.everything:
        raise NotFound("pool", "")
    return _pools(session, at)[1]


def can_approve(session: Session, scope: Scope, request: Request, now: datetime) -> Answer:
    """Whether ``request`` fits into a pool now. Raises NotFound outside the whole city's scope,
    and Problem 422 for a processor family or site that there is none of."""
    pools = list_pools(session, scope, now)
    if request.arch and request.arch not in ARCHITECTURES:
        raise Problem(
            422,
            "unknown architecture",
            say(f"use one of {', '.join(ARCHITECTURES)}", f"架构可填 {'、'.join(ARCHITECTURES)}"),
        )
    if not any((request.vcpu, request.mem_bytes, request.disk_bytes, request.accelerators)):
        raise Problem(
            422,
            "nothing asked for",
            say("give vcpu, memory, disk or cards", "请至少填写 vCPU、内存、存储或加速卡之一"),
        )
    fitting = pools_serving(pools, request)
    if not fitting:
        wanted = "、".join(each for each in (request.site, request.zone, request.arch) if each)
        listed = "、".join(pool.code for pool in pools[:10])
        return Answer(
            False, "", "", (),
            f"没有符合条件的资源池（{wanted or '任意'}）；现有：{listed or '无'}",
            f"no pool for {wanted or 'anything'}; there are: {listed or 'none'}",
        )  # fmt: skip
    answers = [answer_of(pool, request) for pool in fitting]
    good = [answer for answer in answers if answer.ok]
    chosen = good[0] if good else max(answers, key=_how_close)
    others = tuple(answer.pool for answer in good if answer.pool != chosen.pool)
    return replace(chosen, alternatives=others)


def answer_of(pool: PoolState, request: Request) -> Answer:
    """The answer of one pool. Pure."""
    reserve = request.purpose == "emergency"
    left = pool.left(with_reserve=reserve)
    checks = tuple(
        Check(size, asked, value, value is not None and asked <= value + 1e-6)
        for size in SIZES
        if (asked := getattr(request, size)) > 0
        for value in (getattr(left, size),)
    )
    bad = [check for check in checks if not check.ok]
    if not bad:
        after_zh = "，".join(
            f"{SIZE_ZH[c.size]}余 {show(c.size, (c.left or 0) - c.asked)}" for c in checks
        )
        after_en = ", ".join(
            f"{SIZE_EN[c.size]} {show(c.size, (c.left or 0) - c.asked)}" for c in checks
        )
        kept = "（含应急预留）" if reserve else f"（已扣除预留 {pool.reserve_pct:g}%）"
        return Answer(
            True, pool.code, pool.name, checks,
            f"可以批复：{pool.name}批复后{after_zh}{kept}",
            f"can be approved: {pool.code} then has left {after_en}",
        )  # fmt: skip
    zh = "；".join(
        f"{SIZE_ZH[c.size]}总量未登记"
        if c.left is None
        else f"{SIZE_ZH[c.size]}申请 {show(c.size, c.asked)}，可分配 {show(c.size, c.left)}，"
        f"缺 {show(c.size, c.asked - c.left)}"
        for c in bad
    )
    en = "; ".join(
        f"{SIZE_EN[c.size]}: capacity not known"
        if c.left is None
        else f"{SIZE_EN[c.size]}: asked {show(c.size, c.asked)}, left {show(c.size, c.left)}, "
        f"short of {show(c.size, c.asked - c.left)}"
        for c in bad
    )
    return Answer(
        False, pool.code, pool.name, checks, f"不能批复：{pool.name}{zh}",
        f"cannot be approved: {pool.code}: {en}",
    )  # fmt: skip


def pools_serving(pools: Sequence[PoolState], request: Request) -> list[PoolState]:
    """Those of the place and kind that is asked for."""
    return [pool for pool in pools if _serves(pool, request)]


def show(size: str, value: float) -> str:
    """A size with its unit."""
    if size.endswith("_bytes"):
        return f"{value / GIB:,.10g} GB"
    return f"{value:,.10g}"


def _serves(pool: PoolState, request: Request) -> bool:
    return (
        (not request.site or fold(request.site) == fold(pool.site))
        and (not request.zone or not pool.zone or fold(request.zone) == fold(pool.zone))
        and (not request.arch or request.arch == pool.arch)
        and (not request.accelerator or fold(request.accelerator) == fold(pool.accelerator))
        and (request.accelerators <= 0 or bool(pool.accelerator))
    )


def _how_close(answer: Answer) -> float:
    """Of refusals, the one that lacks least: the smallest share of what is asked that is there."""
    shares = [(check.left or 0.0) / check.asked for check in answer.checks]
    return min(shares, default=0.0)


def _pools(session: Session, at: datetime) -> tuple[list[PoolState], list[tuple[str, str]]]:
    sites = {site.id: site.name for site in session.execute(select(Site)).scalars()}
    zones = {zone.id: zone.name for zone in session.execute(select(Zone)).scalars()}
    pools = list(session.execute(select(Pool).order_by(col(Pool.code))).scalars())
    capacities: dict[int, PoolCapacity] = {}
    for row in session.execute(
        select(PoolCapacity).where(col(PoolCapacity.since) <= at).order_by(col(PoolCapacity.since))
    ).scalars():
        capacities[row.pool_id] = row
    tallies = {pool.id or 0: _Tally() for pool in pools}
    lost = _count_held(session, at, pools, tallies)
    _count_promised(session, at, pools, tallies)
    found = []
    for pool in pools:
        capacity = capacities.get(pool.id or 0, PoolCapacity(pool_id=pool.id or 0, since=EVER))
        tally = tallies[pool.id or 0]
        found.append(
            PoolState(
                id=pool.id or 0,
                code=pool.code,
                name=pool.name,
                site=sites[pool.site_id],
                zone=zones.get(pool.zone_id, ""),
                arch=pool.arch,
                accelerator=pool.accelerator,
                capacity=Size(*(getattr(capacity, name) for name in SIZES)),
                cpu_overcommit=capacity.cpu_overcommit,
                mem_overcommit=capacity.mem_overcommit,
                reserve_pct=capacity.reserve_pct,
                allocated=tally.allocated,
                promised=tally.promised,
                resources=tally.resources,
            )
        )
    return found, lost


def _count_held(
    session: Session, at: datetime, pools: Sequence[Pool], tallies: dict[int, _Tally]
) -> list[tuple[str, str]]:
    lost = []
    for _number, code, size, pool in _placed(session, at, pools):
        if isinstance(pool, str):
            lost.append((code, pool))
            continue
        tally = tallies[pool.id or 0]
        tally.allocated = tally.allocated.plus(size)
        tally.resources += 1
    return lost


def placements(session: Session, at: datetime) -> dict[int, str]:
    """Resource's id to the code of the pool that counts it; what no pool counts is left out."""
    pools = list(session.execute(select(Pool).order_by(col(Pool.code))).scalars())
    return {
        number: pool.code
        for number, _code, _size, pool in _placed(session, at, pools)
        if not isinstance(pool, str)
    }


def _placed(
    session: Session, at: datetime, pools: Sequence[Pool]
) -> Iterator[tuple[int, str, Size, Pool | str]]:
    """Everything with a size that is held at ``at``: its id and code, and its pool or why there is
    none. Columns, not objects: it is the whole city."""
    known: dict[tuple[int | None, int | None, str, str], Pool | str] = {}
    for number, code, cards, arch, card, site, zone, vcpu, mem, disk in session.execute(
        select(
            col(Resource.id), col(Resource.code), col(Resource.accelerators), col(Resource.arch),
            col(Resource.accelerator), col(Holding.site_id), col(Holding.zone_id),
            col(Holding.vcpu), col(Holding.mem_bytes), col(Holding.disk_bytes),
        )
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(in_force(Holding, at))
        .order_by(col(Resource.code))
    ):  # fmt: skip
        size = Size(vcpu, mem, disk, cards)
        if any(_values(size)):
            place = (site, zone, arch or "", card or "")
            if place not in known:
                known[place] = pool_for(pools, *place)
            yield number, code, size, known[place]


def _count_promised(
    session: Session, at: datetime, pools: Sequence[Pool], tallies: dict[int, _Tally]
) -> None:
    """Approved and not delivered: nobody may be promised it again."""
    lines = session.execute(
        select(Allocation).where(
            col(Allocation.delivered).is_(None),
            col(Allocation.approved).is_not(None),
            col(Allocation.approved) <= at,
        )
    ).scalars()
    for line in lines:
        delivered = any(getattr(line, f"delivered_{size}") for size in SIZES)
        if delivered or (line.expires is not None and line.expires <= at):
            continue
        pool = pool_for(pools, line.site_id, line.zone_id, line.arch, "")
        if not isinstance(pool, str):
            size = Size(*(getattr(line, f"approved_{name}") for name in SIZES))
            tallies[pool.id or 0].promised = tallies[pool.id or 0].promised.plus(size)


def pool_for(
    pools: Sequence[Pool], site_id: int | None, zone_id: int | None, arch: str, accelerator: str
) -> Pool | str:
    """The one pool that something of this place and kind belongs to, or why there is none: its
    zone's pool before the whole site's; an unsaid processor only where there is no choice."""
    here = [pool for pool in pools if pool.site_id == site_id]
    if not here:
        return "该站点没有资源池" if site_id else "未登记站点"
    exact = [pool for pool in here if pool.zone_id is not None and pool.zone_id == zone_id]
    near = exact or [pool for pool in here if pool.zone_id is None]
    if arch:
        near = [pool for pool in near if pool.arch == arch]
    if accelerator:
        near = [pool for pool in near if fold(pool.accelerator) == fold(accelerator)] or near
    else:
        near = [pool for pool in near if not pool.accelerator] or near
    if len(near) == 1:
        return near[0]
    if near:
        return "未登记处理器架构，对应多个资源池"
    return "没有与网络区和处理器架构相符的资源池"


def _values(size: Size) -> tuple[float | None, ...]:
    return (size.vcpu, size.mem_bytes, size.disk_bytes, size.accelerators)


def _ratio(given: float | None, there: float | None) -> float | None:
    return None if not there or given is None else given / there


def as_json(pool: PoolState) -> dict[str, Any]:
    """A pool as the API gives it."""
    return {
        "code": pool.code, "name": pool.name, "site": pool.site, "zone": pool.zone,
        "arch": pool.arch, "accelerator": pool.accelerator, "capacity": vars(pool.capacity),
        "cpu_overcommit": pool.cpu_overcommit, "mem_overcommit": pool.mem_overcommit,
        "reserve_pct": pool.reserve_pct, "grantable": vars(pool.grantable()),
        "allocated": vars(pool.allocated), "promised": vars(pool.promised),
        "left": vars(pool.left()), "cpu_ratio": pool.cpu_ratio, "mem_ratio": pool.mem_ratio,
        "resources": pool.resources,
    }  # fmt: skip
