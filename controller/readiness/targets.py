"""The hosts of a run as its inventory has them: address, variables, their own part of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.readiness import names
from controller.readiness.kinds import BY_NAME, RunKind
from controller.readiness.private import Target
from controller.readiness.tables import ReadinessHost, ReadinessRun


def kind_played(session: Session, run: ReadinessRun) -> RunKind:
    """The run's kind; of an inspection the kind of what it looks at."""
    if run.inspects is None:
        return BY_NAME[run.kind]
    return BY_NAME[session.get_one(ReadinessRun, run.inspects).kind]


def targets(
    session: Session, run: ReadinessRun, host_ids: Iterable[int]
) -> tuple[list[Target], dict[str, Any]]:
    """The hosts, and the playbook's extra variables: those without what each host gets alone."""
    variables = dict(run.variables)
    by_host = kind_played(session, run).by_host
    parts: Mapping[str, Any] = variables.pop(by_host, {}) if by_host else {}
    rows = session.scalars(select(ReadinessHost).where(col(ReadinessHost.id).in_(list(host_ids))))
    found = []
    for host in rows:
        own, part = names.not_ours(host.variables), parts.get(host.name)
        if part is not None:
            own[by_host] = {host.name: part}
        found.append(Target(host.name, _address(host.address, part or {}), host.port, own))
    return found, variables


def _address(known: str, part: Mapping[str, Any]) -> str:
    """A cut-over is asked by the address from before it, also when it is over and the host is known
    by the new one: by that its key is known, and the playbook finds it on either."""
    old, new = (str(part.get(name, "")).partition("/")[0] for name in ("old_address", "address"))
    return old if old and known == new else known
