"""Import of departments' own networks from XLSX or CSV. A classified row is refused, unread."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory import cells
from controller.inventory.cells import BadCellError
from controller.inventory.columns import Column
from controller.inventory.imports import Register
from controller.inventory.naming import fold, narrow
from controller.inventory.paper_columns import parse_yes
from controller.inventory.record_import import RecordPlan, Values, find_unit, need, once
from controller.inventory.sheet import Cell
from controller.inventory.table import Table
from controller.inventory.unit_names import UnitNames
from controller.moves.networks import canonical_prefixes, refuse_classified, write_network
from controller.moves.tables import MoveNetwork

KIND_WORDS = {
    "business": "业务专网 业务 业务网",
    "office": "办公网 办公专网 办公",
    "video": "视频网 视频专网 视频会议网 监控网",
    "iot": "物联网 物联专网 感知网",
    "other": "其他 其它",
}
DISPOSITION_WORDS = {
    "migrate": "迁移 迁入 整体迁移 拟迁移",
    "keep": "保留 暂保留",
    "merge": "撤并 撤销 合并 裁撤",
}
YUAN = {"元": 1.0, "元/年": 1.0, "万元": 1e4, "万": 1e4, "万元/年": 1e4}
HOSTS = {"台": 1.0, "个": 1.0}


def _words(kinds: dict[str, str]) -> dict[str, str]:
    return {fold(word): kind for kind, names in kinds.items() for word in (kind, *names.split())}


def parse_prefixes(cell: Cell) -> list[str]:
    """Ranges separated by comma, semicolon, 、 or white space."""
    parts = [part for part in re.split(r"[,;、，；\s]+", narrow(str(cell))) if part]
    try:
        return canonical_prefixes(parts)
    except ValueError as error:
        raise BadCellError(*error.args) from None


def parse_classified(cell: Cell) -> bool:
    """涉密 itself is a yes; 非涉密 a no."""
    word = fold(str(cell))
    return True if word == "涉密" else False if word == "非涉密" else parse_yes(cell)


COLUMNS = (
    Column("code", "编码 专网编码 网络编码 编号 专网编号", cells.parse_code),
    Column("name", "名称 专网名称 网络名称 专网", cells.parse_text),
    Column("unit", "单位 单位名称 单位编码 所属单位 建设单位 使用单位", cells.parse_text),
    Column("classified", "是否涉密 涉密 密级", parse_classified, False),
    Column("kind", "类型 专网类型 网络类型", partial(cells.parse_choice, words=_words(KIND_WORDS)),
           "business"),
    Column("disposition", "处置 处置方式 处置意见 迁移方式",
           partial(cells.parse_choice, words=_words(DISPOSITION_WORDS)), ""),
    Column("hosts", "主机数 终端数 设备数 主机数量",
           partial(cells.parse_number, units=HOSTS), None),
    Column("cost_year", "年费用 年费用(元) 专线费用 年租费 费用",
           partial(cells.parse_number, units=YUAN), None),
    Column("prefixes", "网段 地址段 IP网段 地址范围", parse_prefixes, []),
    Column("vpn", "VPN VRF VPN名称 vpn实例", cells.parse_text),
    Column("lines", "专线 专线编号 线路 线路编号", cells.parse_names_of_hosts, []),
    Column("contact", "联系人 联系人及电话 经办人", cells.parse_text),
    Column("note", "备注 说明", partial(cells.parse_text, limit=1000)),
)  # fmt: skip

FIELDS = (
    "name", "unit_id", "kind", "disposition", "hosts", "cost_year", "prefixes", "vpn", "lines",
    "contact", "note",
)  # fmt: skip
BLANK: Values = {
    "kind": "business", "disposition": "", "hosts": None, "cost_year": None, "prefixes": [],
    "vpn": "", "lines": [], "contact": "", "note": "",
}  # fmt: skip


def _plan(
    by: str, session: Session, table: Table, now: datetime, _since: datetime | None
) -> RecordPlan:
    units = UnitNames(session, now)
    known = {
        network.code: {name: getattr(network, name) for name in FIELDS}
        for network in session.execute(
            select(MoveNetwork).where(col(MoveNetwork.retired).is_(None))
        ).scalars()
    }
    plan = RecordPlan(_writer(by))
    rows: dict[Any, int] = {}
    for record in table.records:
        refused = refuse_classified(
            str(record.values.get("name", "")), bool(record.values.get("classified"))
        )
        if refused is not None:
            # Nothing else of the row may be said either: not even what is wrong with it.
            table.errors[:] = [error for error in table.errors if error.row != record.row]
            table.refuse(record, "classified", refused)
            record.values.clear()
            continue
        code = record.values.get("code", "")
        need(table, record, "code")
        if code not in known:
            need(table, record, "name")
            find_unit(table, record, units)
        if record.bad or not once(table, record, code, rows, "code"):
            continue
        before = known.get(code)
        values = dict(before or BLANK)
        if record.values.get("unit"):
            values["unit_id"] = find_unit(table, record, units)
            if record.bad:
                continue
        given = {k: v for k, v in record.values.items() if k in FIELDS}
        if given.get("hosts") is not None:
            given["hosts"] = int(given["hosts"])
        plan.after[code] = values | given
        if before is not None:
            plan.before[code] = before
    return plan


def _writer(by: str) -> Callable[[Session, Any, Values, Values | None, datetime], None]:
    def write(
        session: Session, code: Any, values: Values, _before: Values | None, now: datetime
    ) -> None:
        write_network(session, code, values, by, now)

    return write


def network_register(by: str) -> Register:
    """The register as imports know it; ``by`` is who imports."""
    return Register("own-networks", COLUMNS, ("code", "name"), partial(_plan, by))
