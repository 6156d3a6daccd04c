"""The playbooks as an engineer runs them: no controller, real sshd, hosts without Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.playbooks.hosts_in_namespaces import Network, network

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("net")) as built:
        yield built


def play(net: Network, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *("ip", "netns", "exec", net.name("ctl"), str(BIN / "ansible-playbook"), playbook),
            *("-i", str(net.inventory()), *arguments),
        ],
        cwd=PLAYBOOKS,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_LOCAL_TEMP": str(net.folder / "tmp"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": "/tmp/yxcp" + str(os.getpid()),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def report(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return document


def statuses(out: Path, host: str, profile: str = "kunpeng920-kylin-v10") -> dict[str, str]:
    one = next(it for it in report(out)["hosts"] if it["host"] == host and it["profile"] == profile)
    return {it["rule"]: it["status"] for it in one["results"]}


@pytest.mark.timeout(240)
def test_hosts_without_python_are_collected_also_through_a_bastion_and_judged(
    net: Network, tmp_path: Path
) -> None:
    targets = {"judge_profiles": ["kunpeng920-kylin-v10", "hygon-uos-e"]}
    done = play(
        net,
        "check_xinchuang.yml",
        *("-v", "-e", f"judge_dest={tmp_path}", "-e", f"collect_dest={tmp_path}"),
        *("-e", json.dumps(targets)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = statuses(tmp_path, "one"), statuses(tmp_path, "two")
    assert one["OS-001"] == "pass"
    assert one["CPU-001"] == "pass"
    assert two["OS-001"] == "fail"
    assert two["CPU-001"] == "fail"
    assert two["OS-002"] == "fail"
    bundle = json.loads((tmp_path / "bundles" / "one.json").read_text(encoding="utf-8"))
    assert "python3\tPython" not in bundle["sections"]["tools"]["data"]
    assert "10.213.1.2/24" in bundle["sections"]["addresses"]["data"]
    # A host that cannot be reached is in the report, and nobody takes it for ready.
    gone = [it for it in report(tmp_path)["hosts"] if it["host"] == "gone"]
    assert {it["verdict"] for it in gone} == {"unknown"}
    assert "gone" in report(tmp_path)["unseen"]
    assert report(tmp_path)["verdict"] != "ready"
    # The bundle travels as a file: never in a result, nor left on the target.
    assert '"sections"' not in done.stdout
    assert len(done.stdout) < 20_000
    assert not list(Path("/root/.ansible/tmp").glob("*/bundle.json"))
    assert "阶段|2/3|研判" in done.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "先做什么" in page
    assert "鲲鹏" in page or "kunpeng920-kylin-v10" in page


@pytest.mark.timeout(400)
def test_ipv6_is_switched_on_checked_again_and_rolled_back(net: Network, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    site = Path("/etc/netns") / net.name("one") / "sysctl.d"
    before = {it.name: it.read_text() for it in site.iterdir()}
    limit = ("--limit", "one,localhost")
    role = (
        *("-e", f"enable_ipv6_backup_dir={backups}", "-e", "enable_ipv6_interface=l0"),
        *("-e", "enable_ipv6_address=fd00:66::7/64"),
    )

    def check(name: str) -> dict[str, str]:
        out = tmp_path / name
        where = ("-e", f"judge_dest={out}", "-e", f"collect_dest={out}")
        done = play(net, "check_ipv6.yml", *where, *limit)
        assert done.returncode == 0, done.stdout + done.stderr
        return statuses(out, "one", "")

    assert check("first")["V6-001"] == "fail"

    plan = play(net, "enable_ipv6.yml", *limit, "--check", *role)
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert "WOULD net.ipv6.conf.all.disable_ipv6 1 -> 0" in plan.stdout
    assert {it.name: it.read_text() for it in site.iterdir()} == before
    assert not backups.exists()

    done = play(net, "enable_ipv6.yml", *limit, *role)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1" in done.stdout
    assert "# net.ipv6.conf.all.disable_ipv6 = 1" in (site / "90-site.conf").read_text()
    assert "vm.swappiness = 10" in (site / "90-site.conf").read_text()
    assert "fd00:66::7" in net.run("one", "ip", "-6", "addr", "show", "dev", "l0")
    assert check("second")["V6-001"] == "pass"

    again = play(net, "enable_ipv6.yml", *limit, *role)
    assert "changed=0" in again.stdout

    back = play(net, "enable_ipv6.yml", *limit, *role, "-e", "enable_ipv6_state=rolled_back")
    assert back.returncode == 0, back.stdout + back.stderr
    assert {it.name: it.read_text() for it in site.iterdir()} == before
    value = net.run("one", "cat", "/proc/sys/net/ipv6/conf/all/disable_ipv6")
    assert value.strip() == "1"


@pytest.mark.timeout(240)
def test_the_project_passes_the_production_profile_of_ansible_lint_offline() -> None:
    done = subprocess.run(
        [str(BIN / "ansible-lint"), "--offline"],
        cwd=PLAYBOOKS,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("playbook", sorted(it.name for it in PLAYBOOKS.glob("*.yml")))
def test_every_playbook_parses(playbook: str) -> None:
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "--syntax-check", "-i", "localhost,", playbook],
        cwd=PLAYBOOKS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
