"""A check of 50 hosts through the controller, network namespaces with a real sshd each: all rules
of Xinchuang, eight profiles, progress as the page sees it. The hosts run on this machine, so their
collectors share its two cores with the controller. Needs root.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx

from tests.real.readiness.fleet import FIVE, Fleet, fleet
from tests.serving import ROOT, Serve

HOSTS = 50
PROFILES = [
    "kunpeng920-kylin-v10", "kunpeng920-openeuler-22.03", "phytium-s2500-kylin-v10",
    "phytium-d2000-kylin-v10", "hygon-uos-e", "zhaoxin-kylin-v10", "loongson3c5000-new-world",
    "sunway-uos",
]  # fmt: skip


def measure() -> dict[str, float]:
    """Seconds from the order to the verdicts, and the longest time without any progress."""
    machines = [replace(FIVE[n % len(FIVE)], name=f"h{n:02d}") for n in range(HOSTS)]
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name:
        folder = Path(name)
        with fleet(folder, machines) as hosts:
            serve = Serve(folder / "data")
            try:
                serve.wait_listening()
                return _check(serve, hosts, folder / "data")
            finally:
                serve.process.terminate()
                serve.process.wait(30)


def _check(serve: Serve, hosts: Fleet, data: Path) -> dict[str, float]:
    made = subprocess.run(
        [sys.executable, "-m", "controller", "admin", "token", "--data", str(data), "--role",
         "engineer"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    headers = {"authorization": f"Bearer {made.stdout.strip().splitlines()[-1]}"}
    with httpx.Client(
        base_url=f"{serve.url}/api/v1/readiness", headers=headers, timeout=300, trust_env=False
    ) as api:
        wanted = {"name": "50", "kind": "xinchuang", "profiles": PROFILES,
                  "connection": {"user": "root"}}  # fmt: skip
        path = f"/projects/{api.post('/projects', json=wanted).json()['id']}"
        api.put(f"{path}/hosts", json={"hosts": hosts.hosts()}).raise_for_status()
        key = {"key": hosts.key.read_text()}
        api.put(f"{path}/credential", json=key).raise_for_status()
        began = last = time.monotonic()
        run = api.post(f"{path}/runs", json={"kind": "check"}).json()["id"]
        events, gap = 0, 0.0
        with api.stream("GET", f"/runs/{run}/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    now = time.monotonic()
                    events, gap, last = events + 1, max(gap, now - last), now
                    told = json.loads(line[6:])["run"]
        seconds = time.monotonic() - began
        assert told["state"] == "done", told
        assert told["hosts_by_state"] == {"ok": HOSTS}, told
        judged = api.get(f"{path}/judgements").json()["items"]
        assert len(judged) == HOSTS * len(PROFILES)
    return {
        "hosts": HOSTS,
        "profiles": len(PROFILES),
        "seconds": seconds,
        "events": events,
        "longest_gap_s": gap,
    }
