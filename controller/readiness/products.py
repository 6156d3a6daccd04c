"""The list of 安全可靠测评 results: dated, imported from a file, with warnings before expiry.

What the list says nothing of by kind is ``not_covered``, which is no failure: the published results
cover some kinds of products only. Nothing here enters a readiness verdict.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory import cells
from controller.inventory.columns import Column
from controller.inventory.imports import Register
from controller.inventory.naming import fold
from controller.inventory.record_import import RecordPlan, Values, need, once
from controller.inventory.sheet import Cell
from controller.inventory.table import Table
from controller.readiness.tables import AssessedProduct, ReadinessHost

KINDS = {
    "cpu": "中央处理器 处理器 CPU 芯片",
    "os": "操作系统 服务器操作系统 桌面操作系统 OS",
    "database": "数据库 集中式数据库 分布式数据库 数据库管理系统 DB",
    "middleware": "中间件 应用服务器",
    "office": "办公软件 流式办公软件 版式软件",
    "other": "其他",
}
"""Kind to the words that files use for it; a word of none is ``other``."""

SOON = timedelta(days=90)
"""Before its end a product's result is warned of."""

_FIELDS = ("level", "published", "expires", "source")
_TEXT = cells.parse_text
_MOMENT = cells.parse_moment


def parse_kind(cell: Cell) -> str:
    word = fold(str(cell))
    return next(
        (
            kind
            for kind, names in KINDS.items()
            if word == kind or word in [fold(each) for each in names.split()]
        ),
        "other",
    )


COLUMNS = (
    Column("kind", "类别 产品类别 产品类型 类型", parse_kind),
    Column("vendor", "厂商 研制单位 送测单位 生产厂商 企业名称 单位名称", _TEXT),
    Column("product", "产品名称 产品 名称 型号 产品型号", _TEXT),
    Column("version", "版本 版本号 产品版本", partial(_TEXT, limit=100)),
    Column("level", "安全可靠等级 等级 级别 测评等级", partial(_TEXT, limit=16)),
    Column("notice", "公告号 公告编号 公告 公告期号 发布公告", partial(_TEXT, limit=100)),
    Column("published", "发布日期 公告日期 发布时间 发证日期", _MOMENT, None),
    Column("expires", "有效期至 有效期 到期日期 截止日期 失效日期", _MOMENT, None),
)


def plan_products(
    session: Session, table: Table, _now: datetime, _since: datetime | None
) -> RecordPlan:
    """The plan for the good records of ``table``; rows that the file lacks stay."""
    plan = RecordPlan(_write)
    stored = {
        _key(row): {name: getattr(row, name) for name in _FIELDS}
        for row in session.scalars(select(AssessedProduct))
    }
    rows: dict[Any, int] = {}
    for record in table.records:
        given = record.values
        if not need(table, record, "kind", "product"):
            continue
        key = tuple(given.get(name, "") for name in ("kind", "vendor", "product", "version",
                                                     "notice"))  # fmt: skip
        if record.bad or not once(table, record, key, rows, "product"):
            continue
        values = dict(stored.get(key) or {"level": "", "published": None, "expires": None,
                                          "source": ""})  # fmt: skip
        values.update({name: given[name] for name in _FIELDS if name in given})
        plan.after[key] = values
        if key in stored:
            plan.before[key] = stored[key]
    return plan


def _key(row: AssessedProduct) -> tuple[str, ...]:
    return (row.kind, row.vendor, row.product, row.version, row.notice)


def _write(
    session: Session, key: Any, values: Values, _before: Values | None, now: datetime
) -> None:
    kind, vendor, product, version, notice = key
    row = session.scalars(
        select(AssessedProduct).where(
            col(AssessedProduct.kind) == kind,
            col(AssessedProduct.vendor) == vendor,
            col(AssessedProduct.product) == product,
            col(AssessedProduct.version) == version,
            col(AssessedProduct.notice) == notice,
        )
    ).first() or AssessedProduct(
        kind=kind, vendor=vendor, product=product, version=version, notice=notice, imported=now
    )
    for name in _FIELDS:
        setattr(row, name, values[name])
    row.imported = now
    session.add(row)


PRODUCTS = Register("products", COLUMNS, ("product",), plan_products)


def list_products(session: Session) -> list[AssessedProduct]:
    """By kind and name."""
    order = list(KINDS)
    rows = session.scalars(select(AssessedProduct)).all()
    return sorted(rows, key=lambda row: (order.index(row.kind), row.product, row.version))


def state_of(row: AssessedProduct, now: datetime) -> str:
    """valid, expiring, expired; undated where the file gave no end."""
    if row.expires is None:
        return "undated"
    if row.expires <= now:
        return "expired"
    return "expiring" if row.expires <= now + SOON else "valid"


@dataclass(frozen=True)
class Found:
    """A product that hosts run, and what the list says. ``state``: as ``state_of``, else
    not_listed or not_covered."""

    kind: str
    name: str
    hosts: int
    state: str
    listed: tuple[AssessedProduct, ...] = ()


def in_use(
    session: Session, project_ids: Sequence[int], rows: Iterable[AssessedProduct], now: datetime
) -> list[Found]:
    """Processors and systems of the newest bundles of these projects against the list."""
    counts: dict[tuple[str, str], int] = {}
    hosts = session.scalars(
        select(ReadinessHost).where(
            col(ReadinessHost.project_id).in_(list(project_ids)),
            col(ReadinessHost.retired).is_(None),
        )
    )
    for host in hosts:
        for kind, name in identified(host.identity):
            counts[kind, name] = counts.get((kind, name), 0) + 1
    listed = list(rows)
    return [
        _assess(kind, name, count, listed, now) for (kind, name), count in sorted(counts.items())
    ]


def identified(identity: dict[str, Any]) -> list[tuple[str, str]]:
    """(kind, name) of what a bundle's identity tells."""
    cpu, system = identity.get("cpu") or {}, identity.get("os") or {}
    found = []
    if cpu.get("vendor") or cpu.get("model"):
        vendor, model = str(cpu.get("vendor") or ""), str(cpu.get("model") or "")
        found.append(("cpu", model if fold(vendor) in fold(model) else f"{vendor} {model}".strip()))
    if system.get("name"):
        found.append(("os", f"{system['name']} {system.get('version') or ''}".strip()))
    return found


def _assess(kind: str, name: str, count: int, rows: list[AssessedProduct], now: datetime) -> Found:
    same_kind = [row for row in rows if row.kind == kind]
    if not same_kind:
        return Found(kind, name, count, "not_covered")
    matched = tuple(row for row in same_kind if matches(f"{row.product} {row.version}", name))
    if not matched:
        return Found(kind, name, count, "not_listed")
    order = ("valid", "undated", "expiring", "expired")
    state = min((state_of(row, now) for row in matched), key=order.index)
    return Found(kind, name, count, state, matched)


_SAME = {
    "鲲鹏": "kunpeng", "飞腾": "phytium", "腾云": "phytium", "海光": "hygon", "兆芯": "zhaoxin",
    "开先": "kaixian", "开胜": "kaisheng", "龙芯": "loongson", "申威": "sunway",
    "银河麒麟": "kylin", "麒麟": "kylin", "统信": "uos", "uniontech": "uos", "欧拉": "openeuler",
    "龙蜥": "anolis", "达梦": "dm", "人大金仓": "kingbase", "金仓": "kingbase",
}  # fmt: skip
"""Makers' names in Chinese and as systems tell them."""

_WORD = re.compile(r"[a-z]+|\d+")


def matches(listed: str, told: str) -> bool:
    """Whether a list's name may be what a host tells: every Latin word and number of it is there.

    It is a hint for a reader, not a proof: names on the list and in systems differ.
    """
    wanted, found = _words(listed), _words(told)
    return bool(wanted) and any(len(each) > 1 for each in wanted) and wanted <= found


def _words(text: str) -> set[str]:
    # Not folded: that takes the spaces out, and with them the ends of words.
    text = unicodedata.normalize("NFKC", text).casefold()
    for chinese, latin in _SAME.items():
        text = text.replace(chinese, f" {latin} ")
    return set(_WORD.findall(text))
