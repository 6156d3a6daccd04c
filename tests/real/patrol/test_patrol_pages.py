"""The patrol pages on a real server: run, look, sign, acknowledge; a unit sees its own."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta

import httpx
import pytest

from controller.ingest.tables import Agent
from tests.real.web.conftest import Console, console

__all__ = ["console"]


@pytest.fixture(scope="module")
def run_page(console: Console) -> str:
    """The path of a daily run in which an agent of 市财政局 has been silent for three hours."""
    with console.runtime.database.write() as session:
        agent = session.get_one(Agent, "agent-czj")
        agent.last_seen = console.runtime.now() - timedelta(hours=3)
        session.add(agent)
    with console.client("ops") as client:
        path = client.post("/patrol/runs", data={"plan": "daily"}).headers["location"]
        deadline = time.monotonic() + 60
        while "正在巡查" in client.get(path).text:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    return path


def text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return re.sub(r"<[^>]+>", " ", answer.text)


def number(client: httpx.Client) -> str:
    """Of the finding that the agent is silent."""
    found = re.search(r'href="/findings/(\d+)">采集端失联', client.get("/findings").text)
    assert found
    return found[1]


def test_a_run_shows_score_findings_and_is_signed_once(console: Console, run_page: str) -> None:
    with console.client("ops") as client:
        page = text(client.get(run_page))
        assert "采集端失联 180 分钟" in page
        assert "得分如何算出" in page
        signed = client.post(f"{run_page}/sign", data={"remark": "已电话通知"})
        assert signed.headers["location"] == run_page
        page = text(client.get(run_page))
        assert "已电话通知" in page
        assert "签名确认" not in page
        again = client.post(f"{run_page}/sign", data={})
        assert "未签名" in text(client.get(again.headers["location"]))
        overview = text(client.get("/patrol"))
        assert "每日巡查" in overview
        assert "最近一次每日巡查" in overview


def test_a_finding_is_acknowledged_assigned_noted_and_resolved(
    console: Console, run_page: str
) -> None:
    assert run_page
    with console.client("ops") as client:
        path = f"/findings/{number(client)}"
        client.post("/findings/acknowledge", data={"ids": path.rsplit("/", 1)[1]})
        client.post(f"{path}/assign", data={"to": "ops", "due": "2027-01-05T12:00"})
        client.post(f"{path}/note", data={"note": "已联系单位"})
        page = text(client.get(path))
        for said in ("处理中", "2027-01-05 12:00", "已联系单位", "失联时长（分钟）", "指派"):
            assert said in page
        client.post(f"{path}/resolve", data={"note": "已重启服务"})
        assert "已重启服务" in text(client.get(path))
        assert "采集端失联" not in text(client.get("/findings"))
        assert "采集端失联 180 分钟" in text(client.get("/findings?state=resolved"))


def test_a_window_hides_what_it_names_until_it_is_ended(console: Console, run_page: str) -> None:
    assert run_page
    with console.client("ops") as client:
        refused = client.post(
            "/findings/suppressions", data={"until": "2026-01-01T00:00", "reason": "割接"},
            follow_redirects=True,
        )  # fmt: skip
        assert "请至少指定" in text(refused)
        client.post(
            "/findings/suppressions",
            data={"until": "2027-06-01T00:00", "reason": "计划割接", "code": "agent.silent"},
        )
        assert "计划割接" in text(client.get("/findings/suppressions"))
        client.post("/findings/suppressions/1/end")
        assert "已结束" in text(client.get("/findings/suppressions"))


def test_a_unit_sees_its_own_findings_and_no_patrol(console: Console, run_page: str) -> None:
    with console.client("ops") as client:
        own = re.findall(r'href="/findings/(\d+)"', client.get("/findings?state=all").text)
    assert own
    with console.client("czj") as client:
        page = text(client.get("/findings?state=all"))
        assert "采集端失联" in page
        assert client.get("/patrol").status_code == 403
        assert client.get(run_page).status_code == 403
        assert "标记消除" not in text(client.get(f"/findings/{own[0]}"))


def test_the_list_exports_what_it_shows(console: Console, run_page: str) -> None:
    assert run_page
    with console.client("ops") as client:
        saved = client.get("/findings?state=all&file=csv")
    assert saved.headers["content-type"].startswith("text/csv")
    assert "采集端失联 180 分钟" in saved.content.decode("utf-8-sig")


def test_a_plan_is_edited_or_refused_with_the_reason(console: Console) -> None:
    with console.client("ops") as client:
        page = client.get("/patrol/plans/key-period")
        assert "CPU 持续过高" in text(page)
        # What is refused is still there to be mended.
        for typed, said in (
            ('{"name": 7}', "方案未保存"),
            ('{"name": "flood", "title_zh": "写了很久"', "不是有效的 JSON"),
        ):
            refused = client.post(
                "/patrol/plans/key-period", data={"definition": typed, "note": "试改"}
            )
            assert refused.status_code == 422
            for each in (said, typed, "试改"):
                assert each in html.unescape(refused.text)
        edited = (
            '{"name": "flood", "kind": "key_period", "title_zh": "汛期巡查", '
            '"schedule": {"at": "06:00", "every_hours": 6}, "checks": [{"id": "disk.full"}]}'
        )
        client.post("/patrol/plans/key-period", data={"definition": edited, "note": "新增"})
        assert "汛期巡查" in text(client.get("/patrol"))


def test_a_drill_is_written_down_in_the_browser_and_becomes_a_run(console: Console) -> None:
    filled = {
        "title": "分中心断电演练",
        "participants": "王一、李二",
        "started": "2026-03-01T09:00",
        "finished": "2026-03-01T10:30",
        "scenario": "分中心断电",
        "step-0": "发现告警",
        "expected-0": "10 分钟内",
        "outcome-0": "6 分钟",
        "ok-0": "1",
        "step-1": "切换到备用线路",
        "outcome-1": "未切换",
        "ok-1": "0",
        "conclusion": "补齐备用线路的切换脚本",
    }
    with console.client("ops") as client:
        assert "登记应急演练" in text(client.get("/patrol/drills/new"))
        made = client.post("/patrol/drills", data=filled)
        assert made.status_code == 303
        page = text(client.get(made.headers["location"]))
        for said in ("分中心断电演练", "王一、李二", "50", "切换到备用线路", "补齐备用线路"):
            assert said in page
        again = client.post("/patrol/drills", data=filled)  # the button was clicked twice
        assert (again.status_code, "已登记过" in again.text) == (422, True)
        for wrong, word in (
            ({"finished": "2026-03-01T08:00"}, "结束时间须晚于开始时间"),
            ({"finished": "2099-03-01T08:00"}, "结束时间须晚于开始时间"),
            ({"ok-1": ""}, "第 2 步缺少名称或结果"),
            ({"started": "gestern"}, "请填写开始和结束时间"),
        ):
            refused = client.post("/patrol/drills", data={**filled, **wrong})
            assert refused.status_code == 422
            assert word in refused.text
            assert "补齐备用线路" in refused.text  # what was filled in is kept
    with console.client("czj") as client:
        assert client.get("/patrol/drills/new").status_code == 403
        assert client.post("/patrol/drills", data=filled).status_code == 403
