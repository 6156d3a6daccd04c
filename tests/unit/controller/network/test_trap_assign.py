"""Credentials as the receiver of traps takes them."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.snmp.traps import AUTH, PRIVACY
from controller.network.credentials import AUTH as KNOWN_AUTH
from controller.network.credentials import PRIV as KNOWN_PRIV
from controller.network.trap_assign import body_of


def v3(**values: Any) -> dict[str, Any]:
    return {
        "version": "v3", "user": "ops", "auth": "SHA-256", "auth_password": "auth-pass",
        "priv": "AES-128", "priv_password": "priv-pass", "expansion": "blumenthal",
    } | values  # fmt: skip


def test_communities_and_users_are_given_once_each() -> None:
    told = body_of(
        [{"version": "v2c", "community": "b"}, {"version": "v1", "community": "a"},
         {"version": "v2c", "community": "b"}, v3(), v3(auth="MD5")]
    )  # fmt: skip
    assert told["communities"] == ["a", "b"]
    assert told["users"] == [["ops", "md5", "auth-pass", "aes128", "priv-pass"]]
    assert body_of([]) == {"communities": [], "users": []}


def test_without_a_password_there_is_no_such_security() -> None:
    assert body_of([v3(priv_password="")])["users"][0][3] == "none"
    assert body_of([v3(priv_password="", auth_password="")])["users"][0][1] == "none"


@pytest.mark.parametrize("auth", KNOWN_AUTH)
@pytest.mark.parametrize("priv", KNOWN_PRIV)
@pytest.mark.parametrize("expansion", ["blumenthal", "cisco"])
def test_the_receiver_knows_every_algorithm_that_can_be_registered(
    auth: str, priv: str, expansion: str
) -> None:
    (user,) = body_of([v3(auth=auth, priv=priv, expansion=expansion)])["users"]
    assert user[1] in AUTH
    assert user[3] in PRIVACY
    assert user[3].endswith("c") == (expansion == "cisco" and priv in ("AES-192", "AES-256"))
