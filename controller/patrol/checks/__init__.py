"""What a patrol can look at: each function's name in checks.toml to the function."""

from __future__ import annotations

from collections.abc import Callable

from controller.patrol.checks import (
    agents,
    data,
    disks,
    extranet,
    gear,
    own,
    policies,
    sites,
    sustained,
    unusual,
)
from controller.patrol.look import Found, Look
from controller.patrol.plans import Check

Looker = Callable[[Look, Check], Found]

LOOKERS: dict[str, Looker] = {
    "agent_silent": agents.silent,
    "agent_lag": agents.lag,
    "agent_clock_skew": agents.clock_skew,
    "agent_losses": agents.losses,
    "agent_conflict": agents.conflict,
    "agent_pending": agents.pending,
    "agent_unregistered": agents.unregistered,
    "data_none": data.none,
    "data_gap": data.gap,
    "sustained": sustained.sustained,
    "unusual_day": unusual.day,
    "disk_level": disks.level,
    "disk_forecast": disks.forecast,
    "policy_class": policies.classes,
    "line_contract": extranet.contracts,
    "point_unreachable": extranet.points,
    "device_silent": extranet.devices,
    "port_down": extranet.ports,
    "peer_down": extranet.peers,
    "port_flapping": gear.flapping,
    "link_busy": gear.busy,
    "link_lossy": gear.lossy,
    "device_load": gear.load,
    "device_part": gear.parts,
    "certificate_expiry": own.certificates,
    "ipv6_regress": sites.regress,
    "site_certificate": sites.certificates,
    "own_rollup": own.rollups,
    "own_jobs": own.jobs,
    "own_disk": own.disk,
    "own_store": own.stores,
}
