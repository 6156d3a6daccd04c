"""The worker dies while hosts are being changed: the run is unknown, then looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.real.readiness.conftest import Site
from tests.serving import wait_until


def _pid(site: Site, words: str) -> int:
    """A process of this controller by its command line; 0 if there is none."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in text and str(site.folder) in text:
            return int(path.parent.name)
    return 0


@pytest.mark.timeout(300)
def test_a_run_whose_worker_died_is_unknown_and_its_hosts_are_looked_at(site: Site) -> None:
    project = site.project("中断", "ipv6", "euler")
    site.do("ops", "POST", f"/projects/{project}/approvals", {"decision": "approved"})
    # The host's sshd stands still: the run is under way for as long as we like.
    sshd = site.hosts.servers["euler"]
    os.kill(sshd.pid, signal.SIGSTOP)
    backups = site.folder / "backups-killed"
    run = site.start(
        project, kind="enable_ipv6", variables={"enable_ipv6_backup_dir": str(backups)}
    )
    try:
        wait_until(
            lambda: site.get(f"/runs/{run}")["hosts"][0]["state"] == "running", 60, "it runs"
        )
        worker, process = _pid(site, "controller.worker"), _pid(site, "controller.run_process")
        assert worker
        assert process
        # Both at once, as when the machine's power goes: nobody can say a last word.
        os.kill(process, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        # Another worker finds the run dead as soon as it leads, and ends what it left running.
        wait_until(
            lambda: site.get(f"/runs/{run}")["run"]["state"] == "unknown", 120, "it is found dead"
        )
        time.sleep(1)
    finally:
        os.kill(sshd.pid, signal.SIGCONT)
    wait_until(
        lambda: site.get(f"/runs/{run}")["run"]["inspected"] not in ("", "pending"),
        120,
        f"it is looked at: {site.serve.text()[-1500:]}",
    )
    told = site.get(f"/runs/{run}")
    assert told["hosts"][0]["state"] == "unknown"
    runs = site.get(f"/projects/{project}/runs")["items"]
    look = next(each for each in runs if each["inspects"] == run)
    seen = site.get(f"/runs/{look['id']}")
    assert seen["run"]["state"] == "done", seen
    assert told["run"]["inspected"] == "untouched", seen
    marker = seen["hosts"][0]["markers"][0]
    assert "disable_ipv6" in marker["detail"]
    # Nothing of it is left: no private folder, no process.
    assert not backups.exists()
    wait_until(lambda: not _left(run), 30, "nothing is left")


def _left(run: int) -> list[str]:
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if f"run_process --run {run} " in line]


@pytest.mark.timeout(300)
def test_a_worker_that_is_asked_to_stop_ends_its_run_as_unknown(site: Site) -> None:
    project = site.project("停止", "ipv6", "euler")
    sshd = site.hosts.servers["euler"]
    os.kill(sshd.pid, signal.SIGSTOP)
    run = site.start(project, kind="check")
    try:
        wait_until(
            lambda: site.get(f"/runs/{run}")["hosts"][0]["state"] == "running", 60, "it runs"
        )
        os.kill(_pid(site, "controller.worker"), signal.SIGKILL)
        began = time.monotonic()
        wait_until(
            lambda: site.get(f"/runs/{run}")["run"]["state"] == "unknown", 90, "it is unknown"
        )
        assert time.monotonic() - began < 60
    finally:
        os.kill(sshd.pid, signal.SIGCONT)
    wait_until(lambda: not _pid(site, "controller.run_process"), 40, "its process is gone")
