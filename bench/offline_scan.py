"""The offline scan against `find TREE -type f -exec file {} +` on the same warm tree.

The tree is what a contractor might hand over: the files of this Python environment, and foreign
binaries (esbuild for five machines, wheels for aarch64) until it is 5 GB large. Links stand for
copies, so that the disk stays free; both sides read each of them anew. Wall time of the whole
command, the interpreter's start included, the best of three after one to warm up.

``python -m bench.offline_scan`` prints the line; ``measure()`` gives the figures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.real.judge.foreign import CACHE, esbuild_packages, wheels

SIZE = 5 << 30
ROUNDS = 3
PROFILE = "kunpeng920-kylin-v10"


def build(root: Path) -> tuple[int, int]:
    """Files and bytes of the tree made below ``root``."""
    files = size = 0

    def put(source: Path, target: Path) -> None:
        nonlocal files, size
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copyfile(source, target)
        files += 1
        size += target.stat().st_size

    packages = Path(os.__file__).parent, *map(Path, sys.path[-1:])
    for number, folder in enumerate(packages):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                put(path, root / f"python{number}" / path.relative_to(folder))
    foreign = [
        *(path for folder in esbuild_packages().values() for path in folder.rglob("*")),
        *wheels().values(),
    ]
    foreign = [path for path in foreign if path.is_file()]
    copy = 0
    while size < SIZE:
        for path in foreign:
            put(path, root / f"vendor{copy}" / path.relative_to(CACHE))
        copy += 1
    return files, size


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds of the command and its largest RSS in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{command[0]} exited with {process.returncode}")
    return time.perf_counter() - start, used.ru_maxrss / 1024


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """``ours_files_s``, ``file_files_s``, ``ours_rss_mb`` and what the tree was."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        files, size = build(Path(folder))
        ours = [sys.executable, "-m", "playbooks.judge", "scan", folder, "--profile", PROFILE,
                "--format", "json"]  # fmt: skip
        theirs = ["find", folder, "-type", "f", "-exec", "file", "{}", "+"]
        timed(ours)
        timed(theirs)
        own = [timed(ours) for _ in range(rounds)]
        peer = [timed(theirs) for _ in range(rounds)]
    return {
        "ours_files_s": files / min(seconds for seconds, _ in own),
        "file_files_s": files / min(seconds for seconds, _ in peer),
        "ours_rss_mb": max(rss for _, rss in own),
        "files": float(files),
        "tree_gb": size / 1e9,
        "cpus": float(os.cpu_count() or 0),
    }


if __name__ == "__main__":
    got = measure()
    print(
        f"{got['ours_files_s']:,.0f} files/s, file {got['file_files_s']:,.0f} files/s "
        f"({got['ours_files_s'] / got['file_files_s']:.1f} x), RSS {got['ours_rss_mb']:.0f} MiB, "
        f"{got['files']:,.0f} files of {got['tree_gb']:.1f} GB"
    )
