"""A real net-snmp snmpd on free ports, for the time of a block."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USERS = (
    ("sha1", "SHA", "AES"),
    ("sha256", "SHA-256", "AES-256"),
    ("sha512", "SHA-512", "AES-192"),
    ("short", "SHA", "AES-256"),
)
"""Name, authentication, encryption; ``short`` needs its key stretched (Blumenthal)."""
AUTH_WORD, PRIV_WORD = "auth-password", "priv-password"


@dataclass(frozen=True)
class Snmpd:
    """Where it listens."""

    port4: int
    port6: int
    process: subprocess.Popen[bytes]


def free_port(family: socket.AddressFamily, host: str) -> int:
    """A UDP port that nobody has now."""
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])


@contextmanager
def snmpd(folder: Path, more: str = "") -> Iterator[Snmpd]:
    """Community ``public`` and ``USERS``; ``more`` is added to its configuration."""
    program = shutil.which("snmpd") or "/usr/sbin/snmpd"
    assert Path(program).exists(), "snmpd is missing: apt-get install snmpd"
    port4 = free_port(socket.AF_INET, "127.0.0.1")
    port6 = free_port(socket.AF_INET6, "::1")
    lines = ["rocommunity public", "rocommunity6 public", "sysName yunxun-test", more]
    for name, auth, priv in USERS:
        lines.append(f"createUser {name} {auth} {AUTH_WORD} {priv} {PRIV_WORD}")
        lines.append(f"rouser {name} priv")
    lines += [f"createUser signed SHA-256 {AUTH_WORD}", "rouser signed auth"]
    lines += ["createUser open", "rouser open noauth"]
    config = folder / "snmpd.conf"
    config.write_text("\n".join(lines) + "\n")
    address = f"udp:127.0.0.1:{port4},udp6:[::1]:{port6}"
    process = subprocess.Popen(
        [
            program,
            "-f",
            "-Lf",
            str(folder / "log"),
            "-C",
            "-c",
            str(config),
            "-I",
            "-smux",
            address,
        ],
        env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(folder / "log", process)
        yield Snmpd(port4, port6, process)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if log.exists() and "NET-SNMP version" in log.read_text():
            return
        assert process.poll() is None, log.read_text() if log.exists() else "snmpd did not start"
        time.sleep(0.02)
    raise AssertionError(f"snmpd is not up: {log.read_text()}")
