"""Published months: freezing one as a version, and reading versions within a scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from controller.access.principal import Principal
from controller.access.roles import LOCAL, MATRIX
from controller.access.scope import CITY, Scope
from controller.inventory.naming import fold
from controller.inventory.settle import settle
from controller.inventory.tables import Unit
from controller.ledger.month import (
    Document,
    Tree,
    build,
    figures_digest,
    report_of,
    usage_rows,
)
from controller.ledger.packing import digest, pack, unpack
from controller.ledger.sides import read_reconciliation
from controller.ledger.tables import MonthVersion
from controller.problems import NotFound, Problem
from controller.runtime import Runtime
from controller.said import say
from controller.store.tables import DirtyDay
from controller.usage.model import UsageQuery, UsageReport, UsageRow
from controller.usage.periods import read_month


def publish(
    runtime: Runtime,
    principal: Principal,
    month: str,
    *,
    force: str = "",
    note: str = "",
    now: datetime,
) -> MonthVersion:
    """The month as the next version, not yet stored (``keep`` stores it).

    ``force`` is the reason for publishing below the score; only who may force may give one.
    Raises Problem 422 for a month that is not over, 403, and 409 below the score, while figures are
    being recomputed, and where nothing differs from the last version.
    """
    zone = ZoneInfo(runtime.settings.timezone)
    since, until = read_month(month, zone)
    if until > now:
        ends = until.astimezone(zone) - timedelta(days=1)
        raise Problem(
            422,
            "month not over",
            say(
                f"{month} lasts to {ends:%Y-%m-%d}", f"{month} 尚未结束，最后一天是 {ends:%Y-%m-%d}"
            ),
        )
    if force and not (principal.role == LOCAL or principal.holds(*MATRIX["ledger.force"])):
        raise Problem(
            403,
            "not allowed",
            say(
                f"role {principal.role} may not publish by force",
                "得分不足时只有系统管理员可以说明理由后发布",
            ),
        )
    found, _ = read_reconciliation(runtime, CITY, now)
    score, least = found.score, runtime.settings.ledger.publish_score
    if not force and (score is None or score < least):
        said = "there is nothing to judge" if score is None else f"it is {score:g}"
        so = "目前没有可核对的内容" if score is None else f"目前 {score:g}"
        raise Problem(
            409,
            "score too low",
            say(
                f"a published month must reach {least:g}, {said}: mend what the reconciliation "
                "lists, or have a system administrator publish it with a reason",
                f"对账得分须达到 {least:g} 才能发布，{so}：请先处理对账页列出的问题，"
                "或由系统管理员说明理由后发布",
            ),
            score=score,
        )
    _settled(runtime, since, until)
    document = build(runtime, month)
    if not document["register"]["holdings"]["rows"]:
        raise Problem(
            422,
            "empty month",
            say(
                f"nobody held a resource in {month}: there is nothing to publish",
                f"{month} 没有任何单位持有资源，没有可发布的内容",
            ),
        )
    with runtime.database.read() as session:
        last = newest(session, month)
        version = 1 if last is None else last.version + 1
        same = last is not None and last.figures_digest == figures_digest(document)
    if same:
        raise Problem(
            409,
            "nothing differs",
            say(
                f"version {version - 1} of {month} says the same already",
                f"与 {month} 第 {version - 1} 版没有差异，无须再发布",
            ),
        )
    data = pack(document)
    return MonthVersion(
        month=month,
        version=version,
        published=now,
        published_by=principal.name,
        score=score,
        coverage_pct=document["coverage"]["unit"],
        forced=force.strip()[:500],
        note=note.strip()[:500],
        digest=digest(data),
        figures_digest=figures_digest(document),
        counts={
            "units": len(document["figures"]["unit"]["rows"]),
            "resources": len(document["figures"]["resource"]["rows"]),
            "holdings": len(document["register"]["holdings"]["rows"]),
            "bytes": len(data),
        },
        document=data,
    )


def keep(session: Session, version: MonthVersion) -> MonthVersion:
    """Stores it. Raises Problem 409 where somebody was faster."""
    last = newest(session, version.month)
    if last is not None and last.version >= version.version:
        raise Problem(
            409,
            "published meanwhile",
            say(
                f"there is version {last.version} already",
                f"其间已有人发布了第 {last.version} 版：请刷新后查看",
            ),
        )
    session.add(version)
    session.flush()
    return version


def _settled(runtime: Runtime, since: datetime, until: datetime) -> None:
    """Raises Problem 409 while days of the month wait to be computed again."""
    left = settle(runtime)
    with runtime.database.read() as session:
        days = session.execute(
            select(func.count())
            .select_from(DirtyDay)
            .where(
                col(DirtyDay.day) >= (since - timedelta(days=1)).date(),
                col(DirtyDay.day) <= until.date(),
            )
        ).scalar_one()
    if left or days:
        raise Problem(
            409,
            "figures are being computed",
            say(
                f"{left + days} days of owners and resources wait to be computed again: try later",
                f"还有 {left + days} 天的用量正在重算：请稍后再试",
            ),
        )


def newest(session: Session, month: str) -> MonthVersion | None:
    """The last version of the month, without its document."""
    return session.execute(
        select(MonthVersion)
        .where(col(MonthVersion.month) == month)
        .options(defer(MonthVersion.document))  # type: ignore[arg-type]
        .order_by(col(MonthVersion.version).desc())
        .limit(1)
    ).scalar_one_or_none()


def list_versions(
    session: Session, *, month: str = "", page: int = 1, size: int = 50
) -> tuple[Sequence[MonthVersion], int]:
    """(newest month and version first, how many there are), without documents."""
    statement = select(MonthVersion)
    if month:
        statement = statement.where(col(MonthVersion.month) == month)
    total = session.execute(select(func.count()).select_from(
        statement.with_only_columns(col(MonthVersion.id)).subquery()
    )).scalar_one()  # fmt: skip
    rows = session.execute(
        statement.options(defer(MonthVersion.document))  # type: ignore[arg-type]
        .order_by(col(MonthVersion.month).desc(), col(MonthVersion.version).desc())
        .offset((page - 1) * size)
        .limit(size)
    ).scalars()
    return rows.all(), total


def find_version(session: Session, month: str, version: int | None) -> MonthVersion:
    """That version, or the newest. Raises NotFound."""
    statement = select(MonthVersion).where(col(MonthVersion.month) == month)
    if version is not None:
        statement = statement.where(col(MonthVersion.version) == version)
    found: MonthVersion | None = session.execute(
        statement.order_by(col(MonthVersion.version).desc()).limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("published month", f"{month} v{version}" if version else month)
    return found


def read_document(version: MonthVersion) -> Document:
    """Its document, if it is still what was published. Raises Problem 500."""
    if digest(version.document) != version.digest:
        raise Problem(
            500,
            "published month damaged",
            f"{version.month} version {version.version} is not what was published: restore it "
            "from a backup",
        )
    document: Document = unpack(version.document)
    return document


def visible_codes(session: Session, scope: Scope) -> set[str] | None:
    """Codes of the units in scope; None is every unit."""
    if scope.everything:
        return None
    statement = scope.limit(select(col(Unit.code)), Unit.id)
    return set(session.execute(statement).scalars())


def published_report(
    runtime: Runtime, scope: Scope, query: UsageQuery, month: str, version: int | None
) -> UsageReport:
    """The report as it was published. Raises NotFound, Problem 422 for what is not kept."""
    with runtime.database.read() as session:
        found = find_version(session, month, version)
        codes = visible_codes(session, scope)
        document = read_document(found)
    report = limited_report(document, query, codes, found.published)
    return replace(report, version=found.version, published=found.published)


def limited_report(
    document: Document, query: UsageQuery, codes: set[str] | None, generated: datetime
) -> UsageReport:
    """The document's figures of what may be seen: ``codes`` None is every unit."""
    tree = Tree(document)
    rows = usage_rows(document, query.by)
    limited = codes is not None or query.unit is not None
    if query.by in ("zone", "site") and limited:
        raise Problem(
            422,
            "not kept",
            say(
                "a published month keeps zones and sites of the whole city only",
                "已发布的月份只保存全市的网络区和站点数字，不能再按单位查",
            ),
        )
    if query.system is not None and query.by not in ("system", "resource"):
        raise Problem(
            422,
            "not kept",
            say(
                "of one system, ask by system or by resource",
                "查一个业务系统时，请按业务系统或按资源列出",
            ),
        )
    below = None if query.unit is None else tree.below(_find(tree, query.unit, codes))
    if limited:
        rows = [
            row
            for row in rows
            if (codes is None or row.unit in codes) and (below is None or row.unit in below)
        ]
    if query.system is not None:
        rows = [row for row in rows if row.system == query.system]
        if not rows:
            raise NotFound("system", query.system)
    coverage = document["coverage"][query.by]
    if limited:
        own = [row for row in usage_rows(document, "unit") if row.unit in (below or codes or ())]
        visible = [row for row in own if codes is None or row.unit in codes]
        top = [row for row in visible if not set(tree.line(row.unit)[1:]) & _units(visible)]
        coverage = top[0].coverage_pct if len(top) == 1 else None
    if rows and query.by == "unit":
        least = min(row.depth for row in rows)
        rows = [replace(row, depth=row.depth - least) for row in rows]
    return report_of(document, query.by, rows, generated, coverage)


def _units(rows: Sequence[UsageRow]) -> set[str]:
    return {row.unit for row in rows if row.unit}


def _find(tree: Tree, wanted: str, codes: set[str] | None) -> str:
    """The code of the unit of this code or name. Raises NotFound, also outside the scope."""
    seen = [code for code in tree.names if codes is None or code in codes]
    if wanted in seen:
        return wanted
    named = [code for code in seen if fold(tree.names[code]) == fold(wanted)]
    if len(named) != 1:
        raise NotFound("unit", wanted)
    return named[0]
