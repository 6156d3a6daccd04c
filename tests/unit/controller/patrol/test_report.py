"""The inspection report, its signature, and drills."""

from __future__ import annotations

import io
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.patrol import report, signing, views
from controller.problems import NotFound, Problem
from controller.store.tables import Watermark
from tests.unit.controller.patrol.city import City
from tests.unit.controller.patrol.test_checks import HEALTHY

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def signed(c: City) -> tuple[City, int]:
    """The second of two runs: vm-2 is silent still, vm-1 is well again, and somebody signed."""
    for code, unit in (("vm-1", "A"), ("vm-2", "B")):
        c.host(code, unit, last_seen=c.now - timedelta(hours=1))
        c.five(code, **HEALTHY)
    with c.runtime.database.write() as session:
        session.add(Watermark(name="live:host", at=c.now - timedelta(minutes=5)))
    c.patrol()
    c.heard("vm-1")
    c.change("vm-2", last_seen=c.now - timedelta(hours=3), name="=1+1")
    number = c.patrol().id
    assert number is not None
    with c.runtime.database.write() as session:
        signing.sign(session, CITY, number, Principal("王一", "ops", c.now), "已电话通知")
    return c, number


def _data(c: City, number: int) -> report.ReportData:
    with c.runtime.database.read() as session:
        return report.collect(session, CITY, number, c.now, ZONE)


def test_every_form_of_the_report_says_the_same(signed: tuple[City, int], tmp_path: Path) -> None:
    c, number = signed
    data = _data(c, number)
    score = str(data.detail.run.score)
    html = report.render(data, "html").decode()
    document = json.loads(report.render(data, "json"))
    book = openpyxl.load_workbook(io.BytesIO(report.render(data, "xlsx")))
    (tmp_path / "report.pdf").write_bytes(report.render(data, "pdf"))
    pdf = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "report.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for text in (html, pdf):
        for said in ("巡检日报", score, "采集端失联 180 分钟", "王一", "已电话通知", "已消除"):
            assert said in text
    assert document["run"]["score"] == data.detail.run.score
    changes = {each["subject_key"]: each["change"] for each in document["findings"]}
    assert changes["agent-vm-2"] == "still"
    assert changes["agent-vm-1"] == "resolved"
    before = next(e for e in document["findings"] if e["subject_key"] == "agent-vm-2")["before"]
    assert before["silent_min"] == 60
    sheet = book["问题"]
    cells = [cell.value for row in sheet.iter_rows() for cell in row]
    assert "采集端失联 180 分钟" in cells
    assert "=1+1" in cells  # as text: no cell is a formula
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def test_a_name_from_outside_is_no_markup(signed: tuple[City, int]) -> None:
    c, number = signed
    c.change("vm-2", name="<img src=x>")
    html = report.render(_data(c, c.patrol().id or 0), "html").decode()
    assert "&lt;img src=x&gt;" in html
    assert "<img" not in html
    assert number


def test_a_run_is_signed_once_and_only_when_it_is_done(signed: tuple[City, int]) -> None:
    c, number = signed
    by = Principal("li", "ops", c.now)
    with pytest.raises(Problem, match="王一 has signed"), c.runtime.database.write() as session:
        signing.sign(session, CITY, number, by, "")
    with c.runtime.database.read() as session:
        shown = views.get_run(session, CITY, number, c.now).run
    assert (shown.signed_by, shown.signed, shown.remark) == ("王一", c.now, "已电话通知")


def test_the_citys_run_is_not_a_units(signed: tuple[City, int]) -> None:
    c, number = signed
    own = Scope(frozenset([c.ids["A"]]))
    with c.runtime.database.read() as session:
        assert views.list_runs(session, own, c.now) == ([], 0)
        with pytest.raises(NotFound):
            views.run_findings(session, own, number, c.now)


def test_a_drill_is_a_run_of_its_own_kind(c: City) -> None:
    by = Principal("wang", "ops", c.now)
    steps = [
        signing.Step("发现告警", "10 分钟内", "6 分钟", True),
        signing.Step("切换", "5 分钟内", "没有成功", False),
        signing.Step("恢复", "", "", False),
        signing.Step("复盘", "", "", True),
    ]
    with c.runtime.database.write() as session:
        number = signing.record_drill(
            session,
            by,
            title="断电演练",
            scenario="分中心断电",
            participants=["王一", "李二"],
            started=c.now - timedelta(hours=2),
            finished=c.now - timedelta(hours=1),
            steps=steps,
            conclusion="需更新手册",
        )
    data = _data(c, number)
    assert (data.detail.run.kind, data.detail.run.score) == ("drill", 50)
    html = report.render(data, "html").decode()
    for said in ("应急演练记录", "分中心断电", "王一、李二", "没有成功", "2 / 4", "需更新手册"):
        assert said in html
    # A step that failed without a word is a failed step all the same.
    assert html.count("未达到预期") == 2
    with c.runtime.database.write() as session:
        signing.sign(session, CITY, number, by, "已复核")
    signed = _data(c, number)
    assert signed.detail.run.remark == "已复核"
    assert "需更新手册" in report.render(signed, "html").decode()  # not lost to the signature
    with pytest.raises(Problem, match="before now"), c.runtime.database.write() as session:
        signing.record_drill(
            session, by, title="x", scenario="", participants=[], started=c.now,
            finished=c.now + timedelta(hours=1), steps=steps, conclusion="",
        )  # fmt: skip


def test_words_with_nothing_in_them_give_way_to_the_findings_own_title() -> None:
    text = "{mount} 已用 {used_pct:.1f} %"
    assert views.said(text, {"mount": "/data", "used_pct": 97}) == "/data 已用 97.0 %"
    assert views.said(text, {"mount": "", "used_pct": 97}) == ""
    assert views.said(text, {"used_pct": 97}) == ""
