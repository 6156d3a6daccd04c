"""The pages of readiness on a real server: set up, upload, watch a run go, waive, compare."""

from __future__ import annotations

import re
import threading

import httpx
import pytest
from playwright.sync_api import Browser

from controller.readiness.carry_out import RunProcess
from tests.facts_bundles import OFF, ON, bundle
from tests.real.web.conftest import Console, browser, console

__all__ = ["browser", "console"]

HOST = "演示-01"


def text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return re.sub(r"<[^>]+>", " ", answer.text)


def upload(console: Console, client: httpx.Client, project: str, content: bytes) -> int:
    """Uploads a bundle by the page's form and lets the run be carried out; its number."""
    number = project.split("/")[3]
    sent = client.post(f"/readiness/bundles/{number}", files={"file": ("b.json", content)})
    assert sent.status_code == 204, sent.text
    run = int(sent.headers["hx-redirect"].rsplit("/", 1)[1])
    RunProcess(console.runtime, run).run()
    return run


@pytest.fixture(scope="module")
def project(console: Console) -> str:
    """The path of a project of 市财政局 with one host, judged once."""
    with console.client("ops") as client:
        assert "还没有项目" in text(client.get("/readiness"))
        form = {"name": "财政首批", "kind": "ipv6", "units": "czj"}
        path = client.post("/readiness/projects", data=form).headers["location"]
        path = path.removesuffix("/hosts")
        assert "还没有主机" in text(client.get(f"{path}/hosts"))
        lines = {"lines": f"{HOST}, , 市财政局业务, czj"}
        assert client.post(f"{path}/hosts", data=lines).status_code == 303
        upload(console, client, path, bundle(HOST, {"sysctl": OFF, "cmdline": "", "modules": ""}))
    return path


def test_what_to_do_first_the_matrix_and_the_grid_are_shown(console: Console, project: str) -> None:
    with console.client("ops") as client:
        page = text(client.get(project))
        assert "系统停用了 IPv6" in page
        assert "不具备条件" in page
        assert "Kunpeng 920" in page
        assert "国产" in page
        assert "V6-001" in text(client.get(f"{project}/grid"))
        host = client.get(f"{project}/hosts/{HOST}")
        assert "net.ipv6.conf.all.disable_ipv6=1" in text(host)
        sheet = client.get(f"{project}/grid?format=xlsx")
        assert sheet.content.startswith(b"PK")
        assert "财政首批" in text(client.get("/readiness"))
        assert "市财政局" in text(client.get("/readiness/adaptation"))


def test_a_unit_sees_its_own_project_and_may_upload_but_not_run(
    console: Console, project: str
) -> None:
    with console.client("ops") as client:
        form = {"name": "教育首批", "kind": "ipv6", "units": "jyj"}
        other = client.post("/readiness/projects", data=form).headers["location"]
    with console.client("czj") as client:
        listed = text(client.get("/readiness"))
        assert "财政首批" in listed
        assert "教育首批" not in listed
        assert client.get(project).status_code == 200
        assert client.get(other).status_code == 404
        assert client.post(f"{project}/runs", data={"kind": "check"}).status_code == 403
        assert "下载采集脚本" in text(client.get(f"{project}/hosts"))
        script = client.get("/api/v1/readiness/collector")
        assert script.text.startswith("#!/bin/sh")


def test_a_risk_is_accepted_on_the_hosts_page_and_taken_back(
    console: Console, project: str
) -> None:
    with console.client("ops") as client:
        page = client.get(f"{project}/hosts/{HOST}").text
        mark = re.search(r'name="fingerprint" value="(\w+)"', page)
        assert mark
        form = {"rule": "V6-001", "fingerprint": mark[1], "host": HOST, "scope": "finding",
                "reason": "月底退役", "owner": "王五", "approved_by": "李雷",
                "expires": "2027-03-01"}  # fmt: skip
        client.post(f"{project}/waivers", data=form)
        assert "已接受风险：月底退役" in text(client.get(f"{project}/hosts/{HOST}"))
        listed = client.get(f"{project}/waivers").text
        path = re.search(r"/readiness/waivers/(\d+)/end", listed)
        assert path
        assert client.post(path[0]).status_code == 303
        assert "已失效" in text(client.get(f"{project}/waivers"))
        assert "已接受风险：月底退役" not in text(client.get(f"{project}/hosts/{HOST}"))


def test_two_runs_are_compared(console: Console, project: str) -> None:
    with console.client("ops") as client:
        first = upload(console, client, project, _later(OFF, 2))
        second = upload(console, client, project, _later(ON, 3))
        page = text(client.get(f"/readiness/compare?before={first}&after={second}"))
        assert "已整改" in page
        assert "系统停用了 IPv6" in page
        assert f"第 {first} 次" in text(client.get(f"/readiness/runs/{second}"))


def _later(sysctl: str, day: int) -> bytes:
    from tests.facts_bundles import TAKEN  # noqa: PLC0415

    sections = {"sysctl": sysctl, "cmdline": "", "modules": ""}
    return bundle(HOST, sections, TAKEN.replace(day=day))


def test_a_run_is_seen_going_in_a_browser_without_reloading(
    console: Console, project: str, browser: Browser
) -> None:
    with console.client("ops") as client:
        started = client.post(f"{project}/runs", data={"kind": "judge"})
        path = started.headers["location"]
        run = int(path.rsplit("/", 1)[1])
        context = browser.new_context()
        context.add_cookies(
            [{"name": name, "value": value, "url": console.url}
             for name, value in client.cookies.items()]
        )  # fmt: skip
        page = context.new_page()
        troubles: list[str] = []
        page.on(
            "console", lambda told: troubles.append(told.text) if told.type == "error" else None
        )
        page.goto(console.url + path)
        assert page.locator(".yx-run-bar").get_attribute("value") == "0"
        assert "排队中" in page.inner_text("#progress")
        worker = threading.Thread(target=RunProcess(console.runtime, run).run)
        worker.start()
        page.locator("#progress", has_text="已完成").wait_for(timeout=30_000)
        worker.join()
        assert page.locator(".yx-run-bar").get_attribute("value") == "1"
        assert troubles == []
        context.close()


def test_the_list_of_products_is_imported_and_warns(console: Console, project: str) -> None:
    rows = "类别,产品名称,版本,等级,公告号,有效期至\n中央处理器,鲲鹏920,,Ⅱ,第1号,2026-12-31\n"
    with console.client("ops") as client:
        assert project
        assert "名录是空的" in text(client.get("/readiness/products"))
        assert client.get("/readiness/products/form").content.startswith(b"PK")
        sent = client.post("/readiness/products", files={"file": ("p.csv", rows.encode())})
        assert sent.status_code == 204, sent.text
        page = text(client.get("/readiness/products"))
        assert "鲲鹏920" in page
        assert "名录不含此类产品" in page  # the operating system: the list has no such kind
