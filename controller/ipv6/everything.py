"""Everything that is scored, in one list."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index
from controller.ipv6.devices import list_gear
from controller.ipv6.readiness import Subject, as_subjects, list_hosts
from controller.ipv6.views import list_sites


def list_subjects(session: Session, scope: Scope, index: Index, now: datetime) -> list[Subject]:
    """Sites, hosts and devices that may be seen."""
    return [
        *as_subjects(list_sites(session, scope, index, now)),
        *list_hosts(session, scope, index, now),
        *list_gear(session, scope, index, now),
    ]
