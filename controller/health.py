"""Is the process up, are both stores there, and how it has been doing."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from controller.access.deps import MaybePrincipalDep, RuntimeDep, client_address, unauthorized
from controller.access.roles import MATRIX
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process is up")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Both stores answer")
def readyz(runtime: RuntimeDep) -> dict[str, str]:
    failed = {name: why for name, why in store_answers(runtime).items() if why}
    if failed:
        raise Problem(
            503,
            "not ready",
            "; ".join(f"{name}: {why}" for name, why in failed.items()),
            headers={"Retry-After": "2"},
        )
    return {"status": "ok"}


def store_answers(runtime: Runtime) -> dict[str, str]:
    """For each store "" if it answers, else why not, in one line."""
    answers = {"database": "", "samples": ""}
    try:
        with runtime.database.read() as session:
            session.execute(text("SELECT 1"))
    except Exception as error:  # whatever is wrong, the answer is "not ready"
        answers["database"] = _one_line(error)
    try:
        runtime.samples.query("SELECT 1 AS one", seconds=5)
    except Exception as error:
        answers["samples"] = _one_line(error)
    return answers


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(request: Request, principal: MaybePrincipalDep) -> Response:
    """From this machine for everybody, from elsewhere with a token of system_admin or ops."""
    if principal is None:
        if not _is_loopback(client_address(request)):
            raise unauthorized("from another machine /metrics needs an API token")
    elif not principal.holds(*MATRIX["system.read"]):
        raise Problem(403, "not allowed", f"role {principal.role} may not read metrics")
    registry: Any = request.app.state.metrics
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False
