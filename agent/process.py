"""What an agent's processes ask of the system: the folder for one alone, no dumps, a clean end."""

from __future__ import annotations

import os
import select
import signal


class AlreadyRunningError(Exception):
    """Another agent has the state folder; the text is its pid."""


def lock_folder(state: str) -> int:
    """Holds ``state`` for this process until the handle is closed.

    Raises AlreadyRunningError, OSError.
    """
    import fcntl  # noqa: PLC0415 - not on Windows Server, where a service manager sees to it

    os.makedirs(state, mode=0o700, exist_ok=True)
    lock = os.open(os.path.join(state, "agent.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise AlreadyRunningError(pid) from None
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        pass  # a full disk: the lock holds without the number
    return lock


def stop_signals() -> select.poll:
    """What becomes readable with SIGTERM or SIGINT.

    One system call a wait, where threading.Event takes half of what a sub-sample costs.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    stopped = select.poll()
    stopped.register(reader, select.POLLIN)
    return stopped


def no_core_dumps() -> None:
    """The process holds a secret; a dump of it would, too."""
    try:
        import resource  # noqa: PLC0415 - not on Windows Server

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        pass
