"""What the pages of IPv6 share: tabs, words, and small drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from controller.ipv6.model import IndicatorView
from controller.web.language import Text
from controller.web.shell import Area
from controller.web.view import View

WIDTH, HEIGHT = 720.0, 180.0


def tabs(view: View) -> tuple[Area, ...]:
    """The pages of IPv6 that this person may open."""
    _ = view.text
    return (
        Area("overview", _("总览"), "/ipv6", "layout-dashboard"),
        Area("sites", _("网站与系统"), "/ipv6/sites", "world"),
        Area("hosts", _("主机"), "/ipv6/hosts", "server-2"),
        Area("devices", _("网络设备"), "/ipv6/devices", "activity-heartbeat"),
        Area("traffic", _("流量占比"), "/ipv6/traffic", "arrow-up"),
        Area("official", _("官方监测"), "/ipv6/official", "file-text"),
        Area("plans", _("启用方案"), "/ipv6/plans", "history"),
    )


def kind(code: str, _: Text) -> str:
    """Sites, hosts or devices."""
    words = {"site": _("网站与系统"), "host": _("主机"), "device": _("网络设备")}
    return words.get(code, code)


def tone(score: float | None, good: float) -> str:
    """How a score is judged: good, warn (half of the way), bad, or not at all."""
    if score is None:
        return ""
    return "good" if score >= good else "warn" if score >= good / 2 else "bad"


def score_word(score: float | None, _: Text) -> str:
    """A score with one digit; 未知 where too little is known."""
    return _("未知") if score is None else f"{score:.1f}"


def states(_: Text) -> dict[str, str]:
    """What hosts are filtered by."""
    return {
        "passing": _("达标"),
        "failing": _("未达标"),
        "unknown": _("未知"),
        "untold": _("未安装采集端或尚未上报"),
    }


def said(each: IndicatorView, _: Text) -> tuple[IndicatorView, str, str, str]:
    """(indicator, tone, state in words, value or reason in words)."""
    tones = {"pass": "good", "partial": "warn", "fail": "bad"}
    words = {
        "pass": _("达标"),
        "partial": _("部分达标"),
        "fail": _("不达标"),
        "not_applicable": _("不适用"),
        "unknown": _("未测到"),
    }
    reasons = {
        "home": _("首页不能经 IPv6 打开，无法测量"),
        "no_record": _("没有 AAAA 记录"),
        "not_measured": _("本次未测到"),
        "not_checked": _("未检查：采集端权限不足，或设备未提供"),
        "nothing_to_measure": _("没有可测的内容"),
        "plain_http": _("未使用 HTTPS"),
    }
    value = reasons.get(each.why, "") if each.value is None else f"{100 * each.value:.0f} %"
    if each.value is not None and each.code in YES_OR_NO:
        value = ""
    return each, tones.get(each.state, "none"), words[each.state], value


YES_OR_NO = frozenset({"aaaa", "home", "certificate", "address", "route", "firewall",
                       "forwarding", "counters"})  # fmt: skip


def fetch_error(code: str, _: Text) -> str:
    """Why no page came, as the scanner names it."""
    words = {
        "none": _("没有该版本的地址"),
        "dns": _("域名解析没有应答"),
        "address": _("地址不在允许访问的范围内"),
        "timeout": _("超时"),
        "refused": _("连接被拒绝"),
        "unreachable": _("网络不可达"),
        "reset": _("连接被中断"),
        "tls": _("TLS 握手失败"),
        "protocol": _("应答不完整或不是 HTTP"),
        "redirects": _("重定向没有终点"),
        "scheme": _("跳转到无效的地址"),
    }
    return words.get(code, code)


def distrust(text: str, _: Text) -> str:
    """Why a certificate is not trusted, as OpenSSL says it."""
    words = (
        ("certificate has expired", _("已过期")),
        ("certificate is not yet valid", _("尚未生效")),
        ("self-signed", _("自签名，不受信任")),
        ("self signed", _("自签名，不受信任")),
        ("unable to get", _("签发机构不受信任，或证书链不完整")),
        ("Hostname mismatch", _("与域名不符")),
        ("IP address mismatch", _("与地址不符")),
    )
    return next((word for head, word in words if text.startswith(head)), text)


def note(text: str, _: Text) -> str:
    """What the scanner remarks on a reading."""
    words = {
        "no answer about an AAAA record": _("查询 AAAA 记录没有应答"),
        "no home page over IPv4 to compare with": _("首页不能经 IPv4 打开，无法对比内容"),
        "the home page is longer than is compared": _("首页过长，只对比前 2 MB"),
    }
    if text.startswith("stopped after"):
        return _("超过单个网站的时限，其余未测")
    if text.startswith("broke off"):
        return _("测量意外中断（{what}），其余未测", what=text.partition(": ")[2])
    return words.get(text, text)


@dataclass(frozen=True)
class Mark:
    """A line across a drawing: where, and what it says."""

    y: float
    label: str
    kind: str = "grid"
    """grid or target."""


@dataclass(frozen=True)
class Drawing:
    """A line over days: ``lines`` are runs of points without a gap ("x,y x,y …"), ``dots`` single
    days (x, y, what they say), ``days`` (x, label) below."""

    lines: list[str]
    dots: list[tuple[float, float, str]]
    marks: list[Mark]
    days: list[tuple[float, str]]
    last: str
    """The newest value in words; "" without any."""


def draw(
    points: Sequence[tuple[date, float | None]], marks: Sequence[tuple[float, str]] = ()
) -> Drawing:
    """Days from 0 to 100; a day without a value is a gap. ``marks``: (value, label) of targets."""
    if not points:
        return Drawing([], [], [], [], "")
    first, last = points[0][0], points[-1][0]
    span = max(1, (last - first).days)

    def place(day: date, value: float) -> tuple[float, float]:
        return (
            round((day - first).days / span * WIDTH, 1),
            round(HEIGHT * (1 - min(100.0, max(0.0, value)) / 100), 1),
        )

    runs: list[list[str]] = [[]]
    dots = []
    before: date | None = None
    for day, value in points:
        if value is None or (before is not None and (day - before).days > 1):
            runs.append([])
        if value is not None:
            x, y = place(day, value)
            runs[-1].append(f"{x},{y}")
            dots.append((x, y, f"{day} {value:.1f}"))
            before = day
    grid = [Mark(round(HEIGHT * (1 - value / 100), 1), f"{value}") for value in (0, 50, 100)]
    lines = [Mark(round(HEIGHT * (1 - value / 100), 1), label, "target") for value, label in marks]
    shown = [first] if first == last else [first, first + (last - first) / 2, last]
    known = [value for _, value in points if value is not None]
    return Drawing(
        lines=[" ".join(run) for run in runs if len(run) > 1],
        dots=dots,
        marks=[*grid, *lines],
        days=[(place(day, 0)[0], f"{day:%m-%d}") for day in shown],
        last=f"{known[-1]:.1f}" if known else "",
    )
