"""待认领: resources that nobody is known to hold, who may have, claims on them, and the decision.

They are held by one unit of kind "unclaimed" that is nobody's tenant, so that they are counted and
measured like any other. An approved claim corrects the dated holding; nothing else does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import EVER, in_force
from controller.inventory.naming import fold
from controller.inventory.register_tables import Claim
from controller.inventory.resources import unit_names
from controller.inventory.tables import Holding, Resource, Unit, UnitVersion
from controller.inventory.unit_names import UnitNames

CODE, NAME, KIND = "unclaimed", "待认领", "unclaimed"
NEIGHBOURS = 3
"""This many machines of one unit in the same /24 (IPv6: /64) say something."""
CANDIDATES = 5


Guess = tuple[int, str, str]
"""A unit, and why it may hold a resource: in Chinese, in English."""
Further = Callable[[Session, Sequence[str], datetime], Mapping[str, Sequence[Guess]]]
"""Codes of resources -> what else speaks for which unit."""


class Candidate(BaseModel):
    """A unit that may hold it, and why."""

    unit_code: str
    unit_name: str
    why_zh: str
    why_en: str


class UnclaimedView(BaseModel):
    """A resource that waits for its unit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "vm-0099", "name": "jtj-test-03", "ip": "10.20.0.99", "vcpu": 4.0,
                 "mem_bytes": 8589934592.0, "disk_bytes": None,
                 "since": "2026-09-01T00:00:00+08:00", "last_unit_code": "330100-JTJ",
                 "last_unit_name": "市交通运输局", "last_until": "2026-09-01T00:00:00+08:00",
                 "candidates": [{"unit_code": "330100-JTJ", "unit_name": "市交通运输局",
                                 "why_zh": "最近的使用单位", "why_en": "held it last"}],
                 "claims": 1}
            ]
        }
    )  # fmt: skip

    code: str
    name: str
    ip: str
    vcpu: float | None
    mem_bytes: float | None
    disk_bytes: float | None
    since: datetime = Field(description="Since when nobody is known to hold it.")
    last_unit_code: str = ""
    last_unit_name: str = ""
    last_until: datetime | None = None
    candidates: list[Candidate] = []
    claims: int = Field(0, description="Open claims.")


@dataclass(frozen=True)
class Row:
    """A resource as the list is made from it."""

    resource: Resource
    holding: Holding


def unclaimed_id(session: Session) -> int | None:
    """The id of the unit that holds what is unclaimed; None where there is none yet."""
    return session.execute(
        select(col(UnitVersion.unit_id)).where(col(UnitVersion.kind) == KIND).limit(1)
    ).scalar_one_or_none()


def ensure_unclaimed(session: Session, now: datetime) -> int:
    """As ``unclaimed_id``; makes the unit where there is none."""
    found = unclaimed_id(session)
    if found is not None:
        return found
    unit = Unit(code=CODE, created=now)
    session.add(unit)
    session.flush()
    session.add(UnitVersion(unit_id=unit.id or 0, name=NAME, kind=KIND, since=EVER))
    session.flush()
    return unit.id or 0


def list_unclaimed(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    text: str = "",
    further: Sequence[Further] = (),
) -> list[UnclaimedView]:
    """The longest unclaimed first. A unit sees what it held last, what it is a candidate for, and
    what ``text`` names exactly by code, name or address; never other units' names. ``further``:
    guesses of capabilities above the registers (``app.state.further_candidates``)."""
    holder = unclaimed_id(session)
    if holder is None:
        return []
    rows = [
        Row(resource, holding)
        for resource, holding in session.execute(
            select(Resource, Holding)
            .join(Holding, col(Holding.resource_id) == col(Resource.id))
            .where(col(Holding.unit_id) == holder, in_force(Holding, now))
            .order_by(col(Holding.since), col(Resource.code))
        ).all()
    ]
    last = _last_owners(session, holder, [row.resource.id or 0 for row in rows])
    nets = _neighbourhoods(session, holder, now)
    names = UnitNames(session, now)
    wanted = fold(text)
    open_claims = Counter(
        session.execute(select(col(Claim.resource_id)).where(col(Claim.state) == "open")).scalars()
    )
    guesses = {
        row.resource.id: _guess(row.resource, last.get(row.resource.id or 0), nets, names, holder)
        for row in rows
    }
    codes = [row.resource.code for row in rows]
    for more in further:
        told = more(session, codes, now)
        for row in rows:
            known = guesses[row.resource.id]
            given = told.get(row.resource.code, ())
            known += [each for each in given if each[0] not in {unit for unit, _, _ in known}]
    said = unit_names(
        session,
        {unit for guess in guesses.values() for unit, _, _ in guess}
        | {holding.unit_id for holding in last.values()},
        now,
    )
    found = []
    for row in rows:
        resource, holding = row.resource, row.holding
        guess = [each for each in guesses[resource.id] if scope.allows(each[0])]
        before = last.get(resource.id or 0)
        if before is not None and not scope.allows(before.unit_id):
            before = None
        exactly = {fold(resource.code), fold(resource.name), *map(fold, resource.ip.split(","))}
        if scope.everything:
            if wanted and wanted not in fold(f"{resource.code} {resource.name} {resource.ip}"):
                continue
        elif not (guess or before or (wanted and wanted in exactly)):
            continue
        found.append(
            UnclaimedView(
                code=resource.code,
                name=resource.name,
                ip=resource.ip,
                vcpu=holding.vcpu,
                mem_bytes=holding.mem_bytes,
                disk_bytes=holding.disk_bytes,
                since=holding.since,
                last_unit_code=names.code(before.unit_id) if before else "",
                last_unit_name=said.get(before.unit_id, "") if before else "",
                last_until=before.until if before else None,
                candidates=[
                    Candidate(
                        unit_code=names.code(unit),
                        unit_name=said.get(unit, names.code(unit)),
                        why_zh=zh,
                        why_en=en,
                    )
                    for unit, zh, en in guess[:CANDIDATES]
                ],
                claims=open_claims[resource.id or 0],
            )
        )
    return found


def _last_owners(session: Session, holder: int, ids: Sequence[int]) -> dict[int, Holding]:
    """Of each resource the last holding that was not the unclaimed unit's."""
    found: dict[int, Holding] = {}
    for start in range(0, len(ids), 500):
        rows = session.execute(
            select(Holding)
            .where(
                col(Holding.resource_id).in_(ids[start : start + 500]),
                col(Holding.unit_id) != holder,
            )
            .order_by(col(Holding.since))
        ).scalars()
        found.update((holding.resource_id, holding) for holding in rows)
    return found


def network_of(address: str) -> str:
    """The /24 or /64 an address lies in; "" for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))


def _neighbourhoods(session: Session, holder: int, now: datetime) -> dict[str, Counter[int]]:
    """Network -> how many machines each unit has there."""
    nets: dict[str, Counter[int]] = {}
    rows = session.execute(
        select(col(Resource.ip), col(Holding.unit_id))
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .where(in_force(Holding, now), col(Holding.unit_id) != holder, col(Resource.ip) != "")
    )
    for addresses, unit_id in rows:
        for net in {network_of(address) for address in addresses.split(",")} - {""}:
            nets.setdefault(net, Counter())[unit_id] += 1
    return nets


def _guess(
    resource: Resource,
    last: Holding | None,
    nets: dict[str, Counter[int]],
    names: UnitNames,
    holder: int,
) -> list[tuple[int, str, str]]:
    """(unit, why in Chinese, why in English), the likeliest first, each unit once."""
    found: dict[int, tuple[str, str]] = {}
    if last is not None:
        found[last.unit_id] = ("最近的使用单位", "held it last")
    for unit_id in names.like(resource.name)[:3]:
        if unit_id != holder:
            found.setdefault(unit_id, ("名称中含该单位的名称或别名", "its name says so"))
    for address in resource.ip.split(","):
        net = network_of(address)
        for unit_id, count in nets.get(net, Counter()).most_common(2):
            if count >= NEIGHBOURS:
                found.setdefault(
                    unit_id,
                    (f"同网段 {net} 有该单位 {count} 项资源", f"{count} of its machines in {net}"),
                )
    return [(unit_id, zh, en) for unit_id, (zh, en) in found.items()]
