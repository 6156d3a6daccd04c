"""The console: every page's routes, the static files, and how an error looks in a browser."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from controller.web.errors import problem_page
from controller.web.freshness import Memory
from controller.web.pages import (
    account,
    agents,
    allocation,
    audit,
    comparison,
    cutovers,
    data,
    device,
    device_edit,
    devices,
    drill,
    findings,
    forecasts,
    idle,
    ipv6,
    ipv6_hosts,
    ipv6_plans,
    ipv6_traffic,
    move_graph,
    move_plan,
    move_project,
    moves,
    network_credentials,
    network_discovery,
    network_lines,
    network_points,
    network_topology,
    network_traps,
    network_uplinks,
    network_usage,
    notice,
    notice_deliveries,
    notice_link,
    notice_unit,
    notices,
    overview,
    patrol,
    patrol_runs,
    platform_import,
    platform_imports,
    platform_source,
    pools,
    published,
    readiness,
    readiness_host,
    readiness_hosts,
    readiness_project,
    readiness_runs,
    readiness_setup,
    reconciliation,
    reports,
    resource_correction,
    resources,
    rollouts,
    suppressions,
    system,
    systems,
    unclaimed,
    unit,
    unit_register,
    units,
    users,
    wall,
)
from controller.web.render import STATIC
from controller.web.reports import Reports

PAGES = (
    unit_register,
    systems,
    allocation,
    pools,
    unclaimed,
    account,
    overview,
    wall,
    units,
    unit,
    resources,
    resource_correction,
    platform_imports,
    platform_import,
    platform_source,
    reconciliation,
    published,
    idle,
    forecasts,
    comparison,
    ipv6,
    ipv6_hosts,
    ipv6_traffic,
    ipv6_plans,
    moves,
    move_project,
    move_plan,
    move_graph,
    readiness,
    readiness_project,
    readiness_host,
    readiness_hosts,
    readiness_runs,
    readiness_setup,
    patrol,
    patrol_runs,
    suppressions,
    cutovers,
    drill,
    findings,
    devices,
    device,
    device_edit,
    network_credentials,
    network_discovery,
    network_lines,
    network_points,
    network_topology,
    network_traps,
    network_uplinks,
    network_usage,
    rollouts,
    agents,
    users,
    system,
    audit,
    data,
    notices,
    notice_deliveries,
    notice,
    notice_unit,
    notice_link,
    reports,
)
"""Every module with pages; a new one is added here."""

YEAR = 365 * 24 * 3600


def router() -> APIRouter:
    """All routes of the console; they are not part of the API's document."""
    pages = APIRouter(include_in_schema=False)
    for module in PAGES:
        pages.include_router(module.router)
    files = StaticFiles(directory=STATIC, check_dir=False)

    @pages.get("/static/{path:path}")
    async def static(path: str, request: Request) -> Response:
        if path.startswith("."):
            raise HTTPException(404)
        answer = await files.get_response(path, request.scope)
        # The mark in the address changes with the file, so that it can be kept for good.
        marked = "v" in request.query_params
        answer.headers["Cache-Control"] = (
            f"public, max-age={YEAR}, immutable" if marked else "no-cache"
        )
        return answer

    return pages


def install(app: FastAPI) -> None:
    """Adds the console to ``app``: after the API's routers, once."""
    app.state.problem_page = problem_page
    app.state.freshness = Memory()
    app.state.reports = Reports()
    app.include_router(router())
