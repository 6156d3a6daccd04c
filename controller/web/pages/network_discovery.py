"""设备发现: ranges that may be scanned, scans with their progress, and what they propose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from controller.ingest import tasks, tasks_api
from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.network import credentials, discovery_api
from controller.network.discovery import SCAN_TASK
from controller.network.discovery_api import Approval, NewDiscovery, NewRange, RangeView
from controller.network.pollers import PollerView, list_pollers
from controller.problems import Problem
from controller.web import network_words, render
from controller.web.pages.network_parts import (
    NetworkWriter,
    moment_of,
    not_done,
    places,
    refused,
    roles,
)
from controller.web.pages.register_parts import Option
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()

PATH = "/network/discovery"
MOST_SCANS = 10
MOST_SHOWN = 200
"""Proposals on one page: they are decided on by the page."""


@dataclass(frozen=True)
class ShownRange:
    """A registered range, and whether it may be scanned now."""

    range: RangeView
    tone: str
    word: str
    open: bool


@dataclass(frozen=True)
class ShownScan:
    """A scan: where, by whom, how far it is in percent (None: not known), and how it ended."""

    task: tasks.TaskView
    where: str
    tone: str
    word: str
    pct: int | None
    found: int | None
    running: bool


@dataclass(frozen=True)
class DiscoveryPage(render.Context):
    """The three steps of finding devices. ``waiting``: a scan runs, so the page looks again."""

    template: ClassVar[str] = "network_discovery.html"

    tabs: tuple[Area, ...]
    ranges: list[ShownRange]
    scans: list[ShownScan]
    waiting: bool
    proposals: list[discovery_api.ProposalView]
    more: int
    """Proposals beyond the page's."""
    state: str
    states: list[Option]
    credentials: list[str]
    pollers: list[PollerView]
    units: list[UnitView]
    sites: list[str]
    zones: list[str]
    roles: list[Option]
    since: str
    until: str


@router.get(PATH)
def discovery_page(view: NetworkWriter) -> Response:
    _ = view.text
    asked = view.request.query_params.get("state", "open")
    state = asked if asked in ("open", "approved", "rejected") else "open"
    ranges = discovery_api.get_ranges(view.runtime, view.principal).items
    proposals = discovery_api.get_proposals(view.runtime, view.principal, state).items  # type: ignore[arg-type]
    with view.runtime.database.read() as session:
        scans = tasks.list_tasks(session, view.scope, kind=SCAN_TASK.name, limit=MOST_SCANS)
        names = [row.name for row in credentials.list_credentials(session)]
        pollers = [each for each in list_pollers(session, view.scope, view.now) if each.polls]
        units = list_units(session, view.scope, view.now)
        sites, zones = places(session)
    local = view.now.astimezone(view.zone)
    shown = [_scan(view, task) for task in scans]
    context = DiscoveryPage(
        tabs=network_words.tabs(view),
        ranges=[_range(view, each) for each in ranges],
        scans=shown,
        waiting=any(each.running for each in shown),
        proposals=proposals[:MOST_SHOWN],
        more=max(0, len(proposals) - MOST_SHOWN),
        state=state,
        states=[
            Option("open", _("待处理")),
            Option("approved", _("已登记")),
            Option("rejected", _("已拒绝")),
        ],
        credentials=names,
        pollers=pollers,
        units=units,
        sites=sites,
        zones=zones,
        roles=roles(view),
        since=f"{local:%Y-%m-%dT%H:%M}",
        until=f"{local + timedelta(hours=8):%Y-%m-%dT%H:%M}",
    )
    crumbs = [Crumb(_("网络"), "/network/devices"), Crumb(_("设备发现"))]
    return view.page(context, active="network", crumbs=crumbs)


def _range(view: View, each: RangeView) -> ShownRange:
    _ = view.text
    if view.now >= each.until:
        return ShownRange(each, "", _("已到期"), open=False)
    if view.now < each.since:
        return ShownRange(each, "warn", _("未到时间"), open=False)
    return ShownRange(each, "good", _("可扫描"), open=True)


def _scan(view: View, task: tasks.TaskView) -> ShownScan:
    _ = view.text
    words = {
        "waiting": ("", _("等待轮询端领取")),
        "running": ("warn", _("扫描中")),
        "done": ("good", _("已完成")),
        "failed": ("bad", _("失败")),
        "refused": ("bad", _("轮询端拒绝")),
        "expired": ("bad", _("超时未完成")),
        "cancelled": ("", _("已取消")),
    }
    tone, word = words.get(task.state, ("", task.state))
    found = (task.result or {}).get("found")
    if task.state == "done" and (task.result or {}).get("full"):
        tone, word = "warn", _("结果已满，提前结束；请拆分网段再扫描")
    return ShownScan(
        task=task,
        where=" · ".join(str(each) for each in (task.body.get("range"), task.body.get("network"))
                         if each),
        tone=tone,
        word=word,
        pct=100 * task.done // task.total if task.total and task.state == "running" else None,
        found=len(found) if isinstance(found, list) else None,
        running=task.state in tasks.OPEN,
    )  # fmt: skip


@router.post(PATH + "/ranges")
def keep_range(
    view: NetworkWriter,
    cidr: Annotated[str, Form(max_length=64)],
    since: Annotated[str, Form(max_length=32)],
    until: Annotated[str, Form(max_length=32)],
    rate: Annotated[str, Form(max_length=10)] = "20",
    network: Annotated[str, Form(max_length=64)] = "",
    note: Annotated[str, Form(max_length=300)] = "",
) -> RedirectResponse:
    try:
        told = NewRange.model_validate(
            {
                "cidr": cidr.strip(), "network": network.strip(), "note": note.strip(),
                "since": moment_of(view, since), "until": moment_of(view, until),
                "rate_per_s": rate.strip() or 20,
            }
        )  # fmt: skip
        discovery_api.post_range(view.runtime, view.principal, told)
    except (ValidationError, Problem) as error:
        return render.go(PATH, not_done(view, error))
    return render.go(PATH, Flash("good", view.text("扫描范围已登记。")))


@router.post(PATH + "/ranges/{range_id}/remove")
def remove_range(range_id: int, view: NetworkWriter) -> RedirectResponse:
    discovery_api.delete_range(view.runtime, view.principal, range_id)
    return render.go(PATH, Flash("good", view.text("扫描范围已移除，不再扫描。")))


@router.post(PATH + "/scans")
def begin_scan(
    view: NetworkWriter,
    place: Annotated[str, Form(max_length=130)],
    part: Annotated[str, Form(max_length=64)] = "",
    credential: Annotated[list[str] | None, Form()] = None,
    agent: Annotated[str, Form(max_length=32)] = "",
    port: Annotated[str, Form(max_length=5)] = "161",
) -> RedirectResponse:
    """``place``: a registered range and its network, parted by a space; ``part`` of it."""
    cidr, _space, network = place.partition(" ")
    try:
        told = NewDiscovery.model_validate(
            {
                "range": part.strip() or cidr, "network": network, "agent": agent,
                "credentials": [name for name in credential or [] if name],
                "port": port.strip() or 161,
            }
        )  # fmt: skip
        discovery_api.post_discovery(view.runtime, view.scope, view.principal, told)
    except (ValidationError, Problem) as error:
        return render.go(PATH, not_done(view, error))
    return render.go(PATH, Flash("good", view.text("已交给轮询端，进度见下方扫描任务。")))


@router.post(PATH + "/scans/{task_id}/cancel")
def cancel_scan(task_id: int, view: NetworkWriter) -> RedirectResponse:
    try:
        tasks_api.cancel_task(view.runtime, view.scope, view.principal, task_id)
    except Problem as problem:
        if problem.status == 404:
            raise
        return render.go(PATH, Flash("bad", view.text("扫描已经结束。")))
    return render.go(PATH, Flash("good", view.text("扫描已取消。")))


@router.post(PATH + "/proposals")
def decide(
    view: NetworkWriter,
    decision: Annotated[str, Form(pattern="^(approve|reject)$")],
    number: Annotated[list[int] | None, Form()] = None,
    unit: Annotated[str, Form(max_length=200)] = "",
    site: Annotated[str, Form(max_length=200)] = "",
    zone: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[str, Form(max_length=16)] = "other",
    shared: Annotated[str, Form(max_length=3)] = "",
) -> RedirectResponse:
    """Registers or rejects the proposals that were ticked; stops at the first that is refused."""
    _ = view.text
    if not number:
        return render.go(PATH, Flash("bad", _("请先勾选设备。")))
    done = 0
    try:
        for each in number[:MOST_SHOWN]:
            if decision == "reject":
                discovery_api.reject(view.runtime, view.principal, each)
            else:
                told = Approval.model_validate(
                    {"unit": unit, "site": site.strip(), "zone": zone.strip(), "role": role,
                     "shared": bool(shared)}
                )  # fmt: skip
                discovery_api.approve(view.runtime, view.principal, each, told)
            done += 1
    except (ValidationError, Problem) as error:
        text = _("已处理 {n} 台，其后停止：{why}", n=done, why=refused(view, error))
        return render.go(PATH, Flash("bad", text))
    if decision == "reject":
        return render.go(PATH, Flash("good", _("已拒绝 {n} 台，以后扫描不再提出。", n=done)))
    return render.go(PATH, Flash("good", _("已登记 {n} 台，轮询端将在一分钟内开始采集。", n=done)))
