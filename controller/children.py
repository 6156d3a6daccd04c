"""Child processes that never outlive us."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.settings import Settings

_PR_SET_PDEATHSIG = 1


class Child:
    """One child process: started by exec, never by a bare fork, and started anew when it dies.

    It is killed by the kernel when we die, even by kill -9; what it had acknowledged is on disk.
    """

    FIRST_DELAY = 0.2
    MOST_DELAY = 5.0
    """Seconds between a death and the next start: doubled at each, so that one that cannot start
    does not burn a core, and short enough that even then it is back within ten."""
    LIVED = 10.0
    """Who ran for so long can start: its next start is prompt."""

    def __init__(self, name: str, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        self.name = name
        self.command = list(command)
        self.pass_fds = tuple(pass_fds)
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.deaths = 0
        self._delay = self.FIRST_DELAY
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    def start(
        self, stdin: int = subprocess.DEVNULL, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            stdin=stdin,
            stdout=stdout,
            pass_fds=self.pass_fds,
            env=_environment(),
            # A group of its own: Ctrl-C reaches us only, and we stop the children in order.
            process_group=0,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - started from the main thread
        )
        return self.process

    def exited(self) -> int | None:
        """The exit status, once, of a process that has ended; schedules the next start."""
        if self.process is None:
            return None
        status = self.process.poll()
        if status is None:
            return None
        self.process = None
        self.deaths += 1
        now = time.monotonic()
        if now - self.started > self.LIVED:
            self._delay = self.FIRST_DELAY
        self._not_before = now + self._delay
        self._delay = min(self._delay * 2, self.MOST_DELAY)
        return status

    def due(self) -> bool:
        """Whether it is down and its waiting time is over."""
        return self.process is None and time.monotonic() >= self._not_before

    def kill(self) -> None:
        """End it without asking; ``exited`` will see it."""
        if self.process is not None:
            self.process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        if self.process is not None:
            self.process.terminate()

    def wait(self, seconds: float) -> bool:
        """Insist after ``seconds``; whether it ended by itself."""
        if self.process is None:
            return True
        process, self.process = self.process, None
        try:
            process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        return True


def module(name: str, settings_file: Path, *more: str) -> list[str]:
    """The command line of one of our modules; settings by file, so no secret is in ``ps``."""
    return [sys.executable, "-m", name, "--config", str(settings_file), *more]


def samples_child(settings: Settings, settings_file: Path) -> Child | None:
    """The embedded engine, or None where ClickHouse is elsewhere."""
    if settings.samples.url:
        return None
    return Child("samples", module("controller.store.embedded", settings_file))


def _environment() -> dict[str, str]:
    """Ours without our own settings: the settings file holds them all."""
    return {name: value for name, value in os.environ.items() if not name.startswith("YUNXUN_")}


def _die_with(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return before_exec
