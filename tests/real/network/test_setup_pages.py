"""Setting the network up in the browser: credentials, pollers, devices, ranges, proposals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page
from sqlmodel import col, select

from controller.access.tables import AuditEntry
from controller.ingest.tables import AgentTask
from controller.inventory.tables import Resource
from controller.network import assign, discovery
from controller.network.tables import Device, DeviceProposal, ScanRange, SnmpCredential
from tests.real.web.conftest import PASSWORD, Console, browser, console

__all__ = ["browser", "console"]

CANARY = "canary-51ce07"
V3 = {"name": "core-v3", "kind": "v3", "user": "ops", "auth": "SHA-256", "auth_password": CANARY,
      "priv": "AES-256", "priv_password": CANARY}  # fmt: skip
AGENT = "agent-czj"


def text(answer: httpx.Response, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)).replace("\u00a0", " ")


def post(client: httpx.Client, path: str, **data: Any) -> str:
    """What the page says after a form was sent."""
    return text(client.post(path, data=data, follow_redirects=True))


@pytest.fixture(scope="module")
def ready(console: Console) -> Console:
    """A console on which agent-czj polls and a credential was made: by the forms."""
    with console.client("ops") as client:
        empty = text(client.get("/network/credentials"))
        assert "还没有凭据" in empty
        assert "还没有轮询端" in empty
        assert "先新建凭据" in text(client.get("/network/add-device"))
        assert "已加密保存" in post(client, "/network/credentials", **V3)
        assert "已设为轮询端" in post(client, "/network/pollers", agent=AGENT)
    return console


def test_a_secret_goes_in_and_is_never_shown_again(ready: Console) -> None:
    with ready.client("ops") as client:
        page = client.get("/network/credentials")
        assert "SHA-256 · AES-256" in text(page)
        again = client.get("/network/credentials?replace=core-v3")
        assert "更换凭据 core-v3 的口令" in text(again)
        assert CANARY not in page.text + again.text
        with ready.runtime.database.read() as session:
            row = session.exec(select(SnmpCredential)).one()
            assert CANARY not in str(row.model_dump())
            sealed = row.auth_password
        changed = V3 | {"auth_password": f"{CANARY}-new", "replace": "yes"}
        assert "已更换" in post(client, "/network/credentials", **changed)
        assert "已用新密钥" in post(client, "/network/credentials-rotation")
    with ready.runtime.database.read() as session:
        assert session.exec(select(SnmpCredential)).one().auth_password != sealed
        log = session.exec(select(AuditEntry).where(col(AuditEntry.object) == "core-v3")).all()
        assert {row.action for row in log} >= {"credential.add", "credential.change"}
        assert CANARY not in str([row.model_dump() for row in log])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"auth_password": "short"}, "认证口令不能少于 8 个字符"),
        ({"name": "a b"}, "名称只能用"),
        ({"auth_password": ""}, "加密须同时认证"),
        ({"kind": "v2c"}, "v2c 须填写团体字"),
        ({}, "同名凭据已存在"),
    ],
)
def test_a_refused_credential_keeps_what_was_typed_but_its_secrets(
    ready: Console, wrong: dict[str, str], why: str
) -> None:
    with ready.client("ops") as client:
        answer = client.post("/network/credentials", data=V3 | wrong)
    assert why in text(answer, 422)
    assert CANARY not in answer.text
    assert 'value="ops"' in answer.text
    assert "data-open" in answer.text


def test_a_device_is_added_changed_and_removed_by_its_forms(ready: Console) -> None:
    good = {
        "address": "10.8.0.1", "name": "临江汇聚", "unit": "ljq", "site": "市中心节点",
        "role": "aggregation", "credential": "core-v3", "port": "161", "interval_s": "30",
    }  # fmt: skip
    with ready.client("ops") as client:
        for wrong, why in (
            ({"address": "nowhere"}, "地址不是"),
            ({"unit": ""}, "请选择单位"),
            ({"credential": "none-such"}, "没有凭据“none-such”"),
            ({"interval_s": "1"}, "轮询间隔超出允许范围"),
        ):
            answer = client.post("/network/add-device", data=good | wrong)
            assert why in text(answer, 422)
            assert 'value="临江汇聚"' in answer.text  # nothing is to be typed twice
        shown = client.post("/network/add-device", data=good, follow_redirects=True)
        path = shown.url.path
        assert "端口随后显示在本页" in text(shown)
        assert 'hx-trigger="every 10s"' in shown.text  # until the first ports are there
        assert "已登记为设备" in text(client.post("/network/add-device", data=good), 422)
        assign.balance(ready.runtime)
        facts = text(client.get(path))
        assert "core-v3" in facts
        assert "host-czj" in facts
        changed = {"name": "临江汇聚一", "role": "core", "credential": "core-v3",
                   "interval_s": "60"}  # fmt: skip
        assert "已停止轮询" in post(client, f"{path}/change", **changed)
        gone = changed | {"credential": "removed-meanwhile"}
        assert "没有找到凭据“removed-meanwhile”" in post(client, f"{path}/change", **gone)
        assert client.post("/network/devices/none-such/change", data=gone).status_code == 404
        assert "仍有设备使用" in post(client, "/network/credentials/core-v3/remove")
        assert "设备已移出登记" in post(client, f"{path}/remove")
        assert client.get(path).status_code == 404
    with ready.runtime.database.read() as session:
        (row,) = session.exec(select(Resource).where(col(Resource.name) == "临江汇聚一")).all()
        assert row.retired is not None
        actions = session.exec(
            select(AuditEntry.action).where(col(AuditEntry.object) == row.code)
        ).all()
    assert set(actions) == {"device.add", "device.change", "device.remove"}


def test_a_unit_sees_its_device_without_credential_and_poller_and_may_change_nothing(
    ready: Console,
) -> None:
    told = {"address": "10.8.1.1", "name": "财政局接入", "unit": "czj", "credential": "core-v3"}
    with ready.client("ops") as client:
        path = client.post("/network/add-device", data=told).headers["location"]
        assign.balance(ready.runtime)
    with ready.client("czj") as client:
        page = client.get(path)
        assert "10.8.1.1" in text(page)
        assert "core-v3" not in page.text
        assert "host-czj" not in text(page).split("设备信息")[1]
        assert "/network/credentials" not in page.text  # no tab that would be refused
        api = client.get(path.replace("/network", "/api/v1/network")).json()
        assert (api["credential"], api["poller"]) == ("", "")
        for form in ("/network/credentials", "/network/discovery", "/network/add-device"):
            assert client.get(form).status_code == 403
            assert client.post(form, data=told).status_code in (403, 405)
        for form in (f"{path}/change", f"{path}/remove", "/network/pollers",
                     "/network/credentials-rotation", "/network/discovery/proposals"):  # fmt: skip
            assert client.post(form, data={"agent": AGENT, "decision": "reject"}).status_code == 403
    with ready.client("ops") as client:
        post(client, f"{path}/remove")


def test_a_range_is_registered_scanned_and_what_it_finds_decided_on(ready: Console) -> None:
    now = ready.runtime.now()
    with ready.client("ops") as client:
        assert "还没有扫描范围" in text(client.get("/network/discovery"))
        form = {"cidr": "10.7.0.0/24", "since": "2026-01-01T00:00", "until": "2026-01-05T00:00"}
        for wrong, why in (
            ({"cidr": "10.7"}, "网段格式不对"),
            ({"until": "2026-03-05T00:00"}, "不超过 31 天"),
            ({"rate": "900"}, "每秒 200 个地址"),
            ({"since": "x"}, "时间无法识别"),
        ):
            assert why in post(client, "/network/discovery/ranges", **(form | wrong))
        assert "已到期" in post(client, "/network/discovery/ranges", **form)
        scan = {"place": "10.7.0.0/24 ", "credential": "core-v3", "agent": AGENT, "port": "161"}
        assert "不在该范围允许扫描的时间内" in post(client, "/network/discovery/scans", **scan)
        with ready.runtime.database.write() as session:
            row = session.exec(select(ScanRange)).one()
            row.since, row.until = now - timedelta(hours=1), now + timedelta(hours=1)
        assert "不在已登记的扫描范围内" in post(
            client, "/network/discovery/scans", **(scan | {"part": "10.6.0.0/24"})
        )
        assert "请选择 1 至 5 个凭据" in post(
            client, "/network/discovery/scans", **(scan | {"credential": ""})
        )
        shown = client.post("/network/discovery/scans", data=scan, follow_redirects=True)
        assert "等待轮询端领取" in text(shown)
        assert 'hx-trigger="every 5s"' in shown.text
        with ready.runtime.database.write() as session:
            task = session.exec(select(AgentTask)).one()
            found = [{"address": f"10.7.0.{n}", "port": 161, "credential": "core-v3",
                      "sys_name": f"sw-{n}"} for n in (1, 2, 3)]  # fmt: skip
            task.state, task.result = "done", {"found": found, "full": True}
            discovery.finished(session, task, now)
            numbers = [
                row.id
                for row in session.exec(
                    select(DeviceProposal).order_by(col(DeviceProposal.address))
                )
            ]
        waiting = text(client.get("/network/discovery"))
        assert "结果已满，提前结束" in waiting
        assert all(f"sw-{n}" in waiting for n in (1, 2, 3))
        path = "/network/discovery/proposals"
        assert "请先勾选设备" in post(client, path, decision="approve")
        approve = {"decision": "approve", "number": numbers[:2], "role": "access"}
        assert "其后停止" in post(client, path, **approve)  # nobody was named who runs them
        assert "已登记 2 台" in post(client, path, **approve, unit="wjw", site="市中心节点")
        some = post(client, path, decision="reject", number=[numbers[2], 99_999])
        assert "已处理 1 台，其后停止：没有找到待处理的设备“99999”" in some
        assert "没有待处理的设备" in text(client.get("/network/discovery"))
        assert "sw-3" in text(client.get("/network/discovery?state=rejected"))
        listed = text(client.get("/network/devices"))
        assert "sw-1" in listed
        assert "sw-3" not in listed
        assert "扫描范围已移除" in post(client, f"/network/discovery/ranges/{row_id(ready)}/remove")


def row_id(ready: Console) -> int:
    with ready.runtime.database.read() as session:
        return session.exec(select(ScanRange.id)).one() or 0


# ---- in a browser


@pytest.fixture
def page(ready: Console, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    opened = context.new_page()
    opened.goto(f"{ready.url}/login")
    opened.fill("[name=username]", "ops")
    opened.fill("[name=password]", PASSWORD)
    opened.click("button[type=submit]")
    yield opened
    context.close()


def test_on_a_phone_the_forms_fit_and_a_device_gets_its_page(ready: Console, page: Page) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    for path in ("credentials", "discovery", "add-device"):
        page.goto(f"{ready.url}/network/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{ready.url}/network/credentials?new=1")
    page.wait_for_selector("#credential.show")
    assert page.is_visible("[name=community]")
    page.select_option("[name=kind]", "v3")
    assert not page.is_visible("[name=community]")
    page.fill("#credential [name=name]", "phone")
    page.select_option("[name=kind]", "v2c")
    page.fill("[name=community]", CANARY)
    page.click("#credential button[type=submit]")
    page.wait_for_selector("text=phone")
    page.goto(f"{ready.url}/network/add-device")
    page.fill("[name=address]", "10.8.2.1")
    page.select_option("[name=unit]", "jyj")
    page.select_option("[name=credential]", "phone")
    page.click("form[action='/network/add-device'] button[type=submit]")
    page.wait_for_url("**/network/devices/*")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=移除")
    page.wait_for_selector("#confirm.show")
    page.click("#confirm button[type=submit]")
    page.wait_for_url("**/network/devices")
    with ready.runtime.database.read() as session:
        assert not session.exec(
            select(Device).where(col(Device.address) == "10.8.2.1", col(Device.enabled))
        ).all()
    assert wrong == []
