"""The process of one readiness run: ``python -m controller.run_process --config FILE --run N``.

Started by the worker; it dies with the worker.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from controller import logs
from controller.cutover.follow import follow
from controller.prepare import close_runtime, open_runtime
from controller.readiness.carry_out import RunProcess
from controller.settings import load

INSIST_SECONDS = 20.0
"""After a SIGTERM; then we go though ansible did not, and are found dead."""
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m controller.readiness.run_process")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    parser.add_argument("--parent", type=int, default=0, help="end when this process does")
    options = parser.parse_args(arguments)
    logs.setup("readiness")
    runtime = open_runtime(load(options.config, {}))
    process = RunProcess(runtime, options.run, follow)

    def end(*_: object) -> None:
        # The worker is gone or asks us to go. Ansible is ended by the runner's next look; should
        # that take too long, we go all the same and are found dead.
        process.killed.set()
        threading.Thread(target=_insist, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        if not options.parent or _bound_to(options.parent):
            process.run()
    finally:
        close_runtime(runtime)
    return 0


def _bound_to(parent: int) -> bool:
    """SIGTERM for us when the parent dies, kill -9 included; whether it is still there."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def _insist() -> None:
    time.sleep(INSIST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
