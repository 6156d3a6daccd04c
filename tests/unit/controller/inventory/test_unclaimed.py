"""What nobody has claimed, who may, claims and their decision; and what several units share."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.access.scope import CITY, Scope
from controller.inventory import claims, shares, unclaimed
from controller.inventory.corrections import correct_many
from controller.problems import NotFound, Problem
from controller.store.relational import Database

from .sheets import NOW, UNITS, load_resources, load_units, one, owners

RESOURCES = """code,name,unit,ip,vcpu,created,since
v1,门户一,jtj,10.1.1.11,4,2026-01-05,2026-01-05
v2,门户二,jtj,10.1.1.12,4,2026-01-05,2026-01-05
v3,门户三,jtj,10.1.1.13,4,2026-01-05,2026-01-05
w1,健康,wjw,10.2.1.11,8,2026-01-05,2026-01-05
n1,交通局测试,待认领,10.1.1.99,2,2026-03-01,2026-03-01
n2,某主机,待认领,10.9.9.9,2,2026-03-01,2026-03-01
"""
JTJ, WJW = Scope(frozenset({1, 2})), Scope(frozenset({3}))
SEPTEMBER = datetime(2026, 8, 31, 16, tzinfo=UTC)


@pytest.fixture
def city(database: Database) -> Database:
    load_units(database, UNITS.replace("市交通局", "交通局"))
    trial = load_resources(database, RESOURCES, dry_run=True)
    assert (trial.ready, trial.created) == (True, 6)
    assert load_resources(database, RESOURCES).imported
    with database.write() as session:  # w1 was the health commission's until September
        correct_many(
            session, ["w1"], of_unit=None, since=SEPTEMBER, until=None,
            changes={"unit_id": unclaimed.ensure_unclaimed(session, NOW)}, scope=CITY, now=NOW,
        )  # fmt: skip
    return database


def test_the_list_says_who_held_it_last_and_who_may(city: Database) -> None:
    with city.read() as session:
        found = {each.code: each for each in unclaimed.list_unclaimed(session, CITY, NOW)}
    assert sorted(found) == ["n1", "n2", "w1"]
    assert (found["w1"].last_unit_code, found["w1"].last_until) == ("wjw", SEPTEMBER)
    reasons = [(each.unit_code, each.why_zh) for each in found["n1"].candidates]
    assert reasons[0] == ("jtj", "名称中含该单位的名称或别名")
    with city.read() as session:
        by_net = unclaimed.list_unclaimed(session, CITY, NOW, text="10.1.1.99")[0]
    assert by_net.code == "n1"
    assert found["n2"].candidates == []


def test_neighbours_of_an_address_are_candidates(city: Database) -> None:
    load_resources(city, "code,name\nn1,无名\n")
    with city.read() as session:
        found = unclaimed.list_unclaimed(session, CITY, NOW, text="n1")[0]
    assert [(each.unit_code, each.why_zh) for each in found.candidates] == [
        ("jtj", "同网段 10.1.1.0/24 有该单位 3 项资源")
    ]


def test_a_unit_sees_what_may_be_its_own_and_what_it_names_and_no_other_unit(
    city: Database,
) -> None:
    with city.read() as session:
        health = unclaimed.list_unclaimed(session, WJW, NOW)
        traffic = unclaimed.list_unclaimed(session, JTJ, NOW)
        named = unclaimed.list_unclaimed(session, WJW, NOW, text="10.9.9.9")
        found = unclaimed.list_unclaimed(session, WJW, NOW, text="10.1.1.99")
    assert [each.code for each in health] == ["w1"]
    assert [each.code for each in traffic] == ["n1"]
    assert "n2" in {each.code for each in named}
    foreign = next(each for each in found if each.code == "n1")
    assert (foreign.candidates, foreign.last_unit_code) == ([], "")


def test_an_approved_claim_is_a_dated_holding_and_refuses_the_others(city: Database) -> None:
    with city.write() as session:
        mine = claims.make_claim(
            session, JTJ, "n1", 1, since=SEPTEMBER, system="门户", reason="测试", by="jtj", now=NOW
        )
        other = claims.make_claim(
            session, WJW, "n1", 3, since=None, system="", reason="", by="wjw", now=NOW
        )
        with pytest.raises(Problem):
            claims.make_claim(
                session, JTJ, "n1", 1, since=None, system="", reason="", by="jtj", now=NOW
            )
        _, marked = claims.decide(session, mine.id or 0, approve=True, note="", by="ops", now=NOW)
        assert marked >= 0
        with pytest.raises(Problem):
            claims.decide(session, other.id or 0, approve=True, note="", by="ops", now=NOW)
    assert [(since, unit) for since, _, unit, _ in owners(city, "n1")] == [
        ("2026-02-28", "unclaimed"),
        ("2026-08-31", "jtj"),
    ]
    assert one(city, "n1")["system"] == "门户"
    with city.read() as session:
        states = {view.unit_code: view.state for view in claims.list_claims(session, CITY, NOW)}
        assert [view.unit_code for view in claims.list_claims(session, WJW, NOW)] == ["wjw"]
    assert states == {"jtj": "approved", "wjw": "refused"}


def test_what_is_held_or_is_anothers_cannot_be_claimed(city: Database) -> None:
    for code, unit in (("v1", 3), ("n1", 1), ("nosuch", 3)):
        with pytest.raises(NotFound), city.write() as session:
            claims.make_claim(
                session, WJW, code, unit, since=None, system="", reason="", by="x", now=NOW
            )


def test_shares_are_dated_and_add_up(city: Database) -> None:
    with city.write() as session:
        for parts in ({1: 50.0, 3: 49.0}, {1: 120.0, 3: -20.0}, {}):
            with pytest.raises(Problem):
                shares.set_share(
                    session, "v1", since=SEPTEMBER, until=None, mode="apportioned", parts=parts
                )
        january = datetime(2026, 1, 5, tzinfo=UTC)
        october = datetime(2026, 10, 1, tzinfo=UTC)
        shares.set_share(
            session, "v1", since=january, until=None, mode="apportioned", parts={1: 40.0, 3: 60.0}
        )
        shares.set_share(session, "v1", since=SEPTEMBER, until=october, mode="public", parts={})
        line = shares.read_shares(session)[1]
        assert [(span.since, span.until, span.value.mode) for span in line] == [
            (january, SEPTEMBER, "apportioned"),
            (SEPTEMBER, october, "public"),
            (october, None, "apportioned"),
        ]
        whole = shares.list_shared(session, CITY, NOW)[0]
        assert dict(whole.shared.parts) == {1: 40.0, 3: 60.0}
        assert dict(shares.list_shared(session, WJW, NOW)[0].shared.parts) == {3: 60.0}
        assert shares.list_shared(session, Scope(frozenset({2})), NOW) == []
        shares.set_share(session, "v1", since=january, until=None, mode="", parts={})
        assert shares.read_shares(session) == {}
