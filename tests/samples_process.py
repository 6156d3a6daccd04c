"""The embedded sample engine as tests need it: a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.settings import SamplesSettings, Settings
from controller.store import ddl
from controller.store.samples import Samples

START_SECONDS = 30.0
ROOT = Path(__file__).resolve().parents[1]


class SamplesProcess:
    """``python -m controller.store.embedded`` on ``folder``; start, kill, start again."""

    def __init__(self, folder: Path, **samples: Any) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, samples=SamplesSettings(**samples))
        self._options = {f"YUNXUN_SAMPLES__{k.upper()}": str(v) for k, v in samples.items()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def announcement(self) -> Path:
        return self.folder / "run" / "samples.json"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, wait: bool = True) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controller.store.embedded", "--data", str(self.folder)],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | self._options,
        )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if json.loads(self.announcement.read_text())["pid"] == self.process.pid:
                    return
            except (OSError, ValueError):
                pass
            assert self.process.poll() is None, f"the engine ended: {self.process.returncode}"
            assert time.monotonic() < deadline, "the engine did not start"
            time.sleep(0.02)

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def stop(self) -> int | None:
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGCONT)
        return self.kill(signal.SIGTERM)

    def rss_mb(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")


@contextmanager
def samples_process(folder: Path, **options: Any) -> Iterator[tuple[SamplesProcess, Samples]]:
    """A started engine with the schema, and a client of it."""
    engine = SamplesProcess(folder, **options)
    engine.start()
    samples = Samples.from_settings(engine.settings)
    try:
        ddl.ensure(samples, engine.settings)
        yield engine, samples
    finally:
        samples.close()
        engine.stop()
