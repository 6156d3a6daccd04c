"""Who may do what: the one role matrix.

System, security and audit administration are three roles that no user holds together
(GB/T 22239-2019 8.1.4.2 d): a user has exactly one role.
"""

from __future__ import annotations

from controller.access.tables import ROLES

LOCAL = "local"
"""Whoever works on the data folder itself (commands with ``--data``): may do everything."""

BOUND = frozenset({"county_admin", "unit"})
"""Roles that are bound to a unit and see its subtree only."""

CITYWIDE = tuple(role for role in ROLES if role not in BOUND)

READERS = ("system_admin", "auditor", "ops", "engineer", "provider", "county_admin", "unit")

MATRIX: dict[str, tuple[str, ...]] = {
    "inventory.read": ROLES,
    "inventory.write": ("system_admin", "ops"),
    "registers.read": READERS,
    "claims.make": ("ops", "county_admin", "unit"),
    "pools.read": ("system_admin", "auditor", "ops", "engineer", "provider"),
    "usage.read": READERS,
    "samples.import": ("system_admin", "ops"),
    "samples.write": ("system_admin", "ops"),
    "agents.read": READERS,
    "agents.manage": ("system_admin", "ops", "county_admin"),
    "agents.trust": ("system_admin", "ops"),
    "ledger.read": READERS,
    "ledger.import": ("system_admin", "ops"),
    "ledger.publish": ("system_admin", "ops"),
    "ledger.force": ("system_admin",),
    "users.read": ("security_admin", "auditor"),
    "users.manage": ("security_admin",),
    "tokens.manage": ("security_admin",),
    "audit.read": ("auditor",),
    "network.read": READERS,
    "network.write": ("system_admin", "ops"),
    "network.credentials": ("system_admin", "ops"),
    "ipv6.read": READERS,
    "ipv6.write": ("system_admin", "ops", "engineer"),
    "system.read": ("system_admin", "ops"),
    "notices.read": ("auditor", "ops", "county_admin", "unit"),
    "notices.manage": ("ops",),
    "notices.answer": ("unit",),
    "notices.carry_out": ("provider", "ops"),
    "idle.read": READERS,
    "idle.scan": ("ops", "system_admin", "county_admin"),
    "forecasts.read": READERS,
    "forecasts.make": ("ops", "system_admin"),
    "idle.policy": ("ops", "system_admin"),
    "findings.read": READERS,
    "findings.acknowledge": ("ops", "engineer", "provider", "county_admin", "unit"),
    "findings.manage": ("ops", "county_admin"),
    "readiness.read": READERS,
    "readiness.manage": ("ops", "engineer"),
    "readiness.upload": ("ops", "engineer", "county_admin", "unit"),
    "readiness.waive": ("ops",),
    "readiness.approve": ("ops",),
    "patrol.read": ("system_admin", "auditor", "ops", "engineer", "provider"),
    "patrol.run": ("ops",),
    "patrol.plan": ("ops",),
    "moves.read": READERS,
    "moves.write": ("ops", "engineer"),
    "moves.sign": ("unit",),
    "moves.approve": ("ops", "engineer"),
}
"""Action -> roles. Routes say ``Depends(may("agents.manage"))``."""


def check_binding(role: str, unit_id: int | None) -> None:
    """Raises ValueError unless the role exists and a unit is given exactly where one is needed."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r}; there are {', '.join(ROLES)}")
    if role in BOUND and unit_id is None:
        raise ValueError(f"role {role} is bound to a unit: name it")
    if role not in BOUND and unit_id is not None:
        raise ValueError(f"role {role} serves the whole city: it takes no unit")
