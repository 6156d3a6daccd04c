"""The agent's end of its poller process: starts it when there is something to poll, feeds it,
takes what it sends, and starts it again when it died."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from agent.log import Log
from agent.poll_wire import DOCUMENT, RESULT, SAMPLES, STATE, Item, read_frame, unpack_batch
from agent.tasks import Task, TaskError
from collectors.records import Document

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 120.0
STEADY_S = 300.0
"""A process that lived so long is started again at once."""
LEAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lean.py")

StoreBatch = Callable[[str, int, int, int, bytes], None]
"""(table, rows, from, to in ms, batch in wire form)."""


class PollLink:
    """Assignments of kind ``snmp`` and task ``snmp_scan``; for any thread."""

    def __init__(
        self,
        store: StoreBatch,
        document: Callable[[Document], None],
        result: Callable[[Item], None],
        log: Log,
    ) -> None:
        self._store, self._document, self._result, self._log = store, document, result, log
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        """Apart from the other: the reading thread must never wait for a pipe that is full."""
        self._bodies: list[Item] = []
        self._scans: dict[int, Item] = {}
        """Under way, by number of the task."""
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopped = False
        self.state: Item = {}
        """What the poller said of itself last; {} while there is none."""

    def take(self, bodies: list[Item]) -> None:
        """The devices from now on; none at all ends the process."""
        with self._lock:
            if bodies == self._bodies:
                return
            self._bodies = bodies
        self._send({"devices": bodies})
        self._ensure()

    def scan(self, task: Task) -> None:
        """Task ``snmp_scan``; its results come from the process. Raises TaskError."""
        with self._lock:
            if self._stopped:
                raise TaskError("the agent is stopping")
            told = {**task.body, "task": task.number}
            self._scans[task.number] = told
        self._send({"scan": told})
        self._ensure()

    def stop(self) -> None:
        """Ends the process."""
        self._stopped = True
        self._wake.set()
        with self._lock:
            process = self._process
        if process is not None:
            _end(process)
        if self._thread is not None:
            self._thread.join(timeout=3.0)

    def _wanted(self) -> bool:
        return bool(self._bodies or self._scans) and not self._stopped

    def _ensure(self) -> None:
        with self._lock:
            if self._thread is None and self._wanted():
                self._thread = threading.Thread(target=self._keep, name="poller", daemon=True)
                self._thread.start()
            elif not self._wanted() and self._process is not None:
                _end(self._process)

    def _send(self, told: Item) -> None:
        """A process that is gone is started with everything anyway."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with self._sending, contextlib.suppress(OSError, ValueError):
            process.stdin.write(json.dumps(told).encode() + b"\n")
            process.stdin.flush()

    # ---- the thread that reads

    def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            with self._lock:
                if not self._wanted():
                    self._thread, self.state = None, {}
                    return
            began = time.monotonic()
            status = self._once()
            if time.monotonic() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            self._give_up_scans()
            if self._wanted():
                self._log.event("error", "poller_ended", status=status, again_in_s=pause)
                self._wake.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _once(self) -> int | None:
        """One life of the process; how it ended."""
        try:
            process = start()
        except OSError as error:
            self._log.throttled("error", "poller_not_started", "", error=str(error))
            return None
        with self._lock:
            self._process = process
            bodies, scans = self._bodies, list(self._scans.values())
        self._send({"devices": bodies})
        for told in scans:
            self._send({"scan": told})
        self._log.event("info", "poller_started", pid=process.pid)
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            while (found := read_frame(process.stdout.read)) is not None:
                self._came(*found)
        except ValueError as error:
            self._log.event("error", "poller_not_understood", error=str(error))
        with self._lock:
            self._process = None
        _end(process)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        return process.wait()

    def _came(self, kind: bytes, payload: bytes) -> None:
        if kind == SAMPLES:
            self._store(*unpack_batch(payload))
            return
        told = json.loads(payload)
        if kind == DOCUMENT:
            self._document(Document(told["kind"], told["time"], told["body"]))
        elif kind == RESULT:
            if told["state"] != "running":
                with self._lock:
                    self._scans.pop(told["task"], None)
            self._result(told)
            self._ensure()
        elif kind == STATE:
            self.state = told

    def _give_up_scans(self) -> None:
        """A scan that a dying process took with it is not begun again by itself."""
        with self._lock:
            lost, self._scans = list(self._scans), {}
        for number in lost:
            self._result({"task": number, "state": "failed", "error": "the poller ended"})


def start() -> subprocess.Popen[bytes]:
    """The poller process; raises OSError."""
    folders = [folder for folder in sys.path if os.path.isabs(folder)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", LEAN, "--poller", *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _end(process: Any) -> None:
    if process.poll() is None:
        with contextlib.suppress(OSError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(2.0)
        except subprocess.TimeoutExpired:
            process.kill()
