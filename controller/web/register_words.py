"""The words of the registers: levels, clouds, Xinchuang, steps, purposes, processors, kinds."""

from __future__ import annotations

from collections.abc import Mapping

from controller.inventory.systems import SystemRecordView, cloud_state
from controller.web.language import Text
from controller.web.pages.register_parts import Cell


def level(number: int | None, _: Text) -> str:
    """An 等保 level."""
    words = {1: _("一级"), 2: _("二级"), 3: _("三级"), 4: _("四级"), 5: _("五级")}
    return words.get(number or 0, "")


def clouds(_: Text) -> dict[str, str]:
    """Where a system runs, and whether it should."""
    return {
        "on": _("已上云"),
        "should": _("应上未上"),
        "off": _("无需上云"),
        "unknown": _("未登记"),
    }


def cloud(system: SystemRecordView, _: Text) -> Cell:
    """A system's place as a cell."""
    state = cloud_state(system)
    tone = {"on": "good", "should": "warn"}.get(state, "")
    return Cell(clouds(_)[state], tone=tone)


def layers(_: Text) -> dict[str, str]:
    """The layers that Xinchuang adaptation is counted by."""
    return {
        "cpu": "CPU",
        "os": _("操作系统"),
        "database": _("数据库"),
        "middleware": _("中间件"),
        "application": _("应用"),
    }


def layer_state(state: str, _: Text) -> Cell:
    """The state of one layer."""
    words = {
        "done": _("已完成"),
        "adapting": _("适配中"),
        "planned": _("已计划"),
        "none": _("未开展"),
        "not_needed": _("不涉及"),
    }
    tone = {"done": "good", "adapting": "warn", "none": "bad"}.get(state, "")
    return Cell(words.get(state, _("未登记")), tone=tone)


def done_layers(states: Mapping[str, str]) -> int:
    """How many layers are done or need nothing."""
    return sum(state in ("done", "not_needed") for state in states.values())


def xinchuang(states: Mapping[str, str], _: Text) -> str:
    """``3/5 层``; nothing where nothing is known."""
    return _("{n}/5 层", n=done_layers(states)) if states else ""


def step(state: str, _: Text) -> Cell:
    """How far an application is."""
    words = {
        "applied": _("待批复"),
        "approved": _("待开通"),
        "delivered": _("已开通"),
        "expired": _("已到期"),
    }
    tone = {"delivered": "good", "expired": "bad"}.get(state, "warn")
    return Cell(words.get(state, state), tone=tone)


def purpose(code: str, _: Text) -> str:
    """What an allocation is for."""
    return {"production": _("生产"), "test": _("测试"), "emergency": _("应急")}.get(code, code)


def arch(code: str, _: Text) -> str:
    """A processor family."""
    words = {
        "x86": "x86",
        "kunpeng": _("鲲鹏"),
        "phytium": _("飞腾"),
        "hygon": _("海光"),
        "loongson": _("龙芯"),
        "sunway": _("申威"),
        "zhaoxin": _("兆芯"),
        "other": _("其他"),
    }
    return words.get(code, code)


def unit_kind(code: str, _: Text) -> str:
    """The kind of a unit."""
    words = {
        "city": _("市级"),
        "department": _("市直部门"),
        "subordinate": _("二级单位"),
        "county": _("县（市、区）"),
        "county_department": _("县直"),
        "township": _("乡镇"),
        "village": _("村（社区）"),
        "vertical": _("驻市垂管"),
        "park": _("园区"),
        "enterprise": _("国企"),
        "unclaimed": _("待认领"),
    }
    return words.get(code, code)


def change_kind(code: str, _: Text) -> str:
    """What happened to units."""
    words = {
        "merge": _("合并"),
        "split": _("拆分"),
        "rename": _("更名"),
        "move": _("调整隶属"),
    }
    return words.get(code, code)


def claim_state(state: str, _: Text) -> Cell:
    """What became of a claim."""
    words = {
        "open": _("待审批"),
        "approved": _("已批准"),
        "refused": _("已驳回"),
        "withdrawn": _("已撤回"),
    }
    tone = {"open": "warn", "approved": "good", "refused": "bad"}.get(state, "")
    return Cell(words.get(state, state), tone=tone)
