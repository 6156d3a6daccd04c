"""What happens to every request: an id, security headers, a count and a duration."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from elsewhere; pages put their data into data- attributes."""

_HEADERS = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
_HSTS = ("strict-transport-security", "max-age=31536000")
MOST_BODY = 1024 * 1024
OWN_LIMITS = ("/api/v1/ingest/", "/api/v1/import/", "/api/v1/notice-files/", "/notice-files/",
              "/api/v1/readiness/bundles/", "/readiness/bundles/")  # fmt: skip
"""Routes that take large bodies as a stream and set their own limits."""

_GIVEN_ID = re.compile(rb"[0-9A-Za-z_-]{8,64}")


class RequestMetrics:
    """Counts and durations by route, in the app's own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "yunxun_http_requests_total",
            "Requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "yunxun_http_request_seconds",
            "Time to the end of the answer",
            ["route"],
            buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10),
            registry=registry,
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        # A path that no route has would let strangers grow the label set without limit.
        route = scope.get("route")
        path = getattr(route, "path_format", None) or getattr(route, "path", None) or "(none)"
        method = scope["method"] if scope["method"] in _METHODS else "(other)"
        self.requests.labels(method, path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)


OnError = Callable[[Request, Exception], Awaitable[Response]]
"""Logs what nobody foresaw and makes the answer to it."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMiddleware:
    """The outermost layer, plain ASGI: streams pass through it untouched."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, on_error: OnError) -> None:
        self.app = app
        self.metrics = metrics
        self.on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        receive = _limited(scope, receive)
        began = time.perf_counter()
        status, started = 500, False
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault(*_HSTS)
                # What a signed-in user sees must not stay in a shared cache or on disk.
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            # Here and not in Starlette's outermost layer, whose answer would lack the headers.
            answer = await self.on_error(Request(scope), error)
            if started:
                raise
            await answer(scope, receive, send_with_headers)
        finally:
            self.metrics.observe(scope, status, time.perf_counter() - began)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """``receive`` that gives up with 413 once the body is larger than any form of ours."""
    if scope["path"].startswith(OWN_LIMITS):
        return receive
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BODY:
            raise HTTPException(413, f"the body is larger than {MOST_BODY} bytes")
        return message

    return receive_limited


def _request_id(scope: Scope) -> str:
    """A caller's own id if it is harmless in a log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)
