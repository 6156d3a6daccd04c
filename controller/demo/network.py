"""The demo's network device: a real snmpd on this machine, polled by this machine's own agent."""

from __future__ import annotations

import secrets
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.demo.run import OWN_UNIT, Processes

CODE = "demo-snmpd"
CREDENTIAL = "demo-snmp"

Get = Callable[..., Any]
Send = Callable[..., Any]


def first_device(
    get: Get, post: Send, put: Send, processes: Processes, folder: Path, *, agent_id: str
) -> str:
    """Starts snmpd on loopback, gives the agent role poller, and registers the device; a line for
    the terminal. Without snmpd it says what to install."""
    program = shutil.which("snmpd") or "/usr/sbin/snmpd"
    if not Path(program).exists():
        return "网络设备 · network device: 未安装 snmpd,略过 · no snmpd here (apt install snmpd)"
    community, port = secrets.token_urlsafe(12), _free_port()
    home = folder / "snmpd"
    home.mkdir(mode=0o700, exist_ok=True)
    config = home / "snmpd.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"rocommunity {community} 127.0.0.1\nsysName yunxun-demo\nsysLocation 演示机\n", "utf-8"
    )
    processes.start(
        "snmpd",
        [program, "-f", "-Lo", "-C", "-c", str(config), "-I", "-smux", f"udp:127.0.0.1:{port}"],
        MIBS="",
        SNMP_PERSISTENT_DIR=str(home / "state"),
    )
    put(f"/api/v1/agents/{agent_id}/roles", {"roles": ["poller"]})
    post("/api/v1/network/credentials", {"name": CREDENTIAL, "community": community})
    made = post(
        "/api/v1/network/devices",
        {
            "address": "127.0.0.1", "port": port, "code": CODE, "name": "演示网络设备(本机 snmpd)",
            "unit": OWN_UNIT, "role": "core", "credential": CREDENTIAL, "interval_s": 20,
            "demo": True,
        },
    )  # fmt: skip
    found = get(f"/api/v1/network/devices/{made['code']}")
    return (
        f"网络设备 · network device: {found['name']} 已登记,一分钟内出现端口 · its ports appear"
        f" within a minute at /network/devices/{found['code']}"
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
