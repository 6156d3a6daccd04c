"""A few notices in different states for the demo, made through the API as an office would."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from controller.commands.client import Api
from controller.demo.world import Vm

REASON = "演示数据：CPU 峰值低于 5 %，网络日均低于 5 MB"
LETTERS = 4
EACH = 3


def furnish(api: Api, fleet: list[Vm], folder: Path) -> str:
    """One draft, one signed, one issued, one answered with a dispute; a line for the terminal."""
    idle: dict[str, list[str]] = defaultdict(list)
    for vm in fleet:
        if vm.shape == "idle":
            idle[vm.unit].append(vm.code)
    units = sorted(idle, key=lambda unit: (-len(idle[unit]), unit))[:LETTERS]
    items = [
        {"resource": code, "reason": REASON, "policy_clause": "《演示市政务云资源管理办法》"}
        for unit in units
        for code in idle[unit][:EACH]
    ]
    if not items:
        return "提示函 · notices: 0"
    codes: list[str] = api.post("/api/v1/notices/draft", {"items": items})["codes"]
    for place, code in enumerate(codes):
        if place >= 1:
            _act(api, code, act="review", person="演示核稿人")
            _act(api, code, act="sign", person="演示签发人")
        if place >= 2:
            _issue(api, code, place, folder)
        if place == 3:
            _dispute(api, code)
    return f"提示函 · notices: {len(codes)} ({', '.join(codes)})"


def _issue(api: Api, code: str, place: int, folder: Path) -> None:
    """The letter itself stands in for its stamped scan."""
    scan = folder / f"{code}.pdf"
    scan.write_bytes(api.get_bytes(f"/api/v1/notices/{code}/letter", format="pdf"))
    api.post_file(f"/api/v1/notice-files/{code}", scan)
    _act(api, code, act="register", number=f"演示函〔2026〕{place}号")


def _dispute(api: Api, code: str) -> None:
    first = api.get(f"/api/v1/notices/{code}")["resources"][0]
    body = {"answer": "dispute", "note": "演示数据：该主机承担汛期业务"}
    api.post(f"/api/v1/notices/{code}/items/{first['id']}/answer", body)


def _act(api: Api, code: str, **body: Any) -> None:
    api.post(f"/api/v1/notices/{code}/acts", body)
