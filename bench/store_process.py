"""Our embedded sample store for a benchmark: a process of its own on a fresh folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.settings import Settings
from controller.store import ddl
from controller.store.samples import Samples

START_SECONDS = 60.0


@contextmanager
def store(folder: Path) -> Iterator[tuple[Samples, int]]:
    """A client of the engine with its default settings and our schema; and the engine's pid."""
    settings = Settings(data=folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("YUNXUN_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "controller.store.embedded", "--data", str(folder)],
        env=environment,
    )
    samples = Samples.from_settings(settings)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "run" / "samples.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the embedded engine did not start")
            time.sleep(0.05)
        ddl.ensure(samples, settings)
        yield samples, process.pid
    finally:
        samples.close()
        process.terminate()
        process.wait(60)


def peak_rss_mb(pid: int) -> float:
    """Highest resident memory of a process so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
