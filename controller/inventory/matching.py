"""Which resource a machine is: by the platform's instance UUID, else by address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address
from uuid import UUID

from sqlalchemy import or_, select
from sqlmodel import Session, col

from controller.inventory.dated import in_force
from controller.inventory.lock import lock_registers
from controller.inventory.naming import narrow
from controller.inventory.tables import Holding, Resource

PLACEHOLDER_UUIDS = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        # Boards whose maker never set it answer with these, alike on thousands of machines.
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
    }
)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

ADDRESSES_LENGTH = 400
"""Width of Resource.ip in characters."""


def clean_uuid(text: str | None) -> str | None:
    """An instance UUID as it is kept: lower case, hyphens at their places, no braces.

    A platform's own id that is no UUID (``i-0abc``) stays as it is, in lower case. ``None`` for
    nothing and for the placeholders that boards answer with.
    """
    if not text:
        return None
    cleaned = narrow(text).lower().strip("{}").removeprefix("urn:uuid:")
    if not _UUID.fullmatch(cleaned) and re.fullmatch(r"[0-9a-f]{32}", cleaned.replace("-", "")):
        cleaned = str(UUID(cleaned))
    return None if not cleaned or cleaned in PLACEHOLDER_UUIDS else cleaned


def uuid_variants(instance_uuid: str | None) -> list[str]:
    """The cleaned UUID and, where it is one, itself with the first three groups byte-swapped.

    SMBIOS before 2.6 gave no byte order, and firmware and guests still disagree (SMBIOS 3.x,
    7.2.1): one machine shows as 33221100-5544-7766-… at the platform and 00112233-4455-6677-…
    inside the guest.
    """
    cleaned = clean_uuid(instance_uuid)
    if cleaned is None:
        return []
    if not _UUID.fullmatch(cleaned):
        return [cleaned]
    swapped = "-".join(
        [*("".join(_reversed_bytes(group)) for group in cleaned.split("-")[:3]), cleaned[19:]]
    )
    return [cleaned] if swapped == cleaned else [cleaned, swapped]


def _reversed_bytes(group: str) -> list[str]:
    return [group[place : place + 2] for place in range(len(group) - 2, -1, -2)]


def clean_addresses(addresses: Sequence[str]) -> list[str]:
    """Addresses in canonical form without prefix length or zone, in order, once each.

    Left out: what is no address, and loopback, link-local, multicast and unspecified ones, which
    identify nothing.
    """
    kept: dict[str, None] = {}
    for text in addresses:
        try:
            address = ip_address(narrow(text).split("/")[0].split("%")[0])
        except ValueError:
            continue
        if not (
            address.is_loopback
            or address.is_link_local
            or address.is_multicast
            or address.is_unspecified
        ):
            kept[str(address)] = None
    return list(kept)


def join_addresses(addresses: Sequence[str]) -> str:
    """Addresses as a resource keeps them: comma-separated, as many as the column holds."""
    joined = ""
    for address in addresses:
        longer = f"{joined},{address}" if joined else address
        if len(longer) > ADDRESSES_LENGTH:
            break
        joined = longer
    return joined


def match_resource(
    session: Session,
    instance_uuid: str | None,
    addresses: Sequence[str],
    at: datetime,
    *,
    unit_ids: frozenset[int] | None = None,
) -> Resource | None:
    """The resource this machine is, or None when that is not certain.

    By instance UUID in either byte order. Else by address: only among resources held at ``at``
    by ``unit_ids`` (the enrolling unit's subtree; None searches the whole city), and only if
    exactly one fits and no known UUID of it speaks against the machine's.
    """
    variants = uuid_variants(instance_uuid)
    if variants:
        found = (
            session.execute(select(Resource).where(col(Resource.instance_uuid).in_(variants)))
            .scalars()
            .all()
        )
        exact = [resource for resource in found if resource.instance_uuid == variants[0]]
        if exact or found:
            return _allowed(session, (exact or found)[0], unit_ids)
    wanted = clean_addresses(addresses)
    if not wanted:
        return None
    statement = (
        select(Resource)
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(
            in_force(Holding, at),
            # A device has a resource of its own, also where it is a host with an agent besides.
            col(Resource.kind) != "device",
            # LIKE narrows (it also finds 10.0.0.10 for 10.0.0.1); the comparison below decides.
            or_(*(col(Resource.ip).contains(address, autoescape=True) for address in wanted)),
        )
    )
    if unit_ids is not None:
        statement = statement.where(col(Holding.unit_id).in_(sorted(unit_ids)))
    fitting = [
        resource
        for resource in session.execute(statement).scalars().unique()
        if set(resource.ip.split(",")) & set(wanted) and not (variants and resource.instance_uuid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _allowed(
    session: Session, resource: Resource, unit_ids: frozenset[int] | None
) -> Resource | None:
    """``resource`` unless another unit holds it: a token of one unit opens no other's resource."""
    if unit_ids is None:
        return resource
    holders = session.execute(
        select(col(Holding.unit_id))
        .where(col(Holding.resource_id) == resource.id)
        .order_by(col(Holding.since).desc())
    ).scalars()
    return resource if next(iter(holders), None) in unit_ids else None


def create_resource_for_agent(
    session: Session,
    *,
    name: str,
    unit_id: int,
    instance_uuid: str | None,
    addresses: Sequence[str],
    os: str,
    vcpu: float | None,
    mem_bytes: float | None,
    disk_bytes: float | None,
    now: datetime,
    demo: bool = False,
) -> Resource:
    """A new resource for an approved agent no resource fits, held by its unit from ``now``.

    The allocation is what the machine says of itself. The code is made from the name and is
    free; a later import that names the instance UUID gives it the register's own code. The caller
    commits.
    """
    lock_registers(session)
    resource = Resource(
        code=_free_code(session, name),
        name=name[:200],
        kind="vm",
        instance_uuid=_free_uuid(session, instance_uuid),
        ip=join_addresses(clean_addresses(addresses)),
        os=os,
        created=now,
        demo=demo,
    )
    session.add(resource)
    session.flush()
    if resource.id is None:  # pragma: no cover - flush gives it
        raise RuntimeError("no id")
    session.add(
        Holding(
            resource_id=resource.id,
            since=now,
            unit_id=unit_id,
            vcpu=vcpu,
            mem_bytes=mem_bytes,
            disk_bytes=disk_bytes,
        )
    )
    session.flush()
    return resource


def _free_uuid(session: Session, instance_uuid: str | None) -> str | None:
    """The UUID unless another resource bears it (a clone, or another unit's machine)."""
    variants = uuid_variants(instance_uuid)
    taken = session.execute(
        select(col(Resource.id)).where(col(Resource.instance_uuid).in_(variants))
    ).first()
    return variants[0] if variants and taken is None else None


def _free_code(session: Session, name: str) -> str:
    """The name as a code (letters, digits, Chinese, ``.-_``), numbered where it is taken."""
    stem = re.sub(r"[^\w.-]+", "-", narrow(name)).strip("-.")[:100] or "host"
    taken = set(
        session.execute(
            select(col(Resource.code)).where(col(Resource.code).startswith(stem, autoescape=True))
        ).scalars()
    )
    number = 1
    code = stem
    while code in taken:
        number += 1
        code = f"{stem}-{number}"
    return code
