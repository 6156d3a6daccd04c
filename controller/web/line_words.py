"""The words of lines and access points: kinds, levels, states."""

from __future__ import annotations

from controller.network.line_model import LineView, PointView
from controller.network.lines import days_left
from controller.web.language import Text
from controller.web.pages.register_parts import Cell, Option
from controller.web.view import View


def kinds(_: Text) -> dict[str, str]:
    """By what means a line is made."""
    return {
        "dark_fibre": _("裸光纤"),
        "otn": "OTN",
        "sdh": "SDH",
        "mstp": "MSTP",
        "ethernet": _("以太网专线"),
        "mpls": "MPLS VPN",
        "pon": "PON",
        "sdwan": "SD-WAN",
        "internet": _("互联网专线"),
        "mobile": _("5G/4G 无线"),
        "other": _("其他"),
    }


def levels(_: Text) -> dict[str, str]:
    """The levels of the network."""
    return {
        "city": _("市级"),
        "county": _("县级"),
        "township": _("乡镇级"),
        "village": _("村级"),
    }


def line_states(_: Text) -> dict[str, str]:
    """What a list of lines is filtered by."""
    return {
        "active": _("在用"),
        "due": _("将到期"),
        "ended": _("已到期"),
        "removed": _("已移除"),
    }


def point_states(_: Text) -> dict[str, str]:
    """What a list of points is filtered by."""
    return {
        "connected": _("已接入"),
        "unreachable": _("不可达"),
        "planned": _("应接未接"),
        "exempt": _("无需接入"),
        "removed": _("已移除"),
    }


def line_state(line: LineView, _: Text) -> Cell:
    """A line's state as a cell."""
    tone = {"active": "good", "due": "warn", "ended": "bad"}.get(line.state, "")
    return Cell(line_states(_)[line.state], tone=tone)


def contract(view: View, line: LineView, day: str) -> Cell:
    """When its contract ends, and in how many days."""
    left = days_left(line, view.now)
    if left is None:
        return Cell("")
    _ = view.text
    told = _("已过 {n} 天", n=-left) if left < 0 else _("还有 {n} 天", n=left)
    return Cell(day, tone={"due": "warn", "ended": "bad"}.get(line.state, ""), title=told)


def reached(point: PointView, _: Text) -> Cell:
    """Whether a point answers."""
    if point.state != "connected":
        return Cell(point_states(_)[point.state], tone="warn" if point.state == "planned" else "")
    if point.reachable is None:
        return Cell(_("未测量"))
    if point.reachable:
        return Cell(_("可达"), tone="good")
    return Cell(_("不可达"), tone="bad")


def bandwidth(bit_s: float | None) -> str:
    """A contracted width: 10 Gbps, 500 Mbps; "" where it is not known."""
    if not bit_s:
        return ""
    for unit, size in (("Tbps", 1e12), ("Gbps", 1e9), ("Mbps", 1e6), ("Kbps", 1e3)):
        if bit_s >= size:
            return f"{bit_s / size:,.4g}\u00a0{unit}"
    return f"{bit_s:,.0f}\u00a0bps"


def options(words: dict[str, str]) -> list[Option]:
    """Words as the choices of a filter."""
    return [Option(key, word) for key, word in words.items()]
