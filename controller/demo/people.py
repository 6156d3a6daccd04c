"""People of the demo beside the administrator: an operator, and two of a unit that has a letter."""

from __future__ import annotations

from pathlib import Path

from controller.access import audit, users
from controller.access.principal import local_principal
from controller.access.scope import CITY
from controller.inventory.units import find_unit
from controller.local import open_database

OPS, HANDLER, LEADER = "ops", "jingban", "fuzeren"


def add_people(data: Path, unit: str, password: str) -> None:
    """``unit``: code of the unit whose handler and person in charge can sign in. They all have the
    administrator's password of this demo."""
    with open_database(data) as runtime, runtime.database.write() as session:
        now = runtime.now()
        unit_id = find_unit(session, CITY, unit, now).id
        for name, role, duty in ((OPS, "ops", ""), (HANDLER, "unit", "handler"),
                                 (LEADER, "unit", "leader")):  # fmt: skip
            bound = unit_id if role == "unit" else None
            users.create_user(
                session, name, password, role, now, unit_id=bound, duty=duty, must_change=False
            )
            audit.record(session, local_principal(now), "user.create", f"user {name}")
