"""The demo's websites are registered and measured the way an ops team would."""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec

from controller.commands import ipv6
from controller.commands.client import Api
from controller.demo.run import Processes
from controller.demo.site_names import SITES


def measure_sites(api: Api, processes: Processes) -> int:
    """Starts the three sites, registers and measures them; how many were measured. None where this
    host has no IPv6 loopback or the extra ``poller`` is not installed."""
    if find_spec("dns") is None or not _has_ipv6():
        return 0
    port = _free_port()
    processes.start("sites", [sys.executable, "-m", "controller.demo.sites", str(port)])
    processes.wait_until(lambda: _listens(port), "the demo's websites")
    units = {each["code"] for each in api.get("/api/v1/units")["items"]}
    sites = [
        {"code": code, "name": name, "url": f"http://{host}:{port}/", "unit": unit}
        for code, name, host, unit in SITES
        if unit in units
    ]
    api.put("/api/v1/ipv6/sites", {"sites": sites})
    names, local = [f"127.0.0.1#{port + 1}"], ["127.0.0.0/8", "::1/128"]
    measured = 0
    for batch in ipv6.measure(list(api.items("/api/v1/ipv6/sites")), "demo", names, local, ""):
        api.post("/api/v1/ipv6/readings", {"readings": batch})
        measured += len(batch)
    return measured


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        return probe.connect_ex(("::1", port)) == 0
