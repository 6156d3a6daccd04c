"""The controller as tests need it: in a thread with the real app, or as ``yunxun serve``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from controller.api_process import uvicorn_config
from controller.supervisor import listen

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """The seconds it took. Fails the test after ``seconds``."""
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        assert waited < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """``app`` on a loopback port, served as in production but in a thread; its address."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, 20, "the app serves")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Serve:
    """A ``yunxun serve`` on ``folder``, its output in ``<folder>.log``."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.url = ""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("YUNXUN_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "controller",
                    "serve",
                    "--data",
                    str(folder),
                    "--port",
                    "0",
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=clean | environment,
            )

    def wait_listening(self) -> None:
        def listens() -> bool:
            assert self.process.poll() is None, self.text()
            found = re.search(r"listening on (\S+)", self.text())
            self.url = found[1] if found else ""
            return bool(found)

        wait_until(listens, START_SECONDS, f"serve listens: {self.text()}")

    def text(self) -> str:
        return self.log.read_text("utf-8")

    def children(self) -> dict[str, int]:
        """Name (samples, api, worker) to pid of the processes that run now."""
        names = {"store.embedded": "samples", "api_process": "api", "controller.worker": "worker"}
        found: dict[str, int] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if str(self.folder / "run" / "settings.toml") in command:
                found |= {name: int(entry.name) for part, name in names.items() if part in command}
        return found

    def kill(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def stop(self) -> int | None:
        if self.process.poll() is None:
            return self.kill(signal.SIGTERM)
        return None


@contextmanager
def serve(folder: Path, *options: str, **environment: str) -> Iterator[Serve]:
    """A listening server; stopped, or killed, afterwards."""
    server = Serve(folder, *options, **environment)
    try:
        server.wait_listening()
        yield server
    finally:
        try:
            server.stop()
        except subprocess.TimeoutExpired:
            server.kill()
            raise
