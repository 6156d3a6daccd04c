"""A scan of 200 websites of ten kinds in a network namespace, every indicator held against what
was built: good, no AAAA, AAAA but dead, name servers on IPv4 only, other content, mixed links, slow
IPv6, broken certificate, redirect loop, endless body.

Real name server and web servers (tests/real/ipv6/web.py) share the machine with the scanner.

``python -m bench.ipv6_sites`` prints the line; ``measure()`` gives the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OF_EACH = 20
SECONDS = 900

Reading = dict[str, Any]

READY: Reading = {
    "aaaa_valid": True,
    "home_v6": True,
    "home_v4": True,
    "success_rate": 1.0,
    "content_difference": 0.0,
    "name_servers.total": 2,
    "name_servers.with_aaaa": 2,
    "name_servers.reachable": 2,
    "links_second.total": 6,
    "links_second.rate": 1.0,
    "links_third.total": 12,
    "links_third.rate": 1.0,
    "parts.total": 1,
    "parts.rate": 1.0,
    "certificate": None,
}
"""What a site with everything shows; ``a.b`` is a part's figure."""

CLOSED: Reading = {
    "home_v6": False,
    "content_difference": None,
    "links_second": None,
    "links_third": None,
    "parts": None,
}
TRUTH: dict[str, Reading] = {
    "good": READY,
    "no_aaaa": READY | CLOSED | {"aaaa_valid": False, "success_rate": None},
    "dead": READY | CLOSED | {"success_rate": 0.0},
    "v4_ns": READY | {"name_servers.with_aaaa": 0, "name_servers.reachable": 0},
    "different": READY | {"content_difference": (0.5, 1.0)},
    "mixed": READY
    | {"links_second.total": 8, "links_second.rate": 0.75, "parts.total": 2, "parts.rate": 0.5},
    "slow": READY | {"degradation": (1.0, 1e9), "times_v6.first_byte": (0.25, 60.0)},
    "broken_cert": {k: v for k, v in READY.items() if k != "certificate"}
    | {"certificate.valid": False},
    "loop": READY | CLOSED | {"success_rate": 0.0, "home_error_v6": "redirects"},
    "endless": {
        "aaaa_valid": True,
        "home_v6": True,
        "home_v4": True,
        "content_difference": (0.5, 1.0),
        "name_servers.reachable": 2,
    },
}
"""Kind to what its reading must be: a value, or (least, most)."""


def differences(kind: str, reading: Reading) -> list[str]:
    """Where a reading is not what was built."""
    truth = TRUTH[kind]
    found = []
    for path, wanted in truth.items():
        outer = path.partition(".")[0]
        if "." in path and outer in truth and truth[outer] is None:
            continue  # nothing of it can be measured
        value: Any = reading
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(wanted, tuple):
            fine = value is not None and wanted[0] <= value <= wanted[1]
        else:
            fine = value == wanted
        if not fine:
            found.append(f"{reading.get('code')} ({kind}): {path} is {value!r}, not {wanted!r}")
    return found


def measure() -> dict[str, float]:
    """Seconds and RSS of the scan, and how many indicators were not the truth."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["unshare", "-rn", sys.executable, str(ROOT / "tests/real/ipv6/web.py"), str(OF_EACH),
             folder],
            capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    told = json.loads(done.stdout)
    wrong = [
        each
        for reading in told["readings"]
        for each in differences(told["sites"][reading["code"]], reading)
    ]
    wrong += [f"{name}: no reading" for name in told["sites"].keys()
              - {reading["code"] for reading in told["readings"]}]  # fmt: skip
    for each in wrong[:20]:
        print(each, file=sys.stderr)
    return {
        "seconds": round(told["seconds"], 1),
        "rss_mb": round(told["rss_mb"], 1),
        "sites": float(len(told["readings"])),
        "indicators_wrong": float(len(wrong)),
        "asked_again": float(sum(r["tries"].get("again", 0) for r in told["readings"])),
        "cpus": float(os.cpu_count() or 1),
    }


if __name__ == "__main__":
    print(measure())
