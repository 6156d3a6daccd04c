"""Hosts from their agents' documents to scores of systems, units and the city."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from documents import BARE, READY, SERVICES_LEFT, tell
from worlds import World

from collectors.records import Document
from controller.access.scope import CITY, Scope
from controller.analysis.ipv6 import Evaluation, Part, combine, evaluate, raising
from controller.findings.model import FindingView
from controller.findings.views import Filter, list_findings
from controller.ingest.tables import Agent
from controller.ipv6 import days, hosts, worklist
from controller.ipv6.index import load_index
from controller.ipv6.overview import read_overview
from controller.ipv6.report import read_report, to_xlsx
from controller.ipv6.report_page import as_html, as_pdf
from controller.ipv6.subjects import judge_waiting, take_host
from controller.ipv6.words import WORDS
from controller.problems import NotFound

INDEX = load_index()
HOSTS = INDEX.of("host")


def states(body: dict[str, Any]) -> dict[str, str]:
    return {each.code: each.state for each in evaluate(body, HOSTS).results}


def test_weights_of_hosts_and_devices_are_100() -> None:
    assert sum(each.weight for each in INDEX.hosts) == 100
    assert sum(each.weight for each in INDEX.devices) == 100


def test_a_host_with_everything_and_no_traffic_known_has_100_of_what_is_known() -> None:
    told = evaluate(READY, HOSTS)
    assert (told.score, told.coverage) == (100.0, 0.9)
    assert states(READY)["traffic"] == "unknown"


def test_a_bare_host_has_nothing_and_what_was_not_checked_is_unknown() -> None:
    told = evaluate(BARE, HOSTS)
    assert told.score == 0.0
    assert states(BARE) == {
        "address": "fail", "route": "fail", "resolver": "fail", "services": "fail",
        "firewall": "unknown", "traffic": "unknown",
    }  # fmt: skip


def test_half_of_the_services_and_a_resolver_over_ipv4_bring_half_of_the_points() -> None:
    body = READY | {
        "services": {"listening": 4, "v4_only_count": 2, "v4_only": []},
        "resolvers": [{"address": "10.0.0.53", "version": 4, "reachable": True, "aaaa": True}],
    }
    # 90 of the weights are known; 10 of services' 20 and 7.5 of the resolver's 15 are lost.
    assert evaluate(body, HOSTS).score == pytest.approx(100 * (90 - 10 - 7.5) / 90, abs=0.01)


def test_traffic_counts_up_to_the_national_target() -> None:
    body = READY | {"traffic": {"v4_bytes": 865, "v6_bytes": 135, "days": 7}}
    assert evaluate(body, HOSTS).score == pytest.approx(95.0)


def test_a_silent_gateway_is_not_a_missing_route_and_an_unasked_one_neither() -> None:
    route = READY["default_route"]
    assert states(READY | {"default_route": route | {"reachable": False}})["route"] == "fail"
    assert states(READY | {"default_route": route | {"reachable": None}})["route"] == "unknown"


def _whole(score: float | None) -> Evaluation:
    return Evaluation(score, 1.0, ())


def test_a_unit_is_unknown_where_too_little_of_it_is_known() -> None:
    sites = Part("site", 1, (_whole(80.0),))
    hosts_part = Part("host", 4, (_whole(40.0),))
    # 50 of sites and a quarter of the hosts' 30: 57.5 of 80.
    both = combine([sites, hosts_part], INDEX)
    assert both.coverage == pytest.approx(57.5 / 80, abs=1e-4)
    assert both.score == pytest.approx((50 * 80 + 7.5 * 40) / 57.5, abs=0.01)
    assert combine([hosts_part], INDEX).score is None
    assert combine([], INDEX).score is None


def test_what_raises_most_is_weighed_by_kind() -> None:
    bare = evaluate(BARE, HOSTS)
    ready = evaluate(READY, HOSTS)
    found = raising([Part("host", 2, (bare, ready)), Part("site", 1, (_whole(100.0),))], INDEX)
    # Half of the hosts would gain 30/80 (what is known of the bare one is 80) by an address, and
    # hosts weigh 30 of 80.
    assert found[0][0] == "host"
    code, gain, count = found[0][1]
    assert (code, count) == ("address", 1)
    assert gain == pytest.approx(bare.gain("address") / 2 * 30 / 80, abs=0.01)


@pytest.fixture
def house(w: World) -> World:
    """Unit A with A1 below it and unit B; a ready and a bare host of a system of A."""
    w.unit("A")
    w.unit("A1", "A")
    w.unit("B")
    system = w.system("A", "网站群")
    for code, unit in (("ready", "A"), ("bare", "A1"), ("other", "B")):
        w.resource(code)
        w.holding(code, unit, **({"system_id": system} if unit != "B" else {}))
    w.resource("disk", kind="volume")
    w.holding("disk", "A")
    tell(w, "ready", READY)
    tell(w, "bare", BARE)
    return w


def test_units_contain_their_subtree_and_volumes_are_no_hosts(house: World) -> None:
    with house.runtime.database.read() as session:
        told = read_overview(session, CITY, INDEX, house.clock[0], "zh").told
    units = {each.unit: each for each in told.units}
    assert (units["A"].parts[0].registered, units["A"].parts[0].scored) == (2, 2)
    assert (units["A"].score, units["A1"].score) == (50.0, 0.0)
    assert units["B"].score is None, "its only host never told anything"
    assert (told.parts[0].registered, told.parts[0].scored, told.score) == (3, 2, 50.0)


def test_a_host_is_shown_in_full_to_its_own_unit_only(house: World) -> None:
    with house.runtime.database.read() as session:
        mine = Scope(frozenset({house.ids["A"], house.ids["A1"]}))
        told = hosts.host_detail(session, mine, "bare", INDEX, house.clock[0], "zh")
        assert told.lost == ["address", "route", "resolver", "services"]
        assert told.indicators[0].remedy
        with pytest.raises(NotFound):
            hosts.host_detail(session, Scope(frozenset({house.ids["B"]})), "bare", INDEX,
                              house.clock[0], "zh")  # fmt: skip
        listed = hosts.read_hosts(session, mine, INDEX, house.clock[0])
        assert [each.code for each in listed] == ["bare", "ready"]
        untold = hosts.read_hosts(session, CITY, INDEX, house.clock[0], state="untold")
        assert [each.code for each in untold] == ["other"]


def test_what_was_judged_is_what_is_judged_live(house: World) -> None:
    with house.runtime.database.read() as session:
        before = hosts.read_hosts(session, CITY, INDEX, house.clock[0])
    assert len(judge_waiting(house.runtime, INDEX)) == 2
    assert judge_waiting(house.runtime, INDEX) == []
    with house.runtime.database.read() as session:
        assert hosts.read_hosts(session, CITY, INDEX, house.clock[0]) == before


def test_an_older_document_changes_nothing(house: World) -> None:
    tell(house, "ready", BARE, house.clock[0] - timedelta(hours=1))
    with house.runtime.database.read() as session:
        assert hosts.host_detail(session, CITY, "ready", INDEX, house.clock[0], "zh").score == 100


@pytest.mark.parametrize(
    ("agent", "body"), [({"resource_id": None}, READY), ({}, READY | {"version": 99})]
)
def test_a_document_that_says_nothing_of_use_is_refused(
    house: World, agent: dict[str, Any], body: dict[str, Any]
) -> None:
    with house.runtime.database.write() as session:
        sender = Agent(**({"id": "x", "name": "x", "secret_hash": "0" * 64, "state": "active",
                           "unit_id": house.ids["A"], "resource_id": house.ids["other"],
                           "enrolled": house.clock[0]} | agent))  # fmt: skip
        with pytest.raises(ValueError, match=r"resource|version"):
            take_host(session, sender, Document("ipv6_host", 0, body), house.clock[0])


@pytest.mark.parametrize(
    "part",
    [
        {"resolvers": 5},
        {"resolvers": ["10.0.0.53"]},
        {"services": {"listening": "many"}},
        {"services": READY["services"] | {"v4_only": [1]}},
        {"services": READY["services"] | {"listening": 10**400, "v4_only_count": 1}},
        {"firewall": "open"},
        {"addresses": None},
        {"addresses": [{"interface": ["eth0"]}]},
    ],
    ids=str,
)
def test_an_odd_document_of_one_host_stops_no_other(house: World, part: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(part))):
        tell(house, "bare", BARE | part)
    tell(house, "bare", READY)
    assert judge_waiting(house.runtime, INDEX)


def test_a_day_is_kept_of_city_units_and_systems_and_of_hosts_when_they_change(
    house: World,
) -> None:
    days.keep_day(house.runtime, INDEX)
    days.keep_day(house.runtime, INDEX)
    house.clock[0] += timedelta(days=1)
    days.keep_day(house.runtime, INDEX)
    house.clock[0] += timedelta(days=1)
    tell(house, "bare", READY)
    days.keep_day(house.runtime, INDEX)
    with house.runtime.database.read() as session:
        now = house.clock[0]
        city = hosts.read_days(session, "city", 0, now)
        assert [each.score for each in city] == [50.0, 50.0, 100.0]
        assert [each.passing for each in city] == [1, 1, 2]
        unit = hosts.unit_detail(session, CITY, "A1", INDEX, now, "zh")
        assert [each.score for each in unit.days] == [0.0, 0.0, 100.0]
        assert [(each.system, each.score) for each in unit.systems] == [("网站群", 100.0)]
        bare = hosts.host_detail(session, CITY, "bare", INDEX, now, "zh")
        assert [score for _, score in bare.history] == [100.0, 0.0]


def _open(w: World) -> list[FindingView]:
    with w.runtime.database.read() as session:
        rows, _ = list_findings(session, CITY, w.clock[0], Filter(source="ipv6"))
    return [each for each in rows if each.state != "resolved"]


def _marks(w: World) -> set[tuple[str, str]]:
    return {(each.code, each.subject_key) for each in _open(w)}


def test_a_failure_is_one_finding_with_its_remedy_until_it_is_put_right(house: World) -> None:
    worklist.record(house.runtime, INDEX)
    assert _marks(house) == {("ipv6.host.address", "bare")}, "what hangs on the address waits"
    tell(house, "bare", SERVICES_LEFT)
    worklist.record(house.runtime, INDEX)
    assert _marks(house) == {("ipv6.host.services", "bare")}
    [finding] = _open(house)
    assert finding.detail["v4_only"] == ["8080/tcp java"]
    assert finding.detail["remedy_zh"]
    tell(house, "bare", READY)
    worklist.record(house.runtime, INDEX)
    assert _marks(house) == set()


@pytest.mark.parametrize(("language", "words"), [("zh", "启用 IPv6"), ("en", "enable-IPv6 plan")])
def test_the_report_is_one_data_set_as_workbook_page_and_pdf(
    house: World, language: str, words: str
) -> None:
    with house.runtime.database.read() as session:
        report = read_report(session, CITY, INDEX, house.clock[0], language)
    page = as_html(report)
    assert words in page
    assert "机bare" in page
    assert "机other" not in page, "it never told anything"
    assert as_pdf(report).startswith(b"%PDF")
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(report)))
    hosts_sheet = book[WORDS[language]["hosts"]]
    rows = {row[0]: row for row in hosts_sheet.iter_rows(min_row=2, values_only=True)}
    assert (rows["bare"][5], rows["ready"][5], rows["other"][5]) == (0, 100, None)
