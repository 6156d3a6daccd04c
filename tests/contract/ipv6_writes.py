"""What engineers change of IPv6."""

from __future__ import annotations

from collections.abc import Callable

import httpx

IPV6_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("PUT", "/api/v1/ipv6/sites"): (
        "engineer",
        lambda c: c.put(
            "/api/v1/ipv6/sites",
            json={"sites": [{"code": "audited", "url": "http://[fd00::1]:8080/", "unit": "A"}]},
        ),
    ),
    ("POST", "/api/v1/ipv6/readings"): (
        "engineer",
        lambda c: c.post(
            "/api/v1/ipv6/readings",
            json={
                "readings": [{"code": "site-A", "vantage": "v", "at": "2026-11-01T00:00:00+00:00"}]
            },
        ),
    ),
    ("PUT", "/api/v1/ipv6/official"): (
        "engineer",
        lambda c: c.put(
            "/api/v1/ipv6/official",
            json={"source": "s", "day": "2026-11-01", "rows": [{"site": "site-A", "score": 80}]},
        ),
    ),
    ("PUT", "/api/v1/ipv6/vantages/{name}"): (
        "engineer",
        lambda c: c.put("/api/v1/ipv6/vantages/audited", json={"agent": "eyes"}),
    ),
    ("POST", "/api/v1/ipv6/vantages/{name}/scan"): (
        "engineer",
        lambda c: c.post("/api/v1/ipv6/vantages/audited/scan"),
    ),
    ("DELETE", "/api/v1/ipv6/vantages/{name}"): (
        "engineer",
        lambda c: c.delete("/api/v1/ipv6/vantages/audited"),
    ),
    ("POST", "/api/v1/ipv6/refresh"): ("engineer", lambda c: c.post("/api/v1/ipv6/refresh")),
    ("POST", "/api/v1/ipv6/plans"): (
        "engineer",
        lambda c: c.post("/api/v1/ipv6/plans", json={"name": "p", "resources": ["vm-idle"]}),
    ),
    ("DELETE", "/api/v1/ipv6/plans/{plan_id}"): (
        "engineer",
        lambda c: c.delete("/api/v1/ipv6/plans/2"),
    ),
    ("DELETE", "/api/v1/ipv6/sites/{code}"): (
        "engineer",
        lambda c: c.delete("/api/v1/ipv6/sites/audited"),
    ),
}
"""In an order in which they succeed."""
