"""The words of findings and patrol, and evidence as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from controller.ipv6.index import indicator_title
from controller.patrol import plans
from controller.web import figures
from controller.web.language import Text


def severity(code: str, _: Text) -> tuple[str, str]:
    """(tone, word)."""
    words = {
        "critical": ("bad", _("紧急")),
        "major": ("bad", _("重要")),
        "minor": ("warn", _("一般")),
        "info": ("", _("提示")),
    }
    return words.get(code, ("", code))


def state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a finding's state."""
    words = {
        "open": ("warn", _("待确认")),
        "acknowledged": ("", _("处理中")),
        "resolved": ("good", _("已消除")),
    }
    return words.get(code, ("", code))


def run_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a run's state."""
    words = {
        "running": ("", _("进行中")),
        "done": ("good", _("已完成")),
        "failed": ("bad", _("失败")),
        "died": ("bad", _("中断")),
    }
    return words.get(code, ("", code))


def change(code: str, _: Text) -> str:
    """What became of a finding between two runs."""
    words = {
        "opened": _("新增"),
        "reopened": _("复发"),
        "still": _("持续"),
        "resolved": _("已消除"),
    }
    return words.get(code, code)


def kind(code: str, _: Text) -> str:
    """A plan's kind."""
    words = {
        "daily": _("每日"),
        "weekly": _("每周"),
        "key_period": _("重要时期保障"),
        "drill": _("应急演练"),
    }
    return words.get(code, code)


def group(code: str, _: Text) -> str:
    """Where a check belongs."""
    words = {
        "agents": _("采集端"),
        "data": _("数据完整性"),
        "load": _("资源负荷"),
        "storage": _("存储"),
        "network": _("网络"),
        "policy": _("用量研判"),
        "self": _("平台自身"),
        "": _("步骤"),
    }
    return words.get(code, code)


def happened(code: str, _: Text) -> str:
    """What an event in a finding's life was."""
    words = {
        "opened": _("发现"),
        "reopened": _("再次出现"),
        "severity": _("级别变化"),
        "acknowledged": _("确认"),
        "assigned": _("指派"),
        "handed_over": _("交接"),
        "note": _("备注"),
        "resolved": _("消除"),
    }
    return words.get(code, code)


def source(code: str, _: Text) -> str:
    """Who found it."""
    words = {
        "patrol": _("巡查"),
        "snmp": _("网络设备"),
        "ipv6": _("IPv6 检测"),
        "ledger": _("台账对账"),
    }
    if code.startswith("patrol:"):
        return _("巡查方案 {name}", name=code.removeprefix("patrol:"))
    return words.get(code, code)


REMEDY = {"zh": "remedy_zh", "en": "remedy_en"}
"""Where a capability beside patrol puts what helps, in a finding's detail."""


def remedy(code: str, detail: Mapping[str, Any], language: str) -> str:
    """What helps against a finding; "" where nobody said."""
    check = plans.catalogue().get(code)
    if check is not None:
        return check.remedy_en if language == "en" else check.remedy_zh
    return str(detail.get(REMEDY.get(language, "remedy_zh")) or "")


def check_title(code: str, language: str) -> str:
    """A finding's code as its check is called; other capabilities' codes stay as they are."""
    check = plans.catalogue().get(code)
    if check is None:
        return indicator_title(code, language)
    return check.title_en if language == "en" else check.title_zh


@dataclass(frozen=True)
class Evidence:
    """One figure: what it is, now, and at the run before ("" where that is not known)."""

    label: str
    value: str
    before: str = ""


def evidence(
    code: str,
    detail: Mapping[str, Any],
    language: str,
    zone: ZoneInfo,
    before: Mapping[str, Any] | None = None,
) -> list[Evidence]:
    """The evidence in the order of the check, then what else there is."""
    check = plans.catalogue().get(code)
    labels = check.evidence if check else {}
    names = [name for name in labels if name in detail]
    names += [name for name in detail if name not in labels and name not in REMEDY.values()]
    side = 1 if language == "en" else 0
    found = []
    for name in names:
        if detail[name] in (None, ""):
            continue
        label = labels[name][side] if name in labels else name
        # A percentage is read after its figure: "使用率 97 %", not "使用率 % 97".
        unit = " %" if label.endswith(" %") else ""
        then = _shown(before.get(name), zone) + unit if before else ""
        found.append(Evidence(label.removesuffix(" %"), _shown(detail[name], zone) + unit, then))
    return found


def _shown(value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, str) and "T" in value:
        try:
            return figures.moment(datetime.fromisoformat(value), zone)
        except ValueError:
            return value
    return str(value)


def subject_link(subject_kind: str, subject_key: str, detail: Mapping[str, Any]) -> str:
    """The page of what the finding is about; "" where it has none."""
    if subject_kind == "ipv6_site":
        return f"/ipv6/sites/{quote(subject_key, safe='')}"
    code = subject_key if subject_kind == "resource" else str(detail.get("resource") or "")
    if code:
        return f"/resources/{quote(code, safe='')}"
    if subject_kind == "agent":
        return "/agents"
    return ""
