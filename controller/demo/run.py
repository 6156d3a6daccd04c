"""`yunxun demo`: a controller, this machine's own agent and the demo fleet, by the real ways in.

The controller is started as `yunxun serve`, the registers and samples go through the import API,
the agent enrols with a token and is approved, so what a newcomer sees is what an office gets.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType

from controller.demo.history import write_history
from controller.demo.idle import with_cases, write_volumes
from controller.demo.registers import write_resources, write_units
from controller.demo.world import Vm, build_fleet

MARKER = ".yunxun-demo"
START_SECONDS = 60
STOP_SECONDS = 20
AGENT_INTERVAL_S = 10
OWN_UNIT = "demo-dsj"
"""The unit that the demo gives this machine to."""


class DemoError(Exception):
    """The demo cannot go on; the text says what and what to do."""


@dataclass
class Fleet:
    """The files that an ops team would have had: two registers, an enlargement, the history."""

    folder: Path
    end: datetime
    days: int
    vms: list[Vm] = field(default_factory=lambda: with_cases(build_fleet()))

    def write_registers(self) -> None:
        write_units(self.folder / "units.csv")
        write_resources(self.folder / "resources.csv", self.vms, self.end, grown=False)
        write_resources(self.folder / "enlarged.csv", self.vms, self.end, grown=True)
        write_volumes(self.folder / "volumes.csv", self.end)

    def write_samples(self) -> Iterator[int]:
        """Writes samples.parquet; yields VMs done so far times rows, for a progress bar."""
        yield from write_history(self.vms, self.end, self.days, self.folder / "samples.parquet")


def prepare_folder(folder: Path) -> None:
    """Empties a folder of an earlier demo, or makes one; refuses any other that holds files."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise DemoError(
                f"{folder} holds files that are not a demo's; name an empty folder with --data"
            )
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARKER).touch()
    (folder / "fleet").mkdir()


def check_port(port: int) -> None:
    """Raises DemoError where the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(
                f"port {port} of 127.0.0.1: {error.strerror}; choose another with --port"
            ) from None


class Processes:
    """The demo's children: started in order, stopped in reverse, never left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, child in reversed(self._children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def start(self, name: str, arguments: list[str], **environment: str) -> None:
        """Starts one with its output in <data>/<name>.log."""
        with (self._folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
                # Ctrl-C goes to us alone: we stop the children in order.
                start_new_session=True,
            )
        self._children.append((name, child))

    def check(self) -> None:
        """Raises DemoError for a child that has ended."""
        for name, child in self._children:
            if child.poll() is not None:
                log = self._folder / f"{name}.log"
                last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or [
                    "(no output)"
                ]
                raise DemoError(f"{name} ended with {child.returncode}: {last[0]} (see {log})")

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Waits for ``ready``; raises DemoError on time-out or when a child ends."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(
                    f"{what} did not happen within {START_SECONDS} s; see the logs in "
                    f"{self._folder}"
                )
            time.sleep(0.2)


def _yunxun(command: str) -> list[str]:
    return [sys.executable, "-m", "controller", command]


@contextmanager
def controller(folder: Path, port: int) -> Iterator[tuple[Processes, str]]:
    """A served controller in ``folder``; yields the processes and the admin's password."""
    password = os.environ.get("YUNXUN_ADMIN_PASSWORD") or f"Demo-{secrets.token_urlsafe(9)}"
    with Processes(folder) as processes:
        processes.start(
            "controller",
            [*_yunxun("serve"), "--data", str(folder / "controller"), "--port", str(port)],
            YUNXUN_ADMIN_PASSWORD=password,
        )
        yield processes, password


def enrol_agent(folder: Path, token: str) -> None:
    """Enrols this machine's agent with an enrolment token; its files stay in the demo's folder."""
    home = folder / "agent"
    home.mkdir(mode=0o700)
    (home / "agent.toml").write_text(
        f"state = {json.dumps(str(home / 'state'))}\n[collect]\ninterval_s = {AGENT_INTERVAL_S}\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "agent", "enrol", "--config", str(home / "agent.toml"), "-"],
        input=token,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"the agent could not enrol: {done.stderr.strip().splitlines()[-1:]}")


def run_agent(processes: Processes, folder: Path) -> None:
    processes.start(
        "agent",
        [sys.executable, "-m", "agent", "run", "--config", str(folder / "agent" / "agent.toml")],
    )
