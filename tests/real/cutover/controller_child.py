"""One run as the worker's process carries it out, in the namespace of the caller: DATA RUN."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from controller.cutover.follow import follow
from controller.readiness.carry_out import RunProcess
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.relational import Database, connect


def runtime_of(data: Path) -> Runtime:
    """A cut-over writes no samples, so there is no store of them."""
    settings = Settings(data=data)
    return Runtime(settings, Database(connect(settings.relational_url)), cast("Any", None))


if __name__ == "__main__":
    runtime = runtime_of(Path(sys.argv[1]))
    RunProcess(runtime, int(sys.argv[2]), follow).run()
    runtime.database.close()
