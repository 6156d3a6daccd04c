"""Real connections between two network namespaces, as the kernel tells them over netlink."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHILD = Path(__file__).parent / "edges_child.py"


def test_edges_of_both_directions_and_versions_are_seen_with_their_process() -> None:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(CHILD)],
        capture_output=True, text=True, timeout=60, check=False,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    seen = {tuple(edge[:4]): edge[4:] for edge in body["edges"]}
    assert set(seen) == {
        ("in", "tcp", "10.9.0.2", 8000),
        ("out", "tcp", "10.9.0.2", 7000),
        ("out", "tcp", "fd09::2", 7000),
    }
    assert seen["in", "tcp", "10.9.0.2", 8000][1:] == [1, 3]
    # The name is the kernel's, which a virtual environment's link gives.
    assert seen["out", "tcp", "10.9.0.2", 7000][0].startswith("python"), seen
    # What the host said to itself stands apart.
    assert [(port, count) for port, _, _, count in body["local"]] == [(8000, 1)]
