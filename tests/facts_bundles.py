"""Facts bundles made of a few sections, as bytes; for tests that need no host."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

TAKEN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
KYLIN = 'NAME="Kylin Linux Advanced Server"\nVERSION="V10 (Sword)"\nID="kylin"\nVERSION_ID="V10"\n'
KUNPENG = (
    "processor\t: 0\nFeatures\t: fp asimd atomics asimdrdm jscvt fcma\nCPU implementer\t: 0x48\n"
    "CPU architecture: 8\nCPU part\t: 0xd01\n"
)
OFF = "net.ipv6.conf.all.disable_ipv6=1\n"
ON = "net.ipv6.conf.all.disable_ipv6=0\n"


def bundle(asset: str, sections: dict[str, str] | None = None, taken: datetime = TAKEN) -> bytes:
    """Every section complete, with its digest."""
    texts = {"os_release": KYLIN, "cpuinfo": KUNPENG, **(sections or {})}
    return json.dumps(
        {
            "format": 1,
            "asset": asset,
            "collector_version": 1,
            "taken_at": taken.isoformat(),
            "duration_ms": 1000,
            "privilege": "root",
            "sections": {
                name: {
                    "status": "ok",
                    "bytes": len(text.encode()),
                    "sha256": hashlib.sha256(text.encode()).hexdigest(),
                    "data": text,
                }
                for name, text in texts.items()
            },
        },
        ensure_ascii=False,
    ).encode()
