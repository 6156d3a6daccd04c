"""All relational tables in one place: migrations and a fresh database are made from here."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from controller.access import tables as access_tables
from controller.findings import tables as findings_tables
from controller.forecasts import tables as forecast_tables
from controller.idle import tables as idle_tables
from controller.ingest import tables as ingest_tables
from controller.inventory import register_tables
from controller.inventory import tables as inventory_tables
from controller.ipv6 import tables as ipv6_tables
from controller.ledger import tables as ledger_tables
from controller.moves import tables as move_tables
from controller.network import line_tables, trap_tables
from controller.network import tables as network_tables
from controller.notices import tables as notice_tables
from controller.patrol import tables as patrol_tables
from controller.readiness import tables as readiness_tables
from controller.store import tables as store_tables

MODULES = (
    store_tables,
    access_tables,
    inventory_tables,
    register_tables,
    ingest_tables,
    findings_tables,
    forecast_tables,
    idle_tables,
    ipv6_tables,
    ledger_tables,
    line_tables,
    network_tables,
    trap_tables,
    move_tables,
    notice_tables,
    patrol_tables,
    readiness_tables,
)
"""Every module that defines tables; a new capability adds its own here."""


def metadata() -> MetaData:
    """The complete relational schema."""
    return SQLModel.metadata
