"""How findings name devices, ports and routing peers, whoever finds them: traps and the patrol
observe the same thing under the same code, so it has one life."""

from __future__ import annotations

from controller.findings.model import Subject

PATROL = "patrol"
"""Source of what a look would find, too: the next look sees it again or resolves it."""
TRAPS = "trap"
"""Source of what only a trap tells."""

DEVICE_SILENT = "device.silent"
PORT_DOWN = "port.down"
PEER_DOWN = "peer.down"
RESTARTED = "device.restarted"
AUTHENTICATION = "device.authentication"

PASSING = (RESTARTED, AUTHENTICATION)
"""Events without an opposite: resolved after a day without another."""


def device_subject(code: str) -> Subject:
    return ("device", code)


def port_subject(code: str, port: str) -> Subject:
    """``port``: the port's name, without the ``port:`` of its instance."""
    return ("port", f"{code} {port}")


def peer_subject(code: str, protocol: str, address: str) -> Subject:
    return ("peer", f"{code} {protocol} {address}")
