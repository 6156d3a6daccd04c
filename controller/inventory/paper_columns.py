"""The columns of the registers of systems, allocations and pools."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from controller.inventory import cells
from controller.inventory.cells import BadCellError, shown
from controller.inventory.columns import ARCH, CARDS, CORES, GIB_UNITS, Column
from controller.inventory.naming import fold, narrow
from controller.inventory.sheet import Cell
from controller.said import say

_TEXT = cells.parse_text
_LONG = partial(cells.parse_text, limit=1000)
_MOMENT = cells.parse_moment
_CORES = partial(cells.parse_number, units=CORES)
_GIB = partial(cells.parse_number, units=GIB_UNITS)
_CARDS = partial(cells.parse_number, units=CARDS)

_YES = "是 已 已上云 在云 云上 应上云 y yes true 1 √ ✓ ☑ 对 有"
_NO = "否 未 未上云 不上云 线下 本地 n no false 0 × ✗ x 不 没有"


def parse_yes(cell: Cell) -> bool:
    """Yes or no, in the words that offices use."""
    if isinstance(cell, bool):
        return cell
    word = fold("1" if cell == 1.0 else "0" if cell == 0.0 else str(cell))
    if word in _YES.split():
        return True
    if word in _NO.split():
        return False
    raise BadCellError(
        say(f"{shown(cell)!r} is neither yes nor no: write 是 or 否",
            f"“{shown(cell)}”无法判断是或否：请填写 是 或 否")
    )  # fmt: skip


def parse_level(cell: Cell) -> int:
    """等保 level 1 to 5: 3, 三级, 第三级, S3A3."""
    text = narrow(str(int(cell) if isinstance(cell, float) and cell == int(cell) else cell))
    found = re.fullmatch(r"第?([1-5一二三四五])级?(\(.*\))?", text) or re.fullmatch(
        r"S\d?A\d?G([1-5])", text.upper()
    )
    if found is None:
        raise BadCellError(
            say(f"{shown(cell)!r} is no level: write 1 to 5, or 三级",
                f"“{shown(cell)}”不是等保级别：请填写 1 至 5，或如“三级”")
        )  # fmt: skip
    return "一二三四五".find(found[1]) + 1 or int(found[1])


STATE_WORDS: Mapping[str, str] = {
    "done": "已完成 完成 已适配 已改造 已替换 是",
    "adapting": "适配中 改造中 进行中 替换中",
    "planned": "已计划 计划中 计划 已立项 规划",
    "none": "未开展 未适配 未改造 未启动 否",
    "not_needed": "不涉及 不适用 无需",
}
PURPOSE_WORDS: Mapping[str, str] = {
    "production": "生产 正式 生产环境 正式环境",
    "test": "测试 开发测试 测试环境 开发 开发环境",
    "emergency": "应急 应急使用 临时 临时应急",
}


def _words(kinds: Mapping[str, str]) -> dict[str, str]:
    return {fold(word): kind for kind, names in kinds.items() for word in (kind, *names.split())}


_STATE = partial(cells.parse_choice, words=_words(STATE_WORDS))
_PURPOSE = partial(cells.parse_choice, words=_words(PURPOSE_WORDS))

LAYER_ZH = {
    "cpu": "CPU", "os": "操作系统", "database": "数据库", "middleware": "中间件",
    "application": "应用",
}  # fmt: skip

_UNIT = Column("unit", "单位 单位名称 单位编码 所属单位 使用单位 责任单位 建设单位 主管单位", _TEXT)

SYSTEM_COLUMNS = (
    _UNIT,
    Column("name", "名称 系统名称 业务系统 业务系统名称 信息系统 信息系统名称 system", _TEXT),
    Column("level", "等保级别 等保等级 等级保护级别 保护等级 等保 安全等级", parse_level, None),
    Column("record_number", "备案号 等保备案号 备案编号 备案证明编号", cells.parse_code),
    Column("assessed", "等保测评日期 测评日期 最近测评日期 等保测评时间", _MOMENT, None),
    Column("crypto_assessed", "密评日期 密评时间 密码应用安全性评估日期", _MOMENT, None),
    Column("on_cloud", "是否上云 上云 已上云 上云情况", parse_yes, None),
    Column("should_be_on_cloud", "应否上云 是否应上云 应上云 上云要求", parse_yes, None),
    *(
        Column(
            f"xinchuang_{layer}",
            f"信创{zh} {zh}信创 {zh}信创情况 {zh}信创状态 信创_{zh} 信创情况{zh}",
            _STATE,
            "",
        )
        for layer, zh in LAYER_ZH.items()
    ),
    Column(
        "public_addresses", "公网地址 互联网地址 访问地址 域名 互联网域名 网址",
        cells.parse_names_of_hosts, [],
    ),
    Column("last_backup", "最近备份 最近备份日期 最近备份时间 备份日期", _MOMENT, None),
    Column("offsite_copy", "异地备份 异地备份日期 异地副本日期 最近异地备份", _MOMENT, None),
    Column("last_drill", "恢复演练 恢复演练日期 最近演练日期 最近恢复演练 演练日期", _MOMENT, None),
    Column("operator", "运维单位 运维厂商 运维公司 承建单位", _TEXT),
    Column("operator_contact", "运维联系人 运维联系方式 运维电话", _TEXT),
    Column("contract_end", "合同到期 运维合同到期日 合同到期日 合同截止日期", _MOMENT, None),
    Column("note", "备注 说明", _LONG),
)  # fmt: skip

_STEPS = {"applied": "申请", "approved": "批复", "delivered": "开通"}

ALLOCATION_COLUMNS = (
    Column("number", "申请单号 单号 申请编号 工单号 申请单编号 application", cells.parse_code),
    Column("line", "明细号 行号 明细序号 子单号", partial(cells.parse_number, units={}), 1.0),
    _UNIT,
    Column("system", "业务系统 业务系统名称 系统名称 所属系统", _TEXT),
    Column("purpose", "用途 使用用途 环境", _PURPOSE, "production"),
    Column("site", "站点 中心 分中心 云中心", _TEXT),
    Column("zone", "网络区 网络区域 网络分区", _TEXT),
    Column("arch", "架构 CPU架构 处理器架构", ARCH, ""),
    *(
        column
        for step, zh in _STEPS.items()
        for column in (
            Column(f"{step}_vcpu", f"{zh}CPU {zh}vCPU {zh}核数 {zh}CPU核数", _CORES, None),
            Column(f"{step}_mem_gib", f"{zh}内存 {zh}内存GB {zh}量内存", _GIB, None),
            Column(f"{step}_disk_gib", f"{zh}磁盘 {zh}存储 {zh}磁盘GB {zh}存储GB", _GIB, None),
            Column(f"{step}_accelerators", f"{zh}加速卡 {zh}GPU {zh}加速卡数", _CARDS, None),
            Column(step, f"{zh}日期 {zh}时间", _MOMENT, None),
        )
    ),
    Column("expires", "到期日期 到期日 使用期限至 有效期至 到期时间", _MOMENT, None),
    Column("resources", "资源 资源编码 开通资源 资源清单", cells.parse_names_of_hosts, []),
    Column("note", "备注 说明", _LONG),
)  # fmt: skip

POOL_COLUMNS = (
    Column("code", "编码 资源池编码 资源池编号", cells.parse_code),
    Column("name", "名称 资源池 资源池名称", _TEXT),
    Column("site", "站点 中心 分中心 云中心 所在中心", _TEXT),
    Column("zone", "网络区 网络区域 网络分区", _TEXT),
    Column("arch", "架构 CPU架构 处理器架构", ARCH),
    Column("accelerator", "加速卡型号 加速卡 GPU型号 NPU型号", _TEXT),
    Column("since", "生效日期 起始日期 扩容日期 启用日期", _MOMENT, None),
    Column("vcpu", "CPU总量 总核数 物理核数 CPU核数 线程数 CPU", _CORES, None),
    Column("mem_gib", "内存总量 内存总量GB 内存GB 内存", _GIB, None),
    Column("disk_gib", "存储总量 存储总量GB 磁盘GB 磁盘 存储GB 存储", _GIB, None),
    Column("accelerators", "加速卡总数 加速卡数 GPU数量 NPU数量", _CARDS, None),
    Column("cpu_overcommit", "CPU超分比 超分比 CPU超配比", cells.parse_ratio, 1.0),
    Column("mem_overcommit", "内存超分比 内存超配比", cells.parse_ratio, 1.0),
    Column("reserve_pct", "预留比例 预留 预留率", cells.parse_share, 0.0),
)
