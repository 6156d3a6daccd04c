"""A notice from the verdict to the ledger, as ops, a unit and the provider would do it."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page
from sqlmodel import col, select

from controller.inventory.tables import Holding, Resource
from controller.notices import clock, deliver
from controller.notices.tables import Notice, NoticeItem
from controller.runtime import Runtime
from tests.real.notices.test_mail import Sink
from tests.real.web.conftest import PASSWORD, Console

PDF = b"%PDF-1.7 stamped"


def _post(client: httpx.Client, path: str, **data: str) -> httpx.Response:
    answer = client.post(path, data=data)
    assert answer.status_code == 303, answer.text
    return answer


def _item(runtime: Runtime, code: str) -> NoticeItem:
    with runtime.database.read() as session:
        notice = session.exec(select(Notice).where(Notice.code == code)).one()
        return session.exec(select(NoticeItem).where(NoticeItem.notice_id == notice.id)).one()


def _later(runtime: Runtime, **span: float) -> Runtime:
    return Runtime(
        runtime.settings, runtime.database, runtime.samples,
        lambda: runtime.now() + timedelta(**span),
    )  # fmt: skip


def _issued(console: Console, verdict: int) -> str:
    with console.client("ops") as ops:
        _post(ops, "/notices/draft", verdict=str(verdict))
        page = ops.get("/notices?state=draft").text
        code = re.findall(r"TX-\d{4}-\d{4}", page)[0]
        path = f"/notices/{code}"
        _post(ops, f"{path}/act", act="review", person="王核")
        _post(ops, f"{path}/act", act="sign", person="赵签")
        upload = ops.post(f"/notice-files/{code}?kind=scan", files={"file": ("扫描件.pdf", PDF)})
        assert upload.status_code == 303, upload.text
        _post(ops, f"{path}/act", act="register", number=f"市数函〔2026〕{verdict}号")
    return code


def _waiting(console: Console) -> str:
    """A letter whose answer is waited for, of another test where there is one."""
    with console.runtime.database.read() as session:
        found = session.exec(
            select(Notice.code)
            .join(NoticeItem, col(NoticeItem.notice_id) == col(Notice.id))
            .where(NoticeItem.state == "waiting")
        ).first()
    return found or _issued(console, 2)


def _mails(console: Console) -> list[Any]:
    sink = Sink(failing=0)
    mail = console.runtime.settings.mail
    server = Controller(sink, hostname="127.0.0.1", port=mail.port)
    server.start()
    try:
        turn = deliver.run(console.runtime)
    finally:
        server.stop()
    assert not turn.down
    return [message_from_bytes(each, policy=policy.default) for each in sink.mails]


def test_from_the_verdict_to_the_ledger(console: Console, browser: Browser) -> None:
    runtime = console.runtime
    code = _issued(console, 1)
    mail = _mails(console)[-1]
    assert mail["To"] == "czj@example.gov.cn"
    link = re.findall(r"/n/[\w-]+", mail.get_body(("plain",)).get_content())[0]

    # The link opens the notice without a login, on a phone; deciding leads to the login.
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    seen = _watch(page)
    page.goto(console.url + link)
    page.wait_for_selector("[data-chart] canvas")
    assert page.get_by_role("heading", level=1).inner_text().startswith("关于清理")
    assert page.locator("form").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_text("登录后答复").click()
    page.fill("[name=username]", "czj-handler")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"**/notices/{code}")

    # The handler answers; the answer waits for the person in charge.
    page.check("input[value=release]")
    page.get_by_text("提交给负责人确认").click()
    page.wait_for_selector("text=待负责人确认")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_text("确认：").count() == 0
    assert seen == []
    context.close()

    number = _item(runtime, code).id
    with console.client("czj-handler") as handler:
        answer = _post(handler, f"/notices/{code}/items/{number}/confirm", ok="1")
        assert "负责人" in handler.get(answer.headers["location"]).text
        assert _item(runtime, code).state == "answered"
    with console.client("czj-leader") as leader:
        assert "确认：同意释放" in leader.get(f"/notices/{code}").text
        _post(leader, f"/notices/{code}/items/{number}/confirm", ok="1")
    assert _item(runtime, code).confirmed_by == "czj-leader"

    with console.client("ops") as ops, console.client("cloud") as cloud:
        _post(ops, f"/notices/{code}/items/{number}/act", act="order_stop")
        orders = cloud.get("/notices/orders").text
        first = re.findall(r"/notices/orders/(\d+)/receipt", orders)[0]
        _post(cloud, f"/notices/orders/{first}/receipt", note="已关机")
        refused = _post(ops, f"/notices/{code}/items/{number}/act", act="order_recover")
        assert "关机观察期未满" in ops.get(refused.headers["location"]).text
        with runtime.database.write() as session:  # the days of observation go by
            session.get_one(NoticeItem, number).observe_until = datetime(2026, 1, 1).date()
        _post(ops, f"/notices/{code}/items/{number}/act", act="order_recover")
        second = re.findall(r"/notices/orders/(\d+)/receipt", cloud.get("/notices/orders").text)[0]
        _post(cloud, f"/notices/orders/{second}/receipt", snapshot="snap-77")
        _retire(runtime, _item(runtime, code).resource_id)
        assert clock.tick(_later(runtime, days=3))["verified"] == 1
        assert "已办结" in ops.get(f"/notices/{code}").text
        ledger = ops.get("/notices/ledger").text
        assert code in ledger
        assert "台账已注销" in ledger
        assert ops.get("/notices/ledger?file=xlsx").content[:2] == b"PK"


def _retire(runtime: Runtime, resource: int) -> None:
    now = runtime.now()
    with runtime.database.write() as session:
        session.get_one(Resource, resource).retired = now
        for holding in session.exec(select(Holding).where(Holding.resource_id == resource)):
            holding.until = now


def test_a_link_opens_one_notice_only_and_not_for_ever(console: Console) -> None:
    code = _issued(console, 2)
    mail = _mails(console)[-1]
    link = re.findall(r"/n/[\w-]+", mail.get_body(("plain",)).get_content())[0]
    with httpx.Client(base_url=console.url, trust_env=False, timeout=60) as stranger:
        page = stranger.get(link)
        assert page.status_code == 200
        assert page.headers["referrer-policy"] == "no-referrer"
        number = _item(console.runtime, code).id
        assert stranger.get(f"{link}/data/{number}").json()["charts"]["cpu"]["series"]
        other = 1 if number != 1 else number + 1  # alone in its file, this notice is the first
        assert stranger.get(f"{link}/data/{other}").status_code == 404
        assert stranger.get(f"{link}/letter.pdf").content.startswith(b"%PDF")
        assert stranger.get(f"{link}/files/{other}").status_code == 404
        assert stranger.get(link[:-2] + "AA").status_code == 404
        assert stranger.get(f"/notices/{code}", follow_redirects=False).status_code in (303, 401)
        assert stranger.post(f"/notices/{code}/items/{number}/answer").status_code in (303, 401)


def test_the_boards_pages_show_what_they_should(console: Console, browser: Browser) -> None:
    with console.client("ops") as ops:
        for path in ("", "/follow", "/orders", "/ledger", "/deliveries", "/template"):
            assert ops.get(f"/notices{path}").status_code == 200, path
        assert ops.get("/notices?file=csv").text.startswith("\ufeff编号")
        answer = _post(ops, "/notices/draft", verdict="2")
        assert "未列入" in ops.get(answer.headers["location"]).text
        nothing = _post(ops, "/notices/draft")
        assert nothing.headers["location"] == "/idle"
        assert "请至少选择一项资源" in ops.get("/idle").text
    with console.client("cloud") as cloud:
        assert cloud.get("/notices").status_code == 403
        assert cloud.get("/notices/orders").status_code == 200
    with console.client("czj") as unit:
        assert unit.get("/notices/follow").status_code == 403
        assert "站内信" in unit.get("/notices").text


def test_what_is_refused_comes_back_as_it_was_typed(console: Console) -> None:
    with console.client("ops") as ops:
        text = {"kind": "idle", "title": "函", "body": "我写了很久的一段话。\n共{count项。"}
        refused = ops.post("/notices/template", data=text)
        assert refused.status_code == 422
        for said in ("花括号须成对", "{count项", "我写了很久的一段话。"):
            assert said in refused.text
    code = _waiting(console)
    number = _item(console.runtime, code).id
    path = f"/notices/{code}/items/{number}/answer"
    with console.client("czj-handler") as handler:
        typed = {"answer": "keep", "keep_until": "2026-99-99", "note": "年底决算要用"}
        refused = handler.post(path, data=typed)
        assert refused.status_code == 422
        for said in ("日期格式不正确", "年底决算要用", 'value="keep" required checked'):
            assert said in refused.text
        refused = handler.post(path, data={"answer": "dispute", "note": " "})
        assert (refused.status_code, _item(console.runtime, code).state) == (422, "waiting")
        refused = handler.post(f"/notices/{code}/answers", data={"answer": "keep", "note": "要用"})
        assert (refused.status_code, "要用" in refused.text) == (422, True)
        _post(handler, path, answer="dispute", note="夜间在用")
        assert handler.post(f"/notices/{code}/confirmations").status_code == 303
    assert _item(console.runtime, code).state == "answered"
    with console.client("czj-leader") as leader:
        _post(leader, f"/notices/{code}/confirmations")
    assert _item(console.runtime, code).state == "disputed"


def test_a_scan_that_is_too_large_or_missing_is_said_on_the_page(console: Console) -> None:
    with console.client("ops") as ops:
        (code, *_) = re.findall(r"TX-\d{4}-\d{4}", ops.get("/notices").text)
        for sent, said in (
            ({"files": {"file": ("大.pdf", PDF + bytes(21 << 20))}}, "不能超过 20 MB"),
            ({"data": {"file": ""}}, "请选择要上传的扫描件"),
        ):
            answer = ops.post(f"/notice-files/{code}", headers={"hx-request": "true"}, **sent)
            assert (answer.status_code, answer.headers["hx-redirect"]) == (200, f"/notices/{code}")
            assert said in ops.get(f"/notices/{code}").text


def test_an_id_that_no_column_can_hold_is_not_found(console: Console) -> None:
    with console.client("ops") as ops:
        huge = "9" * 20
        for path in (f"/findings/{huge}", f"/patrol/runs/{huge}", f"/api/v1/findings/{huge}"):
            assert ops.get(path).status_code == 404, path
        assert ops.post("/notices/draft", data={"verdict": huge}).status_code == 422


def test_the_scan_is_uploaded_from_the_page_by_hand(
    console: Console, browser: Browser, tmp_path: Path
) -> None:
    with console.client("ops") as ops:
        _post(ops, "/notices/draft", verdict="3")
        code = re.findall(r"TX-\d{4}-\d{4}", ops.get("/notices?state=draft").text)[0]
        _post(ops, f"/notices/{code}/act", act="review", person="王核")
        _post(ops, f"/notices/{code}/act", act="sign", person="赵签")
        context = browser.new_context()
        context.add_cookies(
            [{"name": c.name, "value": c.value or "", "url": console.url} for c in ops.cookies.jar]
        )
        page = context.new_page()
        page.goto(f"{console.url}/notices/{code}")
        scan = tmp_path / "盖章.pdf"
        scan.write_bytes(PDF)
        page.set_input_files("input[type=file]", scan)
        page.get_by_text("上传扫描件").click()
        page.wait_for_selector("text=盖章扫描件已上传")
        assert page.get_by_role("link", name="盖章.pdf").count() == 1
        page.locator("summary", has_text="登记发文").click()
        page.fill("[name=number]", "市数函〔2026〕3号")
        page.locator("details[open] button[type=submit]").click()
        page.wait_for_selector("text=已发文，办理中")
        context.close()


def test_charts_far_down_a_letter_are_asked_for_when_they_come_near(
    console: Console, browser: Browser
) -> None:
    with console.client("ops") as ops:
        code = re.findall(r"TX-\d{4}-\d{4}", ops.get("/notices").text)[0]
        context = browser.new_context(viewport={"width": 900, "height": 600})
        context.add_cookies(
            [{"name": c.name, "value": c.value or "", "url": console.url} for c in ops.cookies.jar]
        )
        page = context.new_page()
        page.goto(f"{console.url}/notices/{code}")
        page.wait_for_selector("[data-chart] canvas")
        far = """() => {
            const chart = document.querySelector("[data-lazy]").cloneNode(false);
            delete chart.dataset.drawn;
            chart.removeAttribute("_echarts_instance_");
            chart.id = "far";
            const gap = document.createElement("div");
            gap.style.height = "5000px";
            document.querySelector("main").append(gap, chart);
            document.dispatchEvent(new Event("htmx:afterSwap"));
        }"""
        page.evaluate(far)
        page.wait_for_timeout(400)
        assert page.locator("#far").get_attribute("data-drawn") == "waiting"
        page.locator("#far").scroll_into_view_if_needed()
        page.wait_for_selector("#far canvas")
        context.close()


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_their_screen_in_both_languages(
    console: Console, browser: Browser, width: int, language: str, tmp_path: Path
) -> None:
    with console.client("ops", fresh=True) as ops:
        codes = re.findall(r"TX-\d{4}-\d{4}", ops.get("/notices").text)
        ops.post("/language", data={"language": language, "next": "/"})
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.add_cookies(
            [{"name": c.name, "value": c.value or "", "url": console.url} for c in ops.cookies.jar]
        )
        page = context.new_page()
        seen = _watch(page)
        for path in ("/notices", f"/notices/{codes[0]}", "/notices/follow", "/notices/orders",
                     "/notices/ledger", "/notices/deliveries", "/notices/template"):  # fmt: skip
            page.goto(console.url + path)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            _keep(page, f"{path.strip('/').replace('/', '-')}-{width}-{language}")
        assert seen == []
        context.close()
        ops.post("/language", data={"language": "zh", "next": "/"})


def _watch(page: Page) -> list[str]:
    """Errors of scripts and of the content policy, as they come."""
    seen: list[str] = []
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("console", lambda line: seen.append(line.text) if line.type == "error" else None)
    return seen


def _keep(page: Page, name: str) -> None:
    """A picture to look at where a folder is given in PICTURES."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
