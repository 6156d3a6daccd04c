"""The workbook of a project's report: everything that the paper cuts short."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xlsxwriter

from controller.readiness import tally, words
from controller.readiness.reasons import in_chinese
from playbooks.judge.results import Status

if TYPE_CHECKING:
    from controller.readiness.report import ReportData

MOST_CELL = 2000
"""Characters of an excerpt in a cell."""


def workbook(data: ReportData) -> bytes:
    """概况, 先做什么, 矩阵, 问题, 未判定, 已接受风险."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#EDF3FC", "bottom": 1})
        big = book.add_format({"bold": True, "font_size": 14})
        sheet = book.add_worksheet("概况")
        sheet.write(0, 0, data.title, big)
        for number, (name, value) in enumerate(_facts(data), 2):
            sheet.write(number, 0, name)
            sheet.write(number, 1, value)
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 70)
        _table(book.add_worksheet("先做什么"), head, _FIRST, _first(data))
        profiles = tally.profiles_of(data.rows)
        identity = {each.name: each for each in data.hosts}
        _table(
            book.add_worksheet("主机与目标环境"),
            head,
            ("主机", "处理器", "操作系统", "业务系统", *(each or "不限" for each in profiles)),
            [
                (
                    host,
                    identity[host].cpu if host in identity else "",
                    identity[host].os if host in identity else "",
                    identity[host].system if host in identity else "",
                    *(
                        words.VERDICT.get(found[each].verdict, "") if each in found else ""
                        for each in profiles
                    ),
                )
                for host, found in tally.by_host(data.rows).items()
            ],
        )
        _table(book.add_worksheet("问题"), head, _PROBLEMS, _problems(data))
        _table(book.add_worksheet("未判定"), head, _OPEN, _open(data))
        _table(
            book.add_worksheet("已接受风险"),
            head,
            ("编号", "规则", "主机", "原因", "责任人", "批准人", "到期"),
            [
                (
                    each.id, each.rule or each.fingerprint[:12],
                    "、".join(each.hosts) or "全部",
                    each.reason, each.owner, each.approved_by,
                    f"{each.expires.astimezone(data.zone):%Y-%m-%d}",
                )
                for each in data.waivers
            ],
        )  # fmt: skip
        book.set_properties({"title": data.title, "created": data.generated.replace(tzinfo=None)})
    return out.getvalue()


_FIRST = (
    "级别",
    "规则",
    "问题",
    "涉及主机数",
    "主机",
    "目标环境",
    "预计工时（小时）",
    "整改",
    "依据",
)
_PROBLEMS = (
    "主机", "目标环境", "级别", "规则", "问题", "结果", "对象", "证据位置", "证据", "整改", "指纹",
)  # fmt: skip
_OPEN = ("主机", "目标环境", "级别", "规则", "问题", "状态", "原因")


def _facts(data: ReportData) -> list[tuple[str, str | int]]:
    share = data.share
    return [
        ("项目", data.project.name),
        ("类别", words.KIND.get(data.project.kind, data.project.kind)),
        ("单位", "、".join(data.project.unit_names) or "全市"),
        ("总体研判", words.VERDICT[tally.overall(data.rows).value]),
        ("主机", len(data.hosts)),
        ("未关闭的阻断项", sum(len(each.hosts) for each in data.blockers)),
        ("检查完整率", "" if share is None else f"{share:.0%}"),
        ("来源", f"第 {data.run.id} 次运行" if data.run else "各主机最近一次研判"),
        ("生成时间", f"{data.generated.astimezone(data.zone):%Y-%m-%d %H:%M}"),
    ]


def _first(data: ReportData) -> list[tuple[Any, ...]]:
    return [
        (
            words.SEVERITY[each.rule.severity], each.rule.id, each.rule.title_zh, len(each.hosts),
            "、".join(sorted(each.hosts))[:MOST_CELL], "、".join(sorted(each.profiles)),
            each.hours or "", each.rule.fix_zh,
            each.rule.source + ("" if each.rule.verified else "（一般经验，未经核实）"),
        )
        for each in (*data.blockers, *data.majors)
    ]  # fmt: skip


def _problems(data: ReportData) -> list[tuple[Any, ...]]:
    rows = []
    for one in data.judgements:
        for it in one.results:
            if it.status is not Status.FAIL:
                continue
            rule = data.rules.get(it.rule)
            rows.append(
                (
                    one.asset, one.profile, words.SEVERITY_LETTER[it.severity.value], it.rule,
                    rule.title_zh if rule else "", "已接受风险" if it.waiver else "不通过",
                    it.subject, "; ".join(each.locator for each in it.evidence)[:MOST_CELL],
                    "\n".join(each.excerpt for each in it.evidence)[:MOST_CELL],
                    rule.fix_zh if rule else "", it.fingerprint,
                )
            )  # fmt: skip
    return rows


def _open(data: ReportData) -> list[tuple[Any, ...]]:
    rows = []
    for one in data.judgements:
        if not one.results:
            rows.append(
                (
                    one.asset,
                    one.profile,
                    "",
                    "",
                    "",
                    "未采集",
                    in_chinese(one.notes.get("reason", "")),
                )
            )
        for it in one.results:
            if it.status in (Status.NOT_CHECKED, Status.UNKNOWN, Status.ERROR):
                rule = data.rules.get(it.rule)
                rows.append(
                    (
                        one.asset, one.profile, words.SEVERITY_LETTER[it.severity.value], it.rule,
                        rule.title_zh if rule else "", words.STATUS[it.status.value],
                        in_chinese(it.reason),
                    )
                )  # fmt: skip
    return rows


def _table(sheet: Any, head: Any, heads: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    sheet.write_row(0, 0, heads, head)
    for number, row in enumerate(rows, 1):
        sheet.write_row(number, 0, row)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(rows)), len(heads) - 1)
    sheet.autofit(400)
