"""The OpenAPI document: who may call an operation, and how errors look, added to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from controller.access.deps import Require, signed_in
from controller.access.tables import ROLES
from controller.errors import MEDIA_TYPE

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "description": "the kind of problem"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "this one: what, where, what to do"},
        "detail_zh": {"type": "string", "description": "the same in Chinese, where there is one"},
        "instance": {"type": "string", "description": "id of the request, to quote"},
    },
    "example": {
        "type": "about:blank",
        "title": "not found",
        "status": 404,
        "detail": "no unit 'X1' that you may see",
        "detail_zh": "没有找到单位“X1”，或不在您的查看范围内",
        "instance": "9f2c64d8a1b03e57",
    },
}

_ERRORS = {
    "401": "Not signed in",
    "403": "Not allowed for this role",
    "422": "Invalid request",
    "default": "Problem",
}

DESCRIPTION = """The same API that the pages and the `yunxun` command use.

Authenticate with `Authorization: Bearer yxt_…` (`yunxun admin token`). Times are RFC 3339;
without a zone they mean Asia/Shanghai. Periods are half-open `[from, to)`. Errors are RFC 9457
problem documents. `x-roles` of an operation lists the roles that may call it."""


def install(app: FastAPI) -> None:
    """Make ``app.openapi()`` give the completed document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def operation_roles(app: FastAPI) -> dict[tuple[str, str], tuple[str, ...] | None]:
    """(method, path) -> roles that may; None where the route does not ask who is calling.

    A route with several requirements lets those pass that meet all of them.
    """
    found: dict[tuple[str, str], tuple[str, ...] | None] = {}
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        if dependant is None or context.path is None:
            continue
        roles = _roles(dependant)
        for method in context.methods or ():
            found[method, context.path] = roles
    return found


def _roles(dependant: Dependant) -> tuple[str, ...] | None:
    calls = list(_calls(dependant))
    required = [call.roles for call in calls if isinstance(call, Require)]
    if not required and signed_in not in calls:
        return None
    return tuple(role for role in ROLES if all(role in roles for roles in required))


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components.setdefault("securitySchemes", {}).update(
        token={"type": "http", "scheme": "bearer", "description": "API token yxt_…"},
        agent={"type": "http", "scheme": "bearer", "description": "<agent id>.<secret>"},
        session={
            "type": "apiKey",
            "in": "cookie",
            "name": "yunxun",
            "description": "Signed-in browser",
        },
    )
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    roles = operation_roles(app)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            allowed = roles.get((method.upper(), path))
            responses = operation["responses"]
            for status, text in _ERRORS.items():
                if allowed is None and status in ("401", "403"):
                    continue
                if status == "422" and "422" not in responses:
                    continue
                responses[status] = {"description": text, "content": problem}
            if allowed is not None:
                operation["security"] = [{"token": []}, {"session": []}]
                operation["x-roles"] = list(allowed)
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    return document
