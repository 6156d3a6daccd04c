"""What the collectors load, seen from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

COLLECT = """
import json, sys, time
if len(sys.argv) > 1:
    sys.modules["psutil"] = None  # as where it is not installed
before = set(sys.modules)
from collectors.host import HostCollector
host = HostCollector()
host.collect(0, time.monotonic())
time.sleep(0.05)
got = host.collect(60_000, time.monotonic())
loaded = sorted(set(sys.modules) - before)
facts = host.facts()
print(json.dumps([sorted(got.readings[0].values), got.outcomes, loaded, facts]))
"""


def fresh(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        cwd=ROOT,
    )
    return json.loads(done.stdout)


def test_collecting_loads_nothing_heavy() -> None:
    _, _, loaded, _ = fresh()
    heavy = {"dataclasses", "logging", "argparse", "asyncio", "subprocess", "psutil", "inspect"}
    assert not heavy & set(loaded)


def test_everything_works_where_psutil_is_not_installed() -> None:
    values, outcomes, _, facts = fresh("without")
    with_values, with_outcomes, _, with_facts = fresh()
    assert outcomes == with_outcomes
    assert set(values) == set(with_values)
    assert set(facts["addresses"]) == set(with_facts["addresses"])
