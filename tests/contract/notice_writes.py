"""What is done with notices, by who may."""

from __future__ import annotations

from collections.abc import Callable

import httpx

NOTICE_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/notices/draft"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/draft", json={"items": [{"resource": "vm-idle", "reason": "闲置"}]}
        ),
    ),
    ("PATCH", "/api/v1/notices/{code}"): (
        "ops",
        lambda c: c.patch("/api/v1/notices/notice-edit", json={"title": "函", "body": "正文"}),
    ),
    ("POST", "/api/v1/notices/{code}/acts"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-review/acts", json={"act": "review", "person": "王核"}
        ),
    ),
    ("POST", "/api/v1/notices/{code}/items/{item_id}/acts"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-item/items/103/acts",
            json={"act": "grant_keep", "person": "赵敏"},
        ),
    ),
    ("POST", "/api/v1/notices/{code}/items/{item_id}/answer"): (
        "unit",
        lambda c: c.post(
            "/api/v1/notices/notice-answer/items/104/answer", json={"answer": "release"}
        ),
    ),
    ("POST", "/api/v1/notices/orders/{order_id}/receipt"): (
        "provider",
        lambda c: c.post("/api/v1/notices/orders/105/receipt", json={}),
    ),
    ("POST", "/api/v1/notices/{code}/calls"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-call/calls", json={"person": "张三", "reply": "本周答复"}
        ),
    ),
    ("POST", "/api/v1/notices/{code}/escalations/{escalation_id}"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-escalation/escalations/107",
            json={"act": "approve", "person": "赵敏"},
        ),
    ),
    ("POST", "/api/v1/notices/deliveries/{delivery_id}/resend"): (
        "ops",
        lambda c: c.post("/api/v1/notices/deliveries/101/resend"),
    ),
    ("PUT", "/api/v1/notices/templates/{kind}"): (
        "ops",
        lambda c: c.put("/api/v1/notices/templates/idle", json={"title": "函", "body": "正文"}),
    ),
    ("POST", "/api/v1/notice-files/{code}"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notice-files/notice-scan", files={"file": ("s.pdf", b"%PDF-1.7 scan")}
        ),
    ),
}
"""In an order in which they succeed."""
