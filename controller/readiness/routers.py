"""The routers of readiness, in the order of the API's document."""

from __future__ import annotations

from controller.readiness.api import router as projects_router
from controller.readiness.results_api import router as results_router
from controller.readiness.run_api import router as runs_router

ROUTERS = (projects_router, runs_router, results_router)
