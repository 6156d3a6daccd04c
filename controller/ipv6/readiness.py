"""Who is ready: sites, hosts and devices under their owners, and the scores of units, systems and
the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select as sa_select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.analysis.ipv6 import Evaluation, Index, Part, Whole, combine
from controller.inventory.dated import in_force
from controller.inventory.tables import BusinessSystem, Holding, Resource
from controller.ipv6.subjects import DEVICE, HOST, read_known
from controller.ipv6.views import Judged
from controller.store.holdings import MEASURED_KINDS

KINDS = ("site", HOST, DEVICE)


@dataclass(frozen=True)
class Subject:
    """A site, host or device with its owner; ``evaluation`` None: nothing is known of it yet."""

    kind: str
    ref: int
    code: str
    name: str
    unit_id: int | None
    system_id: int = 0
    system: str = ""
    place_id: int = 0
    at: datetime | None = None
    evaluation: Evaluation | None = None

    @property
    def score(self) -> float | None:
        return self.evaluation.score if self.evaluation is not None else None

    def lost(self) -> list[str]:
        """Codes of the indicators that fail."""
        if self.evaluation is None:
            return []
        return [each.code for each in self.evaluation.results if each.state == "fail"]


def list_hosts(session: Session, scope: Scope, index: Index, now: datetime) -> list[Subject]:
    """Every machine held now (VMs and servers), by code."""
    statement = (
        sa_select(
            col(Resource.id), col(Resource.code), col(Resource.name), col(Holding.unit_id),
            col(Holding.system_id), col(BusinessSystem.name), col(Holding.site_id),
        )
        .join(Holding, col(Holding.resource_id) == col(Resource.id))
        .outerjoin(BusinessSystem, col(BusinessSystem.id) == col(Holding.system_id))
        .where(
            in_force(Holding, now),
            col(Resource.kind).in_(MEASURED_KINDS),
            col(Resource.retired).is_(None) | (col(Resource.retired) > now),
        )
        .order_by(col(Resource.code))
    )  # fmt: skip
    rows = session.execute(scope.limit(statement, col(Holding.unit_id))).all()
    known = read_known(session, HOST, index)
    found = []
    for ref, code, name, unit, system, system_name, place in rows:
        at, evaluation = known.get(ref, (None, None))
        found.append(
            Subject(
                kind=HOST,
                ref=ref,
                code=code,
                name=name,
                unit_id=unit,
                system_id=system or 0,
                system=system_name or "",
                place_id=place or 0,
                at=at,
                evaluation=evaluation,
            )
        )
    return found


def as_subjects(judged: Iterable[Judged]) -> list[Subject]:
    """Sites as subjects."""
    return [
        Subject("site", site.id, site.code, site.name, site.unit_id, at=site.at, evaluation=told)
        for site, told in judged
    ]


def parts_of(subjects: Sequence[Subject]) -> tuple[Part, ...]:
    """What there is of each kind."""
    found = []
    for kind in KINDS:
        mine = [each for each in subjects if each.kind == kind]
        judged = tuple(each.evaluation for each in mine if each.evaluation is not None)
        if mine:
            found.append(Part(kind, len(mine), judged))
    return tuple(found)


def score_of(subjects: Sequence[Subject], index: Index) -> Whole:
    """The score of these together."""
    return combine(parts_of(subjects), index)


def by_unit(
    subjects: Iterable[Subject], parents: dict[int, int | None]
) -> dict[int, list[Subject]]:
    """Subjects of each unit, its subtree included; ``parents``: unit to the one above it."""
    found: dict[int, list[Subject]] = defaultdict(list)
    for each in subjects:
        unit, seen = each.unit_id, set[int]()
        while unit is not None and unit not in seen:
            found[unit].append(each)
            seen.add(unit)
            unit = parents.get(unit)
    return found


def by_system(subjects: Iterable[Subject]) -> dict[int, list[Subject]]:
    """Subjects of each business system."""
    found: dict[int, list[Subject]] = defaultdict(list)
    for each in subjects:
        if each.system_id:
            found[each.system_id].append(each)
    return found


def passing(subjects: Iterable[Subject], index: Index) -> int:
    """How many reach the line."""
    return sum(each.score is not None and each.score >= index.good for each in subjects)
