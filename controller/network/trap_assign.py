"""For whom pollers receive traps: the communities and v3 users of the registered credentials.

Only an agent whose own settings name an address to listen on does anything with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.ingest.downlink import AssignmentKind
from controller.ingest.tables import Agent
from controller.network.credentials import opened, sealer_of
from controller.network.tables import SnmpCredential
from controller.runtime import Runtime

ROLE = "poller"
STRETCHED = frozenset({"aes192", "aes256"})
"""Ciphers whose key is longer than the hash: how it is stretched depends on the maker."""


def give(runtime: Runtime, session: Session, _agent: Agent, _now: datetime) -> list[dict[str, Any]]:
    """The body for any poller; none while no credential is registered. Raises Problem 503."""
    rows = list(session.execute(select(SnmpCredential).order_by(col(SnmpCredential.id))).scalars())
    if not rows:
        return []
    sealer = sealer_of(runtime.settings)
    return [body_of([opened(sealer, row) for row in rows])]


def body_of(credentials: list[dict[str, Any]]) -> dict[str, Any]:
    """The assignment as it travels: communities, and (user, auth, key, privacy, key) each. Pure.

    Of two credentials with one user's name the later counts: an engine knows a name once.
    """
    communities = {each["community"] for each in credentials if each["version"] != "v3"}
    users: dict[str, list[str]] = {}
    for each in credentials:
        if each["version"] != "v3":
            continue
        auth = _plain(each["auth"]) if each["auth_password"] else "none"
        privacy = _plain(each["priv"]) if each["priv_password"] else "none"
        if privacy in STRETCHED and each["expansion"] == "cisco":
            privacy += "c"
        users[each["user"]] = [
            each["user"], auth, each["auth_password"], privacy, each["priv_password"],
        ]  # fmt: skip
    return {"communities": sorted(communities - {""}), "users": sorted(users.values())}


def _plain(name: str) -> str:
    """SHA-256 as the receiver calls it: sha256."""
    return name.lower().replace("-", "")


TRAPS_ASSIGNMENT = AssignmentKind("traps", give, role=ROLE)
