"""The register of sites, and the readings that were taken of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from controller.access.scope import CITY, Scope
from controller.analysis.ipv6 import Index, evaluate
from controller.inventory.units import find_unit
from controller.ipv6.model import SiteIn
from controller.ipv6.reading import ReadingIn
from controller.ipv6.tables import Ipv6Reading, Ipv6Site
from controller.problems import NotFound, Problem

KEPT = 400
"""Readings kept of a site and vantage point: a year and more of daily ones."""
FUTURE = timedelta(hours=1)
MOST_NAMED = 20
"""Rows that are named when a list is refused."""
READING_KEYS = 60
"""Fields of a reading; more is no reading of ours."""


def check_url(url: str) -> str:
    """What is wrong with the address of a site; "" if nothing is. The scanner checks the same: it
    runs without us, and we may not import it."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
        return "write http://NAME/ or https://[ADDRESS]:PORT/"
    if parts.username or parts.password:
        return "an address with a password in it is not taken"
    return ""


def put_sites(session: Session, given: Sequence[SiteIn], now: datetime) -> tuple[int, int]:
    """Registers or changes sites: all, or none. (new, changed). Raises Problem 422 naming rows."""
    wrong = []
    known = {site.code: site for site in session.exec(select(Ipv6Site))}
    seen: set[str] = set()
    units: dict[str, int | str] = {}
    """Code or name to the unit's id, or to why there is none."""
    created = changed = 0
    for number, each in enumerate(given, 1):
        problem = check_url(each.url) or ("its code stands twice" if each.code in seen else "")
        seen.add(each.code)
        if each.unit not in units:
            try:
                units[each.unit] = find_unit(session, CITY, each.unit, now).id
            except Problem as error:
                units[each.unit] = error.detail
        unit = units[each.unit]
        if isinstance(unit, str):
            problem = problem or unit
        if problem:
            wrong.append(f"site {number} ({each.code}): {problem}")
            continue
        values: dict[str, Any] = {
            "name": each.name or each.code,
            "url": each.url,
            "unit_id": unit,
            "retired": None,
        }
        site = known.get(each.code)
        if site is None:
            session.add(Ipv6Site(code=each.code, **values))
            created += 1
        elif any(getattr(site, key) != value for key, value in values.items()):
            for key, value in values.items():
                setattr(site, key, value)
            changed += 1
    if wrong:
        more = f"; and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise Problem(422, "sites not taken", "; ".join(wrong[:MOST_NAMED]) + more)
    session.flush()
    return created, changed


def retire_site(session: Session, scope: Scope, code: str, now: datetime) -> None:
    """Leaves a site out from now on; its readings stay. Raises NotFound."""
    find_site(session, scope, code).retired = now


def find_site(session: Session, scope: Scope, code: str) -> Ipv6Site:
    """Raises NotFound, also for a site of another unit."""
    site = session.exec(select(Ipv6Site).where(col(Ipv6Site.code) == code)).first()
    if site is None or not scope.allows(site.unit_id):
        raise NotFound("site", code)
    return site


def store_readings(
    session: Session, given: Sequence[ReadingIn], index: Index, by: str, now: datetime
) -> int:
    """Keeps readings with their score. Raises Problem 422 for unknown sites or odd times."""
    ids = {site.code: site.id or 0 for site in session.exec(select(Ipv6Site))}
    unknown = sorted({each.code for each in given} - set(ids))
    if unknown:
        names = ", ".join(unknown[:10])
        raise Problem(422, "unknown sites", f"not registered: {names}; 'yunxun ipv6 import' does")
    touched = set()
    for each in given:
        at = each.at if each.at.tzinfo else None
        if at is None or at > now + FUTURE:
            raise Problem(422, "bad reading", f"site {each.code}: 'at' has no zone or lies ahead")
        reading = each.model_dump(mode="json", exclude_unset=True)
        if len(reading) > READING_KEYS:
            raise Problem(422, "bad reading", f"site {each.code}: more fields than a reading has")
        site_id = ids[each.code]
        _drop_same(session, site_id, each.vantage, at)
        kept = Ipv6Reading(
            site_id=site_id,
            vantage=each.vantage,
            at=at,
            by=by,
            score=evaluate(reading, index).score,
            index_name=f"{index.name} {index.version}",
            reading=reading,
        )
        session.add(kept)
        touched.add((site_id, each.vantage))
    session.flush()
    for site_id, vantage in touched:
        _keep_newest(session, site_id, vantage)
    return len(given)


def _drop_same(session: Session, site_id: int, vantage: str, at: datetime) -> None:
    """The same reading sent again replaces itself."""
    session.connection().execute(
        delete(Ipv6Reading).where(
            col(Ipv6Reading.site_id) == site_id,
            col(Ipv6Reading.vantage) == vantage,
            col(Ipv6Reading.at) == at,
        )
    )


def _keep_newest(session: Session, site_id: int, vantage: str) -> None:
    mine = (col(Ipv6Reading.site_id) == site_id, col(Ipv6Reading.vantage) == vantage)
    count = session.exec(select(func.count()).select_from(Ipv6Reading).where(*mine)).one()
    if count <= KEPT:
        return
    last = session.exec(
        select(col(Ipv6Reading.at))
        .where(*mine)
        .order_by(col(Ipv6Reading.at).desc())
        .offset(KEPT - 1)
        .limit(1)
    ).one()
    session.connection().execute(delete(Ipv6Reading).where(*mine, col(Ipv6Reading.at) < last))
