"""Five-minute rows as the tests of idle need them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from worlds import EPOCH, World

DAY = 86_400
AS_OF = EPOCH + timedelta(days=60)
END = int(AS_OF.timestamp())
GIB = float(1 << 30)
NOTHING = {
    "net_rx_bytes_s": 1.0,
    "net_tx_bytes_s": 1.0,
    "disk_read_bytes_s": 0.0,
    "disk_write_bytes_s": 0.0,
}


def times(days: float, end: int = END) -> Any:
    return np.arange(end - int(days * DAY), end, 300)


def put(
    w: World, code: str, cpu: Any, *, days: float = 40, mem_gib: Any = 0.5, **more: Any
) -> None:
    """Five-minute rows up to the moment of judgement, and the hours above them."""
    at = times(days)
    values = {"cpu_used_pct": cpu, "mem_used_bytes": np.asarray(mem_gib) * GIB, **NOTHING, **more}
    w.samples.insert(
        "host_5m",
        {
            "resource": np.full(len(at), w.ids[code], np.uint32),
            "instance": [""] * len(at),
            "time": at * 1000,
            "seconds": np.full(len(at), 300, np.float32),
            **{n: np.broadcast_to(np.asarray(v, float), (len(at),)) for n, v in values.items()},
            "version": np.full(len(at), 1, np.uint64),
            "arrived": np.full(len(at), END, np.int64),
        },
    )
