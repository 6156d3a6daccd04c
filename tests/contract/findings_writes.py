"""What operators change of idle scans, forecasts, findings and the patrol."""

from __future__ import annotations

from collections.abc import Callable

import httpx


def _drill(client: httpx.Client) -> int:
    """A run that is done and not signed yet."""
    found = client.get("/api/v1/patrol/runs", params={"plan": "drill"}).json()["items"]
    return int(found[0]["id"])


def _finding(client: httpx.Client) -> int:
    """The city's own finding, of no unit."""
    found = client.get("/api/v1/findings", params={"code": "audited"}).json()["items"]
    return int(found[0]["id"])


FINDINGS_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/idle/scans"): (
        "ops",
        lambda c: c.post("/api/v1/idle/scans", json={"policy": "city"}),
    ),
    ("POST", "/api/v1/forecasts"): (
        "ops",
        lambda c: c.post("/api/v1/forecasts", json={}),
    ),
    ("POST", "/api/v1/idle/documents/{kind}/{name}/versions"): (
        "ops",
        lambda c: c.post(
            "/api/v1/idle/documents/policies/city/versions",
            json={"body": c.get("/api/v1/idle/documents/policies/city").json()["body"]},
        ),
    ),
    ("POST", "/api/v1/findings/acknowledge"): (
        "ops",
        lambda c: c.post("/api/v1/findings/acknowledge", json={"ids": [_finding(c)]}),
    ),
    ("POST", "/api/v1/findings/hand-over"): (
        "ops",
        lambda c: c.post(
            "/api/v1/findings/hand-over", json={"from_user": "wang", "to_user": "relief"}
        ),
    ),
    ("POST", "/api/v1/findings/{finding_id}/assign"): (
        "ops",
        lambda c: c.post(f"/api/v1/findings/{_finding(c)}/assign", json={"to": "relief"}),
    ),
    ("POST", "/api/v1/findings/{finding_id}/note"): (
        "ops",
        lambda c: c.post(f"/api/v1/findings/{_finding(c)}/note", json={"note": "已联系"}),
    ),
    ("POST", "/api/v1/findings/{finding_id}/resolve"): (
        "ops",
        lambda c: c.post(f"/api/v1/findings/{_finding(c)}/resolve", json={"note": "已清理"}),
    ),
    ("POST", "/api/v1/suppressions"): (
        "ops",
        lambda c: c.post(
            "/api/v1/suppressions",
            json={"code": "audited", "until": "2027-01-01", "reason": "割接"},
        ),
    ),
    ("POST", "/api/v1/patrol/plans"): (
        "ops",
        lambda c: c.post(
            "/api/v1/patrol/plans",
            json={
                "plan": {
                    "name": "audited",
                    "kind": "daily",
                    "title_zh": "审计",
                    "enabled": False,
                    "schedule": {"at": "06:00"},
                    "checks": [{"id": "own.jobs"}],
                }
            },
        ),
    ),
    ("POST", "/api/v1/patrol/runs"): (
        "ops",
        lambda c: c.post("/api/v1/patrol/runs", json={"plan": "audited"}),
    ),
    ("POST", "/api/v1/patrol/drills"): (
        "ops",
        lambda c: c.post(
            "/api/v1/patrol/drills",
            json={
                "title": "断电演练",
                "started": "2026-11-02T09:00",
                "finished": "2026-11-02T10:00",
                "steps": [{"title": "发现", "ok": True}],
            },
        ),
    ),
    ("POST", "/api/v1/patrol/runs/{run_id}/sign"): (
        "ops",
        lambda c: c.post(f"/api/v1/patrol/runs/{_drill(c)}/sign", json={"remark": "正常"}),
    ),
    ("DELETE", "/api/v1/suppressions/{window_id}"): (
        "ops",
        lambda c: c.delete("/api/v1/suppressions/1"),
    ),
}
"""In an order in which they succeed."""
