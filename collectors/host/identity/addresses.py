"""The addresses this host can be reached and recognised by."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

from collectors.host.files import read_line

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


class Interface(NamedTuple):
    """One interface with all its addresses, of use or not."""

    name: str
    mac: str
    addresses: list[str]


def read_interfaces(sys: str = "/sys") -> list[dict[str, Any]]:
    """``{"name", "mac", "addresses"}`` of every interface but loopback and local bridges.

    Raises OSError. Where psutil is not installed (no wheel for loongarch64 yet) the kernel is
    asked directly; then an interface without any address is not listed.
    """
    try:
        found = read_with_psutil()
    except ImportError:
        found = read_with_netlink(sys)
    return [
        {"name": name, "mac": mac, "addresses": [a for a in map(parse_address, texts) if a]}
        for name, mac, texts in sorted(found)
        if name != "lo" and not name.startswith(LOCAL_BRIDGES)
    ]


def read_with_psutil() -> list[Interface]:
    """Every interface as psutil gives it; raises ImportError where there is none."""
    import psutil  # noqa: PLC0415 - a megabyte that only facts and the portable collectors need

    found = []
    for name, entries in psutil.net_if_addrs().items():
        mac = next((e.address for e in entries if e.family == psutil.AF_LINK), "")
        texts = [e.address for e in entries if e.family in (socket.AF_INET, socket.AF_INET6)]
        found.append(Interface(name, mac.lower().replace("-", ":"), texts))
    return found


def read_with_netlink(sys: str) -> list[Interface]:
    """Every interface with an address, as the kernel gives it."""
    from collectors.host.netlink import read_addresses  # noqa: PLC0415 - Linux only

    return [
        Interface(name, read_line(f"{sys}/class/net/{name}/address").lower(), texts)
        for name, texts in read_addresses().items()
    ]


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
