"""The words of 迁网: steps, states, dispositions, kinds of networks, and the tabs of its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends

from controller.moves.model import Blocker
from controller.web.language import Text
from controller.web.pages.register_parts import Cell
from controller.web.shell import Area
from controller.web.view import View, opened

MovesView = Annotated[View, Depends(opened("moves.read"))]
MovesWriter = Annotated[View, Depends(opened("moves.write"))]
MovesSigner = Annotated[View, Depends(opened("moves.sign"))]
MovesApprover = Annotated[View, Depends(opened("moves.approve"))]


def tabs(_: Text) -> tuple[Area, ...]:
    """The pages of 迁网."""
    return (
        Area("projects", _("迁网项目"), "/moves", "layout-dashboard"),
        Area("networks", _("单位专网"), "/moves/networks", "world"),
        Area("plans", _("割接方案"), "/moves/plans", "file-text"),
        Area("cutovers", _("割接"), "/cutovers", "history"),
        Area("graph", _("依赖关系"), "/moves/graph", "arrows-exchange"),
    )


def steps(_: Text) -> dict[str, str]:
    """The steps of a move, in order."""
    return {
        "addresses": _("地址申请"),
        "parallel": _("并行运行"),
        "cutover": _("割接"),
        "sign_off": _("单位确认"),
        "line_retired": _("专线退租"),
    }


def step_state(state: str, _: Text) -> Cell:
    """How far a step is."""
    words = {
        "waiting": _("未开始"),
        "doing": _("进行中"),
        "done": _("已完成"),
        "skipped": _("不涉及"),
    }
    tone = {"doing": "warn", "done": "good"}.get(state, "")
    return Cell(words.get(state, state), tone=tone)


def project_state(state: str, _: Text) -> Cell:
    """Whether a project goes on."""
    words = {"open": _("进行中"), "done": _("已完成"), "cancelled": _("已取消")}
    return Cell(words.get(state, state), tone={"done": "good", "open": "warn"}.get(state, ""))


def dispositions(_: Text) -> dict[str, str]:
    """What is to become of an own network."""
    return {"migrate": _("迁移"), "merge": _("撤并"), "keep": _("保留"), "none": _("待定")}


def network_kinds(_: Text) -> dict[str, str]:
    """What an own network is for."""
    return {
        "business": _("业务专网"),
        "office": _("办公网"),
        "video": _("视频网"),
        "iot": _("物联网"),
        "other": _("其他"),
    }


def plan_state(state: str, _: Text) -> Cell:
    """How far a plan is."""
    words = {
        "draft": _("草稿"),
        "submitted": _("待审批"),
        "approved": _("已批准"),
        "refused": _("已退回"),
        "withdrawn": _("已撤回"),
    }
    tone = {"approved": "good", "refused": "bad", "submitted": "warn"}.get(state, "")
    return Cell(words.get(state, state), tone=tone)


def events(_: Text) -> dict[str, str]:
    """What happened to a project."""
    return {
        "created": _("立项"),
        "step": _("步骤更新"),
        "signed": _("单位确认"),
        "refused": _("单位退回"),
        "plan": _("割接方案"),
        "done": _("项目完成"),
        "cancelled": _("取消项目"),
        "reopened": _("恢复项目"),
    }


def blocker(each: Blocker, english: bool) -> str:
    """What blocks, in the reader's language; what people wrote stays as written."""
    return each.en if english else each.zh


def fields(_: Text) -> Mapping[str, str]:
    """The fields of a step that its history names."""
    return {
        "state": _("状态"),
        "who": _("责任人"),
        "planned": _("计划日期"),
        "blocked_by": _("阻碍"),
        "reference": _("文号"),
        "hosts_done": _("已割接主机"),
    }


def end_kinds(_: Text) -> dict[str, str]:
    """What another unit's end of a connection is called."""
    return {
        "vm": _("其他单位的云主机"),
        "database": _("其他单位的数据库"),
        "physical": _("其他单位的物理机"),
        "network": _("其他单位的专网"),
        "resource": _("其他单位的资源"),
        "internet": _("互联网"),
    }
