"""The data folder: who may read it, who holds it, and the small private files of a run.

<data>/yunxun.db  samples/  tls/     kept
<data>/run/       lock  settings.toml  server.json  samples.json
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from controller.settings import Settings


class FolderError(Exception):
    """The folder cannot be used; the text says why and what to do."""


class FolderBusy(FolderError):
    """Another controller holds the folder."""

    def __init__(self, data: Path, pid: str) -> None:
        super().__init__(
            f"{data}: already in use by pid {pid}; stop it, or give another folder with --data"
        )
        self.pid = pid


def prepare(data: Path) -> None:
    """Make the folder and ``run`` below it, for our user only. Raises FolderError."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "run").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FolderError(f"{data}: cannot be made: {error.strerror}") from None
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise FolderError(f"{data}: not writable for user id {os.getuid()}")


def hold(data: Path) -> IO[str]:
    """Take the folder's lock, for as long as the returned file stays open. Raises FolderBusy.

    The lock goes with the process, however it ends; the pid in the file is for people.
    """
    lock = open(data / "run" / "lock", "a+", opener=_private_opener)  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        pid = lock.read().strip() or "unknown"
        lock.close()
        raise FolderBusy(data, pid) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def is_held(data: Path) -> str:
    """The pid of whoever holds the folder, "" if nobody does."""
    try:
        with (data / "run" / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip() or "unknown"
    except FileNotFoundError:
        pass
    return ""


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` at once by ``text``, readable for our user only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with open(fresh, "x", encoding="utf-8", opener=_private_opener) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def write_settings(settings: Settings) -> Path:
    """The settings as a file that every child process is started with."""
    path = settings.data / "run" / "settings.toml"
    values = settings.model_dump(mode="json") | {"data": str(settings.data.resolve())}
    write_private(path, _toml(values))
    return path


def read_server(data: Path) -> dict[str, Any] | None:
    """What the running server says of itself: url, pid, ca, fingerprint. None: no server."""
    try:
        found: dict[str, Any] = json.loads((data / "run" / "server.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def free_space(data: Path) -> tuple[int, float]:
    """Free bytes, and free percent, of the file system of the folder."""
    usage = shutil.disk_usage(data)
    return usage.free, 100.0 * usage.free / usage.total if usage.total else 0.0


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _toml(values: Mapping[str, Any]) -> str:
    """Plain values and one level of sections; a JSON scalar or list of strings is TOML too."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not _section(value)]
    for key, section in values.items():
        if _section(section):
            lines += [
                f"[{key}]",
                *(f"{name} = {json.dumps(each)}" for name, each in section.items()),
            ]
    return "\n".join(lines) + "\n"


def _section(value: object) -> bool:
    return isinstance(value, Mapping)
