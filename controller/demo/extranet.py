"""The demo's lines and access points, imported as an office would, and measured for real.

The points' addresses are loopback ones, so this machine's own agent reaches them without sending a
packet anywhere; one is an address that no host can reach. Every row says that it is invented.
"""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.commands.client import Api
from controller.demo.run import OWN_UNIT, DemoError
from controller.demo.world import DEMO_TAG, SEED, UNITS

ZONE = "公用网络区"
TOWNS = {
    "demo-ljq": ("江口镇", "沙湾镇", "望江街道", "古渡镇", "青石乡"),
    "demo-ysx": ("云峰镇", "竹溪乡", "石桥镇", "白水乡", "梅岭乡", "双河镇"),
}
VILLAGES = ("上村", "下村", "新民社区", "河东村")
UNREACHABLE = "fe80::1"
"""Without an interface no host can send there: nothing leaves this machine."""


def furnish(api: Api, folder: Path, end: datetime) -> str:
    """Registers lines and points and has this machine's agent measure them; one line of outcome."""
    for kind, rows in (("lines", _lines(end)), ("points", _points())):
        path = folder / f"network-{kind}.csv"
        _write(path, rows)
        outcome = api.post_file(f"/api/v1/import/{kind}", path)
        if not outcome["imported"]:
            raise DemoError(f"import of {path.name} refused: {outcome['errors'][:1]}")
    agents = api.get("/api/v1/agents")["items"]
    if agents:
        roles = sorted({*agents[0]["roles"], "poller"})
        api.put(f"/api/v1/agents/{agents[0]['id']}/roles", {"roles": roles})
    found = api.get("/api/v1/network/coverage")
    should = sum(row["should"] for row in found["levels"])
    connected = sum(row["connected"] for row in found["levels"])
    return (
        f"线路与接入点 · lines and points: 应接入 {should}, 已接入 {connected} · "
        f"{connected} of {should} connected"
    )


def _lines(end: datetime) -> list[dict[str, Any]]:
    """Uplinks of the city and its counties, one contract about to end, one ended, and townships."""

    def line(number: str, operator: str, kind: str, level: str, unit: str, **more: Any) -> Any:
        days = more.pop("days", 700)
        return {
            "电路编号": f"演示-{number}", "运营商": operator, "线路名称": more.pop("name", ""),
            "线路类型": kind, "层级": level, "单位": unit, "网络区": ZONE,
            "A端设备": more.pop("device", ""), "A端端口": more.pop("port", ""),
            "B端位置": more.pop("b", ""), "带宽": more.pop("width", 1_000),
            "合同开始": f"{end - timedelta(days=900):%Y-%m-%d}",
            "合同到期": f"{end + timedelta(days=days):%Y-%m-%d}",
            "年费用": more.pop("cost", ""), "备注": DEMO_TAG,
        }  # fmt: skip

    rows = [
        line("SJ-01", "甲运营商", "裸光纤", "市级", OWN_UNIT, name="到省上联主用", width=10_000,
             b="省中心", cost=1_200_000),
        line("SJ-02", "乙运营商", "OTN", "市级", OWN_UNIT, name="到省上联备用", width=10_000,
             b="省中心", cost=960_000, days=41),
        # Its port is that of the demo's one real device: this machine's own loopback.
        line("XL-01", "甲运营商", "MSTP", "县级", "demo-ljq", name="临江区上联主用", width=1_000,
             device="demo-snmpd", port="lo",
             b="临江区政府", cost=96_000),
        line("XL-02", "乙运营商", "MSTP", "县级", "demo-ljq", name="临江区上联备用", width=500,
             b="临江区政府", cost=60_000, days=9),
        line("XY-01", "甲运营商", "裸光纤", "县级", "demo-ysx", name="云山县上联", width=600,
             b="云山县政府", cost=72_000, days=-20),
        line("XY-02", "丙运营商", "裸光纤", "县级", "demo-ysx", name="云山县上联二", width=600,
             b="云山县政府", cost=70_000),
    ]  # fmt: skip
    for unit, towns in TOWNS.items():
        for number, town in enumerate(towns, 1):
            mobile = number % 4 == 0
            rows.append(
                line(
                    f"XZ-{unit[-3:]}-{number:02d}", "甲运营商" if number % 2 else "乙运营商",
                    "5G" if mobile else "PON", "乡镇", unit, name=f"{town}接入",
                    width=100 if mobile else 200, b=f"{town}政府", cost=12_000,
                    days=60 * number - 30,
                )
            )  # fmt: skip
    return rows


def _points() -> list[dict[str, Any]]:
    chance = random.Random(SEED)  # noqa: S311 -- invented data, not a secret
    rows: list[dict[str, Any]] = []

    def point(unit: str, level: str, name: str, community: str = "", **more: Any) -> None:
        state = more.pop("state", "已接入")
        number = len(rows) + 1
        # Every other one over IPv6 would need addresses on ::1; loopback has that one only.
        address = f"127.66.{number // 250}.{number % 250 + 1}" if state == "已接入" else ""
        rows.append({
            "编码": f"demo-ap-{number:03d}", "名称": name, "层级": level, "单位": unit,
            "村社区": community, "接入状态": state, "网络区": ZONE,
            "地址": more.pop("address", address), "线路": more.pop("line", ""), "备注": DEMO_TAG,
        })  # fmt: skip

    for code, name, _parent, kind in UNITS:
        if kind == "county":
            short = code[-3:]
            line = {"ljq": "演示-XL-01", "ysx": "演示-XY-02"}[short]
            point(code, "县级", f"{name}接入点", line=line)
        elif kind == "department" and code != "demo-hbj":
            address = {"demo-zrj": UNREACHABLE, "demo-jyj": "::1"}.get(code)
            more = {} if address is None else {"address": address}
            point(code, "市级", f"{name}接入点", **more)
    for unit, towns in TOWNS.items():
        for number, town in enumerate(towns, 1):
            line = f"演示-XZ-{unit[-3:]}-{number:02d}"
            point(unit, "乡镇", f"{town}接入点", town, line=line)
            for village in VILLAGES:
                draw = chance.random()
                state = "已接入" if draw < 0.72 else "应接未接" if draw < 0.95 else "无需接入"
                name = f"{town}{village}"
                point(unit, "村", name, name, state=state, line=line if state == "已接入" else "")
    return rows


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
