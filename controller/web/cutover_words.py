"""Words of cut-overs as the pages show them."""

from __future__ import annotations

from controller.web.language import Text
from controller.web.shell import Tone


def host_state(state: str, _: Text, kind: str = "cutover") -> tuple[Tone | str, str]:
    """Tone and word of what a host said of itself in a run of this kind."""
    if kind == "rollback" and state == "confirmed":
        return "bad", _("仍在新地址")
    words: dict[str, tuple[str, str]] = {
        "waiting": ("", _("等待")),
        "running": ("info", _("进行中")),
        "untouched": ("", _("未变更")),
        "armed": ("warn", _("试运行中")),
        "confirmed": ("good", _("已割接")),
        "rolled_back": ("warn", _("已回退")),
        "rollback_unverified": ("bad", _("回退待核实")),
        "needs_hands": ("bad", _("需到场处理")),
        "unreachable": ("bad", _("无法连接")),
        "unknown": ("warn", _("待查看")),
    }
    return words.get(state, ("", state))


def run_state(state: str, _: Text) -> tuple[str, str]:
    """Tone and word of the run: how it ended, not what became of the hosts."""
    words = {
        "queued": ("", _("排队中")),
        "running": ("info", _("执行中")),
        "done": ("good", _("执行完毕")),
        "failed": ("warn", _("有主机未完成")),
        "canceled": ("warn", _("已取消")),
        "unknown": ("bad", _("未看到结束")),
    }
    return words.get(state, ("", state))


def stage(name: str, _: Text) -> str:
    """A stage's word, by its name in Chinese as runs keep it."""
    words = {
        "检查": _("检查"), "备份": _("备份"), "定时回退": _("定时回退"), "变更": _("变更"),
        "等待": _("等待新地址"), "验证": _("验证"), "确认": _("确认"), "固化": _("固化"),
        "结论": _("结论"),
    }  # fmt: skip
    return words.get(name, name)


def rollout_state(state: str, _: Text) -> tuple[str, str]:
    """Tone and word of what became of a host's agent."""
    words = {
        "waiting": ("", _("等待")),
        "running": ("info", _("进行中")),
        "upgraded": ("good", _("已升级")),
        "as_it_was": ("", _("保持原样")),
        "went_back": ("warn", _("已退回原版本")),
        "needs_hands": ("bad", _("需到场处理")),
        "unreachable": ("bad", _("无法连接")),
        "unknown": ("warn", _("待查看")),
    }
    return words.get(state, ("", state))


def rollout_stage(name: str, _: Text) -> str:
    """A stage's word, by its name in Chinese as runs keep it."""
    words = {
        "放行": _("放行"), "检查": _("检查"), "发送": _("发送与校验"), "注册": _("注册"),
        "切换": _("切换并等待心跳"), "结论": _("结论"),
    }  # fmt: skip
    return words.get(name, name)
