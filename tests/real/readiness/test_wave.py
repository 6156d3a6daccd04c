"""A wave as an engineer drives it: five real sshds, check, waive, mend, check again, compare."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.facts_bundles import OFF, bundle
from tests.real.readiness.conftest import Site

CANARY = "Canary-Become-7731"


class Watch(threading.Thread):
    """Looks at every command line and environment of this machine while a run goes on."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__(daemon=True)
        self.secrets = [each.encode() for each in secrets]
        self.seen: set[str] = set()
        self.looked = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.15):
            for path in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        text = (path / name).read_bytes()
                    except OSError:
                        continue
                    self.looked += name == "cmdline" and b"ansible" in text
                    if any(secret in text for secret in self.secrets):
                        self.seen.add(f"{path}/{name}")


def secrets_of(site: Site) -> list[str]:
    """Lines of the private key, and the password of sudo."""
    lines = [line for line in site.hosts.key.read_text().splitlines() if "-----" not in line]
    return [*lines, CANARY]


def files_with(folder: Path, secrets: list[str]) -> list[str]:
    wanted = [each.encode() for each in secrets]
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and any(each in path.read_bytes() for each in wanted)
    ]


@pytest.mark.timeout(600)
def test_a_wave_is_checked_waived_mended_compared_judged_anew_and_reported(site: Site) -> None:
    project = site.project("首批", "ipv6")
    secrets = secrets_of(site)
    watch = Watch(secrets)
    watch.start()
    first = site.start(project, kind="check")
    stages = _follow(site, first)
    watch.over.set()
    watch.join()
    # Progress was seen on the way, host by host, and the last event says that it is over.
    assert stages[-1][0] == "done", site.get(f"/runs/{first}")
    assert {state for state, _, _ in stages} >= {"running", "done"}
    counts = [done for _, _, done in stages]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 5)
    assert len({(stage, done) for _, stage, done in stages}) >= 3, stages
    # Secrets: nowhere in the process table while it ran, nowhere on disk after it.
    assert watch.looked
    assert watch.seen == set()
    assert files_with(site.folder / "data", secrets) == []
    assert not [p for p in Path("/dev/shm").glob("yunxun-run-*") if _of(site, p)]
    # What each host is, and the blocker that all of them share.
    hosts = {each["name"]: each for each in site.get(f"/projects/{project}/hosts")["items"]}
    assert hosts["kylin"]["domestic"] is True
    assert "Kunpeng" in hosts["kylin"]["cpu"]
    assert "Kylin" in hosts["kylin"]["os"]
    assert hosts["centos"]["domestic"] is False
    assert hosts["uos"]["domestic"] is True
    for name in hosts:
        assert site.grid(project, name)["V6-001"] == "F"

    # One is accepted: by another than its owner, until a day; the verdict's count follows.
    body = {"rule": "V6-001", "hosts": ["centos"], "reason": "月底退役", "owner": "wang",
            "approved_by": "li", "expires": "2027-03-01"}  # fmt: skip
    assert (
        site.call("engineer", "POST", f"/projects/{project}/waivers", json=body).status_code == 403
    )
    same = {**body, "approved_by": "wang"}
    assert site.call("ops", "POST", f"/projects/{project}/waivers", json=same).status_code == 422
    before = _blockers(site, project, "centos")
    waiver = site.do("ops", "POST", f"/projects/{project}/waivers", body)
    assert site.grid(project, "centos")["V6-001"] == "W"
    assert site.grid(project, "kylin")["V6-001"] == "F"
    assert _blockers(site, project, "centos") < before

    # One is mended by the playbook; a change needs the word of another than the project's maker.
    variables = {"enable_ipv6_backup_dir": str(site.folder / "backups")}
    mend = {"kind": "enable_ipv6", "hosts": ["kylin"], "variables": variables}
    refused = site.call("engineer", "POST", f"/projects/{project}/runs", json=mend)
    assert refused.status_code == 409
    assert "approved" in refused.json()["detail"]
    site.do("ops", "POST", f"/projects/{project}/approvals", {"decision": "approved"})
    changed = site.ended(site.start(project, **mend))
    assert changed["run"]["state"] == "done", changed
    sysctl = site.hosts.etc("kylin") / "sysctl.d" / "90-site.conf"
    assert sysctl.read_text().startswith("# net.ipv6")

    # Checked again, that one alone: fixed is what was looked at again and is gone.
    again = site.start(project, kind="check", hosts=["kylin"])
    assert site.ended(again)["run"]["state"] == "done"
    told = site.get(f"/runs/{again}/difference", before=first)
    fixed = {(each["host"], each["rule"]) for each in told["changes"] if each["change"] == "fixed"}
    assert ("kylin", "V6-001") in fixed
    assert {each["host"] for each in told["changes"]} == {"kylin"}
    assert len(told["alone"]) == 4
    assert site.grid(project, "kylin")["V6-001"] == "P"

    # Other targets are judged from what is here: not one host can be reached any more.
    site.do("ops", "DELETE", f"/waivers/{waiver['id']}")
    assert site.grid(project, "centos")["V6-001"] == "F"
    for name in hosts:
        site.hosts.stop_sshd(name)
    other = site.start(project, kind="judge", profiles=["loongson3c5000-new-world"])
    assert site.ended(other)["run"]["state"] == "done"
    assert site.grid(project, "uos", "loongson3c5000-new-world")["V6-001"] == "F"
    assert site.grid(project, "uos")["V6-001"] == "F"
    for machine in site.hosts.machines:
        site.hosts.start_sshd(machine)

    # A bundle collected by hand, of a host that nobody may log in to.
    file = {"file": ("by-hand.json", bundle("by-hand", {"sysctl": OFF}))}
    taken = site.call("engineer", "POST", f"/bundles/{project}", files=file).json()
    assert site.ended(taken["run"])["run"]["state"] == "done"
    assert site.grid(project, "by-hand")["V6-001"] == "F"
    bad = bundle("by-hand").replace(b"kylin", b"KYLIN")
    refused = site.call("engineer", "POST", f"/bundles/{project}", files={"file": ("x", bad)})
    assert refused.status_code == 422
    assert "altered" in refused.json()["detail"]

    # The paper.
    pdf = site.call("engineer", "GET", f"/projects/{project}/report", params={"format": "pdf"})
    assert pdf.content.startswith(b"%PDF-")
    page = site.call("engineer", "GET", f"/projects/{project}/report", params={"format": "html"})
    assert "先做什么" in page.text
    assert "系统停用了 IPv6" in page.text


def _follow(site: Site, run: int) -> list[tuple[str, int, int]]:
    """(state, stage, hosts done) of every event of a run, from the stream."""
    seen = []
    with httpx.stream(
        "GET",
        f"{site.serve.url}/api/v1/readiness/runs/{run}/events",
        headers={"authorization": f"Bearer {site.tokens['engineer']}"},
        timeout=300,
        trust_env=False,
    ) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told = json.loads(line[6:])["run"]
                seen.append((told["state"], told["stage"], told["finished_hosts"]))
    return seen


def _of(site: Site, folder: Path) -> bool:
    """Whether a private folder is of a run of this controller."""
    try:
        return str(site.hosts.subnet) in (folder / "inventory.json").read_text()
    except OSError:
        return False


def _blockers(site: Site, project: int, host: str) -> int:
    rows = site.get(f"/projects/{project}/judgements")["items"]
    return sum(int(row["blockers"]) for row in rows if row["host"] == host)


def test_a_host_that_is_gone_is_unknown_with_its_reason_and_nothing_evaluated_is_a_failure(
    site: Site,
) -> None:
    project = site.project("不通", "ipv6", "ubuntu")
    site.hosts.stop_sshd("ubuntu")
    try:
        told = site.ended(site.start(project, kind="check"))
    finally:
        site.hosts.start_sshd(next(m for m in site.hosts.machines if m.name == "ubuntu"))
    assert told["run"]["state"] == "failed"
    assert told["run"]["verdict"] == "unknown"
    assert told["hosts"][0]["state"] == "unreachable"
    assert "refused" in told["hosts"][0]["message"]
    rows = site.get(f"/projects/{project}/judgements")["items"]
    assert {row["verdict"] for row in rows} == {"unknown"}


def test_a_reading_run_that_is_canceled_says_so_and_ends_soon(site: Site) -> None:
    project = site.project("取消", "ipv6", "uos")
    run = site.start(project, kind="check")
    deadline = time.monotonic() + 60
    while site.get(f"/runs/{run}")["hosts"][0]["state"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    site.do("engineer", "POST", f"/runs/{run}/cancel")
    began = time.monotonic()
    told = site.ended(run, 60)
    assert time.monotonic() - began < 30
    assert told["run"]["state"] == "canceled"
    assert told["run"]["verdict"] == ""
    again = site.call("engineer", "POST", f"/runs/{run}/cancel")
    assert again.status_code == 409
