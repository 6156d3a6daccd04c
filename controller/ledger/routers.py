"""Every router of the ledger."""

from __future__ import annotations

from controller.ledger import api, months_api, reconcile_api

ROUTERS = (api.router, reconcile_api.router, months_api.router)
