"""The HTTP application: every capability's routes on one runtime."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlmodel import Session

from controller import errors, health, openapi
from controller.access.api import router as access_router
from controller.access.audit_api import router as audit_router
from controller.access.scope import CITY
from controller.access.tokens_api import router as tokens_router
from controller.cutover.api import router as cutover_router
from controller.findings.api import router as findings_router
from controller.forecasts.api import router as forecasts_router
from controller.gauges import Gauges
from controller.idle.api import router as idle_router
from controller.ingest.api import InstalledDoor
from controller.ingest.api import router as ingest_router
from controller.ingest.documents import DocumentKind
from controller.ingest.downlink import AssignmentKind, Downlink
from controller.ingest.tasks import FACTS_NOW, TaskKind, result_kind
from controller.inventory import units
from controller.inventory.routers import ROUTERS as INVENTORY_ROUTERS
from controller.ipv6.api import router as ipv6_router
from controller.ipv6.api_hosts import router as ipv6_hosts_router
from controller.ipv6.api_plans import router as ipv6_plans_router
from controller.ipv6.api_vantages import router as ipv6_vantages_router
from controller.ipv6.subjects import HOST_KIND as IPV6_HOST
from controller.ipv6.vantages import SCAN_SITES, SITES_ASSIGNMENT, reading_kind
from controller.ledger.months import published_report
from controller.ledger.routers import ROUTERS as LEDGER_ROUTERS
from controller.middleware import RequestMetrics, RequestMiddleware
from controller.moves.edge_documents import EDGES
from controller.moves.edge_views import candidates_by_links
from controller.moves.routers import ROUTERS as MOVE_ROUTERS
from controller.network.api import ROUTERS as NETWORK_ROUTERS
from controller.network.assign import SNMP_ASSIGNMENT, devices_of_agents
from controller.network.discovery import SCAN_TASK
from controller.network.intake import DEVICE_FACTS, DEVICE_STATE
from controller.network.lines import due_contracts
from controller.network.lines_api import router as lines_router
from controller.network.reach_assign import REACH_ASSIGNMENT
from controller.network.trap_assign import TRAPS_ASSIGNMENT
from controller.network.trap_take import TRAPS_DOCUMENT
from controller.network.traps_api import router as traps_router
from controller.network.uplinks_api import router as uplinks_router
from controller.notices.api import router as notices_router
from controller.patrol.api import router as patrol_router
from controller.readiness.progress import Streams
from controller.readiness.routers import ROUTERS as READINESS_ROUTERS
from controller.reports.api import router as reports_router
from controller.reports.usage_api import router as usage_reports_router
from controller.rollout.api import router as rollout_router
from controller.runtime import Runtime
from controller.usage.api import router as usage_router
from controller.usage.apportion_api import router as apportion_router
from controller.usage.comparison_api import router as comparison_router
from controller.web.routes import install as install_web

ROUTERS = (
    health.router,
    access_router,
    tokens_router,
    audit_router,
    ingest_router,
    *INVENTORY_ROUTERS,
    *LEDGER_ROUTERS,
    *MOVE_ROUTERS,
    usage_router,
    apportion_router,
    comparison_router,
    lines_router,
    traps_router,
    uplinks_router,
    *NETWORK_ROUTERS,
    ipv6_router,
    ipv6_hosts_router,
    ipv6_plans_router,
    ipv6_vantages_router,
    findings_router,
    idle_router,
    forecasts_router,
    patrol_router,
    notices_router,
    *READINESS_ROUTERS,
    cutover_router,
    rollout_router,
    reports_router,
    usage_reports_router,
)
"""Every router of the controller, in the order of the OpenAPI document."""

ASSIGNMENT_KINDS: tuple[AssignmentKind, ...] = (
    REACH_ASSIGNMENT,
    SNMP_ASSIGNMENT,
    TRAPS_ASSIGNMENT,
    SITES_ASSIGNMENT,
)
"""What agents measure besides their own host, by the capability that gives it."""

TASK_KINDS: tuple[TaskKind, ...] = (FACTS_NOW, SCAN_TASK, SCAN_SITES)
"""What agents can be asked to do once."""

DOCUMENT_KINDS: tuple[DocumentKind, ...] = (
    result_kind(TASK_KINDS),
    EDGES,
    IPV6_HOST,
    TRAPS_DOCUMENT,
    DEVICE_FACTS,
    DEVICE_STATE,
)
"""What agents send besides samples, by the capability that takes it in."""


def create_app(runtime: Runtime, *, local_token_hash: str | None = None) -> FastAPI:
    """The application. It owns nothing: the caller closes the runtime's stores.

    ``local_token_hash``: SHA-256 of a bearer token that may do everything, for commands that run
    the API in their own process on a data folder.
    """
    app = FastAPI(
        title="Yunxun 云巡",
        version=version("yunxun"),
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.runtime = runtime
    app.state.local_token_hash = local_token_hash
    app.state.subtree = units.subtree
    app.state.find_unit_id = _find_unit_id
    app.state.published = published_report
    app.state.document_kinds = (*DOCUMENT_KINDS, reading_kind(runtime.settings.ipv6_index))
    app.state.measured_by = devices_of_agents
    app.state.downlink = Downlink(ASSIGNMENT_KINDS, TASK_KINDS)
    app.state.further_due = (due_contracts,)
    app.state.further_candidates = (candidates_by_links,)
    app.state.readiness_streams = Streams()
    app.state.metrics = CollectorRegistry()
    app.state.metrics.register(Gauges(app, runtime))
    errors.install(app)
    openapi.install(app)
    for router in ROUTERS:
        app.include_router(router)
    install_web(app)
    app.add_middleware(
        RequestMiddleware,
        metrics=RequestMetrics(app.state.metrics),
        on_error=errors.unexpected,
    )
    # Outermost: a batch passes through nothing else.
    app.add_middleware(InstalledDoor, application=app)
    return app


def _find_unit_id(session: Session, code: str, at: datetime) -> int:
    """Raises NotFound."""
    return units.find_unit(session, CITY, code, at).id
