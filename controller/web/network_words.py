"""The words of the network: states and roles of devices, and the area's tabs."""

from __future__ import annotations

from controller.network.model import DeviceView, PortView
from controller.web import figures
from controller.web.language import Text
from controller.web.shell import Area
from controller.web.view import View


def tabs(view: View) -> tuple[Area, ...]:
    """The pages of 网络 that this person may open."""
    _ = view.text
    found = [
        Area("devices", _("网络设备"), "/network/devices", "server-2"),
        Area("usage", _("链路用量"), "/network/usage", "activity-heartbeat"),
        Area("lines", _("线路"), "/network/lines", "world"),
        Area("points", _("接入点"), "/network/points", "building-community"),
        Area("uplinks", _("县区上联"), "/network/uplinks", "arrow-up"),
        Area("topology", _("拓扑"), "/network/topology", "layout-dashboard"),
        Area("traps", _("SNMP 告警"), "/network/traps", "activity-heartbeat"),
    ]
    if view.may("network.write"):
        found.append(Area("discovery", _("设备发现"), "/network/discovery", "search"))
    if view.may("network.credentials"):
        found.append(Area("credentials", _("凭据与轮询端"), "/network/credentials", "key"))
    return tuple(found)


def device_state(device: DeviceView, _: Text) -> tuple[str, str]:
    """(tone, word) of a device's state."""
    if not device.enabled:
        return "", _("已停止轮询")
    words = {
        "up": ("good", _("正常")),
        "down": ("bad", _("无应答")),
        "new": ("warn", _("待轮询")),
        "paused": ("", _("已停止轮询")),
    }
    return words.get(device.state, ("", device.state))


def states(_: Text) -> dict[str, str]:
    """The states a list is filtered by."""
    return {"up": _("正常"), "down": _("无应答"), "new": _("待轮询")}


def roles(_: Text) -> dict[str, str]:
    """What a device does in the network."""
    return {
        "core": _("核心"),
        "aggregation": _("汇聚"),
        "access": _("接入"),
        "router": _("路由器"),
        "firewall": _("防火墙"),
        "wireless": _("无线"),
        "host": _("主机"),
        "other": _("其他"),
    }


def port_state(port: PortView, _: Text) -> tuple[str, str]:
    """(tone, word) of a port's state."""
    if port.gone is not None:
        return "", _("已不存在")
    if port.admin == "down":
        return "", _("已关闭")
    if port.oper == "up":
        return "good", _("连通")
    if port.oper in ("", "unknown"):
        return "", _("未知")
    return "bad", _("断开")


def bits(value: float | None) -> str:
    """A speed in bits a second as the network says it; – for one that is not told, or told as 0."""
    return figures.rate(value / 8 if value else None)
