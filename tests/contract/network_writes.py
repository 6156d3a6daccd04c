"""What users and operators change of accounts, agents, credentials, devices and scan ranges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

DEVICES = "管理地址,单位,名称\n10.203.0.2,A,设备\n".encode()
CREDENTIAL = {"name": "audited", "community": "secret-of-test"}


def _range() -> dict[str, str]:
    """A range that may be scanned now."""
    now = datetime.now(UTC)
    until = (now + timedelta(hours=1)).isoformat()
    return {"cidr": "10.203.0.0/24", "since": now.isoformat(), "until": until}


def _task(client: httpx.Client) -> int:
    """The task that was just made for the audited agent."""
    found = client.get("/api/v1/agent-tasks", params={"agent": "agent-audited"}).json()["items"]
    return int(found[0]["id"])


NETWORK_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/users"): (
        "security_admin",
        lambda c: c.post("/api/v1/users", json={"username": "he.wen", "role": "engineer"}),
    ),
    ("PATCH", "/api/v1/users/{username}"): (
        "security_admin",
        lambda c: c.patch("/api/v1/users/audited", json={"disabled": True}),
    ),
    ("POST", "/api/v1/tokens"): (
        "security_admin",
        lambda c: c.post("/api/v1/tokens", json={"name": "x", "role": "engineer", "days": 1}),
    ),
    ("DELETE", "/api/v1/tokens/{token_id}"): (
        "security_admin",
        lambda c: c.delete(f"/api/v1/tokens/{c.get('/api/v1/tokens').json()[-1]['id']}"),
    ),
    ("POST", "/api/v1/agents/{agent_id}/approve"): (
        "ops",
        lambda c: c.post("/api/v1/agents/agent-audited/approve"),
    ),
    ("PUT", "/api/v1/agents/{agent_id}/roles"): (
        "ops",
        lambda c: c.put("/api/v1/agents/agent-audited/roles", json={"roles": ["poller"]}),
    ),
    ("POST", "/api/v1/agents/{agent_id}/tasks"): (
        "ops",
        lambda c: c.post("/api/v1/agents/agent-audited/tasks", json={"kind": "facts"}),
    ),
    ("DELETE", "/api/v1/agent-tasks/{task_id}"): (
        "ops",
        lambda c: c.delete(f"/api/v1/agent-tasks/{_task(c)}"),
    ),
    ("POST", "/api/v1/network/credentials"): (
        "ops",
        lambda c: c.post("/api/v1/network/credentials", json=CREDENTIAL),
    ),
    ("PUT", "/api/v1/network/credentials/{name}"): (
        "ops",
        lambda c: c.put("/api/v1/network/credentials/audited", json=CREDENTIAL),
    ),
    ("POST", "/api/v1/network/credentials-rotation"): (
        "ops",
        lambda c: c.post("/api/v1/network/credentials-rotation"),
    ),
    ("POST", "/api/v1/network/devices"): (
        "ops",
        lambda c: c.post(
            "/api/v1/network/devices",
            json={"address": "10.203.0.1", "unit": "A", "code": "dev-audited"},
        ),
    ),
    ("PATCH", "/api/v1/network/devices/{code}"): (
        "ops",
        lambda c: c.patch("/api/v1/network/devices/dev-audited", json={"role": "core"}),
    ),
    ("DELETE", "/api/v1/network/devices/{code}"): (
        "ops",
        lambda c: c.delete("/api/v1/network/devices/dev-audited?confirm=dev-audited"),
    ),
    ("POST", "/api/v1/import/devices"): (
        "ops",
        lambda c: c.post("/api/v1/import/devices", files={"file": ("d.csv", DEVICES)}),
    ),
    ("POST", "/api/v1/network/scan-ranges"): (
        "ops",
        lambda c: c.post("/api/v1/network/scan-ranges", json=_range()),
    ),
    ("POST", "/api/v1/network/discoveries"): (
        "ops",
        lambda c: c.post(
            "/api/v1/network/discoveries",
            json={"range": "10.203.0.0/30", "credentials": ["audited"], "agent": "agent-audited"},
        ),
    ),
    ("DELETE", "/api/v1/network/scan-ranges/{range_id}"): (
        "ops",
        lambda c: c.delete(
            f"/api/v1/network/scan-ranges/"
            f"{c.get('/api/v1/network/scan-ranges').json()['items'][0]['id']}"
        ),
    ),
    ("POST", "/api/v1/network/proposals/{number}/rejection"): (
        "ops",
        lambda c: c.post("/api/v1/network/proposals/1/rejection"),
    ),
    ("POST", "/api/v1/network/proposals/{number}/approval"): (
        "ops",
        lambda c: c.post("/api/v1/network/proposals/2/approval", json={"unit": "A"}),
    ),
    ("DELETE", "/api/v1/network/credentials/{name}"): (
        "ops",
        lambda c: c.delete("/api/v1/network/credentials/audited"),
    ),
    ("POST", "/api/v1/agents/{agent_id}/revoke"): (
        "ops",
        lambda c: c.post("/api/v1/agents/agent-audited/revoke"),
    ),
    ("POST", "/api/v1/agent-tokens"): (
        "ops",
        lambda c: c.post("/api/v1/agent-tokens", json={"unit": "A"}),
    ),
    ("DELETE", "/api/v1/agent-tokens/{token_id}"): (
        "ops",
        lambda c: c.delete("/api/v1/agent-tokens/77"),
    ),
}
"""In an order in which they succeed: what one makes the next changes."""
