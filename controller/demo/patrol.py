"""A daily patrol over the demo fleet: its stopped machines have no data."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

LONGEST_SECONDS = 60.0


def first_patrol(get: Callable[..., Any], post: Callable[..., Any]) -> str:
    """Runs the daily plan through the API; what came of it in one line."""
    number = post("/api/v1/patrol/runs", {"plan": "daily"})["run"]["id"]
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        run = get(f"/api/v1/patrol/runs/{number}")["run"]
        if run["state"] != "running" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if run["state"] != "done":
        return f"{run['state']} {run['error']}".strip()
    score = "–" if run["score"] is None else f"{run['score']:.1f}"
    return f"得分 {score}, 问题 {run['problems']} 项 · score {score}, {run['problems']} problems"
