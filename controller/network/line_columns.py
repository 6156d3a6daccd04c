"""The columns of the registers of lines and access points, in the words that offices use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from controller.inventory import cells
from controller.inventory.cells import BadCellError, shown
from controller.inventory.columns import Column
from controller.inventory.naming import fold, narrow
from controller.inventory.sheet import Cell
from controller.said import say

_TEXT = cells.parse_text
_LONG = partial(cells.parse_text, limit=1000)
_SHORT = partial(cells.parse_text, limit=128)
_MOMENT = cells.parse_moment

KIND_WORDS: Mapping[str, str] = {
    "dark_fibre": "裸光纤 光纤 裸纤 暗光纤",
    "otn": "OTN OTN专线 波分",
    "sdh": "SDH SDH专线",
    "mstp": "MSTP MSTP专线",
    "ethernet": "以太网 以太网专线 数据专线 专线",
    "mpls": "MPLS MPLSVPN MPLS-VPN VPN专线",
    "pon": "PON GPON EPON 光宽带",
    "sdwan": "SD-WAN SDWAN IPSec IPSecVPN",
    "internet": "互联网 互联网专线 宽带",
    "mobile": "5G 4G 5G专网 无线 移动网络",
    "other": "其他 其它",
}
LEVEL_WORDS: Mapping[str, str] = {
    "city": "市 市级 市本级 市直",
    "county": "县 县级 区 区级 区县 县区 县(区)",
    "township": "乡 乡镇 乡级 乡镇级 镇 街道 乡镇街道",
    "village": "村 村级 社区 村社区 行政村 村(社区)",
}
STATE_WORDS: Mapping[str, str] = {
    "connected": "已接入 已接 接入 在用 已开通 是",
    "planned": "应接未接 未接入 未接 待接入 计划 规划 否",
    "exempt": "无需接入 无需 不涉及 免接入",
}


def _words(kinds: Mapping[str, str]) -> dict[str, str]:
    return {fold(word): kind for kind, names in kinds.items() for word in (kind, *names.split())}


_KIND = partial(cells.parse_choice, words=_words(KIND_WORDS))
LEVEL = partial(cells.parse_choice, words=_words(LEVEL_WORDS))
_STATE = partial(cells.parse_choice, words=_words(STATE_WORDS))

_SPOKEN = {"万兆": 10_000.0, "千兆": 1_000.0, "百兆": 100.0, "十兆": 10.0}
_MBPS = {"m": 1.0, "mb": 1.0, "mbps": 1.0, "mb/s": 1.0, "mbit/s": 1.0, "兆": 1.0,
         "g": 1000.0, "gb": 1000.0, "gbps": 1000.0, "gb/s": 1000.0, "gbit/s": 1000.0,
         "t": 1e6, "tbps": 1e6, "k": 0.001, "kbps": 0.001}  # fmt: skip
_COST = partial(
    cells.parse_number, units={"元": 1.0, "元/年": 1.0, "万": 1e4, "万元": 1e4, "万元/年": 1e4}
)


def parse_bandwidth(cell: Cell) -> float:
    """Mbit/s from 100, 100M, 10G, 千兆."""
    if isinstance(cell, str) and fold(cell) in _SPOKEN:
        return _SPOKEN[fold(cell)]
    return cells.parse_number(cell, _MBPS)


def parse_address(cell: Cell) -> str:
    """One IPv4 or IPv6 address in its canonical form."""
    found = cells.parse_addresses(cell)
    if len(found) > 1:
        raise BadCellError(
            say(f"{shown(cell)!r} holds several addresses: give each point a row of its own",
                f"“{shown(cell)}”有多个地址：请每个接入点单独一行")
        )  # fmt: skip
    return found[0] if found else ""


def parse_tcp_port(cell: Cell) -> int:
    """A TCP port, 1 to 65535."""
    text = narrow(f"{cell:.0f}" if isinstance(cell, float) else str(cell))
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise BadCellError(
            say(f"{shown(cell)!r} is no TCP port: write 1 to 65535",
                f"“{shown(cell)}”不是 TCP 端口：请填写 1 至 65535")
        )  # fmt: skip
    return int(text)


_UNIT = Column("unit", "单位 使用单位 所属单位 接入单位 单位名称 单位编码 归属单位", _TEXT)
_SITE = "站点 机房 中心 节点 局点"
_SINCE = Column("since", "生效日期 起始日期 变更日期 归属起始", _MOMENT, None)

LINE_COLUMNS = (
    Column("number", "电路编号 线路编号 电路号 专线号 线路号 编号 circuit", cells.parse_code),
    Column("operator", "运营商 电信运营商 提供商 承建单位 carrier", partial(_TEXT, limit=100)),
    Column("name", "线路名称 名称 电路名称", _TEXT),
    Column("kind", "线路类型 类型 接入方式 电路类型", _KIND, "other"),
    Column("level", "层级 级别 网络层级 线路层级", LEVEL, "county"),
    _UNIT,
    Column("zone", "网络区 网络区域 VPN 网络分区", _TEXT),
    *(
        Column(f"{end}_{part}", " ".join(f"{zh}{word}" for word in words.split()), parse)
        for end, zh in (("a", "A端"), ("b", "B端"))
        for part, words, parse in (
            ("site", _SITE, _TEXT),
            ("device", "设备 设备编码 设备名称", _SHORT),
            ("port", "端口 接口 设备端口", _SHORT),
            ("text", "位置 地址 描述 说明", _TEXT),
        )
    ),
    Column("bandwidth_mbps", "带宽 带宽Mbps 带宽M 签约带宽 合同带宽 签约带宽Mbps 速率",
           parse_bandwidth, None),
    Column("contract_start", "合同开始 合同起始 合同开始日期 合同起始日期 开通日期 起租日期",
           _MOMENT, None),
    Column("contract_end", "合同到期 合同截止 合同到期日 合同结束日期 合同截止日期 到期日期",
           _MOMENT, None),
    Column("yearly_cost", "年费用 年费 年租金 年费用元 年租费 费用", _COST, None),
    _SINCE,
    Column("note", "备注 说明", _LONG),
)  # fmt: skip

POINT_COLUMNS = (
    Column("code", "编码 接入点编码 编号 接入点编号", cells.parse_code),
    Column("name", "名称 接入点名称 接入点", _TEXT),
    Column("level", "层级 级别 接入层级", LEVEL),
    _UNIT,
    Column("community", "村社区 社区 村 行政村 村(社区) 服务对象", _TEXT),
    Column("state", "接入状态 状态 是否接入", _STATE, "connected"),
    Column("site", _SITE, _TEXT),
    Column("zone", "网络区 网络区域 VPN 网络分区", _TEXT),
    Column("device", "设备 设备编码 接入设备", _SHORT),
    Column("port", "端口 接口 设备端口", _SHORT),
    Column("address", "地址 IP地址 管理地址 IP 探测地址", parse_address),
    Column("tcp_port", "TCP端口 探测端口 探测TCP端口", parse_tcp_port, None),
    Column("line", "线路 电路编号 线路编号 专线号 接入线路", _TEXT),
    _SINCE,
    Column("note", "备注 说明", _LONG),
)
