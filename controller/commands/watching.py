"""Watching a run that changes hosts until the end of each is read from the host."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.commands.client import Api, CommandError

POLL_SECONDS = 1.0
BUSY = ("queued", "running")
OPEN = ("waiting", "running", "unknown", "armed")
"""Hosts of which the end is still to come, or to be read."""
LOOKING_S = 180
"""How long to wait for the look at the hosts after an abnormal end."""


def check_form(form: str) -> None:
    """Raises CommandError."""
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table and json")


def readiness_project(api: Api, wanted: str) -> int:
    """Its number, by number or name. Raises CommandError."""
    if wanted.isdecimal():
        return int(wanted)
    found = [it for it in api.items("/api/v1/readiness/projects") if it["name"] == wanted]
    if len(found) != 1:
        raise CommandError(f"--login {wanted}: {len(found)} readiness projects bear this name")
    return int(found[0]["id"])


def watch(api: Api, path: str, line: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    """What ``path`` says when every host's end is read, or nothing more comes."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    over: float | None = None
    said = ""
    with bar:
        task = bar.add_task("", total=None)
        while True:
            told: dict[str, Any] = api.get(path)
            left = [it for it in told["items"] if it["state"] in OPEN]
            words, whole = line(told), len(told["items"])
            bar.update(task, total=whole, completed=whole - len(left), description=words)
            if bar.disable and words != said:
                said = words
                print(words, file=sys.stderr)
            if told["run"]["state"] not in BUSY:
                over = over or time.monotonic()
                if not left or time.monotonic() - over > LOOKING_S:
                    return told
            time.sleep(POLL_SECONDS)
