from __future__ import annotations

from datetime import UTC, datetime

import pytest
from starlette.requests import Request

from controller.access.principal import Principal
from controller.web import shell
from controller.web.language import text

ZH = text("zh")


def _principal(role: str) -> Principal:
    return Principal("someone", role, datetime(2026, 11, 23, tzinfo=UTC))


def _with_cookie(value: str) -> Request:
    cookie = f"{shell.FLASH_COOKIE}={value}".encode()
    return Request({"type": "http", "headers": [(b"cookie", cookie)]})


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/units?period=7d", "/units?period=7d"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
def test_after_login_nobody_is_led_elsewhere(path: str, kept: str) -> None:
    assert shell.local_path(path) == kept


def test_a_message_survives_the_way_through_its_cookie() -> None:
    flash = shell.Flash("good", "已批准 <b>甲</b>")
    assert shell.unpack_flash(_with_cookie(shell.pack_flash(flash))) == (flash,)


def test_a_message_that_is_too_long_for_a_cookie_arrives_cut() -> None:
    packed = shell.pack_flash(shell.Flash("bad", "甲" * 5000))
    assert len(packed) < 4000
    (flash,) = shell.unpack_flash(_with_cookie(packed))
    assert flash == shell.Flash("bad", "甲" * 499 + "…")
    exactly = shell.Flash("bad", "😀" * 500)
    packed = shell.pack_flash(exactly)
    assert len(packed) < 4000
    assert shell.unpack_flash(_with_cookie(packed)) == (exactly,)


@pytest.mark.parametrize("value", ["", "x", "e30=", "WyJ4IiwgImEiXQ==", "WzEsMl0=", "%ff"])
def test_a_forged_message_is_none(value: str) -> None:
    assert shell.unpack_flash(_with_cookie(value)) == ()


@pytest.mark.parametrize(
    ("role", "areas", "below"),
    [
        (
            "ops",
            [
                "overview",
                "units",
                "resources",
                "network",
                "registers",
                "ledger",
                "patrol",
                "idle",
                "notices",
                "ipv6",
                "moves",
                "readiness",
                "reports",
            ],
            ["agents", "system"],
        ),
        (
            "unit",
            [
                "overview",
                "units",
                "resources",
                "network",
                "registers",
                "ledger",
                "patrol",
                "idle",
                "notices",
                "ipv6",
                "moves",
                "readiness",
                "reports",
            ],
            ["agents"],
        ),
        ("security_admin", [], ["system"]),
        (
            "auditor",
            [
                "overview",
                "units",
                "resources",
                "network",
                "registers",
                "ledger",
                "patrol",
                "idle",
                "notices",
                "ipv6",
                "moves",
                "readiness",
                "reports",
            ],
            ["agents", "system"],
        ),
    ],
)
def test_a_role_is_shown_its_own_areas(role: str, areas: list[str], below: list[str]) -> None:
    principal = _principal(role)
    assert [area.key for area in shell.areas(principal, ZH)] == areas
    assert [area.key for area in shell.admin_areas(principal, 0, ZH)] == below


def test_only_who_may_decide_sees_that_agents_wait() -> None:
    assert shell.admin_areas(_principal("ops"), 3, ZH)[0].badge == 3
    assert shell.admin_areas(_principal("engineer"), 3, ZH)[0].badge == 0


@pytest.mark.parametrize(
    ("role", "start"), [("ops", "/"), ("security_admin", "/system/users"), ("unit", "/")]
)
def test_everybody_starts_where_their_work_is(role: str, start: str) -> None:
    assert shell.home(_principal(role)) == start
