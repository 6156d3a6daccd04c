"""The steps of a move: their order, what each needs, and what blocks it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.moves.model import Blocker, StepView
from controller.moves.tables import STEPS

WAITS_LONG = timedelta(days=10)
"""A unit that has not answered for this long is named as what blocks the sign-off."""

OVER = ("done", "skipped")
ONLY_UNIT = ("sign_off",)
"""Steps that only the unit itself may end."""

NAMES = {
    "addresses": ("地址申请", "address application"),
    "parallel": ("并行运行", "parallel run"),
    "cutover": ("割接", "cut-over"),
    "sign_off": ("单位确认", "the unit's sign-off"),
    "line_retired": ("专线退租", "line retired"),
}


@dataclass(frozen=True)
class PlanState:
    """What the steps need to know of the project's newest plan."""

    state: str
    blocking: int
    """Faults that must be mended."""
    window_from: datetime | None
    window_until: datetime | None


def current_step(steps: Mapping[str, StepView]) -> str:
    """The first step that is not over; "" when all are."""
    return next((name for name in STEPS if steps[name].state not in OVER), "")


def refuse_change(steps: Mapping[str, StepView], step: str, state: str) -> str:
    """Why the step may not go to ``state`` now; "" where it may. In English, for the API."""
    if state in ("doing", "done"):
        for earlier in STEPS[: STEPS.index(step)]:
            if steps[earlier].state not in OVER:
                return f"{NAMES[earlier][1]} comes first and is {steps[earlier].state}"
    if state == "waiting":
        for later in STEPS[STEPS.index(step) + 1 :]:
            if steps[later].state in ("doing", "done"):
                return f"{NAMES[later][1]} is {steps[later].state} already: take that back first"
    if step in ONLY_UNIT and state in OVER:
        return "only the unit itself signs off"
    return ""


def blockers(
    steps: Mapping[str, StepView],
    step: str,
    plan: PlanState | None,
    hosts: int | None,
    now: datetime,
) -> list[Blocker]:
    """What keeps ``step`` (the one that is due) from going on, the gravest first."""
    view = steps[step]
    found: list[Blocker] = []
    if view.blocked_by:
        found.append(Blocker(kind="said", zh=view.blocked_by, en=view.blocked_by))
    if step in ("parallel", "cutover"):
        found += _plan_blockers(plan, step, now)
    if step == "cutover" and hosts and view.state == "doing" and (view.hosts_done or 0) < hosts:
        left = hosts - (view.hosts_done or 0)
        found.append(
            Blocker(kind="hosts_left", zh=f"还有 {left} 台主机未割接", en=f"{left} hosts left")
        )
    if step == "cutover" and hosts and view.state == "doing" and (view.hosts_done or 0) >= hosts:
        found.append(
            Blocker(
                kind="hosts_over",
                zh=f"{hosts} 台主机已全部割接，核对后请点“完成”",
                en=f"all {hosts} hosts are over: look at them and say that the step is done",
            )
        )
    if step == "sign_off":
        since = steps["cutover"].finished
        days = (now - since).days if since else 0
        found.append(
            Blocker(
                kind="waits_for_unit",
                zh=f"等待单位确认，已 {days} 天" if days else "等待单位确认",
                en=f"waits for the unit, {days} days" if days else "waits for the unit",
            )
        )
    if view.planned is not None and view.planned < now and view.state not in OVER:
        days = (now - view.planned).days
        found.append(
            Blocker(kind="late", zh=f"已超计划日期 {days} 天", en=f"{days} days behind the plan")
        )
    return found


PLAN_WORDS = {
    "refused": ("plan_refused", "方案被退回", "the plan was refused"),
    "submitted": ("plan_waits", "方案待审批", "the plan waits for approval"),
    "draft": ("plan_draft", "方案尚未提交审批", "the plan is a draft"),
}


def _plan_blockers(plan: PlanState | None, step: str, now: datetime) -> list[Blocker]:
    if plan is None or plan.state == "withdrawn":
        return [Blocker(kind="no_plan", zh="尚无割接方案", en="there is no cut-over plan yet")]
    if plan.blocking:
        zh, en = (
            f"方案有 {plan.blocking} 处错误待更正",
            f"{plan.blocking} faults of the plan to mend",
        )
        return [Blocker(kind="plan_faults", zh=zh, en=en)]
    if step == "cutover" and plan.state in PLAN_WORDS:
        kind, zh, en = PLAN_WORDS[plan.state]
        return [Blocker(kind=kind, zh=zh, en=en)]
    if step == "cutover" and plan.window_until is not None and plan.window_until < now:
        return [Blocker(kind="window_over", zh="割接窗口已过", en="the window is over")]
    return []


def is_late(steps: Sequence[StepView], planned_end: datetime | None, now: datetime) -> bool:
    """Whether the project or a step of it is behind its plan."""
    if planned_end is not None and planned_end < now:
        return any(step.state not in OVER for step in steps)
    return any(
        step.planned is not None and step.planned < now and step.state not in OVER for step in steps
    )
