"""The tables beside the catalogue's: sums by owner, and the register's intervals to join.

``group_5m`` holds, for each (unit, system, site, zone) and five minutes, the sums of use and of
the allocation of those resources that have data; ``unit_5m`` the same for each unit, summed up
once more so that a report of all units reads a fraction of the rows. What is *held* is in neither:
it comes from the register at query time, so a VM that never reported still counts as missing.

``holding`` holds whole snapshots of the register. A snapshot's number is the hash of its content
and every query names the one it wants, so there is nothing to swap and no half-written state:
one block into one partition is there or is not.
"""

from __future__ import annotations

from controller.settings import Settings
from controller.store.ddl import create_statement

GROUP_KEY = ("unit", "system", "site", "zone")
"""0 is none."""

GROUP_SUMS = (
    "n",
    "vcpu_present",
    "vcpu_known",
    "cpu_used_cores",
    "mem_present",
    "mem_known",
    "mem_used_bytes",
    "disk_present",
    "disk_known",
    "disk_used_bytes",
    "net_rx_n",
    "net_rx_bytes_s",
    "net_tx_n",
    "net_tx_bytes_s",
)
"""``…_present`` is the allocation (or, where none is registered, the size measured) of those with
data; ``…_known`` the registered part of it, to hold against what is held. ``n`` counts resources
with a row, ``net_…_n`` those with such a figure."""


def create_statements(settings: Settings) -> list[str]:
    """CREATE TABLE of all three; an ``extra`` of ``ddl.ensure``."""
    sums = ["time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1))"]
    sums += [f"{name} Float32 CODEC(ZSTD(1))" for name in GROUP_SUMS]
    sums += ["version UInt64 CODEC(ZSTD(1))", "arrived DateTime('UTC') CODEC(ZSTD(1))"]
    holding = [
        "snapshot UInt64",
        "resource UInt32",
        "since Int64",
        "until Int64",
        *(f"{name} UInt32" for name in GROUP_KEY),
        "vcpu Float64",
        "mem_bytes Float64",
        "disk_bytes Float64",
        "version UInt64",
        "written DateTime('UTC')",
    ]
    cluster = settings.samples.cluster
    return [
        # Kept as long as hourly rows (maintenance.kept): small, and they keep percentiles exact.
        *create_statement(
            "group_5m",
            [*(f"{name} UInt32 CODEC(ZSTD(1))" for name in GROUP_KEY), *sums],
            version="version",
            order=", ".join((*GROUP_KEY, "time")),
            cluster=cluster,
        ),
        *create_statement(
            "unit_5m",
            ["unit UInt32 CODEC(ZSTD(1))", *sums],
            version="version",
            order="unit, time",
            cluster=cluster,
        ),
        *create_statement(
            "holding",
            holding,
            version="version",
            order="resource, since",
            partition="snapshot",
            cluster=cluster,
        ),
    ]
