"""One network device with its ports, and one port (a link): pages and what their charts draw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from controller.network.credentials import list_credentials
from controller.network.device_series import (
    SPARK_POINTS,
    Ether,
    Optionals,
    Series,
    Spark,
    ether,
    series,
    sparks,
)
from controller.network.devices import device_detail, find_device, ports_of
from controller.network.latest import with_latest
from controller.network.link_usage import LinkUsage, link_usage
from controller.network.model import DeviceDetail, DeviceView, PortView
from controller.network.port_use import PortKey, PortNow, ports_now
from controller.network.sensors import faults
from controller.problems import NotFound
from controller.web import figures, network_words, render
from controller.web.pages.data import LENGTHS, POINTS, answer_of, chart, line, since_then
from controller.web.pages.devices import NetworkView
from controller.web.pages.network_parts import roles as role_options
from controller.web.pages.parts import Choice
from controller.web.pages.register_parts import Option
from controller.web.pages.resources import WINDOWS, window_of, window_word
from controller.web.shell import Area, Crumb
from controller.web.view import View

router = APIRouter()

WIDTH, HEIGHT = 120.0, 22.0
"""Of a small curve, in drawing units."""


@dataclass(frozen=True)
class PortRow:
    """A line of the table of ports; ``spark_in`` and ``spark_out`` are points of small curves."""

    port: PortView
    href: str
    tone: str
    state: str
    speed: str
    in_rate: str
    out_rate: str
    used_pct: float | None
    spark_in: str
    spark_out: str


@dataclass(frozen=True)
class SensorRow:
    """A sensor, and what is wrong with it ("": nothing)."""

    name: str
    reading: str
    tone: str
    fault: str


@dataclass(frozen=True)
class DevicePage(render.Context):
    """A device: facts, latest figures, charts, ports, neighbours, parts. ``waiting``: its first
    ports are on their way, so the page looks again. ``broken``: ports with link-layer errors."""

    template: ClassVar[str] = "network_device.html"

    tabs: tuple[Area, ...]
    device: DeviceDetail
    tone: str
    state: str
    role: str
    windows: tuple[Choice, ...]
    data_url: str
    rows: list[PortRow]
    gone: int
    facts: list[tuple[str, str]]
    path: str
    waiting: bool
    sensors: list[SensorRow]
    counted: int
    """Ports that count link-layer errors."""
    broken: list[tuple[PortRow, Ether]]
    may_write: bool
    roles: list[Option]
    credentials: list[str]


@dataclass(frozen=True)
class LinkPage(render.Context):
    """A port as a link: its charts, and what it carried over the window."""

    template: ClassVar[str] = "network_link.html"

    tabs: tuple[Area, ...]
    device: DeviceView
    port: PortView
    tone: str
    state: str
    windows: tuple[Choice, ...]
    data_url: str
    usage: LinkUsage | None
    speed: str
    facts: list[tuple[str, str]]


@router.get("/network/devices/{code}")
def device_page(code: str, view: NetworkView) -> HTMLResponse:
    _ = view.text
    may_write = view.may("network.write")
    with view.runtime.database.read() as session:
        device = device_detail(session, view.scope, code, view.now)
        names = [row.name for row in list_credentials(session)] if may_write else []
    device = with_latest(view.runtime, [device], view.now)[0]
    now = ports_now(view.runtime, [device.id], view.now)
    small = sparks(view.runtime, device.id, view.now)
    errors = ether(view.runtime, device.id, view.now)
    path = f"/network/devices/{quote(code, safe='')}"
    window = window_of(view.request.query_params.get("window", ""))
    tone, state = network_words.device_state(device, _)
    rows = [
        _port_row(view, path, port, now.get(PortKey(device.id, port.instance)),
                  small.get(port.instance))
        for port in device.port_list
        if port.gone is None
    ]  # fmt: skip
    broken = [(row, errors[row.port.instance]) for row in rows if row.port.instance in errors]
    context = DevicePage(
        tabs=network_words.tabs(view),
        device=device,
        tone=tone,
        state=state,
        role=network_words.roles(_)[device.role],
        windows=_windows(view, path, window),
        data_url=render.link(f"/web-data{path}", window=window),
        rows=rows,
        gone=sum(port.gone is not None for port in device.port_list),
        facts=_facts(view, device),
        path=path,
        waiting=not rows
        and device.enabled
        and (not view.scope.everything or device.credential != ""),
        sensors=_sensors(view, device),
        counted=len(broken),
        broken=sorted(
            (each for each in broken if each[1].total >= 0.5), key=lambda each: -each[1].total
        ),
        may_write=may_write,
        roles=role_options(view) if may_write else [],
        credentials=names,
    )
    crumbs = [Crumb(_("网络")), Crumb(_("网络设备"), "/network/devices"),
              Crumb(device.name or device.code)]  # fmt: skip
    return view.page(context, active="network", crumbs=crumbs)


@router.get("/network/devices/{code}/ports/{instance:path}")
def link_page(code: str, instance: str, view: NetworkView) -> HTMLResponse:
    _ = view.text
    device, port = _port(view, code, instance)
    path = f"/network/devices/{quote(code, safe='')}"
    here = f"{path}/ports/{quote(instance, safe='')}"
    window = window_of(view.request.query_params.get("window", ""))
    since = view.now - LENGTHS[window]
    rows = link_usage(view.runtime, view.scope, since, view.now, "link", device_id=device.id)
    usage = next((row for row in rows if row.instance == port.instance), None)
    tone, state = network_words.port_state(port, _)
    context = LinkPage(
        tabs=network_words.tabs(view),
        device=device,
        port=port,
        tone=tone,
        state=state,
        windows=_windows(view, here, window),
        data_url=render.link(f"/web-data{here}", window=window),
        usage=usage,
        speed=network_words.bits(port.speed_bit_s),
        facts=[
            (_("端口"), port.name),
            (_("说明"), port.alias),
            (_("类型"), port.kind),
            (_("速率"), network_words.bits(port.speed_bit_s)),
            ("MTU", "" if port.mtu is None else str(port.mtu)),
            (_("物理地址"), port.phys_address),
            (_("状态自"), figures.moment(port.oper_since, view.zone)),
            (_("近期状态变化"), _("{n} 次", n=port.changes)),
            (_("线路"), usage.line if usage else ""),
        ],
    )
    crumbs = [Crumb(_("网络")), Crumb(_("网络设备"), "/network/devices"),
              Crumb(device.name or device.code, path), Crumb(port.name)]  # fmt: skip
    return view.page(context, active="network", crumbs=crumbs)


@router.get("/web-data/network/devices/{code}")
def device_data(code: str, view: NetworkView, window: str = "") -> dict[str, Any]:
    """A device's CPU, memory, temperature and IPv4/IPv6 traffic."""
    _ = view.text
    with view.runtime.database.read() as session:
        device = find_device(session, view.scope, code, view.now)
    found, since = _series(view, device, "", window)
    get = found.values.__getitem__
    charts = {
        "cpu": chart(
            "pct",
            line("peak", _("最忙处理器"), get("device_cpu_max_pct")),
            line("used", _("平均"), get("device_cpu_pct"), area=True),
        ),
        "memory": chart("pct", line("memory", _("使用率"), get("device_mem_used_pct"), area=True)),
        "temperature": chart(
            "count", line("disk", _("最高温度"), get("device_temperature_c")), word="℃"
        ),
        "versions": chart(
            "bits",
            line(
                "rx", _("IPv4 收发"), _both(get("device_in4_bytes_s"), get("device_out4_bytes_s"))
            ),
            line(
                "v6", _("IPv6 收发"), _both(get("device_in6_bytes_s"), get("device_out6_bytes_s"))
            ),
        ),
    }
    return _answer(view, found, since, get("device_up_pct")) | {"charts": charts}


@router.get("/web-data/network/devices/{code}/ports/{instance:path}")
def link_data(code: str, instance: str, view: NetworkView, window: str = "") -> dict[str, Any]:
    """A port's traffic, packets, errors and IPv4/IPv6 shares."""
    _ = view.text
    device, port = _port(view, code, instance)
    found, since = _series(view, device, port.instance, window)
    get = found.values.__getitem__
    width: Optionals = [port.speed_bit_s] * len(found.times)
    charts = {
        "traffic": chart(
            "bits",
            line("rx", _("入"), _bits(get("port_in_bytes_s")), area=True),
            line("tx", _("出"), _bits(get("port_out_bytes_s"))),
        ),
        "used": chart(
            "pct",
            line("rx", _("入"), _share(_bits(get("port_in_bytes_s")), width)),
            line("tx", _("出"), _share(_bits(get("port_out_bytes_s")), width)),
        ),
        "errors": chart(
            "count",
            line("peak", _("错包"), _sum(get("port_in_errors_s"), get("port_out_errors_s"))),
            line("used", _("丢弃"), _sum(get("port_in_discards_s"), get("port_out_discards_s"))),
            word="/s",
        ),
        "versions": chart(
            "bits",
            line("rx", _("IPv4 收发"), _both(get("port_in4_bytes_s"), get("port_out4_bytes_s"))),
            line("v6", _("IPv6 收发"), _both(get("port_in6_bytes_s"), get("port_out6_bytes_s"))),
        ),
    }
    return _answer(view, found, since, get("port_up_pct")) | {"charts": charts}


def _port(view: View, code: str, instance: str) -> tuple[DeviceView, PortView]:
    with view.runtime.database.read() as session:
        device = find_device(session, view.scope, code, view.now)
        for port in ports_of(session, device.id):
            if port.instance == instance:
                return device, port
    raise NotFound("port", instance)


def _series(view: View, device: DeviceView, instance: str, window: str) -> tuple[Series, Any]:
    until = view.now.replace(microsecond=0)
    since = until - LENGTHS[window_of(window)]
    return series(view.runtime, device, instance, since, until, POINTS), (since, until)


def _answer(view: View, found: Series, span: Any, seen: Optionals) -> dict[str, Any]:
    since, until = span
    answer = answer_of(view, since, until, found.step, found.times, seen)
    known = [t for t, value in zip(found.times, seen, strict=True) if value is not None]
    # What was not polled yet cannot be missing.
    return answer | {"gaps": since_then(answer["gaps"], known[0] if known else answer["until"])}


def _windows(view: View, path: str, window: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(window_word(name, view.text), render.link(path, window=name), name == window)
        for name in WINDOWS
    )


def _port_row(
    view: View, path: str, port: PortView, now: PortNow | None, spark: Spark | None
) -> PortRow:
    tone, state = network_words.port_state(port, view.text)
    highest = max((v for side in (spark or ()) for v in side if v is not None), default=0.0)
    return PortRow(
        port=port,
        href=f"{path}/ports/{quote(port.instance, safe='')}",
        tone=tone,
        state=state,
        speed=network_words.bits(port.speed_bit_s),
        in_rate=_rate(now.in_bit_s if now else None),
        out_rate=_rate(now.out_bit_s if now else None),
        used_pct=now.used_pct if now else None,
        spark_in=curve(spark.in_bit_s if spark else [], highest),
        spark_out=curve(spark.out_bit_s if spark else [], highest),
    )


def _rate(bit_s: float | None) -> str:
    return figures.rate(None if bit_s is None else bit_s / 8)


def curve(values: Optionals, highest: float) -> str:
    """Points of a path: a new line begins after each gap (``M`` lifts the pen)."""
    words = []
    pen_up = True
    for at, value in enumerate(values):
        if value is None:
            pen_up = True
            continue
        x = at / (SPARK_POINTS - 1) * WIDTH
        y = HEIGHT - 1 - (value / highest * (HEIGHT - 2) if highest else 0.0)
        # A lone point between two gaps has to be seen all the same.
        words.append(f"M{x:.1f} {y:.1f}h0.1" if pen_up else f"L{x:.1f} {y:.1f}")
        pen_up = False
    return "".join(words)


def _facts(view: View, device: DeviceDetail) -> list[tuple[str, str]]:
    _ = view.text
    up = view.now - device.booted if device.booted else None
    where = device.address if device.port == 161 else f"{device.address} · {device.port}"
    forwarding = {True: _("开启"), False: _("未开启"), None: ""}[device.ipv6_forwarding]
    return [
        (_("管理地址"), where),
        (_("网络"), device.network),
        (_("厂商"), device.vendor),
        (_("型号"), device.model),
        (_("序列号"), device.serial),
        (_("版本"), device.software),
        (_("系统名"), device.sys_name),
        (_("系统描述"), device.sys_descr),
        (_("安装位置"), device.location),
        (_("已运行"), _lasted(up, _)),
        (_("路由数"), figures.number(device.routes)),
        (_("IPv6 转发"), forwarding),
        (_("凭据"), device.credential),
        (_("轮询端"), device.poller),
        (_("轮询间隔"), _("{n} 秒", n=device.interval_s)),
        (_("清单更新"), figures.moment(device.facts_at, view.zone)),
        (_("读取不全"), ", ".join(device.partial)),
    ]  # fmt: skip


def _sensors(view: View, device: DeviceDetail) -> list[SensorRow]:
    _ = view.text
    # Not by name alone: the members of a stack call their fans alike.
    wrong = {(fault.name, fault.unit, fault.value): fault for fault in faults(device.sensors)}
    rows = []
    for each in device.sensors:
        name, status = str(each.get("name") or ""), str(each.get("status") or "ok")
        fault = wrong.get((name or "?", str(each.get("unit") or ""), each.get("value")))
        reading = f"{figures.number(each.get('value'))} {each.get('unit') or ''}".strip()
        if fault is not None:
            tone = "bad" if fault.weight > 1 else "warn"
            word = _("已停转") if fault.kind == "fan" else _("无输出")
            word = word if fault.why == "still" else _("故障")
        else:
            tone, word = "", "" if status == "ok" else _("暂无读数")
        rows.append(SensorRow(name, reading, tone, word))
    return rows


def _lasted(up: timedelta | None, _: Any) -> str:
    return "" if up is None else figures.lasted(up.total_seconds(), _)


def _bits(values: Optionals) -> Optionals:
    return [None if value is None else value * 8 for value in values]


def _sum(one: Optionals, other: Optionals) -> Optionals:
    return [None if a is None or b is None else a + b for a, b in zip(one, other, strict=True)]


def _both(one: Optionals, other: Optionals) -> Optionals:
    return _bits(_sum(one, other))


def _share(bits: Optionals, width: Optionals) -> Optionals:
    return [
        None if b is None or not w else min(100.0, 100.0 * b / w)
        for b, w in zip(bits, width, strict=True)
    ]
