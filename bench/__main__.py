"""Runs the benchmarks, prints the table with the ratios and writes it to bench/RESULTS.md.

    python -m bench                 all of them (about half an hour)
    python -m bench agent_collect   only this one; the other rows of RESULTS.md stay

Each benchmark is a module with ``measure() -> dict[str, float]``. It runs both sides on the same
work in the same run, in a process of its own so that one's memory is not the other's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.targets import TARGETS, Target

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
PEERS = {
    "victoria-metrics": "victoria-metrics",
    "prometheus": "prometheus",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-snmp-exporter": "prometheus-snmp-exporter",
    "snmpd": "snmpd",
    "file": "file",
}
MODULES = (*dict.fromkeys(target.module for target in TARGETS), "ingest_store")
"""ingest_store has no target: it is ingest_http without the door, to see which side costs what."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MODULES, []], metavar="NAME")
    parser.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        module = importlib.import_module(f"bench.{arguments.measure}")
        print("\n" + json.dumps(module.measure()))
        return 0
    install_peers()
    figures = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    for name in arguments.names or MODULES:
        print(f"— {name} …", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "bench", "--measure", name],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{name} failed with {done.returncode}", file=sys.stderr)
            return done.returncode
        measured = json.loads(done.stdout.strip().splitlines()[-1])
        figures[name] = {"at": datetime.now(UTC).isoformat(timespec="minutes"), **measured}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    text = render(figures)
    (HERE / "RESULTS.md").write_text(text, "utf-8")
    print(text)
    return 0


def install_peers() -> None:
    """The peers come from Debian's packages; without root the missing one is named."""
    missing = [package for package, command in PEERS.items() if shutil.which(command) is None]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"missing peers; as root: apt-get install {' '.join(missing)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def render(figures: dict[str, dict[str, float]]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Both sides of a row did the same work in one run; rows may be of",
        "different runs, whose times and remarks stand below. Times depend on the machine.",
        "",
        f"Machine: {os.cpu_count()} cores {cpu_model()}, {memory_gib():.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}.",
        f"Peers: {', '.join(package_version(name) for name in PEERS)}.",
        "",
        "| Work | Ours | Peer | Measured | Target | |",
        "|---|---:|---:|---:|---:|---|",
    ]
    lines += [row(target, figures.get(target.module)) for target in TARGETS]
    lines += ["", "All figures of the last run of each module:", ""]
    for name in sorted(figures):
        lines += [f"- **{name}** ({figures[name]['at']} UTC): "]
        lines[-1] += ", ".join(
            f"{key} {value:,.4g}"
            for key, value in figures[name].items()
            if key not in {"at", "remark"}
        )
        if "remark" in figures[name]:
            lines[-1] += f". {figures[name]['remark']}"
    return "\n".join(lines) + "\n"


def row(target: Target, figures: dict[str, float] | None) -> str:
    if figures is None or target.ours not in figures:
        return f"| {target.work} | — | — | — | {target.limit_text} | not measured |"
    ours = figures[target.ours]
    if target.peer:
        peer = figures[target.peer]
        measured, shown = ours / peer, f"{ours / peer:.2f} ×"
    else:
        peer, measured, shown = None, ours, f"{ours:,.4g} {target.unit}"
    verdict = "met" if target.met(measured) else "**missed**"
    peer_text = "—" if peer is None else f"{peer:,.4g} {target.unit}"
    return (
        f"| {target.work} | {ours:,.4g} {target.unit} | {peer_text} | {shown} "
        f"| {target.limit_text} | {verdict} |"
    )


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)


def package_version(name: str) -> str:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}", name],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout or f"{name} (not installed)"


if __name__ == "__main__":
    sys.exit(main())
