"""The report as one HTML file: opens anywhere, loads nothing, prints well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from playbooks.judge.report import SEVERITY_ZH, STATUS_ZH, VERDICT_ZH, totals
from playbooks.judge.results import Judgement, Result, Severity, Status, Verdict
from playbooks.judge.rules import UNVERIFIED_ZH, Rule

_STYLE = """
body{font:14px/1.6 "Noto Sans SC","Microsoft YaHei",sans-serif;max-width:1200px;margin:2rem auto;
padding:0 1rem;color:#1f2933}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #d9e2ec}
table{border-collapse:collapse;width:100%;margin:.6rem 0}
th,td{border:1px solid #d9e2ec;padding:.35rem .6rem;text-align:left;vertical-align:top}
th{background:#f0f4f8;white-space:nowrap}.B,.M,.m,.i,.state{white-space:nowrap}
code{word-break:break-all;font-size:12px}
.ready{color:#1b7f4b}.conditional{color:#b7791f}.not_ready{color:#c53030}.unknown{color:#52606d}
.B{color:#c53030;font-weight:600}.M{color:#b7791f}.note{color:#52606d;font-size:12px}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
"""


def as_html(judgements: Sequence[Judgement], rules: Mapping[str, Rule], title: str) -> str:
    """A whole document in Chinese; everything from hosts is escaped."""
    sums = totals(judgements)
    verdict = Verdict(sums["verdict"])
    share = sums["coverage"]
    parts = [
        "<!doctype html>",
        f'<html lang="zh-CN"><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
        f'<p>总体研判：<b class="{verdict.value}">{VERDICT_ZH[verdict]}</b>；'
        f"主机 {sums['hosts']} 台；未关闭的阻断项 {sums['blockers']} 个；"
        f"检查完整率 {'-' if share is None else f'{share:.0%}'}</p>",
        _first(judgements, rules),
        _matrix(judgements),
    ]
    parts += [_host(one, rules) for one in judgements]
    parts.append("</html>")
    return "\n".join(parts)


def _first(judgements: Sequence[Judgement], rules: Mapping[str, Rule]) -> str:
    """What to do first: open blockers by the number of hosts they stop."""
    hosts = Counter(
        rule
        for rule, _ in {
            (it.rule, one.asset)
            for one in judgements
            for it in one.results
            if _open(it) and it.severity is Severity.BLOCKER
        }
    )
    if not hosts:
        return "<h2>先做什么</h2><p>没有未关闭的阻断项。</p>"
    rows = "".join(
        f"<tr><td>{rule}</td><td>{escape(rules[rule].title_zh)}</td><td>{count}</td>"
        f"<td>{escape(rules[rule].fix_zh)}</td></tr>"
        for rule, count in sorted(hosts.items(), key=lambda it: (-it[1], it[0]))
    )
    return (
        "<h2>先做什么</h2><table><tr><th>规则</th><th>问题</th><th>涉及主机</th><th>整改</th></tr>"
        f"{rows}</table>"
    )


def _matrix(judgements: Sequence[Judgement]) -> str:
    profiles = sorted({one.profile for one in judgements})
    cells = {(one.asset, one.profile): one.verdict for one in judgements}
    head = "".join(f"<th>{escape(name or '-')}</th>" for name in profiles)
    rows = []
    for asset in sorted({one.asset for one in judgements}):
        shown = "".join(_cell(cells.get((asset, name))) for name in profiles)
        rows.append(f"<tr><td>{escape(asset)}</td>{shown}</tr>")
    return f"<h2>主机与目标环境</h2><table><tr><th>主机</th>{head}</tr>{''.join(rows)}</table>"


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "<td>-</td>"
    return f'<td class="{verdict.value}">{VERDICT_ZH[verdict]}</td>'


def _host(one: Judgement, rules: Mapping[str, Rule]) -> str:
    order = list(Severity)
    shown = sorted(
        (it for it in one.results if it.status not in (Status.PASS, Status.NOT_APPLICABLE)),
        key=lambda it: (
            it.status is not Status.FAIL,
            order.index(it.severity),
            it.rule,
            it.subject,
        ),
    )
    rows = "".join(_row(it, rules[it.rule]) for it in shown)
    verdict = VERDICT_ZH[one.verdict]
    return (
        f"<h2>{escape(one.asset)} · {escape(one.profile or '-')} · "
        f'<span class="{one.verdict.value}">{verdict}</span></h2>'
        "<table><tr><th>级别</th><th>规则</th><th>结果</th><th>对象与证据</th><th>整改</th></tr>"
        f"{rows}</table>"
    )


def _row(it: Result, rule: Rule) -> str:
    evidence = "<br>".join(
        f"<code>{escape(seen.locator)}</code> <code>{escape(seen.excerpt[:300])}</code>"
        for seen in it.evidence[:3]
    )
    note = "" if rule.verified else f'<div class="note">{UNVERIFIED_ZH}</div>'
    state = STATUS_ZH[it.status] + ("（已接受风险）" if it.waiver else "")
    fix = escape(rule.fix_zh) if it.status is Status.FAIL else escape(it.reason)
    return (
        f'<tr><td class="{it.severity.value}">{SEVERITY_ZH[it.severity]}</td>'
        f"<td>{it.rule}<br>{escape(rule.title_zh)}</td>"
        f'<td class="state">{state}</td>'
        f"<td>{escape(it.subject)}<br>{evidence}</td><td>{fix}{note}</td></tr>"
    )


def _open(it: Result) -> bool:
    return it.status is Status.FAIL and not it.waiver
