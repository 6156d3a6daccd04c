"""Facts of this host, read in a short-lived process of its own.

They need psutil, which would stay in memory for ever to be used once an hour; and they take tens
of milliseconds, which the measuring thread should not wait for. How ready the host is for IPv6 is
read the same way: a gateway or resolver that is silent takes seconds to say so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, Protocol

MOST_BYTES = 1 << 20


class Facts(Protocol):
    """Where facts come from; a test has its own."""

    def begin(self) -> None: ...

    def ready(self) -> dict[str, Any] | None: ...

    def wait(self, seconds: float) -> dict[str, Any]: ...


class ChildFacts:
    """Starts ``lean.py --WHAT`` and reads its JSON from a pipe, never blocking for it. ``what``:
    facts or ipv6."""

    def __init__(self, what: str = "facts") -> None:
        self._what = what
        self._pid = 0
        self._pipe = -1
        self._text = b""

    def begin(self) -> None:
        """Starts the process, unless one is under way; ``ready`` will give its facts."""
        if self._pid:
            return
        lean = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lean.py")
        folders = [folder for folder in sys.path if os.path.isabs(folder)]
        command = [sys.executable, "-I", "-S", lean, f"--{self._what}", *folders]
        self._pipe, end = os.pipe()
        os.set_blocking(self._pipe, False)
        self._text = b""
        try:
            self._pid = os.posix_spawn(
                command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, end, 1)]
            )
        except OSError:
            os.close(self._pipe)
        finally:
            os.close(end)

    def ready(self) -> dict[str, Any] | None:
        """The facts, {} if they could not be read, None while the process is at work."""
        if not self._pid:
            return {}
        try:
            while part := os.read(self._pipe, 65_536):
                self._text += part
                if len(self._text) > MOST_BYTES:
                    break
        except BlockingIOError:
            return None
        os.close(self._pipe)
        os.waitpid(self._pid, 0)
        self._pid = 0
        try:
            facts = json.loads(self._text)
        except ValueError:
            return {}
        return facts if isinstance(facts, dict) else {}

    def close(self) -> None:
        """Ends a process that is at work."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.close(self._pipe)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def wait(self, seconds: float) -> dict[str, Any]:
        """``begin`` and ``ready``, waiting at most ``seconds``; {} if it took longer."""
        self.begin()
        until = time.monotonic() + seconds
        while (facts := self.ready()) is None:
            if time.monotonic() > until:
                return {}
            time.sleep(0.01)
        return facts


def print_facts() -> int:
    """What the short-lived process does for ``--facts``."""
    from collectors.host.identity import read_facts  # noqa: PLC0415 - psutil, in this process only

    return _tell(read_facts())


def print_ipv6() -> int:
    """What it does for ``--ipv6``."""
    import hashlib  # noqa: PLC0415 - in this process only

    from collectors.ipv6.host import read_host, steady  # noqa: PLC0415 - likewise

    document = read_host()
    told = json.dumps(steady(document), sort_keys=True).encode()
    return _tell({"digest": hashlib.sha256(told).hexdigest(), "document": document})


def _tell(document: dict[str, Any]) -> int:
    """To the agent that asked. One that was killed meanwhile is no error of ours, and its log holds
    one structured line an event: nothing is written there."""
    left = json.dumps(document).encode()
    try:
        while left:
            left = left[os.write(1, left) :]
    except BrokenPipeError:
        return 1
    return 0
