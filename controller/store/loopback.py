"""This machine to itself: IPv4's loopback where there is one, else IPv6's.

A host may have no IPv4 at all, not even 127.0.0.1; what only speaks to itself must work there too.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

V4, V6 = "127.0.0.1", "::1"


def loopback(can_bind: Callable[[str], bool] | None = None) -> str:
    """The address to listen on for nobody but this machine."""
    return V4 if (can_bind or bindable)(V4) else V6


def bindable(address: str) -> bool:
    """Whether a socket can be bound to the address."""
    try:
        with socket.socket(family_of(address), socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def family_of(address: str) -> socket.AddressFamily:
    """Of a literal address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bracketed(address: str) -> str:
    """As a URL writes it."""
    return f"[{address}]" if ":" in address else address
