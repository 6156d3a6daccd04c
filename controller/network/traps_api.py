"""Routes of traps: /api/v1/traps, /api/v1/trap-sources."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import PageNumber, PageSize, page_of
from controller.inventory.model import Page
from controller.network.traps import TrapSourceView, TrapView, list_sources, list_traps

router = APIRouter(prefix="/api/v1", tags=["network"])

Reader = Annotated[Principal, Depends(may("network.read"))]


@router.get("/traps", summary="SNMP traps and informs, the newest first")
def get_traps(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    kind: Annotated[str, Query(max_length=32, description="link_down, bgp_down, raw …")] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[TrapView]:
    """At most the newest thousand; kept for 30 days."""
    with runtime.database.read() as session:
        found = list_traps(session, scope, runtime.now(), kind=kind, text=text)
    return page_of(found, page, size)


@router.get("/trap-sources", summary="Who sends traps, unknown ones first")
def get_sources(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[TrapSourceView]:
    """With what was taken, dropped by the flood limit, and refused."""
    with runtime.database.read() as session:
        found = list_sources(session, scope, runtime.now())
    return page_of(found, page, size)
