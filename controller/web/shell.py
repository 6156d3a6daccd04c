"""What stands around every page: areas, breadcrumb, freshness of the data, messages, account."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from starlette.requests import Request

from controller.access.principal import Principal
from controller.access.roles import MATRIX
from controller.web.language import Text

FLASH_COOKIE = "yx_flash"
LANGUAGE_COOKIE = "yx_lang"
STALE_AFTER = timedelta(minutes=20)
"""Live figures are complete about 7 minutes after their bucket began; beyond this they are old."""

Tone = Literal["good", "warn", "bad", "info"]


@dataclass(frozen=True)
class Flash:
    """A message about what was just done, shown once on the next page."""

    tone: Tone
    text: str


@dataclass(frozen=True)
class Crumb:
    """A step of the breadcrumb; the last has no link."""

    label: str
    href: str = ""


@dataclass(frozen=True)
class Area:
    """An entry of the side bar. ``badge`` counts what waits for this person; 0 shows none."""

    key: str
    label: str
    href: str
    icon: str
    badge: int = 0


@dataclass(frozen=True)
class Freshness:
    """How far the figures reach and how much of the last 24 hours is there (0-100)."""

    at: datetime | None
    coverage_pct: float | None
    stale: bool


@dataclass(frozen=True)
class Shell:
    """Given to every template as ``shell``, beside the page's own context."""

    language: str
    title: str
    principal: Principal | None
    csrf: str
    areas: tuple[Area, ...]
    admin_areas: tuple[Area, ...]
    active: str
    crumbs: tuple[Crumb, ...]
    freshness: Freshness | None
    flashes: tuple[Flash, ...]
    here: str
    """Path and query of this page, to come back to it."""
    request_id: str


def areas(
    principal: Principal, _: Text, notices: int = 0, findings: int = 0, moves: int = 0
) -> tuple[Area, ...]:
    """The areas of the main job that this person may open; notices, findings, moves wait."""
    if not principal.holds(*MATRIX["usage.read"]):
        return ()
    found = [
        Area("overview", _("总览"), "/", "layout-dashboard"),
        Area("units", _("单位用量"), "/units", "building-community"),
        Area("resources", _("资源"), "/resources", "server-2"),
        Area("network", _("网络"), "/network/devices", "world"),
        Area("registers", _("登记台账"), "/registers/units", "file-text"),
        Area("ledger", _("台账与对账"), "/ledger/reconciliation", "database-import"),
        Area(
            "patrol",
            _("巡查"),
            "/patrol" if principal.holds(*MATRIX["patrol.read"]) else "/findings",
            "search",
            findings,
        ),
        Area("idle", _("闲置判定"), "/idle", "hourglass"),
    ]
    if principal.holds(*MATRIX["notices.read"]):
        found.append(Area("notices", _("提示函"), "/notices", "mail", notices))
    elif principal.holds(*MATRIX["notices.carry_out"]):
        found.append(Area("notices", _("处置指令"), "/notices/orders", "mail", notices))
    found.append(Area("ipv6", "IPv6", "/ipv6", "world"))
    if principal.holds(*MATRIX["moves.read"]):
        found.append(Area("moves", _("迁网"), "/moves", "arrows-exchange", moves))
    if principal.holds(*MATRIX["readiness.read"]):
        found.append(Area("readiness", _("迁移与信创适配"), "/readiness", "circle-check"))
    found.append(Area("reports", _("报表"), "/reports", "printer"))
    return tuple(found)


def admin_areas(principal: Principal, pending_agents: int, _: Text) -> tuple[Area, ...]:
    """The areas below the line: collection and the system itself."""
    found = []
    if principal.holds(*MATRIX["agents.read"]):
        badge = pending_agents if principal.holds(*MATRIX["agents.manage"]) else 0
        found.append(Area("agents", _("采集端"), "/agents", "activity-heartbeat", badge))
    tabs = system_tabs(principal, _)
    if tabs:
        found.append(Area("system", _("系统"), tabs[0].href, "settings"))
    return tuple(found)


def system_tabs(principal: Principal, _: Text) -> tuple[Area, ...]:
    """The pages of 系统 that this person may open."""
    found = []
    if principal.holds(*MATRIX["users.read"]):
        found.append(Area("users", _("用户"), "/system/users", "users"))
    if principal.holds(*MATRIX["tokens.manage"]):
        found.append(Area("tokens", _("接口令牌"), "/system/tokens", "key"))
    if principal.holds(*MATRIX["system.read"]):
        found.append(Area("set-aside", _("未入库数据"), "/system/set-aside", "database-import"))
    if principal.holds(*MATRIX["audit.read"]):
        found.append(Area("audit", _("审计日志"), "/system/audit", "history"))
    return tuple(found)


def home(principal: Principal) -> str:
    """Where this person starts: the first area that is theirs."""
    if principal.holds(*MATRIX["usage.read"]):
        return "/"
    if principal.holds(*MATRIX["users.read"]):
        return "/system/users"
    return "/password"


MOST_FLASH = 500
"""Characters of a message: browsers drop a cookie of over 4 KB whole."""


def pack_flash(flash: Flash) -> str:
    """A message, cut where it is too long, as the value of a cookie; it is shown as text, so it
    needs no signature."""
    text = flash.text if len(flash.text) <= MOST_FLASH else f"{flash.text[: MOST_FLASH - 1]}…"
    raw = json.dumps([flash.tone, text], ensure_ascii=False)
    return base64.urlsafe_b64encode(raw.encode()).decode()


def unpack_flash(request: Request) -> tuple[Flash, ...]:
    """The message that waits in the request's cookie, if there is a readable one."""
    try:
        tone, text = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLASH_COOKIE, "")))
    except (binascii.Error, ValueError, TypeError):
        return ()
    if tone not in ("good", "warn", "bad", "info") or not isinstance(text, str):
        return ()
    return (Flash(tone, text[:MOST_FLASH]),)


def local_path(path: str) -> str:
    """``path`` if it leads to a page of ours, else the start page: no open redirects."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and path.isprintable() and "\\" not in path else "/"
