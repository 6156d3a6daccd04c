"""Databases of both engines, and a small prefecture."""

from __future__ import annotations

import io
from typing import Any

import pytest

from controller.inventory.imports import Register, import_register, import_units
from controller.inventory.outcome import ImportOutcome
from controller.network.line_import import LINES
from controller.network.point_import import POINTS
from controller.store.relational import Database
from tests.unit.controller.inventory.conftest import NOW, database, sqlite

__all__ = ["database", "sqlite"]

UNITS = """编码,名称,上级单位,类别
sjj,市数据局,,市直
czj,市财政局,,市直
ljq,临江区,,县
ljq-jyj,临江区教育局,ljq,县直
lz,临镇,ljq,乡镇
ysx,云山县,,县
"""
LINES_FILE = """电路编号,运营商,线路类型,层级,单位,网络区,A端设备,A端端口,B端位置,带宽,合同开始,合同到期,年费用
P-1,电信,裸光纤,市级,市数据局,公用网络区,core-1,GE1/0/1,省中心,万兆,2024-01-01,2028-01-01,120万元
L-1,电信,MSTP,县级,临江区,公用网络区,core-1,GE1/0/2,区政府,1G,2024-01-01,2026-12-20,36000
Y-1,联通,MSTP,县级,云山县,公用网络区,core-1,GE1/0/3,县政府,500M,2024-01-01,2026-11-01,30000
T-1,移动,5G,乡镇,临镇,公用网络区,,,镇政府,100,2025-05-01,,
S-1,电信,OTN,市级,,公用网络区,,,备用,1000,,,
"""  # noqa: E501
POINTS_FILE = """编码,名称,层级,单位,村社区,接入状态,网络区,地址,TCP端口,线路,备注
ap-czj,财政局,市级,czj,,已接入,公用网络区,10.1.1.1,,,
ap-ljq,临江区,县级,临江区,,已接入,公用网络区,10.2.1.1,,电信L-1,
ap-ljq2,临江区二,县级,临江区,,已接入,互联网接入区,10.2.1.1,443,L-1,
ap-lz,临镇,乡镇,lz,,已接入,公用网络区,fd00::1,,T-1,
ap-v1,一村,村,lz,一村,应接未接,公用网络区,,,,
ap-v2,二村,村,lz,二村,无需接入,,,,,
"""


def load(database: Database, register: str | Register, text: str, **options: Any) -> ImportOutcome:
    """Imports a file of CSV text."""
    settings = {"dry_run": False, "skip_bad": False, "by": "test", "now": NOW} | options
    return import_register(register, database, io.BytesIO(text.encode()), "file.csv", **settings)


@pytest.fixture
def town(database: Database) -> Database:
    """The prefecture with its lines and points."""
    file = io.BytesIO(UNITS.encode())
    outcome = import_units(
        database, file, "u.csv", dry_run=False, skip_bad=False, by="test", now=NOW
    )
    assert outcome.imported, outcome.errors
    for register, text in ((LINES, LINES_FILE), (POINTS, POINTS_FILE)):
        outcome = load(database, register, text)
        assert outcome.imported, outcome.errors
    return database
