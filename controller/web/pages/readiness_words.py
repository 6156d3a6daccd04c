"""The words of readiness: kinds, verdicts, states, letters of the grid, target profiles."""

from __future__ import annotations

from functools import cache

from controller.readiness import judging
from controller.web.language import Text
from playbooks.judge.profiles import load_profiles
from playbooks.judge.rules import Rule


def project_kind(code: str, _: Text) -> str:
    words = {
        "migration": _("上云迁移"),
        "network": _("迁网"),
        "xinchuang": _("信创适配"),
        "ipv6": "IPv6",
    }
    return words.get(code, code)


def verdict(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a verdict."""
    words = {
        "ready": ("good", _("具备条件")),
        "conditional": ("warn", _("有条件具备")),
        "not_ready": ("bad", _("不具备条件")),
        "unknown": ("", _("无法判定")),
        "": ("", _("尚未研判")),
    }
    return words.get(code, ("", code))


def run_kind(code: str, _: Text) -> str:
    words = {
        "check": _("检查"),
        "judge": _("仅研判"),
        "enable_ipv6": _("启用 IPv6"),
        "inspect": _("查看现状"),
        "cutover": _("割接"),
        "rollback": _("回退"),
    }
    return words.get(code, code)


def run_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a run's state."""
    words = {
        "queued": ("", _("排队中")),
        "running": ("", _("运行中")),
        "done": ("good", _("已完成")),
        "failed": ("bad", _("失败")),
        "canceled": ("warn", _("已取消")),
        "unknown": ("bad", _("结果不明")),
    }
    return words.get(code, ("", code))


def host_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a host within a run."""
    words = {
        "waiting": ("", _("等待")),
        "running": ("", _("进行中")),
        "ok": ("good", _("完成")),
        "failed": ("bad", _("失败")),
        "unreachable": ("bad", _("无法连接")),
        "unknown": ("warn", _("结果不明")),
    }
    return words.get(code, ("", code))


def found(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of what an inspection found."""
    words = {
        "pending": ("", _("正在查看现状")),
        "untouched": ("good", _("未作变更")),
        "changed": ("warn", _("已变更")),
        "confirmed": ("good", _("已确认")),
        "rolled_back": ("warn", _("已回退")),
        "armed": ("warn", _("待自动回退")),
        "rollback_unverified": ("bad", _("已回退，未核实")),
        "needs_hands": ("bad", _("需人工处理")),
        "unreachable": ("bad", _("无法连接")),
    }
    return words.get(code, ("", code))


def stage(name: str, _: Text) -> str:
    """A stage of a run; the names are those of the playbooks."""
    words = {
        "采集": _("采集"),
        "研判": _("研判"),
        "变更": _("变更"),
        "汇总": _("汇总"),
        "查看": _("查看"),
        "检查": _("检查"),
        "备份": _("备份"),
        "定时回退": _("定时回退"),
        "等待": _("等待"),
        "验证": _("验证"),
        "确认": _("确认"),
        "固化": _("固化"),
        "结论": _("结论"),
        "回退": _("回退"),
    }
    return words.get(name, name)


def letter(sign: str, _: Text) -> tuple[str, str, str]:
    """(tone, sign shown, meaning) of a letter of the grid."""
    words = {
        "F": ("bad", "✗", _("不通过")),
        "W": ("warn", "◇", _("已接受风险")),
        "E": ("warn", "!", _("规则出错")),
        "U": ("", "?", _("无法判定")),
        "N": ("", "–", _("未检查")),
        "I": ("", "i", _("信息")),
        "P": ("good", "✓", _("通过")),
        "-": ("none", "·", _("不适用")),
    }
    return words.get(sign, ("", sign, ""))


def severity(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a severity, by name or by letter."""
    words = {
        "blocker": ("bad", _("阻断")),
        "major": ("warn", _("主要")),
        "minor": ("", _("次要")),
        "info": ("", _("信息")),
    }
    return words[{"B": "blocker", "M": "major", "m": "minor", "i": "info"}.get(code, code)]


def change(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a difference between two runs."""
    words = {
        "new": ("bad", _("新增")),
        "fixed": ("good", _("已整改")),
        "still_open": ("warn", _("仍未关闭")),
        "lost_sight": ("", _("失去跟踪")),
    }
    return words[code]


def layer(code: str, _: Text) -> str:
    words = {
        "cpu": "CPU",
        "os": _("操作系统"),
        "database": _("数据库"),
        "middleware": _("中间件"),
        "application": _("应用"),
    }
    return words.get(code, code)


def layer_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a class of a system."""
    words = {
        "ready": ("good", _("已适配")),
        "not_ready": ("bad", _("未适配")),
        "unknown": ("", _("未判定")),
        "none": ("none", _("未知")),
    }
    return words.get(code, ("", code))


def product_kind(code: str, _: Text) -> str:
    words = {
        "cpu": _("处理器"),
        "os": _("操作系统"),
        "database": _("数据库"),
        "middleware": _("中间件"),
        "office": _("办公软件"),
        "other": _("其他"),
    }
    return words.get(code, code)


def product_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a product on, or not on, the list."""
    words = {
        "valid": ("good", _("有效")),
        "expiring": ("warn", _("即将到期")),
        "expired": ("bad", _("已到期")),
        "undated": ("", _("未注明有效期")),
        "not_listed": ("warn", _("名录中未找到")),
        "not_covered": ("", _("名录不含此类产品")),
    }
    return words.get(code, ("", code))


def decision(code: str, _: Text) -> tuple[str, str]:
    words = {
        "approved": ("good", _("已批准")),
        "refused": ("bad", _("未批准")),
        "lapsed": ("warn", _("主机或登录方式已变更，待重新审批")),
        "": ("", _("待审批")),
    }
    return words.get(code, ("", code))


@cache
def _profiles() -> dict[str, tuple[str, str]]:
    return {key: (one.title_zh, one.title_en) for key, one in load_profiles().items()}


def profile(code: str, language: str, _: Text) -> str:
    """A target profile's title; none is judged without a target."""
    if not code:
        return _("不限目标")
    pair = _profiles().get(code, (code, code))
    return pair[1] if language == "en" else pair[0]


def profiles(language: str) -> list[tuple[str, str]]:
    """(id, title) of every target profile."""
    place = 1 if language == "en" else 0
    return [(key, pair[place]) for key, pair in _profiles().items()]


def rule_title(rule: Rule, language: str) -> str:
    return rule.title_en if language == "en" else rule.title_zh


def rule_fix(rule: Rule, language: str) -> str:
    return rule.fix_en if language == "en" else rule.fix_zh


def title_of(name: str, language: str) -> str:
    """A rule's title by its id; the id where the release has no such rule any more."""
    rule = judging.catalogue().get(name)
    return rule_title(rule, language) if rule else name
