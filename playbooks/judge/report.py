"""Judgements as one document: JSON in the stable shape, and a text that says what to do first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from playbooks.judge.results import Judgement, Result, Severity, Status, Verdict, coverage, worst
from playbooks.judge.rules import UNVERIFIED_EN, UNVERIFIED_ZH, Rule

VERDICT_ZH = {
    Verdict.READY: "具备条件",
    Verdict.CONDITIONAL: "有条件具备",
    Verdict.NOT_READY: "不具备条件",
    Verdict.UNKNOWN: "无法判定",
}
SEVERITY_ZH = {
    Severity.BLOCKER: "阻断",
    Severity.MAJOR: "主要",
    Severity.MINOR: "次要",
    Severity.INFO: "信息",
}
STATUS_ZH = {
    Status.PASS: "通过",
    Status.FAIL: "不通过",
    Status.NOT_APPLICABLE: "不适用",
    Status.NOT_CHECKED: "未检查",
    Status.ERROR: "规则出错",
    Status.UNKNOWN: "无法判定",
    Status.INFORMATIONAL: "信息",
    Status.FIXED: "已整改",
}
_ORDER = list(Severity)


def totals(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The few numbers that a play prints: hosts by verdict, results by status, open blockers."""
    statuses = Counter(it.status.value for one in judgements for it in one.results)
    return {
        "verdict": worst(one.verdict for one in judgements).value,
        "coverage": _coverage(judgements),
        "hosts": len({one.asset for one in judgements}),
        "verdicts": dict(Counter(one.verdict.value for one in judgements)),
        "statuses": dict(statuses),
        "blockers": sum(len(open_results(one, Severity.BLOCKER)) for one in judgements),
    }


def as_document(judgements: Sequence[Judgement], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """`{"verdict", "coverage", "hosts": [{"host", "profile", "verdict", "results"}]}`; results
    carry title, area and whether the rule is verified besides the stable fields."""
    hosts = []
    for one in judgements:
        host = one.as_json()
        host["coverage"] = coverage(one.results)
        host["results"] = [_told(it, rules.get(it.rule)) for it in one.results]
        hosts.append(host)
    verdict = worst(one.verdict for one in judgements).value
    return {"verdict": verdict, "coverage": _coverage(judgements), "hosts": hosts}


def _told(result: Result, rule: Rule | None) -> dict[str, object]:
    shown = result.as_json()
    if rule:
        shown["area"] = rule.area
        shown["title"] = {"zh": rule.title_zh, "en": rule.title_en}
        shown["verified"] = rule.verified
    return shown


def _coverage(judgements: Iterable[Judgement]) -> float | None:
    return coverage(it for one in judgements for it in one.results)


def open_results(one: Judgement, severity: Severity) -> list[Result]:
    """Failures of this severity that nobody has accepted."""
    return [
        it
        for it in one.results
        if it.status is Status.FAIL and it.severity is severity and not it.waiver
    ]


def as_text(judgements: Sequence[Judgement], rules: Mapping[str, Rule], lang: str = "zh") -> str:
    """A report for a terminal: by host and profile, blockers first, then what was not checked."""
    chinese = lang == "zh"
    lines: list[str] = []
    for one in judgements:
        verdict = VERDICT_ZH[one.verdict] if chinese else one.verdict.value
        share = coverage(one.results)
        seen = "-" if share is None else f"{share:.0%}"
        lines.append(f"{one.asset}  {one.profile or '-'}  {verdict}  ({seen})")
        for severity in _ORDER[:3]:
            for it in open_results(one, severity):
                lines += _problem(it, rules[it.rule], chinese)
        lines += _unchecked(one, chinese)
        lines.append("")
    lines.append(_last_line(judgements, chinese))
    return "\n".join(lines) + "\n"


def _problem(it: Result, rule: Rule, chinese: bool) -> list[str]:
    label = SEVERITY_ZH[it.severity] if chinese else rule.severity
    title, fix = (rule.title_zh, rule.fix_zh) if chinese else (rule.title_en, rule.fix_en)
    lines = [f"  [{label}] {it.rule} {title}: {it.subject}"]
    lines += [f"      {seen.locator}  {_line(seen.excerpt)}" for seen in it.evidence[:2]]
    lines.append(f"      -> {fix}")
    if not rule.verified:
        lines.append(f"      {UNVERIFIED_ZH if chinese else UNVERIFIED_EN}")
    return lines


def _unchecked(one: Judgement, chinese: bool) -> list[str]:
    groups: dict[str, list[str]] = {}
    for it in one.results:
        if it.status in (Status.NOT_CHECKED, Status.ERROR, Status.UNKNOWN):
            groups.setdefault(f"{it.status.value}: {it.reason}", []).append(it.rule)
    word = "未判定" if chinese else "undecided"
    return [f"  ({word}) {reason}: {', '.join(names)}" for reason, names in sorted(groups.items())]


def _last_line(judgements: Sequence[Judgement], chinese: bool) -> str:
    sums = totals(judgements)
    verdict = Verdict(sums["verdict"])
    if chinese:
        word = VERDICT_ZH[verdict]
        return f"共 {sums['hosts']} 台主机：{word}；未关闭的阻断项 {sums['blockers']} 个"
    return f"{sums['hosts']} hosts: {verdict.value}; {sums['blockers']} open blockers"


def _line(text: str) -> str:
    return " ".join(text.split())[:160]
