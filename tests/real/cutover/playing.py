"""Runs the cut-over playbooks in the controller's namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.real.cutover.town import Host, Town

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
BIN = Path(sys.executable).parent


def plan_of(host: Host, **changes: Any) -> dict[str, Any]:
    """A plan that works."""
    return {
        "interface": "eth0",
        "address": host.new,
        "old_address": host.old,
        "gateway": "10.66.1.1",
        "address6": host.new6,
        "gateway6": "fd00:66::1",
        "dns": ["10.66.2.5"],
        "dns_probe": "portal.example",
        "ntp": ["10.66.2.5"],
        "edges": [{"peer": "10.66.2.5", "port": 5432}],
        **changes,
    }


def begin(
    net: Town, playbook: str, out: Path, plans: dict[str, Any], *arguments: str, **settings: Any
) -> subprocess.Popen[str]:
    """Starts a playbook in a process group of its own."""
    given = {
        "cutover_hosts": plans,
        "cutover_id": "w1",
        "cutover_dest": str(out / "journal"),
        "cutover_deadline_s": 60,
        "cutover_least_deadline_s": 10,
        "cutover_reach_s": 45,
        "cutover_verify_s": 22,
        **settings,
    }
    out.mkdir(exist_ok=True)
    extra = out / f"{playbook}.json"
    extra.write_text(json.dumps(given))
    return subprocess.Popen(
        [
            *("ip", "netns", "exec", net.space("ctl"), str(BIN / "ansible-playbook"), playbook),
            *("-i", str(net.inventory(*plans)), "-e", f"@{extra}", *arguments),
        ],
        cwd=PLAYBOOKS,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_LOCAL_TEMP": str(out / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def journals(out: Path) -> dict[str, dict[str, Any]]:
    """What each host's journal says."""
    found = (json.loads(it.read_text()) for it in (out / "journal").glob("*.json"))
    return {it["host"]: it for it in found}
