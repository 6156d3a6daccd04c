"""The questions of pages, commands and reports about IPv6 readiness."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from controller.access.scope import Scope
from controller.analysis.ipv6 import Evaluation, Index, Indicator, evaluate
from controller.inventory.resources import unit_names
from controller.inventory.tables import Unit
from controller.ipv6.model import IndicatorView, SiteDetail, SiteView
from controller.ipv6.sites import find_site
from controller.ipv6.tables import Ipv6Reading, Ipv6Site

HISTORY = 60
Judged = tuple[SiteView, Evaluation | None]


def list_sites(
    session: Session, scope: Scope, index: Index, now: datetime, *, vantage: str = ""
) -> list[Judged]:
    """Every site in force with its newest reading, by code; judged by ``index`` as it is now."""
    newest: dict[int, Ipv6Reading] = {}
    for reading in _newest(session, vantage):
        newest[reading.site_id] = reading
    statement = (
        sa_select(Ipv6Site, col(Unit.code))
        .join(Unit, col(Unit.id) == col(Ipv6Site.unit_id))
        .where(col(Ipv6Site.retired).is_(None))
        .order_by(col(Ipv6Site.code))
    )
    rows = session.execute(scope.limit(statement, col(Ipv6Site.unit_id))).all()
    names = unit_names(session, {site.unit_id for site, _ in rows}, now)
    found: list[Judged] = []
    for site, unit_code in rows:
        taken = newest.get(site.id or 0)
        judged = evaluate(taken.reading, index) if taken is not None else None
        found.append((_view(site, taken, judged, unit_code, names), judged))
    return found


def _newest(session: Session, vantage: str) -> Sequence[Ipv6Reading]:
    """The newest reading of each site, from any vantage point or the one named."""
    last = select(func.max(col(Ipv6Reading.at)).label("at"), col(Ipv6Reading.site_id)).group_by(
        col(Ipv6Reading.site_id)
    )
    statement = select(Ipv6Reading)
    if vantage:
        last = last.where(col(Ipv6Reading.vantage) == vantage)
        statement = statement.where(col(Ipv6Reading.vantage) == vantage)
    table = last.subquery()
    return session.exec(
        statement.join(
            table,
            (table.c.site_id == col(Ipv6Reading.site_id)) & (table.c.at == col(Ipv6Reading.at)),
        ).order_by(col(Ipv6Reading.id))
    ).all()


def _view(
    site: Ipv6Site,
    reading: Ipv6Reading | None,
    judged: Evaluation | None,
    unit_code: str,
    names: dict[int, str],
) -> SiteView:
    told = reading.reading if reading is not None else {}
    return SiteView(
        id=site.id or 0,
        code=site.code,
        name=site.name,
        url=site.url,
        unit=unit_code,
        unit_name=names.get(site.unit_id, unit_code),
        unit_id=site.unit_id,
        vantage=reading.vantage if reading is not None else None,
        at=reading.at if reading is not None else None,
        score=judged.score if judged is not None else None,
        coverage=judged.coverage if judged is not None else None,
        home_v6=told.get("home_v6"),
        home_v4=told.get("home_v4"),
    )


def site_detail(
    session: Session, scope: Scope, code: str, index: Index, now: datetime, language: str
) -> SiteDetail:
    """One site with every indicator in words. Raises NotFound."""
    site = find_site(session, scope, code)
    unit_code = session.exec(select(col(Unit.code)).where(col(Unit.id) == site.unit_id)).one()
    readings = session.exec(
        select(Ipv6Reading)
        .where(col(Ipv6Reading.site_id) == site.id)
        .order_by(col(Ipv6Reading.at).desc(), col(Ipv6Reading.id).desc())
        .limit(HISTORY)
    ).all()
    newest = readings[0] if readings else None
    judged = evaluate(newest.reading, index) if newest is not None else None
    names = unit_names(session, {site.unit_id}, now)
    view = _view(site, newest, judged, unit_code, names)
    return SiteDetail(
        **view.model_dump(),
        indicators=indicators(judged, index, language) if judged is not None else [],
        reading=newest.reading if newest is not None else None,
        history=[(each.at, each.vantage, each.score) for each in readings],
    )


def indicators(judged: Evaluation, index: Index, language: str) -> list[IndicatorView]:
    """Every indicator of one evaluation; a remedy where points are missing."""
    known = {each.code: each for each in index.indicators}
    return [
        IndicatorView(
            code=each.code,
            title=title(known[each.code], language),
            state=each.state,
            value=each.value,
            points=each.points,
            of=each.of,
            why=each.why,
            remedy=remedy(known[each.code], language) if each.state in ("fail", "partial") else "",
        )
        for each in judged.results
    ]


def title(indicator: Indicator, language: str) -> str:
    return indicator.title_zh if language == "zh" else indicator.title_en


def remedy(indicator: Indicator, language: str) -> str:
    return indicator.remedy_zh if language == "zh" else indicator.remedy_en
