"""What every request gets: a problem document, headers, limits, and proof that it is ours."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from controller import api_process
from controller.access import sessions, tokens, users
from controller.app import create_app
from controller.health import is_loopback
from controller.problems import Problem
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect
from controller.store.samples import (
    QueryTooHeavy,
    Samples,
    SamplesError,
    SamplesFull,
    SamplesUnavailable,
)
from tests.serving import serving

PASSWORD = "Tr0ub4dor"
ERRORS = {
    "problem": Problem(418, "teapot", "short and stout", headers={"x-tea": "1"}, cups=2),
    "database": OperationalError("SELECT secret", {}, Exception("locked")),
    "unavailable": SamplesUnavailable("gone"),
    "full": SamplesFull("full"),
    "heavy": QueryTooHeavy("heavy"),
    "refused": SamplesError("syntax", 62),
    "bug": RuntimeError("secret detail"),
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    settings = Settings(data=tmp_path_factory.mktemp("app"))
    database = Database(connect(settings.relational_url))
    metadata().create_all(database.engine)
    yield Runtime(settings, database, Samples.from_settings(settings))
    database.close()


@pytest.fixture(scope="module")
def app(runtime: Runtime) -> FastAPI:
    app = create_app(runtime)

    @app.get("/api/v1/raise/{kind}")
    def fail(kind: str) -> None:
        raise ERRORS[kind]

    @app.get("/page/raise/{kind}")
    def fail_page(kind: str) -> None:
        raise ERRORS[kind]

    return app


@pytest.fixture(scope="module")
def url(app: FastAPI) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def ops(runtime: Runtime) -> dict[str, str]:
    with runtime.database.write() as session:
        text, _ = tokens.create_token(session, "test", "ops", runtime.now())
    return {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/raise/problem", 418),
        ("/api/v1/raise/database", 503),
        ("/api/v1/raise/unavailable", 503),
        ("/api/v1/raise/full", 507),
        ("/api/v1/raise/heavy", 422),
        ("/api/v1/raise/refused", 500),
        ("/api/v1/raise/bug", 500),
        ("/api/v1/nothing", 404),
        ("/api/v1/me", 401),
    ],
)
def test_every_error_is_a_problem_document_with_the_requests_id(
    client: httpx.Client, path: str, status: int
) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["instance"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    if status in (503, 507):
        assert int(answer.headers["retry-after"]) > 0


def test_a_browser_gets_a_page_and_a_stranger_the_login(client: httpx.Client) -> None:
    html = {"accept": "text/html,*/*"}
    page = client.get("/page/raise/bug", headers=html)
    assert page.status_code == 500
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-request-id"] in page.text
    assert "secret" not in page.text
    to_login = client.get("/units", headers=html)
    assert to_login.status_code == 303
    assert to_login.headers["location"].startswith("/login")


def test_invalid_input_names_the_field(client: httpx.Client, runtime: Runtime) -> None:
    with runtime.database.write() as session:
        text, _ = tokens.create_token(session, "test", "security_admin", runtime.now())
    headers = {"authorization": f"Bearer {text}"}
    answer = client.post("/api/v1/users", json={"usrname": "x"}, headers=headers)
    assert answer.status_code == 422
    where = {each["where"] for each in answer.json()["errors"]}
    assert where == {"body.username", "body.role", "body.usrname"}
    broken = client.post(
        "/api/v1/users", content=b"{", headers=headers | {"content-type": "application/json"}
    )
    assert broken.status_code == 422
    assert broken.headers["content-type"] == "application/problem+json"


def test_every_answer_carries_the_security_headers(client: httpx.Client) -> None:
    for path in ("/healthz", "/login", "/nothing", "/api/v1/raise/bug"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_a_harmless_request_id_is_kept_and_another_replaced(client: httpx.Client) -> None:
    for given, kept in (("agent-4711-abc", True), ("a b", False), ("x" * 65, False)):
        got = client.get("/healthz", headers={"x-request-id": given}).headers["x-request-id"]
        assert (got == given) is kept


def test_a_large_body_is_refused_however_it_comes(
    client: httpx.Client, ops: dict[str, str]
) -> None:
    big = b"x" * (2 << 20)
    declared = client.post("/api/v1/tokens", content=big, headers=ops)
    streamed = client.post("/api/v1/tokens", content=iter([big]), headers=ops)
    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert declared.headers["content-type"] == "application/problem+json"


def test_metrics_count_routes_not_paths(client: httpx.Client) -> None:
    client.get("/api/v1/me")
    for number in range(3):
        client.get(f"/nothing/{number}")
    text = client.get("/metrics").text
    assert re.search(r'requests_total\{method="GET",route="/api/v1/me",status="401"\} \d', text)
    assert re.search(r'route="\(none\)",status="404"\} \d', text)
    assert "/nothing" not in text
    for name in ("yunxun_agents", "yunxun_disk_free_bytes", "yunxun_ingest_rows_total"):
        assert f"# TYPE {name} " in text
    assert 'yunxun_collector_up{source="rollups"} 1.0' in text


def test_metrics_are_for_this_machine_or_for_a_token(
    app: FastAPI, ops: dict[str, str], client: httpx.Client, runtime: Runtime
) -> None:
    for address, loopback in (
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("", False),
    ):
        assert is_loopback(address) is loopback
    assert client.get("/metrics", headers=ops).status_code == 200
    with runtime.database.write() as session:
        text, _ = tokens.create_token(session, "test", "auditor", runtime.now())
    assert client.get("/metrics", headers={"authorization": f"Bearer {text}"}).status_code == 403


def test_ready_means_that_both_stores_answer(client: httpx.Client) -> None:
    answer = client.get("/readyz", timeout=30)
    assert answer.status_code == 503
    assert "no answer from: samples" in answer.json()["detail"]
    assert client.get("/healthz").json() == {"status": "ok"}


# ---- cookies


@pytest.fixture
def signed_in(client: httpx.Client, runtime: Runtime) -> tuple[httpx.Client, str]:
    """A browser of a security administrator, and its CSRF token."""
    now = runtime.now()
    with runtime.database.write() as session:
        user = users.find_user(session, "sun") or users.create_user(
            session, "sun", PASSWORD, "security_admin", now, must_change=False
        )
        cookie = sessions.open_session(session, user, "", now)
    client.cookies.set("yunxun", cookie)
    principal = sessions.resolve(runtime.database, cookie, "", now)
    assert principal is not None
    return client, principal.csrf


def test_a_cookie_alone_may_read_but_not_write(signed_in: tuple[httpx.Client, str]) -> None:
    client, csrf = signed_in
    body = {"name": "x", "role": "ops"}
    assert client.get("/api/v1/tokens").status_code == 200
    for headers in (
        {},
        {"x-csrf-token": "wrong"},
        {"x-csrf-token": ""},
        {"x-csrf-token": csrf, "origin": "https://evil.example"},
        {"x-csrf-token": csrf, "origin": "null"},
        {"x-csrf-token": csrf, "sec-fetch-site": "cross-site"},
        {"x-csrf-token": csrf, "sec-fetch-site": "same-site"},
    ):
        assert client.post("/api/v1/tokens", json=body, headers=headers).status_code == 403, headers
    own = str(client.base_url).rstrip("/")
    proven = {"x-csrf-token": csrf, "origin": own, "sec-fetch-site": "same-origin"}
    assert client.post("/api/v1/tokens", json=body, headers=proven).status_code == 201


def test_a_token_in_the_header_needs_no_csrf_and_wins_over_a_cookie(
    signed_in: tuple[httpx.Client, str], ops: dict[str, str]
) -> None:
    client, _ = signed_in
    assert client.get("/api/v1/me", headers=ops).json()["role"] == "ops"
    wrong = {"authorization": "Bearer yxt_wrong"}
    assert client.get("/api/v1/me", headers=wrong).status_code == 401
    assert client.get("/api/v1/me", headers={"authorization": "Basic eDp5"}).status_code == 401


def test_a_given_password_opens_nothing_but_its_change(
    client: httpx.Client, runtime: Runtime
) -> None:
    now = runtime.now()
    with runtime.database.write() as session:
        user = users.create_user(session, "newcomer", PASSWORD, "security_admin", now)
        cookie = sessions.open_session(session, user, "", now)
    client.cookies.set("yunxun", cookie)
    principal = sessions.resolve(runtime.database, cookie, "", now)
    assert principal is not None
    headers = {"x-csrf-token": principal.csrf}
    assert client.get("/api/v1/users").json()["title"] == "password change required"
    assert client.get("/api/v1/me").json()["must_change_password"] is True
    for new, status in ((PASSWORD, 422), ("short", 422), ("newcomer-2026-x", 422)):
        body = {"current": PASSWORD, "new": new}
        assert client.post("/api/v1/me/password", json=body, headers=headers).status_code == status
    wrong = {"current": "wrong", "new": "An0ther-one"}
    assert client.post("/api/v1/me/password", json=wrong, headers=headers).status_code == 403
    right = {"current": PASSWORD, "new": "An0ther-one"}
    assert client.post("/api/v1/me/password", json=right, headers=headers).status_code == 204
    # All sessions ended with the old password.
    assert client.get("/api/v1/users").status_code == 401


# ---- the socket


def _raw(url: str, data: bytes, seconds: float = 5) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(data)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"x" * 70_000 + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % n for n in range(150)),
    ],
)
def test_headers_without_end_are_refused(url: str, headers: bytes) -> None:
    answer = _raw(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


def test_a_client_that_never_ends_its_headers_is_cut_off(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_process, "HEADER_SECONDS", 0.3)
    began = time.monotonic()
    assert _raw(url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n") == b""
    assert time.monotonic() - began < 3
    # Nor does a second request on the same connection get more time.
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert _raw(url, first + b"GET /he").count(b"HTTP/1.1 200") == 1


def test_time_is_never_naive(runtime: Runtime) -> None:
    assert runtime.now().tzinfo is UTC
    assert abs(runtime.now() - datetime.now(UTC)).total_seconds() < 5
