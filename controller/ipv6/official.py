"""Results of official monitors: imported from a spreadsheet, and beside our own.

A file names sites (by code or address) or units (by code or name) with a score; every further
column is kept as it is and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete
from sqlmodel import Session, col, select

from controller.access.scope import CITY, Scope
from controller.inventory.resources import unit_names
from controller.inventory.tables import Unit
from controller.inventory.units import find_unit
from controller.ipv6.model import OfficialView
from controller.ipv6.overview import Read
from controller.ipv6.tables import Ipv6Official, Ipv6Site
from controller.problems import NotFound, Problem

KEPT = 36
"""Days (reports) kept of a source; the oldest go first."""
MOST_ITEMS = 40


class OfficialRow(BaseModel):
    """One line of an official report: a ``site`` by code or address, or a ``unit``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"site": "hbj-web", "score": 86.5, "items": {"二级内链支持率": "92%"}}
        },
    )

    site: str = Field("", max_length=500)
    unit: str = Field("", max_length=200)
    score: float | None = Field(None, ge=0, le=100)
    items: dict[str, str | float | None] = Field(default_factory=dict, max_length=MOST_ITEMS)


def put_results(
    session: Session, source: str, day: date, rows: Sequence[OfficialRow], by: str, now: datetime
) -> int:
    """Keeps a report in place of the same source's of that day: all of it, or nothing.

    Raises Problem 422 naming rows that name nothing registered.
    """
    sites = session.exec(select(Ipv6Site)).all()
    codes = {site.code: site for site in sites}
    hosts = {_host(site.url): site for site in sites}
    wrong: list[str] = []
    found: dict[tuple[str, str], Ipv6Official] = {}
    for number, row in enumerate(rows, 1):
        try:
            kind, key, unit_id = _subject(session, row, codes, hosts, now)
        except NotFound as error:
            wrong.append(f"row {number}: {error.detail}")
            continue
        if (kind, key) in found:
            wrong.append(f"row {number}: {key} stands twice")
        found[kind, key] = Ipv6Official(
            source=source, day=day, subject_kind=kind, subject_key=key, unit_id=unit_id,
            score=row.score, items=dict(row.items), imported=now, by=by,
        )  # fmt: skip
    if wrong:
        raise Problem(422, "results not taken", "; ".join(wrong[:20]))
    same = (col(Ipv6Official.source) == source, col(Ipv6Official.day) == day)
    session.connection().execute(delete(Ipv6Official).where(*same))
    session.add_all(found.values())
    session.flush()
    _forget_old(session, source)
    return len(found)


def _subject(
    session: Session,
    row: OfficialRow,
    codes: dict[str, Ipv6Site],
    hosts: dict[str, Ipv6Site],
    now: datetime,
) -> tuple[str, str, int]:
    if row.site:
        site = codes.get(row.site) or hosts.get(_host(row.site))
        if site is None:
            raise NotFound("site", row.site)
        return "site", site.code, site.unit_id
    unit = find_unit(session, CITY, row.unit, now)
    return "unit", unit.code, unit.id


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "://" in url else f"http://{url}").hostname or "").lower()
    except ValueError:
        return ""


def _forget_old(session: Session, source: str) -> None:
    mine = col(Ipv6Official.source) == source
    days = session.exec(
        select(col(Ipv6Official.day)).where(mine).distinct().order_by(col(Ipv6Official.day).desc())
    ).all()
    if len(days) > KEPT:
        session.connection().execute(
            delete(Ipv6Official).where(mine, col(Ipv6Official.day) < days[KEPT - 1])
        )


def beside(session: Session, scope: Scope, read: Read, now: datetime) -> list[OfficialView]:
    """The newest report of each source, line by line beside our score of the same thing."""
    newest: dict[str, date] = {}
    for source, day in session.exec(select(col(Ipv6Official.source), col(Ipv6Official.day))):
        newest[source] = max(day, newest.get(source, day))
    statement = select(Ipv6Official, col(Unit.code)).join(
        Unit, col(Unit.id) == col(Ipv6Official.unit_id)
    )
    rows: list[tuple[Any, Any]] = [
        (row, code)
        for row, code in session.execute(scope.limit(statement, col(Ipv6Official.unit_id)))
        if row.day == newest[row.source]
    ]
    names = unit_names(session, {row.unit_id for row, _ in rows}, now)
    sites = {site.code: site for site, _ in read.sites}
    units = {each.unit: each for each in read.told.units}
    found = []
    for row, unit_code in rows:
        ours: Any = (sites if row.subject_kind == "site" else units).get(row.subject_key)
        if row.subject_kind == "site":
            name = ours.name if ours is not None else row.subject_key
        else:
            name = names.get(row.unit_id, row.subject_key)
        found.append(
            OfficialView(
                source=row.source,
                day=row.day,
                kind=row.subject_kind,
                code=row.subject_key,
                name=name,
                unit=unit_code,
                unit_name=names.get(row.unit_id, unit_code),
                score=row.score,
                ours=ours.score if ours is not None else None,
                items=row.items,
            )
        )
    return sorted(found, key=lambda each: (each.source, each.kind, each.unit, each.code))
