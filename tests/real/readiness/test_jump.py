"""A check through a jump host: real sshd on both, and no other way to the host behind it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.access.scope import CITY
from controller.readiness import credentials, projects, runs, views
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import ReadinessProject
from controller.store.migrate import upgrade
from tests.real.cutover import controller_child
from tests.real.cutover.controller_child import runtime_of
from tests.real.playbooks.hosts_in_namespaces import KUNPENG, KYLIN, XEON
from tests.real.readiness.fleet import UBUNTU, Fleet, Machine, fleet, wait_listening

CHILD = Path(controller_child.__file__)
GATE = Machine("gate", UBUNTU, XEON)
INNER = Machine("inner", KYLIN, KUNPENG)
FOUR, SIX = "10.255.77.2", "fd00:255:77::2"


@contextmanager
def behind(gate: Fleet) -> Iterator[None]:
    """A host on a cable of the gate's own; its sshd listens on both IP versions."""
    space = gate.namespace(INNER.name)
    try:
        subprocess.run(["ip", "netns", "add", space], check=True)
        gate.run(GATE.name, "ip", "link", "add", "in0", "type", "veth", "peer", "name", "l0",
                 "netns", space)  # fmt: skip
        gate.run(GATE.name, "sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        etc = gate.etc(INNER.name)
        etc.mkdir(parents=True)
        (etc / "os-release").write_text(INNER.os_release)
        for name, device, last in ((GATE.name, "in0", 1), (INNER.name, "l0", 2)):
            gate.run(name, "ip", "addr", "add", f"10.255.77.{last}/24", "dev", device)
            gate.run(name, "ip", "link", "set", device, "up")
            gate.run(name, "ip", "addr", "add", f"fd00:255:77::{last}/64", "dev", device, "nodad")
        gate.run(INNER.name, "ip", "link", "set", "lo", "up")
        gate.start_sshd(INNER, FOUR, SIX)
        wait_listening(gate)
        yield
    finally:
        subprocess.run(["ip", "netns", "del", space], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(gate.etc(INNER.name), ignore_errors=True)


@pytest.mark.timeout(200)
def test_hosts_behind_a_jump_host_are_checked_by_key_over_either_ip_version(
    tmp_path: Path,
) -> None:
    runtime = runtime_of(tmp_path / "data")
    runtime.settings.data.mkdir()
    upgrade(runtime.database.engine)
    now = runtime.now()
    with fleet(tmp_path, (GATE,)) as gate, behind(gate):
        jump = {"user": "root", "jump_host": gate.addresses[GATE.name], "jump_user": "root"}
        with runtime.database.write() as session:
            wanted = Wanted(name="跳板", kind="xinchuang", connection=jump)
            project = projects.create(session, CITY, wanted, "wang", now)
            hosts = [WantedHost(name="four", address=FOUR), WantedHost(name="six", address=SIX)]
            projects.set_hosts(session, CITY, project, hosts, now)
            credentials.keep(
                session, runtime.settings, 1, key=gate.key.read_text(), password="", become="",
                by="wang", now=now,
            )  # fmt: skip
            number = runs.enqueue(session, project, "check", by="wang", now=now).id or 0
        done = subprocess.run(
            [sys.executable, str(CHILD), str(runtime.settings.data), str(number)],
            cwd=CHILD.parents[3], env={**os.environ, "PYTHONPATH": str(CHILD.parents[3])},
            capture_output=True, text=True, check=False, timeout=170,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        logs = {it: (gate.folder / f"{it}.log").read_text() for it in ("gate", "inner")}
    with runtime.database.read() as session:
        run = runs.find(session, number)
        rows = views.run_hosts(session, number)
        assert run.state == "done", (run.error, [row.message for row in rows])
        assert [row.state for row in rows] == ["ok", "ok"]
        shown = {host.name: host for host in views.host_views(session, 1, now)}
        assert {shown[name].cpu for name in ("four", "six")} == {shown["four"].cpu}
        assert "Kylin" in shown["six"].os
        known = session.get_one(ReadinessProject, 1).known_hosts
    assert "Accepted publickey for root" in logs["gate"]
    # The host saw the gate come, and nobody else; all three keys are remembered.
    came = {line.split(" from ")[1].split()[0] for line in logs["inner"].splitlines()
            if "Accepted publickey for root" in line}  # fmt: skip
    assert came == {"10.255.77.1", "fd00:255:77::1"}
    assert len(known.splitlines()) == 3, known
    runtime.database.close()
