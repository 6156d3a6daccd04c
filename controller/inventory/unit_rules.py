"""Which kind of unit may stand below which: the tree of a prefecture, as a table."""

from __future__ import annotations

from controller.said import Said, say

KIND_ZH = {
    "city": "市级",
    "department": "市直部门",
    "subordinate": "二级单位",
    "county": "县(市、区)",
    "county_department": "县直",
    "township": "乡镇",
    "village": "村(社区)",
    "vertical": "驻市垂管",
    "park": "园区",
    "enterprise": "国企",
    "unclaimed": "待认领",
}

TOP = ""
"""Stands for "no unit above"."""

PARENTS: dict[str, tuple[str, ...]] = {
    "city": (TOP,),
    "department": (TOP, "city"),
    "subordinate": ("department", "city", "county_department", "vertical", "park", "subordinate"),
    "county": (TOP, "city"),
    "county_department": ("county",),
    "township": ("county", "park"),
    "village": ("township",),
    "vertical": (TOP, "city", "county"),
    "park": (TOP, "city", "county"),
    "enterprise": (TOP, "city", "department", "county", "park", "enterprise"),
    "unclaimed": (TOP,),
}

BELOW: dict[str, str] = {
    TOP: "department",
    "city": "department",
    "department": "subordinate",
    "subordinate": "subordinate",
    "county": "county_department",
    "county_department": "subordinate",
    "township": "village",
    "vertical": "subordinate",
    "park": "subordinate",
    "enterprise": "enterprise",
}
"""What a unit most likely is whose kind nobody wrote, by the kind of its parent."""


def kind_zh(kind: str) -> str:
    return KIND_ZH.get(kind, kind)


def likely_kind(parent_kind: str | None) -> str:
    """The kind of a unit of which only the parent's kind (None: no parent) is known."""
    return BELOW.get(parent_kind or TOP, "department")


def check_place(kind: str, parent_kind: str | None) -> Said | None:
    """What is wrong with a unit of ``kind`` below one of ``parent_kind`` (None: at the top)."""
    allowed = PARENTS.get(kind)
    if allowed is None or (parent_kind or TOP) in allowed:
        return None
    en = " or ".join(each or "no unit (leave the parent empty)" for each in allowed)
    zh = "、".join(kind_zh(each) if each else "无上级" for each in allowed)
    if parent_kind is None:
        return say(
            f"a {kind} unit stands at the top, but belongs below {en}: name its parent",
            f"{kind_zh(kind)}不能没有上级，应隶属：{zh}；请填写上级单位",
        )
    return say(
        f"a {kind} unit stands below a {parent_kind} unit, but belongs below {en}: "
        "correct the parent or the kind",
        f"{kind_zh(kind)}不能隶属于{kind_zh(parent_kind)}，应隶属：{zh}；请更正上级单位或类型",
    )
