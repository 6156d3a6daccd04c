"""The inspection report of a run (巡检日报): one data set as HTML, PDF, XLSX and JSON. In Chinese:
it is an office document."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from jinja2 import Environment, StrictUndefined
from sqlmodel import Session

from controller.access.scope import Scope
from controller.patrol import plans, views
from controller.patrol.views import RunDetail, SeenFinding

MEDIA = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
MOST_PRINTED = 500
"""Findings on paper; the workbook and the JSON hold all of them."""

SEVERITY = {"critical": "紧急", "major": "重要", "minor": "一般", "info": "提示"}
CHANGE = {"opened": "新增", "reopened": "复发", "still": "持续", "resolved": "已消除"}
KIND = {
    "daily": "巡检日报",
    "weekly": "巡检周报",
    "key_period": "重要时期保障巡检报告",
    "drill": "应急演练记录",
}
GROUP = {
    "agents": "采集端",
    "data": "数据完整性",
    "load": "资源负荷",
    "storage": "存储",
    "network": "网络",
    "policy": "用量研判",
    "self": "平台自身",
    "": "步骤",
}
STATE = {"running": "进行中", "done": "已完成", "failed": "失败", "died": "中断"}


@dataclass(frozen=True)
class ReportData:
    """Everything the report says. ``findings`` are not hidden, resolved ones last."""

    title: str
    detail: RunDetail
    findings: list[SeenFinding]
    generated: datetime
    zone: ZoneInfo

    @property
    def file_name(self) -> str:
        run = self.detail.run
        return f"patrol-{run.plan}-{run.started.astimezone(self.zone):%Y%m%d-%H%M}"


def collect(
    session: Session, scope: Scope, run_id: int, now: datetime, zone: ZoneInfo
) -> ReportData:
    """Reads what the report is made of. Raises NotFound."""
    detail = views.get_run(session, scope, run_id, now)
    title = KIND.get(detail.run.kind, "巡检报告")
    return ReportData(
        title=f"{detail.run.unit_name or '政务云'}{title}",
        detail=detail,
        findings=list(_all(session, scope, run_id, now)),
        generated=now,
        zone=zone,
    )


def _all(session: Session, scope: Scope, run_id: int, now: datetime) -> Iterator[SeenFinding]:
    page = 1
    while True:
        items, total = views.run_findings(session, scope, run_id, now, page=page, size=5_000)
        yield from items
        if page * 5_000 >= total:
            return
        page += 1


def render(data: ReportData, form: str) -> bytes:
    """The file in one of MEDIA."""
    if form == "json":
        return _json(data)
    if form == "xlsx":
        return _xlsx(data)
    page = _html(data)
    if form == "pdf":
        # Loads slowly and is needed seldom.
        from weasyprint import HTML  # noqa: PLC0415

        pdf: bytes = HTML(string=page).write_pdf()
        return pdf
    return page.encode()


def _json(data: ReportData) -> bytes:
    document = {
        "title": data.title,
        "generated": data.generated.isoformat(),
        **data.detail.model_dump(mode="json"),
        "findings": [each.model_dump(mode="json") for each in data.findings],
    }
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def _html(data: ReportData) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def moment(at: datetime | None) -> str:
        return "" if at is None else f"{at.astimezone(data.zone):%Y-%m-%d %H:%M}"

    environment.filters["moment"] = moment
    text = files("controller.patrol").joinpath("report.html").read_text("utf-8")
    standing = [each for each in data.findings if each.change != "resolved"]
    gone = [each for each in data.findings if each.change == "resolved"]
    return environment.from_string(text).render(
        title=data.title,
        run=data.detail.run,
        checks=data.detail.checks,
        formula=data.detail.formula,
        definition={"conclusion": "", **data.detail.definition},
        check_title=defaultdict(str, _check_titles()),
        standing=standing[:MOST_PRINTED],
        standing_total=len(standing),
        gone=gone[:MOST_PRINTED],
        gone_total=len(gone),
        generated=data.generated,
        severity=SEVERITY,
        change=CHANGE,
        group=GROUP,
        state=STATE,
        remedy={check.id: check.remedy_zh for check in plans.catalogue().values()},
    )


_PART_FIGURES = ("weight", "judged", "findings", "impact", "share_pct", "deduction")

_HEADS = (
    "级别", "变化", "问题", "对象", "单位", "检查项",
    "首次发现", "责任人", "处理建议", "证据", "上次证据",
)  # fmt: skip


def _check_titles() -> dict[str, str]:
    return {check.id: check.title_zh for check in plans.catalogue().values()}


def _xlsx(data: ReportData) -> bytes:
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    run = data.detail.run
    with xlsxwriter.Workbook(out, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#EDF3FC", "bottom": 1})
        big = book.add_format({"bold": True, "font_size": 14})
        sheet = book.add_worksheet("概况")
        sheet.write(0, 0, data.title, big)
        for number, (name, value) in enumerate(_facts(data), 2):
            sheet.write(number, 0, name)
            sheet.write(number, 1, value)
        sheet.set_column(0, 0, 16)
        sheet.set_column(1, 1, 60)
        _table(
            book.add_worksheet("问题"),
            head,
            _HEADS,
            [_line(each, data.zone) for each in data.findings],
        )
        _table(
            book.add_worksheet("检查项"),
            head,
            ("分组", "检查项", "检查对象数", "问题数", "未能判断", "耗时（秒）", "说明"),
            [
                (
                    GROUP.get(each.group, each.group),
                    each.title_zh,
                    each.judged,
                    each.findings,
                    each.unjudged,
                    each.seconds,
                    each.error or each.note_zh,
                )
                for each in data.detail.checks
            ],
        )
        _table(
            book.add_worksheet("评分"),
            head,
            ("检查项", "权重", "检查对象数", "问题数", "折算问题数", "占比 %", "扣分"),
            [
                (
                    _check_titles().get(part["check"], part["check"]),
                    *(part[name] for name in _PART_FIGURES),
                )
                for part in data.detail.formula.get("parts", [])
            ],
        )
        book.set_properties({"title": data.title, "created": run.started.replace(tzinfo=None)})
    return out.getvalue()


def _facts(data: ReportData) -> list[tuple[str, str | float | int]]:
    run = data.detail.run

    def moment(at: datetime | None) -> str:
        return f"{at.astimezone(data.zone):%Y-%m-%d %H:%M}" if at else ""

    facts: list[tuple[str, str | float | int]] = [
        ("方案", f"{run.title_zh} v{run.plan_version}"),
        ("范围", run.unit_name or "全市"),
        ("开始", moment(run.started)),
        ("结束", moment(run.finished)),
        ("得分", "" if run.score is None else run.score),
        ("上次得分", "" if run.previous_score is None else run.previous_score),
    ]
    facts += [(SEVERITY[name], run.counts.get(name, 0)) for name in SEVERITY]
    facts += [(CHANGE[name], run.counts.get(name, 0)) for name in CHANGE]
    facts += [
        ("值班签名", run.signed_by),
        ("签名时间", moment(run.signed)),
        ("备注", run.remark),
        ("生成时间", moment(data.generated)),
    ]
    return facts


def _line(each: SeenFinding, zone: ZoneInfo) -> tuple[str, ...]:
    check = plans.catalogue().get(each.code)
    return (
        SEVERITY.get(each.severity, each.severity),
        CHANGE.get(each.change, each.change),
        each.title_zh,
        each.subject_name or each.subject_key,
        each.unit_name,
        check.title_zh if check else each.code,
        f"{each.opened.astimezone(zone):%Y-%m-%d %H:%M}",
        each.assignee,
        check.remedy_zh if check else "",
        _words(each.code, each.detail),
        _words(each.code, each.before),
    )


def _words(code: str, detail: dict[str, Any] | None) -> str:
    """The evidence as one line of Chinese."""
    if not detail:
        return ""
    check = plans.catalogue().get(code)
    labels = {name: pair[0] for name, pair in check.evidence.items()} if check else {}
    return "；".join(
        f"{labels.get(name, name)} {value}"
        for name, value in detail.items()
        if value not in (None, "")
    )


def _table(sheet: Any, head: Any, heads: Any, rows: list[Any]) -> None:
    sheet.write_row(0, 0, heads, head)
    for number, row in enumerate(rows, 1):
        sheet.write_row(number, 0, row)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(rows)), len(heads) - 1)
    sheet.autofit(400)
