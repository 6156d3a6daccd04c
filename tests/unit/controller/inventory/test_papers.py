"""Systems, allocations and pools: imported, read, due, contradicted, and asked for room."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from controller.access.scope import CITY, Scope
from controller.inventory.allocations import allocation_detail, list_allocations
from controller.inventory.contradictions import contradictions
from controller.inventory.imports import import_register
from controller.inventory.outcome import ImportOutcome
from controller.inventory.pools import GIB, Request, can_approve, list_pools, unplaced
from controller.inventory.register_tables import SystemRecord
from controller.inventory.systems import due, system_register
from controller.problems import NotFound, Problem
from controller.store.relational import Database

from .sheets import NOW, UNITS, load_resources, load_units, problems, text_file

RESOURCES = """编码,名称,单位,业务系统,站点,网络区,CPU核数,内存GB,磁盘GB,架构,GPU数量,加速卡型号
v1,一,jtj,门户,主中心,外网,16,32,100,鲲鹏,,
v2,二,jtj,门户,主中心,外网,8,16,100,x86,,
v3,三,wjw,健康,主中心,外网,8,16,100,,,
v4,四,wjw,健康,分中心,外网,4,8,50,,,
g1,智算,wjw,影像,主中心,外网,32,128,500,x86,2,昇腾910B
"""
SYSTEMS = """单位,系统名称,等保级别,备案号,测评日期,密评日期,是否上云,应否上云,信创CPU,信创数据库,公网地址,恢复演练,运维单位,合同到期
市交通局,门户,第三级,33010-1,2025-10-01,2026-06-01,是,是,已完成,适配中,www.jt.cn；10.1.1.1,2026-09-01,某公司,2026-12-01
wjw,健康,二级,,2026-01-01,,否,是,,,,,,
"""  # noqa: E501
ALLOCATIONS = """申请单号,单位,业务系统,用途,站点,网络区,架构,申请CPU,申请内存,申请日期,批复CPU,批复日期,开通CPU,开通日期,到期日期,资源
ZY-1,jtj,门户,生产,主中心,外网,鲲鹏,32,64,2026-03-02,16,2026-03-05,24,2026-03-09,,v1
ZY-2,jtj,门户,测试,主中心,外网,x86,8,16,2026-03-02,8,2026-03-05,8,2026-03-12,2026-10-01,v2
ZY-3,wjw,健康,应急,主中心,外网,,,,2026-05-01,,,4,2026-05-02,,v3
ZY-4,wjw,新系统,生产,主中心,外网,鲲鹏,40,80,2026-11-01,40,2026-11-05,,,,
"""  # noqa: E501
POOLS = """编码,名称,站点,网络区,架构,CPU总量,内存总量GB,存储总量GB,CPU超分比,预留比例,加速卡型号,加速卡总数,生效日期
kp,主中心鲲鹏池,主中心,外网,鲲鹏,64,512,4000,2,20%,,,2026-01-01
x86,主中心X86池,主中心,外网,x86,32,256,4000,1:3,0.1,,,2026-01-01
ai,主中心智算池,主中心,外网,x86,64,512,4000,1,0,昇腾910B,8,2026-01-01
kp,,,,,128,1024,,2,20%,,,2026-12-01
"""  # noqa: E501


def load(database: Database, kind: str, text: str, **options: Any) -> ImportOutcome:
    settings = {"dry_run": False, "skip_bad": False, "by": "test", "now": NOW} | options
    file: io.BytesIO = text_file(text)
    return import_register(kind, database, file, f"{kind}.csv", **settings)


@pytest.fixture
def office(database: Database) -> Database:
    load_units(database, UNITS)
    assert load_resources(database, RESOURCES).imported
    for kind, text in (("systems", SYSTEMS), ("allocations", ALLOCATIONS), ("pools", POOLS)):
        outcome = load(database, kind, text)
        assert outcome.imported, outcome.errors
    return database


def test_the_system_register_is_read_as_written_and_the_same_file_changes_nothing(
    office: Database,
) -> None:
    with office.read() as session:
        views = {view.name: view for view in system_register(session, CITY, NOW)}
    portal = views["门户"]
    assert (portal.level, portal.record_number, portal.on_cloud) == (3, "33010-1", True)
    assert portal.xinchuang == {"cpu": "done", "database": "adapting"}
    assert portal.public_addresses == ["www.jt.cn", "10.1.1.1"]
    assert portal.resources == 2
    assert not views["影像"].known
    for kind, text in (("systems", SYSTEMS), ("allocations", ALLOCATIONS), ("pools", POOLS)):
        again = load(office, kind, text)
        assert (again.created, again.updated) == (0, 0), kind


def test_a_later_file_changes_only_what_it_names(office: Database) -> None:
    load(office, "systems", "单位,系统名称,信创数据库,运维单位\njtj,门户,已完成,—\n")
    with office.read() as session:
        view = next(each for each in system_register(session, CITY, NOW) if each.name == "门户")
    assert view.xinchuang == {"cpu": "done", "database": "done"}
    assert (view.operator, view.level) == ("", 3)


def test_bad_cells_of_papers_are_named_and_nothing_is_imported(office: Database) -> None:
    outcome = load(
        office, "systems", "单位,系统名称,等保级别,是否上云\njtj,甲,六级,也许\n没有,乙,二级,是\n"
    )
    assert problems(outcome) == [(2, "等保级别"), (2, "是否上云"), (3, "单位")]
    assert not outcome.imported
    assert all(error.message_zh for error in outcome.errors)
    outcome = load(office, "allocations", "申请单号,单位,资源\nA-1,jtj,nosuch\n,jtj,\n")
    assert problems(outcome) == [(2, "资源"), (3, "申请单号")]
    outcome = load(office, "pools", "编码,名称,站点,架构,CPU超分比\np,池,主中心,8086,多\n")
    assert problems(outcome) == [(2, "架构"), (2, "CPU超分比")]
    with office.read() as session:
        assert len(session.exec(select(SystemRecord)).all()) == 2


def test_what_falls_due_is_found_with_its_rule(office: Database) -> None:
    with office.read() as session:
        items = due(session, CITY, NOW + timedelta(days=60), NOW)
        later = due(session, CITY, NOW + timedelta(days=3650), NOW)
        none = due(session, Scope(frozenset({99})), NOW + timedelta(days=60), NOW)
    found = {(item.subject, item.what): item for item in items}
    assert found["门户", "assessment"].overdue  # a year after 2025-10-01
    assert found["门户", "contract"].due == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert not found["门户", "contract"].overdue
    assert ("门户", "crypto") not in found
    assert found["门户", "backup"].last is None
    assert ("健康", "assessment") not in found  # level 2: every two years
    assert found["健康", "drill"]
    assert found["ZY-2-1", "allocation"].overdue
    assert ("健康", "crypto") not in {(item.subject, item.what) for item in later}
    assert none == []


def test_allocations_know_their_time_and_keep_their_history(office: Database) -> None:
    load(office, "allocations", "申请单号,批复CPU,备注\nZY-1,24,已追加批复\n")
    with office.read() as session:
        lines = {line.number: line for line in list_allocations(session, CITY, NOW)}
        detail = allocation_detail(session, CITY, lines["ZY-1"].id, NOW)
        with pytest.raises(NotFound):
            allocation_detail(session, Scope(frozenset({3})), lines["ZY-1"].id, NOW)
    assert {number: line.state for number, line in lines.items()} == {
        "ZY-1": "delivered", "ZY-2": "expired", "ZY-3": "delivered", "ZY-4": "approved",
    }  # fmt: skip
    assert detail.days_to_deliver == 7
    assert (detail.applied.mem_bytes, detail.resources) == (64 * GIB, ["v1"])
    assert [event.what for event in detail.history] == ["created", "changed"]
    assert detail.history[1].changes["approved_vcpu"] == [16.0, 24.0]


def test_papers_that_contradict_each_other_or_use_are_listed(office: Database) -> None:
    load_resources(office, "code,name,unit,vcpu\nv3,三,wjw,12\n")
    with office.read() as session:
        found = contradictions(session, CITY, NOW)
    assert {(each.number, each.kind, each.size) for each in found} == {
        ("ZY-1", "delivered_over_approved", "vcpu"),
        ("ZY-2", "expired_in_use", ""),
        ("ZY-3", "delivered_without_approval", ""),
        ("ZY-3", "used_over_delivered", "vcpu"),
    }
    words = {each.kind: each.text_zh for each in found}
    assert words["delivered_over_approved"] == "开通 vCPU（核）24，批复 16"
    assert words["used_over_delivered"] == "占用 vCPU（核）12，开通 4"


def test_a_pool_counts_what_is_held_and_what_is_promised(office: Database) -> None:
    with office.read() as session:
        pools = {pool.code: pool for pool in list_pools(session, CITY, NOW)}
        later = {p.code: p for p in list_pools(session, CITY, NOW + timedelta(days=30))}
        lost = dict(unplaced(session, CITY, NOW))
        with pytest.raises(NotFound):
            list_pools(session, Scope(frozenset({1})), NOW)
    assert pools["kp"].allocated.vcpu == 16
    assert pools["kp"].promised.vcpu == 40
    assert pools["kp"].grantable().vcpu == pytest.approx(64 * 2 * 0.8)
    assert pools["kp"].left().vcpu == pytest.approx(102.4 - 56)
    assert later["kp"].capacity.vcpu == 128
    assert pools["x86"].allocated.vcpu == 8
    assert pools["x86"].cpu_overcommit == 3
    assert pools["x86"].reserve_pct == pytest.approx(10)
    assert pools["ai"].allocated.accelerators == 2
    assert lost == {"v3": "未登记处理器架构，对应多个资源池", "v4": "该站点没有资源池"}


@pytest.mark.parametrize(
    ("request_", "ok", "words"),
    [
        (Request(vcpu=46, arch="kunpeng"), True, "批复后vCPU余 0.4"),
        (Request(vcpu=47, arch="kunpeng"), False, "缺 0.6"),
        (Request(vcpu=60, arch="kunpeng", purpose="emergency"), True, "含应急预留"),
        (Request(mem_bytes=500 * GIB, arch="kunpeng"), False, "内存申请 500 GB，可分配 377.6 GB"),
        (Request(accelerators=6), True, "加速卡余 0"),
        (Request(accelerators=7, accelerator="昇腾910b"), False, "缺 1"),
        (Request(accelerators=1, arch="kunpeng"), False, "没有符合条件的资源池"),
        (Request(vcpu=1, site="分中心"), False, "没有符合条件的资源池（分中心）"),
        (Request(disk_bytes=1, site="主中心", arch="kunpeng"), True, "批复后"),
    ],
)
def test_whether_a_request_can_be_approved_is_said_with_the_reason(
    office: Database, request_: Request, ok: bool, words: str
) -> None:
    with office.read() as session:
        answer = can_approve(session, CITY, request_, NOW)
    assert (answer.ok, words in answer.reason_zh) == (ok, True), answer


def test_a_request_for_nothing_or_an_unknown_processor_is_refused(office: Database) -> None:
    with office.read() as session:
        with pytest.raises(Problem):
            can_approve(session, CITY, Request(), NOW)
        with pytest.raises(Problem):
            can_approve(session, CITY, Request(vcpu=1, arch="pdp11"), NOW)
        with pytest.raises(NotFound):
            can_approve(session, Scope(frozenset({1})), Request(vcpu=1), NOW)
