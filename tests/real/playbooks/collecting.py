"""Running collect.sh as it runs on hosts: other shells and users, a bare PATH, a namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from playbooks.judge.bundle import Bundle, parse_bundle

COLLECT = Path(__file__).parents[3] / "playbooks" / "collect.sh"
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}
# What a minimal system has. No python, iproute2, util-linux, openssl, ionice, timeout.
BARE_TOOLS = [
    "awk",
    "sed",
    "grep",
    "tr",
    "head",
    "tail",
    "cut",
    "sort",
    "find",
    "od",
    "wc",
    "ls",
    "cat",
    "date",
    "mkdir",
    "rm",
    "mv",
    "uname",
    "id",
    "sleep",
    "sha256sum",
    "readlink",
    "mount",
]


def run_collector(
    shell: str,
    *arguments: str,
    prefix: list[str] | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """collect.sh under a shell of SHELLS; ``prefix`` goes before (ip netns exec, setpriv)."""
    return subprocess.run(
        [*(prefix or []), *SHELLS[shell], str(COLLECT), *arguments],
        capture_output=True,
        check=False,
        timeout=110,
        env={**os.environ, **(environment or {})},
    )


def collect(shell: str, *arguments: str, prefix: list[str] | None = None) -> Bundle:
    done = run_collector(shell, *arguments, prefix=prefix)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return parse_bundle(done.stdout)


def bare_path(folder: Path) -> str:
    """A folder of links to BARE_TOOLS and nothing else."""
    folder.mkdir()
    for tool in BARE_TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is needed for this test"
        (folder / tool).symlink_to(found)
    return str(folder)
