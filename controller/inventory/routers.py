"""Every router of the registers, in the order of the OpenAPI document."""

from __future__ import annotations

from controller.inventory import api, claims_api, corrections_api, papers_api, pools_api, units_api

ROUTERS = (
    api.router,
    corrections_api.router,
    units_api.router,
    papers_api.router,
    pools_api.router,
    claims_api.router,
)
