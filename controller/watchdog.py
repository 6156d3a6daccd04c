"""Notices that the embedded engine hangs: alive, but silent on its door."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from controller.children import Child
from controller.store.loopback import family_of

ASK_SECONDS = 5.0
SILENT_SECONDS = 60.0
START_SECONDS = 600.0
"""A large folder may take minutes to open; only then does the engine announce itself."""


class Watchdog:
    """Asks ``/ping`` now and then without ever waiting for the answer."""

    def __init__(
        self,
        child: Child,
        announcement: Path,
        *,
        ask_seconds: float = ASK_SECONDS,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self.child = child
        self.announcement = announcement
        self.ask_seconds = ask_seconds
        self.silent_seconds = silent_seconds
        self._sent = False
        self._socket: socket.socket | None = None
        self._asked = 0.0
        self._answered = 0.0
        self._pid: int | None = None

    def hangs(self) -> bool:
        """Whether the engine has been silent for too long; to be asked every second or so."""
        pid, now = self.child.pid, time.monotonic()
        if pid is None:
            self._close()
            return False
        if pid != self._pid:
            self._close()
            self._pid, self._answered = pid, 0.0
        if self._socket is not None and self._heard():
            self._answered = now
        if self._socket is None and now - self._asked > self.ask_seconds:
            self._asked = now
            self._ask(pid)
        if self._answered:
            return now - self._answered > self.silent_seconds
        return now - self.child.started > START_SECONDS

    def _ask(self, pid: int) -> None:
        try:
            told = json.loads(self.announcement.read_text("utf-8"))
            if told["pid"] != pid:
                return
            parts = urlsplit(told["url"])
            host = parts.hostname or ""
            asking = socket.socket(family_of(host), socket.SOCK_STREAM)
            asking.setblocking(False)
            asking.connect_ex((host, parts.port or 0))
        except (OSError, ValueError, KeyError):
            return
        # From its announcement on it must answer.
        self._answered = self._answered or time.monotonic()
        self._socket = asking
        self._sent = False

    def _heard(self) -> bool:
        asking = self._socket
        if asking is None:
            return False
        try:
            if not self._sent:
                asking.send(b"GET /ping HTTP/1.0\r\n\r\n")
                self._sent = True
            heard = asking.recv(64).startswith(b"HTTP/")
        except BlockingIOError:
            # Give up on this question after a while; the next one may be heard.
            if time.monotonic() - self._asked > 2 * self.ask_seconds:
                self._close()
            return False
        except OSError:
            heard = False
        self._close()
        return heard

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
