"""The routers of 迁网."""

from __future__ import annotations

from controller.moves.api import router as api
from controller.moves.edges_api import router as edges
from controller.moves.plans_api import router as plans

ROUTERS = (api, edges, plans)
