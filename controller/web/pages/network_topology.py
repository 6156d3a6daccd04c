"""拓扑: the picture of devices and the links that LLDP heard, and the list beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from controller.network.devices import list_devices
from controller.network.port_use import ports_now
from controller.network.topology import Link, Node, Topology, topology
from controller.web import figures, line_words, network_words, render
from controller.web.pages.network_lines import NetworkView
from controller.web.shell import Area, Crumb
from controller.web.view import View

router = APIRouter()

PATH = "/network/topology"
BUSY_PCT, FULL_PCT = 50.0, 80.0
"""Share of its speed from which a link is busy, and nearly full."""
MOST_LISTED = 300


@dataclass(frozen=True)
class LinkRow:
    """A link in the list: its ends, how full it is, and how that is judged."""

    one: Node
    other: Node
    ports: str
    used: str
    rate: str
    tone: str
    line: str


@dataclass(frozen=True)
class TopologyPage(render.Context):
    """The picture is fetched from ``data_url``; ``links`` are listed beside it, busiest first."""

    template: ClassVar[str] = "network_topology.html"

    tabs: tuple[Area, ...]
    devices: int
    unknown: int
    """Neighbours that are no device of the register."""
    left_out: int
    down: int
    links: list[LinkRow]
    total_links: int
    from_lines: int
    """Links that only the register of lines tells of."""
    measured: int
    sites: list[str]
    site: str
    data_url: str


@router.get(PATH)
def topology_page(view: NetworkView) -> Response:
    _ = view.text
    site = view.request.query_params.get("site", "").strip()[:200]
    found, sites = _read(view, site)
    nodes = {node.id: node for node in found.nodes}
    links = sorted(found.links, key=lambda link: -(link.used_pct or -1))
    context = TopologyPage(
        tabs=network_words.tabs(view),
        devices=sum(node.known for node in found.nodes),
        unknown=sum(not node.known and node.state != "place" for node in found.nodes),
        left_out=found.left_out,
        down=sum(node.state == "down" for node in found.nodes),
        links=[_row(link, nodes) for link in links[:MOST_LISTED]],
        total_links=len(links),
        from_lines=sum(link.line != "" for link in links),
        measured=sum(link.used_pct is not None for link in links),
        sites=sites,
        site=site if site in sites else "",
        data_url=render.link("/web-data" + PATH, {"site": site}),
    )
    crumbs = [Crumb(_("网络"), "/network/devices"), Crumb(_("拓扑"))]
    return view.page(context, active="network", crumbs=crumbs)


@router.get("/web-data" + PATH)
def topology_data(view: NetworkView) -> dict[str, Any]:
    """What the picture is drawn from."""
    _ = view.text
    found, _sites = _read(view, view.request.query_params.get("site", "").strip()[:200])
    states = {"up": _("正常"), "down": _("无应答"), "new": _("待轮询"), "paused": _("已停止轮询"),
              "unknown": _("未登记的邻居"), "place": _("线路对端")}  # fmt: skip
    roles = network_words.roles(_)
    return {
        "nodes": [
            {
                "id": node.id, "name": node.name, "x": node.x, "y": node.y, "known": node.known,
                "role": node.role, "roleWord": roles[node.role] if node.known else "",
                "state": node.state, "stateWord": states.get(node.state, node.state),
                "site": node.site,
                "href": f"/network/devices/{quote(node.code, safe='')}" if node.known else "",
            }
            for node in found.nodes
        ],
        "links": [
            {
                "source": link.one, "target": link.other,
                "ports": _ports(link), "used": link.used_pct,
                "rate": figures_rate(link.bit_s), "speed": figures_rate(link.speed_bit_s),
                "tone": tone_of(link), "line": link.line,
            }
            for link in found.links
        ],
        "words": {
            "state": _("状态"), "role": _("角色"), "site": _("站点"), "ports": _("端口"),
            "used": _("利用率"), "rate": _("流量"), "speed": _("端口速率"),
            "line": _("线路台账"), "unmeasured": _("未测量"),
            "empty": _("还没有邻居关系"),
        },
    }  # fmt: skip


def _read(view: View, site: str) -> tuple[Topology, list[str]]:
    """The picture, and the sites that it can be narrowed to."""
    with view.runtime.database.read() as session:
        devices = list_devices(session, view.scope, view.now)
    use = ports_now(view.runtime, [device.id for device in devices], view.now)
    sites = sorted({device.site for device in devices if device.site})
    with view.runtime.database.read() as session:
        wanted = site if site in sites else ""
        return topology(session, view.scope, view.now, use, site=wanted), sites


def _row(link: Link, nodes: dict[str, Node]) -> LinkRow:
    return LinkRow(
        one=nodes[link.one],
        other=nodes[link.other],
        ports=_ports(link),
        used=figures.percent(link.used_pct),
        rate=figures_rate(link.bit_s),
        tone=tone_of(link),
        line=link.line,
    )


def _ports(link: Link) -> str:
    if not link.one_port and not link.other_port:
        return ""
    return f"{link.one_port or '–'} – {link.other_port or '–'}"


def tone_of(link: Link) -> str:
    """good, warn, bad by how full it is; none where it was not measured. Pure."""
    if link.used_pct is None:
        return "none"
    return "bad" if link.used_pct >= FULL_PCT else "warn" if link.used_pct >= BUSY_PCT else "good"


def figures_rate(bit_s: float | None) -> str:
    """A rate in bits, – where there is none."""
    return line_words.bandwidth(bit_s) or "–"
