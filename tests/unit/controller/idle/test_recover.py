"""What would have to be recovered first, and what each pool would get back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from idle_rows import AS_OF, GIB, put
from sqlmodel import col, select
from worlds import EPOCH, World

from controller.access.scope import CITY, Scope
from controller.idle.model import Candidate
from controller.idle.recover import plan_for, recover_first
from controller.idle.scan import scan
from controller.idle.what_if import what_if
from controller.inventory.pools import PoolState, Request, Size
from controller.inventory.register_tables import Pool, PoolCapacity
from controller.inventory.tables import Holding
from controller.problems import NotFound


def pool(vcpu: float, mem_gib: float) -> PoolState:
    """With so much left."""
    return PoolState(
        1, "p", "池", "S", "Z", "x86", "", Size(vcpu, mem_gib * GIB, 1000 * GIB), 1.0, 1.0, 0.0,
        Size(), Size(), 0,
    )  # fmt: skip


def offer(name: str, cls: str, vcpu: float = 0, mem_gib: float = 0) -> Candidate:
    return Candidate(
        resource=name, name=name, unit="A", cls=cls, action="release", vcpu=vcpu,
        mem_bytes=mem_gib * GIB, disk_bytes=0.0,
    )  # fmt: skip


def test_the_harmless_come_first_and_none_more_than_is_needed() -> None:
    offers = [
        offer("big", "oversized", 32, 64),
        offer("idle-8", "idle", 8, 16),
        offer("idle-16", "idle", 16, 8),
        offer("off", "stopped", 4, 4),
    ]
    found = plan_for(pool(10, 100), Request(vcpu=30), offers)
    assert found is not None
    assert found.missing == {"vcpu": 20}
    assert [each.resource for each in found.steps] == ["off", "idle-16"]
    assert found.enough
    assert "即可批复" in found.reason_zh


def test_two_shortages_are_covered_together_or_what_is_left_is_said() -> None:
    offers = [offer("cores", "idle", 16, 0), offer("memory", "idle", 0, 64)]
    found = plan_for(pool(0, 0), Request(vcpu=16, mem_bytes=64 * GIB), offers)
    assert found is not None
    assert found.enough
    assert len(found.steps) == 2
    short = plan_for(pool(0, 0), Request(vcpu=100), offers)
    assert short is not None
    assert not short.enough
    assert "仍缺 vCPU 84" in short.reason_zh
    assert [each.resource for each in short.steps] == ["cores"]
    nothing = plan_for(pool(0, 0), Request(vcpu=1), [])
    assert nothing is not None
    assert "没有可腾退" in nothing.reason_zh


def test_what_is_not_known_cannot_be_recovered() -> None:
    blind = PoolState(
        1, "p", "池", "S", "Z", "x86", "", Size(), 1.0, 1.0, 0.0, Size(), Size(), 0
    )  # fmt: skip
    assert plan_for(blind, Request(vcpu=1), [offer("a", "idle", 8)]) is None


@pytest.fixture
def judged(w: World) -> World:
    site, zone = w.site("S"), w.zone("Z")
    w.unit("A")
    for code, cpu in (("idle-1", 1.0), ("busy", 50.0)):
        w.vm(code, "A", vcpu=8, site_id=site, zone_id=zone)
        put(w, code, cpu)
    with w.runtime.database.write() as session:
        made = Pool(code="p1", name="主池", site_id=site, zone_id=zone, arch="x86", updated=EPOCH)
        session.add(made)
        session.flush()
        session.add(
            PoolCapacity(
                pool_id=made.id or 0, since=EPOCH, vcpu=20, mem_bytes=1000 * GIB,
                disk_bytes=90_000 * GIB, cpu_overcommit=1.0, mem_overcommit=1.0, reserve_pct=0,
            )
        )  # fmt: skip
    scan(w.runtime, CITY, "city", AS_OF, "test")
    return w


def test_a_refused_application_names_what_to_recover_in_its_pool(judged: World) -> None:
    with judged.runtime.database.read() as session:
        answer, plan = recover_first(session, CITY, Request(vcpu=8), AS_OF)
        assert not answer.ok
        assert plan is not None
        assert [each.resource for each in plan.steps] == ["idle-1"]
        assert plan.enough
        easy, none = recover_first(session, CITY, Request(vcpu=2), AS_OF)
        assert easy.ok
        assert none is None
        nowhere, nothing = recover_first(session, CITY, Request(vcpu=2, site="X"), AS_OF)
        assert not nowhere.ok
        assert nothing is None
        with pytest.raises(NotFound):
            recover_first(session, Scope(frozenset({1})), Request(vcpu=8), AS_OF)


def test_each_pool_says_what_it_would_get_back_and_a_unit_learns_of_no_pool(
    judged: World,
) -> None:
    with judged.runtime.database.read() as session:
        found = what_if(session, CITY, "city", AS_OF)
        assert [(row.key, row.vcpu_held) for row in found.pools] == [("p1", 16.0)]
        assert 0 < found.pools[0].vcpu_freed <= 8
        assert found.pools[0].vcpu_share_pct == pytest.approx(found.pools[0].vcpu_freed / 16 * 100)
        own = what_if(session, Scope(frozenset({judged.ids["A"]})), "city", AS_OF)
        assert own.pools == []
        assert own.total.vcpu_freed == found.total.vcpu_freed


def test_what_has_another_owner_since_is_not_offered(judged: World) -> None:
    judged.unit("B")
    later = AS_OF + timedelta(days=1)
    with judged.runtime.database.write() as session:
        held = session.scalars(
            select(Holding).where(col(Holding.resource_id) == judged.ids["idle-1"])
        ).one()
        held.until = AS_OF
        session.add(
            Holding(
                resource_id=held.resource_id, unit_id=judged.ids["B"], since=AS_OF,
                site_id=held.site_id, zone_id=held.zone_id, vcpu=8, mem_bytes=8 * GIB,
                disk_bytes=100 * GIB,
            )
        )  # fmt: skip
    with judged.runtime.database.read() as session:
        _answer, plan = recover_first(session, CITY, Request(vcpu=8), later)
    assert plan is not None
    assert plan.steps == []
