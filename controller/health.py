"""Is the process up, are both stores there, and how it has been doing."""

from __future__ import annotations

import logging
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from controller.access.deps import MaybePrincipalDep, RuntimeDep, client_address, may, unauthorized
from controller.access.principal import Principal
from controller.access.roles import MATRIX
from controller.checks import Check, run_checks, store_answers
from controller.problems import Problem

router = APIRouter(tags=["health"])
log = logging.getLogger("yunxun.api")


@router.get("/healthz", summary="The process is up")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Both stores answer")
def readyz(runtime: RuntimeDep) -> dict[str, str]:
    failed = {name: why for name, why in store_answers(runtime).items() if why}
    if failed:
        # Why may name hosts and users: that is for the log, not for strangers.
        log.warning("not ready", extra=failed)
        raise Problem(
            503,
            "not ready",
            f"no answer from: {', '.join(failed)}; the log says why",
            headers={"Retry-After": "2"},
        )
    return {"status": "ok"}


@router.get("/api/v1/checks", summary="What yunxun doctor looks at")
def checks(
    runtime: RuntimeDep,
    _principal: Annotated[Principal, Depends(may("system.read"))],
) -> list[Check]:
    return run_checks(runtime)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(request: Request, principal: MaybePrincipalDep) -> Response:
    """From this machine for everybody, from elsewhere with a token of system_admin or ops."""
    if principal is None:
        if not is_loopback(client_address(request)):
            raise unauthorized("from another machine /metrics needs an API token")
    elif not principal.holds(*MATRIX["system.read"]):
        raise Problem(403, "not allowed", f"role {principal.role} may not read metrics")
    registry: Any = request.app.state.metrics
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def is_loopback(address: str) -> bool:
    """Whether a client of that address is on this machine."""
    try:
        return ip_address(address.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False
