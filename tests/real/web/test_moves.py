"""迁网 over the console: register, project, plan and its faults, the unit's word, the drawing."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Browser
from sqlmodel import select

from controller.access import users
from controller.access.tables import User
from controller.inventory.tables import Resource
from controller.moves.edge_documents import take_edges
from controller.moves.tables import MovePlan
from tests.real.web.conftest import PASSWORD, Console

PROJECT = "/moves/projects/mv-czj"
HEAD = "主机,网卡,现IP,IPv4地址,掩码,网关,IPv6地址,IPv6网关,DNS,NTP\n"
GOOD = "vm-czj-0,eth0,10.1.0.1/24,10.66.1.21,24,10.66.1.1,fd00::21/64,fd00::1,10.66.9.5,10.66.9.6\n"
BAD = GOOD.replace("10.66.1.1,", "10.66.9.1,")


@pytest.fixture(scope="module")
def moving(console: Console) -> Console:
    """Machines with addresses that talk to each other; a second operator beside ``ops``."""
    now = console.runtime.now()
    with console.runtime.database.write() as session:
        if session.exec(select(User).where(User.username == "ops2")).first() is None:
            users.create_user(session, "ops2", PASSWORD, "ops", now, must_change=False)
        for number, code in enumerate(("czj-0", "czj-1", "wjw-0"), 1):
            machine = session.exec(select(Resource).where(Resource.code == f"vm-{code}")).one()
            machine.ip = f"10.1.0.{number}"
            session.add(machine)
            edges = [["out", "tcp", f"10.1.0.{number % 3 + 1}", 5432, "java", 9, 1]]
            edges.append(["out", "tcp", "192.168.9.9", 80, "java", 9, 1])
            take_edges(session, machine.id or 0, {"edges": edges}, now, now)
    with console.client("ops") as client:
        form = {"code": "net-czj", "name": "财政专网", "unit": "czj", "disposition": "migrate"}
        assert client.post("/moves/networks", data=form).headers["location"] == "/moves/networks"
        begun = {"code": "mv-czj", "network": "net-czj", "target": "公用网络区"}
        assert client.post("/moves/projects", data=begun).headers["location"] == PROJECT
    return console


def _upload(client: httpx.Client, text: str) -> str:
    sent = {"file": ("地址方案.csv", (HEAD + text).encode(), "text/csv")}
    answer = client.post(f"{PROJECT}/plans", files=sent, data={"days": "7"})
    assert answer.status_code == 204, answer.text
    return answer.headers["hx-redirect"]


def test_a_classified_network_is_refused_on_the_page_too(moving: Console) -> None:
    with moving.client("ops") as client:
        form = {"code": "x", "name": "某网络", "unit": "czj", "classified": "yes"}
        client.post("/moves/networks", data=form)
        page = client.get("/moves/networks").text
    assert "涉密网络不得登记" in page
    assert "某网络" not in page


def test_a_plan_goes_from_faults_to_approval_by_another(moving: Console) -> None:
    begin = moving.runtime.now() + timedelta(hours=10)
    window = {
        "begin": f"{begin:%Y-%m-%dT%H:%M}", "end": f"{begin + timedelta(hours=9):%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    with moving.client("ops") as client:
        page = client.get(_upload(client, BAD)).text
        assert "网关 10.66.9.1 不在网段 10.66.1.0/24 内" in page
        assert "提交审批" not in page
        where = _upload(client, GOOD)
        page = client.get(where).text
        assert "没有发现问题" in page
        assert "10.1.0.2" in page  # a permit towards the neighbour
        assert client.post(f"{where}/submit", data=window).headers["location"] == where
        assert "须由另一人审批" in client.get(where).text
        client.post(f"{where}/decision", data={"verdict": "approve"})
        assert "待审批" in client.get(where).text
    with moving.client("ops2") as client:
        client.post(f"{where}/decision", data={"verdict": "approve"})
        assert "已批准" in client.get(where).text
        assert client.get(f"/api/v1{where}/file?kind=yml").text.count("vm-czj-0") == 1
    with moving.runtime.database.read() as session:
        states = [plan.state for plan in session.exec(select(MovePlan).order_by("id"))]
    # The try with a fault was never handed in: the next one took its place.
    assert states == ["approved"]


def test_the_unit_signs_on_its_own_page_and_sees_nobody_elses(moving: Console) -> None:
    with moving.client("ops") as client:
        for step in ("addresses", "parallel", "cutover"):
            client.post(f"{PROJECT}/steps/{step}", data={"state": "done"})
        assert "业务正常，确认" not in client.get(PROJECT).text
    with moving.client("czj") as client:
        assert "业务正常，确认" in client.get(PROJECT).text
        client.post(f"{PROJECT}/sign-off", data={"verdict": "accept", "text": "一切正常"})
        page = client.get(PROJECT).text
        assert "确认割接结果" in page
        assert "一切正常" in page
        assert client.post(f"{PROJECT}/steps/line_retired", data={}).status_code == 403
        links = client.get("/moves/graph").text
        assert "其他单位的云主机" in links
        assert "市卫生健康委" not in links
        drawn = client.get("/web-data/moves/graph?days=30&by=unit").json()
        assert "市卫生健康委" not in str(drawn)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_answers_in_both_languages(moving: Console, language: str) -> None:
    with moving.client("ops2", fresh=True) as client:
        kept = client.get("/api/v1/moves/plans").json()["items"]
        plan = f"/moves/plans/{kept[0]['id']}"
        client.post("/language", data={"language": language, "next": "/moves"})
        for path in ("/moves", "/moves?state=all", "/moves/networks", "/moves/plans", PROJECT,
                     plan, "/moves/graph", "/moves/graph?by=unit&unknown=1",
                     "/moves?file=csv", "/moves/networks?file=xlsx"):  # fmt: skip
            assert client.get(path).status_code == 200, path
        client.post("/language", data={"language": "zh"})


def test_the_drawing_is_drawn_and_says_nothing_on_the_console(
    moving: Console, browser: Browser
) -> None:
    for width in (1280, 390):
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(f"{moving.url}/login?next=/moves/graph")
        page.fill("input[name=username]", "ops")
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_selector("[data-chart=graph][data-drawn=yes] canvas")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []
        context.close()
