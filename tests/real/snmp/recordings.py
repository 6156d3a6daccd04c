"""Where the shared recordings are, opened once a test run."""

from __future__ import annotations

import bz2
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "snmp"
MISSING = f"reads real recordings from {SHARED}, which is not here"


@cache
def files() -> dict[str, bytes]:
    """Every file of the two archives by its name without folders and packing."""
    found: dict[str, bytes] = {}
    for archive in sorted(SHARED.glob("*_dev.tar*")):
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member) if member.isfile() else None
                if file is None:
                    continue
                data = file.read()
                name = Path(member.name).name
                if name.endswith(".bz2"):
                    data, name = bz2.decompress(data), name[:-4]
                found[name] = data
    return found


def recording_names() -> list[str]:
    """Recordings of whole devices (not a Cisco VLAN's context)."""
    names = [name.removesuffix(".snmprec") for name in files() if name.endswith(".snmprec")]
    return sorted(name for name in names if "@" not in name)


def expected(name: str, module: str) -> list[dict[str, Any]]:
    """LibreNMS's rows of one module for a recording; [] where it has none."""
    raw = files().get(f"{name}.json")
    told = json.loads(raw).get(module, {}) if raw else {}
    poller = told.get("poller")
    if isinstance(poller, str):
        poller = told.get("discovery")
    rows = (poller or {}).get(module, [])
    return list(rows)
