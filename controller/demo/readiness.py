"""A demo project of readiness: facts bundles put together from the rules' own fixtures, uploaded
and judged the way a contractor's would be. Every name says that it is invented."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from playbooks.judge.rules import load_rules

PROJECT = "【演示】政务应用信创适配第一批"
NETWORK = "【演示】委办局 IPv6 改造"
PROFILES = ["kunpeng920-kylin-v10", "phytium-s2500-kylin-v10", "hygon-uos-e",
            "loongson3c5000-new-world"]  # fmt: skip
LONGEST_SECONDS = 60.0

KUNPENG = (
    "processor\t: 0\nFeatures\t: fp asimd atomics asimdrdm jscvt fcma dcpop\n"
    "CPU implementer\t: 0x48\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd01\n"
)
HYGON = (
    "processor\t: 0\nvendor_id\t: HygonGenuine\nmodel name\t: Hygon C86 7285 32-core Processor\n"
    "flags\t\t: fpu sse4_2 avx avx2 fma\n"
)
XEON = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\n"
    "model name\t: Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz\nflags\t\t: fpu sse4_2 avx avx2\n"
)
KYLIN = (
    'NAME="Kylin Linux Advanced Server"\nVERSION="V10 (Halberd)"\nID="kylin"\nVERSION_ID="V10"\n'
)
UOS = 'NAME="UnionTech OS Server 20"\nVERSION="20"\nID="uos"\nPLATFORM_ID="platform:uel20"\n'
CENTOS = 'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nVERSION_ID="7"\n'

HOSTS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    # name, business system, cpuinfo, os-release, rules whose positive fixture it shows
    ("演示-信用-应用01", "公共信用信息", XEON, CENTOS, ("CPU-002", "DB-007", "MW-002", "OS-006")),
    ("演示-信用-数据库01", "公共信用信息", XEON, CENTOS, ("DB-002", "CPU-012", "DB-009")),
    ("演示-热线-应用01", "12345热线", XEON, CENTOS, ("CPU-012", "APP-001", "MW-003")),
    ("演示-热线-应用02", "12345热线", HYGON, UOS, ("MW-006",)),
    ("演示-证照-应用01", "电子证照", KUNPENG, KYLIN, ("CPU-008",)),
    ("演示-证照-应用02", "电子证照", KUNPENG, KYLIN, ()),
)
EMPTY = (
    "jars", "java", "code", "files", "appconfig", "containers", "python", "elf", "modules",
    "licences", "agents", "services", "cron", "security", "sysctl_conf", "repos", "hardware",
    "processes", "sockets", "packages", "certificates", "tools", "getconf", "lscpu",
    "vendor_files", "sysctl", "cmdline", "uname", "addresses", "links", "routes", "hosts",
    "resolv", "firewall", "connections", "access", "disks", "mounts", "netconfig",
)  # fmt: skip
"""Sections that were read and held nothing."""


def bundle(
    name: str, cpuinfo: str, os_release: str, shows: Iterable[str], taken: datetime
) -> bytes:
    """A bundle that fails the rules ``shows`` and little else."""
    rules = load_rules()
    texts = dict.fromkeys(EMPTY, "")
    texts |= {"cpuinfo": cpuinfo, "os_release": os_release}
    for rule in shows:
        for section, text in rules[rule].positive.sections.items():
            if section not in ("cpuinfo", "os_release"):
                texts[section] = texts.get(section, "") + text.lstrip("\n")
    return json.dumps(
        {
            "format": 1, "asset": name, "collector_version": 1, "taken_at": taken.isoformat(),
            "duration_ms": 9000, "privilege": "root",
            "sections": {
                key: {"status": "ok", "bytes": len(text.encode()), "data": text,
                      "sha256": hashlib.sha256(text.encode()).hexdigest()}
                for key, text in texts.items()
            },
        },
        ensure_ascii=False,
    ).encode()  # fmt: skip


def first_projects(
    get: Callable[..., Any],
    post: Callable[..., Any],
    put: Callable[..., Any],
    post_file: Callable[..., Any],
    folder: Path,
    now: datetime,
) -> str:
    """Sets two projects up, uploads their bundles and waits for the judging; one line about it."""
    project = post(
        "/api/v1/readiness/projects",
        {"name": PROJECT, "kind": "xinchuang", "profiles": PROFILES,
         "note": "演示数据：证据包由规则自带的样例拼成，不是真实主机。"},
    )  # fmt: skip
    path = f"/api/v1/readiness/projects/{project['id']}"
    known = {each["name"] for each in get("/api/v1/systems", size=1000)["items"]}
    put(
        f"{path}/hosts",
        {"hosts": [{"name": name, "system": system if system in known else ""}
                   for name, system, *_rest in HOSTS]},
    )  # fmt: skip
    last = 0
    for name, _system, cpuinfo, os_release, shows in HOSTS:
        last = _send(
            post_file, folder, project["id"], bundle(name, cpuinfo, os_release, shows, now)
        )
    other = post(
        "/api/v1/readiness/projects",
        {"name": NETWORK, "kind": "ipv6", "note": "演示数据，不是真实主机。"},
    )
    for number, shows in ((1, ("V6-001", "V6-005")), (2, ("V6-006",))):
        text = bundle(f"演示-网站0{number}", KUNPENG, KYLIN, shows, now - timedelta(days=1))
        last = _send(post_file, folder, other["id"], text) or last
    deadline = time.monotonic() + LONGEST_SECONDS
    while get(f"/api/v1/readiness/runs/{last}")["run"]["state"] in ("queued", "running"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    standing = get(path)["verdicts"]
    told = ", ".join(f"{name} {count}" for name, count in sorted(standing.items()))
    return f"迁移适配演示项目 · readiness demo: {told}"


def _send(post_file: Callable[..., Any], folder: Path, project: int, text: bytes) -> int:
    path = folder / "bundle.json"
    path.write_bytes(text)
    return int(post_file(f"/api/v1/readiness/bundles/{project}", path)["run"] or 0)
