"""A network of its own for the SNMP benchmarks: 48 ports, real snmpd, and devices that misbehave.

``inside(module)`` runs ``python -m MODULE --inside`` in a fresh network namespace (root), whose
loopback answers on all of 127.0.0.0/8: every address is one more target.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORTS = 48
COMMUNITY = "public"


def inside(module: str) -> dict[str, float]:
    """The figures that ``module`` prints as its last line, measured in a namespace of its own."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", module, "--inside"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def make_ports(count: int = PORTS) -> None:
    """Loopback and tap interfaces, ``count`` in all."""
    ip = shutil.which("ip") or "/sbin/ip"
    script = "link set lo up\n"
    for number in range(1, count):
        script += f"tuntap add dev ge0-0-{number} mode tap\nlink set ge0-0-{number} up\n"
    subprocess.run([ip, "-batch", "-"], input=script, text=True, check=True)


@contextmanager
def responders(count: int, first_port: int = 16100) -> Iterator[list[int]]:
    """``count`` snmpd processes on all addresses; their ports."""
    program = shutil.which("snmpd") or "/usr/sbin/snmpd"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "snmpd.conf")
        config.write_text(f"rocommunity {COMMUNITY}\n")
        ports = list(range(first_port, first_port + count))
        running = []
        for port in ports:
            state = Path(folder, str(port))
            state.mkdir()
            command = [program, "-f", "-Lf", f"{state}/log", "-C", "-c", str(config)]
            command += ["-I", "-smux", f"udp:0.0.0.0:{port}"]
            environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(state)}
            running.append(subprocess.Popen(command, env=environment))
        try:
            for port in ports:
                _wait(Path(folder, str(port), "log"))
            yield ports
        finally:
            for one in running:
                one.terminate()
            for one in running:
                one.wait(20)


def _wait(log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if log.exists() and "NET-SNMP version" in log.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError(f"snmpd did not start: {log}")


def addresses(count: int, network: int = 1) -> list[str]:
    """``count`` loopback addresses of 127.``network``.0.0/16."""
    return [f"127.{network}.{n // 250}.{n % 250 + 1}" for n in range(count)]
