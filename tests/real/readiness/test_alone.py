"""``yunxun check … --inventory``: no controller, an inventory of one's own, the stable shape."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.readiness.fleet import FIVE, fleet
from tests.serving import ROOT


@pytest.mark.timeout(240)
def test_hosts_of_an_inventory_are_collected_judged_and_told_of_as_they_come(
    tmp_path: Path,
) -> None:
    options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    with fleet(tmp_path, FIVE[:1]) as hosts:
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(
            f"all:\n  vars:\n    ansible_user: root\n    ansible_ssh_common_args: {options}\n"
            f"    ansible_ssh_private_key_file: {hosts.key}\n  hosts:\n"
            f"    kylin: {{ansible_host: {hosts.addresses['kylin']}}}\n"
            f"    gone: {{ansible_host: {hosts.subnet}.99, ansible_ssh_timeout: 2}}\n"
        )
        done = subprocess.run(
            [sys.executable, "-m", "controller", "check", "ipv6", "--inventory", str(inventory),
             "--format", "json", "--keep", str(tmp_path / "kept")],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    by_name = {each["host"]: each for each in told["hosts"]}
    assert by_name["gone"]["verdict"] == "unknown"
    assert "gone" in told["unseen"]
    failed = {each["rule"] for each in by_name["kylin"]["results"] if each["status"] == "fail"}
    assert "V6-001" in failed
    assert "kylin" in done.stderr
    assert "2/2" in done.stderr
    assert (tmp_path / "kept" / "bundles" / "kylin.json").is_file()


def test_an_inventory_that_is_not_there_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "controller", "check", "network", "--inventory", "/nope"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == "yunxun: --inventory /nope: there is no such file"
