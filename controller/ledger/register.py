"""The register as comparisons need it: every resource with its present or last holding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.dated import SHANGHAI
from controller.inventory.tables import BusinessSystem, Holding, Resource, Site, Unit, Zone
from controller.inventory.unit_names import UnitNames, UnknownUnitError
from controller.ledger.compare import Owner
from controller.ledger.mapping import Covers
from controller.ledger.match_rows import Known

MEASURED = ("vm", "physical")
"""Kinds that have an address, a size and an agent."""


def read_known(session: Session, at: datetime) -> list[Known]:
    """Every resource with what it is held for at ``at``, else last, by id."""
    rows = session.execute(
        select(
            col(Resource.id),
            col(Resource.code),
            col(Resource.name),
            col(Resource.kind),
            col(Resource.instance_uuid),
            col(Resource.ip),
            col(Resource.os),
            col(Resource.retired),
            col(Holding.since),
            col(Holding.unit_id),
            col(Unit.code),
            col(BusinessSystem.name),
            col(Site.name),
            col(Zone.name),
            col(Holding.vcpu),
            col(Holding.mem_bytes),
            col(Holding.disk_bytes),
            col(Holding.bandwidth_bit_s),
        )
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .join(Unit, col(Unit.id) == col(Holding.unit_id))
        .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
        .outerjoin(Site, col(Site.id) == col(Holding.site_id))
        .outerjoin(Zone, col(Zone.id) == col(Holding.zone_id))
        .order_by(col(Resource.id), col(Holding.since))
    )
    found: dict[int, Known] = {}
    for (key, code, name, kind, uuid, ip, os, retired, since, unit_id, unit, system, site, zone,
         vcpu, mem_bytes, disk_bytes, bandwidth_bit_s) in rows:  # fmt: skip
        if key in found and since > at:
            continue
        ended = retired is not None and retired <= at
        found[key] = Known(
            key, code, name, kind, uuid, tuple(ip.split(",")) if ip else (), os, unit_id, unit,
            system or "", site or "", zone or "", vcpu, mem_bytes, disk_bytes, bandwidth_bit_s,
            retired=f"{retired.astimezone(SHANGHAI):%Y-%m-%d}" if ended else "",
        )  # fmt: skip
    return list(found.values())


def covered(known: Known, covers: Covers) -> bool:
    """Whether a source that covers ``covers`` must name this resource."""
    return bool(
        covers
        and not known.retired
        and (not covers.sites or known.site in covers.sites)
        and (not covers.zones or known.zone in covers.zones)
        and known.kind in (covers.kinds or MEASURED)
    )


def owner_finder(session: Session, now: datetime) -> Callable[[str], Owner]:
    """Finds units by code, name, former name or alias; remembers what was asked."""
    names = UnitNames(session, now)
    codes = {unit.id: unit.code for unit in session.execute(select(Unit)).scalars()}
    found: dict[str, Owner] = {}

    def find(word: str) -> Owner:
        if word not in found:
            try:
                unit_id = names.find(word)
                found[word] = Owner(unit_id, codes[unit_id])
            except UnknownUnitError as error:
                found[word] = Owner(None, problem=str(error))
        return found[word]

    return find
