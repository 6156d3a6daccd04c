"""Projects and their hosts, always within the caller's scope.

A project belongs to its units; a reader bound to a unit sees it only where all of its units are
theirs, since its pages show every host. A project of no unit is the city's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory import units
from controller.inventory.places import list_systems
from controller.problems import NotFound, Problem
from controller.readiness import credentials, names
from controller.readiness.judging import chosen_profiles
from controller.readiness.tables import (
    PROJECT_KINDS,
    ReadinessApproval,
    ReadinessHost,
    ReadinessProject,
    ReadinessProjectUnit,
    ReadinessRun,
)

MOST_HOSTS = 2000
"""Of one project."""
DECISIONS = ("approved", "refused")
LAPSED = "lapsed"
"""Stands behind an approval when hosts or login changed after it."""


def visible(
    session: Session, scope: Scope, *, closed: bool | None = None
) -> list[ReadinessProject]:
    """Projects within the scope, newest first."""
    statement = select(ReadinessProject).order_by(col(ReadinessProject.id).desc())
    if not scope.everything:
        mine = select(col(ReadinessProjectUnit.project_id)).where(
            col(ReadinessProjectUnit.unit_id).in_(sorted(scope.unit_ids or ()))
        )
        others = select(col(ReadinessProjectUnit.project_id)).where(
            col(ReadinessProjectUnit.unit_id).not_in(sorted(scope.unit_ids or ()))
        )
        statement = statement.where(
            col(ReadinessProject.id).in_(mine), col(ReadinessProject.id).not_in(others)
        )
    if closed is not None:
        condition = col(ReadinessProject.closed).is_not(None)
        statement = statement.where(condition if closed else ~condition)
    return list(session.scalars(statement))


def find(session: Session, scope: Scope, project_id: int) -> ReadinessProject:
    """Raises NotFound, also outside the scope."""
    project = session.get(ReadinessProject, project_id)
    if project is None or not _in_scope(session, scope, project_id):
        raise NotFound("project", str(project_id))
    return project


def find_by_name(session: Session, scope: Scope, wanted: str) -> ReadinessProject:
    """By number or by name. Raises NotFound, and Problem 422 where several bear the name."""
    if wanted.isdecimal():
        return find(session, scope, int(wanted))
    named = [each for each in visible(session, scope) if each.name == wanted]
    if not named:
        raise NotFound("project", wanted)
    if len(named) > 1:
        raise Problem(422, "ambiguous project", f"several projects are called {wanted!r}: give "
                      "the number")  # fmt: skip
    return named[0]


def of_run(session: Session, scope: Scope, run_id: int) -> tuple[ReadinessRun, ReadinessProject]:
    """A run and its project. Raises NotFound, also outside the scope."""
    run = session.get(ReadinessRun, run_id)
    if run is None or not _in_scope(session, scope, run.project_id):
        raise NotFound("run", str(run_id))
    return run, session.get_one(ReadinessProject, run.project_id)


def _in_scope(session: Session, scope: Scope, project_id: int) -> bool:
    if scope.everything:
        return True
    own = unit_ids(session, project_id)
    return bool(own) and all(scope.allows(unit_id) for unit_id in own)


def unit_ids(session: Session, project_id: int) -> list[int]:
    return list(
        session.scalars(
            select(col(ReadinessProjectUnit.unit_id)).where(
                col(ReadinessProjectUnit.project_id) == project_id
            )
        )
    )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a project is to be; None leaves a field as it is."""

    name: str | None = None
    kind: str | None = None
    units: Sequence[str] | None = None
    """Codes or names."""
    profiles: Sequence[str] | None = None
    note: str | None = None
    window: tuple[datetime | None, datetime | None] | None = None
    connection: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None


def create(
    session: Session, scope: Scope, wanted: Wanted, by: str, now: datetime
) -> ReadinessProject:
    """Raises Problem 409 for a name that is taken, 422, NotFound for a unit."""
    project = ReadinessProject(name="", kind="", created=now, by=by)
    return _apply(session, scope, project, wanted, now)


def change(
    session: Session, scope: Scope, project: ReadinessProject, wanted: Wanted, now: datetime
) -> ReadinessProject:
    """Raises as ``create``."""
    return _apply(session, scope, project, wanted, now)


def _apply(
    session: Session, scope: Scope, project: ReadinessProject, wanted: Wanted, now: datetime
) -> ReadinessProject:
    if wanted.name is not None:
        project.name = _free_name(session, wanted.name, project.id)
    if wanted.kind is not None:
        if wanted.kind not in PROJECT_KINDS:
            raise Problem(422, "bad project", f"kind {wanted.kind!r}: one of "
                          f"{', '.join(PROJECT_KINDS)}")  # fmt: skip
        project.kind = wanted.kind
    if wanted.profiles is not None:
        project.profiles = [one.id for one in chosen_profiles(wanted.profiles) if one]
    if wanted.note is not None:
        project.note = wanted.note
    if wanted.window is not None:
        first, last = wanted.window
        if bool(first) != bool(last) or (first and last and first >= last):
            raise Problem(422, "bad window", "give both ends of the window, the first before")
        project.window_from, project.window_until = first, last
    if wanted.connection is not None:
        connection = _connection(wanted.connection)
        if project.id is not None and connection != project.connection:
            _lapse(session, project.id, now)
        project.connection = connection
        if project.id is not None:
            credentials.check_jump(session, project)
    if wanted.context is not None:
        project.context = dict(wanted.context)
    session.add(project)
    session.flush()
    if wanted.units is not None:
        _set_units(session, scope, project, wanted.units, now)
    return project


def _free_name(session: Session, name: str, own: int | None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Problem(422, "bad project", "give the project a name")
    taken = session.scalar(
        select(col(ReadinessProject.id)).where(col(ReadinessProject.name) == name)
    )
    if taken is not None and taken != own:
        raise Problem(409, "name taken", f"another project is called {name!r}")
    return name


def _connection(given: Mapping[str, Any]) -> dict[str, Any]:
    known = {"user", "port", "become", "jump_host", "jump_user", "jump_port"}
    if odd := sorted(set(given) - known):
        raise Problem(422, "bad connection", f"unknown field {odd[0]}")
    kept: dict[str, Any] = {"become": bool(given.get("become"))}
    for name in ("user", "jump_user"):
        if given.get(name):
            kept[name] = names.user(str(given[name]))
    for name in ("port", "jump_port"):
        if given.get(name) is not None:
            kept[name] = names.port(int(given[name]))
    if given.get("jump_host"):
        kept["jump_host"] = names.address(str(given["jump_host"]))
    return kept


def _set_units(
    session: Session, scope: Scope, project: ReadinessProject, wanted: Sequence[str], now: datetime
) -> None:
    ids = {units.find_unit(session, scope, each, now).id for each in wanted if each.strip()}
    for row in session.scalars(
        select(ReadinessProjectUnit).where(col(ReadinessProjectUnit.project_id) == project.id)
    ):
        session.delete(row)
    session.flush()
    for unit_id in sorted(ids):
        session.add(ReadinessProjectUnit(project_id=project.id or 0, unit_id=unit_id))
    session.flush()


@dataclass(frozen=True, kw_only=True)
class WantedHost:
    """A host as somebody lists it; ``unit`` and ``system`` by code or name, "" for none."""

    name: str
    address: str = ""
    port: int | None = None
    unit: str = ""
    system: str = ""
    variables: Mapping[str, Any] | None = None


def set_hosts(
    session: Session,
    scope: Scope,
    project: ReadinessProject,
    wanted: Iterable[WantedHost],
    now: datetime,
    *,
    replace: bool = False,
) -> int:
    """Adds hosts or changes those of the same name; ``replace`` retires the others. How many there
    are now. Raises Problem 422, NotFound."""
    known = {row.name: row for row in hosts(session, project.id or 0, retired=True)}
    own_units = unit_ids(session, project.id or 0)
    seen: set[str] = set()
    finder = _Finder(session, scope, now)
    reached = {row.name: _way(row) for row in known.values() if row.retired is None}
    for each in wanted:
        name = names.host_name(each.name)
        if name in seen:
            raise Problem(422, "bad host", f"host {name!r} is listed twice")
        seen.add(name)
        row = known.get(name) or ReadinessHost(project_id=project.id or 0, name=name)
        row.address, row.port = names.address(each.address), names.port(each.port)
        system_id, unit_id = finder.find(each.system, each.unit)
        row.system_id = system_id
        row.unit_id = unit_id or (own_units[0] if len(own_units) == 1 else None)
        if row.unit_id is not None and own_units and row.unit_id not in own_units:
            raise Problem(422, "bad host", f"host {name!r} is of a unit that the project is not of")
        if each.variables is not None:
            row.variables = names.variables(each.variables)
        row.retired = None
        session.add(row)
    if replace:
        for name, row in known.items():
            if name not in seen and row.retired is None:
                row.retired = now
                session.add(row)
    session.flush()
    rows = hosts(session, project.id or 0)
    # Fewer hosts, or some that nobody logs in to, are within what was approved.
    if any(row.address and reached.get(row.name) != _way(row) for row in rows):
        _lapse(session, project.id or 0, now)
    count = len(rows)
    if count > MOST_HOSTS:
        raise Problem(422, "too many hosts", f"{count} hosts; a project holds {MOST_HOSTS}: make "
                      "two waves of it")  # fmt: skip
    return count


class _Finder:
    """Units and systems by code or name, looked up once a call."""

    def __init__(self, session: Session, scope: Scope, now: datetime) -> None:
        self._session, self._scope, self._now = session, scope, now
        self._systems: list[Any] | None = None

    def find(self, system: str, unit: str) -> tuple[int | None, int | None]:
        unit_view = (
            units.find_unit(self._session, self._scope, unit, self._now) if unit.strip() else None
        )
        if not system.strip():
            return None, unit_view.id if unit_view else None
        if self._systems is None:
            self._systems = list(list_systems(self._session, self._scope, self._now))
        found = [
            each
            for each in self._systems
            if each.name == system.strip()
            and (unit_view is None or each.unit_code == unit_view.code)
        ]
        if not found:
            raise NotFound("system", system)
        if len(found) > 1:
            raise Problem(422, "ambiguous system", f"several units have a system {system!r}: name "
                          "the unit, too")  # fmt: skip
        if unit_view is None:
            unit_view = units.find_unit(self._session, self._scope, found[0].unit_code, self._now)
        return found[0].id, unit_view.id


def hosts(session: Session, project_id: int, *, retired: bool = False) -> list[ReadinessHost]:
    """By name."""
    statement = (
        select(ReadinessHost)
        .where(col(ReadinessHost.project_id) == project_id)
        .order_by(col(ReadinessHost.name))
    )
    if not retired:
        statement = statement.where(col(ReadinessHost.retired).is_(None))
    return list(session.scalars(statement))


def find_host(session: Session, project_id: int, name: str) -> ReadinessHost:
    """Raises NotFound."""
    row = session.scalars(
        select(ReadinessHost).where(
            col(ReadinessHost.project_id) == project_id, col(ReadinessHost.name) == name
        )
    ).first()
    if row is None:
        raise NotFound("host", name)
    return row


def retire_host(session: Session, host: ReadinessHost, now: datetime) -> None:
    host.retired = now
    session.add(host)
    session.flush()


def decide(
    session: Session, project: ReadinessProject, decision: str, note: str, by: str, now: datetime
) -> ReadinessApproval:
    """Raises Problem 409 for one's own project: two people are wanted."""
    if decision not in DECISIONS:
        raise Problem(422, "bad approval", f"decision: one of {', '.join(DECISIONS)}")
    if decision == "approved" and by == project.by and by != "local":
        raise Problem(409, "own project", "who set the project up cannot approve it: ask another")
    row = ReadinessApproval(project_id=project.id or 0, decision=decision, by=by, at=now, note=note)
    session.add(row)
    session.flush()
    return row


def _way(host: ReadinessHost) -> tuple[Any, ...]:
    """What decides which machine is changed, and how."""
    return host.address, host.port, host.variables


def _lapse(session: Session, project_id: int, now: datetime) -> None:
    """An approval is of what was there: other hosts or another login want a new one."""
    last = next(iter(approvals(session, project_id)), None)
    if last is not None and last.decision == "approved":
        session.add(
            ReadinessApproval(project_id=project_id, decision=LAPSED, by="", at=now, note="")
        )
        session.flush()


def approvals(session: Session, project_id: int) -> list[ReadinessApproval]:
    """Newest first."""
    return list(
        session.scalars(
            select(ReadinessApproval)
            .where(col(ReadinessApproval.project_id) == project_id)
            .order_by(col(ReadinessApproval.id).desc())
        )
    )


def close(session: Session, project: ReadinessProject, now: datetime) -> None:
    """Closes it, or opens it again. Raises Problem 409 while runs are under way."""
    if project.closed is None:
        busy = session.scalar(
            select(func.count())
            .select_from(ReadinessRun)
            .where(
                col(ReadinessRun.project_id) == project.id,
                col(ReadinessRun.state).in_(("queued", "running")),
            )
        )
        if busy:
            raise Problem(409, "runs under way", "cancel the project's runs first")
        project.closed = now
    else:
        project.closed = None
    session.add(project)
    session.flush()
