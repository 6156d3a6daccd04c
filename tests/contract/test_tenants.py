"""Two units on one controller: neither sees, nor can name, what is the other's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from controller.access import sessions, users
from controller.access.passwords import random_password
from tests.contract.conftest import House
from tests.contract.cutover_subjects import CUTOVERS
from tests.contract.move_subjects import MOVE_LISTS, MOVE_THEIRS
from tests.contract.rollout_subjects import ROLLOUTS

THEIRS = [
    "/api/v1/idle/scans/1/verdicts?unit={x}",
    "/api/v1/forecasts?unit={x}",
    "/api/v1/units/{x}",
    "/api/v1/units/{x}/register",
    "/api/v1/system-register?unit={x}",
    "/api/v1/due?unit={x}",
    "/api/v1/allocations?unit={x}",
    "/api/v1/allocations/contradictions?unit={x}",
    "/api/v1/units/{x}/trend?from=2026-11-01&to=2026-11-02",
    "/api/v1/resources/vm-{x}",
    "/api/v1/resources/vm-{x}/series?from=2026-11-01&to=2026-11-02&metrics=cpu_used_pct",
    "/api/v1/agents/agent-{x}",
    "/api/v1/usage?from=2026-11-01&to=2026-11-02&unit={x}",
    "/api/v1/network/devices/dev-{x}",
    "/api/v1/network/devices?unit={x}",
    "/api/v1/resources?unit={x}",
    "/api/v1/systems?unit={x}",
    "/api/v1/notices/notice-{x}",
    "/api/v1/notices/notice-{x}/letter?format=html",
    "/api/v1/ledger/reconciliation?unit={x}",
    "/api/v1/ipv6/sites/site-{x}",
    *MOVE_THEIRS,
    "/api/v1/ipv6/hosts/vm-{x}",
    "/api/v1/ipv6/devices/dev-{x}",
    "/api/v1/ipv6/hosts?unit={x}",
    "/api/v1/ipv6/units/{x}",
    "/api/v1/ipv6/traffic?unit={x}",
    "/api/v1/reports/usage?month=2026-11&unit={x}&format=json",
    "/api/v1/lines?unit={x}",
    "/api/v1/access-points?unit={x}",
    "/api/v1/access-points/point-{x}",
]
"""Reads that name something of a unit's."""

LISTS = [
    "/api/v1/idle/scans",
    "/api/v1/idle/scans/1",
    "/api/v1/idle/scans/1?format=csv",
    "/api/v1/idle/scans/1/verdicts",
    "/api/v1/idle/what-if",
    "/api/v1/forecasts",
    "/api/v1/usage/comparison?from=2026-11-01&to=2026-11-02",
    "/api/v1/units",
    "/api/v1/unit-changes",
    "/api/v1/system-register",
    "/api/v1/unclaimed",
    "/api/v1/claims",
    "/api/v1/shares",
    "/api/v1/usage/apportioned?from=2026-11-01&to=2026-11-02",
    "/api/v1/due",
    "/api/v1/allocations",
    "/api/v1/allocations/contradictions",
    "/api/v1/systems",
    "/api/v1/resources",
    "/api/v1/agents",
    "/api/v1/agent-tasks",
    "/api/v1/network/devices",
    "/api/v1/set-aside",
    "/api/v1/findings",
    "/api/v1/suppressions",
    "/api/v1/usage?from=2026-11-01&to=2026-11-02&by=unit",
    "/api/v1/usage?from=2026-11-01&to=2026-11-02&by=resource",
    "/api/v1/usage?from=2026-11-01&to=2026-11-02&by=system",
    "/api/v1/usage?from=2026-11-01&to=2026-11-02&by=zone",
    "/api/v1/usage?from=2026-11-01&to=2026-11-02&by=site",
    "/api/v1/ledger/pending?state=",
    "/api/v1/notices",
    "/api/v1/notices/inbox",
    "/api/v1/notices/ledger",
    "/api/v1/ledger/reconciliation?size=100",
    "/api/v1/ledger/reconciliation?format=csv",
    "/api/v1/ledger/months",
    "/api/v1/ipv6/sites",
    "/api/v1/ipv6/overview",
    *MOVE_LISTS,
    "/api/v1/cutovers",
    "/api/v1/rollouts",
    "/api/v1/ipv6/hosts",
    "/api/v1/ipv6/devices",
    "/api/v1/ipv6/traffic",
    "/api/v1/ipv6/traffic?by=system",
    "/api/v1/ipv6/official",
    "/api/v1/ipv6/days",
    "/api/v1/ipv6/plans",
    "/api/v1/readiness/projects",
    "/api/v1/readiness/adaptation",
    "/api/v1/readiness/products",
    "/api/v1/reports/usage?month=2026-11&format=json",
    "/api/v1/reports/usage?month=2026-11&format=html",
    "/api/v1/lines",
    "/api/v1/lines/1",
    "/api/v1/access-points",
    "/api/v1/network/coverage",
    "/api/v1/network/uplinks",
    "/api/v1/network/availability?by=point",
    "/api/v1/network/availability?by=unit",
    "/api/v1/traps",
    "/api/v1/trap-sources",
]
"""Reads that list what the caller may see."""

CANARIES = (
    "contact-B",
    "单位B",
    "系统B",
    "vm-B",
    "host-B",
    "agent-B",
    "dev-B",
    "of-B",
    "agent of B",
    "prefix-B",
    "notice-B",
    "site-B",
    "项目B",
    "ready-B",
    "reason-B",
    "circuit-B",
    "point-B",
    "net-B",
    "move-B",
    "10.177.0.2",
)


@pytest.mark.parametrize("path", THEIRS)
@pytest.mark.parametrize("role", ["unit", "county_admin"])
def test_what_is_anothers_is_not_there(house: House, role: str, path: str) -> None:
    with house.client(house.tokens[role]) as client:
        theirs, unknown = client.get(path.format(x="B")), client.get(path.format(x="nothing"))
    assert theirs.status_code == 404
    # Not even the words differ from what a name that nobody has would get.
    named = {"instance": "", "detail": "", "detail_zh": ""}
    assert theirs.json() | named == unknown.json() | named


@pytest.mark.parametrize("path", THEIRS)
def test_what_is_ones_own_is_there(house: House, path: str) -> None:
    with house.client(house.tokens["unit"]) as client:
        answer = client.get(path.format(x="A"))
    assert answer.status_code == 200, answer.text
    with house.client(house.other) as client:
        assert client.get(path.format(x="B")).status_code == 200


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("role", ["unit", "county_admin"])
def test_no_list_holds_anything_of_anothers(house: House, role: str, path: str) -> None:
    with house.client(house.tokens[role]) as client:
        answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert not [canary for canary in CANARIES if canary in answer.text]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/agents/agent-B/approve", None),
        ("POST", "/api/v1/agents/agent-B/revoke", None),
        ("POST", "/api/v1/agents/agent-B/tasks", {"kind": "facts"}),
        ("DELETE", "/api/v1/agent-tasks/2", None),
        ("POST", "/api/v1/agent-tokens", {"unit": "B"}),
        ("DELETE", "/api/v1/agent-tokens/2", None),
    ],
)
def test_a_county_administrator_cannot_touch_anothers(
    house: House, method: str, path: str, body: dict[str, str] | None
) -> None:
    with house.client(house.tokens["county_admin"]) as client:
        assert client.request(method, path, json=body).status_code == 404
        listed = client.get("/api/v1/agent-tokens")
    assert "prefix-B" not in listed.text


def test_the_task_of_anothers_agent_is_not_there(house: House) -> None:
    """Tasks have numbers: 1 is of A's agent, 2 of B's."""
    for role in ("unit", "county_admin"):
        with house.client(house.tokens[role]) as client:
            answers = [client.get(f"/api/v1/agent-tasks/{n}").status_code for n in (1, 2, 99)]
        assert answers == [200, 404, 404]


def test_anothers_finding_is_not_there_to_read_or_to_change(house: House) -> None:
    """Findings have numbers: 1 is A's, 2 is B's."""
    for role in ("unit", "county_admin"):
        with house.client(house.tokens[role]) as client:
            assert client.get("/api/v1/findings/1").status_code == 200
            theirs, unknown = client.get("/api/v1/findings/2"), client.get("/api/v1/findings/99")
            assert (theirs.status_code, unknown.status_code) == (404, 404)
            note = {"note": "x"}
            assert client.post("/api/v1/findings/2/note", json=note).status_code == 404
            both = client.post("/api/v1/findings/acknowledge", json={"ids": [1, 2]})
            assert both.status_code == 404
            assert client.get("/api/v1/findings/1").json()["finding"]["state"] == "open"
    with house.client(house.tokens["county_admin"]) as client:
        for call in ("resolve", "assign"):
            body = {"note": "x"} if call == "resolve" else {"to": ""}
            assert client.post(f"/api/v1/findings/2/{call}", json=body).status_code == 404
        until = (house.runtime.now() + timedelta(days=1)).isoformat()
        theirs = client.post(
            "/api/v1/suppressions", json={"unit": "B", "until": until, "reason": "x"}
        )
        assert theirs.status_code == 404
        assert client.delete("/api/v1/suppressions/2").status_code == 404


PROJECT_READS = [
    "/api/v1/readiness/projects/{n}",
    "/api/v1/readiness/projects/{n}/hosts",
    "/api/v1/readiness/projects/{n}/runs",
    "/api/v1/readiness/projects/{n}/judgements",
    "/api/v1/readiness/projects/{n}/waivers",
    "/api/v1/readiness/projects/{n}/report?format=json",
    "/api/v1/readiness/runs/{n}",
    "/api/v1/readiness/runs/{n}/results",
    "/api/v1/readiness/runs/{n}/events",
    "/api/v1/readiness/runs/{n}/difference?before={n}",
]
"""Projects and their runs have numbers: 1 is A's, 2 is B's."""


@pytest.mark.parametrize("path", PROJECT_READS)
def test_anothers_readiness_project_is_not_there(house: House, path: str) -> None:
    for role in ("unit", "county_admin"):
        with house.client(house.tokens[role]) as client:
            theirs, unknown = client.get(path.format(n=2)), client.get(path.format(n=4711))
            assert (theirs.status_code, unknown.status_code) == (404, 404)
            assert client.get(path.format(n=1)).status_code in (200, 422)
            bundle = {"file": ("x.json", b"{}")}
            assert client.post("/api/v1/readiness/bundles/2", files=bundle).status_code == 404


def test_anothers_cut_over_is_not_there(house: House) -> None:
    for role in ("unit", "county_admin"):
        with house.client(house.tokens[role]) as client:
            for place in ("/api/v1/cutovers", "/cutovers"):
                assert client.get(f"{place}/{CUTOVERS['B']}").status_code == 404
                assert client.get(f"{place}/4711").status_code == 404
                assert client.get(f"{place}/1").status_code == 404  # a run, but of another kind
                assert client.get(f"{place}/{CUTOVERS['A']}").status_code == 200


def test_anothers_roll_out_is_not_there(house: House) -> None:
    for role in ("unit", "county_admin"):
        with house.client(house.tokens[role]) as client:
            for place in ("/api/v1/rollouts", "/agents/rollouts"):
                assert client.get(f"{place}/{ROLLOUTS['B']}").status_code == 404
                assert client.get(f"{place}/1").status_code == 404
                assert client.get(f"{place}/{ROLLOUTS['A']}").status_code == 200


def test_the_city_sees_both(house: House) -> None:
    with house.client(house.tokens["ops"]) as client:
        assert {"A", "B"} <= {unit["code"] for unit in client.get("/api/v1/units").json()["items"]}


PAGES = [
    "/readiness",
    "/readiness?closed=1",
    "/readiness/adaptation",
    "/readiness/products",
    "/readiness/projects/1",
    "/readiness/projects/1/grid?show=all",
    "/readiness/projects/1/hosts",
    "/readiness/projects/1/runs",
    "/readiness/projects/1/waivers",
    "/readiness/runs/1",
    "/cutovers",
    "/agents/rollouts",
    "/idle",
    "/idle?class=all",
    "/idle/what-if",
    "/idle/policies",
    "/forecasts",
    "/comparison",
    "/comparison?figure=mem",
    "/units",
    "/resources",
    "/agents",
    "/",
    "/ledger/reconciliation?issue=",
    "/ledger/pending?state=",
    "/ledger/months",
    "/ipv6",
    "/ipv6/sites",
    "/ipv6/hosts",
    "/ipv6/devices",
    "/ipv6/traffic",
    "/ipv6/official",
    "/ipv6/plans",
    "/registers/units",
    "/registers/systems",
    "/registers/due",
    "/registers/allocations",
    "/registers/unclaimed",
    "/network/devices",
    "/network/usage",
    "/network/topology",
]
THEIR_PAGES = [
    "/units/{x}",
    "/units/{x}/peers",
    "/units/{x}/resources",
    "/resources/vm-{x}",
    "/ipv6/sites/site-{x}",
    "/ipv6/hosts/vm-{x}",
    "/ipv6/devices/dev-{x}",
    "/ipv6/units/{x}",
    "/network/devices/dev-{x}",
]


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[httpx.Client]:
    """A signed-in browser of a user of unit A."""
    now = house.runtime.now()
    with house.runtime.database.write() as session:
        user = users.create_user(
            session, "a.person", random_password(), "unit", now, unit_id=1, must_change=False
        )
        cookie = sessions.open_session(session, user, "", now)
    with house.client(None) as client:
        client.cookies.set("yunxun", cookie)
        client.headers["accept"] = "text/html"
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_anything_of_anothers(browser: httpx.Client, path: str) -> None:
    page = browser.get(path, follow_redirects=True)
    assert page.status_code == 200, page.text
    assert not [canary for canary in CANARIES if canary in page.text]


READINESS_PAGES = [
    "/readiness/projects/{n}",
    "/readiness/projects/{n}/grid",
    "/readiness/projects/{n}/hosts",
    "/readiness/projects/{n}/runs",
    "/readiness/projects/{n}/waivers",
    "/readiness/projects/{n}/settings",
    "/readiness/runs/{n}",
    "/readiness/runs/{n}/progress",
]


@pytest.mark.parametrize("path", READINESS_PAGES)
def test_anothers_readiness_page_is_not_there(browser: httpx.Client, path: str) -> None:
    assert browser.get(path.format(n=2)).status_code == 404
    assert browser.get(path.format(n=1)).status_code == 200


@pytest.mark.parametrize("path", THEIR_PAGES)
def test_anothers_page_is_not_there(browser: httpx.Client, path: str) -> None:
    assert browser.get(path.format(x="B")).status_code == 404
    assert browser.get(path.format(x="A")).status_code == 200


def test_a_unit_answers_for_its_own_resources_only(house: House) -> None:
    with house.client(house.tokens["unit"]) as client:
        body = {"answer": "release"}
        for path in ("notice-B/items/2", "notice-A/items/2", "notice-review/items/101"):
            assert client.post(f"/api/v1/notices/{path}/answer", json=body).status_code == 404
        assert client.get("/api/v1/notices/notice-B/files/2").status_code == 404
        assert client.get("/api/v1/notices/notice-A/files/2").status_code == 404
        assert client.get("/api/v1/notices/notice-A/files/1").status_code == 200
