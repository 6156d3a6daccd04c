"""Addresses and credentials as people write them."""

from __future__ import annotations

import pytest

from collectors.snmp.target import Community, Target, TargetError, User, numeric, parse_target


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("10.1.0.1", "10.1.0.1", 161),
        ("10.1.0.1:1161", "10.1.0.1", 1161),
        ("sw1.example.cn:161", "sw1.example.cn", 161),
        ("2001:db8::1", "2001:db8::1", 161),
        ("[2001:db8::1]", "2001:db8::1", 161),
        ("[2001:db8::1]:1161", "2001:db8::1", 1161),
        ("[fe80::1%2]:161", "fe80::1%2", 161),
    ],
)
def test_addresses_are_understood(written: str, host: str, port: int) -> None:
    assert parse_target(written) == Target(host, port)


@pytest.mark.parametrize("written", ["", ":161", "10.1.0.1:99999", "10.1.0.1:x", "[::1", "1:2:3"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(TargetError):
        parse_target(written)


def test_an_ipv6_target_is_written_with_brackets() -> None:
    assert str(Target("::1", 161)) == "[::1]:161"
    assert numeric(Target("127.0.0.1")) == Target("127.0.0.1")
    assert numeric(Target("localhost")).host in ("127.0.0.1", "::1")


def test_secrets_are_never_shown() -> None:
    user = User(name="ops", auth_password="very-secret-1", priv_password="very-secret-2")
    assert "secret" not in repr(user)
    assert "secret" not in repr(Community(community="secret"))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"auth_password": "short"}, "shorter than 8"),
        ({"auth": "SHA-3"}, "SHA-256"),
        ({"priv": "AES"}, "AES-128"),
        ({"priv_password": "long enough"}, "authentication"),
    ],
)
def test_a_user_that_no_device_would_take_is_refused(told: dict[str, str], says: str) -> None:
    with pytest.raises(TargetError, match=says):
        User(name="ops", **told)  # type: ignore[arg-type]
