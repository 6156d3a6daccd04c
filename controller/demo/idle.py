"""Machines and volumes that put the idle rules and their guards to the test, and the first scan."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.commands.forecast import make
from controller.demo.history import CHINA
from controller.demo.world import DEMO_TAG, UNITS, Vm

CASES = (
    # name, shape, tags: what should become of it
    ("防汛会商-应用01", "idle", ("汛期",)),  # exempt outside the season
    ("高考报名-应用01", "idle", ("考试",)),  # exempt outside the season
    ("容灾备机01", "idle", ("容灾",)),  # exempt: standby
    ("重保值守01", "idle", ("重保",)),  # exempt: key period
    ("月度决算-任务01", "endonly", ()),  # in use: works at the end of months
    ("月度对账-任务02", "endonly", ()),
    ("历史归档-文件01", "idle", ()),  # idle
    ("旧版门户-前置01", "idle", ()),  # idle
    ("旧版门户-前置02", "stopped", ()),  # stopped
    ("视频转码-任务01", "strained", ()),  # overloaded
)
VOLUMES = (
    # name, days detached (None: in use), GB
    ("旧版门户-数据盘01", 120, 500),
    ("旧版门户-数据盘02", 41, 1000),
    ("业务迁移-临时盘01", 12, 300),
    ("历史归档-数据盘01", None, 2000),
)


def with_cases(fleet: list[Vm]) -> list[Vm]:
    """The fleet and one machine a case, each a sibling of one that is there."""
    found = list(fleet)
    for index, (name, shape, tags) in enumerate(CASES):
        like = fleet[(index * 17) % len(fleet)]
        found.append(
            replace(
                like,
                code=f"demo-idle-{index + 1:02d}",
                name=name,
                ip=f"10.66.200.{index + 11}",
                uuid=f"{index:08x}-66c8-4000-a000-{index:012x}",
                shape=shape,
                age_days=300,
                grown=None,
                tags=(DEMO_TAG, *tags),
            )
        )
    return found


def write_volumes(path: Path, end: datetime) -> int:
    """Writes the volumes' register; returns its rows."""
    rows = []
    for index, (name, detached, size) in enumerate(VOLUMES):
        tags = [DEMO_TAG]
        if detached is not None:
            tags.append(f"未挂载:{(end - timedelta(days=detached)).astimezone(CHINA):%Y-%m-%d}")
        since = f"{(end - timedelta(days=300)).astimezone(CHINA):%Y-%m-%d %H:%M}"
        rows.append(
            {
                "编码": f"demo-vol-{index + 1:02d}",
                "名称": name,
                "类型": "volume",
                "单位": UNITS[(index * 5 + 2) % len(UNITS)][0],
                "磁盘GB": size,
                "开通时间": since,
                "归属起始": since,
                "标签": ",".join(tags),
            }
        )
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def first_scan(post: Callable[[str, dict[str, Any]], Any]) -> dict[str, int]:
    """Judges the demo by the city's rule; gives class to number of resources."""
    return dict(post("/api/v1/idle/scans", {"policy": "city"})["classes"])


def first_forecast(get: Callable[..., Any], post: Callable[..., Any]) -> str:
    """Forecasts what fills up; how many reach their limit, of how many looked at."""
    found = make(get, post)
    if found is None:
        return "–"
    states: Counter[str] = Counter()
    for each in found["counts"].values():
        states.update(each)
    reaching = states["reaches"] + states["over"]
    return f"{reaching} / {states.total()} 项将达上限 · {reaching} of {states.total()} fill up"
