"""1,000 bundles against all rules and 8 profiles, on two processes.

The bundles are this machine's own, as collect.sh brings it home, each with the fixtures of some
rules added, so that every rule finds something somewhere. Reading the files is part of the time;
so is a report's worth of JSON for each.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from playbooks.judge.bundle import read_bundle
from playbooks.judge.engine import judge_many
from playbooks.judge.profiles import Profile, load_profiles
from playbooks.judge.rules import Rule, load_rules

BUNDLES, PROFILES, WORKERS = 1000, 8, 2
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        paths = _bundles(Path(name))
        size = sum(path.stat().st_size for path in paths)
        began = time.perf_counter()
        with ProcessPoolExecutor(WORKERS) as pool:
            counts = list(pool.map(_judge, paths, chunksize=20))
        took = time.perf_counter() - began
    return {
        "seconds": round(took, 2),
        "bundles": BUNDLES,
        "rules": len(load_rules()),
        "profiles": PROFILES,
        "results": sum(counts),
        "bundle_mb": round(size / 1e6, 1),
        "worker_rss_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
    }


@lru_cache(maxsize=1)
def _catalogue() -> tuple[dict[str, Rule], list[Profile]]:
    """Loaded once a process."""
    return load_rules(), list(load_profiles().values())[:PROFILES]


def _judge(path: Path) -> int:
    rules, profiles = _catalogue()
    judged = judge_many(read_bundle(path), rules, profiles, [], NOW)
    return sum(len(json.dumps(one.as_json())) > 0 and len(one.results) for one in judged)


def _bundles(folder: Path) -> list[Path]:
    script = Path(__file__).parents[1] / "playbooks" / "collect.sh"
    base = json.loads(subprocess.run(["sh", script], capture_output=True, check=True).stdout)
    fixtures = [rule.positive.sections for rule in load_rules().values()]
    paths = []
    for number in range(BUNDLES):
        document = {**base, "asset": f"host-{number:04}", "sections": dict(base["sections"])}
        for step in range(5):
            for name, text in fixtures[(number + step * 31) % len(fixtures)].items():
                old = document["sections"].get(name, {"data": ""})["data"]
                data = text if name in ("cpuinfo", "os_release", "uname") else old + text
                digest = hashlib.sha256(data.encode()).hexdigest()
                document["sections"][name] = {
                    "status": "ok",
                    "bytes": len(data.encode()),
                    "sha256": digest,
                    "data": data,
                }
        path = folder / f"{number}.json"
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        paths.append(path)
    return paths
