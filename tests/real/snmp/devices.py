"""Devices made up for tests: a switch of any size in any manner."""

from __future__ import annotations

from collectors.snmp import snmprec
from collectors.snmp.values import index_numbers
from tests.real.snmp.player import Device, Manner

IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"


def switch(ports: int = 48, manner: Manner | None = None) -> Device:
    """System, ifTable and ifXTable of a switch with ``ports`` ports."""
    rows: list[snmprec.Row] = [
        ("1.3.6.1.2.1.1.1.0", snmprec.OCTETS, b"made up"),
        ("1.3.6.1.2.1.1.2.0", snmprec.OID, "1.3.6.1.4.1.99999.1"),
        ("1.3.6.1.2.1.1.3.0", snmprec.TICKS, 360_000),
        ("1.3.6.1.2.1.1.5.0", snmprec.OCTETS, b"switch"),
    ]
    for n in range(1, ports + 1):
        name = f"GigabitEthernet0/0/{n}".encode()
        rows += [
            (f"{IF}.2.{n}", snmprec.OCTETS, name),
            (f"{IF}.3.{n}", snmprec.INTEGER, 6),
            (f"{IF}.4.{n}", snmprec.INTEGER, 1500),
            (f"{IF}.7.{n}", snmprec.INTEGER, 1),
            (f"{IF}.8.{n}", snmprec.INTEGER, 1),
            (f"{IFX}.1.{n}", snmprec.OCTETS, name),
            (f"{IFX}.6.{n}", snmprec.COUNTER64, 10**12 + n),
            (f"{IFX}.10.{n}", snmprec.COUNTER64, 2 * 10**12 + n),
            (f"{IFX}.15.{n}", snmprec.GAUGE32, 1000),
            (f"{IFX}.18.{n}", snmprec.OCTETS, b"uplink of a bureau " * 3),
        ]
    return Device(sorted(rows, key=lambda row: index_numbers(row[0])), manner or Manner())
