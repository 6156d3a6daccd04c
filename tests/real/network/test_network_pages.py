"""The pages of lines, points, uplinks, topology and traps on a real server and in a browser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import openpyxl
import pytest
from playwright.sync_api import Browser, Page

from controller.access import tokens
from controller.cli import build
from controller.commands.client import CommandError
from controller.store import rollup
from tests.real.network.furnish import furnish, measure_ports
from tests.real.web.conftest import PASSWORD, Console, browser, console

__all__ = ["browser", "console"]


@pytest.fixture(scope="module")
def town(console: Console) -> Console:
    furnish(console.runtime)
    measure_ports(
        console.runtime, {("core-1", "GE2"): 0.62, ("core-1", "GE3"): 0.48, ("agg-1", "GE2"): 0.91}
    )
    return console


@pytest.fixture
def page(town: Console, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.goto(f"{town.url}/login")
    opened.fill("[name=username]", "ops")
    opened.fill("[name=password]", PASSWORD)
    opened.click("button[type=submit]")
    yield opened
    context.close()


def text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)).replace("\u00a0", " ")


def test_lines_show_contracts_and_their_cost(town: Console) -> None:
    with town.client("ops") as client:
        shown = text(client.get("/network/lines"))
        assert "11.5 Gbps" in shown  # the ended line left out
        assert "126.6 万元" in shown
        due = text(client.get("/network/lines?state=due"))
        assert "L-1" in due
        assert "L-2" not in due
        saved = client.get("/network/lines?file=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(saved.content)).active
    assert sheet is not None
    assert sheet["A1"].value == "电路编号"
    assert {row[0].value for row in sheet.iter_rows(min_row=2)} == {"P-1", "L-1", "L-2", "T-1"}


def test_a_line_is_widened_from_a_day_on_and_refused_where_it_makes_no_sense(
    town: Console,
) -> None:
    with town.client("ops") as client:
        found = re.search(
            r'href="(/network/lines/\d+)"[^>]*>L-2<', client.get("/network/lines").text
        )
        assert found
        path = found[1]
        client.post(
            f"{path}/change",
            data={
                "mbps": "800",
                "since": "2026-10-01",
                "contract_end": "2029-01-01",
                "note": "扩容",
            },
        )
        shown = text(client.get(path))
        assert "800 Mbps" in shown
        assert "2024-01-01 2026-10-01" in shown  # what held before stays in the history
        for bad in ({"mbps": "很快"}, {"mbps": "1", "contract_end": "2020-01-01"}):
            refused = client.post(f"{path}/change", data=bad, follow_redirects=True)
            assert "未保存" in text(refused)
        assert "800 Mbps" in text(client.get(path))
    with town.client("czj") as client:
        assert client.get(path).status_code == 404
        assert client.post(f"{path}/change", data={"mbps": "1"}).status_code == 403


def test_points_show_coverage_and_who_is_not_reached(town: Console) -> None:
    with town.client("ops") as client:
        shown = text(client.get("/network/points"))
        assert "应接未接 4 处" in shown
        assert "千兆到县" in shown
        lost = text(client.get("/network/points?state=unreachable"))
        assert "临江区接入点" in lost
        assert "财政局接入点" not in lost.split("全部状态")[1]
        point = text(client.get("/network/points/ap-2"))
        assert "不可达" in point
        drawn = client.get("/web-data/network/points/ap-3").json()
        assert len(drawn["gaps"]) == 1  # a gap stays a gap
        assert drawn["charts"]["rtt"]["series"][0]["values"]
        book = client.get("/api/v1/network/coverage?format=xlsx")
    assert openpyxl.load_workbook(io.BytesIO(book.content)).sheetnames == ["接入率", "未接入"]


def test_a_unit_sees_its_own_point_and_nobody_elses(town: Console) -> None:
    with town.client("czj") as client:
        shown = text(client.get("/network/points"))
        assert "财政局接入点" in shown
        assert "临江区" not in shown
        assert client.get("/network/points/ap-2").status_code == 404
        assert client.get("/web-data/network/points/ap-2").status_code == 404
        assert "core-1" not in text(client.get("/network/topology"))
        assert client.get("/web-data/network/topology").json()["nodes"] == []
        assert "core-1" not in text(client.get("/network/traps"))
        assert "192.0.2.9" not in text(client.get("/network/traps"))


def test_the_topology_tells_links_once_and_unknown_neighbours_apart(town: Console) -> None:
    with town.client("ops") as client:
        told = client.get("/web-data/network/topology").json()
        shown = text(client.get("/network/topology"))
    assert len(told["nodes"]) == 7
    assert len(told["links"]) == 6  # both ends told of core-1 – agg-1
    unknown = {each["name"]: each for each in told["nodes"] if not each["known"]}
    assert unknown["H3C-5130"]["href"] == ""
    # A line without LLDP is drawn from the register, to where it ends.
    assert unknown.keys() == {"H3C-5130", "省中心"}
    assert unknown["省中心"]["stateWord"] == "线路对端"
    lines = {
        (link["source"], link["line"], link["ports"]) for link in told["links"] if link["line"]
    }
    assert lines == {("core-1", "中国电信 P-1", "GE1 – –")}
    assert "未登记的邻居 1 个" in shown
    assert "其中 1 条仅见于线路台账" in shown
    assert "1 台无应答" in shown
    tones = {(link["source"], link["target"]): link["tone"] for link in told["links"]}
    assert tones["core-1", "agg-1"] == "warn"
    assert tones["agg-1", "acc-1"] == "bad"
    assert tones["agg-1", "acc-2"] == "none"
    assert "H3C-5130 (未登记)" in shown


def test_the_picture_is_drawn_and_a_click_opens_the_device(town: Console, page: Page) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.goto(f"{town.url}/network/topology")
    page.wait_for_selector("[data-topology][data-drawn=yes] canvas")
    place = page.evaluate(
        """() => {
          const chart = window.echarts.getInstanceByDom(document.querySelector("[data-topology]"));
          const data = chart.getModel().getSeriesByIndex(0).getData();
          const at = data.indexOfName("core-1 交换机");
          const places = chart.getModel().getSeriesByIndex(0).coordinateSystem;
          const [x, y] = places.dataToPoint(data.getItemLayout(at));
          const box = chart.getDom().getBoundingClientRect();
          return [box.x + x, box.y + y];
        }"""
    )
    with page.expect_navigation():
        page.mouse.click(*place)
    assert page.url.endswith("/network/devices/core-1")
    assert [each for each in wrong if "404" not in each] == []


def test_traps_and_their_sources_are_listed(town: Console) -> None:
    with town.client("ops") as client:
        shown = text(client.get("/network/traps"))
        assert "端口断开" in shown
        assert "超限丢弃 1,204 条" in shown
        rows = client.get("/network/traps?kind=raw").text.split("<tbody>")[1].split("</tbody>")[0]
        assert "厂商告警" in rows
        assert "BGP" not in rows


def test_uplinks_set_what_is_used_against_the_contract_and_give_a_report(town: Console) -> None:
    """620 of 1,000 Mbit/s, and 480 of 500 (800 once a test widened it), at the same time."""
    with town.client("ops") as client:
        shown = text(client.get("/network/uplinks?period=7d"))
        assert "临江区" in shown
        assert "1.1 Gbps" in shown  # the sum, bucket by bucket
        assert "62.0 %" in shown
        assert "端口未测量" not in shown
        book = openpyxl.load_workbook(io.BytesIO(client.get("/network/uplinks?file=xlsx").content))
    assert book.sheetnames == ["县区", "线路"]
    county = {cell.value: book["县区"].cell(2, cell.column).value for cell in book["县区"][1]}
    assert county["县区"] == "临江区"
    assert county["入 P95"] == pytest.approx(1_100)
    assert county["出 P95"] == pytest.approx(110)


@pytest.mark.parametrize(
    "path",
    ["/network/lines", "/network/points", "/network/uplinks", "/network/topology",
     "/network/traps", "/network/points/ap-2"],
)  # fmt: skip
def test_a_phone_scrolls_tables_and_not_the_page(town: Console, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{town.url}{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_removing_asks_first_and_an_import_would_bring_it_back(town: Console, page: Page) -> None:
    page.goto(f"{town.url}/network/points/ap-4")
    page.click("text=移除")
    page.wait_for_selector("#confirm.show")
    assert "历史保留" in page.inner_text("#confirm")
    page.click("#confirm button[type=submit]")
    page.wait_for_url("**/network/points")
    assert "已移除" in page.inner_text("main")
    page.goto(f"{town.url}/network/points?state=removed")
    assert "一村" in page.inner_text("#table")


def test_availability_is_told_by_point_and_by_unit(town: Console) -> None:
    """临江区's ap-2 was lost for the last hour of 24; its ap-3 was always reached when measured."""
    today = town.runtime.now().date()
    days = [(1, today - timedelta(days=back)) for back in (1, 0)]
    for _ in rollup.roll_resource_days(town.runtime, "reach", days):
        pass
    with town.client("ops") as client:
        points = client.get("/api/v1/network/availability?by=point").json()["items"]
        units = client.get("/api/v1/network/availability?by=unit").json()["items"]
    told = {each["code"]: each for each in points}
    assert told["ap-1"]["availability_pct"] == 100
    # Up to six minutes of the lost hour are not rolled up yet, by the minute of the run.
    assert told["ap-2"]["availability_pct"] == pytest.approx(95.8, abs=0.6)
    assert told["ap-3"]["availability_pct"] == 100
    assert told["ap-3"]["coverage_pct"] < told["ap-1"]["coverage_pct"]
    (county,) = [each for each in units if each["code"] == "ljq"]
    assert (county["points"], county["measured"]) == (2, 2)
    assert county["availability_pct"] == pytest.approx(97.9, abs=0.3)
    with town.client("czj") as client:
        own = client.get("/api/v1/network/availability?by=point").json()["items"]
        assert [each["code"] for each in own] == ["ap-1"]
        refused = client.get("/api/v1/network/uplinks?from=2026-02-01&to=2026-01-01")
        assert refused.status_code == 422


def test_the_commands_print_tables_and_write_reports(
    town: Console,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with town.runtime.database.write() as session:
        token = tokens.create_token(session, "t", "ops", town.runtime.now())[0]
    monkeypatch.setenv("YUNXUN_URL", town.url)
    monkeypatch.setenv("YUNXUN_TOKEN", token)

    def run(*words: str) -> str:
        build(words)([*words], prog_name="yunxun", standalone_mode=False)
        return capsys.readouterr().out

    assert "L-1" in run("line", "list", "--state", "due")
    assert "中国电信" in run("line", "show", "L-1")
    run("line", "set", "P-1", "note=已核对")
    assert "已核对" in run("line", "show", "P-1")
    assert "临江区" in run("line", "uplinks")
    assert "不可达" not in run("point", "list", "--state", "unreachable")
    assert "ap-1" in run("point", "show", "ap-1")
    run("point", "set", "ap-1", "tcp_port=443", "address=10.1.1.2")
    assert '"tcp_port": 443' in run("point", "show", "ap-1")
    assert "county" in run("point", "coverage")
    assert "ljq" in run("point", "availability")
    assert "link_down" in run("trap", "list", "--most", "10")
    assert "1,204" in run("trap", "sources")
    for words in (("point", "coverage"), ("line", "uplinks")):
        file = tmp_path / f"{words[1]}.xlsx"
        run(*words, "-o", str(file))
        assert openpyxl.load_workbook(file).sheetnames
    with pytest.raises(CommandError, match="no number"):
        run("line", "set", "P-1", "yearly_cost=viel")
    with pytest.raises(CommandError, match="none"):
        run("line", "show", "X-9")
