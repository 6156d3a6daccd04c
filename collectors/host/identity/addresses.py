"""The addresses this host can be reached and recognised by."""

from __future__ import annotations

import socket
from typing import Any

LOCAL_BRIDGES = (
    "docker",
    "br-",
    "veth",
    "virbr",
    "cni",
    "flannel",
    "cali",
    "kube",
    "lxc",
    "podman",
)
"""Interfaces whose addresses are the same on every host that runs the same software."""


def read_interfaces() -> list[dict[str, Any]]:
    """``{"name", "mac", "addresses"}`` of every interface but loopback and local bridges."""
    import psutil  # noqa: PLC0415 - 4 MB that only facts and the portable collectors need

    found = []
    for name, entries in sorted(psutil.net_if_addrs().items()):
        if name == "lo" or name.startswith(LOCAL_BRIDGES):
            continue
        mac = next((e.address for e in entries if e.family == psutil.AF_LINK), "")
        texts = [e.address for e in entries if e.family in (socket.AF_INET, socket.AF_INET6)]
        addresses = [a for a in map(parse_address, texts) if a]
        found.append({"name": name, "mac": mac.lower().replace("-", ":"), "addresses": addresses})
    return found


def parse_address(text: str) -> str:
    """The address in its canonical spelling; "" for loopback, link-local and unspecified ones."""
    try:
        packed = socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return parse_address6(text.partition("%")[0])
    if packed[0] in (0, 127) or packed[:2] == b"\xa9\xfe":
        return ""
    return text


def parse_address6(text: str) -> str:
    """As ``parse_address``, of IPv6 without a zone; "" for what is no address at all, too."""
    try:
        packed = socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        return ""
    link_local = packed[0] == 0xFE and packed[1] & 0xC0 == 0x80
    if link_local or int.from_bytes(packed, "big") <= 1:
        return ""
    return socket.inet_ntop(socket.AF_INET6, packed)
