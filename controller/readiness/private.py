"""The private folder of one run: 0700, in memory where there is /dev/shm, gone when the run is.

It holds what ansible must read as files: the inventory, the private key, the passwords. A process
that is killed leaves it behind; ``remove`` is then called by whoever finds the run dead.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.readiness.credentials import Opened
from controller.settings import Settings

PREFIX = "yunxun-run-"
MARK = "YUNXUN_RUN_FOLDER"
"""In the environment of everything a run starts: what outlives its run is found by it."""
SSH_SECONDS = 15
MEMORY = Path("/dev/shm")  # noqa: S108 - its subfolders are 0700 and made by mkdtemp


@dataclass(frozen=True)
class Target:
    """A host as the inventory has it. ``variables`` were checked when they came in."""

    name: str
    address: str
    port: int | None
    variables: Mapping[str, Any]


def make(settings: Settings) -> Path:
    """A new private folder."""
    given = settings.readiness.private_folder
    place = Path(given) if given else MEMORY
    if not given and not os.access(MEMORY, os.W_OK | os.X_OK):
        place = settings.data / "run"
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))


def remove(folder: Path) -> None:
    """Ends what still works in it, then takes it away. Ours only: the name says so."""
    if not folder.name.startswith(PREFIX):
        return
    for socket in (folder / "cp").glob("*"):
        subprocess.run(
            ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "none"],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=10,
        )  # fmt: skip
    for pid in _left_over(folder):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    shutil.rmtree(folder, ignore_errors=True)


def _left_over(folder: Path) -> Iterable[int]:
    mark = f"{MARK}={folder}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found = mark in path.read_bytes().split(b"\0")
        except OSError:
            continue
        pid = int(path.parent.name)
        if found and pid != os.getpid():
            yield pid


def write_inventory(
    folder: Path,
    targets: Iterable[Target],
    connection: Mapping[str, Any],
    secrets: Opened,
    known_hosts: str,
) -> Path:
    """Inventory, key and known hosts as files of ours alone; where the inventory is."""
    known = folder / "known_hosts"
    _write(known, known_hosts)
    key = folder / "key"
    if secrets.key:
        _write(key, secrets.key)
    options = [
        "-o StrictHostKeyChecking=accept-new", f"-o UserKnownHostsFile={known}",
        "-o GlobalKnownHostsFile=/dev/null", "-o LogLevel=ERROR",
        "-o ServerAliveInterval=15", "-o ServerAliveCountMax=4",
    ]  # fmt: skip
    if secrets.key:
        options += ["-o IdentitiesOnly=yes", f"-i {key}"]
    if connection.get("jump_host"):
        login = f"{connection.get('jump_user') or connection.get('user') or 'root'}"
        jump = ["ssh", *options, f"-o ConnectTimeout={SSH_SECONDS}", "-W", "'[%h]:%p'"]
        jump += ["-p", str(connection.get("jump_port") or 22), f"{login}@{connection['jump_host']}"]
        options.append(f'-o ProxyCommand="{" ".join(jump)}"')
    shared: dict[str, Any] = {
        "ansible_user": connection.get("user") or "root",
        "ansible_ssh_common_args": " ".join(options),
        "ansible_ssh_timeout": SSH_SECONDS,
        "ansible_become": bool(connection.get("become")),
    }
    if connection.get("port"):
        shared["ansible_port"] = connection["port"]
    if secrets.password:
        shared["ansible_password"] = secrets.password
    if secrets.become:
        shared["ansible_become_password"] = secrets.become
    hosts = {}
    for each in targets:
        own: dict[str, Any] = {**each.variables, "ansible_host": each.address}
        if each.port:
            own["ansible_port"] = each.port
        hosts[each.name] = own
    inventory = folder / "inventory.json"
    _write(inventory, json.dumps({"all": {"vars": shared, "hosts": hosts}}, ensure_ascii=False))
    return inventory


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
