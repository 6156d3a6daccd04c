"""Every operation says who may call it, and means it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from controller.access.tables import ROLES
from controller.openapi import operation_roles
from tests.contract.conftest import House

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),  # from this machine only, see tests/unit/controller/test_app.py
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/"),
    ("GET", "/static/{path:path}"),
    ("GET", "/api/v1/ingest/ca"),
    ("POST", "/api/v1/ingest/enrol"),  # by enrolment token
    ("GET", "/n/{token}"),  # by the signed link itself, as all below it
    ("GET", "/n/{token}/data/{item_id}"),
    ("GET", "/n/{token}/letter.pdf"),
    ("GET", "/n/{token}/files/{file_id}"),
}
"""What strangers may call."""

BY_AGENT = {
    ("POST", "/api/v1/ingest/batches"),
    ("POST", "/api/v1/ingest/rows"),
    ("GET", "/api/v1/ingest/self"),
}
"""What agents call with a secret of their own."""

VALUES = {"code": "nothing", "username": "nobody", "verb": "disable"}


def _operations(house: House) -> list[tuple[str, str, list[str]]]:
    document = house.app.openapi()
    return [
        (method.upper(), path, operation.get("x-roles"))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def _fill(path: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda m: VALUES.get(m[1], "4711"), path)


def _call(client: httpx.Client, method: str, path: str) -> httpx.Response:
    body: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": {}}
    return client.request(method, _fill(path), **body)


def test_every_route_asks_who_is_calling_or_is_open_on_purpose(house: House) -> None:
    """Pages too: a dependency that FastAPI does not recognise would leave a door open."""
    roles = operation_roles(house.app)
    silent = {route for route, allowed in roles.items() if allowed is None}
    silent = {(m, p) for m, p in silent if m not in ("HEAD", "OPTIONS")}
    assert silent - OPEN - BY_AGENT == set()


def test_no_route_but_the_apis_routes_is_left_out_of_sight(house: House) -> None:
    """A mounted application or a plain Starlette route would bypass the list above."""
    seen = {(m, p) for m, p in operation_roles(house.app)}
    for context in iter_route_contexts(house.app.routes):
        for method in context.methods or ():
            if method not in ("HEAD", "OPTIONS"):
                assert (method, context.path) in seen | OPEN, context.path


def test_nobody_may_do_what_two_administrators_may(house: House) -> None:
    """System, security and audit administration: no write is open to two of them."""
    admins = {"system_admin", "security_admin", "auditor"}
    own = {"/api/v1/me/password", "/password", "/logout", "/language"}
    for (method, path), allowed in operation_roles(house.app).items():
        if method not in ("GET", "HEAD") and allowed is not None and path not in own:
            assert len(admins & set(allowed)) <= 1, (method, path)


def test_a_stranger_gets_401_everywhere_else(house: House) -> None:
    with house.client(None) as client:
        for method, path, roles in _operations(house):
            if (method, path) in OPEN:
                continue
            answer = _call(client, method, path)
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"]
            assert (roles is None) == ((method, path) in BY_AGENT)


def test_a_strange_token_gets_401_everywhere_else(house: House) -> None:
    with house.client("yxt_" + "x" * 43) as client:
        for method, path, _ in _operations(house):
            if (method, path) not in OPEN:
                assert _call(client, method, path).status_code == 401, (method, path)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_exactly_what_is_declared(house: House, role: str) -> None:
    with house.client(house.tokens[role]) as client:
        for method, path, roles in _operations(house):
            if roles is None:
                continue
            answer = _call(client, method, path)
            refused = answer.status_code == 403 and "may not" in answer.json().get("detail", "")
            assert refused == (role not in roles), (method, path, answer.status_code, answer.text)
            assert answer.status_code < 500, (method, path, answer.text)


def test_the_document_is_complete(house: House) -> None:
    """Summary, tag and problem answers for every operation; a description or example for bodies."""
    for path, operations in house.app.openapi()["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert operation.get("tags"), where
            assert "default" in operation["responses"], where
            assert any(status.startswith("2") for status in operation["responses"]), where
