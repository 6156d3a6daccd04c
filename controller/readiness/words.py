"""Chinese words of documents for offices; the pages have their own, in both languages."""

from __future__ import annotations

VERDICT = {
    "ready": "具备条件",
    "conditional": "有条件具备",
    "not_ready": "不具备条件",
    "unknown": "无法判定",
}
SEVERITY = {"blocker": "阻断", "major": "主要", "minor": "次要", "info": "信息"}
SEVERITY_LETTER = {"B": "阻断", "M": "主要", "m": "次要", "i": "信息"}
KIND = {"migration": "上云迁移", "network": "迁网", "xinchuang": "信创适配", "ipv6": "IPv6 支持度"}
STATUS = {
    "pass": "通过",
    "fail": "不通过",
    "not_applicable": "不适用",
    "not_checked": "未检查",
    "error": "规则出错",
    "unknown": "无法判定",
    "informational": "信息",
    "fixed": "已整改",
}
