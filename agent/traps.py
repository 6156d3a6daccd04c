"""Traps for the controller: starts the receiving process, and sends what it hears as documents.

Listening is turned on in this host's own settings (``traps.listen``), since the agent opens no port
by itself; communities and users come with assignments of kind ``traps``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from agent.log import Log
from collectors.records import Document

Item = dict[str, Any]
RESTART_S = (1.0, 5.0, 30.0, 60.0)
"""Pauses before the process that ended by itself is started again."""
STOP_S = 3.0
STEADY_S = 300.0


class TrapService:
    """Takes assignments ``{"communities": [text], "users": [[name, auth, key, privacy, key]]}``.

    ``post`` spools one document of kind ``traps``.
    """

    def __init__(self, listen: str, post: Callable[[Document], None], log: Log) -> None:
        """Raises ValueError for an address that is none."""
        self._listen = parse_listen(listen)
        self._post, self._log = post, log
        self._lock = threading.Lock()
        self._wanted: str = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def take(self, bodies: list[Item]) -> None:
        """Listens for these communities and users from now on; for nobody without a body."""
        if not self._listen:
            return
        told = {
            "listen": self._listen,
            "communities": sorted({c for body in bodies for c in body.get("communities", [])}),
            "users": sorted([*u] for body in bodies for u in body.get("users", [])),
        }
        wanted = json.dumps(told) if bodies else ""
        with self._lock:
            if wanted == self._wanted:
                return
            self._wanted = wanted
            self._end_child()
            if wanted and self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="traps", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ends the process."""
        self._stopped.set()
        with self._lock:
            self._wanted = ""
            self._end_child()

    def _keep(self) -> None:
        """Has the process running as long as something is wanted."""
        failures = 0
        while True:
            with self._lock:
                wanted = self._wanted
                if not wanted:
                    self._thread = None
                    return
                child = self._child = self._start(wanted)
            began = time.monotonic()
            assert child.stdout is not None  # noqa: S101 - a pipe was asked for
            with child.stdout as lines:
                for line in lines:
                    self._hear(line)
            child.wait()
            with self._lock:
                changed = self._wanted != wanted
            if changed:
                continue
            failures = 0 if time.monotonic() - began > STEADY_S else failures + 1
            self._log.throttled("error", "traps_ended", "", status=child.returncode)
            if self._stopped.wait(RESTART_S[min(failures, len(RESTART_S)) - 1]):
                return

    def _start(self, wanted: str) -> subprocess.Popen[bytes]:
        lean = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lean.py")
        folders = [folder for folder in sys.path if os.path.isabs(folder)]
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", lean, "--traps", *folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            child.stdin.write(wanted.encode() + b"\n")
            child.stdin.flush()
        except OSError:
            pass  # it ended at once; its status is logged
        return child

    def _end_child(self) -> None:
        child = self._child
        if child is None or child.stdin is None:
            return
        self._child = None
        try:
            child.stdin.close()
            child.wait(STOP_S)
        except (OSError, subprocess.TimeoutExpired):
            child.kill()

    def _hear(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return
        if "error" in told:
            self._log.event("error", "traps_not_received", error=told["error"])
            return
        if "faults" in told:
            self._log.throttled("warning", "traps_unreadable", "", count=told["faults"])
            return
        self._post(Document("traps", int(time.time() * 1000), told))


def parse_listen(text: str) -> list[tuple[str, int]]:
    """Addresses of ``HOST:PORT, [HOST]:PORT``; raises ValueError naming what is none."""
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        host, _, port = part.rpartition(":")
        if not host or not port.isdecimal() or not 0 <= int(port) < 65_536:
            raise ValueError(f"traps.listen: {part!r} is no HOST:PORT")
        found.append((host.strip("[]"), int(port)))
    return found
