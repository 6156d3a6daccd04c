"""The invented prefecture: its units, their business systems and the VMs that these run on.

Everything follows from the seed, so two demos of one day are alike. Names are those that such a
city would use; the places do not exist and every resource carries the tag ``演示数据``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

DEMO_TAG = "演示数据"
SEED = 20_261_123

UNITS: tuple[tuple[str, str, str, str], ...] = (
    # code, name, parent, kind
    ("demo-zfb", "市政府办公室", "", "department"),
    ("demo-sjj", "市数据局", "", "department"),
    ("demo-dsj", "市大数据中心", "demo-sjj", "subordinate"),
    ("demo-czj", "市财政局", "", "department"),
    ("demo-wjw", "市卫生健康委", "", "department"),
    ("demo-jyj", "市教育局", "", "department"),
    ("demo-zjj", "市住建局", "", "department"),
    ("demo-jtj", "市交通运输局", "", "department"),
    ("demo-zrj", "市自然资源局", "", "department"),
    ("demo-hbj", "市生态环境局", "", "department"),
    ("demo-ljq", "临江区", "", "county"),
    ("demo-ysx", "云山县", "", "county"),
)

SYSTEMS: tuple[tuple[str, str, str, int], ...] = (
    # name, unit, how it is used (see history.SHAPES), VMs
    ("政务服务分厅", "demo-ljq", "counter", 8),
    ("综合协同办公", "demo-zfb", "office", 10),
    ("涉企服务", "demo-sjj", "counter", 6),
    ("招商一网通", "demo-ysx", "faint", 5),
    ("营商环境管理", "demo-sjj", "faint", 5),
    ("公共信用信息", "demo-sjj", "office", 6),
    ("国资监管", "demo-czj", "monthend", 6),
    ("建筑工地监管", "demo-zjj", "steady", 8),
    ("城市运行管理", "demo-zjj", "steady", 8),
    ("乡村振兴监测", "demo-ysx", "faint", 6),
    ("12345热线", "demo-zfb", "counter", 8),
    ("全民健康信息", "demo-wjw", "hospital", 12),
    ("智慧交通", "demo-jtj", "traffic", 10),
    ("智慧教育", "demo-jyj", "school", 10),
    ("国土空间基础信息", "demo-zrj", "batch", 8),
    ("智慧环保", "demo-hbj", "steady", 6),
    ("林长制管控", "demo-zrj", "faint", 4),
    ("政府网站群", "demo-zfb", "public", 8),
    ("决策指挥", "demo-zfb", "faint", 4),
    ("电子证照", "demo-dsj", "counter", 6),
    ("电子印章", "demo-dsj", "counter", 4),
    ("非税支付", "demo-czj", "monthend", 8),
    ("统一消息", "demo-dsj", "office", 5),
    ("物联网平台", "demo-dsj", "steady", 6),
    ("视频汇聚", "demo-ljq", "video", 8),
    ("应用底图", "demo-zrj", "public", 4),
    ("政务区块链", "demo-dsj", "faint", 4),
    ("政务大数据平台", "demo-dsj", "batch", 10),
    ("安全监测", "demo-sjj", "steady", 4),
    ("密码服务", "demo-dsj", "office", 3),
)

SITES = ("市中心节点", "市中心节点", "市中心节点", "临江分中心", "云山分中心")
ZONES = ("政务外网区", "政务外网区", "互联网区")
FLAVOURS = ((4, 8, 200), (4, 16, 300), (8, 16, 500), (8, 32, 500), (16, 64, 1000), (32, 128, 2000))
SYSTEMS_ON = ("Kylin V10 SP2", "openEuler 22.03 LTS", "UOS 20", "CentOS 7.9", "Windows Server 2016")
ROLES = (
    "应用",
    "应用",
    "数据库",
    "缓存",
    "网关",
    "接口",
    "任务",
    "文件",
    "检索",
    "备份",
    "前置",
    "管理",
)


WIDE_LINES = {"video": 1000, "strained": 500, "batch": 200, "traffic": 200, "public": 200}
"""Mbit/s of systems that would not do with the usual line."""


@dataclass(frozen=True)
class Vm:
    """One VM of the fleet. ``grown`` is an allocation change: days before the end, new vCPU."""

    code: str
    name: str
    unit: str
    system: str
    site: str
    zone: str
    ip: str
    vcpu: int
    mem_gib: int
    disk_gib: int
    bandwidth_mbps: int
    os: str
    uuid: str
    shape: str
    age_days: int
    """Days before the end at which it was delivered."""
    grown: tuple[int, int] | None = None
    tags: tuple[str, ...] = field(default=(DEMO_TAG,))


def build_fleet() -> list[Vm]:
    """The fleet, in the order of SYSTEMS."""
    chance = random.Random(SEED)  # noqa: S311 -- invented data, not a secret
    fleet: list[Vm] = []
    for system_index, (system, unit, shape, count) in enumerate(SYSTEMS):
        site, zone = chance.choice(SITES), chance.choice(ZONES)
        for index in range(count):
            vcpu, mem_gib, disk_gib = chance.choice(FLAVOURS)
            fleet.append(
                Vm(
                    code=f"demo-vm-{len(fleet) + 1:03d}",
                    name=f"{system}-{ROLES[index]}{index + 1:02d}",
                    unit=unit,
                    system=system,
                    site=site,
                    zone=zone,
                    ip=f"10.66.{system_index + 1}.{index + 11}",
                    vcpu=vcpu,
                    mem_gib=mem_gib,
                    disk_gib=disk_gib,
                    bandwidth_mbps=max(chance.choice((20, 50, 100, 200)), WIDE_LINES.get(shape, 0)),
                    os=chance.choice(SYSTEMS_ON),
                    uuid=str(_uuid(chance)),
                    shape=_shape_of(chance, shape, index, count),
                    age_days=_age(chance),
                    grown=(chance.randrange(8, 20), vcpu * 2) if chance.random() < 0.05 else None,
                )
            )
    return fleet


def _shape_of(chance: random.Random, shape: str, index: int, count: int) -> str:
    """Most VMs of a system behave like it; a few stand idle or were stopped, as in life."""
    if index == count - 1 and chance.random() < 0.5:
        return "idle"
    if index == count - 2 and chance.random() < 0.12:
        return "stopped"
    return shape


def _age(chance: random.Random) -> int:
    """Most of the fleet is older than the demo's history; one in eight was delivered during it."""
    return chance.randrange(3, 33) if chance.random() < 1 / 8 else chance.randrange(60, 400)


def _uuid(chance: random.Random) -> str:
    raw = f"{chance.getrandbits(128):032x}"
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"
