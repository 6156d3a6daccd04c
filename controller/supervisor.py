"""``yunxun serve``: starts the processes, starts them anew when they die, stops them in order.

samples (the embedded engine), api, worker. The supervisor itself holds the folder's lock and the
listening socket, imports next to nothing, and never serves a request.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from types import FrameType
from typing import Any

from controller import folder
from controller.children import Child, module, samples_child
from controller.settings import Settings
from controller.store.loopback import loopback
from controller.watchdog import Watchdog

BACKLOG = 2048
STOP_SECONDS = {"api": 5.0, "worker": 4.0, "samples": 5.0}
"""Fourteen in all: an orderly stop ends within 15 s."""
TICK_SECONDS = 1.0

log = logging.getLogger("yunxun.serve")


class StartError(Exception):
    """The controller cannot start; the text says why and what to do."""


@dataclass(frozen=True)
class Started:
    """Where the controller listens; ``admin_password`` is set at a first start without one."""

    url: str
    admin_password: str | None
    fingerprint: str
    ca: str
    notes: list[str]


def listen(host: str, port: int) -> socket.socket:
    """The listening socket that all api processes share. "::" is every address, v4 and v6.

    Raises StartError.
    """
    bare = host.strip("[]")
    try:
        family = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(
            (bare, port),
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=bare == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise StartError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "choose another with --host and --port"
        ) from None


def needs_tls(settings: Settings) -> bool:
    """Everywhere but on an address that only this machine can reach."""
    host = settings.host.strip("[]")
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def own_url(settings: Settings, port: int, *, tls: bool) -> str:
    """The address on this machine, for commands and for people."""
    host = settings.host.strip("[]")
    if host == "0.0.0.0":  # noqa: S104 - compared, not bound
        host = loopback()
    elif host == "::":
        host = "::1"
    return f"http{'s' * tls}://{f'[{host}]' if ':' in host else host}:{port}"


class Supervisor:
    """Runs until a signal; ``run`` returns the exit status."""

    def __init__(self, settings: Settings, *, tls: bool, admin_password: str = "") -> None:
        self.listener = listen(settings.host, settings.port)
        self.port: int = self.listener.getsockname()[1]
        self.settings = settings.model_copy(update={"port": self.port})
        self.tls = tls
        self.admin_password = admin_password
        self.settings_file = folder.write_settings(self.settings)
        self.server_file = self.settings.data / "run" / "server.json"
        self.children: list[Child] = []
        self.watchdog: Watchdog | None = None
        self._signals = 0
        self._serves = False
        self._wake_read, self._wake_write = os.pipe()
        self._ready_read, self._ready_write = os.pipe()
        os.set_blocking(self._ready_read, False)
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    @property
    def stopping(self) -> bool:
        return self._signals > 0

    def run(self, announce: Callable[[Started], None]) -> int:
        """Serve; ``announce`` is called once when it does. Raises StartError."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            self._start_samples()
            prepared = self._prepare()
            if prepared is None:
                return 0
            self._start_rest(prepared)
            while not self.stopping and not self._answers():
                self._tick()
            if not self.stopping:
                announce(self._announce(prepared))
            while not self.stopping:
                self._tick()
            return 0
        finally:
            self._stop()

    def _start_samples(self) -> None:
        child = samples_child(self.settings, self.settings_file)
        if child is not None:
            self._begin(child)
            self.watchdog = Watchdog(child, self.settings.data / "run" / "samples.json")

    def _prepare(self) -> dict[str, Any] | None:
        """Run ``controller.prepare``; None if we were told to stop meanwhile."""
        child = Child(
            "prepare", module("controller.prepare", self.settings_file, *["--tls"] * self.tls)
        )
        process = child.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        text: bytes | None = self.admin_password.encode() + b"\n"
        while True:
            try:
                out, _ = process.communicate(text, timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                text = None
                self._mind_children()
                if self.stopping:
                    process.kill()
                    process.communicate()
                    return None
        try:
            prepared: dict[str, Any] = json.loads(out)
        except ValueError:
            raise StartError(f"preparation failed with status {process.returncode}") from None
        if "error" in prepared:
            raise StartError(prepared["error"])
        return prepared

    def _start_rest(self, prepared: dict[str, Any]) -> None:
        descriptor = self.listener.fileno()
        more = ["--fd", str(descriptor), "--ready", str(self._ready_write)]
        if prepared["certificate"]:
            more += ["--certificate", prepared["certificate"], "--key", prepared["key"]]
        command = module("controller.api_process", self.settings_file, *more)
        for _ in range(max(1, self.settings.api_processes)):
            self._begin(Child("api", command, (descriptor, self._ready_write)))
        self._begin(Child("worker", module("controller.worker", self.settings_file)))

    def _announce(self, prepared: dict[str, Any]) -> Started:
        url = own_url(self.settings, self.port, tls=self.tls)
        started = Started(
            url,
            prepared["admin_password"],
            prepared["fingerprint"],
            prepared["ca"],
            prepared["notes"],
        )
        told = {
            "url": url,
            "pid": os.getpid(),
            "ca": started.ca,
            "fingerprint": started.fingerprint,
        }
        folder.write_private(self.server_file, json.dumps(told))
        for note in started.notes:
            log.warning("self-check", extra={"note": note})
        return started

    def _answers(self) -> bool:
        """Whether the first api process has said that it accepts connections."""
        with suppress(BlockingIOError):
            self._serves = self._serves or bool(os.read(self._ready_read, 1))
        return self._serves

    def _begin(self, child: Child) -> None:
        child.start()
        log.info("started", extra={"child": child.name, "child_pid": child.pid})
        if child not in self.children:
            self.children.append(child)

    def _tick(self) -> None:
        select.select([self._wake_read], [], [], TICK_SECONDS if self._serves else 0.05)
        with suppress(BlockingIOError):
            os.read(self._wake_read, 512)
        if not self.stopping:
            self._mind_children()

    def _mind_children(self) -> None:
        for child in self.children:
            pid, status = child.pid, child.exited()
            if status is not None:
                log.error(
                    "died", extra={"child": child.name, "child_pid": pid, "how": _how(status)}
                )
            if child.due():
                self._begin(child)
        if self.watchdog is not None and self.watchdog.hangs():
            log.error("hangs", extra={"child": "samples", "child_pid": self.watchdog.child.pid})
            self.watchdog.child.kill()

    def _stop(self) -> None:
        """api, then worker, then samples: whoever needs another ends before it."""
        self.server_file.unlink(missing_ok=True)
        self.listener.close()
        for name, seconds in STOP_SECONDS.items():
            together = [child for child in self.children if child.name == name]
            for child in together:
                child.terminate()
            deadline = time.monotonic() + seconds
            for child in together:
                by_itself = child.wait(0.0 if self._signals > 1 else deadline - time.monotonic())
                log.info("stopped" if by_itself else "killed", extra={"child": name})
        signal.set_wakeup_fd(-1)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        log.info("stopping", extra={"signal": signal.Signals(number).name})


def _how(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
