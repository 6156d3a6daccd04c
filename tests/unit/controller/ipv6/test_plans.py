"""Plans that switch IPv6 on, and official results beside ours."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
import xlsxwriter
import yaml
from documents import BARE, READY, tell
from worlds import World

from controller.access.scope import CITY, Scope
from controller.ipv6 import official, plans
from controller.ipv6.hosts import unit_detail
from controller.ipv6.index import load_index
from controller.ipv6.model import SiteIn
from controller.ipv6.official import OfficialRow
from controller.ipv6.official_sheet import read_official_file
from controller.ipv6.plans import PlanIn
from controller.ipv6.readiness import list_hosts
from controller.ipv6.sites import put_sites
from controller.problems import NotFound, Problem

INDEX = load_index()


@pytest.fixture
def house(w: World) -> World:
    w.unit("A")
    w.unit("B")
    for code, unit, ip in (("one", "A", "10.20.0.42"), ("two", "A", "fd00::9,10.20.1.7"),
                           ("bare", "B", "")):  # fmt: skip
        w.resource(code, ip=ip)
        w.holding(code, unit)
    tell(w, "one", BARE)
    return w


def make(w: World, **asked: object) -> plans.Ipv6Plan:
    with w.runtime.database.write() as session:
        body = PlanIn.model_validate({"name": "第一批", "resources": ["one", "two"]} | asked)
        plan = plans.make_plan(session, CITY, body, INDEX, "ops", w.clock[0])
        session.expunge(plan)
    return plan


def test_the_inventory_is_what_the_playbook_takes(house: World) -> None:
    plan = make(house, prefix="2408:8000:1:2::/64", gateway="2408:8000:1:2::1", interface="eth1")
    told = yaml.safe_load(plans.inventory(plan))
    assert told["all"]["hosts"]["one"] == {
        "ansible_host": "10.20.0.42",
        "enable_ipv6_address": "2408:8000:1:2:10:20:0:42/64",
        "enable_ipv6_interface": "eth1",
        "enable_ipv6_gateway": "2408:8000:1:2::1",
    }
    assert told["all"]["hosts"]["two"]["ansible_host"] == "10.20.1.7"


def test_without_a_prefix_the_plan_only_switches_ipv6_on(house: World) -> None:
    told = yaml.safe_load(plans.inventory(make(house)))
    assert told["all"]["hosts"]["one"] == {"ansible_host": "10.20.0.42"}


@pytest.mark.parametrize(
    ("addresses", "name"),
    [
        (["eth0.7", "eth0.7"], "eth0.7"),
        (["eth0", "eth1"], None),
        (["{{ lookup('pipe', 'id') }}"], None),
    ],
)
def test_what_a_host_calls_its_interface_is_no_template_to_the_playbook(
    house: World, addresses: list[str], name: str | None
) -> None:
    told = [
        {"interface": each, "address": f"fe80::{place}", "prefix": 64, "kind": "link_local"}
        for place, each in enumerate(addresses)
    ]
    tell(house, "one", BARE | {"addresses": told})
    text = plans.inventory(make(house, prefix="2408:8000:1:2::/64"))
    assert yaml.safe_load(text)["all"]["hosts"]["one"].get("enable_ipv6_interface") == name
    assert "lookup" not in text


@pytest.mark.parametrize(
    "asked",
    [
        {"prefix": "2408::/65"},
        {"prefix": "not one"},
        {"prefix": "2408::1/64"},
        {"prefix": "2408::/64", "gateway": "2409::1"},
        {"resources": ["bare"]},
    ],
    ids=["too long", "not a prefix", "host bits", "foreign gateway", "no address"],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(
    house: World, asked: dict[str, object]
) -> None:
    with pytest.raises(Problem) as refused:
        make(house, **asked)
    assert refused.value.status == 422


def test_before_is_compared_with_after(house: World) -> None:
    plan = make(house)
    house.clock[0] += timedelta(hours=2)
    tell(house, "one", READY)
    with house.runtime.database.read() as session:
        told = plans.compare(plan, list_hosts(session, CITY, INDEX, house.clock[0]), INDEX)
    assert (told.before, told.after, told.better, told.ready) == (0.0, 100.0, 1, 1)
    one, two = told.hosts
    assert "address" in one.lost_before
    assert (one.lost_after, one.told_since) == ([], True)
    assert (two.before, two.after, two.told_since) == (None, None, False)


def test_a_plan_with_a_host_of_another_is_not_there(house: World) -> None:
    plan = make(house)
    with house.runtime.database.read() as session:
        assert plans.read_plan(session, Scope(frozenset({house.ids["A"]})), plan.id or 0)
        with pytest.raises(NotFound):
            plans.read_plan(session, Scope(frozenset({house.ids["B"]})), plan.id or 0)


# ---- official results


def _book(rows: list[list[object]]) -> io.BytesIO:
    body = io.BytesIO()
    book = xlsxwriter.Workbook(body, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    body.seek(0)
    return body


def test_a_workbook_of_a_monitor_is_read_whatever_stands_above_its_heads() -> None:
    book = _book([
        ["全市政府网站 IPv6 支持度监测通报"],
        ["序号", "单位名称", "网站域名", "综合得分", "二级内链支持率"],
        [1, "单位A", "www.a.test", 86.5, "92%"],
        [2, "单位B", "www.b.test", "-", "0%"],
    ])  # fmt: skip
    rows = read_official_file(book, "通报.xlsx")
    assert [(row.site, row.score) for row in rows] == [("www.a.test", 86.5), ("www.b.test", None)]
    assert rows[0].items == {"序号": "1", "二级内链支持率": "92%"}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([["网站", "备注"], ["a", "b"]], "no row has"),
        ([["网站", "得分"], ["a", "很高"]], "row 2 得分"),
        ([["网站", "得分"], ["", 80]], "row 2"),
        ([["网站", "得分"]], "nothing stands"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_row(rows: list[list[object]], told: str) -> None:
    with pytest.raises(Problem, match=told):
        read_official_file(_book(rows), "x.xlsx")


def test_official_results_stand_beside_ours_and_replace_the_same_day(house: World) -> None:
    now, day = house.clock[0], date(2026, 3, 1)
    site = SiteIn(code="w", name="门户", url="https://www.a.test/", unit="A")
    with house.runtime.database.write() as session:
        put_sites(session, [site], now)
        rows = [
            OfficialRow(site="http://WWW.a.test", score=70),
            OfficialRow(unit="单位A", score=60),
        ]
        official.put_results(session, "省平台", day, rows, "ops", now)
        rows = [OfficialRow(site="w", score=75, items={"x": "1"}), OfficialRow(unit="A", score=60)]
        assert official.put_results(session, "省平台", day, rows, "ops", now) == 2
        with pytest.raises(Problem, match="row 1"):
            official.put_results(session, "省平台", day, [OfficialRow(site="nowhere", score=1)],
                                 "ops", now)  # fmt: skip
    with house.runtime.database.read() as session:
        told = unit_detail(session, CITY, "A", INDEX, now, "zh").official
        other = unit_detail(session, CITY, "B", INDEX, now, "zh").official
    assert [(row.kind, row.name, row.score, row.ours) for row in told] == [
        ("site", "门户", 75, None), ("unit", "单位A", 60, None),
    ]  # fmt: skip
    assert other == []
